"""correct_for_raters against formulas written out, and its refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import correct_for_raters, fit_mixed
from doublecode.analysis.linking.coded_columns import CodedPart
from doublecode.analysis.linking.ratio_limits import fieller
from doublecode.schemas.errors import ContractError, NotEstimable, UsageError

P, S, R = 14, 8, 4
FORMULA = "phq9 ~ he_within + (1 | patient)"


def made(seed=3, instruments=("he",), double=0.5):
    """A synthetic study: ratings, frame; sessions of all patients, some coded twice."""
    rng = np.random.default_rng(seed)
    n, g = P * S, len(instruments)
    patient, session = np.repeat(np.arange(P), S), np.tile(np.arange(1, S + 1), P)
    truth = rng.normal(size=(n, g)) + rng.normal(0, 0.5, (P, g))[patient]
    severe = rng.normal(0, 0.5, (R, g))
    rows = [(i, r) for i in range(n) for r in rng.permutation(R)[: 1 + (rng.random() < double)]]
    at, by = (np.array(part) for part in zip(*rows, strict=True))
    mix = 0.6 * np.eye(g) + 0.3
    values = truth[at] + severe[by] + rng.normal(size=(len(at), g)) @ mix
    keys = {"patient": patient[at], "session": session[at], "rater": [f"R{r}" for r in by]}
    ratings = pd.concat(
        [pd.DataFrame({**keys, "instrument": m, "value": values[:, j]}) for j, m in enumerate(instruments)]
    )
    frame = ratings.pivot_table(index=["patient", "session"], columns="instrument", values="value").reset_index()
    return ratings, frame.assign(phq9=10 - truth[:, 0] + rng.normal(size=n))


def by_hand(ratings, frame, outcome="phq9"):
    """λ_w, slope and its jackknife replicates by least squares on dummies and sums over raters, one study at a time."""

    def once(ratings, frame):
        one = ratings[ratings["instrument"] == "he"]
        k = one.groupby(["patient", "session"])["value"].transform("size")
        double = one[k > 1]
        cell = double["patient"].astype(str) + ":" + double["session"].astype(str)
        dummies = np.column_stack([pd.get_dummies(cell), pd.get_dummies(double["rater"])]).astype(float)
        y = double["value"].to_numpy()
        beta, _, rank, _ = np.linalg.lstsq(dummies, y, rcond=None)
        error = ((y - dummies @ beta) ** 2).sum() / (len(y) - rank)
        D = pd.get_dummies(double["rater"]).astype(float)
        D = (D - D.groupby(cell).transform("mean")).to_numpy()
        inverse = np.linalg.pinv(D.T @ D)
        effects = beta[-R:] - beta[-R:].mean()
        severity = ((effects**2).sum() - error * np.trace(inverse)) / (R - 1)
        W = one.assign(w=1 / k).pivot_table(index=["patient", "session"], columns="rater", values="w", fill_value=0)
        W = W.sub(W.groupby("patient").transform("mean"))
        spare = len(frame) - frame["patient"].nunique()
        q = (W.to_numpy() ** 2).sum() / spare
        ks = one.groupby(["patient", "session"])["value"].size()
        off = frame["he"] - frame.groupby("patient")["he"].transform("mean")
        s2 = (off**2).sum() / spare
        lam = 1 - (error * (1 / ks).mean() + severity * q) / s2
        return off @ frame[outcome] / spare, s2 * lam, lam, error, severity

    whole = once(ratings, frame)
    parts = [once(ratings[ratings["patient"] != p], frame[frame["patient"] != p]) for p in range(P)]
    return whole, parts


def test_slope_and_limits_are_those_of_the_formula():
    ratings, frame = made()
    result = correct_for_raters(ratings, frame, FORMULA)
    whole, parts = by_hand(ratings, frame)
    found = result.frame[result.frame["term"] == "he_within"].set_index("model").loc["corrected"]
    assert found["estimate"] == pytest.approx(whole[0] / whole[1], rel=1e-9)
    within = result.reliability.iloc[0]
    assert within["level"] == "within"
    assert within["reliability"] == pytest.approx(whole[2], rel=1e-9)
    assert result.errors.loc[0, ["residual", "rater"]].tolist() == pytest.approx(whole[3:], rel=1e-9)
    # Σ (n_p − 1) of the study without a patient makes no difference to a ratio
    spare = np.array([P * (S - 1), *[(P - 1) * (S - 1)] * P])
    top, bottom = (np.array([whole[j], *[one[j] for one in parts]]) * spare for j in (0, 1))
    limits = fieller(top, bottom, 0.95)
    assert found[["std_error", "conf_low", "conf_high", "p_value"]].tolist() == pytest.approx(
        [limits.std_error, limits.conf_low, limits.conf_high, limits.p_value], rel=1e-8
    )


def test_the_naive_model_comes_first_and_is_that_of_fit_mixed():
    ratings, frame = made()
    result = correct_for_raters(ratings, frame, "phq9 ~ he + (1 | patient)", split="he")
    assert result.spec["formula"] == "phq9 ~ (he_within + he_between) + (1 | patient)"
    terms = ["Intercept", "he_within", "he_between"]
    assert result.frame["term"].tolist() == terms * 2
    assert result.frame["model"].tolist()[::3] == ["naive", "corrected"]
    off = frame["he"] - frame.groupby("patient")["he"].transform("mean")
    naive = fit_mixed("phq9 ~ w + b + (1 | patient)", frame.assign(w=off, b=frame["he"] - off)).frame
    assert result.frame["std_error"][1:3].tolist() == pytest.approx(naive["std_error"][1:].tolist(), rel=1e-8)


def test_codes_without_error_need_no_correction():
    ratings, frame = made()
    exact = ratings.merge(frame[["patient", "session", "he"]]).drop(columns="value").rename(columns={"he": "value"})
    result = correct_for_raters(exact, frame, "phq9 ~ session + he_within * session + he_between + (1 | patient)")
    two = result.frame.pivot_table(index="term", columns="model", values="estimate")
    assert two["corrected"].tolist() == pytest.approx(two["naive"].tolist(), abs=1e-9)
    assert result.reliability["reliability"].tolist() == pytest.approx([1.0, 1.0], abs=1e-12)


def test_shared_error_is_taken_out_of_the_numerator():
    ratings, frame = made(instruments=("he", "tbh"))
    result = correct_for_raters(ratings, frame, "tbh ~ he_within + (1 | patient)")
    shared = result.errors.set_index(["first", "second"]).loc[("he", "tbh")]
    within = result.reliability.query("variable == 'he' and level == 'within'").iloc[0]
    whole, _ = by_hand(ratings[ratings["instrument"] == "he"], frame, outcome="tbh")
    spare = P * (S - 1)
    top = whole[0] - shared["residual"] * within["mean_inverse_k"] - shared["rater"] * within["q"]
    found = result.frame.query("model == 'corrected' and term == 'he_within'").iloc[0]
    assert found["estimate"] == pytest.approx(top / whole[1], rel=1e-8)
    assert spare > 0
    assert 0 < shared["correlation"] < 1
    assert len(result.cross_rater) == 1
    assert "their errors correlate" in str(result)
    assert "rating level" in str(result)


def test_a_score_of_two_halves_has_half_the_error_of_each():
    ratings, frame = made(instruments=("a", "b"))
    before = frame.assign(session=frame["session"] + 1)[["patient", "session", "a"]]
    frame = frame.drop(columns="a").merge(before, how="left")
    frame["sthar"] = (frame["a"] + frame["b"]) / 2
    coded = {"sthar": [CodedPart("a", lag=1, weight=0.5), CodedPart("b", weight=0.5)]}
    result = correct_for_raters(ratings, frame, "phq9 ~ sthar_within + (1 | patient)", coded=coded)
    assert result.design["n_rows"] == P * (S - 1)
    assert len(result.errors) == 3
    assert result.reliability.loc[0, "mean_inverse_k"] < 0.5
    single = correct_for_raters(ratings, frame, "phq9 ~ b_within + (1 | patient)").reliability.loc[0]
    assert result.reliability.loc[0, "residual_error"] < 0.7 * single["residual_error"]


def test_more_coding_is_more_reliable():
    gain = correct_for_raters(*made(), FORMULA).gain.sort_values("raters")
    assert gain["coding"].tolist() == ["every session", "as it was", "every session", "every session"]
    assert gain["reliability"].is_monotonic_increasing
    assert gain["t_ratio"].iloc[1] == pytest.approx(1)


def test_raters_of_separate_instruments_share_no_error():
    ratings, frame = made(instruments=("he", "tbh"))
    ratings["rater"] = ratings["instrument"] + ratings["rater"]
    result = correct_for_raters(ratings, frame, "tbh ~ he_within + (1 | patient)")
    assert len(result.errors) == 2
    assert "share no error" in str(result)


@pytest.mark.parametrize(
    ("change", "formula", "error", "said"),
    [
        (lambda r, f: (r, f), "phq9 ~ session + (1 | patient)", UsageError, "bears the name of an instrument"),
        (lambda r, f: (r, f.assign(he=f["he"] + 1)), FORMULA, UsageError, "must say of which ratings"),
        (lambda r, f: (r[r["patient"] != 3], f), FORMULA, UsageError, "no rating behind it"),
        (lambda r, f: (pd.concat([r, r.head(1)]), f), FORMULA, ContractError, "twice"),
        (lambda r, f: (r.drop_duplicates(["patient", "session"]), f), FORMULA, NotEstimable, "by two raters"),
        (lambda r, f: (r, f), "phq9 ~ he_within ** 2 + np.exp(he_within) + (1 | patient)", UsageError, "straight line"),
        (lambda r, f: (r, f), "phq9 ~ he_within + (1 | patient) + (1 | session)", UsageError, "joins several patients"),
        (lambda r, f: (r.assign(value="a"), f), FORMULA, ContractError, "must hold numbers"),
    ],
)  # fmt: skip
def test_refusals_say_what_to_do(change, formula, error, said):
    ratings, frame = change(*made())
    if said == "by two raters":
        frame = frame.drop(columns="he").merge(ratings.rename(columns={"value": "he"})[["patient", "session", "he"]])
    with pytest.raises(error, match=said):
        correct_for_raters(ratings, frame, formula)


def test_limits_are_infinite_where_the_reliability_may_be_nought():
    result = correct_for_raters(*made(double=0.06), FORMULA)
    assert {note.kind for note in result.notes} >= {"rater_few_double"}
    one = fieller(np.r_[1.0, 1 + np.linspace(-0.2, 0.2, 10)], np.r_[0.1, 0.1 + np.linspace(-0.1, 0.1, 10)], 0.95)
    assert np.isinf(one.conf_low)
    assert one.estimate == pytest.approx(10)
    assert np.isnan(fieller(np.r_[1.0, np.ones(5)], np.r_[-0.1, np.full(5, -0.1)], 0.95).estimate)
