"""Blocks of estimates to tidy frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from doublecode.analysis.ratings.design import RatingData, RatingSets
from doublecode.analysis.reliability.forms import IccBlock

if TYPE_CHECKING:
    from numpy.typing import NDArray

Blocks = list[tuple[RatingSets, IccBlock]]


@dataclass(frozen=True, eq=False)
class Estimates:
    """Everything that was estimated, before it becomes tables."""

    read: RatingData
    blocks: Blocks


WORDS = ("level", "form", "shrout_fleiss", "method")
NUMBERS = ("k", "estimate", "conf_low", "conf_high", "statistic", "df1", "df2", "p_value")


def form_table(read: RatingData, blocks: Blocks, refused: dict[int, str], targets: str) -> pd.DataFrame:
    """One row per set and form; sets that cannot be estimated keep a marked row."""
    owner = [np.repeat(group.index, len(block.forms)) for group, block in blocks]
    words = [_words(block, targets) for _, block in blocks]
    numbers = [_numbers(block) for _, block in blocks]
    if refused:
        owner.append(np.array(list(refused), dtype=np.int64))
        reasons = [f"not estimable: {text.split(':')[0]}" for text in refused.values()]
        words.append(np.array([[targets, "–", "–", reason] for reason in reasons], dtype=object).T)
        numbers.append(np.full((len(NUMBERS), len(refused)), np.nan))
    index = np.concatenate(owner)
    order = np.argsort(index, kind="stable")
    text = dict(zip(WORDS, np.concatenate(words, axis=1)[:, order], strict=True))
    figures = dict(zip(NUMBERS, np.concatenate(numbers, axis=1)[:, order], strict=True))
    method = text.pop("method")
    return pd.DataFrame({**_key_columns(read, index[order]), **text, **figures, "method": method}, copy=False)


def _words(block: IccBlock, targets: str) -> NDArray[np.object_]:
    """Columns of text of a block, shape (WORDS, sets × forms)."""
    words = np.empty((len(WORDS), *block.estimate.shape), dtype=object)
    words[0] = [targets if form.level == "target" else form.level for form in block.forms]
    words[1] = [form.name for form in block.forms]
    words[2] = [form.shrout_fleiss for form in block.forms]
    words[3] = block.method
    return words.reshape(len(WORDS), -1)


def _numbers(block: IccBlock) -> NDArray[np.float64]:
    """Columns of numbers of a block, shape (NUMBERS, sets × forms)."""
    numbers = np.empty((len(NUMBERS), *block.estimate.shape))
    numbers[0] = [form.k for form in block.forms]
    for row, name in enumerate(NUMBERS[1:], 1):
        numbers[row] = getattr(block, name)
    return numbers.reshape(len(NUMBERS), -1)


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
