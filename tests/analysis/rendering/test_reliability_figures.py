"""Each picture shows the numbers of its result."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from doublecode.analysis.concordance.limits_of_agreement import bland_altman
from doublecode.analysis.reliability.decision import d_study
from doublecode.analysis.reliability.dyads import dyad_icc
from doublecode.analysis.reliability.generalizability import g_study
from doublecode.analysis.reliability.interrater import icc
from doublecode.analysis.reliability.severity import drift
from doublecode.analysis.rendering.figures import figure_of, new_axes, render_png
from doublecode.analysis.rendering.reliability_figures import icc_forest
from doublecode.analysis.study.reliability_table import reliability_table
from doublecode.schemas.errors import UsageError

NAMES = {"targets": "session", "raters": "rater", "ratings": "score"}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    rows = []
    for s in range(60):
        true = rng.normal(2, 1)
        rows += [(s, r, s // 30, round(true + rng.normal(0, 0.6))) for r in ("AB", "BC", "AC")[s % 3]]
    return pd.DataFrame(rows, columns=["session", "rater", "period", "score"])


def drawn(axes):
    assert isinstance(axes, Axes)
    assert render_png(figure_of(axes))[:4] == b"\x89PNG"
    return axes


def test_forest(data):
    both = pd.concat([data.assign(item="x", phase="pilot"), data.assign(item="y", phase="main")])
    result = icc(both, **NAMES, by=["item", "phase"])
    axes = drawn(result.plot())
    words = [text.get_text() for text in axes.texts]
    assert {"pilot", "main", "moderate", "good", "excellent"} <= set(words)
    points = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "o"]
    estimate = result.frame[result.frame["form"] == "ICC(A,k_eff)"]["estimate"].iloc[0]
    assert any(x == pytest.approx(estimate) for x in points)


def test_severity(data):
    result = drift(data, **NAMES, periods="period")
    axes = drawn(result.plot())
    assert len(axes.containers) == 3
    heights = np.asarray(axes.containers[0].lines[0].get_ydata(), dtype=float)
    np.testing.assert_allclose(heights, result.periods.loc[result.periods["rater"] == "A", "estimate"])
    drawn(drift(data, **NAMES).plot())
    with pytest.raises(UsageError, match="one set at a time"):
        drift(data.assign(item="x"), **NAMES, by="item").plot()


def test_heat_map(data):
    axes = drawn(dyad_icc(data, **NAMES).plot())
    assert sorted(text.get_text() for text in axes.texts) == ["20"] * 6
    with pytest.raises(UsageError, match="no column 'icc'"):
        dyad_icc(data, **NAMES).plot("icc")


def test_bland_altman(data):
    result = bland_altman(data, **NAMES)
    axes = drawn(result.plot("A", "B"))
    lines = [line.get_ydata()[0] for line in axes.lines]
    row = result.frame.iloc[0]
    assert lines == pytest.approx([row["bias"], row["loa_low"], row["loa_high"]])
    with pytest.raises(UsageError, match="name one pair"):
        result.plot()
    assert result.plot("B", "A").get_ylabel() == "A − B (scale points)"


def test_d_study(data):
    plan = d_study(icc(data, **NAMES), raters=(3, 5), share=(0.4, 1.0), studies=20)
    axes = drawn(plan.plot())
    assert len(axes.lines) == 1 + 2 * 2
    np.testing.assert_allclose(axes.lines[0].get_ydata(), plan.frame["estimate"].iloc[:2])
    np.testing.assert_allclose(axes.lines[1].get_ydata(), plan.frame.loc[plan.frame["n_raters"] == 3, "conf_low"])
    rng = np.random.default_rng(1)
    table = rng.normal(size=(10, 1)) + rng.normal(size=(10, 4))
    long = pd.DataFrame([(i, j, table[i, j]) for i in range(10) for j in range(4)], columns=["s", "r", "y"])
    axes = drawn(d_study(g_study("y ~ (1 | s) + (1 | r)", long), n={"r": [1, 2, 3, 4]}).plot())
    assert len(axes.lines) == 2


def test_pictures_go_into_axes_that_are_given(data):
    figure, panels = new_axes(columns=2)
    assert icc(data, **NAMES).plot(ax=panels[0]) is panels[0]
    assert drift(data, **NAMES, periods="period").plot(ax=panels[1]) is panels[1]
    assert panels[1].get_legend() is not None
    assert not figure.legends


def test_the_table_of_a_study(data):
    long = data.rename(columns={"score": "value", "period": "phase"}).assign(patient="P", instrument="GHES", item="x")
    table = reliability_table(long.assign(phase=long["phase"].map({0: "pilot", 1: "main"})))
    axes = drawn(table.plot())
    assert {"pilot", "main"} <= {text.get_text() for text in axes.texts}


def test_nothing_to_draw():
    rows = pd.DataFrame(
        {"label": ["x"], "phase": [""], "estimate": [np.nan], "conf_low": [np.nan], "conf_high": [np.nan]}
    )
    with pytest.raises(UsageError, match="nothing to draw"):
        icc_forest(rows)
