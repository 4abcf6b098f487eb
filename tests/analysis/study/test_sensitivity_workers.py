"""Refits of a sensitivity analysis on one core, on two and after an interruption: same tables, same cells."""

import json
import sys
from dataclasses import replace

import pytest

from doublecode.analysis import Workers, study_sensitivity
from doublecode.analysis.cli import app as cli
from doublecode.analysis.study import sensitivity_left_out, sensitivity_multiverse
from doublecode.schemas.sensitivity import Sensitivity

ASKED = {
    "headline": {"model": "phq9", "term": "he_within"}, "leave_out": ["therapist", "rater"],
    "choices": {"pooling": ["primary"], "random": ["(1 | patient)"], "lag": {"he": [40]}},
}  # fmt: skip


@pytest.fixture(scope="module")
def intake(telephone_run):
    """The telephone study without its homework, which is counted anew in every frame and is in no model asked for."""
    study = telephone_run.study
    fewer = {
        "sensitivity": Sensitivity.model_validate_json(json.dumps(ASKED)),
        "series": tuple(one for one in study.series if one.name != "homework_done"),
        "variables": tuple(one for one in study.variables if one.instrument != "homework_log"),
    }
    return replace(telephone_run.intake, study=study.model_copy(update=fewer))


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("workers") / "kept"


@pytest.fixture(scope="module")
def one(intake, kept):
    return study_sensitivity(intake, workers=Workers(keep=kept)).findings[0]


def same(found, one):
    assert found.frame.equals(one.frame)
    assert found.left_out.equals(one.left_out)
    assert found.note_texts() == one.note_texts()
    for own, other in zip(
        (*found.standings, *found.standings_left_out), (*one.standings, *one.standings_left_out), strict=True
    ):
        if other is None:
            assert own is None
            continue
        assert own.labels.tolist() == other.labels.tolist()
        assert own.built.frame.equals(other.built.frame)
        assert own.names == other.names


def test_two_cores_give_what_one_gives(intake, one):
    assert one.frame["estimate"].notna().sum() == 4
    same(study_sensitivity(intake, workers=Workers(jobs=2)).findings[0], one)


def test_a_repeat_refits_nothing_and_other_data_everything(intake, one, kept, monkeypatch):
    def nothing(*given, **more):
        raise KeyboardInterrupt

    for module in (sensitivity_multiverse, sensitivity_left_out):
        monkeypatch.setattr(module, "estimate_of", nothing)
    seen = []
    same(study_sensitivity(intake, workers=Workers(keep=kept), progress=lambda *now: seen.append(now)).findings[0], one)
    assert [(what, done) for what, done, of in seen if done == of] == [
        ("Without one therapist", 1), ("Without one rater", 5), ("Specifications", 4)
    ]  # fmt: skip
    fewer = replace(intake, ratings=intake.ratings.iloc[1:])
    with pytest.raises(KeyboardInterrupt):
        study_sensitivity(fewer, workers=Workers(keep=kept))


def test_what_cannot_be_is_refused_before_any_work(monkeypatch, capsys, telephone):
    monkeypatch.setattr(sys, "argv", ["doublecode", "sensitivity", str(telephone), "--jobs", "0"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 2
    assert "jobs is 0; allowed: a whole number from 1 on" in capsys.readouterr().err
