"""Reliability of patients' means and of change within patients, for the coding done and for others."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from doublecode.analysis.linking.coded_columns import CodedPart, Floats, Ints
from doublecode.analysis.linking.error_matrix import error_coefficients, indicators

if TYPE_CHECKING:
    from doublecode.analysis.linking.coded_model import CodedModel
    from doublecode.analysis.linking.rater_moments import ErrorMoments

COLUMNS = (
    "variable", "level", "reliability", "variance", "residual_error", "rater_error", "mean_inverse_k", "q",
    "n_rows", "n_double",
)  # fmt: skip


def reliability_frame(model: CodedModel, errors: ErrorMoments) -> pd.DataFrame:
    """Reliability of every coded column, within and between patients.

    λ_w = 1 − [σ²_e·mean(1/k) + σ²_r·q_w]/s²_within with q_w = Σ (w_ir − w̄_patient,r)²/Σ (n_p − 1) over the rows i and
    raters r, w_ir the share of rater r in the score of row i; s²_within is the pooled variance of the deviations, and
    1/k counts as often as the row adds to it: with the weight 1 − 1/n_p, over Σ (n_p − 1). Between patients the same
    of the patients' means: mean(1/k)/n_p, and q_b the variance of w̄_patient,r over patients, summed over raters.
    """
    rows = [_row(model, errors, name, level) for name in model.parts for level in ("within", "between")]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(model: CodedModel, errors: ErrorMoments, name: str, level: str) -> dict[str, Any]:
    x, A = model.data[name].to_numpy(dtype=float), model.weights[name]
    n = np.bincount(model.code)
    means = np.bincount(model.code, x) / n
    if level == "within":
        e, r = _coefficients(model, A - _patient_means(model, A)[model.code], model.code)
        spare = float((n - 1).sum())
        e, r, variance = e / spare, r / spare, float(((x - means[model.code]) ** 2).sum()) / spare
    else:
        B = _patient_means(model, A)
        e = _coefficients(model, B, np.arange(len(n)))[0] / len(n)
        r, variance = _between(model, B), float(np.var(means, ddof=1))
    residual, rater = float((e * errors.residual[0]).sum()), float((r * errors.rater[0]).sum())
    return {
        "variable": name, "level": level, "reliability": 1 - (residual + rater) / variance, "variance": variance,
        "residual_error": residual, "rater_error": rater, "mean_inverse_k": float(e.sum()), "q": float(r.sum()),
        "n_rows": len(x), "n_double": int(((A > 0).sum(axis=1) > len(model.parts[name])).sum()),
    }  # fmt: skip


def _patient_means(model: CodedModel, A: Floats) -> Floats:
    sums = np.zeros((len(model.patients), A.shape[1]))
    np.add.at(sums, model.code, A)
    return np.asarray(sums / np.bincount(model.code)[:, None])


def _coefficients(model: CodedModel, U: Floats, code: Ints) -> tuple[Floats, Floats]:
    """Sums of U'U over ratings that share residual error, and over those that share a rater: (G, G) each."""
    G = len(model.rated.instruments)
    e, r = np.zeros((2, G, G))
    for at, m in zip(model.blocks(code), model.blocks(model.rating_code), strict=True):
        of, _, same, same_rater = indicators(model.rated, m)
        block = U[np.ix_(at, m)]
        S = (block.T @ block)[None, None]
        e += error_coefficients(S, of, same)[0, 0]
        r += error_coefficients(S, of, same_rater)[0, 0]
    return e, r


def _between(model: CodedModel, B: Floats) -> Floats:
    """Variance over patients of the raters' mean weights, summed over raters: (G, G)."""
    of, by, _, _ = indicators(model.rated, np.arange(len(model.rated.value)))
    per_rater = np.einsum("pm,mr,mg->prg", B, by, of, optimize=True)
    off = per_rater - per_rater.mean(axis=0)
    return np.asarray(np.einsum("prg,prh->gh", off, off) / (len(B) - 1))


def planned_error(
    parts: Sequence[CodedPart], instruments: Sequence[str], errors: ErrorMoments, k: int, R: int
) -> float:
    """Variance of the error within patients if k of R raters, drawn anew for each session, coded every session.

    Σ over pairs of parts of one session w_a w_b [σ_e/k + σ_r (1/k − 1/R)], the latter being q_w of that plan.
    """
    total = 0.0
    for a in parts:
        for b in parts:
            if a.lag == b.lag:
                at = (0, instruments.index(a.instrument), instruments.index(b.instrument))
                total += a.weight * b.weight * (errors.residual[at] / k + errors.rater[at] * (1 / k - 1 / R))
    return float(total)


def gain_frame(
    model: CodedModel, errors: ErrorMoments, reliability: pd.DataFrame, slopes: dict[str, float]
) -> pd.DataFrame:
    """What other codings would have given: reliability within, the slope to be expected, the t statistic against now.

    The slope expected without correction is λ times the corrected one; with the same sessions its t statistic is √λ
    times that of error-free codes, so √(λ/λ_now) times the present one.
    """
    within = reliability[reliability["level"] == "within"].set_index("variable").to_dict("index")
    rows = [row for name, slope in slopes.items() for row in _plans(model, errors, name, slope, within[name])]
    return pd.DataFrame(rows, columns=["variable", "coding", "raters", "reliability", "slope", "t_ratio"])


def _plans(
    model: CodedModel, errors: ErrorMoments, name: str, slope: float, found: Mapping[Hashable, float]
) -> list[dict[str, Any]]:
    now, R = found["reliability"], len(model.rated.raters)
    error = (1 - now) * found["variance"]
    held = model.weights[name] > 0
    plans = [("as it was", float(held.sum(axis=1).mean()) / len(model.parts[name]), error)]
    for k in sorted({1, 2, R}):
        if k <= R:
            planned = planned_error(model.parts[name], model.rated.instruments, errors, k, R)
            plans.append(("every session", float(k), planned))
    true = found["variance"] - error
    shares = [true / (true + planned) if true > 0 else np.nan for _, _, planned in plans]
    return [
        {
            "variable": name, "coding": coding, "raters": raters, "reliability": share, "slope": slope * share,
            "t_ratio": float(np.sqrt(share / now)) if now > 0 else np.nan,
        }
        for (coding, raters, _), share in zip(plans, shares, strict=True)
    ]  # fmt: skip


def component_frame(model: CodedModel, errors: ErrorMoments, n_sessions: dict[tuple[int, int], int]) -> pd.DataFrame:
    """Variances of rating errors, and covariances of two instruments' errors, with their correlation."""
    rows = []
    names = model.rated.instruments
    for (a, b), n in n_sessions.items():
        e, r = (float(part[0, a, b]) for part in (errors.residual, errors.rater))
        rows.append(
            {
                "first": names[a], "second": names[b], "residual": e, "rater": r,
                "correlation": _correlation(errors.residual[0] + errors.rater[0], a, b),
                "n_double": n, "df": float(errors.df[0, a, b]),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def _correlation(V: Floats, a: int, b: int) -> float:
    top = V[a, a] * V[b, b]
    return float(V[a, b] / np.sqrt(top)) if a != b and top > 0 else float("nan")
