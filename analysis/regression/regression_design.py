"""From a regression formula and a frame to the numbers of a least-squares fit.

What is centred, what is refused, which rows a subset keeps; no estimates here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from doublecode.analysis.mixed.formula import ModelFormula, parse_formula
from doublecode.analysis.mixed.formula_names import variables_of
from doublecode.schemas.errors import ContractError, FormulaError, NotEstimable, UsageError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


LEVERAGE_ONE = 1 - 1e-10
"""Above this leverage a row is fitted exactly, and what divides by 1 − leverage is undefined."""


@dataclass(frozen=True, eq=False)
class Matrices:
    """What ordinary least squares needs, with names: y (n,), X (n, p)."""

    y: Floats
    X: Floats
    terms: tuple[str, ...]


def interaction_of(formula: str | ModelFormula) -> tuple[str, str] | None:
    """Predictor and moderator: the two names of the only interaction, in the order written."""
    from formulaic import Formula
    from formulaic.errors import FormulaicError

    form = "Write it as 'outcome ~ predictor * moderator + covariate'."
    parsed = parse_formula(formula)
    if parsed.terms:
        raise FormulaError(f"formula {parsed.text!r} has random terms, which belong to fit_mixed. {form}")
    try:
        terms = list(Formula(parsed.text).rhs)
    except (FormulaicError, TypeError) as wrong:
        raise FormulaError(f"formula {parsed.text!r} cannot be read ({wrong}). {form}") from None
    products = [term for term in terms if len(term.factors) > 1]
    if not products:
        return None
    if len(products) > 1 or len(products[0].factors) != 2:
        found = ", ".join(map(str, products))
        raise UsageError(f"formula {parsed.text!r}: found the interactions {found}; allowed: one, of two variables.")
    first, second = (str(factor) for factor in products[0].factors)
    return first, second


def centres_of(data: pd.DataFrame, pair: tuple[str, str] | None) -> dict[str, float]:
    """Means at which the two variables of the interaction are centred; refuses what is no number."""
    for name in pair or ():
        if name not in data.columns or data[name].dtype.kind not in "ifb":
            raise UsageError(
                f"moderation: the interaction needs numeric columns, found {name!r}. "
                "Code it as numbers (0/1) in a column of its own."
            )
    return {name: float(data[name].mean()) for name in pair or ()}


def build_matrices(formula: str | ModelFormula, data: pd.DataFrame) -> Matrices:
    """Build y and X from complete rows.

    Raises
    ------
    ContractError
        A term has no value in some row.
    NotEstimable
        No more rows than coefficients, a column that those before it determine, or a constant outcome.
    """
    from formulaic import Formula
    from formulaic.errors import FormulaicError

    text = parse_formula(formula).text
    try:
        with np.errstate(all="ignore"):
            both = Formula(text).get_model_matrix(data, na_action="raise")
    except (FormulaicError, ValueError) as wrong:
        raise ContractError(
            f"formula {text!r} cannot be computed on these rows ({wrong}); a function of a column gives no number "
            "there (the logarithm of 0, a division by 0). Compute it as a column of the frame."
        ) from None
    y, X = both.lhs.to_numpy(dtype=np.float64), both.rhs.to_numpy(dtype=np.float64)
    if y.shape[1] != 1:
        raise UsageError(f"formula {text!r}: the outcome must be one numeric column.")
    terms = tuple(map(str, both.rhs.columns))
    n, p = X.shape
    if n <= p:
        raise NotEstimable(f"formula {text!r}: {n} complete rows for {p} coefficients; name fewer predictors.")
    _refuse_collinear(X, terms)
    if np.ptp(y) == 0:
        raise NotEstimable(f"formula {text!r}: the outcome is the same in all {n} rows; there is nothing to explain.")
    return Matrices(y[:, 0], X, terms)


def _refuse_collinear(X: Floats, terms: Sequence[str]) -> None:
    """Name the first column that those before it determine."""
    scaled = X / np.where(np.linalg.norm(X, axis=0) > 0, np.linalg.norm(X, axis=0), 1)
    diagonal = np.abs(np.diag(np.linalg.qr(scaled, mode="r")))
    if (diagonal < 1e-10).any():
        term = terms[int(np.argmax(diagonal < 1e-10))]
        raise NotEstimable(
            f"moderation: on these rows {term!r} is constant or determined by the terms before it; leave it out."
        )


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
    """
    if subset is None:
        return frame, []
    source = frame if observed is None else observed
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
    try:
        found: Any = _with_undecided(frame).eval(subset, engine="python")
    except (SyntaxError, NameError, TypeError, ValueError, KeyError, AttributeError) as wrong:
        raise UsageError(
            f"{where}: the subset {subset!r} cannot be read ({wrong}); "
            f"write a condition on the columns {', '.join(map(str, frame.columns))}."
        ) from None
    if getattr(found, "dtype", None) == "boolean":
        found = found.fillna(False).astype(bool)
    inside = np.asarray(found)
    if inside.dtype != np.bool_ or inside.shape != (len(frame),):
        raise UsageError(
            f"{where}: the subset {subset!r} is no condition that is true or false in each row. "
            "Compare a column with a value."
        )
    if re.search(r"\b(isna|isnull|notna|notnull)\b", subset):
        return inside
    # pandas turns a comparison with a text into a membership, which is never undecided
    texts = [name for name in variables_of(subset, frame.columns) if frame[name].dtype.kind not in "iufbM"]
    known: NDArray[np.bool_] = frame[texts].notna().all(axis=1).to_numpy(dtype=np.bool_)
    return inside & known
