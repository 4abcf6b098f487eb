"""The answer of :func:`doublecode.analysis.fit_series`: a series of models, and every question one may put to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

import numpy as np
import pandas as pd

from doublecode.analysis.linking.gathered_models import gathered
from doublecode.analysis.linking.latent_means import LatentMeans
from doublecode.analysis.linking.series_comparison import likelihood_ratio, obstacle, restricted_ratios
from doublecode.analysis.linking.series_hypotheses import slope_hypotheses
from doublecode.analysis.linking.series_models import LabelledModel
from doublecode.analysis.linking.variance_shares import share_limits
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.series_tables import (
    Named,
    compared_table,
    explained_table,
    latent_table,
    limits_table,
    printed_table,
    residuals_table,
    slopes_table,
    variances_table,
)
from doublecode.analysis.rendering.tables import Table, column
from doublecode.schemas.errors import UsageError
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from doublecode.analysis.mixed.result import MixedResult
    from doublecode.analysis.rendering.figures import Axes
    from doublecode.analysis.results.spread_work import Progress, Workers

SOURCES: Final = (
    "marginal", "conditional", "fixed_within", "fixed_between", "slope_variation", "mean_variation", "residual",
)  # fmt: skip
Drawn = Literal["course", "caterpillar", "residuals", "influence", "shares"]


@dataclass(frozen=True, eq=False, repr=False)
class SeriesResult(Answer):
    """A series of models.

    Attributes
    ----------
    spec : dict
        Name, title, steps, split, ddf, intercept_at (the session of the intercepts; None: as the formulas say),
        differences, latent_means, correlation, variance_by, interval, explained, reproduces, seed.
    models : tuple of LabelledModel
        In the order of the steps, the declared one first.
    frame : DataFrame
        One row per model: ``step``, ``label``, ``formula``, ``declared``, ``k`` (parameters), ``nobs``,
        ``loglik``, ``aic``, ``bic`` (REML), ``loglik_ml``, ``aic_ml``, ``bic_ml``, ``compared_with`` (label);
        ``chi2``, ``df``, ``p_value``, ``reference`` of the likelihood ratio of the ML refits with its null
        distribution; ``converged``, ``singular``, ``remark``.
    design : dict
        ``rows`` says in words which rows; ``n_given``, ``n_rows``, ``n_patients``, ``columns``, ``lost``.
    notes : tuple of Note
    rows : Index
        Labels of the rows that every model stands on.
    latent : LatentMeans or None
        Where ``latent_means`` was asked for: the slopes of latent patient means beside the manifest ones; see
        :mod:`doublecode.analysis.linking.latent_means`.
    times : Series or None
        Session number of each row, where the data have a column ``session``.
    drawn_limits : DataFrame or None
        ``.limits``, where they are there already.
    """

    spec: dict[str, Any]
    models: tuple[LabelledModel, ...]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]
    latent: LatentMeans | None = None
    times: pd.Series[Any] | None = None
    drawn_limits: pd.DataFrame | None = None

    label_columns: ClassVar[tuple[str, ...]] = ("label",)

    def tables(self) -> tuple[Table, ...]:
        """Fit and comparison of the models, then the fixed effects and the variances of each."""
        fixed = tuple(map(column, ("term", "estimate", "std_error", "df", "statistic", "p_value", "conf_low")))
        tables = [compared_table("comparison", self.frame)]
        if len(self.coefficients):
            tables.append(Table("fixed", "Fixed effects", self.coefficients, fixed, group="label"))
            tables.append(variances_table("variances", self.variances))
        return (*tables, *self.beside())

    def beside(self, prefix: str = "", named: Named = str) -> tuple[Table, ...]:
        """Return the tables beside coefficients and variances: what was asked for, and the contextual tests.

        Parameters
        ----------
        prefix : str
            What the names of the tables begin with.
        named : callable
            The label of a term.
        """
        out = []
        if len(self.hypotheses):
            out.append(slopes_table(f"{prefix}slopes", self.hypotheses, named))
        if self.latent is not None and len(self.latent.frame):
            out.append(latent_table(f"{prefix}latent", self.latent.frame, named))
        if self.spec["interval"] != "wald" and len(self.limits):
            out.append(limits_table(f"{prefix}limits", self.limits, named))
        if self.spec["explained"] and len(self.sources):
            out.append(explained_table(f"{prefix}explained", self.sources))
        if len(self.residuals):
            out.append(residuals_table(f"{prefix}residuals", self.residuals))
        if self.spec["reproduces"]:
            out.append(printed_table(f"{prefix}printed", self.printed, self.spec["reproduces"]))
        return tuple(out)

    def counted(self) -> str:
        """Say on which rows all models stand."""
        counts = self.design
        return f"{counts['n_rows']} of {counts['n_given']} rows, of {counts['n_patients']} patients, in all models"

    @cached_property
    def coefficients(self) -> pd.DataFrame:
        """Fixed effects of all models: ``step``, ``label``, ``declared`` and the estimate columns."""
        return gathered(self.models, lambda fit: fit.fixed)

    @cached_property
    def variances(self) -> pd.DataFrame:
        """Variance components of all models: ``step``, ``label``, ``declared``, ``group``, ``term``, ``variance``."""
        return gathered(self.models, lambda fit: fit.variances)

    @cached_property
    def siblings(self) -> pd.DataFrame:
        """Fixed effects of the simpler fits beside the singular ones.

        ``step``, ``label``, ``declared``, ``formula`` (with the simpler random part) and the estimate columns.
        """
        simpler = [replace(one, result=one.simpler) for one in self.models]

        def named(fit: MixedResult) -> pd.DataFrame:
            rows = fit.fixed
            return pd.concat([pd.DataFrame({"formula": str(fit.spec["formula"])}, index=rows.index), rows], axis=1)

        return gathered(simpler, named)

    @cached_property
    def contextual(self) -> pd.DataFrame:
        """Do the slopes within and between patients differ: the conflated model against the split one, by step.

        ``step``, ``chi2``, ``df``, ``p_value`` of the likelihood ratio of the ML refits (Raudenbush & Bryk 2002,
        chapter 5: the contextual effect is the difference of the two slopes).
        """
        rows = []
        for split in (model for model in self.models if not model.declared):
            conflated = self.model(split.step)
            tested = {} if obstacle(conflated.ml, split.ml) else likelihood_ratio(conflated.ml, split.ml)
            rows.append({"step": split.step, **{name: tested.get(name, np.nan) for name in ("chi2", "df", "p_value")}})
        return pd.DataFrame(rows, columns=["step", "chi2", "df", "p_value"])

    @cached_property
    def hypotheses(self) -> pd.DataFrame:
        """Differences of two slopes of a model: between less within patients, and of the pairs in ``differences``.

        ``step``, ``label``, ``declared``, ``question``, ``first``, ``second`` (terms: slope of the first less slope of
        the second) and the estimate columns; see ``slope_hypotheses``.
        """
        return slope_hypotheses(self.models, self.spec["split"], self.spec["differences"])

    @cached_property
    def limits(self) -> pd.DataFrame:
        """Limits of every parameter of every model by ``interval``: Wald, profile likelihood or bootstrap.

        ``step``, ``label``, ``declared``, ``parameter`` (fixed, sd, corr, phi), ``group``, ``term``, ``estimate``,
        ``conf_low``, ``conf_high``, ``method``; see :func:`doublecode.analysis.confint`.
        """
        return self.limits_by() if self.drawn_limits is None else self.drawn_limits

    def limits_by(self, workers: Workers | None = None, progress: Progress | None = None) -> pd.DataFrame:
        """The same, refits of a bootstrap on several cores or a cluster; see :func:`doublecode.analysis.confint`."""
        asked: dict[str, Any] = {"seed": self.spec["seed"], "workers": workers, "progress": progress}
        return gathered(self.models, lambda fit: fit.confint(self.spec["interval"], **asked))

    @cached_property
    def residuals(self) -> pd.DataFrame:
        """Parameters of the residuals of every model, where they have a structure, and whether it is needed.

        ``step``, ``label``, ``declared``, ``term`` (phi, sd), ``level``, ``estimate``, ``conf_low``, ``conf_high``;
        ``chi2``, ``df``, ``p_value`` of the REML likelihood ratio with independent residuals of one variance.
        """
        found = gathered([one for one in self.models if one.plain is not None], lambda fit: fit.residual_parameters())
        tested = {one.label: likelihood_ratio(one.plain, one.result) for one in self.models if one.plain is not None}
        ratios = [[tested[label].get(name, np.nan) for label in found["label"]] for name in ("chi2", "df", "p_value")]
        return found.assign(**dict(zip(("chi2", "df", "p_value"), ratios, strict=True)))

    @cached_property
    def printed(self) -> pd.DataFrame:
        """REML criteria and their ratios as papers print them, for reproduction only: see ``restricted_ratios``."""
        return restricted_ratios(self.models)

    @cached_property
    def shares(self) -> pd.DataFrame:
        """Share of the random effects in the variance (intraclass correlation) of every model.

        ``step``, ``label``, ``adjusted`` (for the fixed effects), ``unadjusted`` (of the total); Nakagawa,
        Johnson & Schielzeth (2017). In an unconditional model both are the share between patients.
        """
        return self._of_fits(lambda fit: dict(fit.icc), ("adjusted", "unadjusted"))

    @cached_property
    def share_limits(self) -> pd.DataFrame:
        """Limits of the adjusted shares: ``step``, ``label``, ``estimate``, ``conf_low``, ``conf_high``, ``method``.

        By profile likelihood with one random intercept, by refits with several effects; see
        :mod:`doublecode.analysis.linking.variance_shares`.
        """

        def limits(fit: MixedResult) -> dict[str, Any]:
            low, high, method = share_limits(fit, seed=self.spec["seed"])
            return {"estimate": fit.icc["adjusted"], "conf_low": low, "conf_high": high, "method": method}

        return self._of_fits(limits, ("estimate", "conf_low", "conf_high", "method"))

    @cached_property
    def explained(self) -> pd.DataFrame:
        """Explained variance by source: ``step``, ``label``, ``declared``, ``measure``, ``source``, ``value``.

        Nakagawa's marginal and conditional R², and with one grouping factor the shares of Rights & Sterba (2019):
        fixed effects within and between patients, slope variation, variation of means, residual.
        """
        return gathered(self.models, lambda fit: fit.r2())

    @cached_property
    def sources(self) -> pd.DataFrame:
        """Variance shares side by side, one row per model; NaN where a model has no such division.

        ``step``, ``label``, ``share``, ``share_low``, ``share_high`` (of the random effects, see `share_limits`),
        ``marginal``, ``conditional`` (Nakagawa's R²), then the shares of `explained` in the total variance:
        ``fixed_within``, ``fixed_between``, ``slope_variation``, ``mean_variation``, ``residual``.
        """
        beside = {"estimate": "share", "conf_low": "share_low", "conf_high": "share_high"}
        shares = self.share_limits.rename(columns=beside).drop(columns="method")
        if shares.empty:  # no step could be estimated
            return shares.reindex(columns=[*shares.columns, *SOURCES])
        named = self.explained.assign(source=[str(one).replace(" ", "_") for one in self.explained["source"]])
        wide = named.pivot_table(index="label", columns="source", values="value")
        return shares.join(wide.reindex(columns=list(SOURCES)), on="label")

    def _of_fits(self, facts: Callable[[MixedResult], dict[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
        fitted = [(one, one.result) for one in self.models if one.result is not None]
        rows = [{"step": one.step, "label": one.label, **facts(fit)} for one, fit in fitted]
        return pd.DataFrame(rows, columns=["step", "label", *columns])

    def plot(self, kind: Drawn = "course", label: str | None = None) -> Axes:
        """Draw one model of the series.

        Parameters
        ----------
        kind : {"course", "caterpillar", "residuals", "influence", "shares"}
            Patients' courses with the model's mean and its band; random effects with their limits; panels of
            residuals; what leaving a patient out changes; shares of variance with limits (of all models).
        label : str, optional
            Of the model, by default the last one that is estimated and fits the figure.

        Raises
        ------
        UsageError
            There is no such model, or none that the figure can show.
        """
        from doublecode.analysis.linking.series_pictures import draw
        from doublecode.analysis.rendering.figures import forest

        if kind == "shares":
            return forest(self.share_limits, x_label="Share of the variance between", limits=(0, 1))
        return draw(self.models, self.times, kind, label)

    @property
    def share_between(self) -> tuple[LabelledModel, float] | None:
        """The first model without predictors, and the share of its variance that lies between patients."""
        for one in self.models:
            if one.result is not None and one.result.model.x_names == ("Intercept",):
                return one, one.result.icc["adjusted"]
        return None

    def model(self, step: int, *, declared: bool = True) -> LabelledModel:
        """Return the model of one step, as declared or split.

        Raises
        ------
        UsageError
            There is none; a step without time-varying predictors has no split version.
        """
        for one in self.models:
            if one.step == step and one.declared == declared:
                return one
        allowed = ", ".join(one.label for one in self.models)
        raise UsageError(f"series {self.spec['name']!r}: no such model (step {step}); allowed: {allowed}.")
