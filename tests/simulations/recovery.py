"""What the two recovery scripts share: the judgement of many estimates against their estimand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

import numpy as np
import pandas as pd

COLUMNS = (
    "quantity",
    "estimand",
    "se",
    "n",
    "mean",
    "mc_se",
    "off_by_se",
    "off_by_pct",
    "coverage",
    "width",
    "verdict",
)


Answer = TypeVar("Answer")


def over_seeds(one_study: Callable[[int], Answer], n_seeds: int) -> Iterator[Answer]:
    """Analyse the studies of seeds 1 to `n_seeds` on two cores, in order."""
    with ProcessPoolExecutor(2) as pool:
        yield from pool.map(one_study, range(1, n_seeds + 1), chunksize=2)


def judge(estimates: pd.DataFrame, truth: Mapping[str, tuple[float, float]], known: Mapping[str, str]) -> pd.DataFrame:
    """Hold the mean estimate and the coverage of each quantity to its estimand.

    Passed where the mean is within three Monte-Carlo standard errors of the estimand (that of the mean and that of
    the estimand, from some thousand simulated patients, combined) or within 2 % of it; a known small-sample bias
    is named by its letter. Coverage of the 95 % intervals must be at least 90 %.
    """
    rows = []
    for quantity, group in estimates.groupby("quantity", sort=False):
        if quantity not in truth:
            continue
        value, se = truth[str(quantity)]
        there = group.dropna(subset=["estimate"])
        mean = there["estimate"].mean()
        mc_se = there["estimate"].std() / np.sqrt(len(there))
        off = (mean - value) / np.hypot(mc_se, se)
        percent = 100 * (mean - value) / abs(value)
        covered = float(((there["conf_low"] <= value) & (value <= there["conf_high"])).mean())
        has_limits = there["conf_low"].notna().any()
        near = abs(off) <= 3 or abs(percent) <= 2
        verdict = "ok" if near else f"bias {known[str(quantity)]}" if quantity in known else "OFF"
        verdict += ", LOW COVERAGE" if has_limits and covered < 0.90 else ""
        width = (there["conf_high"] - there["conf_low"]).median()
        shown = covered if has_limits else float("nan")
        rows.append((quantity, value, se, len(there), mean, mc_se, off, percent, shown, width, verdict))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def table(judged: pd.DataFrame) -> str:
    """Render the judgement as text."""
    digits = {"estimand": 4, "se": 4, "mean": 4, "mc_se": 4, "off_by_se": 1, "off_by_pct": 1, "coverage": 3, "width": 3}
    shown = judged.assign(**{name: judged[name].map(f"{{:.{n}f}}".format) for name, n in digits.items()})
    return shown.to_string(index=False)
