"""Mixed models of many outcomes: the answer of :func:`doublecode.analysis.fit_many`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, column
from doublecode.schemas.results import Note

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False, repr=False)
class ManyResult(Answer):
    """Mixed models of many outcomes on one design; every array has one column per set.

    Attributes
    ----------
    spec
        formula, reml, ddf, number of sets.
    terms
        (p,) names of the fixed effects.
    components
        (c,) rows of `variances` as (group, term), the last one the residual.
    estimate, std_error, df, statistic, p_value
        (p, N); NaN in sets that could not be fitted. `df`, `statistic` and `p_value` are NaN without `ddf`.
        `std_error` is the adjusted one under Kenward–Roger.
    vcov
        (N, p, p) covariance of the fixed effects, unadjusted.
    variances
        (c, N) variance components.
    covariances
        Per random term (N, p, p) covariance matrices.
    theta
        (N, m) conditioned parameters, to restart or to evaluate at.
    loglik
        (N,) log-likelihood (restricted under REML).
    nobs
        (N,) rows in use.
    converged, singular, fitted
        (N,) whether the search ended in a minimum; whether a term has a direction of no variance;
        whether there was anything to fit. Failures are counted, never dropped.
    problem
        (N,) why a set is not fitted or not converged, else None.
    rows
        Labels of the rows that have all predictors.
    """

    spec: dict[str, Any]
    terms: tuple[str, ...]
    components: tuple[tuple[str, str], ...]
    estimate: Floats
    std_error: Floats
    df: Floats
    statistic: Floats
    p_value: Floats
    vcov: Floats
    variances: Floats
    covariances: tuple[Floats, ...]
    theta: Floats
    loglik: Floats
    nobs: Ints
    converged: Bools
    singular: Bools
    fitted: Bools
    problem: tuple[Note | None, ...]
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("set", "term")

    def tables(self) -> tuple[Table, ...]:
        """Estimates over the sets, a row per fixed effect."""
        columns = (
            column("term"), column("mean", "*M* of *b*", kind="estimate"),
            column("sd", "*SD* of *b*", kind="estimate"), column("mean_std_error", "*M* of *SE*", kind="estimate"),
            column("n_sets", "Sets", kind="integer"),
        )  # fmt: skip
        return (Table("sets", f"{self.spec['formula']}, over {self.n_sets} outcomes", self.per_term(), columns),)

    def counted(self) -> str:
        """Say the criterion, the sets and the rows of the design."""
        return f"{'REML' if self.spec['reml'] else 'ML'}: {self._sets_and_rows()}"

    def _sets_and_rows(self) -> str:
        groups = "".join(f", {n} levels of {group}" for group, n in self.design["n_groups"].items())
        return f"{self.design['n_fitted']} of {self.n_sets} sets fitted; {self.design['n_used']} rows{groups}"

    @property
    def n_sets(self) -> int:
        """Number of outcomes, N."""
        return len(self.loglik)

    @property
    def frame(self) -> pd.DataFrame:
        """Tidy: set, term, estimate, std_error, df, statistic, p_value, converged, singular."""
        p, N = self.estimate.shape
        long = {"set": np.repeat(np.arange(N), p), "term": np.tile(np.array(self.terms, dtype=object), N)}
        for name in ("estimate", "std_error", "df", "statistic", "p_value"):
            long[name] = getattr(self, name).T.ravel()
        long |= {"converged": np.repeat(self.converged, p), "singular": np.repeat(self.singular, p)}
        return pd.DataFrame(long)

    def per_term(self) -> pd.DataFrame:
        """Per fixed effect over the fitted sets: term, mean, sd of the estimates, mean std_error, n_sets."""
        ok = self.fitted
        return pd.DataFrame(
            {
                "term": list(self.terms),
                "mean": self.estimate[:, ok].mean(axis=1),
                "sd": self.estimate[:, ok].std(axis=1, ddof=1) if ok.sum() > 1 else np.nan,
                "mean_std_error": self.std_error[:, ok].mean(axis=1),
                "n_sets": int(ok.sum()),
            }
        )


@dataclass(frozen=True, eq=False, repr=False)
class ManyGeneralizedResult(ManyResult):
    """Generalised mixed models of many outcomes on one design, on the scale of the linear predictor.

    What :class:`ManyResult` has, with z tests, without a residual among `components`, and further:

    Attributes
    ----------
    separated
        (N,) whether predictors, or levels of a grouping factor, tell the outcome without error: no finite estimate.
    dispersion
        (N,) φ of negative binomial counts, ∞ where they have no more spread than Poisson's; NaN for other families.
    single
        (N,) whether the set was left to the search of single fits.
    """

    separated: Bools
    dispersion: Floats
    single: Bools

    def counted(self) -> str:
        """Say the family, the sets and the rows of the design."""
        nodes = self.spec["nagq"]
        how = "Laplace" if nodes == 1 else f"quadrature of {nodes} points"
        return f"{self.spec['family']}, {self.spec['link']} link, {how}: {self._sets_and_rows()}"


@dataclass(frozen=True, eq=False, repr=False)
class ManyOrdinalResult(ManyGeneralizedResult):
    """Cumulative mixed models of many ordinal outcomes: what :class:`ManyGeneralizedResult` has, and thresholds.

    A category that a set lacks has no probability in it, as in :func:`fit_generalized`: the thresholds about it
    coincide, and are infinite at an end of the scale.

    Attributes
    ----------
    categories
        (K,) the categories that occur in any set, ascending.
    threshold_names
        (K − 1,) ``0|1``, ``1|2``, …
    thresholds, threshold_std_error
        (K − 1, N); NaN in sets without a fit, and standard errors of infinite thresholds.
    n_categories
        (N,) categories that occur in the set.
    """

    categories: tuple[int, ...]
    threshold_names: tuple[str, ...]
    thresholds: Floats
    threshold_std_error: Floats
    n_categories: Ints

    def tables(self) -> tuple[Table, ...]:
        """Estimates over the sets, a row per fixed effect, and one per threshold."""
        columns = (
            column("threshold"), column("mean", "*M*", kind="estimate"), column("sd", "*SD*", kind="estimate"),
            column("mean_std_error", "*M* of *SE*", kind="estimate"), column("n_sets", "Sets", kind="integer"),
        )  # fmt: skip
        return (*super().tables(), Table("thresholds", "Thresholds", self.per_threshold(), columns))

    def per_threshold(self) -> pd.DataFrame:
        """Per threshold over the sets where it is finite: threshold, mean, sd, mean std_error, n_sets."""
        rows = []
        for name, tau, error in zip(self.threshold_names, self.thresholds, self.threshold_std_error, strict=True):
            known = np.isfinite(tau)
            n = int(known.sum())
            mean, error_mean = (float(values[known].mean()) if n else np.nan for values in (tau, error))
            rows.append((name, mean, float(tau[known].std(ddof=1)) if n > 1 else np.nan, error_mean, n))
        return pd.DataFrame(rows, columns=["threshold", "mean", "sd", "mean_std_error", "n_sets"])
