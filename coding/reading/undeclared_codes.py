"""Numbers that look like undeclared codes for a missing value: one question, not an error for each cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from doublecode.coding.reading.cells import show_number
from doublecode.schemas.instrument import Instrument
from doublecode.schemas.problems import Problem

_FEWEST: Final = 2
_MOST_NAMED: Final = 4


def ask_for_codes(
    problems: Sequence[Problem], suspects: Mapping[float, Sequence[Problem]], books: Mapping[str, Instrument]
) -> list[Problem]:
    """Put one question in the place of the problems of all cells that hold the same suspicious number.

    Parameters
    ----------
    problems : sequence of Problem
    suspects : mapping of float to sequence of Problem
        Number → the problems among these that its cells are.
    books : mapping of str to Instrument
        Whose missing codes the number may be kept under.
    """
    many = {number: cells for number, cells in suspects.items() if len(cells) >= _FEWEST}
    gone = {id(one) for cells in many.values() for one in cells}
    codes = list(dict.fromkeys(code for book in books.values() for code in book.missing_codes))
    asked = [_question(show_number(number), cells, codes) for number, cells in many.items()]
    return [*asked, *(one for one in problems if id(one) not in gone)]


def _question(number: str, cells: Sequence[Problem], codes: Sequence[str]) -> Problem:
    named = "; ".join(one.cell for one in cells[:_MOST_NAMED]) + ("; …" if len(cells) > _MOST_NAMED else "")
    others = f" (or {', '.join(codes[1:])})" if len(codes) > 1 else ""
    option = f"--missing {number}" + (f"={codes[0]}{others}" if codes else "")
    first = cells[0]
    found = f"{number} in {len(cells)} cells ({named})"
    return Problem("undeclared_code", first.file, first.sheet, found=found, allowed=option)
