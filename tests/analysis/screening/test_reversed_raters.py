"""Codes from the other end."""

import numpy as np
import pytest

from doublecode.analysis.screening.code_tables import code_tables
from doublecode.analysis.screening.reversed_raters import reversed_raters


def found_in(study):
    (table,) = code_tables(study.ratings, [study.book])
    return list(reversed_raters(table))


def with_codes(study, codes):
    return type(study)(study.design, study.session, study.rater, study.sheet, codes)


def test_a_reversed_rater_and_a_reversed_item_are_named(planted_screens):
    study = planted_screens.honest(planted_screens.DESIGNS[0], 31)
    codes = study.codes.copy()
    codes[study.rater == 4] = 4 - codes[study.rater == 4]
    worst = min(found_in(with_codes(study, codes)), key=lambda one: one.p_value)
    assert (worst.rater, worst.other, worst.part) == ("R4", "", "")
    assert worst.p_value < 1e-6
    assert worst.statistic < -0.4
    codes = study.codes.copy()
    codes[study.rater == 1, 3] = 4 - codes[study.rater == 1, 3]
    worst = min(found_in(with_codes(study, codes)), key=lambda one: one.p_value)
    assert (worst.rater, worst.part) == ("R1", "i3")
    assert worst.p_value < 1e-4


def test_who_guesses_is_not_called_reversed(planted_screens):
    """Of a hundred raters who guess, few are: .05 for all items, and .05 for its parts together."""
    called = 0
    for number in range(25):
        study = planted_screens.honest(planted_screens.DESIGNS[0], number)
        codes = study.codes.copy()
        rows = study.rater == 2
        codes[rows] = np.random.default_rng(number).integers(0, 5, codes[rows].shape)
        called += min(one.p_value for one in found_in(with_codes(study, codes)) if one.rater == "R2") < 1e-4
    assert called <= 6  # binomial, 25 × .10: more than 6 with chance .01


def test_of_two_raters_nobody_can_say_who(planted_screens):
    study = planted_screens.honest(planted_screens.DESIGNS[3], 5)
    codes = study.codes.copy()
    codes[study.rater == 1] = 6 - codes[study.rater == 1]
    found = found_in(with_codes(study, codes))
    assert {(one.rater, one.other) for one in found} == {("R0", "R1")}
    assert min(one.p_value for one in found) < 1e-4


@pytest.mark.parametrize("design", [0, 1, 2, 4])
def test_honest_raters_are_far_from_it(planted_screens, design):
    study = planted_screens.honest(planted_screens.DESIGNS[design], 8)
    assert min(one.p_value for one in found_in(study)) > 0.01
