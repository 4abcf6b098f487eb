"""What icc() refuses, marks and says."""

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.reliability import form_tables
from doublecode.analysis.reliability.interrater import icc, intra_rater
from doublecode.schemas.errors import ContractError, DuplicateError, NotEstimable, UsageError


def frame(n=6, k=3, seed=0):
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(n, 1)) + rng.normal(size=(n, k)) * 0.5
    return pd.DataFrame(
        [(f"s{i}", f"R{j}", table[i, j]) for i in range(n) for j in range(k)],
        columns=["session", "rater", "score"],
    )


NAMES = {"targets": "session", "raters": "rater", "ratings": "score"}


def test_one_rater():
    with pytest.raises(NotEstimable, match=r"one rater only \('R0'\).*intra_rater\(\)"):
        icc(frame(k=1), **NAMES)


def test_one_target():
    with pytest.raises(NotEstimable, match=r"one session only: .*at least two sessions"):
        icc(frame(n=1), **NAMES)


def test_no_target_with_two_ratings():
    single = frame()[lambda d: d["rater"].str[1:].astype(int) == d["session"].str[1:].astype(int) % 3]
    with pytest.raises(NotEstimable, match="no session carries two ratings"):
        icc(single, **NAMES)


def test_duplicate_is_refused_with_its_place():
    doubled = pd.concat([frame(), frame().iloc[[4]]])
    with pytest.raises(DuplicateError, match=r"rater 'R1' rated session 's1' more than once .*never averaged"):
        icc(doubled, **NAMES)


def test_duplicate_in_a_set_names_the_set():
    both = pd.concat([frame().assign(item="a"), frame().assign(item="b"), frame().iloc[[0]].assign(item="b")])
    with pytest.raises(DuplicateError, match=r"more than once in b \(1 repeated"):
        icc(both, **NAMES, by="item")


def test_missing_column_lists_what_there_is():
    with pytest.raises(ContractError, match=r"no column 'coder'; it has 'session', 'rater', 'score'"):
        icc(frame(), targets="session", raters="coder", ratings="score")


def test_column_in_two_roles():
    with pytest.raises(UsageError, match="two roles"):
        icc(frame(), targets="session", raters="session", ratings="score")


def test_text_ratings_are_not_coerced():
    text = frame().astype({"score": object})
    text.loc[3, "score"] = "three"
    with pytest.raises(ContractError, match="must hold numbers, found for example 'three' in row 3"):
        icc(text, **NAMES)


def test_infinite_rating():
    bad = frame()
    bad.loc[2, "score"] = np.inf
    with pytest.raises(ContractError, match="infinite"):
        icc(bad, **NAMES)


def test_blank_label():
    bad = frame()
    bad.loc[2, "rater"] = None
    with pytest.raises(ContractError, match=r"column 'rater' is blank in row 2"):
        icc(bad, **NAMES)


@pytest.mark.parametrize("k", [(0,), ("all",), (), (True,)])
def test_wrong_k(k):
    with pytest.raises(UsageError, match="k "):
        icc(frame(), **NAMES, k=k)


def test_one_k_needs_no_tuple():
    assert icc(frame(), **NAMES, k=3).frame["form"].tolist() == ["ICC(1,3)", "ICC(A,3)", "ICC(C,3)"]
    assert icc(frame(), **NAMES, k="eff").spec["k"] == ["eff"]


def test_wrong_conf_level():
    with pytest.raises(UsageError, match="conf_level is 95"):
        icc(frame(), **NAMES, conf_level=95)


def test_missing_ratings_are_counted():
    gaps = frame(n=30, seed=2)
    gaps.loc[[1, 5], "score"] = np.nan
    result = icc(gaps, **NAMES)
    assert result.design["dropped"] == {"missing rating": 2}
    assert result.design["kind"] == "incomplete"
    assert "2 row(s) without a rating were left out" in result.note_texts()


def test_nothing_at_all():
    with pytest.raises(NotEstimable, match="holds no rating at all"):
        icc(frame().assign(score=np.nan), **NAMES)


def test_a_set_that_cannot_be_estimated_keeps_a_marked_row():
    both = pd.concat([frame(n=8).assign(item="fine"), frame(k=1).assign(item="single")])
    result = icc(both, **NAMES, by="item")
    row = result.frame[result.frame["item"] == "single"].iloc[0]
    assert np.isnan(row["estimate"])
    assert row["method"] == "not estimable: one rater only ('R0')"
    assert any(note.startswith("item = single: one rater only") for note in result.note_texts())
    assert len(result.sentence().splitlines()) == 2


def test_lack_of_spread_is_diagnosed():
    rng = np.random.default_rng(5)
    score = np.where(rng.random(120) < 0.06, 3.0, 4.0)
    flat = pd.DataFrame({"session": np.repeat(range(60), 2), "rater": np.tile(["A", "B"], 60), "score": score})
    result = icc(flat, **NAMES)
    note = next(note for note in result.note_texts() if "lack of spread" in note)
    assert "agree exactly on" in note
    assert "of the ratings are 4" in note


def test_few_pairs_counts_them():
    assert any("only 6 sessions carry more than one" in note for note in icc(frame(), **NAMES).note_texts())


def test_nothing_is_mutated():
    data = frame()
    before = data.copy()
    icc(data, **NAMES)
    pd.testing.assert_frame_equal(data, before)


def test_sentence_of_a_form_and_an_unknown_one():
    result = icc(frame(n=30), **NAMES)
    text = result.sentence(rule="cicchetti1994", form="ICC(C,1)")
    assert "ICC(C,1) (Shrout & Fleiss: ICC(3,1))" in text
    assert "(Cicchetti, 1994)" in text
    assert "single rating (k = 1)" in text
    with pytest.raises(UsageError, match="holds no form 'ICC'"):
        result.sentence(form="ICC")


def test_a_sentence_says_that_a_limit_does_not_exist():
    # three targets: a lower limit of a single rating below −1/(k − 1) has no counterpart for the mean of k
    text = icc(frame(n=3, seed=12), **NAMES).sentence(form="ICC(A,k)")
    assert "95% CI [–, " in text
    assert text.endswith("One of its limits does not exist, so it is not judged.")
    assert "nan" not in text


def test_markdown_has_a_row_per_form():
    lines = icc(frame(), **NAMES).to_markdown().splitlines()
    assert sum(line.startswith("| ICC(") for line in lines) == 6


def test_recodes_of_one_rater():
    rng = np.random.default_rng(1)
    true = rng.normal(size=20)
    rows = [
        (s, r, t, true[s] + rng.normal() * (0.2 if r == "A" else 1.0)) for s in range(20) for r in "AB" for t in (1, 2)
    ]
    rows.append((99, "A", 1, 0.0))
    data = pd.DataFrame(rows, columns=["session", "rater", "time", "score"])
    result = intra_rater(data, targets="session", raters="rater", occasions="time", ratings="score")
    single = result.frame[result.frame["form"] == "ICC(A,1)"].set_index("rater")["estimate"]
    assert single["A"] > 0.9 > single["B"]
    assert result.design["dropped"]["coded once only"] == 1
    with pytest.raises(UsageError, match="there are no recodes"):
        intra_rater(
            data.drop_duplicates(["session", "rater"]),
            targets="session",
            raters="rater",
            occasions="time",
            ratings="score",
        )


@pytest.mark.parametrize(
    ("change", "options", "error", "words"),
    [
        (lambda frame: pd.concat([frame, frame[["y"]]], axis=1), {}, ContractError, "the column 'y' stands 2 times"),
        (lambda frame: frame.to_numpy(), {}, UsageError, "found a ndarray, allowed a frame of pandas"),
        (lambda frame: frame, {"conf_level": "0.9"}, UsageError, "conf_level is '0.9'"),
    ],
)
def test_frames_and_levels_of_the_wrong_kind(change, options, error, words):
    frame = pd.DataFrame({"t": [1, 1, 2, 2, 3, 3], "r": [1, 2] * 3, "y": [1.0, 2.0, 3.0, 3.0, 5.0, 4.0]})
    with pytest.raises(error, match=words):
        icc(change(frame), targets="t", raters="r", ratings="y", **options)


def test_labels_of_many_sets_are_in_the_table_and_in_no_cache():
    """150 items: keys as pandas holds texts, and none of them kept for the next table."""
    item, session, rater = (at.ravel() for at in np.indices((150, 4, 2)))
    score = (session + item % 3 + rater * (session % 2)).astype(float)
    data = pd.DataFrame({"item": [f"item {n:03d}" for n in item], "session": session, "rater": rater, "score": score})
    found = icc(data, targets="session", raters="rater", ratings="score", by="item").frame
    own = [f"item {n:03d}" for n in range(150)]
    assert found["item"].drop_duplicates().tolist() == own
    assert found["item"].dtype == pd.Series(own).dtype
    before = form_tables._held.cache_info().misses
    icc(data.assign(item=data["item"] + "b"), targets="session", raters="rater", ratings="score", by="item")
    assert form_tables._held.cache_info().misses == before
