"""What .xls and .xlsb hold is read as the same .xlsx is."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from binary_books import Day, Error, Formula, xls, xlsb

from doublecode.coding.reading.container import open_book, open_package
from doublecode.coding.reading.long_table import read_rows
from doublecode.schemas.errors import ContractError

HEADS = ["session", "rater", "score"]
ROWS = [HEADS, *([f"S{n}", rater, float(n)] for n in range(1, 6) for rater in ("J1", "J2"))]


@pytest.fixture(params=[(xls, "xls"), (xlsb, "xlsb")], ids=["xls", "xlsb"])
def written(request, tmp_path):
    make, suffix = request.param

    def write(rows=ROWS, **shape):
        path = tmp_path / f"table.{suffix}"
        path.write_bytes(make(rows, **shape))
        return path

    return write


def changed(row, column, value):
    rows = [list(cells) for cells in ROWS]
    rows[row][column] = value
    return rows


def read(path, **options):
    table, remarks = read_rows(path, HEADS, numbers=["score"], **options)
    return table, [(one.code, one.cell, one.found) for one in remarks]


def test_values_and_texts(written):
    table, remarks = read(written())
    assert table["score"].sum() == 30
    assert table["rater"].tolist() == ["J1", "J2"] * 5
    assert remarks == []


@pytest.mark.parametrize("value", [Error(0x2A), Formula(Error(0x2A))])
def test_an_error_is_no_empty_cell(written, value):
    with pytest.raises(ContractError, match='C4: score: found "#N/A"'):
        read(written(changed(3, 2, value)))


def test_a_formula_that_was_never_calculated_is_named(written):
    with pytest.raises(ContractError, match="C4: score: the formula has no saved result"):
        read(written(changed(3, 2, Formula(""))))


def test_results_of_formulas_are_read_and_one_may_be_the_empty_text(written):
    rows = changed(3, 2, Formula(7.0))
    rows[4][2] = Formula("")
    rows[5][0] = Formula("S3")
    table, _ = read(written(rows))
    assert table["score"].tolist()[2] == 7
    assert table["score"].isna().tolist() == [place == 3 for place in range(10)]
    assert table["session"].tolist()[4] == "S3"


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ({"hidden_rows": (2, 5)}, ("hidden_rows", "A3", "2 row(s): 3, 6")),
        ({"hidden_columns": (1,)}, ("hidden_rows", "B1", "column B")),
        ({"hidden_sheet": True}, ("hidden_rows", "", "the whole sheet")),
    ],
)
def test_what_is_hidden_is_said(written, shape, said):
    table, remarks = read(written(**shape))
    assert len(table) == 10
    assert remarks == [said]


@pytest.mark.parametrize(("is_1904", "right"), [(False, dt.date(2021, 4, 3)), (True, dt.date(2025, 4, 4))])
def test_days_are_counted_from_the_workbooks_first_day(written, is_1904, right):
    path = written([["date"], [Day(44289.0)], [Day(44289.5)]], is_1904=is_1904)
    book = open_book(open_package(path))
    noon = dt.datetime.combine(right, dt.time(12))
    assert book.sheet("Data").grid == [["date"], [right], [noon]]


def test_letters_labels_and_values_are_remarked_on(written):
    rows = changed(3, 0, "S2\u200b")
    rows[4][1] = "j2"
    rows[9][2] = -99.0
    codes = {code for code, _, _ in read(written(rows))[1]}
    assert codes == {"unseen_letters", "labels_alike", "far_value"}
