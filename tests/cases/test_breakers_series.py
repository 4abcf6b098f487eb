"""What somebody found who tried to break series and outcomes of patients (synthetic sessions)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.linking.patient_outcomes import patient_outcome
from doublecode.analysis.linking.series import fit_series
from doublecode.analysis.mixed.fit import fit_mixed
from doublecode.schemas.errors import ContractError, DuplicateError, NotEstimable, UsageError

STEP = "y ~ session + he + tbh + (1 | patient)"


@pytest.fixture(scope="module")
def sessions():
    rng = np.random.default_rng(5)
    n, each = 24, 6
    who = np.repeat(np.arange(n), each)
    data = pd.DataFrame({"patient": who, "session": np.tile(np.arange(1, each + 1), n), "therapist": who % 8})
    data["he"] = rng.normal(3, 1, n)[who] + rng.normal(0, 1, len(who))
    data["tbh"] = rng.normal(2, 1, len(who)) + 0.3 * data["he"]
    data["y"] = 10 + 0.4 * data["he"] - 0.3 * data["tbh"] + rng.normal(0, 1, n)[who] + rng.normal(0, 1, len(who))
    data["arm"] = np.where(who % 3 == 0, "x", "z")
    data["base"] = rng.normal(14, 4, n)[who]
    data["post"] = 0.5 * data["base"] + rng.normal(0, 2, n)[who]
    return data


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"differences": [("he", "he")]}, "differences: 'he' does not differ from itself"),
        ({"differences": [("he", "zzz")]}, "differences: no step has both 'he' and 'zzz'"),
        ({"differences": [("he", "base")]}, "differences: no step has both 'he' and 'base'"),
        ({"differences": [("he",)]}, r"differences: \('he',\) is no pair; allowed: pairs of two"),
        ({"differences": ["he", "tbh"]}, "differences: 'he' is no pair; allowed: pairs of two"),
        ({"differences": "he"}, "differences: 'he' is no pair; allowed: pairs of two"),
        ({"differences": [(1, 2)]}, "differences: no step has both 1 and 2"),
        ({"times": ["qq"]}, "times: there is no column 'qq'; allowed: patient"),
        ({"times": "session"}, "times is 'session'; allowed: a list of columns"),
        ({"intercept_at": "a"}, "intercept_at is 'a'; allowed: the number of a session"),
        ({"intercept_at": 1.5}, "intercept_at is 1.5; allowed: the number of a session"),
        ({"interval": "x"}, "interval is 'x'; allowed: 'wald', 'profile', 'bootstrap'"),
        ({"split": "he"}, "split is 'he'; allowed: a list of columns, such as"),
    ],
)
def test_what_a_series_is_asked_for_is_refused_as_a_declared_one(sessions, asked, words):
    with pytest.raises(UsageError, match=f"series 'series'.*{words}"):
        fit_series([STEP], sessions, **asked)


def test_pairs_of_one_step_are_compared(sessions):
    found = fit_series([STEP], sessions, split=["he", "tbh"], differences=[["he", "tbh"]]).hypotheses
    assert found[["first", "second"]].to_numpy().tolist()[-1] == ["he_between", "tbh_between"]


@pytest.mark.parametrize("twice", [{"baseline": "post"}, {"covariates": ["base", "base"]}, {"predictor": "post"}])
def test_an_outcome_is_not_explained_by_itself(sessions, twice):
    with pytest.raises(UsageError, match=r"patient_outcome: '(post|base)' is named twice among outcome, baseline"):
        patient_outcome(sessions, **{"outcome": "post", "predictor": "he", **twice})


@pytest.mark.parametrize("therapists", ["CR2", "fixed", "ignored"])
def test_an_exact_fit_has_no_p_values(sessions, therapists):
    exact = sessions.assign(post=2 * sessions["base"] + 1000, flat=7.0)
    with pytest.raises(NotEstimable, match="he_mean, base reproduce post without error"):
        patient_outcome(exact, "post", "he", baseline="base", therapists=therapists)
    with pytest.raises(NotEstimable, match="reproduce flat without error"):
        patient_outcome(exact, "flat", "he", baseline="base", therapists=therapists)


@pytest.mark.parametrize(
    ("column", "asked"),
    [("arm", {"covariates": ["arm"]}), ("text", {"outcome": "text"}), ("text", {"baseline": "text"})],
)
def test_text_is_no_number_of_patients(sessions, column, asked):
    data = sessions.assign(text=sessions["base"].round(1).astype(str))
    with pytest.raises(ContractError, match=f"patient_outcome: '{column}' must hold numbers, .* 0 and 1"):
        patient_outcome(data, **{"outcome": "post", "predictor": "he", **asked})


def test_a_session_that_stands_twice_counts_once(sessions):
    doubled = pd.concat([sessions, sessions.iloc[[8]]], ignore_index=True)
    with pytest.raises(DuplicateError, match="patient_outcome: 1 session 3 stands twice; keep one row"):
        patient_outcome(doubled, "post", "he", baseline="base")
    assert patient_outcome(doubled, "post", "he", sessions=[1, 2]).design["n_rows"] == 24
    assert patient_outcome(doubled.drop(columns="session"), "post", "he").design["n_rows"] == 24
    said = "1 rows repeat the session of another row, first patient 1 session 3"
    assert any(said in text for text in fit_series([STEP], doubled).note_texts())
    assert not any("repeat the session" in text for text in fit_series([STEP], sessions).note_texts())


def test_a_variance_for_every_row_is_refused(sessions):
    with pytest.raises(UsageError, match=r"variance_by='he' has 144 levels in 144 rows: .* Name a column of groups"):
        fit_mixed("y ~ session + (1 | patient)", sessions, variance_by="he")
