"""Attendance as a pattern: the same models written out by hand, and a planted difference."""

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import fit_mixed, within_between
from doublecode.analysis.linking.attendance import Model, attendance_models
from doublecode.schemas.errors import NotEstimable

NUMBERS = ["estimate", "std_error", "df", "p_value", "conf_low", "conf_high"]


@pytest.fixture(scope="module")
def planted():
    rng = np.random.default_rng(20261128)
    n = rng.integers(3, 12, size=50)
    patient = np.repeat(np.arange(50), n)
    data = pd.DataFrame({"patient": patient, "session": np.concatenate([np.arange(1.0, k + 1) for k in n])})
    data["x"] = rng.normal(size=50)[patient] + rng.normal(size=len(data))
    more = n[patient] - n.mean()
    data["y"] = 10 + (-0.4 + 0.1 * more) * data["session"] + (-1 + 0.2 * more) * data["x"]
    data["y"] += rng.normal(size=50)[patient] + rng.normal(size=len(data))
    return data, dict(enumerate(n))


@pytest.fixture(scope="module")
def found(planted):
    model = Model("y ~ session + x + (1 | patient)", "x_within", split=("x",), intercept_at=1)
    return attendance_models(planted[0], planted[1], model)


@pytest.fixture(scope="module")
def by_hand(planted):
    data, attended = planted
    counts = pd.Series(attended, dtype=float)
    split = within_between(data, "x").assign(t=data["session"] - 1, a=data["patient"].map(counts) - counts.mean())
    base = "y ~ t + x_within + x_between"
    added = {"declared": "", "time": " + a + t:a", "predictor": " + a + t:a + x_within:a"}
    return {
        called: fit_mixed(f"{base}{text} + (1 | patient)", split).fixed.set_index("term")
        for called, text in added.items()
    }


def test_the_finding_with_and_without_attendance_is_that_of_the_models_by_hand(found, by_hand):
    for row in found.headline.to_dict("records"):
        wanted = by_hand[row["model"]].loc["x_within", NUMBERS]
        assert [row[name] for name in NUMBERS] == pytest.approx(wanted.tolist(), rel=1e-9)


def test_its_terms_are_those_of_the_models_by_hand(found, by_hand):
    called = {"attendance": "a", "time": "t:a", "predictor": "x_within:a"}
    assert len(found.terms) == 5
    for row in found.terms.to_dict("records"):
        wanted = by_hand[row["model"]].loc[called[row["role"]], NUMBERS]
        assert [row[name] for name in NUMBERS] == pytest.approx(wanted.tolist(), rel=1e-9)


def test_a_planted_difference_is_found(found, planted):
    last = found.terms[found.terms["model"] == "predictor"].set_index("role")
    for role, truth in (("time", 0.1), ("predictor", 0.2)):
        assert last.loc[role, "conf_low"] < truth < last.loc[role, "conf_high"]
        assert last.loc[role, "p_value"] < 0.001
    counts = np.array(list(planted[1].values()))
    assert (found.n_patients, found.mean, found.low, found.high) == (50, counts.mean(), counts.min(), counts.max())
    assert found.sd == pytest.approx(counts.std(ddof=1))


def test_an_interaction_is_asked_with_its_parts(planted):
    model = Model("y ~ session * x + (1 | patient)", "session:x_within", split=("x",))
    terms = attendance_models(planted[0], planted[1], model).terms
    last = terms.loc[terms["model"] == "predictor", "term"].tolist()
    assert {"sessions_attended", "session:sessions_attended", "x_within:sessions_attended"} < set(last)
    assert any(one.count(":") == 2 for one in last)


def test_the_course_itself_has_no_predictor_to_multiply(planted):
    found = attendance_models(planted[0], planted[1], Model("y ~ session + (1 | patient)", "session", intercept_at=1))
    assert found.headline["model"].tolist() == ["declared", "time"]
    assert found.headline["term"].unique().tolist() == ["session_from_1"]


def test_without_spread_or_anything_to_change_there_is_no_answer(planted):
    data = planted[0]
    with pytest.raises(NotEstimable, match="came to 7 sessions: attendance has no spread"):
        attendance_models(data, dict.fromkeys(range(50), 7), Model("y ~ session + (1 | patient)", "session"))
    with pytest.raises(NotEstimable, match="no column of time"):
        attendance_models(data, planted[1], Model("y ~ 1 + (1 | patient)", "Intercept"))
