"""What a mixed result shows, and how its fit ended."""

from pathlib import Path

import pandas as pd
import pytest

from doublecode.analysis.mixed import compare, fit_ladder, fit_mixed
from doublecode.analysis.results.states import FitState

REFERENCE = Path(__file__).parents[2] / "reference"


@pytest.fixture(scope="module")
def data():
    return pd.read_csv(REFERENCE / "sleepstudy.csv", dtype={"Subject": str})


@pytest.fixture(scope="module")
def fit(data):
    return fit_mixed("Reaction ~ Days + (Days | Subject)", data)


def test_a_fit_prints_as_two_tables_its_counts_and_its_notes(fit):
    assert str(fit).splitlines() == [
        "Reaction ~ Days + (Days | Subject)",
        "Term            b    SE            95% CI  df      t       p",
        "─────────  ──────  ────  ────────────────  ──  ─────  ──────",
        "Intercept  251.41  6.82  [237.01, 265.80]  17  36.84  < .001",
        "Days        10.47  1.55     [7.21, 13.73]  17   6.77  < .001",
        "",
        "Variance components",
        "Group     Term       Variance     SD  Correlation",
        "────────  ─────────  ────────  ─────  ───────────",
        "Subject   Intercept   612.090  24.74            –",
        "Subject   Days         35.072   5.92          .07",
        "Residual              654.941  25.59            –",
        "",
        "REML: log-likelihood −871.81, AIC 1755.6, BIC 1774.8; 180 rows, 18 levels of Subject",
        "",
        "Note: Kenward–Roger tests, since Subject has 18 < 50 levels",
    ]
    assert "<caption>Variance components</caption>" in fit._repr_html_()


def test_names_that_statsmodels_users_know(fit):
    assert fit.params["Days"] == fit.fixed["estimate"][1]
    assert fit.conf_int().loc["Days"].tolist() == fit.fixed.loc[1, ["conf_low", "conf_high"]].tolist()
    assert fit.summary() is fit


def test_the_rows_are_those_in_use(data):
    gap = data.assign(Days=data["Days"].where(data.index != 3))
    fit = fit_mixed("Reaction ~ Days + (1 | Subject)", gap)
    assert fit.rows.tolist() == [i for i in data.index if i != 3]
    assert [note.kind for note in fit.notes] == ["tests_kenward_roger", "mixed_rows_dropped"]
    assert fit.note_texts()[1] == "1 of 180 rows dropped (1 for Days missing)"


def test_states(fit, data, monkeypatch):
    assert fit.state is FitState.CONVERGED
    dyes = fit_mixed("Yield ~ 1 + (1 | Batch)", pd.read_csv(REFERENCE / "Dyestuff2.csv"))
    assert dyes.state is FitState.SINGULAR
    assert dyes.notes[-1].kind == "singular_term"
    monkeypatch.setattr(type(fit), "converged", False)
    assert fit.state is FitState.NOT_CONVERGED


def test_residual_structure_and_z_tests_are_printed():
    ar1 = pd.read_csv(REFERENCE / "hw229_ar1.csv")
    fit = fit_mixed("homework ~ sess_c + (1 | patient)", ar1, correlation="ar1(session | patient)", ddf="z")
    assert [table.name for table in fit.tables()] == ["fixed", "variances", "residuals"]
    assert "∞" in str(fit)
    assert "Term          b    SE        95% CI  df      z       p" in str(fit)


@pytest.mark.parametrize(
    "make",
    [
        lambda fit, _: fit.influence(),
        lambda _, data: fit_ladder("Reaction ~ Days + (1 | Subject)", data),
        lambda fit, data: compare(fit, fit_mixed("Reaction ~ Days + (1 | Subject)", data)),
    ],
)
def test_what_stands_on_a_fit_prints_within_a_hundred_columns(fit, data, make):
    result = make(fit, data)
    assert max(map(len, str(result).splitlines())) <= 100
    assert result.rows.equals(data.index)
    assert "180 rows" in result.counted()


def test_plot_has_residuals_and_quantiles(fit):
    left, right = fit.plot().figure.axes
    assert len(left.lines[0].get_xdata()) == 180
    assert [line.get_label() for line in right.lines[:3]] == ["residuals", "Days", "Intercept"]
