"""Ordinary least squares: estimates, their covariance by either rule, and the fit of the whole model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from doublecode.analysis.regression.regression_design import Matrices

Floats = NDArray[np.float64]
Robust = Literal["HC0", "HC1", "HC2", "HC3"]


@dataclass(frozen=True, eq=False)
class OrdinaryFit:
    """Least squares of a full-rank design, by its QR decomposition X = QR.

    Attributes
    ----------
    y : ndarray, shape (n,)
    q, r : ndarray, shapes (n, p) and (p, p)
    params : ndarray, shape (p,)
        R⁻¹Qᵀy.
    has_constant : bool
        Whether a constant lies in the columns: then R² and F are about the mean, else about nought.
    """

    y: Floats
    q: Floats
    r: Floats
    params: Floats
    has_constant: bool

    @property
    def nobs(self) -> int:
        """Rows n."""
        return len(self.y)

    @property
    def df_model(self) -> int:
        """Columns, the constant apart."""
        return len(self.params) - self.has_constant

    @property
    def df_resid(self) -> int:
        """N − p."""
        return len(self.y) - len(self.params)

    @cached_property
    def fittedvalues(self) -> Floats:
        """QQᵀy, shape (n,)."""
        return np.asarray(self.q @ (self.q.T @ self.y))

    @cached_property
    def resid(self) -> Floats:
        """Residuals e, shape (n,)."""
        return np.asarray(self.y - self.fittedvalues)

    @cached_property
    def leverage(self) -> Floats:
        """Diagonal h of the hat matrix QQᵀ, shape (n,)."""
        return np.asarray((self.q**2).sum(axis=1))

    @cached_property
    def ssr(self) -> float:
        """Residual sum of squares."""
        return float(self.resid @ self.resid)

    @cached_property
    def total(self) -> float:
        """Sum of squares of the outcome, about its mean where there is a constant."""
        about = self.y - self.y.mean() if self.has_constant else self.y
        return float(about @ about)

    @property
    def mse_resid(self) -> float:
        """Residual variance s² = Σe² / (n − p)."""
        return self.ssr / self.df_resid

    @property
    def rsquared(self) -> float:
        """Share of the sum of squares that the model explains."""
        return 1 - self.ssr / self.total

    @property
    def rsquared_adj(self) -> float:
        """The share adjusted for the columns, 1 − (1 − R²)(n − 1)/(n − p); n in place of n − 1 without a constant."""
        return 1 - (1 - self.rsquared) * (self.nobs - self.has_constant) / self.df_resid

    @property
    def fvalue(self) -> float:
        """F of the whole model; NaN where it is a constant alone."""
        return (self.total - self.ssr) / self.df_model / self.mse_resid if self.df_model else float("nan")

    @property
    def f_pvalue(self) -> float:
        """Upper tail of F."""
        from scipy.special import fdtrc

        return float(fdtrc(self.df_model, self.df_resid, self.fvalue)) if self.df_model else float("nan")

    @property
    def llf(self) -> float:
        """Log-likelihood at the maximum, with the variance Σe²/n."""
        return float(-0.5 * self.nobs * (np.log(2 * np.pi * self.ssr / self.nobs) + 1))

    def covariance(self, kind: Robust | None = None) -> Floats:
        """(p, p) covariance of the estimates: s²(XᵀX)⁻¹, or of a heteroscedasticity-consistent kind.

        (XᵀX)⁻¹Xᵀdiag(ω)X(XᵀX)⁻¹ with ω = e² (HC0), e²n/(n − p) (HC1), e²/(1 − h) (HC2) or e²/(1 − h)² (HC3)
        (MacKinnon & White 1985, *Journal of Econometrics* 29).
        """
        inverse = np.linalg.inv(self.r)
        if kind is None:
            return np.asarray(self.mse_resid * (inverse @ inverse.T))
        weight = self.resid**2
        if kind == "HC1":
            weight = weight * self.nobs / self.df_resid
        elif kind in ("HC2", "HC3"):
            weight = weight / (1 - self.leverage) ** (1 if kind == "HC2" else 2)
        return np.asarray(inverse @ (self.q.T * weight @ self.q) @ inverse.T)


def least_squares(matrices: Matrices) -> OrdinaryFit:
    """Fit the outcome by the columns of X, which must be of full rank."""
    y, X = matrices.y, matrices.X
    q, r = np.linalg.qr(X)
    constant = "Intercept" in matrices.terms or bool(np.allclose(q @ q.sum(axis=0), 1.0, atol=1e-9))
    return OrdinaryFit(y, q, r, np.asarray(np.linalg.solve(r, q.T @ y)), constant)
