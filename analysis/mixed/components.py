"""The variance parameters that a result reports, as targets of intervals: SDs, correlations, the residual SD."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.engine.bare_fit import Fit
from doublecode.analysis.mixed.engine.profiles import Measure, Target, measure_at

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Component:
    """One reported variance parameter: its names, its target, and how it is reported.

    Parameters
    ----------
    parameter
        ``"sd"`` or ``"corr"``.
    effects
        Random effects that it is of: one, or the two that are correlated; none for the residual.
    """

    parameter: str
    group: str
    effects: tuple[str, ...]
    target: Target

    @property
    def term(self) -> str:
        """Its name in tables."""
        return ", ".join(self.effects)

    def report(self, value: Floats) -> Floats:
        """From the scale of the target to that of the report: the root of a variance."""
        if self.parameter != "sd":
            return value
        return np.asarray(np.sqrt(np.maximum(value, 0.0)))


def components(design: Design) -> list[Component]:
    """SDs and correlations of every term in the order of the variance table, then the residual SD."""
    found = []
    for i, term in enumerate(design.terms):
        found += [
            Component("sd", term.group, (name,), Target(_variance(i, k), 0.0)) for k, name in enumerate(term.columns)
        ]
        for k in range(term.size):
            for h in range(k + 1, term.size):
                both = (term.columns[k], term.columns[h])
                found.append(Component("corr", term.group, both, Target(_correlation(i, k, h), -1.0, 1.0)))
    return [*found, Component("sd", "Residual", (), Target(lambda _, sigma2: sigma2, 0.0))]


def _variance(i: int, k: int) -> Measure:
    return lambda V, _: V[i][:, k, k]


def _correlation(i: int, k: int, h: int) -> Measure:
    def measure(V: tuple[Floats, ...], _: Floats) -> Floats:
        bottom = np.sqrt(np.maximum(V[i][:, k, k] * V[i][:, h, h], 1e-300))
        return np.asarray(V[i][:, k, h] / bottom)

    return measure


def measure_all(fit: Fit, named: Sequence[Component]) -> list[float]:
    """The components of a fit, as reported."""
    return [
        float(c.report(measure_at(fit.moments, fit.theta[None], c.target.measure, reml=fit.reml)[0])) for c in named
    ]
