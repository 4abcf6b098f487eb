"""What people entered into the tables of a study since they were made, taken over when they are made anew."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import pandas as pd

from doublecode.coding.new_study.given_table import GivenTable, read_given
from doublecode.coding.new_study.heads import plain_name
from doublecode.coding.new_study.session_list import SessionTables
from doublecode.schemas.errors import ContractError
from doublecode.schemas.frames import said_missing

_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "sessions": ("patient", "session"), "patients": ("patient",), "therapists": ("therapist",),
}  # fmt: skip
_USUAL: Final[Mapping[str, str]] = {"status": "held completed", "phase": "main"}
_MADE: Final = ("session_id", "recording")
_MOST: Final = 12
_ADVICE: Final = "so what was entered there cannot be taken over. Mend the table, or move it out of the folder."


def ids_before(folder: Path) -> dict[tuple[str, str], str]:
    """The session ids that a folder has, by patient and number: workbooks sent out bear them."""
    old = _old(folder, "sessions")
    if old is None or "session_id" not in old:
        return {}
    return {(one["patient"], one["session"]): one["session_id"] for one in old.to_dict("records")}


def with_entered(folder: Path, listed: SessionTables, heads: Collection[str]) -> SessionTables:
    """Take over what the tables of `folder` have and the list has not: statuses, reasons, filled cells, columns.

    Parameters
    ----------
    folder : path
        The study as it lies there; without tables in it nothing changes.
    listed : SessionTables
        The tables as the list makes them.
    heads : collection of str
        The columns of the list: what it has under such a head is as the list has it.
    """
    said: list[str] = []
    own = {plain_name(head) for head in heads}
    listed = _with_needed(folder, listed, said)
    tables = {"sessions": listed.sessions, "patients": listed.patients, "therapists": listed.therapists}
    merged = {
        name: None if new is None else _merged(name, new, _old(folder, name), own, said) for name, new in tables.items()
    }
    sessions, patients = merged["sessions"], merged["patients"]
    if sessions is None or patients is None:
        return listed
    return replace(
        listed, sessions=sessions, patients=patients, therapists=merged["therapists"], said=(*listed.said, *said)
    )


def _with_needed(folder: Path, listed: SessionTables, said: list[str]) -> SessionTables:
    """Add the sessions of the folder that the list has not and the study needs: those of the pilot, those assigned."""
    old = _old(folder, "sessions")
    if old is None or not {"session_id", "phase"} <= set(old.columns):
        return listed
    there = {*_keys(listed.sessions, "sessions")}
    is_new = pd.Series([key not in there for key in _keys(old, "sessions")], index=old.index, dtype=bool)
    assigned = _assigned(folder)
    needed = old[is_new & ((old["phase"] == "pilot") | old["session_id"].isin(assigned))]
    if needed.empty:
        return listed
    if "date" in needed:
        needed = needed.assign(date=[_as_iso(cell) for cell in needed["date"]])
    said.append(
        "sessions.csv: not in the list, and kept, since they are of the pilot or assigned: "
        f"{_some([_label(key) for key in _keys(needed, 'sessions')])}."
    )
    people, therapists = _old(folder, "patients"), _old(folder, "therapists")
    patients = _of_needed("patient", listed.patients, people, needed)
    treating = None if listed.therapists is None else _of_needed("therapist", listed.therapists, therapists, needed)
    tapes = listed.recordings
    recordings = folder / "keys" / "recordings.csv"
    if recordings.is_file():
        table = read_given(recordings)
        key_rows = pd.DataFrame({head: table.texts(head) for head in table.heads}, dtype=object)
        if "session_id" in key_rows:
            tapes = _added(tapes, key_rows[key_rows["session_id"].isin(needed["session_id"])])
    sessions = _added(listed.sessions, needed)
    return replace(listed, sessions=sessions, patients=patients, therapists=treating, recordings=tapes)


def _of_needed(key: str, new: pd.DataFrame, old: pd.DataFrame | None, needed: pd.DataFrame) -> pd.DataFrame:
    """A table of people with those of further sessions, where the folder has them."""
    if old is None or key not in needed:
        return new
    return _added(new, old[old[key].isin(needed[key]) & ~old[key].isin(new[key].astype(str))])


def _assigned(folder: Path) -> set[str]:
    """The sessions that are assigned to somebody."""
    path = folder / "assignments.csv"
    if not path.is_file():
        return set()
    table = read_given(path)
    return set(table.texts("session_id")) if "session_id" in table.heads else set()


def _added(new: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """A table with further rows, in the columns that it has; what they do not say is empty."""
    own = rows.reindex(columns=new.columns).fillna("")
    return pd.concat([new, own], ignore_index=True) if len(own) else new


def copies_before(folder: Path, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files of `folder` that would be replaced by others, under names that are free: ``patients_before.csv``."""
    copies = {}
    for name, data in files.items():
        path = folder / name
        if path.is_file() and (old := path.read_bytes()) != data:
            copies[_free(folder, Path(name))] = old
    return copies


def kept_declarations(folder: Path, files: Mapping[str, bytes], made: Collection[str]) -> tuple[str, ...]:
    """Declarations of `folder` in which people wrote more than would be made anew: they stay as they are.

    ``study.toml``, if raters, instruments and events are those of the new one; a codebook that was `made` of a table,
    if its items are.
    """
    kept = []
    for name in ("study.toml", *made):
        path = folder / name
        if not path.is_file():
            continue
        try:
            old, new = tomllib.loads(path.read_text(encoding="utf-8-sig")), tomllib.loads(files[name].decode())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError):
            continue
        keys = ("raters", "instruments", "events") if name == "study.toml" else ("items",)
        if old != new and all(_named(old.get(key)) == _named(new.get(key)) for key in keys):
            kept.append(name)
    return tuple(kept)


def _named(declared: object) -> list[str]:
    """What the entries of a list of a declaration are called."""
    entries = declared if isinstance(declared, list) else []
    return sorted(
        str(entry.get("name", entry.get("id")) if isinstance(entry, dict) else entry) for entry in entries
    )  # fmt: skip


def _free(folder: Path, name: Path) -> str:
    number, made = 1, name.with_stem(f"{name.stem}_before")
    while (folder / made).exists():
        number += 1
        made = name.with_stem(f"{name.stem}_before_{number}")
    return made.as_posix()


def _old(folder: Path, name: str) -> pd.DataFrame | None:
    """A table of the folder as texts; None where there is none.

    One that cannot be read is refused: what people entered there would be left behind without a word.
    """
    path = folder / f"{name}.csv"
    if not path.is_file():
        return None
    table: GivenTable = read_given(path)
    old = pd.DataFrame({head: table.texts(head) for head in table.heads}, dtype=object)
    gone = [column for column in _KEYS[name] if column not in old]
    if gone:
        raise ContractError(f"{path.name}: {said_missing(gone)}; {_ADVICE}")
    twice = old[old.duplicated(list(_KEYS[name]))]
    if len(twice):
        raise ContractError(f"{path.name}: {_label(_keys(twice, name)[0])} stands twice; {_ADVICE}")
    return old


def _keys(table: pd.DataFrame, name: str) -> list[tuple[str, ...]]:
    columns = [table[column].astype(str) for column in _KEYS[name]]
    return list(zip(*columns, strict=True))


def _merged(
    name: str, new: pd.DataFrame, old: pd.DataFrame | None, own: Collection[str], said: list[str]
) -> pd.DataFrame:
    if old is None:
        return new
    made = new.copy()
    there = dict(zip(_keys(old, name), old.to_dict("records"), strict=True))
    keys = _keys(new, name)
    for column in old.columns:
        if column in _KEYS[name] or column in _MADE or (column not in new and column in own):
            continue
        before = [there.get(key, {}).get(column, "") for key in keys]
        before = [_as_iso(cell) for cell in before] if column == "date" else before
        now = ["" if pd.isna(cell) else str(cell) for cell in new[column]] if column in new else [""] * len(new)
        made[column] = [_cell(column, one, other) for one, other in zip(before, now, strict=True)]
        _say(name, column, keys, before, now, said)
    lost = [_label(key) for key in there if key not in keys]
    if lost:
        said.append(f"{name}.csv: no longer in the list, so not in the table: {_some(lost)}.")
    return made


def _as_iso(cell: str) -> str:
    """A day as ``12.03.2024``, as a German Excel saves it, is the day that the list writes 2024-03-12."""
    found = re.fullmatch(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?: 0?0:00(?::00)?)?", cell)
    return cell if found is None else f"{found[3]}-{int(found[2]):02}-{int(found[1]):02}"


def _is_usual(column: str, cell: str) -> bool:
    return not cell or cell in _USUAL.get(column, "").split()


def _cell(column: str, before: str, now: str) -> str:
    """The list's cell, unless it says nothing and the table had something."""
    return before if _is_usual(column, now) and not _is_usual(column, before) else now


def _say(
    name: str, column: str, keys: Sequence[tuple[str, ...]], before: Sequence[str], now: Sequence[str], said: list[str]
) -> None:
    cells = [(_label(key), old, new) for key, old, new in zip(keys, before, now, strict=True) if old != new]
    kept = [f"{key} {old}" for key, old, new in cells if _cell(column, old, new) == old]
    other = [
        f"{key} {old} → {new}" for key, old, new in cells if not _is_usual(column, old) and not _is_usual(column, new)
    ]
    if kept:
        said.append(f"{name}.csv, {column}: kept as it was entered there: {_some(kept)}.")
    if other:
        said.append(f"{name}.csv, {column}: as the list has it now, no longer as in the table: {_some(other)}.")


def _label(key: Sequence[str]) -> str:
    return key[0] if len(key) == 1 else f"{key[0]} session {key[1]}"


def _some(entries: Sequence[str]) -> str:
    more = f" and {len(entries) - _MOST} more" if len(entries) > _MOST else ""
    return ", ".join(entries[:_MOST]) + more
