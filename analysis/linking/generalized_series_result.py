"""The answer of a series of generalised models, and what can be asked of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

import numpy as np
import pandas as pd

from doublecode.analysis.linking.gathered_models import gathered
from doublecode.analysis.linking.generalized_models import GeneralizedModel
from doublecode.analysis.linking.series_hypotheses import slope_hypotheses
from doublecode.analysis.linking.time_origin import is_time
from doublecode.analysis.mixed.generalized.ordinal_result import OrdinalResult
from doublecode.analysis.mixed.generalized.result import RATIOS
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.generalized_tables import (
    checks_table,
    dispersion_table,
    latent_shares_table,
    proportional_table,
    ratio_columns,
    ratio_pair,
    thresholds_table,
)
from doublecode.analysis.rendering.series_tables import (
    GENERALIZED_PARAMETERS,
    Named,
    compared_table,
    limits_table,
    slopes_table,
    variances_table,
)
from doublecode.analysis.rendering.tables import Table, column
from doublecode.schemas.errors import UsageError
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from doublecode.analysis.mixed.generalized.result import GeneralizedResult
    from doublecode.analysis.rendering.figures import Axes
    from doublecode.analysis.rendering.predicted_figures import PredictedCourse
    from doublecode.analysis.results.spread_work import Progress, Workers

N_DRAWN: Final = 250
"""Outcomes drawn for the check of spread and zeros."""


@dataclass(frozen=True, eq=False, repr=False)
class GeneralizedSeriesResult(Answer):
    """A series of generalised models.

    Attributes
    ----------
    spec : dict
        Name, title, steps, split, family, link, nagq (that of all models), trials, offset, prior_sd, thresholds,
        intercept_at, differences, interval, seed.
    models : tuple of GeneralizedModel
        In the order of the steps, the declared one first.
    frame : DataFrame
        One row per model: ``step``, ``label``, ``formula``, ``declared``, ``k`` (parameters), ``nobs``, ``loglik``,
        ``aic``, ``bic``, ``compared_with`` (label); ``chi2``, ``df``, ``p_value``, ``reference`` of the likelihood
        ratio; ``converged``, ``singular``, ``remark``.
    design : dict
        ``rows`` says in words which rows; ``n_given``, ``n_rows``, ``n_patients``, ``columns``, ``lost``.
    notes : tuple of Note
    rows : Index
        Labels of the rows that every model stands on.
    times : Series or None
        Session number of each row, where the data have a column ``session``.
    drawn_limits : DataFrame or None
        ``.limits``, where they are there already.
    """

    spec: dict[str, Any]
    models: tuple[GeneralizedModel, ...]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]
    times: pd.Series[Any] | None = None
    drawn_limits: pd.DataFrame | None = None

    label_columns: ClassVar[tuple[str, ...]] = ("label",)

    @property
    def ratio(self) -> str | None:
        """What the exponential of a coefficient is: an odds or a rate ratio; None for probit and cloglog."""
        return RATIOS.get(str(self.spec["link"]))

    def tables(self) -> tuple[Table, ...]:
        """Fit and comparison of the models, then coefficients with ratios, variances, and what else there is."""
        tables = [compared_table("comparison", self.frame)]
        if len(self.coefficients):
            fixed = (column("term"), *ratio_columns(self.coefficients, self.ratio))
            tables.append(Table("fixed", "Fixed effects", self.coefficients, fixed, group="label"))
        return (*tables, variances_table("variances", self.variances), *self.beside())

    def beside(self, prefix: str = "", named: Named = str) -> tuple[Table, ...]:
        """Return the tables beside coefficients and variances.

        Parameters
        ----------
        prefix : str
            What the names of the tables begin with.
        named : callable
            The label of a term.
        """
        out = []
        if len(self.thresholds):
            out.append(thresholds_table(f"{prefix}thresholds", self.thresholds))
        if len(self.proportional):
            out.append(proportional_table(f"{prefix}proportional", self.proportional, named))
        if len(self.dispersion):
            out.append(dispersion_table(f"{prefix}dispersion", self.dispersion))
        if len(self.hypotheses):
            out.append(slopes_table(f"{prefix}slopes", self.hypotheses.drop(columns="df"), named, statistic="*z*"))
        if self.spec["interval"] != "wald" and len(self.limits):
            ratios = ratio_pair(self.ratio)
            out.append(limits_table(f"{prefix}limits", self.limits, named, ratios, GENERALIZED_PARAMETERS))
        out.append(latent_shares_table(f"{prefix}explained", self.sources))
        if len(self.checks):
            out.append(checks_table(f"{prefix}checks", self.checks, N_DRAWN))
        return tuple(out)

    def counted(self) -> str:
        """Say the family, and on which rows all models stand."""
        counts = self.design
        of = f"{counts['n_rows']} of {counts['n_given']} rows, of {counts['n_patients']} patients, in all models"
        return f"{self.spec['family']}, {self.spec['link']} link; {of}"

    @cached_property
    def coefficients(self) -> pd.DataFrame:
        """Fixed effects of all models: ``step``, ``label``, ``declared``, the estimate columns, and ratios.

        ``ratio``, ``ratio_low``, ``ratio_high``: exponentials of coefficient and Wald limits, not of intercepts;
        without these columns for probit and complementary log-log.
        """
        found = gathered(self.models, lambda fit: fit.fixed.drop(columns="df"))
        return self._with_ratios(found, found["term"] != "Intercept")

    @cached_property
    def variances(self) -> pd.DataFrame:
        """Variance components of all models: ``step``, ``label``, ``declared``, ``group``, ``term``, ``variance``."""
        return gathered(self.models, lambda fit: fit.variances)

    @cached_property
    def thresholds(self) -> pd.DataFrame:
        """Thresholds of ordinal models: ``threshold``, ``estimate``, ``std_error``, ``conf_low``, ``conf_high``."""
        return gathered(self.models, lambda fit: fit.thresholds if isinstance(fit, OrdinalResult) else None)

    @cached_property
    def proportional(self) -> pd.DataFrame:
        """Tests of proportional odds, term by term, of ordinal models with predictors: see ``OrdinalResult``."""

        def tested(fit: GeneralizedResult) -> pd.DataFrame | None:
            if not isinstance(fit, OrdinalResult) or fit.outcome.n_categories < 3 or not len(fit.beta):
                return None
            return fit.proportional_odds()

        return gathered(self.models, tested)

    @cached_property
    def dispersion(self) -> pd.DataFrame:
        """Dispersion φ of negative binomial models: ``label``, ``term``, ``estimate``, ``conf_low``, ``conf_high``."""
        return gathered(self.models, lambda fit: fit.shape)

    @cached_property
    def hypotheses(self) -> pd.DataFrame:
        """Differences of two slopes of a model, as :attr:`SeriesResult.hypotheses` has them, with *z*."""
        return slope_hypotheses(self.models, self.spec["split"], self.spec["differences"])

    @cached_property
    def limits(self) -> pd.DataFrame:
        """Limits by ``interval``: ``parameter``, ``group``, ``term``, ``estimate``, ``conf_low``, ``conf_high``."""
        return self.limits_by() if self.drawn_limits is None else self.drawn_limits

    def limits_by(self, workers: Workers | None = None, progress: Progress | None = None) -> pd.DataFrame:
        """The same, refits of a bootstrap on several cores or a cluster; see :func:`doublecode.analysis.confint`."""
        asked: dict[str, Any] = {"seed": self.spec["seed"], "workers": workers, "progress": progress}
        found = gathered(self.models, lambda fit: fit.confint(self.spec["interval"], **asked))
        return self._with_ratios(found, (found["parameter"] == "fixed") & (found["term"] != "Intercept"))

    @cached_property
    def sources(self) -> pd.DataFrame:
        """Shares on the latent scale, model by model: ``step``, ``label``, ``share``, ``marginal``, ``conditional``.

        ``share`` is the intraclass correlation adjusted for the fixed part (Nakagawa, Johnson & Schielzeth 2017).
        """
        rows = [
            {
                "step": one.step, "label": one.label, "share": one.result.icc["adjusted"],
                **dict(zip(one.result.r2()["source"], one.result.r2()["value"], strict=True)),
            }
            for one in self.models if one.result is not None
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=["step", "label", "share", "marginal", "conditional"])

    @cached_property
    def checks(self) -> pd.DataFrame:
        """Spread and zeros of the last model against outcomes drawn from it: ``check``, ``observed``, ``expected``.

        ``ratio``, ``p_value``; empty for outcomes of 0 and 1 and for ordered categories, which have no such check.
        """
        fits = [one for one in self.models if one.converged]
        last = fits[-1].result if fits else None
        if last is None or isinstance(last, OrdinalResult) or last.outcome.binary:
            return pd.DataFrame(columns=["step", "label", "declared", "check"])
        return gathered(fits[-1:], lambda fit: fit.check_simulated(N_DRAWN, seed=self.spec["seed"]))

    def predicted(self, label: str | None = None) -> tuple[GeneralizedModel, PredictedCourse] | None:
        """What a model predicts over its first predictor, averaged over rows and random effects; None without one.

        Of a split predictor its deviation within patients; time only where nothing else stands in the model. `label`
        names the model, by default the last one that converged.

        Raises
        ------
        UsageError
            There is no such model.
        """
        model = self.drawn(label)
        if model is None or model.result is None:
            return None
        columns = model.formula.fixed_columns(model.result.model.frame.columns)
        within = [f"{name}_within" for name in self.spec["split"] if f"{name}_within" in columns]
        other = [name for name in columns if not is_time(name)]
        over = next(iter((*within, *other, *columns)), None)
        return None if over is None else (model, model.result.course(over))

    def plot(self, kind: Literal["predicted", "caterpillar"] = "predicted", label: str | None = None) -> Axes:
        """Draw what one model predicts over its first predictor, or its random effects in their order.

        Raises
        ------
        UsageError
            There is no such figure, no such model, or no predictor to draw over.
        """
        from doublecode.analysis.rendering.predicted_figures import predicted_figure
        from doublecode.analysis.rendering.series_figures import caterpillar

        if kind not in ("predicted", "caterpillar"):
            raise UsageError(f"plot: kind={kind!r}; allowed: 'predicted', 'caterpillar'.")
        if kind == "predicted":
            found = self.predicted(label)
            if found is None:
                raise UsageError("plot: no model that converged has a predictor; allowed: 'caterpillar'.")
            return predicted_figure(found[1])
        model = self.drawn(label)
        if model is None or model.result is None:
            raise UsageError("plot: no model converged; allowed: a series with one that did.")
        return caterpillar(model.result.random())

    def drawn(self, label: str | None = None) -> GeneralizedModel | None:
        """Return the model that a figure shows: the one of this label, by default the last one that converged.

        Raises
        ------
        UsageError
            There is no such model.
        """
        fits = {one.label: one for one in self.models if one.converged}
        if label is not None and label not in fits:
            raise UsageError(f"plot: label={label!r}; allowed: {', '.join(map(repr, fits))}.")
        return fits.get(label if label is not None else next(reversed(fits), ""))

    @property
    def share_between(self) -> tuple[GeneralizedModel, float] | None:
        """The first model without predictors, and the share of its latent variance that lies between groups."""
        for one in self.models:
            if one.result is not None and set(one.result.model.x_names) <= {"Intercept"}:
                return one, one.result.icc["adjusted"]
        return None

    def _with_ratios(self, frame: pd.DataFrame, rows: pd.Series[bool]) -> pd.DataFrame:
        """Exponentials of estimate and limits where the link makes ratios of them."""
        if self.ratio is None:
            return frame
        new = {"ratio": "estimate", "ratio_low": "conf_low", "ratio_high": "conf_high"}
        with np.errstate(over="ignore"):
            return frame.assign(**{name: np.exp(frame[old].where(rows).astype(float)) for name, old in new.items()})
