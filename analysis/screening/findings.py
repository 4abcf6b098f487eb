"""What a screen says of one rater, pair, column or sheet, and the one level that all screens of a study share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np


class Screen(StrEnum):
    """What is looked for.

    Attributes
    ----------
    IDENTICAL_ROWS
        Two raters of one session with the same codes in every cell, in many sessions.
    STRAIGHT_LINE
        A rater with the same codes row after row, or the same code down a column.
    REPEATED_ROWS
        A rater whose rows come again, in any order.
    COLUMN_SHIFTED
        A column that belongs to the rows above or below.
    REVERSED_RATER
        Codes counted from the other end.
    UNUSED_CODE
        A code that others give often, and a rater never.
    HALO
        Rows with one and the same code in every item.
    FAST_PACE
        Less time between two sessions than hearing them takes.
    """

    IDENTICAL_ROWS = "identical_rows"
    STRAIGHT_LINE = "straight_line"
    REPEATED_ROWS = "repeated_rows"
    COLUMN_SHIFTED = "column_shifted"
    REVERSED_RATER = "reversed_rater"
    UNUSED_CODE = "unused_code"
    HALO = "halo"
    FAST_PACE = "fast_pace"


SHARES: Final = {
    Screen.IDENTICAL_ROWS: 0.05, Screen.STRAIGHT_LINE: 0.25, Screen.COLUMN_SHIFTED: 0.30, Screen.REVERSED_RATER: 0.30,
    Screen.REPEATED_ROWS: 0.04, Screen.UNUSED_CODE: 0.03, Screen.HALO: 0.03,
}  # fmt: skip
"""What part of the level of a study each screen may use; one that finds nothing to test leaves its part to others."""
OF_PARTS: Final = 0.2
"""What of this the tests of items, scales and codes have; those of whole rows have the rest."""
CODED: Final = (Screen.IDENTICAL_ROWS, Screen.STRAIGHT_LINE, Screen.COLUMN_SHIFTED, Screen.REVERSED_RATER)
"""Screens whose alarms have a code in the catalogue of problems; the others are notes."""


@dataclass(frozen=True)
class Finding:
    """One test.

    Parameters
    ----------
    screen : Screen
    instrument, rater : str
    other : str
        The second rater; of a screen of two.
    part : str
        Item, scale or code; empty where the whole instrument is meant.
    place : str
        File › sheet and rows, where they are known.
    n : int
        Rows or sessions that could show it.
    n_found : int
        Those that do; of correlations -1.
    expected : float
        How many honest coding gives; of correlations the one at the right place.
    statistic : float
        What was tested: a count, a weighted count, a correlation.
    p_value : float
        Chance of it under honest coding, before the number of tests is counted.
    sessions : tuple of str
        Sessions to look at.
    """

    screen: Screen
    instrument: str
    rater: str
    other: str = ""
    part: str = ""
    place: str = ""
    n: int = 0
    n_found: int = -1
    expected: float = float("nan")
    statistic: float = float("nan")
    p_value: float = 1.0
    sessions: tuple[str, ...] = ()


def adjusted(findings: Sequence[Finding]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """P × tests / share of the level: at most `level` where there is an alarm (weighted Bonferroni).

    Within a screen, tests of whole rows have .8 and those of items, scales and codes .2 of its share. A screen of
    impossible pace is a count and no test; it takes no share.

    Examples
    --------
    >>> tests = [Finding(Screen.HALO, "ghes", "R1", p_value=p) for p in (0.001, 0.5)]
    >>> adjusted(tests).tolist()
    [0.002, 1.0]
    """
    kinds = [(one.screen, bool(one.part)) for one in findings]
    counts = Counter(kinds)
    tested = Counter(screen for screen, _ in counts)
    whole = sum(share for screen, share in SHARES.items() if tested[screen])
    weights = {
        kind: SHARES[kind[0]] / whole * (1.0 if tested[kind[0]] == 1 else OF_PARTS if kind[1] else 1.0 - OF_PARTS)
        for kind in counts
        if kind[0] in SHARES
    }
    factors = np.array([counts[kind] / weights[kind] if kind in weights else 1.0 for kind in kinds])
    return np.asarray(np.minimum(1.0, np.array([one.p_value for one in findings]) * factors))
