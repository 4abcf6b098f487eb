"""A printed number stands for an interval: all numbers that round to it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

SLACK: Final = 1e-9
"""Ends that differ by less than this, relative to their size, are taken as equal: floating point, not rounding."""


class Span(NamedTuple):
    """An interval of numbers, ends included."""

    low: float
    high: float

    def meets(self, other: Span) -> bool:
        """Whether the two have a number in common."""
        return self.gap(other) <= SLACK * max(1.0, *(abs(end) for end in (*self, *other) if math.isfinite(end)))

    def gap(self, other: Span) -> float:
        """How far apart the two are; 0 where they meet.

        Examples
        --------
        >>> Span(0.0, 1.0).gap(Span(3.0, 4.0))
        2.0
        """
        return max(0.0, other.low - self.high, self.low - other.high)

    def size(self) -> Span:
        """The absolute values of its numbers."""
        ends = sorted((abs(self.low), abs(self.high)))
        return Span(0.0 if self.low <= 0.0 <= self.high else ends[0], ends[1])


@dataclass(frozen=True)
class Printed:
    """A number as it stands in the text.

    Parameters
    ----------
    text : str
        As printed, minus signs as ``-`` and the decimal point as a point.
    start, end : int
        Where it stands, in characters.
    spelled : bool
        Written as a word (*five*).
    glued : bool
        Part of a name (the 9 of PHQ-9).
    """

    text: str
    start: int
    end: int
    spelled: bool = False
    glued: bool = False

    @property
    def value(self) -> float:
        """The number itself."""
        return float(self.text)

    @property
    def decimals(self) -> int:
        """How many decimals are printed."""
        return len(self.text.partition(".")[2])

    @property
    def half_unit(self) -> float:
        """Half a unit of the last digit."""
        return 0.5 * 10.0**-self.decimals

    @property
    def span(self) -> Span:
        """All numbers that round to this one.

        Examples
        --------
        >>> Printed("0.07", 0, 4).span
        Span(low=0.065, high=0.07500000000000001)
        """
        return Span(self.value - self.half_unit, self.value + self.half_unit)

    @property
    def is_whole(self) -> bool:
        """A count: no decimals and no sign."""
        return self.decimals == 0 and self.value >= 0

    @property
    def count(self) -> int:
        """The number as a count."""
        return int(self.value)
