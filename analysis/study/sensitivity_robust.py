"""The headline's test under CR2 standard errors beside the declared one: patients, or therapists, as the clusters.

A mixed model keeps its estimate and its variances as the working model, so that CR2 asks what the test is worth where
those variances are wrong. In a regression over patients every row is a cluster of its own, which makes CR2 the
heteroscedasticity-consistent HC2 with Satterthwaite (Bell–McCaffrey) degrees of freedom; rows of one patient are one
cluster. Therapists as clusters allow for any likeness of their patients, at the price of few degrees of freedom.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from doublecode.analysis.mixed.cluster_robust import ClusterRobust, cluster_robust
from doublecode.analysis.mixed.hypotheses import quantile, two_sided, upper_f
from doublecode.analysis.mixed.result import MixedResult
from doublecode.analysis.mixed.working_covariance import robust_of_mixed
from doublecode.analysis.regression.linear_model import linear_model
from doublecode.schemas.errors import NotEstimable
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from doublecode.analysis.regression.moderation_result import ModerationResult
    from doublecode.analysis.study.sensitivity_estimate import Estimate

    Floats = NDArray[np.float64]
    Rows = list[dict[str, Any]]

UNITS: Final = ("patient", "therapist")
DECLARED: Final = "declared"
FEW_DF: Final = 4
"""Below so many Satterthwaite degrees of freedom a p of CR2 is not to be trusted (Tipton 2015, Psychological Methods,
20, 375–393)."""
COLUMNS: Final = (
    "errors", "n_clusters", "largest", "term", "estimate", "std_error", "df", "df1", "p_value", "conf_low", "conf_high",
)  # fmt: skip


def robust_beside(full: Estimate, frame: pd.DataFrame) -> tuple[pd.DataFrame, tuple[Note, ...]]:
    """The headline's test as declared, and under CR2 by patient and by therapist.

    Parameters
    ----------
    full : Estimate
        The headline with its model.
    frame : DataFrame
        The analysis frame, with ``patient`` and, where known, ``therapist``.

    Returns
    -------
    frame : DataFrame
        One row per kind of standard error, of a factor one more per coefficient: ``errors`` ("declared", "patient",
        "therapist"), ``n_clusters``, ``largest`` (rows of the largest cluster), ``term``, ``estimate`` (F of several
        coefficients), ``std_error``, ``df``, ``df1`` (of F), ``p_value``, ``conf_low``, ``conf_high``.
    notes : tuple of Note
        Where there are no clusters, or too few.
    """
    fit = full.fit
    if fit is None or full.rows is None:
        return pd.DataFrame(columns=list(COLUMNS)), ()
    several = len(full.terms) > 1
    rows: Rows = [{"errors": DECLARED, "term": full.term, **_kept(full.record),
                   "df1": float(len(full.terms)) if several else float("nan")}]  # fmt: skip
    notes: list[Note] = []
    for unit in UNITS:
        clusters = frame.loc[full.rows, unit] if unit in frame.columns else pd.Series(dtype=object)
        if clusters.isna().any() or clusters.nunique() < 2:
            continue
        sizes = clusters.value_counts()
        try:
            found = list(_tests(fit, full, clusters.tolist()))
        except NotEstimable as reason:
            notes.append(Note("robust_not_estimated", unit, {"reason": str(reason)}))
            continue
        rows += [{"errors": unit, "n_clusters": len(sizes), "largest": int(sizes.max()), **one} for one in found]
        least = min((float(one["df"]) for one in found if one["df"] == one["df"]), default=float("nan"))
        if least < FEW_DF:
            notes.append(Note("robust_few_clusters", unit, {"n": len(sizes), "df": least}))
    return pd.DataFrame(rows, columns=list(COLUMNS)), tuple(notes)


def _kept(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name in COLUMNS}


def _tests(fit: MixedResult | ModerationResult, full: Estimate, clusters: list[Any]) -> Iterator[dict[str, Any]]:
    names, beta, found = _robust(fit, clusters)
    C = np.eye(len(names))[[names.index(one) for one in full.terms]]
    if len(C) > 1:
        F, df1, df2 = found.joint(C, beta)
        p_value = float(upper_f(np.array([F]), df1, np.array([df2]))[0])
        yield {"term": full.term, "estimate": F, "df": df2, "df1": df1, "p_value": p_value}
    error, df = np.sqrt(np.diag(C @ found.vcov @ C.T)), found.df(C)
    b = C @ beta
    half, p = quantile(0.95, df) * error, two_sided(b / error, df)
    for at, term in enumerate(full.terms):
        yield {
            "term": term, "estimate": float(b[at]), "std_error": float(error[at]), "df": float(df[at]),
            "p_value": float(p[at]), "conf_low": float(b[at] - half[at]), "conf_high": float(b[at] + half[at]),
        }  # fmt: skip


def _robust(fit: MixedResult | ModerationResult, clusters: list[Any]) -> tuple[list[str], Floats, ClusterRobust]:
    """Names of all coefficients, their estimates, and CR2."""
    if isinstance(fit, MixedResult):
        return list(fit.model.x_names), fit.beta, robust_of_mixed(fit, clusters)
    linear = fit.linear
    X = np.asarray(linear_model(linear).rows(linear.points), dtype=float)
    residual = fit.diagnostics["residual"].to_numpy(dtype=float)
    return list(linear.frame["term"]), linear.beta, cluster_robust(X, residual, clusters)
