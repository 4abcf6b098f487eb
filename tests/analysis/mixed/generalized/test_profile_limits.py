"""Profile limits of generalised fits: against R (generalized_profile.R), and at bounds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import confint, fit_generalized
from doublecode.analysis.mixed.generalized.objective import evaluate
from doublecode.analysis.mixed.generalized.profiled_parameters import standard_deviation
from doublecode.analysis.mixed.generalized.search import Ending, Found, hessian
from doublecode.schemas.errors import UsageError

REFERENCE = Path(__file__).parents[3] / "reference"
MADE: dict[str, Any] = json.loads((REFERENCE / "generalized_profile.json").read_text(encoding="utf-8"))
OPTIONS: dict[str, dict[str, Any]] = {
    "cbpp": {"formula": "incidence ~ period + (1 | herd)", "family": "binomial", "trials": "size"},
    "homework": {"family": "binomial"}, "flat": {"family": "binomial"}, "slopes": {"family": "poisson"},
    "nb": {"family": "negative-binomial"}, "wine": {"formula": "y ~ x + w + (1 | g)", "family": "ordinal"},
}  # fmt: skip
OPTIONS["wine_agq"] = OPTIONS["wine"]


def data_of(name: str) -> pd.DataFrame:
    if name.startswith("wine"):
        data = pd.read_csv(REFERENCE / "ordinal.csv")
        return data[data["set"] == "wine"]
    source = name if name in ("cbpp", "slopes") else "homework"
    data = pd.read_csv(REFERENCE / "generalized" / f"{source}.csv")
    return data.assign(flat=np.resize([0, 1, 1, 0, 1, 0, 1, 1, 0], len(data))) if source == "homework" else data


def limits_of(name: str) -> pd.DataFrame:
    """Profile limits by R's names: (Intercept), periodp2, 1|2; sd1 and sd2 in the order of the random effects."""
    options = {"formula": MADE[name]["formula"], "nagq": MADE[name]["nAGQ"], **OPTIONS[name]}
    found = fit_generalized(options.pop("formula"), data_of(name), **options).confint("profile")
    terms = found["term"].str.replace("[T.", "", regex=False).str.replace("]", "", regex=False)
    place = (found["parameter"] == "sd").cumsum().astype(str)
    names = terms.where(terms != "Intercept", "(Intercept)").where(found["parameter"] != "sd", "sd" + place)
    return found.set_index(names.where(found["parameter"] != "dispersion", "dispersion"))


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_limits_are_where_rs_deviance_has_risen_by_the_quantile(name: str) -> None:
    """To 1e-5 of the limit, or absolutely; lme4's splines through points of the profile to 1e-3."""
    found, wanted = limits_of(name)[["conf_low", "conf_high"]], MADE[name]
    for term, limits in wanted["root"].items():
        np.testing.assert_allclose(found.loc[term], limits, rtol=1e-5, atol=1e-5)
    for term, limits in wanted.get("lme4", {}).items():
        ours = found.loc[f"sd{int(term[-2:])}" if term.startswith(".sig") else term]
        np.testing.assert_allclose(ours, limits, rtol=1e-3, atol=1e-3)


def test_each_of_the_limits_can_be_asked_for() -> None:
    fit = fit_generalized("nb ~ x + (1 | patient)", data_of("nb"), family="negative-binomial")
    both = [confint(fit, "wald", parameters=which) for which in ("fixed", "variances")]
    whole = fit.confint("wald")
    pd.testing.assert_frame_equal(pd.concat(both, ignore_index=True), whole)
    assert whole["parameter"].tolist() == ["fixed", "fixed", "sd", "dispersion"]
    assert whole.iloc[3, 3:6].tolist() == pytest.approx(fit.shape.iloc[0, 1:].tolist())
    sd = whole.iloc[2]
    assert np.log(sd["conf_high"] / sd["estimate"]) == pytest.approx(np.log(sd["estimate"] / sd["conf_low"]))
    with pytest.raises(UsageError, match="parameters='sd'; allowed: 'all', 'fixed', 'variances'"):
        fit.confint("profile", parameters="sd")  # type: ignore[arg-type]


def test_counts_without_more_spread_than_poissons_have_poissons_limits() -> None:
    """Where φ has gone up without end its upper limit is ∞, and the others are Poisson's or a little wider."""
    rng = np.random.default_rng(2)
    data = pd.DataFrame({"patient": np.repeat(np.arange(22), 9), "x": np.round(rng.normal(size=198), 3)})
    data["n"] = np.tile([1, 2, 3, 2, 1, 2, 2, 3, 2], 22) + data["patient"] % 3  # narrower than Poisson's
    fits = [fit_generalized("n ~ x + (1 | patient)", data, family=name) for name in ("negative-binomial", "poisson")]
    wide, narrow = (fit.confint("profile", parameters="variances") for fit in fits)
    assert wide["conf_high"].iloc[-1] == np.inf
    assert wide["conf_low"].iloc[-1] > 1.0
    wald = fits[0].confint("wald", parameters="variances")
    for shown in (wald, fits[0].shape):  # no limits from a likelihood that is flat, least of all narrow ones
        assert shown["estimate"].iloc[-1] == np.inf
        assert shown[["conf_low", "conf_high"]].iloc[-1].isna().all()
    assert fits[0].dispersion == np.inf
    assert fits[0].family_variance == pytest.approx(fits[1].family_variance, abs=1e-6)
    assert "generalized_no_overdispersion" in [note.kind for note in fits[0].notes]
    np.testing.assert_allclose(wide[["conf_low", "conf_high"]].iloc[:-1], narrow[["conf_low", "conf_high"]], atol=5e-3)


def test_the_second_of_two_correlated_effects_in_other_words() -> None:
    """Swapped columns of the same term have the same limits of both standard deviations."""
    data = data_of("slopes")
    data["one"] = 1.0
    fits = [
        fit_generalized(f"calls ~ time + ({effects} | patient)", data, family="poisson")
        for effects in ("1 + time", "0 + time + one")
    ]
    first, second = (fit.confint("profile", parameters="variances") for fit in fits)
    columns = ["estimate", "conf_low", "conf_high"]
    np.testing.assert_allclose(first[columns], second[columns].iloc[::-1], atol=1e-5)


def test_a_factor_of_the_other_sign_is_the_same_standard_deviation() -> None:
    """A search may end at −θ; limits are those of |θ|."""
    data = data_of("homework")
    fit = fit_generalized("done ~ x + (1 | patient)", data, family="binomial").fit
    x = fit.end.point.x.copy()
    x[0] = -x[0]
    point = evaluate(fit.problem, x)
    end = Ending(point, hessian(fit.problem, point), converged=True, evaluations=0, start="mirrored")
    mirrored = replace(fit, found=Found(end, (end,)))
    one, other = (standard_deviation(each, 0, 0) for each in (fit, mirrored))
    assert other.estimate == pytest.approx(one.estimate)
    assert other.c @ x == pytest.approx(one.estimate)
    assert other.error == pytest.approx(one.error, rel=1e-5)
