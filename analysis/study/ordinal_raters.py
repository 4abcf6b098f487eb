"""Severity of the raters of a study on the latent scale of its ordinal items, beside severity in points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.notes import sentence
from doublecode.analysis.rendering.tables import Table, column, level_heading
from doublecode.analysis.study.labels import label_of
from doublecode.schemas.errors import NotEstimable
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.reliability.latent_severity import OrdinalSeverityResult
    from doublecode.schemas.study import Study

FEWEST_RATERS: Final = 3
"""Raters of an item below whom severity is one difference, which the table in points shows."""
SAID_BY_TABLE: Final = frozenset({"latent_severity_sign", "latent_icc_caution"})
"""Notes that hold for all items, and are said once."""
ITEMS: Final = (
    "instrument", "scale", "n_raters", "n_targets", "n_multiply_coded", "statistic", "df", "p_value", "ordinary",
    "latent", "latent_variance",
)  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class StudyLatentSeverity(Answer):
    """Severity of raters on every ordinal item of 3 to 7 codes that three raters or more coded.

    Attributes
    ----------
    spec : dict
    frame : DataFrame
        ``instrument, scale`` (the item) and the columns of
        :class:`doublecode.analysis.reliability.latent_severity.OrdinalSeverityResult`: a row per item and rater.
    items : DataFrame
        A row per item: counts, the likelihood-ratio test that raters differ (``statistic, df, p_value``), ICC(A,1) of
        the ratings as numbers (``ordinary``) and on the latent scale (``latent``), the variance of sessions on the
        latent scale.
    design : dict
    notes : tuple of Note
        Their subjects are the labels of the items that they hold for.
    rows : Index
        Labels of the ratings in use.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    items: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("instrument", "scale", "rater")

    def tables(self) -> tuple[Table, ...]:
        """Raters with fair averages; items with the test of severity and both kinds of ICC."""
        item = column("scale", "Item", kind="text")
        return (
            Table("latent_severity", "Rater severity on the latent scale", self.frame,
                  (item, *rater_columns(self.spec["conf_level"])), group="instrument"),
            Table("latent_icc", "Do raters differ? Reliability of a single rating", self.items,
                  (item, *item_columns()), group="instrument"),
        )  # fmt: skip

    def counted(self) -> str:
        """Items, raters and ratings."""
        return (
            f"{self.design['n_items']} items, {self.frame['rater'].nunique()} raters, "
            f"{self.design['n_ratings']} ratings; {self.spec['link']} link"
        )


def rater_columns(conf_level: float) -> tuple[Any, ...]:
    """What is printed of a rater on an item."""
    limits = level_heading(conf_level)
    return (
        column("rater", "Rater", kind="text"), column("n_ratings", "Ratings", kind="integer"),
        column("estimate", "Latent", kind="number"), column("conf_low", limits, kind="number", upper="conf_high"),
        column("p_value"), column("fair_average", "Fair average", kind="number"),
        column("fair_low", limits, kind="number", upper="fair_high"), column("linear", "Points", kind="number"),
    )  # fmt: skip


def item_columns() -> tuple[Any, ...]:
    """What is printed of an item."""
    return (
        column("n_raters", "Raters", kind="integer"), column("n_targets", "Sessions", kind="integer"),
        column("n_multiply_coded", "Double-coded", kind="integer"), column("statistic", "χ²"),
        column("df", "*df*", kind="integer"), column("p_value"), column("ordinary", "ICC(A,1)", kind="bounded"),
        column("latent", "ICC(A,1), latent", kind="bounded"),
    )  # fmt: skip


def latent_severity_of(
    study: Study, ratings: pd.DataFrame, instruments: Sequence[str] | None = None, *, conf_level: float = 0.95
) -> StudyLatentSeverity:
    """Severity of the raters on the latent scale of every ordinal item of 3 to 7 codes.

    Parameters
    ----------
    study : Study
        Instruments whose raters are not told apart (one-way) are left out.
    ratings : DataFrame
        Contract RATINGS; the pilot is left out.
    instruments : sequence of str, optional
        Of which; all without it.
    conf_level : float

    Raises
    ------
    NotEstimable
        No item has what it takes; the reasons are named.
    """
    import pandas as pd

    from doublecode.analysis.reliability.latent_severity import ordinal_severity

    notes: list[Note] = []
    frames, items, labels, n_ratings = [], [], [], 0
    ordinal = list(_ordinal(study, ratings, instruments))
    for (instrument, item), rows in ordinal:
        subject = label_of(study.codebooks, instrument, item)
        if rows["rater"].nunique() < FEWEST_RATERS:
            notes.append(Note("latent_severity_two_raters", subject, {"n": rows["rater"].nunique()}))
            continue
        try:
            found = ordinal_severity(
                rows[["session_id", "rater", "value"]].rename(columns={"session_id": "session"}), targets="session",
                raters="rater", ratings="value", conf_level=conf_level,
            )  # fmt: skip
        except NotEstimable as reason:
            notes.append(Note("severity_refused", subject, {"reason": str(reason)}))
            continue
        notes += [note if note.kind in SAID_BY_TABLE else replace(note, subject=subject) for note in found.notes]
        key = {"instrument": instrument, "scale": item}
        frames.append(found.frame.assign(**key))
        items.append(key | _of_item(found, rows))
        labels.append(rows.index)
        n_ratings += len(rows)
    if not frames:
        why = "; ".join(map(sentence, notes)) or "none has 3 to 7 ordered codes and raters who are told apart"
        raise NotEstimable(f"severity on the latent scale: no item of {study.name} can be compared: {why}.")
    frame = pd.concat(frames, ignore_index=True)
    frame = frame[["instrument", "scale", *(name for name in frame.columns if name not in ("instrument", "scale"))]]
    spec = {"study": study.name, "link": "logit", "conf_level": conf_level}
    design = {"n_items": len(items), "n_ratings": n_ratings}
    return StudyLatentSeverity(
        spec,
        frame,
        pd.DataFrame(items, columns=list(ITEMS)),
        design,
        _together(notes, len(ordinal)),
        labels[0].append(labels[1:]),
    )


def _together(notes: Sequence[Note], n_items: int) -> tuple[Note, ...]:
    """The same of several items once, with their labels; without them where it holds for all `n_items`."""
    of: list[tuple[Note, list[str]]] = []
    for note in notes:
        known = next((names for one, names in of if one == replace(note, subject="")), None)
        if known is None:
            of.append((replace(note, subject=""), known := []))
        known += [note.subject] if note.subject else []
    return tuple(replace(note, subject=", ".join(names) if len(names) < n_items else "") for note, names in of)


def _ordinal(
    study: Study, ratings: pd.DataFrame, instruments: Sequence[str] | None
) -> Iterator[tuple[tuple[str, str], pd.DataFrame]]:
    """Ratings of the main phase of every ordinal item, in the order of the codebooks."""
    rows = ratings[(ratings["phase"] != "pilot") & ratings["value"].notna()]
    for name, book in study.codebooks.items():
        use = study.use(name)
        if use.source != "raters" or use.reliability == "one-way" or (instruments and name not in instruments):
            continue
        of_book = rows[rows["instrument"] == name]
        for item in book.ordinal_items:
            of_item = of_book[of_book["item"] == item.name]
            if len(of_item):
                yield (name, item.name), of_item


def _of_item(found: OrdinalSeverityResult, rows: pd.DataFrame) -> dict[str, Any]:
    per = rows.groupby("session_id")["rater"].nunique()
    test = found.tests.iloc[0]
    single = found.icc[found.icc["form"] == "ICC(A,1)"].set_index("scale")["estimate"]
    targets = found.variances.set_index("component")["variance"]["targets"]
    return {
        "n_raters": len(found.frame), "n_targets": len(per), "n_multiply_coded": int((per > 1).sum()),
        "statistic": float(test["statistic"]), "df": int(test["df"]), "p_value": float(test["p_value"]),
        "ordinary": float(single["ratings"]), "latent": float(single["latent"]), "latent_variance": float(targets),
    }  # fmt: skip


def declared_latent_severity(study: Study, ratings: pd.DataFrame) -> StudyLatentSeverity | NotEstimable | None:
    """The same of the instruments that declare it; the reason where none can be compared; None where none does."""
    named = [name for name in study.codebooks if study.use(name).severity == "latent"]
    if not named:
        return None
    try:
        return latent_severity_of(study, ratings, named)
    except NotEstimable as reason:
        return reason
