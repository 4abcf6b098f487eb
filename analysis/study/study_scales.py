"""Scales of a study: inter-rater reliability by the design at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from doublecode.analysis.study.labels import part_places
from doublecode.schemas.errors import NotEstimable

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.study.reliability_table import ReliabilityTable
    from doublecode.schemas.instrument import Instrument
    from doublecode.schemas.study import Study


def reliability_of(study: Study, ratings: pd.DataFrame) -> ReliabilityTable:
    """ICC of each rated item and scale, main phase and pilot apart; of several answers in a cell, code by code.

    What one rater rated alone has rows without a coefficient, and the reason.

    Parameters
    ----------
    study : Study
        Says for each instrument whether raters are told apart (two-way) or not (one-way), and which limits.
    ratings : DataFrame
        Contract RATINGS. Scales with a lag join two tapes and are left out.

    Raises
    ------
    NotEstimable
        No instrument was rated by two raters.
    """
    from doublecode.analysis.study.reliability_table import reliability_table

    items, scores = _items_and_scores(study, ratings)
    books = _rated(study)
    one_way = [book.name for book in books if study.use(book.name).reliability == "one-way"]
    jackknife = [book.name for book in books if study.use(book.name).reliability_interval == "jackknife"]
    if len(ratings) and _of_several(items).empty:
        raise NotEstimable(f"reliability: nothing can be estimated: {_why_nothing(study, ratings)}")
    found = reliability_table(items, scores=scores if len(scores) else None, one_way=one_way, jackknife=jackknife)
    return replace(found, frame=_as_in_codebooks(found.frame, part_places(study.codebooks)))


def rated_by_several(study: Study, ratings: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What the reliability of a study stands on.

    Returns
    -------
    items : DataFrame
        Contract RATINGS with the labels of `ratings`; of several answers in a cell one row per code.
    scores : DataFrame
        Every rater's scale scores by themselves.
    """
    items, scores = _items_and_scores(study, ratings)
    return _of_several(items), _of_several(scores)


def items_by_several(study: Study, ratings: pd.DataFrame) -> pd.DataFrame:
    """Return the items of :func:`rated_by_several`."""
    return _of_several(_items(study, ratings))


def _items_and_scores(study: Study, ratings: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    from doublecode.coding.scoring import score_raters

    return _items(study, ratings), score_raters(ratings[_numeric(study, ratings)], _rated(study))


def _items(study: Study, ratings: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    from doublecode.coding.several_answers import per_code

    rows: pd.DataFrame = ratings[_numeric(study, ratings)]
    by_code = per_code(ratings, _rated(study))
    return pd.concat([rows, by_code]) if len(by_code) else rows


def _rated(study: Study) -> list[Instrument]:
    return [book for name, book in study.codebooks.items() if study.use(name).source == "raters"]


def _numeric(study: Study, ratings: pd.DataFrame) -> Any:
    """Which ratings are of items that are numbers."""
    import pandas as pd

    numeric = [(book.name, item.name) for book in _rated(study) for item in book.columns if item.is_numeric]
    return pd.MultiIndex.from_frame(ratings[["instrument", "item"]]).isin(numeric)


def _why_nothing(study: Study, ratings: pd.DataFrame) -> str:
    """Why no instrument has ratings of two raters to compare."""
    if not _numeric(study, ratings).any():
        return "no item that was rated is a number; names are counted under Codes without a number."
    return "no instrument was rated by two raters in the same phase; have some sessions rated twice."


def _as_in_codebooks(frame: pd.DataFrame, places: Mapping[tuple[str, str], int]) -> pd.DataFrame:
    """The rows of each instrument, level and phase in the order of the codebook."""
    block = frame.groupby(["instrument", "level", "phase"], sort=False).ngroup()
    place = [places[key] for key in zip(frame["instrument"], frame["name"], strict=True)]
    return (
        frame.assign(_block=block, _place=place)
        .sort_values(["_block", "_place"], kind="stable")
        .drop(columns=["_block", "_place"])
        .reset_index(drop=True)
    )


def _of_several(rows: pd.DataFrame) -> pd.DataFrame:
    """The ratings of instruments that several raters used in a phase."""
    return rows[rows.groupby(["instrument", "phase"])["rater"].transform("nunique") > 1]
