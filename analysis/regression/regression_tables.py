"""Tables of a least-squares fit: estimates with their intervals, and one row of diagnostics per case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from doublecode.analysis.mixed.formula_names import term_of
from doublecode.analysis.regression.ordinary_fit import OrdinaryFit
from doublecode.analysis.regression.regression_design import LEVERAGE_ONE, Matrices
from doublecode.analysis.regression.simple_slopes import critical_t, two_sided_p
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Inference:
    """A fit, its names, the covariance of its estimates (p, p), its level: all tests and limits come from here."""

    fit: OrdinaryFit
    matrices: Matrices
    conf_level: float
    covariance: Floats

    @property
    def df(self) -> float:
        """Residual degrees of freedom."""
        return float(self.fit.df_resid)

    def table(self) -> pd.DataFrame:
        """Tabulate the estimates with their standard errors, tests and limits."""
        import pandas as pd

        b, errors = self.fit.params, np.sqrt(np.diag(self.covariance))
        reach = critical_t(1 - self.conf_level, self.df) * errors
        with np.errstate(divide="ignore", invalid="ignore"):
            statistic = b / errors
        return pd.DataFrame(
            {
                "term": self.matrices.terms,
                "estimate": b,
                "std_error": errors,
                "df": self.df,
                "statistic": statistic,
                "p_value": two_sided_p(statistic, self.df),
                "conf_low": b - reach,
                "conf_high": b + reach,
            }
        )


def diagnostics_of(
    fit: OrdinaryFit, matrices: Matrices, data: pd.DataFrame, keys: Sequence[str]
) -> tuple[pd.DataFrame, tuple[Note, ...]]:
    """Residuals, leverage and Cook's D of every row; a note where a row is fitted exactly.

    With e the residual, h the leverage, s² the residual variance and s₍ᵢ₎² that without row i:
    rstudent = e / (s₍ᵢ₎√(1 − h)), Cook's D = e²h / (p·s²·(1 − h)²); the squared
    Mahalanobis distance over the columns of X (with an intercept) is (n − 1)(h − 1/n), compared with
    chi-square on p − 1 df.
    """
    import pandas as pd
    from scipy.special import chdtrc

    residual, leverage = fit.resid, fit.leverage
    alone = leverage > LEVERAGE_ONE
    n, p = matrices.X.shape
    spare = np.where(alone, np.nan, 1 - leverage)
    # Residual variance without the row, in closed form (Belsley, Kuh & Welsch 1980, p. 64).
    with np.errstate(divide="ignore", invalid="ignore"):
        without = (fit.ssr - residual**2 / spare) / (n - p - 1)
        rstudent = residual / np.sqrt(without * spare)
    # Mahalanobis distance over the columns of X, the product among them, as regression programs save it.
    centred = "Intercept" in matrices.terms
    distance2 = np.maximum((n - 1) * (leverage - 1 / n), 0) if centred and p > 1 else np.full(n, np.nan)
    there = [key for key in keys if key in data.columns]
    texts = data[there].astype(str).where(data[there].notna(), "?")
    labels = texts.agg(" ".join, axis=1) if there else data.index.to_series().astype(str)
    table = pd.DataFrame(
        {
            "row": labels.to_numpy(),
            "fitted": fit.fittedvalues,
            "residual": residual,
            "rstudent": rstudent,
            "leverage": leverage,
            "cooks_d": residual**2 * leverage / (p * fit.mse_resid * spare**2),
            "distance2": distance2,
            "distance_p": chdtrc(p - 1, distance2),
        }
    )
    note = Note("leverage_one", numbers={"rows": tuple(table.loc[alone, "row"])})
    return table, (note,) if alone.any() else ()


def focal_term(terms: Sequence[str], pair: tuple[str, str] | None) -> str | None:
    """The term that a regression is about: its interaction, else its first predictor."""
    wanted = [term_of(*pair)] if pair else [term for term in terms if term != "Intercept"][:1]
    return wanted[0] if wanted else None


def largest_influence(
    fit: OrdinaryFit, matrices: Matrices, diagnostics: pd.DataFrame, term: str | None
) -> dict[str, Any]:
    """Name the row of the largest Cook's D, and the focal estimate without it.

    Without row i the estimates are b − (XᵀX)⁻¹xᵢeᵢ/(1 − hᵢ), in closed form (Belsley, Kuh & Welsch 1980, p. 13).

    Returns
    -------
    dict
        ``row, cooks_d, term, estimate, without``; empty where no Cook's D is defined.
    """
    distance = diagnostics["cooks_d"].to_numpy(dtype=np.float64)
    if term is None or not np.isfinite(distance).any():
        return {}
    i = int(np.nanargmax(distance))
    x, e, h = matrices.X[i], float(fit.resid[i]), float(diagnostics["leverage"].iloc[i])
    moved = np.linalg.solve(matrices.X.T @ matrices.X, x) * e / (1 - h)
    place = matrices.terms.index(term)
    b = float(fit.params[place])
    row = str(diagnostics["row"].iloc[i])
    return {"row": row, "cooks_d": float(distance[i]), "term": term, "estimate": b, "without": b - float(moved[place])}
