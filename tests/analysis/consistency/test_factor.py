"""Factor extraction against R's sharpened optima, and its derivatives against differences."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.consistency import factor
from doublecode.analysis.consistency.factor import degrees_of_freedom, fit_factors
from doublecode.schemas.errors import NotEstimable

REFERENCE = Path(__file__).parents[2] / "reference"
RELIABILITY = json.loads((REFERENCE / "reliability.json").read_text())
SETS = ("rel_bfi_agree", "rel_sim8", "rel_sim9x3")


@pytest.mark.parametrize("name", SETS)
def test_loadings_are_the_sharpened_optima(name: str) -> None:
    """1e-8: both sides ran Newton to the end."""
    data = pd.read_csv(REFERENCE / f"{name}.csv")
    ml = fit_factors(data.cov(ddof=0).to_numpy()[None])
    expected = RELIABILITY[name]
    assert ml.first[0] == pytest.approx(np.array(list(expected["cfa_ml_raw"]["loadings"].values())), abs=1e-8)
    assert ml.uniqueness[0] == pytest.approx(np.array(list(expected["cfa_ml_raw"]["residual_var"].values())), abs=1e-8)
    minres = fit_factors(data.corr().to_numpy()[None], method="minres")
    polished = np.array(list(expected["minres_1factor"]["loadings_polished"].values()))
    assert minres.first[0] == pytest.approx(polished, abs=1e-8)
    assert ml.converged.all()
    assert minres.converged.all()


@pytest.mark.parametrize(("method", "k"), [("ml", 1), ("ml", 2), ("minres", 1), ("minres", 3)])
def test_derivatives(method: str, k: int) -> None:
    R = pd.read_csv(REFERENCE / "rel_sim9x3.csv").corr().to_numpy()[None]
    profile = factor._profile_ml if method == "ml" else factor._profile_minres
    x = np.linspace(0.4, 0.7, 9)[None]
    x = np.log(x) if method == "ml" else x
    _, gradient, hessian = profile(R, x, k)
    h = 1e-5
    for i in range(9):
        up, down = x.copy(), x.copy()
        up[0, i] += h
        down[0, i] -= h
        high, low = profile(R, up, k), profile(R, down, k)
        assert gradient[0, i] == pytest.approx((high[0][0] - low[0][0]) / (2 * h), abs=1e-8)
        assert hessian[0, i] == pytest.approx((high[1][0] - low[1][0]) / (2 * h), abs=1e-7)


def test_stack_equals_one_by_one() -> None:
    rng = np.random.default_rng(1)
    S = np.stack([np.cov((rng.normal(size=(40, 1)) + rng.normal(size=(40, 5))).T) for _ in range(30)])
    together = fit_factors(S)
    for i in range(30):
        assert fit_factors(S[i : i + 1]).first[0] == pytest.approx(together.first[i], abs=1e-6)
    assert together.converged.all()


def test_heywood_solution_holds_the_floor_and_the_conditions_of_a_minimum() -> None:
    """The floor is factanal's; its uniquenesses (R 4.2) to 1e-5, where its optimiser stops."""
    R = np.array([[1, 0.9, 0.7, 0.6], [0.9, 1, 0.5, 0.4], [0.7, 0.5, 1, 0.3], [0.6, 0.4, 0.3, 1.0]])
    fit = fit_factors(R[None])
    assert fit.converged[0]
    assert fit.heywood[0].tolist() == [True, False, False, False]
    assert fit.uniqueness[0] == pytest.approx([0.005, 0.18874521, 0.51266337, 0.64314619], abs=1e-5)
    assert fit.uniqueness[0, 0] == pytest.approx(0.005, abs=1e-12)
    _, gradient, _ = factor._profile_ml(R[None], np.log(fit.uniqueness), 1)
    assert gradient[0, 0] > 0
    assert gradient[0, 1:] == pytest.approx(np.zeros(3), abs=1e-9)


def test_degrees_of_freedom() -> None:
    assert degrees_of_freedom(5, 3) == -2
    assert degrees_of_freedom(6, 3) == 0
    assert degrees_of_freedom(8, 1) == 20


def test_not_positive_definite_is_refused() -> None:
    S = np.ones((1, 3, 3)) + np.diag([0.0, 0.0, 1.0])
    with pytest.raises(NotEstimable, match="not positive definite"):
        fit_factors(S)
