"""Columns that slipped by a row."""

import numpy as np
import pytest

from doublecode.analysis.screening.code_tables import code_tables
from doublecode.analysis.screening.shifted_columns import shifted_columns


def found_in(study):
    (table,) = code_tables(study.ratings, [study.book])
    return list(shifted_columns(table))


@pytest.mark.parametrize("way", [-1, 1])
def test_a_slipped_column_is_named_with_its_sheet(planted_screens, way):
    study = planted_screens.honest(planted_screens.DESIGNS[0], 21)
    codes = study.codes.copy()
    rows = np.flatnonzero((study.rater == 3) & (study.sheet == 0))
    j = int(np.argmax(planted_screens.predicted(codes[rows])))
    codes[rows, j] = np.roll(codes[rows, j], way)
    planted = type(study)(study.design, study.session, study.rater, study.sheet, codes)
    worst = min(found_in(planted), key=lambda one: one.p_value)
    assert (worst.rater, worst.part, worst.place) == ("R3", f"i{j}", "R3_0.xlsx › Rate rows 5–44")
    assert worst.p_value < 1e-5
    assert worst.statistic > 0.6 > 0.4 > worst.expected


def test_neighbours_that_are_alike_are_no_shift(planted_screens):
    """Sessions in the order of patients: the row above predicts a column too, its own row better."""
    for number in range(5):
        study = planted_screens.honest(planted_screens.DESIGNS[2], number)
        assert min(one.p_value for one in found_in(study)) > 1e-4


def test_one_item_has_nothing_to_be_held_to(planted_screens):
    study = planted_screens.honest(planted_screens.DESIGNS[2], 1)
    lone = type(study)(study.design, study.session, study.rater, study.sheet, study.codes[:, :1])
    assert found_in(lone) == []
