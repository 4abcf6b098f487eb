"""Ratings as tables of codes."""

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.screening.code_tables import code_tables
from doublecode.schemas import load_instrument
from doublecode.schemas.errors import DuplicateError


def test_rows_stand_in_the_order_of_the_sheets(planted_screens):
    study = planted_screens.honest(planted_screens.DESIGNS[0], 3)
    (table,) = code_tables(study.ratings.sample(frac=1, random_state=1), [study.book])
    known = np.isfinite(study.codes)
    assert (table.sheet[1:] >= table.sheet[:-1])[table.rater[1:] == table.rater[:-1]].all()
    assert np.array_equal(table.session, study.session)
    assert np.array_equal(table.codes[known], study.codes[known])
    first, second = table.pairs()
    assert (table.session[first] == table.session[second]).all()
    assert len(first) == len(study.session) - len(np.unique(study.session))


def test_texts_given_cells_and_later_occasions_are_no_codes():
    rows = [("S1", "R1", "extent", 2.0, 1), ("S1", "R1", "extent", 3.0, 2), ("S1", "R2", "extent", 1.0, 1),
            ("S1", "R1", "homework_done", None, 1)]  # fmt: skip
    ratings = pd.DataFrame(rows, columns=["session_id", "rater", "item", "value", "occasion"])
    (table,) = code_tables(ratings, [load_instrument("ghes")])
    assert table.items == ("extent",)
    assert table.codes.ravel().tolist() == [2.0, 1.0]
    with pytest.raises(DuplicateError):
        list(code_tables(pd.concat([ratings, ratings.iloc[:1]]), [load_instrument("ghes")]))
