"""glmer and glmmTMB, re-optimised in R to a gradient below 1e-6 (tests/reference/generalized.R)."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import fit_generalized

REFERENCE = Path(__file__).parents[3] / "reference"
MADE: dict[str, Any] = json.loads((REFERENCE / "generalized.json").read_text(encoding="utf-8"))
CASES = sorted(name for name in MADE if not name.startswith("_"))
COUNTS = {"ticks", "ticks_offset", "homework_weights", "count", "count_agq", "slopes_count", "nested_count"}


@cache
def data_of(name: str) -> pd.DataFrame:
    data = pd.read_csv(REFERENCE / "generalized" / f"{name}.csv")
    if "mode" in data:
        data["mode"] = pd.Categorical(data["mode"], ["want", "do"])  # R's order of the levels
    return data


def arguments(name: str) -> dict[str, Any]:
    """R's formula and family in our words."""
    formula = MADE[name]["formula"].replace(" + offset(log_exposure)", "")
    found: dict[str, Any] = {"nagq": MADE[name]["nAGQ"], "family": "poisson" if name in COUNTS else "binomial"}
    bound = re.match(r"cbind\((\w+), (\w+) - \w+\) (.*)", formula)
    if bound:
        formula, found["trials"] = f"{bound[1]} {bound[3]}", bound[2]
    if name.startswith("nb"):
        found["family"] = "negative-binomial"
    for link in ("probit", "cloglog"):
        if name.startswith(link):
            found["link"] = link
    found |= {"offset": "log_exposure"} if name == "ticks_offset" else {}
    found |= {"weights": "w"} if name == "homework_weights" else {}
    return found | {"formula": formula}


def in_our_order(names: list[str], theirs: list[str]) -> list[int]:
    """Places of our coefficients among R's: (Intercept) is Intercept, yeary96 is year[T.y96]."""
    plain = ["Intercept" if name == "(Intercept)" else name for name in theirs]
    return [plain.index(name.replace("[T.", "").replace("]", "")) for name in names]


@pytest.mark.parametrize("name", CASES)
def test_estimates_and_errors_are_those_of_r(name: str) -> None:
    wanted, given = MADE[name], arguments(name)
    fit = fit_generalized(given.pop("formula"), data_of(wanted["set"]), **given)
    assert fit.converged
    if wanted.get("logLik") is not None:
        assert fit.loglik == pytest.approx(wanted["logLik"], abs=1e-5)
    places = in_our_order(list(fit.model.x_names), list(wanted["fixed"]))
    np.testing.assert_allclose(fit.beta, np.array(list(wanted["fixed"].values()))[places], atol=1e-5)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.vcov)), np.array(wanted["se"])[places], rtol=1e-4)
    if wanted.get("dispersion") is not None:
        assert fit.dispersion == pytest.approx(wanted["dispersion"], rel=1e-5)
    if "log_sd" in wanted:
        np.testing.assert_allclose(np.sort(fit.variances["sd"]), np.sort(np.exp(np.ravel(wanted["log_sd"]))), rtol=1e-5)
    elif all(len(term.columns) == 1 for term in fit.model.terms):
        np.testing.assert_allclose(np.sort(fit.variances["sd"]), np.sort(np.abs(np.ravel(wanted["theta"]))), atol=1e-5)
    else:
        (V,) = (V for V in fit.fit.covariances if len(V) > 1)
        corner = wanted["theta"][:3]
        assert np.sqrt(np.linalg.det(V)) == pytest.approx(abs(corner[0] * corner[2]), rel=1e-4)


def test_the_homework_series_of_the_shared_reference() -> None:
    """hw229_a: glmer's own estimates, not sharpened, Laplace and 15 points; variances printed in the issue."""
    made = json.loads((REFERENCE / "glmm.json").read_text(encoding="utf-8"))["hw229_a_glmer"]
    data = pd.read_csv(REFERENCE / "hw229_a.csv")
    for key, nagq in (("nAGQ1", 1), ("nAGQ15", "auto")):
        fit = fit_generalized(made["formula"], data, family="binomial", nagq=nagq)  # type: ignore[arg-type]
        assert fit.loglik == pytest.approx(made[key]["logLik"], abs=1e-4)
        assert fit.aic == pytest.approx(made[key]["AIC"], abs=1e-3)
        theirs = pd.DataFrame(made[key]["fixed"]).T
        np.testing.assert_allclose(fit.fixed["estimate"], theirs["b"], atol=1e-3)
        np.testing.assert_allclose(fit.fixed["std_error"], theirs["se"], atol=1e-3)
        assert fit.variances["variance"][0] == pytest.approx(made[key]["var_random"], abs=1e-3)
