from __future__ import annotations

import re
import zipfile
from pathlib import Path

import openpyxl
import pytest

from doublecode.coding.reading.incoming import read_workbook
from doublecode.coding.workbooks.mark import please_fix_path, write_redpen
from doublecode.schemas.errors import UsageError
from doublecode.schemas.problems import Problem

NAME = "R1_thabs_batch01.xlsx"
YELLOW, RED = "00FFFF66", "00FF9999"


def cells_of(path: Path) -> dict[tuple[str, str], object]:
    workbook = openpyxl.load_workbook(path)
    return {
        (sheet.title, cell.coordinate): cell.value
        for sheet in workbook.worksheets
        if sheet.title != "Problems"
        for row in sheet.iter_rows()
        for cell in row
        if cell.value is not None
    }


@pytest.fixture
def marked(study, filled):
    path = filled(
        NAME,
        {(5, "rationale"): 7, (6, "rationale"): None, (7, "rationale"): "3 "},
        comments={},
    )
    ids = openpyxl.load_workbook(path)["Rate"]
    filled(NAME, {(5, "rationale"): 7, (6, "rationale"): None, (7, "rationale"): "3 "},
           comments={(ids["A5"].value, "rationale"): "unsure"})  # fmt: skip
    _, problems = read_workbook(path, study=study)
    return path, problems, write_redpen(path, problems)


def test_her_values_and_her_file_are_untouched(study, marked):
    path, problems, copy = marked
    assert copy.name == "R1_thabs_batch01_please_fix.xlsx"
    assert cells_of(copy) == cells_of(path)
    assert read_workbook(path, study=study)[1] == problems


def test_colours_and_notes_say_what_to_do(marked):
    _, _, copy = marked
    sheet = openpyxl.load_workbook(copy)["Rate"]
    assert sheet["F5"].fill.fgColor.rgb == RED
    assert sheet["F6"].fill.fgColor.rgb == YELLOW
    assert sheet["F7"].fill.fgColor.rgb not in (RED, YELLOW)
    assert "found 7, allowed 0–4 or IN/NR. Type an allowed value." in sheet["F5"].comment.text
    assert "your note: unsure" in sheet["F5"].comment.text
    assert "type the reason code" in sheet["F6"].comment.text


def test_what_is_refused_bears_a_sign_that_is_no_part_of_its_value(study, marked):
    """A number format shows it wherever the file is opened, also where no rule is calculated."""
    _, problems, copy = marked
    sheet = openpyxl.load_workbook(copy)["Rate"]
    assert sheet["F5"].number_format == '"✗ "General;"✗ "-General;"✗ "General;"✗ "@'
    assert "✗" not in sheet["F6"].number_format + sheet["F7"].number_format
    assert (sheet["F5"].value, sheet["F5"].data_type) == (7, "n")
    again = read_workbook(copy, study=study)[1]
    wrong = {(one.code, one.cell) for one in problems if one.severity == "error"}
    assert {(one.code, one.cell) for one in again if one.severity == "error"} == wrong
    last = [rule for one in sheet.conditional_formatting if str(one.sqref) == "F5" for rule in one.rules][-1]
    assert (last.formula, last.dxf.numFmt.formatCode) == (["NOT(F5=7)"], "General")
    twice = openpyxl.load_workbook(write_redpen(copy, [], copy.with_name("b.xlsx")))["Rate"]
    assert twice["F5"].number_format == "General"
    assert twice["F5"].value == 7


@pytest.mark.parametrize(
    ("code", "value"), [("General", "o.k."), ("0%", 3), ("@", "7"), ("dd/mm/yyyy", 45_000), ("[h]:mm", 0.5)]
)
def test_a_sign_leaves_a_cell_the_kind_that_it_is(study, filled, code, value):
    path = filled(NAME)
    workbook = openpyxl.load_workbook(path)
    cell = workbook["Rate"]["F5"]
    cell.value, cell.number_format = value, code
    workbook.save(path)
    _, problems = read_workbook(path, study=study)
    copy = write_redpen(path, [*problems, Problem("out_of_range", path.name, "Rate", "F5", "S, x", "?", "0–4")])
    marked = openpyxl.load_workbook(copy)["Rate"]["F5"]
    assert ("✗" in marked.number_format) == (code != "[h]:mm")
    again = read_workbook(copy, study=study)[1]
    assert [(one.code, one.cell, one.found) for one in again] == [(one.code, one.cell, one.found) for one in problems]
    twice = openpyxl.load_workbook(write_redpen(copy, [], copy.with_name("b.xlsx")))["Rate"]["F5"]
    assert twice.number_format == code


def test_the_list_of_problems_links_to_the_cells(marked):
    _, problems, copy = marked
    sheet = openpyxl.load_workbook(copy)["Problems"]
    rows = list(sheet.iter_rows(min_row=2, values_only=True))
    assert [row[1] for row in rows] == ["out_of_range", "missing_rating", "comment_found", "text_number"]
    assert len(rows) == len(problems)
    assert rows[0][0] == "Rate!F5"
    assert sheet["A2"].hyperlink.location == "'Rate'!F5" or sheet["A2"].hyperlink.target == "#'Rate'!F5"


def test_the_marked_file_can_be_mended_and_sent_back(study, marked):
    _, _, copy = marked
    workbook = openpyxl.load_workbook(copy)
    workbook["Rate"]["F5"] = 4
    workbook["Rate"]["F6"] = "IN"
    workbook.save(copy)
    ratings, problems = read_workbook(copy, study=study)
    assert [one.code for one in problems if one.severity == "error"] == []
    assert len(ratings) == (openpyxl.load_workbook(copy)["Rate"].max_row - 4) * 6
    again = write_redpen(
        copy, [Problem("missing_rating", copy.name, "Rate", "G5", "S, reactions")], copy.with_name("b.xlsx")
    )
    sheet = openpyxl.load_workbook(again)["Rate"]
    assert sheet["G5"].fill.fgColor.rgb == YELLOW
    assert sheet["F6"].fill.fgColor.rgb != YELLOW
    assert sheet["F6"].comment is None
    assert sheet["F5"].comment.text == "unsure"
    assert [row[1] for row in openpyxl.load_workbook(again)["Problems"].iter_rows(min_row=2, values_only=True)] == [
        "missing_rating"
    ]


def test_two_problems_in_one_cell_share_a_note(filled, tmp_path):
    path = filled(NAME)
    problems = [
        Problem("out_of_range", path.name, "Rate", "E5", "S, x", "7", "0–4"),
        Problem("comment_found", path.name, "Rate", "E5", "", "?"),
        Problem("hidden_rows", path.name, "Rate", "E5", "", "row 5"),
        Problem("out_of_range", "other.xlsx", "Rate", "E6", "S, x", "7", "0–4"),
    ]
    sheet = openpyxl.load_workbook(write_redpen(path, problems, tmp_path / "m.xlsx"))["Rate"]
    assert sheet["E5"].comment.text.count("[doublecode]") == 1
    assert "found 7" in sheet["E5"].comment.text
    assert "hidden: row 5" in sheet["E5"].comment.text
    assert sheet["E6"].comment is None


def test_a_text_that_looks_like_a_formula_stays_a_text(filled, tmp_path):
    path = filled(NAME)
    problem = Problem("not_a_number", path.name, "Rate", "E5", "=HYPERLINK(1)", "=1+1\x07", "0–4")
    sheet = openpyxl.load_workbook(write_redpen(path, [problem], tmp_path / "m.xlsx"))["Problems"]
    assert sheet["C2"].data_type == "s"
    assert str(sheet["C2"].value).startswith("=HYPERLINK(1): found =1+1,")


def test_a_file_that_cannot_be_opened_comes_back_as_a_list(tmp_path):
    path = tmp_path / "R1.xlsx"
    path.write_bytes(b"%PDF")
    problems = read_workbook(path)[1]
    workbook = openpyxl.load_workbook(write_redpen(path, problems))
    assert workbook.sheetnames == ["Problems"]
    assert workbook["Problems"]["B2"].value == "not_a_workbook"


def test_a_sheet_that_would_fill_the_memory_comes_back_as_a_list(filled, study):
    path = filled(NAME)
    workbook = openpyxl.load_workbook(path)
    workbook["Rate"]["XFD1048576"] = 1
    workbook.save(path)
    problems = read_workbook(path, study=study)[1]
    assert [one.code for one in problems] == ["too_large"]
    assert openpyxl.load_workbook(write_redpen(path, problems)).sheetnames == ["Problems"]


def test_a_damaged_part_costs_the_looks_not_the_values(filled, study, tmp_path):
    path = filled(NAME, {(5, "rationale"): 7})
    with zipfile.ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    parts["docProps/core.xml"] = b"<not closed"
    with zipfile.ZipFile(path, "w") as new:
        for name, data in parts.items():
            new.writestr(name, data)
    ratings, problems = read_workbook(path, study=study)
    copy = write_redpen(path, problems, tmp_path / "m.xlsx")
    assert openpyxl.load_workbook(copy)["Rate"]["F5"].fill.fgColor.rgb == RED
    back, again = read_workbook(copy, study=study)
    assert back[["session_id", "item", "value"]].equals(ratings[["session_id", "item", "value"]])
    assert [one.code for one in again] == ["out_of_range"]


def test_the_target_is_never_the_file_itself(filled, tmp_path):
    path = filled(NAME)
    with pytest.raises(UsageError, match="would replace the rater's file"):
        write_redpen(path, [], path)
    copy = write_redpen(path, [])
    with pytest.raises(UsageError, match="not overwritten"):
        write_redpen(path, [], overwrite=False)
    assert please_fix_path(copy) == copy


def saved_by_excel(path: Path) -> None:
    """Move the drop-downs into the extension where Excel keeps those whose list stands on another sheet."""
    parts = {}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            parts[name] = archive.read(name)
    for name in [one for one in parts if one.startswith("xl/worksheets/sheet")]:
        text = parts[name].decode()
        found = re.search(r"<dataValidations\b.*?</dataValidations>", text, re.DOTALL)
        if found is None:
            continue
        moved = re.sub(
            r'<dataValidation\b([^>]*?) sqref="([^"]*)"([^>]*)>\s*<formula1>=?(.*?)</formula1>\s*</dataValidation>',
            r"<x14:dataValidation\1\3><x14:formula1><xm:f>\4</xm:f></x14:formula1><xm:sqref>\2</xm:sqref></x14:dataValidation>",
            found[0],
            flags=re.DOTALL,
        )
        moved = re.sub(r"<dataValidation\b.*?(/>|</dataValidation>)", "", moved, flags=re.DOTALL)
        office = "http://schemas.microsoft.com/office"
        tail = (
            f'<extLst><ext uri="{{CCE6A557-97BC-4b89-ADB6-D9C93CAAB3DF}}" '
            f'xmlns:x14="{office}/spreadsheetml/2009/9/main" xmlns:xm="{office}/excel/2006/main">'
            f"{moved.replace('dataValidations', 'x14:dataValidations')}</ext></extLst></worksheet>"
        )
        parts[name] = text.replace(found[0], "").replace("</worksheet>", tail).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)


def choices_of(path: Path) -> dict[str, tuple[object, ...]]:
    checked = openpyxl.load_workbook(path)["Rate"].data_validations.dataValidation
    return {
        str(one.sqref): (one.formula1.lstrip("="), one.error, one.prompt, one.showErrorMessage)
        for one in checked
        if one.formula1 and one.type == "list"
    }


@pytest.mark.filterwarnings("ignore:Data Validation extension")
def test_a_marked_copy_keeps_the_drop_downs_that_excel_put_into_its_extension(study, filled):
    path = filled(NAME, {(5, "rationale"): 7})
    before = choices_of(path)
    assert len(before) >= 2
    saved_by_excel(path)
    assert choices_of(path) == {}
    _, problems = read_workbook(path, study=study)
    assert [one.code for one in problems] == ["out_of_range"]
    assert choices_of(write_redpen(path, problems)) == before


def boxes_of(path: Path) -> list[list[str]]:
    with zipfile.ZipFile(path) as archive:
        drawings = [archive.read(name).decode() for name in archive.namelist() if name.endswith(".vml")]
    return [re.findall(r"width:\d+px;height:\d+px", text) for text in drawings]


def test_a_marked_copy_keeps_the_size_of_every_note(study, filled):
    path = filled(NAME, {(5, "rationale"): 7})
    sent = boxes_of(study.folder / "outgoing" / NAME)
    assert boxes_of(path) == sent
    assert len(set(sent[0])) > 1
    _, problems = read_workbook(path, study=study)
    (marked,) = boxes_of(write_redpen(path, problems))
    assert len(marked) == len(sent[0]) + 1
    assert not [one for one in sent[0] if one not in marked]
