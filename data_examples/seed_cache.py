"""Studies of many seeds, kept in a file while they are made: drawing thousands takes an hour."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Kept = TypeVar("Kept")


def extend(path: Path, count: int, one_block: Callable[[int], Kept]) -> list[Kept]:
    """What `one_block` gives of blocks 1 to `count`; what is in the file at `path` is taken from there.

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
        for block in range(len(kept) + 1, count + 1):
            kept.append(one_block(block))
            pickle.dump(kept[-1], stream)
            stream.flush()
    return kept[:count]


def kept_in(folder: Path, name: str) -> Path:
    """A file of the folder in which long runs are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name
