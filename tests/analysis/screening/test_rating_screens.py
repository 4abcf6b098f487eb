"""The door: all screens together, at a small size of the simulation in tests/simulations/screens.txt."""

import json

import numpy as np
import pytest

from doublecode.analysis import screen_ratings
from doublecode.schemas.errors import UsageError
from doublecode.schemas.results import result_record, to_json


@pytest.mark.parametrize("design", range(5))
def test_honest_studies_raise_no_alarm(planted_screens, design):
    raised, which = planted_screens.clean(planted_screens.DESIGNS[design], 6)
    assert (raised, dict(which)) == (0, {})


@pytest.mark.parametrize("kind", ["identical_rows", "straight_line", "reversed_rater", "column_shifted"])
@pytest.mark.parametrize("design", range(3))
def test_what_is_planted_is_found(planted_screens, design, kind):
    found, made = planted_screens.planted(planted_screens.DESIGNS[design], kind, 4)
    assert made == 4
    assert found >= 3


@pytest.fixture(scope="module")
def result(planted_screens):
    study = planted_screens.copied(planted_screens.honest(planted_screens.DESIGNS[0], 1), np.random.default_rng(1))
    return screen_ratings(study.ratings, study.book)


def test_a_result_says_what_was_seen_and_no_verdict(result):
    (alarm,) = result.frame.to_dict("records")
    assert alarm["screen"] == "identical_rows"
    (text,) = result.note_texts()
    assert text.startswith(f"{alarm['rater']} and {alarm['other']}, made_up: the same codes in every cell of ")
    assert "independent raters" in text
    assert "Screens of the ratings: " in str(result)
    assert sum(result.design["n_tests"].values()) == len(result.tests)
    record = json.loads(to_json(result_record(result)))
    assert record["frame"][0]["sessions"] == alarm["sessions"]
    assert result.rows.is_unique


def test_the_same_ratings_give_the_same_alarms_in_any_order(planted_screens, result):
    study = planted_screens.copied(planted_screens.honest(planted_screens.DESIGNS[0], 1), np.random.default_rng(1))
    again = screen_ratings(study.ratings.sample(frac=1, random_state=2), study.book)
    assert again.frame.equals(result.frame)


def test_a_level_or_one_column_alone_is_refused(planted_screens):
    study = planted_screens.honest(planted_screens.DESIGNS[2], 1)
    with pytest.raises(UsageError, match="level is 1"):
        screen_ratings(study.ratings, study.book, level=1.0)
    with pytest.raises(UsageError, match="go together"):
        screen_ratings(study.ratings, study.book, rated_at="at")


def test_a_pace_is_an_alarm_from_three_sessions_on(planted_screens):
    study = planted_screens.honest(planted_screens.DESIGNS[2], 1)
    ratings = study.ratings
    number = ratings["session_id"].str[1:].astype(int)
    ratings["at"] = [f"2026-03-{1 + n // 12:02d} {8 + n % 12:02d}:00" for n in number]
    ratings["long"] = 50.0
    assert screen_ratings(ratings, study.book, rated_at="at", minutes="long").frame.empty
    fast = (ratings["rater"] == "R1") & number.between(3, 6)
    ratings.loc[fast, "at"] = [f"2026-03-01 10:{n:02d}" for n in number[fast]]
    found = screen_ratings(ratings, study.book, rated_at="at", minutes="long")
    assert found.frame[["screen", "rater", "n_found"]].to_numpy().tolist() == [["fast_pace", "R1", 4]]
    assert "may have been entered later" in found.note_texts()[0]


def test_no_ratings_no_tests(planted_screens):
    study = planted_screens.honest(planted_screens.DESIGNS[2], 1)
    empty = screen_ratings(study.ratings.iloc[:0], study.book)
    assert (len(empty.frame), len(empty.tests), len(empty.rows)) == (0, 0, 0)
