"""What rating error does to a slope, and what `correct_for_raters` makes of it: synthetic studies with a known slope.

22 patients × 9 sessions, five raters, 40 % of the sessions coded by two of them drawn anew. Codes have variance 1 in
truth, a quarter of it between patients; a rating adds severity of the rater and residual error, .95 together.

Slope: true slope within patients −1, outcome not coded. The median of the naive and the corrected slopes, the share
of limits that hold −1, and the median of slopes corrected by error variance / k only, severity among it. Fieller:
limits of the result; jackknife: estimate ± t · SE.

Shared error: the same raters code predictor and outcome from one tape, their errors correlate .3 or .5, true slope 0.
Share of the studies with p < .05: naive, corrected, and corrected with the variances and covariances of the errors
taken as known (estimated once, not again without each patient).

Run: OMP_NUM_THREADS=1 python tests/simulations/rater_noise.py [studies] > tests/simulations/rater_noise.txt
"""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pandas as pd

from doublecode.analysis import correct_for_raters
from doublecode.analysis.linking.coded_columns import CodedPart, read_rated
from doublecode.analysis.linking.coded_model import coded_model
from doublecode.analysis.linking.error_matrix import corrected_system
from doublecode.analysis.linking.rater_moments import error_moments, pair_sums
from doublecode.analysis.linking.ratio_limits import fieller, partialled

SEED = 20261127
PATIENTS, SESSIONS, RATERS, DOUBLE = 22, 9, 5, 0.4
BETWEEN, SLOPE, T21 = 0.25, -1.0, 2.0796138
FORMULA = "y ~ x_within + (1 | patient)"


def codings(rng):
    """Weights (sessions, raters): one rater, or two."""
    n = PATIENTS * SESSIONS
    k = np.ones(n, dtype=int)
    k[rng.permutation(n)[: round(DOUBLE * n)]] = 2
    order = rng.permuted(np.tile(np.arange(RATERS), (n, 1)), axis=1)
    return [order[i, : k[i]] for i in range(n)]


def study(rng, severity, error, outcome_sd=4.0, shared=None):
    """Ratings and frame of one study; with `shared` the outcome is coded too and the slope is 0."""
    n = PATIENTS * SESSIONS
    patient, session = np.repeat(np.arange(PATIENTS), SESSIONS), np.tile(np.arange(1, SESSIONS + 1), PATIENTS)
    truth = np.sqrt(BETWEEN) * rng.normal(size=(PATIENTS, 2))[patient]
    within = np.sqrt(1 - BETWEEN) * rng.normal(size=(n, 2))
    mix = np.linalg.cholesky(np.array([[1.0, shared or 0.0], [shared or 0.0, 1.0]]))
    severe = np.sqrt(severity) * rng.normal(size=(RATERS, 2)) @ mix.T
    rows = np.array([(i, r) for i, raters in enumerate(codings(rng)) for r in raters])
    noise = severe[rows[:, 1]] + np.sqrt(error) * rng.normal(size=(len(rows), 2)) @ mix.T
    values = (truth + within)[rows[:, 0]] + noise
    names = ("x",) if shared is None else ("x", "y")
    keys = {"patient": patient[rows[:, 0]], "session": session[rows[:, 0]], "rater": rows[:, 1].astype(str)}
    ratings = pd.concat([pd.DataFrame({**keys, "instrument": m, "value": values[:, j]}) for j, m in enumerate(names)])
    pooled = ratings.pivot_table(index=["patient", "session"], columns="instrument", values="value").reset_index()
    if shared is None:
        pooled["y"] = SLOPE * within[:, 0] + rng.normal(0, 2, PATIENTS)[patient] + rng.normal(0, outcome_sd, n)
    return ratings, pooled


def estimated(ratings, frame, changes, whole=False):
    """Naive row of the slope, and the corrected one: as estimated, and with each of `changes` of the error variances.

    What `correct_for_raters` does without its tables; with `whole` that it is the same is checked.
    """
    names = {name: name for name in ("patient", "session", "rater", "instrument", "value")}
    used = sorted(ratings["instrument"].unique())
    rated = read_rated(ratings, names, used)
    parts = {name: (CodedPart(name),) for name in used}
    model = coded_model(rated, frame, FORMULA, parts, (), "patient", "session", 0.95)
    W = np.vstack([np.ones(PATIENTS), 1.0 - np.eye(PATIENTS)])
    errors = error_moments(pair_sums(rated, model.rating_code, PATIENTS), W, len(used))
    moments = model.moments()
    slopes = [
        fieller(*partialled(corrected_system(moments, one, W)[0], 0), 0.95)
        for one in [errors, *(change(errors) for change in changes)]
    ]
    if whole:
        row = correct_for_raters(ratings, frame, FORMULA).frame.iloc[-1]
        assert np.allclose(row[["estimate", "conf_low", "conf_high"]].astype(float),
                           [slopes[0].estimate, slopes[0].conf_low, slopes[0].conf_high])  # fmt: skip
    return model.naive.frame.iloc[-1], slopes


def by_k_only(errors):
    """Severity counts as if every session had raters of its own."""
    return replace(errors, residual=errors.residual + errors.rater, rater=0 * errors.rater)


def as_known(errors):
    """The same in every study that leaves a patient out."""
    return replace(
        errors, residual=np.broadcast_to(errors.residual[:1], errors.residual.shape),
        rater=np.broadcast_to(errors.rater[:1], errors.rater.shape),
    )  # fmt: skip


def slope(rng, n, severity, error, sd):
    rows = []
    for i in range(n):
        naive, (one, wrong) = estimated(*study(rng, severity, error, sd), [by_k_only], whole=i == 0)
        rows.append((
            naive["estimate"], one.estimate, wrong.estimate,
            naive["conf_low"] <= SLOPE <= naive["conf_high"], one.conf_low <= SLOPE <= one.conf_high,
            abs(one.estimate - SLOPE) <= T21 * one.std_error, np.isinf(one.conf_low),
        ))  # fmt: skip
    table = np.array(rows, dtype=float)
    medians, shares = np.nanmedian(table[:, :3], axis=0), table[:, 3:].mean(axis=0)
    print(
        f"{severity:8.2f}  {error:5.2f}  {sd:7.1f}  " + "  ".join(f"{v:9.3f}" for v in [*medians, *shares]), flush=True
    )


def shared(rng, n, severity, error, correlation):
    rows = []
    for i in range(n):
        naive, (one, known) = estimated(*study(rng, severity, error, shared=correlation), [as_known], whole=i == 0)
        p = np.array([naive["p_value"], one.p_value, known.p_value])
        rows.append([naive["estimate"], one.estimate, *(p < 0.05)])
    table = np.array(rows, dtype=float)
    values = [*np.nanmedian(table[:, :2], axis=0), *table[:, 2:].mean(axis=0)]
    print(f"{correlation:11.1f}  " + "  ".join(f"{v:9.3f}" for v in values), flush=True)


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    print(f"{n} studies per line, seed {SEED}; Monte-Carlo error of .95 is {np.sqrt(0.95 * 0.05 / n):.4f}\n")
    print("Slope −1: medians, and shares of limits that hold it")
    print("severity  error  outcome  naive      corrected  by k only  naive      Fieller    jackknife  infinite")
    rng = np.random.default_rng(SEED)
    slope(rng, n, 0.30, 0.65, 4.0)
    slope(rng, n, 0.30, 0.65, 1.5)
    print("\nShared error, slope 0: medians, and shares with p < .05")
    print("correlation  naive      corrected  naive      corrected  as known")
    for correlation in (0.3, 0.5):
        shared(rng, n, 0.30, 0.65, correlation)


if __name__ == "__main__":
    main()
