"""Every door of linking and regression, given frames that are odd in the ways that frames of labs are (synthetic).

Each door answers, or says with an error of our own what is wrong: never a traceback of another library, never a
warning of one. Where it answers, estimates are numbers, or a row says why there is none.
"""

from __future__ import annotations

import os
import warnings

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import (
    build_frame,
    compare_missing,
    correct_for_raters,
    correlate,
    cross_lagged,
    family_of_tests,
    fidelity,
    fit_linear,
    fit_series,
    group_anova,
    interaction_family,
    marginal_means,
    mediation,
    moderation,
    patient_outcome,
    screen_covariates,
    side_by_side,
    within_between,
)
from doublecode.analysis.linking.coded_columns import CodedPart
from doublecode.schemas.errors import ContractError, DoublecodeError, UsageError
from doublecode.schemas.frames import SCORES
from doublecode.schemas.study_parts import Variable

N, EACH = 18, 5


def sound(n: int = N, each: int = EACH) -> pd.DataFrame:
    """Sessions of patients: he and m vary in them, base and post do not."""
    rng = np.random.default_rng(11)
    who = np.repeat(np.arange(n), each)
    data = pd.DataFrame({"patient": who, "session": np.tile(np.arange(1, each + 1), n), "therapist": who % 8})
    data["he"] = rng.normal(size=n)[who] + rng.normal(size=len(who))
    data["m"] = 0.4 * data["he"] + rng.normal(size=n)[who] + rng.normal(size=len(who))
    data["y"] = 9 - 0.5 * data["m"] + rng.normal(size=n)[who] + rng.normal(size=len(who))
    data["base"] = rng.normal(14, 4, n)[who]
    data["post"] = 0.5 * data["base"] + rng.normal(0, 2, n)[who]
    data["arm"] = np.where(who % 2 == 0, "x", "z")
    data["done"] = np.where(who % 5 == 0, np.nan, rng.integers(0, 2, len(who)))
    return data


def ratings_of(data: pd.DataFrame) -> pd.DataFrame:
    """Two raters whose mean is he, as far as the frame has it."""
    if not {"patient", "session", "he"} <= {*data.columns}:
        data = sound()
    noise = np.random.default_rng(3).normal(0, 0.4, len(data))
    data = data.loc[:, ~data.columns.duplicated()].reset_index(drop=True)
    he = pd.to_numeric(data["he"], errors="coerce").astype(float)
    parts = [
        data[["patient", "session"]].assign(rater=rater, instrument="he", value=he + sign * noise)
        for rater, sign in (("A", 1), ("B", -1))
    ]
    return pd.concat(parts, ignore_index=True).dropna(subset=["value"])


def series_with_everything(data):
    steps = ["y ~ session + (1 | patient)", "y ~ session + he + m + (1 | patient)"]
    found = fit_series(steps, data, split=["he", "m"], differences=[("he", "m")], latent_means=True, explained=True)
    return str(found), found.hypotheses, found.limits, found.plot("caterpillar"), side_by_side(found)


def framed(data):
    """The frame of columns of the sessions; nothing was scored."""
    scores = pd.DataFrame({name: [] for name in SCORES.columns}, dtype=object)
    scores = scores.astype({"session": int, "value": float, "n_raters": float, "n_valid": int, "n_items": int})
    sessions = data.assign(session_id=[f"S{i}" for i in range(len(data))], phase="main", status="held", reason=None)
    variables = [Variable(name=f"of_{name}", column=name, table="sessions") for name in ("he", "y", "arm")]
    found = build_frame(scores, sessions, variables=variables, models={"m": ["of_y ~ of_he + (1 | patient)"]})
    return str(found), found.ledger


DOORS = {
    "within_between": lambda data: within_between(data, ["he", "m"]),
    "fit_series": series_with_everything,
    "patient_outcome": lambda data: patient_outcome(data, "post", "he", baseline="base"),
    "patient_outcome, fixed": lambda data: patient_outcome(data, "post", "he", therapists="fixed", sessions=[1, 2]),
    "correct_for_raters": lambda data: correct_for_raters(ratings_of(data), data, "y ~ he_within + (1 | patient)"),
    "correct_for_raters, odd ratings": lambda data: correct_for_raters(
        data.rename(columns={"he": "value"}).assign(rater="A", instrument="he"), sound(), "y ~ he + (1 | patient)"
    ),
    "cross_lagged": lambda data: cross_lagged(data, "he", "y", time="trend"),
    "mediation": lambda data: mediation(data, "he", "m", "y", clusters="patient", session="session", lags=(1, 0)),
    "mediation, one level": lambda data: mediation(data, "he", "m", "y"),
    "build_frame": framed,
    "fit_linear": lambda data: fit_linear("y ~ he * arm + base", data),
    "marginal_means": lambda data: marginal_means(fit_linear("y ~ he + arm", data), "arm", at={"he": [0, 1]}),
    "moderation": lambda data: moderation("y ~ he * m + base", data).plot("cut", cut=0),
    "interaction_family": lambda data: interaction_family([moderation("y ~ he * m", data)]),
    "family_of_tests": lambda data: family_of_tests(
        fit_linear("y ~ he + m", data).frame.assign(model="a").to_dict("records")
    ),
    "group_anova": lambda data: group_anova(data, "y", "therapist"),
    "correlate": lambda data: correlate(data, ["he", "m", "y"], patient="patient", session="session", n_boot=200),
    "screen_covariates": lambda data: screen_covariates(data, ["y"], ["base", "he"]),
    "compare_missing": lambda data: compare_missing(data, ["done"], ["base", "y"], patient="patient"),
    "fidelity": lambda data: fidelity(data, ["done"], therapist="therapist"),
}


def column(name, make):
    return lambda: sound().assign(**{name: make})


EVERY = int(os.environ.get("EVERY", "4"))
"""Each door is asked with one in so many of the odd columns, others than its neighbours; EVERY=1 asks all (minutes)."""
COLUMNS = ("patient", "session", "therapist", "he", "m", "y", "base", "post", "arm", "done")
FRAMES = {
    "nothing in it": lambda: sound().iloc[:0],
    "no column": lambda: pd.DataFrame(),
    "one row": lambda: sound().iloc[:1],
    "one patient": lambda: sound().query("patient == 3"),
    "two patients": lambda: sound().query("patient < 2"),
    "one session each": lambda: sound().query("session == 1"),
    "two sessions each": lambda: sound().query("session < 3"),
    "all missing": lambda: sound().assign(**dict.fromkeys(("he", "m", "y", "base", "post", "done"), np.nan)),
    "all constant": lambda: sound().assign(**dict.fromkeys(("he", "m", "y", "base", "post", "done"), 1.0)),
    "index twice": lambda: sound().set_index(np.zeros(N * EACH, dtype=int)),
    "index of texts": lambda: sound().set_index(pd.Index([f"r{i}" for i in range(N * EACH)])),
    "every session twice": lambda: pd.concat([sound(), sound()]),
    "nullable": lambda: sound().convert_dtypes(),
    "categories": lambda: sound().astype({"patient": "category", "therapist": "category", "arm": "category"}),
    "objects": lambda: sound().astype(object),
}
WHOLE = tuple(FRAMES)
for _name in COLUMNS:
    FRAMES[f"{_name} stands twice"] = lambda name=_name: pd.concat([sound(), sound()[[name]]], axis=1)
    FRAMES[f"{_name} missing"] = column(_name, np.nan)
    FRAMES[f"{_name} None"] = column(_name, None)
    FRAMES[f"{_name} constant"] = column(_name, 1.0)
    FRAMES[f"{_name} infinite"] = column(
        _name, lambda data, name=_name: [np.inf, *pd.to_numeric(data[name], errors="coerce").fillna(0)[1:]]
    )
    FRAMES[f"{_name} as texts"] = column(_name, lambda data, name=_name: data[name].astype(str))
    FRAMES[f"{_name} with a word"] = column(_name, lambda data, name=_name: ["sick", *data[name].tolist()[1:]])
    FRAMES[f"{_name} gone"] = lambda name=_name: sound().drop(columns=name)
    FRAMES[f"{_name} missing in half"] = column(
        _name, lambda data, name=_name: data[name].where(np.arange(len(data)) % 2 == 0)
    )
    FRAMES[f"{_name} as lists"] = column(_name, lambda data, name=_name: [[one] for one in data[name]])
    FRAMES[f"{_name} as dates"] = column(_name, lambda data: pd.date_range("2020-01-01", periods=len(data)))
    FRAMES[f"{_name} as yes and no"] = column(_name, lambda data: np.arange(len(data)) % 3 == 0)


@pytest.mark.parametrize("door", [door for door in DOORS if not door.endswith("odd ratings")])
def test_a_sound_frame_is_answered(door):
    found = DOORS[door](sound())
    assert found is not None
    assert len(getattr(found, "frame", [found])) > 0


@pytest.mark.parametrize("door", DOORS)
def test_an_odd_frame_is_answered_or_refused_in_our_own_words(door):
    wrong = {}
    columns = [name for name in FRAMES if name not in WHOLE][[*DOORS].index(door) % EVERY :: EVERY]
    for name in (*WHOLE, *columns):
        make = FRAMES[name]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                DOORS[door](make())
            except DoublecodeError as said:
                if not str(said).strip():
                    wrong[name] = "says nothing"
            except Exception as fault:  # what it is about: any other error is a fault
                wrong[name] = f"{type(fault).__name__}: {fault}"
    assert wrong == {}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_name_over_two_columns_is_named(name):
    with pytest.raises(ContractError, match=f"data: the column '{name}' stands 2 times, so that its name does not say"):
        fit_series("y ~ he + (1 | patient)", FRAMES[f"{name} stands twice"]())


def test_several_values_in_one_cell_are_named():
    with pytest.raises(ContractError, match=r"the column 'he' holds several values in one cell \(a list\)"):
        moderation("y ~ he * m", FRAMES["he as lists"]())


@pytest.mark.parametrize("cut", ["a", np.nan, np.inf, None, True, [1]])
def test_the_cut_of_a_figure_is_a_number(cut):
    fit = moderation("y ~ he * m", sound())
    with pytest.raises(UsageError, match="cut"):
        fit.plot("cut", cut=cut)


@pytest.mark.parametrize("lag", [0, 1])
def test_lags_of_codes_go_by_numbers_of_sessions(lag):
    data = sound().astype({"session": str})
    coded = {"he": [CodedPart("he", lag=lag)]}
    ask = lambda: correct_for_raters(ratings_of(data), data, "y ~ he_within + (1 | patient)", coded=coded)  # noqa: E731
    if lag:
        with pytest.raises(ContractError, match="a lag goes by the number of the session, and found is session '1'"):
            ask()
    else:
        assert ask().design["n_rows"] == N * EACH
