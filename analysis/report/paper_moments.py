"""Moments as a paper prints them: scores session by session, and variables of the analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from doublecode.analysis.rendering.printed_parts import Head, Row
from doublecode.analysis.rendering.printed_table import PrintedTable
from doublecode.analysis.report.paper_cells import HEADS, cells, heads, records
from doublecode.analysis.report.paper_sources import sources_of
from doublecode.analysis.study.labels import label_of, short_labels

if TYPE_CHECKING:
    from doublecode.analysis.study.study_run import StudyRun
    from doublecode.schemas.paper_tables import PaperTable

_ALL = "all"


def by_session_table(run: StudyRun, asked: PaperTable) -> PrintedTable:
    """One row per session, one group of columns per score; all sessions together at the foot."""
    moments, columns = {}, list[Head]()
    for at, score in enumerate(asked.scores):
        instrument, _, name = score.partition(".")
        moments[score] = _moments(run, instrument, name)
        above = asked.heads[at] if asked.heads else label_of(run.study.codebooks, instrument, name)
        columns += heads(asked.shown, above)
    found = {level for own in moments.values() for level, row in own.items() if row["n"] > 0} - {_ALL}
    sessions = [str(one) for one in asked.sessions] or sorted(found, key=int)
    rows = [_row(f"{session}", session, moments, asked) for session in sessions]
    rows.append(_row("All sessions", _ALL, moments, asked, rule=True))
    general = "A session that was coded twice counts with the mean of its raters, item by item."
    return PrintedTable(
        asked.number, asked.title, "Session", tuple(columns), tuple(rows),
        general=" ".join(filter(None, (general, asked.note))),
        source=sources_of(run.study, asked),
    )  # fmt: skip


def _is_item(run: StudyRun, score: str) -> bool:
    instrument, _, name = score.partition(".")
    return name not in {scale.name for scale in run.study.codebooks[instrument].scales}


def _moments(run: StudyRun, instrument: str, name: str) -> dict[str, dict[str, Any]]:
    """Session, or "all" → moments of a scale or an item."""
    is_item = _is_item(run, f"{instrument}.{name}")
    frame = run.described_items.frame if is_item else run.described_scores.frame
    own = frame[(frame["instrument"] == instrument) & (frame["item" if is_item else "scale"] == name)]
    return {str(row["session"]): row for row in records(own)}


def _row(
    label: str, session: str, moments: dict[str, dict[str, dict[str, Any]]], asked: PaperTable, *, rule: bool = False
) -> Row:
    row = [cell for score in asked.scores for cell in cells(asked.shown, moments[score].get(session))]
    return Row(label, tuple(row), rule=rule)


def descriptives_table(run: StudyRun, asked: PaperTable) -> PrintedTable | None:
    """Moments of the variables as they are analysed: after the outlier rule where there is one."""
    held = {} if run.reported is None else {str(row["variable"]): row for row in records(run.reported.variables)}
    names = [name for name in asked.variables or held if name in held]
    if not names:
        return None
    labels = short_labels(run.labels)
    rows = [Row(labels.get(name, name), cells(asked.shown, held[name])) for name in names]
    general = "Values after the outlier rule." if run.outliers is not None else ""
    return PrintedTable(
        asked.number, asked.title, "Variable", tuple(Head(HEADS[one]) for one in asked.shown), tuple(rows),
        general=" ".join(filter(None, (general, asked.note))), source=sources_of(run.study, asked),
    )  # fmt: skip
