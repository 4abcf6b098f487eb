"""From formula and frame to the frozen numbers of a mixed model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from doublecode.analysis.mixed.checks import (
    check_weights,
    many_categories,
    orthogonal,
    refuse_constant,
    refuse_text_numbers,
    refuse_text_outcome,
    refuse_types,
    refuse_unidentified,
    two_levels,
    without_redundant,
    without_unused,
)
from doublecode.analysis.mixed.columns import (
    ColumnOrArray,
    Columns,
    all_finite,
    extra_values,
    own_column,
    required_columns,
)
from doublecode.analysis.mixed.formula import ModelFormula, RandomTerm, parse_mixed
from doublecode.analysis.mixed.formula_columns import Recipe, formula_columns
from doublecode.analysis.mixed.formula_names import variables_of
from doublecode.analysis.mixed.model_rows import refuse_infinite
from doublecode.analysis.mixed.plain_columns import is_ordinary_number, is_plain_number, plain_columns
from doublecode.analysis.mixed.slopes_between import slopes_between
from doublecode.analysis.results.complete_rows import LostRow, complete_rows
from doublecode.schemas.errors import ContractError, FormulaError, UsageError
from doublecode.schemas.results import Note

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Labels = npt.NDArray[Any] | pd.Index

SORT_BELOW = 20_000
"""Rows under which sorting integers is quicker than hashing them."""
LARGEST = 2**63 - 1
"""Largest code of a level."""


@dataclass(frozen=True)
class Term:
    """One random term with its numbers.

    Attributes
    ----------
    random
        The term as parsed.
    columns
        Names of the `p` columns (formulaic's), ``("Intercept", "x")``.
    Z
        (n, p) values of these columns; row i acts on level ``codes[i]``.
    codes
        (n,) level of the grouping factor in each row, 0 … n_levels − 1.
    labels
        Labels of the levels; for ``a:b`` joined by ``:``. :attr:`levels` is the index of them.
    spec
        Recipe of the columns, for new data.
    """

    random: RandomTerm
    columns: tuple[str, ...]
    Z: Floats
    codes: Ints
    labels: Labels
    spec: Recipe | None = None

    @property
    def group(self) -> str:
        """Name of the grouping factor."""
        return self.random.group

    @property
    def label(self) -> str:
        """The term as one writes it, ``(x | g)``."""
        return self.random.label

    @cached_property
    def levels(self) -> pd.Index:
        """Labels of the levels."""
        return pd.Index(self.labels)

    @property
    def n_levels(self) -> int:
        """Number of levels."""
        return len(self.labels)

    @property
    def size(self) -> int:
        """Number of random effects per level, p."""
        return int(self.Z.shape[1])

    @cached_property
    def factors(self) -> tuple[Floats, Floats]:
        """Z = QR, (n, p) and (p, p): what tells collinear columns, and what the engine takes for them."""
        return orthogonal(self.Z)


@dataclass(frozen=True)
class Design:
    """Everything the likelihood needs, and what was left out.

    Attributes
    ----------
    formula
        The parsed formula.
    y, X
        (n,) outcome and (n, p) fixed-effects columns, in the units of the data.
    x_names
        formulaic's names of the columns of `X`.
    terms
        Random terms in the order written.
    weights, offset
        (n,) or None. The residual variance of row i is σ²/wᵢ; the offset is a known part of the mean.
    rows
        (n,) positions in the given frame of the rows in use; `index` holds their labels.
    lost
        Label and missing columns of every row left out; :attr:`dropped` is the frame of them.
    log_det
        Log-determinant of the fixed part of the residual covariance, −Σ log wᵢ (plus that of
        a whitening, :mod:`doublecode.analysis.mixed.residuals.model`); added to the deviance.
    columns
        The columns in use, rows in use, by name; :attr:`frame` is the frame of them.
    whitened
        Names of the residual structures already divided out of y, X and Z.
    """

    formula: ModelFormula
    y: Floats
    X: Floats
    x_names: tuple[str, ...]
    terms: tuple[Term, ...]
    weights: Floats | None
    offset: Floats | None
    rows: Ints
    index: pd.Index
    columns: Columns
    lost: tuple[LostRow, ...]
    fixed_spec: Recipe
    log_det: float = 0.0
    whitened: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def nobs(self) -> int:
        """Number of rows in use."""
        return len(self.y)

    @cached_property
    def x_factors(self) -> tuple[Floats, Floats]:
        """X = QR, as :attr:`Term.factors`."""
        return orthogonal(self.X)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The columns in use, rows in use."""
        return pd.DataFrame(self.columns)

    @property
    def dropped(self) -> pd.DataFrame:
        """Frame with ``row`` (label) and ``columns`` (tuple of those missing) of every row left out."""
        return pd.DataFrame(list(self.lost), columns=["row", "columns"], dtype="object")

    @property
    def n_groups(self) -> dict[str, int]:
        """Number of levels of each grouping factor."""
        return {term.group: term.n_levels for term in self.terms}

    @property
    def counts(self) -> dict[str, Any]:
        """What a result prints about its data: rows given, used, dropped and why."""
        causes = Counter(name for row in self.lost for name in row.missing)
        return {
            "n_rows": self.nobs + len(self.lost),
            "n_used": self.nobs,
            "n_dropped": len(self.lost),
            "dropped_by_column": dict(causes.most_common()),
            "dropped_rows": [row.label for row in self.lost],
            "n_groups": self.n_groups,
        }

    def with_response(self, y: Floats) -> Design:
        """Return the same design with another outcome of length n."""
        return replace(self, y=np.asarray(y, dtype=float))


def build_design(
    formula: str | ModelFormula,
    data: pd.DataFrame,
    *,
    weights: ColumnOrArray = None,
    offset: ColumnOrArray = None,
    also: tuple[str, ...] = (),
    with_outcome: bool = True,
    row_levels: bool = False,
) -> Design:
    """Evaluate a mixed-model formula on a frame.

    Parameters
    ----------
    formula
        lme4 syntax, see :func:`doublecode.analysis.mixed.formula.parse_formula`.
    data
        One row per observation.
    weights, offset
        Column name or (n_rows,) values; weights are positive and inverse to the residual variance.
    also
        Further columns that must be there and complete, kept in :attr:`Design.frame`.
    with_outcome
        False leaves the outcome out of the missing-value rule and sets `y` to zero (:func:`fit_many`).
    row_levels
        Whether a random term may have a level per row: of counts, which have no residual of their own.

    Raises
    ------
    FormulaError, ContractError
        An unreadable formula; a column that is not there or has the wrong type.
    NotEstimable
        Perfectly collinear columns, one group, as many random effects as rows, a constant outcome.
    """
    parsed = parse_mixed(formula)
    if not isinstance(data, pd.DataFrame):
        raise UsageError(f"data must be a pandas DataFrame, not {type(data).__name__}")
    needed = required_columns(parsed, data, also, with_outcome=with_outcome)
    extra = {"weights": extra_values(weights, "weights", data), "offset": extra_values(offset, "offset", data)}
    all_rows: Columns = {str(name): own_column(data, name) for name in needed}
    keep, lost, columns = _in_use(all_rows, {k: v for k, v in extra.items() if v is not None}, data.index)
    columns, gone = _of_usable_kinds(columns, parsed, with_outcome=with_outcome)
    given = pd.DataFrame(all_rows) if lost and parsed.calls else None
    y, X, names, spec = _fixed_part(columns, parsed, given, with_outcome=with_outcome)
    X, names, spec, left_out = without_redundant(X, names, spec)
    kept = {k: None if v is None else v[keep] for k, v in extra.items()}
    w = check_weights(kept["weights"])
    terms = _build_terms(parsed, columns, given)
    groups = {term.group: term.n_levels for term in terms}
    of_groups = many_categories(spec, groups) + two_levels(groups) + slopes_between(terms)
    design = Design(
        formula=parsed, y=y, X=X, x_names=names, terms=terms,
        weights=w, offset=kept["offset"], rows=np.flatnonzero(keep), index=data.index[keep] if lost else data.index,
        columns=columns, lost=lost, fixed_spec=spec,
        log_det=0.0 if w is None else -float(np.log(w).sum()), notes=parsed.notes + gone + left_out + of_groups,
    )  # fmt: skip
    refuse_unidentified(X, names, design.terms, columns, design.x_factors[1], row_levels=row_levels)
    if with_outcome:
        refuse_constant(y, design.offset, parsed.response)
    return design


def _of_usable_kinds(columns: Columns, parsed: ModelFormula, *, with_outcome: bool) -> tuple[Columns, tuple[Note, ...]]:
    """Refuse columns of a kind that their place in the formula has no use for, and drop levels that no row has."""
    others = {name: column for name, column in columns.items() if not is_ordinary_number(column)}
    if not others:
        return columns, ()
    refuse_types(others, lambda: variables_of(" ".join((parsed.response, *parsed.expressions)), columns))
    refuse_text_numbers(others, parsed.roles)
    if with_outcome:
        refuse_text_outcome(parsed.response, others)
    less, gone = without_unused(others, parsed.predictors(columns))
    return columns | less, gone


def _in_use(
    columns: Columns, extra: dict[str, Floats], index: pd.Index
) -> tuple[npt.NDArray[np.bool_], tuple[LostRow, ...], Columns]:
    """Which rows have all values, those that lack one, and the columns of the former; infinite values are refused."""
    if len(index) and not extra and all(map(all_finite, columns.values())):
        return np.ones(len(index), dtype=bool), (), columns
    keep, lost = complete_rows({**columns, **extra}, index)
    if lost:
        columns = {name: column[keep] for name, column in columns.items()}
    refuse_infinite(columns, columns)
    return keep, lost, columns


def _fixed_part(
    columns: Columns, parsed: ModelFormula, given: pd.DataFrame | None, *, with_outcome: bool
) -> tuple[Floats, Floats, tuple[str, ...], Recipe]:
    plain = plain_columns(parsed.sum, columns)
    n = len(next(iter(columns.values())))
    bare = is_plain_number(parsed.response, columns)
    if with_outcome and not bare:
        values, recipe = formula_columns(f"0 + {parsed.response}", pd.DataFrame(columns), given)
        _refuse_infinite_columns(values, recipe.names, columns, parsed)
        if values.shape[1] != 1:
            raise FormulaError(
                f"the response {parsed.response!r} gives {values.shape[1]} columns "
                f"({', '.join(recipe.names)}); a mixed model needs one numeric outcome"
            )
        y = values[:, 0]
    else:
        y = columns[parsed.response].to_numpy(dtype=float, copy=True) if with_outcome else np.zeros(n)
    if plain is not None:
        return y, plain.values(columns, n), plain.names, plain
    X, spec = formula_columns(parsed.fixed, pd.DataFrame(columns), given)
    _refuse_infinite_columns(X, spec.names, columns, parsed)
    return y, X, spec.names, spec


def _refuse_infinite_columns(values: Floats, names: Sequence[str], columns: Columns, parsed: ModelFormula) -> None:
    bad = ~np.isfinite(values)
    if bad.any():
        column = names[int(np.argmax(bad.any(axis=0)))]
        row = next(iter(columns.values())).index[int(np.argmax(bad.any(axis=1)))]
        raise ContractError(
            f"{parsed.text!r}: {column} is not finite in row {row} although the data are; "
            "a transformation makes it so (log of 0, division by 0)"
        )


def _build_terms(parsed: ModelFormula, columns: Columns, given: pd.DataFrame | None) -> tuple[Term, ...]:
    coded: dict[frozenset[str], tuple[Ints, Labels]] = {}
    for term in parsed.terms:
        if frozenset(term.factors) not in coded:
            coded[frozenset(term.factors)] = _code(columns, term.factors)
    return tuple(_build_term(term, columns, given, *coded[frozenset(term.factors)]) for term in parsed.terms)


def _build_term(random: RandomTerm, columns: Columns, given: pd.DataFrame | None, codes: Ints, labels: Labels) -> Term:
    plain = plain_columns(random.sum, columns)
    if plain is not None:
        return Term(random, plain.names, plain.values(columns, len(codes)), codes, labels, plain)
    Z, recipe = formula_columns(random.expression, pd.DataFrame(columns), given)
    if Z.shape[1] == 0:
        raise FormulaError(f"random term {random.label} has no column; write (1 | {random.group})")
    if not np.isfinite(Z).all():
        raise ContractError(f"random term {random.label} has values that are not finite")
    return Term(random, recipe.names, Z, codes, labels, recipe)


def _code(columns: Columns, factors: tuple[str, ...]) -> tuple[Ints, Labels]:
    """Number the levels of a grouping factor in sorted order, unused categories left out."""
    codes, levels = _factorize(columns[factors[0]])
    for factor in factors[1:]:
        more, labels = _factorize(columns[factor])
        pairs, codes = np.unique(codes * len(labels) + more, return_inverse=True)
        first, second = levels[pairs // len(labels)], labels[pairs % len(labels)]
        levels = pd.Index([f"{a}:{b}" for a, b in zip(first.tolist(), second.tolist(), strict=True)])
    return codes, levels


def _number(values: npt.NDArray[Any]) -> tuple[Ints, Labels] | None:
    """Number the distinct integers in their order by marking them on their range; None if that is too wide."""
    low, high = int(values.min()), int(values.max())
    if high - low > 4 * len(values) + 100 or high > LARGEST:
        if len(values) >= SORT_BELOW:
            return None
        levels, codes = np.unique(values, return_inverse=True)
        return codes.astype(np.int64), levels
    places = values.astype(np.int64, copy=False) - low
    there = np.zeros(high - low + 1, dtype=bool)
    there[places] = True
    codes = places if there.all() else (np.cumsum(there) - 1)[places]
    return codes, (np.flatnonzero(there) + low).astype(values.dtype)


def _factorize(column: pd.Series[Any]) -> tuple[Ints, Labels]:
    if isinstance(column.dtype, pd.CategoricalDtype):
        used = column.cat.remove_unused_categories()
        return used.cat.codes.to_numpy().astype(np.int64), pd.Index(used.cat.categories)
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iu":
        numbered = _number(column.to_numpy())
        if numbered is not None:
            return numbered
    held = column.to_numpy(dtype=object) if column.dtype == "str" else column  # many times as quick
    try:
        codes, levels = pd.factorize(held, sort=True)
    except TypeError as error:
        raise ContractError(
            f"grouping column {column.name!r} mixes types that cannot be ordered ({error}); make it text"
        ) from error
    return codes.astype(np.int64), pd.Index(levels)
