r"""A pooled effect with its standard error, limits and prediction interval, by normal theory or by Hartung & Knapp.

Hartung & Knapp (2001; Sidik & Jonkman 2002; Knapp & Hartung 2003 for moderators) scale the covariance
:math:`(X^TWX)^{-1}` by :math:`s^2 = y^TPy / (k − p)` and take t with k − p degrees of freedom: the uncertainty of
:math:`τ^2` is in the interval. With few studies :math:`s^2` can fall below 1, so that the interval is narrower than
that of z; the *ad hoc* variant (Knapp & Hartung 2003) never lets it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from scipy.special import chdtrc, fdtrc

from doublecode.analysis.meta_analysis.heterogeneity import Effects, Floats, Tau2, Weighted, tau2_of, weighted
from doublecode.analysis.mixed.hypotheses import quantile, two_sided
from doublecode.schemas.errors import NotEstimable

Test = Literal["hksj", "hksj-adhoc", "z", "CR2", "t"]
TESTS: Final[tuple[Test, ...]] = ("hksj", "hksj-adhoc", "z", "CR2", "t")
NAN: Final = float("nan")


@dataclass(frozen=True, eq=False)
class PooledFit:
    """Coefficients with what their tests and limits stand on.

    Attributes
    ----------
    beta, std_error : array, shape (p,)
    vcov : array, shape (p, p)
    df : array, shape (p,)
        Degrees of freedom of t; infinite for z.
    tau2 : float
    scale : float
        The factor s² of Hartung & Knapp; 1 for z.
    fit : Weighted
    """

    beta: Floats
    vcov: Floats
    df: Floats
    tau2: float
    scale: float
    fit: Weighted

    @property
    def std_error(self) -> Floats:
        """Square roots of the diagonal of the covariance."""
        return np.sqrt(np.diag(self.vcov))

    def reach(self, conf_level: float) -> Floats:
        """Quantiles (p,) of the limits."""
        return quantile(conf_level, self.df)

    def p_values(self) -> Floats:
        """Two-sided p-values (p,) of the coefficients."""
        return two_sided(self.beta / self.std_error, self.df)

    def predicted(self, conf_level: float) -> tuple[float, float]:
        """Limits of the true effect of a new study, b ± q √(SE² + τ²) (Higgins, Thompson & Spiegelhalter 2009).

        The quantile q is that of the interval: t with k − 1 degrees of freedom, or normal.
        """
        if len(self.beta) != 1:
            return NAN, NAN
        half = float(self.reach(conf_level)[0]) * math.sqrt(float(self.vcov[0, 0]) + self.tau2)
        return float(self.beta[0]) - half, float(self.beta[0]) + half


def fit_effects(effects: Effects, method: Tau2, test: Test, tau2: float | None = None) -> PooledFit:
    """Estimate τ² and pool.

    Parameters
    ----------
    effects : Effects
    method : {"FE", "DL", "PM", "REML", "ML"}
    test : {"hksj", "hksj-adhoc", "z"}
        The others are of several effects per study.
    tau2 : float, optional
        Where it is known already.

    Raises
    ------
    NotEstimable
        Hartung & Knapp's factor is 0, because no effect differs from what the model says.
    """
    tau2 = tau2_of(effects, method) if tau2 is None else tau2
    fit = weighted(effects, tau2)
    if test == "z":
        return PooledFit(fit.beta, fit.vcov, np.full(len(fit.beta), np.inf), tau2, 1.0, fit)
    scale = fit.rss / effects.df
    if test == "hksj-adhoc":
        scale = max(1.0, scale)
    elif scale <= 1e-14:
        raise NotEstimable(
            "the effects do not differ at all, so that the standard error of Hartung & Knapp is 0, which is no "
            'precision; take test="hksj-adhoc" or test="z".'
        )
    return PooledFit(fit.beta, scale * fit.vcov, np.full(len(fit.beta), float(effects.df)), tau2, scale, fit)


def omnibus(pooled: PooledFit, places: Floats | list[int]) -> dict[str, float]:
    """Wald test of several coefficients: F with Hartung & Knapp, χ² with z.

    Coefficients that differ in their degrees of freedom (CR2) have no joint test here: its p-value is NaN.

    Returns
    -------
    dict
        ``statistic``, ``df1``, ``df2`` (NaN for χ²), ``p_value``.
    """
    chosen = np.asarray(places, dtype=int)
    beta, vcov = pooled.beta[chosen], pooled.vcov[np.ix_(chosen, chosen)]
    wald, m = float(beta @ np.linalg.solve(vcov, beta)), len(chosen)
    df2 = float(pooled.df[chosen[0]])
    if not np.allclose(pooled.df[chosen], df2):
        return {"statistic": NAN, "df1": m, "df2": NAN, "p_value": NAN}
    if math.isinf(df2):
        return {"statistic": wald, "df1": m, "df2": NAN, "p_value": float(chdtrc(m, wald))}
    return {"statistic": wald / m, "df1": m, "df2": df2, "p_value": float(fdtrc(m, df2, wald / m))}
