"""The answer of :func:`fit_generalized` for ordered categories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from doublecode.analysis.mixed import prediction
from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.generalized.cumulative_density import probabilities
from doublecode.analysis.mixed.generalized.ordinal_answers import (
    effects_on_categories,
    mean_probabilities,
    threshold_frame,
)
from doublecode.analysis.mixed.generalized.ordinal_fit import OrdinalFit
from doublecode.analysis.mixed.generalized.ordinal_outcome import OrdinalOutcome
from doublecode.analysis.mixed.generalized.population import row_variances
from doublecode.analysis.mixed.generalized.proportional_odds import proportional_odds_frame
from doublecode.analysis.mixed.generalized.result import GeneralizedResult, Scale
from doublecode.analysis.mixed.generalized.tables import residual_frame
from doublecode.analysis.mixed.hypotheses import anova_frame
from doublecode.analysis.mixed.inference import SmallSample
from doublecode.analysis.mixed.prediction import Random
from doublecode.analysis.rendering.tables import Table, column, level_heading
from doublecode.schemas.errors import UsageError
from doublecode.schemas.results import Note

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class OrdinalResult(GeneralizedResult):
    """A fitted cumulative mixed model: ordered categories as cuts of a latent scale.

    P(Y ≤ j) = F(τⱼ − η): a positive coefficient moves the probability towards **higher** categories, and with the logit
    exp(b) is the ratio of the odds of a category above any threshold for one unit more of the predictor.

    Attributes
    ----------
    outcome
        Codes, labels and thresholds of the categories.
    fit
        The bare fit; its ψ gives the thresholds.
    with_intercept
        The design with its column of ones, on which hypotheses of terms are stated.
    """

    outcome: OrdinalOutcome
    fit: OrdinalFit
    with_intercept: Design = field(kw_only=True)

    def tables(self) -> tuple[Table, ...]:
        """Fixed effects, odds ratios, thresholds and variances."""
        limits = level_heading(self.spec["conf_level"])
        cuts = (
            column("threshold", "Threshold", kind="text"), column("estimate", "Estimate", kind="number"),
            column("std_error"), column("conf_low", limits, kind="number", upper="conf_high"),
        )  # fmt: skip
        own = Table("thresholds", "Thresholds of the latent scale", self.thresholds, cuts)
        first = [table for table in super().tables() if len(table.frame)]
        at = next(place for place, table in enumerate(first) if table.name == "variances")
        return (*first[:at], own, *first[at:])

    def counted(self) -> str:
        """Say the family, the fit and what it stands on."""
        counts = ", ".join(f"{label}: {n}" for label, n in zip(self.outcome.labels, self.outcome.counts, strict=True))
        return f"{super().counted()}; rows by category {counts}"

    @property
    def notes(self) -> tuple[Note, ...]:
        """What a reader must know with the numbers."""
        return (Note("ordinal_direction"), *self.outcome.notes, *super().notes)

    @cached_property
    def thresholds(self) -> pd.DataFrame:
        """Threshold (``0|1``), estimate, std_error, conf_low, conf_high: predictors at 0, a group at the middle."""
        return threshold_frame(
            self.outcome.labels, self.outcome.thresholds, self.fit.psi, self.fit.psi_vcov, self.spec["conf_level"]
        )

    @property
    def shape(self) -> pd.DataFrame:
        """No dispersion: an empty frame; see `thresholds`."""
        return pd.DataFrame(columns=["term", "estimate", "conf_low", "conf_high"])

    @property
    def tau(self) -> Floats:
        """(K − 1,) thresholds."""
        return self.outcome.thresholds.values(self.fit.psi)

    def predict(
        self, data: pd.DataFrame | None = None, *, kind: Scale = "response", random: Random = "all",
        offset: Sequence[float] | None = None,
    ) -> pd.Series[float]:  # fmt: skip
        """Predict the expected category, Σⱼ valueⱼ P(Y = j), or the linear predictor.

        Values are the numbers of the categories, 0 … K − 1 of words. Arguments are those of
        :meth:`GeneralizedResult.predict`.
        """
        if kind not in get_args(Scale):
            raise UsageError(f"predict: kind={kind!r}; allowed: 'response', 'link'")
        eta = self._eta(data, random, offset)
        index = self.model.index if data is None else data.index
        if kind == "response":
            eta = probabilities(eta, self.tau, self.outcome.cumulative_link) @ self.outcome.values
        return pd.Series(eta, index=index, name="predicted")

    def category_probabilities(
        self, data: pd.DataFrame | None = None, *, random: Random | Literal["average"] = "all",
        offset: Sequence[float] | None = None,
    ) -> pd.DataFrame:  # fmt: skip
        """Predict the probability of every category, (n, K), a column for each.

        Parameters
        ----------
        data, offset
            As in :meth:`predict`.
        random
            ``"all"``, ``"none"`` (a group at the middle), names of grouping factors, or ``"average"``: the mean over
            all groups, which is nearer to equal shares than the group at the middle. Random slopes of new rows cannot
            be averaged.
        """
        link = self.outcome.cumulative_link
        if random == "average":
            eta = self._eta(data, "none", offset)
            values = mean_probabilities(eta, self._random_variance(data, len(eta)), self.tau, link)
        else:
            values = probabilities(self._eta(data, random, offset), self.tau, link)
        index = self.model.index if data is None else data.index
        return pd.DataFrame(values, index=index, columns=list(self.outcome.labels))

    def _eta(self, data: pd.DataFrame | None, random: Random, offset: Sequence[float] | None) -> Floats:
        groups = prediction.chosen_groups(self.model, random)
        eta = prediction.linear_predictor(self.model, self.beta, self.modes, groups, data)
        known = prediction.known_part(self.spec["offset"], data, offset)
        return eta if known is None else eta + known

    def _random_variance(self, data: pd.DataFrame | None, n: int) -> Floats:
        if data is None:
            return row_variances(self.model.terms, self.fit.covariances)
        if any(term.columns != ("Intercept",) for term in self.model.terms):
            raise UsageError(
                "category_probabilities: random='average' of new rows needs random intercepts only; this model has "
                "slopes. Take the rows in use (data=None), or random='none'"
            )
        return np.full(n, sum(float(V[0, 0]) for V in self.fit.covariances))

    def residuals(self) -> pd.DataFrame:
        """Rows in use: row (label), observed, fitted (expected category), residual, standardized (Pearson's)."""
        P, values = self.category_probabilities().to_numpy(), self.outcome.values
        mean = P @ values
        variance = P @ values**2 - mean**2
        return residual_frame(self.model.index, self.outcome.shown, mean, variance)

    def simulate(self, n: int = 1, *, seed: int = 0, random: Random = "none") -> Floats:
        """Draw outcomes from the fitted model, (rows in use, n), as numbers of the categories.

        `random` says whose effects are kept at their modes; by default all are drawn anew.
        """
        return np.asarray(self.outcome.values[self._drawn(n, seed, random).astype(np.int64)])

    def average_effects(self, of: str | Sequence[str] = ()) -> pd.DataFrame:
        """Average marginal effects on the probability of each category, over rows and random effects.

        Of a number the mean derivative, of a two-valued number or a category the mean difference from its first value.

        Returns
        -------
        pandas.DataFrame
            term, contrast, category, estimate, std_error, statistic, p_value, conf_low, conf_high; delta method in all
            parameters. The effects of one contrast sum to zero.
        """
        return effects_on_categories(self.model, self.outcome, self.fit, of, float(self.spec["conf_level"]))

    @cached_property
    def latent(self) -> tuple[Design, Floats, SmallSample]:
        """The design with an intercept, its coefficients and their tests: minus the mean threshold is the intercept.

        So means stand against the middle of the thresholds, as R's emmeans has them (``mode = "latent"``).
        """
        design, p, k = self.with_intercept, len(self.beta), len(self.fit.psi)
        at = design.x_names.index("Intercept")
        J = np.zeros((p + 1, k + p))
        J[np.delete(np.arange(p + 1), at), k + np.arange(p)] = 1.0
        J[at, :k] = -self.outcome.thresholds.jacobian(self.fit.psi).mean(axis=0)
        V = (J @ self.fit.parameters_vcov @ J.T)[None]
        tests = SmallSample("z", V, V, np.zeros((1, 0, p + 1, p + 1)), np.zeros((1, 0, 0)))
        return design, np.insert(self.beta, at, -self.tau.mean()), tests

    def anova(self) -> pd.DataFrame:
        """Wald tests of terms: term, df_num, df_den (∞), statistic (χ²/df), p_value, hypothesis."""
        return anova_frame(*self.latent)

    def proportional_odds(self) -> pd.DataFrame:
        """Test for each term whether one coefficient serves all thresholds: term, df, statistic, p_value, converged.

        Likelihood-ratio tests against effects that differ by threshold, the random part kept (Peterson & Harrell 1990;
        R's ``nominal_test`` where there are no random effects).

        Raises
        ------
        UsageError
            Two categories, or no predictor.
        """
        return proportional_odds_frame(self.model, self.outcome, self.fit)

    def check_simulated(self, n: int = 250, *, seed: int = 0) -> pd.DataFrame:
        """Refuse: categories have no dispersion of their own.

        Raises
        ------
        UsageError
            Always; the check of this model is :meth:`proportional_odds`.
        """
        raise UsageError(
            "check_simulated: ordered categories have no dispersion to check; allowed: counts, and successes in more "
            "than one trial. For this model see .proportional_odds()"
        )
