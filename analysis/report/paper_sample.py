"""Sample and homework as a paper prints them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from doublecode.analysis.rendering.printed_parts import EMPTY, Cell, Head, Row
from doublecode.analysis.rendering.printed_table import PrintedTable
from doublecode.analysis.report.paper_cells import number, records
from doublecode.analysis.report.paper_sources import sources_of
from doublecode.analysis.study.labels import short_title
from doublecode.schemas.results import is_missing

if TYPE_CHECKING:
    from doublecode.analysis.study.study_run import StudyRun
    from doublecode.schemas.paper_tables import PaperTable


def sample_printed(run: StudyRun, asked: PaperTable) -> PrintedTable | None:
    """Patients, then therapists: counts and per cent of categories, mean, SD and range of numbers."""
    frame = run.sample.frame
    wanted = list(asked.variables or dict.fromkeys(map(str, frame["variable"]))) if len(frame) else []
    rows: list[Row] = []
    counts = run.sample.design
    for unit in dict.fromkeys(map(str, frame["unit"])) if len(frame) else ():
        own = frame[frame["unit"] == unit]
        shown = [name for name in wanted if name in set(own["variable"])]
        if shown:
            size = counts.get(f"n_{unit}")
            rows.append(Row(unit.capitalize() if size is None else f"{unit.capitalize()} (*n* = {size})"))
        for name in shown:
            rows += _characteristic(run, asked, records(own[own["variable"] == name]))
    if not rows:
        return None
    columns = (Head("*n*"), Head("%"), Head("*M*"), Head("*SD*"), Head("Range"))
    several = "multi-response" in {*counts["kinds"].values()}
    general = "Per cent of those for whom the characteristic is known."
    general += " Several answers are possible where they add up to more than 100 %." if several else ""
    return PrintedTable(
        asked.number, asked.title, "Characteristic", columns, tuple(rows),
        general=" ".join(filter(None, (general, asked.note))), source=sources_of(run.study, asked),
    )  # fmt: skip


def _characteristic(run: StudyRun, asked: PaperTable, levels_of: list[dict[str, Any]]) -> list[Row]:
    """One row of a number; a head and one row per level of a category; one row of a yes or no."""
    name = str(levels_of[0]["variable"])
    declared = {one.column: one.label for one in run.study.variables if one.column and one.label and one.equals is None}
    label = asked.labels.get(name) or declared.get(name) or name.replace("_", " ").capitalize()
    levels = ["" if is_missing(one["level"]) else str(one["level"]) for one in levels_of]
    if levels == [""] and number(levels_of[0].get("percent")) == number(levels_of[0].get("percent")):
        return [Row(label, _counted(levels_of[0]), 1)]  # a row that is counted from columns
    if levels == [""]:
        one = levels_of[0]
        ends = Cell(number(one["min"]), "integer", high=number(one["max"]), is_range=True)
        moments = (Cell(number(one["mean"]), digits=1), Cell(number(one["sd"]), digits=1), ends)
        return [Row(label, (Cell(number(one["n"]), "integer"), EMPTY, *moments), 1)]
    named = [(asked.labels.get(level, level), one) for level, one in zip(levels, levels_of, strict=True)]
    if {*levels} <= {"yes", "no"} or levels == ["1"]:
        yes = [one for level, one in zip(levels, levels_of, strict=True) if level in ("yes", "1")]
        return [Row(label, _counted(one), 1) for one in yes]
    return [Row(label, (EMPTY,) * 5, 1), *(Row(text, _counted(one), 2) for text, one in named)]


def _counted(record: dict[str, Any]) -> tuple[Cell, ...]:
    return (Cell(number(record["n"]), "integer"), Cell(number(record["percent"]), digits=1), EMPTY, EMPTY, EMPTY)


def homework_printed(run: StudyRun, asked: PaperTable) -> PrintedTable | None:
    """Homework by type, how much was completed, what was difficult: counts and per cent of what."""
    logs = [one for one in run.logs if not asked.instruments or one.spec["instrument"] in asked.instruments]
    if not logs:
        return None
    rows: list[Row] = []
    for log in logs:
        title = short_title(run.study.codebooks[str(log.spec["instrument"])].title) if len(logs) > 1 else ""
        counts = records(log.frame)
        for table, base in dict.fromkeys((str(one["table"]), str(one["base"])) for one in counts):
            own = [one for one in counts if (one["table"], one["base"]) == (table, base)]
            head = f"{_words(table)} (of {int(own[0]['n_base'])} {base})"
            rows.append(Row(": ".join(filter(None, (title, head)))))
            rows += [
                Row(str(one["label"]), (Cell(number(one["n"]), "integer"), Cell(number(one["percent"]), digits=1)), 1)
                for one in own
            ]
    said = [
        f"{one.design['n_assignments']} assignments in {one.design['n_sessions_with_homework']} of "
        f"{one.design['n_sessions_logged']} logged sessions, {one.design['assignments_per_session']:.2f} per session."
        for one in logs
    ]
    return PrintedTable(
        asked.number, asked.title, "Homework", (Head("*n*"), Head("%")), tuple(rows),
        general=" ".join(filter(None, (*said, asked.note))), source=sources_of(run.study, asked),
    )  # fmt: skip


def _words(table: str) -> str:
    return {"type": "Type of homework", "completed": "Completed", "difficulties": "Difficulties"}.get(table, table)
