"""Codes never used, rows of one code."""

import numpy as np

from doublecode.analysis.screening.code_tables import code_tables
from doublecode.analysis.screening.code_use import halo, unused_codes


def test_a_code_that_others_give_often_and_one_rater_never(planted_screens):
    study = planted_screens.honest(planted_screens.DESIGNS[0], 41)
    codes = study.codes.copy()
    own = study.rater == 0
    codes[own, 2] = np.where(codes[own, 2] == 2, 1, codes[own, 2])
    planted = type(study)(study.design, study.session, study.rater, study.sheet, codes)
    (table,) = code_tables(planted.ratings, [planted.book])
    worst = min(unused_codes(table), key=lambda one: one.p_value)
    others = codes[~own, 2]
    share = np.mean(others[np.isfinite(others)] == 2)
    assert (worst.rater, worst.part, worst.n_found) == ("R0", "i2 = 2", 0)
    assert worst.expected == share * worst.n


def test_rows_of_one_code(planted_screens):
    study = planted_screens.honest(planted_screens.DESIGNS[0], 42)
    codes = study.codes.copy()
    own = np.flatnonzero(study.rater == 3)
    codes[own[::2]] = codes[own[::2], :1]
    planted = type(study)(study.design, study.session, study.rater, study.sheet, codes)
    (table,) = code_tables(planted.ratings, [planted.book])
    found = {one.rater: one for one in halo(table)}
    assert found["R3"].p_value < 1e-3 < 0.1 < min(one.p_value for name, one in found.items() if name != "R3")
    assert len(found["R3"].sessions) == found["R3"].n_found
