"""Multiple regression with an interaction of two centred variables (and without one).

The only module that knows statsmodels. The matrices come from formulaic, as
in the multilevel models, so that term names agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from doublecode.analysis.group_differences import AnovaResult as AnovaResult
from doublecode.analysis.group_differences import group_anova as group_anova
from doublecode.analysis.model_rows import CommonRows, columns_of, common_rows, require_columns
from doublecode.analysis.regression_design import (
    Matrices,
    build_matrices,
    centres_of,
    choose_subset,
    interaction_of,
    is_plain,
    variance_inflation,
    z_scores,
)
from doublecode.analysis.simple_slopes import (
    BAND_COLUMNS,
    REGION_COLUMNS,
    ROOT_COLUMNS,
    SLOPE_COLUMNS,
    SlopeLine,
    critical_t,
    default_points,
    johnson_neyman,
    slope_band,
    slope_table,
    two_sided_p,
)
from doublecode.analysis.tables import to_markdown
from doublecode.schemas.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from doublecode.schemas.study import ModerationModel

    Floats = NDArray[np.float64]

Robust = Literal["HC0", "HC1", "HC2", "HC3"]
LINE_COLUMNS = ("at", "moderator", "predictor", "estimate", "std_error", "conf_low", "conf_high")

BETA_Z = (
    "beta_z: outcome, predictors and covariates were z-scored on the analysed rows, the product formed from the "
    "z-scores, and the model refitted (Friedrich 1982; Aiken & West 1991)."
)
BETA_POSTHOC = (
    "beta_posthoc: b times the SD of its column (for the interaction: of the centred product) over the SD of the "
    "outcome, which is what SPSS prints as Beta."
)


@dataclass(frozen=True)
class ModerationResult:
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
        ``row``, ``fitted``, ``residual``, ``rstudent``, ``leverage``, ``cooks_d``.
    design : dict
        Counts, dropped rows, centres, fit of the whole model, ΔR² of the interaction.
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

    def to_markdown(self) -> str:
        """Render the coefficients."""
        return to_markdown(self.frame)


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
    inference = _Inference(fit, matrices, conf_level)
    standardized, beta_notes = _standardized(formula, rows.data, matrices, conf_level)
    conditional = _conditional(inference, rows.data, pair, centres, at)
    diagnostics, influence_notes = _diagnostics(fit, matrices, rows.data, keys)
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
        robust=inference.table(_robust_errors(fit, robust)),
        standardized=standardized,
        **conditional,
        diagnostics=diagnostics,
        design={**_counts(data, rows, centres), **_whole_model(fit, matrices, pair)},
        notes=_notes(pair, robust, conditional) + beta_notes + influence_notes,
    )


def fit_moderation(
    model: ModerationModel, frame: pd.DataFrame, *, at: Mapping[str, float] | Sequence[float] | None = None
) -> ModerationResult:
    """Fit a regression as the study declares it.

    Parameters
    ----------
    model : ModerationModel
        Outcome, predictor, moderator (optional), covariates, subset (optional).
    frame : DataFrame
        One row per patient, with these columns.
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
    kept, outside = choose_subset(model, frame)
    result = moderation(formula, kept, at=at)
    notes = result.notes
    if model.subset is not None:
        notes = (f"Only rows with {model.subset}: {len(kept)} of {len(frame)}.", *notes)
    return ModerationResult(
        **{
            **vars(result),
            "spec": {"name": model.name, "title": model.title, "subset": model.subset, **result.spec},
            "design": {**result.design, "n_frame": len(frame), "outside_subset": outside},
            "notes": notes,
        }
    )


def _fit(matrices: Matrices) -> Any:
    from statsmodels.regression.linear_model import OLS

    return OLS(matrices.y, matrices.X, hasconst=True if "Intercept" in matrices.terms else None).fit(method="qr")


@dataclass(frozen=True, eq=False)
class _Inference:
    """A fit with its names and its confidence level: the tables of estimates come from here."""

    fit: Any
    matrices: Matrices
    conf_level: float

    @property
    def df(self) -> float:
        return float(self.fit.df_resid)

    def table(self, errors: Floats) -> pd.DataFrame:
        import pandas as pd

        b = np.asarray(self.fit.params)
        reach = critical_t(1 - self.conf_level, self.df) * errors
        with np.errstate(divide="ignore", invalid="ignore"):
            statistic = b / errors
        return pd.DataFrame(
            {
                "term": self.matrices.terms,
                "estimate": b,
                "std_error": errors,
                "df": self.df,
                "statistic": statistic,
                "p_value": two_sided_p(statistic, self.df),
                "conf_low": b - reach,
                "conf_high": b + reach,
            }
        )


def _coefficients(inference: _Inference, standardized: pd.DataFrame) -> pd.DataFrame:
    table = inference.table(np.asarray(inference.fit.bse))
    return table.assign(
        beta_z=standardized["beta_z"],
        beta_posthoc=standardized["beta_posthoc"],
        vif=variance_inflation(inference.matrices),
    )


def _robust_errors(fit: Any, kind: Robust) -> Floats:
    if kind in ("HC2", "HC3") and (fit.get_influence().hat_matrix_diag > 1 - 1e-10).any():
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
        table = _Inference(_fit(refit), refit, conf_level).table(np.asarray(_fit(refit).bse))
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


def _conditional(
    inference: _Inference,
    data: pd.DataFrame,
    pair: tuple[str, str] | None,
    centres: Mapping[str, float],
    at: Mapping[str, float] | Sequence[float] | None,
) -> dict[str, Any]:
    import pandas as pd

    if pair is None:
        shapes = {
            "slopes": SLOPE_COLUMNS,
            "johnson_neyman": REGION_COLUMNS,
            "roots": ROOT_COLUMNS,
            "slope_band": BAND_COLUMNS,
            "lines": LINE_COLUMNS,
        }
        return {name: pd.DataFrame(columns=list(columns)) for name, columns in shapes.items()}
    line = _slope_line(inference, data, pair, centres)
    points = _points(at, line)
    regions, roots = johnson_neyman(line, 1 - inference.conf_level)
    return {
        "slopes": slope_table(line, points, inference.conf_level),
        "johnson_neyman": regions,
        "roots": roots,
        "slope_band": slope_band(line, inference.conf_level),
        "lines": _lines(inference, data, pair, centres, points),
    }


def _slope_line(
    inference: _Inference, data: pd.DataFrame, pair: tuple[str, str], centres: Mapping[str, float]
) -> SlopeLine:
    terms = inference.matrices.terms
    predictor, moderator = pair
    if predictor not in terms or ":".join(pair) not in terms:
        raise UsageError(
            f"moderation: the interaction {':'.join(pair)} stands without {predictor!r} itself. "
            f"Write {predictor} * {moderator}."
        )
    places = [terms.index(predictor), terms.index(":".join(pair))]
    params = np.asarray(inference.fit.params)[places]
    covariance = np.asarray(inference.fit.cov_params())[np.ix_(places, places)]
    observed = data[moderator].to_numpy(dtype=np.float64)
    return SlopeLine(float(params[0]), float(params[1]), covariance, inference.df, centres[moderator], observed)


def _points(at: Mapping[str, float] | Sequence[float] | None, line: SlopeLine) -> dict[str, float]:
    if at is None:
        return default_points(line.observed, line.centre)
    if isinstance(at, Mapping):
        return {str(label): float(value) for label, value in at.items()}
    return {f"{value:g}": float(value) for value in at}


def _lines(
    inference: _Inference,
    data: pd.DataFrame,
    pair: tuple[str, str],
    centres: Mapping[str, float],
    points: Mapping[str, float],
) -> pd.DataFrame:
    """Expected outcome at mean − SD, mean, mean + SD of the predictor for each value of the moderator."""
    import pandas as pd

    predictor, moderator = pair
    terms = inference.matrices.terms
    product = ":".join(pair)
    sd = float(data[predictor].std(ddof=1))
    average = inference.matrices.X.mean(axis=0)
    covariance = np.asarray(inference.fit.cov_params())
    quantile = critical_t(1 - inference.conf_level, inference.df)
    rows = []
    for label, value in points.items():
        for x in (-sd, 0.0, sd):
            z = value - centres[moderator]
            # The design row: covariates (dummies too) at their means, the centred pair where asked.
            changed = {predictor: x, moderator: z, product: x * z}
            row = np.array([changed.get(term, mean) for term, mean in zip(terms, average, strict=True)])
            expected, error = float(row @ inference.fit.params), float(np.sqrt(row @ covariance @ row))
            limits = (expected - quantile * error, expected + quantile * error)
            rows.append((label, value, x + centres[predictor], expected, error, *limits))
    return pd.DataFrame(rows, columns=list(LINE_COLUMNS))


def _diagnostics(
    fit: Any, matrices: Matrices, data: pd.DataFrame, keys: Sequence[str]
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    import pandas as pd

    influence = fit.get_influence()
    leverage = np.asarray(influence.hat_matrix_diag)
    with np.errstate(divide="ignore", invalid="ignore"):
        rstudent, cooks = np.asarray(influence.resid_studentized_external), np.asarray(influence.cooks_distance[0])
    alone = leverage > 1 - 1e-10
    there = [key for key in keys if key in data.columns]
    labels = data[there].astype(str).agg(" ".join, axis=1) if there else data.index.to_series().astype(str)
    table = pd.DataFrame(
        {
            "row": labels.to_numpy(),
            "fitted": np.asarray(fit.fittedvalues),
            "residual": np.asarray(fit.resid),
            "rstudent": np.where(alone, np.nan, rstudent),
            "leverage": leverage,
            "cooks_d": np.where(alone, np.nan, cooks),
        }
    )
    who = ", ".join(table.loc[alone, "row"])
    note = f"Row {who} has leverage 1: a coefficient rests on it alone, so its Cook's D and HC3 are undefined."
    return table, (note,) if alone.any() else ()


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
        "max_cooks_d": float(np.nanmax(fit.get_influence().cooks_distance[0])),
    }
    if pair is not None:
        place = matrices.terms.index(":".join(pair))
        terms = tuple(term for i, term in enumerate(matrices.terms) if i != place)
        without = _fit(Matrices(matrices.y, np.delete(matrices.X, place, axis=1), terms))
        delta = float(fit.rsquared - without.rsquared)
        found |= {"delta_r_squared": delta, "f_squared": delta / (1 - float(fit.rsquared))}
    return found


def _notes(pair: tuple[str, str] | None, robust: str, conditional: Mapping[str, Any]) -> tuple[str, ...]:
    notes: tuple[str, ...] = (f"Ordinary least squares; .robust carries {robust} standard errors.",)
    if pair is None:
        return notes
    predictor, moderator = pair
    notes = (f"{predictor} and {moderator} are centred at their means; covariates are not.", *notes)
    slopes = conditional["slopes"]
    beyond = ", ".join(slopes.loc[~slopes["observed"].astype(bool), "at"])
    if beyond:
        notes += (f"No {moderator} was observed as far out as {beyond}: the slope there is extrapolated.",)
    return (
        *notes,
        f"Johnson–Neyman regions are given inside the observed range of {moderator} only. Their edges are estimates "
        "of this sample and not cut-offs for practice; many slopes are tested at once, so the region with the false "
        "discovery rate held (Esarey & Sumner 2018) is the one to report.",
    )
