"""Workbooks that a real LibreOffice saved, or typed into; two scripts in tests/reference made them."""

from __future__ import annotations

import math
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import openpyxl
import pytest

from doublecode.coding.reading.incoming import read_workbook
from doublecode.coding.workbooks.mark import write_redpen
from doublecode.schemas.problems import Problem

REFERENCE = Path(__file__).parents[1] / "reference"


def script(name: str) -> ModuleType:
    spec = spec_from_file_location(name, REFERENCE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def filled_in() -> dict[tuple[str, str], int | str]:
    cells: dict[tuple[str, str], int | str] = script("libreoffice_workbooks").CELLS
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


@pytest.mark.parametrize("suffix", ["xlsx", "ods"])
def test_what_is_typed_in_libreoffice_in_german_is_read_and_handed_back(suffix, tmp_path):
    made = script("libreoffice_typed")
    path = REFERENCE / f"libreoffice_thabs_de.{suffix}"
    ratings, problems = read_workbook(path)
    found = {(one.subject, one.code) for one in problems if one.severity == "error"}
    assert found == {(f"{session}, {item}", code) for (session, item), (_, code) in made.PLANTED.items()}
    assert [(one.code, one.sheet, one.cell) for one in problems if one.severity != "error"] == [
        ("note_found", "Bewerten", "L6")
    ]
    told = {
        (row.session_id, row.item): row.missing_code if isinstance(row.missing_code, str) else f"{row.value:g}"
        for row in ratings.itertuples()
    }
    typed = {place: text for place, text in made.TYPED.items() if place[1] in made.ITEMS and place not in made.PLANTED}
    assert told == typed | {(made.IDS[4], item): "poor_sound" for item in made.ITEMS}
    marked = openpyxl.load_workbook(write_redpen(path, problems, tmp_path / "marked.xlsx"))
    assert marked.sheetnames[:3] == ["Probleme", "Lies mich", "Bewerten"]
    cells = {one.cell: one.code for one in problems if one.severity == "error"}
    colours = {cell: marked["Bewerten"][cell].fill.fgColor.rgb for cell in cells}
    assert colours == {cell: "00FFFF66" if code == "missing_rating" else "00FF9999" for cell, code in cells.items()}


def test_checks_and_signs_survive_libreoffice():
    workbook = openpyxl.load_workbook(REFERENCE / "libreoffice_thabs_de.xlsx")
    sheet = workbook["Bewerten"]
    assert str(sheet["A1"].value).startswith("=")
    assert workbook["Stamp"].sheet_state != "visible"
    formats = [rule.dxf.numFmt.formatCode for one in sheet.conditional_formatting for rule in one.rules
               if rule.dxf and rule.dxf.numFmt]  # fmt: skip
    assert all(any(sign in code for code in formats) for sign in "✓…✗")
    assert {rule.type for rule in sheet.data_validations.dataValidation} >= {"list", "custom"}
    assert sheet.print_title_rows == "$3:$4"
