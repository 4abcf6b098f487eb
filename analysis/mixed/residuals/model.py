"""The residual structure of a fit, as ``fit_mixed`` asks for it and as its results use it.

The model stands in :mod:`doublecode.analysis.mixed.residuals.joint_fit`, its estimation too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.engine.optimise import Rung
from doublecode.analysis.mixed.engine.profiles import Target
from doublecode.analysis.mixed.inference import SmallSample
from doublecode.analysis.mixed.residuals import profiles
from doublecode.analysis.mixed.residuals.inference import residual_inference
from doublecode.analysis.mixed.residuals.joint_fit import ResidualFit, fit_residuals, parameter_names
from doublecode.analysis.mixed.residuals.layout import lay_out_residuals, parse_residuals
from doublecode.schemas.errors import UsageError
from doublecode.schemas.results import Note

Floats = npt.NDArray[np.float64]


def columns_needed(correlation: str | None, variance_by: str | None) -> tuple[str, ...]:
    """Columns that must be complete besides the formula's."""
    model = parse_residuals(correlation, variance_by)
    return () if model is None else model.columns


def find_whitening(
    design: Design, *, correlation: str | None, variance_by: str | None, reml: bool
) -> ResidualWhitening:
    """Estimate the residual parameters of a design; what ``fit_mixed`` calls.

    Raises
    ------
    FormulaError, ContractError, DuplicateError, UsageError
        As :func:`parse_residuals` and :func:`lay_out_residuals`.
    """
    model = parse_residuals(correlation, variance_by)
    if model is None:
        raise UsageError("a residual structure needs correlation= or variance_by=")
    return ResidualWhitening(fit_residuals(design, lay_out_residuals(model, design), reml=reml))


@dataclass(frozen=True)
class ResidualWhitening:
    """The residual structure at its estimates, as :class:`doublecode.analysis.mixed.residuals.whitening.Whitening`.

    Attributes
    ----------
    fit
        The joint optimum.
    """

    fit: ResidualFit

    @property
    def label(self) -> str:
        """How the structure was asked for."""
        return self.fit.layout.model.label

    @property
    def series(self) -> tuple[str, ...]:
        """Columns whose combination makes the series of a correlation; empty without one."""
        return self.fit.layout.model.factors

    @property
    def parameters(self) -> dict[str, float]:
        """Estimates by name: ``phi`` per unit of time, ``sd[b]/sd[a]`` relative to the first level."""
        layout = self.fit.layout
        values = [layout.phi(self.fit.eta)] if layout.model.kind else []
        return dict(zip(parameter_names(layout), [*values, *map(float, layout.ratios(self.fit.eta)[1:])], strict=True))

    @property
    def notes(self) -> tuple[Note, ...]:
        """What to know of the parameters."""
        return self.fit.notes

    @property
    def converged(self) -> bool:
        """Whether the joint search ended at a stationary point."""
        return self.fit.converged

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """The joint search as one line of the log; the engine's own attempts follow in the fit."""
        return self.fit.climb.rungs[:1]

    def apply(self, design: Design) -> Design:
        """Return `design` whitened at the estimates; it has the rows of the one that was fitted."""
        return self.fit.layout.whiten(design, self.fit.eta)

    def colour(self, design: Design, noise: Floats) -> Floats:
        """Turn independent (n, N) draws of unit variance into residuals over σ."""
        return self.fit.layout.colour(design, noise, self.fit.eta)

    def tests(self, design: Design) -> SmallSample:
        """Satterthwaite's tests of the fixed effects, with the residual parameters among the uncertain."""
        return residual_inference(design, self.fit).small_sample

    def frame(self, design: Design, conf_level: float) -> pd.DataFrame:
        """Estimates with Wald limits: term, level, estimate, conf_low, conf_high."""
        return residual_inference(design, self.fit, conf_level=conf_level).parameters

    def report(self, sigma: float) -> pd.DataFrame:
        """Estimates in the field's terms: term (phi, sd), level, estimate; `sigma` is the fit's residual SD."""
        return self.fit.layout.frame(self.fit.eta, sigma)

    def fixed_limits(self, design: Design, chi2: float) -> list[tuple[float, float]]:
        """ML profile limits of the fixed effects, the residual parameters varying along."""
        return profiles.fixed_limits(design, self.fit, chi2)

    def component_limits(
        self, design: Design, targets: Sequence[Target], chi2: float
    ) -> list[tuple[float, float, float]]:
        """Estimate and profile limits of functions of the variance components."""
        return profiles.component_limits(design, self.fit, targets, chi2)

    def parameter_limits(self, design: Design, chi2: float) -> list[tuple[float, float, float]]:
        """Estimate and profile limits of φ and of the SD of each level."""
        return profiles.parameter_limits(design, self.fit, chi2)

    def refit(self, design: Design, *, reml: bool) -> ResidualWhitening:
        """Estimate the residual parameters anew for a design of the same rows, from the present ones."""
        return ResidualWhitening(fit_residuals(design, self.fit.layout, reml=reml, start=self.fit.eta))
