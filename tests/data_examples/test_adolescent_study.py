"""The synthetic adolescent study has the counts of the paper, and what was planted can be read off it."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from doublecode.analysis.description.outliers import winsorise
from doublecode.analysis.study.declared_moderation import fit_moderation
from doublecode.coding.reading.incoming import read_incoming
from doublecode.data_examples.adolescent_analysis import (
    LEAST_SQUARES,
    estimate_patients,
    patient_frame,
    therapist_p_values,
)
from doublecode.data_examples.adolescent_model import AdolescentPlan
from doublecode.data_examples.adolescent_ratings import NO_ERROR, RaterPlan, cut
from doublecode.data_examples.adolescent_study import adolescent_study
from doublecode.data_examples.generate_adolescent_cbt import SHIPPED
from doublecode.schemas.frames import ASSIGNMENTS, PATIENTS, RATINGS, SESSIONS, THERAPISTS, check_frame
from doublecode.schemas.study import load_study

KEY = ["session_id", "rater", "instrument", "item"]


@pytest.fixture(scope="module")
def study():
    return adolescent_study()


@pytest.fixture(scope="module")
def declared():
    return load_study(SHIPPED)


@pytest.fixture(scope="module")
def frame(study, declared):
    return patient_frame(study, declared)


@pytest.fixture(scope="module")
def truth():
    return json.loads((SHIPPED / "planted_truth.json").read_text(encoding="utf-8"))


def test_frames_keep_their_contracts(study):
    for found, contract in (
        (study.ratings, RATINGS), (study.sessions, SESSIONS), (study.patients, PATIENTS),
        (study.therapists, THERAPISTS), (study.assignments, ASSIGNMENTS),
    ):  # fmt: skip
        check_frame(found, contract)


def test_sample_and_drop_outs(study):
    patients = study.patients
    assert len(patients) == 50
    assert len(study.therapists) == 8 == study.sessions["therapist"].nunique()
    assert patients["gender"].value_counts().to_dict() == {"female": 33, "male": 17}
    assert sorted(patients["diagnosis"].value_counts()) == [3, 10, 37]
    assert patients["hispanic"].astype(int).sum() == 11
    ethnic = patients["ethnicity"].str.split(";").explode().value_counts()
    assert ethnic.drop("White").to_dict() == {
        "African American/Black": 11, "Hispanic/Latino": 11, "Native American": 2, "Biracial": 2, "Other": 2,
    }  # fmt: skip
    assert (patients["ethnicity"] != "White").sum() == 27  # 54 %
    assert patients["reason"].value_counts().to_dict() == {"before session 3": 5, "before session 2": 2}
    assert study.sessions.groupby("session").size().to_dict() == {1: 50, 2: 48, 3: 43}


def test_tapes_and_double_coding(study):
    lost = study.sessions[study.sessions["status"] == "not_rated"].groupby(["session", "reason"]).size().to_dict()
    mechanical, forgotten = "mechanical tape failure", "therapist did not record the session"
    assert lost == {(1, mechanical): 2, (1, forgotten): 2, (2, forgotten): 1, (3, mechanical): 1, (3, forgotten): 1}
    rated = study.ratings.dropna(subset=["value"]).groupby(["instrument", "session_id"])["rater"].nunique()
    counts = {name: (len(part), int((part == 2).sum())) for name, part in rated.groupby(level=0)}
    assert counts == {"thabs": (93, 19), "homework_adherence": (84, 25), "initial_resistance": (46, 12)}
    raters = study.ratings.groupby("instrument")["rater"].unique()
    assert len({name for names in raters for name in names}) == sum(len(names) for names in raters) == 9


def test_rows_of_the_models(frame, declared):
    data = winsorise(frame, declared.outliers).data
    counts = {one.name: fit_moderation(one, data, observed=frame).design["n_rows"] for one in declared.moderations}
    assert {counts[f"{name}_s1"] for name in ("specification", "rationale", "reactions", "time")} == {41}
    assert {counts[f"{name}_s2"] for name in ("specification", "rationale", "reactions", "time")} == {33}
    assert 24 <= counts["praise_s2"] < 33  # printed: 28; depends on how many did no homework


def test_praise_is_not_applicable_where_nothing_was_done(study, frame):
    praise = study.ratings[(study.ratings["item"] == "praise") & (study.ratings["session"] == 2)]
    assert set(praise.loc[praise["value"].isna(), "missing_code"]) == {"NA"}
    first = study.ratings[study.ratings["item"].isin(["praise", "review"]) & (study.ratings["session"] == 1)]
    assert (first["missing_code"] == "NA").all()
    nothing = frame["hw2"] == 0
    assert nothing.any()
    assert frame.loc[nothing, "praise_s2"].isna().all()


def test_the_workbooks_hold_the_frames(study, declared):
    ratings, problems, files = read_incoming(declared)
    assert len(files) == 9
    assert [str(problem) for problem in problems if problem.severity == "error"] == []
    both = study.ratings.merge(ratings, on=KEY, how="outer", suffixes=("", "_read"), validate="one_to_one")
    assert len(both) == len(ratings) == len(study.ratings)
    for column in ("patient", "therapist", "session", "role", "phase", "value", "text", "missing_code"):
        same = (both[column] == both[f"{column}_read"]) | (both[column].isna() & both[f"{column}_read"].isna())
        assert same.all(), column


def test_planted_truth_belongs_to_this_generator(truth):
    assert truth["latent_model"] == asdict(AdolescentPlan())
    assert truth["raters"] == asdict(RaterPlan())
    assert (truth["shipped_seed"], truth["estimands_from"]["n_adolescents"]) == (20210501, 20000)


def test_planted_truth_meets_the_printed_numbers(truth):
    known = {entry["quantity"]: entry for entry in truth["quantities"]}
    for name in ("rationale_s1: rationale_s1:ir (beta)", "time_s1: time_s1:ir (beta)", "time_s1: time_s1 (beta)"):
        assert known[name]["observed"] == pytest.approx(known[name]["printed"], abs=0.02)
    for name in ("rationale_s2: rationale_s2:hw2 (beta)", "reactions_s2: reactions_s2:hw2 (beta)"):
        assert known[name]["true"] == pytest.approx(known[name]["printed"], abs=0.04)
    for entry in truth["quantities"]:
        if isinstance(entry["printed"], str):
            low, high = sorted(float(end) for end in entry["printed"].split(" to "))
            assert low - 0.03 <= entry["observed"] <= high + 0.03, entry["quantity"]
    for name in ("hw2: mean", "hw2: SD", "r(hispanic, rationale_s2)", "r(ir, hw2)"):
        assert known[name]["observed"] == pytest.approx(known[name]["printed"], abs=0.05)
    for name in ("hw3: mean", "hw3: SD"):  # off on purpose: see the notes in the file
        assert known[name]["observed"] == pytest.approx(known[name]["printed"], abs=0.15)
    # Resistance stands higher and spreads wider than printed, on purpose; how well it is measured is as printed.
    for name in ("ir: ICC(1,1)", "ir: alpha"):
        assert known[name]["observed"] == pytest.approx(known[name]["printed"], abs=0.04)
    assert "mean 8.9, SD 3.0; printed 7.54, 1.91" in " ".join(truth["notes"])
    assert known["ir: mean"]["observed"] == pytest.approx(8.9, abs=0.1)
    assert known["ir: SD"]["observed"] == pytest.approx(3.0, abs=0.1)


def test_estimates_of_many_adolescents_are_near_the_estimands(truth, declared):
    """1,000 with another seed: within four standard errors of both samples (some 60 quantities, so four)."""
    known = {entry["quantity"]: entry for entry in truth["quantities"]}
    rows = estimate_patients(patient_frame(adolescent_study(42, 1000), declared), declared)
    checked = 0
    for name, estimate, low, high in rows:
        if not np.isnan(low):
            planted = known[name.removesuffix(LEAST_SQUARES)]
            se = np.hypot((high - low) / 3.92, planted["observed_se"])
            assert estimate == pytest.approx(planted["observed"], abs=4 * se), name
            checked += 1
    assert checked > 40


def test_no_therapist_effect_was_planted(declared):
    many = patient_frame(adolescent_study(8, 1000), declared)
    assert min(therapist_p_values(many, declared).values()) > 0.01


def test_raters_without_error_agree():
    study = adolescent_study(4, 100, raters=NO_ERROR)
    spread = study.ratings.groupby(["session_id", "instrument", "item"])["value"].agg(lambda v: v.max() - v.min())
    assert spread.dropna().max() == 0
    real = adolescent_study(4, 100).ratings.groupby(["session_id", "instrument", "item"])["value"]
    assert real.agg(lambda v: v.max() - v.min()).max() > 0


def test_cut_gives_each_code_its_share():
    drawn = np.random.default_rng(1).normal(0, 1.3, 200_000)
    codes = cut(drawn, (0.1, 0.2, 0.4, 0.3), 1.3, 2)
    assert np.bincount(codes)[2:] / len(codes) == pytest.approx([0.1, 0.2, 0.4, 0.3], abs=0.005)
