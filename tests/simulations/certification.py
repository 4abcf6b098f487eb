"""Planted trainees: does the pass mark tell a good rater from a lenient one and from one who guesses?

Twelve tapes whose true quality spreads over a scale of 0 to 6, eight items in two scales; the key is the truth with an
error of 0.35 points (an expert consensus). Good: error 0.7, no bias. Lenient: the same error, one point too high.
Random: any code. The mark: bias within ±0.5 points, 80 % within one point, ICC(A,1) at least .70, judged on the scales
(means of four items) by the estimate; and the same judged by the limit nearer to failing. With six tapes bias and the
share within one point decide alone.

    python tests/simulations/certification.py [SEEDS]
"""

from __future__ import annotations

import sys
from collections import Counter

import numpy as np
import pandas as pd

from doublecode.analysis import certify

SCALES = ("structure", "support")
MARKS = {"bias": 0.5, "within_one": 0.8, "icc": 0.7}
RIGHT = {"good": "pass", "lenient": "fail", "random": "fail"}


def training(seed: int, n_tapes: int = 12, n_items: int = 4) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Key and ratings: one row per tape, scale (and rater); a score is the mean of its items."""
    rng = np.random.default_rng(seed)
    keys, ratings = [], []
    for scale in SCALES:
        quality = rng.permutation(np.linspace(0.7, 5.3, n_tapes))  # tapes are chosen to cover the scale
        items = np.clip(quality[:, None] + rng.normal(0, 0.6, (n_tapes, n_items)), 0, 6)
        key = np.clip(np.round(items + rng.normal(0, 0.35, items.shape)), 0, 6)
        given = {
            "good": np.clip(np.round(items + rng.normal(0, 0.7, items.shape)), 0, 6),
            "lenient": np.clip(np.round(items + 1.0 + rng.normal(0, 0.7, items.shape)), 0, 6),
            "random": rng.integers(0, 7, items.shape).astype(float),
        }
        tapes = [f"T{tape:02d}" for tape in range(n_tapes)]
        keys.append(pd.DataFrame({"tape": tapes, "scale": scale, "score": key.mean(axis=1)}))
        ratings += [
            pd.DataFrame({"tape": tapes, "scale": scale, "rater": rater, "score": codes.mean(axis=1)})
            for rater, codes in given.items()
        ]
    return pd.concat(ratings, ignore_index=True), pd.concat(keys, ignore_index=True)


def verdicts(seed: int, n_tapes: int = 12, judge: str = "estimate") -> dict[str, str]:
    """The verdict on each trainee."""
    ratings, key = training(seed, n_tapes)
    found = certify(
        ratings, key, targets="tape", raters="rater", ratings="score", by="scale", judge=judge, **MARKS
    ).verdicts  # fmt: skip
    return dict(zip(found["rater"], found["verdict"], strict=True))


def table(n_seeds: int) -> str:
    """How often each verdict was given, and how often all three were right."""
    lines = [f"{n_seeds} seeds; mark: bias ±0.5, within one 80 %, ICC(A,1) .70, on two scales", ""]
    for n_tapes, judge in ((12, "estimate"), (20, "estimate"), (6, "estimate"), (12, "limit"), (20, "limit")):
        counts: dict[str, Counter[str]] = {rater: Counter() for rater in RIGHT}
        all_right = 0
        for seed in range(n_seeds):
            found = verdicts(seed, n_tapes, judge)
            all_right += found == RIGHT
            for rater, verdict in found.items():
                counts[rater][verdict] += 1
        lines.append(f"{n_tapes} tapes, judged by the {judge}: all three right in {all_right} of {n_seeds}")
        lines += [f"  {rater:<8} {dict(sorted(one.items()))}" for rater, one in counts.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(int(sys.argv[1]) if len(sys.argv) > 1 else 100))
