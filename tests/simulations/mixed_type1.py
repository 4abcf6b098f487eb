"""Type I error of fixed effects and coverage of variance intervals, 22 patients × 9 unbalanced sessions.

Synthetic data. Run: ``python tests/simulations/mixed_type1.py`` (about five minutes on one core; ``--quick`` for a
tenth of it, ``--jobs 2`` for two cores). The printed answer is kept in ``mixed_type1.txt``. No effect is true; nominal
level .05; 10,000 sets on 20 unbalanced designs (15 % of the sessions missing), seeds fixed.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import pandas as pd
from scipy.special import chdtri
from spread import run_conditions, taken_out

from doublecode.analysis.mixed import fit_many
from doublecode.analysis.mixed.components import components
from doublecode.analysis.mixed.design import build_design
from doublecode.analysis.mixed.engine.bare_fit import Fit
from doublecode.analysis.mixed.engine.moments import make_moments
from doublecode.analysis.mixed.engine.profiles import measure_at, profile_limits
from doublecode.analysis.mixed.intervals import refit
from doublecode.analysis.mixed.many import search
from doublecode.analysis.mixed.prediction import simulate_outcomes

PATIENTS, SESSIONS, DESIGNS = 22, 9, 20
TERMS = ("within", "time", "between")
INTERCEPT_SD, RESIDUAL_SD = 0.6, 0.8
METHODS = ("z", "satterthwaite", "kenward-roger")
Frame = pd.DataFrame


def unbalanced_design(number: int) -> Frame:
    """One of the designs: patient, within, time, between; every patient has session 1."""
    rng = np.random.default_rng([20261121, number])
    patient, session = np.divmod(np.arange(PATIENTS * SESSIONS), SESSIONS)
    keep = (rng.random(len(patient)) < 0.85) | (session == 0)
    frame = pd.DataFrame({"patient": patient, "time": session - 4.0, "within": rng.standard_normal(len(patient))})[keep]
    frame["within"] -= frame.groupby("patient")["within"].transform("mean")
    frame["between"] = rng.standard_normal(PATIENTS)[frame["patient"]]
    return frame.reset_index(drop=True)


def outcomes(design: Frame, n: int, slope_sd: float, seed: int) -> np.ndarray:
    """(rows, n) outcomes without any effect: random intercept, random slope of time, residual."""
    rng = np.random.default_rng([seed, 7])
    who, time_ = design["patient"].to_numpy(), design["time"].to_numpy()
    intercept = INTERCEPT_SD * rng.standard_normal((PATIENTS, n))
    slope = slope_sd * rng.standard_normal((PATIENTS, n))
    noise = RESIDUAL_SD * rng.standard_normal((len(design), n))
    return 4.0 + intercept[who] + slope[who] * time_[:, None] + noise


def type1(random: str, slope_sd: float, n_sets: int) -> None:
    """Print rejection rates by z, Satterthwaite and Kenward–Roger side by side."""
    hits = {m: np.zeros(3) for m in METHODS}
    singular = failed = 0
    began = time.time()
    for number in range(DESIGNS):
        design = unbalanced_design(number)
        Y = outcomes(design, n_sets // DESIGNS, slope_sd, number)
        formula = "y ~ " + " + ".join(TERMS) + f" + ({random} | patient)"
        for method in METHODS:
            many = fit_many(formula, design, Y, ddf=method)
            rows = [many.terms.index(t) for t in TERMS]
            hits[method] += (many.p_value[rows] < 0.05).sum(axis=1)
            if method == "z":
                singular += int(many.singular.sum())
                failed += int((~many.converged).sum())
    n = n_sets // DESIGNS * DESIGNS
    error = np.sqrt(0.05 * 0.95 / n)
    print(
        f"\n({random} | patient), slope SD {slope_sd:g}: {n} sets, {singular / n:.3f} singular, "
        f"{failed} not converged, {time.time() - began:.0f} s; Monte-Carlo SE at .05 is {error:.4f}"
    )
    print(pd.DataFrame({m: h / n for m, h in hits.items()}, index=TERMS).round(4).to_string())
    kr = hits["kenward-roger"] / n
    low, high = (0.044, 0.056) if random == "1" else (0.041, 0.057)
    held = [bool((low if t != "time" or random == "1" else 0.0) <= v <= high) for t, v in zip(TERMS, kr, strict=True)]
    print(f"Kenward-Roger within {low:.3f}-{high:.3f}" + ("" if random == "1" else " (time: at most)") + f": {held}")


def coverage(random: str, slope_sd: float, n_sets: int, n_boot: int, boot_sets: int) -> None:
    """Print the coverage of 95 % profile intervals (REML criterion), and of the percentile bootstrap beside."""
    truth = {"Intercept": INTERCEPT_SD, "time": slope_sd, "Intercept, time": 0.0, "": RESIDUAL_SD}
    profile: list[np.ndarray] = []
    boot: list[np.ndarray] = []
    began = time.time()
    for number in range(DESIGNS):
        frame = unbalanced_design(number)
        design = build_design(f"y ~ within + time + between + ({random} | patient)", frame, with_outcome=False)
        named = components(design)
        true = np.array([truth[c.term] for c in named])
        Y = outcomes(frame, n_sets // DESIGNS, slope_sd, 1000 + number)
        moments = make_moments(design, Y)
        theta = search(moments, reml=True).theta
        limits = profile_limits(
            moments, theta, np.arange(Y.shape[1]), [c.target for c in named], reml=True, chi2=float(chdtri(1, 0.05))
        )
        low = np.stack([c.report(limits.low[:, j]) for j, c in enumerate(named)], axis=1)
        high = np.stack([c.report(limits.high[:, j]) for j, c in enumerate(named)], axis=1)
        for j, c in enumerate(named):
            if c.parameter == "corr":  # a zero variance within the limits leaves the correlation open
                free = (low[:, : len(named) - 2] == 0.0).any(axis=1)
                low[free, j], high[free, j] = -1.0, 1.0
        profile.append(np.where(np.isnan(low) | np.isnan(high), np.nan, (low <= true) & (true <= high)))
        boot.append(_bootstrap(design, Y[:, : boot_sets // DESIGNS], named, true, n_boot, number))
    covered, percentile = np.vstack(profile), np.vstack(boot)
    names = [f"{c.parameter} {c.group} {c.term}".strip() for c in named]
    print(
        f"\n95 % intervals, ({random} | patient), slope SD {slope_sd:g}: profile on the REML criterion, "
        f"{len(covered)} sets ({int(np.isnan(covered).any(axis=1).sum())} without a limit); percentile bootstrap, "
        f"{len(percentile)} sets × {n_boot} refits; {time.time() - began:.0f} s"
    )
    print(
        pd.DataFrame(
            {"profile": np.nanmean(covered, axis=0), "percentile bootstrap": percentile.mean(axis=0)}, index=names
        )
        .round(4)
        .to_string()
    )


def _bootstrap(design, Y, named, true, n_boot, seed):  # type: ignore[no-untyped-def]
    moments = make_moments(design, Y)
    theta = search(moments, reml=True).theta
    covered = np.zeros((Y.shape[1], len(named)))
    for i in range(Y.shape[1]):
        one = design.with_response(Y[:, i])
        fit = Fit(one, make_moments(one), theta[i], True, True, pd.DataFrame())
        value = [float(measure_at(fit.moments, fit.theta[None], c.target.measure, reml=True)[0]) for c in named]
        V = _covariances(value, len(named))
        beta = np.linalg.lstsq(one.X, one.y, rcond=None)[0]
        draws = simulate_outcomes(
            one, beta, [np.zeros((1, 1))], [V], value[-1], n=n_boot, seed=seed * 1000 + i, groups=set()
        )
        values, good = refit(fit, draws, [c.target.measure for c in named])
        part = values[good, one.X.shape[1] :]
        limits = np.array([np.quantile(c.report(part[:, j]), [0.025, 0.975]) for j, c in enumerate(named)])
        covered[i] = (limits[:, 0] <= true) & (true <= limits[:, 1])
    return covered


def _covariances(value: list[float], k: int) -> np.ndarray:
    if k == 2:
        return np.array([[value[0]]])
    c = value[2] * np.sqrt(value[0] * value[1])
    return np.array([[value[0], c], [c, value[1]]])


if __name__ == "__main__":
    workers = taken_out(sys.argv)
    share = 10 if "--quick" in sys.argv else 1
    print("Synthetic data; nominal .05, 22 patients x 9 sessions, 15 % missing", flush=True)
    run_conditions(
        [
            (type1, "1", 0.0, 10_000 // share),
            (type1, "time", 0.1, 10_000 // share),
            (type1, "time", 0.0, 10_000 // share),
            (coverage, "1", 0.0, 4_000 // share, 500, 1_000 // share),
            (coverage, "time", 0.3, 4_000 // share, 500, 1_000 // share),
        ],
        workers,
    )
