"""Homework before a sudden gain and in patients who improved: by hand and against base R."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from doublecode.analysis.linking.homework_and_change import (
    homework_before_gains,
    homework_by_change,
)
from doublecode.analysis.linking.patient_change import reliable_change
from doublecode.analysis.linking.sudden_gain_criteria import sudden_gains
from doublecode.schemas.errors import ContractError, UsageError

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


def test_d_has_limits_where_pairs_of_patients_lie_far_apart():
    """t is 57 at 2 degrees of freedom: the upper limit is near t √(χ²/2), more than twice t."""
    data = pd.DataFrame({"patient": list("abcd"), "pre": 20.0, "post": [2.0, 2, 20, 20]})
    change = reliable_change(data, "pre", "post", reliability=0.84, sd=6.1, source="norms")
    row = homework_by_change(change, data.assign(he=[3.0, 3.05, 1.0, 1.05]), ["he"], conf_level=0.99).frame.iloc[0]
    assert row["d"] == pytest.approx(2 / math.sqrt(0.00125), rel=1e-9)
    assert 0 < row["conf_low"] < row["d"]
    assert row["conf_high"] == pytest.approx(row["d"] * math.sqrt(chi2.ppf(0.995, 2) / 2), rel=5e-3)


def test_words_have_no_mean():
    data = courses(a=[1, 2, 3, 2, 2, 2, 2]).assign(place="home")
    change = reliable_change(
        pd.DataFrame({"patient": ["a"], "pre": [30.0], "post": [15.0]}),
        "pre",
        "post",
        reliability=0.8,
        sd=5,
        source="x",
    )
    with pytest.raises(ContractError, match="homework_by_change: 'place' must hold numbers"):
        homework_by_change(change, data, ["place"])
    with pytest.raises(ContractError, match="homework_before_gains: 'place' must hold numbers"):
        homework_before_gains(sudden_gains(data, "bdi", cutoff=7), data, ["place"])
