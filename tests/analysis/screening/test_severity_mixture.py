"""Chances averaged over raters, against the same integrals done otherwise."""

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import expit, logit

from doublecode.analysis.screening import severity_mixture as mixture


def integral(chance, share):
    def of(d):
        return chance(expit(logit(share) + d)) * stats.norm.pdf(d)

    return integrate.quad(of, -5, 5, limit=200)[0] / (stats.norm.cdf(5) - stats.norm.cdf(-5))


@pytest.mark.parametrize(("n", "share"), [(10, 0.2), (60, 0.1), (200, 0.3)])
def test_never_given(n, share):
    assert mixture.none_of(n, share) == pytest.approx(integral(lambda p: (1 - p) ** n, share), rel=1e-3)


@pytest.mark.parametrize(("k", "n", "share"), [(3, 20, 0.1), (12, 40, 0.05)])
def test_at_least(k, n, share):
    assert mixture.at_least(k, n, share) == pytest.approx(
        integral(lambda p: stats.binom.sf(k - 1, n, p), share), rel=1e-3
    )


def test_strings_of_a_rater_like_the_others(monkeypatch):
    """Without spread between raters: the share of studies in which such a string is drawn."""
    monkeypatch.setattr(mixture, "SPREAD", 0.0)
    rng = np.random.default_rng(1)
    codes = rng.random((4000, 60)) < 0.4
    longest = np.array([max(map(len, "".join("x" if one else " " for one in row).split() or [""])) for row in codes])
    for length in (7, 9):
        seen = (longest >= length).mean()
        assert mixture.string_of(length, 60, 0.4, 0.4) == pytest.approx(seen, abs=3 * np.sqrt(seen / 4000) + 0.003)


def test_certain_and_impossible():
    assert mixture.none_of(0, 0.3) == pytest.approx(1.0)
    assert mixture.at_least(0, 5, 0.3) == 1.0
    assert mixture.string_of(15, 60, 0.05, 0.05) < 1e-4 < 1e-2 < mixture.string_of(15, 60, 0.5, 0.6)
