"""One factor against correlated subscales, say assigning and reviewing apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from doublecode.analysis.consistency.confirmatory import ConfirmatoryFit, fit_confirmatory
from doublecode.analysis.consistency.estimable_items import check_pairs, check_rows
from doublecode.analysis.consistency.factor_fit import fit_indices, independence_chisq, residual_frame, srmr_of
from doublecode.analysis.consistency.item_moments import (
    Array,
    ItemData,
    all_units,
    covariances,
    listwise,
    pair_counts,
    saturated_normal,
)
from doublecode.analysis.consistency.scale_levels import missing_counts
from doublecode.analysis.consistency.unit_resampling import (
    FISHER_Z,
    ROW,
    Limits,
    interval_name,
    jackknife_limits,
    jackknife_weights,
)
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, bounded_estimate, column
from doublecode.analysis.rendering.wording.phrases import plural
from doublecode.schemas.errors import NotEstimable, UsageError
from doublecode.schemas.results import Note, check_conf_level


@dataclass(frozen=True, eq=False, repr=False)
class FactorComparison(Answer):
    """Answer of `OmegaResult.compare_factors`.

    `frame`: model, chisq, df, p_value, cfi, tli, rmsea, rmsea_low, rmsea_high, srmr, aic, bic, loglik,
    n_parameters, converged; last the row *difference*. `loadings`: model, factor, item, loading,
    loading_std, residual, heywood. `correlations`: factor, with_factor, estimate, std_error, df, conf_low,
    conf_high. `residuals`: model, item, with_item, r, fitted, residual. `rows`: labels of the rows used.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    loadings: pd.DataFrame
    correlations: pd.DataFrame
    residuals: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("model",)

    def tables(self) -> tuple[Table, ...]:
        """Fit of the models, correlations of the factors, loadings."""
        fit = (
            column("model", "Model", kind="text"), column("chisq", "χ²"), column("df", kind="integer"),
            column("p_value"), column("cfi", "CFI", kind="bounded", digits=3), column("tli", "TLI", digits=3),
            column("rmsea", "RMSEA", kind="bounded", digits=3), column("srmr", "SRMR", kind="bounded", digits=3),
            column("aic"), column("bic"),
        )  # fmt: skip
        pairs = (
            column("factor", "Factor", kind="text"), column("with_factor", "With", kind="text"),
            *bounded_estimate("*r*", self.spec["conf_level"]),
        )  # fmt: skip
        loadings = (
            column("item", "Item", kind="text"), column("factor", "Factor", kind="text"), column("loading", "Loading"),
            column("loading_std", "Standardised", kind="bounded"), column("residual", "Residual variance"),
        )  # fmt: skip
        return (
            Table("factor_comparison", "One factor or several?", self.frame, fit),
            Table("factor_correlations", "Correlations of the factors", self.correlations, pairs),
            Table("factor_loadings", "Loadings", self.loadings, loadings, group="model"),
        )

    def counted(self) -> str:
        """Rows and units."""
        of = "" if self.spec["clusters"] is None else f" of {self.design['n_units']} {plural(self.spec['clusters'])}"
        return f"{self.design['n_rows']} rows{of}."


def factor_comparison(
    scores: ItemData,
    rows: pd.Index[Any],
    subscales: Mapping[str, Sequence[str]],
    *,
    conf_level: float = 0.95,
    missing: Literal["fiml", "listwise"] = "fiml",
) -> FactorComparison:
    """Do the subscales measure one thing? Correlated factors against one factor.

    Parameters
    ----------
    scores
        Item scores; their unit is the unit of the interval of the factor correlation.
    rows
        Labels of the rows of `scores`.
    subscales
        Name of each factor and its items, e.g. ``{"StH-A": [...], "StH-R": [...]}``; no item twice.
    conf_level
        Level of that interval, on the Fisher z scale: jackknife over patients, normal theory where rows are the unit.
    missing
        ``"fiml"`` or ``"listwise"``.

    Notes
    -----
    Chi-square is n·F with n rows, as lavaan gives it; it takes rows as independent, so with repeated
    sessions it is too large and the comparison a guide. SRMR is over the covariances.

    Raises
    ------
    UsageError
        Fewer than two subscales, a subscale of one item, an item in two subscales or unknown.
    NotEstimable
        A model without a maximum, or too few rows.
    """
    check_conf_level(conf_level, "compare_factors")
    membership = _membership(subscales, scores.items)
    named = scores.columns(list(membership))
    check_pairs(named)
    read, used = _with_missing_rule(named, missing), _used(scores, membership, missing)
    check_rows(read)
    names = list(subscales)
    split = np.array([[membership[item] == name for name in names] for item in read.items])
    weights = all_units(read.n_units)
    S = covariances(read, weights)[0]
    models = {
        "one factor": fit_confirmatory(read, weights[0], np.ones((len(S), 1), dtype=bool)),
        f"{len(names)} correlated factors": fit_confirmatory(read, weights[0], split),
    }
    fit = models[f"{len(names)} correlated factors"]
    by_rows = read.unit_name == ROW
    spec: dict[str, Any] = {"function": "compare_factors", "subscales": {k: list(v) for k, v in subscales.items()}}
    spec |= {"clusters": None if by_rows else read.unit_name, "conf_level": conf_level, "missing": missing}
    of_rows = "normal theory for independent rows, Fisher z scale"
    spec["method"] = of_rows if by_rows else interval_name("jackknife", read.unit_name, FISHER_Z)
    loadings = [_loading_frame(m, f, read.items, S, names) for m, f in models.items()]
    residuals = [residual_frame(read.items, S, f.implied).assign(model=m) for m, f in models.items()]
    design = read.counts | missing_counts(read, missing)
    return FactorComparison(
        spec, _compare(models, read, S), pd.concat(loadings, ignore_index=True),
        _phi_frame(read, split, fit, names, conf_level), pd.concat(residuals, ignore_index=True),
        design, _notes(models, fit, read), rows[used],
    )  # fmt: skip


def _with_missing_rule(read: ItemData, missing: str) -> ItemData:
    if missing == "listwise":
        complete = listwise(read)
        return complete.rows(np.ones(complete.n_rows, dtype=bool))
    if missing != "fiml":
        raise UsageError(f"missing={missing!r} has no likelihood; take 'fiml' or 'listwise'.")
    return read


def _used(scores: ItemData, items: Mapping[str, str], missing: str) -> NDArray[np.bool_]:
    """Rows of `scores` that the models stand on."""
    gone = np.isnan(scores.scores[:, [scores.items.index(item) for item in items]])
    return np.asarray(~(gone.any(axis=1) if missing == "listwise" else gone.all(axis=1)))


def _membership(subscales: Mapping[str, Sequence[str]], known: Sequence[str]) -> dict[str, str]:
    if len(subscales) < 2:
        raise UsageError(f"{len(subscales)} subscale named; a comparison needs at least two.")
    found: dict[str, str] = {}
    for name, items in subscales.items():
        if len(items) < 2:
            raise UsageError(f"Subscale {name!r} has {len(items)} item(s); a factor needs at least two.")
        for item in items:
            if item in found:
                raise UsageError(f"Item {item!r} is in {found[item]!r} and in {name!r}; each item has one subscale.")
            if item not in known:
                raise UsageError(f"Subscale {name!r}: {item!r} is no item of omega; they are {', '.join(known)}.")
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
    if read.unit_name == ROW:
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
    every = jackknife_weights(read.n_units)
    least = pair_counts(read, every).min(axis=(1, 2))
    for unit, weights in enumerate(every):
        if least[unit] == 0:
            continue
        try:
            part = fit_confirmatory(read, weights, split, fit.parameters, tolerance=1e-6)
        except (NotEstimable, np.linalg.LinAlgError):
            continue  # the row stays NaN, and with it the interval
        if part.converged:
            out[unit] = part.phi[a, b]
    return out


def _notes(models: Mapping[str, ConfirmatoryFit], split: ConfirmatoryFit, read: ItemData) -> tuple[Note, ...]:
    notes = []
    if read.unit_name != ROW:
        notes.append(Note("chisq_of_repeated_rows"))
    if not read.complete:
        notes.append(Note("items_missing_fiml", numbers={"n": read.counts["n_missing"]}))
    for name, fit in models.items():
        if not fit.converged:
            notes.append(Note("factors_not_converged", name))
        held = tuple(item for item, at in zip(read.items, fit.heywood, strict=True) if at)
        if held:
            notes.append(Note("heywood_of_model", name, {"items": held}))
    if (np.abs(split.phi[np.tril_indices(len(split.phi), -1)]) >= 1).any():
        notes.append(Note("factors_not_told_apart"))
    return tuple(notes)
