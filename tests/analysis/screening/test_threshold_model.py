"""The threshold model: a formula where there is one, planted correlations where not."""

import numpy as np
import pytest

from doublecode.analysis.screening.threshold_model import Components, Margins, latent_correlations


def test_two_codes_cut_in_the_middle_have_the_arcsine_correlation():
    """Halves of two normal variables correlate by 2/π arcsin ρ (Sheppard 1899)."""
    rho = np.array([0.3, 0.5, 0.7])
    codes = np.tile([0.0, 1.0], 500)[:, None]
    margins = Margins.of(np.repeat(codes, 2, axis=1), np.ones(1000))
    series = margins.scores(np.repeat(codes, 2, axis=1))[1]
    for one in rho:
        seen = np.full((2, 2), 2 / np.pi * np.arcsin(one))
        assert latent_correlations(seen, series)[0, 1] == pytest.approx(one, abs=0.03)  # a grid of .01, twelve terms


def test_scores_are_means_of_the_latent_variable():
    rng = np.random.default_rng(1)
    z = rng.normal(size=(200_000, 1))
    codes = np.searchsorted([-0.5, 0.2, 1.3], z[:, 0])[:, None].astype(float)
    scores = Margins.of(codes, np.ones(len(z))).scores(codes)[0]
    for code in range(4):
        assert scores[codes == code][0] == pytest.approx(z[codes == code].mean(), abs=0.01)  # 3 standard errors


@pytest.mark.parametrize("floor", [0.2, 0.6])
def test_planted_components_come_back_and_the_floor_stays(floor):
    rng = np.random.default_rng(2)
    within = np.array([[1.0, 0.5, 0.3], [0.5, 1.0, 0.4], [0.3, 0.4, 1.0]])
    between = np.array([[0.6, 0.4, 0.25], [0.4, 0.5, 0.3], [0.25, 0.3, 0.7]])
    drawn = Components(within, between).draw(rng, 4000, 2).reshape(-1, 3)
    cuts = np.quantile(rng.standard_normal(100_000), [floor, 0.7, 0.9])
    codes = np.searchsorted(cuts, drawn).astype(float)
    margins = Margins.of(codes, np.ones(len(codes)))
    scores, series = margins.scores(codes)
    first, rater = np.arange(4000), np.repeat([0, 1], 4000)
    found = Components.of(scores, series, rater, first, first + 4000, errors=0.0)
    assert np.abs(found.within - within).max() < 0.05  # 4,000 pairs: standard errors of .015 to .025
    assert np.abs(found.between - between).max() < 0.06
    again = margins.cut(found.draw(rng, 4000, 2).reshape(-1, 3))
    assert (again == 0).mean() == pytest.approx((codes == 0).mean(), abs=0.02)


def test_few_pairs_raise_the_agreement_that_is_assumed():
    rng = np.random.default_rng(3)
    codes = rng.integers(0, 4, (60, 2)).astype(float)
    scores, series = Margins.of(codes, np.ones(60)).scores(codes)
    pairs = np.arange(30), np.arange(30, 60)
    rater = np.repeat([0, 1], 30)
    plain, raised = (Components.of(scores, series, rater, *pairs, errors=e) for e in (0.0, 1.645))
    assert (np.diag(raised.between) > np.diag(plain.between) + 0.2).all()
