"""Where the studies of several sites lie, and whether one of them is as it was."""

from __future__ import annotations

import hashlib
import os
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from doublecode.schemas.errors import UsageError

DECLARATION: Final = "study.toml"
MADE: Final = ("report", "sensitivity", "therapists", "please_fix", "__pycache__")
"""Folders of a study that doublecode writes: its numbers do not stand on them."""
MOST_BYTES: Final = 2**24
"""Files beyond this size, such as recordings, count by size and date and not by what is in them."""


@dataclass(frozen=True)
class StudyFolders:
    """Study folders, and what was no study.

    Attributes
    ----------
    folders : dict
        What a study is called → where it lies. It is called by its path below the folder that was named.
    without : tuple of str
        Folders beside them that hold no study.toml.
    """

    folders: dict[str, Path]
    without: tuple[str, ...] = ()


def is_one_study(places: Sequence[Path]) -> bool:
    """Whether one study is named: its folder, or its study.toml."""
    return len(places) == 1 and (places[0].name == DECLARATION or (places[0] / DECLARATION).is_file())


def study_folders(places: Sequence[str | Path], leave: Path | None = None) -> StudyFolders:
    """Find the studies in some folders: each is one, or holds some at any depth.

    Parameters
    ----------
    places : sequence of path
        A study that several of them, or links, lead to is there once.
    leave : path, optional
        A folder that is not looked into.

    Raises
    ------
    UsageError
        A folder is not there, or holds no study.
    """
    found: dict[str, Path] = {}
    without: list[str] = []
    for place in map(Path, places):
        root = place.parent if place.name == DECLARATION else place
        if not root.is_dir():
            raise UsageError(f"{place} is no folder. Name a study folder, or one whose folders are studies.")
        here = [root] if (root / DECLARATION).is_file() else list(_below(root, leave, {root.resolve()}))
        if not here:
            raise UsageError(
                f"{root}: there is no study.toml in it or in its folders. Name a study folder, or one whose folders "
                "are studies; of a single file of ratings: doublecode icc FILE."
            )
        for folder in here:
            name = folder.relative_to(root).as_posix() if folder != root else root.resolve().name
            found |= {} if _is_among(folder, found) else {_free(name, folder, found): folder}
        without += [f"{one.name}" for one in _beside(root, here, leave)]
    return StudyFolders(found, tuple(without))


def _below(folder: Path, leave: Path | None, seen: set[Path]) -> Iterator[Path]:
    """Studies in a folder; a folder that links lead to again is looked into once."""
    for one in _inner(folder, leave):
        where = one.resolve()
        if where in seen:
            continue
        seen.add(where)
        if (one / DECLARATION).is_file():
            yield one
        else:
            yield from _below(one, leave, seen)


def _inner(folder: Path, leave: Path | None) -> list[Path]:
    """Folders in a folder, in the order of their names, links last: a study is called by where it lies."""
    inside = (one for one in folder.iterdir() if one.is_dir() and not one.name.startswith("."))
    in_order = sorted(inside, key=lambda one: (one.is_symlink(), one))
    return [one for one in in_order if leave is None or one.resolve() != leave.resolve()]


def _beside(root: Path, here: Sequence[Path], leave: Path | None) -> Iterator[Path]:
    """Folders right below that hold no study at any depth."""
    studies = [study.resolve() for study in here]
    for one in _inner(root, leave) if here != [root] else ():
        where = one.resolve()
        if not any(study == where or where in study.parents for study in studies):
            yield one


def _is_among(folder: Path, found: dict[str, Path]) -> bool:
    return any(folder.resolve() == one.resolve() for one in found.values())


def _free(name: str, folder: Path, found: dict[str, Path]) -> str:
    """A name that no other study has: the path where two folders of one name lie in several places."""
    return name if name not in found else folder.as_posix()


def state_of(folder: Path) -> str:
    """A text that is another one as soon as anything in a study folder is.

    A ledger in a database elsewhere cannot be looked at: then the text never comes again.

    Parameters
    ----------
    folder : path
    """
    said = hashlib.sha256()
    for path in _files(folder):
        about = path.stat()
        whole = path.read_bytes() if about.st_size <= MOST_BYTES else f"{about.st_mtime_ns}".encode()
        said.update(f"{path.relative_to(folder).as_posix()} {about.st_size} ".encode() + hashlib.sha256(whole).digest())
    if _has_ledger_elsewhere(folder):
        said.update(str(time.time_ns()).encode())
    return said.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for place, inner, files in os.walk(folder):
        inner[:] = sorted(one for one in inner if one not in MADE and not one.startswith("."))
        yield from (path for name in sorted(files) if (path := Path(place) / name).is_file())


def _has_ledger_elsewhere(folder: Path) -> bool:
    try:
        return bool(tomllib.loads((folder / DECLARATION).read_text(encoding="utf-8")).get("ledger"))
    except (OSError, ValueError):
        return False
