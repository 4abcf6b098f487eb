"""The figures and shares that a declared series asks for, in its section of the report and in the trace."""

from dataclasses import replace

import pytest

from doublecode.analysis.rendering.document import Paragraph, Picture
from doublecode.analysis.report.sections_models import series_sections
from doublecode.analysis.report.series_pictures import series_picture
from doublecode.analysis.report.traced_tables import TracedTables
from doublecode.analysis.study.declared_models import declared_series
from doublecode.schemas.errors import StudyError
from doublecode.schemas.study import Study

KINDS = ("course", "caterpillar", "residuals", "influence")


@pytest.fixture(scope="module")
def asked(telephone_run):
    declared = next(one for one in telephone_run.study.series if one.name == "phq9")
    declared = declared.model_copy(update={"explained": True, "figures": KINDS})
    return declared_series(declared, telephone_run.frame.frame)


def test_the_section_holds_what_is_asked_and_no_second_course(asked, telephone_run, undrawn):
    (section,) = series_sections([asked], telephone_run.frame.frame, telephone_run.labels, {"phq9": KINDS})
    pictures = [block for block in section.blocks if isinstance(block, Picture)]
    assert [one.name for one in pictures] == [f"phq9_{kind}" for kind in KINDS]
    assert pictures[0].title.endswith("model 2 as declared")  # the last of time alone
    assert pictures[1].title.endswith("model 4 within/between")
    usual = series_sections([asked], telephone_run.frame.frame, telephone_run.labels)[0]
    assert [one.name for one in usual.blocks if isinstance(one, Picture)] == ["phq9_by_session", "phq9_diagnostics"]


def test_shares_by_source_sum_to_the_whole_and_are_those_of_each_fit(asked):
    table = next(one for one in asked.tables() if one.name == "explained")
    assert table.frame is asked.sources
    parts = ["fixed_within", "fixed_between", "slope_variation", "mean_variation", "residual"]
    assert asked.sources[parts].sum(axis=1).tolist() == pytest.approx([1.0] * len(asked.models))
    for model, row in zip(asked.models, asked.sources.to_dict("records"), strict=True):
        assert row["label"] == model.label
        assert row["share"] == model.result.icc["adjusted"]
        assert row["share_low"] < row["share"] < row["share_high"]
        r2 = model.result.r2().set_index("source")["value"]
        assert row["conditional"] == r2["conditional"]
        assert row["fixed_within"] == r2["fixed within"]
    assert "explained" not in [one.name for one in replace(asked, spec={**asked.spec, "explained": False}).tables()]


def test_both_are_traced(asked, telephone_run):
    traced = TracedTables(replace(telephone_run, series=(asked,)))
    row = {"label": "4 within/between"}
    assert traced.tables["phq9_explained"](row, "share") == traced.tables["phq9_variances"](row, "variance")
    assert {f"phq9_{kind}" for kind in KINDS} <= set(traced.figures)


def test_what_says_nothing_is_said_in_words(asked, telephone_run):
    flat = replace(asked, models=asked.models[2:])
    block = series_picture(flat, "course", telephone_run.labels)
    assert isinstance(block, Paragraph)
    assert "time alone" in block.text


STUDY = {
    "name": "small", "title": "Small", "instruments": ({"name": "ghes", "source": "outcomes"},),
    "variables": ({"name": "he", "instrument": "ghes", "scale": "he"}, {"name": "late", "phase_from": 3},
                  {"name": "weeks", "time": "weeks"}),
}  # fmt: skip


@pytest.mark.parametrize(
    ("steps", "fits"),
    [
        (["he ~ session + (1 | patient)"], True),
        (["he ~ 1 + (1 | patient)", "he ~ log(session) * late + (session | patient)"], True),
        (["he ~ 1 + (1 | patient)"], False),
        (["he ~ weeks + (1 | patient)"], False),
    ],
)
def test_a_course_needs_a_step_of_time_alone(steps, fits):
    one = {"name": "course", "title": "Course", "steps": tuple(steps), "figures": ("course",)}
    study = Study.model_validate({**STUDY, "series": (one,)})
    if fits:
        study.check_variables()
    else:
        with pytest.raises(StudyError, match="figures: 'course' shows a step whose predictors are time alone"):
            study.check_variables()
