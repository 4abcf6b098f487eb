"""Intervals of any result: one door for every kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from doublecode.analysis.mixed.generalized.result import GeneralizedResult
from doublecode.analysis.mixed.result import MixedResult
from doublecode.schemas.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.mixed.intervals import IntervalMethod, Parameters
    from doublecode.analysis.results.spread_work import Progress, Workers
    from doublecode.schemas.results import Result


def confint(
    result: Result,
    method: IntervalMethod | None = None,
    *,
    conf_level: float | None = None,
    n_boot: int = 1000,
    seed: int = 0,
    parameters: Parameters = "all",
    workers: Workers | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Confidence limits of the estimates of a result.

    Parameters
    ----------
    result
        Any result whose frame has limits.
    method
        For a mixed model ``"wald"``, which None stands for, ``"profile"`` or ``"bootstrap"``; other results
        have one way of their own, and only None.
    conf_level
        In (0, 1); None takes that of the result. Only a mixed model can give limits at another one.
    n_boot, seed, parameters
        See :meth:`doublecode.analysis.mixed.result.MixedResult.confint`; of a mixed model only.
    workers
        Cores or a cluster for the refits of a bootstrap, which take long where residuals are correlated, outcomes are
        ordered, or slopes of a generalised model vary; the limits are the same, and what is kept is not done again.
    progress
        Called with what is being done, how many refits are done, and of how many.

    Returns
    -------
    pandas.DataFrame
        Of a mixed model parameter, group, term, estimate, conf_low, conf_high, method; of other results the
        columns that name a row, then estimate, conf_low, conf_high.

    Raises
    ------
    UsageError
        The result has no limits, or none by that method or at that level.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from doublecode.analysis import fit_mixed, moderation
    >>> rng = np.random.default_rng(7)
    >>> data = pd.DataFrame({"g": np.repeat(np.arange(10), 5), "x": rng.normal(size=50)})
    >>> data["y"] = data.x + rng.normal(size=10)[data.g] + rng.normal(size=50)
    >>> confint(fit_mixed("y ~ x + (1 | g)", data), "profile", parameters="fixed")[["term", "method"]].values.tolist()
    [['Intercept', 'profile (ML)'], ['x', 'profile (ML)']]
    >>> confint(moderation("y ~ x", data)).columns.tolist()
    ['term', 'estimate', 'conf_low', 'conf_high']
    """
    asked: Any = {"conf_level": conf_level, "n_boot": n_boot, "seed": seed, "parameters": parameters}
    if isinstance(result, (MixedResult, GeneralizedResult)):
        return result.confint(method or "wald", **asked, workers=workers, progress=progress)
    if workers is not None or progress is not None:
        stray = "progress" if workers is None else "workers"
        raise UsageError(f"confint: {stray}= is of the bootstrap of a mixed model, not of a {type(result).__name__}.")
    kind = type(result).__name__
    if method is not None:
        raise UsageError(f"confint: method={method!r} is for mixed models; a {kind} has limits of its own, give None.")
    own = result.spec.get("conf_level")
    if conf_level is not None and conf_level != own:
        stands = "at no stated level" if own is None else f"at {own:g}"
        raise UsageError(f"confint: the limits of this {kind} stand {stands}; compute it anew with conf_level=.")
    limits = result.conf_int()
    limits.insert(0, "estimate", result.params)
    return limits.reset_index()
