"""Columns of a formula and rows that have them."""

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.mixed.model_rows import columns_of, common_rows, require_columns
from doublecode.schemas.errors import FormulaError, NotEstimable, UsageError

KNOWN = ["y", "x", "np", "group", "a b"]


@pytest.mark.parametrize(
    ("formula", "columns"),
    [
        ("y ~ x + (x | group)", ("y", "x", "group")),
        ("np.log(y) ~ C(group, Treatment('x')) ", ("y", "group")),
        ("y ~ I(x**2) + `a b`", ("y", "x", "a b")),
        ("y ~ bs(x, df=4) + (1 | group)", ("y", "x", "group")),
        ("y ~ 1", ("y",)),
    ],
)
def test_columns_of(formula, columns):
    assert columns_of(formula, KNOWN) == columns


def test_unknown_name():
    with pytest.raises(FormulaError, match="'z' is no column of the frame; allowed: y, x"):
        columns_of("y ~ z", KNOWN)


def test_common_rows_name_what_is_missing():
    frame = pd.DataFrame(
        {"patient": list("ABC"), "session": [1, 1, 2], "y": [1.0, np.nan, 3], "x": [1.0, np.nan, np.nan]}
    )
    rows = common_rows(frame, ["y", "x"], ["patient", "session"])
    assert rows.data.index.tolist() == [0]
    assert rows.lost == (
        {"patient": "B", "session": 1, "reason": "y and x are missing"},
        {"patient": "C", "session": 2, "reason": "x is missing"},
    )
    assert common_rows(frame, ["y"]).lost == ({"row": 1, "reason": "y is missing"},)


def test_no_common_row():
    frame = pd.DataFrame({"y": [1.0, np.nan], "x": [np.nan, 2.0]})
    with pytest.raises(NotEstimable, match=r"no row of 2 has all of y, x; present: y in 1, x in 1"):
        common_rows(frame, ["y", "x"])


def test_require_columns():
    with pytest.raises(UsageError, match="here: there is no column 'z'; allowed: y"):
        require_columns(pd.DataFrame({"y": [1]}), ["z"], "here")


def test_a_caret_inside_a_call_is_refused():
    with pytest.raises(FormulaError, match="exclusive or; write powers"):
        columns_of("y ~ I(x^2)", ["y", "x"])
    assert columns_of("y ~ (a + b)^2", ["y", "a", "b"]) == ("y", "a", "b")
