"""Data sets fitted after the engine was finished, against glmer and glmmTMB re-optimised (generalized_more.R)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import fit_generalized

REFERENCE = Path(__file__).parents[3] / "reference"
MADE: dict[str, Any] = json.loads((REFERENCE / "generalized_more.json").read_text(encoding="utf-8"))


def data_of(name: str) -> pd.DataFrame:
    """The data, their factors with R's order of levels."""
    data = pd.read_csv(REFERENCE / "generalized" / f"{name}.csv")
    for column, levels in MADE[name]["levels"].items():
        data[column] = pd.Categorical(data[column].astype(str), levels)
    return data


@pytest.mark.parametrize("name", sorted(MADE))
def test_estimates_and_errors_are_those_of_r(name: str) -> None:
    wanted = MADE[name]
    fit = fit_generalized(wanted["formula"], data_of(name), **{"nagq": wanted["nAGQ"], **wanted["options"]})
    # of a variance of zero glmmTMB has the logarithm of a standard deviation on its way down, here 3e-5
    assert fit.state == ("singular" if name == "infert" else "converged")
    names = [term.replace("[T.", "").replace("]", "") for term in fit.model.x_names]
    theirs = {name.replace("(Intercept)", "Intercept"): value for name, value in wanted["fixed"].items()}
    errors = dict(zip(theirs, wanted["se"], strict=True))
    np.testing.assert_allclose(fit.beta, [theirs[term] for term in names], atol=1e-6)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.vcov)), [errors[term] for term in names], rtol=1e-5)
    sds = np.abs(np.ravel(wanted["sds"] if "sds" in wanted else wanted["theta"]))
    np.testing.assert_allclose(np.sort(fit.variances["sd"]), np.sort(sds), atol=1e-4 if name == "infert" else 1e-6)
    if "logLik" in wanted:
        assert fit.loglik == pytest.approx(wanted["logLik"], abs=1e-6)
    if wanted.get("dispersion"):
        assert fit.dispersion == pytest.approx(wanted["dispersion"], rel=1e-6)
