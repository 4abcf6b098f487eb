"""Which ratings stand behind a column of the analysis frame, and with which weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from doublecode.analysis.mixed.model_rows import refuse_infinite, require_columns
from doublecode.schemas.errors import ContractError, UsageError

if TYPE_CHECKING:
    Coded = Mapping[str, str | Sequence["CodedPart"]]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
CALLER = "correct_for_raters"
SAME = 1e-6
"""How far a score may lie from the mean of its ratings, in scale points."""


@dataclass(frozen=True)
class CodedPart:
    """One share of a coded score.

    Parameters
    ----------
    instrument : str
        Whose ratings.
    lag : int
        Of which session: 0 this one, 1 the one numbered one less.
    weight : float
        Share of the score; a mean of two halves has twice 0.5.
    """

    instrument: str
    lag: int = 0
    weight: float = 1.0


@dataclass(frozen=True, eq=False)
class Ratings:
    """Ratings as arrays, one element per rating that holds a number, m in all.

    Attributes
    ----------
    patient, session : ndarray
        (m,) labels.
    place, rater, instrument : ndarray
        (m,) codes of patient × session, rater and instrument.
    value, weight : ndarray
        (m,) scale points; 1/k, k the ratings of the session with this instrument.
    places : dict
        (patient, session) → code.
    raters, instruments : tuple
        Names behind the codes.
    """

    patient: npt.NDArray[Any]
    session: npt.NDArray[Any]
    place: Ints
    rater: Ints
    instrument: Ints
    value: Floats
    weight: Floats
    places: Mapping[tuple[Any, Any], int]
    raters: tuple[str, ...]
    instruments: tuple[str, ...]

    def some(self, keep: npt.NDArray[np.bool_]) -> Ratings:
        """Some of the ratings, under the same codes."""
        parts = ("patient", "session", "place", "rater", "instrument", "value", "weight")
        return replace(self, **{name: getattr(self, name)[keep] for name in parts})


def read_rated(ratings: pd.DataFrame, names: Mapping[str, str], used: Sequence[str]) -> Ratings:
    """Turn a long frame of ratings into arrays; `names` maps patient, session, rater, instrument, value to columns.

    Raises
    ------
    UsageError
        A column is absent, an instrument is not among the ratings.
    ContractError
        A rater rated one session twice, or a value is no number.
    """
    require_columns(ratings, names.values(), CALLER)
    table = ratings[list(names.values())].set_axis(list(names), axis=1)
    if table["value"].dtype.kind not in "iuf":
        raise ContractError(f"{CALLER}: the column {names['value']!r} must hold numbers, found {table['value'].dtype}.")
    found = sorted(map(str, table["instrument"].dropna().unique()))
    stray = [name for name in used if name not in found]
    if stray:
        raise UsageError(f"{CALLER}: there are no ratings of {stray[0]!r}; found: {', '.join(found)}.")
    table = table[table["value"].notna() & table["instrument"].isin(used)]
    refuse_infinite(table, ("value",), CALLER)
    keys = ["patient", "session", "rater", "instrument"]
    twice = table[table.duplicated(keys)]
    if len(twice):
        one = twice.iloc[0]
        raise ContractError(
            f"{CALLER}: rater {one['rater']} rated {one['instrument']} of {one['patient']} session {one['session']} "
            "twice. Keep one rating; recodes belong to intra_rater."
        )
    return _arrays(table, tuple(used))


def _arrays(table: pd.DataFrame, used: tuple[str, ...]) -> Ratings:
    pairs = list(zip(table["patient"], table["session"], strict=True))
    places = {pair: code for code, pair in enumerate(dict.fromkeys(pairs))}
    rater, raters = pd.factorize(table["rater"].astype(str), sort=True)
    instrument = np.array([used.index(name) for name in table["instrument"]], dtype=np.int64)
    place = np.array([places[pair] for pair in pairs], dtype=np.int64)
    cell = place * len(used) + instrument
    k = np.bincount(cell, minlength=len(places) * len(used))
    return Ratings(
        table["patient"].to_numpy(), table["session"].to_numpy(), place, rater.astype(np.int64), instrument,
        table["value"].to_numpy(dtype=float), 1.0 / k[cell], places, tuple(map(str, raters)), used,
    )  # fmt: skip


def refuse_twice(frame: pd.DataFrame, patient: str, session: str) -> None:
    """Raise ``ContractError`` for a session that stands in two rows: its ratings would count twice."""
    twice = frame[frame.duplicated([patient, session])]
    if len(twice):
        one = twice[[patient, session]].astype(object).iloc[0]
        raise ContractError(f"{CALLER}: {one[patient]} session {one[session]} stands twice in frame; keep one row.")


def parts_of(coded: Coded) -> dict[str, tuple[CodedPart, ...]]:
    """Columns as sums of parts; a bare name is the mean of the session's raters.

    Examples
    --------
    >>> parts_of({"he": "ghes"})
    {'he': (CodedPart(instrument='ghes', lag=0, weight=1.0),)}
    """
    return {name: (CodedPart(said),) if isinstance(said, str) else tuple(said) for name, said in coded.items()}


def weights_of(
    rated: Ratings, parts: Sequence[CodedPart], rows: Sequence[tuple[Any, Any]]
) -> tuple[Floats, list[tuple[Any, Any]]]:
    """Weights (n_rows, m) of the ratings in a column, and the rows that lack the ratings of a part."""
    out = np.zeros((len(rows), len(rated.value)))
    missing: list[tuple[Any, Any]] = []
    for part in parts:
        code = rated.instruments.index(part.instrument)
        of = np.array([rated.places.get((who, _before(when, part.lag)), -1) for who, when in rows])
        held = (of[:, None] == rated.place[None, :]) & (rated.instrument == code)[None, :]
        out += part.weight * held * rated.weight
        missing += [row for row, some in zip(rows, held.any(axis=1), strict=True) if not some]
    return out, missing


def _before(session: Any, lag: int) -> Any:
    """The session so many before, by number."""
    if not lag:
        return session
    if not isinstance(session, Real):
        raise ContractError(f"{CALLER}: a lag goes by the number of the session, and found is session {session!r}.")
    return session - lag


def check_scores(column: str, scores: Floats, weights: Floats, rated: Ratings, missing: Sequence[Any]) -> int:
    """Return how many scores are not the mean of their ratings.

    Raises
    ------
    UsageError
        A score has no ratings, or most scores are not the mean of theirs.
    """
    if missing:
        who, when = missing[0]
        raise UsageError(
            f"{CALLER}: {column} of {who} session {when} has a value and no rating behind it ({len(missing)} such "
            "rows). Give the ratings of every session, or say in coded= of which instrument and lag the column is made."
        )
    means = weights @ rated.value
    off = np.abs(means - scores) > SAME * max(1.0, float(np.abs(scores).max()))
    if off.mean() > 0.5:
        at = int(np.argmax(off))
        raise UsageError(
            f"{CALLER}: {column} is {scores[at]:g} in a row whose ratings have the mean {means[at]:g}, and so in "
            f"{int(off.sum())} of {len(off)} rows. coded= must say of which ratings the column is the mean."
        )
    return int(off.sum())
