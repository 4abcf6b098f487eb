"""Likelihood-ratio comparison; the two ratios of lmm.json are in test_fit.py."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from doublecode.analysis.mixed import compare, fit_mixed
from doublecode.schemas.errors import UsageError


def make_data(groups: int, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(groups), 6)
    frame = pd.DataFrame({"g": g, "h": np.tile(np.arange(6), groups), "x": rng.normal(size=6 * groups)})
    frame["y"] = 0.2 * frame.x + rng.normal(size=groups)[g] + 0.25 * rng.normal(size=groups)[g] * frame.x
    frame["y"] += 0.15 * rng.normal(size=6)[frame.h] + rng.normal(size=len(g))
    return frame


def test_fixed_effects_are_compared_by_ml_and_the_refit_is_named():
    data = make_data(20)
    small, large = fit_mixed("y ~ 1 + (1 | g)", data), fit_mixed("y ~ x + (1 | g)", data)
    result = compare(large, small)
    assert result.notes[0].kind == "refitted_fixed_effects"
    ml = [fit_mixed(f, data, reml=False).loglik for f in ("y ~ 1 + (1 | g)", "y ~ x + (1 | g)")]
    np.testing.assert_allclose(result.frame.loglik, ml, atol=1e-9)
    assert result.frame.model.tolist() == ["y ~ 1 + (1 | g)", "y ~ x + (1 | g)"]
    assert result.frame.p_value[1] == pytest.approx(stats.chi2.sf(2 * (ml[1] - ml[0]), 1), rel=1e-6)
    assert "| y ~ x + (1 \\| g) |" in result.to_markdown()


@pytest.mark.parametrize("groups", [20, 80])
def test_a_variance_on_its_boundary(groups):
    data = make_data(groups)
    small, large = fit_mixed("y ~ x + (1 | g)", data), fit_mixed("y ~ x + (x | g)", data)
    result = compare(small, large)
    row = result.frame.iloc[1]
    assert result.notes[0].kind == "restricted_likelihoods_compared"
    assert row.statistic == pytest.approx(2 * (large.loglik - small.loglik), abs=1e-8)
    if groups == 80:
        assert row.reference == "½ chi2(1) + ½ chi2(2)"
        expected = 0.5 * (stats.chi2.sf(row.statistic, 1) + stats.chi2.sf(row.statistic, 2))
    else:
        assert "with 20 levels χ²(2) is used, which is conservative" in result.note_texts()[1]
        expected = stats.chi2.sf(row.statistic, 2)
    assert row.p_value == pytest.approx(expected, rel=1e-9)


def test_three_models_in_order_of_size():
    data = make_data(20)
    fits = [fit_mixed(f"y ~ {rhs}", data, reml=False) for rhs in ("x + (x | g)", "1 + (1 | g)", "x + (1 | g)")]
    assert compare(*fits).frame.n_parameters.tolist() == [3, 4, 6]


def test_refusals():
    data = make_data(20)
    fit = fit_mixed("y ~ x + (1 | g)", data)
    with pytest.raises(UsageError, match="at least two"):
        compare(fit)
    with pytest.raises(UsageError, match="different outcomes, 'y' and 'x'"):
        compare(fit, fit_mixed("x ~ 1 + (1 | g)", data))
    short = data.assign(z=np.where(data.index < 3, np.nan, data.x**2))
    with pytest.raises(UsageError, match="different rows \\(120 and 117; not shared: 0, 1, 2\\)"):
        compare(fit, fit_mixed("y ~ x + z + (1 | g)", short))
    with pytest.raises(UsageError, match="different values of the outcome"):
        compare(fit, fit_mixed("y ~ x + (1 | g)", data.assign(y=data.y + 1)))


def test_models_that_are_not_nested_say_so():
    data = make_data(20)
    first = fit_mixed("y ~ x + (1 | g)", data, reml=False)
    same = fit_mixed("y ~ h + (1 | g)", data, reml=False)
    result = compare(first, same)
    assert result.notes[0].kind == "as_many_parameters"
    assert np.isnan(result.frame.p_value).all()


def test_what_does_not_compare_is_refused_or_refitted():
    data = make_data(20)
    plain = fit_mixed("y ~ x + (1 | g)", data)
    heavy = fit_mixed("y ~ x + (x | g)", data, weights=np.arange(1.0, 121.0))
    with pytest.raises(UsageError, match="different weights, so their likelihoods do not compare"):
        compare(plain, heavy)
    with pytest.raises(UsageError, match="different offset"):
        compare(plain, fit_mixed("y ~ x + (x | g)", data, offset="h"))
    with pytest.raises(UsageError, match=r"takes results of fit_mixed\(\) or fit_generalized\(\), not NoneType"):
        compare(plain, None)
    by_ml = compare(plain, fit_mixed("y ~ x + (x | g)", data, reml=False))
    assert by_ml.note_texts()[0] == "models refitted by maximum likelihood, since some are REML fits and some are not"


def test_rescaled_predictors_are_compared_by_ml():
    """The restricted likelihood depends on the coding of the fixed part, the ratio must not."""
    data = make_data(20).assign(k=lambda d: 1000 * d.x)
    small, large = fit_mixed("y ~ x + (1 | g)", data), fit_mixed("y ~ k + (k | g)", data)
    expected = compare(fit_mixed("y ~ x + (1 | g)", data, reml=False), fit_mixed("y ~ x + (x | g)", data, reml=False))
    np.testing.assert_allclose(compare(small, large).frame.statistic[1], expected.frame.statistic[1], atol=1e-6)
