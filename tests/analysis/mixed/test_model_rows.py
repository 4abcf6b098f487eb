"""The rule for missing values, and what it leaves out."""

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.mixed.design import build_design
from doublecode.analysis.mixed.model_rows import common_rows, require_columns
from doublecode.analysis.results.complete_rows import LostRow, complete_rows
from doublecode.schemas.errors import ContractError, NotEstimable, UsageError


def test_common_rows_name_what_is_missing():
    frame = pd.DataFrame(
        {"patient": list("ABC"), "session": [1, 1, 2], "y": [1.0, np.nan, 3], "x": [1.0, np.nan, np.nan]}
    )
    rows = common_rows(frame, ["y", "x"], ["patient", "session"])
    assert rows.data.index.tolist() == [0]
    assert rows.lost == ((1, ("y", "x")), (2, ("x",)))
    assert rows.lost_records == [
        {"patient": "B", "session": 1, "reason": "y and x are missing"},
        {"patient": "C", "session": 2, "reason": "x is missing"},
    ]
    assert common_rows(frame, ["y"]).lost_records == [{"row": 1, "reason": "y is missing"}]


def test_no_common_row():
    frame = pd.DataFrame({"y": [1.0, np.nan], "x": [np.nan, 2.0]})
    with pytest.raises(NotEstimable, match=r"no row of 2 has all of y, x; present: y in 1, x in 1"):
        common_rows(frame, ["y", "x"])


def test_require_columns():
    with pytest.raises(UsageError, match="here: there is no column 'z'; allowed: y"):
        require_columns(pd.DataFrame({"y": [1]}), ["z"], "here")


def test_rows_are_judged_before_values():
    frame = pd.DataFrame({"y": [1.0, 2.0, np.inf], "x": [1.0, 2.0, np.nan]})
    assert common_rows(frame, ["y", "x"]).data.index.tolist() == [0, 1]
    with pytest.raises(ContractError, match=r"column 'y' has 1 infinite values \(row 2\)"):
        common_rows(frame, ["y"])


def test_the_fit_and_the_series_keep_the_same_rows():
    frame = pd.DataFrame({"y": [1.0, 2, np.inf, 4, 5, 7], "x": [1.0, 2, np.nan, 3, 1, 2], "g": list("aabbcc")})
    design = build_design("y ~ x + (1 | g)", frame)
    rows = common_rows(frame, ["y", "x", "g"])
    assert design.index.tolist() == rows.data.index.tolist()
    assert design.lost == rows.lost == (LostRow(2, ("x",)),)


def test_kinds_of_missing():
    columns = {
        "text": pd.Series(["a", None, "c", "d"]),
        "whole": pd.Series([1, 2, pd.NA, 4], dtype="Int64"),
        "weights": np.array([1.0, 1, 1, np.nan]),
        "count": pd.Series([1, 2, 3, 4]),
    }
    keep, lost = complete_rows(columns, pd.Index(list("wxyz")))
    assert keep.tolist() == [True, False, False, False]
    assert lost == (("x", ("text",)), ("y", ("whole",)), ("z", ("weights",)))
