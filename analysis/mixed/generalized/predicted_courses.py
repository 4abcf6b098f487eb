"""What a generalised model predicts over one predictor: the facts of its figure.

At each value every row gets it in place of its own; predictions are averaged over rows (the standardisation of
:func:`average_effects`) and, as is asked, over the random effects or at 0. Limits are Wald's on the scale of the logit
(of counts the log), turned back, so that they stay within what a probability or a count can be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.formula_names import variables_of
from doublecode.analysis.mixed.generalized.bare_fit import GeneralizedFit
from doublecode.analysis.mixed.generalized.marginal_effects import is_number, with_delta
from doublecode.analysis.mixed.generalized.ordinal_answers import mean_probabilities
from doublecode.analysis.mixed.generalized.ordinal_fit import OrdinalFit
from doublecode.analysis.mixed.generalized.ordinal_outcome import OrdinalOutcome
from doublecode.analysis.mixed.generalized.population import population_mean
from doublecode.analysis.mixed.generalized.response import Outcome
from doublecode.analysis.mixed.prediction import columns_of_new_rows
from doublecode.analysis.rendering.predicted_figures import PredictedCourse, Quantity
from doublecode.schemas.errors import UsageError
from doublecode.schemas.near_names import allowed, ended
from doublecode.schemas.results import check_conf_level

Floats = npt.NDArray[np.float64]
Over = Literal["average", "none"]

N_VALUES = 41
"""Values of a number at which the curve is computed."""
MOST_ROWS = 500
"""Distinct rows that are averaged over; of more, so many that stand evenly in the order of their linear predictor."""
MOST_LEVELS = 10
"""Distinct values of a number up to which each is a group of raw rows of its own."""
FEW_ROWS, MOST_GROUPS = 20, 8
"""Rows that a group of a number's raw values should have, and how many groups there are at most."""
NEAREST = 1e-12
"""How near to 0 and 1 a probability may lie before its logit is taken."""


@dataclass(frozen=True)
class _Predictor:
    """The predictor drawn over.

    Attributes
    ----------
    column
        (n,) its values in the rows in use.
    number
        Whether it varies as a number; else it has levels.
    """

    column: pd.Series[Any]
    number: bool

    @property
    def name(self) -> str:
        """Of its column."""
        return str(self.column.name)

    @cached_property
    def values(self) -> npt.NDArray[Any]:
        """Where the curve is computed: evenly over the range of a number, at every level of anything else."""
        if self.number:
            return np.linspace(self.column.min(), self.column.max(), N_VALUES)
        present, kind = set(self.column), self.column.dtype
        known = list(kind.categories) if isinstance(kind, pd.CategoricalDtype) else sorted(present)
        levels = [level for level in known if level in present]
        return np.array(levels, dtype=object)

    def asked(self, at: Sequence[Any]) -> npt.NDArray[Any]:
        """Values that were asked for: finite numbers in ascending order, or levels in theirs."""
        if self.number:
            numbers = np.unique(pd.to_numeric(pd.Series(list(at), dtype=object), errors="coerce").to_numpy(dtype=float))
            if not len(numbers) or not np.isfinite(numbers).all():
                raise UsageError(f"plot: at={list(at)!r}; {self.name} holds numbers, so give finite ones.")
            return numbers
        stray = next((value for value in at if value not in set(self.values)), None)
        if stray is not None or not len(at):
            raise UsageError(f"plot: at={list(at)!r}; {allowed(str(stray), list(map(str, self.values)))}.")
        return np.array([level for level in self.values if level in set(at)], dtype=object)

    def given(self, frame: pd.DataFrame, values: npt.NDArray[Any]) -> pd.DataFrame:
        """Rows with other values of it; whole numbers get fractions between them."""
        column = pd.Series(values, index=frame.index).astype(np.float64 if self.number else self.column.dtype)
        return frame.assign(**{self.name: column})

    @cached_property
    def groups(self) -> npt.NDArray[np.int64]:
        """(n,) group of each row: a level, a value of few, or a stretch with about as many rows as the others."""
        if not self.number:
            places = {value: place for place, value in enumerate(self.values)}
            return np.array([places[value] for value in self.column], dtype=np.int64)
        numbers = self.column.to_numpy(dtype=float)
        own, code = np.unique(numbers, return_inverse=True)
        if len(own) <= MOST_LEVELS:
            return np.asarray(code, dtype=np.int64)
        n_groups = int(np.clip(len(numbers) // FEW_ROWS, 3, MOST_GROUPS))
        cuts = np.unique(np.quantile(numbers, np.arange(1, n_groups) / n_groups))
        return np.asarray(np.searchsorted(cuts, numbers, side="left"), dtype=np.int64)


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
    check_conf_level(conf_level, "plot")
    predictors = design.formula.fixed_columns(design.frame.columns)
    name = drawn_over(predictors, term)
    predictor = _Predictor(design.frame[name], is_number(design, name))
    rate = outcome.trials is None and not isinstance(outcome, OrdinalOutcome) and design.offset is not None
    known = np.zeros(design.nobs) if design.offset is None or rate else design.offset
    values = predictor.values if at is None else predictor.asked(at)
    rows = _rows(design, predictor, values, _distinct(design, predictor, known, fit.beta), known)
    predicted = _predictions(rows, fit, outcome, average=random == "average")
    estimate, low, high = _with_limits(predicted, fit, outcome, conf_level)
    categories = tuple(map(str, outcome.labels)) if isinstance(outcome, OrdinalOutcome) else ()
    curve = pd.DataFrame({"x": np.repeat(values, max(len(categories), 1))})
    if categories:
        curve["category"] = list(categories) * len(values)
    curve = curve.assign(estimate=estimate.ravel(), conf_low=low.ravel(), conf_high=high.ravel())
    quantity: Quantity = "categories" if categories else "probability" if outcome.trials is not None else "count"
    return PredictedCourse(
        curve, _points(design, outcome, predictor, rate=rate), name, design.formula.response.strip("`"),
        "rate" if rate else quantity, random == "average", tuple(design.n_groups), conf_level, categories,
        tuple(other for other in predictors if other != name),
    )  # fmt: skip


def drawn_over(known: Sequence[str], term: str | None, asked: str = "plot") -> str:
    """The one of the `known` predictors that is meant; `asked` is what messages call the choice.

    Raises
    ------
    UsageError
        `term` is none of them, or none is named and there are several or none.
    """
    if not known:
        raise UsageError(f"{asked}: the formula has no predictor to draw over; add one to its fixed part.")
    if term is None and len(known) > 1:
        raise UsageError(f"{asked}: name the predictor to draw over; allowed: {', '.join(map(repr, known))}.")
    if term is not None and term not in known:
        raise UsageError(f"{asked}: found {term!r}; {ended(allowed(term, known))}")
    return known[0] if term is None else term


def _distinct(
    design: Design, predictor: _Predictor, known: Floats, beta: Floats
) -> tuple[npt.NDArray[np.intp], Floats]:
    """Positions (r,) of rows that differ in anything but the predictor, and their shares (r,) of all rows."""
    frame, used = design.frame, set(variables_of(design.formula.fixed, design.frame.columns))
    for term in design.terms:
        used |= set(variables_of(term.random.expression, frame.columns))
    others = frame[sorted(used - {predictor.name})].assign(known=known)
    others = others.set_axis(range(others.shape[1]), axis=1)
    code = others.groupby(list(others.columns), sort=False, dropna=False, observed=True).ngroup().to_numpy()
    weight = np.ones(design.nobs) if design.weights is None else design.weights
    first, share = np.unique(code, return_index=True)[1], np.bincount(code, weight) / weight.sum()
    if len(first) <= MOST_ROWS:
        return first, share
    middle = predictor.values[len(predictor.values) // 2]
    alike = predictor.given(frame.iloc[first], np.array([middle] * len(first), dtype=predictor.values.dtype))
    eta = known[first] + np.asarray(design.fixed_spec.get_model_matrix(alike), dtype=float) @ beta
    order = np.argsort(eta, kind="stable")
    middles = (np.arange(MOST_ROWS) + 0.5) / MOST_ROWS
    kept = order[np.searchsorted(np.cumsum(share[order]), middles)]
    return first[kept], np.full(MOST_ROWS, 1.0 / MOST_ROWS)


def _rows(
    design: Design, predictor: _Predictor, values: npt.NDArray[Any], held: tuple[Any, Floats], known: Floats
) -> _Rows:
    """The rows `held` of the frame, with their shares, at each value."""
    first, share = held
    m = len(values)
    at = predictor.given(design.frame.iloc[np.tile(first, m)].reset_index(drop=True), np.repeat(values, len(first)))
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


def _points(design: Design, outcome: Outcome, predictor: _Predictor, *, rate: bool) -> pd.DataFrame:
    """Raw proportions (mean counts, rates, shares of categories) of groups of rows by the predictor."""
    weight = np.ones(design.nobs) if design.weights is None else design.weights
    exposure = np.exp(design.offset) if rate and design.offset is not None else np.ones(design.nobs)
    below = weight * (exposure if outcome.trials is None else outcome.trials)
    rows = pd.DataFrame({"y": weight * outcome.y, "below": below, "group": predictor.groups, "w": weight})
    rows["x"] = weight * predictor.column.to_numpy(dtype=float) if predictor.number else 0.0
    sums = rows.groupby("group", sort=True)[["y", "below", "w", "x"]].sum()
    x = (sums["x"] / sums["w"]).to_numpy() if predictor.number else predictor.values[sums.index.to_numpy()]
    n = (sums["w"] if outcome.trials is None else sums["below"]).to_numpy()
    if not isinstance(outcome, OrdinalOutcome):
        return pd.DataFrame({"x": x, "observed": (sums["y"] / sums["below"]).to_numpy(), "n": n})
    parts = []
    for code, label in enumerate(map(str, outcome.labels)):
        of = rows["w"].where(outcome.y == code, 0.0).groupby(rows["group"], sort=True).sum().to_numpy()
        parts.append(pd.DataFrame({"x": x, "category": label, "observed": of / n, "n": n}))
    return pd.concat(parts, ignore_index=True)
