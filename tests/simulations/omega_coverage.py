"""Coverage of omega's intervals at known omega, 22 patients × 9 sessions × 7 items.

Synthetic data: one factor, normal scores; a quarter of the factor's and of each residual's
variance lies between patients. Run by hand:

    python tests/simulations/omega_coverage.py [n_sets] [n_boot] > tests/simulations/omega_coverage.txt
"""

from __future__ import annotations

import sys
import time

import numpy as np
import pandas as pd

from doublecode.analysis.consistency.factor import FactorFit
from doublecode.analysis.consistency.item_moments import ItemData, all_units, read_items
from doublecode.analysis.consistency.item_statistics import one_factor_formulas
from doublecode.analysis.consistency.omega_estimates import one_factor
from doublecode.analysis.consistency.unit_resampling import (
    bca_limits,
    bootstrap_limits,
    bootstrap_weights,
    jackknife_limits,
    jackknife_weights,
    percentile_limits,
)

PATIENTS, SESSIONS, SHARE = 22, 9, 0.25
PROFILE = np.array([1.15, 1.1, 1.05, 1.0, 0.95, 0.9, 0.85])


def loadings_for(omega: float) -> np.ndarray:
    """Loadings of standardised items with the wanted omega, in the proportions of PROFILE."""
    low, high = 0.05, 0.85
    for _ in range(100):
        middle = (low + high) / 2
        loadings = middle * PROFILE
        common = loadings.sum() ** 2
        low, high = (middle, high) if common / (common + (1 - loadings**2).sum()) < omega else (low, middle)
    return low * PROFILE


def draw(rng: np.random.Generator, loadings: np.ndarray) -> pd.DataFrame:
    """One synthetic study: a row per patient and session."""
    patient = np.repeat(np.arange(PATIENTS), SESSIONS)
    width = len(loadings) + 1
    scores = np.sqrt(SHARE) * rng.normal(size=(PATIENTS, width))[patient]
    scores += np.sqrt(1 - SHARE) * rng.normal(size=(len(patient), width))
    items = scores[:, :1] * loadings + scores[:, 1:] * np.sqrt(1 - loadings**2)
    frame = pd.DataFrame(items, columns=[f"i{k}" for k in range(len(loadings))])
    return frame.assign(patient=patient)


def coefficients(data: ItemData, weights: np.ndarray, start: FactorFit | None = None) -> np.ndarray:
    fit, S = one_factor(data, weights, start=start)
    return one_factor_formulas(fit.first, fit.uniqueness, S)[:, :1]


def intervals(data: ItemData, n_boot: int, seed: int) -> dict[str, tuple[float, float]]:
    fit, _ = one_factor(data, all_units(data.n_units))
    start = fit
    estimate = coefficients(data, all_units(data.n_units))[0]
    left_out = coefficients(data, jackknife_weights(data.n_units), start)
    found = {"jackknife, logit, t(units - 1)": jackknife_limits(estimate, left_out, 0.95)}
    if n_boot:
        drawn = coefficients(data, bootstrap_weights(data.n_units, n_boot, seed), start)
        found["bootstrap SE, logit, t(units - 1)"] = bootstrap_limits(estimate, drawn, data.n_units, 0.95)
        found["percentile"] = percentile_limits(drawn, 0.95)
        found["BCa"] = bca_limits(estimate, drawn, left_out, 0.95)
    return {name: (float(x.low[0]), float(x.high[0])) for name, x in found.items()}


def main() -> None:
    n_sets = int(sys.argv[1]) if len(sys.argv) > 1 else 1500
    n_boot = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    print(f"{n_sets} synthetic data sets, {PATIENTS} patients x {SESSIONS} sessions x {len(PROFILE)} items,")
    print(f"a share of {SHARE} of all variances between patients, {n_boot} bootstrap samples, nominal .95,")
    print(f"simulation error of a coverage: {np.sqrt(0.95 * 0.05 / n_sets):.4f}\n")
    print(f"{'omega':>5}  {'unit':8} {'interval':34} {'coverage':>8} {'too low':>8} {'too high':>8} {'width':>6}")
    for omega in (0.85, 0.70):
        start = time.perf_counter()
        loadings = loadings_for(omega)
        rng = np.random.default_rng([2024, int(100 * omega)])
        found: dict[tuple[str, str], list[tuple[float, float]]] = {}
        for index in range(n_sets):
            frame = draw(rng, loadings)
            for unit, clusters in (("patient", "patient"), ("session", None)):
                items = list(frame.columns[:-1])
                limits = intervals(read_items(frame, items, clusters), n_boot, index)
                for name, pair in limits.items():
                    found.setdefault((unit, name), []).append(pair)
        for (unit, name), pairs in found.items():
            low, high = np.array(pairs).T
            inside = ((low <= omega) & (omega <= high)).mean()
            print(
                f"{omega:5.2f}  {unit:8} {name:34} {inside:8.3f} {(high < omega).mean():8.3f} "
                f"{(low > omega).mean():8.3f} {(high - low).mean():6.3f}",
                flush=True,
            )
        print(f"       ({time.perf_counter() - start:.0f} s)\n", flush=True)


if __name__ == "__main__":
    main()
