"""One set of ordinal ratings: rater severity, fair averages and variances on the latent scale."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from doublecode.analysis.mixed import fit_generalized, fit_mixed
from doublecode.analysis.mixed.generalized.cumulative_density import probabilities
from doublecode.analysis.mixed.generalized.links import LATENT_VARIANCE
from doublecode.analysis.mixed.generalized.marginal_effects import with_delta
from doublecode.analysis.mixed.generalized.ordinal_result import OrdinalResult
from doublecode.analysis.mixed.generalized.thresholds import ThresholdKind
from doublecode.schemas.errors import NotEstimable
from doublecode.schemas.results import Note

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
COMPONENTS = ("targets", "raters", "residual")


@dataclass(frozen=True, eq=False)
class LatentSet:
    """n ratings of one set.

    Attributes
    ----------
    target, rater
        (n,) codes from 0.
    target_names, rater_names
        Their labels.
    outcome
        (n,) ratings: whole numbers or an ordered categorical.
    link, thresholds, conf_level
        As asked.
    """

    target: Ints
    rater: Ints
    target_names: tuple[Hashable, ...]
    rater_names: tuple[Hashable, ...]
    outcome: pd.Series[Any]
    link: str
    thresholds: ThresholdKind
    conf_level: float

    @property
    def n_raters(self) -> int:
        """Raters of the set."""
        return len(self.rater_names)

    @cached_property
    def contrasts(self) -> Floats:
        """(R, R − 1) severities that sum to zero from the coefficients of all raters but the last."""
        return np.vstack([np.eye(self.n_raters - 1), -np.ones((1, self.n_raters - 1))])

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Outcome, codes, and a column for each rater but the last."""
        columns = self.contrasts[self.rater]
        names = [f"c{i}" for i in range(self.n_raters - 1)]
        codes = {"y": self.outcome.to_numpy(), "target": self.target, "rater": self.rater}
        coded = pd.DataFrame(codes).assign(**{name: columns[:, i] for i, name in enumerate(names)})
        return coded.assign(y=self.outcome.reset_index(drop=True))

    def fit(self, fixed: str) -> OrdinalResult:
        """Cumulative mixed model of these ratings."""
        found = fit_generalized(
            f"y ~ {fixed} + (1 | target)", self.frame, family="ordinal", link=self.link, thresholds=self.thresholds,
            conf_level=self.conf_level,
        )  # fmt: skip
        return cast("OrdinalResult", found)

    @cached_property
    def by_raters(self) -> OrdinalResult:
        """Raters as fixed effects."""
        return self.fit(" + ".join(name for name in self.frame.columns if name.startswith("c")))

    def severity(self) -> pd.DataFrame:
        """One row per rater, see :class:`OrdinalSeverityResult`."""
        fit, S = self.by_raters, self.contrasts
        estimate, V = S @ fit.beta, S @ fit.fit.vcov @ S.T
        se = np.sqrt(np.diag(V))
        z, reach = estimate / se, special.ndtri(0.5 + self.conf_level / 2.0)
        fair, fair_se = with_delta(lambda x: self._expected(S @ fit.fit.beta_at(x), fit.fit.psi_at(x)), fit.fit)
        values = fit.outcome.values
        columns = {
            "rater": list(self.rater_names), "n_ratings": np.bincount(self.rater),
            "mean": np.bincount(self.rater, fit.outcome.shown) / np.bincount(self.rater), "estimate": estimate,
            "std_error": se, "statistic": z, "p_value": 2.0 * special.ndtr(-np.abs(z)),
            "conf_low": estimate - reach * se, "conf_high": estimate + reach * se,
            "odds_ratio": np.exp(estimate) if self.link == "logit" else np.nan, "fair_average": fair,
            "fair_low": np.maximum(fair - reach * fair_se, values[0]),
            "fair_high": np.minimum(fair + reach * fair_se, values[-1]), "linear": self._linear(),
        }  # fmt: skip
        return pd.DataFrame(columns)

    def targets(self) -> pd.DataFrame:
        """One row per target: ratings, their mean, latent standing with its SD, and the fair average."""
        fit = self.by_raters
        modes = fit.random()
        u, n = modes["estimate"].to_numpy(float), np.bincount(self.target)
        columns = {
            "target": list(self.target_names), "n_ratings": n,
            "mean": np.bincount(self.target, fit.outcome.shown) / n, "estimate": u, "sd": modes["sd"].to_numpy(float),
            "fair_average": self._expected(u, fit.fit.psi),
        }  # fmt: skip
        return pd.DataFrame(columns)

    def _expected(self, eta: Floats, psi: Floats) -> Floats:
        """Expected rating at latent values (m,)."""
        outcome = self.by_raters.outcome
        P = probabilities(eta, outcome.thresholds.values(psi), outcome.cumulative_link)
        return np.asarray(P @ outcome.values)

    def _linear(self) -> Floats:
        """(R,) severity in scale points by the linear model; NaN where ratings leave it no residual."""
        frame = self.frame.assign(y=self.by_raters.outcome.shown)
        names = " + ".join(name for name in frame.columns if name.startswith("c"))
        try:
            return np.asarray(self.contrasts @ fit_mixed(f"y ~ {names} + (1 | target)", frame).beta[1:])
        except NotEstimable:
            return np.full(self.n_raters, np.nan)

    def variances(self) -> pd.DataFrame:
        """Component, variance, sd, share of targets, raters and the latent residual."""
        parts = self._parts()
        return pd.DataFrame(
            {"component": COMPONENTS, "variance": parts, "sd": np.sqrt(parts), "share": parts / parts.sum()}
        )

    def _parts(self) -> Floats:
        fit, S = self.by_raters, self.contrasts
        severity, error = S @ fit.beta, float(np.trace(S @ fit.fit.vcov @ S.T))
        raters = max(0.0, (float(severity @ severity) - error) / (self.n_raters - 1))
        return np.array([float(fit.fit.covariances[0][0, 0]), raters, LATENT_VARIANCE[self.link]])

    def latent_icc(self) -> list[tuple[str, str, float]]:
        """Form, scale and estimate of ICC(C,1) and ICC(A,1) on the latent scale."""
        targets, raters, own = self._parts()
        return [
            ("ICC(C,1)", "latent", targets / (targets + own)),
            ("ICC(A,1)", "latent", targets / (targets + raters + own)),
        ]

    def test(self) -> pd.DataFrame:
        """Likelihood-ratio test of raters that do not differ."""
        df = self.n_raters - 1
        statistic = max(0.0, 2.0 * (self.by_raters.loglik - self.fit("1").loglik))
        columns = {"test": ["raters differ"], "df": df, "statistic": statistic}
        return pd.DataFrame(columns | {"p_value": float(special.chdtrc(df, statistic))})

    @property
    def notes(self) -> tuple[Note, ...]:
        """What the fit says of itself."""
        fit = self.by_raters
        found = [] if fit.converged else [Note("mixed_not_converged")]
        found += [item.note for item in fit.singularities]
        if np.bincount(self.target).min() == 1:
            found.append(Note("single_coded_at_random"))
        return (*fit.outcome.notes, *found)
