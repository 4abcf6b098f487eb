"""Blocks of estimates to tidy frames."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from doublecode.analysis.ratings.design import RatingData, RatingSets
from doublecode.analysis.reliability.forms import IccBlock
from doublecode.analysis.rendering.wording.icc_methods import how_words, method_words
from doublecode.analysis.rendering.wording.reliability import reason
from doublecode.analysis.results.states import Estimator, IccState, Limits
from doublecode.schemas.results import DASH, Note

if TYPE_CHECKING:
    from numpy.typing import NDArray

Blocks = list[tuple[RatingSets, IccBlock]]
ROUNDING = 1e-14
"""Share of all variance below which a component is what rounding left of 0; its sign would differ by processor."""


@dataclass(frozen=True, eq=False)
class Origin:
    """Where a row of the table comes from: which definition, whether k is a harmonic mean, and how it was found."""

    definition: str
    harmonic: bool
    how: str


@dataclass(frozen=True, eq=False)
class Estimates:
    """Everything that was estimated, before it becomes tables.

    Attributes
    ----------
    read : RatingData
    blocks : list of (RatingSets, IccBlock)
    refused : dict
        Position of each set that cannot be estimated, and why.
    """

    read: RatingData
    blocks: Blocks
    refused: dict[int, Note]

    @cached_property
    def origins(self) -> list[Origin]:
        """Origin of each row of the table."""
        owner, order = row_order(self.blocks, self.refused)
        found = [one for _, block in self.blocks for one in _origins(block)]
        found += [Origin("", False, "")] * (len(owner) - len(found))
        return [found[i] for i in order.tolist()]


WORDS = ("level", "form", "shrout_fleiss", "method")
NUMBERS = ("k", "estimate", "conf_low", "conf_high", "statistic", "df1", "df2", "p_value")


def _origins(block: IccBlock) -> list[Origin]:
    left_out = np.zeros(block.state.shape, dtype=bool) if block.left_out is None else block.left_out
    return [
        Origin(
            form.definition,
            form.symbol == "k_eff",
            how_words(block.estimator, Limits.JACKKNIFE if out else block.limits, IccState(state)),
        )
        for states, outs in zip(block.state.tolist(), left_out.tolist(), strict=True)
        for form, state, out in zip(block.forms, states, outs, strict=True)
    ]


def row_order(blocks: Blocks, refused: dict[int, Note]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Set of each row, block after block and the refused sets last, and the order that sorts the rows by set."""
    owner = [np.repeat(group.index, len(block.forms)) for group, block in blocks]
    index = np.concatenate([*owner, np.array(list(refused), dtype=np.int64)])
    return index, np.argsort(index, kind="stable")


def form_table(estimates: Estimates, targets: str) -> pd.DataFrame:
    """One row per set and form; sets that cannot be estimated keep a marked row."""
    read, blocks, refused = estimates.read, estimates.blocks, estimates.refused
    words = [_words(block, targets) for _, block in blocks]
    numbers = [_numbers(block) for _, block in blocks]
    if refused:
        reasons = [f"not estimable: {reason(note)}" for note in refused.values()]
        words.append(np.array([[targets, DASH, DASH, text] for text in reasons], dtype=object).T)
        numbers.append(np.full((len(NUMBERS), len(refused)), np.nan))
    index, order = row_order(blocks, refused)
    text = dict(zip(WORDS, map(_column, np.concatenate(words, axis=1)[:, order].tolist()), strict=True))
    figures = dict(zip(NUMBERS, np.concatenate(numbers, axis=1)[:, order], strict=True))
    method = text.pop("method")
    return pd.DataFrame({**_key_columns(read, index[order]), **text, **figures, "method": method}, copy=False)


def _column(labels: list[Any]) -> Any:
    """A column of labels; pandas looks at each text before it holds it, so that a known set of them is held already."""
    if set(map(type, labels)) != {str}:
        return labels
    place = {text: at for at, text in enumerate(dict.fromkeys(labels))}
    return _held(tuple(place)).take([place[text] for text in labels])


@lru_cache(maxsize=64)
def _held(texts: tuple[str, ...]) -> Any:
    """Texts in the type that pandas gives them."""
    column = pd.Series(texts)
    return column.to_numpy() if column.dtype == object else column.array


def _words(block: IccBlock, targets: str) -> NDArray[np.object_]:
    """Columns of text of a block, shape (WORDS, sets × forms)."""
    words = np.empty((len(WORDS), *block.estimate.shape), dtype=object)
    words[0] = [targets if form.level == "target" else form.level for form in block.forms]
    words[1] = [form.name for form in block.forms]
    words[2] = [form.shrout_fleiss for form in block.forms]
    words[3] = _methods(block)
    return words.reshape(len(WORDS), -1)


def _methods(block: IccBlock) -> NDArray[np.object_]:
    """Column ``method`` of a block, (n_sets, n_forms)."""
    words = _texts(block.estimator, block.limits)[block.state]
    if block.left_out is not None:
        words[block.left_out] = _texts(block.estimator, Limits.JACKKNIFE)[block.state[block.left_out]]
    return words


@cache
def _texts(estimator: Estimator, limits: Limits) -> NDArray[np.object_]:
    """Entry of the column ``method`` of each state."""
    return np.array([method_words(estimator, limits, state) for state in IccState], dtype=object)


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
        table[name] = _column([labels[s] for s in index.tolist()])
    return table


def variance_table(read: RatingData, blocks: Blocks) -> pd.DataFrame:
    """Variance components per set; shares are of the positive parts, and what rounding leaves of 0 is 0."""
    owner, names, values, shares = [], [], [], []
    for group, block in blocks:
        n_sets, n_parts = block.variances.shape
        owner.append(np.repeat(group.index, n_parts))
        names.append(np.tile(np.array(block.components, dtype=object), n_sets))
        total = np.maximum(block.variances, 0.0).sum(axis=1, keepdims=True)
        known = np.where(np.abs(block.variances) <= ROUNDING * total, 0.0, block.variances)
        values.append(known.ravel())
        positive = np.maximum(known, 0.0)
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
