"""Categorical omega: reliability of a sum of ordered codes, by way of polychoric correlations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from doublecode.analysis.consistency.factor import FactorFit, fit_factors
from doublecode.analysis.consistency.item_moments import Array, all_units, check_rows, read_items
from doublecode.analysis.consistency.item_statistics import one_factor_formulas
from doublecode.analysis.consistency.polychoric import Polychoric, code_covariances, polychoric
from doublecode.analysis.consistency.scale_levels import POOLED
from doublecode.analysis.consistency.unit_resampling import (
    LOGIT,
    Interval,
    check_interval,
    interval_name,
    limits_of,
)
from doublecode.analysis.rendering.answers import Answer
from doublecode.schemas.errors import ContractError, DuplicateError, NotEstimable

TERMS = ("omega_categorical", "omega_categorical_observed", "omega_latent_response")
_FORMULAS = (
    "Σ cov(codes; λλ′) / Σ cov(codes; λλ′, 1 on the diagonal)",
    "Σ cov(codes; λλ′) / Σ cov(codes; polychoric)",
    "(Σλ)² / [(Σλ)² + Σ(1 − λ²)]",
)


@dataclass(frozen=True, eq=False, repr=False)
class CategoricalOmegaResult(Answer):
    """Answer of `omega_categorical`.

    `frame`: level, term, estimate, std_error, df, conf_low, conf_high, estimator, matrix, formula,
    below_line, n_items, n_rows, n_units. `items`: item, loading, thresholds (text). `correlations`:
    item, with_item, polychoric.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    items: pd.DataFrame
    correlations: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[str, ...]


def omega_categorical(
    data: pd.DataFrame,
    *,
    items: Sequence[str] | None = None,
    clusters: str | None = None,
    conf_level: float = 0.95,
    seed: int = 0,
    interval: Interval = "jackknife",
    n_boot: int = 200,
) -> CategoricalOmegaResult:
    """Omega of the sum of ordered codes of one rater (3 to 5 points).

    Parameters
    ----------
    data
        Wide frame of whole-number codes: one rater's per session (see `draw_one_rater`).
    items, clusters, conf_level, seed, interval, n_boot
        As in `doublecode.analysis.consistency.alpha_omega.omega`.

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

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(5)
    >>> latent = rng.normal(size=(300, 1)) + rng.normal(size=(300, 5))
    >>> codes = pd.DataFrame(np.digitize(latent, [-1, 0, 1]), columns=list("abcde"))
    >>> omega_categorical(codes, interval="jackknife").frame["estimate"].round(2).tolist()
    [0.8, 0.8, 0.84]
    """
    check_interval(interval, conf_level, n_boot)
    read = read_items(data, items, clusters, least=3)
    check_rows(read)

    def coefficients(weights: Array) -> Array:
        return _coefficients(*_solution(polychoric(read, weights)))

    found, fit = _solution(polychoric(read, all_units(read.n_units)))
    if not (found.converged[0] and fit.converged[0]):
        raise NotEstimable("The polychoric correlations have no one-factor solution; see omega() for the scores.")
    estimate, limits, failed = limits_of(
        coefficients, read.n_units, interval, conf_level=conf_level, n_boot=n_boot, seed=seed, scale=LOGIT
    )
    frame = pd.DataFrame(
        {
            "level": POOLED,
            "term": list(TERMS),
            "estimate": estimate,
            "std_error": limits.std_error,
            "df": limits.df,
            "conf_low": limits.low,
            "conf_high": limits.high,
            "estimator": "minres",
            "matrix": "polychoric correlations",
            "formula": list(_FORMULAS),
            "below_line": ["model-implied", "observed", "model-implied"],
            "n_items": len(read.items),
            "n_rows": read.n_rows,
            "n_units": read.n_units,
        }
    )
    spec: dict[str, Any] = {"function": "omega_categorical", "items": list(read.items), "clusters": clusters}
    spec |= {
        "conf_level": conf_level,
        "seed": seed,
        "method": interval_name(interval, read.unit_name, n_units=read.n_units),
    }
    notes = _notes(read.items, found, fit, failed)
    return CategoricalOmegaResult(
        spec, frame, _items(read.items, found, fit), _pairs(read.items, found), read.counts, notes
    )


def draw_one_rater(
    ratings: pd.DataFrame,
    *,
    targets: Sequence[str] = ("patient", "session"),
    raters: str = "rater",
    item: str = "item",
    value: str = "value",
    seed: int = 0,
) -> pd.DataFrame:
    """Keep one rater's codes of every session, drawn at random, as a wide frame.

    Parameters
    ----------
    ratings
        Long frame: one row per session × rater × item, of one instrument.
    targets, raters, item, value
        Column names.
    seed
        Seed of the draw; the order of the rows does not matter.

    Examples
    --------
    >>> import pandas as pd
    >>> long = pd.DataFrame({"patient": "P1", "session": 1, "rater": ["A", "A", "B", "B"],
    ...                      "item": ["x", "y", "x", "y"], "value": [1, 2, 3, 4]})
    >>> draw_one_rater(long, seed=1)[["rater", "x", "y"]].to_numpy().tolist()
    [['A', 1, 2]]
    """
    keys = [*targets, raters]
    absent = [name for name in (*keys, item, value) if name not in ratings.columns]
    if absent:
        raise ContractError(f"Not in the ratings: {', '.join(absent)}; they have {', '.join(ratings.columns)}.")
    if (doubled := ratings.duplicated([*keys, item])).any():
        first = ratings.loc[doubled, [*keys, item]].iloc[0].to_dict()
        raise DuplicateError(f"{int(doubled.sum())} rating(s) occur twice, first {first}; remove one of each.")
    pairs = ratings[keys].drop_duplicates().sort_values(keys, ignore_index=True)
    lot = np.random.default_rng(seed).random(len(pairs))
    chosen = pairs.loc[pairs.assign(lot=lot).groupby(list(targets), sort=True)["lot"].idxmin()]
    kept = ratings.merge(chosen, on=keys)
    wide = kept.pivot(index=keys, columns=item, values=value).reset_index()  # noqa: PD010
    return wide.rename_axis(columns=None)


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


def _notes(items: Sequence[str], found: Polychoric, fit: FactorFit, failed: int) -> tuple[str, ...]:
    notes = ["Latent responses are taken as normal; a code that is hardly used makes its correlations uncertain."]
    held = [item for item, at_floor in zip(items, fit.heywood[0], strict=True) if at_floor]
    if held:
        notes.append(f"Heywood case: the residual variance of {', '.join(held)} is at its floor of 0.5 %.")
    if np.linalg.eigvalsh(found.correlation[0])[0] <= 0:
        notes.append("The polychoric correlation matrix is not positive definite; the sample is small for its codes.")
    if failed:
        notes.append(f"{failed} resamples had no one-factor solution.")
    return tuple(notes)
