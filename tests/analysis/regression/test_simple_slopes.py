"""Conditional slopes: roots, regions and false-discovery control against their definitions."""

import numpy as np
import pytest
from scipy.stats import false_discovery_control, t

from doublecode.analysis.regression.simple_slopes import (
    Point,
    PointKind,
    SlopeLine,
    default_points,
    fdr_critical_t,
    johnson_neyman,
    slope_band,
    slope_roots,
    slope_table,
    two_sided_p,
)


@pytest.fixture
def line():
    observed = np.random.default_rng(4).normal(10, 2, 60)
    return SlopeLine(0.2, 0.3, np.array([[0.02, 0.001], [0.001, 0.006]]), 56.0, 10.0, observed)


def test_variance_of_a_slope(line):
    z = np.array([-1.5, 0.0, 2.0])
    for value, error in zip(z, line.std_error(z), strict=True):
        weights = np.array([1, value])
        assert error == pytest.approx(np.sqrt(weights @ line.covariance @ weights))


def test_p_values_are_those_of_t(line):
    table = slope_table(line, [Point("here", 11.0, PointKind.GIVEN)], 0.9).iloc[0]
    assert table["p_value"] == pytest.approx(2 * t.sf(abs(table["statistic"]), 56), rel=1e-10)
    assert table["conf_high"] - table["estimate"] == pytest.approx(t.ppf(0.95, 56) * table["std_error"])


def test_at_a_root_the_slope_is_just_significant(line):
    critical = t.ppf(0.975, 56)
    roots = slope_roots(line, critical)
    assert len(roots) == 2
    np.testing.assert_allclose(np.abs(line.slope(roots) / line.std_error(roots)), critical, rtol=1e-10)


def test_no_root_where_the_slope_is_nowhere_significant(line):
    flat = SlopeLine(0.0, 0.0, line.covariance, 56.0, 10.0, line.observed)
    assert len(slope_roots(flat, 2.0)) == 0
    regions, roots = johnson_neyman(flat, 0.05)
    assert len(roots) == 0
    assert not regions["significant"].any()
    assert regions["n_rows"].tolist() == [60, 60]


def test_regions_stay_in_the_observed_range_and_count_every_row_once(line):
    regions, roots = johnson_neyman(line, 0.05)
    for control, part in regions.groupby("control"):
        assert part["low"].iloc[0] == line.observed.min()
        assert part["high"].iloc[-1] == line.observed.max()
        assert part["n_rows"].sum() == 60
        assert part["share"].sum() == pytest.approx(1)
        inside = roots[(roots["control"] == control) & roots["observed"]]["moderator"]
        assert part["high"].iloc[:-1].tolist() == inside.tolist()


def test_significance_of_regions_at_a_grid_of_points(line):
    regions, _ = johnson_neyman(line, 0.05)
    part = regions[regions["control"] == "pointwise"]
    assert set(part["significant"]) == {True, False}
    for row in part.itertuples():
        grid = np.linspace(row.low, row.high, 12)[1:-1] - line.centre
        p_values = two_sided_p(line.slope(grid) / line.std_error(grid), line.df)
        assert ((p_values < 0.05) == row.significant).all()
        if row.significant:
            assert row.direction == ("positive" if row.slope_low + row.slope_high > 0 else "negative")


@pytest.mark.parametrize("seed", range(5))
def test_false_discovery_control_is_benjamini_and_hochberg(seed):
    statistics = np.random.default_rng(seed).normal(1.5, 1.5, 40)
    p_values = 2 * t.sf(np.abs(statistics), 30)
    critical = fdr_critical_t(statistics, 30, 0.05)
    assert ((np.abs(statistics) >= critical) == (false_discovery_control(p_values) <= 0.05)).all()


def test_false_discovery_control_falls_back_to_bonferroni():
    assert fdr_critical_t(np.array([0.1, 0.5]), 30, 0.05) == pytest.approx(t.ppf(1 - 0.05 / 2 / 2, 30))


def test_controlled_regions_are_not_wider_than_pointwise(line):
    regions, _ = johnson_neyman(line, 0.05)
    width = (regions["high"] - regions["low"]).where(regions["significant"], 0).groupby(regions["control"]).sum()
    assert width["false discovery rate"] <= width["pointwise"]


def test_band_ends_where_data_end(line):
    band = slope_band(line, 0.95)
    assert (band["moderator"].iloc[0], band["moderator"].iloc[-1]) == (line.observed.min(), line.observed.max())
    np.testing.assert_allclose(band["estimate"], 0.2 + 0.3 * (band["moderator"] - 10))
    assert (band["fdr_high"] >= band["conf_high"]).all()


def test_default_points_of_a_spread_moderator(line):
    points = default_points(line.observed, float(line.observed.mean()))
    assert [point.label for point in points] == ["mean − SD", "mean", "mean + SD"]
    assert points[2].value - points[1].value == pytest.approx(line.observed.std(ddof=1))
