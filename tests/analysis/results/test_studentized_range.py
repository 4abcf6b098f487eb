"""The studentized range against R's ptukey and Student's t."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import stdtr
from scipy.stats import studentized_range

from doublecode.analysis.results.studentized_range import range_p, range_quantile

STORED = json.loads((Path(__file__).parents[2] / "reference" / "marginal_means.json").read_text())["studentized_range"]


def test_tail_as_ptukey():
    rows = zip(STORED["q"], STORED["k"], STORED["df"], STORED["p"], strict=True)
    for q, k, df, p in rows:
        worst = 3e-5 if df == 2.5 else 1e-6  # ptukey's own error: at 2.5 df scipy and Student's t side with ours
        assert range_p(q, int(k), np.inf if df < 0 else df) == pytest.approx(p, abs=worst)


@pytest.mark.parametrize(("k", "df"), [(3, 2.5), (9, 7.3), (18, 127.4), (5, np.inf)])
@pytest.mark.parametrize("q", [0.3, 3.0, 8.0])
def test_tail_as_scipys(q, k, df):
    assert range_p(q, k, df) == pytest.approx(studentized_range.sf(q, k, df), abs=1e-9)


@pytest.mark.parametrize("df", [1.05, 1.9, 3.0, 18.4, 250.0, 1e5])
@pytest.mark.parametrize("t", [0.1, 1.0, 2.5, 9.0])
def test_of_two_means_is_students_t(t, df):
    assert range_p(np.sqrt(2) * t, 2, df) == pytest.approx(2 * stdtr(df, -t), rel=1e-8, abs=1e-12)


@pytest.mark.parametrize(("k", "df"), [(2, 4.2), (3, 20.0), (9, 61.7), (4, np.inf)])
def test_quantile_is_the_inverse(k, df):
    assert range_p(range_quantile(0.95, k, df), k, df) == pytest.approx(0.05, abs=1e-11)


def test_undefined_stays_undefined():
    assert np.isnan(range_p(np.nan, 3, 10.0))
    assert np.isnan(range_quantile(0.95, 3, np.nan))
    assert range_p(0.0, 3, 10.0) == 1.0
