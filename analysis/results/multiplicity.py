"""Several tests of one question: adjusted p-values beside the raw ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from doublecode.schemas.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Adjustment = Literal["bonferroni", "holm", "bh"]


def adjust_p(p_values: Floats | Sequence[float], method: Adjustment, n_tests: int | None = None) -> Floats:
    """Adjust p-values for a family of tests.

    With m tests and p₍₁₎ ≤ … ≤ p₍ₘ₎: Bonferroni m·p; Holm (1979) the running maximum of
    (m − i + 1)·p₍ᵢ₎; Benjamini & Hochberg (1995) the running minimum, from above, of (m/i)·p₍ᵢ₎. All
    are capped at 1. The first two hold the chance of any false positive, the third the expected
    share of false positives among the positives.

    Parameters
    ----------
    p_values : array-like, shape (m,)
        Missing ones stay missing and are not counted.
    method : {"bonferroni", "holm", "bh"}
    n_tests : int, optional
        How many tests the family has where some of them could not be made and are to be counted; by default those that
        have a p-value.

    Examples
    --------
    >>> adjust_p([0.01, 0.04, 0.03], "holm").round(2).tolist()
    [0.03, 0.06, 0.06]
    >>> adjust_p([0.01, 0.04, 0.03], "bh").round(2).tolist()
    [0.03, 0.04, 0.04]
    """
    if method not in ("bonferroni", "holm", "bh"):
        raise UsageError(f"adjust_p: found method = {method!r}; allowed: 'bonferroni', 'holm', 'bh'.")
    given = np.asarray(p_values, dtype=np.float64)
    out = np.full(given.shape, np.nan)
    there = np.flatnonzero(~np.isnan(given))
    order = there[np.argsort(given[there], kind="stable")]
    m = len(order) if n_tests is None else n_tests
    ordered, rank = given[order], np.arange(1, len(order) + 1)
    if method == "bonferroni":
        adjusted = m * ordered
    elif method == "holm":
        adjusted = np.maximum.accumulate((m - rank + 1) * ordered)
    else:
        adjusted = np.minimum.accumulate((m / rank * ordered)[::-1])[::-1]
    out[order] = np.minimum(adjusted, 1.0)
    return out


def adjusted_columns(p_values: Floats | Sequence[float]) -> dict[str, Floats]:
    """Adjust p-values by all three methods: ``p_bonferroni``, ``p_holm``, ``p_bh``, each of shape (m,).

    Examples
    --------
    >>> {name: values.round(2).tolist() for name, values in adjusted_columns([0.01, 0.04]).items()}
    {'p_bonferroni': [0.02, 0.08], 'p_holm': [0.02, 0.04], 'p_bh': [0.02, 0.04]}
    """
    methods: tuple[Adjustment, ...] = ("bonferroni", "holm", "bh")
    return {f"p_{method}": adjust_p(p_values, method) for method in methods}
