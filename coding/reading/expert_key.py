"""The key of a training: a table of one expert's ratings, or of a consensus, which nobody was assigned."""

from __future__ import annotations

from typing import Any

from doublecode.coding.reading.long_table import cell_text
from doublecode.schemas.study import Study
from doublecode.schemas.study_parts import Rater

RATER = "rater"


def name_rater(rows: list[list[Any]], head: int, rater: str) -> None:
    """Put the expert's id into every row below the row of heads; a column of raters that is there is overwritten.

    Examples
    --------
    >>> rows = [["session_id", "warmth"], ["S-1", 3]]
    >>> name_rater(rows, 0, "key")
    >>> rows
    [['session_id', 'warmth', 'rater'], ['S-1', 3, 'key']]
    """
    heads = [cell_text(cell) for cell in rows[head]]
    place = heads.index(RATER) if RATER in heads else len(heads)
    for number, row in enumerate(rows[head:]):
        if any(cell_text(cell) for cell in row):  # an empty row stays empty
            row += [""] * (place + 1 - len(row))
            row[place] = rater if number else RATER


def rated_by(study: Study, rater: str) -> Study:
    """The study as if `rater` rated with every instrument."""
    uses = tuple(use.model_copy(update={"raters": ()}) for use in study.instruments)
    known = [one.id for one in study.raters]
    raters = study.raters if rater in known else (*study.raters, Rater(id=rater))
    return study.model_copy(update={"instruments": uses, "raters": raters})
