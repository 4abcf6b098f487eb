"""Workbooks that went out with an older layout come back: `old_layout_thabs.xlsx` was written by the version before.

Synthetic: 16 sessions, filled in with the faults that the list below names.
"""

from __future__ import annotations

from pathlib import Path

import openpyxl

from doublecode.coding.reading.incoming import read_workbook
from doublecode.coding.workbooks.mark import write_redpen

OLD = Path(__file__).parent / "old_layout_thabs.xlsx"
FOUND = [
    ("missing_rating", "H6"), ("missing_rating", "I6"), ("missing_rating", "J6"), ("out_of_range", "E7"),
    ("half_point", "J7"), ("reason_missing", "L9"), ("status_contradicts", "K10"), ("missing_rating", "F11"),
    ("missing_rating", "G11"), ("missing_rating", "H11"), ("missing_rating", "I11"), ("note_found", "L11"),
    *(("row_empty", f"E{row}") for row in range(12, 21)),
]  # fmt: skip


def test_every_code_and_problem_is_what_the_version_before_read(tmp_path):
    ratings, problems = read_workbook(OLD)
    assert [(one.code, one.cell) for one in problems] == FOUND
    assert {one.sheet for one in problems} == {"Rate"}
    assert (len(ratings), ratings["value"].sum()) == (21, 69)
    assert ratings["missing_code"].value_counts().to_dict() == {"poor_sound": 6, "IN": 1}
    sheet = openpyxl.load_workbook(write_redpen(OLD, problems, tmp_path / "marked.xlsx"))["Rate"]
    yellow = {"missing_rating", "reason_missing", "row_empty"}
    for code, cell in FOUND:
        if code != "note_found":
            assert sheet[cell].fill.fgColor.rgb == ("00FFFF66" if code in yellow else "00FF9999"), cell
