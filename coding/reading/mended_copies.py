"""Marked copies that come back mended: beside the file they were made of, the copy counts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

PLEASE_FIX: Final = "_please_fix"


def please_fix_path(path: str | Path) -> Path:
    """Where the marked copy of a file goes when nobody says otherwise: beside it.

    Examples
    --------
    >>> please_fix_path("incoming/R3_ghes_batch02.xlsx").name
    'R3_ghes_batch02_please_fix.xlsx'
    """
    source = Path(path)
    return source.with_name(f"{source.stem.removesuffix(PLEASE_FIX)}{PLEASE_FIX}.xlsx")


def copies_first(paths: Sequence[str | Path]) -> list[int]:
    """The order in which files are read: marked copies before the files they may replace.

    Examples
    --------
    >>> copies_first(["a.xlsx", "a_please_fix.xlsx", "b.xlsx"])
    [1, 0, 2]
    """
    return sorted(range(len(paths)), key=lambda place: not Path(paths[place]).stem.endswith(PLEASE_FIX))
