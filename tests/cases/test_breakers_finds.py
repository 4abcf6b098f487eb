"""What somebody found who tried to break it: separators of thousands, ids, impossible values, declarations."""

from __future__ import annotations

import pandas as pd
import pytest

from doublecode.coding.reading.long_table import read_wide
from doublecode.schemas.column_types import number_in_cell, table_mark, typed_texts
from doublecode.schemas.errors import ContractError
from doublecode.schemas.table_files import to_numbers


@pytest.mark.parametrize(
    "text",
    ["t;A;B\n1;2,5;6\n2;4;1.000\n3;1;2\n", "t;A;B\n1;2;6\n2;4;1.000\n3;1;2\n", 't,A,B\n1,2,6\n2,4,"1,000"\n3,1,2\n'],
)
def test_one_separator_before_three_digits_is_refused(tmp_path, text):
    (tmp_path / "wide.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ContractError, match=r"line 3: B: found '1[.,]000', which may be 1000 or 1\. Write 1000"):
        read_wide(tmp_path / "wide.csv", "t", ("A", "B"))


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1.000", "0.125", "12.345"], [1.0, 0.125, 12.345]),
        (["1.250", "2.125", "12.345"], [1.25, 2.125, 12.345]),
        (["1.000", "2.5", "6"], [1.0, 2.5, 6.0]),
        (["1,000", "2,5", "6"], [1.0, 2.5, 6.0]),
    ],
)
def test_three_decimals_stay_numbers_where_the_mark_is_known(cells, values):
    assert to_numbers(pd.Series(cells, dtype="str"), "minutes").tolist() == values


def test_a_thousand_is_named_in_tables_of_a_study():
    minutes = pd.Series(["50", "1.000", None], dtype="str")
    with pytest.raises(ContractError, match="row 1: found '1.000', which may be 1000 or 1"):
        to_numbers(minutes, "minutes")
    with pytest.raises(ContractError, match="row 1: found '1.000', which may be 1000 or 1"):
        typed_texts(pd.Series(["12,5", "1.000"], dtype="str"), "patients.csv: column 'bdi0'")


def test_a_point_before_three_digits_does_not_hide_the_comma_of_other_columns():
    mark = table_mark([["3,70", "2,49"], ["1.000", "79"]])
    assert mark == ","
    assert number_in_cell("1.000", mark) is None
