"""The answer of :func:`doublecode.analysis.mixed.generalized.fit.fit_generalized`, and what one may ask it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from doublecode.analysis.mixed import prediction, rsquared
from doublecode.analysis.mixed.answer import MixedAnswer
from doublecode.analysis.mixed.component_frames import correlation_frame, random_frame, variance_frame
from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.generalized.bare_fit import GeneralizedFit
from doublecode.analysis.mixed.generalized.intervals import GeneralizedMethod, generalized_intervals
from doublecode.analysis.mixed.generalized.latent_variance import family_variance, r2_frame
from doublecode.analysis.mixed.generalized.links import Link, inverse
from doublecode.analysis.mixed.generalized.marginal_effects import average_effects
from doublecode.analysis.mixed.generalized.parameter_limits import Parameters
from doublecode.analysis.mixed.generalized.predicted_courses import Over, predicted_course
from doublecode.analysis.mixed.generalized.response import Outcome
from doublecode.analysis.mixed.generalized.simulated_checks import simulated_checks
from doublecode.analysis.mixed.generalized.simulation import simulate_outcomes
from doublecode.analysis.mixed.generalized.tables import ratio_frame, residual_frame, shape_frame
from doublecode.analysis.mixed.hypotheses import anova_frame
from doublecode.analysis.mixed.inference import SmallSample
from doublecode.analysis.mixed.prediction import Random
from doublecode.analysis.mixed.redraws import Redraws
from doublecode.analysis.mixed.variances import Singularity, singular_terms
from doublecode.analysis.rendering.coefficient_columns import coefficients
from doublecode.analysis.rendering.tables import Table, column, level_heading
from doublecode.schemas.errors import UsageError
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from doublecode.analysis.rendering.figures import Axes
    from doublecode.analysis.rendering.predicted_figures import PredictedCourse
    from doublecode.analysis.results.spread_work import Progress, Workers

Floats = npt.NDArray[np.float64]
Scale = Literal["response", "link"]
RATIOS: Final = {"logit": "Odds ratio", "log": "Rate ratio"}
"""What the exponential of a coefficient is, by the link."""
NO_SPREAD = 1e4
"""Dispersion φ, of large counts as a multiple of their mean, from which they have no more spread than Poisson's."""


@dataclass(frozen=True, eq=False, repr=False)
class GeneralizedResult(MixedAnswer):
    """A fitted generalised mixed model.

    Attributes
    ----------
    spec
        The question: formula, family, link, nagq (resolved), trials, weights, offset, prior_sd, conf_level.
    model
        The :class:`~doublecode.analysis.mixed.design.Design`; its y is zero, the outcome is in `outcome`.
    outcome
        Successes and trials, or counts, and their family.
    fit
        The bare fit.
    remarks
        How the integral was taken, and what was declared; stands among the notes.
    """

    spec: dict[str, Any]
    model: Design
    outcome: Outcome
    fit: GeneralizedFit
    remarks: tuple[Note, ...] = ()

    def tables(self) -> tuple[Table, ...]:
        """Fixed effects, their odds or rate ratios, variances, and the dispersion of a negative binomial."""
        level = self.spec["conf_level"]
        fixed = (column("term"), *coefficients(self.fixed.drop(columns="df"), level, "*z*"))
        tables = [Table("fixed", str(self.spec["formula"]), self.fixed, fixed)]
        if self.ratio is not None:
            limits = column("conf_low", level_heading(level))
            ratio = column("ratio", self.ratio, kind="estimate")
            tables.append(Table("ratios", f"{self.ratio}s", self.ratios, (column("term"), ratio, limits)))
        tables.append(self._variance_table())
        if len(self.shape):
            shown = (column("term"), column("estimate", "Estimate"), column("conf_low", level_heading(level)))
            tables.append(Table("shape", "Dispersion", self.shape, shown))
        return tuple(tables)

    def counted(self) -> str:
        """Say the family, the fit and what it stands on."""
        kind = f"{self.spec['family']}, {self.spec['link']} link"
        known = "" if self.spec["offset"] is None else f"; offset {self.spec['offset']}"
        return f"{kind}: {self._fit_and_rows()}{known}"

    @property
    def link(self) -> Link:
        """Link of the linear predictor to the mean."""
        return self.outcome.link

    @property
    def ratio(self) -> str | None:
        """What the exponential of a coefficient is: an odds or a rate ratio; None for probit and cloglog."""
        return RATIOS.get(self.link)

    @property
    def ratios(self) -> pd.DataFrame:
        """Term, ratio, conf_low, conf_high: exponentials of coefficients and Wald limits, without the intercept.

        Raises
        ------
        UsageError
            Probit or complementary log-log, whose coefficients are no logarithms of ratios.
        """
        if self.ratio is None:
            raise UsageError(
                f"a coefficient of the {self.link} link is no log of an odds or rate ratio; use .average_effects()"
            )
        return ratio_frame(self.fixed)

    @property
    def beta(self) -> Floats:
        """(p,) estimates of the fixed effects."""
        return self.fit.beta

    @cached_property
    def tests(self) -> SmallSample:
        """What z and Wald tests need."""
        V = self.fit.vcov[None]
        return SmallSample("z", V, V, np.zeros((1, 0, *V.shape[1:])), np.zeros((1, 0, 0)))

    @property
    def vcov(self) -> pd.DataFrame:
        """Covariance of the fixed effects."""
        return pd.DataFrame(self.fit.vcov, index=list(self.model.x_names), columns=list(self.model.x_names))

    @cached_property
    def variances(self) -> pd.DataFrame:
        """Group, term, variance, sd, corr (with the first effect of the term), on the scale of the predictor."""
        return variance_frame(self.model.terms, self.fit.covariances)

    @property
    def correlations(self) -> pd.DataFrame:
        """Every pair of random effects within a term: group, term1, term2, covariance, corr."""
        return correlation_frame(self.model.terms, self.fit.covariances)

    @cached_property
    def shape(self) -> pd.DataFrame:
        """Dispersion φ of a negative binomial (variance μ + μ²/φ): term, estimate, conf_low, conf_high; else empty.

        φ is ∞, without Wald limits, where the counts have no more spread than Poisson's.
        """
        return shape_frame(self.fit, self.spec["conf_level"])

    @property
    def dispersion(self) -> float | None:
        """Dispersion φ of a negative binomial, ∞ where the counts have no more spread than Poisson's; else None."""
        return self.fit.dispersion

    @property
    def loglik(self) -> float:
        """Approximate marginal log-likelihood."""
        return self.fit.loglik

    @property
    def n_parameters(self) -> int:
        """Fixed effects, covariance parameters and shape parameters."""
        return self.fit.problem.size

    @property
    def converged(self) -> bool:
        """Whether the search ended in a stationary point that is a minimum."""
        return self.fit.end.converged

    @cached_property
    def singularities(self) -> tuple[Singularity, ...]:
        """Random terms with a direction of no variance."""
        problem = self.fit.problem
        theta = problem.split(self.fit.end.point.x)[0]
        return singular_terms(self.fit.terms, self.fit.covariances, problem.part.blocks, theta)

    @property
    def log(self) -> pd.DataFrame:
        """The searches: method, start, evaluations, deviance, gradient, converged, remark."""
        return self.fit.log

    @cached_property
    def notes(self) -> tuple[Note, ...]:
        """What a reader must know with the numbers."""
        notes: list[Note] = [*self.model.notes, *self.remarks]
        notes += self._notes_of_fit()
        if self.dispersion is not None and self.dispersion > NO_SPREAD * max(1.0, float(self.outcome.y.mean())):
            notes.append(Note("generalized_no_overdispersion"))
        if not self.converged:
            notes.append(Note("mixed_not_converged"))
        return tuple(notes)

    def random(self) -> pd.DataFrame:
        """Conditional modes of the random effects with their SD: group, term, level, estimate, sd."""
        return random_frame(self.model.terms, self.modes, self.fit.mode_covariances())

    @property
    def modes(self) -> tuple[Floats, ...]:
        """Per term (levels, p) conditional modes, in the order of `model.terms`."""
        return self.fit.modes

    def predict(
        self, data: pd.DataFrame | None = None, *, kind: Scale = "response", random: Random = "all",
        offset: Sequence[float] | None = None,
    ) -> pd.Series[float]:  # fmt: skip
        """Predict probabilities or expected counts, or the linear predictor.

        Parameters
        ----------
        data
            New rows; None predicts the rows in use. A group that the fit has not seen gets the prediction at the
            middle of all groups; a missing predictor gives NaN.
        kind
            ``"response"`` or ``"link"``.
        random
            Whose random effects enter: ``"all"``, ``"none"`` (a group at the middle), or names of grouping factors.
            For the average over all groups see :meth:`average_effects`.
        offset
            (n_rows,) known part of new rows, as in :meth:`MixedResult.predict`.
        """
        if kind not in get_args(Scale):
            raise UsageError(f"predict: kind={kind!r}; allowed: 'response', 'link'")
        groups = prediction.chosen_groups(self.model, random)
        eta = prediction.linear_predictor(self.model, self.beta, self.modes, groups, data)
        known = prediction.known_part(self.spec["offset"], data, offset)
        if known is not None:
            eta = eta + known
        values = eta if kind == "link" else inverse(eta, self.link)
        return pd.Series(values, index=self.model.index if data is None else data.index, name="predicted")

    def residuals(self) -> pd.DataFrame:
        """Rows in use: row (label), observed, fitted, residual, standardized (Pearson's).

        Observed and fitted are proportions of successes, or counts.
        """
        mean = np.asarray(self.predict(), dtype=np.float64)
        trials = np.ones(self.nobs) if self.outcome.trials is None else self.outcome.trials
        observed = self.outcome.y / trials
        if self.outcome.trials is not None:
            variance = mean * (1.0 - mean) / trials
        else:
            variance = mean + (0.0 if self.dispersion is None else mean**2 / self.dispersion)
        return residual_frame(self.model.index, observed, mean, variance)

    def simulate(self, n: int = 1, *, seed: int = 0, random: Random = "none") -> Floats:
        """Draw outcomes from the fitted model, (rows in use, n), as the outcome was given.

        `random` says whose effects are kept at their modes; by default all are drawn anew.
        """
        drawn = self._drawn(n, seed, random)
        return drawn / self.outcome.trials[:, None] if self.outcome.proportion else drawn  # type: ignore[index]

    def _drawn(self, n: int, seed: int, random: Random) -> Floats:
        """(rows in use, n) outcomes as the density has them: successes, counts, codes of categories."""
        if n < 1:
            raise UsageError(f"n={n} outcomes cannot be drawn; ask for at least one")
        groups = prediction.chosen_groups(self.model, random)
        return simulate_outcomes(self.model, self.outcome, self.fit, n=n, seed=seed, groups=groups)

    def average_effects(self, of: str | Sequence[str] = ()) -> pd.DataFrame:
        """Average marginal effects on probabilities or counts, over rows and random effects.

        Of a number the mean derivative, of a two-valued number or a category the mean difference from its first value.

        Parameters
        ----------
        of
            Predictors; none named, all.

        Returns
        -------
        pandas.DataFrame
            term, contrast, estimate, std_error, statistic, p_value, conf_low, conf_high; delta method in all
            parameters.
        """
        return average_effects(self.model, self.fit, self.link, of, float(self.spec["conf_level"]))

    def course(
        self, term: str | None = None, *, random: Over = "average", at: Sequence[Any] | None = None,
        conf_level: float | None = None,
    ) -> PredictedCourse:  # fmt: skip
        """Predicted probabilities, counts or rates over a predictor with limits, and the raw ones: what `plot` draws.

        At each value all rows get it in place of their own; predictions are averaged over rows. Limits are pointwise,
        by the delta method on the logit (of counts the log).

        Parameters
        ----------
        term
            A predictor; may be left out where there is one only.
        random
            ``"average"``: over all groups, which is what raw proportions estimate; ``"none"``: random effects at 0.
        at
            Values of the predictor; by default evenly over its range, or all its levels.
        conf_level
            In (0, 1); None takes that of the fit.

        Raises
        ------
        UsageError
            No such predictor, or several and none named.
        """
        level = float(self.spec["conf_level"]) if conf_level is None else conf_level
        return predicted_course(self.model, self.fit, self.outcome, term, random=random, at=at, conf_level=level)

    def plot(self, term: str | None = None, *, random: Over = "average", ax: Axes | None = None) -> Axes:
        """Draw what :meth:`course` predicts over a predictor: curve, band, and raw proportions with their n.

        Of ordered categories their probabilities, stacked and named in place.
        """
        from doublecode.analysis.rendering.predicted_figures import predicted_figure

        return predicted_figure(self.course(term, random=random), ax=ax)

    def anova(self) -> pd.DataFrame:
        """Wald tests of terms: term, df_num, df_den (∞), statistic (χ²/df), p_value, hypothesis."""
        return anova_frame(self.model, self.beta, self.tests)

    @property
    def family_variance(self) -> float:
        """Variance of the family itself on the scale of the linear predictor."""
        return family_variance(self.model, self.beta, self.fit.covariances, self.link, self.dispersion)

    def r2(self) -> pd.DataFrame:
        """Explained variance on the scale of the linear predictor: measure, source, value (Nakagawa et al. 2017)."""
        return r2_frame(self.model, self.beta, self.fit.covariances, self.family_variance)

    @property
    def icc(self) -> dict[str, float]:
        """Share of the random terms on the scale of the linear predictor, adjusted for the fixed part and not."""
        return rsquared.icc_values(self.model, self.beta, self.fit.covariances, self.family_variance)

    def confint(
        self, method: GeneralizedMethod = "wald", *, conf_level: float | None = None, n_boot: int = 1000, seed: int = 0,
        parameters: Parameters = "all", workers: Workers | None = None, progress: Progress | None = None,
    ) -> pd.DataFrame:  # fmt: skip
        """Limits of parameters: parameter, group, term, estimate, conf_low, conf_high, method.

        Parameters
        ----------
        method
            ``"wald"``, ``"profile"`` (likelihood) or ``"bootstrap"`` (parametric; its `method` counts the draws that
            could be refitted; infinite are limits of a dispersion without end, and of a threshold beside a category
            that the draws lack). A standard deviation has its Wald limits formed in logarithms, NaN where it is zero; a
            profile limit is 0 where zero fits, infinite where the likelihood never falls far enough, NaN where none was
            found or the fit did not converge.
        conf_level
            In (0, 1); None takes that of the fit.
        n_boot, seed
            Refits and seed of the bootstrap.
        parameters
            ``"all"`` (thresholds of an ordinal outcome among them), ``"fixed"``, or ``"variances"`` (standard
            deviations of random effects, and the dispersion of a negative binomial).
        workers, progress
            Cores or a cluster for the refits of the bootstrap, and what is told how many are done; the limits are the
            same.
        """
        level = float(self.spec["conf_level"]) if conf_level is None else conf_level
        return generalized_intervals(
            self.model, self.outcome, self.fit, method, conf_level=level, parameters=parameters,
            draws=Redraws(n_boot, seed, workers, progress),
        )  # fmt: skip

    def check_simulated(self, n: int = 250, *, seed: int = 0) -> pd.DataFrame:
        """Overdispersion and, for counts, excess zeros, against outcomes drawn from the model.

        Returns
        -------
        pandas.DataFrame
            check, observed, expected, ratio, p_value (two-sided, from `n` simulations).

        Raises
        ------
        UsageError
            Outcomes of 0 and 1, which carry no information on dispersion.
        """
        return simulated_checks(self.model, self.outcome, self.fit, n=n, seed=seed)
