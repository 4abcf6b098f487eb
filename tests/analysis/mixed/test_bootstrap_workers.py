"""Bootstraps on one core and on two: the same draws, the same limits."""

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import Workers, confint, fit_generalized, fit_mixed, omega
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


@pytest.fixture(scope="module")
def counts(data):
    rng = np.random.default_rng(13)
    eta = rng.normal(size=12)[data["patient"]] + 0.5 * data["x"]
    words = np.digitize(eta + rng.logistic(size=72), [-1.0, 0.5])
    return data.assign(n=rng.poisson(np.exp(0.5 * eta)), word=words, done=(words > 0).astype(int))


@pytest.mark.parametrize(("formula", "family", "n_boot", "pieces"), [
    ("word ~ x + (1 | patient)", "ordinal", 24, 3),
    ("done ~ x + (1 | patient)", "binomial", 60, 2),
    ("n ~ x + (x || patient)", "poisson", 22, 3),
])  # fmt: skip
def test_of_a_generalised_model(counts, tmp_path, formula, family, n_boot, pieces):
    """In batches, one by one, ordered; kept answers are those of two cores, and are not made again."""
    fit = fit_generalized(formula, counts, family=family)
    asked = {"n_boot": n_boot, "seed": 6}
    plain, told = confint(fit, "bootstrap", **asked), []
    two = confint(fit, "bootstrap", **asked, workers=Workers(2, keep=tmp_path), progress=lambda *now: told.append(now))
    assert two.equals(plain)
    assert told[0] == ("Refitting", 0, n_boot)
    assert told[-1] == ("Refitting", n_boot, n_boot)
    files = sorted(tmp_path.iterdir())
    assert len(files) == pieces
    files[0].unlink()
    times = [one.stat().st_mtime_ns for one in files[1:]]
    again = confint(
        fit_generalized(formula, counts, family=family), "bootstrap", **asked, workers=Workers(keep=tmp_path)
    )
    assert again.equals(plain)
    assert [one.stat().st_mtime_ns for one in files[1:]] == times
    assert sorted(tmp_path.iterdir()) == files


def test_what_is_kept_is_found_by_all_that_it_depends_on(counts, tmp_path):
    """Draws of ordered codes may be the same of two models: the model says itself, too."""
    kept = Workers(keep=tmp_path)
    first = {"n_boot": 20, "seed": 1}
    makers = [
        lambda: fit_generalized("done ~ x + (1 | patient)", counts, family="binomial"),
        lambda: fit_generalized("done ~ x + (1 | patient)", counts, family="binomial", nagq=1),
        lambda: fit_generalized("done ~ x + (1 | patient)", counts, family="binomial", link="probit"),
        lambda: fit_mixed("y ~ x + (1 | patient)", counts),
        lambda: fit_mixed("y ~ x + (1 | patient)", counts, reml=False),
        lambda: fit_mixed("y ~ x + (1 | patient)", counts, correlation="ar1(session | patient)"),
    ]
    for number, make in enumerate(makers, start=1):
        plain = confint(make(), "bootstrap", **first)
        for _ in range(2):
            found = confint(make(), "bootstrap", **first, workers=kept)
            pd.testing.assert_frame_equal(found, plain, rtol=1e-6, atol=1e-9)
            assert len(list(tmp_path.iterdir())) == number


def test_of_omega_is_kept(codes, tmp_path):
    asked = {"clusters": "patient", "interval": "bca", "n_boot": 100, "seed": 5}
    told = []
    first = omega(codes, **asked, workers=Workers(2, keep=tmp_path), progress=lambda *now: told.append(now)).frame
    assert [one for one in told if one[1] == one[2]] == [("Resampling", 100, 100), ("Resampling", 12, 12)]
    files = len(list(tmp_path.iterdir()))
    assert omega(codes, **asked, workers=Workers(keep=tmp_path)).frame.equals(first)
    assert len(list(tmp_path.iterdir())) == files
    other = codes.assign(a=5 - codes["a"])
    assert not omega(other, **asked, workers=Workers(keep=tmp_path)).frame.equals(first)


@pytest.mark.parametrize(("ask", "said"), [
    (lambda data, codes: confint(fit_mixed("y ~ x + (1 | patient)", data), workers=Workers()),
     "workers= has no effect on method='wald'"),
    (lambda data, codes: confint(fit_mixed("y ~ x + (1 | patient)", data), "profile", progress=print),
     "progress= has no effect on method='profile'"),
    (lambda data, codes: confint(omega(codes, clusters="patient"), workers=Workers()),
     "workers= is of the bootstrap of a mixed model, not of a OmegaResult"),
    (lambda data, codes: omega(codes, clusters="patient", kind="multilevel", workers=Workers()),
     "workers= has no effect for kind='multilevel'"),
])  # fmt: skip
def test_what_would_not_act_is_refused(data, codes, ask, said):
    with pytest.raises(UsageError, match=said):
        ask(data, codes)
