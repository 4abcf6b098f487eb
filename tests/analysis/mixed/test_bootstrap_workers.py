"""Bootstraps on one core and on two: the same draws, the same limits."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import Workers, confint, fit_mixed, omega
from doublecode.schemas.errors import UsageError


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(11)
    frame = pd.DataFrame({"patient": np.repeat(np.arange(12), 6), "session": np.tile(np.arange(6), 12)})
    frame["x"] = rng.normal(size=72)
    frame["y"] = rng.normal(size=12)[frame["patient"]] + 0.5 * frame["x"] + rng.normal(size=72)
    return frame


@pytest.fixture(scope="module")
def codes(data):
    rng = np.random.default_rng(12)
    values = np.clip(np.round(2 + rng.normal(size=(72, 1)) + rng.normal(size=(72, 4))), 0, 4)
    return pd.DataFrame(values, columns=list("abcd")).assign(patient=data["patient"])


def test_of_correlated_residuals(data):
    fit = fit_mixed("y ~ x + (1 | patient)", data, correlation="ar1(session | patient)")
    plain = confint(fit, "bootstrap", n_boot=60, seed=3)
    one, two = (confint(fit, "bootstrap", n_boot=60, seed=3, workers=Workers(jobs=n)) for n in (1, 2))
    assert one.equals(two)
    assert one.equals(plain)


def test_of_a_batch_in_parts(data):
    """The refits of a batch do not depend on which others are in it."""
    fit = fit_mixed("y ~ x + session + (session | patient)", data)
    plain = confint(fit, "bootstrap", n_boot=120, seed=4)
    parts = confint(fit, "bootstrap", n_boot=120, seed=4, workers=Workers())
    numbers = ["estimate", "conf_low", "conf_high"]
    np.testing.assert_allclose(parts[numbers], plain[numbers], rtol=1e-6, atol=1e-9)
    assert parts["method"].tolist() == plain["method"].tolist()


def test_of_omega(codes):
    asked = {"clusters": "patient", "kind": "categorical", "interval": "bootstrap", "n_boot": 100, "seed": 5}
    one, two = (omega(codes, **asked, workers=Workers(jobs=n)).frame for n in (1, 2))
    assert one.equals(two)
    plain = omega(codes, **asked).frame
    numbers = ["estimate", "conf_low", "conf_high"]
    np.testing.assert_allclose(one[numbers], plain[numbers], rtol=1e-6)


@pytest.mark.parametrize(("ask", "said"), [
    (lambda data, codes: confint(fit_mixed("y ~ x + (1 | patient)", data), workers=Workers()),
     "workers have no effect on method='wald'"),
    (lambda data, codes: omega(codes, clusters="patient", kind="multilevel", workers=Workers()),
     "workers= has no effect for kind='multilevel'"),
    (lambda data, codes: omega(codes, clusters="patient", workers=Workers(keep=Path("."))), "keeps no answers"),
])  # fmt: skip
def test_what_would_not_act_is_refused(data, codes, ask, said):
    with pytest.raises(UsageError, match=said):
        ask(data, codes)
