"""The outcome of a cumulative model: its order, the categories that occur, and what is refused with a way on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.mixed.generalized.ordinal_outcome import categories_in_use, numbered
from doublecode.schemas.errors import ContractError, NotEstimable


def read(values):
    numbers, labels = numbered(pd.Series(values), "thabs1")
    return categories_in_use(numbers.dropna().to_numpy(), labels, "thabs1")


def test_whole_numbers_are_their_own_categories_and_gaps_are_named() -> None:
    found = read([0, 1, 1, 4, 2.0, np.nan])
    assert found.labels == (0, 1, 2, 4)
    assert found.y.tolist() == [0, 1, 1, 3, 2]
    assert found.counts.tolist() == [1, 2, 1, 1]
    assert found.shown.tolist() == [0, 1, 1, 4, 2]
    assert found.empty == (3,)
    assert found.notes[0].numbers["categories"] == ("3",)
    assert read([3, 4, 5]).empty == ()
    assert read([True, False]).labels == (0, 1)


def test_an_ordered_categorical_keeps_its_order_and_its_words() -> None:
    words = pd.Categorical(
        ["much", "none", "some", "none"], categories=["none", "some", "rather", "much"], ordered=True
    )
    found = read(words)
    assert found.labels == ("none", "some", "much")
    assert found.y.tolist() == [2, 0, 1, 0]
    assert found.empty == ("rather",)


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        (["none", "some"], ContractError, "text has no order.*pandas.Categorical.*ordered=True"),
        (pd.Categorical(["a", "b"]), ContractError, "without an order.*reorder_categories"),
        ([0.0, 1.5, 2.0], ContractError, "1.5 .row 1.*whole numbers.*fit_mixed"),
        ([2, 2, 2], NotEstimable, "one category only.*2.*another outcome"),
        (list(range(25)), NotEstimable, "25 different values.*up to 20.*fit_mixed"),
    ],
)
def test_what_is_no_ordinal_outcome_is_refused_with_the_next_step(values, error, words) -> None:
    with pytest.raises(error, match="thabs1.*" + words):
        read(values)
