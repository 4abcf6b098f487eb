"""Items of a wide frame by a codebook: which make up a scale, and which are reversed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from doublecode.coding.scoring import reverse_items
from doublecode.schemas.errors import UsageError
from doublecode.schemas.instrument import Instrument, load_instrument
from doublecode.schemas.near_names import told_apart
from doublecode.schemas.results import Note
from doublecode.schemas.scale import Scale

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class CodebookItems:
    """A wide frame with its items reversed, and what the codebook says of them.

    Parameters
    ----------
    data : DataFrame
        Items in the direction of their scale.
    items : sequence of str or None
        Columns of the items; None where neither caller nor codebook names any.
    spec : dict
        ``instrument``, ``scale`` (empty where items were named one by one), ``reversed``.
    labels : dict
        Item → label.
    notes : tuple of Note
    """

    data: pd.DataFrame
    items: Sequence[str] | None
    spec: dict[str, Any] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()


def items_by_codebook(
    data: pd.DataFrame, items: Sequence[str] | str | None, instrument: Instrument | str | None
) -> CodebookItems:
    """Find the items of a scale and reverse those that the codebook reverses; without a codebook nothing changes.

    Parameters
    ----------
    data : DataFrame
        One column per item, as coded.
    items : sequence of str, str or None
        Items, the name of a scale of the codebook, or None for its only scale.
    instrument : Instrument, str or None
        A codebook, or the name of a shipped one.

    Raises
    ------
    UsageError
        The codebook has several scales and none was named.
    InstrumentError
        There is no such instrument, scale or item.
    """
    if instrument is None or not hasattr(data, "columns"):
        return CodebookItems(data, items)
    book = instrument if isinstance(instrument, Instrument) else load_instrument(instrument)
    scale = _scale(book, items)
    names = [str(name) for name in (items or ())] if scale is None else list(scale.items)
    known = {name: book.item(name) for name in names}
    turned = [name for name in names if known[name].reversed]
    notes = [Note("items_reversed", numbers={"items": tuple(turned), "instrument": book.name})] if turned else []
    if scale is not None and scale.lagged:
        notes.append(Note("lag_left_to_scoring", numbers={"items": tuple(scale.lagged), "scale": scale.name}))
    spec = {"instrument": book.name, "scale": "" if scale is None else scale.name, "reversed": turned}
    return CodebookItems(
        reverse_items(data.rename(columns=str), [known[name] for name in names]), names, spec,
        told_apart((name, item.label) for name, item in known.items()), tuple(notes),
    )  # fmt: skip


def _scale(book: Instrument, items: Sequence[str] | str | None) -> Scale | None:
    """The scale that is meant; None where items are named one by one."""
    if isinstance(items, str):
        return book.scale(items)
    if items is not None:
        return None
    if len(book.scales) != 1:
        allowed = ", ".join(scale.name for scale in book.scales) or "none declared"
        raise UsageError(
            f"{book.name} has {len(book.scales)} scales ({allowed}); name one with items={allowed.split(', ')[0]!r}, "
            "or its items as a list."
        )
    return book.scales[0]
