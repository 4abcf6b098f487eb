"""Strings and rows that come again."""

import numpy as np
import pytest

from doublecode.analysis.screening.code_tables import code_tables
from doublecode.analysis.screening.findings import Screen
from doublecode.analysis.screening.straight_lines import straight_lines


def found_in(study):
    (table,) = code_tables(study.ratings, [study.book])
    return list(straight_lines(table))


@pytest.fixture
def honest(planted_screens):
    return planted_screens.honest(planted_screens.DESIGNS[0], 11)


def test_a_string_is_named_with_its_rows(honest):
    codes = honest.codes.copy()
    rows = np.flatnonzero((honest.rater == 2) & (honest.sheet == 0))[5:20]
    codes[rows] = 2.0
    planted = type(honest)(honest.design, honest.session, honest.rater, honest.sheet, codes)
    worst = min(found_in(planted), key=lambda one: one.p_value)
    assert (worst.screen, worst.rater, worst.part, worst.n_found) == (Screen.STRAIGHT_LINE, "R2", "", 15)
    assert worst.place == "R2_0.xlsx › Rate rows 10–24"
    assert worst.p_value < 1e-8
    assert worst.sessions == tuple(f"S{one:04d}" for one in honest.session[rows])


def test_a_block_that_is_pasted_below_itself_comes_again(honest):
    codes = honest.codes.copy()
    own = np.flatnonzero(honest.rater == 1)
    codes[own[20:40]] = codes[own[:20]]
    planted = type(honest)(honest.design, honest.session, honest.rater, honest.sheet, codes)
    (found,) = [one for one in found_in(planted) if one.screen == Screen.REPEATED_ROWS and one.rater == "R1"]
    assert found.n_found >= 20
    assert found.p_value < 1e-3
    assert min(one.p_value for one in found_in(planted) if one.screen == Screen.STRAIGHT_LINE) > 1e-4


def test_a_string_ends_with_its_sheet(honest):
    """Equal rows at the end of one sheet and the start of the next are two strings."""
    codes = honest.codes.copy()
    ends = np.flatnonzero((honest.rater == 0) & (honest.sheet == 0))[-4:]
    starts = np.flatnonzero((honest.rater == 0) & (honest.sheet == 1))[:4]
    codes[np.concatenate([ends, starts])] = 2.0
    planted = type(honest)(honest.design, honest.session, honest.rater, honest.sheet, codes)
    (found,) = [one for one in found_in(planted) if (one.screen, one.rater, one.part) == ("straight_line", "R0", "")]
    assert found.n_found == 4


def test_a_floor_is_no_string(planted_screens):
    for number in range(5):
        study = planted_screens.honest(planted_screens.DESIGNS[1], number)
        assert min(one.p_value for one in found_in(study)) > 1e-4
