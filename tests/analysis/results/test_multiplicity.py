"""Adjusted p-values against scipy and statsmodels, and against definitions."""

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from doublecode.analysis.results.multiplicity import adjust_p
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
