"""Ids of sessions from which nothing can be read."""

from __future__ import annotations

from typing import Final

import numpy as np

_LETTERS: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # no 0/O, no 1/I: read aloud without mistakes


def draw_ids(rng: np.random.Generator, count: int) -> list[str]:
    """Draw `count` different session ids such as ``S-7KQ2``.

    Four characters up to a tenth of what they can tell apart, more beyond.

    Examples
    --------
    >>> len(set(draw_ids(np.random.default_rng(1), 213)))
    213
    """
    width = 4
    while len(_LETTERS) ** width < 10 * count:
        width += 1
    drawn = rng.choice(len(_LETTERS) ** width, size=count, replace=False)
    return ["S-" + _spell(int(number), width) for number in drawn]


def _spell(number: int, width: int) -> str:
    letters = []
    for _ in range(width):
        number, rest = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[rest])
    return "".join(letters)
