"""One factor against correlated subscales, say assigning and reviewing apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from doublecode.analysis.consistency.confirmatory import ConfirmatoryFit, fit_confirmatory
from doublecode.analysis.consistency.factor_fit import fit_indices, independence_chisq, residual_frame, srmr_of
from doublecode.analysis.consistency.item_moments import (
    Array,
    ItemData,
    Missing,
    all_units,
    check_rows,
    covariances,
    listwise,
    read_items,
    saturated_normal,
)
from doublecode.analysis.consistency.unit_resampling import (
    FISHER_Z,
    Limits,
    interval_name,
    jackknife_limits,
    jackknife_weights,
)
from doublecode.analysis.rendering.answers import Answer
from doublecode.schemas.errors import NotEstimable, UsageError


@dataclass(frozen=True, eq=False, repr=False)
class FactorComparison(Answer):
    """Answer of `compare_factors`.

    `frame`: model, chisq, df, p_value, cfi, tli, rmsea, rmsea_low, rmsea_high, srmr, aic, bic, loglik,
    n_parameters, converged; last the row *difference*. `loadings`: model, factor, item, loading,
    loading_std, residual, heywood. `correlations`: factor, with_factor, estimate, std_error, df, conf_low,
    conf_high. `residuals`: model, item, with_item, r, fitted, residual.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    loadings: pd.DataFrame
    correlations: pd.DataFrame
    residuals: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[str, ...]


def compare_factors(
    data: pd.DataFrame,
    subscales: Mapping[str, Sequence[str]],
    *,
    clusters: str | None = None,
    conf_level: float = 0.95,
    missing: Missing = "fiml",
) -> FactorComparison:
    """Do the subscales measure one thing? Correlated factors against one factor.

    Parameters
    ----------
    data
        Wide frame: one row per session, one column per item.
    subscales
        Name of each factor and its items, e.g. ``{"StH-A": [...], "StH-R": [...]}``; no item twice.
    clusters
        Column that names the patient, the unit of the interval of the factor correlation.
    conf_level
        Level of that interval, on the Fisher z scale: jackknife over patients, normal theory without `clusters`.
    missing
        ``"fiml"`` or ``"listwise"``.

    Notes
    -----
    Chi-square is n·F with n rows, as lavaan gives it; it takes rows as independent, so with repeated
    sessions it is too large and the comparison a guide. SRMR is over the covariances.

    Raises
    ------
    UsageError
        Fewer than two subscales, a subscale of one item, an item in two subscales.
    NotEstimable
        A model without a maximum, or too few rows.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(6)
    >>> a, b = rng.normal(size=(2, 200, 1))
    >>> ratings = pd.DataFrame(np.hstack([a + rng.normal(size=(200, 3)), a + b + rng.normal(size=(200, 3))]),
    ...                        columns=["a1", "a2", "a3", "r1", "r2", "r3"])
    >>> answer = compare_factors(ratings, {"assigning": ["a1", "a2", "a3"], "reviewing": ["r1", "r2", "r3"]})
    >>> answer.frame[["model", "df"]].to_numpy().tolist()
    [['one factor', 9.0], ['2 correlated factors', 8.0], ['difference', 1.0]]
    """
    membership = _membership(subscales)
    read = read_items(data, list(membership), clusters, least=4)
    if missing == "listwise":
        read = listwise(read).rows(np.ones(listwise(read).n_rows, dtype=bool))
    elif missing != "fiml":
        raise UsageError(f"missing={missing!r} has no likelihood; take 'fiml' or 'listwise'.")
    check_rows(read)
    names = list(subscales)
    split = np.array([[membership[item] == name for name in names] for item in read.items])
    weights = all_units(read.n_units)
    S = covariances(read, weights)[0]
    models = {
        "one factor": fit_confirmatory(read, weights[0], np.ones((len(S), 1), dtype=bool)),
        f"{len(names)} correlated factors": fit_confirmatory(read, weights[0], split),
    }
    frame = _compare(models, read, S)
    fit = models[f"{len(names)} correlated factors"]
    spec: dict[str, Any] = {"function": "compare_factors", "subscales": {k: list(v) for k, v in subscales.items()}}
    spec |= {"clusters": clusters, "conf_level": conf_level, "missing": missing}
    of_rows = "normal theory for independent rows, Fisher z scale"
    spec["method"] = of_rows if clusters is None else interval_name("jackknife", read.unit_name, FISHER_Z)
    loadings = [_loading_frame(m, f, read.items, S, names) for m, f in models.items()]
    residuals = [residual_frame(read.items, S, f.implied).assign(model=m) for m, f in models.items()]
    return FactorComparison(
        spec, frame, pd.concat(loadings, ignore_index=True), _phi_frame(read, split, fit, names, conf_level),
        pd.concat(residuals, ignore_index=True), read.counts, _notes(models, names, clusters, read),
    )  # fmt: skip


def _membership(subscales: Mapping[str, Sequence[str]]) -> dict[str, str]:
    if len(subscales) < 2:
        raise UsageError(f"{len(subscales)} subscale named; a comparison needs at least two.")
    found: dict[str, str] = {}
    for name, items in subscales.items():
        if len(items) < 2:
            raise UsageError(f"Subscale {name!r} has {len(items)} item(s); a factor needs at least two.")
        for item in items:
            if item in found:
                raise UsageError(f"Item {item!r} is in {found[item]!r} and in {name!r}; each item has one subscale.")
            found[item] = name
    return found


def _compare(models: Mapping[str, ConfirmatoryFit], read: ItemData, S: Array) -> pd.DataFrame:
    top = float(saturated_normal(read, all_units(read.n_units))[2][0])
    n, p = read.n_rows, len(S)
    alone = _independence_chisq(read, S, top)
    rows = []
    for name, fit in models.items():
        df = p * (p + 3) // 2 - fit.n_parameters
        indices = fit_indices(2 * (top - fit.loglik), df, alone, n, p)
        rows.append(
            {
                "model": name,
                **indices,
                "srmr": srmr_of(S, fit.implied),
                "aic": 2 * fit.n_parameters - 2 * fit.loglik,
                "bic": np.log(n) * fit.n_parameters - 2 * fit.loglik,
                "loglik": fit.loglik,
                "n_parameters": fit.n_parameters,
                "converged": fit.converged,
            }
        )
    chisq, df = rows[0]["chisq"] - rows[1]["chisq"], rows[0]["df"] - rows[1]["df"]
    both = all(fit.converged for fit in models.values())
    p_value = float(special.chdtrc(df, max(chisq, 0.0))) if both else float("nan")
    rows.append({"model": "difference", "chisq": chisq, "df": df, "p_value": p_value, "converged": both})
    return pd.DataFrame(rows)


def _independence_chisq(read: ItemData, S: Array, top: float) -> float:
    """Chi-square of uncorrelated items; with missing items each item's own normal likelihood."""
    if read.complete:
        return independence_chisq(S, read.n_rows)
    total = 0.0
    for x in read.scores.T:
        seen = x[~np.isnan(x)]
        total += -0.5 * len(seen) * (np.log(2 * np.pi * seen.var()) + 1)
    return 2 * (top - total)


def _loading_frame(
    model: str, fit: ConfirmatoryFit, items: Sequence[str], S: Array, names: Sequence[str]
) -> pd.DataFrame:
    i, j = (fit.loadings != 0).nonzero()
    labels = names if fit.loadings.shape[1] > 1 else ["all items"]
    return pd.DataFrame(
        {
            "model": model,
            "factor": [labels[k] for k in j],
            "item": [items[k] for k in i],
            "loading": fit.loadings[i, j],
            "loading_std": fit.loadings[i, j] / np.sqrt(np.diag(S)[i]),
            "residual": fit.uniqueness[i],
            "heywood": fit.heywood[i],
        }
    )


def _phi_frame(
    read: ItemData, split: NDArray[np.bool_], fit: ConfirmatoryFit, names: Sequence[str], conf_level: float
) -> pd.DataFrame:
    """Factor correlations with limits on the Fisher z scale: jackknife over patients, or normal theory over rows."""
    a, b = np.tril_indices(len(names), -1)
    estimate = fit.phi[a, b]
    if read.unit_name == "row":
        error = fit.phi_error[a, b]
        with np.errstate(invalid="ignore", divide="ignore"):
            centre, reach = FISHER_Z.to(estimate), special.ndtri(0.5 + conf_level / 2) * error / (1 - estimate**2)
        nothing = np.full(len(a), np.inf)
        limits = Limits(error, nothing, FISHER_Z.back(centre - reach), FISHER_Z.back(centre + reach))
    else:
        limits = jackknife_limits(estimate, _without_each(read, split, fit, a, b), conf_level, FISHER_Z)
    labels = np.asarray(names, dtype=object)
    return pd.DataFrame(
        {
            "factor": labels[b],
            "with_factor": labels[a],
            "estimate": estimate,
            "std_error": limits.std_error,
            "df": limits.df,
            "conf_low": limits.low,
            "conf_high": limits.high,
        }
    )


def _without_each(
    read: ItemData, split: NDArray[np.bool_], fit: ConfirmatoryFit, a: NDArray[Any], b: NDArray[Any]
) -> Array:
    """Factor correlations without each unit, (n_units, n_pairs); NaN where there is no solution."""
    out: Array = np.full((read.n_units, len(a)), np.nan)
    for unit, weights in enumerate(jackknife_weights(read.n_units)):
        try:
            part = fit_confirmatory(read, weights, split, fit.parameters, tolerance=1e-6)
        except (NotEstimable, np.linalg.LinAlgError):
            continue  # the row stays NaN, and with it the interval
        if part.converged:
            out[unit] = part.phi[a, b]
    return out


def _notes(
    models: Mapping[str, ConfirmatoryFit], names: Sequence[str], clusters: str | None, read: ItemData
) -> tuple[str, ...]:
    notes = []
    if clusters is not None:
        notes.append("Chi-square takes rows as independent; with repeated sessions it is too large, so read SRMR.")
    if not read.complete:
        notes.append(f"{read.counts['n_missing']} item scores are missing; full-information maximum likelihood.")
    for name, fit in models.items():
        if not fit.converged:
            notes.append(f"{name}: did not converge.")
        held = [item for item, at in zip(read.items, fit.heywood, strict=True) if at]
        if held:
            notes.append(f"{name}: Heywood case, residual variance of {', '.join(held)} at its floor of 0.5 %.")
    phi = list(models.values())[1].phi
    if (np.abs(phi[np.tril_indices(len(names), -1)]) >= 1).any():
        notes.append("A factor correlation is 1 or more: the subscales are not told apart, one factor says the same.")
    return tuple(notes)
