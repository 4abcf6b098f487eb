"""Ordinary tables whose criterion is nearly flat in one direction where the search begins.

A step that is cut must not be asked to bring what the whole step promised: the search never left its start, and
an ICC was 1 / 2.36 = .4237, whatever the ratings were.
"""

import numpy as np
import pytest

from doublecode.analysis import fit_mixed, icc
from doublecode.analysis.mixed.engine.descent import newton_plan
from doublecode.data_examples.adolescent_study import adolescent_study


@pytest.mark.parametrize(
    ("seed", "instrument", "item"),
    [(345, "thabs", "reactions"), (695, "thabs", "review"), (1964, "homework_adherence", "adherence")],
)
def test_icc_is_that_of_the_mixed_model(seed, instrument, item):
    ratings = adolescent_study(seed).ratings  # synthetic
    own = ratings[(ratings["instrument"] == instrument) & (ratings["item"] == item)].dropna(subset=["value"])
    own = own[["session_id", "rater", "value"]]
    found = icc(own, targets="session_id", raters="rater", ratings="value", k=(1,)).frame.set_index("form")
    fit = fit_mixed("value ~ 1 + (1 | session_id) + (1 | rater)", own, ddf="z")
    variances = fit.variances.set_index("group")["variance"]
    one = found.loc["ICC(A,1)"]
    assert one["estimate"] == pytest.approx(variances["session_id"] / variances.sum(), abs=1e-5)
    assert one["conf_low"] <= one["estimate"] <= one["conf_high"]


def test_a_step_that_is_cut_promises_what_it_can_bring():
    gradient, hessian = np.array([[1.0, 1e-3]]), np.array([[[1.0, 0.0], [0.0, 1e-9]]])
    plan = newton_plan(gradient, hessian, 1e-12)
    length = np.sqrt(np.square(plan.step).sum())
    assert length == pytest.approx(2.0)
    assert plan.promise[0] <= np.abs(gradient * plan.step).sum()
