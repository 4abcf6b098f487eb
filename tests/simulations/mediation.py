"""Coverage of Monte-Carlo and delta limits of the indirect effect: synthetic patients of 6 to 12 sessions.

1-1-1: a = .3, b = −.4 within (residuals of variance 1), a = .4, b = −.5 between (variances .5). 2-1-1: x of the
patient, a = .5, b = −.5. One level: n rows, a = .3, b = −.4. Slopes vary: a_j, b_j with SD .3 and correlation .5, so
that the indirect effect within is a·b + .045.

    OMP_NUM_THREADS=1 python tests/simulations/mediation.py [sets]          # 1,000 by default, slopes alike
    OMP_NUM_THREADS=1 python tests/simulations/mediation.py slopes [sets]   # slopes that vary: seconds per set

``mediation.txt`` holds what both runs print. Seeds are fixed beforehand, one for each run.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd

from doublecode.analysis import mediation
from doublecode.schemas.errors import NotEstimable

SEED, SEED_SLOPES = 20261127, 1518


def rows_of(rng, patients):
    size = rng.integers(6, 13, patients)
    return np.repeat(np.arange(patients), size)


def centred(values, of):
    return values - (np.bincount(of, values) / np.bincount(of))[of]


def one_level(rng, n):
    x = rng.normal(size=n)
    m = 0.3 * x + rng.normal(size=n)
    return pd.DataFrame({"x": x, "m": m, "y": -0.4 * m + rng.normal(size=n)}), {"single": -0.12}


def one_one_one(rng, patients, sd=0.0):
    of = rows_of(rng, patients)
    n = len(of)
    slopes = rng.multivariate_normal([0.3, -0.4], sd**2 * np.array([[1, 0.5], [0.5, 1]]), patients)
    between = np.sqrt(0.5) * rng.normal(size=(patients, 3))
    between[:, 1] += 0.4 * between[:, 0]
    between[:, 2] += -0.5 * between[:, 1]
    x = rng.normal(size=n)
    within_m = slopes[of, 0] * (centred(x, of) if sd else x) + rng.normal(size=n)
    within_y = slopes[of, 1] * (centred(within_m, of) if sd else within_m) + rng.normal(size=n)
    data = {"patient": of, "x": x + between[of, 0], "m": within_m + between[of, 1], "y": within_y + between[of, 2]}
    truth = {"within": -0.12 + 0.5 * sd**2}
    return pd.DataFrame(data), truth if sd else {**truth, "between": -0.2}


def two_one_one(rng, patients):
    of = rows_of(rng, patients)
    x = rng.normal(size=patients)
    m = 0.5 * x + np.sqrt(0.5) * rng.normal(size=patients)
    y = -0.5 * m + np.sqrt(0.5) * rng.normal(size=patients)
    inside = rng.normal(size=(2, len(of)))
    data = {"patient": of, "x": x[of], "m": m[of] + inside[0], "y": y[of] - 0.3 * inside[0] + inside[1]}
    return pd.DataFrame(data), {"between": -0.25}


def simulate(rng, name, make, n, sets, **options):
    found, failed = {}, 0
    for _ in range(sets):
        data, truth = make(rng, n)
        try:
            result = mediation(data, "x", "m", "y", **options).frame.set_index(["level", "term"])
        except NotEstimable:
            failed += 1
            continue
        for level, value in truth.items():
            one = result.loc[(level, "indirect")]
            kept = found.setdefault((level, value), [])
            kept.append((one["estimate"], one["conf_low"] <= value <= one["conf_high"],
                         one["delta_low"] <= value <= one["delta_high"]))  # fmt: skip
    for (level, value), kept in found.items():
        table = np.array(kept, dtype=float)
        shares = table[:, 1:].mean(axis=0)
        print(f"{name:13s}  {n:4d}  {level:8s}  {value:6.3f}  {np.median(table[:, 0]):6.3f}  {shares[0]:11.3f}  "
              f"{shares[1]:6.3f}  {failed / sets:6.3f}", flush=True)  # fmt: skip


def main(*asked: str) -> None:
    vary = asked[:1] == ("slopes",)
    sets, seed = int(asked[-1]) if asked[vary:] else 1000, SEED_SLOPES if vary else SEED
    print(f"{sets} sets per line, seed {seed}; nominal .95, simulation error {np.sqrt(0.95 * 0.05 / sets):.3f}\n")
    print("design            n  level      truth  median  Monte Carlo   delta  failed")
    rng = np.random.default_rng(seed)
    if vary:
        random = {"clusters": "patient", "slopes": "random"}
        simulate(rng, "slopes vary", lambda r, n: one_one_one(r, n, 0.3), 22, sets, **random)
        return
    simulate(rng, "one level", one_level, 100, sets)
    for patients in (60, 22):
        simulate(rng, "1-1-1", one_one_one, patients, sets, clusters="patient")
        simulate(rng, "2-1-1", two_one_one, patients, sets, clusters="patient")


if __name__ == "__main__":
    main(*sys.argv[1:])
