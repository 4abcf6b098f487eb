"""The seam for residuals that are not independent or not equally variable.

A residual structure (``correlation="ar1(session | patient)"``, ``variance_by="phase"``) has
parameters ρ of its own. At given ρ the residual covariance is σ²R(ρ), R = CCᵀ
block-diagonal in small blocks of rows; multiplying y, X and Z by C⁻¹ gives an ordinary mixed
model, whose deviance gains log|R|. So the engine stays as it is:

1. :func:`doublecode.analysis.mixed.residuals.model.columns_needed` names the columns that must be
   complete besides the formula's, ``columns_needed(correlation, variance_by) -> tuple[str, ...]``;
2. ``residuals.model.find_whitening(design, *, correlation, variance_by, reml) -> Whitening`` searches
   ρ in an outer optimisation, calling :func:`doublecode.analysis.mixed.engine.bare_fit.fit_design` on
   ``whitening.apply(design)``; `design.frame` holds the extra columns;
3. ``fit_mixed`` fits ``whitening.apply(design)`` and reports in the units of `design`.

Each block of correlated rows must lie within one level of every grouping factor (as nlme
demands); `residuals.layout` refuses other nestings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.engine.optimise import Rung
from doublecode.analysis.mixed.engine.profiles import Target
from doublecode.analysis.mixed.inference import SmallSample
from doublecode.schemas.results import Note


class Whitening(Protocol):
    """A residual structure at the estimate of its parameters.

    Attributes
    ----------
    label
        How the structure was asked for, ``"ar1(session | patient)"``.
    parameters
        Estimates by name, ``{"phi": 0.43}``; each counts as one parameter in AIC and BIC.
    notes
        What a reader must know of the parameters.
    series
        Columns whose combination makes the series of a correlation; empty without one.
    converged
        Whether the search for the parameters ended at a stationary point.
    rungs
        Its attempts, for the log of the fit.
    """

    @property
    def converged(self) -> bool:
        """Whether the search for the parameters ended at a stationary point."""

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """Attempts of the search, for the log of the fit."""

    @property
    def label(self) -> str:
        """How the structure was asked for."""

    @property
    def parameters(self) -> Mapping[str, float]:
        """Estimates by name."""

    @property
    def notes(self) -> tuple[Note, ...]:
        """What a reader must know of the parameters."""

    @property
    def series(self) -> tuple[str, ...]:
        """Columns whose combination makes the series of a correlation; empty without one."""

    def apply(self, design: Design) -> Design:
        """Return the design with y, X and every Z multiplied by C⁻¹, row by row of `design`.

        Offset and weights are folded in (`offset` and `weights` of the answer are None), its
        `log_det` is log|R| − Σ log w, and `whitened` carries `label`.
        """

    def colour(self, design: Design, noise: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Turn independent (n, N) draws of unit variance into residuals over σ; the reverse of whitening."""

    def tests(self, design: Design) -> SmallSample:
        """Satterthwaite's tests of the fixed effects, the parameters ρ counted among the uncertain."""

    def frame(self, design: Design, conf_level: float) -> pd.DataFrame:
        """Estimates with limits: term, level, estimate, conf_low, conf_high."""

    def report(self, sigma: float) -> pd.DataFrame:
        """Estimates alone, given the fit's residual SD: term, level, estimate."""

    def fixed_limits(self, design: Design, chi2: float) -> list[tuple[float, float]]:
        """ML profile limits of the fixed effects, ρ varying along."""

    def component_limits(
        self, design: Design, targets: Sequence[Target], chi2: float
    ) -> list[tuple[float, float, float]]:
        """Estimate and profile limits of functions of the variance components, ρ varying along."""

    def parameter_limits(self, design: Design, chi2: float) -> list[tuple[float, float, float]]:
        """Estimate and profile limits of the rows of :meth:`report`."""

    def refit(self, design: Design, *, reml: bool) -> Whitening:
        """Estimate ρ anew for a design of the same rows, by either criterion."""
