"""Taking in a study folder: every file that nothing is wrong with, each as a whole."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from doublecode.coding.intake.ledger_values import SEVERAL, with_occasion
from doublecode.coding.intake.study_ledger import open_ledger
from doublecode.coding.intake.study_ratings import StudyRatings, read_study_ratings
from doublecode.coding.intake.taken_in import TakenIn
from doublecode.coding.reading.many_files import Progress
from doublecode.coding.reading.unfinished import Unfinished, unfinished
from doublecode.schemas.frames import OCCASION, RATINGS
from doublecode.schemas.problems import Problem
from doublecode.schemas.study import Study

if TYPE_CHECKING:
    import pandas as pd

_OWN = ("rater", "instrument", OCCASION)


@dataclass(frozen=True)
class Imported:
    """What an import did.

    Attributes
    ----------
    taken : TakenIn
    problems : tuple of Problem
        Of every file, as a run names them.
    waiting : tuple of str
        Files that were read and not stored: they hold errors, or share ratings with one that does. A file that the
        ledger holds already, as it is now, does not wait.
    absent : tuple of str
        Workbooks that the ledger holds and ``incoming/`` does not.
    unfinished : tuple of Unfinished
        Workbooks with empty rows, and how far they came.
    """

    taken: TakenIn
    problems: tuple[Problem, ...]
    waiting: tuple[str, ...]
    absent: tuple[str, ...]
    unfinished: tuple[Unfinished, ...]

    @property
    def n_errors(self) -> int:
        """Problems that keep a file out."""
        return sum(one.severity == "error" for one in self.problems)


def import_study(
    study: Study, *, set_aside: Collection[str] = (), reason: str = "", progress: Progress | None = None
) -> Imported:
    """Take in the workbooks and the declared table of a study; a file with an error stays out, the others do not.

    Parameters
    ----------
    study : Study
    set_aside : collection of str
        Workbooks to leave out by name.
    reason : str
        Why files correct earlier ones; it stays in the history.
    progress : callable, optional
        Called with what is done, how many workbooks are read, and how many there are.

    Returns
    -------
    Imported

    Raises
    ------
    UsageError
        A file to be set aside is not there, or the ledger cannot be written: then nothing was stored.

    Notes
    -----
    All files are stored in one transaction: at any moment each is wholly in the ledger or not at all. A second import
    of the same files changes nothing.
    """
    rated = read_study_ratings(study, set_aside=set_aside, progress=progress)
    ratings, files = rated.read_now
    waiting = _waiting(rated, files)
    kept = files[~files["file"].isin(waiting)]
    with open_ledger(study) as ledger:
        taken = ledger.take_in(ratings[ratings["source_file"].isin(kept["file"])], kept, reason=reason)
        held = ledger.files()
    there = files["sha256"].isin(held.loc[held["holds"].astype(bool), "sha256"])
    waiting -= set(files.loc[there, "file"])
    begun = unfinished(ratings, rated.problems)
    refused = {one.file for one in rated.problems if one.severity == "error" and one.file}
    return Imported(taken, rated.problems, tuple(sorted({*waiting, *refused})), rated.absent, begun)


def _waiting(rated: StudyRatings, files: pd.DataFrame) -> set[str]:
    """Files with errors, and those that hold the same ratings as another: which of the two is right, a person says."""
    errors = [one for one in rated.problems if one.severity == "error"]
    wrong = {one.file for one in errors}
    keyed = with_occasion(rated.ratings)
    again = keyed.duplicated(list(RATINGS.key), keep=False)
    wrong |= set(keyed.loc[again, "source_file"])
    twice = {one.file for one in errors if one.code == "duplicate_rating"}
    owned = with_occasion(files)
    owners = {tuple(row) for row in owned.loc[owned["file"].isin(twice), list(_OWN)].itertuples(index=False)}
    same = [tuple(row) in owners and row[0] != SEVERAL for row in owned[list(_OWN)].itertuples(index=False)]
    return wrong | set(owned.loc[same, "file"])
