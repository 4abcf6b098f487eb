"""Size of the test of Poisson against negative binomial counts, φ = ∞ on its boundary: 1,000 sets of each design.

``python dispersion_boundary.py > dispersion_boundary.txt``; seeds fixed beforehand. Counts are Poisson's with a random
intercept of standard deviation 0.5; ½ χ²(0) + ½ χ²(1) as in ``compare``, χ²(1) beside. Laplace's approximation.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from doublecode.analysis import fit_many

SETS = 1000
DESIGNS = ((22, 9, 1.0), (10, 6, 0.5), (60, 8, 0.0))
"""Patients, sessions of each, and the logarithm of the mean count of a patient at the middle."""


def main() -> None:
    """Print a line per design."""
    for patients, sessions, base in DESIGNS:
        rng = np.random.default_rng(1)
        course = np.tile(np.linspace(-1, 1, sessions), patients)
        data = pd.DataFrame({"patient": np.repeat(np.arange(patients), sessions), "x": course})
        eta = base + 0.3 * course[:, None] + 0.5 * rng.normal(size=(patients, SETS))[data["patient"]]
        counts = rng.poisson(np.exp(eta)).astype(float)
        small, large = (
            fit_many("y ~ x + (1 | patient)", data, counts, family=family, nagq=1)
            for family in ("poisson", "negative-binomial")
        )
        both = small.converged & large.converged
        statistic = np.maximum(0.0, 2.0 * (large.loglik - small.loglik))[both]
        whole = stats.chi2.sf(statistic, 1)
        half = 0.5 * whole + 0.5 * (statistic == 0.0)
        print(
            f"{patients} patients x {sessions} sessions: {both.sum()} sets, φ without end in "
            f"{np.isinf(large.dispersion[both]).mean():.3f}; rejected at .05: mixture {(half < 0.05).mean():.3f}, "
            f"chi2(1) {(whole < 0.05).mean():.3f}; at .01: {(half < 0.01).mean():.3f}, {(whole < 0.01).mean():.3f}"
        )


if __name__ == "__main__":
    main()
