"""What a design refuses by name before any number is made.

Columns that no formula can use (text as outcome, dates, infinite values), weights that are none, and models that no
estimator can tell apart, with lme4's rules.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from doublecode.analysis.mixed.formula_columns import FormulaColumns, Recipe
from doublecode.analysis.mixed.formula_names import quoted
from doublecode.schemas.column_types import Oddity, Role, decimal_mark, missing_in, number_in_cell, read_values
from doublecode.schemas.errors import ContractError, FormulaError, NotEstimable, UsageError
from doublecode.schemas.results import Note

Floats = npt.NDArray[np.float64]

COLLINEAR = 1e-9
"""Share of a column's length left after regression on those before it, under which it is redundant."""
MANY_ROWS = 100
"""Rows above which columns are made orthogonal by their products."""
APART = 0.01
"""Share of a column's length that must then lie outside the span of those before it."""
WELL_APART = 0.1
"""The same, above which one pass leaves columns uncorrelated to some 1e-14."""
MANY = 8
"""Levels from which a categorical variable with half as many of them as there are groups is named."""
ABSORBED = 1e-9
"""Share of a column's length outside the fixed effects, under which they contain it."""


class RandomColumns(Protocol):
    """The numbers of one random term: Z (n, p) with names, codes (n,) of the levels, and how one writes it."""

    @property
    def label(self) -> str: ...  # noqa: D102
    @property
    def group(self) -> str: ...  # noqa: D102
    @property
    def columns(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def Z(self) -> Floats: ...  # noqa: D102, N802
    @property
    def codes(self) -> npt.NDArray[np.int64]: ...  # noqa: D102
    @property
    def levels(self) -> pd.Index[Any]: ...  # noqa: D102
    @property
    def n_levels(self) -> int: ...  # noqa: D102
    @property
    def size(self) -> int: ...  # noqa: D102
    @property
    def factors(self) -> tuple[Floats, Floats]: ...  # noqa: D102


def as_floats(value: Any, what: str) -> Floats:
    """Return weights or an offset as floats, missing as NaN; refuse text, and an infinite offset, by name."""
    series = value if isinstance(value, pd.Series) else pd.Series(np.asarray(value))
    where = f"column {series.name!r} ({what})" if series.name is not None else what
    if not pd.api.types.is_numeric_dtype(series.dtype):
        for row, item in zip(series.index, series, strict=True):
            if not (pd.isna(item) or isinstance(item, int | float | np.number)):
                raise ContractError(
                    f"{where} holds {str(item)!r} in row {row}, which is no number; "
                    "correct it, or convert numbers kept as text with pandas.to_numeric"
                )
    array = np.asarray(series.to_numpy(dtype=float, na_value=np.nan), dtype=float)
    if what == "offset" and np.isinf(array).any():
        rows = ", ".join(map(str, series.index[np.isinf(array)][:5]))
        raise ContractError(
            f"{where} has {int(np.isinf(array).sum())} infinite values (row {rows}); correct them or set them missing"
        )
    return array


def refuse_text_outcome(response: str, columns: Mapping[str, pd.Series[Any]]) -> None:
    """Refuse an outcome column that holds text, categories or objects, with an example of what it holds."""
    column = columns.get(response.strip("`"))
    if column is None or column.dtype.kind in "iufmMc" or pd.api.types.is_numeric_dtype(column.dtype):
        return
    found = list(dict.fromkeys(map(str, column)))
    shown = ", ".join(map(repr, found[:3])) + (", …" if len(found) > 3 else "")
    raise FormulaError(
        f"outcome column {response!r} is of type {column.dtype} ({shown}), and a mixed model needs one numeric "
        f"outcome; if these are numbers kept as text, convert them with pandas.to_numeric(data[{response!r}])"
    )


def without_unused(
    columns: Mapping[str, pd.Series[Any]], predictors: Collection[str]
) -> tuple[dict[str, pd.Series[Any]], tuple[Note, ...]]:
    """Drop the levels of categorical predictors that no row in use has, as R does, and say which."""
    out, notes = dict(columns), []
    for name, column in columns.items():
        if name not in predictors or not isinstance(column.dtype, pd.CategoricalDtype):
            continue
        used = column.cat.remove_unused_categories()
        gone = column.cat.categories.difference(used.cat.categories, sort=False)
        if len(gone):
            out[name] = used
            notes.append(Note("unused_levels", numbers={"column": name, "levels": tuple(map(str, gone))}))
    return out, tuple(notes)


def refuse_absorbed(X: Floats, names: Sequence[str], terms: Sequence[RandomColumns]) -> None:
    """Refuse a random term whose every column the fixed effects contain: its variance leaves no trace.

    A term of q = levels × size columns lies in the span of X only if q ≤ p, so that wide terms cost nothing.
    """
    for term in terms:
        q = term.n_levels * term.size
        if not 1 < q <= X.shape[1]:
            continue
        Z = np.zeros((len(X), q))
        for k in range(term.size):
            Z[np.arange(len(X)), term.codes * term.size + k] = term.Z[:, k]
        scaled = X / np.linalg.norm(X, axis=0)
        lengths = np.linalg.norm(Z, axis=0)
        left = np.linalg.norm(Z - scaled @ np.linalg.lstsq(scaled, Z, rcond=None)[0], axis=0)
        if (left <= ABSORBED * lengths).all():
            raise NotEstimable(
                f"the fixed effects ({', '.join(names[:8])}{', …' if len(names) > 8 else ''}) already give each level "
                f"of {term.group!r} its own coefficient, so the variance of {term.label} cannot be estimated; "
                f"take {term.group!r} out of the fixed part or {term.label} out of the random part"
            )


def refuse_types(columns: Mapping[str, pd.Series[Any]], values: Callable[[], Collection[str]]) -> None:
    """Refuse dates, durations and complex numbers as outcome or predictor; as groups they will do.

    `values` names the columns that make numbers; it is asked only where such a column is there.
    """
    kinds = {"M": "dates", "m": "durations", "c": "complex numbers"}
    strange = [name for name, column in columns.items() if column.dtype.kind in kinds]
    for name in sorted(set(strange).intersection(values())) if strange else ():
        raise ContractError(
            f"column {name!r} holds {kinds[columns[name].dtype.kind]}, which no formula can use as they stand; "
            "make it a number (days since a start, say)"
        )


def refuse_text_numbers(columns: Mapping[str, pd.Series[Any]], roles: Mapping[str, Role]) -> None:
    """Refuse numbers and dates kept as texts where a formula would make categories of them, one for each value."""
    for name, role in roles.items():
        column = columns.get(name)
        if role is not Role.TERM or column is None or column.dtype.kind in "iufbcmM":
            continue
        if isinstance(column.dtype, pd.CategoricalDtype):
            continue
        present = column[~missing_in(column)]
        values = [value for value in present.unique() if not isinstance(value, (bool, np.bool_))]
        read = read_values(values, Role.TERM, decimal_mark(values))
        if not values or not (read.numbers or read.odd):
            continue
        kind, instead = (
            ("dates", "days since a start, say")
            if not read.numbers
            else ("numbers", "without signs, units and thousands")
            if read.odd and read.odd[1] is Oddity.DRESSED
            else ("numbers", "pandas.to_numeric does")
        )
        row = present.index[int(np.argmax([number_in_cell(value) is not None for value in present]))]
        raise ContractError(
            f"column {name!r} holds {kind} as text (such as {present[present.index == row].iloc[0]!r} in row {row}), "
            f"and would enter as {len(values)} categories; make it numbers ({instead}), or write C({quoted(name)}) for "
            "categories"
        )


def many_categories(recipe: Recipe, groups: Mapping[str, int]) -> tuple[Note, ...]:
    """Say which variable enters as nearly as many categories as there are groups."""
    group, fewest = min(groups.items(), key=lambda one: one[1])
    return tuple(
        Note(
            "many_categories",
            numbers={
                "column": factor, "n_levels": len(levels), "n_dummies": len(levels) - 1, "group": group,
                "n_groups": fewest,
            },
        )
        for factor, (_, levels) in recipe.categories.items()
        if len(levels) >= max(MANY, 0.5 * fewest)
    )  # fmt: skip


def two_levels(groups: Mapping[str, int]) -> tuple[Note, ...]:
    """Name the grouping factors whose variance rests on one difference."""
    return tuple(Note("two_levels", numbers={"group": group}) for group, n_levels in groups.items() if n_levels == 2)


def check_weights(weights: Floats | None) -> Floats | None:
    """Return the weights (n,) unchanged; refuse those that are not positive and finite."""
    if weights is None:
        return None
    if not (np.isfinite(weights).all() and (weights > 0).all()):
        raise UsageError(
            f"weights must be positive and finite; the smallest is {weights.min()}, the largest {weights.max()}. "
            "To leave a row out, drop it from the data"
        )
    return weights


def refuse_unidentified(
    X: Floats,
    x_names: tuple[str, ...],
    terms: Sequence[RandomColumns],
    columns: Mapping[str, pd.Series[Any]],
    x_root: Floats,
    *,
    row_levels: bool = False,
) -> None:
    """Refuse what no estimator can tell apart, with lme4's rules, before any number is made.

    Parameters
    ----------
    X, x_names
        (n, p) fixed-effects columns and their names.
    terms
        The random terms.
    columns
        The columns in use, (n,) each.
    x_root
        (p, p) triangular factor of X.
    row_levels
        Whether a term may have as many effects as there are rows.
    """
    n = len(X)
    for term in terms:
        q = term.n_levels * term.size
        if term.n_levels < 2:
            raise NotEstimable(
                f"grouping factor {term.group!r} has one level ({str(term.levels[0])!r}); "
                "a variance between groups needs at least two"
            )
        if q >= n and not (row_levels and q == n):
            raise NotEstimable(
                f"term {term.label} has {q} random effects ({term.n_levels} levels × {term.size}) for {n} rows; "
                "they cannot be told from the residual"
                + (": one row per group" if term.n_levels == n else "; take a simpler term")
            )
        _refuse_collinear(term.Z, term.columns, f"random term {term.label}", term.factors[1])
    if X.shape[1]:
        _refuse_collinear(X, x_names, "fixed effects", x_root)
    if X.shape[1] >= n:
        text = [f"{name} ({one.nunique()} levels)" for name, one in columns.items() if _is_text(one)]
        raise NotEstimable(
            f"{X.shape[1]} fixed effects need more than {n} rows"
            + (f"; text columns are categories: {', '.join(text)}" if text else "")
        )
    _refuse_same_partition(terms)
    refuse_absorbed(X, x_names, terms)


def _is_text(column: pd.Series[Any]) -> bool:
    return not pd.api.types.is_numeric_dtype(column.dtype)


def _refuse_same_partition(terms: Sequence[RandomColumns]) -> None:
    for i, a in enumerate(terms):
        for b in terms[i + 1 :]:
            if a.group == b.group or a.n_levels != b.n_levels:
                continue
            pairs = np.unique(a.codes * b.n_levels + b.codes)
            if len(pairs) == a.n_levels and set(a.columns) & set(b.columns):
                raise NotEstimable(
                    f"{a.label} and {b.label} divide the rows alike, so their variances cannot be told apart; "
                    "keep one of the terms"
                )


def without_redundant(
    X: Floats, names: tuple[str, ...], recipe: Recipe
) -> tuple[Floats, tuple[str, ...], Recipe, tuple[Note, ...]]:
    """Leave out columns of levels and products that those before them determine, as lme4 does, and say which.

    An empty cell of ``a * b`` makes such a column. A variable of its own that others determine stays, to be refused
    by name: there the way on is to take it out of the formula.
    """
    refuse_one_level(recipe)
    if not isinstance(recipe, FormulaColumns) or not X.shape[1] or len(X) < X.shape[1]:
        return X, names, recipe, ()
    gone = tuple(place for place in redundant_columns(X) if recipe.partly(place))
    if not gone:
        return X, names, recipe, ()
    less = recipe.without(X, gone)
    note = Note("columns_left_out", numbers={"columns": tuple(names[place] for place in gone)})
    return X[:, list(less.kept or ())], less.names, less, (note,)


def refuse_one_level(recipe: Recipe) -> None:
    """Refuse a category with one level in use: beside the intercept it has no column, and would be lost unseen."""
    for term, places in recipe.term_indices.items():
        if places:
            continue
        categories = [recipe.categories[name] for name in recipe.factors[term] if name in recipe.categories]
        for found in (one for one in categories if len(one.levels) < 2):
            level = f" ({str(found.levels[0])!r})" if found.levels else ""
            raise NotEstimable(
                f"predictor {found.coded!r} has one level in the rows in use{level}; there is nothing to compare it "
                "with: leave it out, or check which rows lack a value"
            )


def redundant_columns(X: Floats) -> tuple[int, ...]:
    """Positions of the columns of X (n, p) that are zero or that those before them determine, in order."""
    lengths = np.linalg.norm(X, axis=0)
    if lengths.all() and (np.abs(np.diag(np.linalg.qr(X / lengths, mode="r"))) >= COLLINEAR).all():
        return ()
    basis = np.zeros((len(X), 0))
    found = []
    for place, length in enumerate(lengths):
        left = X[:, place] / (length or 1.0)
        for _ in range(2):
            left = left - basis @ (basis.T @ left)
        size = float(np.linalg.norm(left))
        if length == 0 or size < COLLINEAR:
            found.append(place)
        else:
            basis = np.column_stack([basis, left / size])
    return tuple(found)


def orthogonal(columns: Floats) -> tuple[Floats, Floats]:
    """Split columns (n, p) = Q R with QᵀQ = n I, columns of mean square one, and R positive on its diagonal.

    One column is divided by its root mean square, without a call of LAPACK. Of many rows R is the factor of Cholesky of
    the products, at a fraction of the price, and taken twice it is as exact where no column is near the others' span
    (CholeskyQR2; Yamamoto et al. 2015, *ETNA* 44); once is enough where all stand well apart.
    """
    n = len(columns)
    if columns.shape[1] != 1:
        quick = _by_products(columns) if n > MANY_ROWS else None
        if quick is not None:
            return quick
        Q, R = np.linalg.qr(columns)
        sign = np.where(np.diag(R) < 0, -1.0, 1.0)
        return Q * (sign * np.sqrt(n)), (sign[:, None] * R) / np.sqrt(n)
    length = np.sqrt(columns.T @ columns / n)
    return columns / np.where(length > 0.0, length, 1.0), length


def _by_products(columns: Floats) -> tuple[Floats, Floats] | None:
    """Q and R by the products of the columns; None where a column lies close to the span of those before it."""
    from scipy.linalg import lapack

    Q, R = columns, np.eye(columns.shape[1])
    for _ in range(2):
        products = Q.T @ Q / len(Q)
        root, failed = lapack.dpotrf(products, lower=1)
        if failed:
            return None
        outside = float(np.minimum.reduce(root.diagonal() / np.sqrt(products.diagonal()), initial=1.0))
        if outside < APART:
            return None
        Q, R = (lapack.dtrtri(root, lower=1)[0] @ Q.T).T, root.T @ R
        if outside > WELL_APART:
            break
    return Q, R


def _refuse_collinear(X: Floats, names: tuple[str, ...], where: str, root: Floats) -> None:
    """Gram–Schmidt in order: name the first column that those before it determine, and which do; X = Q `root`."""
    lengths = np.sqrt(np.add.reduce(root * root, axis=0))
    if len(root) == X.shape[1] and (np.abs(root.diagonal()) > COLLINEAR * lengths).all():
        return
    if (lengths == 0).any():
        raise NotEstimable(f"{where}: column {names[int(np.argmin(lengths))]} is zero in every row in use")
    R = root / lengths
    left = np.abs(np.diag(R)) if len(R) else np.zeros(0)
    bad = np.flatnonzero(left < COLLINEAR)
    if len(left) < X.shape[1]:
        raise NotEstimable(f"{where}: {X.shape[1]} columns for {len(X)} rows")
    if not len(bad):
        return
    j = int(bad[0])
    weight = np.linalg.lstsq(R[:j, :j], R[:j, j], rcond=None)[0]
    causes = [names[k] for k in range(j) if abs(weight[k]) > 1e-6]
    raise NotEstimable(
        f"{where}: perfect collinearity, column {names[j]} is a linear combination of "
        f"{', '.join(causes)}; leave one of them out"
    )


def refuse_constant(y: Floats, offset: Floats | None, response: str) -> None:
    """Refuse an outcome (n,) that is the same in every row in use, beside its offset."""
    left = y if offset is None else y - offset
    if (left == left[0]).all():
        raise NotEstimable(
            f"the outcome {response!r} is constant ({left[0]:g} in all {len(left)} rows); there is nothing to model"
        )
