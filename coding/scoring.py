"""From ratings to scale scores: pooling, reversal, the missing rule, the lag rule.

The only place of all four. A plain long frame is enough: one row per session, rater and item,
with a value. What the frame does not say (a phase, a therapist, a patient) is not made up.
Lags follow the session's number, never the row. Every score that is missing says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from doublecode.coding.long_ratings import Instruments, as_long, books_of, check_range, refuse_twice
from doublecode.coding.pooling import numeric_items, pool_items, session_columns
from doublecode.schemas.errors import ContractError, UsageError
from doublecode.schemas.frames import RATINGS, Contract, check_frame, of_occasion
from doublecode.schemas.instrument import Instrument
from doublecode.schemas.item import Item
from doublecode.schemas.scale import Scale
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
_DTYPES = {"session": "int64", "value": "float64", "n_valid": "int64", "n_items": "int64", "n_raters": "float64"}


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
    ratings = of_occasion(ratings, first=True)
    _known(ratings, "patient", "session", "phase")
    stray = sorted(set(ratings["instrument"]) - set(study.codebooks))
    if stray:
        allowed = ", ".join(study.codebooks)
        raise UsageError(f"ratings: the study does not use the instrument {stray[0]!r}; allowed: {allowed}.")
    main = ratings[ratings["phase"] == "main"].drop(columns="phase")
    parts = [pool_items(main, book, study.use(name).pooling) for name, book in study.codebooks.items()]
    items = pd.concat(parts, ignore_index=True).sort_values(["instrument", "patient", "session", "item"], kind="stable")
    return check_frame(items.reset_index(drop=True), ITEMS)


def _known(rows: pd.DataFrame, *columns: str) -> None:
    for column in columns:
        if rows[column].isna().any():
            raise UsageError(f"ratings: {column} is empty. Read the workbooks with their study: study=load_study(…).")


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


def score(ratings: pd.DataFrame, instruments: Instruments, *, pooling: str = "mean") -> pd.DataFrame:
    """Score every scale of every session.

    Parameters
    ----------
    ratings : DataFrame
        A long frame: ``item``, ``value`` (a number, empty where missing) and the session: ``session``
        alone, or ``patient`` and ``session`` (its number in the treatment), or ``session_id``.
        ``rater`` where sessions were coded by several; ``instrument`` where there are several
        codebooks. ``study, therapist, phase`` are kept where they stand, ``missing_code`` and
        ``reason`` explain what is missing; of a column ``occasion`` the ratings of 1 are scored; other columns are
        not read.
    instruments : Instrument, str, or several of them
        Codebooks, or names of shipped ones. Of a study: ``study.codebooks``, with its reversal choices.
    pooling : {"mean", "primary"} or str
        How a session that several raters coded becomes one, item by item: the mean of the raters
        that could rate the item, the rating of the primary rater (column ``role``), or that of the
        rater with this id.

    Returns
    -------
    DataFrame
        One row per session and scale: the columns of the session that the input has, instrument,
        scale, value, n_valid (items present), n_items, n_raters (mean over the items present; only
        where the input tells), reason (why the value is missing). From contract ``ITEMS`` or
        ``RATINGS`` comes contract ``SCORES``.

    Raises
    ------
    ContractError
        A column is missing, or holds the wrong kind.
    DuplicateError
        A rater rated an item of a session twice, or no rater is named and two values stand there.
    UsageError
        An item is not in the codebook, a value is outside its range, or `pooling` is unknown.

    Notes
    -----
    A reversed item counts minimum + maximum − value. A score needs `minimum_valid` items; a
    prorated sum is the mean of the items present times their number in full. Items of a lagged
    scale that stand in `lagged` are taken from the session whose number is one less; beside
    `minimum_valid` in all, each of the two sessions must give at least one.

    Examples
    --------
    >>> from doublecode.schemas import load_instrument
    >>> names = load_instrument("phq9").scale("total").items
    >>> ratings = pd.DataFrame({"session": "S-1", "item": names, "value": 1})
    >>> score(ratings, "phq9").drop(columns="reason").to_dict("records")
    [{'session': 'S-1', 'instrument': 'phq9', 'scale': 'total', 'value': 9.0, 'n_valid': 9, 'n_items': 9}]
    """
    books = books_of(instruments)
    rows = of_occasion(as_long(ratings, books), first=True)
    for book in books:
        check_range(rows, book)
    counted = "rater" in rows.columns or "n_raters" in rows.columns
    items = _pool_all(rows, books, pooling) if "rater" in rows.columns else _unpooled(rows)
    refuse_twice(items, ())
    scores = _score_all(items, books, [*session_columns(items), "instrument"], lambda scale: True)
    return scores if counted else scores.drop(columns="n_raters")


def score_raters(ratings: pd.DataFrame, instruments: Instruments) -> pd.DataFrame:
    """Score every rater's tape by itself, for the reliability of scale scores.

    Scales with a lag are left out: they mix two tapes, which two raters may have heard.

    Parameters
    ----------
    ratings : DataFrame
        As :func:`score` takes it, with ``rater``.
    instruments : Instrument, str, or several of them

    Returns
    -------
    DataFrame
        The columns of the session that the input has, rater, instrument, scale, value, n_valid,
        n_items, reason; one row per session, rater and scale.
    """
    books = books_of(instruments)
    rows = as_long(ratings, books)
    if "rater" not in rows.columns:
        raise ContractError(f"ratings: column 'rater' is missing; found {', '.join(map(str, rows.columns))}. Add it.")
    refuse_twice(rows, ("rater",))
    keys = [*session_columns(rows), "rater", "instrument"]
    scores = _score_all(_unpooled(rows.assign(n_raters=1.0)), books, keys, lambda scale: not scale.lagged)
    return scores.drop(columns="n_raters")


def scored_items(items: pd.DataFrame, book: Instrument, scale: Scale) -> pd.DataFrame:
    """Put the items of a scale side by side as they are scored: reversed, lagged by session number.

    Parameters
    ----------
    items : DataFrame
        Raters pooled: ``patient, session, instrument, item, value``.

    Returns
    -------
    DataFrame
        ``patient``, ``session`` and one column per item of the scale; sessions in which none of
        them was rated are left out, and with a lag those without the session before.
    """
    names = list(scale.items)
    rows = items[(items["instrument"] == book.name) & items["item"].isin(names)].sort_values(["patient", "session"])
    rows = rows.assign(_row=rows.groupby(["patient", "session"], sort=False).ngroup())
    values = reverse_items(_side_by_side(rows, names, "value"), book.columns)
    keys = rows.drop_duplicates("_row").set_index("_row")[["patient", "session"]]
    if scale.lagged:
        lagged = list(scale.lagged)
        values[lagged] = values[lagged].reindex(_session_before(keys)).set_axis(values.index)
        values = values[values[lagged].notna().any(axis=1)]
    values = values[values.notna().any(axis=1)]
    return keys.join(values, how="inner").reset_index(drop=True)


def _pool_all(rows: pd.DataFrame, books: Sequence[Instrument], pooling: str) -> pd.DataFrame:
    raters = sorted({str(rater) for rater in rows["rater"].unique()})
    if pooling not in ("mean", "primary", *raters):
        raise UsageError(f"pooling: found {pooling!r}, allowed mean, primary, or a rater: {', '.join(raters)}.")
    refuse_twice(rows, ("rater",))
    return pd.concat([pool_items(rows, book, pooling) for book in books], ignore_index=True)


def _unpooled(rows: pd.DataFrame) -> pd.DataFrame:
    """One value per session and item already: its reason, and how many raters it rests on if that is known."""
    reasons = rows.get("reason", rows.get("missing_code"))
    known = pd.Series(None, index=rows.index, dtype=object) if reasons is None else reasons.astype(object)
    return rows.assign(n_raters=rows.get("n_raters", np.nan), reason=known.where(rows["value"].isna(), None))


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
    order = [key for key in ("instrument", "scale", "patient", "session", "session_id", "rater") if key in columns]
    return pd.concat(parts, ignore_index=True).sort_values(order, kind="stable").reset_index(drop=True)


def _widen(rows: pd.DataFrame, book: Instrument, keys: list[str]) -> _Wide:
    """One row per key; every numeric item of the codebook has its column, reversed where declared."""
    rows = rows.assign(_row=rows.groupby(keys, sort=False, dropna=False).ngroup().to_numpy())
    names = numeric_items(book)
    gone = rows[rows["value"].isna()]
    texts = gone["reason"].astype(object).where(gone["reason"].notna(), "no reason given")
    why = dict(zip(zip(gone["_row"], gone["item"], strict=True), texts, strict=True))
    heads = rows.drop_duplicates("_row").set_index("_row")[keys].sort_index()
    values = reverse_items(_side_by_side(rows, names, "value"), book.columns)
    return _Wide(values, _side_by_side(rows, names, "n_raters"), why, heads)


def _side_by_side(rows: pd.DataFrame, names: list[str], what: str) -> pd.DataFrame:
    return rows.pivot(index="_row", columns="item", values=what).reindex(columns=names).astype(float)  # noqa: PD010


def reverse_items(wide: pd.DataFrame, items: Iterable[Item]) -> pd.DataFrame:
    """Turn the reversed ones among `items` round: minimum + maximum − value.

    Parameters
    ----------
    wide : DataFrame
        One column per item, as coded; columns that are absent are passed over.
    items : iterable of Item

    Examples
    --------
    >>> from doublecode.schemas.item import Item
    >>> cold = Item(name="cold", label="Cold", minimum=0, maximum=4, reversed=True)
    >>> reverse_items(pd.DataFrame({"cold": [0.0, 3.0], "warm": [4.0, 1.0]}), [cold]).to_dict("list")
    {'cold': [4.0, 1.0], 'warm': [4.0, 1.0]}
    """
    turned = {
        item.name: item.low + item.high - wide[item.name]
        for item in items
        if item.reversed and item.name in wide.columns
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
    for half in scale.halves if scale.lagged else ():  # each of the two sessions gives at least one item
        enough &= valid[:, [item in half for item in scale.items]].any(axis=1)
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
    """Per row the row that lagged items come from; −1 where there is none."""
    return _session_before(wide.keys) if lagged else np.arange(len(wide.keys))


def _session_before(keys: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Per row the row of the same patient's session one number before; −1 where it was not rated."""
    if "patient" not in keys.columns:
        return np.full(len(keys), -1)
    pairs = list(zip(keys["patient"], keys["session"], strict=True))
    place = {pair: row for row, pair in enumerate(pairs)}
    return np.array([place.get((patient, session - 1), -1) for patient, session in pairs], dtype=np.int64)


def _why(wide: _Wide, scale: Scale, row: int, source: np.ndarray[Any, np.dtype[np.int64]]) -> str:
    """Why the score of a row is missing, in the words of the missing codes."""
    if scale.lagged and "patient" not in wide.keys.columns:
        return "its items belong to two sessions of a patient, and the ratings name no patient"
    before = int(wide.keys["session"].iloc[row]) - 1 if scale.lagged else 0
    if scale.lagged and source[row] < 0:
        if before < 1:
            return f"session {before + 1}: there is no session before, so the score does not exist"
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
    present = len(scale.items) - sum(map(len, reasons.values()))
    halves = ", some of each session" if scale.lagged and present >= scale.required else ""
    return f"needs {scale.required} of {len(scale.items)} items{halves}; missing: {'; '.join(parts)}"


def flagged_answers(items: pd.DataFrame, instruments: Instruments) -> pd.DataFrame:
    """List the answers that ask for attention: at or above `flag_from` (PHQ-9, item 9).

    Returns
    -------
    DataFrame
        The rows of `items` concerned, in their order.
    """
    limits = {
        (book.name, item.name): item.flag_from
        for book in books_of(instruments)
        for item in book.columns
        if item.flag_from is not None
    }
    at = [limits.get(key, np.inf) for key in zip(items["instrument"], items["item"], strict=True)]
    return items[items["value"].to_numpy(dtype=float) >= np.array(at)]


def band_of(scale: Scale, value: float) -> str:
    """Name the band of a score; empty where the scale declares none or the value is missing.

    A score between two bands (a pooled or prorated one) belongs to the band whose lower end it has passed; one below
    or above all of them to none.

    Examples
    --------
    >>> from doublecode.schemas.instrument import load_instrument
    >>> band_of(load_instrument("phq9").scale("total"), 12.0)
    'moderate'
    """
    reached = [band for band in scale.bands if band.low <= value]
    if not reached or value > max(band.high for band in scale.bands):
        return ""
    return max(reached, key=lambda band: band.low).label
