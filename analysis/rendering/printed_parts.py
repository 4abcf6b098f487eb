"""A table as a journal prints it, before anybody decides in which form: head with spanners, stub, body, notes.

Cells carry their value with full precision and how it is printed; the modules ``printed_*`` render the same
description as HTML, Word, LaTeX, Excel, Markdown and CSV.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from doublecode.analysis.rendering.tables import Kind, format_interval, format_number
from doublecode.schemas.errors import UsageError
from doublecode.schemas.results import DASH, is_missing


@dataclass(frozen=True)
class Cell:
    """One cell: a number or a text, and how it is printed.

    Parameters
    ----------
    value : float, str or None
        Full precision; None is a cell that is meant to be empty, NaN one whose value is missing (an en dash).
    kind : {"text", "integer", "count", "number", "estimate", "bounded", "p", "percent"}
        As :func:`doublecode.analysis.rendering.tables.format_number` has it; a text is printed as it stands.
    digits : int
        Decimals.
    high : float, optional
        Upper limit; makes the cell an interval, of which `value` is the lower limit.
    is_range : bool
        The limits are a lowest and a highest value: ``0–4``.
    stars : str
        Printed behind the number: ``**``.
    marks : tuple of str
        Letters of the specific notes that the cell points to, printed raised.
    span : int
        Columns that the cell covers; those after it hold an empty cell.

    Examples
    --------
    >>> Cell(-0.2634, "bounded", stars="**").text, Cell(0.12, "bounded", high=0.4).text, Cell().text
    ('−.26**', '[.12, .40]', '')
    """

    value: float | str | None = None
    kind: Kind = "number"
    digits: int = 2
    high: float | None = None
    is_range: bool = False
    stars: str = ""
    marks: tuple[str, ...] = ()
    span: int = 1

    @property
    def is_number(self) -> bool:
        """Whether the cell holds a number that is there."""
        return not isinstance(self.value, str) and self.high is None and not is_missing(self.value)

    @property
    def text(self) -> str:
        """The cell as it is printed, its raised letters left out."""
        if self.high is not None:
            low = float("nan") if self.value is None else float(self.value)
            if self.is_range:
                return _range(low, self.high, self.kind, self.digits) + self.stars
            return format_interval(low, self.high, self.kind, self.digits) + self.stars
        if self.value is None:
            return ""
        if isinstance(self.value, str):
            return self.value + self.stars
        if is_missing(self.value):
            return DASH
        return format_number(float(self.value), self.kind, self.digits) + self.stars


EMPTY: Final = Cell()


def _range(low: float, high: float, kind: Kind, digits: int) -> str:
    if is_missing(low) and is_missing(high):
        return DASH
    ends = [format_number(one, kind, digits) for one in (low, high)]
    return ends[0] if ends[0] == ends[1] else (" to " if low < 0 else "–").join(ends)


@dataclass(frozen=True)
class Head:
    """The head of a column; columns of one `spanner` that stand side by side share a rule below it.

    Parameters
    ----------
    heading : str
        ``*M*`` is set in italics.
    spanner : str
        What several columns share: a model, a session.
    is_text : bool
        Set flush left, as texts are.
    """

    heading: str
    spanner: str = ""
    is_text: bool = False


@dataclass(frozen=True)
class Row:
    """A row of the body.

    Parameters
    ----------
    label : str
        The stub.
    cells : tuple of Cell
        One per column; a head of a section has none.
    indent : int
        How deep the label stands below others.
    marks : tuple of str
        Letters of the specific notes that the label points to.
    rule : bool
        A thin rule stands above the row.
    """

    label: str
    cells: tuple[Cell, ...] = ()
    indent: int = 0
    marks: tuple[str, ...] = ()
    rule: bool = False

    @property
    def is_section(self) -> bool:
        """Whether the row is the head of those that follow."""
        return not self.cells


@dataclass(frozen=True)
class Spanned:
    """A run of columns below one spanner: the first, how many, what stands above them."""

    start: int
    width: int
    text: str


@dataclass(frozen=True)
class NoteRun:
    """A piece of a note: marked text, or a raised letter."""

    text: str
    is_raised: bool = False


@dataclass(frozen=True)
class TableParts:
    """A table as it is printed.

    Parameters
    ----------
    number : str
        What the paper calls it; empty for a table that bears none.
    title : str
    stub : str
        Head of the first column.
    columns : tuple of Head
        Those beside the stub.
    rows : tuple of Row
    general : str
        The general note, without the word *Note*.
    specific : tuple of (str, str)
        Letters, and what each says.
    probability : str
        What the stars mean.
    source : tuple of str
        Tables of the report that hold the same numbers.

    Raises
    ------
    UsageError
        A row has not as many cells as there are columns, or a note is pointed to and not there.
    """

    number: str
    title: str
    stub: str
    columns: tuple[Head, ...]
    rows: tuple[Row, ...]
    general: str = ""
    specific: tuple[tuple[str, str], ...] = ()
    probability: str = ""
    source: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse rows that do not fit the head, and letters without a note."""
        for row in self.rows:
            if not row.is_section and len(row.cells) != len(self.columns):
                found = f"{len(row.cells)} cells, and there are {len(self.columns)} columns"
                raise UsageError(f"table {self.number or self.title!r}: row {row.label!r} has {found}.")
        known = {letter for letter, _ in self.specific}
        used = {letter for row in self.rows for marks in (row.marks, *(c.marks for c in row.cells)) for letter in marks}
        if used - known:
            raise UsageError(f"table {self.number or self.title!r}: no note bears the letter {min(used - known)!r}.")

    @property
    def name(self) -> str:
        """Name of its files, without suffix."""
        return f"table_{self.number}" if self.number else "table"

    @property
    def caption(self) -> str:
        """``Table 3``, or nothing for a table without a number."""
        return f"Table {self.number}" if self.number else ""

    @property
    def spanners(self) -> tuple[Spanned, ...]:
        """Runs of columns, those without a spanner with an empty text; nothing where no column has one."""
        if not any(column.spanner for column in self.columns):
            return ()
        runs, start = [], 0
        for text, columns in groupby(self.columns, key=lambda column: column.spanner):
            width = len(list(columns))
            runs.append(Spanned(start, width, text))
            start += width
        return tuple(runs)

    @property
    def notes(self) -> tuple[tuple[NoteRun, ...], ...]:
        """The paragraphs below the table: the general note, the specific ones, what the stars mean."""
        paragraphs: list[tuple[NoteRun, ...]] = []
        if self.general:
            paragraphs.append((NoteRun(f"*Note.* {self.general}"),))
        if self.specific:
            last = len(self.specific) - 1
            runs = [
                run
                for at, (letter, text) in enumerate(self.specific)
                for run in (NoteRun(letter, True), NoteRun(text if at == last else f"{text} "))
            ]
            paragraphs.append(tuple(runs))
        if self.probability:
            paragraphs.append((NoteRun(self.probability),))
        return tuple(paragraphs)

    def texts(self) -> tuple[str, ...]:
        """Every printed text of head and body, for comparing one form with another."""
        heads = (text for column in self.columns for text in (column.spanner, column.heading))
        body = (text for row in self.rows for text in (row.label, *(cell.text for cell in row.cells)))
        return tuple(dict.fromkeys(filter(None, (self.stub, *heads, *body))))


def heading_lines(heading: str, letters: int) -> list[str]:
    """Break a heading at its blanks, so that no line has more letters than the column has, or its longest word.

    Examples
    --------
    >>> heading_lines("ICC, coded twice", 5), heading_lines("95% CI", 10)
    (['ICC,', 'coded', 'twice'], ['95% CI'])
    """
    words = heading.split(" ")
    if any(word.count("*") % 2 for word in words):  # marks of italics around several words
        return [heading]
    room = max([letters, *(len(word.replace("*", "")) for word in words)])
    lines = [words[0]]
    for word in words[1:]:
        longer = f"{lines[-1]} {word}"
        if len(longer.replace("*", "")) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def kept(cells: Sequence[Cell]) -> list[tuple[int, Cell]]:
    """Cells with their places, without those that a wider one before them covers.

    Examples
    --------
    >>> [place for place, _ in kept([Cell(1.0, span=2), Cell(), Cell(3.0)])]
    [0, 2]
    """
    found, covered = [], 0
    for place, cell in enumerate(cells):
        if place >= covered:
            found.append((place, cell))
            covered = place + cell.span
    return found
