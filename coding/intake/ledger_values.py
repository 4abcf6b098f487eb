"""The one form in which the ledger keeps a value, and the hashes over it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from json.encoder import encode_basestring
from operator import itemgetter
from typing import Any

import pandas as pd

from doublecode.schemas.errors import ContractError
from doublecode.schemas.frames import OCCASION, RATINGS

FILE_COLUMNS = ("file", "sha256", "study", "instrument", "version", "rater", "batch", "n_rows")
SEVERAL = "(table)"
"""Instrument and rater of a file that holds ratings of all of them."""
ROW_COLUMNS = tuple(RATINGS.columns)
PLAIN_COLUMNS = (*ROW_COLUMNS, OCCASION)
PlainColumns = tuple[Sequence[Any], ...]
"""Ratings as plain values, missing ones None: one sequence per column, in this order."""
NO_RATINGS: PlainColumns = tuple(() for _ in PLAIN_COLUMNS)
_in_plain_order = itemgetter(*PLAIN_COLUMNS)
_VALUE = ROW_COLUMNS.index("value")
EVENT_COLUMNS = ("kind", "file_id", "subject", "reason", "at", "n_rows", "content", "head", "origin")
GENESIS = "0" * 64
"""What the first entry of a chain stands on."""


def in_one_frame(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Ratings of several sources; with occasions where one of them has any, and then 1 in the others."""
    filled = [part for part in parts if len(part)] or [parts[0]]
    if any(OCCASION in part.columns for part in filled):
        filled = [with_occasion(part) for part in filled]
    return pd.concat(filled) if len(filled) > 1 else filled[0]


_MOST_IN_PAIRS = 100


def columns_by_file(ratings: pd.DataFrame) -> dict[str, PlainColumns]:
    """Ratings of each file, by its name in the one form in which it is kept, in the order in which they stand."""
    codes, names = pd.factorize(ratings["source_file"])
    if len(codes) and (codes[1:] < codes[:-1]).any():
        order = codes.argsort(kind="stable")
        ratings, codes = ratings.iloc[order], codes[order]
    columns = _plain_columns(ratings)
    ends = codes.searchsorted(range(len(names)), side="right").tolist()
    slices = map(slice, [0, *ends], ends)
    return {
        canonical_text(name): tuple(one[own] for one in columns) for name, own in zip(names, slices, strict=True)
    }  # fmt: skip


def columns_of(rows: Iterable[Mapping[Any, Any]]) -> PlainColumns:
    """Rows of a database as columns."""
    return tuple(zip(*map(_in_plain_order, rows), strict=True)) or NO_RATINGS


def _plain_columns(rows: pd.DataFrame) -> list[list[Any]]:
    columns: list[list[Any]] = []
    for name, kind in RATINGS.columns.items():
        if kind == "text":
            columns.append(_plain_texts(rows[name]))
            continue
        values = rows[name].astype("float64").tolist()
        if kind == "integer":
            columns.append([int(value) if value == value else None for value in values])
        else:
            columns.append([_number(value) if value == value else None for value in values])
    return [*columns, with_occasion(rows)[OCCASION].astype("int64").tolist()]


def _plain_texts(column: pd.Series[Any]) -> list[Any]:
    """Texts in their one form, missing ones as None; few different ones stand in many rows."""
    values = column.tolist()
    if (missing := column.isna()).any():
        values = [None if gone else value for value, gone in zip(values, missing.tolist(), strict=True)]
    made = {value: None if value is None else canonical_text(value) for value in set(values)}
    if all(value is plain for value, plain in made.items()):
        return values
    return list(map(made.__getitem__, values))


def with_occasion(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with their occasion, 1 where they do not say it."""
    return rows if OCCASION in rows.columns else rows.assign(**{OCCASION: 1})


def _number(value: float) -> float:
    """A number in the one form in which every database gives it back: there is no −0."""
    return value + 0.0


def canonical_text(value: Any) -> str:
    """A text in letters that every database keeps; bytes of a file name that are none are escaped."""
    text = str(value)
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def scalar_of(value: Any) -> Any:
    """A plain Python value; a missing one is None."""
    if value is None or value != value:
        return None
    plain = value.item() if hasattr(value, "item") else value
    return canonical_text(plain) if isinstance(plain, str) else plain


def digest_of(columns: PlainColumns, salt: str = "") -> str:
    """SHA-256 of the ratings of a file; the salt keeps few codes from being found by trying all."""
    return _digest(_texts_of(columns), salt)


def is_content(columns: PlainColumns, content: str, salt: str = "") -> bool:
    """Whether ratings are those of a digest; a 0 may have been hashed as −0, which ledgers of older versions did.

    SQLite gives −0 back as 0, so that those rows are as they were taken in. Tried are each zero, each pair and all.
    """
    texts = _texts_of(columns)
    if _digest(texts, salt) == content:
        return True
    values = columns[_VALUE]
    other = _texts_of((*columns[:_VALUE], [-0.0 if value == 0 else value for value in values], *columns[_VALUE + 1 :]))
    minus = {at: other[at] for at, value in enumerate(values) if value == 0}
    tried = [*combinations(minus, 1), *(combinations(minus, 2) if len(minus) <= _MOST_IN_PAIRS else ()), tuple(minus)]
    return any(
        _digest([minus[at] if at in some else text for at, text in enumerate(texts)], salt) == content for some in tried
    )


def _texts_of(columns: PlainColumns) -> list[str]:
    """Each row as a JSON list; the occasion of a recode stands at its end."""
    written: list[str] = []
    varying: list[Sequence[str]] = []
    for kind, column in zip(RATINGS.columns.values(), columns, strict=False):
        if kind != "text":  # among them 0 and −0, which are equal and two texts
            varying.append(["null" if value is None else repr(value) for value in column])
        elif is_constant(column):
            written.append(_text_of(column[0]).replace("%", "%%"))
            continue
        elif None not in column and _stands_as_it_is("".join(column)):
            varying.append(column)
            written.append('"%s"')
            continue
        else:
            varying.append(list(map(_text_of, column)))
        written.append("%s")
    varying.append([f", {time}" if time > 1 else "" for time in columns[-1]])
    return list(map(f"[{', '.join(written)}%s]".__mod__, zip(*varying, strict=True)))


def is_constant(column: Sequence[Any]) -> bool:
    """Whether there are values and all are the same, as in most columns of one file."""
    return len(column) > 0 and column.count(column[0]) == len(column)


def _text_of(value: str | None) -> str:
    return "null" if value is None else encode_basestring(value)


def _stands_as_it_is(text: str) -> bool:
    """Whether JSON writes a text between quotation marks without changing a letter."""
    return text.isprintable() and '"' not in text and "\\" not in text


def _digest(texts: list[str], salt: str) -> str:
    return hashlib.sha256(f"{salt}[{', '.join(texts)}]".encode()).hexdigest()


def chain_of(previous: str, entry: Mapping[str, Any]) -> str:
    """SHA-256 of an entry and of the chain before it; what an entry does not use leaves its hash as it was before."""
    kept = [*(entry[name] for name in (*FILE_COLUMNS, "taken_in", "supersedes", "content")), *_later(entry)]
    extras = {name: entry[name] for name in ("site", "reason", "origin") if entry.get(name)}
    return _chained(previous, [*kept, extras] if extras else kept)


def event_chain_of(previous: str, event: Mapping[str, Any]) -> str:
    """SHA-256 of an event and of the events before it."""
    return _chained(previous, [event[name] for name in EVENT_COLUMNS])


def _chained(previous: str, kept: list[Any]) -> str:
    return hashlib.sha256(json.dumps([previous, *kept], ensure_ascii=False).encode()).hexdigest()


def _later(row: Mapping[str, Any]) -> list[int]:
    """The occasion of a recode: occasion 1 leaves the hashes as they were before there were any."""
    time = int(row.get(OCCASION, 1))
    return [time] if time > 1 else []


def check_files(ratings: pd.DataFrame, files: pd.DataFrame) -> None:
    """Refuse ratings whose file is not listed, and files whose count of rows is another."""
    gone = [name for name in FILE_COLUMNS if name not in files.columns]
    if gone:
        raise ContractError(f"files: the column {gone[0]!r} is missing; needed: {', '.join(FILE_COLUMNS)}.")
    counts = ratings["source_file"].value_counts()
    stray = [name for name in counts.index if name not in set(files["file"])]
    if stray:
        raise ContractError(f"ratings: the file {stray[0]!r} is not among the files. Pass both from read_incoming.")
    for name, n_rows in zip(files["file"], files["n_rows"], strict=True):
        if int(counts.get(name, 0)) != int(n_rows):
            raise ContractError(f"files: {name} has {n_rows} rows, but {int(counts.get(name, 0))} ratings were passed.")


def ratings_of(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows as the frame that they were; with the column occasion where one of them is a recode."""
    columns: dict[str, pd.Series[Any]] = {}
    for name, kind in RATINGS.columns.items():
        values = [row[name] for row in rows]
        whole = kind == "integer" and None not in values
        columns[name] = pd.Series(values, dtype="str" if kind == "text" else "int64" if whole else "float64")
    times = [int(row.get(OCCASION, 1)) for row in rows]
    if any(time > 1 for time in times):
        columns[OCCASION] = pd.Series(times, dtype="int64")
    return pd.DataFrame(columns)
