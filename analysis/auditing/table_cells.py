"""Tables in text: cells between bars, tabs or wide blanks, and rows under heads that name quantities."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from doublecode.analysis.auditing.grouped_values import Group
from doublecode.analysis.auditing.labelled_values import NOT_SIGNIFICANT, Labelled
from doublecode.analysis.auditing.printed_numbers import Printed
from doublecode.analysis.auditing.tokens import Kind, Token, tokens_of
from doublecode.analysis.auditing.vocabulary import Quantity, quantity_of

_GAP: Final = re.compile(r"[ ]{2,}|\t")
_RULE: Final = re.compile(r"[\s|:=+-]*")
_FEWEST_HEADS: Final = 3


@dataclass(frozen=True)
class Cell:
    """The text of a cell and where it begins."""

    text: str
    start: int
    tokens: tuple[Token, ...]

    @property
    def number(self) -> Printed | None:
        """Its number, where it holds one number and nothing else but a sign, stars or a per cent."""
        numbers = [token.number for token in self.tokens if token.kind is Kind.NUMBER and token.number]
        words = any(token.kind is Kind.WORD for token in self.tokens)
        return numbers[0] if len(numbers) == 1 and not words else None


Row = tuple[Cell, ...]


@dataclass(frozen=True)
class TextTable:
    """Rows of cells; the first one is the head."""

    rows: tuple[Row, ...]

    @property
    def place(self) -> tuple[int, int]:
        """Start and end in characters."""
        last = self.rows[-1][-1]
        return self.rows[0][0].start, last.start + len(last.text)


def tables_of(text: str, comma: bool) -> list[TextTable]:
    """Return the tables of a text with plain characters."""
    found: list[TextTable] = []
    rows: list[Row] = []
    at, bars = 0, False
    for line in [*text.split("\n"), ""]:
        cells = _cells(line, at, comma)
        at += len(line) + 1
        if cells is None and not (rows and line.strip() and _RULE.fullmatch(line)):
            if len(rows) > 1:
                found.append(TextTable(tuple(rows)))
            rows = []
        elif cells is not None:
            if rows and ("|" in line) != bars:
                rows = []
            bars = "|" in line
            rows.append(cells)
    return found


def _cells(line: str, at: int, comma: bool) -> Row | None:
    """The cells of a line; None for prose."""
    if not line.strip() or _RULE.fullmatch(line):
        return None
    if "|" in line:
        inner = line.strip().strip("|")
        pieces = list(_cut(inner, at + line.index(inner), re.compile(r"\|")))
    elif _GAP.search(line.strip()) and len(line) < 400:
        pieces = list(_cut(line.strip(" "), at + len(line) - len(line.lstrip(" ")), _GAP))
    elif _is_head(line):
        pieces = list(_cut(line.strip(), at + len(line) - len(line.lstrip()), re.compile(r" ")))
    else:
        pieces = list(_row_of_words(line, at))
    if len(pieces) < 2:
        return None
    return tuple(Cell(piece, start, tuple(tokens_of(piece, comma, start))) for piece, start in pieces)


def _cut(line: str, at: int, gap: re.Pattern[str]) -> Iterator[tuple[str, int]]:
    start = 0
    for match in gap.finditer(line):
        yield _stripped(line[start : match.start()], at + start)
        start = match.end()
    yield _stripped(line[start:], at + start)


def _stripped(piece: str, at: int) -> tuple[str, int]:
    return piece.strip(), at + len(piece) - len(piece.lstrip())


def _is_head(line: str) -> bool:
    words = line.split()
    named = [word for word in words if word == "%" or quantity_of(word)]
    return len(named) >= _FEWEST_HEADS and len(words) - len(named) <= 1 and words[-len(named) :] == named


_ENTRIES: Final = re.compile(r"(?:[<>=]\s?)?-?\s?[\d.,]*\d(?:\s|$)|n\.?s\.?(?:\s|$)|-(?:\s|$)")


def _row_of_words(line: str, at: int) -> Iterator[tuple[str, int]]:
    """A row as PDF text has it: words, then numbers with one blank between."""
    match = re.match(r"\s*((?:\d{1,2}\.\s)?[^\W\d_][^\d=<>;()]*?)\s+(?=[-<>.,\d])", line)
    if match is None or len(line) > 200:
        return
    rest = line[match.end() :]
    entries = list(_ENTRIES.finditer(rest))
    if len(entries) < 2 or "".join(one[0] for one in entries) != rest:
        return
    yield match[1], at + match.start(1)
    for one in entries:
        yield one[0].strip(), at + match.end() + one.start()


def groups_of_table(table: TextTable) -> list[Group]:
    """Return a group for each row under heads that name at least three quantities."""
    heads = [_quantity(cell) for cell in table.rows[0]]
    named = [place for place, one in enumerate(heads) if one is not None]
    if len(named) < _FEWEST_HEADS:
        return []
    return [group for row in table.rows[1:] if (group := _group(row, heads)) is not None]


def _quantity(cell: Cell) -> Quantity | None:
    if cell.text == "%":
        return Quantity.SHARE
    words = [token.text for token in cell.tokens if token.kind is Kind.WORD]
    named = quantity_of(words[0], words[1] if len(words) > 1 else "") if words else None
    return named[0] if named is not None and named[1] == len(words) else None


def _group(row: Row, heads: Sequence[Quantity | None]) -> Group | None:
    if len(row) != len(heads):
        return None
    values = [_value(cell, head) for cell, head in zip(row, heads, strict=True) if head is not None]
    filled = tuple(value for value in values if value is not None)
    if len(filled) < 2:
        return None
    return Group(filled, row[0].start, row[-1].start + len(row[-1].text), in_table=True)


def _value(cell: Cell, head: Quantity) -> Labelled | None:
    sign = next((token.text for token in cell.tokens if token.kind is Kind.SIGN), "=")
    if head is Quantity.P and cell.text.lower().strip(" =") in NOT_SIGNIFICANT:
        return Labelled(head, Printed("0.05", cell.start, cell.start + len(cell.text)), ">", 0, 0)
    number = cell.number
    if number is None:
        return None
    dfs = (number,) if head is Quantity.DF else ()
    return Labelled(head, number, sign, 0, 0, dfs)
