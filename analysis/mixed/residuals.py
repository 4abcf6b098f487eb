r"""Residual correlation and unequal residual variances, by whitening the rows.

The residuals of a model may be a first-order autoregression within a group (AR(1) in whole
steps, CAR(1) in continuous time) and may have a variance of their own in each level of a
factor (Pinheiro & Bates 2000, section 5.2 and 5.3):

.. math:: Cov(ε_t, ε_s) = σ² δ_t δ_s φ^{|t − s|}/\sqrt{w_t w_s}

with δ = 1 in the first level. Given φ and δ the model is an ordinary one in the rows
:math:`(x_t − ρ_t x_{t−1})/\sqrt{1 − ρ_t²}` of :math:`x\sqrt w/δ`, ρₜ = φ to the power of the gap to the
row before, and log|R| = −Σ log w + 2 Σ log δ + Σ log(1 − ρₜ²) is added to the deviance. So
the engine fits it unchanged; φ and δ are found by minimising the deviance that it returns.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from doublecode.analysis.mixed.design import Design, Term
from doublecode.analysis.mixed.likelihood import evaluate
from doublecode.analysis.mixed.moments import Moments, make_moments
from doublecode.analysis.mixed.optimise import Climb, Rung, climb, covariance, lower_factor, minimise
from doublecode.schemas.errors import ContractError, DuplicateError, FormulaError, UsageError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

_CALL = re.compile(r"\s*(ar1|car1)\s*\(\s*([^|()]+?)\s*\|\s*([^|()]+?)\s*\)\s*", re.IGNORECASE)
_ETA_LIMIT = 7.0
"""Largest |atanh φ|, |logit φ| or |log δ| that the search visits; beyond it the parameter has run away."""
_STEP = 1e-4
"""Step of the central differences in the residual parameters."""


@dataclass(frozen=True)
class ResidualModel:
    """What a call asks of the residuals.

    Attributes
    ----------
    kind
        ``"ar1"``, ``"car1"`` or None.
    time
        Column of the time of each row.
    factors
        Columns whose combination makes the series, e.g. ``("patient",)``.
    variance_by
        Column whose levels have residual variances of their own, or None.
    """

    kind: str | None
    time: str | None
    factors: tuple[str, ...]
    variance_by: str | None

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the data that the residual model needs beside the formula's."""
        found = (self.time, *self.factors, self.variance_by)
        return tuple(dict.fromkeys(name for name in found if name is not None))

    @property
    def label(self) -> str:
        """The model in words of the call, ``ar1(session | patient), variance_by=group``."""
        parts = [f"{self.kind}({self.time} | {':'.join(self.factors)})"] if self.kind else []
        parts += [f"variance_by={self.variance_by}"] if self.variance_by else []
        return ", ".join(parts)


def parse_residuals(correlation: str | None, variance_by: str | None) -> ResidualModel | None:
    """Read ``correlation="ar1(session | patient)"`` and ``variance_by="group"``; None if both are None.

    Raises
    ------
    FormulaError
        If `correlation` is not ``ar1(time | group)`` or ``car1(time | group)``.

    Examples
    --------
    >>> parse_residuals("ar1(session | patient)", None).columns
    ('session', 'patient')
    """
    if correlation is None and variance_by is None:
        return None
    if variance_by is not None and not isinstance(variance_by, str):
        raise UsageError(f"variance_by must be the name of a column, not {variance_by!r}")
    if correlation is None:
        return ResidualModel(None, None, (), variance_by)
    match = _CALL.fullmatch(correlation) if isinstance(correlation, str) else None
    if match is None:
        raise FormulaError(
            f"correlation={correlation!r} cannot be read; write 'ar1(session | patient)' for whole-numbered "
            "times or 'car1(time | patient)' for continuous ones"
        )
    factors = tuple(part.strip() for part in match[3].split(":"))
    return ResidualModel(match[1].lower(), match[2], factors, variance_by)


@dataclass(frozen=True)
class ResidualLayout:
    """The residual model laid out on the rows of a design.

    Attributes
    ----------
    model
        What was asked.
    order
        (n,) rows sorted by series and time.
    gap
        (n,) in that order: time since the row before in the series, infinite for its first row.
    unit
        Median gap; φ is reported per unit of time, searched per `unit`.
    codes, levels
        (n,) level of `variance_by` in each row, and the labels; the first is the reference.
    """

    model: ResidualModel
    order: Ints
    gap: Floats
    unit: float
    codes: Ints
    levels: tuple[Any, ...]

    @property
    def size(self) -> int:
        """Number of residual parameters beside σ."""
        return int(self.model.kind is not None) + len(self.levels) - 1

    def phi(self, eta: Floats) -> float:
        """Autocorrelation per unit of time at `eta`; NaN without one."""
        if self.model.kind is None:
            return float("nan")
        if self.model.kind == "ar1":
            return float(np.tanh(eta[0]))
        return float(np.exp(-np.logaddexp(0.0, -eta[0]) / self.unit))

    def ratios(self, eta: Floats) -> Floats:
        """(levels,) residual SD of each level relative to the first."""
        return np.asarray(np.exp(np.r_[0.0, eta[int(self.model.kind is not None) :]]), dtype=float)

    def correlations(self, eta: Floats) -> Floats:
        """(n,) in `order`: correlation of each row with the one before, 0 for the first of a series."""
        rho = np.zeros(len(self.gap))
        inside = np.isfinite(self.gap)
        if self.model.kind == "ar1":
            phi, gap = np.tanh(eta[0]), self.gap[inside]
            rho[inside] = np.where(gap % 2 == 1, np.sign(phi), 1.0) * np.abs(phi) ** gap
        elif self.model.kind == "car1":
            rho[inside] = np.exp(-np.logaddexp(0.0, -eta[0]) * self.gap[inside] / self.unit)
        return rho

    def whiten(self, design: Design, eta: Floats) -> Design:
        """Return the design whose rows are independent with variance σ² at `eta`."""
        scale = 1.0 / self.ratios(eta)[self.codes]
        if design.weights is not None:
            scale = scale * np.sqrt(design.weights)
        rho = self.correlations(eta)
        room = 1.0 - rho**2
        y = design.y if design.offset is None else design.y - design.offset

        def white(values: Floats) -> Floats:
            sorted_rows = (values.T * scale).T[self.order]
            before = np.zeros_like(sorted_rows)
            before[1:] = sorted_rows[:-1]
            out = np.empty_like(sorted_rows)
            out[self.order] = ((sorted_rows.T - rho * before.T) / np.sqrt(room)).T
            return out

        terms = tuple(replace(term, Z=white(term.Z)) for term in design.terms)
        return replace(
            design, y=white(y), X=white(design.X), terms=terms, weights=None, offset=None,
            log_det=float(np.log(room).sum() - 2.0 * np.log(scale).sum()), whitened=(self.model.label,),
        )  # fmt: skip

    def starts(self) -> list[Floats]:
        """Points from which the search tries its luck: several autocorrelations, equal variances."""
        tail = np.zeros(len(self.levels) - 1)
        if self.model.kind is None:
            return [tail]
        phis = (0.05, 0.3, 0.6, 0.85) if self.model.kind == "car1" else (0.05, 0.3, 0.6, 0.85, -0.3)
        link = (lambda p: np.log(p / (1 - p))) if self.model.kind == "car1" else np.arctanh
        return [np.r_[link(phi), tail] for phi in phis]

    def frame(self, eta: Floats, sigma: float) -> pd.DataFrame:
        """Residual parameters in the field's terms: term, level, estimate."""
        rows: list[tuple[str, str, float]] = []
        if self.model.kind is not None:
            rows.append(("phi", "", self.phi(eta)))
        if self.model.variance_by is not None:
            rows += [
                ("sd", str(level), sigma * float(ratio))
                for level, ratio in zip(self.levels, self.ratios(eta), strict=True)
            ]
        return pd.DataFrame(rows, columns=["term", "level", "estimate"])


def lay_out_residuals(model: ResidualModel, design: Design, data: pd.DataFrame) -> ResidualLayout:
    """Sort the rows into series and check that the model can be whitened.

    Parameters
    ----------
    model
        From :func:`parse_residuals`.
    design
        The design; its rows in use have a value in every column of the residual model.
    data
        The frame that the design was built from.

    Raises
    ------
    ContractError, DuplicateError, UsageError
        A column is absent or not numeric; two rows of a series share a time; AR(1) with times
        that are not whole numbers; a series that runs over levels of a random term.
    """
    absent = [name for name in model.columns if name not in data.columns]
    if absent:
        raise ContractError(
            f"the residual model {model.label} names {', '.join(map(repr, absent))}, which the data do not have; "
            f"columns are {', '.join(map(str, data.columns))}"
        )
    rows = data.iloc[design.rows]
    codes, levels = np.zeros(len(rows), dtype=np.intp), ("all",)
    if model.variance_by is not None:
        codes, found = pd.factorize(rows[model.variance_by], sort=True)
        levels = tuple(found)
        if len(levels) < 2:
            raise UsageError(f"variance_by={model.variance_by!r} has one level ({levels[0]!r}); it needs two")
    order, gap = np.arange(len(rows)), np.full(len(rows), np.inf)
    if model.kind is not None:
        order, gap = _series(model, design.terms, rows)
    inside = gap[np.isfinite(gap)]
    if model.kind is not None and not len(inside):
        raise UsageError(f"{model.label}: every series has one row, so there is no autocorrelation to estimate")
    unit = float(np.median(inside)) if len(inside) else 1.0
    return ResidualLayout(model, order, gap, unit, np.asarray(codes, dtype=np.intp), levels)


def _series(model: ResidualModel, terms: Sequence[Term], rows: pd.DataFrame) -> tuple[Ints, Floats]:
    """Order of the rows and gaps to the row before."""
    series = rows.groupby(list(model.factors), observed=True, sort=True).ngroup().to_numpy()
    for term in terms:
        pairs = np.unique(np.stack([series, term.codes]), axis=1)
        if pairs.shape[1] > series.max() + 1:
            raise UsageError(
                f"{model.label}: a series of {':'.join(model.factors)} runs over several levels of {term.group!r}; "
                "the residual series must lie within the levels of every random term"
            )
    column = rows[model.time]
    if column.dtype.kind not in "iuf":
        raise ContractError(f"{model.label}: the time column {model.time!r} must be numeric, it is {column.dtype}")
    time = column.to_numpy(dtype=float)
    if model.kind == "ar1" and (time != np.round(time)).any():
        raise UsageError(
            f"{model.label}: AR(1) needs whole-numbered times, {model.time!r} has "
            f"{float(time[time != np.round(time)][0]):g}; use car1({model.time} | {':'.join(model.factors)})"
        )
    order = np.lexsort((time, series))
    gap = np.r_[np.inf, np.diff(time[order])]
    gap[np.r_[True, np.diff(series[order]) != 0]] = np.inf
    if (gap == 0).any():
        at = order[int(np.flatnonzero(gap == 0)[0])]
        where = ", ".join(f"{name} {rows[name].iloc[at]}" for name in (*model.factors, str(model.time)))
        raise DuplicateError(f"{model.label}: two rows share {where}; a series has one row per time")
    return order, gap


@dataclass(frozen=True)
class ResidualFit:
    """The joint optimum over random-effects covariances and residual parameters.

    Attributes
    ----------
    layout, reml
        What was fitted, by which criterion.
    eta
        (k,) residual parameters on the scale of the search: atanh φ (AR) or logit of φ per median gap
        (CAR), then log δ of every level but the first.
    design, moments
        Whitened at `eta`; `climb` is the engine's optimum there.
    converged
        Whether both the engine and the search for `eta` ended at a stationary point.
    notes
        A parameter that ran to its limit.
    """

    layout: ResidualLayout
    reml: bool
    eta: Floats
    design: Design
    moments: Moments
    climb: Climb
    converged: bool
    notes: tuple[str, ...]


def fit_residuals(design: Design, layout: ResidualLayout, *, reml: bool) -> ResidualFit:
    """Minimise the deviance jointly over the random-effects covariances and the residual parameters.

    For every `eta` the engine gives the optimum over the covariances; the gradient in `eta` is
    the difference quotient at fixed covariances, since those are optimal. Quasi-Newton from the
    best of a few starts, then the engine's whole ladder at the end.
    """
    from scipy.optimize import minimize

    profile = _Profile(design, layout, reml)
    values = [profile(eta)[0] for eta in layout.starts()]
    start = layout.starts()[int(np.argmin(values))]
    bounds = [(-_ETA_LIMIT, _ETA_LIMIT)] * layout.size
    found = minimize(
        profile, start, jac=True, method="L-BFGS-B", bounds=bounds,
        options={"ftol": 1e-14, "gtol": 1e-6, "maxiter": 200},
    )  # fmt: skip
    eta = profile.polish(np.asarray(found.x, dtype=float))
    value, gradient = profile(eta)
    white = layout.whiten(design, eta)
    moments = make_moments(white)
    ascent = climb(moments, reml=reml, start=profile.start(moments))
    at_limit = np.abs(eta) > _ETA_LIMIT - 0.05
    stationary = bool((np.abs(gradient[~at_limit]) < 1e-3).all())
    notes = tuple(
        f"residual parameter {name} ran to its limit; the data do not determine it"
        for name, flag in zip(_names(layout), at_limit, strict=True)
        if flag
    )
    rung = Rung("quasi-Newton in " + ", ".join(_names(layout)), f"best of {len(values)}", profile.calls, value,
                float(np.abs(gradient).max()), stationary)  # fmt: skip
    ascent = replace(ascent, rungs=(rung, *ascent.rungs))
    return ResidualFit(layout, reml, eta, white, moments, ascent, stationary and ascent.converged, notes)


def _names(layout: ResidualLayout) -> list[str]:
    phi = ["phi"] if layout.model.kind else []
    return phi + [f"sd[{level}]/sd[{layout.levels[0]}]" for level in layout.levels[1:]]


class _Profile:
    """Deviance minimised over the covariances, as a function of `eta`; keeps the last optimum as a start."""

    def __init__(self, design: Design, layout: ResidualLayout, reml: bool) -> None:
        self.design, self.layout, self.reml = design, layout, reml
        self.covariances: list[Floats] | None = None
        self.calls = 0

    def start(self, moments: Moments) -> Floats | None:
        """θ of the last optimum in the conditioned units of `moments`."""
        return None if self.covariances is None else theta_from(moments, self.covariances)

    def __call__(self, eta: Floats) -> tuple[float, Floats]:
        """Value and gradient at `eta`."""
        self.calls += 1
        moments = make_moments(self.layout.whiten(self.design, eta))
        start, which = self.start(moments), np.zeros(1, dtype=np.intp)
        theta = None
        if start is not None:
            end = minimise(moments, start[None], which, reml=self.reml)
            theta = end.theta[0] if end.converged[0] else None
        if theta is None:
            theta = climb(moments, reml=self.reml).theta
        self.covariances = covariances_of(moments, theta)
        value = float(evaluate(moments, theta[None], which, reml=self.reml).deviance[0])
        return value, self.gradient(eta)

    def gradient(self, eta: Floats) -> Floats:
        """(k,) central differences at the covariances of the last optimum."""
        steps = _STEP * np.eye(len(eta))
        return np.array([(self._at(eta + h) - self._at(eta - h)) / (2.0 * _STEP) for h in steps])

    def _at(self, eta: Floats) -> float:
        moments = make_moments(self.layout.whiten(self.design, eta))
        theta = theta_from(moments, self.covariances or [])
        return float(evaluate(moments, theta[None], np.zeros(1, dtype=np.intp), reml=self.reml).deviance[0])

    def polish(self, eta: Floats) -> Floats:
        """Two Newton steps with a difference quotient of the gradient, kept while they descend."""
        for _ in range(2):
            value, gradient = self(eta)
            steps = 1e-3 * np.eye(len(eta))
            H = np.array([(self(eta + h)[1] - self(eta - h)[1]) / 2e-3 for h in steps])
            H = 0.5 * (H + H.T)
            if np.linalg.eigvalsh(H)[0] <= 0:
                return eta
            trial = np.clip(eta - np.linalg.solve(H, gradient), -_ETA_LIMIT, _ETA_LIMIT)
            if self(trial)[0] > value + 1e-10 * (1 + abs(value)):
                return eta
            eta = trial
        return eta


def covariances_of(moments: Moments, theta: Floats) -> list[Floats]:
    """Relative covariance matrices (p, p) of all terms in the units of the data, from θ (m,)."""
    out: list[Floats] = []
    for block, R in zip(moments.layout.blocks, moments.conditioning.term_R, strict=True):
        half = np.linalg.solve(R, covariance(block, theta[None])[0])
        out.append(np.asarray(np.linalg.solve(R, half.T), dtype=float))
    return out


def theta_from(moments: Moments, covariances: Sequence[Floats]) -> Floats:
    """Conditioned θ (m,) with these relative covariance matrices; inverse of :func:`covariances_of`."""
    theta = np.zeros(moments.layout.m)
    for block, R, D in zip(moments.layout.blocks, moments.conditioning.term_R, covariances, strict=True):
        L = lower_factor(R @ D @ R.T)
        theta[block.theta] = [L[at] for at in block.elements]
    return theta
