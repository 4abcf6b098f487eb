"""Blocks of estimates to tidy frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from doublecode.analysis.raters.icc_forms import IccBlock
from doublecode.analysis.raters.rating_design import RatingData, RatingSets

if TYPE_CHECKING:
    from numpy.typing import NDArray

Blocks = list[tuple[RatingSets, IccBlock]]


@dataclass(frozen=True, eq=False)
class Estimates:
    """Everything that was estimated, before it becomes tables."""

    read: RatingData
    blocks: Blocks


NUMBERS = ("estimate", "conf_low", "conf_high", "statistic", "df1", "df2", "p_value")


def form_table(read: RatingData, blocks: Blocks, refused: dict[int, str], targets: str) -> pd.DataFrame:
    """One row per set and form; sets that cannot be estimated keep a marked row."""
    owner: list[NDArray[np.int64]] = []
    columns: dict[str, list[NDArray[np.object_] | NDArray[np.float64]]] = {}
    for group, block in blocks:
        n_sets, n_forms = block.estimate.shape
        owner.append(np.repeat(group.index, n_forms))
        labels = {
            "level": [targets if form.level == "target" else form.level for form in block.forms],
            "form": [form.name for form in block.forms],
            "shrout_fleiss": [form.shrout_fleiss for form in block.forms],
        }
        for name, texts in labels.items():
            columns.setdefault(name, []).append(np.tile(np.array(texts, dtype=object), n_sets))
        columns.setdefault("k", []).append(np.tile(np.array([form.k for form in block.forms]), n_sets))
        for name in NUMBERS:
            columns.setdefault(name, []).append(np.asarray(getattr(block, name), dtype=np.float64).ravel())
        columns.setdefault("method", []).append(block.method.ravel())
    if refused:
        _append_refused(columns, owner, refused, targets)
    index = np.concatenate(owner)
    order = np.argsort(index, kind="stable")
    table = _key_columns(read, index[order])
    table |= {name: np.concatenate(parts)[order] for name, parts in columns.items()}
    return pd.DataFrame(table)


def _append_refused(
    columns: dict[str, list[NDArray[np.object_] | NDArray[np.float64]]],
    owner: list[NDArray[np.int64]],
    refused: dict[int, str],
    targets: str,
) -> None:
    owner.append(np.array(list(refused), dtype=np.int64))
    n = len(refused)
    for name, word in (("level", targets), ("form", "–"), ("shrout_fleiss", "–")):
        columns[name].append(np.full(n, word, dtype=object))
    for name in ("k", *NUMBERS):
        columns[name].append(np.full(n, np.nan))
    reasons = [f"not estimable: {text.split(':')[0]}" for text in refused.values()]
    columns["method"].append(np.array(reasons, dtype=object))


def _key_columns(read: RatingData, index: NDArray[np.int64]) -> dict[str, object]:
    table: dict[str, object] = {}
    for position, name in enumerate(read.by):
        labels = [key[position] for key in read.keys]
        table[name] = [labels[s] for s in index.tolist()]
    return table


def variance_table(read: RatingData, blocks: Blocks) -> pd.DataFrame:
    """Variance components per set; shares are of the positive parts."""
    owner, names, values, shares = [], [], [], []
    for group, block in blocks:
        n_sets, n_parts = block.variances.shape
        owner.append(np.repeat(group.index, n_parts))
        names.append(np.tile(np.array(block.components, dtype=object), n_sets))
        values.append(block.variances.ravel())
        positive = np.maximum(block.variances, 0.0)
        total = positive.sum(axis=1, keepdims=True)
        with np.errstate(invalid="ignore"):
            shares.append(np.where(total > 0.0, positive / np.where(total > 0.0, total, 1.0), np.nan).ravel())
    index = np.concatenate(owner)
    order = np.argsort(index, kind="stable")
    variance = np.concatenate(values)[order]
    table = _key_columns(read, index[order]) | {
        "component": np.concatenate(names)[order],
        "variance": variance,
        "sd": np.sqrt(np.maximum(variance, 0.0)),
        "share": np.concatenate(shares)[order],
    }
    return pd.DataFrame(table)


def bias_table(read: RatingData, blocks: Blocks) -> pd.DataFrame:
    """Rater-bias F per set; empty where raters are unknown."""
    tested = [(group, block.bias_f) for group, block in blocks if block.bias_f is not None]
    names = ("statistic", "df1", "df2", "p_value")
    if not tested:
        return pd.DataFrame({name: np.empty(0) for name in (*read.by, *names)})
    index = np.concatenate([group.index for group, _ in tested])
    order = np.argsort(index, kind="stable")
    table = _key_columns(read, index[order])
    for i, name in enumerate(names):
        table[name] = np.concatenate([bias[i] for _, bias in tested])[order]
    return pd.DataFrame(table)
