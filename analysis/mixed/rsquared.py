"""Explained variance: Nakagawa's R² with random slopes, and Rights & Sterba's shares.

Nakagawa & Schielzeth (2013), extended to random slopes by Johnson (2014): with σ²_f = var(Xβ̂),
the mean random variance σ²_r = mean over rows of zᵀΣz, and σ²_e, the marginal R² is
σ²_f / (σ²_f + σ²_r + σ²_e), the conditional (σ²_f + σ²_r) / (σ²_f + σ²_r + σ²_e).

Rights & Sterba (2019) divide the same total, for one grouping factor, into five sources: fixed
effects within (f1) and between groups (f2), slope variation (v), variation of means (m), residual.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from doublecode.analysis.mixed.design import Design, Floats, Ints
from doublecode.schemas.results import Note


def zero_of_double_bar(design: Design) -> tuple[Note, ...]:
    """Say of which independent intercepts and slopes the values here depend on where a predictor has its zero."""
    notes = []
    for group in design.n_groups:
        own = [term for term in design.terms if term.group == group]
        has_intercept = any(term.columns == ("Intercept",) for term in own)
        slopes = [
            name for term in own if "Intercept" not in term.columns for name in term.columns if np.ptp(term.Z) > 0
        ]
        if has_intercept and slopes:
            notes.append(Note("zero_of_double_bar", numbers={"group": group, "columns": ", ".join(slopes)}))
    return tuple(notes)


def random_variances(design: Design, covariances: Sequence[Floats]) -> list[float]:
    """Per term the mean over rows of zᵀΣz (Johnson 2014)."""
    return [
        float(np.einsum("ip,pq,iq->i", term.Z, V, term.Z, optimize=True).mean())
        for term, V in zip(design.terms, covariances, strict=True)
    ]


def fixed_variance(design: Design, beta: Floats) -> float:
    """Sample variance of the fixed part over rows."""
    return float(np.var(design.X @ beta, ddof=1))


def r2_frame(design: Design, beta: Floats, covariances: Sequence[Floats], sigma2: float) -> pd.DataFrame:
    """Frame measure, source, value: Nakagawa's two, then the shares by source if there is one factor."""
    fixed = fixed_variance(design, beta)
    random = sum(random_variances(design, covariances))
    total = fixed + random + sigma2
    rows = [
        ("Nakagawa R²", "marginal", fixed / total),
        ("Nakagawa R²", "conditional", (fixed + random) / total),
    ]
    if len(design.n_groups) == 1:
        rows += [("Rights & Sterba share", s, v) for s, v in _shares(design, beta, covariances, sigma2).items()]
    return pd.DataFrame(rows, columns=["measure", "source", "value"])


def random_share(design: Design, covariances: Sequence[Floats], sigma2: float) -> float:
    """Share of the random effects in what the fixed part leaves: σ²_r / (σ²_r + σ²_e).

    σ²_r is their mean variance over the rows, not the sum of the variances of intercept and slopes: that sum
    depends on where the zero of a predictor lies and on its unit, so it is no variance of anything.
    """
    random = sum(random_variances(design, covariances))
    return random / (random + sigma2)


def icc_values(design: Design, beta: Floats, covariances: Sequence[Floats], sigma2: float) -> dict[str, float]:
    """Share of all random terms: *adjusted* for the fixed part, and *unadjusted* of the total."""
    random = sum(random_variances(design, covariances))
    return {
        "adjusted": random_share(design, covariances, sigma2),
        "unadjusted": random / (fixed_variance(design, beta) + random + sigma2),
    }


def _shares(design: Design, beta: Floats, covariances: Sequence[Floats], sigma2: float) -> dict[str, float]:
    codes, levels = design.terms[0].codes, len(design.terms[0].levels)
    eta = design.X @ beta
    between = _group_means(eta, codes, levels)[codes]
    parts = {
        "fixed within": float(np.mean((eta - between) ** 2)),
        "fixed between": float(np.var(between)),
        "slope variation": 0.0,
        "mean variation": 0.0,
    }
    for term, V in zip(design.terms, covariances, strict=True):
        means = np.column_stack([_group_means(z, codes, levels) for z in term.Z.T])[codes]
        off = term.Z - means
        parts["slope variation"] += float(np.einsum("ip,pq,iq->i", off, V, off, optimize=True).mean())
        parts["mean variation"] += float(np.einsum("ip,pq,iq->i", means, V, means, optimize=True).mean())
    parts["residual"] = sigma2
    total = sum(parts.values())
    return {name: value / total for name, value in parts.items()}


def _group_means(values: Floats, codes: Ints, levels: int) -> Floats:
    return np.bincount(codes, values, minlength=levels) / np.bincount(codes, minlength=levels)
