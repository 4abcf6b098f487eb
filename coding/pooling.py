"""How a session that several raters coded becomes one, item by item."""

from __future__ import annotations

import pandas as pd

from doublecode.coding.workbooks.layout import NOT_CODABLE
from doublecode.schemas.errors import UsageError
from doublecode.schemas.instrument import Instrument

_GAP = "_gap"
_OF_A_SESSION = ("study", "patient", "therapist", "session", "session_id", "phase")


def pool_items(ratings: pd.DataFrame, book: Instrument, pooling: str) -> pd.DataFrame:
    """Make one row per session and numeric item of a codebook.

    Parameters
    ----------
    ratings : DataFrame
        Columns of the session, rater, instrument, item, value; ``role`` and ``missing_code`` where known.
    book : Instrument
    pooling : {"mean", "primary"} or str
        The mean of the raters, the primary rater's rating, or that of the rater with this id.

    Returns
    -------
    DataFrame
        The columns of the session, instrument, item, value, n_raters (how many ratings the value
        rests on), reason (why it is missing).
    """
    rows = counted_ratings(ratings, book, pooling)
    keys = [*session_columns(rows), "instrument", "item"]
    rows = rows.assign(_set=rows.groupby(keys, sort=False, dropna=False).ngroup())
    sets = rows.groupby("_set", sort=False)["value"]
    pooled = rows.drop_duplicates("_set").set_index("_set")[keys]
    pooled = pooled.assign(value=sets.mean().astype(float), n_raters=sets.count())
    pooled["reason"] = pd.Series(_missing_meanings(rows, book), dtype=object).reindex(pooled.index)
    pooled["reason"] = pooled["reason"].where(pooled["value"].isna(), None)
    return pooled.reset_index(drop=True)


def counted_ratings(ratings: pd.DataFrame, book: Instrument, pooling: str) -> pd.DataFrame:
    """The ratings that the pooled items of a codebook stand on, with their labels.

    What only raters rated who do not count stands there once, without a value.
    """
    rows = ratings[(ratings["instrument"] == book.name) & ratings["item"].isin(numeric_items(book))]
    return _of_the_rule(rows, pooling)


def _of_the_rule(rows: pd.DataFrame, pooling: str) -> pd.DataFrame:
    """The ratings that a rule of pooling counts: all, those of primary raters, those of one rater."""
    if pooling == "mean":
        return rows
    if pooling != "primary":
        return _with_gaps(rows, rows["rater"] == pooling, f"the rating of {pooling}")
    if "role" not in rows.columns:
        raise UsageError("pooling='primary' needs the column 'role' (primary, second); use pooling='mean' or a rater.")
    return _with_gaps(rows, rows["role"] == "primary", "the primary rater's")


def _with_gaps(rows: pd.DataFrame, counted: pd.Series[bool], whose: str) -> pd.DataFrame:
    """The ratings that count; what only others rated stands there without a value, and says whose rating there is."""
    number = rows.groupby([*session_columns(rows), "item"], sort=False, dropna=False).ngroup()
    others = rows[~counted & ~number.isin(number[counted])]
    if others.empty:
        return rows[counted]
    number = number[others.index]
    raters = others.groupby(number)["rater"].agg(lambda names: ", ".join(sorted(set(names))))
    gaps = others[~number.duplicated()]
    why = [f"{whose} is not there, and that of {raters[number[row]]} does not count" for row in gaps.index]
    return pd.concat([rows[counted], gaps.assign(value=float("nan"), **{_GAP: why})])


def _missing_meanings(rows: pd.DataFrame, book: Instrument) -> dict[int, str]:
    """Per set of ratings of one item: what its missing codes mean."""
    missing = rows[rows["value"].isna()]
    codes = missing["missing_code"] if "missing_code" in missing.columns else [None] * len(missing)
    gaps = missing[_GAP] if _GAP in missing.columns else [None] * len(missing)
    meanings: dict[int, list[str]] = {}
    for number, code, gap in zip(missing["_set"], codes, gaps, strict=True):
        meanings.setdefault(int(number), []).append(gap if isinstance(gap, str) else _meaning(code, book))
    return {number: "; ".join(dict.fromkeys(texts)) for number, texts in meanings.items()}


def _meaning(code: object, book: Instrument) -> str:
    text = "" if code is None or code != code else str(code)
    meaning = book.missing_codes.get(text) or NOT_CODABLE.get(text) or "no reason given"
    return f"{text}: {meaning}" if text else meaning


def numeric_items(book: Instrument) -> list[str]:
    """Items whose value is a number, in the order of the codebook."""
    return [item.name for item in book.columns if item.is_numeric]


def session_columns(frame: pd.DataFrame) -> list[str]:
    """Columns of a frame that say which session a row is about."""
    return [name for name in _OF_A_SESSION if name in frame.columns]
