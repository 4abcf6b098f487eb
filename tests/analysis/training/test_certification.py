"""Trainees against a key: each number against another way to it, each verdict by its rule."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import agreement, certify, icc
from doublecode.schemas.errors import ContractError, DuplicateError, NotEstimable, UsageError

HOW: dict[str, Any] = {"targets": "tape", "raters": "rater", "ratings": "score"}


def made(n: int = 14, seed: int = 5, top: int = 6, apart: tuple[int, ...] = (-1, 0, 0, 1)) -> tuple[Any, Any]:
    """One trainee and a key on codes 0 to `top`."""
    rng = np.random.default_rng(seed)
    key = pd.DataFrame({"tape": [f"T{i:02d}" for i in range(n)], "score": rng.integers(0, top + 1, n)})
    given = key.assign(rater="Ann", score=np.clip(key["score"] + rng.choice(apart, n), 0, top))
    return given, key


def row(found: Any, criterion: str) -> Any:
    return found.frame.set_index("criterion").loc[criterion]


def test_bias_and_its_limits_are_those_of_a_paired_t_test() -> None:
    from scipy import stats

    given, key = made()
    apart = given["score"].to_numpy() - key["score"].to_numpy()
    test = stats.ttest_1samp(apart, 0.0).confidence_interval(0.9)
    found = row(certify(given, key, **HOW, conf_level=0.9), "bias")
    assert found[["estimate", "conf_low", "conf_high"]].tolist() == pytest.approx([apart.mean(), test.low, test.high])


def test_the_share_within_one_point_has_wilsons_limits() -> None:
    from statsmodels.stats.proportion import proportion_confint

    given, key = made(apart=(-2, 0, 0, 1, 2))
    near = (given["score"] - key["score"]).abs().le(1).sum()
    low, high = proportion_confint(near, len(key), 0.05, method="wilson")
    found = row(certify(given, key, **HOW), "within_one")
    assert found[["estimate", "conf_low", "conf_high"]].tolist() == pytest.approx([near / len(key), low, high])
    every = row(certify(given.assign(score=key["score"]), key, **HOW), "within_one")
    assert every[["conf_low", "conf_high"]].tolist() == pytest.approx(
        proportion_confint(len(key), len(key), 0.05, method="wilson")
    )


def test_kappa_and_icc_are_those_of_trainee_and_key_as_two_raters() -> None:
    given, key = made()
    long = pd.concat([given, key.assign(rater="key")])
    kappas = agreement(long, **HOW, weights=("linear",)).frame
    kappa = kappas[kappas["coefficient"] == "Cohen's kappa"].iloc[0]
    single = icc(long, **HOW).frame.set_index("form").loc["ICC(A,1)"]
    found = certify(given, key, **HOW)
    for name, other in (("kappa", kappa), ("icc", single)):
        columns = ["estimate", "conf_low", "conf_high"]
        assert row(found, name)[columns].tolist() == pytest.approx(other[columns].tolist())


def test_sets_are_judged_each_by_itself_in_any_order_of_the_rows() -> None:
    parts = [made(seed=seed) for seed in (1, 2, 3)]
    given = pd.concat([one.assign(scale=name) for name, (one, _) in zip("abc", parts, strict=True)])
    key = pd.concat([one.assign(scale=name) for name, (_, one) in zip("abc", parts, strict=True)])
    marks = {"bias": 0.5, "within_one": 0.8, "kappa": 0.5, "icc": 0.7}
    found = certify(
        given.sample(frac=1, random_state=1), key.sample(frac=1, random_state=2), **HOW, by="scale", **marks
    )
    for name, (one, own) in zip("abc", parts, strict=True):
        alone = certify(one, own, **HOW, **marks).frame
        mine = found.frame[found.frame["scale"] == name].drop(columns="scale").reset_index(drop=True)
        pd.testing.assert_frame_equal(mine, alone)
    apart = certify(given, key, **HOW, by="scale", verdict_by="scale", **marks).verdicts
    assert apart["scale"].tolist() == ["a", "b", "c"]
    assert found.verdicts["verdict"].iloc[0] == ("pass" if (apart["verdict"] == "pass").all() else "fail")


@pytest.mark.parametrize(("judge", "verdict"), [("estimate", "pass"), ("limit", "fail")])
def test_the_estimate_or_the_limit_has_to_reach_the_mark(judge: str, verdict: str) -> None:
    given, key = made(n=30)
    found = certify(given, key, **HOW, icc=0.93, judge=judge)
    single = row(found, "icc")
    assert single["conf_low"] < 0.93 < single["estimate"]
    assert found.verdicts["verdict"].tolist() == [verdict]


def test_of_the_bias_the_limit_further_from_zero_is_judged() -> None:
    given, key = made(n=30, apart=(-1, 0, 0, 0))
    low = row(certify(given, key, **HOW), "bias")["conf_low"]
    assert low < -0.2
    for mark, verdict in ((abs(low) - 0.01, "fail"), (abs(low) + 0.01, "pass")):
        assert certify(given, key, **HOW, bias=mark, judge="limit").verdicts["verdict"].tolist() == [verdict]


def test_below_ten_tapes_bias_and_share_decide_alone() -> None:
    given, key = made(n=9, apart=(-1, 1), top=3)
    found = certify(given, key, **HOW, bias=1.0, within_one=0.8, kappa=0.99, icc=0.99)
    assert found.verdicts["verdict"].tolist() == ["pass"]
    assert row(found, "icc")["reached"] == row(found, "kappa")["reached"] == "too few tapes"
    assert row(found, "icc")["estimate"] == row(found, "icc")["estimate"]  # shown all the same
    assert [note.kind for note in found.notes] == ["few_tapes"]
    assert certify(given, key, **HOW, icc=0.99).verdicts["verdict"].tolist() == ["undecided"]
    given, key = made(n=10, apart=(-1, 1), top=3)
    assert certify(given, key, **HOW, bias=1.0, within_one=0.8, icc=0.99).verdicts["verdict"].tolist() == ["fail"]


def test_a_yes_or_no_item_cannot_fail_to_be_within_one_point() -> None:
    given, key = made(top=1, apart=(-1, 1))
    found = certify(given, key, **HOW, within_one=0.8)
    assert row(found, "within_one")["reached"] == "cannot fail"
    assert found.verdicts["verdict"].tolist() == ["undecided"]
    assert "within_cannot_fail" in [note.kind for note in found.notes]
    assert certify(given, key, **HOW, within_one=0.8, kappa=0.6).verdicts["verdict"].tolist() == ["fail"]


def test_what_is_not_defined_is_neither_passed_nor_failed() -> None:
    _, key = made()
    flat = key.assign(score=3)
    found = certify(flat.assign(rater="Ann"), flat, **HOW, bias=0.5, icc=0.7)
    assert row(found, "icc")["reached"] == "undefined"
    assert found.verdicts[["verdict", "unclear"]].values.tolist() == [["undecided", "ICC"]]
    mild = certify(flat.assign(rater="Ann", score=4), flat, **HOW, bias=0.5, icc=0.7)
    assert mild.verdicts["verdict"].tolist() == ["fail"]


def test_no_verdict_before_every_tape_is_rated_and_a_missing_code_is_counted() -> None:
    given, key = made()
    found = certify(given.iloc[:-2], key, **HOW, bias=0.5)
    assert found.frame["n_absent"].tolist() == [2] * 4
    assert found.verdicts["verdict"].tolist() == ["undecided"]
    coded = given.astype({"score": float})
    coded.loc[coded.index[:2], "score"] = np.nan
    found = certify(coded, key, **HOW, bias=0.5)
    assert (found.frame["n_missing"].iloc[0], found.frame["n"].iloc[0]) == (2, 12)
    assert found.verdicts["verdict"].tolist() == ["pass"]
    assert [note.kind for note in found.notes] == ["key_without_rating"]


def test_the_key_may_be_a_rater_of_the_frame() -> None:
    given, key = made()
    both = pd.concat([given, key.assign(rater="expert")], ignore_index=True)
    pd.testing.assert_frame_equal(certify(both, "expert", **HOW).frame, certify(given, key, **HOW).frame)
    with pytest.raises(UsageError, match="to be the rater 'expret'"):
        certify(both, "expret", **HOW)


def test_departures_are_the_furthest_from_the_key() -> None:
    given, key = made(apart=(-3, -2, 0, 1, 2, 3))
    found = certify(given, key, **HOW, top=3)
    apart = given["score"].to_numpy() - key["score"].to_numpy()
    assert sorted(found.departures["departure"].abs()) == sorted(np.abs(apart))[-3:]
    assert found.design["n_beyond"] == int((np.abs(apart) > 1).sum())
    seen = found.departures.set_index("target")
    assert (seen["rating"] - seen["key"] == seen["departure"]).all()
    assert seen["key"].to_dict() == key.set_index("tape").loc[seen.index, "score"].to_dict()


def test_a_mark_that_nobody_can_reach_with_so_few_tapes_is_said() -> None:
    given, key = made(n=12)
    found = certify(key.assign(rater="Ann"), key, **HOW, within_one=0.8, judge="limit")
    assert found.verdicts["verdict"].tolist() == ["fail"]
    assert any("it takes 16 tapes" in text for text in found.note_texts())
    given, key = made(n=16)
    assert certify(key.assign(rater="Ann"), key, **HOW, within_one=0.8, judge="limit").verdicts["verdict"][0] == "pass"
    assert len(given) == 16


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"judge": "limits"}, UsageError, "allowed estimate or limit"),
        ({"icc": 1.2}, UsageError, r"icc: found 1\.2, allowed a number above 0 and up to 1"),
        ({"bias": 0.0}, UsageError, "bias: found 0, allowed a number of points above 0"),
        ({"verdict_by": "item"}, UsageError, "verdict_by names 'item'"),
        ({"by": "scale"}, ContractError, "no column 'scale'"),
    ],
)
def test_wrong_use_is_refused(change: dict[str, Any], error: type[Exception], message: str) -> None:
    given, key = made()
    with pytest.raises(error, match=message):
        certify(given, key, **HOW, **change)


def test_ratings_that_stand_twice_or_meet_no_key_are_refused() -> None:
    given, key = made()
    with pytest.raises(DuplicateError, match="the key holds tape = T00 twice"):
        certify(given, pd.concat([key, key.head(1)]), **HOW)
    with pytest.raises(DuplicateError, match="the ratings hold tape = T00, rater = Ann twice"):
        certify(pd.concat([given, given.head(1)]), key, **HOW)
    with pytest.raises(NotEstimable, match="no trainee rated anything that the key holds"):
        certify(given.assign(tape="other" + given["tape"]), key, **HOW)
    found = certify(pd.concat([given, given.head(1).assign(tape="T99")]), key, **HOW)
    assert found.design["n_unkeyed"] == 1


def test_planted_trainees_get_the_right_verdicts(planted_trainees: Any) -> None:
    assert [planted_trainees.verdicts(seed) for seed in range(1000, 1010)] == [planted_trainees.RIGHT] * 10
    few = [planted_trainees.verdicts(seed, n_tapes=6) == planted_trainees.RIGHT for seed in range(1000, 1010)]
    assert sum(few) >= 9


def test_missing_codes_are_no_way_round_a_mark():
    """Ten of twelve tapes with a missing code: below ten tapes the ICC did not count, and she passed."""
    key = pd.DataFrame({"tape": range(12), "score": [0, 1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5]})
    good = key.assign(rater="Ann")
    few = key.assign(rater="Bea", score=key["score"].where(key["tape"] < 2).astype(float))
    found = certify(
        pd.concat([good, few]), key, targets="tape", raters="rater", ratings="score", bias=0.5, within_one=0.8, icc=0.7
    )
    rows = found.verdicts.set_index("rater")
    assert rows["verdict"].tolist() == ["pass", "undecided"]
    assert "missing codes leave 2 of 12 to be compared" in rows["unclear"]["Bea"]
    with pytest.raises(NotEstimable, match="all 12 ratings of what the key holds are missing codes"):
        certify(few.assign(score=float("nan")), key, targets="tape", raters="rater", ratings="score", bias=0.5)
