"""What a generalised model predicts over one predictor: the facts of its figure.

At each value every row gets it in place of its own; predictions are averaged over rows (the standardisation of
:func:`average_effects`) and, as is asked, over the random effects or at 0. Limits are Wald's on the scale of the logit
(of counts the log), turned back, so that they stay within what a probability or a count can be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.formula_names import variables_of
from doublecode.analysis.mixed.generalized.bare_fit import GeneralizedFit
from doublecode.analysis.mixed.generalized.marginal_effects import with_delta
from doublecode.analysis.mixed.generalized.ordinal_answers import mean_probabilities
from doublecode.analysis.mixed.generalized.ordinal_fit import OrdinalFit
from doublecode.analysis.mixed.generalized.ordinal_outcome import OrdinalOutcome
from doublecode.analysis.mixed.generalized.population import population_mean
from doublecode.analysis.mixed.generalized.response import Outcome
from doublecode.analysis.mixed.prediction import columns_of_new_rows
from doublecode.analysis.rendering.predicted_figures import PredictedCourse, Quantity
from doublecode.schemas.errors import UsageError
from doublecode.schemas.near_names import allowed

Floats = npt.NDArray[np.float64]
Over = Literal["average", "none"]

N_VALUES, FEWEST_VALUES, MOST_CELLS = 41, 11, 200_000
"""Values of a number at which the curve is computed; fewer, where values × rows would be more than so many cells."""
MOST_LEVELS = 10
"""Distinct values of a number up to which each is a group of raw rows of its own."""
FEW_ROWS, MOST_GROUPS = 20, 8
"""Rows that a group of a number's raw values should have, and how many groups there are at most."""
NEAREST = 1e-12
"""How near to 0 and 1 a probability may lie before its logit is taken."""


@dataclass(frozen=True)
class _Rows:
    """At each of m values the r distinct rows of all that is not the predictor, value by value.

    Attributes
    ----------
    X, Z
        (m r, p) fixed part, per random term (m r, k).
    known
        (m r,) known part of the linear predictor.
    share
        (r,) of the rows in use, summing to 1.
    """

    X: Floats
    Z: tuple[Floats, ...]
    known: Floats
    share: Floats

    def averaged(self, predicted: Floats) -> Floats:
        """(m, …) means over rows of predictions (m r, …)."""
        return np.asarray(
            np.tensordot(predicted.reshape(-1, len(self.share), *predicted.shape[1:]), self.share, (1, 0))
        )


def predicted_course(
    design: Design,
    fit: GeneralizedFit,
    outcome: Outcome,
    term: str | None = None,
    *,
    random: Over = "average",
    at: Sequence[Any] | None = None,
    conf_level: float = 0.95,
) -> PredictedCourse:
    """Predictions over the values of `term` (or `at` some) with limits, and the raw proportions, counts or shares.

    Raises
    ------
    UsageError
        `term` is no predictor, or none is named and there are several; `at` has what it cannot be.
    """
    if random not in get_args(Over):
        raise UsageError(f"plot: random={random!r}; allowed: 'average' (over all groups), 'none' (random effects at 0)")
    name = _predictor(design, term)
    rate = outcome.trials is None and not isinstance(outcome, OrdinalOutcome) and design.offset is not None
    known = np.zeros(design.nobs) if design.offset is None or rate else design.offset
    held = _distinct(design, name, known)
    levels = _values(design.frame[name], len(held[0]))
    values = levels if at is None else _asked(at, design.frame[name], levels)
    rows = _rows(design, name, values, held, known)
    predicted = _predictions(rows, fit, outcome, average=random == "average")
    estimate, low, high = _with_limits(predicted, fit, outcome, conf_level)
    categories = tuple(map(str, outcome.labels)) if isinstance(outcome, OrdinalOutcome) else ()
    curve = pd.DataFrame({"x": np.repeat(values, max(len(categories), 1))})
    if categories:
        curve["category"] = list(categories) * len(values)
    curve = curve.assign(estimate=estimate.ravel(), conf_low=low.ravel(), conf_high=high.ravel())
    quantity: Quantity = "categories" if categories else "probability" if outcome.trials is not None else "count"
    return PredictedCourse(
        curve, _points(design, outcome, name, levels, rate=rate), name, design.formula.response.strip("`"),
        "rate" if rate else quantity, random == "average", tuple(design.n_groups), conf_level, categories,
    )  # fmt: skip


def _predictor(design: Design, term: str | None) -> str:
    known = sorted(variables_of(design.formula.fixed, design.frame.columns))
    if term in known:
        return str(term)
    if not known:
        raise UsageError(f"plot: {design.formula.text!r} has no predictor to draw over; add one to its fixed part.")
    if term is None and len(known) == 1:
        return known[0]
    if term is None:
        raise UsageError(f"plot: name the predictor to draw over; allowed: {', '.join(map(repr, known))}.")
    raise UsageError(f"plot: {term!r} is no predictor of the fixed part; {allowed(term, known)}.")


def _values(column: pd.Series[Any], n_rows: int) -> npt.NDArray[Any]:
    """Where the curve is computed: evenly over the range of a number, at every level of anything else."""
    if _is_number(column):
        numbers = column.to_numpy(dtype=float)
        return np.linspace(numbers.min(), numbers.max(), int(np.clip(MOST_CELLS // n_rows, FEWEST_VALUES, N_VALUES)))
    present = set(column)
    categorical = isinstance(column.dtype, pd.CategoricalDtype)
    levels = [level for level in column.cat.categories if level in present] if categorical else sorted(present)
    return np.array(levels, dtype=object)


def _asked(at: Sequence[Any], column: pd.Series[Any], levels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Values that were asked for: finite numbers in ascending order, or levels of the predictor in theirs."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        numbers = np.unique(np.asarray(at, dtype=np.float64))
        if not len(numbers) or not np.isfinite(numbers).all():
            raise UsageError(f"plot: at={list(at)!r}; {column.name} holds numbers, so give finite ones.")
        return numbers if _is_number(column) else np.array(list(numbers), dtype=object)
    stray = next((value for value in at if value not in set(levels)), None)
    if stray is not None or not len(at):
        raise UsageError(f"plot: at={list(at)!r}; {allowed(str(stray), list(map(str, levels)))}.")
    return np.array([level for level in levels if level in set(at)], dtype=object)


def _is_number(column: pd.Series[Any]) -> bool:
    """Whether a curve is drawn; two values (0 and 1, a condition) are levels."""
    kind = column.dtype
    numeric = pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind)
    return numeric and column.nunique() > 2


def _distinct(design: Design, name: str, known: Floats) -> tuple[npt.NDArray[np.intp], Floats]:
    """Positions (r,) of rows that differ in anything but the predictor, and their shares (r,) of all rows."""
    frame, used = design.frame, set(variables_of(design.formula.fixed, design.frame.columns))
    for term in design.terms:
        used |= set(variables_of(term.random.expression, frame.columns))
    others = frame[sorted(used - {name})].assign(known=known)
    others = others.set_axis(range(others.shape[1]), axis=1)
    code = others.groupby(list(others.columns), sort=False, dropna=False, observed=True).ngroup().to_numpy()
    weight = np.ones(design.nobs) if design.weights is None else design.weights
    return np.unique(code, return_index=True)[1], np.bincount(code, weight) / weight.sum()


def _rows(design: Design, name: str, values: npt.NDArray[Any], held: tuple[Any, Floats], known: Floats) -> _Rows:
    """The rows `held` of the frame, with their shares, at each value."""
    first, share = held
    column, m = design.frame[name], len(values)
    at = design.frame.iloc[np.tile(first, m)].reset_index(drop=True)
    given = pd.Series(np.repeat(values, len(first)), index=at.index)
    at = at.assign(**{name: given.astype(np.float64 if _is_number(column) else column.dtype)})
    X = np.asarray(design.fixed_spec.get_model_matrix(at), dtype=float)
    Z = tuple(columns_of_new_rows(t.spec, t.random.expression, at, t.size) for t in design.terms)
    return _Rows(X, Z, np.tile(known[first], m), share)


def _predictions(rows: _Rows, fit: GeneralizedFit, outcome: Outcome, *, average: bool) -> Callable[[Floats], Floats]:
    """(m,) means at every value, or (m, K) probabilities, as a function of the engine's parameters."""

    def predictions(x: Floats) -> Floats:
        eta, variance = rows.known + rows.X @ fit.beta_at(x), np.zeros(len(rows.known))
        if average:
            for Z, V in zip(rows.Z, fit.covariances_at(x), strict=True):
                variance = variance + np.einsum("ip,pq,iq->i", Z, V, Z)
        if isinstance(outcome, OrdinalOutcome) and isinstance(fit, OrdinalFit):
            tau = outcome.thresholds.values(fit.psi_at(x))
            return rows.averaged(mean_probabilities(eta, variance, tau, outcome.cumulative_link))
        return rows.averaged(population_mean(eta, variance, outcome.link))

    return predictions


def _with_limits(
    predicted: Callable[[Floats], Floats], fit: GeneralizedFit, outcome: Outcome, conf_level: float
) -> tuple[Floats, Floats, Floats]:
    """Estimates and limits by the delta method, on the scale of the logit or the log."""
    counts = outcome.trials is None and not isinstance(outcome, OrdinalOutcome)

    def turned(x: Floats) -> Floats:
        values = predicted(x).ravel()
        return np.asarray(np.log(values) if counts else special.logit(np.clip(values, NEAREST, 1.0 - NEAREST)))

    centre, se = with_delta(turned, fit)
    reach = special.ndtri(0.5 + conf_level / 2.0) * se
    back = np.exp if counts else special.expit
    return predicted(fit.end.point.x), back(centre - reach), back(centre + reach)


def _points(design: Design, outcome: Outcome, name: str, values: npt.NDArray[Any], *, rate: bool) -> pd.DataFrame:
    """Raw proportions (mean counts, rates, shares of categories) of groups of rows by the predictor."""
    column = design.frame[name].reset_index(drop=True)
    weight = np.ones(design.nobs) if design.weights is None else design.weights
    exposure = np.exp(design.offset) if rate and design.offset is not None else np.ones(design.nobs)
    below = weight * (exposure if outcome.trials is None else outcome.trials)
    rows = pd.DataFrame({"y": weight * outcome.y, "below": below, "group": _grouped(column, values), "w": weight})
    rows["x"] = weight * column.to_numpy(dtype=float) if _is_number(column) else 0.0
    sums = rows.groupby("group", sort=True, observed=True)[["y", "below", "w", "x"]].sum()
    x = (sums["x"] / sums["w"]).to_numpy() if _is_number(column) else values[sums.index.to_numpy()]
    n = (sums["w"] if outcome.trials is None else sums["below"]).to_numpy()
    if not isinstance(outcome, OrdinalOutcome):
        return pd.DataFrame({"x": x, "observed": (sums["y"] / sums["below"]).to_numpy(), "n": n})
    parts = []
    for code, label in enumerate(map(str, outcome.labels)):
        of = rows["w"].where(outcome.y == code, 0.0).groupby(rows["group"], sort=True).sum().to_numpy()
        parts.append(pd.DataFrame({"x": x, "category": label, "observed": of / n, "n": n}))
    return pd.concat(parts, ignore_index=True)


def _grouped(column: pd.Series[Any], values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """(n,) group of each row: a level, a value of few, or a stretch with about as many rows as the others."""
    if not _is_number(column):
        places = {value: place for place, value in enumerate(values)}
        return np.array([places[value] for value in column], dtype=np.int64)
    numbers = column.to_numpy(dtype=float)
    own, code = np.unique(numbers, return_inverse=True)
    if len(own) <= MOST_LEVELS:
        return np.asarray(code, dtype=np.int64)
    n_groups = int(np.clip(len(numbers) // FEW_ROWS, 3, MOST_GROUPS))
    cuts = np.unique(np.quantile(numbers, np.arange(1, n_groups) / n_groups))
    return np.asarray(np.searchsorted(cuts, numbers, side="left"), dtype=np.int64)
