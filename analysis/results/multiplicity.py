"""Several tests of one question: adjusted p-values beside the raw ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from doublecode.analysis.rendering.answers import Answer
from doublecode.schemas.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from doublecode.analysis.regression.moderated import ModerationResult

    Floats = NDArray[np.float64]

Adjustment = Literal["bonferroni", "holm", "bh"]


def adjust_p(p_values: Floats | Sequence[float], method: Adjustment) -> Floats:
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
    m = len(order)
    ordered, rank = given[order], np.arange(1, m + 1)
    if method == "bonferroni":
        adjusted = m * ordered
    elif method == "holm":
        adjusted = np.maximum.accumulate((m - rank + 1) * ordered)
    else:
        adjusted = np.minimum.accumulate((m / rank * ordered)[::-1])[::-1]
    out[order] = np.minimum(adjusted, 1.0)
    return out


@dataclass(frozen=True, eq=False, repr=False)
class FamilyResult(Answer):
    """One family of tests.

    Attributes
    ----------
    spec : dict
        What the family is.
    frame : DataFrame
        ``model``, ``term``, ``estimate``, ``p_value``, ``p_bonferroni``, ``p_holm``, ``p_bh``.
    design : dict
        ``n_tests``.
    notes : tuple of str
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[str, ...]


def interaction_family(results: Sequence[ModerationResult]) -> FamilyResult:
    """Adjust the interaction tests of several moderated regressions as one family.

    Models without an interaction are left out.

    Raises
    ------
    UsageError
        No model has an interaction.

    Examples
    --------
    >>> import pandas as pd
    >>> from doublecode.analysis.regression.moderated import moderation
    >>> rng = np.random.default_rng(0)
    >>> data = pd.DataFrame(rng.normal(size=(30, 4)), columns=["y", "a", "b", "z"])
    >>> family = interaction_family([moderation("y ~ a * z", data), moderation("y ~ b * z", data)])
    >>> family.frame["term"].tolist()
    ['a:z', 'b:z']
    """
    import pandas as pd

    rows = []
    for result in results:
        if result.spec["moderator"] is not None:
            term = f"{result.spec['predictor']}:{result.spec['moderator']}"
            row = result.frame[result.frame["term"] == term].iloc[0]
            name = result.spec.get("name", result.spec["formula"])
            rows.append({"model": name, "term": term, "estimate": row["estimate"], "p_value": row["p_value"]})
    if not rows:
        raise UsageError("interaction_family: no model has an interaction; give moderated regressions.")
    table = pd.DataFrame(rows)
    p_values = table["p_value"].to_numpy(dtype=np.float64)
    methods: tuple[Adjustment, ...] = ("bonferroni", "holm", "bh")
    return FamilyResult(
        spec={"family": "interactions of the declared moderated regressions"},
        frame=table.assign(**{f"p_{method}": adjust_p(p_values, method) for method in methods}),
        design={"n_tests": len(table), "bonferroni_alpha": 0.05 / len(table)},
        notes=(
            f"The {len(table)} interaction tests are one family; raw p-values stand beside those adjusted by "
            "Bonferroni, Holm (1979) and Benjamini & Hochberg (1995).",
        ),
    )
