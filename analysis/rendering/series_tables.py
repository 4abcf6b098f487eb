"""The tables of a series beside its coefficients: slopes compared, limits, residuals, ratios as papers print them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from doublecode.analysis.rendering.coefficient_columns import coefficients
from doublecode.analysis.rendering.tables import Column, Table, column

if TYPE_CHECKING:
    import pandas as pd

Named = Callable[[str], str]
"""How a term is called in print."""
LINEAR_PARAMETERS: Final = (
    "sd: of a random effect or the residual; corr: of two random effects; phi: of neighbouring residuals."
)
GENERALIZED_PARAMETERS: Final = (
    "sd: of a random effect; threshold: between two ordered categories; dispersion: φ of negative binomial counts."
)


def compared_table(name: str, frame: pd.DataFrame, notes: tuple[str, ...] = ()) -> Table:
    """Fit of every model, and its likelihood ratio with the one of the step before.

    Parameters
    ----------
    name : str
        Of the table's file.
    frame : DataFrame
        ``label, k, nobs, loglik, aic, bic, chi2, df, p_value``.
    notes : tuple of str
    """
    return Table(name, "Fit and comparison of the models", frame, _fit_columns(column("chi2")), notes)


def _fit_columns(chi2: Column) -> tuple[Column, ...]:
    return (
        column("label", "Model", kind="text"), column("k", "Parameters", kind="integer"), column("nobs"),
        column("loglik"), column("aic"), column("bic"), chi2, column("df"), column("p_value"),
    )  # fmt: skip


def variances_table(name: str, frame: pd.DataFrame, named: Named = str, title: str = "Variance components") -> Table:
    """Variances and correlations of the random effects of every model.

    Parameters
    ----------
    name : str
        Of the table's file.
    frame : DataFrame
        ``label, group, term, variance, sd, corr``.
    named : callable
        The label of a term.
    title : str
    """
    shown = frame.assign(term=[named(str(term)) for term in frame["term"]])
    columns = (
        column("group", "Group", kind="text"), column("term", "Term", kind="text"),
        column("variance", "Variance", kind="estimate", digits=3), column("sd", kind="estimate"),
        column("corr", "Correlation", kind="bounded"),
    )  # fmt: skip
    return Table(name, title, shown, columns, group="label", data=frame)


def slopes_table(name: str, frame: pd.DataFrame, named: Named = str, statistic: str = "*t*") -> Table:
    """Differences of slopes, model by model: between less within patients, one predictor less another.

    Parameters
    ----------
    name : str
        Of the table's file.
    frame : DataFrame
        ``label, question, first, second`` and the estimate columns.
    named : callable
        The label of a term.
    statistic : str
        The test.
    """
    pairs = zip(frame["first"], frame["second"], strict=True)
    shown = frame.assign(hypothesis=[f"{named(str(one))} − {named(str(other))}" for one, other in pairs])
    columns = (column("hypothesis", "Difference of slopes", kind="text"), *coefficients(shown, statistic=statistic))
    tested = "With the degrees of freedom of the model. " if "df" in frame.columns else ""
    note = f"{tested}Between less within: is it 0, the unsplit slope answers both."
    return Table(name, "Do two slopes differ", shown, columns, (note,), group="label", data=frame)


def limits_table(
    name: str, frame: pd.DataFrame, named: Named = str, ratios: tuple[Column, ...] = (), note: str = LINEAR_PARAMETERS
) -> Table:
    """Limits of every parameter by the declared method.

    Parameters
    ----------
    name : str
        Of the table's file.
    frame : DataFrame
        ``label, parameter, group, term, estimate, conf_low, conf_high, method``.
    named : callable
        The label of a term.
    ratios : tuple of Column
        Of the ratios that belong to the coefficients, where there are any.
    note : str
        What the parameters are.
    """
    shown = frame.assign(term=[named(str(term)) for term in frame["term"]])
    columns = (
        column("parameter", "Parameter", kind="text"), column("group", "Group", kind="text"),
        column("term", "Term", kind="text"), column("estimate"), column("conf_low"), *ratios,
        column("method", "Limits", kind="text"),
    )  # fmt: skip
    return Table(name, "Limits of all parameters", shown, columns, (note,), group="label", data=frame)


def residuals_table(name: str, frame: pd.DataFrame) -> Table:
    """Parameters of the residuals, and the likelihood ratio with the model whose residuals are independent and alike.

    Parameters
    ----------
    name : str
        Of the table's file.
    frame : DataFrame
        ``label, term, level, estimate, conf_low, conf_high, chi2, df, p_value``.
    """
    columns = (
        column("term", "Parameter", kind="text"), column("level", "Level", kind="text"), column("estimate", "Estimate"),
        column("conf_low"), column("chi2"), column("df"), column("p_value"),
    )  # fmt: skip
    note = "χ²: likelihood ratio (REML) with independent residuals of one variance; the same in all rows of a model."
    return Table(name, "Residuals", frame, columns, (note,), group="label")


def printed_table(name: str, frame: pd.DataFrame, source: str) -> Table:
    """REML criteria and their ratios as a paper prints them.

    Parameters
    ----------
    name : str
        Of the table's file.
    frame : DataFrame
        ``label, k, nobs, loglik, aic, bic, chi2, df, p_value``.
    source : str
        The paper.
    """
    columns = _fit_columns(column("chi2", "χ² (REML)"))
    note = (
        "For comparison with the printed values only: REML likelihoods of different fixed effects are of different "
        "data, so that this ratio tests nothing; the test is that of the refits by maximum likelihood."
    )
    return Table(name, f"Labelled reproduction: {source}", frame, columns, (note,))


def latent_table(name: str, frame: pd.DataFrame, named: Named = str) -> Table:
    """Slopes of latent patient means beside those of manifest ones.

    Parameters
    ----------
    name : str
        Of the table's file.
    frame : DataFrame
        Columns of ``LatentMeans.frame``.
    named : callable
        The label of a term.
    """
    shown = frame.assign(named=[named(str(term)) for term in frame["term"]])
    columns = (
        column("named", "Term", kind="text"), column("manifest", "*b* manifest", kind="estimate"),
        column("manifest_error", "*SE*", kind="estimate"), column("estimate", "*b* latent"), column("std_error"),
        column("conf_low"), column("statistic", "*z*"), column("p_value"),
        column("reliability", "Reliability of the mean", kind="bounded"),
    )  # fmt: skip
    note = "Latent: maximum likelihood, random intercepts only. Reliability: of a patient's manifest mean."
    return Table(name, "Latent patient means", shown, columns, (note,), group="label", data=frame)


def explained_table(name: str, frame: pd.DataFrame) -> Table:
    """Shares of variance, and explained variance by source.

    Parameters
    ----------
    name : str
        Of the table's file.
    frame : DataFrame
        Columns of ``SeriesResult.sources``.
    """
    parts = {
        "marginal": "*R*² marginal", "conditional": "*R*² conditional", "fixed_within": "Fixed, within",
        "fixed_between": "Fixed, between", "slope_variation": "Slopes", "mean_variation": "Means",
        "residual": "Residual",
    }  # fmt: skip
    columns = (
        column("label", "Model", kind="text"), column("share", "Share between", kind="bounded"),
        column("share_low", "95% CI", kind="bounded", upper="share_high"),
        *(column(one, head, kind="bounded") for one, head in parts.items()),
    )  # fmt: skip
    notes = (
        "Share between: of the random effects in what the fixed part leaves. *R*²: Nakagawa, Johnson & Schielzeth "
        "(2017). The last five columns part the whole variance and sum to 1 (Rights & Sterba 2019): predictors within "
        "and between patients, slopes that vary, means that vary, residual; with one grouping factor only.",
    )
    return Table(name, "Shares of variance, and what is explained, by source", frame, columns, notes)
