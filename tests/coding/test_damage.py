"""What happens to workbooks on the way: every damage is found at its cell, and nothing is dropped in silence."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.comments import Comment

from doublecode.coding.cli import hand_back
from doublecode.coding.reading.incoming import read_workbook
from doublecode.schemas.problems import Problem
from doublecode.schemas.study import Study

NAME = "R1_thabs_batch01.xlsx"
GHES = "R1_ghes_batch01.xlsx"
LOG = "R1_homework_log_batch01.xlsx"


def damaged(path: Path, change: Any) -> Path:
    workbook = openpyxl.load_workbook(path)
    change(workbook["Rate"])
    workbook.save(path)
    return path


def places(problems: list[Problem]) -> list[tuple[str, str, str]]:
    return [(one.code, one.cell, one.found) for one in problems]


def check(study: Study, path: Path) -> tuple[list[tuple[str, str, str]], Any]:
    """Read a file, hand it back, and hold the marked copy to what was found."""
    ratings, problems = read_workbook(path, study=study)
    errors = [one for one in problems if one.severity == "error"]
    copies = hand_back([path], problems, path.parent.parent / "please_fix", overwrite=True, study=study)
    assert len(copies) == bool(errors)
    for copy in copies:
        workbook = openpyxl.load_workbook(copy)
        listed = [row[1] for row in workbook["Problems"].iter_rows(min_row=2, values_only=True)]
        assert sorted(listed) == sorted(one.code for one in problems)
        for one in errors:
            if one.cell:
                assert one.next_step in workbook[one.sheet][one.cell].comment.text
        again = {(one.code, one.cell) for one in read_workbook(copy, study=study)[1] if one.severity == "error"}
        assert again == {(one.code, one.cell) for one in errors}
    return places(problems), ratings


@pytest.mark.parametrize("shown", ["#N/A", "#REF!", "#DIV/0!", "#VALUE!"])
def test_an_error_value_is_named_and_is_no_empty_cell(study, filled, shown):
    found, ratings = check(study, damaged(filled(NAME), lambda sheet: sheet.__setitem__("F5", shown)))
    assert found == [("error_cell", "F5", shown)]
    assert "F5" not in set(ratings["source_cell"])
    sent = openpyxl.load_workbook(study.folder / "outgoing" / NAME)["Rate"]["A5"].value

    def change(sheet: Any) -> None:
        sheet["A5"], sheet["K6"], sheet["L7"] = shown, shown, shown

    found, ratings = check(study, damaged(filled(NAME), change))
    assert found == [
        ("row_missing", "", sent), ("unknown_session", "A5", shown), ("out_of_range", "K6", f'"{shown}"'),
        ("note_found", "L7", f'"{shown}"'),
    ]  # fmt: skip


def test_an_error_value_in_an_optional_cell_or_a_text(study, filled):
    path = damaged(filled(LOG), lambda sheet: sheet.__setitem__("G5", "#N/A"))
    assert check(study, path)[0] == [("error_cell", "G5", "#N/A")]
    path = damaged(filled(GHES), lambda sheet: sheet.__setitem__("F5", "#NAME?"))
    assert check(study, path)[0] == [("error_cell", "F5", "#NAME?")]


@pytest.mark.parametrize("style", ["0%", "0.00%", "0.0 %"])
def test_a_percentage_is_no_code(study, filled, style):
    def change(sheet: Any) -> None:
        for cell in ("F5", "J5"):
            sheet[cell].value, sheet[cell].number_format = 1, style
        sheet["F6"].number_format = '0"%"'
        sheet["E6"].number_format = style
        sheet["E6"].value = None

    found, _ = check(study, damaged(filled(NAME), change))
    assert found == [
        ("not_a_number", "F5", '"100%"'), ("not_a_number", "J5", '"100%"'), ("missing_rating", "E6", ""),
    ]  # fmt: skip
    assert check(study, damaged(filled(GHES), lambda sheet: percent(sheet["F5"], style)))[0] == []
    ratings = read_workbook(study.folder / "incoming" / GHES, study=study)[0]
    assert ratings.set_index("source_cell").loc["F5", "text"] == "50%"


def percent(cell: Any, style: str) -> None:
    cell.value, cell.number_format = 0.5, style


def test_a_status_that_is_a_formula_is_not_passed_over(study, filled):
    path = damaged(filled(NAME), lambda sheet: sheet.__setitem__("K5", '="poor_sound"'))
    found, ratings = check(study, path)
    assert found == [("out_of_range", "K5", '"="poor_sound""')]
    assert not ratings["source_cell"].str.endswith("5").any()


def test_another_reason_has_to_be_said(study, filled):
    empty = {(5, item.name): None for item in study.codebooks["thabs"].columns}
    found, ratings = check(study, filled(NAME, {**empty, (5, "status"): "Other "}))
    assert found == [("reason_missing", "L5", "other")]
    found, ratings = check(study, filled(NAME, {**empty, (5, "status"): "Other ", (5, "notes"): "a crisis"}))
    assert found == [("text_number", "K5", '"Other "'), ("note_found", "L5", '"a crisis"')]
    assert set(ratings.loc[ratings["source_cell"].str.endswith("5"), "missing_code"]) == {"other"}


def test_blanks_around_an_id_are_listed_and_strange_letters_shown(study, filled):
    def change(sheet: Any) -> None:
        sheet["A5"] = f" {sheet['A5'].value}\u00a0"
        sheet["A6"] = f"{sheet['A6'].value}\u200b"
        sheet["A7"] = str(sheet["A7"].value).lower()

    path = filled(NAME)
    ids = [openpyxl.load_workbook(path)["Rate"].cell(row, 1).value for row in (5, 6, 7)]
    found, ratings = check(study, damaged(path, change))
    assert found == [
        ("text_number", "A5", f'" {ids[0]}⟨U+00A0⟩"'), ("text_number", "A6", f'"{ids[1]}⟨U+200B⟩"'),
        ("unknown_session", "A7", ids[2].lower()),
    ]  # fmt: skip
    lines = [str(one) for one in read_workbook(path, study=study)[1]]
    assert f"the nearest is {ids[2]}. Put the id back; empty the row if it is no session." in lines[2]
    assert {ids[0], ids[1]} <= set(ratings["session_id"])


def test_rows_in_another_order_are_read_by_their_ids_and_reported(study, filled):
    before, _ = read_workbook(filled(NAME), study=study)

    def sort(sheet: Any) -> None:
        rows = sorted([cell.value for cell in row] for row in sheet.iter_rows(min_row=5))
        for number, values in enumerate(rows, start=5):
            for column, value in enumerate(values, start=1):
                sheet.cell(number, column).value = value

    path = damaged(study.folder / "incoming" / NAME, sort)
    found, after = check(study, path)
    assert [code for code, _, _ in found] == ["rows_moved"]
    keys = ["session_id", "item"]
    assert before.set_index(keys)["value"].sort_index().equals(after.set_index(keys)["value"].sort_index())
    assert read_workbook(path)[1] == []


def test_what_stands_beside_the_table_is_listed(study, filled):
    def change(sheet: Any) -> None:
        sheet["P6"], sheet["P8"], sheet["Q3"] = "not sure", 2, "a title"
        sheet.merge_cells("R20:S21")

    assert check(study, damaged(filled(NAME), change))[0] == [("stray_cell", "P6", '"not sure" and 1 more below')]


def test_merged_ids_are_one_problem(study, filled):
    path = filled(NAME)
    lost = openpyxl.load_workbook(path)["Rate"]["A7"].value
    found, _ = check(study, damaged(path, lambda sheet: sheet.merge_cells("A6:A7")))
    assert found == [("row_missing", "", lost), ("merged_cells", "A6", "A6:A7")]


@pytest.mark.parametrize(
    ("title", "cells", "code"),
    [
        ("Rate Copy", ["session_id", "rationale"], "extra_sheet"),
        ("Sheet1", [], ""),
        ("Sheet1", ["id", "PHQ-9 total"], "blinding_breach"),
        ("outcomes", [], "blinding_breach"),
    ],
)
def test_other_sheets(study, filled, title, cells, code):
    path = filled(NAME)
    workbook = openpyxl.load_workbook(path)
    sheet = workbook.create_sheet(title)
    for column, value in enumerate(cells, start=1):
        sheet.cell(3, column).value = value
    workbook.save(path)
    problems = read_workbook(path, study=study)[1]
    assert [(one.code, one.sheet) for one in problems] == ([(code, title)] if code else [])


@pytest.mark.parametrize("name", ["Rate (2)", "Rate ", "rating"])
def test_a_renamed_sheet_comes_back_with_the_list(study, filled, name):
    path = filled(NAME)
    workbook = openpyxl.load_workbook(path)
    workbook["Rate"].title = name
    workbook.save(path)
    found, ratings = check(study, path)
    assert [code for code, _, _ in found] == ["sheet_missing"]
    assert f'"{name}"' in found[0][2]
    assert ratings.empty


def rewrite(path: Path, change: Any) -> Path:
    with zipfile.ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    parts = {name: change(name, data) for name, data in parts.items()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in parts.items():
            new.writestr(name, data)
    return path


def test_a_strict_workbook_keeps_her_values_in_the_marked_copy(study, filled):
    """Excel's "Strict Open XML Spreadsheet" has namespaces of its own."""
    path = rewrite(
        filled(NAME, {(5, "rationale"): 7}),
        lambda name, data: data.replace(
            b"http://schemas.openxmlformats.org/spreadsheetml/2006/main",
            b"http://purl.oclc.org/ooxml/spreadsheetml/main",
        ).replace(
            b"http://schemas.openxmlformats.org/officeDocument/2006/relationships",
            b"http://purl.oclc.org/ooxml/officeDocument/relationships",
        ),
    )
    found, ratings = check(study, path)
    assert found == [("out_of_range", "F5", "7")]
    back = read_workbook(study.folder / "please_fix" / "R1_thabs_batch01_please_fix.xlsx", study=study)[0]
    assert back["value"].equals(ratings["value"])


def test_cells_without_names_are_counted(study, filled):
    """The names of rows and cells are optional in the format."""

    def unnamed(name: str, data: bytes) -> bytes:
        if name != "xl/worksheets/sheet2.xml":
            return data
        return re.sub(rb'<(row|c) r="[A-Z0-9]+"', rb"<\1", data)

    def change(sheet: Any) -> None:
        sheet["F5"], sheet["G6"] = "#N/A", "=1+1"
        sheet.row_dimensions[7].hidden = True
        percent(sheet["E8"], "0%")

    path = rewrite(damaged(filled(NAME), change), unnamed)
    assert places(read_workbook(path, study=study)[1]) == [
        ("error_cell", "F5", "#N/A"), ("formula_cell", "G6", '"=1+1"'), ("hidden_rows", "A7", "row 7"),
        ("not_a_number", "E8", '"50%"'),
    ]  # fmt: skip


def test_an_error_without_its_value_takes_nothing_from_its_neighbour(study, filled):
    def change(name: str, data: bytes) -> bytes:
        if name != "xl/worksheets/sheet2.xml":
            return data
        for cell, value in ((b"E5", b'"/>'), (b"F5", b'"><v>#N/A</v></c>')):
            data = re.sub(rb'<c r="%s"[^>]*?(?:/>|>.*?</c>)' % cell, b'<c r="%s" t="e%s' % (cell, value), data)
        return data

    found, ratings = check(study, rewrite(filled(NAME), change))
    assert found == [("error_cell", "E5", "#ERROR"), ("error_cell", "F5", "#N/A")]
    assert {"E5", "F5"}.isdisjoint(ratings["source_cell"])


def test_a_threaded_comment_is_quoted_with_its_answers(study, filled):
    path = filled(NAME)
    workbook = openpyxl.load_workbook(path)
    workbook["Rate"]["F5"].comment = Comment("[Threaded comment]\n\nYour version of Excel allows you to …", "me")
    workbook.save(path)
    thread = (
        b'<ThreadedComments xmlns="http://schemas.microsoft.com/office/spreadsheetml/2018/threadedcomments">'
        b'<threadedComment ref="F5" id="{1}"><text>not sure</text></threadedComment>'
        b'<threadedComment ref="F5" id="{2}" parentId="{1}"><text>I think 3</text></threadedComment></ThreadedComments>'
    )
    relation = (
        b'<Relationship Id="t" Type="http://schemas.microsoft.com/office/2017/10/relationships/threadedComment" '
        b'Target="../threadedComments/threadedComment1.xml"/></Relationships>'
    )
    rewrite(
        path,
        lambda name, data: (
            data.replace(b"</Relationships>", relation) if name == "xl/worksheets/_rels/sheet2.xml.rels" else data
        ),
    )
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("xl/threadedComments/threadedComment1.xml", thread)
    assert check(study, path)[0] == [("comment_found", "F5", '"not sure / I think 3"')]


def test_a_copy_that_cannot_be_written_says_what_to_do(study, filled, capsys):
    path = filled(NAME, {(5, "rationale"): 7})
    problems = read_workbook(path, study=study)[1]
    (study.folder / "please_fix").write_text("x", encoding="utf-8")
    assert hand_back([path], problems, study.folder / "please_fix", overwrite=True, study=study) == []
    said = " ".join(capsys.readouterr().err.split())
    assert said.startswith(f"No marked copy of {NAME}")
    assert re.search(r"_please_fix\.xlsx: cannot be written \(.+\)\. Close it if another program", said)


def test_the_copy_of_an_ods_keeps_what_she_hid_merged_and_noted(tmp_path):
    import shutil

    source = Path(__file__).parents[1] / "reference" / "libreoffice_ghes.ods"
    path = Path(shutil.copy(source, tmp_path / "R1.ods"))
    table = b"urn:oasis:names:tc:opendocument:xmlns:table:1.0"
    assert table in zipfile.ZipFile(path).read("content.xml")

    def spoil(name: str, data: bytes) -> bytes:
        if name != "content.xml":
            return data
        at = data.index(b'office:value="3"', data.index(b'table:name="Rate"'))
        start = data.rindex(b"<table:table-cell", 0, at)
        cell = b'<table:table-cell office:value-type="percentage" office:value="1"><text:p>100%</text:p>'
        cell += b"</table:table-cell>"
        end = data.index(b"</table:table-cell>", at) + len(b"</table:table-cell>")
        row = data.rindex(b"<table:table-row", 0, start)
        data = data[:start] + cell + data[end:]
        return data[: row + 16] + b' table:visibility="collapse"' + data[row + 16 :]

    rewrite(path, spoil)
    problems = read_workbook(path)[1]
    assert {"hidden_rows", "not_a_number", "comment_found"} <= {one.code for one in problems}
    (copy,) = hand_back([path], problems, tmp_path, overwrite=True, study=None)
    again = read_workbook(copy)[1]
    assert [(one.code, one.cell, one.found) for one in again] == [(one.code, one.cell, one.found) for one in problems]


def test_a_workbook_without_styles_as_google_writes_it(study, filled):
    path = filled(NAME, {(5, "rationale"): 7})
    with zipfile.ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist() if name != "xl/styles.xml"}
    parts["xl/_rels/workbook.xml.rels"] = (
        b"".join(
            piece + b"/>"
            for piece in parts["xl/_rels/workbook.xml.rels"].split(b"/>")[:-1]
            if b"styles.xml" not in piece
        )
        + b"</Relationships>"
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in parts.items():
            new.writestr(name, data)
    assert check(study, path)[0] == [("out_of_range", "F5", "7")]


def test_a_session_that_nobody_has_rated_yet_is_one_problem(study, filled):
    empty = {(5, item.name): None for item in study.codebooks["thabs"].columns}
    found, ratings = check(study, filled(NAME, {**empty, (6, "rationale"): None, (6, "praise"): "  "}))
    assert found == [("row_empty", "E5", ""), ("missing_rating", "F6", ""), ("missing_rating", "I6", "")]
    assert not ratings["source_cell"].str.endswith("5").any()
    path = filled(LOG, {(5, item.name): None for item in study.codebooks["homework_log"].columns})
    assert check(study, path)[0] == []
    copy = openpyxl.load_workbook(study.folder / "please_fix" / "R1_thabs_batch01_please_fix.xlsx")["Rate"]
    assert copy["E5"].fill.fgColor.rgb == "00FFFF66"


def test_an_emptied_head_is_named_at_its_cell(study, filled):
    found, _ = check(study, damaged(filled(NAME), lambda sheet: sheet.__setitem__("F4", None)))
    assert ("header_renamed", "F4", "an empty cell") in found
    assert {code for code, _, _ in found} == {"header_renamed", "stray_cell"}


def test_the_codes_that_a_formula_s_cell_allows_are_named(study, filled):
    path = damaged(filled(NAME), lambda sheet: sheet.__setitem__("F5", "=1+1"))
    (problem,) = read_workbook(path, study=study)[1]
    assert problem.sentence.endswith('the formula "=1+1" has no saved result, allowed 0–4 or IN/NR')
