"""The folder of the demo: copied out of the package, and removed again only while it holds nothing of anybody else."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from doublecode.analysis.report.folder import is_of_report
from doublecode.analysis.report.sensitivity_folder import is_of_sensitivity
from doublecode.schemas.errors import UsageError
from doublecode.schemas.whole_files import recover_folder, replace_folder

MANIFEST = ".doublecode-demo.json"
_LEDGER = ("ledger.sqlite", "ledger.sqlite-journal", "ledger.sqlite-wal", "ledger.sqlite-shm", "ledger_version1.sqlite",
           "ledger_version2.sqlite")  # fmt: skip
_MOST_NAMED = 5


def copy_example(name: str, folder: Path, *, overwrite: bool = False) -> None:
    """Copy an example study out of the installed package; an earlier copy only with `overwrite`.

    The copy keeps a list of its files with their hashes. A folder without that list, or with a file
    that the demo did not put there or that was changed since, is left alone; what ``run`` makes in it
    (``report/``, the ledger) is the demo's own.

    Raises
    ------
    UsageError
        The folder is there already, or it holds what would be lost; the message names it.
    """
    recover_folder(folder)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        if not overwrite:
            raise UsageError(f"{folder} is there already. Add --overwrite to replace it, or name another folder.")
        _check_nothing_lost(folder)

    def fill(fresh: Path) -> None:
        with resources.as_file(resources.files("doublecode.data_examples") / name) as source:
            ignored = shutil.ignore_patterns("*.py", "__pycache__", "report", "ledger.sqlite*")
            shutil.copytree(source, fresh, ignore=ignored, dirs_exist_ok=True)
        hashes = {path: _hash(fresh / path) for path in _files(fresh)}
        (fresh / MANIFEST).write_text(json.dumps(hashes, indent=1), encoding="utf-8", newline="\n")

    replace_folder(folder, fill)


def _check_nothing_lost(folder: Path) -> None:
    """Refuse a folder that is no copy of an example, or that holds anything else."""
    try:
        hashes = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        hashes = None
    if not isinstance(hashes, dict):
        raise UsageError(f"{folder} is no copy of the example study and is left alone. Name another folder.")
    lost = [path for path in _files(folder) if not _is_demos(folder, path, hashes)]
    lost += _only_in_ledger(folder / _LEDGER[0], hashes)
    if lost:
        named = ", ".join(lost[:_MOST_NAMED])
        more = f" and {len(lost) - _MOST_NAMED} more" if len(lost) > _MOST_NAMED else ""
        raise UsageError(
            f"{folder} holds what the demo did not put there, or what was changed since: {named}{more}. It would be "
            "lost: move it away, or name another folder."
        )


def _is_demos(folder: Path, path: str, hashes: dict[str, object]) -> bool:
    if path == MANIFEST or path in _LEDGER or is_of_report(path) or is_of_sensitivity(path):
        return True
    return path in hashes and hashes[path] == _hash(folder / path)


def _only_in_ledger(ledger: Path, hashes: dict[str, object]) -> list[str]:
    """Workbooks whose ratings the ledger holds and that did not come with the demo."""
    from doublecode.coding.intake.ledger import Ledger

    if not ledger.is_file():
        return []
    with Ledger(ledger) as held:
        files = held.files()
    return [f"{ledger.name} (ratings of {name})" for name in files["file"][~files["sha256"].isin(hashes.values())]]


def _files(folder: Path) -> Iterator[str]:
    """Every file, and every link, below a folder, as written in its list; empty folders hold nothing to lose."""
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_dir():
            yield path.relative_to(folder).as_posix()


def _hash(path: Path) -> str:
    return "a link" if path.is_symlink() else hashlib.sha256(path.read_bytes()).hexdigest()
