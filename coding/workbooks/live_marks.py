"""Marks of the red pen that go when a cell is mended, beside the live formats of a *Rate* sheet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from doublecode.coding.workbooks.error_sign import without_sign
from doublecode.coding.workbooks.uncovered import uncover

if TYPE_CHECKING:
    from openpyxl.formatting.rule import Rule
    from openpyxl.worksheet.worksheet import Worksheet

_LONGEST: Final = 200
_OWN_FORMATS: Final = 180
"""Numbers of formats in rules begin here; those of the sheet's own signs lie below."""


def add_live_marks(sheet: Worksheet, marks: Mapping[str, str]) -> None:
    """Let marked cells keep their colour until their value changes; then the formats of the sheet show as elsewhere.

    Parameters
    ----------
    sheet : Worksheet
    marks : mapping of cell to colour
        The fills that stand in the cells already.

    Notes
    -----
    A rule above all others holds the colour while the value is the one that was sent, a rule below them takes the fill
    and the sign away afterwards. A value that no formula can be sure of, such as a date, keeps both for good: the
    formats that would hide them are taken off its cell.
    """
    from openpyxl.formatting.formatting import ConditionalFormattingList

    said = {cell: formula for cell in marks if (formula := unchanged(cell, sheet[cell].value))}
    uncover(sheet, marks.keys() - said.keys())
    kept = ConditionalFormattingList()
    for place, (cell, formula) in enumerate(said.items(), start=1):
        kept.add(cell, _rule(formula, marks[cell], place))
    last = len(said)
    for formats in sheet.conditional_formatting:
        for rule in formats.rules:
            rule.priority += len(said)
            last = max(last, rule.priority)
            kept.add(str(formats.sqref), rule)
    for place, (cell, formula) in enumerate(said.items(), start=last + 1):
        code = sheet[cell].number_format
        plain = without_sign(code)
        kept.add(cell, _rule(f"NOT({formula})", "FFFFFF", place, plain if plain != code else ""))
    sheet.conditional_formatting = kept


def _rule(formula: str, colour: str, priority: int, number_format: str = "") -> Rule:
    from openpyxl.formatting.rule import Rule
    from openpyxl.styles import PatternFill
    from openpyxl.styles.differential import DifferentialStyle
    from openpyxl.styles.numbers import NumberFormat, builtin_format_id

    known = builtin_format_id(number_format)
    style = DifferentialStyle(
        fill=PatternFill("solid", bgColor=colour, fgColor=colour),
        numFmt=NumberFormat(_OWN_FORMATS + priority if known is None else known, number_format)
        if number_format
        else None,
    )
    return Rule(type="expression", dxf=style, stopIfTrue=True, formula=[formula], priority=priority)


def unchanged(cell: str, value: Any) -> str:
    """A formula that is true while a cell holds a value; empty where none is sure.

    Examples
    --------
    >>> unchanged("F12", 7), unchanged("F12", None), unchanged("F12", 'n"a')
    ('F12=7', 'F12=""', 'EXACT(F12,"n""a")')
    """
    if value is None:
        return f'{cell}=""'
    if isinstance(value, bool):
        return f"{cell}={str(value).upper()}"
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return f"{cell}={int(value)}"
    if isinstance(value, str) and len(value) <= _LONGEST and value.isprintable() and value[:1] not in ("=", "#"):
        doubled = value.replace('"', '""')
        return f'EXACT({cell},"{doubled}")'
    return ""
