"""Is there more spread, or are there more zeros, than the model says? Answered by outcomes drawn from it.

The idea of simulated residuals (Dunn & Smyth 1996; Hartig's DHARMa). Of each drawn outcome the modes of the random
effects are found anew, so that the shrinkage of the modes is the same on both sides; β, variances and shape are held.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.generalized.bare_fit import GeneralizedFit
from doublecode.analysis.mixed.generalized.links import inverse
from doublecode.analysis.mixed.generalized.objective import Problem, find_mode, with_density
from doublecode.analysis.mixed.generalized.response import Outcome
from doublecode.analysis.mixed.generalized.simulation import simulate_outcomes
from doublecode.schemas.errors import UsageError

Floats = npt.NDArray[np.float64]


def simulated_checks(design: Design, outcome: Outcome, fit: GeneralizedFit, *, n: int, seed: int) -> pd.DataFrame:
    """Frame check, observed, expected, ratio, p_value; two-sided p values (1 + 2·min count)/(n + 1)."""
    if outcome.binary:
        raise UsageError(
            "check_simulated: outcomes of 0 and 1 have the variance that their mean gives them, so there is nothing to "
            "check; allowed: counts, and successes in more than one trial"
        )
    if n < 20:
        raise UsageError(f"check_simulated: n={n}; allowed: at least 20 simulations")
    drawn = simulate_outcomes(design, outcome, fit, n=n, seed=seed, groups=set())
    problem = fit.problem
    observed = pearson(problem, outcome, outcome.y, fit)
    others = np.array([pearson(problem, outcome, y, fit) for y in drawn.T])
    rows = [_row("dispersion", observed, others)]
    if outcome.trials is None:
        rows.append(_row("zeros", float((outcome.y == 0).sum()), (drawn == 0).sum(axis=0).astype(float)))
    return pd.DataFrame(rows, columns=["check", "observed", "expected", "ratio", "p_value"])


def pearson(problem: Problem, outcome: Outcome, y: Floats, fit: GeneralizedFit) -> float:
    """Sum of squared Pearson residuals of outcomes (n,) at their own modes."""
    order = problem.part.order
    own = with_density(problem, outcome.density(y).subset(order))
    mean = inverse(find_mode(own, fit.end.point.x, fit.end.point.mode).eta, outcome.link)
    values = y[order]
    if outcome.trials is not None:
        trials = outcome.trials[order]
        return float(((values - trials * mean) ** 2 / np.maximum(trials * mean * (1.0 - mean), 1e-12)).sum())
    variance = mean + (mean**2 / np.exp(fit.psi[0]) if len(fit.psi) else 0.0)
    return float(((values - mean) ** 2 / np.maximum(variance, 1e-12)).sum())


def _row(check: str, observed: float, drawn: Floats) -> tuple[str, float, float, float, float]:
    expected = float(drawn.mean())
    fewer = min(int((drawn <= observed).sum()), int((drawn >= observed).sum()))
    p_value = min(1.0, 2.0 * (1 + fewer) / (len(drawn) + 1))
    return check, observed, expected, observed / expected if expected > 0 else float("nan"), p_value
