"""Which assignments stand when a plan is drawn again: those that are done, or those whose workbooks are out."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from doublecode.coding.intake.ratings_at_hand import ratings_at_hand
from doublecode.coding.workbooks.layout import workbook_name
from doublecode.schemas.frames import OCCASION
from doublecode.schemas.study import Study

Keep = Literal["given", "done"]
_KEYS = ["session_id", "rater", "instrument"]


def standing_assignments(study: Study, assignments: pd.DataFrame, keep: Keep) -> pd.DataFrame:
    """Rows of a plan that a new one leaves as they are.

    Parameters
    ----------
    study : Study
    assignments : DataFrame
        Contract ``ASSIGNMENTS``: the plan as it is.
    keep : {"given", "done"}
        *done*: rated, by the ledger or by a workbook in ``incoming/``. *given*: these, and all whose workbook lies in
        ``outgoing/``; of raters who have left only what is done stands.
    """
    times = _times(assignments)
    done = _rated(study)
    keys = zip(*(assignments[name].astype(str) for name in _KEYS), times, strict=True)
    stands = pd.Series([key in done for key in keys], assignments.index, dtype=bool)
    if keep == "given":
        left = {limit.rater for limit in study.allocation.limits if limit.left}
        names = zip(assignments["instrument"], assignments["rater"], assignments["batch"], times, strict=True)
        stands |= np.array(
            [
                str(rater) not in left
                and (study.folder / "outgoing" / workbook_name(str(book), str(rater), str(batch), time)).is_file()
                for book, rater, batch, time in names
            ],
            dtype=bool,
        )
    return assignments[stands]


def _times(frame: pd.DataFrame) -> list[int]:
    return frame[OCCASION].astype(int).tolist() if OCCASION in frame.columns else [1] * len(frame)


def _rated(study: Study) -> set[tuple[str, str, str, int]]:
    """session, rater, instrument and occasion of every rating that counts, be it in the ledger or in a file."""
    ratings = ratings_at_hand(study)[0]
    return set(zip(*(ratings[name].astype(str) for name in _KEYS), _times(ratings), strict=True))
