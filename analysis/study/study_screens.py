"""The screens of the ratings of a study: what its raters coded, against honest coding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from doublecode.analysis.results.coded_warnings import CodedWarning
from doublecode.analysis.screening.findings import CODED
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.screening.rating_screens import ScreenResult
    from doublecode.schemas.study import Study


def screens_of(study: Study, ratings: pd.DataFrame) -> ScreenResult | None:
    """Screen what raters coded; None where they coded nothing.

    Parameters
    ----------
    study : Study
        Its seed is that of the screens.
    ratings : DataFrame
        Contract RATINGS.
    """
    from doublecode.analysis.screening.rating_screens import screen_ratings

    books = [book for name, book in study.codebooks.items() if study.use(name).source == "raters"]
    if not books or ratings.empty:
        return None
    return screen_ratings(ratings, books, seed=study.seed)


def screen_warnings(screens: ScreenResult | None) -> Iterator[CodedWarning]:
    """Warn of the alarms that have a code in the catalogue of problems; the others are notes of the result."""
    for note in screens.notes if screens is not None else ():
        if note.kind in CODED:
            yield CodedWarning(note.kind, note.subject, Note(note.kind, numbers=note.numbers))
