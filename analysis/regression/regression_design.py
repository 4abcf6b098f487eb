"""From a regression formula and a frame to the numbers of a least-squares fit.

What is centred, what is refused, which rows a subset keeps; no estimates here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from doublecode.analysis.mixed.checks import refuse_text_numbers, without_redundant, without_unused
from doublecode.analysis.mixed.formula import ModelFormula, parse_formula
from doublecode.analysis.mixed.formula_columns import (
    Recipe,
    aliased_columns,
    formula_columns,
    renamed_columns,
    terms_of,
)
from doublecode.analysis.mixed.formula_names import quoted, term_of, variables_of
from doublecode.analysis.mixed.model_rows import CommonRows, adjusted_columns, common_rows
from doublecode.analysis.results.complete_rows import has_all
from doublecode.schemas.errors import ContractError, FormulaError, NotEstimable, UsageError
from doublecode.schemas.frames import as_pandas
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


LEVERAGE_ONE = 1 - 1e-10
"""Above this leverage a row is fitted exactly, and what divides by 1 − leverage is undefined."""


@dataclass(frozen=True, eq=False)
class Matrices:
    """What ordinary least squares needs, with names: y (n,), X (n, p), and the recipe of X for other rows."""

    y: Floats
    X: Floats
    terms: tuple[str, ...]
    recipe: Recipe
    notes: tuple[Note, ...] = ()


def interaction_of(formula: str | ModelFormula, columns: Iterable[object] | None = None) -> tuple[str, str] | None:
    """Predictor and moderator: the two names of the only interaction, in the order written.

    Raises
    ------
    UsageError
        More than one interaction, or one whose variables or intercept do not stand in the formula: to centre
        would then fit another model than the one that is written.
    """
    form = "Write it as 'outcome ~ predictor * moderator + covariate'."
    parsed = parse_formula(formula)
    if parsed.terms:
        raise FormulaError(f"formula {parsed.text!r} has random terms, which belong to fit_mixed. {form}")
    terms = terms_of(parsed.fixed, columns)
    products = [factors for factors in terms if len(factors) > 1]
    _refuse_squares(parsed)
    if not products:
        return None
    if len(products) > 1 or len(products[0]) != 2:
        found = ", ".join(map(":".join, products))
        raise UsageError(f"formula {parsed.text!r}: found the interactions {found}; allowed: one, of two variables.")
    first, second = products[0]
    absent = [name for name in (first, second) if (name,) not in terms]
    if absent or ("1",) not in terms:
        what = " and ".join(repr(name.strip("`")) for name in absent) or "the intercept"
        raise UsageError(
            f"formula {parsed.text!r}: the interaction {first}:{second} stands without {what}. Simple slopes are of "
            f"centred variables, which is another model unless both stand there, with the intercept: write "
            f"{first} * {second}. To fit the product as it stands, make it a column of the frame and name that."
        )
    return first.strip("`"), second.strip("`")


_NAME = r"`[^`]+`|[\w.]+"
_WITH_ITSELF = re.compile(rf"(?<![\w.`])({_NAME})\s*(?:[*:]\s*\1(?![\w.`(])|(?:\*\*|\^)\s*\d)")
_CALL = re.compile(r"[\w.]+\([^()]*\)")


def _refuse_squares(parsed: ModelFormula) -> None:
    """Refuse a variable times itself, which a formula reads as the variable alone."""
    text, count = parsed.fixed, 1
    while count:
        text, count = _CALL.subn("1", text)
    if found := _WITH_ITSELF.search(text):
        name = found[1]
        raise UsageError(
            f"formula {parsed.text!r}: {found[0]!r} is {name} alone, since a variable does not interact with itself. "
            f"For a square write {name} + I({name} ** 2); for an interaction name another variable."
        )


def centres_of(data: pd.DataFrame, pair: tuple[str, str] | None) -> dict[str, float]:
    """Means at which the two variables of the interaction are centred; refuses what is no number."""
    for name in pair or ():
        if name not in data.columns or data[name].dtype.kind not in "ifb":
            raise UsageError(
                f"moderation: the interaction needs numeric columns, found {name!r}. "
                "Code it as numbers (0/1) in a column of its own."
            )
    return {name: float(data[name].mean()) for name in pair or ()}


def rows_in_use(frame: pd.DataFrame, parsed: ModelFormula, keys: Sequence[str]) -> tuple[CommonRows, tuple[Note, ...]]:
    """Keep the rows that have every variable, and drop levels that none of them has, as R does.

    An unused level that comes first would be the reference that all others are held against.
    """
    rows = common_rows(frame, parsed.columns(frame.columns), keys)
    columns = {name: rows.data[name] for name in rows.columns}
    refuse_text_numbers(columns, parsed.roles)
    used, notes = without_unused(columns, parsed.predictors(columns))
    return (replace(rows, data=rows.data.assign(**used)), notes) if notes else (rows, ())


def build_matrices(
    formula: str | ModelFormula, data: pd.DataFrame, given: pd.DataFrame | None = None, *, notes: tuple[Note, ...] = ()
) -> Matrices:
    """Build y and X from complete rows; `given` are the rows before those that lack a value were left out.

    `notes` say what was done to the rows before, and go on in the answer.

    Raises
    ------
    ContractError
        A term has no value in some row.
    NotEstimable
        No more rows than coefficients, a column that those before it determine, or a constant outcome.
    """
    parsed = parse_formula(formula)
    y, _ = formula_columns(f"0 + {parsed.response}", data, given)
    X, recipe = formula_columns(parsed.fixed, data, given)
    text = parsed.text
    if not (np.isfinite(y).all() and np.isfinite(X).all()):
        raise ContractError(
            f"formula {text!r} cannot be computed on these rows; a function of a column gives no number "
            "there (the logarithm of 0, a division by 0). Compute it as a column of the frame."
        )
    if y.shape[1] != 1:
        raise UsageError(f"formula {text!r}: the outcome must be one numeric column.")
    X, terms, kept, left_out = without_redundant(X, recipe.names, recipe)
    n, p = X.shape
    if n <= p:
        raise NotEstimable(f"formula {text!r}: {n} complete rows for {p} coefficients; name fewer predictors.")
    _refuse_collinear(X, terms)
    if np.ptp(y) == 0:
        raise NotEstimable(f"formula {text!r}: the outcome is the same in all {n} rows; there is nothing to explain.")
    return Matrices(y[:, 0], X, terms, kept, notes + left_out)


def refuse_lost_product(matrices: Matrices, pair: tuple[str, str] | None, formula: str) -> None:
    """Refuse an interaction that these rows do not hold, such as one of two 0/1 columns with an empty cell."""
    if pair is not None and any(term_of(*pair) in note.numbers.get("columns", ()) for note in matrices.notes):
        raise NotEstimable(
            f"formula {formula!r}: on these rows {pair[0]} and {pair[1]} determine their product (no row has one of "
            f"their combinations), so there is no interaction to estimate; write {pair[0]} + {pair[1]}."
        )


def _refuse_collinear(X: Floats, terms: Sequence[str]) -> None:
    """Name the first column that those before it determine."""
    scaled = X / np.where(np.linalg.norm(X, axis=0) > 0, np.linalg.norm(X, axis=0), 1)
    diagonal = np.abs(np.diag(np.linalg.qr(scaled, mode="r")))
    if (diagonal < 1e-10).any():
        term = terms[int(np.argmax(diagonal < 1e-10))]
        raise NotEstimable(f"on these rows {term!r} is constant or determined by the terms before it; leave it out.")


def variance_inflation(matrices: Matrices) -> Floats:
    """Variance inflation of each column, 1/(1 − R²) on the others; NaN for the intercept."""
    found = np.full(len(matrices.terms), np.nan)
    slopes = [i for i, term in enumerate(matrices.terms) if term != "Intercept"]
    if len(slopes) == 1:
        found[slopes] = 1.0
    elif slopes:
        found[slopes] = np.diag(np.linalg.inv(np.corrcoef(matrices.X[:, slopes], rowvar=False)))
    return found


def leverages(matrices: Matrices) -> Floats:
    """Diagonal of the hat matrix X(XᵀX)⁻¹Xᵀ, shape (n,)."""
    q = np.linalg.qr(matrices.X)[0]
    return np.asarray((q**2).sum(axis=1), dtype=np.float64)


def is_plain(formula: str | ModelFormula, data: pd.DataFrame) -> bool:
    """Whether the formula is made of numeric columns only, without functions."""
    parsed = parse_formula(formula)
    return not parsed.calls and all(data[name].dtype.kind in "if" for name in parsed.columns(data.columns))


def z_scores(values: pd.Series[Any]) -> pd.Series[Any]:
    """Standardise a column: mean 0, SD 1 (denominator n − 1)."""
    return (values - values.mean()) / values.std(ddof=1)


def choose_subset(
    subset: str | None, frame: pd.DataFrame, observed: pd.DataFrame | None = None, *, where: str
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Return the rows that a condition keeps, and the others with the reason.

    Parameters
    ----------
    subset : str or None
        A condition on the columns, in pandas' query language; None keeps every row.
    frame : DataFrame
        Rows to choose from.
    observed : DataFrame, optional
        The same rows before an outlier rule: whether a row belongs to the subset is a question
        to what was observed, not to the value that it was winsorised to.
    where : str
        The model that asks, for what is refused.

    Raises
    ------
    UsageError
        The condition cannot be read or keeps no row, or names a column that an outlier rule changed and `observed`
        is missing or was changed too.
    """
    if subset is None:
        return frame, []
    source = frame if observed is None else as_pandas(observed)
    _refuse_adjusted(subset, source, where)
    if not source.index.equals(frame.index):
        raise UsageError(f"{where}: the observed frame does not have the rows of the frame; give the same rows.")
    inside = rows_inside(subset, source, where)
    if not inside.any():
        raise UsageError(f"{where}: the subset {subset!r} leaves no row of {len(frame)}.")
    label = (frame["patient"] if "patient" in frame.columns else frame.index.to_series()).to_numpy()
    used = variables_of(subset, source.columns)
    named = [column for column in map(str, source.columns) if column in used]
    unknown = source[named].isna()
    outside = []
    for place in np.flatnonzero(~inside):
        empty = [name for name in named if unknown[name].iloc[place]]
        why = f"{', '.join(empty)} is missing, so the subset" if empty else "outside the subset"
        outside.append({"patient": label[place], "reason": f"{why} {subset}{' is undecided' if empty else ''}"})
    return frame.loc[inside], outside


def _refuse_adjusted(subset: str, source: pd.DataFrame, where: str) -> None:
    changed = sorted(adjusted_columns(source) & variables_of(subset, source.columns))
    if changed:
        raise UsageError(
            f"{where}: the subset {subset!r} asks for {', '.join(changed)}, whose values an outlier rule has changed "
            "in this frame; whether a row belongs to a subset is asked of what was observed. Give the frame before the "
            "rule too: observed=."
        )


def _with_undecided(frame: pd.DataFrame) -> pd.DataFrame:
    """The columns in pandas' types that know a missing value, under which a comparison is undecided."""
    texts = {name: "string" for name in frame.columns if frame[name].dtype.kind not in "iufbM"}
    return frame.astype(texts).convert_dtypes()


def rows_inside(subset: str, frame: pd.DataFrame, where: str) -> NDArray[np.bool_]:
    """Evaluate the subset, shape (n_rows,).

    A comparison with a missing value is undecided (pandas has ``missing != 3`` true), and a row whose condition is
    undecided is not inside, as in R's ``subset``; *true or undecided* is true, *false and undecided* false. Where a
    text that the condition names is missing, the row is not inside, unless the condition asks for that (``isna``).
    """
    example = next((quoted(str(name)) for name in frame.columns if frame[name].dtype.kind in "if"), "hw2")
    aliased, aliases = aliased_columns(subset, frame.columns)
    try:
        found: Any = renamed_columns(_with_undecided(frame), aliases).eval(aliased, engine="python")
    except (SyntaxError, NameError, TypeError, ValueError, KeyError, AttributeError):
        raise UsageError(
            f"{where}: the subset {subset!r} cannot be read; write a condition on the columns "
            f"{', '.join(map(str, frame.columns))}, such as {example} > 0, with odd names in backticks."
        ) from None
    if getattr(found, "dtype", None) == "boolean":
        found = found.fillna(False).astype(bool)
    inside = np.asarray(found)
    if inside.dtype != np.bool_ or inside.shape != (len(frame),):
        raise UsageError(
            f"{where}: the subset {subset!r} is no condition that is true or false in each row. Compare a column with "
            f"a value, with two equals signs for equal: {example} == 2; columns: {', '.join(map(str, frame.columns))}."
        )
    if re.search(r"\b(isna|isnull|notna|notnull)\b", subset):
        return inside
    # pandas turns a comparison with a text into a membership, which is never undecided
    texts = [name for name in variables_of(subset, frame.columns) if frame[name].dtype.kind not in "iufbM"]
    return inside & has_all(frame, texts, len(frame))
