"""Seeded random streams and blind session ids, shared by both generators.

Every named part of a study draws from a stream of its own, so that a change in
one part leaves the draws of the others alone.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from doublecode.coding.new_study.blind_ids import draw_ids


def stream(seed: int, name: str) -> np.random.Generator:
    """Return the random stream `name` of `seed`.

    Examples
    --------
    >>> bool(stream(1, "raters").normal() == stream(1, "raters").normal())
    True
    """
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def blind_ids(seed: int, count: int) -> list[str]:
    """Draw `count` different session ids such as ``S-7KQ2``; nothing can be read from them.

    Examples
    --------
    >>> len(set(blind_ids(20210501, 213)))
    213
    """
    return draw_ids(stream(seed, "blind ids"), count)


def shuffled_per_block(rng: np.random.Generator, values: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Give `count` values: the list `values` again and again, in a new order each time.

    Every block of ``len(values)`` holds each value as often as the list does.
    """
    blocks = -(-count // len(values))
    return np.concatenate([rng.permutation(values) for _ in range(blocks)])[:count]
