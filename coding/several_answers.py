"""Answers of several codes in one cell, as one yes or no per code."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from doublecode.schemas.instrument import Instrument


def per_code(ratings: pd.DataFrame, books: Iterable[Instrument]) -> pd.DataFrame:
    """Rows of 1 and 0, one per code of every item that may hold several; for reliability code by code.

    Parameters
    ----------
    ratings : DataFrame
        Contract ``RATINGS``: the chosen codes stand in ``text``, parted by commas.
    books : iterable of Instrument
        Items in slots (`repeat`) are left out: slot 1 of one rater need not be slot 1 of another.

    Returns
    -------
    DataFrame
        The rows concerned once per code, with their labels: ``item`` is the item's name and the code
        (``obstacles_lt``), ``value`` 1 where the code was chosen, 0 where only others were, missing where the cell held
        a missing code.

    Examples
    --------
    >>> from doublecode.schemas.item import Item
    >>> codes = {"LT": "lack of time", "F": "fear"}
    >>> item = Item(name="obstacles", label="Obstacles", type="nominal", multiple=True, categories=codes)
    >>> book = Instrument(name="own", title="Own", version="1", citation="", rights="", items=(item,))
    >>> cells = pd.DataFrame({"instrument": "own", "item": "obstacles", "text": ["LT,F", "F"], "missing_code": None})
    >>> per_code(cells, [book])[["item", "value"]].to_dict("list")
    {'item': ['obstacles_lt', 'obstacles_lt', 'obstacles_f', 'obstacles_f'], 'value': [1.0, 0.0, 1.0, 1.0]}
    """
    parts = [ratings.iloc[:0]]
    for book in books:
        for item in book.items:
            if not item.multiple or item.one_column_per_code or item.repeat > 1:
                continue
            rows = ratings[(ratings["instrument"] == book.name) & (ratings["item"] == item.name)]
            chosen = [set() if text is None or text != text else set(str(text).split(",")) for text in rows["text"]]
            for code, column in zip(item.categories, item.code_columns, strict=True):
                values = [float(code in codes) if codes else float("nan") for codes in chosen]
                parts.append(rows.assign(item=column, value=values))
    return pd.concat(parts)
