"""Writing that cannot lose: a file or a folder is made beside its place and put there whole, or the old one stays."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from doublecode.schemas.errors import UsageError

_AN_HOUR = 3600
_EXCHANGES: Final = {"linux": ("renameat2", (-100, -100)), "darwin": ("renamex_np", (None, None))}
_IN_ONE_STEP: Final = 2
"""Linux's RENAME_EXCHANGE and macOS's RENAME_SWAP; −100 is a path from where the process stands."""
_written: list[Path] = []


def note_written(path: Path) -> None:
    """Remember that something stands there now, so that whatever ends a command can say so."""
    if path not in _written:
        _written.append(path)


def written() -> tuple[Path, ...]:
    """What was put in its place since :func:`forget_written`, in this order."""
    return tuple(_written)


def forget_written() -> None:
    """Begin a command: nothing was written yet."""
    _written.clear()


def replace_files(contents: Mapping[Path, bytes]) -> None:
    """Write files, all of them or none: each is old or new at any moment, and a failure brings the old ones back.

    Raises
    ------
    UsageError
        One cannot be written; the message names it and says that nothing was changed.
    """
    at: Path | None = None
    parts = {path: path.with_name(f".{path.name}.part") for path in contents}
    backups = {path: path.with_name(f".{path.name}.before") for path in contents if len(contents) > 1}
    done: list[Path] = []
    try:
        for at, data in contents.items():
            at.parent.mkdir(parents=True, exist_ok=True)
            _write(parts[at], data)
            if at in backups and at.is_file():
                shutil.copyfile(at, backups[at])
        for at, part in parts.items():
            os.replace(part, at)
            done.append(at)
    except BaseException as wrong:
        _take_back(done, backups)
        if isinstance(wrong, OSError) and at is not None:
            raise UsageError(
                f"{at}: cannot be written ({_reason(wrong)}). Close it if another program has it open, and look at its "
                "folder and the space on the disk; nothing was changed."
            ) from None
        raise
    finally:
        for spare in (*parts.values(), *backups.values()):
            with contextlib.suppress(OSError):
                spare.unlink(missing_ok=True)
    for path in contents:
        note_written(path)


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _take_back(done: list[Path], backups: Mapping[Path, Path]) -> None:
    for path in done:
        with contextlib.suppress(OSError):
            if backups[path].is_file():
                os.replace(backups[path], path)
            else:
                path.unlink()


def replace_folder(target: Path, fill: Callable[[Path], None]) -> None:
    """Put a new folder in the place of an old one, or make it; at any moment one of the two is whole.

    The new one is filled beside its place and reaches the disk; then the two are exchanged in one step, and only then
    the old one is removed. Where the system knows no such step the old one is renamed aside and the new one renamed
    in. Where a step fails the old one is put back; where the process was killed the next call does so
    (:func:`recover_folder`).

    Parameters
    ----------
    target : path
    fill : callable
        Called with an empty folder, writes into it.

    Raises
    ------
    UsageError
        Something cannot be written or renamed; the message says what became of the old folder. Or there is a file
        of this name, which is left alone.
    """
    target = Path(os.path.realpath(target))
    check_no_file(target)
    fresh, aside = (target.with_name(f".{target.name}-{part}-{os.getpid()}") for part in ("new", "old"))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        recover_folder(target)
        fresh.mkdir()
        fill(fresh)
        _reach_disk(fresh)
        _put_in(fresh, target, aside)
    except OSError as wrong:
        _put_back(target, aside)
        stays = "the earlier one was left as it is" if target.exists() else "it was not made"
        if aside.exists():
            stays = f"the earlier one lies whole in {aside}"
        raise UsageError(
            f"{target}: cannot be written ({_reason(wrong)}); {stays}. Close what another program has open in it, and "
            "look at the folder's rights and the space on the disk."
        ) from None
    finally:
        _put_back(target, aside)
        shutil.rmtree(fresh, ignore_errors=True)
        if target.exists():
            shutil.rmtree(aside, ignore_errors=True)
    note_written(target)


def _put_in(fresh: Path, target: Path, aside: Path) -> None:
    if target.exists():
        if _exchange(fresh, target):
            return
        os.rename(target, aside)
    os.rename(fresh, target)


def _exchange(one: Path, other: Path) -> bool:
    """Let two folders of one disk change places in one step; False, and nothing done, where that cannot be had."""
    import ctypes

    name, froms = _EXCHANGES.get(sys.platform, ("", (None, None)))
    call: Any = getattr(ctypes.CDLL(None), name, None) if name else None
    if call is None:
        return False
    places = (part for pair in zip(froms, map(os.fsencode, (one, other)), strict=True) for part in pair)
    return int(call(*(part for part in places if part is not None), _IN_ONE_STEP)) == 0


def check_no_file(target: Path) -> None:
    """Raise ``UsageError`` where there is a file of the name that a folder is to have."""
    if target.exists() and not target.is_dir():
        raise UsageError(f"{target} is a file where a folder is to be. It was left alone; move it away.")


def _put_back(target: Path, aside: Path) -> None:
    if aside.exists() and not target.exists():
        with contextlib.suppress(OSError):
            os.rename(aside, target)


def recover_folder(target: Path) -> None:
    """Clear up after runs that were killed: put an old folder back whose new one never came, remove the rest."""
    for rest, kind in sorted(_leftovers(target)):
        if kind == "old" and not target.exists():
            os.rename(rest, target)
        else:
            shutil.rmtree(rest, ignore_errors=True)


def _leftovers(target: Path) -> Iterator[tuple[Path, str]]:
    pattern = re.compile(rf"\.{re.escape(target.name)}-(new|old)-(\d{{1,10}})")
    for path in target.parent.iterdir() if target.parent.is_dir() else ():
        found = pattern.fullmatch(path.name)
        if found and not _is_running(int(found[2]), path):
            yield path, found[1]


def _is_running(process: int, path: Path) -> bool:
    """Whether the process that made a folder is still at work on it."""
    if process == os.getpid():
        return False
    if sys.platform == "win32":  # there a question to a process would end it
        return time.time() - path.stat().st_mtime < _AN_HOUR
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _reach_disk(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb+") as file:
                os.fsync(file.fileno())


def _reason(wrong: OSError) -> str:
    return wrong.strerror or type(wrong).__name__
