"""Drift of a study: which rows take part, and what happens where periods or raters cannot be compared."""

from importlib.resources import files as resource_files
from pathlib import Path

import pandas as pd
import pytest

from doublecode.analysis.study.rater_drift import drift_of
from doublecode.analysis.study.run import read_study
from doublecode.schemas.errors import NotEstimable, UsageError


@pytest.fixture(scope="module")
def intake():
    return read_study(Path(str(resource_files("doublecode.data_examples"))) / "telephone_cbt")


def of(intake, ratings, files=None, sessions=None, **more):
    files = intake.files if files is None else files
    return drift_of(intake.study, ratings, files, intake.sessions if sessions is None else sessions, **more)


def severity(found, scale):
    rows = found.frame[found.frame["scale"] == scale]
    return rows.set_index("rater")["estimate"]


@pytest.fixture(scope="module")
def plain(intake):
    return of(intake, intake.ratings)


def test_a_stricter_rater_moves_by_what_was_planted(intake, plain):
    # A constant c on one of five raters moves her severity by c(1 − 1/5) and the others by −c/5, exactly.
    rows = intake.ratings
    hers = (rows["instrument"] == "sthar") & (rows["rater"] == "R3")
    moved = of(intake, rows.assign(value=rows["value"].where(~hers, rows["value"] + 0.5)))
    change = severity(moved, "reviewing") - severity(plain, "reviewing")
    assert change["R3"] == pytest.approx(0.4, abs=1e-6)
    assert change.drop("R3").tolist() == pytest.approx([-0.1] * 4, abs=1e-6)
    assert severity(moved, "he").tolist() == pytest.approx(severity(plain, "he").tolist(), abs=1e-9)


def test_the_pilot_takes_no_part(intake, plain):
    without = of(intake, intake.ratings[intake.ratings["phase"] == "main"])
    pd.testing.assert_frame_equal(without.frame, plain.frame)
    assert plain.frame.groupby("scale")["n_ratings"].sum()["he"] == 271  # 272 main scores, one blank


def test_one_batch_gives_severity_without_periods_and_says_so(intake, plain):
    found = of(intake, intake.ratings, files=intake.files.assign(batch="batch01"))
    assert found.periods.empty
    assert found.drifts.empty
    assert severity(found, "he").tolist() == pytest.approx(severity(plain, "he").tolist())
    assert any("one period only" in text and "without periods" in text for text in found.note_texts())


def test_sessions_without_a_date_are_counted(intake):
    main = intake.sessions[(intake.sessions["phase"] == "main") & (intake.sessions["status"] == "held")]
    first = main["session_id"].iloc[0]
    undated = intake.sessions.assign(date=intake.sessions["date"].where(intake.sessions["session_id"] != first))
    found = of(intake, intake.ratings, sessions=undated, n_periods=2)
    assert found.design["dropped"]["no date"] >= 4
    assert [note.numbers for note in found.notes if note.kind == "scores_without_date"] == [
        {"n": found.design["dropped"]["no date"]}
    ]
    assert sorted(found.periods["period"].unique()) == [1, 2]


def test_instruments_without_scales_are_compared_item_by_item():
    adolescent = read_study(Path(str(resource_files("doublecode.data_examples"))) / "adolescent_cbt")
    found = of(adolescent, adolescent.ratings)
    named = set(found.frame[["instrument", "scale"]].itertuples(index=False, name=None))
    assert ("thabs", "rationale") in named
    assert ("homework_adherence", "adherence") in named
    assert not any(instrument == "initial_resistance" for instrument, _ in named)  # one-way: raters not told apart
    hers = (adolescent.ratings["item"] == "rationale") & (adolescent.ratings["rater"] == "C2")
    raised = adolescent.ratings["value"].where(~hers, adolescent.ratings["value"] + 0.5)
    moved = of(adolescent, adolescent.ratings.assign(value=raised))
    change = severity(moved, "rationale") - severity(found, "rationale")
    # A constant c on one of three raters moves her severity by c(1 − 1/3) and the others by −c/3, exactly.
    assert change.to_dict() == pytest.approx({"C1": -0.5 / 3, "C2": 1.0 / 3, "C3": -0.5 / 3}, abs=1e-6)


def test_what_cannot_be_compared_is_refused(intake):
    single = intake.ratings.drop_duplicates(["session_id", "instrument", "item"])
    with pytest.raises(NotEstimable, match="no scale has raters that can be compared"):
        of(intake, single)
    with pytest.raises(NotEstimable, match="no instrument was rated by raters who are told apart"):
        of(intake, intake.ratings[intake.ratings["instrument"] == "homework_log"])
    with pytest.raises(UsageError, match="at least two"):
        of(intake, intake.ratings, n_periods=1)
