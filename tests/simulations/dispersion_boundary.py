"""Size and power of the test of Poisson against negative binomial counts, φ = ∞ on its boundary: 2,000 sets a case.

``python dispersion_boundary.py > dispersion_boundary.txt``; seeds fixed beforehand. Counts have a random intercept of
standard deviation 0.5, and are Poisson's (size) or have a dispersion φ of 10 (power), by Laplace's approximation and by
15 nodes; ½ χ²(0) + ½ χ²(1) as in ``compare``, χ²(1) beside.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from doublecode.analysis import fit_many

SETS = 2000
USUAL, FEW, MANY, MOST = (22, 9, 1.0), (10, 6, 0.5), (60, 8, 0.0), (200, 6, 0.0)
"""Patients, sessions of each, and the logarithm of the mean count of a patient at the middle."""
DISPERSION = 10.0
CASES = (
    (USUAL, None, 1), (USUAL, None, 15), (FEW, None, 1), (MANY, None, 1), (MOST, None, 1), (USUAL, DISPERSION, 1),
    (USUAL, DISPERSION, 15),
)  # fmt: skip
"""Design, dispersion, number of nodes."""


def main() -> None:
    """Print a line per case."""
    for (patients, sessions, base), phi, nodes in CASES:
        data, counts = draw(patients, sessions, base, phi)
        found = shares_rejected(data, counts, nodes)
        print(f"{patients} patients x {sessions} sessions, {said(phi)}, {nodes} nodes: {found}", flush=True)


def said(phi: float | None) -> str:
    """Name the truth."""
    return "Poisson" if phi is None else f"dispersion {phi:g}"


def draw(patients: int, sessions: int, base: float, phi: float | None) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows of a design, and counts (n, SETS)."""
    rng = np.random.default_rng(1)
    course = np.tile(np.linspace(-1, 1, sessions), patients)
    data = pd.DataFrame({"patient": np.repeat(np.arange(patients), sessions), "x": course})
    mean = np.exp(base + 0.3 * course[:, None] + 0.5 * rng.normal(size=(patients, SETS))[data["patient"]])
    if phi is not None:
        mean = mean * rng.gamma(phi, 1.0 / phi, size=mean.shape)
    return data, rng.poisson(mean).astype(float)


def shares_rejected(data: pd.DataFrame, counts: np.ndarray, nodes: int) -> str:
    """Shares rejected at two levels, by both references."""
    small, large = (
        fit_many("y ~ x + (1 | patient)", data, counts, family=family, nagq=nodes)
        for family in ("poisson", "negative-binomial")
    )
    both = small.converged & large.converged
    statistic = np.maximum(0.0, 2.0 * (large.loglik - small.loglik))[both]
    whole = stats.chi2.sf(statistic, 1)
    half = 0.5 * whole + 0.5 * (statistic == 0.0)
    return (
        f"{both.sum()} sets, φ without end in {np.isinf(large.dispersion[both]).mean():.3f}; rejected at .05: mixture "
        f"{(half < 0.05).mean():.3f}, chi2(1) {(whole < 0.05).mean():.3f}; at .01: {(half < 0.01).mean():.3f}, "
        f"{(whole < 0.01).mean():.3f}"
    )


if __name__ == "__main__":
    main()
