"""Rater severity and drift of a study: each scale (or item, where none is scored), by workbook batch or by date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.notes import sentence
from doublecode.analysis.rendering.tables import Column, Table, column, level_heading
from doublecode.schemas.errors import NotEstimable, UsageError
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.reliability.severity import DriftResult
    from doublecode.schemas.study import Study

PARTS: Final = ("frame", "periods", "drifts", "tests", "sessions")
ROLES: Final = {"targets": "session_id", "raters": "rater", "ratings": "value"}
_SCALE: Final = column("scale", "Scale", kind="text")
_RATER: Final = column("rater", "Rater", kind="text")


@dataclass(frozen=True, eq=False, repr=False)
class StudyDrift(Answer):
    """Severity of the raters of a study, and how it changed.

    Every table has ``instrument`` and ``scale`` before its other columns.

    Attributes
    ----------
    spec : dict
    frame : DataFrame
        Severity of each rater over all periods.
    periods, drifts, tests, sessions : DataFrame
        As in :class:`doublecode.analysis.reliability.severity.DriftResult`.
    design : dict
        ``n_scales``, ``n_scores``, ``dropped``.
    notes : tuple of Note
        Their subjects are the scales that they hold for.
    rows : Index
        Labels of the scores in use.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    periods: pd.DataFrame
    drifts: pd.DataFrame
    tests: pd.DataFrame
    sessions: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("instrument", "scale", "rater")

    def tables(self) -> tuple[Table, ...]:
        """Severity, by period, change with the least change detectable, tests, sessions to hear again."""
        points = (column("estimate", "Points", kind="number"),
                  column("conf_low", level_heading(self.spec["conf_level"]), kind="number", upper="conf_high"),
                  column("p_value"))  # fmt: skip
        rated = column("n_ratings", "Ratings", kind="integer")
        severity = Table("severity", "Rater severity, against the mean of all raters", self.frame,
                         (_SCALE, _RATER, rated, *points), group="instrument")  # fmt: skip
        tests = (_SCALE, column("test", "Test", kind="text"), column("statistic", "*F*"),
                 column("df_num", "df₁", kind="integer"), column("df_den", "df₂", kind="number", digits=1),
                 column("p_value"))  # fmt: skip
        return (
            severity, *(self._change(rated, points) if len(self.drifts) else ()),
            Table("drift_tests", "Do raters differ?", self.tests, tests, group="instrument"),
            *(self._to_hear_again() if len(self.sessions) else ()),
        )  # fmt: skip

    def _change(self, rated: Column, points: Sequence[Column]) -> tuple[Table, ...]:
        when = (_SCALE, column("period", "Period", kind="text"), _RATER)
        least = column("minimum_detectable", "Least detectable", kind="number")
        return (
            Table("severity_periods", "Severity by period, against the mean of its raters", self.periods,
                  (*when, rated, *points), group="instrument"),
            Table("drift", "Change of severity, first to last period", self.drifts, (_SCALE, _RATER, *points, least),
                  group="instrument"),
        )  # fmt: skip

    def _to_hear_again(self) -> tuple[Table, ...]:
        columns = (_SCALE, column("target", "Session", kind="text"),
                   column("rater_1", "Rater", kind="text"), column("rating_1", "gave"),
                   column("rater_2", "Rater", kind="text"), column("rating_2", "gave"),
                   column("difference", "Apart"), column("p_adjusted", "*p* adjusted", kind="p"))  # fmt: skip
        title = "Worth hearing again: furthest apart, severity taken out"
        return (Table("hear_again", title, self.sessions, columns, group="instrument"),)

    def counted(self) -> str:
        """Scales, scores and what was left out."""
        dropped = ", ".join(f"{n} dropped: {why}" for why, n in self.design["dropped"].items() if n)
        counts = f"{self.design['n_scores']} scores on {self.design['n_scales']} scales"
        return f"{counts}; {dropped}." if dropped else f"{counts}."


def drift_of(
    study: Study,
    ratings: pd.DataFrame,
    files: pd.DataFrame,
    sessions: pd.DataFrame,
    *,
    n_periods: int | None = None,
    dates: str | None = None,
    top: int = 5,
    conf_level: float = 0.95,
) -> StudyDrift:
    """Severity of the raters on every scale they rated, how it changed, and what to hear again.

    Parameters
    ----------
    study : Study
        Instruments whose raters are not told apart (one-way) are left out.
    ratings : DataFrame
        Contract RATINGS. The pilot and scales with a lag are left out.
    files : DataFrame
        ``file, batch`` of the workbooks: the batch is the period in which a rating was made.
    sessions : DataFrame
        ``session_id, date``, used with `n_periods` only.
    n_periods : int, optional
        Cut the sessions by their date into so many periods of equally many ratings, instead of batches.
    dates : str, optional
        How dates are written where not as year-month-day: ``dd.mm.yyyy``.
    top : int
        Sessions to list per scale.
    conf_level : float

    Returns
    -------
    StudyDrift
        Severity is in points of the scale.

    Raises
    ------
    NotEstimable
        No scale has raters that can be compared.
    ContractError
        With `n_periods`, a date of which nobody says how it is written.
    """
    import pandas as pd

    if dates is not None and n_periods is None:
        raise UsageError("drift: --dates says how dates are written and goes with --by-date; leave it out.")
    if n_periods is not None and n_periods < 2:
        raise UsageError(f"drift: {n_periods} period(s) asked for; drift needs at least two.")
    scores = _scores(study, ratings)
    rows = _in_batches(scores, ratings, files) if n_periods is None else _dated(scores, sessions, dates)
    undated = len(scores) - len(rows)
    remarks: list[tuple[Note, list[str]]] = []
    how: dict[str, Any] = {"periods": "period"} if n_periods is None else {"time": "period", "n_periods": n_periods}
    tables: dict[str, list[pd.DataFrame]] = {name: [] for name in PARTS}
    dropped = 0
    for (instrument, scale), part in rows.groupby(["instrument", "scale"], sort=False):
        found, said = _one_scale(part, {**ROLES, **how, "top": top, "conf_level": conf_level})
        _gather(remarks, said, f"{instrument} {scale}")
        if found is None:
            continue
        dropped += found.design["dropped"]["missing rating"]
        for name in PARTS:
            tables[name].append(getattr(found, name).assign(instrument=instrument, scale=scale))
    notes = [replace(note, subject=", ".join(scales)) for note, scales in remarks]
    if not tables["frame"]:
        raise NotEstimable("drift: no scale has raters that can be compared: " + "; ".join(map(sentence, notes)))
    joined = {name: _keys_first(pd.concat(parts, ignore_index=True)) for name, parts in tables.items()}
    spec = {"study": study.name, "n_periods": n_periods, "top": top, "conf_level": conf_level}
    design = {
        "n_scales": len(tables["frame"]),
        "n_scores": len(rows),
        "dropped": {"missing rating": dropped, "no date": undated},
    }
    if undated:
        notes.append(Note("scores_without_date", numbers={"n": undated}))
    return StudyDrift(spec, design=design, notes=tuple(notes), rows=rows.index, **joined)


def _gather(remarks: list[tuple[Note, list[str]]], said: Sequence[Note], scale: str) -> None:
    """Add what is said of one scale: the scales of which the same is said stand together."""
    for note in said:
        scales = [listed for known, listed in remarks if known == note]
        if scales:
            scales[0].append(scale)
        else:
            remarks.append((note, [scale]))


def _scores(study: Study, ratings: pd.DataFrame) -> pd.DataFrame:
    """Scores (items where none is scored) of each rater in the main phase, where raters are told apart."""
    import pandas as pd

    from doublecode.coding.scoring import score_raters

    books = [
        book
        for name, book in study.codebooks.items()
        if study.use(name).source == "raters" and study.use(name).reliability != "one-way"
    ]
    rows = ratings[ratings["phase"] != "pilot"]
    scored = rows[rows["instrument"].isin([book.name for book in books if book.scales])]
    items = [(book.name, item.name) for book in books if not book.scales for item in book.columns if item.is_numeric]
    single = rows[pd.MultiIndex.from_frame(rows[["instrument", "item"]]).isin(items) & rows["value"].notna()]
    single = single[single.groupby("instrument")["rater"].transform("nunique") > 1]
    if scored.empty and single.empty:
        raise NotEstimable(
            f"{study.name}: no instrument was rated by raters who are told apart, so none can be compared. Set "
            'reliability = "two-way" in study.toml if it matters which rater is which.'
        )
    parts = [score_raters(scored, books)] if len(scored) else []
    parts.append(single.rename(columns={"item": "scale"}))
    return pd.concat([part[["session_id", "rater", "instrument", "scale", "value"]] for part in parts])


def _in_batches(scores: pd.DataFrame, ratings: pd.DataFrame, files: pd.DataFrame) -> pd.DataFrame:
    """Add the batch of the workbook that each score came in."""
    key = ["session_id", "rater", "instrument"]
    where = ratings[[*key, "source_file"]].drop_duplicates(key)
    where = where.assign(period=where["source_file"].map(files.drop_duplicates("file").set_index("file")["batch"]))
    return scores.merge(where[[*key, "period"]], on=key, how="left", validate="many_to_one")


def _dated(scores: pd.DataFrame, sessions: pd.DataFrame, form: str | None) -> pd.DataFrame:
    """Add the date of each session; sessions without a date are left out."""
    from doublecode.schemas.dates import read_dates

    dates = sessions.drop_duplicates("session_id").set_index("session_id")["date"]
    places = [f"sessions.csv, session {name}" for name in dates.index]
    rows = scores.assign(period=scores["session_id"].map(read_dates(dates, form, places, "date")))
    return rows[rows["period"].notna()]


def _one_scale(rows: pd.DataFrame, how: dict[str, Any]) -> tuple[DriftResult | None, list[Note]]:
    """Drift of a scale; severity alone where its periods cannot be compared; None where raters cannot; remarks."""
    from doublecode.analysis.reliability.severity import drift

    ways = [how, {name: value for name, value in how.items() if name not in ("periods", "time", "n_periods")}]
    remarks: list[Note] = []
    if "periods" in how and rows["period"].isna().any():
        remarks.append(Note("severity_of_unknown_batch"))
        ways = ways[1:]
    for position, way in enumerate(ways):
        try:
            found = drift(rows, **way)
        except NotEstimable as reason:
            last = position == len(ways) - 1
            remarks.append(Note("severity_refused" if last else "drift_refused", numbers={"reason": str(reason)}))
            continue
        return found, [*remarks, *found.notes]
    return None, remarks


def _keys_first(table: pd.DataFrame) -> pd.DataFrame:
    keys = ["instrument", "scale"]
    others = [name for name in table.columns if name not in keys]
    return table[[*keys, *others]] if len(table) else table
