"""Marginal means and families as a study declares them, of the models of the example studies."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from doublecode.analysis import fit_mixed, marginal_means
from doublecode.analysis.report.sections_findings import (
    family_section,
    fidelity_section,
    marginal_section,
    screening_section,
)
from doublecode.analysis.report.traced_tables import TracedTables
from doublecode.analysis.results.multiplicity import adjust_p
from doublecode.analysis.study.declared_findings import declared_family, declared_fidelity, declared_marginal
from doublecode.analysis.study.run import attempt
from doublecode.schemas import load_study
from doublecode.schemas.declared_findings import Family, FidelityTable, MarginalMeans
from doublecode.schemas.errors import NotEstimable, StudyError

STUDY = """
name = "small"
title = "Small"
raters = [{ id = "R1" }]
[[instruments]]
name = "ghes"
[[variables]]
name = "he"
instrument = "ghes"
scale = "he"
[[variables]]
name = "late"
phase_from = 3
[[series]]
name = "course"
title = "Course"
steps = ["he ~ late + (1 | patient)", "he ~ late * session + (1 | patient)"]
"""
ASKED = '\n[[marginal_means]]\nname = "m"\ntitle = "M"\n'
FAMILY = '\n[[families]]\nname = "f"\ntitle = "F"\n'


def marginal(**asked):
    return MarginalMeans(name="course", title="Course", **asked)


class TestMarginal:
    def test_sessions_are_counted_as_sessions(self, telephone_run):
        """The series puts its intercept at session 1; what is asked of session 1, 5, 9 is of these sessions."""
        asked = marginal(model="phq9", step=2, of=("session",), at={"session": (1.0, 5.0, 9.0)})
        run = telephone_run
        found = declared_marginal(asked, run.series, run.frame.frame)
        series = next(one for one in run.series if one.spec["name"] == "phq9")
        bare = fit_mixed("phq9 ~ session + (session | patient)", run.frame.frame.loc[series.rows])
        wanted = marginal_means(bare, "session", at={"session": [1, 5, 9]})
        assert found.frame["session"].tolist() == [1.0, 5.0, 9.0]
        for name in ("estimate", "std_error", "df"):
            assert found.frame[name].tolist() == pytest.approx(wanted.frame[name].tolist(), rel=1e-5)
        first = series.models[1].result.fixed.set_index("term").loc["Intercept", "estimate"]
        assert found.frame["estimate"].iloc[0] == pytest.approx(first, rel=1e-6)

    def test_the_split_version_is_asked(self, telephone_run):
        run = telephone_run
        found = declared_marginal(marginal(model="phq9", slope="he_within"), run.series, run.frame.frame)
        series = next(one for one in run.series if one.spec["name"] == "phq9")
        row = series.coefficients.query("term == 'he_within'").iloc[-1]
        assert found.frame["estimate"].iloc[0] == pytest.approx(row["estimate"], rel=1e-6)
        assert found.frame["p_value"].iloc[0] == pytest.approx(row["p_value"], rel=1e-4)

    def test_a_model_that_is_not_there(self, telephone_run):
        with pytest.raises(NotEstimable, match="was not estimated"):
            declared_marginal(marginal(model="gone", of=("session",)), telephone_run.series, telephone_run.frame.frame)

    def test_the_section_has_tables_and_figure(self, telephone_run):
        run = telephone_run
        asked = marginal(model="phq9", step=2, of=("session",), at={"session": (1.0, 9.0)})
        section = marginal_section([declared_marginal(asked, run.series, run.frame.frame)], run.labels)
        assert [getattr(block, "name", "") for block in section.blocks] == [
            "means_course", "contrasts_course", "", "means_course",
        ]  # fmt: skip


class TestFamily:
    def test_raw_and_adjusted(self, adolescent_run):
        names = ("specification_s1", "rationale_s1", "reactions_s1", "time_s1")
        fits = adolescent_run.moderations
        family = Family(name="f", title="F", tests=names, method="bonferroni")
        found = declared_family(family, fits)
        raw = [one.frame.set_index("term").loc[f"{one.spec['predictor']}:ir", "p_value"] for one in fits[:4]]
        assert found.frame["p_value"].tolist() == pytest.approx(raw)
        assert found.frame["p_adjusted"].tolist() == pytest.approx(np.minimum(4 * np.array(raw), 1).tolist())
        assert family_section([found], adolescent_run.labels).blocks[0].title == "F"

    def test_a_fixed_limit_is_held_to_the_raw_p(self, adolescent_run):
        family = Family(name="f", title="F", tests=("time_s1",), method="fixed", alpha=0.004)
        found = declared_family(family, adolescent_run.moderations)
        assert found.frame["p_adjusted"].tolist() == found.frame["p_value"].tolist()
        assert found.frame["significant"].tolist() == (found.frame["p_value"] < 0.004).tolist()
        assert "limit that was set" in str(found)

    def test_a_term_that_is_not_there(self, adolescent_run):
        family = Family(name="f", title="F", tests=("time_s1", {"model": "rationale_s1", "term": "gone"}))
        with pytest.raises(NotEstimable, match="no term 'gone'"):
            declared_family(family, adolescent_run.moderations)


@pytest.fixture(scope="module")
def means(telephone_run):
    asked = marginal(model="phq9", step=2, of=("session",), at={"session": (1.0, 5.0, 9.0)})
    return declared_marginal(asked, telephone_run.series, telephone_run.frame.frame)


class TestContrastsInFamilies:
    def test_all_contrasts_and_a_coefficient_are_one_family(self, telephone_run, means):
        tests = ({"means": "course"}, {"model": "phq9", "term": "he_within"})
        found = declared_family(Family(name="f", title="F", tests=tests), telephone_run.series, [means])
        assert found.frame["term"].tolist() == [*means.contrasts["contrast"], "he_within"]
        assert found.frame["p_value"].tolist()[:3] == means.contrasts["p_value"].tolist()
        assert found.frame["p_adjusted"].tolist() == pytest.approx(adjust_p(found.frame["p_value"], "holm"))
        assert found.frame["name"].tolist() == ["phq9"] * 4  # the model, by which cells are traced

    def test_one_contrast_or_why_not(self, telephone_run, means):
        name = means.contrasts["contrast"].iloc[1]
        tests = ({"means": "course", "contrast": name},)
        family = Family(name="f", title="F", tests=tests, method="fixed", alpha=0.01)
        assert declared_family(family, telephone_run.series, [means]).frame["term"].tolist() == [name]
        stray = Family(name="f", title="F", tests=({"means": "course", "contrast": "late - early"}, "x"))
        with pytest.raises(NotEstimable, match="no such contrast; there are "):
            declared_family(stray, telephone_run.series, [means])
        with pytest.raises(NotEstimable, match="were not estimated, see above"):
            declared_family(stray, telephone_run.series, [])


class TestFidelity:
    def test_shares_are_those_of_the_held_sessions(self, telephone_run):
        frame = telephone_run.frame.frame.assign(agenda=lambda rows: (rows["he"] > 2).where(rows["he"].notna()) * 1.0)
        found = declared_fidelity(FidelityTable(components=("agenda",)), frame)
        assert found.frame["share"].iloc[0] == pytest.approx((frame["he"].dropna() > 2).mean())
        assert found.design["reviewed"] == frame["he"].notna().mean()
        assert set(found.frame["level"]) == {"overall", "component", "therapist"}
        alone = declared_fidelity(FidelityTable(components=("agenda",), by_therapist=False), frame)
        assert set(alone.frame["level"]) == {"overall", "component"}
        section = fidelity_section(found, {"agenda": "Sets the agenda"})
        assert section.blocks[0].frame["name"].iloc[1] == "Sets the agenda"
        traced = TracedTables(replace(telephone_run, fidelity=found))
        assert "fidelity" in traced.tables

    def test_what_is_no_share_is_a_row_with_its_reason(self, telephone_run):
        """A mean of two raters may be a half: the analysis is named with its reason and the others run."""
        refused = []
        asked = FidelityTable(components=("he",))
        part = partial(declared_fidelity, asked, telephone_run.frame.frame)
        assert attempt("Fidelity to the manual", part, refused) is None
        assert "allowed: 1 (delivered), 0 (not), empty" in refused[0].numbers["reason"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("\n[fidelity]\ncomponents = ['agenda']\n", "'agenda' is not declared"),
        ("\n[fidelity]\ncomponents = ['he', 'he']\n", "twice"),
        (FAMILY + 'tests = [{ means = "m", model = "course" }]\n', "either a model or means"),
        (FAMILY + 'tests = [{ contrast = "a" }]\n', "either a model or means"),
        (FAMILY + 'tests = [{ means = "m", term = "late" }]\n', "term belongs to a model"),
        (FAMILY + 'tests = [{ means = "gone" }]\n', "no marginal_means are called 'gone'"),
        (
            ASKED
            + 'model = "course"\nof = "late"\ncontrasts = { ab = [1, -1] }\n'
            + FAMILY
            + 'tests = [{ means = "m", contrast = "ba" }, { means = "m" }]\n',
            "'ba' is no contrast there",
        ),
        (FAMILY + 'tests = [{ means = "m", contrast = "a" }]\n', "one test is no family"),
        (ASKED + 'model = "curse"\nof = "late"\n', "did you mean 'course'"),
        (ASKED + 'model = "course"\nof = "he"\n', "'he' is no predictor of 'course'"),
        (ASKED + 'model = "course"\nstep = 1\nof = "session"\n', "'session' is no predictor"),
        (ASKED + 'model = "course"\nstep = 3\nof = "late"\n', "step is 3, and 'course' has 2"),
        (ASKED + 'model = "course"\n', "name variables in of, or one in slope"),
        (ASKED + 'model = "course"\nof = "late"\nby = "late"\n', "twice"),
        (ASKED + 'model = "course"\nof = "late"\nadjust = "tukey"\ncontrasts = { a = [1, -1] }\n', "all pairs"),
        (FAMILY + 'tests = ["course", "course"]\n', "twice"),
        (FAMILY + 'tests = [{ model = "course", term = "late" }]\n', "one test is no family"),
        (FAMILY + 'tests = ["course", { model = "course", term = "late" }]\n', "has several tests"),
        (FAMILY + 'tests = [{ model = "course", term = "late" }]\nmethod = "fixed"\n', "needs alpha"),
        ("\n[covariate_screen]\noutcomes = ['he']\ncovariates = ['age']\n", "'age' is not declared"),
        ("\n[missing_comparison]\ncomplete = ['he']\ncompare = ['he']\n", "twice"),
        ("\n[[interaction_figures]]\nmodel = 'course'\nform = 'median'\n", "no moderation with a moderator"),
        ("\n[[interaction_figures]]\nmodel = 'course'\nform = 'cut'\n", "needed there"),
    ],
)
def test_what_cannot_act_is_refused_when_the_study_is_loaded(tmp_path, text, says):
    (tmp_path / "study.toml").write_text(STUDY + text, encoding="utf-8")
    with pytest.raises(StudyError, match=says):
        load_study(tmp_path)


def test_nothing_asked_gives_no_section():
    assert marginal_section([], {}) is None
    assert family_section([], {}) is None
    assert screening_section(None, None, {}) is None
