"""The bare fit of one design, which reports, profiles, bootstraps and influence share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.engine.derivatives import Derivatives, differentiate
from doublecode.analysis.mixed.engine.likelihood import State, evaluate
from doublecode.analysis.mixed.engine.moments import Moments, make_moments
from doublecode.analysis.mixed.engine.once import Once
from doublecode.analysis.mixed.engine.optimise import Rung, climb
from doublecode.schemas.errors import NotEstimable

Floats = npt.NDArray[np.float64]

VANISHED = 1e-8
"""Residual variance, as a share of the outcome's, below which a search without end is refused."""
EXACT = 1e-12
"""Difference of outcomes of one group, as a share of all outcomes' range, up to which they are the same."""


def explained(moments: Moments, size: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """(N,) whether least squares leaves of outcomes as large as `size` no more than rounding."""
    return np.asarray(moments.conditioning.scale <= 1e-13 * np.asarray(size))


@dataclass(frozen=True)
class Fit:
    """A fitted design without any reporting: what profiles, bootstraps and influence reuse.

    Attributes
    ----------
    design, moments
        The (whitened) design and its sufficient statistics.
    theta
        (m,) conditioned parameters at the optimum.
    converged, rungs
        Outcome of the ladder and its attempts; :attr:`log` is the frame of them.
    at_end
        Gradient and Hessian at the optimum, if the search ended with them.
    """

    design: Design
    moments: Moments
    theta: Floats
    reml: bool
    converged: bool
    rungs: tuple[Rung, ...]
    at_end: Derivatives | None = None

    @property
    def log(self) -> pd.DataFrame:
        """One row per attempt of the ladder, in order."""
        return pd.DataFrame([vars(rung) for rung in self.rungs])

    @Once
    def state(self) -> State:
        """The solution at the optimum (a batch of one)."""
        if self.at_end is not None:
            return self.at_end.state
        return evaluate(self.moments, self.theta[None], np.zeros(1, dtype=np.intp), reml=self.reml)

    @Once
    def derivatives(self) -> Derivatives:
        """Gradient and Hessian at the optimum."""
        return self.at_end if self.at_end is not None else differentiate(self.state)

    @property
    def deviance(self) -> float:
        """−2 log-likelihood (REML criterion under REML)."""
        return float(self.state.deviance[0])


def fit_design(design: Design, *, reml: bool, start: Floats | None = None) -> Fit:
    """Fit a design; `start` (m,), conditioned, replaces the ladder's own starts."""
    moments = make_moments(design)
    if explained(moments, np.abs(design.y).max())[0]:
        raise NotEstimable(
            f"the fixed effects reproduce the outcome {design.formula.response!r} without error; "
            "no variance is left to divide"
        )
    try:
        end = climb(moments, reml=reml, start=start)
    except np.linalg.LinAlgError as error:
        raise _unbounded(design, f"until the equations cannot be solved ({error})") from error
    fit = Fit(design, moments, end.theta, reml, end.converged, end.rungs, end.at_end)
    if not end.converged and fit.state.r2[0] <= VANISHED * moments.yty[0]:
        raise _unbounded(design, f"and no search has ended after {len(end.rungs)} attempts")
    return fit


def _unbounded(design: Design, reason: str) -> NotEstimable:
    return NotEstimable(
        f"{design.formula.text!r}: the variances of the random effects grow without bound against the "
        f"residual's {reason}; the model reproduces the outcome without error, where the likelihood has no maximum, or "
        f"almost so (less than a ten-thousandth of its spread is left), where rounding hides it. {way_on(design)}"
    )


def way_on(design: Design) -> str:
    """What to do with an outcome that leaves no residual: it may be one value per group, or need no model of groups."""
    spread = np.ptp(design.y)
    for term in design.terms:
        row = np.empty(term.n_levels, dtype=np.intp)
        row[term.codes] = np.arange(len(design.y))  # any row of each level
        if np.abs(design.y - design.y[row][term.codes]).max() <= EXACT * spread:
            return (
                f"{design.formula.response!r} has one value in all rows of each level of {term.group}: "
                "take one row per level"
            )
    group = max(design.terms, key=lambda term: term.n_levels).group
    return (
        f"Is the outcome computed from these columns? If not, fit what varies within {group} by fit_linear, with "
        f"{group} as a category among the predictors"
    )
