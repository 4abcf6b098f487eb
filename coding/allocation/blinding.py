"""Recordings under blind names: file names tell patients and dates, so that raters get copies called by session.

The key, ``keys/recordings.csv``, says which is which. It stays with the coordinator and is never in ``outgoing/``.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Final

import pandas as pd

from doublecode.coding.allocation.streams import text_of
from doublecode.schemas.csv_rows import without_apostrophe, without_formulas
from doublecode.schemas.errors import UsageError
from doublecode.schemas.whole_files import replace_files

KEY: Final = "keys/recordings.csv"
_COMPARED: Final = 2**20
# fmt: off
_KINDS: Final = frozenset((
    "3gp", "aac", "ac3", "aif", "aiff", "amr", "avi", "caf", "ds2", "dss", "dvf", "flac", "flv", "m2ts",
    "m4a", "m4b", "m4v", "mka", "mkv", "mov", "mp2", "mp3", "mp4", "mpeg", "mpg", "msv", "mts", "oga",
    "ogg", "ogv", "opus", "ra", "rm", "ts", "vob", "wav", "webm", "wma", "wmv",
))
# fmt: on


def blind_names(folder: Path) -> dict[str, str]:
    """Session → what its recording is called for raters; nothing where the study has no key."""
    key = _read_key(folder)
    return {} if key is None else dict(zip(key["session_id"], key["recording"], strict=True))


def _read_key(folder: Path) -> pd.DataFrame | None:
    path = folder / KEY
    if not path.is_file():
        return None
    key = pd.read_csv(path, dtype="str", keep_default_na=False, encoding="utf-8")
    absent = [name for name in ("session_id", "recording", "original") if name not in key.columns]
    if absent:
        raise UsageError(
            f"{path}: the column {absent[0]!r} is missing; allowed: session_id, recording (the blind name), original. "
            "Add it, or remove the file, so that it is made anew."
        )
    return key.map(without_apostrophe)


def alias(session: str, recording: str) -> str:
    """A blind name: the session's id, and the kind of file; nothing where there is no recording.

    What follows the last dot may be a date or a name: it is kept only where it is a kind of recording.

    Examples
    --------
    >>> alias("S-7KQ2", "Meier_2024-03-01.mp3")
    'S-7KQ2.mp3'
    """
    kind = PurePath(recording.replace("\\", "/")).suffix
    return session * bool(recording) + kind * (kind[1:].lower() in _KINDS)


def seal(folder: Path, sessions: pd.DataFrame) -> dict[str, str]:
    """Session → original name of its recording; writes or completes the key.

    Parameters
    ----------
    folder : Path
        The study folder.
    sessions : DataFrame
        Contract ``SESSIONS``. A session that the key does not know gets a blind name made of its id; what the key
        holds already stays.
    """
    key = _read_key(folder)
    known = pd.DataFrame(columns=["session_id", "recording", "original", "patient", "session"]) if key is None else key
    rows = sessions[~sessions["session_id"].astype(str).isin(set(known["session_id"]))]
    named = rows[rows["recording"].map(text_of) != ""]
    new = pd.DataFrame(
        {
            "session_id": named["session_id"].astype(str),
            "recording": [alias(str(one.session_id), str(one.recording)) for one in named.itertuples()],
            "original": named["recording"].astype(str), "patient": named["patient"].astype(str),
            "session": named["session"].astype(str),
        }
    )  # fmt: skip
    if len(new):
        known = pd.concat([known, new], ignore_index=True)
        data = without_formulas(known).to_csv(index=False, lineterminator="\n").encode()
        (folder / KEY).parent.mkdir(exist_ok=True)
        replace_files({folder / KEY: data})
    return dict(zip(known["session_id"], known["original"], strict=True))


def copy_blind(
    folder: Path, sessions: pd.DataFrame, source: Path, target: Path, *, overwrite: bool = False
) -> tuple[list[str], list[str], dict[str, str]]:
    """Copy the recordings of sessions under their blind names; originals stay as they are.

    Returns
    -------
    copied : list of str
        Sessions whose recording was copied.
    held : list of str
        Sessions whose copy was there already.
    missing : dict of str to str
        Sessions whose recording is not in `source`, with the name that was looked for.

    Raises
    ------
    UsageError
        `source` is no folder, several files may be the recording of a session, or another file stands
        in the place of a copy and `overwrite` is off: then nothing is copied.
    """
    if not source.is_dir():
        raise UsageError(f"{source}: there is no such folder. Give the folder with the recordings.")
    originals, names = seal(folder, sessions), blind_names(folder)
    wanted = [str(session) for session in sessions["session_id"]]
    named = {session: PurePath(originals.get(session, "").replace("\\", "/")) for session in wanted}
    there = _recordings_in(source, named)
    copies = {session: target / names[session] for session in wanted if session in there}
    found = [session for session, path in copies.items() if path.exists() and not overwrite]
    held = [session for session in found if _is_copy(there[session], copies[session])]
    others = [copies[session] for session in found if session not in held]
    if others:
        raise UsageError(
            f"{others[0]} is there already and is not the recording of its session. Nothing was copied. Add "
            "--overwrite to copy all again."
        )
    target.mkdir(parents=True, exist_ok=True)
    copied = [session for session in copies if session not in held]
    for session in copied:
        shutil.copyfile(there[session], copies[session])  # without the times of the original, which tell a date
    return copied, held, {session: named[session].name for session in wanted if session not in copies}


def _is_copy(original: Path, copy: Path) -> bool:
    """Whether size, beginning and end are the same: recordings are large."""
    size = original.stat().st_size
    if copy.stat().st_size != size:
        return False
    with original.open("rb") as one, copy.open("rb") as other:
        for place in (0, max(size - _COMPARED, 0)):
            one.seek(place), other.seek(place)
            if one.read(_COMPARED) != other.read(_COMPARED):
                return False
    return True


def _recordings_in(source: Path, named: Mapping[str, PurePath]) -> dict[str, Path]:
    """Session → its file in a folder or below it; files of one name are told apart by the folders that a name gives."""
    by_name: dict[str, list[Path]] = {}
    for path in sorted(source.rglob("*")):
        if path.is_file():
            by_name.setdefault(path.name, []).append(path)
    found = {}
    for session, name in named.items():
        fits = by_name.get(name.name, [])
        if len(fits) > 1:
            fits = [path for path in fits if path.parts[-len(name.parts) :] == name.parts]
            if len(fits) != 1:
                several = " and ".join(path.relative_to(source).as_posix() for path in by_name[name.name][:2])
                raise UsageError(
                    f"{session}: its recording is called {name}, and so may be {several}. Nothing was copied. Write "
                    f"its folder beside the name, as original in {KEY}."
                )
        if fits:
            found[session] = fits[0]
    return found
