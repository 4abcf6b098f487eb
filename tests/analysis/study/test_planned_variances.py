"""What a study's own data say of the next one: the share of sessions lost, counted by hand."""

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.study.planned_model import PlannedModel
from doublecode.analysis.study.planned_values import Followed
from doublecode.analysis.study.planned_variances import frame_values

WHO = Followed(patients=8, sessions=5, therapists=0, held=36, lag=0, dropout=0.2, unrecorded=0.0, last_number=5)


def rows():
    """Eight patients with six sessions each, of which the last is of few and counts for none."""
    rng = np.random.default_rng(1)
    patient = np.repeat(np.arange(8), 6)
    level = rng.normal(size=8)[patient]
    return pd.DataFrame({
        "patient": patient, "session": np.tile(np.arange(1.0, 7.0), 8), "he": level + rng.normal(size=48),
        "phq9": level + rng.normal(size=48), "done": rng.integers(0, 4, 48).astype(float), "asked": 4.0,
    })  # fmt: skip


def lost_of(frame, who=WHO, **model):
    planned = PlannedModel("m", model.pop("outcome", "phq9"), "he", "", **model)
    values, notes = frame_values(frame, planned, who, 0, 0.8)
    assert not notes
    return {one.part: one for one in values}["lost"]


def test_lost_are_sessions_that_were_held_and_lack_predictor_or_outcome():
    """36 were held, of 40 rows until session 5; four rows of sessions that were not held lack both, and three more."""
    frame = rows()
    until = frame.index[frame["session"] <= 5]
    frame.loc[until[[4, 9, 14, 19]], ["he", "phq9"]] = np.nan  # after patients left
    assert lost_of(frame).value == 0
    frame.loc[until[[0, 20]], "he"] = np.nan
    frame.loc[until[[20, 21]], "phq9"] = np.nan
    frame.loc[frame["session"] == 6, "he"] = np.nan
    found = lost_of(frame)
    assert found.value == pytest.approx(3 / 36)
    assert (found.origin, found.source) == ("data", "rows")


def test_lost_with_a_lag_is_of_sessions_that_can_be_analysed():
    """A predictor that looks back has none of the first session: 28 could be analysed, one row lacks the outcome."""
    frame = rows()
    frame.loc[frame["session"] == 1, "he"] = np.nan
    frame.loc[frame.index[frame["session"] == 5][:4], ["he", "phq9"]] = np.nan
    frame.loc[frame.index[frame["session"] == 3][0], "phq9"] = np.nan
    who = Followed(**{**vars(WHO), "lag": 1})
    assert lost_of(frame, who).value == pytest.approx(1 / 28)


def test_sessions_without_a_trial_are_lost_to_so_many_of_so_many():
    frame = rows()
    frame.loc[frame.index[frame["session"] == 2], "asked"] = 0.0
    frame.loc[frame.index[frame["session"] == 2], "done"] = 0.0
    found = lost_of(frame, outcome="done", family="binomial", trials="asked")
    assert found.value == pytest.approx(1 - 32 / 36)


def test_nothing_is_said_of_fewer_than_ten_sessions():
    values, _ = frame_values(rows().iloc[:9], PlannedModel("m", "phq9", "he", ""), WHO, 0, 0.8)
    assert not values
