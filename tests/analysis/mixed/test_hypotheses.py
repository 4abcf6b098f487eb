"""F tests of several degrees of freedom against lmerTest and pbkrtest (mixed_type3.R)."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.mixed import fit_mixed
from doublecode.analysis.mixed.hypotheses import quantile, two_sided, upper_f
from doublecode.schemas.errors import UsageError

HERE = Path(__file__).parents[2] / "reference"
REFERENCE = json.loads((HERE / "mixed_type3.json").read_text())
MODELS = [name for name in REFERENCE if not name.startswith("_")]


def data() -> pd.DataFrame:
    h = pd.read_csv(HERE / "hw229_a.csv")
    h["phase"] = np.array(["early", "middle", "late"])[(h.session > 3).astype(int) + (h.session > 6)]
    h["high"] = np.where(h.alliance > 5, "yes", "no")
    return h


@pytest.mark.parametrize("method", ["satterthwaite", "kenward-roger"])
@pytest.mark.parametrize("name", MODELS)
def test_type_three_with_factors(name, method):
    ref = pd.DataFrame(REFERENCE[name][method.replace("-", "_")]).T
    table = fit_mixed(REFERENCE[name]["formula"], data(), ddf=method).anova()
    assert list(table.term) == list(ref.index)
    assert (table.hypothesis == "type III").all()
    # lmer's own stopping point, not sharpened: F to 1e-5, df to 1e-4 relative
    np.testing.assert_allclose(table.statistic, ref.F, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(table.df_num, ref.df_num)
    np.testing.assert_allclose(table.df_den, ref.df_den, rtol=1e-5)
    np.testing.assert_allclose(table.p_value, ref.p, rtol=1e-4)


def test_type_three_does_not_depend_on_the_coding():
    h = data()
    one = fit_mixed("homework ~ phase * high + (1 | patient)", h, ddf="kenward-roger").anova()
    two = fit_mixed("homework ~ C(phase, contr.sum) * C(high, contr.helmert) + (1 | patient)", h, ddf="kenward-roger")
    np.testing.assert_allclose(two.anova().statistic, one.statistic, rtol=1e-8)
    np.testing.assert_allclose(two.anova().df_den, one.df_den, rtol=1e-8)


def test_contrasts():
    fit = fit_mixed("homework ~ phase + beh_cw + (1 | patient)", data())
    one = fit.contrast({"beh_cw": 1.0})
    np.testing.assert_allclose(one.iloc[0, 1:].astype(float), fit.fixed.set_index("term").loc["beh_cw"], rtol=1e-12)
    late, middle = "phase[T.late]", "phase[T.middle]"
    diff = fit.contrast({late: 1.0, middle: -1.0})
    other = fit_mixed("homework ~ C(phase, contr.treatment('middle')) + beh_cw + (1 | patient)", data()).fixed
    same = other[other.term.str.endswith("[T.late]")].iloc[0]
    np.testing.assert_allclose(diff.estimate[0], same.estimate, rtol=1e-8)
    np.testing.assert_allclose(diff.df[0], same.df, rtol=1e-8)
    np.testing.assert_allclose(diff.p_value[0], same.p_value, rtol=1e-7)
    shifted = fit.contrast({"beh_cw": 1.0}, rhs=0.3)
    assert shifted.statistic[0] == pytest.approx((one.estimate[0] - 0.3) / one.std_error[0])
    with pytest.raises(UsageError, match="nothing is no fixed effect; they are Intercept"):
        fit.contrast({"nothing": 1.0})
    with pytest.raises(UsageError, match="needs 4 weights"):
        fit.contrast(np.ones(3))
    with pytest.raises(UsageError, match="weight of beh_cw is 'a'; a contrast takes numbers"):
        fit.contrast({"beh_cw": "a"})
    for empty in ({}, {"beh_cw": 0.0}, {"beh_cw": np.nan}):
        with pytest.raises(UsageError, match="finite weights that are not all zero"):
            fit.contrast(empty)


def test_distributions():
    """Against scipy.stats, which the engine does not import."""
    from scipy import stats

    df = np.array([1.0, 3.7, 40.0, np.inf])
    t = np.array([0.3, -2.2, 3.0, 1.96])
    expected = np.r_[2 * stats.t.sf(np.abs(t[:3]), df[:3]), 2 * stats.norm.sf(1.96)]
    np.testing.assert_allclose(two_sided(t, df), expected, rtol=1e-12)
    np.testing.assert_allclose(quantile(0.9, df), np.r_[stats.t.ppf(0.95, df[:3]), stats.norm.ppf(0.95)], rtol=1e-12)
    np.testing.assert_allclose(upper_f(np.array([2.5]), 3, np.array([17.3])), stats.f.sf(2.5, 3, 17.3), rtol=1e-12)
    np.testing.assert_allclose(upper_f(np.array([2.5]), 3, np.array([np.inf])), stats.chi2.sf(7.5, 3), rtol=1e-12)
    assert np.isnan(two_sided(np.array([1.0]), np.array([np.nan]))).all()
