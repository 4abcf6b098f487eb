r"""What a meta-regression says at values of its moderators: the mean effect there, and that of one new study.

At a row x the mean effect is :math:`x^Tb` with variance :math:`x^T V x`, and the true effect of a new study lies within
:math:`x^Tb ± q \sqrt{x^TVx + τ^2}` (Riley, Higgins & Deeks 2011); q is the quantile of the coefficients' limits. With
CR2, whose degrees of freedom differ by coefficient, it is that of the least of them, the widest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from doublecode.analysis.meta_analysis.effect_measures import back
from doublecode.analysis.mixed.formula_names import variables_of
from doublecode.analysis.mixed.model_rows import require_columns
from doublecode.analysis.mixed.prediction import columns_of_new_rows
from doublecode.schemas.errors import ContractError

if TYPE_CHECKING:
    from doublecode.analysis.meta_analysis.pooled_fit import PooledFit
    from doublecode.analysis.mixed.formula_columns import FormulaColumns


def predicted_at(
    fit: PooledFit, recipe: FormulaColumns, formula: str, moderators: pd.DataFrame, spec: dict[str, Any]
) -> pd.DataFrame:
    """Mean effects with limits and prediction limits, on the scale of the measure where one was named.

    Parameters
    ----------
    fit : PooledFit
    recipe, formula
        Of the moderators.
    moderators : DataFrame, shape (m, …)
        Values of every moderator.
    spec : dict
        Of the pooling: ``method, measure, conf_level``.

    Returns
    -------
    DataFrame, m rows
        The moderators, then ``estimate``, ``std_error`` (of the pooled scale), ``conf_low, conf_high, pi_low,
        pi_high``; prediction limits are NaN for a fixed effect, all of a row with a missing value.
    """
    named = sorted(variables_of(formula, recipe.required_variables))
    require_columns(moderators, named, "predict")
    moderators = moderators[named]
    texts = {coded.strip("`") for coded, _ in recipe.categories.values()}
    for name in named:
        if name not in texts and moderators[name].dtype.kind not in "iufb":
            raise ContractError(f"predict: {name}: found {moderators[name].iloc[0]!r}, allowed numbers, as in the fit.")
    X = columns_of_new_rows(recipe, formula, moderators, len(fit.beta))
    centre, squared = X @ fit.beta, np.einsum("ij,jk,ik->i", X, fit.vcov, X)
    reach = float(fit.reach(spec["conf_level"]).max())
    half = reach * np.sqrt(squared)
    wide = np.full(len(X), np.nan) if spec["method"] == "FE" else reach * np.sqrt(squared + fit.tau2)
    ends = {"estimate": centre, "conf_low": centre - half, "conf_high": centre + half,
            "pi_low": centre - wide, "pi_high": centre + wide}  # fmt: skip
    if spec["measure"] is not None:
        ends = {name: back(spec["measure"], values) for name, values in ends.items()}
    return moderators.reset_index(drop=True).assign(**ends, std_error=np.sqrt(squared))
