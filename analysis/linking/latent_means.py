r"""Latent patient means: slopes within and between freed of the unreliability of a mean of few sessions.

The mean of a patient's n sessions holds :math:`σ_x^2/n` of what varies within, so that the slope of the manifest mean
is a mixture, :math:`λβ_b + (1−λ)β_w` with the reliability :math:`λ = τ_x^2/(τ_x^2 + σ_x^2/n)`. With a quarter of the
variance between patients and nine sessions λ is .75: a true slope of +.8 between patients beside −.76 within shows as
+.41. The latent model takes predictor and outcome as jointly normal at both levels and has

.. math::
   β_w = Σ_{W,xx}^{-1} Σ_{W,xy}, \quad β_b = Σ_{B,xx}^{-1} Σ_{B,xy}

by maximum likelihood, given the other predictors. Unbiased with many patients, and of a large spread with few.

References
----------
Lüdtke, Marsh, Robitzsch, Trautwein, Asparouhov & Muthén (2008), Psychological Methods, 13, 203–229.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from doublecode.analysis.linking.series_models import LabelledModel, Version
from doublecode.analysis.linking.two_level_normal import Floats, TwoLevelNormal, fit_two_level_normal, two_level_moments
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from doublecode.analysis.mixed.result import MixedResult

FEW_PATIENTS: Final = 50
"""Below this number of patients the latent slope between them is warned of."""
COLUMNS: Final = (
    "step", "label", "term", "manifest", "manifest_error", "estimate", "std_error", "statistic", "p_value", "conf_low",
    "conf_high", "share", "reliability",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class LatentMeans:
    """Slopes of latent patient means beside the manifest ones.

    Attributes
    ----------
    frame : DataFrame
        One row per split model and slope: ``step``, ``label``, ``term`` (``x_within``, ``x_between``), ``manifest`` and
        ``manifest_error`` (the model's own), the latent ``estimate`` with ``std_error`` (observed information),
        ``statistic`` (z), ``p_value``, ``conf_low``, ``conf_high`` (normal); ``share`` of the predictor's variance
        between patients and ``reliability`` of its manifest mean, given the other predictors.
    notes : tuple of Note
    """

    frame: pd.DataFrame
    notes: tuple[Note, ...]


def find_latent_means(
    models: Sequence[LabelledModel], split: Sequence[str], patient: str = "patient", conf_level: float = 0.95
) -> LatentMeans:
    """Estimate the latent counterpart of every split model of a series.

    Parameters
    ----------
    models : sequence of LabelledModel
    split : sequence of str
        Predictors with a patient mean and a deviation.
    patient : str
        Grouping factor whose means are latent.
    conf_level : float

    Returns
    -------
    LatentMeans
        A model with a product of a split predictor, or without the grouping factor, has no latent counterpart: a note
        says so. Random slopes and residual structures of the model do not enter: the latent model has a random
        intercept for each variable.
    """
    rows: list[dict[str, Any]] = []
    notes: list[Note] = []
    for model in models:
        if model.version is not Version.SPLIT or model.result is None:
            continue
        names = [name for name in split if f"{name}_within" in model.result.model.x_names]
        why = _obstacle(model.result, names, patient)
        if why:
            notes.append(Note("latent_not_estimable", model.label, {"why": why}))
            continue
        found, said = _of_model(model, model.result, names, patient, conf_level)
        rows += found
        notes += said
    return LatentMeans(pd.DataFrame(rows, columns=list(COLUMNS)), tuple(notes))


def _obstacle(fit: MixedResult, names: Sequence[str], patient: str) -> str:
    """Why a model has no latent counterpart; empty where it has one."""
    parts = [f"{name}_{side}" for name in names for side in ("within", "between")]
    multiplied = [term for term in fit.model.x_names if ":" in term and set(term.split(":")) & set(parts)]
    multiplied += [term for term in fit.model.x_names if "_by_" in term and term.endswith("_within")]
    if multiplied:
        return "product"
    if patient not in fit.n_groups:
        return "group"
    return "" if names and set(parts) <= set(fit.model.x_names) else "part"


def _of_model(
    model: LabelledModel, fit: MixedResult, names: Sequence[str], patient: str, conf_level: float
) -> tuple[list[dict[str, Any]], list[Note]]:
    """Rows and notes of one model."""
    from scipy.special import ndtr, ndtri

    values, covariates, codes = _data(fit, names, patient)
    scale = values.std(axis=0)
    found = fit_two_level_normal(two_level_moments((values / scale)[None], covariates, codes))
    trouble = _trouble(model.label, found, names)
    if trouble is not None:
        return [], [trouble]
    fixed = fit.fixed.set_index("term")
    rows, notes = [], []
    facts = _facts(found, np.bincount(codes).astype(float))
    for side, which in (("within", 0), ("between", 1)):
        slope, covariance = slopes_of(found, which)
        unit = scale[0] / scale[1:]
        for k, name in enumerate(names):
            estimate, error = float(slope[k] * unit[k]), float(np.sqrt(covariance[k, k]) * unit[k])
            half = float(ndtri(0.5 + 0.5 * conf_level)) * error
            own = fixed.loc[f"{name}_{side}"]
            numbers = (
                own["estimate"], own["std_error"], estimate, error, estimate / error,
                2 * float(ndtr(-abs(estimate / error))), estimate - half, estimate + half, *facts[k],
            )  # fmt: skip
            rows.append(dict(zip(COLUMNS, (model.step, model.label, f"{name}_{side}", *numbers), strict=True)))
    n_patients = int(codes.max()) + 1
    if n_patients < FEW_PATIENTS:
        widest = max(rows, key=lambda row: row["std_error"])
        notes.append(Note("latent_few_patients", model.label, {"n": n_patients, **{k: widest[k] for k in _TOLD}}))
    return rows, notes


_TOLD: Final = ("term", "conf_low", "conf_high", "reliability")


def _data(fit: MixedResult, names: Sequence[str], patient: str) -> tuple[Floats, Floats, Any]:
    """Outcome and raw predictors (n, p), the other columns of the fixed part (n, c), codes of the patients (n,)."""
    X = dict(zip(fit.model.x_names, fit.model.X.T, strict=True))
    parts = {f"{name}_{side}" for name in names for side in ("within", "between")}
    raw = [X[f"{name}_within"] + X[f"{name}_between"] for name in names]
    others = [column / (np.sqrt((column**2).mean()) or 1.0) for name, column in X.items() if name not in parts]
    _, codes = np.unique(next(term.codes for term in fit.model.terms if term.group == patient), return_inverse=True)
    return np.column_stack([fit.model.y, *raw]), np.column_stack(others), codes


def _trouble(label: str, found: TwoLevelNormal, names: Sequence[str]) -> Note | None:
    """Why there are no slopes: no optimum, no variance between patients, or no standard errors."""
    between = found.between[0]
    if not found.converged[0]:
        return Note("latent_not_converged", label)
    flat = tuple(name for k, name in enumerate(names, 1) if between[k, k] <= 0)
    if flat or np.linalg.eigvalsh(between[1:, 1:])[0] <= 0 or np.isnan(found.covariance).any():
        return Note("latent_no_variance", label, {"names": flat or tuple(names)})
    return None


def _facts(found: TwoLevelNormal, sizes: Floats) -> list[tuple[float, float]]:
    """Of each predictor the share of its variance between patients, and the reliability of its manifest mean."""
    n = 1.0 / np.mean(1.0 / sizes)
    within, between = np.diagonal(found.within[0])[1:], np.diagonal(found.between[0])[1:]
    return [(float(b / (b + w)), float(b / (b + w / n))) for w, b in zip(within, between, strict=True)]


def slopes_of(found: TwoLevelNormal, which: int, s: int = 0) -> tuple[Floats, Floats]:
    """Slopes (q,) of set s within (0) or between patients (1), and their covariance (q, q) by the delta method.

    dβ = Σxx⁻¹ (dΣxy − dΣxx β).
    """
    sigma = (found.within, found.between)[which][s]
    p, t = len(sigma), len(sigma) * (len(sigma) + 1) // 2
    inverse = np.linalg.inv(sigma[1:, 1:])
    slope = inverse @ sigma[1:, 0]
    jacobian = np.column_stack([inverse @ (d[1:, 0] - d[1:, 1:] @ slope) for d in _directions(p)])
    first = found.covariance.shape[1] - (2 - which) * t
    block = found.covariance[s, first : first + t, first : first + t]
    return slope, jacobian @ block @ jacobian.T


def _directions(p: int) -> Iterator[Floats]:
    """Unit changes of a symmetric matrix, in the order of its lower triangle row by row."""
    for i, j in zip(*np.tril_indices(p), strict=True):
        out = np.zeros((p, p))
        out[i, j] = out[j, i] = 1.0
        yield out
