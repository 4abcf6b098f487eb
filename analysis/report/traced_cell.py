"""Backwards: where a cell went, or why it is in no number."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, column, frame_of
from doublecode.analysis.rendering.wording.trace import HOW
from doublecode.analysis.report.trace_file import read_set
from doublecode.analysis.report.traced_report import TracedReport, called
from doublecode.analysis.study.trace.cell_states import cell_states
from doublecode.analysis.study.trace.unused_cells import KnownCells
from doublecode.schemas.errors import UsageError
from doublecode.schemas.near_names import allowed, ended
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.study.trace.source_cells import SourceCell

_COLUMNS: Final = ("kind", "name", "row", "columns", "of", "how")
_PARTS: Final = re.compile(r"\s*(?:!|›)\s*")


@dataclass(frozen=True, eq=False, repr=False)
class CellTrace(Answer):
    """Where a cell went.

    Attributes
    ----------
    spec : dict
        ``file, sheet, cell, value, session_id, rater, instrument, item``.
    frame : DataFrame
        One row per score, row of a table and figure that stands on the cell: ``kind`` ("score", "table", "figure"),
        ``name``, ``row``, ``columns`` (which of its numbers; empty: all of them), ``of`` (the variable that the cell
        makes there), ``how`` (what was done with it).
    design : dict
        ``n_scores, n_rows, n_numbers, n_figures``.
    notes : tuple of Note
        What the cell says, what became of it, and why it is in no number where it is in none.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]

    label_columns: ClassVar[tuple[str, ...]] = ("kind", "name", "row")

    @property
    def rows(self) -> pd.Index[Any]:
        """Labels of the rows."""
        return self.frame.index

    def tables(self) -> tuple[Table, ...]:
        """Scores, tables and figures; nothing for a cell that is in no number."""
        if self.frame.empty:
            return ()
        heads = {"kind": "What", "name": "Name", "row": "Row", "columns": "Numbers", "of": "Makes", "how": "How"}
        shown = self.frame.assign(how=["; ".join(HOW[one] for one in how.split()) for how in self.frame["how"]])
        columns = tuple(column(name, head, kind="text") for name, head in heads.items())
        place = " › ".join(filter(None, (self.spec["file"], self.spec["sheet"], self.spec["cell"])))
        return (Table("went_to", f"What stands on {place}", shown, columns),)

    def counted(self) -> str:
        """Count scores, numbers, rows and figures."""
        n = self.design
        return (
            f"{n['n_scores']} score(s), {n['n_numbers']} number(s) in {n['n_rows']} row(s) of tables, "
            f"{n['n_figures']} figure(s)."
        )


def trace_cell(report: TracedReport, text: str) -> CellTrace:
    """Say where a cell went: its scores, the rows of tables, the figures; or why it is in no number.

    Parameters
    ----------
    report : TracedReport
    text : str
        ``FILE!CELL`` or ``FILE!SHEET!CELL``; of a text table ``FILE!line 12, mood``.

    Raises
    ------
    UsageError
        No such file is known, or the text names no cell.
    """
    parts = _PARTS.split(text.strip())
    if len(parts) not in (2, 3) or not all(parts):
        raise UsageError(f"trace: --cell {text!r}: allowed: FILE!CELL or FILE!SHEET!CELL, such as R1_ghes.xlsx!F6.")
    known = KnownCells(report.study)
    file, sheet, cell = parts[0], parts[1] if len(parts) == 3 else "", parts[-1]
    numbers = [at for at, one in enumerate(report.cells) if _is(one, file, sheet, cell)]
    facts = list(known.find(lambda one: _is(one, file, sheet, cell)))
    held = [one for one, _ in facts] or [report.cells[at] for at in numbers]
    if not held:
        files = dict.fromkeys([*known.files, *(one.file for one in report.cells)])
        if not any(_same_file(name, file) for name in files):
            raise UsageError(f"trace: there is no file {file!r}; {ended(allowed(file, files))}")
    frame = frame_of([*known.scores_on(held), *_places(report, numbers)], _COLUMNS)
    notes = [note for one in held[:1] for note in _said(report, one)]
    in_tables = frame[frame["kind"] == "table"]
    if set(in_tables["name"]) <= {"files"}:
        notes += [note for _, some in facts for note in some] or list(known.problems_at(file, sheet, cell)) or [
            Note("trace_no_rating")
        ]  # fmt: skip
    spec = {"file": file, "sheet": sheet, "cell": cell, **({} if not held else _of(held[0]))}
    design = {
        "n_scores": int((frame["kind"] == "score").sum()),
        "n_rows": len(in_tables[["name", "row"]].drop_duplicates()),
        "n_numbers": len(
            {
                (*key, one)
                for *key, columns in zip(*(in_tables[name] for name in ("name", "row", "columns")), strict=True)
                for one in columns.split(", ")
            }
        ),
        "n_figures": int((frame["kind"] == "figure").sum()),
    }
    return CellTrace(spec, frame, design, tuple(notes))


def _same_file(name: str, wanted: str) -> bool:
    return name == wanted or name.rpartition("/")[2] == wanted


def _is(one: SourceCell, file: str, sheet: str, cell: str) -> bool:
    return (
        one.cell.casefold() == cell.casefold()
        and _same_file(one.file, file)
        and (not sheet or one.sheet.casefold() == sheet.casefold())
    )


def _of(one: SourceCell) -> dict[str, Any]:
    return {
        "file": one.file, "sheet": one.sheet, "cell": one.cell, "value": one.value, "session_id": one.session,
        "rater": one.rater, "instrument": one.instrument, "item": one.item,
    }  # fmt: skip


def _said(report: TracedReport, one: SourceCell) -> Iterator[Note]:
    """What a cell says, and what became of it."""
    yield Note("trace_rating" if one.rater else "trace_table_cell", numbers={**_of(one), "session": one.session})
    for notes in cell_states(report.study, [one], report.hashes):
        yield from notes


def _places(report: TracedReport, numbers: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Rows of tables and figures whose sets hold one of the cells."""
    wanted, record = set(numbers), report.record
    roles = [[role for at, role in read_set(text) if at in wanted] for text in record["sets"]]
    for name, table in record["tables"].items():
        for row in table["rows"]:
            by_role: dict[int, list[str]] = {}
            for number, at in row["sets"].items():
                for role in roles[at]:
                    by_role.setdefault(role, []).append(number)
            for role, columns in by_role.items():
                yield _row("table", name, " › ".join(called(row)), ", ".join(columns), record["roles"][role])
    for name, figure in record["figures"].items():
        for role in dict.fromkeys(roles[figure["set"]]):
            yield _row("figure", name, figure["title"], "", record["roles"][role])


def _row(kind: str, name: str, row: str, columns: str, role: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(_COLUMNS, (kind, name, row, columns, role[0], " ".join(role[1])), strict=True))
