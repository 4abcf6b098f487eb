r"""What a residual structure asks for, laid out on the rows of a design.

See :mod:`doublecode.analysis.mixed.residuals.joint_fit` for the model and its estimation.
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
from doublecode.schemas.errors import ContractError, DuplicateError, FormulaError, UsageError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

_CALL = re.compile(r"\s*(ar1|car1)\s*\(\s*([^|()]+?)\s*\|\s*([^|()]+?)\s*\)\s*", re.IGNORECASE)


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

    def colour(self, design: Design, noise: Floats, eta: Floats) -> Floats:
        """Turn independent (n, N) draws into residuals over σ: the reverse of :meth:`whiten`."""
        rho = self.correlations(eta)
        fresh = noise[self.order] * np.sqrt(1.0 - rho**2)[:, None]
        for t in np.flatnonzero(rho):
            fresh[t] += rho[t] * fresh[t - 1]
        out = np.empty_like(fresh)
        out[self.order] = fresh
        scale = self.ratios(eta)[self.codes]
        if design.weights is not None:
            scale = scale / np.sqrt(design.weights)
        return out * scale[:, None]

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


def lay_out_residuals(model: ResidualModel, design: Design) -> ResidualLayout:
    """Sort the rows into series and check that the model can be whitened.

    Parameters
    ----------
    model
        From :func:`parse_residuals`.
    design
        The design; its frame has the columns of the residual model, complete in the rows in use.

    Raises
    ------
    ContractError, DuplicateError, UsageError
        A column is absent or not numeric; two rows of a series share a time; AR(1) with times
        that are not whole numbers; a series that runs over levels of a random term.
    """
    rows = design.frame
    absent = [name for name in model.columns if name not in rows.columns]
    if absent:
        raise ContractError(f"{model.label} needs {', '.join(map(repr, absent))}, which the design does not have")
    codes, levels = np.zeros(len(rows), dtype=np.intp), ("all",)
    if model.variance_by is not None:
        codes, found = pd.factorize(rows[model.variance_by], sort=True)
        levels = tuple(found)
        if len(levels) < 2:
            raise UsageError(f"variance_by={model.variance_by!r} has one level ({levels[0]!r}); it needs two")
        if 2 * len(levels) > len(rows):
            raise UsageError(
                f"variance_by={model.variance_by!r} has {len(levels)} levels in {len(rows)} rows: a variance of each "
                "needs two rows of a level or more, on average. Name a column of groups."
            )
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
