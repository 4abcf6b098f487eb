"""The one form in which the ledger keeps a value, and the hashes over it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pandas as pd

from doublecode.schemas.frames import RATINGS

FILE_COLUMNS = ("file", "sha256", "study", "instrument", "version", "rater", "batch", "n_rows")
ROW_COLUMNS = tuple(RATINGS.columns)


def plain_rows(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain Python values, missing ones as None, in the order of the contract."""
    columns: dict[str, list[Any]] = {}
    for name, kind in RATINGS.columns.items():
        values = rows[name]
        present = values.notna().tolist()
        convert: Callable[[Any], Any] = int if kind == "integer" else _number if kind == "number" else canonical_text
        columns[name] = [convert(value) if ok else None for value, ok in zip(values.tolist(), present, strict=True)]
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _number(value: Any) -> float:
    """A number in the one form in which every database gives it back: there is no −0."""
    return float(value) + 0.0


def canonical_text(value: Any) -> str:
    """A text in letters that every database keeps; bytes of a file name that are none are escaped."""
    return str(value).encode("utf-8", "backslashreplace").decode()


def scalar_of(value: Any) -> Any:
    """A plain Python value; a missing one is None."""
    if value is None or value != value:
        return None
    plain = value.item() if hasattr(value, "item") else value
    return canonical_text(plain) if isinstance(plain, str) else plain


def digest_of(rows: list[dict[str, Any]]) -> str:
    """SHA-256 of the ratings of a file."""
    text = json.dumps([[row[name] for name in ROW_COLUMNS] for row in rows], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def chain_of(previous: str, entry: dict[str, Any]) -> str:
    """SHA-256 of an entry and of the chain before it."""
    kept = [entry[name] for name in (*FILE_COLUMNS, "taken_in", "supersedes", "content")]
    return hashlib.sha256(json.dumps([previous, *kept], ensure_ascii=False).encode()).hexdigest()
