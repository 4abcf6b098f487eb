"""An offset that is no logarithm is noted, log(column) is taken, and a third word of an outcome is asked about."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import fit_generalized, fit_many
from doublecode.analysis.cli.on_models import _with_logarithm
from doublecode.analysis.cli.outcome_words import OutcomeWords

COUNTS = np.array([2, 0, 3, 1, 4, 2, 5, 3, 1, 2, 6, 2])
DATA = pd.DataFrame({"patient": np.repeat(list("abcd"), 3), "n": COUNTS, "minutes": np.tile([30, 45, 60], 4)})


@pytest.mark.parametrize(("divided", "noted"), [(False, True), (True, False)])
def test_an_exposure_as_offset_is_noted_and_its_logarithm_is_not(divided: bool, noted: bool) -> None:
    data = DATA.assign(known=np.log(DATA["minutes"]) if divided else DATA["minutes"])
    fit = fit_generalized("n ~ 1 + (1 | patient)", data, family="poisson", offset="known")
    assert any(note.kind == "offset_is_no_log" for note in fit.notes) is noted
    assert ("is log(known) meant?" in str(fit).replace("\n  ", " ")) is noted
    outcomes = data[["n", "n"]].to_numpy(dtype=float)
    many = fit_many("n ~ 1 + (1 | patient)", data, outcomes, family="poisson", offset="known")
    assert [note for note in many.notes if note.kind == "offset_is_no_log"] == [
        note for note in fit.notes if note.kind == "offset_is_no_log"
    ]


def test_the_logarithm_of_a_column_stays_missing_where_the_column_is() -> None:
    data = DATA.assign(**{"my minutes": DATA["minutes"].where(DATA.index != 1)})
    taken = _with_logarithm(data, "log(`my minutes`)")["log(`my minutes`)"]
    assert np.isnan(taken[1])
    assert taken[2] == pytest.approx(np.log(60))
    assert _with_logarithm(data, "minutes") is data


def test_a_third_word_of_an_outcome_is_asked_about() -> None:
    words = OutcomeWords("binomial", ("ja",))
    assert words.said("done", pd.Series(["ja", "nein", "k.A."])).endswith("then --missing)")
    assert words.said("done", pd.Series(["ja", "nein", None])) == "done: 1 is ja; 0 is nein"
