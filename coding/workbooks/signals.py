"""Colours, frames and signs by which a *Rate* sheet shows what is done, missing or not allowed.

None stands on colour alone: a session that is done has ✓ before its id, one that was begun …, a cell with
something that is not allowed shows ✗, a missing cell has a dashed frame. Blue and orange are told apart
with every common kind of colour-blindness, and by their lightness in a grey print.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from doublecode.coding.workbooks.error_sign import REFUSED, with_sign
from doublecode.coding.workbooks.formulas import (
    FIRST,
    LONGEST,
    Grid,
    begun_rule,
    done_rule,
    missing_rules,
    refused_rules,
    skipped_rule,
    wrong_rule,
)
from doublecode.coding.workbooks.layout import SESSION

if TYPE_CHECKING:
    from openpyxl.formatting.rule import Rule
    from openpyxl.worksheet.worksheet import Worksheet

DONE, BEGUN = "✓", "…"
_BLUE, _ORANGE, _DARK, _GREY = "5B9BD5", "F8CBAD", "C00000", "D9D9D9"


def add_signals(sheet: Worksheet, grid: Grid) -> None:
    """Add the rules of conditional formatting to a *Rate* sheet; where two hold, the first is shown."""
    for name, formula in refused_rules(grid):
        _add(sheet, grid, name, formula, _rule(_DARK, sign=REFUSED, letters="FFFFFF"))
    for name, formula in missing_rules(grid):
        _add(sheet, grid, name, formula, _rule(_ORANGE, frame=True))
    for name in grid.rated:
        _add(sheet, grid, name, skipped_rule(grid), _rule(_GREY))
    _add(sheet, grid, SESSION, wrong_rule(grid), _rule(_DARK, sign=REFUSED, letters="FFFFFF"))
    _add(sheet, grid, SESSION, done_rule(grid), _rule(_BLUE, sign=DONE))
    _add(sheet, grid, SESSION, begun_rule(grid), _rule(_ORANGE, sign=BEGUN))


def _add(sheet: Worksheet, grid: Grid, name: str, formula: str, rule: Rule) -> None:
    if len(formula) > LONGEST:
        return
    letter = grid.letter(name)
    rule.formula = [formula]
    sheet.conditional_formatting.add(f"{letter}{FIRST}:{letter}{grid.last}", rule)


def _rule(colour: str, *, sign: str = "", letters: str | None = None, frame: bool = False) -> Rule:
    from openpyxl.formatting.rule import Rule
    from openpyxl.styles import Border, Font, PatternFill, Side
    from openpyxl.styles.differential import DifferentialStyle
    from openpyxl.styles.numbers import NumberFormat

    line = Side(style="dashed", color="833C0B")
    style = DifferentialStyle(
        fill=PatternFill("solid", bgColor=colour, fgColor=colour),
        font=Font(color=letters) if letters else None,
        border=Border(left=line, right=line, top=line, bottom=line) if frame else None,
        numFmt=NumberFormat(numFmtId=170 + "✓…✗".index(sign), formatCode=with_sign("General", sign)) if sign else None,
    )
    return Rule(type="expression", dxf=style, stopIfTrue=True)
