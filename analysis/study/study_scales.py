"""Scales of a study: inter-rater reliability by the design at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.study.reliability_table import ReliabilityTable
    from doublecode.schemas.study import Study


def reliability_of(study: Study, ratings: pd.DataFrame) -> ReliabilityTable:
    """ICC of each rated item and scale, main phase and pilot apart.

    Parameters
    ----------
    study : Study
        Says for each instrument whether raters are told apart (two-way) or not (one-way), and which limits.
    ratings : DataFrame
        Contract RATINGS. Scales with a lag join two tapes and are left out.

    Raises
    ------
    NotEstimable
        No session was rated by two raters.
    """
    import pandas as pd

    from doublecode.analysis.study.reliability_table import reliability_table
    from doublecode.coding.scoring import score_raters

    books = [book for name, book in study.codebooks.items() if study.use(name).source == "raters"]
    numeric = [(book.name, item.name) for book in books for item in book.columns if item.is_numeric]
    keys = pd.MultiIndex.from_frame(ratings[["instrument", "item"]])
    rows = ratings[keys.isin(numeric)]
    several = rows.groupby(["instrument", "phase"])["rater"].transform("nunique") > 1
    scores = score_raters(rows[several], books)
    one_way = [book.name for book in books if study.use(book.name).reliability == "one-way"]
    jackknife = [book.name for book in books if study.use(book.name).reliability_interval == "jackknife"]
    return reliability_table(
        rows[several], scores=scores if len(scores) else None, one_way=one_way, jackknife=jackknife
    )
