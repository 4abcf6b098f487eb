"""Each picture shows the numbers of its result."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from doublecode.analysis.concordance.limits_of_agreement import bland_altman
from doublecode.analysis.reliability.dyads import dyad_icc
from doublecode.analysis.reliability.generalizability import d_study, g_study
from doublecode.analysis.reliability.interrater import icc
from doublecode.analysis.reliability.severity import drift
from doublecode.analysis.rendering.figures import figure_of, render_png
from doublecode.analysis.rendering.reliability_figures import (
    bland_altman_plot,
    d_study_curve,
    icc_forest,
    pair_heat_map,
    severity_over_time,
)
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
    axes = drawn(icc_forest(result))
    words = [text.get_text() for text in axes.texts]
    assert {"pilot", "main", "moderate", "good", "excellent"} <= set(words)
    points = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "o"]
    estimate = result.frame[result.frame["form"] == "ICC(A,k_eff)"]["estimate"].iloc[0]
    assert any(x == pytest.approx(estimate) for x in points)


def test_severity(data):
    result = drift(data, **NAMES, periods="period")
    axes = drawn(severity_over_time(result))
    assert len(axes.containers) == 3
    heights = np.asarray(axes.containers[0].lines[0].get_ydata(), dtype=float)
    np.testing.assert_allclose(heights, result.periods.loc[result.periods["rater"] == "A", "estimate"])
    drawn(severity_over_time(drift(data, **NAMES)))


def test_heat_map(data):
    axes = drawn(pair_heat_map(dyad_icc(data, **NAMES).dyads))
    assert sorted(text.get_text() for text in axes.texts) == ["20"] * 6
    with pytest.raises(UsageError, match="no column 'icc'"):
        pair_heat_map(dyad_icc(data, **NAMES).dyads, value="icc")


def test_bland_altman(data):
    result = bland_altman(data, **NAMES)
    axes = drawn(bland_altman_plot(result, "A", "B"))
    lines = [line.get_ydata()[0] for line in axes.lines]
    row = result.frame.iloc[0]
    assert lines == pytest.approx([row["bias"], row["loa_low"], row["loa_high"]])
    with pytest.raises(UsageError, match="name one pair"):
        bland_altman_plot(result)


def test_d_study(data):
    plan = d_study(icc(data, **NAMES), raters=(3, 5), share=(0.4, 1.0), studies=20)
    axes = drawn(d_study_curve(plan))
    assert len(axes.lines) == 1 + 2 * 2
    np.testing.assert_allclose(axes.lines[0].get_ydata(), plan.frame["estimate"].iloc[:2])
    np.testing.assert_allclose(axes.lines[1].get_ydata(), plan.frame.loc[plan.frame["n_raters"] == 3, "conf_low"])
    rng = np.random.default_rng(1)
    table = rng.normal(size=(10, 1)) + rng.normal(size=(10, 4))
    long = pd.DataFrame([(i, j, table[i, j]) for i in range(10) for j in range(4)], columns=["s", "r", "y"])
    axes = drawn(d_study_curve(d_study(g_study("y ~ (1 | s) + (1 | r)", long), n={"r": [1, 2, 3, 4]})))
    assert len(axes.lines) == 2
