"""A new study folder: planned whole, checked by loading it, written in one step."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import pandas as pd

from doublecode.coding.new_study.declaration import declaration
from doublecode.coding.new_study.entered import copies_before, ids_before, kept_declarations, with_entered
from doublecode.coding.new_study.given_table import GivenTable, read_given
from doublecode.coding.new_study.heads import check_told, names_a_person, plain_name
from doublecode.coding.new_study.joined_outcomes import joined_outcomes
from doublecode.coding.new_study.list_remarks import remarks_on_list
from doublecode.coding.new_study.outcome_table import OutcomeTable, outcome_of, range_remark, said_made
from doublecode.coding.new_study.session_list import SessionTables, Understood, tables_of
from doublecode.coding.new_study.variable_examples import Use
from doublecode.schemas.csv_rows import without_formulas
from doublecode.schemas.errors import UsageError
from doublecode.schemas.frames import PATIENTS, SESSIONS, THERAPISTS
from doublecode.schemas.instrument import Instrument, load_instrument, shipped_instruments
from doublecode.schemas.problems import Problem
from doublecode.schemas.study import load_study
from doublecode.schemas.table_files import read_table
from doublecode.schemas.whole_files import replace_files

FOLDERS: Final = ("incoming", "outgoing", "outcomes", "keys")
SEED: Final = 20210501


@dataclass(frozen=True)
class Wishes:
    """What somebody wants of a new study.

    Attributes
    ----------
    sessions : path
        A list of sessions: csv, xlsx, ods, sav, dta.
    raters : tuple of str
    instruments : tuple of str
        Names of shipped codebooks, or paths of TOML files.
    outcomes : tuple of path
        Exports of outcome measures.
    told : mapping of str to str
        Head → meaning.
    items : tuple of str
        Heads of the answers in an outcome file.
    missing : tuple of str
        What stands for a missing value.
    dates : str, optional
        The form of dates.
    within : int, optional
        Days: an answer between sessions is of the next session, if it is so near.
    title : str
    seed : int
    """

    sessions: Path
    raters: tuple[str, ...]
    instruments: tuple[str, ...]
    outcomes: tuple[Path, ...] = ()
    told: Mapping[str, str] = field(default_factory=dict)
    items: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    dates: str | None = None
    within: int | None = None
    title: str = ""
    seed: int = SEED


@dataclass(frozen=True)
class NewStudy:
    """A study folder before it is written.

    Attributes
    ----------
    folder : path
    files : mapping of str to bytes
        By their path in the folder.
    understood : tuple of Understood
        What each column was taken for.
    said : tuple of str
    remarks : tuple of Problem
        What should be said of the given files.
    design : dict
        Counts of sessions, patients, therapists.
    statuses : mapping of str to mapping of str to int
        How many patients and sessions are entered as what.
    copies : mapping of str to bytes
        Files that are replaced, as they were, by the names they are kept under.
    """

    folder: Path
    files: Mapping[str, bytes]
    understood: tuple[Understood, ...]
    said: tuple[str, ...]
    remarks: tuple[Problem, ...]
    design: Mapping[str, int]
    statuses: Mapping[str, Mapping[str, int]]
    copies: Mapping[str, bytes]


def plan_study(folder: Path, wishes: Wishes) -> NewStudy:
    """Read what was given and make every file of the study; nothing is written.

    Raises
    ------
    UsageError, ContractError, InstrumentError, StudyError
        What was given cannot be a study; the message names the next step.
    """
    table = read_given(wishes.sessions, wishes.missing)
    exports = [(path, read_given(path, wishes.missing)) for path in wishes.outcomes]
    check_told(wishes.told, [head for one in (table, *(one for _, one in exports)) for head in one.heads])
    listed = tables_of(table, wishes.told, dates=wishes.dates, seed=wishes.seed, ids=ids_before(folder))
    listed = with_entered(folder, listed, table.heads)
    uses, files = _instruments(wishes.instruments)
    each = [_outcome(path, one, wishes, listed, uses) for path, one in exports]
    outcomes = joined_outcomes(each)
    if wishes.within is not None and not any(one.is_dated for one in outcomes):
        raise UsageError(
            "init: --next-session-within has nothing to link: no outcome has a date that is no session's. Leave it out."
        )
    for outcome in outcomes:
        _add_outcome(outcome, uses, files, wishes.within)
    for path, one in exports:
        if not any(map(names_a_person, one.heads)):
            files[_free(f"outcomes/source/{path.name}", files)] = path.read_bytes()
    events = {name: text for one in outcomes for name, text in one.events.items()}
    name = plain_name(folder.resolve().name)
    further = [str(column) for column in listed.patients.columns if column not in PATIENTS.columns]
    columns = {"patients": further, "sessions": [*map(str, listed.sessions.columns)]}
    title = wishes.title or folder.resolve().name
    text = declaration(name, title, wishes.seed, wishes.raters, uses, columns, events)
    readme = _readme(title, wishes.raters, uses).encode()
    files = {"study.toml": text.encode(), "README.md": readme, **_tables(listed), **files}
    _check(files)
    said = (*listed.said, *(text for one in outcomes for text in (*one.said, *said_made(one))))
    understood = (*listed.understood, *(line for one in outcomes for line in one.understood))
    of_files = [remark for one in (table, *(one for _, one in exports)) for remark in one.remarks]
    named = [(path.name, [*one.rows["patient"]]) for (path, _), one in zip(exports, each, strict=True)]
    odd = (*remarks_on_list(listed, table.name, named), *(remark for one in outcomes for remark in one.remarks))
    remarks = (*of_files, *listed.remarks, *odd)
    design = {
        "sessions": len(listed.sessions), "patients": len(listed.patients),
        "therapists": 0 if listed.therapists is None else len(listed.therapists),
    }  # fmt: skip
    statuses = {
        name: {str(status): int(n) for status, n in table["status"].value_counts(sort=False).items()}
        for name, table in (("patients", listed.patients), ("sessions", listed.sessions))
    }
    kept = kept_declarations(folder, files, [f"{one.instrument}.toml" for one in outcomes if one.codebook is not None])
    if kept:
        files = {name: data for name, data in files.items() if name not in kept}
        said = (*said, f"Kept as you declared it: {', '.join(kept)}. Move it away to have it made anew.")
    copies = copies_before(folder, files)
    if copies:
        said = (*said, f"Files that are replaced stay as they were, beside them: {', '.join(sorted(copies))}.")
    return NewStudy(folder, files, understood, said, remarks, design, statuses, copies)


def _free(name: str, files: Mapping[str, bytes]) -> str:
    """A path that no other file has: exports from two folders may have one name."""
    stem, dot, ending = name.rpartition(".")
    number, made = 2, name
    while made in files:
        number, made = number + 1, f"{stem}_{number}{dot}{ending}"
    return made


def write_study(study: NewStudy, *, overwrite: bool = False) -> Path:
    """Write the folder, all of it or nothing; a file that is replaced by another stays beside it.

    Raises
    ------
    UsageError
        A file is there already and `overwrite` is off.
    """
    targets = {study.folder / name: data for name, data in study.files.items()}
    refuse_present(study.folder, study.files, overwrite=overwrite)
    replace_files({study.folder / name: data for name, data in study.copies.items()} | targets)
    for name in FOLDERS:
        (study.folder / name).mkdir(exist_ok=True)
    return study.folder


def refuse_present(folder: Path, names: Mapping[str, bytes] | Sequence[str], *, overwrite: bool) -> None:
    """Refuse a folder in which one of these files is there already."""
    there = [name for name in names if (folder / name).exists()]
    if there and not overwrite:
        raise UsageError(
            f"{folder}: {', '.join(there)} {'is' if len(there) == 1 else 'are'} there already. Name another folder, or "
            "add --overwrite to replace."
        )


def _instruments(named: Sequence[str]) -> tuple[list[Use], dict[str, bytes]]:
    """Codebooks by name or file; a file is copied into the study."""
    uses, files = [], {}
    for one in named:
        path = Path(one)
        book = load_instrument(path if path.suffix == ".toml" else one)
        if path.suffix == ".toml":
            files[path.name] = path.read_bytes()
        uses.append(Use(path.name if path.suffix == ".toml" else one, book))
    return uses, files


def _outcome(path: Path, table: GivenTable, wishes: Wishes, listed: SessionTables, uses: Sequence[Use]) -> OutcomeTable:
    books: list[Instrument] = [*(use.book for use in uses), *map(load_instrument, shipped_instruments())]
    return outcome_of(
        table, path.stem, wishes.told, listed.sessions, books, items=wishes.items, dates=wishes.dates,
        within=wishes.within,
    )  # fmt: skip


def _add_outcome(outcome: OutcomeTable, uses: list[Use], files: dict[str, bytes], within: int | None) -> None:
    import tomli_w

    files[f"outcomes/{outcome.instrument}.csv"] = _csv(outcome.rows)
    made = partial(
        Use, is_outcome=True, events=outcome.events, of_sessions=outcome.is_of_sessions,
        within=within if outcome.is_dated else None,
    )  # fmt: skip
    own = next((place for place, use in enumerate(uses) if use.book.name == outcome.instrument), None)
    if outcome.codebook is not None:
        book = Instrument.model_validate_json(_json(outcome.codebook))
        text = range_remark(outcome.codebook) + tomli_w.dumps(outcome.codebook)
        files[f"{outcome.instrument}.toml"] = text.encode()
        uses.append(made(f"{outcome.instrument}.toml", book))
    elif own is None:
        uses.append(made(outcome.instrument, load_instrument(outcome.instrument)))
    else:
        uses[own] = made(uses[own].named, uses[own].book)


def _json(value: Any) -> str:
    import json

    return json.dumps(value)


def _tables(listed: SessionTables) -> dict[str, bytes]:
    tables = {
        "sessions.csv": listed.sessions, "patients.csv": listed.patients, "therapists.csv": listed.therapists,
        "keys/recordings.csv": listed.recordings,
    }  # fmt: skip
    return {name: _csv(table) for name, table in tables.items() if table is not None}


def _csv(table: pd.DataFrame) -> bytes:
    return without_formulas(table).to_csv(index=False, lineterminator="\n").encode()


def _check(files: Mapping[str, bytes]) -> None:
    """Load the study from a place of its own before it is written to its own."""
    with tempfile.TemporaryDirectory() as place:
        for name, data in files.items():
            path = Path(place) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        load_study(place)
        contracts = {"sessions.csv": SESSIONS, "patients.csv": PATIENTS, "therapists.csv": THERAPISTS}
        for name, contract in contracts.items():
            if name in files:
                read_table(Path(place) / name, contract)


def _readme(title: str, raters: Sequence[str], uses: Sequence[Use]) -> str:
    rated = [use.book.title for use in uses if not use.is_outcome]
    return f"""\
# {title}

{len(raters)} raters ({", ".join(raters)}) code {", ".join(rated)}.

Open a terminal in this folder (the full stop at the end of a command stands for it):

1. `doublecode allocate .` decides who rates what: balanced, and 40 % of the sessions twice (`--share`). It
   writes `assignments.csv`.
2. `doublecode template .` writes the workbooks into `outgoing/`. Send them to the raters.
3. Put what comes back into `incoming/`; then `doublecode run .` checks it and writes `report/`.

| file | what it is |
|---|---|
| `study.toml` | instruments, raters, variables, models; open it with any editor |
| `sessions.csv` | a row per session; `status` is `held`, or `not_rated` with its `reason` where it cannot be rated |
| `patients.csv` | a row per patient; `status`: `completed`, `dropped_out`, `excluded` … |
| `therapists.csv` | only if there are therapists |
| `keys/` | which session id is whose: for your eyes only, never for a rater |
| `outgoing/`, `incoming/` | workbooks that go out, workbooks that came back |
| `outcomes/` | a table per outcome measure: patient, session, a column per item |
"""
