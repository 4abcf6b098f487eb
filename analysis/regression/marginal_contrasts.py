"""Contrasts of marginal means, and what several of them at once do to p-values and limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from doublecode.analysis.mixed.hypotheses import quantile
from doublecode.analysis.results.multiplicity import adjust_p
from doublecode.schemas.errors import UsageError
from doublecode.schemas.near_names import allowed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Adjust = Literal["none", "bonferroni", "holm", "bh", "tukey"]
Weights = Mapping[str, Mapping[Any, float] | Sequence[float]]
Contrasts = Literal["pairwise"] | Weights | None


def check_adjust(adjust: str, contrasts: Any) -> None:
    """Refuse an unknown adjustment, and Tukey's for anything but all pairs."""
    if adjust not in get_args(Adjust):
        raise UsageError(f"marginal_means: found adjust = {adjust!r}; {allowed(str(adjust), get_args(Adjust))}.")
    if adjust == "tukey" and contrasts != "pairwise":
        raise UsageError(
            "marginal_means: adjust = 'tukey' is the studentized range of all pairs and holds for contrasts = "
            "'pairwise' only; for contrasts of your own use 'holm', 'bonferroni', 'bh' or 'none'."
        )


def contrast_weights(contrasts: Contrasts, labels: Sequence[str], keys: Sequence[Any]) -> tuple[list[str], Floats]:
    """Names and (m, K) weights of contrasts of K means.

    Parameters
    ----------
    contrasts : "pairwise", mapping or None
    labels : sequence of str
        What each mean is called.
    keys : sequence
        By what a mapping of weights names it: a level, or a tuple of levels.

    Raises
    ------
    UsageError
        Weights that name no mean, of another number than the means, not finite, or all zero.
    """
    k = len(labels)
    if contrasts is None:
        return [], np.zeros((0, k))
    if isinstance(contrasts, str):
        if contrasts != "pairwise":
            raise UsageError(
                f"marginal_means: found contrasts = {contrasts!r}; allowed: 'pairwise', None, or weights by name such "
                "as {'late − early': {'late': 1, 'early': -1}}."
            )
        pairs = list(combinations(range(k), 2))
        C = np.zeros((len(pairs), k))
        for row, (i, j) in enumerate(pairs):
            C[row, i], C[row, j] = 1.0, -1.0
        named = [f"({label.replace('-', '−', 1)})" if label.startswith("-") else label for label in labels]
        return [f"{named[i]} − {named[j]}" for i, j in pairs], C
    if not isinstance(contrasts, Mapping) or not contrasts:
        raise UsageError(
            f"marginal_means: found contrasts = {contrasts!r}; give a mapping of names to weights, or 'pairwise'."
        )
    rows = [_own_weights(str(name), given, labels, keys) for name, given in contrasts.items()]
    return list(map(str, contrasts)), np.array(rows)


def _own_weights(name: str, given: Any, labels: Sequence[str], keys: Sequence[Any]) -> list[float]:
    """The weights of one contrast, in the order of the means."""
    if isinstance(given, Mapping):
        by_label = {str(key): place for place, key in enumerate(keys)} | {one: at for at, one in enumerate(labels)}
        weights = [0.0] * len(labels)
        for key, weight in given.items():
            place = by_label.get(str(key))
            if place is None:
                raise UsageError(
                    f"marginal_means: contrast {name!r} weighs {key!r}, which is no level; {allowed(str(key), labels)}."
                )
            weights[place] = _number(weight, name)
    elif isinstance(given, Sequence | np.ndarray) and not isinstance(given, str):
        weights = [_number(weight, name) for weight in given]
    else:
        raise UsageError(f"marginal_means: contrast {name!r} is {given!r}; give a weight for each level.")
    if len(weights) != len(labels):
        raise UsageError(
            f"marginal_means: contrast {name!r} has {len(weights)} weights; there are {len(labels)} means "
            f"({', '.join(labels)})."
        )
    if not any(weights):
        raise UsageError(f"marginal_means: contrast {name!r} has no weight that is not zero.")
    return weights


def _number(weight: Any, name: str) -> float:
    if isinstance(weight, bool) or not isinstance(weight, int | float | np.number) or not np.isfinite(weight):
        raise UsageError(f"marginal_means: contrast {name!r} has the weight {weight!r}; weights are finite numbers.")
    return float(weight)


def family_columns(tests: Mapping[str, Floats], adjust: Adjust, k: int, conf_level: float) -> dict[str, Floats]:
    """Adjusted p-values and simultaneous limits of one family of contrasts.

    Tukey: p = P(Q > √2·|t|) and limits estimate ± q·SE/√2 with the studentized range Q of `k` means on the df of the
    contrast (Kramer 1956; where df differ between contrasts it is as approximate as emmeans has it). Bonferroni: m·p
    and t at 1 − α/(2m) with m the contrasts that were asked for, those that are not estimable among them. Holm and
    Benjamini–Hochberg adjust p alone; the limits beside them are those of Bonferroni, as in emmeans.

    Parameters
    ----------
    tests : mapping
        ``estimate, std_error, df, statistic, p_value``, each (m,); NaN where a contrast is not estimable.
    k : int
        Number of means that are compared.

    Returns
    -------
    dict
        ``p_adjusted, family_low, family_high``, each (m,).
    """
    t, df, p = tests["statistic"], tests["df"], tests["p_value"]
    m = len(p)
    if adjust == "tukey":
        from scipy.stats import studentized_range

        adjusted = np.asarray(studentized_range.sf(np.sqrt(2.0) * np.abs(t), k, df))
        reach = {nu: studentized_range.isf(1 - conf_level, k, nu) / np.sqrt(2.0) for nu in np.unique(df)}
        critical = np.array([reach.get(nu, np.nan) for nu in df])
    else:
        adjusted = p if adjust == "none" else adjust_p(p, adjust, m)
        critical = quantile(1 - (1 - conf_level) / (1 if adjust == "none" else m), df)
    half = np.asarray(critical * tests["std_error"])
    return {
        "p_adjusted": np.asarray(adjusted, dtype=float),
        "family_low": tests["estimate"] - half,
        "family_high": tests["estimate"] + half,
    }
