"""What was agreed on, in the place of what raters coded: for scores alone, where the study declares it."""

from __future__ import annotations

import pandas as pd

from doublecode.schemas.study import Study

_CELL = ["session_id", "instrument", "item"]
_AGREED = ["value", "text", "missing_code", "source_file", "source_sheet", "source_cell"]


def with_agreed(ratings: pd.DataFrame, decided: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Put what was decided into every rater's cell of an item, so that each rule of pooling gives it.

    Parameters
    ----------
    ratings : DataFrame
        Contract ``RATINGS``; not changed. Reliability is computed from it, never from what is returned.
    decided : DataFrame
        Contract ``RATINGS``, one row per session, instrument and item.
    study : Study
        Its instruments say ``consensus``: whether scores stand on what was decided.

    Returns
    -------
    DataFrame
        The same rows; a cell that was decided has the value, the missing code and the place of the decision.
    """
    declared = [name for name in study.codebooks if study.use(name).consensus]
    own = decided[decided["instrument"].isin(declared)]
    if own.empty:
        return ratings
    place = pd.MultiIndex.from_frame(own[_CELL])
    rows = place.get_indexer(pd.MultiIndex.from_frame(ratings[_CELL]))
    hit = rows >= 0
    agreed = ratings.copy()
    for name in _AGREED:
        agreed.loc[hit, name] = own[name].to_numpy()[rows[hit]]
    return agreed
