r"""Limits of the share of the variance that lies between patients.

With one random intercept the share is :math:`ρ = θ^2/(1+θ^2)`, θ the ratio of its standard deviation to that of the
residual. The criterion, profiled over all else, depends on θ alone, so that the limits are where it has risen by the
chi-square quantile on one degree of freedom: profile likelihood, REML included (Bates et al. 2015, section 5.1). With
several random effects the share (Nakagawa, Johnson & Schielzeth 2017) is a function of all of them: percentiles of
refits to outcomes drawn from the fitted model, which cover somewhat less than their level with few patients.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from doublecode.analysis.mixed.engine.likelihood import evaluate

if TYPE_CHECKING:
    from doublecode.analysis.mixed.result import MixedResult

N_DRAWN = 400
_FURTHEST = 1e4
"""Ratio of standard deviations beyond which the upper limit is taken for 1."""


def share_limits(fit: MixedResult, conf_level: float = 0.95, seed: int = 0) -> tuple[float, float, str]:
    """Limits of the share of the random effects, adjusted for the fixed part, and the method.

    Parameters
    ----------
    fit : MixedResult
    conf_level : float
    seed : int
        Of the draws, where there are several random effects.

    Returns
    -------
    low, high : float
        Shares in [0, 1]; NaN where the residuals have a structure, so that there is no one residual variance.
    method : str
        ``"profile"``, ``"bootstrap"`` or empty.
    """
    if fit.whitening is not None or fit.model.weights is not None:
        return float("nan"), float("nan"), ""
    if len(fit.model.terms) == 1 and fit.model.terms[0].columns == ("Intercept",):
        return (*_profile(fit, conf_level), "profile")
    return (*_bootstrap(fit, conf_level, seed), "bootstrap")


def _profile(fit: MixedResult, conf_level: float) -> tuple[float, float]:
    from scipy.optimize import brentq
    from scipy.special import chdtri

    moments, at = fit.fit.moments, np.zeros(1, dtype=np.intp)
    best = abs(float(fit.fit.theta[0]))
    raised = float(chdtri(1, 1.0 - conf_level))

    def above(theta: float) -> float:
        state = evaluate(moments, np.array([[theta]]), at, reml=fit.fit.reml)
        return float(state.deviance[0]) - fit.fit.deviance - raised

    share = fit.icc["adjusted"]
    unit = np.sqrt(share / (1 - share)) / best if best > 1e-8 else 1.0  # engine's θ → ratio of standard deviations
    low = 0.0 if above(0.0) <= 0 else brentq(above, 0.0, best, xtol=1e-10)
    high = _first_above(above, max(best, 0.1))
    upper = np.inf if high is None else brentq(above, best, high, xtol=1e-10)
    return _share(unit * low), _share(unit * upper)


def _first_above(above: Callable[[float], float], start: float) -> float | None:
    theta = start
    while theta < _FURTHEST:
        theta *= 2
        if above(theta) > 0:
            return theta
    return None


def _share(ratio: float) -> float:
    return 1.0 if np.isinf(ratio) else float(ratio**2 / (1 + ratio**2))


def _bootstrap(fit: MixedResult, conf_level: float, seed: int) -> tuple[float, float]:
    from doublecode.analysis.mixed.many import fit_many
    from doublecode.analysis.mixed.rsquared import random_share

    drawn = fit.simulate(n=N_DRAWN, seed=seed)
    found = fit_many(fit.model.formula, fit.model.frame, np.asarray(drawn), reml=fit.fit.reml)
    shares = [
        random_share(fit.model, [one[k] for one in found.covariances], float(found.variances[-1, k]))
        for k in np.flatnonzero(found.converged & found.fitted)
    ]
    low, high = np.quantile(shares, [0.5 - conf_level / 2, 0.5 + conf_level / 2])
    return float(low), float(high)
