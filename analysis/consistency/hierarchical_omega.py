"""Hierarchical omega by Schmid–Leiman after an oblique rotation, and psych's default as a reproduction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from doublecode.analysis.consistency.estimable_items import check_rows
from doublecode.analysis.consistency.factor import FLOOR, FactorFit, degrees_of_freedom, fit_factors
from doublecode.analysis.consistency.item_moments import (
    Array,
    ItemData,
    all_units,
    covariances,
)
from doublecode.analysis.consistency.item_statistics import smc_of
from doublecode.analysis.consistency.kind_answers import (
    KindAnswer,
    coefficient_frame,
    heywood_at_floor,
    negative_loadings,
)
from doublecode.analysis.consistency.observed_blocks import correlations
from doublecode.analysis.consistency.rotation import SchmidLeiman, schmid_leiman
from doublecode.analysis.consistency.unit_resampling import LOGIT, Limits, Resampling, interval_name
from doublecode.schemas.errors import ContractError, NotEstimable, UsageError
from doublecode.schemas.results import Note

TERMS = ("omega_hierarchical", "omega_total", "omega_limit", "ecv")


_FORMULAS = ("(Σg)² / ΣR", "1 − Σu² / ΣR", "omega_hierarchical / omega_total", "Σg² / Σ(g² + f²)")


def hierarchical_omega(read: ItemData, how: Resampling, n_factors: int = 3) -> KindAnswer:
    """Omega hierarchical, omega total and the explained common variance of a scale with subscales.

    Parameters
    ----------
    read
        Item scores.
    how
        How the intervals are made.
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
    """
    check_rows(read, how.missing)
    _require_identified(read.items, n_factors)

    whole = covariances(read, all_units(read.n_units), how.missing)[0]

    def coefficients(weights: Array) -> Array:
        S = covariances(read, weights, how.missing)
        known = np.isfinite(S).all(axis=(1, 2))
        # else an item is constant there
        varied = known & (np.diagonal(S, axis1=1, axis2=2) > 1e-12 * np.diag(whole)).all(axis=1)
        out = np.full((len(S), len(TERMS)), np.nan)
        R = correlations(S[varied])
        out[varied] = _coefficients(schmid_leiman(fit_factors(R, n_factors, method="minres")), R)
        return out

    R = correlations(whole[None])
    fit = fit_factors(R, n_factors, method="minres")
    solution = schmid_leiman(fit)
    if not solution.converged[0]:
        raise NotEstimable(f"The {n_factors}-factor solution did not converge; ask for fewer factors.")
    _, limits, failed = how.limits(
        coefficients, read.n_units, LOGIT, ("hierarchical", n_factors, read.scores, read.unit)
    )
    notes = [*_notes(read.items, fit, n_factors), *negative_loadings(read.items, solution.general[0])]
    if failed:
        notes.append(Note("resamples_without_factors", numbers={"failed": failed, "n_factors": n_factors}))
    frame = coefficient_frame(read, TERMS, _FORMULAS, _estimate(solution, R[0]), limits)
    method = interval_name(how.interval, read.unit_name, n_units=read.n_units)
    return KindAnswer(frame, _parts(read.items, solution, R[0]), read.counts, notes, method)


def psych_default_omega(read: ItemData | CorrelationMatrix, n_factors: int = 3) -> KindAnswer:
    """Reproduce the numbers that R's ``psych::omega(data, nfactors)`` prints by default.

    A labelled reproduction: minres stopped where R's optimiser stops it, oblimin stopped at 1e-5.
    It is computed even where the model is not identified, as psych does; the notes say so. As in psych, items that
    load negatively on the general factor are reversed before anything is summed; a note names them.

    Parameters
    ----------
    read
        Complete item scores, or their correlations.
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
    """
    names, R = read.items, _correlations_of(read)
    if not 1 <= n_factors < len(names):
        raise UsageError(f"n_factors={n_factors} for {len(names)} items; it must lie between 1 and {len(names) - 1}.")
    fit = _psych_minres(R, n_factors)
    # the stopping rules of R's varimax and of GPArotation
    solution = schmid_leiman(
        fit, tolerance=1e-5, varimax_tolerance=1e-5, max_iterations=1001,
        second_order=lambda phi: _psych_minres(phi[0], 1),
    )  # fmt: skip
    solution, R, flipped = _flipped(names, solution, R)
    nothing = np.full(len(TERMS), np.nan)
    frame = coefficient_frame(read, TERMS, _FORMULAS, _estimate(solution, R), Limits(*[nothing] * 4))
    notes = [*flipped, *_psych_notes(names, n_factors, bool(solution.converged[0])), *_notes(names, fit, n_factors)]
    return KindAnswer(frame, _parts(names, solution, R), read.counts, notes, "none: psych prints no interval")


def _flipped(names: Sequence[str], s: SchmidLeiman, R: Array) -> tuple[SchmidLeiman, Array, list[Note]]:
    """Reverse the items that load negatively on the general factor, as psych does (``flip = TRUE``), and name them."""
    key = np.where(s.general[0] < 0, -1.0, 1.0)
    if (key > 0).all():
        return s, R, []
    turned = replace(s, general=s.general * key, groups=s.groups * key[:, None])
    items = tuple(name for name, sign in zip(names, key, strict=True) if sign < 0)
    return turned, R * np.outer(key, key), [Note("psych_flipped", numbers={"items": items})]


def _psych_notes(names: Sequence[str], n_factors: int, converged: bool) -> list[Note]:
    notes = [Note("psych_reproduction")]
    df = degrees_of_freedom(len(names), n_factors)
    if df < 0:
        counts = {"n_factors": n_factors, "n_items": len(names), "df": df}
        notes.append(Note("psych_not_identified", numbers=counts))
    if not converged:
        notes.append(Note("psych_not_converged"))
    if n_factors == 1:
        notes.append(Note("psych_one_factor"))
    return notes


@dataclass(frozen=True)
class CorrelationMatrix:
    """Correlations (n_items, n_items) instead of scores; nothing is known of rows."""

    items: tuple[str, ...]
    values: Array
    n_rows: float = float("nan")
    n_units: float = float("nan")

    @property
    def counts(self) -> dict[str, Any]:
        """What is known of the data."""
        return {"input": "correlation matrix"}


def correlation_matrix(data: pd.DataFrame) -> CorrelationMatrix | None:
    """Read a square correlation matrix; None where `data` are item scores."""
    values = data.to_numpy()
    if values.shape[0] != values.shape[1] or values.dtype.kind not in "fi":
        return None
    R = values.astype(float)
    if not (np.allclose(R, R.T, atol=1e-8) and np.allclose(np.diag(R), 1.0)):
        return None
    return CorrelationMatrix(tuple(map(str, data.columns)), R)


def _correlations_of(read: ItemData | CorrelationMatrix) -> Array:
    if isinstance(read, CorrelationMatrix):
        return read.values
    check_rows(read)
    if not read.complete:
        raise ContractError(
            f"{read.counts['n_missing']} item scores are missing; leave incomplete rows out first (data.dropna())."
        )
    return np.asarray(correlations(covariances(read, all_units(read.n_units)))[0])


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
            "kind='psych_default' reproduces it under its label."
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
    """Minres as psych runs it: L-BFGS-B from the smcs with R's stopping rule, scale 0.01 per parameter.

    What psych prints is where that search stops, not the minimum: only the same optimiser can reproduce it.
    """
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


def _estimate(s: SchmidLeiman, R: Array) -> Array:
    return np.asarray(_coefficients(replace(s, converged=np.array([True])), R[None])[0])


def _parts(items: Sequence[str], s: SchmidLeiman, R: Array) -> dict[str, pd.DataFrame]:
    """The Schmid–Leiman table, the subscales, the correlations of the oblique factors."""
    k = s.groups.shape[2]
    names = [f"F{j + 1}" for j in range(k)]
    table = pd.DataFrame({"item": list(items), "g": s.general[0]})
    for j in range(k):
        table[f"F{j + 1}*"] = s.groups[0, :, j]
    table["h2"], table["u2"] = s.communality[0], 1 - s.communality[0]
    table["p2"] = s.general[0] ** 2 / s.communality[0]
    factors = pd.DataFrame(s.phi[0], columns=names).assign(factor=names, on_general=s.second_order[0])
    order = ["factor", "on_general", *names]
    return {"loadings": table, "groups": _group_frame(items, s, R), "factors": factors[order]}


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


def _notes(items: Sequence[str], fit: FactorFit, n_factors: int) -> list[Note]:
    return [*heywood_at_floor(items, fit), *([Note("two_group_factors")] if n_factors == 2 else [])]
