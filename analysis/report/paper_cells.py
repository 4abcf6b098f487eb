"""What the tables of a paper share: rows by key, columns side by side, letters of notes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any, Final

from doublecode.analysis.rendering.printed_parts import EMPTY, Cell, Head
from doublecode.analysis.rendering.tables import Kind
from doublecode.schemas.results import is_missing

if TYPE_CHECKING:
    import pandas as pd

MISSING: Final = Cell(float("nan"))
Record = Mapping[str, Any]

HEADS: Final[Mapping[str, str]] = {
    "icc": "ICC", "interval": "95% CI", "single": "ICC, one rater", "n": "*n*", "mean": "*M*", "sd": "*SD*",
    "range": "Range", "item_total": "*r* item–total", "b": "*b*", "se": "*SE*", "beta": "β", "t": "*t*", "p": "*p*",
    "df": "*df*", "sessions": "Sessions", "double_coded": "Double-coded", "k": "*k*", "omega": "ω", "alpha": "α",
    "skew": "Skew", "kurtosis": "Kurtosis", "omega_range": "ω per session", "omega_sessions": "Sessions with ω",
    "item_totals": "*r* item–total", "alone": "ICC, coded twice", "dyads_mean": "Pairs: *M*",
    "dyads_median": "Pairs: median", "dyads_range": "Pairs: range",
}  # fmt: skip
"""Printed head of each statistic."""
_COLUMNS: Final[Mapping[str, tuple[str, Kind, int]]] = {
    "icc": ("estimate", "bounded", 2), "single": ("single", "bounded", 2), "n": ("n", "integer", 0),
    "mean": ("mean", "number", 2), "sd": ("sd", "number", 2), "item_total": ("r_drop", "bounded", 2),
    "b": ("estimate", "estimate", 2), "se": ("std_error", "estimate", 2), "beta": ("beta", "number", 2),
    "t": ("statistic", "number", 2), "p": ("p_value", "p", 3), "df": ("df", "number", 1),
    "sessions": ("n_targets", "integer", 0), "double_coded": ("n_multiply_coded", "integer", 0),
    "k": ("k", "count", 2), "omega": ("omega", "bounded", 2), "alpha": ("alpha", "bounded", 2),
    "skew": ("skew", "number", 2), "kurtosis": ("kurtosis", "number", 2),
    "omega_sessions": ("n_sessions", "integer", 0), "alone": ("alone", "bounded", 2),
    "dyads_mean": ("dyads_mean", "bounded", 2), "dyads_median": ("dyads_median", "bounded", 2),
}  # fmt: skip
"""Column of a result's frame that holds a statistic, and how it is printed."""
_RANGES: Final[Mapping[str, tuple[str, str, Kind]]] = {
    "range": ("min", "max", "count"), "omega_range": ("session_min", "session_max", "bounded"),
    "item_totals": ("r_drop_min", "r_drop_max", "bounded"), "dyads_range": ("dyads_min", "dyads_max", "bounded"),
}  # fmt: skip
"""Columns that hold the lowest and the highest value."""


def heads(statistics: Iterable[str], spanner: str = "") -> tuple[Head, ...]:
    """The heads of statistics below one spanner."""
    return tuple(Head(HEADS[one], spanner) for one in statistics)


def cells(statistics: Iterable[str], record: Record | None, limits: Kind = "estimate") -> tuple[Cell, ...]:
    """The statistics of one row of a result; without a row empty cells.

    Parameters
    ----------
    statistics : iterable of str
    record : mapping or None
    limits : str
        How the limits of an interval are printed.
    """
    return tuple(EMPTY if record is None else _cell(one, record, limits) for one in statistics)


def _cell(statistic: str, record: Record, limits: Kind) -> Cell:
    """One statistic; empty where it is not defined, as the β of an intercept: its column is None, or not there."""
    if statistic == "interval":
        ends = [number(record[end]) for end in ("conf_low", "conf_high") if end in record]
        return Cell(ends[0], limits, high=ends[1]) if ends else EMPTY
    if statistic in _RANGES:
        low, high, kind = _RANGES[statistic]
        return Cell(number(record[low]), kind, high=number(record[high]), is_range=True) if low in record else EMPTY
    name, kind, digits = _COLUMNS[statistic]
    if record.get(name) is None:
        return EMPTY
    return Cell(number(record.get(name)), kind, digits)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame as mappings."""
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def number(value: Any) -> float:
    """A value of a frame as a number, NaN where there is none."""
    return float("nan") if is_missing(value) else float(value)


def spanned(value: float | str, width: int, kind: Kind = "number", digits: int = 2) -> tuple[Cell, ...]:
    """One cell over `width` columns."""
    return (Cell(value, kind, digits, span=width), *[EMPTY] * (width - 1))


def in_order(names: Iterable[Sequence[str]]) -> list[str]:
    """Names of several lists, each once, in an order that keeps to that of each list where it can.

    Examples
    --------
    >>> in_order([["a", "b", "d"], ["a", "c", "d"]])
    ['a', 'b', 'c', 'd']
    """
    found: list[str] = []
    for own in names:
        for place, name in enumerate(own):
            if name not in found:
                later = [found.index(one) for one in own[place + 1 :] if one in found]
                found.insert(min(later, default=len(found)), name)
    return found


class Letters:
    """Specific notes: the same text gets the same letter."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    def of(self, text: str) -> str:
        """The letter of a note."""
        if text not in self._texts:
            self._texts.append(text)
        return ascii_lowercase[self._texts.index(text) % 26]

    @property
    def notes(self) -> tuple[tuple[str, str], ...]:
        """Letters with their texts."""
        return tuple((ascii_lowercase[at % 26], text) for at, text in enumerate(self._texts))
