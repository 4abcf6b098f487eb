"""Hierarchical omega by Schmid–Leiman after an oblique rotation, and psych's default as a reproduction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from doublecode.analysis.consistency.factor import FLOOR, FactorFit, degrees_of_freedom, fit_factors
from doublecode.analysis.consistency.item_moments import (
    Array,
    Missing,
    all_units,
    check_rows,
    correlations,
    covariances,
    read_items,
)
from doublecode.analysis.consistency.item_statistics import smc_of
from doublecode.analysis.consistency.rotation import SchmidLeiman, schmid_leiman
from doublecode.analysis.consistency.scale_levels import POOLED
from doublecode.analysis.consistency.unit_resampling import (
    LOGIT,
    Interval,
    Limits,
    check_interval,
    interval_name,
    limits_of,
)
from doublecode.analysis.rendering.answers import Answer
from doublecode.schemas.errors import ContractError, NotEstimable, UsageError

TERMS = ("omega_hierarchical", "omega_total", "omega_limit", "ecv")


@dataclass(frozen=True, eq=False, repr=False)
class HierarchicalResult(Answer):
    """Answer of `omega_hierarchical` and `psych_default`.

    `frame`: level, term (omega_hierarchical, omega_total, omega_limit, ecv), estimate, std_error,
    df, conf_low, conf_high, formula. `loadings`: item, g, F1* … Fk*, h2, u2, p2 (the Schmid–Leiman
    table). `groups`: factor, its items, omega total and the general factor's share of the subscale.
    `factors`: correlations of the oblique factors.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    loadings: pd.DataFrame
    groups: pd.DataFrame
    factors: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[str, ...]


def omega_hierarchical(
    data: pd.DataFrame,
    *,
    items: Sequence[str] | None = None,
    clusters: str | None = None,
    n_factors: int = 3,
    conf_level: float = 0.95,
    seed: int = 0,
    interval: Interval = "jackknife",
    n_boot: int = 500,
    missing: Missing = "fiml",
) -> HierarchicalResult:
    """Omega hierarchical, omega total and the explained common variance of a scale with subscales.

    Parameters
    ----------
    data, items, clusters, conf_level, seed, interval, n_boot, missing
        As in `doublecode.analysis.consistency.alpha_omega.omega`.
    n_factors
        Number of oblique group factors; 2 for assigning and reviewing.

    Notes
    -----
    Minres factors of the correlations, varimax then oblimin, Schmid–Leiman. With R the observed
    correlations: omega_hierarchical = (Σg)² / ΣR, omega_total = 1 − Σu² / ΣR, omega_limit their
    ratio, ecv = Σg² / Σ(all squared loadings). With two group factors the second order is not
    identified; both load √φ on the general factor.

    Raises
    ------
    NotEstimable
        More factors than the items identify, or a rotation without convergence.

    References
    ----------
    Schmid & Leiman (1957), *Psychometrika* 22; Zinbarg, Revelle, Yovel & Li (2005), *Psychometrika* 70;
    Reise, Moore & Haviland (2010), *Journal of Personality Assessment* 92 (explained common variance).

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(2)
    >>> g, f = rng.normal(size=(300, 1)), np.repeat(rng.normal(size=(300, 3)), 3, axis=1)
    >>> ratings = pd.DataFrame(g + 0.8 * f + rng.normal(size=(300, 9)), columns=list("abcdefghi"))
    >>> omega_hierarchical(ratings).frame["estimate"].round(2).tolist()[:2]
    [0.74, 0.91]
    """
    check_interval(interval, conf_level, n_boot)
    read = read_items(data, items, clusters, least=3)
    check_rows(read)
    _require_identified(read.items, n_factors)

    def coefficients(weights: Array) -> Array:
        S = covariances(read, weights, missing)
        varied = (np.diagonal(S, axis1=1, axis2=2) > 1e-12).all(axis=1)  # else an item is constant there
        out = np.full((len(S), len(TERMS)), np.nan)
        R = correlations(S[varied])
        out[varied] = _coefficients(schmid_leiman(fit_factors(R, n_factors, method="minres")), R)
        return out

    R = correlations(covariances(read, all_units(read.n_units), missing))
    fit = fit_factors(R, n_factors, method="minres")
    solution = schmid_leiman(fit)
    if not solution.converged[0]:
        raise NotEstimable(f"The {n_factors}-factor solution did not converge; ask for fewer factors.")
    _, limits, failed = limits_of(
        coefficients, read.n_units, interval, conf_level=conf_level, n_boot=n_boot, seed=seed, scale=LOGIT
    )
    spec: dict[str, Any] = {"function": "omega_hierarchical", "items": list(read.items), "clusters": clusters}
    spec |= {"n_factors": n_factors, "conf_level": conf_level, "seed": seed, "missing": missing}
    spec["method"] = interval_name(interval, read.unit_name, n_units=read.n_units)
    notes = _notes(read.items, fit, n_factors)
    if failed:
        notes.append(f"{failed} resamples had no {n_factors}-factor solution.")
    return _result(spec, read.items, R[0], solution, limits, read.counts, notes)


def psych_default(data: pd.DataFrame, *, items: Sequence[str] | None = None, n_factors: int = 3) -> HierarchicalResult:
    """Reproduce the numbers that R's ``psych::omega(data, nfactors)`` prints by default.

    A labelled reproduction: minres stopped where R's optimiser stops it, oblimin stopped at 1e-5.
    It is computed even where the model is not identified, as psych does; `notes` says so.

    Parameters
    ----------
    data
        Wide frame of item scores, or a square correlation matrix (its index or order as its columns).
    items
        Item columns; all when not given.
    n_factors
        psych's ``nfactors``, 3 by default.

    Notes
    -----
    Equal to psych 2.2.9 to 1e-6 where the solution is identified and proper; in a Heywood case or an
    unidentified one the numbers depend on the optimiser's path and agree to a few 1e-3.
    No interval: psych prints none. With 22 patients the three-factor total is optimistic
    (.914 on average where the truth is .854).

    Raises
    ------
    ContractError
        Items are missing (psych then uses pairwise correlations; leave incomplete rows out first).

    Examples
    --------
    >>> import pandas as pd
    >>> R = pd.DataFrame([[1, .56, .48], [.56, 1, .42], [.48, .42, 1]], columns=list("abc"))
    >>> psych_default(R, n_factors=1).frame["estimate"].round(3).tolist()
    [0.745, 0.745, 1.0, 1.0]
    """
    names, R, counts = _correlation_input(data, items)
    if not 1 <= n_factors < len(names):
        raise UsageError(f"n_factors={n_factors} for {len(names)} items; it must lie between 1 and {len(names) - 1}.")
    fit = _psych_minres(R, n_factors)
    # the stopping rules of R's varimax and of GPArotation
    solution = schmid_leiman(
        fit, tolerance=1e-5, varimax_tolerance=1e-5, max_iterations=1001,
        second_order=lambda phi: _psych_minres(phi[0], 1),
    )  # fmt: skip
    notes = [
        "A reproduction of psych's default (minres, oblimin, Schmid–Leiman on correlations), not a recommendation: "
        "its total is optimistic in small samples. Report omega()."
    ]
    df = degrees_of_freedom(len(names), n_factors)
    if df < 0:
        notes.append(
            f"Not identified: {n_factors} factors on {len(names)} items leave {df} degrees of freedom, so infinitely "
            "many solutions fit alike and these numbers depend on where the optimiser stopped; psych may print others."
        )
    if not solution.converged[0]:
        notes.append("The optimiser or the rotation stopped before it converged.")
    if n_factors == 1:
        notes.append("With one factor psych's hierarchical omega is not meaningful and can exceed the total.")
    nothing = np.full(4, np.nan)
    spec = {"function": "psych_default", "items": list(names), "n_factors": n_factors}
    notes += _notes(names, fit, n_factors)
    return _result(spec, names, R, solution, Limits(nothing, nothing, nothing, nothing), counts, notes)


def _correlation_input(
    data: pd.DataFrame, items: Sequence[str] | None
) -> tuple[tuple[str, ...], Array, dict[str, Any]]:
    values = data.to_numpy() if items is None else None
    if values is not None and values.shape[0] == values.shape[1] and values.dtype.kind in "fi":
        R = values.astype(float)
        if np.allclose(R, R.T, atol=1e-8) and np.allclose(np.diag(R), 1.0):
            return tuple(map(str, data.columns)), R, {"input": "correlation matrix"}
    read = read_items(data, items, least=3)
    check_rows(read)
    if not read.complete:
        raise ContractError(
            f"{read.counts['n_missing']} item scores are missing; leave incomplete rows out first (data.dropna())."
        )
    return read.items, correlations(covariances(read, all_units(read.n_units)))[0], read.counts


def _require_identified(items: Sequence[str], n_factors: int) -> None:
    p = len(items)
    if n_factors < 2:
        raise UsageError(f"n_factors={n_factors}: hierarchical omega needs at least two group factors; see omega().")
    df = degrees_of_freedom(p, n_factors)
    if df < 0:
        most = max((k for k in range(1, p) if degrees_of_freedom(p, k) >= 0), default=0)
        raise NotEstimable(
            f"{n_factors} factors on {p} items are not identified ({df} degrees of freedom): infinitely many solutions "
            f"fit alike. {p} items carry at most {most} factor(s). psych prints a number all the same; "
            "psych_default() reproduces it under its label."
        )


def _coefficients(s: SchmidLeiman, R: Array) -> Array:
    """(n_sets, 4) in the order of TERMS; NaN without convergence."""
    total = R.sum(axis=(1, 2))
    hierarchical = s.general.sum(axis=1) ** 2 / total
    whole = 1 - (1 - s.communality).sum(axis=1) / total
    general = (s.general**2).sum(axis=1)
    ecv = general / (general + (s.groups**2).sum(axis=(1, 2)))
    out = np.column_stack([hierarchical, whole, hierarchical / whole, ecv])
    return np.where(s.converged[:, None], out, np.nan)


def _psych_minres(R: Array, k: int) -> FactorFit:
    """Minres as psych runs it: L-BFGS-B from the smcs with R's stopping rule, scale 0.01 per parameter."""
    from scipy.optimize import minimize

    p, pace = len(R), 0.01
    low = np.tril_indices(p, -1)

    def loadings(psi: Array) -> Array:
        reduced = R.copy()
        reduced[np.arange(p), np.arange(p)] = 1 - psi
        roots, vectors = np.linalg.eigh(reduced)
        tiny = np.finfo(float).eps
        roots = np.where(roots < tiny, 100 * tiny, roots)
        return np.asarray(vectors[:, ::-1][:, :k] * np.sqrt(roots[::-1][:k]))

    def value(x: Array) -> float:
        L = loadings(pace * x)
        return float(((R - L @ L.T)[low] ** 2).sum())

    def gradient(x: Array) -> Array:
        L = loadings(pace * x)
        return np.asarray(pace * ((L**2).sum(axis=1) + pace * x - 1))

    start = (1 - smc_of(R[None])[0]) / pace
    found = minimize(
        value, start, jac=gradient, method="L-BFGS-B", bounds=[(FLOOR / pace, 1 / pace)] * p,
        options={"maxcor": 5, "ftol": 1e7 * np.finfo(float).eps, "gtol": 0.0, "maxiter": 100},
    )  # fmt: skip
    L = loadings(pace * found.x)
    L = L * np.where(L.sum(axis=0) < 0, -1.0, 1.0)
    psi = pace * found.x
    exact = fit_factors(R[None], k, method="minres", start=np.clip(psi, 0.01, 0.99))
    return replace(
        exact, loadings=L[None], uniqueness=psi[None], converged=np.array([bool(found.success)]),
        heywood=(psi <= FLOOR * 1.1)[None],
    )  # fmt: skip


def _result(
    spec: dict[str, Any], items: Sequence[str], R: Array, s: SchmidLeiman, limits: Limits,
    counts: dict[str, Any], notes: Sequence[str],
) -> HierarchicalResult:  # fmt: skip
    estimate = _coefficients(replace(s, converged=np.array([True])), R[None])[0]
    frame = pd.DataFrame(
        {
            "level": POOLED,
            "term": list(TERMS),
            "estimate": estimate,
            "std_error": limits.std_error,
            "df": limits.df,
            "conf_low": limits.low,
            "conf_high": limits.high,
            "formula": ["(Σg)² / ΣR", "1 − Σu² / ΣR", "omega_hierarchical / omega_total", "Σg² / Σ(g² + f²)"],
        }
    )
    k = s.groups.shape[2]
    names = [f"F{j + 1}" for j in range(k)]
    table = pd.DataFrame({"item": list(items), "g": s.general[0]})
    for j in range(k):
        table[f"F{j + 1}*"] = s.groups[0, :, j]
    table["h2"], table["u2"] = s.communality[0], 1 - s.communality[0]
    table["p2"] = s.general[0] ** 2 / s.communality[0]
    factors = pd.DataFrame(s.phi[0], columns=names).assign(factor=names, on_general=s.second_order[0])
    order = ["factor", "on_general", *names]
    return HierarchicalResult(spec, frame, table, _group_frame(items, s, R), factors[order], dict(counts), tuple(notes))


def _group_frame(items: Sequence[str], s: SchmidLeiman, R: Array) -> pd.DataFrame:
    """Each group factor's items (largest group loading) and what their sum measures."""
    owner = np.abs(s.groups[0]).argmax(axis=1)
    rows = []
    for j in range(s.groups.shape[2]):
        own = owner == j
        variance = R[np.ix_(own, own)].sum()
        g, f = s.general[0, own].sum() ** 2, s.groups[0, own, j].sum() ** 2
        rows.append(
            {
                "factor": f"F{j + 1}",
                "items": ", ".join(item for item, mine in zip(items, own, strict=True) if mine),
                "omega_total": (g + f) / variance if own.any() else np.nan,
                "general": g / variance if own.any() else np.nan,
                "group": f / variance if own.any() else np.nan,
            }
        )
    return pd.DataFrame(rows)


def _notes(items: Sequence[str], fit: FactorFit, n_factors: int) -> list[str]:
    notes = []
    held = [item for item, at_floor in zip(items, fit.heywood[0], strict=True) if at_floor]
    if held:
        notes.append(f"Heywood case: the residual variance of {', '.join(held)} is at its floor of 0.5 %.")
    if n_factors == 2:
        notes.append("Two group factors: their loadings on the general factor are not identified and set equal (√φ).")
    return notes
