"""The ratings of a study: what its ledger holds, with what its files say now.

A file that is there is read anew, so that every problem is named at its cell; a file that the ledger holds and that is
there no more counts as it was taken in, and is named. Nothing is written here: a study that can only be read has the
same ratings as one whose files were imported first.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from doublecode.coding.intake.consensus import consensus_paths, is_decided, on_use, read_consensus
from doublecode.coding.intake.double_entry import DoubleEntry, compare_entries
from doublecode.coding.intake.held_ratings import (
    HeldFiles,
    held_by,
    named_apart,
    of_older_training,
    placed_anew,
    ratings_of_entries,
)
from doublecode.coding.intake.ledger_values import FILE_COLUMNS, in_one_frame, with_occasion
from doublecode.coding.intake.rating_tables import read_declared_table
from doublecode.coding.intake.study_ledger import has_ledger
from doublecode.coding.reading.expectations import load_expected
from doublecode.coding.reading.incoming import no_workbooks, read_incoming, workbook_paths
from doublecode.coding.reading.many_files import Progress
from doublecode.coding.reading.mended_copies import copies_first
from doublecode.coding.reading.ratings_order import as_sent
from doublecode.schemas.errors import UsageError
from doublecode.schemas.frames import OCCASION, RATINGS
from doublecode.schemas.problems import Problem, place_in
from doublecode.schemas.study import Study
from doublecode.schemas.study_tables import RATINGS_TABLE

_ENTRY_KEY = ("study", "instrument", "rater", "batch", OCCASION)


@dataclass(frozen=True)
class StudyRatings:
    """What raters coded, and what is wrong with it.

    Attributes
    ----------
    ratings : DataFrame
        Contract ``RATINGS``, with ``occasion`` where there are recodes.
    decided : DataFrame
        Contract ``RATINGS``: what was agreed on where raters disagreed, with ``(consensus)`` or ``(expert)`` in the
        place of the rater.
    problems : tuple of Problem
    files : DataFrame
        file, sha256, study, instrument, version, rater, batch, n_rows: one row per file that counts.
    absent : tuple of str
        Workbooks that the ledger holds and ``incoming/`` does not; they count.
    held : tuple of str
        Every file whose ratings are the ledger's: the absent ones, imported tables, other sites.
    set_aside : tuple of str
    typed_twice : DoubleEntry or None
        How sheets that were typed twice compare; None where none were.
    """

    ratings: pd.DataFrame
    decided: pd.DataFrame
    problems: tuple[Problem, ...]
    files: pd.DataFrame
    absent: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    set_aside: tuple[str, ...] = ()
    typed_twice: DoubleEntry | None = None

    @property
    def read_now(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Ratings, decisions among them, and files that were read from files: what is to be taken in."""
        everything = in_one_frame([self.ratings, self.decided]) if len(self.decided) else self.ratings
        return (
            everything[~everything["source_file"].isin(self.held)],
            self.files[~self.files["file"].isin(self.held)],
        )


def read_study_ratings(
    study: Study, *, set_aside: Collection[str] = (), progress: Progress | None = None
) -> StudyRatings:
    """Read what came back in workbooks, what stands in tables of ratings, and what the ledger holds beyond them.

    Parameters
    ----------
    study : Study
    set_aside : collection of str
        Names of workbooks to leave out, be they in ``incoming/`` or in the ledger alone.
    progress : callable, optional
        Called with what is done, how many workbooks are read, and how many there are.

    Raises
    ------
    UsageError
        A file to be set aside is neither in ``incoming/`` nor in the ledger.
    """
    held = held_by(study)
    incoming = workbook_paths(study.folder / "incoming")
    there = {path.name: path for path in (*consensus_paths(study), *incoming)}
    left_out = _check_set_aside(set_aside, there, held.workbooks["file"])
    found = _incoming(study, held, [path.name for path in incoming if path.name in left_out], progress)
    tables = read_declared_table(study)
    consensus = read_consensus(study, held, left_out)
    sources = [found, *filter(None, [tables]), consensus.sources]
    said_wrong, listed_now = [*found[1], *consensus.sources[1]], pd.concat([found[2], consensus.sources[2]])
    absent = named_apart(_absent(held, said_wrong, listed_now, left_out, there), listed_now["file"])
    older = of_older_training(study, absent)
    trained, absent = absent[older], absent[~older]
    others = held.others if tables is None else held.others[~held.others["file"].isin(tables[2]["file"])]
    others = named_apart(others, [*listed_now["file"], *absent["file"]])
    entries = pd.concat([one for one in (absent, others) if len(one)] or [absent], ignore_index=True)
    taken, said = placed_anew(study, ratings_of_entries(study, entries), entries)
    everything = in_one_frame([*(one[0] for one in sources), taken]).reset_index(drop=True)
    kept, erased = _without_erased(everything, held.erased)
    agreed = is_decided(kept)
    ratings = kept[~agreed].reset_index(drop=True)
    typed_twice = compare_entries(study, ratings, held.erased)
    problems = [*(one for source in sources for one in source[1]), *said, *erased, *_twice(ratings)]
    problems += [
        *consensus.outdated(ratings, held.erased),
        *on_use(study, kept[agreed]),
        *(typed_twice.problems if typed_twice else ()),
    ]
    problems += [Problem("file_absent", name) for name in absent["file"]]
    problems += [
        Problem("training_version", name, subject=book, found=version, allowed=study.codebooks[book].version)
        for name, book, version in trained[["file", "instrument", "version"]].itertuples(index=False)
        if name not in there
    ]
    files = _listed([*(one[2] for one in sources), entries], kept if held.erased else None)
    if len(absent):
        files = _as_read(files, [*found[2]["file"], *absent["file"]])
    return StudyRatings(
        as_sent(ratings, load_expected(study)),
        kept[agreed].reset_index(drop=True),
        tuple(problems),
        files,
        tuple(absent["file"]),
        tuple(entries["file"]),
        left_out,
        typed_twice,
    )


def _incoming(
    study: Study, held: HeldFiles, set_aside: Collection[str], progress: Progress | None
) -> tuple[pd.DataFrame, list[Problem], pd.DataFrame]:
    """What lies in ``incoming/``; nothing where a study has its ratings from elsewhere and no such folder."""
    if not (study.folder / "incoming").is_dir() and (RATINGS_TABLE in study.tables or has_ledger(study)):
        return no_workbooks()
    return read_incoming(
        study, set_aside=set_aside, superseded=held.superseded, withdrawn=held.withdrawn, progress=progress
    )


def _check_set_aside(names: Collection[str], there: Collection[str], held: Iterable[str]) -> tuple[str, ...]:
    known = {*there, *held}
    wanted = tuple(sorted({Path(name).name for name in names}))
    stray = [name for name in wanted if name not in known]
    if stray:
        raise UsageError(f"set aside: there is no {stray[0]!r} in incoming/; there are {', '.join(sorted(known))}.")
    return wanted


def _absent(
    held: HeldFiles,
    problems: Sequence[Problem],
    files: pd.DataFrame,
    left_out: Collection[str],
    there: Mapping[str, Path],
) -> pd.DataFrame:
    """Workbooks of the ledger that are not in ``incoming/``, nor replaced by one that is, nor set aside."""
    books = held.workbooks
    aside = [hashlib.sha256(there[name].read_bytes()).hexdigest() for name in left_out if name in there]
    refused = {one.file for one in problems if one.severity == "error"} & set(there)
    now = {tuple(row) for row in with_occasion(files)[list(_ENTRY_KEY)].itertuples(index=False)}
    keys = [tuple(row) in now for row in books[list(_ENTRY_KEY)].itertuples(index=False)]
    here = books["sha256"].isin([*files["sha256"], *aside]) | books["file"].isin({*left_out, *refused})
    return books[~(here | pd.Series(keys, books.index, dtype=bool))]


def _without_erased(ratings: pd.DataFrame, erased: Collection[str]) -> tuple[pd.DataFrame, list[Problem]]:
    """Leave out what files still say of patients whose ratings were erased; by blind ids, as reports print problems."""
    gone = ratings["patient"].isin(erased)
    if not gone.any():
        return ratings, []
    problems = [
        Problem(
            "erased_patient", str(file), found=f"{len(own)} ratings of {', '.join(sorted(own['session_id'].unique()))}"
        )
        for file, own in ratings[gone].groupby("source_file", sort=True)
    ]
    return ratings[~gone].reset_index(drop=True), problems


def _listed(parts: Sequence[pd.DataFrame], ratings: pd.DataFrame | None) -> pd.DataFrame:
    """The files that count; with as many rows as are left of them, where ratings were erased."""
    filled = [part for part in parts if len(part)] or [parts[0]]
    times = [OCCASION] if any((with_occasion(part)[OCCASION] > 1).any() for part in filled) else []
    files = pd.concat([with_occasion(part)[[*FILE_COLUMNS, *times]] for part in filled], ignore_index=True)
    if ratings is None:
        return files
    left = Counter(ratings["source_file"])
    return files.assign(n_rows=[left[name] for name in files["file"]])


def _as_read(files: pd.DataFrame, workbooks: Iterable[str]) -> pd.DataFrame:
    """Files in the order in which the workbooks would have been read, had all been there; tables after them."""
    names = sorted(workbooks)
    places = {names[place]: rank for rank, place in enumerate(copies_first(names))}
    rank = files["file"].map(places).fillna(len(places))
    return files.iloc[rank.to_numpy().argsort(kind="stable")].reset_index(drop=True)


def _twice(ratings: pd.DataFrame) -> list[Problem]:
    """Ratings that stand in two files."""
    key = list(RATINGS.key)
    ratings = with_occasion(ratings)
    again = ratings[ratings.duplicated(key, keep=False)].sort_values(key, kind="stable")
    problems = []
    for _, rows in again.groupby(key, sort=True):
        first, second = rows.iloc[0], rows.iloc[1]
        if first["source_file"] == second["source_file"]:
            continue
        places = [
            place_in(*(str(one[name] or "") for name in ("source_file", "source_sheet", "source_cell")))
            for one in (first, second)
        ]
        subject = f"{second['session_id']}, {second['rater']}, {second['item']}"
        problems.append(
            Problem("duplicate_rating", second["source_file"], second["source_sheet"], second["source_cell"], subject,
                    " and ".join(places))
        )  # fmt: skip
    return problems
