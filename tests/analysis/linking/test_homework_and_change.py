"""Homework before a sudden gain and in patients who improved: by hand and against base R."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import nctdtr, ndtr
from scipy.stats import chi2

from doublecode.analysis.linking.homework_and_change import (
    homework_before_gains,
    homework_by_change,
    noncentral_limits,
)
from doublecode.analysis.linking.patient_change import reliable_change
from doublecode.analysis.linking.sudden_gain_criteria import sudden_gains
from doublecode.schemas.errors import UsageError

R = json.loads((Path(__file__).parents[2] / "reference" / "patient_change.json").read_text())
COURSE = (30, 29, 31, 18, 17, 16, 15)
"""A sudden gain after session 3; the steps after sessions 2 to 5 can be checked."""


def courses(**homework):
    """One patient with the same course per list of homework scores."""
    rows = [
        {"patient": name, "session": n, "bdi": float(bdi), "he": he}
        for name, scores in homework.items()
        for n, (bdi, he) in enumerate(zip(COURSE, scores, strict=True), 1)
    ]
    return pd.DataFrame(rows)


def compared(data, **more):
    return homework_before_gains(sudden_gains(data, "bdi", cutoff=7), data, ["he"], **more)


def test_one_difference_per_patient_and_base_r_s_paired_limits():
    """Session 3 against the mean of 2, 4 and 5: the first and the last two sessions are in neither."""
    nan = np.nan
    data = courses(
        a=[9, 2.2, 3.0, 2.6, 2.4, 9, 9], b=[9, 2.6, 2.5, nan, nan, 9, 9], c=[9, 2.9, 3.5, 2.8, 3.0, 9, 9],
        d=[9, 1.0, 2.0, 1.2, 1.1, 9, 9],
    )  # fmt: skip
    found = compared(data)
    assert found.patients["other"].tolist() == pytest.approx([2.4, 2.6, 2.9, 1.1])
    row = found.frame.iloc[0]
    assert (row["n_patients"], row["n_before_gain"], row["n_other"], row["df"]) == (4, 4, 10, 3)
    assert row[["difference", "conf_low", "conf_high"]].tolist() == pytest.approx(R["paired"], abs=1e-12)
    assert [note.kind for note in found.notes] == ["homework_few_gains"]
    # ten sessions of a patient are not ten patients: copies of sessions change nothing, of patients they do
    assert set(found.sessions["session"]) == {2, 3, 4, 5}


def test_who_has_no_homework_before_the_gain_is_not_compared():
    data = courses(a=[1, 2, np.nan, 2, 2, 2, 2], b=[1, 2, 4, 3, 1, 2, 2])
    found = compared(data)
    row = found.frame.iloc[0]
    assert found.design["n_with_gain"] == 2
    assert (row["n_patients"], row["difference"]) == (1, 2.0)
    assert math.isnan(row["conf_low"])
    nobody = compared(courses(a=[1, 2, np.nan, 2, 2, 2, 2])).frame.iloc[0]
    assert nobody["n_patients"] == 0
    assert math.isnan(nobody["difference"])
    with pytest.raises(UsageError, match="no column 'hee'"):
        homework_before_gains(sudden_gains(data, "bdi", cutoff=7), data, ["hee"])


def test_d_between_patients_is_base_r_s_with_limits_of_the_noncentral_t():
    """Twelve patients, two of whom lack a value; tolerance 1e-5: older scipy's noncentral t has six digits."""
    people = pd.DataFrame(
        {
            "patient": [f"P{n:02}" for n in range(1, 13)],
            "pre": [18, 14, 11, 20, 9, 16, 12, 15, 10, 13, 17, np.nan],
            "post": [6, 9, 12, 13, 2, 22, np.nan, 15, 4, 10, 8, 7],
        }
    )
    he = [2.9, 2.4, 2.0, 2.6, 3.1, 1.7, 2.2, 2.3, 2.8, 1.9, 3.3, 2.5]
    change = reliable_change(people, "pre", "post", reliability=0.84, sd=6.1, source="norms", cutoff=10)
    sessions = pd.DataFrame(  # two sessions around each mean, of which P01 has a third that is missing
        {
            "patient": [*people["patient"], *people["patient"], "P01"],
            "he": [*(one - 0.3 for one in he), *(one + 0.3 for one in he), np.nan],
        }
    )
    found = homework_by_change(change, sessions, ["he"])
    row = found.frame.iloc[0]
    assert (row["n_improved"], row["n_other"]) == (4, 6)
    for name in ("mean_improved", "mean_other", "d"):
        assert row[name] == pytest.approx(R[name], rel=1e-12)
    assert row[["conf_low", "conf_high"]].tolist() == pytest.approx(R["d_limits"], abs=1e-5)
    assert found.notes[0].numbers == {"n_improved": 4, "n_other": 6}
    assert found.design["n_without"] == {"he": 0}
    alike = homework_by_change(change, sessions.assign(he=2.0), ["he"]).frame.iloc[0]
    assert alike["difference"] == 0
    assert math.isnan(alike["d"])


@pytest.mark.parametrize(("t", "df"), [(25.0, 4), (-25.0, 4), (1.0, 2), (0.3, 60)])
def test_limits_are_where_the_integral_says(t, df):
    """P(T ≤ t) = ∫ Φ(t √(v / df) − nc) χ²(v; df) dv by quadrature: R's pt loses its digits beyond nc = 37.62."""
    limits = noncentral_limits(t, df, 0.95)
    v = (np.arange(400_000) + 0.5) * chi2.ppf(1 - 1e-13, df) / 400_000
    weight = chi2.pdf(v, df)
    tails = [float(np.sum(ndtr(t * np.sqrt(v / df) - nc) * weight) * (v[1] - v[0])) for nc in limits]
    assert tails == pytest.approx([0.975, 0.025], abs=1e-5)


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_limits_are_found_where_scipy_s_noncentral_t_is_nan_far_out(level):
    """Scipy 1.17 has NaN nine standard errors from t: at df 20, t = 0.1, noncentrality 8, and for negative t."""
    for df in (2, 20, 1000):
        for t in (-10.0, -5.0, -2.0, -0.01, 0.0, 0.1, 2.0, 5.0, 25.0):
            limits = np.array(noncentral_limits(t, df, level))
            assert nctdtr(df, limits, t) == pytest.approx([(1 + level) / 2, (1 - level) / 2], abs=1e-9)
