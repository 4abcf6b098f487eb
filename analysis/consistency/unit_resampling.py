"""Intervals of a coefficient from resampled units (patients): jackknife, bootstrap, BCa.

The default is the delete-one-patient jackknife: standard error on a scale where the
coefficient is nearly normal (logit for omega), quantiles of t with P − 1 degrees of
freedom. Percentile and BCa intervals are offered and do not hold their level with
22 patients (tests/simulations/omega_coverage.txt).

References
----------
Efron & Tibshirani (1993), *An introduction to the bootstrap*, chapters 11 and 14.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from scipy import special

from doublecode.analysis.consistency.item_moments import Array, Missing
from doublecode.analysis.rendering.wording.phrases import plural
from doublecode.analysis.results.spread_work import Progress, Workers, digest, spread_work
from doublecode.schemas.errors import NotEstimable, UsageError

Interval = Literal["jackknife", "bootstrap", "percentile", "bca"]
ROW = "row"  # the unit where no column of patients is named
INTERVALS: tuple[Interval, ...] = ("jackknife", "bootstrap", "percentile", "bca")
MOST_SINGLE, GROUPS = 2000, 500  # beyond so many units, groups of units are left out
BLOCK = 10_000_000  # weights held at a time
OF_A_WORKER = 25  # resamples of one piece


@dataclass(frozen=True)
class Scale:
    """A transformation on which a coefficient is nearly normal, with its inverse and derivative."""

    name: str
    to: Callable[[Array], Array]
    back: Callable[[Array], Array]
    slope: Callable[[Array], Array]


def _logit(x: Array) -> Array:
    inside = np.where((x > 0) & (x < 1), x, np.nan)
    return np.asarray(np.log(inside) - np.log1p(-inside))


def _log_complement(x: Array) -> Array:
    return np.asarray(-np.log(np.where(x < 1, 1 - x, np.nan)))


def _inverse(x: Array) -> Array:
    """1/x, and at the end of a scale, where x is 0 and the slope has no value, NaN."""
    return np.asarray(1 / np.where(x == 0, np.nan, x))


LOGIT = Scale("logit", _logit, lambda y: np.asarray(special.expit(y)), lambda x: _inverse(x * (1 - x)))
LOG_COMPLEMENT = Scale(
    "log(1 − estimate)", _log_complement, lambda y: np.asarray(-np.expm1(-y)), lambda x: _inverse(1 - x)
)
FISHER_Z = Scale(
    "Fisher z",
    lambda x: np.asarray(np.arctanh(np.where(np.abs(x) < 1, x, np.nan))),
    lambda y: np.asarray(np.tanh(y)),
    lambda x: _inverse(1 - x**2),
)


def side_by_side(first: Scale, n_first: int, second: Scale) -> Scale:
    """One scale for the first `n_first` coefficients, another for the rest."""

    def both(a: Callable[[Array], Array], b: Callable[[Array], Array]) -> Callable[[Array], Array]:
        return lambda x: np.concatenate([a(x[..., :n_first]), b(x[..., n_first:])], axis=-1)

    return Scale(
        f"{first.name}, {second.name}", both(first.to, second.to), both(first.back, second.back),
        both(first.slope, second.slope),
    )  # fmt: skip


@dataclass(frozen=True)
class Limits:
    """Standard error (on the coefficient's own scale), degrees of freedom and limits, each (m,)."""

    std_error: Array
    df: Array
    low: Array
    high: Array

    def part(self, some: slice) -> Limits:
        """The limits of some of the coefficients."""
        return Limits(self.std_error[some], self.df[some], self.low[some], self.high[some])


@dataclass(frozen=True)
class Helpers:
    """Who estimates the resamples, and who is told how many are done."""

    workers: Workers | None = None
    progress: Progress | None = None

    @property
    def any(self) -> bool:
        """Whether somebody helps or looks on."""
        return self.workers is not None or self.progress is not None


ALONE = Helpers()


def check_interval(interval: str, conf_level: float, n_boot: int) -> None:
    """Refuse an unknown kind of interval, a level outside (0, 1) or too few resamples."""
    if interval not in INTERVALS:
        raise UsageError(f"interval={interval!r} is not known; allowed are {', '.join(INTERVALS)}.")
    if not 0 < conf_level < 1:
        raise UsageError(f"conf_level={conf_level} must lie between 0 and 1; write 0.95 for 95 %.")
    if n_boot < 100:
        raise UsageError(f"n_boot={n_boot} is too few for an interval; take at least 100, better 2000.")


def jackknife_weights(n_units: int, seed: int = 0) -> Array:
    """Weights that leave out one unit each, (n_units, n_units).

    With more than `MOST_SINGLE` units: weights (GROUPS, n_units) that leave out one random
    group each (the delete-a-group jackknife; Kott 2001, *Journal of Official Statistics* 17).
    """
    if n_units <= MOST_SINGLE:
        return np.asarray(1.0 - np.eye(n_units))
    group = np.random.default_rng(seed).permutation(np.arange(n_units) % GROUPS)
    return np.asarray((group != np.arange(GROUPS)[:, None]).astype(float))


def bootstrap_weights(n_units: int, n_boot: int, seed: int) -> Array:
    """Weights (n_boot, n_units): how often each unit is drawn with replacement."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(n_units, size=(n_boot, n_units))
    at = drawn + n_units * np.arange(n_boot)[:, None]
    counts = np.bincount(at.ravel(), minlength=n_boot * n_units)
    return counts.reshape(n_boot, n_units).astype(float)


def jackknife_limits(estimate: Array, left_out: Array, conf_level: float, scale: Scale = LOGIT) -> Limits:
    """Delete-one-unit jackknife interval on `scale` with t(P − 1).

    Parameters
    ----------
    estimate
        (m,) coefficients.
    left_out
        (n_units, m) the same without each unit.
    """
    units = len(left_out)
    y = scale.to(left_out)
    error = np.sqrt((units - 1) / units * ((y - y.mean(axis=0)) ** 2).sum(axis=0))
    return _t_limits(estimate, error, units - 1, conf_level, scale)


def _t_limits(estimate: Array, error: Array, df: int, conf_level: float, scale: Scale) -> Limits:
    centre = scale.to(estimate)
    reach = special.stdtrit(df, 0.5 + conf_level / 2) * error
    own = error / scale.slope(estimate)
    return Limits(own, np.full(len(estimate), float(df)), scale.back(centre - reach), scale.back(centre + reach))


def bootstrap_limits(estimate: Array, drawn: Array, n_units: int, conf_level: float, scale: Scale = LOGIT) -> Limits:
    """Bootstrap standard error on `scale` with t(P − 1); resamples without an estimate are left out."""
    error = np.nanstd(scale.to(drawn), axis=0, ddof=1)
    return _t_limits(estimate, error, n_units - 1, conf_level, scale)


def percentile_limits(drawn: Array, conf_level: float) -> Limits:
    """Percentile interval of (n_boot, m) bootstrap coefficients."""
    tail = (1 - conf_level) / 2
    low, high = np.nanquantile(drawn, [tail, 1 - tail], axis=0)
    return Limits(np.nanstd(drawn, axis=0, ddof=1), np.full(drawn.shape[1], np.nan), low, high)


def bca_limits(estimate: Array, drawn: Array, left_out: Array, conf_level: float) -> Limits:
    """Bias-corrected and accelerated bootstrap interval (Efron 1987)."""
    plain = percentile_limits(drawn, conf_level)
    n_boot = np.isfinite(drawn).sum(axis=0)
    below = (np.where(np.isfinite(drawn), drawn, np.inf) < estimate).sum(axis=0) / n_boot
    z0 = special.ndtri(np.clip(below, 1 / (n_boot + 1), 1 - 1 / (n_boot + 1)))
    d = left_out.mean(axis=0) - left_out
    spread = (d**2).sum(axis=0) ** 1.5
    acceleration = (d**3).sum(axis=0) / (6 * np.where(spread > 0, spread, np.inf))
    limits = []
    for tail in ((1 - conf_level) / 2, (1 + conf_level) / 2):
        z = z0 + special.ndtri(tail)
        at = special.ndtr(z0 + z / (1 - acceleration * z))
        limits.append(np.array([np.nanquantile(drawn[:, j], at[j]) for j in range(len(estimate))]))
    return Limits(plain.std_error, plain.df, limits[0], limits[1])


def limits_of(
    coefficients: Callable[[Array], Array],
    n_units: int,
    interval: Interval = "jackknife",
    *,
    conf_level: float = 0.95,
    n_boot: int = 2000,
    seed: int = 0,
    scale: Scale = LOGIT,
    helpers: Helpers = ALONE,
    said: str = "",
) -> tuple[Array, Limits, int]:
    """Estimates, limits and the number of resamples without an estimate.

    `coefficients` maps weights (n_sets, n_units) to (n_sets, m) and gives NaN where a
    resample cannot be estimated. Resamples are drawn here, whoever estimates them; `said` is all that a
    coefficient depends on beside the weights, and what is kept of it is found again by both.
    """
    estimate = coefficients(np.ones((1, n_units)))[0]
    nothing = np.full(len(estimate), np.nan)
    unknown = Limits(nothing, nothing, nothing, nothing)
    if n_units < 2:
        return estimate, unknown, 0
    done = partial(_in_blocks, coefficients, nothing=nothing, helpers=helpers, said=said)
    if interval == "jackknife":
        left_out = done(jackknife_weights(n_units, seed))
        return estimate, jackknife_limits(estimate, left_out, conf_level, scale), _failures(left_out)
    drawn = done(bootstrap_weights(n_units, n_boot, seed))
    failed = _failures(drawn)
    if failed == len(drawn):
        return estimate, unknown, failed
    if interval == "bootstrap":
        return estimate, bootstrap_limits(estimate, drawn, n_units, conf_level, scale), failed
    if interval == "percentile":
        return estimate, percentile_limits(drawn, conf_level), failed
    left_out = done(jackknife_weights(n_units, seed))
    return estimate, bca_limits(estimate, drawn, left_out, conf_level), failed + _failures(left_out)


@dataclass(frozen=True)
class Resampling:
    """How intervals are made, and how missing items enter."""

    conf_level: float = 0.95
    interval: Interval = "jackknife"
    n_boot: int = 2000
    seed: int = 0
    missing: Missing = "fiml"
    helpers: Helpers = ALONE

    def limits(
        self, coefficients: Callable[[Array], Array], units: int, scale: Scale, said: tuple[object, ...]
    ) -> tuple[Array, Limits, int]:
        """Estimates, limits and the number of failed resamples; `said` as of :func:`limits_of`."""
        return limits_of(
            coefficients, units, self.interval, conf_level=self.conf_level, n_boot=self.n_boot,
            seed=self.seed, scale=scale, helpers=self.helpers, said=digest(self.missing, *said),
        )  # fmt: skip


def _in_blocks(
    coefficients: Callable[[Array], Array], weights: Array, *, nothing: Array, helpers: Helpers, said: str
) -> Array:
    """Apply `coefficients` to a few thousand sets at a time, so that memory stays small; to a few for each worker."""
    most = OF_A_WORKER if helpers.any else 4096
    rows = max(1, min(most, BLOCK // weights.shape[1]))
    blocks = [weights[i : i + rows] for i in range(0, len(weights), rows)]
    if not helpers.any:
        return np.concatenate([_or_nothing(coefficients, block, nothing) for block in blocks])
    pieces = {f"{said} {at} {digest(block)}": (coefficients, block, nothing) for at, block in enumerate(blocks)}
    show = helpers.progress
    n = len(weights)
    told = None if show is None else lambda what, done, of: show(what, min(done * rows, n), n)
    found = spread_work(_piece, pieces, helpers.workers or Workers(), told, "Resampling")
    return np.concatenate([np.array(one, dtype=float) for one in found.values()])


def _piece(piece: tuple[Callable[[Array], Array], Array, Array]) -> list[Any]:
    return list(_or_nothing(*piece).tolist())


def _or_nothing(coefficients: Callable[[Array], Array], weights: Array, nothing: Array) -> Array:
    """The coefficients of some sets, `nothing` where none of them has any: the sample keeps its estimate."""
    try:
        return coefficients(weights)
    except NotEstimable:
        return np.tile(nothing, (len(weights), 1))


def _failures(coefficients: Array) -> int:
    return int(np.isnan(coefficients).any(axis=1).sum())


def interval_name(interval: Interval, unit_name: str, scale: Scale = LOGIT, n_units: int = 0) -> str:
    """Say in words how an interval was made."""
    what = "rows" if unit_name == ROW else f"{plural(unit_name)}"
    left = what if n_units <= MOST_SINGLE else f"{GROUPS} random groups of {what}"
    return {
        "jackknife": f"jackknife over {left}, standard error on the {scale.name} scale, t(P − 1)",
        "bootstrap": f"bootstrap over {what}, standard error on the {scale.name} scale, t(P − 1)",
        "percentile": f"bootstrap over {what}, percentile",
        "bca": f"bootstrap over {what}, BCa",
    }[interval]
