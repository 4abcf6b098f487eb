"""Models of process that somebody tried to break: cross-lagged paths, correction for raters, mediation (synthetic)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import correct_for_raters, cross_lagged, mediation
from doublecode.schemas.errors import ContractError, NotEstimable, UsageError

SINCE, THIS = "since last session", "this session"


def panel(n=30, sessions=5):
    rng = np.random.default_rng(7)
    keys = {"patient": np.repeat(np.arange(n), sessions), "session": np.tile(np.arange(1, sessions + 1), n)}
    own = rng.normal(size=(2, n))[:, keys["patient"]]
    he, ph = own + rng.normal(size=own.shape)
    return pd.DataFrame({**keys, "he": he, "ph": ph})


@pytest.mark.parametrize(("one", "other"), [("ph", "he"), ("he", "ph")])
@pytest.mark.parametrize("said", [SINCE, THIS])
def test_one_interval_alone_is_refused(one, other, said):
    with pytest.raises(UsageError, match=f"Say of '{other}', too"):
        cross_lagged(panel(), "he", "ph", refers_to={one: said})


def test_paths_need_consecutive_sessions():
    data = panel()
    with pytest.raises(NotEstimable, match="0 sessions with he follow one with he"):
        cross_lagged(data.assign(session=data["session"] * 2), "he", "ph")
    turns = data.assign(he=data["he"].where(data["session"] % 2 == 1), ph=data["ph"].where(data["session"] % 2 == 1))
    with pytest.raises(NotEstimable, match="0 sessions with he follow"):
        cross_lagged(turns, "he", "ph")
    late = data.assign(ph=data["ph"].where(data["session"] == 1))
    with pytest.raises(NotEstimable, match="0 sessions with ph follow one with he"):
        cross_lagged(late, "he", "ph")


@pytest.mark.parametrize("typed", [40, 1000, 10**12])
def test_a_mistyped_session_number_is_refused_at_once(typed):
    data = panel()
    data.loc[data.index[4], "session"] = typed
    with pytest.raises(NotEstimable, match="none lies between 5 and"):
        cross_lagged(data, "he", "ph")


@pytest.mark.parametrize(("options", "said"), [
    ({"error_variance": 0.2}, "error_variance is 0.2; give numbers by variable"),
    ({"error_variance": {"he": "a"}}, "give numbers by variable"),
    ({"refers_to": "this session"}, "give a mapping"),
])  # fmt: skip
def test_options_of_the_wrong_kind_are_refused(options, said):
    with pytest.raises(UsageError, match=said):
        cross_lagged(panel(), "he", "ph", **options)


FORMULA = "phq ~ session + he + (1 | patient)"


def rated():
    """Ratings of five raters, every second session coded twice, and the frame of their means."""
    rng = np.random.default_rng(1)
    n, sessions = 16, 8
    keys = {"patient": np.repeat(np.arange(n), sessions), "session": np.tile(np.arange(1, sessions + 1), n)}
    truth = rng.normal(size=n * sessions)
    rows = [(i, r) for i in range(n * sessions) for r in rng.permutation(5)[: 1 + i % 2]]
    at, by = (np.array(part) for part in zip(*rows, strict=True))
    values = {name: truth[at] + rng.normal(0, 0.8, len(at)) for name in ("he", "tbh")}
    places = {name: key[at] for name, key in keys.items()}
    ratings = pd.concat([pd.DataFrame({**places, "rater": by, "instrument": name, "value": one})
                         for name, one in values.items()])  # fmt: skip
    frame = ratings.pivot_table(index=["patient", "session"], columns="instrument", values="value").reset_index()
    return ratings, frame.assign(phq=10 - truth + rng.normal(size=len(truth)))


@pytest.mark.parametrize(("options", "said"), [
    ({"split": "xx"}, "split names 'xx', no coded predictor of .* allowed: he"),
    ({"split": "hee"}, "did you mean 'he'"),
    ({"split": ["he", "tbh"]}, "split names 'tbh'"),
    ({"split": "session"}, "split names 'session'"),
    ({"coded": {"he": "he", "tbh": "tbh"}}, "coded names 'tbh', which .* allowed: he, patient"),
    ({"coded": "he"}, "coded is 'he'; give a mapping"),
])  # fmt: skip
def test_names_that_the_correction_cannot_use_are_refused(options, said):
    with pytest.raises(UsageError, match=said):
        correct_for_raters(*rated(), FORMULA, **options)


def test_a_session_twice_in_the_frame_is_refused():
    ratings, frame = rated()
    with pytest.raises(ContractError, match="0 session 1 stands twice in frame"):
        correct_for_raters(ratings, pd.concat([frame, frame.head(2)]), FORMULA)


def ways(n=40, sessions=5):
    data = panel(n, sessions).rename(columns={"he": "x"})
    noise = np.random.default_rng(5).normal(size=(2, len(data)))
    data["m"] = 0.5 * data["x"] + noise[0]
    return data.assign(y=data["m"] - 0.2 * data["x"] + noise[1])


@pytest.mark.parametrize("options", [{}, {"clusters": "patient"}, {"clusters": "patient", "slopes": "random"}])
@pytest.mark.parametrize(("change", "said"), [
    ({"m": lambda d: d["x"]}, "x and m follow"),
    ({"m": lambda d: 3 - 2 * d["x"]}, "x and m follow"),
    ({"y": lambda d: d["m"] * 1e6}, "m and y follow"),
    ({"y": lambda d: d["x"]}, "x and y follow"),
    ({"y": lambda d: d["x"] + d["m"]}, "x and m and y follow"),
])  # fmt: skip
def test_variables_that_follow_from_one_another_are_refused(options, change, said):
    with pytest.raises(NotEstimable, match=said):
        mediation(ways().assign(**change), "x", "m", "y", **options)


def test_variables_that_follow_from_one_another_within_patients_are_refused():
    data = ways()
    data["m"] = data["x"] + np.sin(data["patient"])
    with pytest.raises(NotEstimable, match="x and m follow from one another without error within patient"):
        mediation(data, "x", "m", "y", clusters="patient")


@pytest.mark.parametrize(("change", "options", "error", "said"), [
    (str, {"lags": (1, 0)}, ContractError, "lags go by 'session', which must hold numbers"),
    (int, {"lags": 1}, UsageError, "lags are 1; two whole numbers"),
    (int, {"lags": "10"}, UsageError, "two whole numbers"),
    (int, {"seed": "a"}, UsageError, "seed is 'a'; a whole number from 0 on"),
    (int, {"seed": -1}, UsageError, "seed is -1"),
    (int, {"seed": 1.5}, UsageError, "seed is 1.5"),
])  # fmt: skip
def test_lags_and_seeds_of_the_wrong_kind_are_refused(change, options, error, said):
    data = ways()
    with pytest.raises(error, match=said):
        mediation(data.assign(session=data["session"].map(change)), "x", "m", "y",
                  clusters="patient", session="session", **options)  # fmt: skip


@pytest.mark.parametrize("clusters", [None, "patient"])
@pytest.mark.parametrize(("name", "by", "power"), [("x", 1e6, -1), ("m", 1e6, 0), ("m", 1e-3, 0), ("y", 1e-6, 1)])
def test_monte_carlo_limits_go_with_the_units(clusters, name, by, power):
    data, limits = ways(), ["estimate", "conf_low", "conf_high"]
    one = mediation(data, "x", "m", "y", clusters=clusters).frame
    other = mediation(data.assign(**{name: data[name] * by}), "x", "m", "y", clusters=clusters).frame
    products = one["term"].isin(["indirect", "total"])
    wanted = one.loc[products, limits].to_numpy() * by**power
    assert other.loc[products, limits].to_numpy() == pytest.approx(wanted, rel=1e-4)
