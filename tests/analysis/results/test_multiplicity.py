"""Adjusted p-values against scipy and statsmodels, and against definitions."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control

from doublecode.analysis.regression.moderated import moderation
from doublecode.analysis.results.multiplicity import adjust_p, interaction_family
from doublecode.schemas.errors import UsageError

P = np.array([0.011, 0.04, 0.003, 0.2, 0.04, 0.9, 0.0004])


def test_bh_is_scipys():
    np.testing.assert_allclose(adjust_p(P, "bh"), false_discovery_control(P), rtol=1e-12)


@pytest.mark.parametrize(("ours", "theirs"), [("bonferroni", "bonferroni"), ("holm", "holm"), ("bh", "fdr_bh")])
def test_against_statsmodels(ours, theirs):
    from statsmodels.stats.multitest import multipletests

    np.testing.assert_allclose(adjust_p(P, ours), multipletests(P, method=theirs)[1], rtol=1e-12)


@pytest.mark.parametrize("method", ["bonferroni", "holm", "bh"])
def test_missing_ones_are_not_counted(method):
    holed = np.insert(P, 2, np.nan)
    adjusted = adjust_p(holed, method)
    assert np.isnan(adjusted[2])
    np.testing.assert_array_equal(np.delete(adjusted, 2), adjust_p(P, method))


def test_unknown_method():
    with pytest.raises(UsageError, match="allowed: 'bonferroni', 'holm', 'bh'"):
        adjust_p(P, "sidak")


def test_family_of_interactions():
    rng = np.random.default_rng(3)
    data = pd.DataFrame(rng.normal(size=(50, 4)), columns=["y", "a", "b", "z"])
    results = [moderation(f, data) for f in ("y ~ a * z", "y ~ b * z", "y ~ a + b")]
    family = interaction_family(results)
    p_values = [result.frame.set_index("term")["p_value"].iloc[-1] for result in results[:2]]
    assert family.frame["p_value"].tolist() == p_values
    assert family.frame["p_bonferroni"].tolist() == pytest.approx([min(2 * p, 1) for p in p_values])
    assert family.design == {"n_tests": 2, "bonferroni_alpha": 0.025}
    with pytest.raises(UsageError, match="no model has an interaction"):
        interaction_family(results[2:])
