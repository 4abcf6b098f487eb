"""Multiple regression with an interaction of two centred variables (and without one).

The only module that knows statsmodels. The matrices come from formulaic, as
in the multilevel models, so that term names agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from doublecode.analysis.mixed.formula import ModelFormula, parse_formula
from doublecode.analysis.mixed.formula_names import term_of
from doublecode.analysis.mixed.model_rows import CommonRows
from doublecode.analysis.regression.conditional_effects import conditional_effects
from doublecode.analysis.regression.linear_fit import LinearFit
from doublecode.analysis.regression.moderation_result import ModerationResult
from doublecode.analysis.regression.regression_design import (
    LEVERAGE_ONE,
    Matrices,
    build_matrices,
    centres_of,
    choose_subset,
    interaction_of,
    is_plain,
    leverages,
    refuse_lost_product,
    rows_in_use,
    variance_inflation,
    z_scores,
)
from doublecode.analysis.regression.regression_tables import (
    Inference,
    diagnostics_of,
    focal_term,
    largest_influence,
)
from doublecode.schemas.errors import NotEstimable, UsageError
from doublecode.schemas.frames import as_pandas
from doublecode.schemas.results import Note, check_conf_level

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

OUTLYING = 0.001
"""A row whose Mahalanobis distance has a smaller p-value is flagged (Tabachnick & Fidell 2013)."""
Robust = Literal["HC0", "HC1", "HC2", "HC3"]
Errors = Literal["least-squares", "robust"]


def moderation(
    formula: str,
    data: pd.DataFrame,
    *,
    at: Mapping[str, float] | Sequence[float] | None = None,
    robust: Robust = "HC3",
    errors: Errors = "least-squares",
    conf_level: float = 0.95,
    keys: Sequence[str] = ("patient",),
    subset: str | None = None,
    observed: pd.DataFrame | None = None,
) -> ModerationResult:
    """Regress an outcome on predictor × moderator and covariates by ordinary least squares.

    Predictor and moderator (the first and the second name of the interaction) are centred at
    their means of the analysed rows before the product is formed; covariates are not.

    Parameters
    ----------
    formula : str
        ``"hw2 ~ rationale * resistance + hispanic"``: at most one interaction, of two numeric
        columns. Without one this is a plain multiple regression.
    data : DataFrame
        One row per unit; rows that lack a variable are dropped and named in ``.design["dropped"]``.
    at : mapping of label to value, or sequence of values
        Where simple slopes are wanted, in the units of the moderator. Default: both codes of a
        two-valued moderator, otherwise mean − SD, mean, mean + SD, joined by the 16th, 50th and
        84th percentiles where those leave the observed range.
    robust : {"HC0", "HC1", "HC2", "HC3"}
        Kind of the robust standard errors (MacKinnon & White 1985).
    errors : {"least-squares", "robust"}
        On which standard errors ``.frame``, simple slopes, Johnson–Neyman regions, bands and lines stand;
        ``.least_squares`` and ``.robust`` have the coefficients with each.
    conf_level : float
        Between 0 and 1.
    keys : sequence of str
        Columns that name a row.
    subset : str, optional
        Condition on the columns, ``"hw2 > 0"``; only rows where it is true are analysed.
    observed : DataFrame, optional
        The same rows before an outlier rule; the subset is judged by these values. A frame that
        :func:`winsorise` adjusted is refused without it where the subset names an adjusted column.

    Returns
    -------
    ModerationResult
        Estimates, standardised coefficients (two definitions, named), simple slopes,
        Johnson–Neyman regions in the observed range, pointwise and with false-discovery control
        (Esarey & Sumner 2018), robust errors, VIF, Cook's D, ΔR².

    Raises
    ------
    FormulaError
        The formula names something that is no column.
    UsageError
        More than one interaction, or one of other than two numeric columns; a subset that cannot be read or
        leaves no row.
    NotEstimable
        Too few rows, or a column that the others determine.

    References
    ----------
    Aiken & West (1991), Multiple Regression: Testing and Interpreting Interactions. Bauer & Curran
    (2005), Multivariate Behavioral Research, 40, 373–400. Long & Ervin (2000), The American
    Statistician, 54, 217–224 (HC3). Agrees with R's lm, emmeans and sandwich to 1e-9.

    Examples
    --------
    >>> import pandas as pd
    >>> data = pd.DataFrame({"x": [0.0, 1, 2, 3, 0, 1, 2, 3], "z": [0.0, 0, 0, 0, 1, 1, 1, 1],
    ...                      "y": [1.0, 1.2, 0.9, 1.1, 0.1, 1.9, 4.2, 5.8]})
    >>> moderation("y ~ x * z", data).slopes[["at", "estimate"]].round(2).to_dict("records")
    [{'at': '0', 'estimate': 0.0}, {'at': '1', 'estimate': 1.94}]
    """
    data = as_pandas(data)
    check_conf_level(conf_level, "moderation")
    kind = errors_kind(robust, errors)
    parsed = parse_formula(formula)
    pair = interaction_of(parsed, data.columns)
    kept, outside = choose_subset(subset, data, observed, where=f"moderation {formula!r}")
    rows, unused = rows_in_use(kept, parsed, keys)
    centres = centres_of(rows.data, pair)
    both = (_centred(one, centres) for one in (rows.data, kept[list(rows.columns)]))
    matrices = build_matrices(parsed, *both, notes=unused)
    refuse_lost_product(matrices, pair, formula)
    fit = least_squares(matrices)
    refuse_exact(fit, formula)
    inference = inference_of(matrices, conf_level, kind, fit)
    standardized, beta_notes = _standardized(formula, rows.data, matrices, conf_level, kind)
    conditional = conditional_effects(inference, rows.data, pair, centres, at)
    diagnostics, influence_notes = diagnostics_of(fit, matrices, rows.data, keys)
    said = _subset_notes(subset, kept, data) + matrices.notes + _notes(pair, kind, robust, conditional)
    predictor, moderator = pair or (None, None)
    return ModerationResult(
        spec={
            "formula": formula,
            "predictor": predictor,
            "moderator": moderator,
            "conf_level": conf_level,
            "robust": robust,
            "errors": errors,
            "subset": subset,
        },
        frame=_coefficients(inference, standardized),
        least_squares=inference_of(matrices, conf_level, None, fit).table(),
        robust=inference_of(matrices, conf_level, robust, fit).table(),
        standardized=standardized,
        **conditional,
        diagnostics=diagnostics,
        outcome=parsed.response,
        linear=linear_fit(
            inference, parsed, rows, {"formula": formula, "conf_level": conf_level}, kind=kind, centres=centres
        ),
        points=rows.data[list(rows.columns)].assign(**{parsed.response: matrices.y}),
        design={
            **row_counts(kept, rows, centres),
            **whole_model(fit, matrices, pair),
            **_outlying(inference, diagnostics, pair, kind),
            "n_frame": len(data),
            "outside_subset": outside,
        },
        notes=(*said, *beta_notes, *influence_notes),
    )


def refuse_exact(fit: Any, formula: str) -> None:
    """Refuse a fit that leaves no residual."""
    if float(fit.ssr) <= 1e-20 * float(fit.centered_tss):
        raise NotEstimable(f"formula {formula!r} fits all {int(fit.nobs)} rows exactly; nothing is left to test with.")


def _centred(data: pd.DataFrame, centres: Mapping[str, float]) -> pd.DataFrame:
    return data.assign(**{name: data[name] - mean for name, mean in centres.items()})


def errors_kind(robust: Robust, errors: Errors) -> Robust | None:
    """The kind of robust errors that everything stands on; None for those of least squares."""
    if robust not in ("HC0", "HC1", "HC2", "HC3"):
        raise UsageError(f"moderation: found robust = {robust!r}; allowed: HC0, HC1, HC2, HC3.")
    if errors not in ("least-squares", "robust"):
        raise UsageError(f"moderation: found errors = {errors!r}; allowed: 'least-squares', 'robust'.")
    return robust if errors == "robust" else None


def _outlying(
    inference: Inference, diagnostics: pd.DataFrame, pair: tuple[str, str] | None, kind: Robust | None
) -> dict[str, Any]:
    """What the estimates rest on: the farthest rows and the most influential one."""
    matrices = inference.matrices
    focal = focal_term(matrices.terms, pair)
    return {
        "max_cooks_d": float(diagnostics["cooks_d"].max()),
        "largest_influence": largest_influence(inference.fit, matrices, diagnostics, focal),
        "max_distance2": float(diagnostics["distance2"].max()),
        "multivariate_outliers": diagnostics.loc[diagnostics["distance_p"] < OUTLYING, "row"].tolist(),
        "without_outliers": _without_outliers(matrices, diagnostics, pair, inference.conf_level, kind),
    }


def least_squares(matrices: Matrices) -> Any:
    """Fit by statsmodels; the one place that calls it."""
    from statsmodels.regression.linear_model import OLS

    return OLS(matrices.y, matrices.X, hasconst=True if "Intercept" in matrices.terms else None).fit(method="qr")


def _coefficients(inference: Inference, standardized: pd.DataFrame) -> pd.DataFrame:
    return inference.table().assign(
        beta_z=standardized["beta_z"],
        beta_posthoc=standardized["beta_posthoc"],
        vif=variance_inflation(inference.matrices),
    )


def inference_of(matrices: Matrices, conf_level: float, kind: Robust | None, fit: Any = None) -> Inference:
    """A fit with the covariance of least squares, or of a robust kind; NaN where a row has leverage 1."""
    fit = least_squares(matrices) if fit is None else fit
    if kind is None:
        covariance = np.asarray(fit.cov_params())
    elif kind in ("HC2", "HC3") and (leverages(matrices) > LEVERAGE_ONE).any():
        covariance = np.full((len(fit.params),) * 2, np.nan)
    else:
        covariance = np.asarray(fit.get_robustcov_results(cov_type=kind).cov_params())
    return Inference(fit, matrices, conf_level, covariance)


def linear_fit(
    inference: Inference,
    parsed: ModelFormula,
    rows: CommonRows,
    spec: dict[str, Any],
    *,
    kind: Robust | None,
    centres: Mapping[str, float] | None = None,
    design: Mapping[str, Any] | None = None,
) -> LinearFit:
    """Gather what marginal means and predictions need of a fit: coefficients, covariance, df, recipe, rows."""
    matrices = inference.matrices
    stands = Note("regression_stands_on", numbers={"errors": kind or "least squares"})
    return LinearFit(
        spec=spec, frame=inference.table(), design=dict(design or {}), notes=(*matrices.notes, stands),
        beta=np.asarray(inference.fit.params), covariance=inference.covariance, df=inference.df,
        recipe=matrices.recipe, fixed=parsed.fixed, outcome=parsed.response,
        points=rows.data[list(rows.columns)], centres=dict(centres or {}),
    )  # fmt: skip


def _without_outliers(
    matrices: Matrices, diagnostics: pd.DataFrame, pair: tuple[str, str] | None, conf_level: float, kind: Robust | None
) -> dict[str, float]:
    """The focal estimate without the flagged rows: n_rows, estimate, p_value, conf_low, conf_high; empty if none."""
    keep = ~(diagnostics["distance_p"].to_numpy(dtype=np.float64) < OUTLYING)
    X = matrices.X[keep]
    term = focal_term(matrices.terms, pair)
    if keep.all() or term is None or len(X) <= X.shape[1] or np.linalg.matrix_rank(X) < X.shape[1]:
        return {}
    found = inference_of(replace(matrices, y=matrices.y[keep], X=X), conf_level, kind).table()
    row = found.iloc[matrices.terms.index(term)]
    names = ("estimate", "p_value", "conf_low", "conf_high")
    return {"n_rows": float(len(X)), **{name: float(row[name]) for name in names}}


def _standardized(
    formula: str, data: pd.DataFrame, matrices: Matrices, conf_level: float, kind: Robust | None
) -> tuple[pd.DataFrame, tuple[Note, ...]]:
    """Standardised coefficients by both definitions; NaN, with a note, where one has no meaning."""
    import pandas as pd

    nothing = np.full(len(matrices.terms), np.nan)
    spread = np.where(np.array(matrices.terms) == "Intercept", np.nan, matrices.X.std(axis=0, ddof=1))
    b = np.asarray(least_squares(matrices).params)
    posthoc = b * spread / matrices.y.std(ddof=1)
    beta, low, high, errors = nothing, nothing, nothing, nothing
    notes: tuple[Note, ...] = (Note("beta_of_z_scores"), Note("beta_afterwards"))
    if is_plain(formula, data):
        scores = data.assign(**{name: z_scores(data[name]) for name in parse_formula(formula).columns(data.columns)})
        table = inference_of(build_matrices(formula, scores), conf_level, kind).table()
        beta, low, high, errors = (table[c].to_numpy() for c in ("estimate", "conf_low", "conf_high", "std_error"))
    else:
        notes += (Note("no_beta_of_z_scores"),)
    return (
        pd.DataFrame(
            {
                "term": matrices.terms,
                "beta_z": beta,
                "std_error": errors,
                "conf_low": low,
                "conf_high": high,
                "beta_posthoc": posthoc,
            }
        ),
        notes,
    )


def row_counts(data: pd.DataFrame, rows: CommonRows, centres: Mapping[str, float]) -> dict[str, Any]:
    """Rows given, in use and dropped, and where variables are centred."""
    return {
        "n_given": len(data),
        "n_rows": len(rows.data),
        "dropped": rows.lost_records,
        "centred_at": dict(centres),
    }


def whole_model(fit: Any, matrices: Matrices, pair: tuple[str, str] | None) -> dict[str, Any]:
    """Fit of the whole model; AIC and BIC count the residual SD as a parameter, as R's lm does."""
    n, p = matrices.X.shape
    loglik = float(fit.llf)
    found = {
        "r_squared": float(fit.rsquared),
        "adj_r_squared": float(fit.rsquared_adj),
        "sigma": float(np.sqrt(fit.mse_resid)),
        "f_statistic": float(fit.fvalue),
        "df1": float(fit.df_model),
        "df2": float(fit.df_resid),
        "p_value": float(fit.f_pvalue),
        "loglik": loglik,
        "aic": -2 * loglik + 2 * (p + 1),
        "bic": -2 * loglik + float(np.log(n)) * (p + 1),
    }
    if pair is not None:
        place = matrices.terms.index(term_of(*pair))
        terms = tuple(term for i, term in enumerate(matrices.terms) if i != place)
        without = least_squares(replace(matrices, X=np.delete(matrices.X, place, axis=1), terms=terms))
        delta = float(fit.rsquared - without.rsquared)
        found |= {"delta_r_squared": delta, "f_squared": delta / (1 - float(fit.rsquared))}
    return found


def _subset_notes(subset: str | None, kept: pd.DataFrame, data: pd.DataFrame) -> tuple[Note, ...]:
    numbers = {"subset": subset, "n_kept": len(kept), "n_frame": len(data)}
    return () if subset is None else (Note("regression_subset", numbers=numbers),)


def _notes(
    pair: tuple[str, str] | None, kind: Robust | None, beside: Robust, conditional: Mapping[str, Any]
) -> tuple[Note, ...]:
    stands = Note("regression_least_squares", numbers={"robust": beside})
    notes: tuple[Note, ...] = (stands if kind is None else Note("regression_robust", numbers={"robust": kind}),)
    if pair is None:
        return notes
    predictor, moderator = pair
    notes = (Note("regression_centred", numbers={"predictor": predictor, "moderator": moderator}), *notes)
    slopes = conditional["slopes"]
    beyond = tuple(slopes.loc[~slopes["observed"].astype(bool), "at"])
    if beyond:
        notes += (Note("slope_extrapolated", numbers={"moderator": moderator, "at": beyond}),)
    regions = "regions_observed"
    if conditional["johnson_neyman"].empty:
        defined = bool(np.isfinite(slopes["std_error"]).all())
        regions = "regions_of_two_values" if defined else "regions_undefined"
    return (*notes, Note(regions, numbers={"moderator": moderator}))
