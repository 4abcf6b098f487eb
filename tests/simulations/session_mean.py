"""Coverage and type I error of the mean correlation over sessions, 22 patients × 9 sessions.

Synthetic data. Run: ``python tests/simulations/session_mean.py [SETS]`` (2,000 sets by default, a few minutes on one
core). The printed answer is kept in ``session_mean.txt``. Two variables with the same correlation between patients and
within them (a quarter of the variance between), 15 % of the sessions missing; the interval that patients are drawn for
(t on patients − 1 df) beside the percentiles of the same samples and Fisher's interval that takes sessions as apart.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from doublecode.analysis.description.session_mean import SessionRows, mean_z, patient_bootstrap

PATIENTS, SESSIONS, BETWEEN, N_BOOT = 22, 9, 0.25, 1000


def sessions_of(rng: np.random.Generator, r: float, between: float) -> list[SessionRows]:
    """Rows of each session: normal x and y with correlation r at both levels."""
    spread = np.linalg.cholesky(np.array([[1.0, r], [r, 1.0]]))
    person = np.sqrt(between) * rng.standard_normal((PATIENTS, 2)) @ spread.T
    found = []
    for number in range(SESSIONS):
        here = np.flatnonzero((rng.random(PATIENTS) < 0.85) | (number == 0))
        values = person[here] + np.sqrt(1 - between) * rng.standard_normal((len(here), 2)) @ spread.T
        found.append(SessionRows(values[:, 0], values[:, 1], here))
    return found


def main(n_sets: int) -> None:
    """Print coverage by way of interval, and rejections where r is 0."""
    print(f"Synthetic data; {n_sets} sets of {PATIENTS} patients x {SESSIONS} sessions, 15 % missing; nominal .95; "
          f"Monte-Carlo SE {np.sqrt(0.05 * 0.95 / n_sets):.4f}")  # fmt: skip
    print("  r  between   patients, t   percentile   Fisher, sessions apart   rejected (patients, t)")
    for r, between in ((0.0, 0.25), (0.0, 0.6), (0.4, 0.25), (0.7, 0.25)):
        began, hits, rejected = time.time(), np.zeros(3), 0
        for number in range(n_sets):
            rng = np.random.default_rng([20261127, number, int(100 * r), int(100 * between)])
            rows = sessions_of(rng, r, between)
            found = patient_bootstrap(rows, PATIENTS, ranks=False, conf_level=0.95, n_boot=N_BOOT, seed=number)
            hits[0] += found["conf_low"] <= r <= found["conf_high"]
            rejected += found["p_value"] < 0.05
            counts = rng.multinomial(PATIENTS, np.full(PATIENTS, 1 / PATIENTS), size=N_BOOT).astype(float)
            low, high = np.tanh(np.nanpercentile(mean_z(rows, counts, False), [2.5, 97.5]))
            hits[1] += low <= r <= high
            z = mean_z(rows, np.ones((1, PATIENTS)), False)[0]
            reach = 1.959964 / np.sqrt(sum(len(one.who) - 3 for one in rows))
            hits[2] += np.tanh(z - reach) <= r <= np.tanh(z + reach)
        share = hits / n_sets
        print(f"{r:4.1f} {between:7.2f} {share[0]:13.4f} {share[1]:12.4f} {share[2]:24.4f} {rejected / n_sets:24.4f}"
              f"   ({time.time() - began:.0f} s)", flush=True)  # fmt: skip


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
