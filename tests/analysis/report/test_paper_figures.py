"""Figures of the paper: lines against least squares of numpy, files of every form, refusals of keys without effect."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.regression.group_lines import group_lines
from doublecode.analysis.report.paper_figures import figure_html, printed_figures, write_figures
from doublecode.analysis.report.paper_printing import is_of_paper, paper_links
from doublecode.schemas.errors import NotEstimable, StudyError
from doublecode.schemas.paper_figures import PaperFigure
from doublecode.schemas.study import load_study


def by_hand(rows, names, means):
    """Intercept at the covariates' means and slope, by numpy's least squares."""
    design = np.column_stack([np.ones(len(rows)), rows[names]])
    beta, *_ = np.linalg.lstsq(design, rows["hw3"], rcond=None)
    return beta[0] + beta[2:] @ means[names[1:]], beta[1]


@pytest.fixture(scope="module")
def drawn(adolescent_run):
    return printed_figures(adolescent_run)


def test_a_line_in_each_group_is_least_squares_with_covariates_at_their_means(adolescent_run):
    data = adolescent_run.outliers.data[["hw3", "rationale_s2", "hw2", "ir", "hispanic"]].dropna()
    found = group_lines(
        data, outcome="hw3", predictor="rationale_s2", moderator="hw2", covariates=["ir", "hispanic"], cut=5
    )
    means = data.mean()
    for row, inside in zip(found.groups.to_dict("records"), (data["hw2"] < 5, data["hw2"] >= 5), strict=True):
        part = data[inside]
        intercept, slope = by_hand(part, ["rationale_s2", "ir", "hispanic"], means)
        assert (row["n"], row["x_low"], row["x_high"]) == (
            len(part), part["rationale_s2"].min(), part["rationale_s2"].max()
        )  # fmt: skip
        assert [row["intercept"], row["slope"]] == pytest.approx([intercept, slope], abs=1e-9)
        assert row["moderator_mean"] == pytest.approx(part["hw2"].mean())
        own = found.lines[found.lines["label"] == row["label"]]
        assert own["y"].tolist() == pytest.approx([intercept + slope * x for x in own["x"]], abs=1e-9)
    assert (found.member == np.where(data["hw2"] < 5, "Low (< 5)", "High (≥ 5)")).all()


def test_the_median_parts_and_a_covariate_that_does_not_vary_in_a_group_is_left_out():
    data = pd.DataFrame({"x": [0.0, 1, 2, 0, 1, 2, 3, 0, 1], "z": [1.0, 1, 1, 2, 2, 3, 3, 4, 4], "c": list("aaaaababa"),
                         "y": [1.0, 2, 3, 0, 2, 4, 9, 1, 3]})  # fmt: skip
    found = group_lines(data, outcome="y", predictor="x", moderator="z", covariates=["c"], heads=["few", "many"])
    assert found.at == 2
    assert found.groups["n"].tolist() == [5, 4]
    with pytest.raises(NotEstimable, match="rows carry no line of y on x"):
        group_lines(data, outcome="y", predictor="x", moderator="z", covariates=["c"], cut=4)


def test_every_figure_of_the_paper_is_drawn_in_every_form(drawn, adolescent_run, tmp_path):
    assert list(drawn) == ["1", "2", "3", "4", "S1", "S2"]
    write_figures(drawn, tmp_path)
    made = sorted(path.name for path in tmp_path.iterdir())
    assert len(made) == 18
    assert all(map(is_of_paper, made))
    for one in drawn.values():
        assert one.svg.startswith("<svg")
        assert f'<desc id="{one.name}-desc">' in one.svg
        assert one.pdf.startswith(b"%PDF")
        assert one.png.startswith(b"\x89PNG")
        assert b"/CreationDate" not in one.pdf
    assert paper_links(adolescent_run.study)[0][1].endswith("figures (6) as the paper prints them")


def test_words_of_a_figure_say_how_it_was_made_and_the_slope_of_each_group(drawn, adolescent_run):
    said = drawn["3"].description
    assert "parted below 5 and from it on" in said
    assert "Lines: a least-squares regression within each group, Initial resistance and Hispanic/Latino held" in said
    assert "Low HW2 (below 5) (n = " in said
    assert drawn["1"].beside == "interaction_rationale_s1"
    assert "parted at its median" in drawn["1"].description
    assert "Started treatment: 50 (left: 2 before session 2)" in drawn["S1"].description
    assert drawn["3"].description in figure_html(drawn["3"]).replace("&#x27;", "'")


def test_lines_of_the_model_go_through_the_groups_means(adolescent_run):
    figure = PaperFigure(
        number="9", title="Model", kind="interaction", model="time_s1", lines="model", heads=("L", "H")
    )
    study = adolescent_run.study.model_copy(update={
        "papers": adolescent_run.study.papers.model_copy(update={"figures": (figure,)})
    })  # fmt: skip
    from dataclasses import replace

    run = replace(adolescent_run, intake=replace(adolescent_run.intake, study=study))
    (found,) = printed_figures(run).values()
    assert "the regression with the product at the mean of each group" in found.description
    assert "L (n = 24, M = " in found.description


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"kind": "interaction"}, "an interaction needs a model"),
        ({"kind": "flow", "cut": 5.0}, "'cut' says nothing of a figure of kind 'flow'"),
        ({"kind": "interaction", "model": "m", "of": "sessions"}, "'of' says nothing"),
        ({"kind": "interaction", "model": "m", "heads": ("one",)}, "heads has one name"),
    ],
)
def test_a_key_without_effect_is_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        PaperFigure(number="1", title="Figure", **wrong)


def test_a_figure_of_no_moderation_is_refused_with_those_there_are(telephone):
    path = telephone / "study.toml"
    more = '[[papers.figures]]\nnumber = 1\ntitle = "One"\nkind = "interaction"\nmodel = "phq9"\n'
    path.write_text(f"{path.read_text(encoding='utf-8')}\n{more}", encoding="utf-8")
    with pytest.raises(StudyError, match="no moderation with a moderator is called 'phq9'"):
        load_study(telephone)
