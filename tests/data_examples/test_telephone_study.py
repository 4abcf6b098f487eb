"""The synthetic telephone study has the counts of the paper, and what was planted can be read off it."""

import json
from dataclasses import asdict
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.study.declared_models import declared_frame
from doublecode.coding.reading.incoming import read_incoming
from doublecode.coding.reading.outcomes import read_outcomes
from doublecode.coding.scoring import pool_ratings, score
from doublecode.data_examples.generate_telephone_cbt import SHIPPED
from doublecode.data_examples.printed_values import FILE
from doublecode.data_examples.telephone_analysis import estimate_scores, scores_of
from doublecode.data_examples.telephone_model import PHQ_AT_START, TelephonePlan, draw_truth
from doublecode.data_examples.telephone_printed import HEADLINE, PRINTED
from doublecode.data_examples.telephone_ratings import GHES, STHAR
from doublecode.data_examples.telephone_seeds import of_studies
from doublecode.data_examples.telephone_study import SEED, telephone_study
from doublecode.data_examples.telephone_truth import universe_scores
from doublecode.schemas.frames import ASSIGNMENTS, PATIENTS, RATINGS, SESSIONS, THERAPISTS, check_frame
from doublecode.schemas.study import load_study

KEY = ["session_id", "rater", "instrument", "item"]


@pytest.fixture(scope="module")
def study():
    return telephone_study()


@pytest.fixture(scope="module")
def declared():
    return load_study(SHIPPED)


@pytest.fixture(scope="module")
def truth():
    return json.loads((SHIPPED / "planted_truth.json").read_text(encoding="utf-8"))


def test_frames_keep_their_contracts(study):
    for frame, contract in (
        (study.ratings, RATINGS), (study.sessions, SESSIONS), (study.patients, PATIENTS),
        (study.therapists, THERAPISTS), (study.assignments, ASSIGNMENTS),
    ):  # fmt: skip
        check_frame(frame, contract)


def test_flow_of_patients_and_sessions(study):
    assert study.patients["status"].value_counts().to_dict() == {"not_included": 130, "completed": 22}
    assert (study.patients["randomised"] == "yes").sum() == 54
    assert (study.patients["arm"] == "telephone CBT").sum() == 24
    main = study.sessions[study.sessions["phase"] == "main"]
    assert len(main) == 210
    assert main["status"].value_counts().to_dict() == {"held": 194, "not_rated": 16}
    reasons = main["reason"].value_counts().to_dict()
    assert reasons == {"recording missing or unusable": 12, "protocol deviation": 4}
    per_patient = main.groupby("patient").agg(held=("session", "size"), rated=("status", lambda s: (s == "held").sum()))
    assert per_patient["held"].between(8, 12).all()
    assert len(per_patient) == 22
    assert (per_patient["rated"] / per_patient["held"] > 0.8).all()
    assert main["therapist"].nunique() == 3 == len(study.therapists)
    assert not set(main["patient"]) & set(study.patients.loc[study.patients["status"] != "completed", "patient"])


def test_the_pilot_is_outside_and_rated_by_all_five(study):
    pilot = study.sessions[study.sessions["phase"] == "pilot"]
    assert len(pilot) == 3
    assert set(pilot["patient"]) <= set(study.patients.loc[study.patients["status"] == "not_included", "patient"])
    ratings = study.ratings[study.ratings["phase"] == "pilot"]
    assert (ratings.groupby(["session_id", "instrument"])["rater"].nunique() == 5).all()
    assert set(ratings["session_id"]) == set(pilot["session_id"])


def test_two_of_five_sessions_are_double_coded_in_rotating_pairs(study):
    main = study.assignments[(study.assignments["instrument"] == "ghes") & (study.assignments["role"] != "pilot")]
    raters = main.groupby("session_id")["rater"].agg(lambda names: tuple(sorted(names)))
    double = raters[raters.map(len) == 2]
    assert (len(raters), len(double)) == (194, 78)
    pairs = double.value_counts()
    assert set(pairs.index) == set(combinations([f"R{n}" for n in range(1, 6)], 2))
    assert pairs.between(7, 9).all()
    assert main.groupby("rater").size().between(53, 56).all()


def test_homework_log_has_the_printed_counts(study):
    log = study.ratings[study.ratings["instrument"] == "homework_log"]
    kinds = log.loc[log["item"].str.startswith("type"), "text"].value_counts().to_dict()
    # the paper prints 138 behavioral beside 31 %, and 411 in all: 128 repairs both
    assert kinds == {"PE": 142, "BE": 128, "CO": 76, "SM": 36, "RP": 29}
    completed = log.loc[log["item"].str.startswith("completed"), "text"]
    assert (completed == "Y").mean() == pytest.approx(0.925, abs=0.04)  # three binomial SE
    difficult = log[log["item"].str.startswith("difficulties")]["session_id"].nunique() / 194
    assert difficult == pytest.approx(0.75, abs=0.095)


def test_the_workbooks_hold_the_frames(study, declared):
    ratings, problems, files = read_incoming(declared)
    assert len(files) == 31
    assert [str(problem) for problem in problems if problem.severity == "error"] == []
    both = study.ratings.merge(ratings, on=KEY, how="left", suffixes=("", "_read"), validate="one_to_one")
    for column in ("patient", "therapist", "session", "role", "phase", "value", "text", "missing_code"):
        same = (both[column] == both[f"{column}_read"]) | (both[column].isna() & both[f"{column}_read"].isna())
        assert same.all(), column
    more = ratings.merge(study.ratings[KEY], on=KEY, how="left", indicator=True)
    assert set(more.loc[more["_merge"] == "left_only", "item"].str.rstrip("_1234")) <= {
        "homework_given",
        "difficulties",
    }
    outcomes, problems = read_outcomes(declared)
    assert problems == []
    assert len(outcomes) == 9 * 210


def test_therapists_are_as_printed(study):
    age, training = (study.therapists[name].astype(float) for name in ("age", "training_years"))
    assert (age.mean(), age.std()) == pytest.approx((34, 5.9))
    assert (training.mean(), training.std()) == pytest.approx((4.3, 1.5))


def test_every_patient_begins_as_the_trial_s_did():
    for seed in (1, 2, 3):
        outcomes = telephone_study(seed, texts=False).outcomes
        first = outcomes[outcomes["session"] == 1].iloc[:, 2:].sum(axis=1)
        assert first.between(*PHQ_AT_START).all()


def items_of(study, declared):
    """Items as scoring pools them, outcomes among them."""
    outcomes = study.outcomes.melt(id_vars=["patient", "session"], var_name="item", value_name="value")
    held = study.sessions[["patient", "session", "therapist", "session_id"]]
    outcomes = outcomes.merge(held, on=["patient", "session"]).assign(
        study=declared.name, instrument="phq9", n_raters=float("nan"), reason=None
    )
    outcomes["value"] = outcomes["value"].astype(float)
    pooled = pool_ratings(study.ratings, declared)
    return pd.concat([pooled, outcomes[list(pooled.columns)]], ignore_index=True)


@pytest.mark.parametrize("seed", [SEED, 3])
def test_scores_are_those_of_the_scoring_room(declared, seed):
    study = telephone_study(seed)
    items = items_of(study, declared)
    built = declared_frame(declared, score(items, declared.codebooks), items, study.sessions, study.patients).frame
    built = built.sort_values(["patient", "session"], ignore_index=True)
    ours = scores_of(study, declared).frame
    for name in ("patient", "session"):
        assert (ours[name] == built[name]).all()
    for name in ("he", "tbh", "phq9"):
        np.testing.assert_allclose(ours[name], built[name], rtol=1e-12, err_msg=name)


def test_counts_from_held_to_the_model(study, declared):
    items = items_of(study, declared)
    built = declared_frame(declared, score(items, declared.codebooks), items, study.sessions, study.patients)
    kept = built.ledger[built.ledger["status"] == "kept"].groupby("stage").size()
    assert (kept["held"], kept["rated"]) == (210, 194)
    rows = built.frame.dropna(subset=["he", "tbh", "phq9"])
    assert kept["in the model: phq9"] == len(rows)
    assert 150 <= len(rows) <= 166
    lost = built.ledger[built.ledger["status"] == "lost"]
    assert lost["reason"].notna().all()


def test_a_session_without_its_ratings_is_named_by_the_ledger(study, declared):
    gone = study.sessions.loc[
        (study.sessions["session"] == 4) & (study.sessions["status"] == "held"), "session_id"
    ].iloc[0]
    patient = study.sessions.set_index("session_id").loc[gone, "patient"]
    kept = study.ratings[study.ratings["session_id"] != gone]
    items = pool_ratings(kept, declared)
    built = declared_frame(declared, score(items, declared.codebooks), items, study.sessions, study.patients)
    ledger = built.ledger.dropna(subset=["session_id"]).set_index(["stage", "session_id"]).sort_index()
    assert ledger.loc[("rated", gone), "status"] == "lost"
    assert (ledger.xs("rated")["status"] == "kept").sum() == 193
    # the next session's assigning items are gone with it
    following = built.ledger[(built.ledger["patient"] == patient) & (built.ledger["session"] == 5)]
    reason = following.set_index("stage").loc["scored: tbh", "reason"]
    assert "session 4" in reason


def test_same_seed_same_study_and_any_number_of_patients(study):
    pd.testing.assert_frame_equal(telephone_study().ratings, study.ratings)
    assert not telephone_study(7).outcomes.equals(study.outcomes)
    many = telephone_study(3, 110, pilot=False, texts=False)
    assert len(many.sessions) == 5 * 210
    assert (many.sessions["status"] == "held").sum() == 5 * 194
    assert many.ratings["rater"].nunique() == 25
    check_frame(many.ratings, RATINGS)


def test_simulations_without_texts_have_the_same_numbers(study):
    bare = telephone_study(texts=False).ratings
    numbers = study.ratings.dropna(subset=["value"])
    both = bare.merge(numbers, on=KEY, suffixes=("", "_full"), validate="one_to_one")
    assert len(both) == len(numbers)
    assert (both["value"] == both["value_full"]).all()


def test_planted_truth_belongs_to_this_generator(truth, declared):
    assert truth["latent_model"] == asdict(TelephonePlan())
    for plan, name in ((GHES, "raters_ghes"), (STHAR, "raters_sthar")):
        assert truth[name] == json.loads(json.dumps(asdict(plan)))
    assert truth["shipped_seed"] == SEED == declared.seed
    assert truth["estimands_from"]["n_patients"] == 5000
    assert truth["headline"] == HEADLINE


def test_planted_truth_meets_the_printed_numbers(truth):
    printed = [entry for entry in truth["quantities"] if entry["printed"] is not None]
    assert len(printed) == 12
    for entry in printed:
        # within two standard errors of the 5,000, or 2 % (omegas, share of the PHQ-9)
        margin = max(2 * entry["population_se"], 0.025 * abs(entry["printed"]))
        assert entry["population"] == pytest.approx(entry["printed"], abs=margin), entry["quantity"]


def test_printed_values_are_met_or_it_is_said_by_how_much(declared):
    """The shipped column is what this seed gives; z is the distance of what is printed from the population."""
    table = pd.read_csv(SHIPPED / FILE)
    own = of_studies([telephone_study(SEED, texts=False)], declared).set_index("quantity")["estimate"]
    assert table["quantity"].tolist() == [one.quantity for one in PRINTED]
    for row in table.itertuples():
        assert row.shipped == pytest.approx(own[row.quantity], rel=1e-5, abs=1e-4), row.quantity
    calibrated = table[table["origin"] == "calibrated"]
    assert calibrated["z"].abs().max() < 1.5
    # what the paper says of its sample in two ways, or with another lag, is further away: the column z says so
    known = table["place"].str.startswith("design") | table["quantity"].str.contains("comparison|pairs|SE|difficulties")
    assert table.loc[~known, "z"].abs().max() < 2.5
    slope = table.set_index("quantity").loc["phq9 on tbh, he held (conflated)"]
    assert slope["shipped"] * float(slope["printed"]) > 0


def test_estimates_of_many_patients_are_near_the_population(truth, declared):
    """880 patients with another seed: within four standard errors of both samples (21 quantities, so four)."""
    found = estimate_scores(telephone_study(42, 880, pilot=False, texts=False), declared, ddf="z")
    known = {entry["quantity"]: entry for entry in truth["quantities"]}
    for row in found.dropna(subset=["conf_low"]).itertuples(index=False):
        se = np.hypot((row.conf_high - row.conf_low) / 3.92, known[row.quantity]["population_se"])
        assert row.estimate == pytest.approx(known[row.quantity]["population"], abs=4 * se), row.quantity


def test_rater_error_attenuates_what_is_true(truth):
    known = {entry["quantity"]: entry for entry in truth["quantities"]}
    for slope in ("phq9 on he (within)", "he on tbh (within)", "phq9 on tbh, he held (conflated)"):
        assert abs(known[slope]["population"]) < 0.85 * abs(known[slope]["true"])


def test_universe_scores_are_what_many_raters_would_give_on_average(declared):
    study = telephone_study(5, 220, pilot=False, texts=False)
    universe = universe_scores(study)
    found = scores_of(study, declared).frame[["patient", "session", "he"]].rename(columns={"he": "value"})
    both = found.merge(universe, on=["patient", "session"]).dropna(subset=["value"])
    error = both["value"] - both["he"]
    # unbiased given the session: no slope of the error on the universe score (SE of r is .02)
    assert abs(np.corrcoef(error, both["he"])[0, 1]) < 0.08
    assert abs(error.mean()) < 0.06  # 50 raters' severities, SD .18


def test_truth_is_drawn_as_planned():
    plan = TelephonePlan()
    truth = draw_truth(1, 2200, plan)
    fit = np.polyfit(truth.session, truth.he, 1)
    assert fit == pytest.approx([plan.he_growth, plan.he_start], abs=0.03)
    assert np.std(truth.assigning - truth.reviewing) == pytest.approx(np.hypot(0.2, 0.42), abs=0.01)
