"""Rater severity and drift of a study: each scale (or item, where none is scored), by workbook batch or by date."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from doublecode.schemas.errors import NotEstimable, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.reliability.severity import DriftResult
    from doublecode.schemas.study import Study

PARTS: Final = ("frame", "periods", "drifts", "tests", "sessions")
ROLES: Final = {"targets": "session_id", "raters": "rater", "ratings": "value"}


def drift_of(
    study: Study,
    ratings: pd.DataFrame,
    files: pd.DataFrame,
    sessions: pd.DataFrame,
    *,
    n_periods: int | None = None,
    top: int = 5,
    conf_level: float = 0.95,
) -> DriftResult:
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
    top : int
        Sessions to list per scale.
    conf_level : float

    Returns
    -------
    DriftResult
        Every table with ``instrument`` and ``scale`` before its other columns; severity is in points of the scale.

    Raises
    ------
    NotEstimable
        No scale has raters that can be compared.
    """
    import pandas as pd

    from doublecode.analysis.reliability.severity import DriftResult

    if n_periods is not None and n_periods < 2:
        raise UsageError(f"drift: {n_periods} period(s) asked for; drift needs at least two.")
    scores = _scores(study, ratings)
    rows = _in_batches(scores, ratings, files) if n_periods is None else _dated(scores, sessions)
    undated = len(scores) - len(rows)
    remarks: dict[str, list[str]] = {}
    how: dict[str, Any] = {"periods": "period"} if n_periods is None else {"time": "period", "n_periods": n_periods}
    tables: dict[str, list[pd.DataFrame]] = {name: [] for name in PARTS}
    dropped = 0
    for (instrument, scale), part in rows.groupby(["instrument", "scale"], sort=False):
        found, said = _one_scale(part, {**ROLES, **how, "top": top, "conf_level": conf_level})
        for remark in said:
            remarks.setdefault(remark, []).append(f"{instrument} {scale}")
        if found is None:
            continue
        dropped += found.design["dropped"]["missing rating"]
        for name in PARTS:
            tables[name].append(getattr(found, name).assign(instrument=instrument, scale=scale))
    notes = [f"{', '.join(scales)}: {remark}" for remark, scales in remarks.items()]
    if not tables["frame"]:
        raise NotEstimable("drift: no scale has raters that can be compared: " + "; ".join(notes))
    joined = {name: _keys_first(pd.concat(parts, ignore_index=True)) for name, parts in tables.items()}
    spec = {"study": study.name, "n_periods": n_periods, "top": top, "conf_level": conf_level}
    design = {
        "n_scales": len(tables["frame"]),
        "n_scores": len(rows),
        "dropped": {"missing rating": dropped, "no date": undated},
    }
    if undated:
        notes.append(f"{undated} score(s) of sessions without a date were left out")
    return DriftResult(spec, design=design, notes=tuple(notes), rows=rows.index, **joined)  # type: ignore[arg-type]


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


def _dated(scores: pd.DataFrame, sessions: pd.DataFrame) -> pd.DataFrame:
    """Add the date of each session; sessions without a date are left out."""
    import pandas as pd

    dates = pd.to_datetime(sessions.drop_duplicates("session_id").set_index("session_id")["date"])
    rows = scores.assign(period=scores["session_id"].map(dates))
    return rows[rows["period"].notna()]


def _one_scale(rows: pd.DataFrame, how: dict[str, Any]) -> tuple[DriftResult | None, list[str]]:
    """Drift of a scale; severity alone where its periods cannot be compared; None where raters cannot; remarks."""
    from doublecode.analysis.reliability.severity import drift

    ways = [how, {name: value for name, value in how.items() if name not in ("periods", "time", "n_periods")}]
    remarks: list[str] = []
    if "periods" in how and rows["period"].isna().any():
        remarks.append("severity is given without periods, because ratings came in a workbook of no known batch")
        ways = ways[1:]
    for position, way in enumerate(ways):
        try:
            found = drift(rows, **way)
        except NotEstimable as reason:
            then = "; severity is given without periods" if position < len(ways) - 1 else ""
            remarks.append(f"{reason}{then}")
            continue
        return found, [*remarks, *found.note_texts()]
    return None, remarks


def _keys_first(table: pd.DataFrame) -> pd.DataFrame:
    keys = ["instrument", "scale"]
    others = [name for name in table.columns if name not in keys]
    return table[[*keys, *others]] if len(table) else table
