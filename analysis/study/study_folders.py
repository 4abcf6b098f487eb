"""Where the studies of several sites lie, and whether one of them is as it was."""

from __future__ import annotations

import hashlib
import os
import stat
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from doublecode.schemas.errors import UsageError
from doublecode.schemas.study_tables import SUFFIXES

DECLARATION: Final = "study.toml"
MADE: Final = ("report", "sensitivity", "therapists", "please_fix", "__pycache__")
"""Folders of a study that doublecode writes: its numbers do not stand on them."""
MOST_BYTES: Final = 2**24
"""Files beyond this size that are no tables, such as recordings, count by size and date and not by what is in them."""
READ_WHOLE: Final = (*SUFFIXES, ".sqlite")


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
        if not _is_folder(root):
            raise UsageError(f"{place} is no folder. Name a study folder, or one whose folders are studies.")
        here = [root] if _is_study(root) else list(_below(root, leave))
        if not here:
            raise UsageError(
                f"{root}: there is no study.toml in it or in its folders. Name a study folder, or one whose folders "
                "are studies; of a single file of ratings: doublecode icc FILE."
            )
        for folder in here:
            name = folder.relative_to(root).as_posix() if folder != root else _real(root).name
            found |= {} if _is_among(folder, found) else {_free(name, folder, found): folder}
        without += [f"{one.name}" for one in _beside(root, here, leave)]
    return StudyFolders(found, tuple(without))


def _is_study(folder: Path) -> bool:
    """Whether there is a study.toml; so is a folder that cannot be looked into, as reading it says why."""
    try:
        os.listdir(folder)
        return stat.S_ISREG((folder / DECLARATION).stat().st_mode)
    except FileNotFoundError:
        return False
    except OSError:
        return True


def _is_folder(path: Path) -> bool:
    """Whether it is one, or is behind what cannot be looked into."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _below(root: Path, leave: Path | None) -> Iterator[Path]:
    """Studies in a folder, links last: a study is called by where it lies; no folder is looked into twice."""
    seen, waiting = {_real(root)}, [root]
    links: list[Path] = []
    while waiting or links:
        folder = waiting.pop() if waiting else links.pop(0)
        if folder != root:
            known = _real(folder) in seen
            seen.add(_real(folder))
            if _is_study(folder):
                yield folder
                continue
            if known:
                continue
        inner = _inner(folder, leave)
        waiting += [one for one in reversed(inner) if not one.is_symlink()]
        links += [one for one in inner if one.is_symlink()]


def _inner(folder: Path, leave: Path | None) -> list[Path]:
    """Folders in a folder, in the order of their names."""
    inside = sorted(one for one in folder.iterdir() if not one.name.startswith(".") and _is_folder(one))
    return [one for one in inside if leave is None or _real(one) != _real(leave)]


def _beside(root: Path, here: Sequence[Path], leave: Path | None) -> Iterator[Path]:
    """Folders right below that hold no study at any depth."""
    studies = [*here, *map(_real, here)]
    for one in _inner(root, leave) if here != [root] else ():
        if not any(where == study or where in study.parents for where in (one, _real(one)) for study in studies):
            yield one


def _is_among(folder: Path, found: dict[str, Path]) -> bool:
    return any(_real(folder) == _real(one) for one in found.values())


def _free(name: str, folder: Path, found: dict[str, Path]) -> str:
    """A name that no other study has: the path where two folders of one name lie in several places."""
    return name if name not in found else folder.as_posix()


def state_of(folder: Path, leave: Path | None = None) -> str:
    """A text that is another one as soon as anything is that the numbers of a study folder stand on.

    Where that cannot be looked at, as a ledger in a database elsewhere, the text never comes again.

    Parameters
    ----------
    folder : path
    leave : path, optional
        A folder in it that does not count.
    """
    try:
        said = _declared(folder)
        parts = [_part_of(path, folder) for path in _files(folder, _named_in(said), leave)]
    except (OSError, ValueError):
        said, parts = {"ledger": True}, []
    parts += [str(time.time_ns())] if said.get("ledger") else []
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _declared(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / DECLARATION).read_text(encoding="utf-8-sig"))


def _named_in(said: Any) -> set[str]:
    """Folders and files that a declaration names: tables may lie in folders that otherwise do not count."""
    if isinstance(said, str):
        return {*said.replace("\\", "/").split("/")}
    inner = said.values() if isinstance(said, dict) else said if isinstance(said, list) else ()
    return {name for one in inner for name in _named_in(one)}


def _files(folder: Path, named: set[str], leave: Path | None) -> Iterator[Path]:
    """Files and links to folders; what a link leads to counts where it was not looked at yet."""
    seen = {_real(leave)} if leave is not None else set()
    for place, inner, files in os.walk(folder, onerror=_passed_on, followlinks=True):
        seen.add(_real(Path(place)))
        inner.sort()
        yield from (one for name in inner if (one := Path(place) / name).is_symlink())
        passed = [one for one in inner if (one in MADE or one.startswith(".")) and one not in named]
        inner[:] = [one for one in inner if one not in passed and _real(Path(place) / one) not in seen]
        yield from (path for name in sorted(files) if (path := Path(place) / name).is_file())


def _passed_on(wrong: OSError) -> None:
    raise wrong


def _part_of(path: Path, folder: Path) -> str:
    name = path.relative_to(folder).as_posix()
    if path.is_dir():
        return f"{name} {_real(path)}"
    about = path.stat()
    if about.st_size > MOST_BYTES and path.suffix.lower() not in READ_WHOLE:
        return f"{name} {about.st_size} {about.st_mtime_ns}"
    with path.open("rb") as file:
        return f"{name} {hashlib.file_digest(file, 'sha256').hexdigest()}"
