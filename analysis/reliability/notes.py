"""Warnings with numbers: what a design can and cannot carry."""

from __future__ import annotations

import numpy as np
from scipy import special

from doublecode.analysis.ratings.design import Layout
from doublecode.analysis.results.rules import FEW_PAIRS, FEW_RATERS


def design_notes(layout: Layout, targets: str, raters: str | None, conf_level: float) -> list[str]:
    """Return the sentences a careful reader of this design needs."""
    notes: list[str] = []
    if layout.kind in ("one-way", "nested"):
        notes += _one_way_notes(layout, targets, raters)
    elif layout.n_raters < FEW_RATERS:
        df = layout.n_raters - 1
        low, high = variance_factors(df, conf_level)
        notes.append(
            f"few raters: the rater variance rests on {layout.n_raters} raters ({df} df); its {conf_level:.0%} "
            f"interval runs from ×{low:.2f} to ×{high:.1f} of the estimate, so read ICC(A,·) by its limits"
        )
    pairs = few_pairs(layout, targets)
    if pairs:
        notes.append(f"few pairs: only {pairs}; look at the width of the interval before the estimate")
    if layout.kind in ("incomplete", "disconnected"):
        notes += _incomplete_notes(layout, targets, raters)
    return notes


def few_pairs(layout: Layout, targets: str) -> str:
    """Say how few targets carry several ratings; empty where they are enough."""
    double = int((layout.per_target > 1).sum())
    return "" if double >= FEW_PAIRS else f"{double} {targets}(s) carry more than one rating (below {FEW_PAIRS})"


def variance_factors(df: int, conf_level: float) -> tuple[float, float]:
    """Factors by which a variance on `df` degrees of freedom may be off (chi-square limits).

    Examples
    --------
    >>> [round(float(x), 2) for x in variance_factors(4, 0.95)]
    [0.36, 8.26]
    """
    alpha = 1.0 - conf_level
    return df / float(special.chdtri(df, alpha / 2.0)), df / float(special.chdtri(df, 1.0 - alpha / 2.0))


def _one_way_notes(layout: Layout, targets: str, raters: str | None) -> list[str]:
    if layout.kind == "nested":
        return [
            f"nested: no {raters} rated more than one {targets}, so rater and error variance cannot be told "
            "apart; only the one-way ICC(1,·) exists"
        ]
    return ["one-way: raters are unknown, so their differences count as error; ICC(1,·) is the only model"]


def _incomplete_notes(layout: Layout, targets: str, raters: str | None) -> list[str]:
    notes = [
        f"ICC(C,·): {targets}s have different {raters}s, so differences between raters do enter the scores; "
        f"ICC(A,k_eff) holds for scores taken as they are, ICC(Q,k_eff) (q = {layout.q:.3f}) for their ranking "
        "and for regression"
    ]
    names = layout.rater_names
    once = [str(names[i]) for i in np.flatnonzero(layout.per_rater == 1)]
    if once:
        notes.append(f"{raters}(s) with a single rating: {', '.join(once)}; they tell nothing about severity")
    return notes


def disconnected_note(layout: Layout, targets: str, raters: str | None) -> str:
    """Say into which parts the rater–target graph falls, and what would join them."""
    parts = []
    for part in range(int(layout.parts.max()) + 1):
        members = np.flatnonzero(layout.parts == part)
        shown = ", ".join(str(layout.rater_names[i]) for i in members[:5])
        more = f" and {len(members) - 5} more" if len(members) > 5 else ""
        n_targets = len(np.unique(layout.target[np.isin(layout.rater, members)]))
        parts.append(f"{{{shown}{more}: {n_targets} {targets}(s)}}")
    listed = " | ".join(parts[:6]) + (" | …" if len(parts) > 6 else "")
    return (
        f"disconnected: the graph of {raters}s and {targets}s falls into {len(parts)} parts {listed}; severity "
        f"cannot be compared across parts, so ICC(A,·), ICC(C,·) and ICC(Q,·) are not estimable. Let one "
        f"{raters} of each part rate one {targets} of another part ({len(parts) - 1} more rating(s) join them)"
    )
