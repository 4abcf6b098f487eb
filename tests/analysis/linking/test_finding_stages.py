"""Rows and patients that models of process and regressions over patients keep and lose, on a synthetic frame."""

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis import build_frame, correct_for_raters, mediation, patient_outcome
from doublecode.analysis.linking.finding_stages import PatientRows, SessionRows, formula_rows, with_finding_stages
from doublecode.analysis.linking.panel_data import read_panel
from doublecode.schemas.frames import SCORES
from doublecode.schemas.study_parts import Variable

PATIENTS, SESSIONS = [f"P{n:02d}" for n in range(14)], range(1, 6)
OUT = {"P13": "withdrew"}


@pytest.fixture(scope="module")
def sessions():
    rows = [
        {"session_id": f"S-{p}-{s}", "patient": p, "therapist": f"T{int(p[1:]) % 4}", "session": s, "phase": "main",
         "status": "held", "reason": None}
        for p in PATIENTS for s in SESSIONS
    ]  # fmt: skip
    rng = np.random.default_rng(5)
    out = pd.DataFrame(rows).assign(**{name: rng.normal(size=len(rows)) for name in ("x", "m", "y")})
    out.loc[(out["patient"] == "P01") & (out["session"] <= 2), "x"] = np.nan
    out.loc[out["patient"] == "P02", "x"] = np.nan
    out.loc[(out["patient"] == "P03") & (out["session"] == 4), ["x", "y"]] = np.nan
    out.loc[(out["patient"] == "P04") & (out["session"] == 1), "therapist"] = "T3"
    out.loc[(out["patient"] == "P06") & (out["session"] > 1), "session"] += 5  # no session 2, 3
    out.loc[(out["patient"] == "P06") & (out["session"] == 1), "x"] = np.nan
    return out


@pytest.fixture(scope="module")
def built(sessions):
    people = pd.DataFrame({"patient": PATIENTS, "reason": None, "end": np.arange(14.0) % 5})
    people["status"] = ["excluded" if who in OUT else "completed" for who in PATIENTS]
    people["reason"] = [OUT.get(who) for who in PATIENTS]
    people.loc[people["patient"] == "P05", "end"] = np.nan
    scores = pd.DataFrame({name: [] for name in SCORES.columns}, dtype=object)
    scores = scores.astype({"session": int, "value": float, "n_raters": float, "n_valid": int, "n_items": int})
    variables = [Variable(name=name, column=name, table="sessions") for name in ("x", "m", "y")]
    return build_frame(scores, sessions, people, variables=[*variables, Variable(name="end", column="end")])


def lost(built, name):
    ledger = built.ledger
    rows = ledger[(ledger["stage"] == f"in the model: {name}") & (ledger["status"] == "lost")]
    return {(row.patient, row.session): row.reason for row in rows.itertuples()}


def kept(built, name):
    ledger = built.ledger
    rows = ledger[(ledger["stage"] == f"in the model: {name}") & (ledger["status"] == "kept")]
    return set(zip(rows["patient"], rows["session"], strict=True))


def keys_of(built, rows):
    frame = built.frame.loc[rows]
    return set(zip(frame["patient"], frame["session"], strict=True))


def test_a_mediation_keeps_the_rows_of_its_three_variables(built):
    found = with_finding_stages(built, [SessionRows("med", ("x", "m", "y"))])
    assert kept(found, "med") == keys_of(built, mediation(built.frame, "x", "m", "y", clusters="patient").rows)
    reasons = lost(found, "med")
    assert reasons["P01", 1] == "x: sessions.csv: x is empty"
    assert reasons["P03", 4] == "x: sessions.csv: x is empty; y: sessions.csv: y is empty"
    assert reasons["P13", 1] == "excluded, in no number: withdrew"


def test_directions_keep_a_row_with_one_of_both(built):
    found = with_finding_stages(built, [SessionRows("both", ("x", "y"), any_of=True)])
    panel = read_panel(
        built.frame, "x", "y", "patient", "session", trend=True, y_first=False, error_variance={}
    )  # fmt: skip
    assert kept(found, "both") == keys_of(built, panel.data.index)
    assert {key for key in lost(found, "both") if key[0] != "P13"} == {("P03", 4)}


def test_parts_within_and_between_are_of_their_variable(built):
    asked = formula_rows("cor", "y ~ session + x_within + (1 | patient)", list(built.frame.columns))
    found = with_finding_stages(built, [asked])
    rng = np.random.default_rng(1)
    ratings = built.frame.dropna(subset=["x"]).assign(instrument="x", rater="A", value=lambda rows: rows["x"])
    noise = rng.normal(0, 0.3, len(ratings))
    pair = pd.concat(
        [ratings.assign(value=ratings["x"] + noise), ratings.assign(rater="B", value=ratings["x"] - noise)]
    )
    result = correct_for_raters(pair, built.frame, "y ~ session + x_within + (1 | patient)")
    assert kept(found, "cor") == keys_of(built, result.rows)


@pytest.mark.parametrize("numbers", [None, (2, 3)])
def test_patients_are_named_with_their_reason(built, numbers):
    found = with_finding_stages(built, [PatientRows("end_on_x", ("end",), "x", numbers, therapist=True)])
    result = patient_outcome(built.frame, "end", "x", sessions=numbers)
    assert {who for who, _ in kept(found, "end_on_x")} == set(result.rows)
    reasons = {who: why for (who, _), why in lost(found, "end_on_x").items()}
    among = "" if numbers is None else " of 2, 3"
    n = 5 if numbers is None else 2
    assert reasons["P02"] == f"x: no value in {n} sessions{among}; first: sessions.csv: x is empty"
    assert reasons["P04"] == "therapist: the patient has not one therapist"
    assert reasons["P05"] == "end: patients.csv: end is empty"
    assert reasons["P13"] == "excluded, in no number: withdrew"
    assert reasons.get("P06") == (None if numbers is None else "x: no session 2, 3 was held")
    unit = found.flow.set_index("stage")["unit"]
    assert unit["in the model: end_on_x"] == "patients"


def test_nothing_asked_changes_nothing(built):
    assert with_finding_stages(built, []) is built
