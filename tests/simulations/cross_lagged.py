"""Bias and coverage of the cross-lagged paths of the RI-CLPM at known paths: synthetic patients.

6 to 12 sessions per patient, 8 % of them missing at random; carry-over .3 and .3, cross paths −.1 (y → next x) and −.2
(x → next y), innovations of variance 1 with covariance −.2, stable differences of variance .6 with correlation −.3, a
mean of its own in every session. The model is fitted from its own starting values; limits are Student's t on P − 1 df.

Run: OMP_NUM_THREADS=1 python tests/simulations/cross_lagged.py [sets] > tests/simulations/cross_lagged.txt
"""

from __future__ import annotations

import sys

import numpy as np
from scipy.special import stdtrit

from doublecode.analysis.linking.panel_models import CARRY_X, CARRY_Y, X_TO_Y, Y_TO_X, Panel, ri_clpm

SEED = 20261127
SHORTEST, LONGEST, GAPS, BURN = 6, 12, 0.08, 20
PATHS = np.array([[0.3, -0.1], [-0.2, 0.3]])
TRUTH = {CARRY_X: 0.3, Y_TO_X: -0.1, CARRY_Y: 0.3, X_TO_Y: -0.2}
INNOVATION = np.linalg.cholesky(np.array([[1.0, -0.2], [-0.2, 1.0]]))
STABLE = np.linalg.cholesky(0.6 * np.array([[1.0, -0.3], [-0.3, 1.0]]))


def panel(rng: np.random.Generator, patients: int) -> Panel:
    """One study, laid out by session; the process has run BURN sessions before the first."""
    values = np.zeros((patients, LONGEST, 2))
    within = np.zeros((patients, 2))
    for t in range(-BURN, LONGEST):
        within = within @ PATHS.T + rng.normal(size=(patients, 2)) @ INNOVATION.T
        if t >= 0:
            values[:, t] = within
    values += (rng.normal(size=(patients, 2)) @ STABLE.T)[:, None] - 0.3 * np.arange(LONGEST)[None, :, None]
    length = rng.integers(SHORTEST, LONGEST + 1, patients)
    gone = rng.random((patients, LONGEST)) < GAPS
    gone[:, 0] = False
    values[gone | (np.arange(LONGEST) >= length[:, None])] = np.nan
    there = ~np.isnan(values).all(axis=(0, 2))
    x, y = values[:, there, 0], values[:, there, 1]
    scale = float(np.nanstd(x)), float(np.nanstd(y))
    return Panel(x / scale[0], y / scale[1], np.arange(1.0, there.sum() + 1), scale, (0.0, 0.0))


def simulate(rng: np.random.Generator, patients: int, sets: int) -> None:
    reach = float(stdtrit(patients - 1, 0.975))
    rows = []
    for _ in range(sets):
        one = panel(rng, patients)
        fit = ri_clpm(one, trend=False)
        unit = {Y_TO_X: one.scale[0] / one.scale[1], X_TO_Y: one.scale[1] / one.scale[0]}
        found = [(fit[name] * unit.get(name, 1.0), np.sqrt(fit.covariance([name])[0, 0]) * unit.get(name, 1.0))
                 for name in TRUTH]  # fmt: skip
        rows.append([*np.array(found).ravel(), fit.converged])
    table = np.array(rows, dtype=float)
    kept = table[table[:, -1] > 0]
    for j, (name, truth) in enumerate(TRUTH.items()):
        estimate, error = kept[:, 2 * j], kept[:, 2 * j + 1]
        covered = np.abs(estimate - truth) <= reach * error
        values = (
            estimate.mean() - truth,
            estimate.std(ddof=1),
            np.median(error),
            covered.mean(),
            np.median(2 * reach * error),
        )
        shown = "  ".join(f"{value:8.3f}" for value in values)
        print(
            f"{patients:8d}  {name.replace('→', '->'):12s}  {truth:5.1f}  {shown}  {len(kept) / sets:9.3f}", flush=True
        )


def main() -> None:
    sets = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print(f"{sets} sets per number of patients, seed {SEED}; Monte-Carlo error of .95: {np.sqrt(0.0475 / sets):.4f}\n")
    print("patients  path          truth  bias      SD        SE        coverage  width     converged")
    rng = np.random.default_rng(SEED)
    for patients in (60, 22):
        simulate(rng, patients, sets)


if __name__ == "__main__":
    main()
