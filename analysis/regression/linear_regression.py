"""Plain linear regression, with factors and any interactions: the door for what is no moderation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from doublecode.analysis.mixed.formula import parse_formula
from doublecode.analysis.regression.linear_fit import LinearFit
from doublecode.analysis.regression.moderated import (
    Errors,
    Robust,
    errors_kind,
    inference_of,
    least_squares,
    linear_fit,
    refuse_exact,
    row_counts,
    whole_model,
)
from doublecode.analysis.regression.regression_design import build_matrices, rows_in_use
from doublecode.schemas.errors import FormulaError
from doublecode.schemas.frames import as_pandas
from doublecode.schemas.results import check_conf_level

if TYPE_CHECKING:
    import pandas as pd


def fit_linear(
    formula: str,
    data: pd.DataFrame,
    *,
    errors: Errors = "least-squares",
    robust: Robust = "HC3",
    conf_level: float = 0.95,
    keys: Sequence[str] = ("patient", "session"),
) -> LinearFit:
    """Fit a linear regression by ordinary least squares, b = (XᵀX)⁻¹Xᵀy.

    Nothing is centred. For a product of two numeric variables with its simple slopes there is
    :func:`doublecode.analysis.moderation`.

    Parameters
    ----------
    formula : str
        ``"hw2 ~ phase * arm + age"``: numbers, factors and any interactions; no random terms.
    data : DataFrame
        One row per unit; rows that lack a variable are dropped and named in ``.design["dropped"]``.
    errors : {"least-squares", "robust"}
        On which standard errors everything stands.
    robust : {"HC0", "HC1", "HC2", "HC3"}
        Kind of the robust ones (MacKinnon & White 1985).
    conf_level : float
        Between 0 and 1.
    keys : sequence of str
        Columns that name a dropped row.

    Returns
    -------
    LinearFit
        To be printed, or given to :func:`doublecode.analysis.marginal_means`.

    Raises
    ------
    FormulaError
        The formula names something that is no column, or has random terms.
    NotEstimable
        Too few rows, a column that the others determine, a constant outcome, or an exact fit.

    Examples
    --------
    >>> import pandas as pd
    >>> data = pd.DataFrame({"arm": list("aaabbb"), "hw": [1.0, 2, 3, 3, 5, 4]})
    >>> fit_linear("hw ~ arm", data).frame[["term", "estimate"]].round(2).to_dict("records")
    [{'term': 'Intercept', 'estimate': 2.0}, {'term': 'arm[T.b]', 'estimate': 2.0}]
    """
    data = as_pandas(data)
    check_conf_level(conf_level, "fit_linear")
    kind = errors_kind(robust, errors)
    parsed = parse_formula(formula)
    if parsed.terms:
        raise FormulaError(f"formula {parsed.text!r} has random terms, which belong to fit_mixed.")
    rows, unused = rows_in_use(data, parsed, keys)
    matrices = build_matrices(parsed, rows.data, data[list(rows.columns)], notes=unused)
    fit = least_squares(matrices)
    refuse_exact(fit, formula)
    return linear_fit(
        inference_of(matrices, conf_level, kind, fit), parsed, rows,
        {"formula": formula, "errors": errors, "robust": robust, "conf_level": conf_level},
        kind=kind, design={**row_counts(data, rows, {}), **whole_model(fit, matrices, None)},
    )  # fmt: skip
