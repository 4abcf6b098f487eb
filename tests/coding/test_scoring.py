from __future__ import annotations

import math

import pandas as pd
import pytest

from doublecode.coding.scoring import (
    ITEMS,
    band_of,
    flagged_answers,
    pool_ratings,
    score,
    score_raters,
    scored_items,
)
from doublecode.schemas.errors import ContractError, DuplicateError, UsageError
from doublecode.schemas.frames import RATINGS, SCORES, check_frame
from doublecode.schemas.instrument import load_instrument
from doublecode.schemas.study import Study

GHES = load_instrument("ghes")
STHAR = load_instrument("sthar")
PHQ9 = load_instrument("phq9")


def rating(session: int, rater: str, item: str, value: float, **other: object) -> dict[str, object]:
    row = dict.fromkeys(RATINGS.columns, None) | {
        "study": "toy", "patient": "P1", "therapist": "T1", "session": session, "session_id": f"S-{session}",
        "rater": rater, "role": "primary" if rater == "R1" else "second", "instrument": "sthar", "item": item,
        "value": value, "phase": "main", "source_file": f"{rater}.xlsx", "source_sheet": "Rate", "source_cell": "E5",
    }  # fmt: skip
    return row | other


def items(instrument: str, values: dict[int, dict[str, float]], patient: str = "P1") -> pd.DataFrame:
    rows = [
        ("toy", patient, "T1", session, f"{patient}-{session}", instrument, name, value, 1.0,
         "IN: insufficient information" if math.isnan(value) else None)
        for session, answers in values.items()
        for name, value in answers.items()
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(ITEMS.columns))


def study_with(pooling: str) -> Study:
    return Study.model_validate_json(
        '{"name": "toy", "title": "t", "raters": [{"id": "R1"}, {"id": "R2"}], "instruments": '
        f'[{{"name": "sthar", "raters": ["R1", "R2"], "pooling": "{pooling}"}}]}}'
    )


def all_items(session: int, rater: str, value: float, **other: object) -> list[dict[str, object]]:
    return [rating(session, rater, item.name, value, **other) for item in STHAR.columns]


def test_pooling_by_mean_and_by_primary():
    ratings = pd.DataFrame(all_items(1, "R1", 2.0) + all_items(1, "R2", 3.0) + all_items(2, "R2", 4.0, role="primary"))
    mean = pool_ratings(ratings, study_with("mean"))
    check_frame(mean, ITEMS)
    assert mean.groupby("session")["value"].unique().apply(list).to_dict() == {1: [2.5], 2: [4.0]}
    assert mean.groupby("session")["n_raters"].unique().apply(list).to_dict() == {1: [2], 2: [1]}
    primary = pool_ratings(ratings, study_with("primary"))
    assert primary.groupby("session")["value"].unique().apply(list).to_dict() == {1: [2.0], 2: [4.0]}


def test_pooling_keeps_missing_codes_apart():
    ratings = pd.DataFrame(all_items(1, "R1", 2.0) + all_items(1, "R2", 3.0))
    ratings.loc[0, ["value", "missing_code"]] = [math.nan, "IN"]
    ratings.loc[1, ["value", "missing_code"]] = [math.nan, "IN"]
    ratings.loc[9, ["value", "missing_code"]] = [math.nan, "NR"]
    pooled = pool_ratings(ratings, study_with("mean")).set_index("item")
    assert (pooled.loc["a_rationale", "value"], pooled.loc["a_rationale", "n_raters"]) == (3.0, 1)
    assert math.isnan(pooled.loc["a_tailoring", "value"])
    assert pooled.loc["a_tailoring", "n_raters"] == 0
    assert pooled.loc["a_tailoring", "reason"] == (
        "IN: insufficient information on the recording; NR: not ratable: this passage cannot be heard"
    )


def test_the_pilot_is_not_pooled_and_duplicates_are_refused():
    ratings = pd.DataFrame(all_items(1, "R1", 2.0) + all_items(2, "R1", 3.0, phase="pilot"))
    assert pool_ratings(ratings, study_with("mean"))["session"].unique().tolist() == [1]
    with pytest.raises(DuplicateError, match="keep one row"):
        pool_ratings(pd.concat([ratings, ratings.iloc[:1]]), study_with("mean"))
    for column in ("patient", "session", "phase"):
        with pytest.raises(UsageError, match=f"{column} is empty.*with their study"):
            pool_ratings(ratings.assign(**{column: None}).astype({"session": float}), study_with("mean"))
    with pytest.raises(UsageError, match="does not use the instrument 'ghes'; allowed: sthar"):
        pool_ratings(ratings.assign(instrument="ghes"), study_with("mean"))


def test_reversal_is_the_codebooks():
    answers = dict.fromkeys(GHES.scale("he").items, 1.0)
    (value,) = score(items("ghes", {1: answers}), [GHES])["value"]
    assert value == pytest.approx((6 * 1 + 3) / 7, abs=1e-15)
    (value,) = score(items("ghes", {1: answers}), {"ghes": GHES.with_reversal(())})["value"]
    assert value == 1.0


def tape(assigning: float, reviewing: float) -> dict[str, float]:
    return {item.name: assigning if item.name.startswith("a_") else reviewing for item in STHAR.columns}


def test_lags_follow_the_session_number_never_the_row():
    """Session 3 is missing: a row shift would give session 4 the assigning items of session 2."""
    frame = items("sthar", {1: tape(4, 1), 2: tape(2, 0), 4: tape(0, 3), 5: tape(1, 2)})
    scores = score(frame.sample(frac=1, random_state=1), [STHAR])
    check_frame(scores, SCORES)
    tbh = scores[scores["scale"] == "tbh"].set_index("session")
    assert tbh["value"].round(12).fillna(-1).to_dict() == {1: -1, 2: 20 / 8, 4: -1, 5: 6 / 8}
    assert tbh.loc[1, "reason"] == "session 1: there is no session before, so the score does not exist"
    assert tbh.loc[4, "reason"] == "session 3 was not rated, and its items belong to this score"
    same = scores[scores["scale"] == "same_tape"].set_index("session")["value"].to_dict()
    assert same == {1: 23 / 8, 2: 10 / 8, 4: 9 / 8, 5: 11 / 8}


def test_lags_do_not_cross_patients():
    frame = pd.concat([items("sthar", {1: tape(4, 1)}, "P1"), items("sthar", {2: tape(2, 0)}, "P2")])
    tbh = score(frame, [STHAR]).query("scale == 'tbh'")
    assert tbh["value"].isna().all()


def test_both_halves_are_required_and_every_missing_score_says_why():
    half = tape(2, 0) | {"a_challenges": math.nan}
    scores = score(items("sthar", {1: half, 2: tape(1, 1)}), [STHAR])
    lost = scores[(scores["scale"] == "tbh") & (scores["session"] == 2)].iloc[0]
    assert math.isnan(lost["value"])
    assert (lost["n_valid"], lost["n_items"]) == (7, 8)
    assert lost["reason"] == ("needs 8 of 8 items; missing: a_challenges of session 1 (IN: insufficient information)")
    assert (scores["value"].isna() == scores["reason"].notna()).all()


def test_minimum_valid_and_prorating():
    total = PHQ9.scale("total").model_copy(update={"minimum_valid": 7, "prorate": True})
    book = PHQ9.model_copy(update={"scales": (total,)})
    answers = {item.name: 2.0 for item in PHQ9.columns}
    two_gone = answers | {"sleep": math.nan, "energy": math.nan}
    three_gone = two_gone | {"mood": math.nan}
    scores = score(items("phq9", {1: answers, 2: two_gone, 3: three_gone}), [book]).set_index("session")
    assert scores["value"].fillna(-1).to_dict() == {1: 18.0, 2: 18.0, 3: -1}
    assert scores["n_valid"].to_dict() == {1: 9, 2: 7, 3: 6}
    strict = score(items("phq9", {2: two_gone}), [PHQ9])
    assert strict["value"].isna().all()
    assert (
        strict["reason"][0].startswith("needs 9 of 9 items; missing: energy, sleep") or "sleep" in strict["reason"][0]
    )


def test_an_item_without_any_row_is_no_zero():
    answers = {item.name: 2.0 for item in PHQ9.columns if item.name != "mood"}
    scores = score(items("phq9", {1: answers}), [PHQ9])
    assert math.isnan(scores["value"][0])
    assert "mood (no rating)" in scores["reason"][0]


def test_ratings_of_two_raters_are_not_scored_as_one():
    ratings = pd.DataFrame(all_items(1, "R1", 2.0) + all_items(1, "R2", 3.0))
    with pytest.raises(DuplicateError, match="name the raters in a column 'rater'"):
        score(ratings.drop(columns="rater"), [STHAR])
    single = score(ratings[ratings["rater"] == "R1"], [STHAR])
    assert single.set_index("scale").loc["assigning", "value"] == 2.0
    raters = score_raters(ratings, [STHAR])
    assert raters[raters["scale"] == "same_tape"].set_index("rater")["value"].to_dict() == {"R1": 2.0, "R2": 3.0}
    assert set(raters["scale"]) == {"assigning", "reviewing", "same_tape"}


def test_nothing_to_score_is_an_empty_frame():
    empty = items("sthar", {})
    with_kinds = empty.astype({"session": "int64", "value": "float64", "n_raters": "float64"})
    assert list(score(with_kinds, [STHAR]).columns) == list(SCORES.columns)
    with pytest.raises(ContractError, match="column 'value' is missing"):
        score(with_kinds.drop(columns="value"), [STHAR])


def test_flags_and_bands():
    answers = {item.name: 0.0 for item in PHQ9.columns} | {"self_harm": 1.0}
    flagged = flagged_answers(items("phq9", {3: answers}), [PHQ9])
    assert flagged[["session", "item", "value"]].values.tolist() == [[3, "self_harm", 1.0]]
    total = PHQ9.scale("total")
    assert [band_of(total, value) for value in (0, 4, 5, 9.5, 14, 20, 27)] == [
        "minimal", "minimal", "mild", "mild", "moderate", "severe", "severe",
    ]  # fmt: skip
    assert band_of(total, math.nan) == ""


def plain_ratings() -> pd.DataFrame:
    """Two raters, two sessions, every item of the PHQ-9; R2 heard only the first session."""
    names = [item.name for item in PHQ9.columns]
    tapes = [(1, "R1", 1), (1, "R2", 2), (2, "R1", 3)]
    return pd.DataFrame(
        [(session, rater, name, value) for session, rater, value in tapes for name in names],
        columns=["session", "rater", "item", "value"],
    )


@pytest.mark.parametrize(
    ("pooling", "totals", "raters"), [("mean", [13.5, 27.0], [2.0, 1.0]), ("R1", [9.0, 27.0], [1.0, 1.0])]
)
def test_a_plain_long_frame_is_enough_and_nothing_is_made_up(
    pooling: str, totals: list[float], raters: list[float]
) -> None:
    scores = score(plain_ratings(), "phq9", pooling=pooling)
    assert list(scores.columns) == [
        "session", "instrument", "scale", "value", "n_valid", "n_items", "n_raters", "reason",
    ]  # fmt: skip
    assert scores["value"].tolist() == totals
    assert scores["n_raters"].tolist() == raters


def test_a_plain_frame_scores_as_the_contract_does():
    ratings = pd.DataFrame(
        [row for session in (1, 2) for rater in ("R1", "R2") for row in all_items(session, rater, 2)]
    )
    ratings.loc[3, ["value", "missing_code"]] = [math.nan, "IN"]
    ratings = ratings.astype({"session": int})
    study = study_with("mean")
    whole = score(pool_ratings(ratings, study), study.codebooks)
    keys = ["instrument", "scale", "value", "n_valid", "n_items", "n_raters", "reason"]
    for columns in (["patient", "session"], ["patient", "session", "therapist", "phase"]):
        plain = score(ratings[[*columns, "rater", "item", "value", "missing_code"]], "sthar")
        pd.testing.assert_frame_equal(plain[keys], whole[keys], check_dtype=False)
        assert set(plain.columns) == {*columns, *keys}
    primary = score(ratings[["patient", "session", "role", "rater", "item", "value"]], "sthar", pooling="primary")
    assert primary["n_raters"].dropna().unique().tolist() == [1.0]


def test_without_a_patient_there_is_no_session_before():
    scores = score(pd.DataFrame(all_items(1, "R1", 2.0))[["session", "item", "value"]], STHAR).set_index("scale")
    assert scores.loc["same_tape", "value"] == 2.0
    assert math.isnan(scores.loc["tbh", "value"])
    assert scores.loc["tbh", "reason"] == (
        "its items belong to two sessions of a patient, and the ratings name no patient"
    )
    assert "n_raters" not in scores.columns


def test_what_cannot_be_scored_is_refused_by_name():
    plain = plain_ratings()
    for wrong, message in [
        (plain.drop(columns="session"), "column 'session' is missing"),
        (plain.drop(columns="item"), "column 'item' is missing"),
        (plain.assign(value="two"), "must hold numbers"),
    ]:
        with pytest.raises(ContractError, match=message):
            score(wrong, "phq9")
    for wrong, message in [
        (plain.replace({"item": {"mood": "moot"}}), "phq9 has no item 'moot'; allowed: "),
        (plain.replace({"value": {3: -99}}), "found -99, allowed 0–3.*empty cell"),
    ]:
        with pytest.raises(UsageError, match=message):
            score(wrong, "phq9")
    with pytest.raises(ContractError, match="column 'instrument' is missing"):
        score(plain, ["phq9", "ghes"])
    with pytest.raises(UsageError, match="pooling: found 'R7', allowed mean, primary, or a rater: R1, R2"):
        score(plain, "phq9", pooling="R7")
    with pytest.raises(UsageError, match="'primary' needs the column 'role'"):
        score(plain, "phq9", pooling="primary")
    with pytest.raises(DuplicateError, match="rater = R1"):
        score(pd.concat([plain, plain.head(1)]), "phq9")
    with pytest.raises(ContractError, match="column 'rater' is missing"):
        score_raters(plain.drop(columns="rater"), "phq9")


def test_items_side_by_side_follow_the_session_number():
    frame = items("sthar", {1: tape(4, 1), 2: tape(2, 0), 4: tape(0, 3), 5: tape(1, 2)})
    wide = scored_items(frame.sample(frac=1, random_state=2), STHAR, STHAR.scale("tbh"))
    assert wide["session"].tolist() == [2, 5]
    assert wide[["a_rationale", "r_discussing"]].to_numpy().tolist() == [[4, 0], [0, 2]]
    turned = scored_items(items("ghes", {1: dict.fromkeys(GHES.scale("he").items, 1.0)}), GHES, GHES.scale("he"))
    assert turned["difficulties"].tolist() == [3.0]
    assert list(turned.columns) == ["patient", "session", *GHES.scale("he").items]
