"""Studies of many seeds, kept in a file while they are made: drawing thousands takes an hour."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Kept = TypeVar("Kept")


def extend(path: Path, n_seeds: int, one_seed: Callable[[int], Kept]) -> list[Kept]:
    """What `one_seed` gives of seeds 1 to `n_seeds`; what is in the file at `path` is taken from there.

    The file is our own and short-lived: delete it when the generator changes.
    """
    kept: list[Kept] = []
    if path.exists():
        with path.open("rb") as stream:
            while True:
                try:
                    kept.append(pickle.load(stream))
                except EOFError:
                    break
    with path.open("ab") as stream:
        for seed in range(len(kept) + 1, n_seeds + 1):
            kept.append(one_seed(seed))
            pickle.dump(kept[-1], stream)
            stream.flush()
    return kept[:n_seeds]
