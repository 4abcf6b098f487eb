"""0/0 and x/0 of ratings: incomplete tables say what complete ones say, in any unit, and undefined numbers say why."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import agreement, drift, icc
from doublecode.schemas.errors import NotEstimable

HERE = Path(__file__).parent
LONG = {"targets": "s", "raters": "rater", "ratings": "y"}
TARGETS, RATERS = np.arange(6.0)[:, None], np.array([[0.0, 1.0, 3.0, 2.0]])
NOTHING = 0.0 * TARGETS * RATERS
PATTERNS = {
    "only raters differ": 3 + RATERS + NOTHING,
    "tenths, only raters differ": 0.1 + 0.1 * RATERS + NOTHING,
    "perfect agreement": 3 + TARGETS + NOTHING,
    "tenths, perfect agreement": 0.1 + 0.1 * TARGETS + NOTHING,
    "raters apart by constants": 3 + TARGETS + RATERS,
    "tenths, raters apart": 0.1 + 0.1 * TARGETS + 0.3 * RATERS,
    "all equal": 3 + NOTHING,
    "two levels": 3 + (TARGETS > 2) + NOTHING,
    "one target differs": 3 + (TARGETS == 2) + NOTHING,
}
GAPS = {
    "one cell": [(0, 0)],
    "most of a row": [(3, 1), (3, 2), (3, 3)],
    "five cells": [(0, 0), (2, 1), (4, 2), (5, 3), (1, 3)],
}
UNITS = {"as it is": (1.0, 0.0), "1e-9": (1e-9, 0.0), "1e9": (1e9, 0.0), "from a million": (1.0, 1e6)}
ABOUT_THE_DESIGN = {"few_raters", "few_pairs", "different_raters", "lack_of_spread"}
SAME = {"no_residual": "raters_shifted"}  # what least squares and mean squares call raters apart by constants


def long_of(table: np.ndarray) -> pd.DataFrame:
    rows = [(f"S{i}", "ABCD"[j], y) for (i, j), y in np.ndenumerate(table)]
    return pd.DataFrame(rows, columns=list(LONG.values())).dropna()


def said(table: np.ndarray) -> dict[str, object]:
    """Estimate and F of the two-way forms, F of the raters, and the notes on what is undefined."""
    found = icc(long_of(table), **LONG)
    forms = found.frame.set_index("form")
    bias = found.rater_bias.iloc[0]
    answer: dict[str, object] = {
        name: forms.loc[name, ["estimate", "statistic", "p_value"]].to_numpy(float) for name in ("ICC(A,1)", "ICC(C,1)")
    }
    answer["raters"] = bias[["statistic", "p_value"]].to_numpy(float)
    answer["notes"] = {SAME.get(note.kind, note.kind) for note in found.notes} - ABOUT_THE_DESIGN
    return answer


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("gaps", GAPS)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_an_incomplete_table_says_what_the_complete_one_says(pattern: str, gaps: str, unit: str) -> None:
    factor, origin = UNITS[unit]
    table = PATTERNS[pattern] * factor + origin
    holed = table.copy()
    for cell in GAPS[gaps]:
        holed[cell] = np.nan
    complete, incomplete = said(table), said(holed)
    for name in ("ICC(A,1)", "ICC(C,1)", "raters"):
        # the variances come from means in one case and from effects in the other
        np.testing.assert_allclose(incomplete[name], complete[name], rtol=1e-6, atol=1e-9, err_msg=name)
    assert incomplete["notes"] == complete["notes"]


def test_the_file() -> None:
    found = icc(pd.read_csv(HERE / "notargetNA.csv"), **LONG)
    forms = found.frame.set_index("form")
    two_way = forms.loc[["ICC(A,1)", "ICC(C,1)", "ICC(C,k_eff)"]]
    assert two_way["statistic"].isna().all()
    assert two_way["estimate"].tolist()[0] == 0.0
    assert two_way["estimate"].isna().tolist() == [False, True, True]
    assert np.isposinf(found.rater_bias["statistic"]).all()
    assert "only_raters_differ" in {note.kind for note in found.notes}
    assert any("0/0 and undefined" in text for text in found.note_texts())


@pytest.mark.parametrize("gap", [False, True])
@pytest.mark.parametrize(
    "pattern", ["only raters differ", "perfect agreement", "raters apart by constants", "all equal"]
)
def test_a_model_with_clusters_marks_the_set_and_says_why(pattern: str, gap: bool) -> None:
    table = PATTERNS[pattern].copy()
    table[0, 0] = np.nan if gap else table[0, 0]
    exact = long_of(table).assign(item="exact")
    noisy = exact.assign(item="noisy", y=exact["y"] + np.random.default_rng(1).normal(size=len(exact)))
    data = pd.concat([exact, noisy]).assign(patient=lambda rows: rows["s"].map(lambda name: int(name[1:]) // 2))
    found = icc(data, **LONG, clusters="patient", by="item")
    estimates = found.frame.groupby("item")["estimate"]
    assert estimates.count()["exact"] == 0
    assert estimates.count()["noisy"] > 0
    kind = "all_ratings_equal" if pattern == "all equal" else "no_residual_with_clusters"
    assert [note.subject for note in found.notes if note.kind == kind] == ["item = exact"]


@pytest.mark.parametrize(
    ("pattern", "words"), [("all equal", "ratings are equal"), ("perfect agreement", "no residual")]
)
def test_drift_of_exact_ratings_is_refused_in_its_own_words(pattern: str, words: str) -> None:
    with pytest.raises(NotEstimable, match=f"drift: .*{words}"):
        drift(long_of(PATTERNS[pattern]), **LONG)


def test_agreement_on_equal_ratings_says_why_all_is_undefined() -> None:
    data = pd.read_csv(HERE / "fleiss0.csv")
    seen, named = (agreement(data, **LONG, categories=codes) for codes in (None, (0, 1, 2, 3)))
    for found, undefined in ((seen, 16), (named, 10)):
        assert int(found.frame["estimate"].isna().sum()) == undefined
        (note,) = [note for note in found.notes if note.kind == "all_in_one_category"]
        gone = found.frame.loc[found.frame["estimate"].isna(), "coefficient"].unique()
        assert set(note.numbers["coefficients"]) == set(gone)
    assert named.frame.set_index("coefficient").loc["Gwet's AC1", "estimate"] == 1.0
    assert any("--codes" in text for text in seen.note_texts())
    assert not any("--codes" in text for text in named.note_texts())


def test_only_the_double_coded_are_equal() -> None:
    data = pd.DataFrame([("S1", "A", 2), ("S1", "B", 2), ("S2", "A", 2), ("S2", "B", 2), ("S3", "A", 1)])
    found = agreement(data.set_axis(list(LONG.values()), axis=1), **LONG)
    alphas = found.frame[found.frame["coefficient"] == "Krippendorff's alpha"]
    assert alphas["estimate"].isna().all()
    (note,) = [note for note in found.notes if note.kind == "pairs_in_one_category"]
    assert note.numbers["coefficients"] == ("Krippendorff's alpha",)


def test_sets_are_named_and_rounding_makes_no_category() -> None:
    one = pd.DataFrame({"s": [1, 1, 2, 2, 3, 3], "rater": list("ABABAB"), "y": [0.3, 0.1 + 0.2, 0.3, 0.3, 0.3, 0.3]})
    other = one.assign(y=[0.1, 0.2, 0.3, 0.1 + 0.2, 0.1, 0.1])
    found = agreement(pd.concat([one.assign(item="flat"), other.assign(item="free")]), **LONG, by="item")
    assert [note.subject for note in found.notes if note.kind == "all_in_one_category"] == ["item = flat"]
    exact = found.frame[found.frame["coefficient"] == "exact agreement"].set_index("item")["estimate"]
    assert exact.to_dict() == {"flat": 1.0, "free": pytest.approx(2 / 3)}


@pytest.mark.parametrize("factor", [1e-9, 1e9])
def test_agreement_is_the_same_in_another_unit(factor: float) -> None:
    table = np.random.default_rng(4).integers(1, 5, (20, 3)).astype(float)
    first, second = (agreement(long_of(t), **LONG, within=w) for t, w in ((table, 1.0), (table * factor, factor)))
    shares = ~first.frame["coefficient"].isin(["SEM", "SDC"])
    for column in ("estimate", "std_error", "conf_low"):
        np.testing.assert_allclose(second.frame.loc[shares, column], first.frame.loc[shares, column], rtol=1e-9)


def of_patients(y: np.ndarray) -> pd.DataFrame:
    """Ratings (patients, sessions, raters) as a long frame."""
    places = itertools.product(*map(range, y.shape))
    return pd.DataFrame([(f"p{p}", f"p{p}s{s}", f"r{r}", y[p, s, r]) for p, s, r in places], columns=list("psry"))


def test_share_of_patients_is_undefined_where_nothing_varies_and_one_where_nothing_disturbs() -> None:
    noise = np.random.default_rng(0).normal(size=(6, 4, 3))
    noise -= noise.mean(axis=2, keepdims=True)
    noise -= noise.mean(axis=(0, 1), keepdims=True)  # sessions alike, raters alike: all is residual
    asked = {"targets": "s", "raters": "r", "ratings": "y", "clusters": "p"}
    alike = icc(of_patients(noise), **asked)
    rows = alike.frame.set_index("level")
    assert rows.loc["p", ["estimate", "conf_low", "conf_high"]].isna().all(axis=None)
    assert set(rows.loc["p", "method"]) == {"undefined: every variance in it is estimated as 0"}
    assert [note.numbers["level"] for note in alike.notes if note.kind == "nought_of_nought"] == ["p"]
    assert (rows.loc[["s", "s within p"], "estimate"] == 0).all()
    told = icc(of_patients(noise + np.arange(6.0)[:, None, None]), **asked).frame.set_index("level").loc["p"]
    assert (told["estimate"] == 1).all()
    assert (told["conf_high"] == 1).all()
    assert told["conf_low"].between(0.5, 1, inclusive="neither").all()
