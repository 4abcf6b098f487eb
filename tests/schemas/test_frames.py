from __future__ import annotations

import subprocess
import sys
from decimal import Decimal

import pandas as pd
import polars as pl
import pytest

from doublecode.schemas.errors import UsageError
from doublecode.schemas.frames import as_pandas

COLUMNS = {"patient": ["P1", "P2"], "session": [1, 2], "value": [0.5, None]}


def test_a_frame_of_pandas_is_handed_on_untouched():
    frame = pd.DataFrame(COLUMNS)
    assert as_pandas(frame) is frame


@pytest.mark.parametrize("frame", [pl.DataFrame(COLUMNS), pl.LazyFrame(COLUMNS)], ids=["polars", "polars, lazy"])
def test_other_frames_become_pandas(frame):
    found = as_pandas(frame)
    pd.testing.assert_frame_equal(found, pd.DataFrame(COLUMNS), check_dtype=False)
    assert found.dtypes[["session", "value"]].astype(str).tolist() == ["int64", "float64"]


def test_what_is_missing_stays_missing_whatever_its_kind():
    frame = pl.DataFrame(
        {"whole": [1, None], "text": ["x", None], "exact": [Decimal("1.5"), None], "yes": [True, None]}
    )
    found = as_pandas(frame)
    assert found.isna().to_numpy().tolist() == [[False] * 4, [True] * 4]
    assert (found["whole"].dtype, found["exact"].dtype, found["exact"][0]) == ("float64", "float64", 1.5)


@pytest.mark.parametrize("thing", [[[1, 2]], {"a": [1]}, None, "table.csv", pd.Series([1.0])])
def test_anything_else_is_refused_by_its_kind(thing):
    with pytest.raises(UsageError, match=f"data: found a {type(thing).__name__}, allowed a frame"):
        as_pandas(thing)


def test_pandas_needs_no_narwhals():
    code = (
        "import sys, pandas as pd; from doublecode.schemas.frames import as_pandas;"
        "as_pandas(pd.DataFrame({'a': [1]})); print('narwhals' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"
