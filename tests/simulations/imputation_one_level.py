"""Why imputation as if each row stood alone is refused: bias of slopes within and between patients, planted truth.

Synthetic data. Run: ``python tests/simulations/imputation_one_level.py [SETS]`` (200 sets by default, a minute on one
core). The printed answer is kept in ``imputation_one_level.txt``. The sets are those of ``imputation.py`` in which one
predictor alone loses values; here it is imputed 20 times by a Bayesian regression on the outcome and the session,
without the patients, and analysed and pooled as there.
"""

from __future__ import annotations

import sys

import numpy as np
from imputation import CASES, SEED, TRUTH, Case, M, planted, pooled, with_gaps


def one_level(given: np.ndarray, case: Case, rng: np.random.Generator) -> np.ndarray:
    """Complete the predictor M times: slopes and variance drawn, then the values; shape (M, rows, 2)."""
    session = np.tile(np.arange(1.0, case.sessions + 1), case.patients)
    design = np.column_stack([np.ones(len(given)), session, given[:, 0]])
    there = ~np.isnan(given[:, 1])
    inverse = np.linalg.inv(design[there].T @ design[there])
    slopes = inverse @ design[there].T @ given[there, 1]
    rest, df = given[there, 1] - design[there] @ slopes, there.sum() - 3
    out = np.repeat(given[None], M, axis=0)
    for one in out:
        sigma = np.sqrt(rest @ rest / rng.chisquare(df))
        drawn = slopes + sigma * np.linalg.cholesky(inverse) @ rng.standard_normal(3)
        one[~there, 1] = design[~there] @ drawn + sigma * rng.standard_normal((~there).sum())
    return out


def main(n_sets: int) -> None:
    """Print bias and coverage of each slope."""
    print(f"Synthetic data; seed {SEED}; {n_sets} sets; m = {M}; nominal .95; Monte-Carlo SE of a coverage "
          f"{np.sqrt(0.05 * 0.95 / n_sets):.4f}")  # fmt: skip
    for number in (0, 2):
        case, tables = CASES[number], []
        for place in range(n_sets):
            rng = np.random.default_rng([SEED, number, place])
            given = with_gaps(planted(case, rng), case, rng)
            tables.append(pooled(one_level(given, case, np.random.default_rng([SEED, number, place, 1])), given, case))
        print(f"\n{case.title}, imputed as one level\nslope        truth     mean    bias   bias %  coverage")
        for term in tables[0].index:
            truth, rows = TRUTH[term], [one.loc[term] for one in tables]
            bias = np.mean([one["estimate"] for one in rows]) - truth
            covered = np.mean([one["conf_low"] <= truth <= one["conf_high"] for one in rows])
            print(f"{term:12s} {truth:5.2f} {truth + bias:8.3f} {bias:7.3f} {100 * bias / abs(truth):8.1f} "
                  f"{covered:9.3f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
