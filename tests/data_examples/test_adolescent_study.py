"""The synthetic adolescent study has the counts of the paper, and what was planted can be read off it."""

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.description.correlations import correlate
from doublecode.analysis.description.outliers import winsorise
from doublecode.analysis.study.declared_moderation import fit_moderation
from doublecode.coding.reading.incoming import read_incoming
from doublecode.data_examples.adolescent_analysis import (
    LEAST_SQUARES,
    columns_of,
    estimate_patients,
    patient_frame,
    quick_columns,
    therapist_p_values,
)
from doublecode.data_examples.adolescent_findings import findings_of
from doublecode.data_examples.adolescent_model import AdolescentPlan
from doublecode.data_examples.adolescent_population import draw_population, population_agreement, population_frame
from doublecode.data_examples.adolescent_printed import HEADLINE, PRINTED
from doublecode.data_examples.adolescent_ratings import NO_ERROR, RaterPlan, cut
from doublecode.data_examples.adolescent_seeds import of_studies
from doublecode.data_examples.adolescent_study import SEED, adolescent_study
from doublecode.data_examples.adolescent_targets import conditional_targets, standard_errors
from doublecode.data_examples.generate_adolescent_cbt import SHIPPED
from doublecode.data_examples.least_squares import find_fences, regress
from doublecode.data_examples.printed_values import FILE
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


def test_praise_is_not_applicable_where_clearly_nothing_was_done(study):
    praise = study.ratings[(study.ratings["item"] == "praise") & (study.ratings["session"] == 2)]
    assert set(praise.loc[praise["value"].isna(), "missing_code"]) == {"NA"}
    first = study.ratings[study.ratings["item"].isin(["praise", "review"]) & (study.ratings["session"] == 1)]
    assert (first["missing_code"] == "NA").all()
    person = pd.Index(study.patients["patient"]).get_indexer(pd.Index(praise["patient"]))
    nothing = study.truth.adherence2[person] < AdolescentPlan().praise_possible
    assert (praise["value"].isna().to_numpy() == nothing).all()


def test_raters_of_adherence_err_about_no_effort():
    many = adolescent_study(4, 400).ratings
    codes = many[many["item"] == "adherence"].groupby("session_id")["value"].agg(["min", "max", "size"])
    apart = codes[(codes["size"] == 2) & (codes["min"] == 0)]
    assert (apart["max"] > 0).any()


def test_the_workbooks_hold_the_frames(study, declared):
    ratings, problems, files = read_incoming(declared)
    assert len(files) == 9
    assert [str(problem) for problem in problems if problem.severity == "error"] == []
    both = study.ratings.merge(ratings, on=KEY, how="outer", suffixes=("", "_read"), validate="one_to_one")
    assert len(both) == len(ratings) == len(study.ratings)
    for column in ("patient", "therapist", "session", "role", "phase", "value", "text", "missing_code"):
        same = (both[column] == both[f"{column}_read"]) | (both[column].isna() & both[f"{column}_read"].isna())
        assert same.all(), column


def test_the_quick_columns_are_those_of_the_frame(study, frame, declared):
    slow, quick = columns_of(frame, declared), quick_columns(study, declared)
    assert set(slow) == set(quick)
    for name, values in slow.items():
        np.testing.assert_array_equal(values, quick[name], err_msg=name)


@pytest.mark.parametrize("seed", [SEED, 11, 12])
def test_many_studies_at_once_are_analysed_as_one_by_one(declared, seed):
    frame = patient_frame(adolescent_study(seed), declared)
    columns = columns_of(frame, declared)
    adjusted = winsorise(frame, declared.outliers).data
    found = estimate_patients(columns, find_fences(columns, declared.outliers), declared)
    for model in declared.moderations:
        one = fit_moderation(model, adjusted, observed=frame)
        for limits, suffix in ((one.robust, ""), (one.frame, LEAST_SQUARES)):
            for row in limits.drop(index=0).itertuples():
                quick = found[f"{model.name}: {row.term} (b){suffix}"]
                ours = (quick.estimate[0], quick.conf_low[0], quick.conf_high[0])
                assert ours == pytest.approx((row.estimate, row.conf_low, row.conf_high), rel=1e-8, abs=1e-10)
        for row in one.frame.drop(index=0).itertuples():
            assert found[f"{model.name}: {row.term} (beta)"].estimate[0] == pytest.approx(row.beta_posthoc, rel=1e-8)
    for name, data, pair, method in (
        ("r(ir, hw2)", adjusted, ["ir", "hw2"], "pearson"),
        ("rho(hispanic, hw2)", frame, ["hispanic", "hw2"], "spearman"),
    ):
        row = correlate(data, pair, method=method).frame.iloc[0]
        ours = (found[name].estimate[0], found[name].conf_low[0], found[name].conf_high[0])
        assert ours == pytest.approx((row.r, row.conf_low, row.conf_high), rel=1e-8)


def test_targets_are_the_analysis_of_the_population_under_the_sample_s_fences(declared):
    population = population_frame(draw_population(7, 3000), declared)
    samples = {name: values.reshape(-1, 50)[:2] for name, values in population.items()}
    fences = find_fences(samples, declared.outliers)
    targets = conditional_targets(population, fences, declared)
    for i in range(2):
        own = type(fences)(*({n: ends[n][i : i + 1] for n in ends} for ends in (fences.low, fences.high)))
        found = estimate_patients(population, own, declared)
        for name, values in targets.items():
            assert values[i] == pytest.approx(found[name].estimate[0], rel=1e-8, abs=1e-10), name


def test_regressions_that_cannot_be_estimated_are_missing(declared):
    rng = np.random.default_rng(1)
    columns = {name: rng.normal(size=(2, 50)) for name in ("rationale_s1", "ir", "hw2", "hispanic")}
    columns["hispanic"][0] = 0  # nobody
    model = next(model for model in declared.moderations if model.name == "rationale_s1")
    found = regress(model, columns)
    assert np.isnan(found.b[0]).all()
    assert np.isfinite(found.b[1]).all()


def test_planted_truth_belongs_to_this_generator(truth, declared):
    assert truth["latent_model"] == asdict(AdolescentPlan())
    assert truth["raters"] == asdict(RaterPlan())
    assert (truth["shipped_seed"], truth["population"]["n_adolescents"]) == (SEED, 20000)
    assert declared.seed == SEED
    assert truth["headline"] == HEADLINE


def test_printed_values_are_met_or_it_is_said_by_how_much(declared):
    """The shipped column is what this seed gives; z is the distance of what is printed from the population."""
    table = pd.read_csv(SHIPPED / FILE)
    own = findings_of(of_studies([adolescent_study(SEED)], declared), declared).samples.loc[SEED]
    assert table["quantity"].tolist() == [one.quantity for one in PRINTED]
    for row, one in zip(table.itertuples(), PRINTED, strict=True):
        assert str(row.printed) == str(one.value) or float(row.printed) == one.value
        assert row.shipped == pytest.approx(own[one.quantity], rel=1e-5, abs=1e-4), one.quantity
    number = pd.to_numeric(table["printed"], errors="coerce")
    moving = table["sd_over_seeds"] > 0
    z = (number - table["population"]) / table["sd_over_seeds"]
    assert z[moving & number.notna()].to_numpy() == pytest.approx(table.loc[moving & number.notna(), "z"], abs=0.02)
    assert table.loc[moving, "z"].abs().max() < 2


def test_estimates_of_many_adolescents_are_near_the_population(declared):
    """1,000 with another seed, tables and all, against 20,000 as arrays: within four standard errors (some 60)."""
    columns = quick_columns(adolescent_study(42, 1000), declared)
    fences = find_fences(columns, declared.outliers)
    population = population_frame(draw_population(5000, 20_000), declared)
    targets, errors = (how(population, fences, declared) for how in (conditional_targets, standard_errors))
    checked = 0
    for name, found in estimate_patients(columns, fences, declared).items():
        low, high = found.conf_low[0], found.conf_high[0]
        if name in targets and not np.isnan(low):
            se = np.hypot((high - low) / 3.92, errors[name])
            assert found.estimate[0] == pytest.approx(targets[name][0], abs=4 * se), name
            checked += 1
    assert checked > 40


def test_agreement_of_the_population_is_as_printed():
    found = population_agreement(draw_population(5000, 20_000))
    assert found["adherence: ICC(A,1)"][0] == pytest.approx(0.72, abs=0.03)
    assert found["review: ICC(A,1)"][0] == pytest.approx(0.27, abs=0.05)
    items = ("specification", "rationale", "reactions", "review", "praise", "time_assigning")
    assert np.mean([found[f"{item}: ICC(A,1)"][0] for item in items]) == pytest.approx(0.67, abs=0.02)


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
