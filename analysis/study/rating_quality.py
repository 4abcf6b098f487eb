"""What stands beside the ICCs of a study: agreement, scores that are analysed, raters' codes, severity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from doublecode.schemas.errors import NotEstimable, UsageError
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.linking.composite_reliability import CompositeReliability
    from doublecode.analysis.study.ordinal_raters import StudyLatentSeverity
    from doublecode.schemas.item import Item
    from doublecode.schemas.study import Study
    from doublecode.schemas.study_parts import Variable

AGREEMENT: Final = (
    "instrument", "level", "name", "phase", "n_multiply_coded", "equal", "within_one", "kappa", "coefficient",
    "estimate", "conf_low", "conf_high",
)  # fmt: skip
RATERS: Final = ("instrument", "rater", "n_sessions", "n_double", "n_codes", "mean", "sd", "lowest", "highest")
SEVERITY: Final = (
    "instrument", "scale", "rater", "n_ratings", "estimate", "conf_low", "conf_high", "p_value", "change",
    "change_low", "change_high", "change_p",
)  # fmt: skip
COMPOSITES: Final = (
    "variable", "instrument", "name", "estimate", "conf_low", "conf_high", "single", "k", "n_targets",
    "n_multiply_coded", "reason",
)  # fmt: skip
_POINTS: Final = {"exact agreement": "equal", "within 1 point": "within_one", "Fleiss' kappa": "kappa"}


@dataclass(frozen=True, eq=False)
class RatingQuality:
    """Tables beside the reliability of a study; each may have no rows.

    Attributes
    ----------
    agreement : DataFrame
        Per item and phase, over the sessions that several raters coded: shares of pairs of raters with equal codes
        and with codes within one point; Gwet's AC2 with ordinal weights, of two codes AC1 and Fleiss' kappa, with
        their limits. What has no codes in few steps (minutes, seconds, decimals) has no row.
    composites : DataFrame
        Variables that join two tapes: their reliability, or the ``reason`` why there is none.
    raters : DataFrame
        Codes of ordinal items of each rater in the main phase: how many, moments, shares of the lowest and highest.
    severity : DataFrame
        Of each rater on every scale (item, where none is scored), in points, and its change from the first period to
        the last; empty cells where there is one period only.
    notes : tuple of Note
        Why severity or its change was not estimated.
    latent : StudyLatentSeverity or None
        Severity on the latent scale, of the instruments that declare it.
    """

    agreement: pd.DataFrame
    composites: pd.DataFrame
    raters: pd.DataFrame
    severity: pd.DataFrame
    notes: tuple[Note, ...]
    latent: StudyLatentSeverity | None = None


def rating_quality(study: Study, ratings: pd.DataFrame, files: pd.DataFrame, sessions: pd.DataFrame) -> RatingQuality:
    """Compute all of it from what an intake holds: ratings, and the batches and dates in which they were made."""
    import pandas as pd

    from doublecode.analysis.study.ordinal_raters import declared_latent_severity

    main = ratings[ratings["phase"] == "main"]
    severity, notes = _severity(study, ratings, files, sessions)
    latent = declared_latent_severity(study, ratings)
    if isinstance(latent, NotEstimable):
        notes, latent = (*notes, Note("not_estimated", "Severity", {"reason": str(latent)})), None
    return RatingQuality(
        pd.DataFrame(list(_agreements(study, ratings)), columns=list(AGREEMENT)),
        pd.DataFrame(list(_composites(study, ratings)), columns=list(COMPOSITES)),
        pd.DataFrame(list(_raters(study, main)), columns=list(RATERS)),
        severity,
        notes,
        latent,
    )


def coded_items(study: Study) -> dict[tuple[str, str], Item]:
    """Items that raters code in few whole steps, by instrument and name."""
    return {
        (name, item.name): item
        for name, book in study.codebooks.items()
        if study.use(name).source == "raters"
        for item in book.columns
        if item.is_numeric and item.codes
    }


def _agreements(study: Study, ratings: pd.DataFrame) -> Iterator[dict[str, Any]]:
    from doublecode.analysis.concordance.coefficients import agreement
    from doublecode.analysis.study.study_scales import items_by_several

    known = coded_items(study)
    rows = items_by_several(study, ratings)
    rows = rows[rows["value"].notna()]
    numbers = {(name, item.name) for name, book in study.codebooks.items() for item in book.columns}
    sets: dict[tuple[str, str, tuple[int, ...]], list[str]] = {}
    for instrument, phase, item in rows[["instrument", "phase", "item"]].drop_duplicates().itertuples(index=False):
        key = (instrument, item)  # what is asked code by code was given or not
        codes = known[key].codes if key in known else () if key in numbers else (0, 1)
        sets.setdefault((instrument, phase, tuple(codes)), []).append(item)
    for (instrument, phase, allowed), items in sets.items():
        if not allowed:
            continue
        few, at = len(allowed) == 2, (rows["instrument"] == instrument) & (rows["phase"] == phase)
        part = rows[at & rows["item"].isin(items)]
        try:
            found = agreement(
                part, targets="session_id", raters=None, ratings="value", by="item", categories=allowed,
                weights=("unweighted",) if few else ("ordinal",), levels=(), single_coded="drop",
            )  # fmt: skip
        except NotEstimable:
            continue
        counts = {one["set"]["item"]: one["n_multiply_coded"] for one in found.design["sets"]}
        for name, own in found.frame.groupby("item", sort=False):
            head = {"instrument": instrument, "level": "item", "name": name, "phase": phase}
            yield {**head, "n_multiply_coded": counts[name], **_numbers(own, few=few)}


def _numbers(own: pd.DataFrame, *, few: bool) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for row in own.to_dict("records"):
        name = str(row["coefficient"])
        if name in _POINTS:
            told[_POINTS[name]] = row["estimate"]
        if name.startswith("Gwet's "):
            told |= {"coefficient": name.removeprefix("Gwet's ")}
            told |= {part: row[part] for part in ("estimate", "conf_low", "conf_high")}
    nan = float("nan")
    return told | ({"within_one": nan} if few else {"kappa": nan})


def _composites(study: Study, ratings: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Reliability of every variable whose scale has items of the session before."""
    from doublecode.analysis.linking.composite_reliability import composite_reliability
    from doublecode.analysis.study.rater_scores import coded_variables, rater_scores

    for variable in coded_variables(study):
        if not _lagged(study, variable):
            continue
        head = {"variable": variable.name, "instrument": variable.instrument, "name": variable.scale}
        try:
            scores, coded = rater_scores(study, ratings, [variable])
            yield head | _told(composite_reliability(scores, coded[variable.name]))
        except (NotEstimable, UsageError) as reason:
            yield head | {"reason": str(reason)}


def _lagged(study: Study, variable: Variable) -> bool:
    book = study.codebooks[str(variable.instrument)]
    return any(scale.name == variable.scale and scale.lagged for scale in book.scales)


def _told(found: CompositeReliability) -> dict[str, Any]:
    parts = ("estimate", "conf_low", "conf_high", "single", "k")
    counts = {"n_targets": found.n_rows, "n_multiply_coded": found.n_double, "reason": ""}
    return {part: getattr(found, part) for part in parts} | counts


def _raters(study: Study, main: pd.DataFrame) -> Iterator[dict[str, Any]]:
    known = coded_items(study)
    for instrument, rows in _of_several(main):
        of = [known.get((instrument, item)) for item in rows["item"]]
        ordinal = [item is not None and len(item.codes) > 2 for item in of]
        codes = rows[ordinal].assign(
            low=[item.codes[0] for item in of if item is not None and len(item.codes) > 2],
            high=[item.codes[-1] for item in of if item is not None and len(item.codes) > 2],
        )
        codes = codes[codes["value"].notna()]
        per = rows.groupby("session_id")["rater"].nunique()
        for rater, own in rows.groupby("rater"):
            given = codes[codes["rater"] == rater]
            sessions = own["session_id"].drop_duplicates()
            yield {
                "instrument": instrument, "rater": rater, "n_sessions": len(sessions),
                "n_double": int((per.loc[sessions] > 1).sum()), "n_codes": len(given),
                "mean": given["value"].mean(), "sd": given["value"].std(),
                "lowest": (given["value"] == given["low"]).mean(), "highest": (given["value"] == given["high"]).mean(),
            }  # fmt: skip


def _of_several(main: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    for instrument, rows in main.groupby("instrument", sort=False):
        if rows["rater"].drop_duplicates().size > 1:
            yield str(instrument), rows


def _severity(
    study: Study, ratings: pd.DataFrame, files: pd.DataFrame, sessions: pd.DataFrame
) -> tuple[pd.DataFrame, tuple[Note, ...]]:
    import pandas as pd

    from doublecode.analysis.study.rater_drift import drift_of

    try:
        found = drift_of(study, ratings, files, sessions, top=0)
    except NotEstimable as reason:
        return pd.DataFrame(columns=list(SEVERITY)), (Note("not_estimated", "Severity", {"reason": str(reason)}),)
    keys = ["instrument", "scale", "rater"]
    table = found.frame
    names = {"estimate": "change", "conf_low": "change_low", "conf_high": "change_high", "p_value": "change_p"}
    if len(found.drifts):
        table = table.merge(found.drifts.rename(columns=names)[[*keys, *names.values()]], on=keys, how="left")
    return table.reindex(columns=list(SEVERITY)), found.notes
