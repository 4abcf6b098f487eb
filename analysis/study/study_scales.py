"""Scales of a study: inter-rater reliability by the design at hand, and the items of a scale side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.study.reliability_table import ReliabilityTable
    from doublecode.schemas.instrument import Instrument, Scale
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


def scale_items(items: pd.DataFrame, book: Instrument, scale: Scale) -> pd.DataFrame:
    """Put the items of a scale side by side as they are scored: reversed, lagged by session number.

    Parameters
    ----------
    items : DataFrame
        Contract ITEMS.

    Returns
    -------
    DataFrame
        ``patient``, ``session`` and one column per item of the scale; sessions in which none of
        them was rated are left out, and with a lag those without the session before.
    """
    from doublecode.coding.scoring import reverse_items

    rows = items[(items["instrument"] == book.name) & items["item"].isin(scale.items)]
    wide = rows.pivot(index=["patient", "session"], columns="item", values="value")  # noqa: PD010
    wide = wide.reindex(columns=list(scale.items))
    wide = reverse_items(wide, [book.item(name) for name in scale.items])
    if scale.lagged:
        before = wide[list(scale.lagged)].reset_index().assign(session=lambda rows: rows["session"] + 1)
        lagged = before.set_index(["patient", "session"]).reindex(wide.index)
        wide[list(scale.lagged)] = lagged[list(scale.lagged)]
        wide = wide[wide[list(scale.lagged)].notna().any(axis=1)]
    wide = wide[wide.notna().any(axis=1)]
    wide.columns.name = None
    return wide.reset_index()
