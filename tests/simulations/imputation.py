"""Multilevel multiple imputation of predictors: bias and coverage of within and between slopes, planted truth.

Synthetic data. Run: ``python tests/simulations/imputation.py [SETS]`` (1,000 sets by default, about ten minutes on one
core). The printed answer is kept in ``imputation.txt``. Scores y of patients over sessions depend on the deviation of a
predictor x from the patient's own mean and on that mean, both as the declared model has them, so that the complete data
have no bias. A fifth of the values of x is missing at random: the more likely the higher y of that session and the
later the session. Each set is analysed before any value is lost, by its complete rows, and by 20 imputations of the
joint model, split into mean and deviation afterwards, pooled by Rubin's rules with Barnard and Rubin's df.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import numpy as np
import pandas as pd

from doublecode.analysis.linking.imputation_pooling import rubin
from doublecode.analysis.linking.imputation_sampler import Layout, crude_prior, draw
from doublecode.analysis.linking.splitting import within_between
from doublecode.analysis.mixed.fit import fit_mixed

SEED, BATCH, M = 20261128, 50, 20
BURN_IN, THIN = 200, 20


@dataclass(frozen=True)
class Case:
    """One condition: patients, sessions, predictors that lose values, share of x's variance between patients."""

    title: str
    patients: int
    sessions: int
    predictors: int
    share: float
    outcome: float = 0.0


CASES = (
    Case("60 patients x 9 sessions, one predictor", 60, 9, 1, 0.25),
    Case("60 patients x 9 sessions, two predictors", 60, 9, 2, 0.25),
    Case("60 patients x 9 sessions, half of x between patients", 60, 9, 1, 0.5),
    Case("60 patients x 9 sessions, 10 % of the outcome missing, too", 60, 9, 1, 0.25, 0.1),
    Case("22 patients x 9 sessions, one predictor", 22, 9, 1, 0.25),
)
TRUTH = {"x1_within": -0.75, "x1_between": -1.5, "x2_within": 0.4, "x2_between": 0.8}


def planted(case: Case, rng: np.random.Generator) -> np.ndarray:
    """Complete data of one set, shape (rows, 1 + predictors): y, then the predictors."""
    k, codes = case.predictors, np.repeat(np.arange(case.patients), case.sessions)
    session = np.tile(np.arange(1.0, case.sessions + 1), case.patients)
    root = np.linalg.cholesky(np.full((k, k), 0.3) + 0.7 * np.eye(k))
    x = np.sqrt(case.share) * (rng.standard_normal((case.patients, k)) @ root.T)[codes]
    x += np.sqrt(1 - case.share) * rng.standard_normal((len(codes), k)) @ root.T
    mean = x.reshape(case.patients, case.sessions, k).mean(axis=1)[codes]
    within = [TRUTH[f"x{one + 1}_within"] for one in range(k)]
    between = [TRUTH[f"x{one + 1}_between"] for one in range(k)]
    y = 12 - 0.2 * session + (x - mean) @ within + mean @ between
    y += rng.standard_normal(case.patients)[codes] + 1.5 * rng.standard_normal(len(codes))
    return np.column_stack([y, x])


def with_gaps(values: np.ndarray, case: Case, rng: np.random.Generator) -> np.ndarray:
    """A fifth of each predictor is lost by y and session; of the outcome a share by session alone."""
    out = values.copy()
    session = np.tile(np.arange(1.0, case.sessions + 1), case.patients)
    if case.outcome:
        out[rng.random(len(session)) < case.outcome * session / session.mean(), 0] = np.nan
    y = out[:, 0] - np.repeat(np.nanmean(out[:, 0].reshape(case.patients, -1), axis=1), case.sessions)
    y = np.nan_to_num(y)  # where y itself is lost, the loss of x goes by the session alone
    for one in range(case.predictors):
        p = 1 / (1 + np.exp(1.65 - 0.45 * y - 0.15 * (session - 5)))
        out[rng.random(len(p)) < p * 0.2 / p.mean(), 1 + one] = np.nan
    return out


def estimates(values: np.ndarray, case: Case) -> pd.DataFrame:
    """The declared model on the rows that have everything: split first, then fitted."""
    names = [f"x{one + 1}" for one in range(case.predictors)]
    data = pd.DataFrame(values, columns=["y", *names])
    data["session"] = np.tile(np.arange(1.0, case.sessions + 1), case.patients)
    data["patient"] = np.repeat(np.arange(case.patients), case.sessions)
    split = within_between(data.dropna(), names)
    terms = " + ".join(f"{name}_within + {name}_between" for name in names)
    fixed = fit_mixed(f"y ~ session + {terms} + (1 | patient)", split).fixed.set_index("term")
    return fixed.loc[terms.split(" + "), ["estimate", "std_error", "df", "conf_low", "conf_high"]]


def pooled(draws: np.ndarray, given: np.ndarray, case: Case) -> pd.DataFrame:
    """Rows without an outcome are taken out again after imputation."""
    kept = np.where(np.isnan(given[:, :1]), np.nan, draws)
    fits = [estimates(one, case) for one in kept]
    numbers = [np.array([fit[name] for fit in fits]) for name in ("estimate", "std_error", "df")]
    return rubin(*numbers).set_index(fits[0].index)


def run(case: Case, n_sets: int) -> None:
    """Print bias, spread, standard error and coverage of each slope, three ways."""
    began = time.time()
    found: dict[str, list[pd.DataFrame]] = {"before loss": [], "complete rows": [], "imputed": []}
    lost, rows = [], []
    codes = np.repeat(np.arange(case.patients), case.sessions)
    session = np.tile(np.arange(1.0, case.sessions + 1), case.patients)
    fixed = np.column_stack([np.ones(len(codes)), (session - session.mean()) / session.std()])
    layout = Layout(fixed, 1, np.arange(case.patients) * case.sessions, codes)
    for first in range(0, n_sets, BATCH):
        sets = range(first, min(first + BATCH, n_sets))
        rngs = [np.random.default_rng([SEED, CASES.index(case), number]) for number in sets]
        whole = np.array([planted(case, rng) for rng in rngs])
        given = np.array([with_gaps(one, case, rng) for one, rng in zip(whole, rngs, strict=True)])
        centre, scale = np.nanmean(given, axis=1, keepdims=True), np.nanstd(given, axis=1, keepdims=True)
        z = np.repeat((given - centre) / scale, 2, axis=0)
        rng = np.random.default_rng([SEED, CASES.index(case), 10**6 + first])
        drawn = draw(z, layout, crude_prior(z, layout), burn_in=BURN_IN, thin=THIN, keep=M // 2, rng=rng).completed
        drawn = drawn * np.repeat(scale, 2, axis=0) + np.repeat(centre, 2, axis=0)
        for place in range(len(sets)):
            found["before loss"].append(estimates(whole[place], case))
            found["complete rows"].append(estimates(given[place], case))
            chains = np.concatenate([drawn[:, 2 * place], drawn[:, 2 * place + 1]])
            found["imputed"].append(pooled(chains, given[place], case))
            lost.append(np.isnan(given[place][:, 1:]).mean())
            rows.append((~np.isnan(given[place]).any(axis=1)).mean())
    print(f"\n{case.title}; of the predictor {np.mean(lost):.1%} missing, {np.mean(rows):.1%} of the rows complete; "
          f"{n_sets} sets ({time.time() - began:.0f} s)")  # fmt: skip
    print("slope        truth  analysis         mean    bias   bias %   SD of b  mean SE  coverage  mean df   FMI")
    for term in found["imputed"][0].index:
        truth = TRUTH[term]
        for way, tables in found.items():
            b, se, df, low, high = (
                np.array([one.loc[term, key] for one in tables])
                for key in ("estimate", "std_error", "df", "conf_low", "conf_high")
            )
            fmi = np.mean([one.loc[term, "fmi"] for one in tables]) if way == "imputed" else np.nan
            bias, covered = b.mean() - truth, ((low <= truth) & (truth <= high)).mean()
            print(f"{term:12s} {truth:5.2f}  {way:14s} {b.mean():7.3f} {bias:7.3f} {100 * bias / abs(truth):7.1f} "
                  f"{b.std(ddof=1):9.3f} {se.mean():8.3f} {covered:9.3f} {df.mean():8.1f} {fmi:6.2f}",
                  flush=True)  # fmt: skip


def main(n_sets: int) -> None:
    """Run every condition."""
    print(f"Synthetic data; seed {SEED}; m = {M} imputations from 2 chains, burn-in {BURN_IN}, every {THIN}th kept; "
          f"nominal .95; Monte-Carlo SE of a coverage {np.sqrt(0.05 * 0.95 / n_sets):.4f}")  # fmt: skip
    for case in CASES:
        run(case, n_sets)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
