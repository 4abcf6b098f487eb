"""Multiple regression with an interaction of two centred variables (and without one).

The only module that knows statsmodels. The matrices come from formulaic, as
in the multilevel models, so that term names agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from doublecode.analysis.mixed.model_rows import CommonRows, columns_of, common_rows, require_columns
from doublecode.analysis.regression.conditional_effects import conditional_effects
from doublecode.analysis.regression.group_differences import AnovaResult as AnovaResult
from doublecode.analysis.regression.group_differences import group_anova as group_anova
from doublecode.analysis.regression.regression_design import (
    LEVERAGE_ONE,
    Matrices,
    build_matrices,
    centres_of,
    choose_subset,
    interaction_of,
    is_plain,
    leverages,
    variance_inflation,
    z_scores,
)
from doublecode.analysis.regression.regression_tables import Inference, diagnostics_of
from doublecode.analysis.rendering.answers import Answer
from doublecode.schemas.errors import NotEstimable, UsageError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from doublecode.schemas.study import ModerationModel

    Floats = NDArray[np.float64]

Robust = Literal["HC0", "HC1", "HC2", "HC3"]

BETA_Z = (
    "beta_z: outcome, predictors and covariates were z-scored on the analysed rows, the product formed from the "
    "z-scores, and the model refitted (Friedrich 1982; Aiken & West 1991)."
)
BETA_POSTHOC = (
    "beta_posthoc: b times the SD of its column (for the interaction: of the centred product) over the SD of the "
    "outcome, which is what SPSS prints as Beta."
)


@dataclass(frozen=True, eq=False, repr=False)
class ModerationResult(Answer):
    """A regression with its conditional slopes.

    Attributes
    ----------
    spec : dict
        Formula, predictor, moderator, conf_level, robust; for declared models also name, title, subset.
    frame : DataFrame
        ``term``, ``estimate``, ``std_error``, ``df``, ``statistic``, ``p_value``, ``conf_low``,
        ``conf_high``, ``beta_z``, ``beta_posthoc``, ``vif``.
    robust : DataFrame
        The estimate columns with heteroscedasticity-consistent standard errors.
    standardized : DataFrame
        ``term``, ``beta_z`` with ``std_error``, ``conf_low``, ``conf_high``, and ``beta_posthoc``.
    slopes : DataFrame
        Simple slopes: ``at``, ``moderator``, ``moderator_centred``, estimate columns, ``observed``.
    johnson_neyman : DataFrame
        Regions of the observed range: ``control``, ``low``, ``high``, ``slope_low``, ``slope_high``,
        ``significant``, ``direction``, ``n_rows``, ``share``.
    roots : DataFrame
        Boundaries of significance: ``control``, ``critical_t``, ``moderator``, ``moderator_centred``, ``observed``.
    slope_band : DataFrame
        Slope and bands over the observed range of the moderator, for the figure.
    lines : DataFrame
        Expected outcome at predictor × moderator, covariates at their means, for the figure.
    diagnostics : DataFrame
        ``row``, ``fitted``, ``residual``, ``rstudent``, ``leverage``, ``cooks_d``,
        ``distance2`` and ``distance_p`` (squared Mahalanobis distance over predictors, covariates and
        product, and its chi-square p-value).
    design : dict
        Counts, dropped rows, centres, fit of the whole model, ΔR² of the interaction, rows whose
        Mahalanobis distance has p < .001 (``multivariate_outliers``; Tabachnick & Fidell 2013).
    notes : tuple of str

    Without an interaction the tables of conditional slopes have no rows.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    robust: pd.DataFrame
    standardized: pd.DataFrame
    slopes: pd.DataFrame
    johnson_neyman: pd.DataFrame
    roots: pd.DataFrame
    slope_band: pd.DataFrame
    lines: pd.DataFrame
    diagnostics: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[str, ...]


def moderation(
    formula: str,
    data: pd.DataFrame,
    *,
    at: Mapping[str, float] | Sequence[float] | None = None,
    robust: Robust = "HC3",
    conf_level: float = 0.95,
    keys: Sequence[str] = ("patient",),
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
        Standard errors of ``.robust`` (MacKinnon & White 1985).
    conf_level : float
        Between 0 and 1.
    keys : sequence of str
        Columns that name a row.

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
        More than one interaction, or one of other than two numeric columns.
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
    if robust not in ("HC0", "HC1", "HC2", "HC3") or not 0 < conf_level < 1:
        raise UsageError(
            f"moderation: found robust = {robust!r} and conf_level = {conf_level}; "
            "allowed: HC0, HC1, HC2, HC3 and a level between 0 and 1."
        )
    pair = interaction_of(formula)
    rows = common_rows(data, columns_of(formula, data.columns), keys)
    centres = centres_of(rows.data, pair)
    matrices = build_matrices(
        formula, rows.data.assign(**{name: rows.data[name] - mean for name, mean in centres.items()})
    )
    fit = _fit(matrices)
    if float(fit.ssr) <= 1e-20 * float(fit.centered_tss):
        raise NotEstimable(
            f"formula {formula!r} fits all {len(matrices.y)} rows exactly; nothing is left to test with."
        )
    inference = Inference(fit, matrices, conf_level)
    standardized, beta_notes = _standardized(formula, rows.data, matrices, conf_level)
    conditional = conditional_effects(inference, rows.data, pair, centres, at)
    diagnostics, influence_notes = diagnostics_of(fit, matrices, rows.data, keys)
    predictor, moderator = pair or (None, None)
    return ModerationResult(
        spec={
            "formula": formula,
            "predictor": predictor,
            "moderator": moderator,
            "conf_level": conf_level,
            "robust": robust,
        },
        frame=_coefficients(inference, standardized),
        robust=inference.table(_robust_errors(fit, matrices, robust)),
        standardized=standardized,
        **conditional,
        diagnostics=diagnostics,
        design={
            **_counts(data, rows, centres),
            **_whole_model(fit, matrices, pair),
            "max_cooks_d": float(diagnostics["cooks_d"].max()),
            "max_distance2": float(diagnostics["distance2"].max()),
            "multivariate_outliers": diagnostics.loc[diagnostics["distance_p"] < 0.001, "row"].tolist(),
        },
        notes=_notes(pair, robust, conditional) + beta_notes + influence_notes,
    )


def fit_moderation(
    model: ModerationModel,
    frame: pd.DataFrame,
    *,
    observed: pd.DataFrame | None = None,
    at: Mapping[str, float] | Sequence[float] | None = None,
) -> ModerationResult:
    """Fit a regression as the study declares it.

    Parameters
    ----------
    model : ModerationModel
        Outcome, predictor, moderator (optional), covariates, subset (optional).
    frame : DataFrame
        One row per patient, with these columns.
    observed : DataFrame, optional
        The same rows before an outlier rule; the subset is judged by these values.
    at : mapping or sequence, optional
        Where simple slopes are wanted; see :func:`moderation`.

    Raises
    ------
    UsageError
        The subset cannot be read or leaves no row, or a variable is missing from the frame.

    Examples
    --------
    >>> import pandas as pd
    >>> from doublecode.schemas.study import ModerationModel
    >>> frame = pd.DataFrame({"patient": list("ABCDEF"), "hw3": [4.0, 5, 3, 6, 2, 5], "praise": [1.0, 2, 1, 4, 0, 3],
    ...                       "hw2": [3.0, 4, 2, 5, 0, 4]})
    >>> model = ModerationModel(name="praise", title="Praise", outcome="hw3", predictor="praise", subset="hw2 > 0")
    >>> fit_moderation(model, frame).design["n_rows"]
    5
    """
    focal = model.predictor if model.moderator is None else f"{model.predictor} * {model.moderator}"
    formula = f"{model.outcome} ~ {' + '.join((focal, *model.covariates))}"
    moderator = (model.moderator,) if model.moderator else ()
    require_columns(frame, (model.outcome, model.predictor, *moderator, *model.covariates), f"model {model.name!r}")
    kept, outside = choose_subset(model, frame, observed)
    result = moderation(formula, kept, at=at)
    notes = result.notes
    if model.subset is not None:
        notes = (f"Only rows with {model.subset}: {len(kept)} of {len(frame)}.", *notes)
    return replace(
        result,
        spec={"name": model.name, "title": model.title, "subset": model.subset, **result.spec},
        design={**result.design, "n_frame": len(frame), "outside_subset": outside},
        notes=notes,
    )


def _fit(matrices: Matrices) -> Any:
    from statsmodels.regression.linear_model import OLS

    return OLS(matrices.y, matrices.X, hasconst=True if "Intercept" in matrices.terms else None).fit(method="qr")


def _coefficients(inference: Inference, standardized: pd.DataFrame) -> pd.DataFrame:
    table = inference.table(np.asarray(inference.fit.bse))
    return table.assign(
        beta_z=standardized["beta_z"],
        beta_posthoc=standardized["beta_posthoc"],
        vif=variance_inflation(inference.matrices),
    )


def _robust_errors(fit: Any, matrices: Matrices, kind: Robust) -> Floats:
    if kind in ("HC2", "HC3") and (leverages(matrices) > LEVERAGE_ONE).any():
        return np.full(len(fit.params), np.nan)
    return np.asarray(fit.get_robustcov_results(cov_type=kind).bse)


def _standardized(
    formula: str, data: pd.DataFrame, matrices: Matrices, conf_level: float
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Standardised coefficients by both definitions; NaN, with a note, where one has no meaning."""
    import pandas as pd

    nothing = np.full(len(matrices.terms), np.nan)
    spread = np.where(np.array(matrices.terms) == "Intercept", np.nan, matrices.X.std(axis=0, ddof=1))
    b = np.asarray(_fit(matrices).params)
    posthoc = b * spread / matrices.y.std(ddof=1)
    beta, low, high, errors = nothing, nothing, nothing, nothing
    notes: tuple[str, ...] = (BETA_Z, BETA_POSTHOC)
    if is_plain(formula, data):
        scores = data.assign(**{name: z_scores(data[name]) for name in columns_of(formula, data.columns)})
        refit = build_matrices(formula, scores)
        table = Inference(_fit(refit), refit, conf_level).table(np.asarray(_fit(refit).bse))
        beta, low, high, errors = (table[c].to_numpy() for c in ("estimate", "conf_low", "conf_high", "std_error"))
    else:
        notes += ("beta_z is not given: the formula holds a category or a function, which has no z-score.",)
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


def _counts(data: pd.DataFrame, rows: CommonRows, centres: Mapping[str, float]) -> dict[str, Any]:
    return {
        "n_given": len(data),
        "n_rows": len(rows.data),
        "dropped": list(rows.lost),
        "centred_at": dict(centres),
    }


def _whole_model(fit: Any, matrices: Matrices, pair: tuple[str, str] | None) -> dict[str, Any]:
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
        place = matrices.terms.index(":".join(pair))
        terms = tuple(term for i, term in enumerate(matrices.terms) if i != place)
        without = _fit(Matrices(matrices.y, np.delete(matrices.X, place, axis=1), terms))
        delta = float(fit.rsquared - without.rsquared)
        found |= {"delta_r_squared": delta, "f_squared": delta / (1 - float(fit.rsquared))}
    return found


def _notes(pair: tuple[str, str] | None, robust: str, conditional: Mapping[str, Any]) -> tuple[str, ...]:
    notes: tuple[str, ...] = (f"Ordinary least squares; the limits beside it stand on {robust} standard errors.",)
    if pair is None:
        return notes
    predictor, moderator = pair
    notes = (f"{predictor} and {moderator} are centred at their means; covariates are not.", *notes)
    slopes = conditional["slopes"]
    beyond = ", ".join(slopes.loc[~slopes["observed"].astype(bool), "at"])
    if beyond:
        notes += (f"No {moderator} was observed as far out as {beyond}: the slope there is extrapolated.",)
    if conditional["johnson_neyman"].empty:
        return (*notes, f"{moderator} has two values, so there are no Johnson–Neyman regions between them.")
    return (
        *notes,
        f"Johnson–Neyman regions are given inside the observed range of {moderator} only. Their edges are estimates "
        "of this sample and not cut-offs for practice; many slopes are tested at once, so the region with the false "
        "discovery rate held (Esarey & Sumner 2018) is the one to report.",
    )
