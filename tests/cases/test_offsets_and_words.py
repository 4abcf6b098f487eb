"""An offset that is no logarithm is noted, log(column) is taken, and a third word of an outcome is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import fit_generalized, fit_many
from doublecode.analysis.cli.on_models import _with_logarithm
from doublecode.analysis.cli.outcome_words import OutcomeWords
from doublecode.analysis.cli.read_files import names_in
from doublecode.schemas.errors import FormulaError, UsageError

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


@pytest.mark.parametrize(
    ("outcome", "trials", "asked"),
    [
        ([0, 1, 1, 0, 1, 0] * 2, [1, 3, 2, 4, 2, 3] * 2, True),
        ([0, 1, 1, 0, 1, 0] * 2, [1.0] * 12, False),
        ([0, 2, 1, 0, 1, 0] * 2, [1, 3, 2, 4, 2, 3] * 2, False),
        ([0, 1 / 3, 1, 0, 1, 0] * 2, [1, 3, 2, 4, 2, 3] * 2, False),
    ],
)
def test_zero_and_one_of_several_trials_is_asked_about(outcome: list[float], trials: list[float], asked: bool) -> None:
    """1 may be one success of several, as it is read, or all of them."""
    data = DATA.assign(done=outcome, given=trials)
    fit = fit_generalized("done ~ 1 + (1 | patient)", data, family="binomial", trials="given")
    many = fit_many("done ~ 1 + (1 | patient)", data, data[["done"]].to_numpy(float), family="binomial", trials="given")
    for notes in (fit.notes, many.notes):
        assert ("zero_one_of_trials" in [note.kind for note in notes]) is asked
    assert ("1 was read as one success, of up to 4 trials: does 1 mean that all" in " ".join(str(fit).split())) is asked


def test_the_logarithm_of_a_column_stays_missing_where_the_column_is() -> None:
    data = DATA.assign(**{"my minutes": DATA["minutes"].where(DATA.index != 1)})
    taken = _with_logarithm(data, "log(`my minutes`)")["log(`my minutes`)"]
    assert np.isnan(taken[1])
    assert taken[2] == pytest.approx(np.log(60))
    assert _with_logarithm(data, "minutes") is data


DONE = pd.Series(["ja", "nein", "k.A.", None], name="done")


def test_a_third_word_of_an_outcome_is_not_counted_in_silence() -> None:
    alone = r"'done' also holds 'k.A.', 'nein'. Name those that count as 0: --failure \"k.A.,nein\""
    with pytest.raises(UsageError, match=alone):
        OutcomeWords("binomial", ("ja",)).read(DONE)
    with pytest.raises(UsageError, match=r"also holds 'k.A.'. Name .* goes into --missing instead"):
        OutcomeWords("binomial", ("ja",), ("nein",)).read(DONE)
    with pytest.raises(UsageError, match=r"also holds 'Ja', 'nein'"):
        OutcomeWords("binomial", ("ja",)).read(DONE.replace("k.A.", "Ja"))
    np.testing.assert_array_equal(OutcomeWords("binomial", ("ja",), ("nein", "k.A.")).read(DONE), [1, 0, 0, np.nan])


def test_one_other_word_is_the_failure() -> None:
    words, two = OutcomeWords("binomial", ("ja",)), DONE.replace("k.A.", None)
    np.testing.assert_array_equal(words.read(two), [1, 0, np.nan, np.nan])
    assert words.said("done", two) == "done: 1 is ja; 0 is nein"
    numbers = pd.Series([1.0, 2.0, np.nan], name="done")
    np.testing.assert_array_equal(OutcomeWords("binomial", ("2",)).read(numbers), [0, 1, np.nan])


def test_a_word_with_a_comma_is_advised_so_that_it_is_read_as_one() -> None:
    words = ["gut", "ja, etwas", "sehr"]
    with pytest.raises(UsageError, match=r"--order 'gut,`ja, etwas`,sehr'") as said:
        OutcomeWords("ordinal").refuse_words("y", lambda role: pd.DataFrame({"y": words}))
    assert names_in(str(said.value).split("'")[-2]) == tuple(words)


def test_the_advice_for_a_frame_of_words_leaves_missing_ones_missing() -> None:
    words = DATA.assign(done=np.where(DATA["n"] > 2, "ja", "nein")).astype({"done": object})
    words.loc[1, "done"] = None
    with pytest.raises(FormulaError, match=r"\.map\(\{'ja': 1, 'nein': 0\}\)"):
        fit_generalized("done ~ 1 + (1 | patient)", words, family="binomial")
