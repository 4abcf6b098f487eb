"""Raters against themselves: mean squares by hand, McGraw and Wong's case of one rater, days between the codes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import intra_rater
from doublecode.analysis.reliability.recodes import pooled_recodes

# Two raters; the table of the analysis of variance of each is worked out below by hand.
FIRST = np.array([2.0, 4, 1, 0, 3, 3, 2, 4])
LATER = np.array([2.0, 3, 1, 1, 3, 4, 2, 3])
WHO = np.array([0, 0, 0, 0, 0, 1, 1, 1])


def test_pooled_against_the_hand_worked_analysis_of_variance():
    """Rater A: 5 sessions, sums 4 7 2 1 6 of 20; rater B: 3 sessions, sums 7 4 7 of 18.

    A: SS_t = (16 + 49 + 4 + 1 + 36)/2 − 400/10 = 53 − 40 = 13; SS_o = (10² + 10²)/5 − 40 = 0;
       total 54 − 40 = 14, residual 1.
    B: SS_t = (49 + 16 + 49)/2 − 324/6 = 57 − 54 = 3; SS_o = (9² + 9²)/3 − 54 = 0; total 58 − 54 = 4, residual 1.
    MS_t = 16/6, MS_o = 0/2, MS_e = 2/6; n̄ = 4:
    ICC = (16/6 − 2/6) / (16/6 + 2/6 + 2(0 − 2/6)/4) = (14/6) / (17/6) = 14/17.
    """
    found = pooled_recodes(FIRST, LATER, WHO)
    assert found.estimate == pytest.approx(14 / 17, abs=1e-12)
    assert (found.n_targets, found.n_raters) == (8, 2)
    assert found.conf_low < found.estimate < found.conf_high


def test_one_rater_pooled_is_the_two_way_icc():
    rng = np.random.default_rng(3)
    true = rng.normal(size=15)
    first, later = true + rng.normal(size=15) * 0.5, true + 0.4 + rng.normal(size=15) * 0.5
    long = pd.DataFrame({
        "s": np.tile(range(15), 2), "r": "A", "t": np.repeat([1, 2], 15), "y": np.concatenate([first, later]),
    })  # fmt: skip
    forms = intra_rater(long, targets="s", raters="r", occasions="t", ratings="y").frame.set_index("form")
    found = pooled_recodes(first, later, np.zeros(15, dtype=np.int64))
    assert found.estimate == pytest.approx(forms.loc["ICC(A,1)", "estimate"], abs=1e-10)


def test_differences_between_raters_are_neither_truth_nor_error():
    moved = WHO * 10.0
    there = pooled_recodes(FIRST + moved, LATER + moved, WHO)
    here = pooled_recodes(FIRST, LATER, WHO)
    assert there.estimate == pytest.approx(here.estimate, abs=1e-12)


@pytest.mark.parametrize(("first", "later"), [([1.0, 1, 1, 1], [1.0, 1, 1, 1]), ([2.0], [2.0])])
def test_without_variance_or_a_second_session_there_is_none(first, later):
    found = pooled_recodes(np.array(first), np.array(later), np.zeros(len(first), dtype=np.int64))
    assert np.isnan([found.estimate, found.conf_low, found.conf_high]).all()


def codes(gaps):
    rows = [("S1", 1, "2021-03-01", 2.0), ("S2", 1, "2021-03-01", 4.0), ("S3", 1, "2021-03-01", 1.0)]
    days = [str(pd.Timestamp("2021-03-01") + pd.Timedelta(days=gap))[:10] for gap in gaps]
    rows += [(f"S{at}", 2, day, value) for at, (day, value) in enumerate(zip(days, (2.0, 3.0, 1.0), strict=True), 1)]
    return pd.DataFrame(rows, columns=["tape", "time", "day", "y"]).assign(rater="A")


@pytest.mark.parametrize(
    ("gaps", "kinds", "said"),
    [
        ((20, 30, 25), ["days_between_codes"], {"median": 25, "low": 20, "high": 30, "n": 3}),
        ((7, 14, 40), ["days_between_codes", "carry_over"], {"n": 1, "of": 3, "days": 14}),
    ],
)
def test_days_between_codes_are_told_and_few_of_them_warned_of(gaps, kinds, said):
    found = intra_rater(codes(gaps), targets="tape", raters="rater", occasions="time", ratings="y", days="day")
    told = [note for note in found.notes if note.kind in ("days_between_codes", "carry_over")]
    assert [note.kind for note in told] == kinds
    assert told[-1].numbers == said
    dated = codes(gaps).assign(day=lambda frame: pd.to_datetime(frame["day"]))
    again = intra_rater(dated, targets="tape", raters="rater", occasions="time", ratings="y", days="day")
    assert again.notes == found.notes


def test_the_sentence_names_recodes_and_one_coding():
    said = intra_rater(codes((20, 20, 20)), targets="tape", raters="rater", occasions="time", ratings="y").sentence()
    assert said.startswith("Intra-rater reliability of tape scores (rater A): ICC(A,1)")
    assert "3 tapes, 2 occasions, 6 ratings" in said


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (["--intra", "time", "--days", "day"], 0, "Intra-rater reliability of tape scores (rater A): ICC(A,1)"),
        (["--intra", "time", "--dyads"], 2, "--intra: --dyads has no effect on recodes; leave it out."),
        (["--days", "day"], 2, "--days: belongs to --intra"),
    ],
)
def test_on_the_command_line(more, code, said, tmp_path, monkeypatch, capsys):
    from doublecode.analysis.cli.app import main

    codes((20, 30, 25)).to_csv(tmp_path / "codes.csv", index=False)
    words = ["icc", str(tmp_path / "codes.csv"), "--targets", "tape", "--raters", "rater", "--ratings", "y", *more]
    monkeypatch.setattr("sys.argv", ["doublecode", *words])
    monkeypatch.setenv("COLUMNS", "400")
    with pytest.raises(SystemExit) as left:
        main()
    assert int(left.value.code or 0) == code
    assert said in "".join(capsys.readouterr())


def test_a_rater_with_one_recode_counts_nowhere():
    alone = pooled_recodes(np.append(FIRST, 9.0), np.append(LATER, 1.0), np.append(WHO, 99))
    assert alone == pooled_recodes(FIRST, LATER, WHO)
