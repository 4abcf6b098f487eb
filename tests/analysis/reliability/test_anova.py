"""Complete designs against psych::ICC (R), analytic truths and invariances."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doublecode.analysis.reliability.interrater import icc

REFERENCE = Path(__file__).parents[2] / "reference"
CASES = {
    "icc_shrout_fleiss": ("icc_shrout_fleiss", 0.95),
    "icc_shrout_fleiss_90": ("icc_shrout_fleiss", 0.90),
    "icc_a": ("icc_a", 0.95),
    "icc_b_low": ("icc_b_low", 0.95),
}
COLUMNS = {
    "estimate": "ICC",
    "statistic": "F",
    "df1": "df1",
    "df2": "df2",
    "p_value": "p",
    "conf_low": "ci_low",
    "conf_high": "ci_high",
}


def long_of(table):
    table = np.asarray(table, dtype=float)
    n, k = table.shape
    return pd.DataFrame(
        {
            "session": np.repeat(np.arange(n), k),
            "rater": np.tile([f"R{j + 1}" for j in range(k)], n),
            "score": table.ravel(),
        }
    )


def run(table, **options):
    return icc(long_of(table), targets="session", raters="rater", ratings="score", **options)


@pytest.mark.parametrize("case", CASES)
def test_all_forms_equal_psych(case):
    # psych::ICC(lmer = FALSE); README of the reference asks for 1e-10 absolute.
    name, level = CASES[case]
    expected = json.loads((REFERENCE / "icc.json").read_text())[case]
    result = run(pd.read_csv(REFERENCE / "data" / f"{name}.csv").to_numpy(), conf_level=level)
    frame = result.frame.set_index("form")
    assert len(frame) == 6
    for label, numbers in expected["icc"].items():
        row = frame.loc[label.split("=")[0]]
        for ours, theirs in COLUMNS.items():
            assert row[ours] == pytest.approx(numbers[theirs], abs=1e-10), (label, ours)
    parts = result.variances.set_index("component")["variance"]
    assert parts["residual"] == pytest.approx(expected["MS_error"], abs=1e-10)


def test_rater_bias_is_raters_over_error():
    expected = json.loads((REFERENCE / "icc.json").read_text())["icc_a"]
    bias = run(pd.read_csv(REFERENCE / "data" / "icc_a.csv").to_numpy()).rater_bias.iloc[0]
    assert bias["statistic"] == pytest.approx(expected["MS_raters"] / expected["MS_error"], abs=1e-10)
    assert (bias["df1"], bias["df2"]) == (3, 87)
    assert 0 < bias["p_value"] < 0.001


def test_p_of_rater_bias_against_scipy():
    from scipy import stats

    bias = run(pd.read_csv(REFERENCE / "data" / "icc_b_low.csv").to_numpy()).rater_bias.iloc[0]
    assert bias["p_value"] == pytest.approx(stats.f.sf(bias["statistic"], bias["df1"], bias["df2"]), rel=1e-10)


def test_sets_by_item_equal_each_item_alone():
    rng = np.random.default_rng(3)
    tables = rng.normal(size=(3, 12, 4)) + rng.normal(size=(3, 12, 1))
    frame = pd.concat([long_of(t).assign(item=f"i{m}") for m, t in enumerate(tables)])
    together = icc(frame, targets="session", raters="rater", ratings="score", by="item").frame
    for m, table in enumerate(tables):
        mine = together[together["item"] == f"i{m}"].drop(columns="item").reset_index(drop=True)
        pd.testing.assert_frame_equal(mine, run(table).frame, rtol=1e-12)


def test_named_k_is_spearman_brown_of_the_single_rating():
    table = pd.read_csv(REFERENCE / "data" / "icc_a.csv").to_numpy()
    frame = run(table, k=(1, 2, "eff")).frame.set_index("form")
    assert list(frame.index) == ["ICC(1,1)", "ICC(A,1)", "ICC(C,1)", "ICC(1,k)", "ICC(A,k)", "ICC(C,k)"]
    more = run(table, k=(1, 3)).frame.set_index("form")
    single = more.loc["ICC(A,1)", "estimate"]
    assert more.loc["ICC(A,3)", "estimate"] == pytest.approx(3 * single / (1 + 2 * single), rel=1e-12)


def test_unknown_raters_give_the_one_way_forms():
    table = pd.read_csv(REFERENCE / "data" / "icc_a.csv").to_numpy()
    expected = json.loads((REFERENCE / "icc.json").read_text())["icc_a"]["icc"]
    result = icc(long_of(table), targets="session", raters=None, ratings="score")
    assert result.design["kind"] == "one-way"
    frame = result.frame.set_index("form")
    assert list(frame.index) == ["ICC(1,1)", "ICC(1,k)"]
    for form in frame.index:
        assert frame.loc[form, "conf_low"] == pytest.approx(expected[form]["ci_low"], abs=1e-10)
        assert frame.loc[form, "df2"] == 90


tables = st.integers(0, 2**32 - 1).map(
    lambda seed: (
        np.random.default_rng(seed).normal(size=(9, 4)) + 1.5 * np.random.default_rng(seed + 1).normal(size=(9, 1))
    )
)


@settings(max_examples=25, deadline=None)
@given(tables, st.floats(-50, 50), st.floats(0.1, 30), st.randoms(use_true_random=False))
def test_shift_scale_and_permutations_change_nothing(table, shift, scale, chance):
    numbers = ["estimate", "conf_low", "conf_high", "statistic", "p_value"]
    rows, columns = list(range(9)), list(range(4))
    chance.shuffle(rows)
    chance.shuffle(columns)
    first = run(table).frame[numbers]
    second = run(shift + scale * table[np.ix_(rows, columns)]).frame[numbers]
    np.testing.assert_allclose(second, first, rtol=1e-7, atol=1e-9)  # rounding of the shift


@settings(max_examples=25, deadline=None)
@given(tables, st.floats(-4, 4))
def test_one_raters_constant_moves_agreement_as_the_formula_says(table, constant):
    moved = table.copy()
    moved[:, 1] += constant
    first, second = run(table), run(moved)
    before, after = (r.frame.set_index("form")["estimate"] for r in (first, second))
    assert after["ICC(C,1)"] == pytest.approx(before["ICC(C,1)"], rel=1e-8)
    ms_raters = 9 * moved.mean(axis=0).var(ddof=1)
    parts = first.variances.set_index("component")["variance"]
    rater = (ms_raters - parts["residual"]) / 9
    expected = parts["target"] / (parts["target"] + rater + parts["residual"])
    assert after["ICC(A,1)"] == pytest.approx(expected, rel=1e-8)


def test_perfect_agreement_is_one_with_closed_limits():
    result = run(np.repeat([[1.0], [2.0], [3.1], [4.0]], 3, axis=1))
    assert (result.frame[["estimate", "conf_low", "conf_high"]] == 1.0).all().all()
    assert (result.frame["method"] == "anova, perfect agreement").all()
    assert np.isposinf(result.frame["statistic"]).all()
    assert (result.frame["p_value"] == 0.0).all()
    assert any("perfect agreement" in note for note in result.note_texts())


def test_all_equal_is_marked():
    result = run(np.full((5, 3), 2.0))
    assert result.frame["estimate"].isna().all()
    assert (result.frame["method"] == "undefined: all ratings are equal").all()
    assert any("no variance" in note for note in result.note_texts())
    assert "could not be estimated" in result.sentence()


def test_raters_apart_by_constants():
    frame = run(np.array([[1.0], [2.0], [4.0]]) + np.array([0.0, 1.0])).frame.set_index("form")
    assert frame.loc["ICC(C,1)", "estimate"] == 1.0
    assert 0 < frame.loc["ICC(A,1)", "estimate"] < 1
    assert frame.loc["ICC(A,1)", ["conf_low", "conf_high"]].notna().all()
    assert (frame["method"] == "anova, no residual").all()


def test_targets_with_one_mean_are_marked():
    result = run(np.array([[1.0, 3.0], [3.0, 1.0], [2.0, 2.0]]))
    frame = result.frame.set_index("form")
    assert frame.loc["ICC(C,1)", "estimate"] == -1.0
    assert np.isnan(frame.loc["ICC(C,k)", "estimate"])
    assert (frame["method"] == "anova, targets do not differ").all()


def test_a_limit_that_does_not_exist_is_marked():
    # Three targets, raters far apart and agreeing less than by chance.
    table = np.array([[1.0, 4.0, 2.0, 5.0, 2.0], [2.0, 3.0, 1.0, 5.0, 3.0], [1.0, 4.0, 3.0, 4.0, 1.0]])
    result = run(table)
    row = result.frame.set_index("form").loc["ICC(A,k)"]
    assert np.isnan(row["conf_low"]) == (row["method"] == "anova, no lower limit")
    for line in result.frame.itertuples():
        assert not np.isnan(line.conf_low) or line.method != "anova"
