r"""Profile limits of a fixed effect under ML: the one search of limits, with the coefficient held.

With β_j held at b the deviance at given variance parameters is that of the whole model plus
:math:`n \log(1 + t²/n)`, t = (b − β̂_j)/se(β̂_j) there, since the residual sum of squares is quadratic in b.
At the constrained minimum that is also the slope of the profile (envelope theorem).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.engine.likelihood import State
from doublecode.analysis.mixed.engine.profiles import Constrained, Sought, find_limits
from doublecode.analysis.mixed.inference import fixed_effects

Floats = npt.NDArray[np.float64]


def coefficient_limits(beta: float, se: float, chi2: float, constrained: Constrained) -> tuple[float, float]:
    """Both limits of a coefficient with estimate `beta` and standard error `se`.

    Parameters
    ----------
    chi2
        Rise of the deviance at the limits.
    constrained
        Holds the coefficient and minimises over everything else; jobs are the lower and the upper limit.
    """
    root, side = float(np.sqrt(chi2)), np.array([-1.0, 1.0])
    center, width = np.full(2, beta), np.full(2, se)
    sought = Sought(center, side, width, center + side * root * se, side * np.inf, 1e9 * (abs(center) + width))
    low, high = find_limits(constrained, sought, np.arange(2), root)
    return float(low), float(high)


def coefficient_slope(state: State, j: int, held: Floats) -> Floats:
    """(B,) slope of the ML deviance in the value that β_j is held at, from the whole model (B sets) at the same θ."""
    beta, covariance = fixed_effects(state)
    se = np.sqrt(covariance[:, j, j])
    t = (held - beta[:, j]) / se
    return np.asarray(2.0 * state.nu * t / (se * (state.nu + t**2)))
