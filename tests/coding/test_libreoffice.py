"""Workbooks that a real LibreOffice opened and saved (tests/reference/libreoffice_workbooks.py made them)."""

from __future__ import annotations

import math
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import openpyxl
import pytest

from doublecode.coding.reading.incoming import read_workbook
from doublecode.coding.workbooks.mark import write_redpen
from doublecode.schemas.problems import Problem

REFERENCE = Path(__file__).parents[1] / "reference"


def filled_in() -> dict[tuple[str, str], int | str]:
    spec = spec_from_file_location("libreoffice_workbooks", REFERENCE / "libreoffice_workbooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    cells: dict[tuple[str, str], int | str] = module.CELLS
    return cells


@pytest.mark.parametrize("suffix", ["xlsx", "ods"])
def test_what_libreoffice_saves_reads_as_it_was_filled_in(suffix):
    path = REFERENCE / f"libreoffice_ghes.{suffix}"
    ratings, problems = read_workbook(path)
    assert [(one.code, one.sheet, one.cell) for one in problems] == [
        ("comment_found", "Rate", "L6"), ("text_number", "Rate", "G8"),
    ]  # fmt: skip
    rows = ratings.set_index(["session_id", "item"])
    cells = filled_in()
    assert len(rows) == len(cells) + 4
    for (session, item), code in cells.items():
        row = rows.loc[session, item]
        if isinstance(code, int):
            assert row["value"] == code
        elif item == "homework_done":
            assert row["text"] == code
        elif code == "3 ":
            assert row["value"] == 3
        else:
            assert row["missing_code"] == code
            assert math.isnan(row["value"])
    assert rows.loc["001", "homework_given"]["text"] == "diary"


def test_the_red_pen_marks_an_ods_as_xlsx(tmp_path):
    path = REFERENCE / "libreoffice_ghes.ods"
    problem = Problem("out_of_range", path.name, "Rate", "G5", "S-7KQ2, extent", "7", "0–4")
    copy = write_redpen(path, [problem], tmp_path / "marked.xlsx")
    before, _ = read_workbook(path)
    after, problems = read_workbook(copy)
    assert [one.code for one in problems] == ["comment_found", "text_number"]
    keys = ["session_id", "item", "value", "text", "missing_code"]
    assert after[keys].equals(before[keys])
    sheet = openpyxl.load_workbook(copy)["Rate"]
    assert "found 7" in sheet["G5"].comment.text
