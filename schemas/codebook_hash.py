"""Hashes of a codebook over named fields, so that a field added to a model later makes no workbook wrong.

Each list is a version and never changes once workbooks bear its hash. A field that raters meet and that
comes later stands in :data:`CODING_LATER`: it counts where it is set, so that codebooks without it keep their hash.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from doublecode.schemas.declared import Declared

_MET_BY_ITEM = (
    "name", "label", "type", "minimum", "maximum", "anchors", "anchor_source", "categories", "multiple", "missing",
    "not_applicable_when", "given", "optional", "repeat",
)  # fmt: skip
CODING_1: Final[Mapping[str, tuple[str, ...]]] = {
    "Instrument": ("name", "version", "missing_codes", "segment", "items"),
    "Item": _MET_BY_ITEM,
    "Segment": ("start_minute", "minutes"),
}
CODING_LATER: Final[Mapping[str, tuple[str, ...]]] = {
    "Item": ("hint", "definition", "decimals", "values", "one_column_per_code"),
}
_UNSET: Final[Mapping[str, str]] = {"anchor_source": "doublecode"}
"""What an unset field was when the first lists were made."""
CONTENT_1: Final[Mapping[str, tuple[str, ...]]] = {
    "Instrument": (
        "name", "title", "version", "citation", "rights", "missing_codes", "segment", "items", "scales", "notes",
    ),
    "Item": (*_MET_BY_ITEM, "reversed", "flag_from"),
    "Scale": ("name", "label", "items", "score", "minimum_valid", "prorate", "lagged", "bands"),
    "Band": ("label", "low", "high"),
    "Segment": ("start_minute", "minutes"),
}  # fmt: skip


def coding_hash(book: Declared) -> str:
    """SHA-256 of what a rater meets: items, codes, anchors, missing codes; every workbook is stamped with it.

    Scoring rules and reversal are left out, so that a decision about the analysis does not make the
    workbooks that are already out there wrong.
    """
    return hashlib.sha256(json.dumps(_said(book, CODING_1, CODING_LATER), sort_keys=True).encode()).hexdigest()


def content_hash(book: Declared) -> str:
    """SHA-256 of the whole codebook: two files with the same hash say the same.

    A field that the list does not know counts only where it is not left at its default.
    """
    text = json.dumps(_said(book, CONTENT_1, None), ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _said(value: Any, listed: Mapping[str, tuple[str, ...]], later: Mapping[str, tuple[str, ...]] | None) -> Any:
    """A declaration as plain values: the listed fields of each model, and `later` ones (None: all) that were set."""
    if isinstance(value, Declared):
        kind = type(value)
        names = listed.get(kind.__name__, ())
        new = [
            name
            for name, field in kind.model_fields.items()
            if name not in names
            and (later is None or name in later.get(kind.__name__, ()))
            and getattr(value, name) != field.get_default(call_default_factory=True)
        ]
        return {
            name: _said(getattr(value, name) or _UNSET.get(name, getattr(value, name)), listed, later)
            for name in (*names, *new)
        }
    if isinstance(value, (tuple, list)):
        return [_said(one, listed, later) for one in value]
    if isinstance(value, Mapping):
        return {str(key): _said(one, listed, later) for key, one in value.items()}
    return value
