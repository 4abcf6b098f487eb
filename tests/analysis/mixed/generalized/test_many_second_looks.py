"""Sets of a batch whose first search does not end at the lowest point, and what a batch names by itself (synthetic)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.mixed import fit_generalized, fit_many
from doublecode.schemas.errors import UsageError

FORMULA = "y ~ x + (1 | g)"
COUNTS = [  # each: quadrature nodes, groups, x, counts, and how much lower the end without variance is
    (9, [0, 1, 1, 2, 3, 3, 4, 5], [0.0, 0.4, 1.5, -0.2, 0.1, -0.2, -1.0, 0.0], [0, 0, 3, 0, 13, 14, 0, 4], 1.48),
    (1, [0, 0, 1, 2, 3, 3, 4], [-0.6, -2.1, 0.3, 0.2, -1.8, -2.1, 1.1], [5, 1, 1, 36, 3, 2, 0], 0.50),
]
FAR_X = [
    -0.1, 1.2, -0.5, 1.7, -1.4, 1.3, -0.2, -1.0, -0.3, 0.9, -1.3, 1.1, 0.7, -2.4, 0.3, 1.2, -0.8, -2.7, 0.8, 1.1, 1.6,
    -1.0, -1.1, -0.6, 1.3, -1.0, 0.0, -1.7, 1.5, -0.0, 0.1, 3.5, 1.1, 0.6, 0.0, -0.2, -1.6, 0.9, -0.2, -0.2, -1.6, 1.3,
]  # fmt: skip


@pytest.mark.parametrize(("nagq", "g", "x", "y", "gained"), COUNTS)
def test_an_end_without_variance_is_checked_from_other_starts(monkeypatch, nagq, g, x, y, gained) -> None:
    data = pd.DataFrame({"g": g, "x": x, "y": np.array(y, dtype=float)})
    many = fit_many(FORMULA, data, data[["y"]].to_numpy(), family="negative-binomial", nagq=nagq)
    one = fit_generalized(FORMULA, data, family="negative-binomial", nagq=nagq)
    assert not many.single[0]
    assert many.loglik[0] == pytest.approx(one.loglik, abs=1e-8)
    assert many.variances[0, 0] == pytest.approx(one.variances["variance"].iloc[0], rel=1e-4)
    monkeypatch.setattr("doublecode.analysis.mixed.generalized.many_search.OTHER_SCALES", ())
    first = fit_many(FORMULA, data, data[["y"]].to_numpy(), family="negative-binomial", nagq=nagq)
    assert many.loglik[0] - first.loglik[0] == pytest.approx(gained, abs=0.01)


def test_a_variance_so_large_that_quadrature_has_several_ends_is_left_to_the_single_search() -> None:
    data = pd.DataFrame({"g": np.repeat(np.arange(7), 6), "x": FAR_X})
    y = np.zeros(42)
    y[[6, 8, *range(12, 24)]] = 1.0
    many = fit_many(FORMULA, data, y[:, None], family="binomial", nagq=15)
    assert many.single[0]
    one = fit_generalized(FORMULA, data.assign(y=y), family="binomial", nagq=15)
    assert many.loglik[0] == pytest.approx(one.loglik, abs=1e-8)


def test_factors_of_correlated_effects_are_those_of_their_covariances() -> None:
    rng = np.random.default_rng(5)
    g = np.repeat(np.arange(16), 8)
    data = pd.DataFrame({"g": g, "t": np.tile(np.arange(8.0), 16)})
    u = rng.normal(size=(16, 2)) @ [[0.6, 0.1], [0.0, 0.15]]
    y = rng.poisson(np.exp(0.5 + u[g, 0] + u[g, 1] * data["t"])).astype(float)
    many = fit_many("y ~ t + (t | g)", data, y[:, None], family="poisson")
    a, b, c = many.theta[0]
    np.testing.assert_allclose([[a * a, a * b], [a * b, b * b + c * c]], many.covariances[0][0], atol=1e-10)
    assert abs(many.covariances[0][0][0, 1]) > 1e-3


def test_rows_dropped_for_a_predictor_are_counted_in_a_note() -> None:
    g, x, y = np.repeat(np.arange(8), 5), np.linspace(-1, 1, 40), np.tile([1.0, 0.0, 2.0, 1.0, 3.0], 8)
    x[[3, 17]] = np.nan
    many = fit_many(FORMULA, pd.DataFrame({"g": g, "x": x}), y[:, None], family="poisson")
    assert [note.numbers for note in many.notes if note.kind == "sets_rows_dropped"] == [{"n_dropped": 2}]
    assert many.nobs.tolist() == [38]


def test_more_successes_than_trials_name_their_place() -> None:
    data = pd.DataFrame({"g": np.repeat(np.arange(8), 5), "x": np.linspace(-1, 1, 40)})
    Y = np.tile([1.0, 0.0, 2.0, 1.0, 3.0], 8)[:, None].repeat(2, axis=1)
    Y[3, 1] = 5.0
    with pytest.raises(UsageError, match="more successes than trials; found 5 in row 3 of set 1"):
        fit_many(FORMULA, data, Y, family="binomial", trials=np.full(40, 3.0))
