"""Categorical omega: reliability of a sum of ordered codes, by way of polychoric correlations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from doublecode.analysis.consistency.estimable_items import check_rows
from doublecode.analysis.consistency.factor import FactorFit, fit_factors
from doublecode.analysis.consistency.item_moments import Array, ItemData, all_units
from doublecode.analysis.consistency.item_statistics import one_factor_formulas
from doublecode.analysis.consistency.kind_answers import (
    KindAnswer,
    coefficient_frame,
    heywood_at_floor,
    negative_loadings,
)
from doublecode.analysis.consistency.polychoric import Polychoric, code_covariances, polychoric
from doublecode.analysis.consistency.unit_resampling import LOGIT, Resampling, interval_name
from doublecode.schemas.errors import ContractError, DuplicateError, NotEstimable
from doublecode.schemas.results import Note

TERMS = ("omega_categorical", "omega_categorical_observed", "omega_latent_response")
_FORMULAS = (
    "Σ cov(codes; λλ′) / Σ cov(codes; λλ′, 1 on the diagonal)",
    "Σ cov(codes; λλ′) / Σ cov(codes; polychoric)",
    "(Σλ)² / [(Σλ)² + Σ(1 − λ²)]",
)


def categorical_omega(read: ItemData, how: Resampling) -> KindAnswer:
    """Omega of the sum of ordered codes of one rater (3 to 5 points).

    Notes
    -----
    One minres factor of the polychoric correlations. ``omega_categorical`` is the reliability of the
    sum of the codes (Green & Yang's non-linear coefficient), with the model-implied or the polychoric
    correlations below the line; ``omega_latent_response`` is that of the latent responses, which no
    one observes, and is larger.

    Raises
    ------
    UsageError
        Half points or too many codes.
    NotEstimable
        Items without spread, or too few rows.

    References
    ----------
    Green & Yang (2009), *Psychometrika* 74, 155–167; Kelley & Pornprasertmanit (2016),
    *Psychological Methods* 21.
    """
    check_rows(read)

    def coefficients(weights: Array) -> Array:
        return _coefficients(*_solution(polychoric(read, weights)))

    found, fit = _solution(polychoric(read, all_units(read.n_units)))
    if not (found.converged[0] and fit.converged[0]):
        raise NotEstimable("The polychoric correlations have no one-factor solution; see omega() for the scores.")
    estimate, limits, failed = how.limits(coefficients, read.n_units, LOGIT, ("categorical", read.scores, read.unit))
    frame = coefficient_frame(read, TERMS, _FORMULAS, estimate, limits).assign(
        estimator="minres", matrix="polychoric correlations", below_line=["model-implied", "observed", "model-implied"]
    )
    parts = {"items": _items(read.items, found, fit), "polychoric": _pairs(read.items, found)}
    method = interval_name(how.interval, read.unit_name, n_units=read.n_units)
    return KindAnswer(frame, parts, read.counts, _notes(read.items, found, fit, failed), method)


def draw_one_rater(data: pd.DataFrame, targets: Sequence[str], raters: str, seed: int = 0) -> pd.DataFrame:
    """Keep one rater's row of every target, drawn at random; the order of the rows does not matter.

    Parameters
    ----------
    data
        Wide frame: one row per target × rater.
    targets, raters
        Columns that name what was rated, and who rated it.
    seed
        Seed of the draw.

    Raises
    ------
    ContractError
        A column is absent.
    DuplicateError
        A rater has two rows of a target.

    Examples
    --------
    >>> import pandas as pd
    >>> wide = pd.DataFrame({"patient": "P1", "session": 1, "rater": ["A", "B"], "x": [1, 3], "y": [2, 4]})
    >>> draw_one_rater(wide, ["patient", "session"], "rater", seed=1)[["rater", "x", "y"]].to_numpy().tolist()
    [['A', 1, 2]]
    """
    keys = [*targets, raters]
    absent = [name for name in keys if name not in data.columns]
    if absent:
        raise ContractError(f"Not in the ratings: {', '.join(absent)}; they have {', '.join(map(str, data.columns))}.")
    if (doubled := data.duplicated(keys)).any():
        first = data.loc[doubled, keys].iloc[0].to_dict()
        raise DuplicateError(f"{int(doubled.sum())} row(s) occur twice, first {first}; remove one of each.")
    pairs = data[keys].reset_index(drop=True).sort_values(keys)
    lot = np.random.default_rng(seed).random(len(pairs))
    places = pairs.assign(lot=lot).groupby(list(targets), sort=True, observed=True)["lot"].idxmin()
    return data.iloc[places]


def _solution(found: Polychoric) -> tuple[Polychoric, FactorFit]:
    return found, fit_factors(found.correlation, method="minres")


def _coefficients(found: Polychoric, fit: FactorFit) -> Array:
    lam = fit.first
    common = lam[:, :, None] * lam[:, None, :]
    implied = common.copy()
    at = np.arange(lam.shape[1])
    implied[:, at, at] = 1.0
    true, model, observed = (
        code_covariances(found.thresholds, found.codes, R).sum(axis=(1, 2))
        for R in (common, implied, found.correlation)
    )
    latent = one_factor_formulas(lam, 1 - lam**2, found.correlation)[:, 0]
    out = np.column_stack([true / model, true / observed, latent])
    return np.where((found.converged & fit.converged)[:, None], out, np.nan)


def _items(items: Sequence[str], found: Polychoric, fit: FactorFit) -> pd.DataFrame:
    frame = pd.DataFrame({"item": list(items), "loading": fit.first[0], "heywood": fit.heywood[0]})
    for j, code in enumerate(found.codes[1:]):
        frame[f"threshold_{code:g}"] = found.thresholds[0, :, j]
    return frame


def _pairs(items: Sequence[str], found: Polychoric) -> pd.DataFrame:
    i, j = np.tril_indices(len(items), -1)
    return pd.DataFrame(
        {
            "item": np.asarray(items, dtype=object)[j],
            "with_item": np.asarray(items, dtype=object)[i],
            "polychoric": found.correlation[0, i, j],
        }
    )


def _notes(items: Sequence[str], found: Polychoric, fit: FactorFit, failed: int) -> list[Note]:
    notes = [Note("latent_responses_normal"), *heywood_at_floor(items, fit), *negative_loadings(items, fit.first[0])]
    if np.linalg.eigvalsh(found.correlation[0])[0] <= 0:
        notes.append(Note("polychoric_not_definite"))
    if failed:
        notes.append(Note("resamples_without_factors", numbers={"failed": failed, "n_factors": 1}))
    return notes
