"""How well a factor model reproduces the covariances: chi-square, CFI, TLI, RMSEA, SRMR, residuals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import special

from doublecode.analysis.consistency.item_moments import Array
from doublecode.analysis.consistency.observed_blocks import correlations

# Hu & Bentler (1999), Structural Equation Modeling 6: combination of CFI and SRMR
CFI_LEAST, SRMR_MOST = 0.95, 0.08


def fit_indices(chisq: float, df: int, baseline: float, n_rows: int, n_items: int) -> dict[str, float]:
    """Chi-square based indices as lavaan defines them (divisor n, not n − 1).

    CFI = 1 − max(χ² − df, 0) / max(χ² − df, χ²₀ − df₀, 0);
    RMSEA = √(max(χ² − df, 0) / (n·df)), with the 90 % interval of its non-centrality.
    """
    base_df = n_items * (n_items - 1) // 2
    excess, base_excess = max(chisq - df, 0.0), max(baseline - base_df, chisq - df, 0.0)
    nothing = float("nan")
    out = {"chisq": chisq, "df": float(df), "p_value": nothing, "cfi": nothing, "tli": nothing}
    out |= {"rmsea": nothing, "rmsea_low": nothing, "rmsea_high": nothing}
    if df == 0:
        return out
    out["p_value"] = float(special.chdtrc(df, chisq))
    out["cfi"] = 1 - excess / base_excess if base_excess > 0 else 1.0
    ratio = baseline / base_df
    out["tli"] = (ratio - chisq / df) / (ratio - 1)
    out["rmsea"] = float(np.sqrt(excess / (n_rows * df)))
    for name, level in (("rmsea_low", 0.95), ("rmsea_high", 0.05)):
        centre = float(special.chndtrinc(chisq, df, level)) if special.chdtr(df, chisq) > level else 0.0
        out[name] = float(np.sqrt(centre / (n_rows * df)))
    return out


def independence_chisq(S: Array, n_rows: int) -> float:
    """Likelihood-ratio chi-square of the model without any correlation; S is (p, p)."""
    return float(-n_rows * np.linalg.slogdet(correlations(S))[1])


def srmr_of(S: Array, implied: Array) -> float:
    """Standardised root mean squared residual over the lower triangle with the diagonal."""
    sd = np.sqrt(np.diag(S))
    residual = (S - implied) / np.outer(sd, sd)
    return float(np.sqrt((residual[np.tril_indices(len(S))] ** 2).mean()))


def residual_frame(items: Sequence[str], S: Array, implied: Array) -> pd.DataFrame:
    """Observed, model-implied and residual correlation of every pair of items, largest residual first."""
    observed, sd = correlations(S), np.sqrt(np.diag(S))
    fitted = implied / np.outer(sd, sd)
    i, j = np.tril_indices(len(items), -1)
    residual = observed[i, j] - fitted[i, j]
    order = np.argsort(-np.abs(residual), kind="stable")
    i, j = i[order], j[order]
    names = np.asarray(items, dtype=object)
    return pd.DataFrame(
        {
            "item": names[j],
            "with_item": names[i],
            "r": observed[i, j],
            "fitted": fitted[i, j],
            "residual": residual[order],
        }
    )
