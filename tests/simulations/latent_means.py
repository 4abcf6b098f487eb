"""Latent against manifest patient means where the truth is planted.

    python tests/simulations/latent_means.py [sets]          # 4,000 by default; writes to standard output

A predictor with a quarter of its variance between patients, nine sessions each; slope within −.76, between +.8; the
outcome has a residual SD of 1 within and of 1 between patients. The mean of nine sessions has reliability .75, so the
manifest slope between patients is to be .75 · .8 + .25 · (−.76) = +.41. Seeds are fixed beforehand.
"""

from __future__ import annotations

import sys

import numpy as np

from doublecode.analysis.linking.latent_means import slopes_of
from doublecode.analysis.linking.two_level_normal import fit_two_level_normal, two_level_moments

SEED, SESSIONS, SHARE, WITHIN, BETWEEN = 1508, 9, 0.25, -0.76, 0.80
SIZES = (22, 60, 200)


def planted(n_sets: int, n_patients: int, seed: int = SEED) -> np.ndarray:
    """Outcome and predictor of every set, (n_sets, n_patients, SESSIONS, 2)."""
    rng = np.random.default_rng((seed, n_patients))
    between = np.sqrt(SHARE) * rng.normal(size=(n_sets, n_patients, 1))
    within = np.sqrt(1 - SHARE) * rng.normal(size=(n_sets, n_patients, SESSIONS))
    y = BETWEEN * between + WITHIN * within + rng.normal(size=between.shape) + rng.normal(size=within.shape)
    return np.stack([y, between + within], axis=3)


def estimates(data: np.ndarray) -> dict[str, np.ndarray]:
    """Per set the manifest and the latent slopes, the latent standard error, and whether there is a latent slope."""
    n_sets, n_patients, sessions, _ = data.shape
    codes = np.repeat(np.arange(n_patients), sessions)
    values = data.reshape(n_sets, -1, 2)
    found = fit_two_level_normal(two_level_moments(values, np.ones((values.shape[1], 1)), codes))
    means = data.mean(axis=2)
    centred = means - means.mean(axis=1, keepdims=True)
    manifest = (centred[..., 0] * centred[..., 1]).sum(axis=1) / (centred[..., 1] ** 2).sum(axis=1)
    good = found.converged & (found.between[:, 1, 1] > 0) & np.isfinite(found.covariance).all(axis=(1, 2))
    latent, error, within = (np.full(n_sets, np.nan) for _ in range(3))
    for s in np.flatnonzero(good):
        slope, covariance = slopes_of(found, 1, s)
        latent[s], error[s] = slope[0], np.sqrt(covariance[0, 0])
        within[s] = slopes_of(found, 0, s)[0][0]
    return {"manifest": manifest, "latent": latent, "error": error, "within": within}


def line(n_patients: int, n_sets: int) -> str:
    """What the sets of one number of patients say."""
    found = estimates(planted(n_sets, n_patients))
    latent = found["latent"][np.isfinite(found["latent"])]
    error = found["error"][np.isfinite(found["latent"])]
    low, high = np.quantile(latent, [0.05, 0.95])
    covered = np.mean(np.abs(latent - BETWEEN) <= 1.959964 * error)
    return (
        f"{n_patients:>8} {np.median(found['manifest']):>9.3f} {np.median(latent):>8.3f} "
        f"{low:>8.2f} {high:>6.2f} {np.median(error):>10.2f} {covered:>9.3f} "
        f"{np.median(found['within'][np.isfinite(found['within'])]):>8.3f} {n_sets - len(latent):>8}"
    )


def main(n_sets: int) -> None:
    print(f"{n_sets} sets of each size, seed {SEED}; true slopes: within {WITHIN}, between +{BETWEEN}")
    print("patients  manifest   latent   5 %     95 %  median SE  coverage   within  no slope")
    for n_patients in SIZES:
        print(line(n_patients, n_sets))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4000)
