"""Gleser, Cronbach & Rajaratnam (1965) and Brennan (2001, 3.2) as G studies; D studies by formula."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.reliability.decision import d_study
from doublecode.analysis.reliability.facets import anova_table, make_source, nesting
from doublecode.analysis.reliability.generalizability import g_study
from doublecode.analysis.reliability.interrater import icc
from doublecode.analysis.reliability.planned_pairs import rotating_layout
from doublecode.schemas.errors import FormulaError, NotEstimable, UsageError

CLASSICS = Path(__file__).parents[2] / "reference" / "classics"
BRENNAN = "Score ~ (1 | Person) + (1 | Task) + (1 | Task:Rater) + (1 | Person:Task)"
GLESER = "score ~ (1 | p) + (1 | j) + (1 | i) + (1 | p:j) + (1 | p:i) + (1 | j:i)"


def gleser():
    wide = pd.read_csv(CLASSICS / "gleser_1965.csv")
    long = wide.assign(p=range(len(wide))).melt("p", value_name="score")
    return long.assign(i=long["variable"].str[1], j=long["variable"].str[2])


def brennan():
    return pd.read_csv(CLASSICS / "brennan_3_2.csv")


def test_gleser_sums_of_squares():
    # Printed to two decimals.
    found = g_study(GLESER, gleser(), n={"j": 2, "i": 6})
    sums = found.variances.set_index("source")["sum_sq"]
    printed = {"p": 84.17, "j": 1.00, "i": 64.67, "p:j": 19.50, "p:i": 81.17, "j:i": 4.33, "Residual": 34.17}
    for source, value in printed.items():
        assert sums[source] == pytest.approx(value, abs=0.005), source
    assert found.variances["df"].tolist() == [11, 1, 5, 11, 55, 5, 55]


def test_gleser_components_are_the_expected_mean_squares():
    found = g_study(GLESER, gleser())
    ms = found.variances.set_index("source")["mean_sq"]
    v = found.variances.set_index("source")["variance"]
    assert v["p:i"] == pytest.approx((ms["p:i"] - ms["Residual"]) / 2, rel=1e-10)
    assert v["p:j"] == pytest.approx((ms["p:j"] - ms["Residual"]) / 6, rel=1e-10)
    assert v["p"] == pytest.approx((ms["p"] - ms["p:i"] - ms["p:j"] + ms["Residual"]) / 12, rel=1e-10)
    assert v["j"] < 0
    assert any("negative variance component(s): j" in note for note in found.note_texts())
    relative = v["p:j"] / 2 + v["p:i"] / 6 + v["Residual"] / 12
    row = found.frame.set_index("coefficient").loc["relative"]
    assert row["estimate"] == pytest.approx(v["p"] / (v["p"] + relative), rel=1e-10)
    assert row["conf_low"] < row["estimate"] < row["conf_high"]


@pytest.mark.parametrize("method", ["anova", "reml"])
def test_brennan_components(method):
    # Published to four decimals; balanced and positive, so both estimators agree.
    v = g_study(BRENNAN, brennan(), method=method).variances.set_index("source")["variance"]
    expected = {"Person": 0.4731, "Task": 0.3252, "Task:Rater": 0.6475, "Person:Task": 0.5596, "Residual": 2.3802}
    for source, value in expected.items():
        assert v[source] == pytest.approx(value, abs=6e-5), source


def test_nesting_is_found_from_the_labels():
    found = g_study(BRENNAN.replace("Task:Rater", "Rater"), brennan())
    assert found.design["nested"] == {"Rater": ["Task"]}
    assert found.design["averaged"] == {"Task": 3.0, "Rater": 4.0}
    v = found.variances.set_index("source")["variance"]
    relative = v["Person:Task"] / 3 + v["Residual"] / 12
    absolute = relative + v["Task"] / 3 + v["Rater"] / 12
    errors = found.frame.set_index("coefficient")["error_variance"]
    assert errors["relative"] == pytest.approx(relative)
    assert errors["absolute"] == pytest.approx(absolute)


def test_one_facet_is_the_icc():
    table = pd.read_csv(CLASSICS.parent / "data" / "icc_a.csv")
    long = table.assign(t=range(len(table))).melt("t", var_name="r", value_name="y")
    ours = g_study("y ~ (1 | t) + (1 | r)", long, n={"r": 1}).frame.set_index("coefficient")["estimate"]
    theirs = icc(long, targets="t", raters="r", ratings="y").frame.set_index("form")["estimate"]
    assert ours["relative"] == pytest.approx(theirs["ICC(C,1)"], rel=1e-9)
    assert ours["absolute"] == pytest.approx(theirs["ICC(A,1)"], rel=1e-9)


def test_unbalanced_data_go_to_reml():
    found = g_study(BRENNAN, brennan().drop(index=[0, 5, 17]))
    assert found.spec["method"] == "reml"
    assert found.design["balanced"] is False
    assert found.frame["conf_low"].notna().all()


def test_henderson_is_unbiased_in_unbalanced_data():
    rng = np.random.default_rng(0)
    cells = pd.DataFrame({"t": np.repeat(range(30), 3), "r": np.tile(range(3), 30)}).drop(index=range(0, 90, 7))
    sources = [make_source(cells, name, (name,), nesting(cells, ["t", "r"])) for name in ("t", "r")]
    found = []
    for _ in range(400):
        y = rng.normal(0, 1, 30)[cells["t"]] + rng.normal(0, 0.5, 3)[cells["r"]] + rng.normal(0, 0.8, len(cells))
        found.append(anova_table(y, sources)["variance"])
    error = np.std(found, axis=0) / 20
    assert (np.abs(np.mean(found, axis=0) - [1.0, 0.25, 0.64]) < 4 * error).all()


def test_d_study_of_facets():
    found = g_study(GLESER, gleser())
    table = d_study(found, n={"j": [1, 2], "i": [6, 12]}).frame
    assert len(table) == 4
    same = found.frame.set_index("coefficient")["estimate"]
    row = table[(table["j"] == 2) & (table["i"] == 6)].iloc[0]
    assert row["relative"] == pytest.approx(same["relative"])
    assert row["absolute"] == pytest.approx(same["absolute"])
    assert table["relative"].is_monotonic_increasing
    with pytest.raises(UsageError, match="name numbers to try"):
        d_study(found, n={"rater": [2]})
    for wrong in ([0], [], [1.5], ["2"], 0):
        with pytest.raises(UsageError, match=r"n\['j'\] is .*whole numbers, each at least 1"):
            d_study(found, n={"j": wrong})
    assert d_study(found, n={"j": 2}).frame["relative"].tolist() == [pytest.approx(same["relative"])]


def test_d_study_of_rotating_pairs():
    data = pd.read_csv(CLASSICS.parent / "data" / "icc_incomplete_mixed.csv")
    result = icc(data, targets="target", raters="rater", ratings="score")
    plan = d_study(result, raters=(3, 8), share=(0.4, 1.0), studies=60, seed=1)
    t, r, e = result.variances["variance"]
    for row in plan.frame.itertuples():
        assert row.estimate == pytest.approx(t / (t + (r + e) / row.k_eff))
        assert row.conf_low < row.estimate < row.conf_high
    assert plan.frame["width"].iloc[-1] < plan.frame["width"].iloc[0]
    assert "seed 1" in plan.note_texts()[1]
    pd.testing.assert_frame_equal(
        plan.frame, d_study(result, raters=(3, 8), share=(0.4, 1.0), studies=60, seed=1).frame
    )


def test_rotation_is_even():
    layout = rotating_layout(194, 5, 78 / 194, 2)
    assert layout.per_rater.max() - layout.per_rater.min() <= 1
    off = layout.pairs[np.triu_indices(5, 1)]
    assert set(off.tolist()) == {7, 8}
    assert layout.q == pytest.approx(0.60, abs=0.005)
    assert layout.k_eff == pytest.approx(1.2516, abs=1e-4)


def test_refusals():
    with pytest.raises(FormulaError, match="has fixed effects"):
        g_study("Score ~ Task + (1 | Person)", brennan())
    with pytest.raises(FormulaError, match="is no source of variance"):
        g_study("Score ~ (Task | Person)", brennan())
    with pytest.raises(UsageError, match="objects is 'Rate'"):
        g_study(BRENNAN, brennan(), objects="Rate")
    with pytest.raises(NotEstimable, match=r"cannot be told apart"):
        g_study("Score ~ (1 | Person) + (1 | Task) + (1 | Person:Rater)", brennan())
    with pytest.raises(UsageError, match="n names 'Person'"):
        g_study(BRENNAN, brennan(), n={"Person": 2})
    result = icc(gleser().query("i == '1'"), targets="p", raters="j", ratings="score")
    with pytest.raises(UsageError, match="shares lie above 0"):
        d_study(result, share=(0.0,))
