"""What a fitted generalised model answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from doublecode.analysis import compare, confint, fit_generalized, fit_many, fit_mixed, marginal_means
from doublecode.analysis.mixed.generalized.result import GeneralizedResult
from doublecode.schemas.errors import UsageError

DATA = pd.read_csv(Path(__file__).parents[3] / "reference" / "generalized" / "homework.csv")
DATA["arm"] = np.where(DATA["x"] > 0.0, "high", "low")


@pytest.fixture(scope="module")
def done() -> GeneralizedResult:
    return fit_generalized("done ~ x + z + time + (1 | patient)", DATA, family="binomial")


@pytest.fixture(scope="module")
def count() -> GeneralizedResult:
    return fit_generalized("count ~ arm * x + (1 | patient)", DATA, family="poisson", weights=np.full(198, 1.0))


def test_it_shows_estimates_ratios_and_how_the_integral_was_taken(done: GeneralizedResult) -> None:
    text = str(done)
    for part in ("done ~ x + z + time", "Odds ratio", "binomial, logit link", "quadrature with 15 points", "198 rows"):
        assert part in text
    np.testing.assert_allclose(done.ratios["ratio"], np.exp(done.beta[1:]))
    assert "\\begin" in done.to_latex()
    assert done.design["n_groups"] == {"patient": 22}


def test_predictions_on_both_scales_with_and_without_patients(done: GeneralizedResult) -> None:
    new = pd.DataFrame({"x": [0.0, 1.0], "z": 0.0, "time": 0.5, "patient": ["P01", "unseen"]})
    link, middle = done.predict(new, kind="link"), done.predict(new, kind="link", random="none")
    mode = done.random().query("level == 'P01'")["estimate"].item()
    np.testing.assert_allclose(link - middle, [mode, 0.0], atol=1e-12)
    np.testing.assert_allclose(done.predict(new), 1 / (1 + np.exp(-link)), rtol=1e-12)
    np.testing.assert_allclose(done.predict(kind="link"), done.fit.eta, atol=1e-9)
    with pytest.raises(UsageError, match="kind='odds'"):
        done.predict(kind="odds")  # type: ignore[arg-type]


def test_average_effects_are_the_slope_of_the_mean_over_patients(count: GeneralizedResult) -> None:
    """Of a count the mean over patients is exp(η + σ²/2), so that the derivative by x is β times it."""
    beta, V = dict(zip(count.model.x_names, count.beta, strict=True)), count.fit.covariances[0][0, 0]
    mean = np.exp(count.model.X @ count.beta + 0.5 * V)
    slope = beta["x"] + beta["arm[T.low]:x"] * (DATA["arm"] == "low")
    found = count.average_effects().set_index("term")
    assert found.loc["x", "estimate"] == pytest.approx(float((slope * mean).mean()), rel=1e-5)
    assert found.loc["arm", "contrast"] == "low − high"
    with pytest.raises(UsageError, match="'y' is no predictor"):
        count.average_effects("y")


def test_average_effect_of_a_probability_by_simulation(done: GeneralizedResult) -> None:
    draws = np.random.default_rng(1).normal(0.0, float(done.variances["sd"][0]), 20_000)
    eta = (done.model.X @ done.beta)[:, None] + draws
    p = 1 / (1 + np.exp(-eta))
    wanted = float((p * (1 - p)).mean() * done.beta[1])
    assert done.average_effects("x")["estimate"][0] == pytest.approx(wanted, rel=0.02)


def test_profile_limits_reach_the_quantile(done: GeneralizedResult) -> None:
    """At a limit the model refitted with the coefficient as an offset has lost 3.84/2 of its log-likelihood."""
    limits = done.confint("profile", parameters="fixed").set_index("term")
    wald = done.fixed.set_index("term")
    assert (limits["conf_high"] - limits["conf_low"] > 0.8 * (wald["conf_high"] - wald["conf_low"])).all()
    for side in ("conf_low", "conf_high"):
        held = fit_generalized(
            "done ~ z + time + (1 | patient)", DATA, family="binomial", offset=DATA["x"] * limits.loc["x", side]
        )
        assert 2 * (done.loglik - held.loglik) == pytest.approx(3.841459, abs=1e-3)
    pd.testing.assert_frame_equal(confint(done, "profile"), done.confint("profile"))


def test_bootstrap_limits_hold_the_estimate(done: GeneralizedResult) -> None:
    found = done.confint("bootstrap", n_boot=40, seed=2)
    assert ((found["conf_low"] < found["estimate"]) & (found["estimate"] < found["conf_high"])).all()
    assert found["parameter"].tolist() == ["fixed"] * 4 + ["sd"]


def test_simulated_outcomes_have_the_mean_over_patients(count: GeneralizedResult) -> None:
    drawn = count.simulate(400, seed=1)
    mean = np.exp(count.model.X @ count.beta + 0.5 * count.fit.covariances[0][0, 0])
    assert drawn.mean() == pytest.approx(float(mean.mean()), rel=0.05)
    given = fit_generalized("items ~ x + (1 | patient)", DATA, family="binomial", trials="trials")
    share = fit_generalized("rate ~ x + (1 | patient)", DATA.assign(rate=DATA["items"] / DATA["trials"]),
                            family="binomial", trials="trials")  # fmt: skip
    assert share.loglik == pytest.approx(given.loglik, abs=1e-9)
    np.testing.assert_allclose(share.simulate(2) * DATA["trials"].to_numpy()[:, None], given.simulate(2))


def test_latent_r2_by_its_formula(done: GeneralizedResult) -> None:
    fixed, V = np.var(done.model.X @ done.beta, ddof=1), done.variances["variance"][0]
    total = fixed + V + np.pi**2 / 3
    np.testing.assert_allclose(done.r2()["value"], [fixed / total, (fixed + V) / total])
    assert done.icc["adjusted"] == pytest.approx(V / (V + np.pi**2 / 3))


def test_family_variance_of_counts_by_its_formula() -> None:
    fit = fit_generalized("nb ~ x + (1 | patient)", DATA, family="negative-binomial")
    mean = np.exp(fit.model.X @ fit.beta + 0.5 * fit.fit.covariances[0][0, 0]).mean()
    assert fit.family_variance == pytest.approx(np.log(1 + 1 / mean + 1 / fit.shape["estimate"][0]))
    assert fit.shape["conf_low"][0] < fit.shape["estimate"][0] < fit.shape["conf_high"][0]


def test_likelihood_ratios(done: GeneralizedResult) -> None:
    small = fit_generalized("done ~ x + z + (1 | patient)", DATA, family="binomial")
    frame = compare(small, done).frame
    assert frame["statistic"][1] == pytest.approx(2 * (done.loglik - small.loglik))
    assert frame["df"][1] == 1.0
    with pytest.raises(UsageError, match="differ in nagq"):
        compare(small, fit_generalized("done ~ x + z + time + (1 | patient)", DATA, family="binomial", nagq=1))
    with pytest.raises(UsageError, match="not some of each"):
        compare(small, fit_mixed("done ~ x + (1 | patient)", DATA))
    with pytest.raises(UsageError, match="different outcomes"):
        compare(small, fit_generalized("probit ~ x + z + time + (1 | patient)", DATA, family="binomial"))


def test_marginal_means_are_linear_predictors(count: GeneralizedResult) -> None:
    found = marginal_means(count, "arm")
    new = pd.DataFrame({"arm": ["high", "low"], "x": DATA["x"].mean()})
    np.testing.assert_allclose(found.frame["estimate"], count.predict(new, kind="link", random="none"))
    assert found.frame["df"].eq(np.inf).all()
    assert "scale of the linear predictor (log)" in str(found)


def overdispersed(seed: int, extra: bool) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    data = pd.DataFrame({"patient": np.repeat(np.arange(30), 10), "x": rng.normal(size=300)})
    eta = 0.8 + 0.3 * data["x"] + rng.normal(0, 0.5, 30)[data["patient"]]
    data["n"] = rng.poisson(np.exp(eta + (rng.normal(0, 0.8, 300) if extra else 0.0)))
    data["zero"] = np.where(rng.uniform(size=300) < 0.3, 0, data["n"])
    return data


@pytest.mark.parametrize(("column", "extra", "check", "sign"), [
    ("n", False, "dispersion", 0), ("n", False, "zeros", 0), ("n", True, "dispersion", 1), ("zero", False, "zeros", 1),
])  # fmt: skip
def test_planted_dispersion_and_zeros_are_found(column: str, extra: bool, check: str, sign: int) -> None:
    fit = fit_generalized(f"{column} ~ x + (1 | patient)", overdispersed(3, extra), family="poisson")
    row = fit.check_simulated(100).set_index("check").loc[check]
    assert (row["p_value"] < 0.05) == bool(sign)
    assert row["ratio"] > 1.2 if sign else 0.7 < row["ratio"] < 1.3


def test_binary_outcomes_are_not_checked_for_dispersion(done: GeneralizedResult) -> None:
    with pytest.raises(UsageError, match="0 and 1"):
        done.check_simulated()


def test_no_variance_is_named() -> None:
    data = DATA.assign(flat=np.tile([0, 1, 1, 0, 1, 0, 1, 1, 0], 22))
    fit = fit_generalized("flat ~ x + (1 | patient)", data, family="binomial")
    assert fit.singular
    assert fit.state == "singular"
    assert "(1 | patient) has no variance" in str(fit)


def test_rows_in_any_order_give_the_same(done: GeneralizedResult) -> None:
    order = np.random.default_rng(5).permutation(198)
    again = fit_generalized("done ~ x + z + time + (1 | patient)", DATA.iloc[order], family="binomial")
    np.testing.assert_allclose(again.beta, done.beta, atol=1e-7)
    np.testing.assert_allclose(again.predict()[done.rows], done.predict(), atol=1e-7)


def test_missing_rows_are_dropped_and_counted() -> None:
    holes: dict[str, Any] = {"done": DATA["done"].where(DATA.index != 3), "x": DATA["x"].where(DATA.index != 7)}
    fit = fit_generalized("done ~ x + (1 | patient)", DATA.assign(**holes), family="binomial")
    assert fit.design["n_used"] == 196
    assert "2 of 198 rows dropped" in str(fit)


@pytest.mark.parametrize(("outcome", "family"), [("done", "binomial"), ("count", "ordinal")])
def test_a_model_without_predictors_has_no_average_effects(outcome: str, family: str) -> None:
    data = DATA.assign(count=DATA["count"].clip(upper=3))
    effects = fit_generalized(f"{outcome} ~ 1 + (1 | patient)", data, family=family).average_effects()
    assert effects.empty
    assert {"term", "contrast", "estimate", "conf_high"} <= set(effects)


def test_counts_are_compared_with_a_model_of_more_spread() -> None:
    """Log-likelihoods are those of R's glmmTMB 1.1.5: nb ~ x + z + time + (1 | patient), poisson and nbinom2."""
    formula = "nb ~ x + z + time + (1 | patient)"
    plain, wide = (fit_generalized(formula, DATA, family=f, nagq=1) for f in ("poisson", "negative-binomial"))
    frame = compare(wide, plain).frame
    assert frame["loglik"].tolist() == pytest.approx([-434.28477904, -396.52295176], abs=1e-5)
    assert frame["statistic"][1] == pytest.approx(75.52365456, abs=2e-5)
    assert frame["p_value"][1] == pytest.approx(0.5 * stats.chi2.sf(75.52365456, 1), rel=1e-4)
    assert frame["model"].tolist() == [f"{formula}, poisson", f"{formula}, negative-binomial"]
    assert frame["reference"][1] == "½ chi2(0) + ½ chi2(1)"
    smaller = fit_generalized("nb ~ x + (1 | patient)", DATA, family="poisson", nagq=1)
    two = compare(smaller, plain, wide).frame
    assert two["df"].tolist()[1:] == [2.0, 1.0]
    both = compare(smaller, wide).frame.iloc[1]
    assert both["p_value"] == pytest.approx(stats.chi2.sf(both["statistic"], [2, 3]).mean(), rel=1e-9)


def test_counts_that_are_not_nested_or_no_counts() -> None:
    options = {"data": DATA, "nagq": 1}
    wide = fit_generalized("count ~ x + (1 | patient)", family="negative-binomial", **options)
    plain = fit_generalized("count ~ x + (1 | patient)", family="poisson", **options)
    row = compare(plain, wide).frame.iloc[1]
    assert row["p_value"] == pytest.approx(0.5 * stats.chi2.sf(row["statistic"], 1) + 0.5 * (row["statistic"] == 0))
    larger = fit_generalized("count ~ x + z + time + (1 | patient)", family="poisson", **options)
    assert [note.kind for note in compare(wide, larger).notes] == ["not_nested"]
    turned = fit_generalized("count ~ x + (time | patient)", family="negative-binomial", **options)
    assert compare(plain, turned).frame["reference"][1] == "chi2(3)"
    with pytest.raises(UsageError, match=r"differ in family \(poisson and ordinal\)"):
        compare(plain, fit_generalized("count ~ x + (1 | patient)", family="ordinal", **options))


def test_limits_by_bootstrap_are_unknown_where_no_refit_succeeds(
    done: GeneralizedResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "doublecode.analysis.mixed.generalized.bootstrap._together",
        lambda *given: np.full((given[3].shape[1], 5), np.nan),
    )
    limits = done.confint("bootstrap", n_boot=20)
    assert limits["term"].tolist() == [*done.model.x_names, "Intercept"]
    assert limits[["conf_low", "conf_high"]].isna().all(axis=None)
    assert set(limits["method"]) == {"bootstrap (0 of 20 refits)"}


def test_a_bootstrap_in_batches_has_the_limits_of_refits_one_by_one(
    done: GeneralizedResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = done.confint("bootstrap", n_boot=60, seed=3)
    monkeypatch.setattr("doublecode.analysis.mixed.generalized.bootstrap._together", lambda *_: None)
    alone = done.confint("bootstrap", n_boot=60, seed=3)
    pd.testing.assert_frame_equal(together, alone, rtol=1e-4, atol=1e-4)
    assert together["method"].str.startswith("bootstrap (").all()


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_a_bootstrap_has_limits_of_the_dispersion(spread: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of fits to the drawn counts, from other starts; where φ has no end most draws have one."""
    rng = np.random.default_rng(5)
    data = pd.DataFrame({"patient": np.repeat(np.arange(16), 9), "x": np.tile(np.linspace(-1, 1, 9), 16)})
    data["n"] = np.tile([2, 3, 1, 4, 2, 3, 4, 3, 2], 16) + 2 * (data["patient"] % 3)
    data["n"] = np.round(data["n"] * np.exp(spread * rng.normal(size=144))).astype(int)
    fit = fit_generalized("n ~ x + (1 | patient)", data, family="negative-binomial", nagq=1)
    assert (fit.dispersion == np.inf) is (spread == 0.0)
    limits = fit.confint("bootstrap", n_boot=30, seed=1)
    assert limits["parameter"].tolist() == ["fixed", "fixed", "sd", "dispersion"]
    refits = fit_many("n ~ x + (1 | patient)", data, fit.simulate(30, seed=1), family="negative-binomial", nagq=1)
    low, high = np.quantile(np.minimum(refits.dispersion, 1e300), [0.025, 0.975])
    high = np.inf if high > 1e299 else high
    assert limits[["conf_low", "conf_high"]].iloc[-1].tolist() == pytest.approx([low, high], rel=1e-3)
    assert np.isinf(high) == (spread == 0.0)
    monkeypatch.setattr("doublecode.analysis.mixed.generalized.bootstrap._together", lambda *_: None)
    alone = fit.confint("bootstrap", n_boot=30, seed=1)
    pd.testing.assert_frame_equal(limits, alone, rtol=1e-4, atol=1e-4)
    own = fit.confint("bootstrap", n_boot=30, seed=1, parameters="variances")
    pd.testing.assert_frame_equal(own, alone.iloc[2:].reset_index(drop=True))
