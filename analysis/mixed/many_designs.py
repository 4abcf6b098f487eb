"""The sets of :func:`fit_many`: outcomes on one design, or with predictors of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from doublecode.analysis.mixed.design import Design, build_design
from doublecode.analysis.mixed.engine.moments import Moments, make_moments
from doublecode.analysis.mixed.engine.set_designs import make_set_moments
from doublecode.analysis.mixed.engine.subset import keep_rows
from doublecode.analysis.mixed.formula import ModelFormula, parse_mixed
from doublecode.analysis.mixed.formula_columns import FormulaColumns
from doublecode.analysis.mixed.formula_names import variables_of
from doublecode.analysis.mixed.model_rows import require_columns
from doublecode.schemas.errors import UsageError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Sets:
    """Outcomes, and predictors that differ by set.

    Attributes
    ----------
    design
        Groups, and columns of the predictors that all sets share; of one of the sets where they differ.
    Y
        (n, N) outcomes in the rows of the design; NaN is a missing row.
    own
        (n, N) values of each predictor that differs by set; finite wherever Y is.
    """

    design: Design
    Y: Floats
    own: dict[str, Floats]

    def fixed(self, which: Ints) -> Floats:
        """(n, p, S) fixed columns of some sets, S = 1 where they share them."""
        return self._columns(self.design.fixed_spec, self.design.X, which)

    def moments(self, which: Ints) -> Moments:
        """Sufficient statistics of some sets; a pattern of missing rows that all share becomes one smaller design."""
        Y = self.Y[:, which]
        if self.own:
            Z = [self._columns(term.spec, term.Z, which) for term in self.design.terms]
            return make_set_moments(self.design, Y, self.fixed(which), Z)
        missing = np.isnan(Y)
        if not missing.any() or not (missing == missing[:, :1]).all():
            return make_moments(self.design, Y)
        keep = ~missing[:, 0]
        return make_moments(keep_rows(self.design, keep), Y[keep])

    def design_of(self, which: int) -> Design:
        """The design of one set, its own predictors in, its missing rows out."""
        at = np.array([which])
        terms = tuple(
            replace(term, Z=self._columns(term.spec, term.Z, at)[:, :, 0]) if self.own else term
            for term in self.design.terms
        )
        design = replace(self.design, X=self.fixed(at)[:, :, 0], terms=terms) if self.own else self.design
        keep = ~np.isnan(self.Y[:, which])
        return design if keep.all() else keep_rows(design, keep)

    def varies(self, spec: Any) -> bool:
        """Whether columns differ by set."""
        return bool(self.own.keys() & spec.required_variables)

    def _columns(self, spec: Any, shared: Floats, which: Ints) -> Floats:
        if not self.varies(spec):
            return shared[:, :, None]
        n, N = len(shared), len(which)
        frame = self.design.frame
        long = frame.iloc[np.tile(np.arange(n), N)].reset_index(drop=True)
        long = long.assign(**{name: values[:, which].T.ravel() for name, values in self.own.items()})
        return np.asarray(spec.get_model_matrix(long), dtype=float).reshape(N, n, -1).transpose(1, 2, 0)


def sets_of(
    formula: str | ModelFormula, data: pd.DataFrame, responses: npt.ArrayLike, predictors: Mapping[str, npt.ArrayLike],
    **given: Any,
) -> Sets:  # fmt: skip
    """Check what was given and evaluate the design, with what else :func:`build_design` may be told.

    Raises
    ------
    UsageError
        An array has another shape than rows × sets or holds an infinite value; a predictor is no column, is a grouping
        factor, or is transformed by what it learns from all rows (``scale``, splines), which would differ by set.
    """
    Y = _numbers(responses, "responses", data, None)
    require_columns(data, list(predictors), "fit_many(predictors=)")
    own = {name: _numbers(values, f"predictors[{name!r}]", data, Y.shape[1]) for name, values in predictors.items()}
    if not own:
        design = build_design(formula, data, with_outcome=False, **given)
        return Sets(design, Y[design.rows], {})
    grouping = {factor for term in parse_mixed(formula).terms for factor in term.factors}
    if taken := [name for name in own if name in grouping]:
        raise UsageError(f"fit_many: {taken[0]!r} is a grouping factor; groups are the same in all sets")
    lost = np.isnan(Y) | np.logical_or.reduce([np.isnan(values) for values in own.values()])
    filled = {name: _filled(values, lost) for name, values in own.items()}
    typical = _most_varied(filled)
    base = data.assign(**{name: values[:, typical] for name, values in filled.items()})
    design = build_design(formula, base, with_outcome=False, **given)
    _refuse_learned(design, filled)
    rows = design.rows
    return Sets(design, np.where(lost, np.nan, Y)[rows], {name: values[rows] for name, values in filled.items()})


def _most_varied(own: Mapping[str, Floats]) -> int:
    """The set whose least varied predictor varies most: what all sets share is read off it."""
    spread = np.stack([values.std(axis=0) for values in own.values()])
    return int(np.argmax((spread / np.maximum(spread.max(axis=1, keepdims=True), 1e-300)).min(axis=0)))


def _filled(values: Floats, lost: npt.NDArray[np.bool_]) -> Floats:
    """A value of the same set where a row is lost: it counts nowhere, and no transformation of it can fail."""
    held = np.where(lost, np.nan, values)
    first = np.argmax(~lost, axis=0)
    return np.where(lost, np.nan_to_num(held[first, np.arange(values.shape[1])])[None], values)


def _refuse_learned(design: Design, own: Mapping[str, Floats]) -> None:
    for spec in (design.fixed_spec, *(term.spec for term in design.terms)):
        if not isinstance(spec, FormulaColumns):
            continue
        for part in spec.spec.transform_state:
            text = spec.own(str(part))
            if hit := variables_of(text, own):
                raise UsageError(
                    f"fit_many: {text} learns from all rows, and {min(hit)!r} differs by set; "
                    "give its values transformed"
                )


def _numbers(given: npt.ArrayLike, name: str, data: pd.DataFrame, n_sets: int | None) -> Floats:
    try:
        values = np.asarray(given, dtype=float)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name} must be numbers, with NaN for missing values ({error})") from error
    if values.ndim != 2 or values.shape[0] != len(data) or values.shape[1] == 0:
        raise UsageError(
            f"{name} must be (n_rows, n_sets) with the {len(data)} rows of the data; found shape {values.shape}. "
            "A fit that left rows out draws for its own rows only: give it, and this, data without missing values"
        )
    if n_sets is not None and values.shape[1] != n_sets:
        raise UsageError(f"{name} has {values.shape[1]} sets, responses have {n_sets}")
    if np.isinf(values).any():
        row, column = np.argwhere(np.isinf(values))[0]
        raise UsageError(f"{name}[{row}, {column}] is infinite; set missing values to NaN")
    return values
