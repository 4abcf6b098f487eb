"""Reads a workbook of disagreements that came back: which code was agreed on, and who decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from doublecode.coding.reading.cells import Codec, Reading, make_codec, read_cell, show_text
from doublecode.coding.reading.container import open_package
from doublecode.coding.reading.expectations import Expected, check_stamp
from doublecode.coding.reading.long_table import cell_text
from doublecode.coding.reading.sheet_checks import covered_cells
from doublecode.coding.reading.sheet_shape import Shape, cell_name, split_range
from doublecode.coding.reading.stamped_book import open_stamped
from doublecode.schemas.instrument import Instrument
from doublecode.schemas.near_names import nearest
from doublecode.schemas.problems import Problem

SHEET: Final = "Decide"
CONSENSUS: Final = "(consensus)"
EXPERT: Final = "(expert)"
DECIDERS: Final[Mapping[str, str]] = {"consensus": CONSENSUS, "expert": EXPERT}
"""What stands under *decided_by*, and who then stands in the place of a rater; no rater can be called so."""
AGREED: Final = "agreed"
HEADS: Final = ("session_id", "item", AGREED, "decided_by")
_LEFT_OF: Final = {"item": "session_id", AGREED: "difference", "decided_by": AGREED}
"""The head that was written to the left of each but the first."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One cell that was decided.

    Attributes
    ----------
    session_id, item : str
    by : str
        ``(consensus)`` or ``(expert)``.
    reading : Reading
    cell : str
    codes : frozenset of (str, str)
        Rater and code that were laid side by side.
    """

    session_id: str
    item: str
    by: str
    reading: Reading
    cell: str
    codes: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class DecisionsRead:
    """What one workbook says; `book` is None where nothing of it can be used."""

    problems: tuple[Problem, ...]
    book: Instrument | None = None
    decisions: tuple[Decision, ...] = ()
    notes: Mapping[tuple[str, str], tuple[str, str]] | None = None


def read_decisions(path: Path, expected: Expected) -> DecisionsRead:
    """Read one workbook of ``consensus/``.

    Returns
    -------
    DecisionsRead
        Cells in which nothing is agreed on yet are no decisions; ``notes`` holds what stands under *decided_by* and
        *why* of every row.
    """
    package = open_package(path)
    problems = list(package.problems)
    opened = open_stamped(package, problems, SHEET)
    if opened is None:
        return DecisionsRead(tuple(problems))
    wrong_stamp = check_stamp(opened.stamp, replace(expected, assigned=None, raters={}), package.name)
    if wrong_stamp:
        return DecisionsRead((*problems, *wrong_stamp))
    book, sheet = expected.books[opened.stamp.instrument], opened.sheet
    return _Sheet(package.name, sheet.grid, sheet.shape, book, expected).read(problems)


class _Sheet:
    """The rows of one sheet *Decide*."""

    def __init__(
        self, file: str, grid: Sequence[Sequence[Any]], shape: Shape, book: Instrument, expected: Expected
    ) -> None:
        self.file, self.grid, self.shape, self.book, self.expected = file, grid, shape, book, expected
        self.codecs: dict[str, Codec] = {item.name: make_codec(book, item) for item in book.columns}
        self.heads = [cell_text(cell) for cell in grid[0]] if grid else []
        self.columns = {head: place for place, head in enumerate(self.heads) if head}
        self.covered = covered_cells(shape)
        self.problems: list[Problem] = []

    def read(self, before: Sequence[Problem]) -> DecisionsRead:
        """Every decision, and what is wrong at which cell."""
        gone = [head for head in HEADS if head not in self.columns]
        if gone:
            return DecisionsRead((*before, *map(self._head_gone, gone)))
        self.problems += self._merged()
        body = [row for row in range(1, len(self.grid)) if any(map(cell_text, self.grid[row]))]
        decided = [one for one in map(self._decision, body) if one is not None]
        notes = {
            (self._text(row, "session_id"), self._text(row, "item")): (
                self._text(row, "decided_by"), self._text(row, "why"),
            )
            for row in body
        }  # fmt: skip
        return DecisionsRead((*before, *self.problems), self.book, tuple(decided), notes)

    def _head_gone(self, head: str) -> Problem:
        """A head that is not there, at the cell right of the one that it was written beside."""
        place = self.columns.get(_LEFT_OF[head], -2) + 1 if head in _LEFT_OF else 0
        if 0 <= place < len(self.heads) and self.heads[place] not in (*HEADS, *_LEFT_OF.values()):
            found = show_text(self.heads[place]) if self.heads[place] else "an empty cell"
            return Problem("header_renamed", self.file, SHEET, cell_name(0, place), "", found, f'"{head}"')
        found = ", ".join(list(self.columns)[:8]) or "nothing"
        return Problem("header_renamed", self.file, SHEET, "", "", found, f'"{head}"')

    def _merged(self) -> Iterator[Problem]:
        """Merged ranges that cover what is read: which of their rows a code is of, nobody can say."""
        places = {self.columns[head] for head in HEADS}
        for cells in self.shape.merged:
            top, left, bottom, right = split_range(cells)
            if bottom > 0 and any(left <= place <= right for place in places):
                yield Problem("merged_cells", self.file, SHEET, cell_name(top, left), found=cells)

    def _is_covered(self, row: int) -> bool:
        return any((row, self.columns[head]) in self.covered for head in HEADS)

    def _cell(self, row: int, head: str) -> Any:
        place = self.columns.get(head, -1)
        return self.grid[row][place] if 0 <= place < len(self.grid[row]) else ""

    def _text(self, row: int, head: str) -> str:
        return cell_text(self._cell(row, head))

    def _problem(self, code: str, row: int, head: str, found: str, allowed: str = "") -> None:
        session, item = self._text(row, "session_id"), self._text(row, "item")
        where = cell_name(row, self.columns[head])
        subject = ", ".join(filter(None, [session, item]))
        self.problems.append(Problem(code, self.file, SHEET, where, subject, found, allowed))

    def _decision(self, row: int) -> Decision | None:
        """What a row decides; None where nothing stands there yet, or something is wrong."""
        value, session, item = self._cell(row, AGREED), self._text(row, "session_id"), self._text(row, "item")
        by = self._text(row, "decided_by").casefold() or "consensus"
        if self._is_covered(row) or self._is_no_value(row) or not cell_text(value):
            return None
        held = (self.expected.sessions or {}).get(session)
        codec = self.codecs.get(item)
        if held is None:
            meant = nearest(session, self.expected.sessions or {})
            asked = "" if meant is None else f"; did you mean {meant}?"
            self._problem("unknown_session", row, "session_id", session or "an empty cell", asked)
        elif codec is None:
            self._problem("unknown_item", row, "item", item or "an empty cell", ", ".join(self.codecs))
        elif by not in DECIDERS:
            self._problem("unknown_decider", row, "decided_by", by, " or ".join(DECIDERS))
        else:
            reading = read_cell(value, codec, held.session)
            if reading.problem:
                self._problem(reading.problem, row, AGREED, reading.found, reading.allowed)
            if not reading.problem or reading.problem == "text_number":
                where = cell_name(row, self.columns[AGREED])
                return Decision(session, item, DECIDERS[by], reading, where, self._codes(row))
        return None

    def _is_no_value(self, row: int) -> bool:
        """Whether an error or a formula without a result stands under *agreed*; it looks empty and is not."""
        where = cell_name(row, self.columns[AGREED])
        formula, saved = self.shape.formulas.get(where, ("", ""))
        allowed = self.codecs[item].allowed if (item := self._text(row, "item")) in self.codecs else ""
        if where in self.shape.errors:
            self._problem("error_cell", row, AGREED, self.shape.errors[where], allowed)
        elif saved is None:
            self._problem("formula_cell", row, AGREED, formula, allowed)
        return where in self.shape.errors or saved is None

    def _codes(self, row: int) -> frozenset[tuple[str, str]]:
        """Rater and code of every pair of columns of the row."""
        pairs = []
        number = 1
        while f"rater_{number}" in self.columns:
            pairs.append((self._text(row, f"rater_{number}"), self._text(row, f"code_{number}")))
            number += 1
        return frozenset(pair for pair in pairs if pair[0])
