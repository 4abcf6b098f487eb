"""Coverage of the limits of a composite's reliability: 22 patients × 9 sessions, rotating pairs of raters, one lag.

Run ``python tests/simulations/composite_reliability.py > tests/simulations/composite_reliability.txt``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from doublecode.analysis.linking.coded_columns import CodedPart
from doublecode.analysis.linking.composite_reliability import composite_reliability
from doublecode.schemas.errors import NotEstimable

N, PATIENTS, SESSIONS, RATERS = 1000, 22, 9, 5
PARTS = [CodedPart("before", 1, 0.625), CodedPart("now", 0, 0.375)]
BETWEEN, WITHIN, ERROR = 0.2, 0.6, 0.3


def one(rng: np.random.Generator, severity: float, share: float) -> tuple[pd.DataFrame, float]:
    """Ratings of a study, and the reliability that its composite has: raters and tapes from a population."""
    patient, session = np.repeat(np.arange(PATIENTS), SESSIONS), np.tile(np.arange(1, SESSIONS + 1), PATIENTS)
    n = len(patient)
    k = np.where(rng.random(n) < share, 2, 1)
    raters = [rng.permutation(RATERS)[:number] for number in k]
    rows = []
    for part in ("before", "now"):
        own = rng.normal(0, BETWEEN**0.5, PATIENTS)[patient] + rng.normal(0, WITHIN**0.5, n)
        severe = rng.normal(0, severity**0.5, RATERS)
        for at in range(n):
            for rater in raters[at]:
                value = own[at] + severe[rater] + rng.normal(0, ERROR**0.5)
                rows.append((patient[at], session[at], f"R{rater}", part, value))
    inverse = {lag: (1 / k)[session < SESSIONS if lag else session > 1].mean() for lag in (0, 1)}
    true = sum(part.weight**2 * (BETWEEN + WITHIN) for part in PARTS)
    error = sum(part.weight**2 * (ERROR + severity) * inverse[part.lag] for part in PARTS)
    return pd.DataFrame(rows, columns=["patient", "session", "rater", "instrument", "value"]), true / (true + error)


def main() -> None:
    print(f"{N} studies of {PATIENTS} patients x {SESSIONS} sessions, {RATERS} raters; 95% limits")
    print("severity  double-coded  true   mean estimate  coverage  below  above  no limits")
    for severity, share in ((0.0, 0.4), (0.03, 0.4), (0.1, 0.4), (0.0, 0.15), (0.03, 0.15)):
        rng = np.random.default_rng(7)
        found = []
        for _ in range(N):
            ratings, true = one(rng, severity, share)
            try:
                answer = composite_reliability(ratings, PARTS)
            except NotEstimable:
                found.append((true, np.nan, np.nan, np.nan))
                continue
            found.append((true, answer.estimate, answer.conf_low, answer.conf_high))
        true, estimate, low, high = np.array(found).T
        held = np.isfinite(low)
        below, above = (low > true)[held].mean(), (high < true)[held].mean()
        print(f"{severity:8.2f}  {share:12.2f}  {true.mean():.3f}  {np.nanmean(estimate):13.3f}  "
              f"{1 - below - above:8.3f}  {below:5.3f}  {above:5.3f}  {int((~held).sum()):9d}")  # fmt: skip


if __name__ == "__main__":
    main()
