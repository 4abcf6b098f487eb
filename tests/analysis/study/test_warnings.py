"""Each warning of the analysis: given where it holds, with its subject, and not given where it does not."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import dyad_icc, fit_mixed, icc
from doublecode.analysis.description.sample import sample_table
from doublecode.analysis.mixed.result import MixedResult
from doublecode.analysis.regression.group_differences import group_anova
from doublecode.analysis.rendering.coded_warnings import joined, problem_of
from doublecode.analysis.results.coded_warnings import CodedWarning
from doublecode.analysis.results.rules import FEW_PAIRS, FEW_THERAPISTS
from doublecode.analysis.study import warnings
from doublecode.analysis.study.declared_models import declared_series
from doublecode.analysis.study.reliability_table import reliability_table
from doublecode.analysis.study.run import analyse, read_study
from doublecode.schemas.model_series import ModelSeries
from doublecode.schemas.results import Note
from doublecode.schemas.to_be_written import NOT_NAMED

REFERENCE = Path(__file__).parents[2] / "reference"
NAMES = {"targets": "session", "raters": "rater", "ratings": "score"}


def in_words(warn):
    """The warnings that a function gives, as problems of the catalogue."""
    return lambda *given: tuple(map(problem_of, warn(*given)))


dyad_warnings, fit_warnings = in_words(warnings.dyad_warnings), in_words(warnings.fit_warnings)
group_warnings, icc_warnings = in_words(warnings.group_warnings), in_words(warnings.icc_warnings)
reliability_warnings, run_warnings = in_words(warnings.reliability_warnings), in_words(warnings.run_warnings)
sample_warnings, series_warnings = in_words(warnings.sample_warnings), in_words(warnings.series_warnings)
unequal_rows = in_words(warnings.unequal_rows)


def rated(n, seed=0):
    """Sessions that differ, each rated by the same two raters."""
    rng = np.random.default_rng(seed)
    session = np.repeat(np.arange(n), 2)
    score = rng.normal(0, 2, n)[session] + rng.normal(size=2 * n)
    return pd.DataFrame({"session": session, "rater": ["A", "B"] * n, "score": score})


def flat(n=60):
    """Ratings that hardly differ."""
    score = np.where(np.random.default_rng(5).random(2 * n) < 0.06, 3.0, 4.0)
    return rated(n).assign(score=score)


@pytest.fixture(scope="module")
def course():
    return pd.read_csv(REFERENCE / "hw229_a.csv").rename(columns={"sess_c": "session", "session": "number"})


def series(*steps, name="homework", split=("behaviour",)):
    return ModelSeries(name=name, title="Homework", steps=steps, split=split)


def of(warnings, code):
    return [one for one in warnings if one.code == code]


class TestReliability:
    def test_too_few_pairs(self):
        (found,) = icc_warnings(icc(rated(FEW_PAIRS - 1), **NAMES))
        assert (found.code, found.severity, found.subject) == ("too_few_pairs", "warning", "score")
        assert found.found == "19 sessions carry more than one rating (below 20)"
        assert icc_warnings(icc(rated(FEW_PAIRS), **NAMES)) == ()

    def test_single_coded_sessions_are_no_pairs(self):
        rows = rated(40)
        single = rows[(rows["session"] < 12) | (rows["rater"] == "A")]
        (found,) = icc_warnings(icc(single, **NAMES), "Engagement")
        assert (found.subject, found.found.split()[0]) == ("Engagement", "12")

    def test_the_sentence_is_the_one_of_the_notes(self):
        result = icc(pd.concat([rated(9).assign(item="few"), rated(30).assign(item="enough")]), **NAMES, by="item")
        (found,) = icc_warnings(result)
        assert found.subject == "score (few)"
        assert any(found.found in note for note in result.note_texts())

    def test_no_spread(self):
        both = pd.concat([flat().assign(item="flat"), rated(60).assign(item="wide")])
        result = icc(both, **NAMES, by="item")
        (found,) = icc_warnings(result)
        assert (found.code, found.severity, found.subject) == ("no_spread", "warning", "score (flat)")
        assert f"item = flat: {found.found}" in result.note_texts()

    def test_a_table_of_a_study_names_instrument_phase_and_items(self):
        parts = [
            rated(30).assign(item="a", phase="main"), rated(8).assign(item="b", phase="main"),
            rated(5).assign(item="a", phase="pilot"), rated(5).assign(item="b", phase="pilot"),
        ]  # fmt: skip
        long = pd.concat(parts).rename(columns={"score": "value"}).assign(patient="P", instrument="GHES")
        found = reliability_warnings(reliability_table(long))
        assert [(one.code, one.subject) for one in found] == [
            ("too_few_pairs", "GHES, main (b)"), ("too_few_pairs", "GHES, pilot"),
        ]  # fmt: skip

    def test_the_mean_over_dyads(self):
        rng = np.random.default_rng(0)
        rows = [(s, r, s % 5 + rng.normal()) for s in range(30) for r in ("AB", "BC", "AC")[s % 3]]
        result = dyad_icc(pd.DataFrame(rows, columns=["session", "rater", "score"]), **NAMES)
        (found,) = dyad_warnings(result)
        mean = result.frame.set_index("statistic").loc["mean", "estimate"]
        assert (found.code, found.severity, found.subject) == ("dyad_average", "warning", "score")
        assert found.found == f"mean ICC(A,2) of 3 dyads: {mean:.2f}"
        assert found.next_step == "Report the pooled ICC."
        undefined = result.frame.assign(estimate=np.nan, n_dyads=0)
        assert dyad_warnings(replace(result, frame=undefined)) == ()


class TestModels:
    def test_conflated_slope(self, course):
        result = declared_series(series("homework ~ 1 + (1 | patient)", "homework ~ behaviour + (1 | patient)"), course)
        (found,) = of(series_warnings(result), "conflated_slope")
        assert (found.severity, found.subject) == ("warning", "homework, 2 as declared (conflated)")
        assert "the slope of behaviour mixes the slope within patients" in found.sentence
        assert found.next_step == "Read the within/between model beside it."

    def test_a_predictor_that_nobody_splits_is_conflated_in_every_version(self, course):
        steps = series("homework ~ behaviour + alliance + (1 | patient)")
        found = of(series_warnings(declared_series(steps, course)), "conflated_slope")
        assert [(one.subject, one.found) for one in found] == [
            ("homework, 1 as declared (conflated)", "the slope of behaviour and of alliance"),
            ("homework, 1 within/between", "the slope of alliance"),
        ]
        assert found[1].next_step == 'Add to the series\' split: "alliance".'

    def test_a_model_that_is_not_estimable_prints_no_slope(self, course):
        twice = course.assign(again=course["behaviour"])
        result = declared_series(series("homework ~ behaviour + again + (1 | patient)", split=()), twice)
        assert (result.models[0].result, result.models[0].conflated) == (None, ("behaviour", "again"))
        assert series_warnings(result) == ()

    def test_time_and_what_is_constant_within_patients_are_not_conflated(self, course):
        data = course.assign(age=course.groupby("patient")["behaviour"].transform("mean"))
        result = declared_series(series("homework ~ session + age + (1 | patient)", split=()), data)
        assert of(series_warnings(result), "conflated_slope") == []

    def test_singular_fit(self):
        data = pd.read_csv(REFERENCE / "hw229_singular.csv")
        formula = "homework ~ beh_cw + sess_c + (sess_c | patient)"
        fit = fit_mixed(formula, data)
        (found,) = fit_warnings(fit)
        assert (found.code, found.severity, found.subject) == ("singular_fit", "warning", formula)
        assert found.sentence.endswith("the fit is singular: (sess_c | patient), the correlation of Intercept and "
                                       "sess_c is 1")  # fmt: skip
        assert fit.note_texts().count(f"singular: {found.found}") == 1
        inside = of(series_warnings(declared_series(series(formula, split=()), data)), "singular_fit")
        assert [(one.subject, one.found) for one in inside] == [("homework, 1 as declared", found.found)]

    def test_not_converged(self, course, monkeypatch):
        formula = "homework ~ session + (1 | patient)"
        assert of(fit_warnings(fit_mixed(formula, course)), "not_converged") == []
        monkeypatch.setattr(MixedResult, "converged", False)
        fit = fit_mixed(formula, course)
        (found,) = of(fit_warnings(fit), "not_converged")
        assert (found.severity, found.sentence) == ("warning", f"{formula}: the fit did not converge")
        assert any(found.found in text for text in fit.note_texts())
        (found,) = of(series_warnings(declared_series(series(formula, split=()), course)), "not_converged")
        assert found.sentence == "homework, 1 as declared: the fit did not converge (REML and ML)"
        assert found.next_step == "Read the log of the fit."

    def test_series_of_one_outcome_on_different_rows(self, course):
        gaps = course.assign(alliance=course["alliance"].where(course["number"] > 2))
        step = "homework ~ session + (1 | patient)"
        long = declared_series(series(step, name="course", split=()), gaps)
        short = declared_series(series(step, "homework ~ session + alliance + (1 | patient)", name="alliance"), gaps)
        other = declared_series(series("behaviour ~ alliance + (1 | patient)", name="other", split=()), gaps)
        (found,) = unequal_rows([long, short, other])
        assert (found.code, found.severity, found.subject) == ("unequal_rows", "warning", "course, alliance")
        assert f"{long.design['n_rows']} in course, {short.design['n_rows']} in alliance" in found.sentence
        assert unequal_rows([long, replace(long, spec={**long.spec, "name": "again"}), other]) == ()

    def test_as_many_but_other_rows_are_different_rows(self, course):
        step = "homework ~ session + (1 | patient)"
        halves = [
            declared_series(series(step, name=n, split=()), course.iloc[k : 150 + k]) for n, k in (("a", 0), ("b", 9))
        ]
        assert [one.subject for one in unequal_rows(halves)] == ["a, b"]


class TestTherapists:
    def treated(self, n):
        rng = np.random.default_rng(2)
        therapist = np.repeat(np.arange(n), 12)
        y = rng.normal(0, 1, n)[therapist] + rng.normal(size=12 * n)
        return pd.DataFrame({"therapist": [f"T{t}" for t in therapist], "y": y})

    def test_a_level_of_few_therapists(self):
        formula = "y ~ 1 + (1 | therapist)"
        (found,) = of(fit_warnings(fit_mixed(formula, self.treated(FEW_THERAPISTS))), "few_therapists")
        assert (found.severity, found.sentence) == ("warning", f"{formula}: only 8 therapists")
        assert of(fit_warnings(fit_mixed(formula, self.treated(FEW_THERAPISTS + 1))), "few_therapists") == []

    def test_in_a_series(self, course):
        number = course["patient"].astype("category").cat.codes
        data = course.assign(therapist=[f"T{one % 3}" for one in number])
        result = declared_series(series("homework ~ session + (1 | therapist) + (1 | patient)", split=()), data)
        (found,) = of(series_warnings(result), "few_therapists")
        assert (found.subject, found.found) == ("homework, 1 as declared", "3 therapists")

    def test_groups_of_another_kind_are_no_therapists(self):
        data = self.treated(4).rename(columns={"therapist": "ward"})
        assert of(fit_warnings(fit_mixed("y ~ 1 + (1 | ward)", data)), "few_therapists") == []
        assert group_warnings(group_anova(data, "y", "ward")) == ()

    def test_in_a_group_comparison(self):
        (found,) = group_warnings(group_anova(self.treated(3), "y", "therapist"))
        assert (found.code, found.subject, found.found) == ("few_therapists", "y by therapist", "3 therapists")

    def test_in_the_sample(self):
        patients = pd.DataFrame({"patient": ["P1", "P2"], "age": ["50", "60"]})
        therapists = pd.DataFrame({"therapist": ["T1", "T2"], "degree": ["doctoral", "master"]})
        (found,) = sample_warnings(sample_table(patients, therapists, ["age", "degree"]))
        assert (found.code, found.subject, found.found) == ("few_therapists", "sample", "2 therapists")
        assert sample_warnings(sample_table(patients, therapists, ["age"])) == ()
        many = pd.DataFrame({"therapist": range(9), "degree": "doctoral"})
        assert sample_warnings(sample_table(patients, many, ["degree"])) == ()


class TestAStudy:
    def test_the_telephone_study_gives_each_of_its_warnings_with_its_subject(self, telephone_run):
        assert telephone_run.warnings == warnings.run_warnings(telephone_run)
        found = run_warnings(telephone_run)
        subjects = {code: [one.subject for one in of(found, code)] for code in {one.code for one in found}}
        assert subjects["too_few_pairs"] == ["ghes, pilot", "sthar, pilot"]
        assert subjects["few_therapists"] == ["sample"]
        assert subjects["unequal_rows"] == ["he_course, he_on_tbh"]
        assert subjects["conflated_slope"] == [
            f"{name} as declared (conflated)" for name in ("he_on_tbh, 3", "phq9, 3", "phq9, 4", "homework_done, 3")
        ]
        singular = {
            result.spec["name"]: [model.label for model in result.models if model.singular]
            for result in telephone_run.all_series
        }
        (done,) = telephone_run.generalized  # all four models, in the same way: one warning
        assert singular.pop("homework_done") == [model.label for model in done.models]
        assert subjects["singular_fit"] == ["homework_done, every model"]
        assert [labels for labels in singular.values() if labels] == []
        some = replace(done, models=(replace(done.models[0], result=None, refusal="none"), *done.models[1:2]))
        assert [one.subject for one in of(series_warnings(some), "singular_fit")] == ["homework_done, 2 as declared"]
        (steps,) = (one for one in telephone_run.series if one.spec["name"] == "phq9")
        mixed = replace(done, models=(*done.models, steps.models[0]))
        assert len(of(series_warnings(mixed), "singular_fit")) == len(done.models)
        spread = [note for note in telephone_run.reliability.notes if note.kind == "lack_of_spread"]
        assert len(subjects.get("no_spread", [])) == len(spread)
        assert {one.severity for one in found} == {"warning"}

    def test_the_adolescent_study_has_few_therapists_and_pairs(self, adolescent_run):
        codes = {one.code for one in adolescent_run.warnings}
        assert {"few_therapists", "too_few_pairs"} <= codes
        assert not codes & {"conflated_slope", "singular_fit", "not_converged", "unequal_rows", "dyad_average"}
        named = [one.subject for one in of(adolescent_run.warnings, "few_therapists")]
        of_series = [f"rationale_given, {step} as declared" for step in (1, 2)]
        assert named == ["sample", *of_series, "hw2 by therapist", "hw3 by therapist"]

    def test_a_regression_over_sessions_mixes_the_slopes_too(self, telephone):
        declared = (telephone / "study.toml").read_text(encoding="utf-8").partition("[correlations]")[0]
        model = '[[moderations]]\nname = "flat"\ntitle = "Sessions"\noutcome = "phq9"\npredictor = "he"\n'
        (telephone / "study.toml").write_text(f'{declared}{model}covariates = ["session"]\n', encoding="utf-8")
        (found,) = map(problem_of, of(analyse(read_study(telephone)).warnings, "conflated_slope"))
        assert (found.subject, found.found) == ("flat", "the slope of he")
        assert found.next_step.endswith('declare a [[series]] with (1 | patient) and split = ["he"].')

    def test_nothing_estimated_warns_of_nothing(self, telephone_run):
        quiet = replace(
            telephone_run, reliability=None, series=(), generalized=(), comparisons=(), sample=sample_table(
                telephone_run.intake.patients, telephone_run.intake.therapists, []
            ),
        )  # fmt: skip
        assert warnings.run_warnings(quiet) == ()


def test_warnings_that_say_the_same_are_joined_for_the_eye():
    few = {n: Note("few_therapists", numbers={"n": n}) for n in (2, 3)}
    same = [CodedWarning("few_therapists", name, few[3]) for name in ("sample", "y by therapist")]
    other = CodedWarning("few_therapists", "phq9, 1", few[2])
    assert [(one.subject, one.note) for one in joined([same[0], other, same[1]])] == [
        ("sample; y by therapist", few[3]), ("phq9, 1", few[2]),
    ]  # fmt: skip


class TestCitations:
    def test_a_codebook_without_a_citation(self, telephone_run):
        study = telephone_run.study
        assert [*warnings.citations(study)] == []
        books = {"bdi": study.codebooks["phq9"].model_copy(update={"citation": NOT_NAMED})}
        (found,) = warnings.citations(SimpleNamespace(codebooks=books))
        assert str(problem_of(found)) == (
            "citation_missing · bdi: the codebook names no citation. Write it into bdi.toml: the methods print it."
        )
