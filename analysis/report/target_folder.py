"""Folders that a command makes whole: what may be replaced, and what it holds of a document."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from doublecode.analysis.rendering.tables import write_csv
from doublecode.schemas.errors import UsageError
from doublecode.schemas.whole_files import check_no_file, recover_folder

if TYPE_CHECKING:
    from doublecode.analysis.rendering.document import Document

PARTS: Final = {"tables": ".csv", "figures": ".svg"}
"""Folders of tables and figures, and how their files end."""


def checked_target(folder: Path, name: str, what: str, is_own: Callable[[str], bool], *, overwrite: bool) -> Path:
    """Refuse, before any work, to write over an earlier result or over what is none; return the folder to be made.

    Parameters
    ----------
    folder : Path
        Where it is made, a study folder as a rule.
    name : str
        What it is called there.
    what : str
        What writes it, in words.
    is_own : callable
        Whether a path within `folder` is one that it writes.
    overwrite : bool
        Whether an earlier result may be replaced.

    Raises
    ------
    UsageError
        Nothing can be written, another's file would be lost, or it is there already and `overwrite` is False.
    """
    target = folder / name
    if folder.is_dir() and not os.access(folder, os.W_OK):
        raise UsageError(f"{folder} can be read, and not written. Put the {what} elsewhere: --out FOLDER")
    recover_folder(target)
    check_no_file(target)
    if not target.exists():
        return target
    inside = (path.relative_to(folder).as_posix() for path in sorted(target.rglob("*")) if not path.is_dir())
    stray = [path for path in inside if not is_own(path)]
    if stray:
        raise UsageError(f"{folder / stray[0]} is a file which no {what} writes. Move it away; it would be lost.")
    if not overwrite:
        raise UsageError(f"{target} is there already. Add --overwrite to replace it.")
    return target


def is_part(rest: str) -> bool:
    """Whether a path within such a folder is one of its tables or figures.

    Examples
    --------
    >>> is_part("tables/sample.csv"), is_part("tables/deep/sample.csv"), is_part("mine.txt")
    (True, False, False)
    """
    part, _, name = rest.partition("/")
    return bool(name) and "/" not in name and name.endswith(PARTS.get(part, "/"))


def write_parts(document: Document, fresh: Path) -> None:
    """Write the tables of a document as CSV and its figures as SVG."""
    for part in PARTS:
        (fresh / part).mkdir()
    for table in document.tables():
        write_csv(table.csv_frame, fresh / "tables" / f"{table.name}.csv")
    for shown in document.pictures():
        (fresh / "figures" / f"{shown.name}.svg").write_text(shown.svg, encoding="utf-8", newline="\n")
