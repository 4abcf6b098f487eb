"""What a study's ledger holds beyond its files: workbooks that are no longer there, imported tables, other sites."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from doublecode.coding.intake.ledger_values import FILE_COLUMNS, SEVERAL, in_one_frame, ratings_of, with_occasion
from doublecode.coding.intake.rating_tables import versions_of
from doublecode.coding.intake.study_ledger import has_ledger, open_ledger
from doublecode.coding.reading.consensus_table import CONSENSUS
from doublecode.coding.reading.expectations import Expected, load_expected, training_sessions
from doublecode.coding.reading.study_tables import read_study_table
from doublecode.schemas.frames import OCCASION
from doublecode.schemas.near_names import allowed
from doublecode.schemas.problems import Problem
from doublecode.schemas.study import Study

_OF_SESSIONS = ("patient", "therapist", "session", "phase")
_NO_FILES = pd.DataFrame(columns=[*FILE_COLUMNS, OCCASION, "site", "entry"])


@dataclass(frozen=True)
class HeldFiles:
    """The files of a ledger that hold, and what is to be kept out of the files that are read.

    Attributes
    ----------
    workbooks : DataFrame
        Columns of ``Ledger.files()``: workbooks of this study.
    others : DataFrame
        The same of imported tables and of other sites: they are never asked for.
    superseded : frozenset of str
        SHA-256 of files that later ones replaced.
    withdrawn : mapping of str to str
        SHA-256 of files that were withdrawn, and why.
    erased : frozenset of str
        Patients whose ratings were erased.
    """

    workbooks: pd.DataFrame = field(default_factory=_NO_FILES.copy)
    others: pd.DataFrame = field(default_factory=_NO_FILES.copy)
    superseded: frozenset[str] = frozenset()
    withdrawn: Mapping[str, str] = field(default_factory=dict)
    erased: frozenset[str] = frozenset()


def held_by(study: Study) -> HeldFiles:
    """Ask the ledger of a study; one that has none holds nothing."""
    if not has_ledger(study):
        return HeldFiles()
    with open_ledger(study) as ledger:
        files, superseded, erased = ledger.files(), ledger.superseded(), ledger.erased()
    gone = files[files["withdrawn"].notna() & (files["site"] == "")]
    holding = files[files["holds"].astype(bool)]
    own = (holding["rater"] != SEVERAL) & (holding["site"] == "")
    return HeldFiles(
        holding[own], holding[~own], superseded, dict(zip(gone["sha256"], gone["withdrawn"], strict=True)), erased
    )


def ratings_of_entries(study: Study, entries: pd.DataFrame) -> pd.DataFrame:
    """The ratings of entries of the ledger as they were taken in, each under the name that `entries` gives its file."""
    if entries.empty:
        return ratings_of([])
    parts = []
    with open_ledger(study) as ledger:
        for entry, name in zip(entries["entry"], entries["file"], strict=True):
            rows = ledger.ratings([int(entry)])
            parts.append(rows.assign(source_file=pd.Series(name, rows.index, dtype="str")))
    return in_one_frame(parts).reset_index(drop=True)


def of_older_training(study: Study, entries: pd.DataFrame) -> NDArray[np.bool_]:
    """(n,) which workbooks of the ledger hold training sessions alone, rated with another version of the codebook."""
    now = {name: book.version for name, book in study.codebooks.items()}
    pairs = zip(entries["instrument"], entries["version"], strict=True)
    other = np.array([book in now and now[book] != version for book, version in pairs], dtype=bool)
    if other.any():
        tapes = training_sessions(study, read_study_table(study, "sessions"))
        files = ratings_of_entries(study, entries[other]).groupby("source_file")["session_id"]
        whole = {str(file) for file, own in files if set(own) <= tapes}
        other &= entries["file"].isin(whole).to_numpy(dtype=bool)
    return other


def named_apart(entries: pd.DataFrame, names: Collection[str]) -> pd.DataFrame:
    """Entries whose file is called as another one that is there now get their hash beside the name."""
    taken = set(names)
    files = [
        f"{name} [{digest[:8]}]" if name in taken else name
        for name, digest in zip(entries["file"], entries["sha256"], strict=True)
    ]
    return entries.assign(file=files)


def placed_anew(study: Study, ratings: pd.DataFrame, entries: pd.DataFrame) -> tuple[pd.DataFrame, list[Problem]]:
    """Hold ratings of the ledger to the study as it is now: its sessions, assignments and codebooks.

    Whose a session is, its number and its phase come from the study's tables, which may have been put right since the
    ratings were taken in.
    """
    problems = list(_strangers(study, ratings, entries))
    if ratings.empty:
        return ratings, problems
    expected = load_expected(study)
    sessions = expected.sessions or {}
    known = ratings["session_id"].isin(sessions)
    for file, session in ratings.loc[~known, ["source_file", "session_id"]].drop_duplicates().itertuples(index=False):
        near = allowed(str(session), list(sessions))
        problems.append(Problem("unknown_session", file, subject=session, found=session, allowed=f"; {near}"))
    placed = ratings.copy()
    for name in _OF_SESSIONS:
        now = {session: getattr(held, name) for session, held in sessions.items()}
        values = ratings["session_id"].map(now)
        placed[name] = values.where(known, ratings[name]).astype(ratings[name].dtype)
    # tables and decisions were never assigned, and what another site rates that site has assigned
    assigned = ~entries["rater"].isin([SEVERAL, CONSENSUS]) & (entries["site"] == "")
    roles, said = _roles(expected, ratings, set(entries.loc[assigned, "file"]))
    return placed.assign(role=pd.Series(roles, ratings.index, dtype="str")), [*problems, *said]


def _roles(expected: Expected, ratings: pd.DataFrame, workbooks: Collection[str]) -> tuple[list[Any], list[Problem]]:
    """The role of each rating by the assignments of now; sessions of a workbook that are assigned no more."""
    if expected.assigned is None:
        return ratings["role"].tolist(), []
    keyed = with_occasion(ratings)
    columns = ("rater", "instrument", OCCASION, "session_id", "role", "source_file")
    roles, stray = [], dict[tuple[str, str], None]()
    for rater, book, time, session, role, file in zip(*(keyed[name].tolist() for name in columns), strict=True):
        now = expected.assigned.get((rater, book, int(time)), {}).get(session)
        roles.append(role if now is None else now[0])
        if now is None and file in workbooks:
            stray[file, session] = None
    return roles, [Problem("not_assigned", file, subject=session, found=session) for file, session in stray]


def _strangers(study: Study, ratings: pd.DataFrame, entries: pd.DataFrame) -> Iterator[Problem]:
    """What was taken in under a codebook that the study has no longer, or has in another version now."""
    gone = set(ratings["instrument"]) - set(study.codebooks)
    yield from (
        Problem("wrong_instrument", file, found=name, allowed=", ".join(study.codebooks))
        for file, name in _pairs(ratings[ratings["instrument"].isin(gone)], "source_file", "instrument")
    )
    if gone:
        return
    for file, rater, book, version in _pairs(entries, "file", "rater", "instrument", "version"):
        own = study.codebooks[book].version if rater != SEVERAL else versions_of(
            study, ratings[ratings["source_file"] == file]
        )  # fmt: skip
        if own != version:
            yield Problem("codebook_changed", file, found=version, allowed=own)
    for file, book, item in _pairs(ratings, "source_file", "instrument", "item"):
        items = [column.name for column in study.codebooks[book].columns]
        if item not in items:
            yield Problem("unknown_item", file, found=item, allowed=", ".join(items))


def _pairs(frame: pd.DataFrame, *columns: str) -> list[tuple[str, ...]]:
    """The different rows of some columns."""
    return [tuple(map(str, row)) for row in frame[list(columns)].drop_duplicates().itertuples(index=False)]
