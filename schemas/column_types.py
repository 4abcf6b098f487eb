r"""What a column of a table holds: numbers, words or dates. The one rule, for every table and every door.

The role decides. Outcomes, slopes and ratings are numbers; what groups rows is text, letter by letter, so that ``03``
and ``3`` stay what the file says; a term of a formula is a number where every filled cell is one, a factor where none
is, and a mixture is refused at its first odd cell. What is missing is an empty cell and ``NA``, in every role.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from numbers import Real
from typing import TYPE_CHECKING, Any

from doublecode.schemas.errors import ContractError
from doublecode.schemas.letters import clean

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

MISSING = frozenset({"", "NA"})
"""Texts that are no value, whatever the column: an empty cell, and what R writes for a missing one."""

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_WITH_MARK = re.compile(r"[+-]?\d*[.,]\d+(?:[eE][+-]?\d+)?", re.ASCII)
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+", re.ASCII)
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}", re.ASCII)
_DRESSED = re.compile(
    r"[<>≤≥~≈$€£]?\s?[+−–-]?(?:\d{1,3}(?:[.,' ]\d{3})+|\d+)(?:[.,]\d+)?(?:\s?[%‰€$£]|\s[A-Za-zµ°]{1,5}\.?)?", re.ASCII
)
_MANY_LEVELS = 6
_OTHER_WRITING = str.maketrans({"−": "-", "–": "-", ",": ".", " ": "", "'": "", "’": ""})
_LIKE_AN_ID = re.compile(r"0\d+|\d+[eE]\d+", re.ASCII)
_DATE = re.compile(
    r"\d{4}-\d{1,2}-\d{1,2}(?:[T ]\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?)?|\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d\d)"
    r"|\d{4}/\d{1,2}/\d{1,2}|\d{1,2}:\d\d(?::\d\d)?",
    re.ASCII,
)


class Role(StrEnum):
    """What a column is used as."""

    NUMBER = "number"
    """Outcome, slope, rating: every filled cell is a number."""
    TERM = "term"
    """Bare in a formula: numbers throughout, or a factor where there is none."""
    FACTOR = "factor"
    """Made categories by ``C(x)``: numbers throughout, so that 10 follows 9, or names as they stand."""
    LABEL = "label"
    """Codes or ids of unknown kind: numbers where most are, but ``001`` keeps its zeros."""
    TEXT = "text"
    """What groups rows: text, letter by letter."""


class Oddity(StrEnum):
    """Why a cell cannot stand in its column."""

    WORD = "no number"
    DATE = "a date or time"
    SEPARATOR = "a separator before three digits, for thousands or for decimals"
    WRITING = "a number with another decimal mark or minus sign than its column, or with marks of thousands"
    DRESSED = "numbers throughout, each with a sign, a unit or thousands"


@dataclass(frozen=True)
class ColumnValues:
    """The cells of a column as values.

    Attributes
    ----------
    numbers : bool
        Whether the column is one of numbers.
    values : list of float or None
        For each cell its number, NaN where it is empty, None where it is none.
    odd : (int, Oddity) or None
        Place and kind of the first cell that cannot stand there.
    """

    numbers: bool
    values: list[float | None]
    odd: tuple[int, Oddity] | None = None


def number_in_cell(cell: Any, decimal: str = ".") -> float | None:
    """The number in a cell; NaN if it is empty or ``NA``, None if it holds something else.

    With the mark ``""`` nothing tells what parts decimals: ``1.000`` is then no number.

    Examples
    --------
    >>> number_in_cell("2.8e-17"), number_in_cell("03"), number_in_cell("1,5", ","), number_in_cell("n/a")
    (2.8e-17, 3.0, 1.5, None)
    """
    if isinstance(cell, bool):
        return None
    if isinstance(cell, Real):
        return float(cell)
    if cell is None:
        return math.nan
    if not isinstance(cell, str):
        return None
    text = clean(cell)
    if text in MISSING:
        return math.nan
    if decimal == "" and _GROUPED.fullmatch(text):
        return None
    if decimal == ",":
        text = "" if "." in text else text.replace(",", ".")
    return float(text) if _NUMBER.fullmatch(text) else None


def decimal_mark(cells: Iterable[Any], others: str = "") -> str:
    """The decimal mark of a column's texts; where each may as well part thousands, that of the other columns.

    Parameters
    ----------
    cells : iterable
    others : {"", ".", ","}
        The mark of the rest of the table, ``""`` where nothing tells it.

    Returns
    -------
    {".", ",", ""}
        ``""`` if nothing tells whether ``1.000`` beside ``950`` is one or a thousand; such a cell is then no number.

    Examples
    --------
    >>> decimal_mark(["1,5", "2", "0,25"]), decimal_mark(["1,000", "950"]), decimal_mark(["1.5"])
    (',', '', '.')
    >>> decimal_mark(["1.000", "6"]), decimal_mark(["1.000", "0.5"]), decimal_mark(["1.000", "2.125"])
    ('', '.', '.')
    """
    listed = list(cells)
    marked = _marked(listed)
    known = _known_marks(marked)
    if len(known) == 1:
        return known.pop()
    if known:
        return "," if 2 * sum("," in text for text in marked) > len(marked) else "."
    if others or not marked:
        return others or "."
    return "" if any("," in text for text in marked) or any(map(_is_whole, listed)) else "."


def table_mark(columns: Iterable[Sequence[Any]]) -> str:
    """The decimal mark of a table: the comma where columns have it beyond doubt and none has a point so.

    Examples
    --------
    >>> table_mark([["1,5", "2"], ["1,250"]]), table_mark([["1,5"], ["2.5"]]), table_mark([["1.000", "80"], ["3,7"]])
    (',', '.', ',')
    """
    listed = [list(cells) for cells in columns]
    if any("." in _known_marks(_marked(cells)) for cells in listed):
        return "."
    marks = {decimal_mark(cells) for cells in listed}
    return "," if "," in marks else "" if "" in marks else "."


def _marked(cells: Iterable[Any]) -> list[str]:
    return [text for cell in cells if isinstance(cell, str) and _WITH_MARK.fullmatch(text := cell.strip())]


def _known_marks(marked: Iterable[str]) -> set[str]:
    """The marks that part decimals beyond doubt: of a text that cannot be a number with thousands."""
    return {"," if "," in text else "." for text in marked if not _GROUPED.fullmatch(text)}


def _is_whole(cell: Any) -> bool:
    if isinstance(cell, str):
        return cell.strip().lstrip("+-").isdigit()
    return isinstance(cell, Real) and not isinstance(cell, bool) and cell == cell


def said_grouped(cell: str) -> str:
    """What is wrong with ``1.000``, and what to write.

    Examples
    --------
    >>> said_grouped("1.250")
    "found '1.250', allowed a number beyond doubt; this may be 1250 or 1.25. Write 1250, or other decimals (1.25)."
    """
    text = clean(cell)
    whole, decimal = text.replace(",", "").replace(".", ""), f"{float(text.replace(',', '.')):g}"
    said = f"found {text!r}, allowed a number beyond doubt; this may be {whole} or {decimal}."
    return f"{said} Write {whole}, or other decimals ({decimal})."


def is_grouped(cell: Any) -> bool:
    """Whether one separator stands before exactly three digits, so that it may part thousands or decimals.

    Examples
    --------
    >>> [is_grouped(cell) for cell in ("1.000", "12,345", "0.125", "1.5", 1.0)]
    [True, True, False, False, False]
    """
    return isinstance(cell, str) and _GROUPED.fullmatch(clean(cell)) is not None


def decimals_on_trust(columns: Sequence[Sequence[Any]]) -> list[int | None]:
    """For each column its first cell where every number has three decimals, and no column tells that they are some.

    Examples
    --------
    >>> decimals_on_trust([["", "1.234", "2.345"], ["a", "b"]]), decimals_on_trust([["1.234"], ["2.5"]])
    ([1, None], [None, None])
    """
    if any("." in _known_marks(_marked(cells)) for cells in columns):
        return [None] * len(columns)
    return [_only_grouped(cells) for cells in columns]


def _only_grouped(cells: Sequence[Any]) -> int | None:
    filled = [place for place, cell in enumerate(cells) if not (isinstance(cell, str) and is_missing(cell.strip()))]
    filled = [place for place in filled if cells[place] is not None]
    return filled[0] if filled and all(is_grouped(cells[place]) for place in filled) else None


def is_date(cell: Any) -> bool:
    """Whether a cell holds a date or a time of day.

    Examples
    --------
    >>> is_date("2021-04-03"), is_date("03.04.2021"), is_date("12:30"), is_date("3.5")
    (True, True, True, False)
    """
    if isinstance(cell, str):
        return _DATE.fullmatch(clean(cell)) is not None
    return hasattr(cell, "isoformat")


def read_values(cells: Sequence[Any], role: Role, decimal: str) -> ColumnValues:
    """Read the cells of a column as what its role asks.

    Parameters
    ----------
    cells : sequence
        Numbers, texts, dates, truth values; empty as None, ``""`` or ``NA``.
    role : Role
    decimal : {".", ",", ""}
        See :func:`decimal_mark`.

    Examples
    --------
    >>> read_values(["1", "n/a"], Role.TERM, ".").odd
    (1, <Oddity.WORD: 'no number'>)
    >>> read_values(["a", "b"], Role.TERM, ".").numbers
    False
    """
    values = [number_in_cell(cell, decimal) for cell in cells]
    words = [place for place, value in enumerate(values) if value is None]
    n_numbers = sum(value is not None and value == value for value in values)
    if not _is_number(cells, role, n_numbers, len(words)):
        bare = role is Role.TERM and bool(words)
        if bare and all(is_date(cells[place]) for place in words):
            return ColumnValues(False, values, (words[0], Oddity.DATE))
        if bare and _are_dressed([cells[place] for place in words]):
            return ColumnValues(True, values, (words[0], Oddity.DRESSED))
        return ColumnValues(False, values)
    if words:
        first = words[0]
        text = cells[first].strip() if isinstance(cells[first], str) else ""
        return ColumnValues(True, values, (first, _oddity(cells[first], text)))
    grouped = None if role is Role.LABEL else _thousands_in(cells)
    return ColumnValues(True, values, None if grouped is None else (grouped, Oddity.SEPARATOR))


def _oddity(cell: Any, text: str) -> Oddity:
    """What is odd about a cell among numbers."""
    if is_date(cell):
        return Oddity.DATE
    if _GROUPED.fullmatch(text):
        return Oddity.SEPARATOR
    return Oddity.WRITING if _NUMBER.fullmatch(clean(text).translate(_OTHER_WRITING)) else Oddity.WORD


def _are_dressed(cells: Sequence[Any]) -> bool:
    """Whether cells hold numbers with signs, units or thousands, too many different ones for a factor."""
    texts = {clean(cell) if isinstance(cell, str) else "" for cell in cells}
    return len(texts) > _MANY_LEVELS and all(map(_DRESSED.fullmatch, texts))


def _is_number(cells: Sequence[Any], role: Role, n_numbers: int, n_words: int) -> bool:
    if role in (Role.NUMBER, Role.TEXT):
        return role is Role.NUMBER
    if role is Role.TERM:
        return n_numbers > 0 or n_words == 0
    texts = [cell.strip() for cell in cells if isinstance(cell, str)]
    if any(_LIKE_AN_ID.fullmatch(text) for text in texts) and not any(_WITH_MARK.fullmatch(text) for text in texts):
        return False
    return n_words == 0 if role is Role.FACTOR else n_numbers > n_words


def _thousands_in(cells: Sequence[Any]) -> int | None:
    """Where ``1.000`` stands beside ``950``: a writer of decimals would have written 1 or 950.000."""
    texts = [(place, text) for place, cell in enumerate(cells) if isinstance(cell, str) and (text := cell.strip())]
    marked = [(place, text) for place, text in texts if "." in text or "," in text]
    if not marked or not all(_GROUPED.fullmatch(text) for _, text in marked):
        return None
    round_ones = [place for place, text in marked if text.endswith("0")]
    whole = any(text.lstrip("+-").isdigit() and len(text) >= 3 for _, text in texts)
    return round_ones[0] if round_ones and whole else None


LINE = "line"
"""Name of the index of a frame that was read from a file: the line of each row, which a filter does not change."""


def row_word(index: pd.Index[Any]) -> str:
    """What a row is called by its label: the line of its file, or a row of a frame that comes from none."""
    return LINE if index.name == LINE else "row"


def typed_texts(texts: pd.Series[Any], where: str) -> pd.Series[Any]:
    """A column of texts as numbers or as a factor, by the rule for a term of a formula; dates stay texts.

    Parameters
    ----------
    texts : Series
        Empty cells missing.
    where : str
        What the column is called in messages.

    Raises
    ------
    ContractError
        Numbers and words stand in one column; the message names the line.
    """
    filled = texts.notna().tolist()
    cells = [cell if there else None for cell, there in zip(texts.tolist(), filled, strict=True)]
    read = read_values(cells, Role.TERM, decimal_mark(cells))
    if read.odd is not None and read.numbers:
        place, kind = read.odd
        cell = texts.iloc[place]
        said = (
            said_grouped(cell)
            if kind is Oddity.SEPARATOR
            else f"found {cell!r} among numbers. "
            "Write numbers in every cell, or words in every cell; leave a cell empty where it is unknown."
        )
        raise ContractError(f"{where}, {row_word(texts.index)} {texts.index[place]}: {said}")
    if read.numbers:
        return texts.__class__(read.values, index=texts.index, name=texts.name, dtype="float64")
    return texts.mask(texts.isin(MISSING))


def missing_in(column: pd.Series[Any]) -> npt.NDArray[np.bool_]:
    """Where a column of a frame has no value: None, NaN, NaT, NA, and the texts that are no value in a file.

    Examples
    --------
    >>> import pandas as pd
    >>> missing_in(pd.Series(["a", "NA", None, " "])).tolist()
    [False, True, True, True]
    """
    import numpy as np
    import pandas as pd

    if getattr(column.dtype, "kind", "O") in "iufbcmM":
        return column.isna().to_numpy(dtype=bool)
    coded = isinstance(column.dtype, pd.CategoricalDtype)
    codes, labels = pd.factorize(column if coded else column.to_numpy(dtype=object))  # hashed once
    names = labels.tolist()
    odd = missing_labels(names)
    return np.isin(codes, [-1, *(place for place, name in enumerate(names) if name in odd)]) if odd else codes < 0


def missing_labels(labels: Iterable[Any]) -> set[str]:
    """Those of the labels that are texts and no value."""
    held = labels if isinstance(labels, (list, tuple)) else list(labels)
    texts = held if set(map(type, held)) == {str} else [label for label in held if isinstance(label, str)]
    return set(filter(str.isspace, texts)) | MISSING.intersection(texts)


def is_missing(text: str) -> bool:
    """Whether a text is no value: empty, blanks only, or ``NA``."""
    return text in MISSING or text.isspace()
