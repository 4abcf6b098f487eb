"""A mark takes the live signs off its own cell and off no other."""

from __future__ import annotations

import pytest
from openpyxl import Workbook
from openpyxl.formatting.rule import FormulaRule
from openpyxl.styles import PatternFill

from doublecode.coding.workbooks.uncovered import uncover

FILL = PatternFill("solid", bgColor="FF0000")


def formats(sheet):
    return {
        str(one.sqref): [rule.formula[0] for rule in one.rules] for one in sheet.conditional_formatting
    }  # fmt: skip


@pytest.fixture
def sheet():
    sheet = Workbook().worksheets[0]
    sheet.conditional_formatting.add("E5:E9", FormulaRule(formula=['AND($E5="",$K5<>"")'], fill=FILL))
    sheet.conditional_formatting.add("F5:G9", FormulaRule(formula=['F5="x"'], fill=FILL))
    return sheet


def covered(sheet):
    cells = set()
    for one in sheet.conditional_formatting:
        for part in one.sqref.ranges:
            cells |= {f"{'ABCDEFGHIJ'[column - 1]}{row}" for row, column in part.cells}
    return cells


def test_every_other_cell_keeps_its_formats(sheet):
    before = covered(sheet)
    uncover(sheet, {"E7", "F5", "G9", "A1"})
    assert covered(sheet) == before - {"E7", "F5", "G9"}
    assert formats(sheet)["E5:E6 E8:E9"] == ['AND($E5="",$K5<>"")']


def test_a_rule_whose_first_cell_is_marked_reads_from_the_next(sheet):
    uncover(sheet, {"E5"})
    assert formats(sheet)["E6:E9"] == ['AND($E6="",$K6<>"")']
    assert formats(sheet)["F5:G9"] == ['F5="x"']


def test_a_box_without_its_corner_keeps_the_corner_for_its_rules(sheet):
    uncover(sheet, {"F5"})
    (where,) = [one for one in formats(sheet) if "F" in one]
    assert formats(sheet)[where] == ['F5="x"']


def test_marks_on_all_cells_leave_no_format(sheet):
    uncover(sheet, {f"E{row}" for row in range(5, 10)})
    assert list(formats(sheet)) == ["F5:G9"]
