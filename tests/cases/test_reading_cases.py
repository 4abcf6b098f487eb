"""The right values of files that once failed (README.md says what went wrong)."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import openpyxl
import pytest

from doublecode.coding.reading.incoming import read_workbook
from doublecode.coding.reading.long_table import read_rows, read_wide
from doublecode.coding.workbooks.mark import write_redpen
from doublecode.schemas.errors import ContractError, UsageError
from doublecode.schemas.study import load_study

HERE = Path(__file__).parent
LONG = ("session", "rater", "score")
FLEISS = {"J1": 46.0, "J2": 15.0, "J3": 26.0, "J4": 40.0}


def read(name: str, **options: object):
    table, remarks = read_rows(HERE / name, LONG, numbers=("score",), **options)
    return table, [(one.code, one.cell) for one in remarks]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("one_zw.xlsx", [("unseen_letters", "A9")]),
        ("zwsp_head.xlsx", [("unseen_letters", "A1")]),
        ("hidden.ods", [("hidden_rows", "A2")]),
        ("sep.csv", []),
    ],
)
def test_the_table_reads_right_and_what_is_odd_is_said(name, said):
    table, remarks = read(name)
    assert table.groupby("rater")["score"].sum().to_dict() == FLEISS
    assert table["session"].nunique() == 6
    assert remarks == said


def test_a_wide_table_is_turned():
    table, remarks = read_wide(HERE / "wide.csv", "session", ("J1", "J2", "J3", "J4"))
    assert table.groupby("rater")["rating"].sum().to_dict() == FLEISS
    assert remarks == []


def test_a_far_value_is_said_and_may_be_declared_missing():
    table, remarks = read("miss_m99.xlsx")
    assert table["score"].min() == -99
    assert [code for code, _ in remarks] == ["far_value"]
    table, remarks = read("miss_m99.xlsx", missing=("-99",))
    assert table["score"].count() == 23
    assert [code for code, _ in remarks] == ["read_as_missing"]


def test_labels_alike_are_said():
    assert [code for code, _ in read("case_id.xlsx")[1]] == ["labels_alike"]


def test_an_empty_text_is_an_empty_cell_and_an_error_is_none():
    table, _ = read("formula_emptystr.xlsx")
    assert table["score"].count() == 23
    with pytest.raises(ContractError, match=r'old_error\.xls › Data, C8: score: found "#N/A"'):
        read("old_error.xls")


def test_a_web_page_is_named():
    with pytest.raises(UsageError, match=r"it is a web page\. Open it in Excel or LibreOffice Calc, save it as \.xlsx"):
        read("html.xls")


@pytest.mark.parametrize("name", ["a.xls", "a.xlsx", "a.dat", "a.tab", "a.csv"])
@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"<html><table><tr><td>1</td></tr></table></html>", "a web page"),
        (b'\xef\xbb\xbf<?xml version="1.0"?><html xmlns="x"><body/></html>', "a web page"),
        ("<html><table/></html>".encode("utf-16"), "a web page"),
        (b'<?xml version="1.0"?>\n<?mso-application progid="Excel.Sheet"?><Workbook/>', "XML of Excel 2003"),
    ],
)
def test_what_calls_itself_a_spreadsheet_is_named_with_what_to_do(tmp_path, name, data, what):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(
        UsageError, match=rf"it is {what}\. Open it in Excel or LibreOffice Calc, save it as \.xlsx, and"
    ):
        read_rows(tmp_path / name, ("session",))


@pytest.mark.parametrize(("name", "mark"), [("a.dat", "\t"), ("a.tab", "\t"), ("a.xls", "\t"), ("a.dat", ";")])
def test_text_tables_by_any_name_are_read(tmp_path, name, mark):
    (tmp_path / name).write_text(f"session{mark}score\nS1{mark}2,5\n", encoding="utf-8")
    assert read_rows(tmp_path / name, ("session", "score"), numbers=("score",))[0]["score"].tolist() == [2.5]


def test_columns_are_what_they_mostly_are():
    table, _ = read_rows(HERE / "prepost.csv", ("time_c", "phq"))
    assert table.dtypes.astype(str).tolist() == ["float64", "float64"]
    table, _ = read_rows(HERE / "comma.tsv", ("he", "phq"))
    assert table.dtypes.astype(str).tolist() == ["float64", "float64"]
    with pytest.raises(ContractError, match=r'na_text\.csv, line 7: he: found "n/a"'):
        read_rows(HERE / "na_text.csv", ("he",))
    table, _ = read_rows(HERE / "na_text.csv", ("he",), missing=("n/a",))
    assert table["he"].isna().sum() == 1
    table, remarks = read_rows(HERE / "text_na.csv", ("F",))
    assert table["F"].isna().sum() == 50
    assert [(one.code, one.found) for one in remarks] == [("read_as_missing", "NA × 50")]


def test_a_declaration_with_a_mark_before_it(tmp_path):
    shutil.copy(HERE / "study_with_BOM.toml", tmp_path / "study.toml")
    text = (tmp_path / "study.toml").read_text(encoding="utf-8-sig")
    assert load_study(tmp_path).name
    for encoding in ("utf-16", "cp1252"):
        (tmp_path / "study.toml").write_text(text + "# ä\n", encoding=encoding)
        assert load_study(tmp_path).name


@pytest.mark.parametrize(
    ("line", "what"), [("x = " + "[" * 5_000, "brackets"), ("x = " + "9" * 5_000, "5000 digits"), ("x = 1", "x")]
)
def test_a_monstrous_declaration_is_refused(tmp_path, line, what):
    (tmp_path / "study.toml").write_text(line, encoding="utf-8")
    with pytest.raises(UsageError, match=what):
        load_study(tmp_path)


@pytest.mark.parametrize(
    ("name", "code", "cell"),
    [
        ("err_SPILL.xlsx", "error_cell", "G6"),
        ("thabs_time_1000_read_as_1.xlsx", "not_a_number", "J8"),
        ("redpen_percent_loop.xlsx", "not_a_number", "L7"),
        ("hostile_cell_lower.xlsx", "unreadable_file", ""),
    ],
)
def test_workbooks(name, code, cell):
    errors = [one for one in read_workbook(HERE / name)[1] if one.severity == "error"]
    assert [(one.code, one.cell) for one in errors] == [(code, cell)]


def test_the_advice_for_a_percentage_does_not_go_in_a_circle(tmp_path):
    path = HERE / "redpen_percent_loop.xlsx"
    (problem,) = (one for one in read_workbook(path)[1] if one.severity == "error")
    assert problem.next_step == "Set the format of the cell to General, then type an allowed value."
    copy = write_redpen(path, [problem], tmp_path / "copy.xlsx")
    assert [(one.code, one.cell) for one in read_workbook(copy)[1] if one.severity == "error"] == [
        (problem.code, problem.cell)
    ]
    workbook = openpyxl.load_workbook(copy)
    workbook["Rate"][problem.cell].number_format = "General"
    workbook["Rate"][problem.cell].value = 1
    workbook.save(copy)
    assert [one for one in read_workbook(copy)[1] if one.severity == "error"] == []


def test_formulas_take_linear_time():
    start = time.process_time()
    read_workbook(HERE / "hostile_formulas_20k.xlsx")
    assert time.process_time() - start < 10
