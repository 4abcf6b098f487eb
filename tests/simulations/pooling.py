"""How often limits hold the true mean effect: Hartung–Knapp and z, five and ten studies.

Run with ``python tests/simulations/pooling.py``; some minutes. Each set has k studies with variances v = 1 / (n − 3), n
uniform from 24 to 240, true effects from N(0.25, τ²) on Fisher's z, and τ² by REML. Printed: the share of 2,000 sets
whose 95 % limits hold 0.25, and whose prediction interval holds the effect of a new study. The Monte-Carlo error of
.95 is .005.
"""

from __future__ import annotations

import numpy as np

from doublecode.analysis import pool
from doublecode.schemas.errors import NotEstimable

TRUE, SETS, SEED = 0.25, 2000, 20261128


def shares(k: int, tau: float, rng: np.random.Generator) -> dict[str, float]:
    """Shares of sets that hold what they should, by test."""
    held = dict.fromkeys(("z", "hksj", "hksj-adhoc", "prediction z", "prediction hksj"), 0)
    for _ in range(SETS):
        v = 1.0 / (np.round(rng.uniform(24, 240, k)) - 3.0)
        y = TRUE + tau * rng.standard_normal(k) + np.sqrt(v) * rng.standard_normal(k)
        new = TRUE + tau * rng.standard_normal()
        for test in ("z", "hksj", "hksj-adhoc"):
            try:
                found = pool(y, v, test=test)
            except NotEstimable:
                continue
            row = found.frame.iloc[0]
            held[test] += row["conf_low"] <= TRUE <= row["conf_high"]
            if test != "hksj-adhoc":
                held[f"prediction {test}"] += found.prediction[0] <= new <= found.prediction[1]
    return {name: count / SETS for name, count in held.items()}


def main() -> None:
    """Print the table."""
    rng = np.random.default_rng(SEED)
    heads = ("z", "hksj", "hksj-adhoc", "prediction z", "prediction hksj")
    print(" k   tau  " + "  ".join(heads))
    for k in (5, 10):
        for tau in (0.0, 0.1, 0.2):
            found = shares(k, tau, rng)
            print(f"{k:2d}  {tau:.1f}  " + "  ".join(f"{found[name]:{len(name)}.3f}" for name in heads), flush=True)


if __name__ == "__main__":
    main()
