"""Agreement of raters by moments: what REML converges to, for populations of many panels of raters."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def agreement(values: pd.DataFrame, panel: NDArray[np.int64], k: int) -> tuple[float, float]:
    """ICC(A,k) and its standard error by leaving out one panel at a time.

    Half the mean squared difference of two raters of one session is the variance of raters plus the
    residual; what is left of the total variance is the sessions'.

    Parameters
    ----------
    values : DataFrame
        session_id, value; one or two ratings per session.
    panel : array
        Which study each row belongs to.
    """
    sums = _panel_sums(values, panel)
    each = np.array([_icc(row, k) for row in sums.sum(axis=0) - sums])
    return _icc(sums.sum(axis=0), k), float(np.sqrt((len(each) - 1) * each.var()))


def _panel_sums(values: pd.DataFrame, panel: NDArray[np.int64]) -> NDArray[np.float64]:
    """Per panel: ratings, their sum and sum of squares; pairs, and their summed squared differences."""
    known = pd.DataFrame({"panel": panel, "session": values["session_id"].to_numpy(), "y": values["value"].to_numpy()})
    known = known.dropna(subset=["y"])
    by_panel = known.assign(square=known["y"] ** 2).groupby("panel")[["y", "square"]].sum()
    pairs = known.groupby(["panel", "session"])["y"].agg(["max", "min", "size"])
    apart = ((pairs["max"] - pairs["min"]) ** 2)[pairs["size"] == 2].groupby("panel").agg(["size", "sum"])
    table = by_panel.assign(n=known.groupby("panel").size()).join(apart).fillna(0)
    return table[["n", "y", "square", "size", "sum"]].to_numpy(dtype=float)


def _icc(sums: NDArray[np.float64], k: int) -> float:
    n, total, squares, pairs, apart = sums
    variance = squares / n - (total / n) ** 2
    noise = apart / pairs / 2
    return float((variance - noise) / (variance - noise + noise / k))
