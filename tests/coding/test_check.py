"""The command that a coordinator types when workbooks come back."""

from __future__ import annotations

import json
import shutil
from typing import Any

import openpyxl
import pytest
import typer
from typer.testing import CliRunner

from doublecode.coding.cli import register
from doublecode.coding.ledger_commands import register as take_in
from doublecode.coding.reading.incoming import read_incoming, read_workbooks
from doublecode.schemas.errors import UsageError

NAME = "R1_thabs_batch01.xlsx"
OTHER = "R2_thabs_batch01.xlsx"


@pytest.fixture
def check() -> Any:
    app = typer.Typer()
    register(app)

    def call(*arguments: object) -> tuple[int, list[dict[str, Any]]]:
        result = CliRunner().invoke(app, ["check", "--json", *map(str, arguments)])
        if isinstance(result.exception, UsageError):
            raise result.exception
        return result.exit_code, json.loads(result.stdout)["frame"]

    return call


def test_two_files_of_one_batch_are_held_against_one_another(study, filled, check):
    path = filled(NAME)
    copy = shutil.copy(path, path.with_name("R1_thabs_batch01 (2).xlsx"))
    assert check(path) == (0, [])
    code, problems = check(path, copy)
    assert code == 1
    assert [(one["code"], one["file"]) for one in problems] == [("duplicate_rating", copy.name)]
    assert "Keep one of the two" in problems[0]["text"]
    ratings, found = read_workbooks([path, copy], study=study)
    assert [len(one) for one in found] == [0, 1]
    assert not ratings.duplicated(["session_id", "item"]).any()


def test_a_folder_or_a_pattern_names_its_files(study, filled, check):
    folder = filled(NAME).parent
    filled(OTHER, {(5, "rationale"): 7})
    for name in (".~lock.x#", "~$x.xlsx", "Thumbs.db", "desktop.ini"):
        (folder / name).write_bytes(b"x")
    for named in (folder, folder / "*.xlsx", folder / "R?_thabs*"):
        code, problems = check(named)
        assert (code, [(one["code"], one["file"]) for one in problems]) == (1, [("out_of_range", OTHER)])
    assert [path.name for path in (study.folder / "please_fix").iterdir()] == ["R2_thabs_batch01_please_fix.xlsx"]
    assert check(folder / "R1*") == (0, [])


@pytest.mark.parametrize("name", ["nobody.xlsx", "x*.xlsx", "nowhere/*.xlsx", "outcomes"])
def test_nothing_there_is_wrong_use(study, check, name):
    with pytest.raises(UsageError, match="there is no such file, or none in the folder"):
        check(study.folder / name)


def test_files_of_two_studies_are_held_against_their_own(study, filled, check, tmp_path):
    path = filled(NAME)
    shutil.copytree(study.folder, tmp_path / "second")
    declaration = tmp_path / "second" / "study.toml"
    declaration.write_text(declaration.read_text(encoding="utf-8").replace('"toy"', '"second"'), encoding="utf-8")
    code, problems = check(path, tmp_path / "second" / "incoming")
    assert (code, [one["code"] for one in problems]) == (1, ["wrong_instrument"])
    assert check(path, tmp_path / "second" / "incoming", "--study", study.folder)[1][0]["code"] == "duplicate_rating"


@pytest.mark.parametrize(("key", "code"), [("Stamp", "no_stamp"), ("Rate", "sheet_missing")])
def test_a_file_that_can_be_opened_always_has_a_marked_copy(study, filled, check, key, code):
    path = filled(NAME)
    workbook = openpyxl.load_workbook(path)
    del workbook[key]
    workbook.save(path)
    assert [one["code"] for one in check(path)[1]] == [code]
    copy = openpyxl.load_workbook(study.folder / "please_fix" / "R1_thabs_batch01_please_fix.xlsx")
    assert copy["Problems"]["B2"].value == code
    (path.parent / "list.csv").write_text("a,b\n", encoding="utf-8")
    assert [one["code"] for one in check(path.parent / "list.csv")[1]] == ["not_a_workbook"]
    assert len(list((study.folder / "please_fix").iterdir())) == 1


def test_a_folder_inside_incoming_is_not_passed_over(study, filled):
    path = filled(NAME)
    (path.parent / "old" / "older").mkdir(parents=True)
    (path.parent / ".git").mkdir()
    assert read_incoming(study)[1] == []
    shutil.move(path, path.parent / "old" / "older" / NAME)
    _, problems, files = read_incoming(study)
    assert [str(one) for one in problems] == [
        "old/ · not_read · is a folder inside incoming/ with 1 file(s), which were not read. "
        "Move its files into incoming/ itself, or the folder out of it."
    ]
    assert files.empty


def test_attributes_in_single_quotes_hide_nothing(study, filled):
    from zipfile import ZIP_DEFLATED, ZipFile

    path = filled(NAME)
    with ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    sheet = parts["xl/worksheets/sheet2.xml"].replace(
        b'<row r="6"', b"<!-- <row hidden='1' r='7'> --><row hidden='1' r='6'"
    )
    parts["xl/worksheets/sheet2.xml"] = sheet.replace(
        b"</sheetData>", b"</sheetData><mergeCells count='1'><mergeCell ref='E8:E9'/></mergeCells>"
    )
    with ZipFile(path, "w", ZIP_DEFLATED) as new:
        for name, data in parts.items():
            new.writestr(name, data)
    _, (problems,) = read_workbooks([path], study=study)
    assert {(one.code, one.found) for one in problems} >= {("hidden_rows", "row 6"), ("merged_cells", "E8:E9")}


def test_how_far_a_workbook_came_is_said_before_its_problems(study, filled):
    """Rows that are empty are counted, by the command and in the first line of the marked copy."""
    path = filled("R1_thabs_batch01.xlsx")
    workbook = openpyxl.load_workbook(path)
    sheet = workbook["Rate"]
    for row in range(6, sheet.max_row + 1):
        for cell in sheet[row][4:]:
            cell.value = None
    n_empty = sheet.max_row - 5
    workbook.save(path)
    app = typer.Typer()
    register(app)
    told = CliRunner().invoke(app, ["check", str(path), "--study", str(study.folder)])
    assert f"{path.name}: 1 of {n_empty + 1} sessions rated; {n_empty} rows are empty." in told.output
    take_in(app)
    imported = CliRunner().invoke(app, ["import", str(study.folder)])
    assert imported.output.startswith(f"{path.name}: 1 of {n_empty + 1} sessions rated; {n_empty} rows are empty.")
    listed = openpyxl.load_workbook(study.folder / "please_fix" / f"{path.stem}_please_fix.xlsx")["Problems"]
    assert str(listed["C2"].value).startswith(f"{n_empty} rows are empty")
