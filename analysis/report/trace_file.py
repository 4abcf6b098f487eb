"""Every number of a report with the cells that it stands on, as it is kept in the report folder.

Cells are listed once, sorted so that those which stand together in a set follow one another; a set is the cells of one
number (or of a whole row), each run of neighbours written once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Protocol

from doublecode.analysis.rendering.notes import sentence
from doublecode.analysis.rendering.page import PageTrace
from doublecode.analysis.report.traced_tables import OfRow
from doublecode.analysis.results.versions import version_of
from doublecode.analysis.study.trace.cell_states import cell_states
from doublecode.analysis.study.trace.source_cells import Basis, Role, SourceCell
from doublecode.schemas.frame_rows import rows_of
from doublecode.schemas.marks import inline

if TYPE_CHECKING:
    from doublecode.analysis.rendering.document import Document
    from doublecode.analysis.rendering.tables import Table
    from doublecode.analysis.study.study_run import Intake
    from doublecode.analysis.study.trace.origins import Origins
    from doublecode.schemas.study import Study

TRACE: Final = "trace.json"
OTHER_ROWS: Final = frozenset({"files", "attention", "correlations", "pairs", "problems", "replaced", "warnings"})
"""Tables whose page shows other rows than their CSV file holds."""
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


class TakenIn(Protocol):
    """What was read of a study."""

    @property
    def intake(self) -> Intake:
        """Ratings and files."""

    @property
    def study(self) -> Study:
        """Its declaration."""


class Traced(Protocol):
    """What the numbers of a document stand on."""

    @property
    def origins(self) -> Origins:
        """The chain back to cells."""

    @property
    def tables(self) -> Mapping[str, OfRow]:
        """Per name of a table what its numbers stand on."""

    @property
    def figures(self) -> Mapping[str, Basis]:
        """Per name of a figure the cells of what it draws."""


@dataclass(frozen=True)
class TracedRow:
    """A row of a table with the sets of its numbers.

    Attributes
    ----------
    names : tuple of str
        What the row is called: group, stub, keys.
    csv : int or None
        Its place in the CSV file; None for a row that only the page shows.
    shown : int or None
        Its place on the page.
    sets : mapping of column to int
    values : mapping of column to number
        Of a row that no CSV file holds.
    """

    names: tuple[str, ...]
    csv: int | None
    shown: int | None
    sets: Mapping[str, int]
    values: Mapping[str, float]


class TraceFile:
    """The numbers of a report and their cells.

    Parameters
    ----------
    run : StudyRun
        Or what else has its ``intake`` and ``study``.
    document : Document
    traced : Traced
        What its numbers stand on.
    """

    def __init__(self, run: TakenIn, document: Document, traced: Traced) -> None:
        self.run, self.document = run, document
        self._sets: dict[Basis, int] = {}
        self._known: dict[int, int] = {}
        self.tables = {
            table.name: (table, list(self._rows(table, traced.tables[table.name])))
            for table in document.tables()
            if table.name in traced.tables
        }
        drawn = traced.figures
        self.figures = {
            shown.name: (shown.title, self._set(drawn[name]))
            for shown in document.pictures()
            for name in (shown.name, shown.name.rpartition("_")[0])  # a long forest is cut into numbered parts
            if name in drawn
        }
        self.cells, self.sets, self.roles = _sorted(traced.origins.cells.cells, list(self._sets))

    def _set(self, basis: Basis) -> int:
        if id(basis) not in self._known:  # long tuples are hashed anew each time; what is kept in _sets keeps its id
            number = self._sets.setdefault(basis, len(self._sets))
            return self._known.setdefault(id(basis), number) if next(reversed(self._sets)) is basis else number
        return self._known[id(basis)]

    def _rows(self, table: Table, of_row: OfRow) -> Iterator[TracedRow]:
        held, shown = table.csv_frame, table.frame
        same = table.name not in OTHER_ROWS
        places = {label: at for at, label in enumerate(shown.index)}
        listed: list[tuple[int | None, int | None, dict[str, Any]]] = [
            (at, places.get(label) if same else None, row)
            for at, (label, row) in enumerate(zip(held.index, rows_of(held), strict=True))
        ]
        on_page = rows_of(shown)
        if not same and table.data is not None:
            listed += [(None, at, row) for at, row in enumerate(on_page)]
        for csv, at, row in listed:
            seen = on_page[at] if at is not None else {}
            known = {**seen, **row}
            asked = [*row, *(column.name for column in table.columns if column.name not in row)]
            asked = [name for name in asked if name not in _KEYS]
            found = {name: of_row(known, name) for name in asked if _is_number(known.get(name, seen.get(name)))}
            sets = {name: self._set(basis) for name, basis in found.items() if basis}
            texts = [column.name for column in table.columns if column.kind != "text" and column.name in seen]
            sets |= {  # ranges in words: lowest and highest of a row
                name: self._set(basis)
                for name in texts
                if name not in found and isinstance(seen[name], str) and (basis := of_row(known, name))
            }
            values = {name: float(row[name]) for name in sets if csv is None and _is_number(row.get(name))}
            yield TracedRow(_names(table, known, seen), csv, at, sets, values)

    def of_page(self) -> PageTrace:
        """What the page needs to list the cells behind its own numbers."""
        sets = {}
        for name, (table, rows) in self.tables.items():
            by_place = {row.shown: row for row in rows if row.shown is not None}
            sets[name] = [_of_columns(table, by_place[at]) for at in sorted(by_place)]
        used = {one for rows in sets.values() for usual, own in rows for one in (usual, *own.values())}
        data = {name: self.record[name] for name in ("files", "cells", "of", "roles", "changed")}
        texts = [text if at in used else "" for at, text in enumerate(self.sets)]
        return PageTrace(sets, {**data, "sets": texts})

    @cached_property
    def _changed(self) -> dict[str, str]:
        """What the ledger says of cells that corrected earlier ones, by their places."""
        listed = self.run.intake.files
        hashes = dict(zip(listed["file"], listed["sha256"], strict=True))
        states = cell_states(self.run.study, self.cells, hashes)
        corrections = ((at, one) for at, notes in enumerate(states) for one in notes if one.kind == "cell_replaces")
        return {str(at): sentence(one) for at, one in corrections}

    @cached_property
    def record(self) -> dict[str, Any]:
        """What ``trace.json`` holds."""
        files = dict.fromkeys((cell.file, cell.sheet) for cell in self.cells)
        of: dict[str, list[Any]] = {
            "session": list(dict.fromkeys(cell.session for cell in self.cells)),
            "rater": list(dict.fromkeys(cell.rater for cell in self.cells)),
            "item": list(dict.fromkeys((cell.instrument, cell.item) for cell in self.cells)),
        }
        at = {name: {one: place for place, one in enumerate(names)} for name, names in of.items()}
        places = {one: place for place, one in enumerate(files)}
        return {
            "study": self.run.study.name,
            "made_by": f"doublecode {version_of('doublecode')}",
            "files": [list(one) for one in files],
            "cells": {
                "file": [places[cell.file, cell.sheet] for cell in self.cells],
                "cell": [cell.cell for cell in self.cells],
                "value": [_short(cell.value) for cell in self.cells],
                "session": [at["session"][cell.session] for cell in self.cells],
                "rater": [at["rater"][cell.rater] for cell in self.cells],
                "item": [at["item"][cell.instrument, cell.item] for cell in self.cells],
            },
            "of": {name: [list(one) if isinstance(one, tuple) else one for one in names] for name, names in of.items()},
            "roles": [[role.of, sorted(map(str, role.how))] for role in self.roles],
            "changed": self._changed,
            "sets": self.sets,
            "tables": {
                name: {
                    "title": plain_text(table.title),
                    "columns": [[one.name, plain_text(one.heading), one.upper] for one in table.columns],
                    "rows": [_row(row) for row in rows],
                }
                for name, (table, rows) in self.tables.items()
            },
            "not_traced": [table.name for table in self.document.tables() if table.name not in self.tables],
            "figures": {name: {"title": plain_text(title), "set": at} for name, (title, at) in self.figures.items()},
        }


def plain_text(text: str) -> str:
    """A text without its marks."""
    return "".join(run for _, run in inline(text))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and not math.isnan(value)


def _short(value: float | str | None) -> float | int | str | None:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _names(table: Table, known: Mapping[str, Any], seen: Mapping[str, Any]) -> tuple[str, ...]:
    """What a row is called: its group and stub as printed, then every key of it that is a text or a session number."""
    stub = table.columns[0]
    printed = [seen.get(table.group, ""), stub.render(seen) if seen else ""]
    keys = [value for name, value in known.items() if isinstance(value, str) and name not in _PROSE]
    keys += [f"{value:g}" for name, value in known.items() if name == "session" and _is_number(value)]
    return tuple(dict.fromkeys(plain_text(str(one)) for one in (*printed, *keys) if one))


_KEYS = frozenset({"level", "session", "step"})
_PROSE = frozenset(
    {
        "method",
        "status",
        "judged",
        "reasons",
        "sha256",
        "remark",
        "formula",
        "r_range",
        "session_range",
        "compared_with",
        "analysed",
        "lost",
    }
)


def _of_columns(table: Table, row: TracedRow) -> tuple[int | None, dict[int, int | None]]:
    sets = [row.sets.get(column.name) if column.kind != "text" else None for column in table.columns]
    numeric = [one for one, column in zip(sets, table.columns, strict=True) if column.kind != "text"]
    usual = max(set(numeric), key=numeric.count, default=None)
    return usual, {
        at: one
        for at, (one, column) in enumerate(zip(sets, table.columns, strict=True))
        if column.kind != "text" and one != usual
    }


def _row(row: TracedRow) -> dict[str, Any]:
    own = {"names": list(row.names), "csv": row.csv, "shown": row.shown is not None, "sets": dict(row.sets)}
    return own | ({"values": dict(row.values)} if row.values else {})


def _sorted(cells: Sequence[SourceCell], sets: Sequence[Basis]) -> tuple[list[SourceCell], list[str], list[Role]]:
    """The cells that are in a set, neighbours together; the sets as texts; the roles."""
    used = sorted({number for basis in sets for number, _ in basis})
    used.sort(key=lambda at: (cells[at].file, cells[at].sheet, cells[at].instrument, cells[at].item))
    places = {number: place for place, number in enumerate(used)}
    roles = list(dict.fromkeys(role for basis in sets for _, role in basis))
    numbers = {role: place for place, role in enumerate(roles)}
    texts = []
    for basis in sets:
        by_role: dict[int, list[int]] = {}
        for number, role in basis:
            by_role.setdefault(numbers[role], []).append(places[number])
        texts.append(";".join(f"{base36(role)}|{_runs(sorted(at))}" for role, at in sorted(by_role.items())))
    return [cells[number] for number in used], texts, roles


def _runs(numbers: Sequence[int]) -> str:
    """Ascending numbers as runs: how far each begins behind the end of the one before, and its length above one."""
    parts, end = [], 0
    starts = [at for at in range(len(numbers)) if not at or numbers[at] != numbers[at - 1] + 1]
    for at, after in zip(starts, [*starts[1:], len(numbers)], strict=True):
        length = after - at
        parts.append(base36(numbers[at] - end) + (f":{base36(length)}" if length > 1 else ""))
        end = numbers[after - 1]
    return " ".join(parts)


def read_set(text: str) -> Iterator[tuple[int, int]]:
    """The cells of a set that was written as a text, each with the number of its role.

    Examples
    --------
    >>> list(read_set("0|2:3 4;1|0"))
    [(2, 0), (3, 0), (4, 0), (8, 0), (0, 1)]
    """
    for part in filter(None, text.split(";")):
        role, _, runs = part.partition("|")
        end = 0
        for run in runs.split(" "):
            start, _, length = run.partition(":")
            first = end + int(start, 36)
            last = first + (int(length, 36) if length else 1) - 1
            yield from ((number, int(role, 36)) for number in range(first, last + 1))
            end = last


def base36(number: int) -> str:
    """A number in digits and letters.

    Examples
    --------
    >>> base36(0), base36(35), base36(1296)
    ('0', 'z', '100')
    """
    text = ""
    while True:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
        if not number:
            return text
