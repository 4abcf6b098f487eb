"""Strings of equal codes and rows that come again within a rater, against colleagues on the same items."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from doublecode.analysis.screening.code_tables import NO_CODE, CodeTable, Flags, Floats, Ints
from doublecode.analysis.screening.findings import Finding, Screen
from doublecode.analysis.screening.severity_mixture import at_least, string_of

SHORTEST: Final = 5
"""Equal rows below which nothing is called a string."""
SHORTEST_COLUMN: Final = 8
"""Equal codes of an item below which nothing is called a string."""
RARE: Final = 0.05
"""Share of colleagues' rows up to which a pattern of codes is rare, and counted where it comes again."""
FEWEST_ROWS: Final = 8
_PRIOR: Final = 4.0
_SEVERAL: Final = 4


def straight_lines(table: CodeTable) -> Iterator[Finding]:
    """Test strings of equal rows and of equal codes of an item, and rows that come again, of every rater.

    Notes
    -----
    How often a code stands and how often the next one is the same is taken from the colleagues, in the order of their
    own sheets, so that what neighbouring sessions share is in it; where they have a pattern seldom, from patterns that
    are as rare. What honest raters differ by is averaged over
    (:mod:`doublecode.analysis.screening.severity_mixture`).
    """
    for rater in range(len(table.raters)):
        if (table.rater != rater).sum() < FEWEST_ROWS or (table.rater == rater).sum() < FEWEST_ROWS:
            continue
        several = np.isfinite(table.codes).sum(axis=1) > 1
        if len(table.items) > 1 and several.any():
            patterns = _Sequence.of(table, table.codes, several)
            yield patterns.longest(table, rater, "")
            yield patterns.again(table, rater)
        for j, item in enumerate(table.items):
            column = table.codes[:, [j]]
            yield _Sequence.of(table, column, np.isfinite(column[:, 0])).longest(table, rater, item)


@dataclass(frozen=True, eq=False)
class _Sequence:
    """Patterns of rows that have codes, in the order of the sheets.

    Attributes
    ----------
    rows : array (n,)
        Rows of the table.
    pattern, rater : array (n,)
    next_same, has_next : array of bool (n,)
        Whether the next row of the sheet has the same pattern; whether there is one.
    """

    rows: Ints
    pattern: Ints
    rater: Ints
    next_same: Flags
    has_next: Flags

    @classmethod
    def of(cls, table: CodeTable, codes: Floats, kept: Flags) -> _Sequence:
        rows = np.flatnonzero(kept)
        filled = np.where(np.isfinite(codes[rows]), codes[rows], NO_CODE)
        pattern = np.unique(filled, axis=0, return_inverse=True)[1].reshape(-1)
        unit = table.rater[rows] * len(table.sheets) + table.sheet[rows]
        has_next = np.append(unit[1:] == unit[:-1], False)
        return cls(rows, pattern, table.rater[rows], has_next & np.append(pattern[1:] == pattern[:-1], False), has_next)

    def longest(self, table: CodeTable, rater: int, item: str) -> Finding:
        """The least likely string of a rater."""
        own = np.flatnonzero(self.rater == rater)
        found = Finding(Screen.STRAIGHT_LINE, table.instrument, table.raters[rater], part=item, n=len(own), n_found=0)
        if not len(own):
            return found
        ends = np.flatnonzero(~self.next_same[own])
        lengths = np.diff(np.concatenate([[-1], ends]))
        others = self.rater != rater
        best = replace(found, n_found=int(lengths.max()), statistic=float(lengths.max()))
        long = lengths >= (SHORTEST_COLUMN if item else SHORTEST)
        for end, length in zip(ends[long], lengths[long], strict=True):
            chance, usual = self._chance(int(self.pattern[own[end]]), int(length), len(own), others)
            if chance < best.p_value:
                rows = self.rows[own[end - length + 1 : end + 1]]
                best = replace(
                    found, n_found=int(length), statistic=float(length), p_value=chance, expected=usual,
                    place=table.place(rows), sessions=tuple(table.sessions[one] for one in table.session[rows]),
                )  # fmt: skip
        return best

    def _chance(self, pattern: int, length: int, n: int, others: Flags) -> tuple[float, float]:
        """Chance of such a string, and the longest that colleagues have of this pattern."""
        here = others & (self.pattern == pattern)
        n_next, n_same = (here & self.has_next).sum(), (here & self.next_same).sum()
        rare = self._rare(others)
        alike = others & self.has_next & ((rare[pattern] == rare[self.pattern]) | (self.pattern == pattern))
        usual = (self.next_same[alike].sum() + 1.0) / (alike.sum() + 2.0)
        again = (n_same + _PRIOR * usual) / (n_next + _PRIOR)
        share = (here.sum() + 0.5) / (others.sum() + 1.0)
        return string_of(length, n, float(share), float(again)), float(_longest(here & self.next_same))

    def _rare(self, others: Flags) -> Flags:
        """Whether each pattern is rare among colleagues.

        The commonest is not, be it a floor that few of them reach, unless it stands no more than three times.
        """
        n = np.bincount(self.pattern[others], minlength=self.pattern.max() + 1)
        return np.asarray((n <= RARE * max(int(others.sum()), 1)) & (n < max(int(n.max()), _SEVERAL)))

    def again(self, table: CodeTable, rater: int) -> Finding:
        """Rows of a rare pattern that an earlier row of the rater has."""
        others = self.rater != rater
        rare = self._rare(others)[self.pattern]
        own = np.flatnonzero(rare & (self.rater == rater))
        repeats = own[_repeats(self.pattern[own])]
        n = int((self.rater == rater).sum())
        found = Finding(
            Screen.REPEATED_ROWS, table.instrument, table.raters[rater], n=n, n_found=len(repeats),
            statistic=float(len(repeats)),
        )  # fmt: skip
        if not len(repeats):
            return found
        k, m = 0, 0
        for other in np.unique(self.rater[others]):
            theirs = self.pattern[rare & (self.rater == other)][:n]
            k, m = k + int(_repeats(theirs).sum()), m + min(n, int((self.rater == other).sum()))
        usual = (k + 1.0) / (m + 2.0)
        return replace(
            found, expected=usual * n, p_value=at_least(len(repeats), n, usual),
            sessions=tuple(table.sessions[one] for one in table.session[self.rows[repeats]]),
        )  # fmt: skip


def _repeats(pattern: Ints) -> Flags:
    """Whether each pattern stood before."""
    first = np.unique(pattern, return_index=True)[1]
    found = np.ones(len(pattern), dtype=bool)
    found[first] = False
    return found


def _longest(flags: Flags) -> int:
    """Rows of the longest unbroken string, where each flag ties a row to the next."""
    breaks = np.flatnonzero(~np.concatenate([[False], flags, [False]]))
    return int(np.diff(breaks).max()) if flags.any() else 1
