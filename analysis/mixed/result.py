"""The answer of :func:`doublecode.analysis.mixed.fit_mixed`, and every question one may put to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from doublecode.analysis.mixed import prediction, rsquared
from doublecode.analysis.mixed import variances as components
from doublecode.analysis.mixed.answer import MixedAnswer
from doublecode.analysis.mixed.component_frames import correlation_frame, random_frame
from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.engine.bare_fit import Fit
from doublecode.analysis.mixed.hypotheses import anova_frame
from doublecode.analysis.mixed.inference import Method, SmallSample, fixed_effects, small_sample
from doublecode.analysis.mixed.influence import InfluenceResult, leave_one_out
from doublecode.analysis.mixed.intervals import IntervalMethod, Parameters, mixed_intervals
from doublecode.analysis.mixed.prediction import Random
from doublecode.analysis.mixed.redraws import Redraws
from doublecode.analysis.mixed.residuals.whitening import Whitening
from doublecode.analysis.rendering.coefficient_columns import coefficients
from doublecode.analysis.rendering.tables import Table, column
from doublecode.schemas.errors import UsageError
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from doublecode.analysis.rendering.figures import Axes
    from doublecode.analysis.results.spread_work import Progress, Workers

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class MixedResult(MixedAnswer):
    """A fitted linear mixed model.

    Attributes
    ----------
    spec
        The question: formula, reml, ddf, conf_level, weights, offset, correlation, variance_by.
    model
        The :class:`~doublecode.analysis.mixed.design.Design`: y, X, random terms, rows.
    fit
        The bare :class:`~doublecode.analysis.mixed.engine.bare_fit.Fit`: parameters, state, derivatives.
    ddf
        Method of the tests of fixed effects, resolved.
    whitening
        Residual structure, or None.
    remarks
        How the method of the tests was chosen; stands among the notes.
    """

    spec: dict[str, Any]
    model: Design
    fit: Fit
    ddf: Method
    whitening: Whitening | None = None
    remarks: tuple[Note, ...] = ()

    def tables(self) -> tuple[Table, ...]:
        """Fixed effects, variance components and, where there is one, the residual structure."""
        statistic = "*z*" if self.ddf == "z" else "*t*"
        fixed = (column("term"), *coefficients(self.fixed, self.spec["conf_level"], statistic))
        tables = (
            Table("fixed", str(self.spec["formula"]), self.fixed, fixed),
            self._variance_table(),
        )
        if self.whitening is None:
            return tables
        structure = (column("term"), column("level"), column("estimate", "Estimate"))
        return (*tables, Table("residuals", self.whitening.label, self.whitening.report(self.sigma), structure))

    def counted(self) -> str:
        """Say the criterion, the fit and what it stands on."""
        kind = "REML" if self.fit.reml else "ML"
        return f"{kind}: {self._fit_and_rows()}"

    def plot(self) -> Axes:
        """Draw residuals against fitted values, and normal quantiles of residuals and random effects."""
        from doublecode.analysis.rendering.figures import diagnostics

        rows = self.residuals()
        return diagnostics(rows["fitted"].tolist(), rows["residual"].tolist(), self.random())

    @cached_property
    def beta(self) -> Floats:
        """(p,) estimates of the fixed effects."""
        return np.asarray(fixed_effects(self.fit.state)[0][0])

    @cached_property
    def tests(self) -> SmallSample:
        """What t and F tests need, by the method `ddf`."""
        if self.whitening is not None and self.ddf == "satterthwaite":
            return self.whitening.tests(self.model)
        return small_sample(self.fit.derivatives, self.ddf)

    @property
    def vcov(self) -> pd.DataFrame:
        """Covariance of the fixed effects, as the tests use it (adjusted under Kenward–Roger)."""
        return pd.DataFrame(self.tests.vcov[0], index=list(self.model.x_names), columns=list(self.model.x_names))

    @cached_property
    def variances(self) -> pd.DataFrame:
        """Group, term, variance, sd, corr (with the first effect of the term); last row the residual."""
        return components.variance_frame(self.fit, self.model)

    @property
    def correlations(self) -> pd.DataFrame:
        """Every pair of random effects within a term: group, term1, term2, covariance, corr."""
        return correlation_frame(self.model.terms, components.covariances(self.fit))

    def residual_parameters(self, conf_level: float | None = None) -> pd.DataFrame:
        """Parameters of the residual structure: term (phi, sd), level, estimate, conf_low, conf_high."""
        if self.whitening is None:
            return pd.DataFrame(columns=["term", "level", "estimate", "conf_low", "conf_high"])
        return self.whitening.frame(self.model, self.spec["conf_level"] if conf_level is None else conf_level)

    @property
    def theta(self) -> Floats:
        """(m,) relative covariance factors in lme4's order and sign."""
        return components.lme4_theta(self.fit)

    @property
    def sigma(self) -> float:
        """Residual standard deviation."""
        return float(np.sqrt(components.residual_variance(self.fit)))

    @property
    def loglik(self) -> float:
        """Log-likelihood; the restricted one under REML."""
        return -0.5 * self.fit.deviance

    @property
    def n_parameters(self) -> int:
        """Fixed effects, variance parameters, the residual variance and those of the residual structure."""
        extra = 0 if self.whitening is None else len(self.whitening.parameters)
        return self.fit.moments.layout.p + self.fit.moments.layout.m + 1 + extra

    @property
    def converged(self) -> bool:
        """Whether the ladder ended in a stationary point that is a minimum."""
        return self.fit.converged

    @cached_property
    def singularities(self) -> tuple[components.Singularity, ...]:
        """Random terms with a direction of no variance."""
        return components.singularities(self.fit, self.model)

    @property
    def log(self) -> pd.DataFrame:
        """The fit ladder: method, start, evaluations, deviance, gradient, converged, remark."""
        return self.fit.log

    @cached_property
    def notes(self) -> tuple[Note, ...]:
        """What a reader must know with the numbers."""
        notes: list[Note] = [*self.model.notes, *self.remarks]
        if self.whitening is not None:
            notes += self.whitening.notes
            if self.ddf != "satterthwaite":
                notes.append(Note("tests_take_structure_as_known", numbers={"structure": self.whitening.label}))
        notes += self._notes_of_fit()
        if not self.converged:
            notes.append(Note("mixed_not_converged"))
        return tuple(notes)

    def random(self) -> pd.DataFrame:
        """Conditional modes of the random effects with their SD: group, term, level, estimate, sd."""
        return random_frame(self.model.terms, self.modes, components.mode_covariances(self.fit))

    @cached_property
    def modes(self) -> tuple[Floats, ...]:
        """Per term (levels, p) conditional modes, in the order of `model.terms`."""
        return components.modes(self.fit)

    def predict(
        self, data: pd.DataFrame | None = None, *, random: Random = "all", offset: Sequence[float] | None = None
    ) -> pd.Series[float]:
        """Predict the outcome.

        Parameters
        ----------
        data
            New rows; None predicts the rows in use. A group that the fit has not seen gets the
            population's prediction; a missing predictor gives NaN.
        random
            Whose random effects enter: ``"all"``, ``"none"`` (fixed effects only), or the name of a grouping
            factor, or several names.
        offset
            (n_rows,) known part of the mean of the new rows. If the model was fitted with a column as
            offset, new rows take theirs from that column unless it is given here.

        Examples
        --------
        >>> import numpy as np, pandas as pd
        >>> from doublecode.analysis import fit_mixed
        >>> rng = np.random.default_rng(7)
        >>> data = pd.DataFrame({"patient": np.repeat(np.arange(12), 5), "session": np.tile(np.arange(5.0), 12)})
        >>> data["phq9"] = 12 - data.session + rng.normal(0, 2, 12)[data.patient] + rng.normal(0, 1, 60)
        >>> fit = fit_mixed("phq9 ~ session + (1 | patient)", data)
        >>> new = pd.DataFrame({"session": [0.0, 4.0], "patient": [3, 3]})
        >>> fit.predict(new, random="none").round(1).tolist()
        [11.7, 7.4]
        """
        groups = prediction.chosen_groups(self.model, random)
        eta = prediction.linear_predictor(self.model, self.beta, self.modes, groups, data)
        known = prediction.known_part(self.spec["offset"], data, offset)
        if known is not None:
            eta = eta + known
        return pd.Series(eta, index=self.model.index if data is None else data.index, name="predicted")

    def simulate(self, n: int = 1, *, seed: int = 0, random: Random = "none") -> Floats:
        """Draw outcomes from the fitted model, (rows in use, n).

        `random` says whose effects are kept at their modes, as in :meth:`predict`; by default all
        random effects are drawn anew (a parametric bootstrap).
        """
        if n < 1:
            raise UsageError(f"n={n} outcomes cannot be drawn; ask for at least one")
        groups = prediction.chosen_groups(self.model, random)
        colour = None if self.whitening is None else self.whitening.colour
        return prediction.simulate_outcomes(
            self.model, self.beta, self.modes, components.covariances(self.fit), self.sigma**2,
            n=n, seed=seed, groups=groups, colour=colour,
        )  # fmt: skip

    def residuals(self) -> pd.DataFrame:
        """Rows in use: row (label), observed, fitted, residual, standardized.

        `standardized` is residual · √w / σ; with a residual structure it is also divided by the SD
        of its level and freed of its autocorrelation (nlme's normalized residuals).
        """
        fitted = self.predict().to_numpy()
        residual = self.model.y - fitted
        if self.whitening is not None:
            bare = replace(self.model, y=residual, offset=None)
            scaled = self.whitening.apply(bare).y
        else:
            scaled = residual * (1.0 if self.model.weights is None else np.sqrt(self.model.weights))
        columns = {
            "row": self.model.index, "observed": self.model.y, "fitted": fitted, "residual": residual,
            "standardized": scaled / self.sigma,
        }  # fmt: skip
        return pd.DataFrame(columns)

    def anova(self) -> pd.DataFrame:
        """Type III F tests: term, df_num, df_den, statistic, p_value, hypothesis."""
        return anova_frame(self.model, self.beta, self.tests)

    def r2(self) -> pd.DataFrame:
        """Explained variance: measure, source, value (Nakagawa; Rights & Sterba for one factor)."""
        V = components.covariances(self.fit)
        return rsquared.r2_frame(self.model, self.beta, V, self.sigma**2)

    @property
    def icc(self) -> dict[str, float]:
        """Share of the random terms in the variance, adjusted for the fixed part and not."""
        V = components.covariances(self.fit)
        return rsquared.icc_values(self.model, self.beta, V, self.sigma**2)

    def confint(
        self,
        method: IntervalMethod = "wald",
        *,
        conf_level: float | None = None,
        n_boot: int = 1000,
        seed: int = 0,
        parameters: Parameters = "all",
        workers: Workers | None = None,
        progress: Progress | None = None,
    ) -> pd.DataFrame:
        """Limits of all parameters: parameter, group, term, estimate, conf_low, conf_high, method.

        `parameter` is fixed, sd, corr or phi; see :func:`doublecode.analysis.mixed.intervals.mixed_intervals`.

        Parameters
        ----------
        method
            ``"wald"``, ``"profile"`` (likelihood) or ``"bootstrap"`` (parametric).
        conf_level
            In (0, 1); None takes that of the fit.
        n_boot, seed
            Refits and seed of the bootstrap.
        parameters
            ``"all"``, ``"fixed"`` or ``"variances"``.
        workers, progress
            Cores or a cluster for the refits of the bootstrap, and what is told how many are done; the limits are the
            same.
        """
        draws = Redraws(n_boot, seed, workers, progress)
        return mixed_intervals(self, method, conf_level=conf_level, parameters=parameters, draws=draws)

    def influence(self, group: str | None = None) -> InfluenceResult:
        """Leave out one level of `group` at a time (default: the first grouping factor)."""
        return leave_one_out(self, group=group)
