"""The columns of each frame, and the one check that holds a frame to them.

Pydantic stands at the door of declarations; frames carry columns. A contract
names the columns of a frame, their kind, which may be empty, and the key that
must be unique.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from doublecode.schemas.column_types import row_word
from doublecode.schemas.errors import ContractError, DuplicateError, UsageError
from doublecode.schemas.near_names import nearest
from doublecode.schemas.odd_columns import ordinary, refuse_odd_columns

if TYPE_CHECKING:
    import pandas as pd
    from narwhals import Float64, Series
    from narwhals.typing import IntoDataFrame

Kind = Literal["text", "integer", "number"]


@dataclass(frozen=True)
class Contract:
    """The columns of one kind of frame.

    Parameters
    ----------
    name : str
        What the frame is called in messages.
    columns : mapping of str to {"text", "integer", "number"}
        Required columns and their kinds.
    may_be_empty : frozenset of str
        Columns that may hold missing values.
    key : tuple of str
        Columns that together identify a row.
    alone : tuple of str
        Columns each of which identifies a row by itself.
    words : mapping of str to tuple of str
        Columns that hold one of a few words.
    least : mapping of str to int
        Columns of numbers, and where these begin.
    usual : mapping of str to str or None
        Columns that a table may leave out, and what then stands in every row.
    optional : mapping of str to {"text", "integer", "number"}
        Columns that a frame may lack; a number is 1 then.
    """

    name: str
    columns: Mapping[str, Kind]
    may_be_empty: frozenset[str] = field(default_factory=frozenset)
    key: tuple[str, ...] = ()
    alone: tuple[str, ...] = ()
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    least: Mapping[str, int] = field(default_factory=dict)
    usual: Mapping[str, str | None] = field(default_factory=dict)
    optional: Mapping[str, Kind] = field(default_factory=dict)


OCCASION = "occasion"
"""Which time a rater rates a session: 1 where the column is not there; scores stand on occasion 1."""
MOST_SESSIONS: Final = 1_000_000
"""No session or occasion has a higher number; what is higher was typed by mistake."""
RATINGS = Contract(
    "ratings",
    {
        "study": "text", "patient": "text", "therapist": "text", "session": "integer", "session_id": "text",
        "rater": "text", "role": "text", "instrument": "text", "item": "text", "value": "number", "text": "text",
        "missing_code": "text", "phase": "text",
        "source_file": "text", "source_sheet": "text", "source_cell": "text",
    },
    frozenset({"value", "text", "missing_code", "therapist", "patient", "session", "role", "phase"}),
    ("session_id", "rater", "instrument", "item", OCCASION),
    least={OCCASION: 1},
    optional={OCCASION: "integer"},
)  # fmt: skip
SCORES = Contract(
    "scores",
    {
        "study": "text", "patient": "text", "therapist": "text", "session": "integer", "session_id": "text",
        "instrument": "text", "scale": "text", "value": "number", "n_valid": "integer", "n_items": "integer",
        "n_raters": "number", "reason": "text",
    },
    frozenset({"value", "reason", "therapist", "session_id", "n_raters"}),
    ("patient", "session", "instrument", "scale"),
)  # fmt: skip
SESSIONS = Contract(
    "sessions",
    {
        "session_id": "text", "patient": "text", "therapist": "text", "session": "integer", "date": "text",
        "minutes": "number", "phase": "text", "status": "text", "reason": "text", "recording": "text",
    },
    frozenset({"therapist", "date", "minutes", "reason", "recording"}),
    ("patient", "session"),
    ("session_id",),
    {"phase": ("main", "pilot"), "status": ("held", "not_rated")},
    {"session": 1, "minutes": 0},
    {
        "therapist": None, "date": None, "minutes": None, "phase": "main", "status": "held", "reason": None,
        "recording": None,
    },
)  # fmt: skip
_FORMER_WORDS: Mapping[str, str] = {"rated": "held"}
_WHO_SAYS_RATED = " Which sessions are rated is known from the ratings."
IN_NO_NUMBER = ("excluded", "consent_withdrawn")
"""Statuses of the patients who are left out of every number; the flow and the row ledger show them."""
WITHDRAWN = "consent_withdrawn"
"""Of these, those whose ids and reasons no report prints: they are counted."""
PATIENTS = Contract(
    "patients",
    {"patient": "text", "status": "text", "reason": "text"},
    frozenset({"reason"}),
    ("patient",),
    words={"status": ("completed", "dropped_out", "not_included", *IN_NO_NUMBER)},
    usual={"reason": None},
)
THERAPISTS = Contract("therapists", {"therapist": "text"}, frozenset(), ("therapist",))
ASSIGNMENTS = Contract(
    "assignments",
    {"session_id": "text", "rater": "text", "instrument": "text", "role": "text", "batch": "text"},
    frozenset(),
    ("session_id", "rater", "instrument", OCCASION),
    least={OCCASION: 1},
    optional={OCCASION: "integer"},
    words={"role": ("primary", "second", "pilot")},
)
GIVEN = Contract(
    "given", {"session_id": "text", "item": "text", "text": "text"}, frozenset({"text"}), ("session_id", "item")
)
ROW_LEDGER = Contract(
    "row ledger",
    {
        "session_id": "text",
        "patient": "text",
        "session": "integer",
        "stage": "text",
        "status": "text",
        "reason": "text",
    },
    frozenset({"reason", "session_id", "session"}),  # a row about a patient has no session
    ("stage", "patient", "session_id"),
)


def as_pandas(data: pd.DataFrame | IntoDataFrame) -> pd.DataFrame:
    """Take a frame as pandas, whichever library it is from: the one place where other frames enter.

    Parameters
    ----------
    data : DataFrame
        pandas' frames are handed on untouched, but for columns of nullable types, which become ordinary ones; those
        of polars, pyarrow and others that narwhals knows are converted.

    Raises
    ------
    UsageError
        `data` is no frame.
    ContractError
        A name stands over several columns, or a column holds lists.

    Examples
    --------
    >>> as_pandas([[9, 2], [6, 1]])
    Traceback (most recent call last):
        ...
    doublecode.schemas.errors.UsageError: data: found a list, allowed a frame of pandas, polars or pyarrow; ...
    """
    import pandas as pd

    if isinstance(data, pd.DataFrame):
        kinds = list(data.dtypes)
        refuse_odd_columns(data, kinds=kinds)
        return _without_nullable(data, kinds)
    import narwhals as nw

    try:
        frame = nw.from_native(data)
    except TypeError:
        kind = type(data).__name__
        raise UsageError(
            f"data: found a {kind}, allowed a frame of pandas, polars or pyarrow; pandas.DataFrame(…) makes one."
        ) from None
    eager = frame.collect() if isinstance(frame, nw.LazyFrame) else frame
    return pd.DataFrame({name: _plain_values(eager[name], nw.Float64) for name in eager.columns})


def _without_nullable(data: pd.DataFrame, kinds: Sequence[Any]) -> pd.DataFrame:
    """Columns of pandas' nullable and Arrow types as ordinary numbers and texts, NA as NaN or None."""
    import pandas as pd

    if not any(getattr(kind, "na_value", None) is pd.NA for kind in kinds):
        return data
    columns = [ordinary(data.iloc[:, place]) for place in range(data.shape[1])]
    return pd.concat(columns, axis=1).set_axis(data.columns, axis=1)


def _plain_values(column: Series[Any], floats: type[Float64]) -> Any:
    """A column as numpy or as a list: narwhals' own way to pandas needs pyarrow for frames of polars."""
    if not column.dtype.is_numeric():
        return column.to_list()
    values = column.to_numpy()
    return values if values.dtype.kind in "iuf" else column.cast(floats).to_numpy()  # decimals are no numbers to numpy


def check_frame(frame: pd.DataFrame, contract: Contract, where: str = "") -> pd.DataFrame:
    """Hold a frame to its contract and return it unchanged.

    A message calls a row by the line of its file, where :func:`read_table` has read the frame, else by its label.

    Parameters
    ----------
    frame : DataFrame
    contract : Contract
    where : str
        What the frame is called in a message; the contract's name by default.

    Raises
    ------
    ContractError
        A column is missing, holds the wrong kind, or is empty where it must not be.
    DuplicateError
        Two rows carry the same key.

    Examples
    --------
    >>> import pandas as pd
    >>> check_frame(pd.DataFrame({"therapist": ["T1", "T1"]}), THERAPISTS)
    Traceback (most recent call last):
    ...
    doublecode.schemas.errors.DuplicateError: therapists: therapist = T1 stands in rows 0 and 1; keep one row.
    """
    name = where or contract.name
    check_columns(frame, contract, name)
    places = _Places(row_word(frame.index), list(frame.index))
    there = {column: kind for column, kind in contract.optional.items() if column in frame.columns}
    for column, kind in {**contract.columns, **there}.items():
        _check_column(frame[column], kind, column in contract.may_be_empty, f"{name}: column {column!r}", places)
    for column, words in contract.words.items():
        _check_words(frame[column], words, f"{name}: column {column!r}", places)
    for column, least in contract.least.items():
        if column in frame.columns:
            _check_least(frame[column], least, f"{name}: column {column!r}", places, _NUMBERED.get(column, ""))
    own = tuple(column for column in contract.key if column in frame.columns)
    for key in (own, *((column,) for column in contract.alone)):
        _check_key(frame, key, name, places)
    return frame


def complete(frame: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """The frame with the columns that it may leave out, each with its usual value in every row.

    Examples
    --------
    >>> import pandas as pd
    >>> complete(pd.DataFrame({"patient": ["P1"]}), SESSIONS)["status"].tolist()
    ['held']
    """
    import pandas as pd

    absent = {name: value for name, value in contract.usual.items() if name not in frame.columns}
    kinds = {name: "float64" if contract.columns[name] == "number" else "str" for name in absent}
    made = {name: pd.Series([value] * len(frame), frame.index, kinds[name]) for name, value in absent.items()}
    return frame.assign(**made) if made else frame


def check_columns(
    frame: pd.DataFrame, contract: Contract, name: str, may_lack: Iterable[str] = (), way_out: str = ""
) -> None:
    """Name every column that is missing, all at once, with the words that it holds, and those that were found."""
    refuse_odd_columns(frame, name)
    missing = [column for column in contract.columns if column not in {*frame.columns, *may_lack}]
    if missing:
        found = ", ".join(map(str, frame.columns))
        words = "".join(f" {one}: {', '.join(contract.words[one])}." for one in missing if one in contract.words)
        add = f"Add {'it' if len(missing) == 1 else 'them'}"
        raise ContractError(f"{name}: {said_missing(missing)}; found: {found}. {add}{way_out}.{words}")


def said_missing(columns: Sequence[str]) -> str:
    """Say that columns are missing, all of them at once.

    Examples
    --------
    >>> said_missing(["he"]), said_missing(["he", "tbh"])
    ("the column 'he' is missing", "the columns 'he', 'tbh' are missing")
    """
    listed = ", ".join(map(repr, columns))
    return f"the column {listed} is missing" if len(columns) == 1 else f"the columns {listed} are missing"


@dataclass(frozen=True)
class _Places:
    """What a row is called: the line of its file, or its label in a frame that comes from none."""

    word: str
    labels: Sequence[object]


def _check_column(values: pd.Series[Any], kind: Kind, may_be_empty: bool, name: str, places: _Places) -> None:
    import pandas as pd

    if values.isna().any() and not may_be_empty:
        row = int(values.isna().to_numpy().argmax())
        raise ContractError(f"{name} is empty in {places.word} {places.labels[row]}. Fill it.")
    if kind == "text":
        return
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        raise ContractError(f"{name} must hold numbers, found {values.dtype}. Convert it before the call.")
    odd = values.notna() & ((values != values.round()) | values.abs().eq(float("inf")))
    if kind == "integer" and odd.any():
        row = int(odd.to_numpy().argmax())
        where = f"{places.word} {places.labels[row]}"
        raise ContractError(f"{name}, {where}: found {values.iloc[row]}, allowed a whole number. Correct it.")
    huge = values.abs() > MOST_SESSIONS
    if kind == "integer" and huge.any():
        row = int(huge.to_numpy().argmax())
        where = f"{places.word} {places.labels[row]}"
        most = f"{MOST_SESSIONS:,}"
        raise ContractError(f"{name}, {where}: found {values.iloc[row]:g}, allowed whole numbers up to {most}.")


def _check_words(values: pd.Series[Any], words: tuple[str, ...], name: str, places: _Places) -> None:
    wrong = (~values.isin(words)).to_numpy()
    if wrong.any():
        row = int(wrong.argmax())
        allowed, found = " or ".join(words), str(values.iloc[row])
        meant = _FORMER_WORDS.get(found) or nearest(found, words)
        asked = "" if meant is None else f" Did you mean {meant!r}?"
        asked += _WHO_SAYS_RATED if found in _FORMER_WORDS else ""
        where = f"{places.word} {places.labels[row]}"
        raise ContractError(f"{name}, {where}: found {values.iloc[row]!r}, allowed {allowed}. Correct it.{asked}")


_NUMBERED = {
    "session": " Number the sessions of a treatment from 1; what was measured before it is a column of "
    "patients.csv, or an event of an outcome.",
    OCCASION: " The first rating of a session by a rater is occasion 1, a recode is 2.",
}


def _check_least(values: pd.Series[Any], least: int, name: str, places: _Places, advice: str) -> None:
    wrong = (values < least).fillna(False).to_numpy(dtype=bool)
    kind = "whole numbers" if advice else "numbers"
    if wrong.any():
        row = int(wrong.argmax())
        raise ContractError(
            f"{name}, {places.word} {places.labels[row]}: found {values.iloc[row]:g}, allowed {kind} from "
            f"{least}.{advice}"
        )


def _check_key(frame: pd.DataFrame, key: tuple[str, ...], name: str, places: _Places) -> None:
    if not key:
        return
    again = frame.duplicated(list(key)).to_numpy()
    if again.any():
        second = int(again.argmax())
        same = (frame[list(key)] == frame[list(key)].iloc[second]).all(axis=1).to_numpy()
        what = ", ".join(f"{column} = {frame[column].iloc[second]}" for column in key)
        first = places.labels[int(same.argmax())]
        raise DuplicateError(
            f"{name}: {what} stands in {places.word}s {first} and {places.labels[second]}; keep one row."
        )


def of_occasion(rows: pd.DataFrame, *, first: bool) -> pd.DataFrame:
    """The ratings of occasion 1, without the column, or the recodes, those of later occasions.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"value": [1, 2], "occasion": [1, 2]})
    >>> of_occasion(rows, first=True)["value"].tolist(), of_occasion(rows, first=False)["value"].tolist()
    ([1], [2])
    """
    if OCCASION not in rows.columns:
        return rows if first else rows.iloc[:0].assign(**{OCCASION: 1})
    at_first = rows[OCCASION] == 1
    return rows[at_first].drop(columns=OCCASION) if first else rows[~at_first]
