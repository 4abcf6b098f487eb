"""From ratings to scale scores: pooling, reversal, the missing rule, the lag rule.

Double-coded sessions become one here and nowhere else, by the rule that the study
declares. Lags follow the session's number, never the row. Every score that is
missing says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from doublecode.coding.workbooks.layout import NOT_CODABLE
from doublecode.schemas.errors import UsageError
from doublecode.schemas.frames import RATINGS, SCORES, Contract, check_frame
from doublecode.schemas.instrument import Instrument, Item, Scale
from doublecode.schemas.study import Study

ITEMS = Contract(
    "items",
    {
        "study": "text", "patient": "text", "therapist": "text", "session": "integer", "session_id": "text",
        "instrument": "text", "item": "text", "value": "number", "n_raters": "number", "reason": "text",
    },
    frozenset({"value", "therapist", "session_id", "n_raters", "reason"}),
    ("patient", "session", "instrument", "item"),
)  # fmt: skip
_SESSION_KEY = ["study", "patient", "therapist", "session", "session_id", "instrument"]
_RATER_KEY = ["study", "patient", "therapist", "session", "session_id", "phase", "rater", "instrument"]


def pool_ratings(ratings: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Make one value per session and item, by the pooling rule of the study.

    Parameters
    ----------
    ratings : DataFrame
        Contract ``RATINGS``, with patient and session. Only the main phase is pooled, only
        items whose value is a number.
    study : Study
        Declares per instrument ``pooling``: "mean" (of the raters that could rate the item) or
        "primary" (the rating of the primary rater of the assignment).

    Returns
    -------
    DataFrame
        Contract ``ITEMS``: study, patient, therapist, session, session_id, instrument, item,
        value, n_raters (how many ratings the value rests on), reason (why it is missing).

    Raises
    ------
    DuplicateError
        A rater rated the same item of the same session twice.
    ContractError
        Patient or session is not known.
    """
    check_frame(ratings, RATINGS)
    _known(ratings, "patient", "session", "phase")
    stray = sorted(set(ratings["instrument"]) - set(study.codebooks))
    if stray:
        allowed = ", ".join(study.codebooks)
        raise UsageError(f"ratings: the study does not use the instrument {stray[0]!r}; allowed: {allowed}.")
    main = ratings[ratings["phase"] == "main"]
    parts = [_pool(main, book, study.use(name).pooling) for name, book in study.codebooks.items()]
    items = pd.concat(parts, ignore_index=True).sort_values(["instrument", "patient", "session", "item"], kind="stable")
    return check_frame(items.reset_index(drop=True), ITEMS)


def _pool(main: pd.DataFrame, book: Instrument, pooling: str) -> pd.DataFrame:
    numeric = [item.name for item in book.columns if item.is_numeric]
    rows = main[(main["instrument"] == book.name) & main["item"].isin(numeric)]
    if pooling == "primary":
        rows = rows[rows["role"] == "primary"]
    keys = [*_SESSION_KEY, "item"]
    pooled = rows.groupby(keys, sort=False, dropna=False)["value"].agg(["mean", "count"]).reset_index()
    pooled = pooled.rename(columns={"mean": "value", "count": "n_raters"})
    missing = rows[rows["value"].isna()]
    codes: dict[tuple[Any, Any], list[str]] = {}
    for session, item, code in zip(missing["session_id"], missing["item"], missing["missing_code"], strict=True):
        codes.setdefault((session, item), []).append(_meaning(code, book))
    empty = pooled["value"].isna()
    pooled["reason"] = [
        "; ".join(dict.fromkeys(codes.get((session, item), []))) if gone else None
        for session, item, gone in zip(pooled["session_id"], pooled["item"], empty, strict=True)
    ]
    pooled["value"] = pooled["value"].astype(float)
    return pooled[list(ITEMS.columns)]


def _known(rows: pd.DataFrame, *columns: str) -> None:
    for column in columns:
        if rows[column].isna().any():
            raise UsageError(f"ratings: {column} is empty. Read the workbooks with their study: study=load_study(…).")


def _meaning(code: object, book: Instrument) -> str:
    text = "" if code is None or code != code else str(code)
    meaning = book.missing_codes.get(text) or NOT_CODABLE.get(text) or "no reason given"
    return f"{text}: {meaning}" if text else meaning


@dataclass(frozen=True)
class _Wide:
    """Items of one instrument side by side; every frame has the same index (one row per session or rating).

    Attributes
    ----------
    values, n_raters : DataFrame (n_rows, n_items)
    why : mapping of (row of the index, item) to str
        Reasons of missing values.
    keys : DataFrame (n_rows, n_keys)
    """

    values: pd.DataFrame
    n_raters: pd.DataFrame
    why: Mapping[tuple[Any, str], str]
    keys: pd.DataFrame


def score(ratings_or_items: pd.DataFrame, instruments: Mapping[str, Instrument] | Iterable[Instrument]) -> pd.DataFrame:
    """Score every scale of every session.

    Parameters
    ----------
    ratings_or_items : DataFrame
        Contract ``ITEMS`` (from :func:`pool_ratings` or ``read_outcomes``), or ``RATINGS`` in
        which no session was rated by two raters.
    instruments : codebooks, or mapping of name to codebook
        With the study's reversal choices applied (``study.codebooks``).

    Returns
    -------
    DataFrame
        Contract ``SCORES``, one row per session and scale: value, n_valid (items present),
        n_items, n_raters (mean over the items present), reason (why the value is missing).

    Raises
    ------
    DuplicateError
        Two values for one item of one session: pool first.

    Notes
    -----
    A reversed item counts minimum + maximum − value. A score needs `minimum_valid` items; a
    prorated sum is the mean of the items present times their number in full. Items of a lagged
    scale that stand in `lagged` are taken from the session whose number is one less.

    Examples
    --------
    >>> from doublecode.schemas.instrument import load_instrument
    >>> book = load_instrument("phq9")
    >>> items = pd.DataFrame({"study": "toy", "patient": "P1", "therapist": "T1", "session": 1, "session_id": "S-1",
    ...     "instrument": "phq9", "item": book.scale("total").items, "value": 1.0, "n_raters": 1.0, "reason": None})
    >>> score(items, [book])[["scale", "value", "n_valid"]].to_dict("records")
    [{'scale': 'total', 'value': 9.0, 'n_valid': 9}]
    """
    items = _as_items(ratings_or_items)
    scores = _score_all(items, _books(instruments), _SESSION_KEY, lambda scale: True)
    return check_frame(scores[list(SCORES.columns)], SCORES)


def score_raters(ratings: pd.DataFrame, instruments: Mapping[str, Instrument] | Iterable[Instrument]) -> pd.DataFrame:
    """Score every rater's tape by itself, for the reliability of scale scores.

    Scales with a lag are left out: they mix two tapes, which two raters may have heard.

    Returns
    -------
    DataFrame
        study, patient, therapist, session, session_id, phase, rater, instrument, scale, value,
        n_valid, n_items, reason; one row per session, rater and scale.
    """
    check_frame(ratings, RATINGS)
    rows = ratings.assign(n_raters=1.0, reason=_codes_as_reasons(ratings))
    scores = _score_all(rows, _books(instruments), _RATER_KEY, lambda scale: not scale.lagged)
    return scores[[*_RATER_KEY, "scale", "value", "n_valid", "n_items", "reason"]]


def _books(instruments: Mapping[str, Instrument] | Iterable[Instrument]) -> list[Instrument]:
    return list(instruments.values() if isinstance(instruments, Mapping) else instruments)


def _codes_as_reasons(ratings: pd.DataFrame) -> pd.Series[Any]:
    return ratings["missing_code"].where(ratings["value"].isna(), None).astype(object)


def _as_items(frame: pd.DataFrame) -> pd.DataFrame:
    if "rater" in frame.columns:
        check_frame(frame, RATINGS)
        _known(frame, "patient", "session")
        frame = frame.assign(n_raters=frame["value"].notna().astype(float), reason=_codes_as_reasons(frame))
    return check_frame(frame, ITEMS, "items (pool double-coded sessions with pool_ratings first)")


def _score_all(
    items: pd.DataFrame, books: list[Instrument], keys: list[str], wanted: Callable[[Scale], bool]
) -> pd.DataFrame:
    parts = []
    for book in books:
        rows = items[items["instrument"] == book.name]
        scales = [scale for scale in book.scales if wanted(scale)]
        if rows.empty or not scales:
            continue
        wide = _widen(rows, book, keys)
        parts += [_score_scale(wide, scale) for scale in scales]
    columns = [*keys, "scale", "value", "n_valid", "n_items", "n_raters", "reason"]
    if not parts:
        return pd.DataFrame({column: pd.Series(dtype=_DTYPES.get(column, "object")) for column in columns})
    order = [key for key in ("instrument", "scale", "patient", "session", "rater") if key in columns]
    return pd.concat(parts, ignore_index=True).sort_values(order, kind="stable").reset_index(drop=True)


_DTYPES = {"session": "int64", "value": "float64", "n_valid": "int64", "n_items": "int64", "n_raters": "float64"}


def _widen(rows: pd.DataFrame, book: Instrument, keys: list[str]) -> _Wide:
    """One row per key; every numeric item of the codebook has its column, reversed where declared."""
    row_of = rows.groupby(keys, sort=False, dropna=False).ngroup().to_numpy()
    rows = rows.assign(_row=row_of)
    names = [item.name for item in book.columns if item.is_numeric]
    values = rows.pivot(index="_row", columns="item", values="value").reindex(columns=names).astype(float)  # noqa: PD010
    n_raters = rows.pivot(index="_row", columns="item", values="n_raters").reindex(columns=names).astype(float)  # noqa: PD010
    values = reverse_items(values, book.columns)
    gone = rows[rows["value"].isna()]
    texts = gone["reason"].astype(object).where(gone["reason"].notna(), "no reason given")
    why = dict(zip(zip(gone["_row"], gone["item"], strict=True), texts, strict=True))
    heads = rows.drop_duplicates("_row").set_index("_row")[keys].sort_index()
    return _Wide(values, n_raters, why, heads)


def reverse_items(wide: pd.DataFrame, items: Iterable[Item]) -> pd.DataFrame:
    """Turn the reversed ones among `items` round: minimum + maximum − value.

    Parameters
    ----------
    wide : DataFrame
        One column per item, as coded; columns that are absent are passed over.
    items : iterable of Item

    Examples
    --------
    >>> from doublecode.schemas.instrument import Item
    >>> cold = Item(name="cold", label="Cold", minimum=0, maximum=4, reversed=True)
    >>> reverse_items(pd.DataFrame({"cold": [0.0, 3.0], "warm": [4.0, 1.0]}), [cold]).to_dict("list")
    {'cold': [4.0, 1.0], 'warm': [4.0, 1.0]}
    """
    turned = {
        item.name: item.minimum + item.maximum - wide[item.name]
        for item in items
        if item.reversed and item.minimum is not None and item.maximum is not None and item.name in wide.columns
    }
    return wide.assign(**turned) if turned else wide


def _score_scale(wide: _Wide, scale: Scale) -> pd.DataFrame:
    source = _source_rows(wide, bool(scale.lagged))
    values = np.full((len(wide.keys), len(scale.items)), np.nan)
    raters = np.full_like(values, np.nan)
    for column, item in enumerate(scale.items):
        rows = source if item in scale.lagged else np.arange(len(wide.keys))
        there = rows >= 0
        values[there, column] = wide.values[item].to_numpy()[rows[there]]
        raters[there, column] = wide.n_raters[item].to_numpy()[rows[there]]
    valid = ~np.isnan(values)
    n_valid = valid.sum(axis=1)
    enough = n_valid >= scale.required
    if scale.lagged:
        enough &= valid[:, [item in scale.lagged for item in scale.items]].any(axis=1)
    total = np.where(valid, values, 0.0).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / n_valid
        weight = np.where(valid, raters, 0.0).sum(axis=1) / n_valid
    if scale.score == "sum":
        mean = mean * len(scale.items) if scale.prorate else total
    reasons = [None if ok else _why(wide, scale, row, source) for row, ok in enumerate(enough)]
    return wide.keys.assign(
        scale=scale.name,
        value=np.where(enough, mean, np.nan),
        n_valid=n_valid,
        n_items=len(scale.items),
        n_raters=weight,
        reason=pd.Series(reasons, index=wide.keys.index, dtype=object),
    )


def _source_rows(wide: _Wide, lagged: bool) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Per row the row of the same patient's session one number before; −1 where it was not rated."""
    if not lagged:
        return np.arange(len(wide.keys))
    pairs = list(zip(wide.keys["patient"], wide.keys["session"], strict=True))
    place = {pair: row for row, pair in enumerate(pairs)}
    return np.array([place.get((patient, session - 1), -1) for patient, session in pairs], dtype=np.int64)


def _why(wide: _Wide, scale: Scale, row: int, source: np.ndarray[Any, np.dtype[np.int64]]) -> str:
    """Why the score of a row is missing, in the words of the missing codes."""
    before = int(wide.keys["session"].iloc[row]) - 1 if scale.lagged else 0
    if scale.lagged and source[row] < 0:
        if before == 0:
            return "session 1: there is no session before, so the score does not exist"
        return f"session {before} was not rated, and its items belong to this score"
    reasons: dict[str, list[str]] = {}
    for item in scale.items:
        at = int(source[row]) if item in scale.lagged else row
        if np.isnan(wide.values[item].to_numpy()[at]):
            text = wide.why.get((at, item), "no rating")
            where = f"{item} of session {before}" if item in scale.lagged else item
            reasons.setdefault(text, []).append(where)
    return items_missing(scale, reasons)


def items_missing(scale: Scale, reasons: Mapping[str, Sequence[str]]) -> str:
    """Say that a score lacks items: per reason the items that are missing for it, under whatever names.

    Examples
    --------
    >>> from doublecode.schemas.instrument import load_instrument
    >>> items_missing(load_instrument("phq9").scale("total"), {"IN: not heard": ["Sleep", "Appetite"]})
    'needs 9 of 9 items; missing: Sleep, Appetite (IN: not heard)'
    """
    parts = [f"{', '.join(items)} ({text})" for text, items in reasons.items()]
    return f"needs {scale.required} of {len(scale.items)} items; missing: {'; '.join(parts)}"


def flagged_answers(items: pd.DataFrame, instruments: Mapping[str, Instrument] | Iterable[Instrument]) -> pd.DataFrame:
    """List the answers that ask for attention: at or above `flag_from` (PHQ-9, item 9).

    Returns
    -------
    DataFrame
        The rows of `items` concerned, in their order.
    """
    limits = {
        (book.name, item.name): item.flag_from
        for book in _books(instruments)
        for item in book.columns
        if item.flag_from is not None
    }
    at = [limits.get(key, np.inf) for key in zip(items["instrument"], items["item"], strict=True)]
    return items[items["value"].to_numpy(dtype=float) >= np.array(at)]


def band_of(scale: Scale, value: float) -> str:
    """Name the band of a score; empty where the scale declares none or the value is missing.

    A score between two bands (a pooled or prorated one) belongs to the band whose lower end it has passed.

    Examples
    --------
    >>> from doublecode.schemas.instrument import load_instrument
    >>> band_of(load_instrument("phq9").scale("total"), 12.0)
    'moderate'
    """
    reached = [band for band in scale.bands if band.low <= value]
    return max(reached, key=lambda band: band.low).label if reached else ""
