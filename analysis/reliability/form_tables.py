"""Blocks of estimates to tidy frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from doublecode.analysis.ratings.design import RatingData, RatingSets
from doublecode.analysis.reliability.forms import Form, IccBlock
from doublecode.analysis.rendering.wording.icc_methods import how_words, method_words
from doublecode.analysis.rendering.wording.reliability import reason
from doublecode.analysis.results.states import Estimator, IccState, Limits
from doublecode.schemas.results import DASH, Note

if TYPE_CHECKING:
    from numpy.typing import NDArray

Blocks = list[tuple[RatingSets, IccBlock]]
FEW = 100
"""Texts up to which a column keeps them in the type that pandas gives them; labels of many sets are not kept."""
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
        return [found[i] for i in np.arange(len(owner))[order].tolist()]


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


def row_order(blocks: Blocks, refused: dict[int, Note]) -> tuple[NDArray[np.int64], NDArray[np.int64] | slice]:
    """Set of each row, block after block and the refused sets last, and the order that sorts the rows by set."""
    owner = [np.repeat(group.index, len(block.forms)) for group, block in blocks]
    if len(owner) == 1 and not refused:
        return owner[0], slice(None)
    index = np.concatenate([*owner, np.array(list(refused), dtype=np.int64)])
    return index, np.argsort(index, kind="stable")


def form_table(estimates: Estimates, targets: str) -> pd.DataFrame:
    """One row per set and form; sets that cannot be estimated keep a marked row."""
    read, blocks, refused = estimates.read, estimates.blocks, estimates.refused
    numbers = [_numbers(block) for _, block in blocks]
    if refused:
        numbers.append(np.full((len(NUMBERS), len(refused)), np.nan))
    index, order = row_order(blocks, refused)
    figures = (numbers[0] if len(numbers) == 1 else np.concatenate(numbers, axis=1))[:, order]
    keys = [_column([key[place] for key in read.keys], index[order]) for place in range(len(read.by))]
    words = _form_columns(blocks, refused, targets, order)
    columns = [*keys, *words, *figures, _method_column(blocks, refused, order)]
    named = dict(zip([*read.by, "level", "form", "shrout_fleiss", *NUMBERS, "method"], columns, strict=True))
    table = pd.DataFrame(dict(enumerate(named.values())), pd.RangeIndex(len(index)), copy=False)
    table.columns = _heads(tuple(named)).copy()
    return table


@lru_cache(maxsize=64)
def _heads(names: tuple[str, ...]) -> pd.Index[Any]:
    """Names of the columns of a table: pandas looks long at texts before it takes them for names."""
    return pd.Index(names)


def _column(labels: Sequence[Any], code: NDArray[np.int64]) -> Any:
    """The column that holds the label of each code; pandas looks at texts before it holds them: at each one once."""
    if set(map(type, labels)) != {str}:
        return [labels[at] for at in code.tolist()]
    return (_held if len(labels) <= FEW else _typed)(tuple(labels)).take(code)


def _typed(texts: tuple[str, ...]) -> Any:
    """Texts in the type that pandas gives them."""
    column = pd.Series(texts)
    return column.to_numpy() if column.dtype == object else column.array


_held = lru_cache(maxsize=64)(_typed)


def _form_columns(
    blocks: Blocks, refused: dict[int, Note], targets: str, order: NDArray[np.int64] | slice
) -> list[Any]:
    """Columns ``level``, ``form`` and ``shrout_fleiss``, rows in `order`."""
    forms = tuple(form for _, block in blocks for form in block.forms)
    own, n = [], 0
    for _, block in blocks:
        own.append(np.arange(block.state.size) % len(block.forms) + n)
        n += len(block.forms)
    own += [np.full(len(refused), n)] if refused else []
    code = (own[0] if len(own) == 1 else np.concatenate(own))[order]
    return [column.take(code) for column in _form_words(forms, targets)]


@lru_cache(maxsize=64)
def _form_words(forms: tuple[Form, ...], targets: str) -> tuple[Any, Any, Any]:
    """Level and both names of each form, and those of a set that cannot be estimated."""
    level = [targets if form.level == "target" else form.level for form in forms]
    names, classic = [form.name for form in forms], [form.shrout_fleiss for form in forms]
    return _typed((*level, targets)), _typed((*names, DASH)), _typed((*classic, DASH))


def _method_column(blocks: Blocks, refused: dict[int, Note], order: NDArray[np.int64] | slice) -> Any:
    """Column ``method``, rows in `order`."""
    labels: list[str] = []
    own = []
    for _, block in blocks:
        code = block.state.astype(np.int64)
        if block.left_out is not None:
            code += np.where(block.left_out, len(IccState), 0)
        own.append(code.ravel() + len(labels))
        labels += [*_texts(block.estimator, block.limits), *_texts(block.estimator, Limits.JACKKNIFE)]
    own.append(np.arange(len(labels), len(labels) + len(refused)))
    labels += [f"not estimable: {reason(note)}" for note in refused.values()]
    return _column(labels, np.concatenate(own)[order])


@cache
def _texts(estimator: Estimator, limits: Limits) -> tuple[str, ...]:
    """Entry of the column ``method`` of each state."""
    return tuple(method_words(estimator, limits, state) for state in IccState)


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
        table[name] = _column(labels, index)
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
