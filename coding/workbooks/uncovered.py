"""Takes conditional formats off the cells that bear a mark; all other cells of the sheet keep theirs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openpyxl.formatting.rule import Rule
    from openpyxl.worksheet.worksheet import Worksheet

Box = tuple[int, int, int, int]
"""First column, first row, last column, last row."""


def uncover(sheet: Worksheet, cells: Collection[str]) -> None:
    """Take off what would hide the colours of some cells.

    Parameters
    ----------
    sheet : Worksheet
    cells : collection of str
        Places such as ``"F7"``.
    """
    from openpyxl.formatting.formatting import ConditionalFormattingList
    from openpyxl.utils import coordinate_to_tuple

    places = [(column, row) for row, column in map(coordinate_to_tuple, cells)]
    kept = ConditionalFormattingList()
    for formats in sheet.conditional_formatting:
        before: list[Box] = [one.bounds for one in formats.sqref.ranges]
        after = [part for box in before for part in _without(box, places)]
        if not after:
            continue
        where = " ".join(map(_named, after))
        for rule in formats.rules:
            kept.add(where, rule if after == before else _moved(rule, _corner(before), _corner(after)))
    sheet.conditional_formatting = kept


def _without(box: Box, places: Sequence[tuple[int, int]]) -> Iterator[Box]:
    """A box of cells, cut into boxes that hold none of the places."""
    left, top, right, bottom = box
    inside = next(((x, y) for x, y in places if left <= x <= right and top <= y <= bottom), None)
    if inside is None:
        yield box
        return
    x, y = inside
    parts = ((left, top, right, y - 1), (left, y, x - 1, y), (x + 1, y, right, y), (left, y + 1, right, bottom))
    for part in parts:
        if part[0] <= part[2] and part[1] <= part[3]:
            yield from _without(part, places)


def _corner(boxes: Sequence[Box]) -> tuple[int, int]:
    """The cell for which a rule is written: the first of all."""
    return min(box[0] for box in boxes), min(box[1] for box in boxes)


def _named(box: Box) -> str:
    from openpyxl.utils import get_column_letter

    first, last = f"{get_column_letter(box[0])}{box[1]}", f"{get_column_letter(box[2])}{box[3]}"
    return first if first == last else f"{first}:{last}"


def _moved(rule: Rule, before: tuple[int, int], after: tuple[int, int]) -> Rule:
    """A rule as it reads from another first cell."""
    from copy import copy

    from openpyxl.formula.translate import Translator

    if before == after or not rule.formula:
        return rule
    start, end = _named((*before, *before)), _named((*after, *after))
    moved = copy(rule)
    moved.formula = [Translator(f"={text}", start).translate_formula(end)[1:] for text in rule.formula]
    return moved
