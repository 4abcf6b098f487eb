"""Incomplete designs against lme4 (optimum sharpened), dense likelihoods, and the brute-force profile."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

from doublecode.analysis.reliability.interrater import icc

REFERENCE = Path(__file__).parents[2] / "reference"
INCOMPLETE = ["icc_incomplete_2of5", "icc_incomplete_mixed", "icc_sf_two_missing"]
PAIRS = {
    "ICC(1,1)": "ICC_1_1",
    "ICC(1,k_eff)": "ICC_1_khat",
    "ICC(A,1)": "ICC_A_1",
    "ICC(C,1)": "ICC_C_1",
    "ICC(A,k_eff)": "ICC_A_khat",
    "ICC(C,k_eff)": "ICC_C_khat",
}


def data(name):
    return pd.read_csv(REFERENCE / "data" / f"{name}.csv")


def run(frame, **options):
    return icc(frame, targets="target", raters="rater", ratings="score", **options)


def rotating(seed, n=40, r=5, double=0.6, rater_sd=0.5, items=1):
    """Synthetic rotating pairs, some targets single-coded."""
    rng = np.random.default_rng(seed)
    rows = []
    severity = rng.normal(0, rater_sd, (r, items))
    for t in range(n):
        true = rng.normal(0, 1, items)
        for rater in rng.permutation(r)[: 2 if rng.random() < double else 1]:
            score = true + severity[rater] + rng.normal(0, 0.8, items)
            rows += [(f"t{t:03d}", f"R{rater}", f"i{i}", score[i]) for i in range(items)]
    return pd.DataFrame(rows, columns=["target", "rater", "item", "score"])


def dense_deviance(frame, variances):
    """−2 REML log-likelihood from the n × n covariance matrix, nothing shared with the engine."""
    y = frame["score"].to_numpy()
    n = len(y)
    one = np.ones((n, 1))
    same_target = frame["target"].to_numpy()[:, None] == frame["target"].to_numpy()[None, :]
    same_rater = frame["rater"].to_numpy()[:, None] == frame["rater"].to_numpy()[None, :]
    V = variances[0] * same_target + variances[1] * same_rater + variances[2] * np.eye(n)
    solved = np.linalg.solve(V, np.column_stack([one, y]))
    xx, xy, yy = one[:, 0] @ solved[:, 0], one[:, 0] @ solved[:, 1], y @ solved[:, 1]
    logs = np.linalg.slogdet(V)[1] + np.log(xx)
    return logs + yy - xy**2 / xx + (n - 1) * np.log(2 * np.pi)


@pytest.mark.parametrize("name", INCOMPLETE)
def test_estimates_equal_lme4(name):
    # lme4 with the optimum sharpened by Newton: 1e-6 relative is what the reference promises.
    expected = json.loads((REFERENCE / "icc.json").read_text())[name]
    result = run(data(name))
    found = result.frame.set_index("form")["estimate"]
    for ours, theirs in PAIRS.items():
        assert found[ours] == pytest.approx(expected[theirs], rel=1e-6), ours
    parts = result.variances.set_index("component")["variance"]
    for ours, theirs in {"target": "var_target", "rater": "var_rater", "residual": "var_error"}.items():
        assert parts[ours] == pytest.approx(expected["two_way"][theirs], rel=1e-6)
    assert result.design["k_eff"] == pytest.approx(expected["k_harmonic"], rel=1e-12)
    assert result.design["kind"] == "incomplete"


def test_deviance_equals_the_dense_likelihood():
    expected = json.loads((REFERENCE / "icc.json").read_text())["icc_incomplete_mixed"]
    frame = data("icc_incomplete_mixed")
    parts = run(frame).variances["variance"].to_numpy()
    assert dense_deviance(frame, parts) == pytest.approx(-2 * expected["two_way"]["logLik_REML"], abs=1e-8)


@pytest.mark.parametrize("form", ["A", "C", "Q"])
def test_limits_are_where_the_profile_crosses(form):
    # Witness: scipy minimises the dense deviance at the reported limit; the rise must be χ²(.95; 1).
    frame = data("icc_sf_two_missing")
    result = run(frame)
    best = dense_deviance(frame, result.variances["variance"].to_numpy())
    k, q = result.design["k_eff"], result.design["q"]
    row = result.frame.set_index("form").loc["ICC(Q,k_eff)" if form == "Q" else f"ICC({form},1)"]
    weights = {"A": (1.0, 1.0), "C": (0.0, 1.0), "Q": (q, 1 / k)}[form]

    def profile(rho):
        def inner(logs):
            rater, error = np.exp(logs)
            target = rho / (1 - rho) * (weights[0] * rater + weights[1] * error)
            return dense_deviance(frame, (target, rater, error))

        fits = [optimize.minimize(inner, (a, -0.3), method="Nelder-Mead", tol=1e-9) for a in (-2.0, 0.0)]
        return min(fit.fun for fit in fits)

    for limit in (row["conf_low"], row["conf_high"]):
        assert profile(limit) - best == pytest.approx(stats.chi2.ppf(0.95, 1), abs=2e-5)


@pytest.mark.parametrize("severity", [0.0, 0.4, 1.5])
def test_limits_equal_the_engines_own_profile(severity):
    # The engine profiles by a penalty instead of a constraint, on the rows instead of made-up targets.
    from doublecode.analysis import fit_mixed
    from doublecode.analysis.mixed.engine.profiles import Target, profile_limits

    frame = rotating(21, n=60, rater_sd=severity)
    result = run(frame)
    q, k = result.design["q"], result.design["k_eff"]
    fit = fit_mixed("score ~ 1 + (1 | target) + (1 | rater)", frame).fit
    weights = {"ICC(A,1)": (1.0, 1.0), "ICC(C,1)": (0.0, 1.0), "ICC(Q,k_eff)": (q, 1.0 / k)}

    def measure(rater, error):
        return lambda parts, residual: (
            parts[0][:, 0, 0] / (parts[0][:, 0, 0] + rater * parts[1][:, 0, 0] + error * residual)
        )

    targets = [Target(measure(*pair), 0.0, 1.0) for pair in weights.values()]
    theirs = profile_limits(
        fit.moments, fit.theta[None], np.zeros(1, dtype=int), targets, reml=True, chi2=stats.chi2.ppf(0.95, 1)
    )
    ours = result.frame.set_index("form").loc[list(weights)]
    np.testing.assert_allclose(ours["conf_low"], theirs.low[0], atol=1e-6)
    np.testing.assert_allclose(ours["conf_high"], theirs.high[0], atol=1e-6)


def test_compression_leaves_the_criterion_unchanged():
    # The same ratings once as themselves (engine's own rows) and once through made-up targets.
    from doublecode.analysis.mixed.design import build_design
    from doublecode.analysis.mixed.engine.likelihood import evaluate
    from doublecode.analysis.mixed.engine.moments import make_moments
    from doublecode.analysis.ratings.frames import read_ratings
    from doublecode.analysis.reliability.crossed import fit_crossed

    frame = rotating(5, n=120)
    read = read_ratings(frame, targets="target", raters="rater", ratings="score")
    fit = fit_crossed(read.groups)
    assert fit.criterion.moments.layout.n_inner < 20
    moments = make_moments(build_design("score ~ 1 + (1 | target) + (1 | rater)", frame))
    for ratios in ([0.3, 0.2], [2.0, 0.0], fit.ratios[0]):
        ours = fit.criterion(np.array([ratios]), np.array([0]))[0][0]
        theirs = evaluate(moments, np.sqrt([ratios]), np.array([0]), reml=True).deviance[0]
        assert ours == pytest.approx(theirs, abs=1e-8)


def test_items_with_gaps_of_their_own_equal_each_item_alone():
    frame = rotating(7, items=3)
    frame = frame.drop(frame.index[[3, 17, 40]])
    frame = pd.concat([frame, pd.DataFrame({"target": ["t000"], "rater": ["R9"], "item": ["i1"], "score": [0.3]})])
    together = run(frame, by="item").frame
    for item in ("i0", "i1", "i2"):
        mine = together[together["item"] == item].drop(columns="item").reset_index(drop=True)
        alone = run(frame[frame["item"] == item]).frame
        pd.testing.assert_frame_equal(mine, alone, rtol=1e-6, atol=1e-8)


def test_f_tests_equal_least_squares():
    import statsmodels.formula.api as smf
    from statsmodels.stats.anova import anova_lm

    frame = data("icc_incomplete_mixed")
    table = anova_lm(smf.ols("score ~ C(target) + C(rater)", frame).fit(), typ=2)
    result = run(frame)
    row = result.frame.set_index("form").loc["ICC(A,1)"]
    assert row["statistic"] == pytest.approx(table.loc["C(target)", "F"], rel=1e-9)
    assert row["p_value"] == pytest.approx(table.loc["C(target)", "PR(>F)"], rel=1e-7)
    assert (row["df1"], row["df2"]) == (table.loc["C(target)", "df"], table.loc["Residual", "df"])
    bias = result.rater_bias.iloc[0]
    assert bias["statistic"] == pytest.approx(table.loc["C(rater)", "F"], rel=1e-9)


def test_shift_scale_and_labels_change_nothing():
    frame = rotating(11)
    first = run(frame).frame
    changed = frame.assign(score=3.0 - 7.0 * frame["score"]).sample(frac=1.0, random_state=1)
    changed["rater"] = changed["rater"].map(lambda name: f"x{9 - int(name[1:])}")
    second = run(changed).frame
    columns = ["estimate", "conf_low", "conf_high", "statistic", "p_value"]
    np.testing.assert_allclose(second[columns], first[columns], rtol=1e-6, atol=1e-7)


def test_q_of_putka():
    # Nested: 1/k; crossed: 0; two raters per target drawn from many: near 1/2.
    rng = np.random.default_rng(2)
    rows = [(t, r, rng.normal()) for t in range(30) for r in rng.permutation(200)[:2]]
    frame = pd.DataFrame(rows, columns=["target", "rater", "score"])
    from doublecode.analysis.ratings.frames import read_ratings

    def q(data_):
        return read_ratings(data_, targets="target", raters="rater", ratings="score").groups[0].layout.q

    assert 0.45 < q(frame) < 0.5
    assert q(frame.assign(rater=range(60))) == pytest.approx(0.5)
    assert q(frame.assign(rater=np.tile(["a", "b"], 30))) == 0.0


def test_design_is_found_and_said():
    frame = rotating(1)
    result = run(frame)
    assert result.design["n_single_coded"] + result.design["n_multiply_coded"] == 40
    assert any("few raters" in note and "×0.36 to ×8.3" in note for note in result.note_texts())
    assert any(note.startswith("ICC(C,·): targets have different raters") for note in result.note_texts())
    sentence = result.sentence()
    for part in ("ICC(A,k_eff)", "ICC(2,k)", "absolute agreement", "95% CI [", "5 raters", "Koo & Li"):
        assert part in sentence


def test_nested_raters_give_the_one_way_model():
    frame = rotating(3)
    frame["rater"] = [f"r{i}" for i in range(len(frame))]
    result = run(frame)
    assert result.design["kind"] == "nested"
    assert set(result.frame["form"]) == {"ICC(1,1)", "ICC(1,2)", "ICC(1,k_eff)"}
    same = icc(frame, targets="target", raters=None, ratings="score").frame
    np.testing.assert_allclose(result.frame["conf_low"], same["conf_low"], rtol=1e-9)


def test_disconnected_graph_is_marked_and_explained():
    frame = pd.concat([rotating(1, n=20).assign(part=0), rotating(2, n=20).assign(part=1)])
    frame["target"] = frame["target"] + frame["part"].astype(str)
    frame["rater"] = frame["rater"] + frame["part"].astype(str)
    result = run(frame)
    assert result.design["kind"] == "disconnected"
    two = result.frame[~result.frame["form"].str.startswith("ICC(1")]
    assert two["estimate"].isna().all()
    assert (two["method"] == "not estimable: raters and targets are not connected").all()
    assert result.frame.set_index("form").loc["ICC(1,1)", "estimate"] > 0
    note = next(note for note in result.note_texts() if note.startswith("disconnected"))
    assert "2 parts" in note
    assert "1 more rating(s) join them" in note
    assert "ICC(1,k_eff)" in result.sentence()


def test_rater_with_one_rating_is_named():
    frame = pd.concat([rotating(4), pd.DataFrame([("t001", "late", "i0", 0.1)], columns=list(rotating(4).columns))])
    assert any("single rating: late" in note for note in run(frame).note_texts())


def test_perfect_agreement_and_equal_ratings():
    frame = rotating(6)
    codes = frame["target"].str[1:].astype(int) % 4
    perfect = run(frame.assign(score=codes.astype(float)))
    assert (perfect.frame[["estimate", "conf_low", "conf_high"]] == 1.0).all().all()
    assert set(perfect.frame["method"]) == {"reml, perfect agreement"}
    flat = run(frame.assign(score=2.0))
    assert flat.frame["estimate"].isna().all()
    assert set(flat.frame["method"]) == {"undefined: all ratings are equal"}
    assert flat.notes


def test_raters_apart_by_constants_only():
    frame = rotating(6)
    target, rater = frame["target"].str[1:].astype(float), frame["rater"].str[1:].astype(float)
    result = run(frame.assign(score=target + rater))
    forms = result.frame.set_index("form")
    # Targets 0 … 39 and raters 0 … 4 as they are: their own variances.
    t, r = np.var(np.arange(40.0), ddof=1), np.var(np.arange(5.0), ddof=1)
    assert forms.loc["ICC(C,1)", "estimate"] == 1.0
    assert forms.loc["ICC(A,1)", "estimate"] == pytest.approx(t / (t + r), rel=1e-9)
    assert forms.loc["ICC(Q,k_eff)", "estimate"] == pytest.approx(t / (t + result.design["q"] * r), rel=1e-9)
    assert forms.loc["ICC(A,1)", "method"] == "least squares, no residual"
    assert 0.9 < forms.loc["ICC(1,1)", "estimate"] < 1.0
    assert any("constants only" in note for note in result.note_texts())


def test_a_saturated_design_is_marked():
    rows = [(0, "a", 1.0), (0, "b", 2.0), (1, "b", 2.0), (1, "c", 4.0), (2, "c", 3.0)]
    result = run(pd.DataFrame(rows, columns=["target", "rater", "score"]))
    two = result.frame[~result.frame["form"].str.startswith("ICC(1")]
    assert two["estimate"].isna().all()
    assert set(two["method"]) == {"not estimable: no rating is left for the residual"}
    assert result.frame.set_index("form").loc["ICC(1,1)", "conf_high"] > 0
    assert any(note.startswith("saturated: 5 ratings are just enough for 3 targets") for note in result.note_texts())


def test_no_target_variance_says_so():
    rng = np.random.default_rng(12)
    frame = rotating(8)
    for _ in range(20):
        result = run(frame.assign(score=rng.normal(size=len(frame))))
        if result.variances["variance"][0] < 1e-9:
            break
    forms = result.frame.set_index("form")
    assert forms.loc["ICC(A,1)", "estimate"] == pytest.approx(0.0, abs=1e-9)
    assert forms.loc["ICC(A,1)", "conf_low"] == 0.0
    assert 0.0 < forms.loc["ICC(A,1)", "conf_high"] < 0.6
    assert any("estimated as 0, so every ICC is 0" in note for note in result.note_texts())
