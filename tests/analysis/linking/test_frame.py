"""The analysis frame and its ledger, on small synthetic studies scored by the real scoring."""

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.description.outliers import winsorise
from doublecode.analysis.linking.frame import build_frame
from doublecode.analysis.study.declared_models import declared_frame, declared_series
from doublecode.analysis.study.declared_moderation import fit_moderation
from doublecode.coding.scoring import ITEMS, score
from doublecode.schemas.errors import ContractError, DuplicateError, FormulaError, InstrumentError, StudyError
from doublecode.schemas.study import Study
from doublecode.schemas.study_parts import Variable

TELEPHONE = {
    "name": "telephone", "title": "Toy telephone study", "synthetic": True, "unit": "session",
    "instruments": ({"name": "ghes"}, {"name": "sthar"}, {"name": "phq9", "source": "outcomes"}),
    "variables": (
        {"name": "he", "instrument": "ghes", "scale": "he"},
        {"name": "tbh", "instrument": "sthar", "scale": "tbh"},
        {"name": "phq9", "instrument": "phq9", "scale": "total"},
        {"name": "phq9_start", "instrument": "phq9", "scale": "total", "session": 1},
        {"name": "age", "column": "age"},
        {"name": "sex", "column": "sex"},
    ),
    "series": (
        {"name": "phq9", "title": "PHQ-9", "split": ("he", "tbh"),
         "steps": ("phq9 ~ session + he + tbh + (1 | patient)",)},
        {"name": "he", "title": "Engagement", "steps": ("he ~ session + (1 | patient)",)},
    ),
}  # fmt: skip
PATIENTS, SESSIONS = ("P1", "P2", "P3"), (1, 2, 3, 4)
NOT_RATED = {("P1", 2): "recording failed", ("P3", 4): "patient refused"}


@pytest.fixture(scope="module")
def study():
    return Study.model_validate(TELEPHONE)


@pytest.fixture(scope="module")
def sessions():
    rows = [
        {"session_id": f"S-{p}{s}", "patient": p, "therapist": "T1" if p != "P3" else "T2", "session": s,
         "phase": "main", "status": "not_rated" if (p, s) in NOT_RATED else "held", "reason": NOT_RATED.get((p, s))}
        for p in PATIENTS for s in SESSIONS
    ]  # fmt: skip
    rows.append(rows[0] | {"session_id": "S-X1", "patient": "X1", "phase": "pilot"})
    return pd.DataFrame(rows).assign(date=None, minutes=30.0, recording=None)


@pytest.fixture(scope="module")
def patients():
    return pd.DataFrame(
        {
            "patient": [*PATIENTS, "X1"],
            "status": ["completed"] * 3 + ["excluded"],
            "reason": [None, None, None, "PHQ-9 above 20"],
            "age": ["54", "61.5", None, "30"],
            "sex": ["f", "m", "f", "f"],
        }
    )


def long_items(study, sessions, seed=0):
    """Synthetic items: raters' instruments in the rated sessions, the PHQ-9 in all."""
    rng = np.random.default_rng(seed)
    rows = []
    for row in sessions[sessions["phase"] == "main"].to_dict("records"):
        for name, book in study.codebooks.items():
            if study.use(name).source == "raters" and row["status"] != "held":
                continue
            for item in book.columns:
                if item.is_numeric:
                    value = float(rng.integers(item.minimum, item.maximum + 1))
                    head = {key: row[key] for key in ("patient", "therapist", "session", "session_id")}
                    rows.append({**head, "study": study.name, "instrument": name, "item": item.name, "value": value})
    return pd.DataFrame(rows).assign(n_raters=1.0, reason=None)[list(ITEMS.columns)]


@pytest.fixture(scope="module")
def items(study, sessions):
    return long_items(study, sessions)


def build(study, items, sessions, patients):
    return declared_frame(study, score(items, study.codebooks), items, sessions, patients)


@pytest.fixture(scope="module")
def built(study, items, sessions, patients):
    return build(study, items, sessions, patients)


def at(built, patient, session):
    frame = built.frame
    return frame[(frame["patient"] == patient) & (frame["session"] == session)].iloc[0]


def ledger_of(built, stage):
    return built.ledger[built.ledger["stage"] == stage]


class TestSessionUnit:
    def test_one_row_per_held_session_of_the_main_phase(self, built):
        assert len(built.frame) == 12
        assert built.frame["patient"].nunique() == 3
        assert list(built.frame.columns[:4]) == ["session_id", "patient", "therapist", "session"]

    def test_values_are_those_of_scoring(self, built, items, study):
        scores = score(items, study.codebooks).set_index(["instrument", "scale", "patient", "session"])["value"]
        for patient in PATIENTS:
            for session in SESSIONS:
                row = at(built, patient, session)
                assert row["phq9"] == scores["phq9", "total", patient, session]
                if (patient, session) not in NOT_RATED:
                    assert row["he"] == scores["ghes", "he", patient, session]

    def test_lag_follows_the_session_number_not_the_row(self, built, items):
        # P1's session 2 was not rated: session 3 has no lagged score although a rated row (session 1) stands before it.
        assert np.isnan(at(built, "P1", 3)["tbh"])
        values = items[items["instrument"] == "sthar"].set_index(["patient", "session", "item"])["value"]
        assigned = [v for (p, s, i), v in values.items() if (p, s) == ("P2", 2) and i.startswith("a_")]
        discussed = [v for (p, s, i), v in values.items() if (p, s) == ("P2", 3) and i.startswith("r_")]
        assert (len(assigned), len(discussed)) == (5, 3)
        assert at(built, "P2", 3)["tbh"] == pytest.approx(np.mean(assigned + discussed))

    def test_value_of_one_session_stands_in_every_row(self, built):
        for patient in PATIENTS:
            rows = built.frame[built.frame["patient"] == patient]
            assert (rows["phq9_start"] == at(built, patient, 1)["phq9"]).all()

    def test_columns_of_patients(self, built):
        assert at(built, "P2", 1)["age"] == 61.5
        assert at(built, "P1", 3)["sex"] == "f"
        assert np.isnan(at(built, "P3", 1)["age"])

    def test_every_empty_cell_has_a_reason_and_no_other(self, built):
        names = list(built.reasons.columns)
        assert (built.frame[names].isna().to_numpy() == built.reasons.notna().to_numpy()).all()
        reasons = built.reasons.set_index([built.frame["patient"], built.frame["session"]])
        assert reasons.loc[("P1", 2), "he"] == "not rated: recording failed"
        assert reasons.loc[("P1", 2), "phq9"] is None
        assert reasons.loc[("P2", 1), "tbh"].startswith("session 1: there is no session before")
        assert reasons.loc[("P1", 3), "tbh"].startswith("session 2 was not rated")
        assert reasons.loc[("P3", 1), "age"] == "patients.csv: age is empty"


class TestLedger:
    def test_counts_agree_at_every_stage(self, built):
        flow = built.flow.set_index("stage")
        people = flow[flow["unit"] == "patients"]
        assert people[["kept", "lost", "reasons"]].to_dict("index") == {
            "patients: completed": {"kept": 3, "lost": 0, "reasons": ""},
            "patients: excluded": {"kept": 0, "lost": 1, "reasons": "1 × excluded, in no number: PHQ-9 above 20"},
        }
        flow = flow[flow["unit"] == "sessions"]
        assert (flow["kept"] + flow["lost"] == 12).drop("scored: phq9_start").all()
        assert flow.loc["held", "kept"] == built.design["n_held"] == 12
        assert flow.loc["rated", "kept"] == built.design["n_rated"] == 10
        assert flow.loc["scored: he", "kept"] == built.design["present"]["he"] == built.frame["he"].notna().sum()
        assert flow.loc["scored: phq9_start", "kept"] == 3
        assert flow.loc["rated", "reasons"] == "1 × not rated: recording failed; 1 × not rated: patient refused"

    def test_model_rows_are_those_of_the_series(self, built, study):
        for series in study.series:
            stage = ledger_of(built, f"in the model: {series.name}")
            kept = set(stage.loc[stage["status"] == "kept", "session_id"])
            result = declared_series(series, built.frame)
            assert result.design["n_rows"] == len(kept)
            lost = {(row["patient"], row["session"]) for row in result.design["lost"]}
            ledger_lost = stage[stage["status"] == "lost"]
            assert lost == set(zip(ledger_lost["patient"], ledger_lost["session"], strict=True))

    def test_every_lost_row_has_a_reason(self, built):
        lost = built.ledger["status"] == "lost"
        assert (built.ledger["reason"].notna() == lost).all()
        stage = ledger_of(built, "in the model: phq9").set_index("session_id")["reason"]
        assert stage["S-P12"] == "he, tbh: not rated: recording failed"

    def test_a_removed_session_is_seen(self, built, study, items, sessions, patients):
        gone = "S-P23"
        fewer = build(study, items[items["session_id"] != gone], sessions[sessions["session_id"] != gone], patients)
        before, after = built.flow.set_index("stage"), fewer.flow.set_index("stage")
        assert after.loc["held", "kept"] == before.loc["held", "kept"] - 1
        assert after.loc["rated", "kept"] == before.loc["rated", "kept"] - 1
        # The session after it loses its lagged score too.
        assert after.loc["in the model: phq9", "kept"] == before.loc["in the model: phq9", "kept"] - 2
        assert gone not in set(fewer.ledger["session_id"])
        reason = ledger_of(fewer, "scored: tbh").set_index("session_id")["reason"]["S-P24"]
        assert reason.startswith("session 3 was not rated")

    def test_a_session_whose_workbook_rows_vanish_is_seen(self, study, items, sessions, patients):
        raters = items["instrument"] != "phq9"
        fewer = build(study, items[~((items["session_id"] == "S-P23") & raters)], sessions, patients)
        row = ledger_of(fewer, "rated").set_index("session_id").loc["S-P23"]
        assert (row["status"], row["reason"]) == ("lost", "held, but no rating was read")
        assert fewer.design["n_rated"] == 9
        assert any("S-P23" in note for note in fewer.note_texts())

    def test_a_session_that_was_heard_but_could_not_be_coded_counts_as_rated(self, study, items, sessions, patients):
        holed = items.copy()
        place = (holed["session_id"] == "S-P23") & (holed["instrument"] != "phq9")
        holed.loc[place, "value"] = np.nan
        holed["reason"] = holed["reason"].astype(object).mask(place, "IN: insufficient information")
        heard = build(study, holed, sessions, patients)
        assert ledger_of(heard, "rated").set_index("session_id").loc["S-P23", "status"] == "kept"
        assert "IN: insufficient" in ledger_of(heard, "scored: he").set_index("session_id").loc["S-P23", "reason"]
        assert heard.notes == ()

    def test_ratings_of_a_session_listed_as_not_rated_are_noted(self, study, items, sessions, patients):
        listed = sessions.assign(status=sessions["status"].where(sessions["session_id"] != "S-P23", "not_rated"))
        assert any(
            "Listed as not rated" in note and "S-P23" in note
            for note in build(study, items, listed, patients).note_texts()
        )

    def test_pilot_and_excluded_patients_stay_outside(self, built):
        assert built.design["n_pilot_sessions"] == 1
        assert built.design["patients_outside"] == [{"patient": "X1", "status": "excluded", "reason": "PHQ-9 above 20"}]

    def test_missing_code_reaches_the_ledger(self, study, items, sessions, patients):
        holed = items.copy()
        place = (holed["session_id"] == "S-P21") & (holed["item"] == "extent")
        holed.loc[place, "value"] = np.nan
        holed["reason"] = holed["reason"].astype(object).mask(place, "IN: insufficient information")
        reason = ledger_of(build(study, holed, sessions, patients), "scored: he").set_index("session_id")["reason"]
        assert "extent (IN: insufficient information)" in reason["S-P21"]


ADOLESCENT = {
    "name": "adolescent", "title": "Toy adolescent study", "synthetic": True, "unit": "patient",
    "instruments": (
        {"name": "thabs"}, {"name": "homework_adherence", "sessions": (2, 3)},
        {"name": "initial_resistance", "sessions": (1,)},
    ),
    "variables": (
        {"name": "rationale_s1", "instrument": "thabs", "item": "rationale", "session": 1},
        {"name": "hw2", "instrument": "homework_adherence", "item": "adherence", "session": 2},
        {"name": "hw3", "instrument": "homework_adherence", "item": "adherence", "session": 3},
        {"name": "ir", "instrument": "initial_resistance", "scale": "total"},
    ),
    "outliers": {"variables": ("hw2",)},
    "moderations": (
        {"name": "m1", "title": "M1", "outcome": "hw2", "predictor": "rationale_s1", "moderator": "ir"},
        {"name": "m2", "title": "M2", "outcome": "hw3", "predictor": "hw2", "subset": "hw2 > 2"},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def teens():
    study = Study.model_validate(ADOLESCENT)
    people = [f"A{i}" for i in range(1, 9)]
    rows = [
        {"session_id": f"S-{p}{s}", "patient": p, "therapist": "T1", "session": s, "phase": "main",
         "status": "not_rated" if p + str(s) == "A11" else "held",
         "reason": "tape failed" if p + str(s) == "A11" else None}
        for p in people for s in (1, 2, 3) if not (p == "A8" and s > 1)
    ]  # fmt: skip
    rows[4]["therapist"] = "T2"  # the second session of A2
    sessions = pd.DataFrame(rows).assign(date=None, minutes=50.0, recording=None)
    left = [None] * 7 + ["dropped out before session 2"]
    patients = pd.DataFrame({"patient": people, "status": ["completed"] * 7 + ["dropped_out"], "reason": left})
    items = long_items(study, sessions)
    adherence = items["instrument"] == "homework_adherence"
    items = items[~adherence | items["session"].isin((2, 3))]
    items = items[(items["instrument"] != "initial_resistance") | (items["session"] == 1)]
    hw2 = dict(zip(people, (4.0, 4, 5, 5, 5, 4, 0), strict=False))
    second = (items["instrument"] == "homework_adherence") & (items["session"] == 2)
    items.loc[second, "value"] = items.loc[second, "patient"].map(hw2)
    return study, items.reset_index(drop=True), sessions, patients


@pytest.fixture(scope="module")
def teen_frame(teens):
    return build(*teens)


class TestPatientUnit:
    def test_one_row_per_patient(self, teen_frame):
        assert teen_frame.frame["patient"].tolist() == [f"A{i}" for i in range(1, 9)]
        assert teen_frame.frame["hw2"].tolist()[:7] == [4, 4, 5, 5, 5, 4, 0]

    def test_instrument_of_one_session_needs_no_number(self, teen_frame, teens):
        scores = score(teens[1], teens[0].codebooks)
        assert teen_frame.frame["ir"].notna().sum() == len(scores) == 7

    def test_drop_out_and_failed_tape_are_told_apart(self, teen_frame):
        reasons = teen_frame.reasons.set_index(teen_frame.frame["patient"])
        assert reasons.loc["A8", "hw2"] == "session 2 was not held (dropped out before session 2)"
        assert reasons.loc["A1", "rationale_s1"] == "not rated: tape failed"

    def test_two_therapists_give_none(self, teen_frame):
        assert teen_frame.frame.set_index("patient")["therapist"].isna().to_dict()["A2"]
        assert any("More than one therapist" in note and "A2" in note for note in teen_frame.note_texts())

    def test_sessions_and_then_patients_in_the_ledger(self, teen_frame):
        flow = teen_frame.flow.set_index("stage")
        assert flow.loc["held", ["unit", "kept"]].tolist() == ["sessions", 22]
        assert flow.loc["scored: rationale_s1", ["unit", "kept", "lost"]].tolist() == ["sessions", 7, 1]
        assert flow.loc["in the model: m1", ["unit", "kept", "lost"]].tolist() == ["patients", 6, 2]
        model = ledger_of(teen_frame, "in the model: m1").set_index("patient")
        assert model.loc["A1", "reason"] == "rationale_s1, ir: not rated: tape failed"
        assert model["session"].isna().all()

    def test_subset_is_judged_by_the_observed_values(self, teen_frame, teens):
        # A7's 0 would be winsorised to 4 - 1.5 * 1 = 2.5; it stays outside "hw2 > 2" all the same.
        model = ledger_of(teen_frame, "in the model: m2").set_index("patient")
        assert model.loc["A7", "reason"] == "outside the subset hw2 > 2"
        assert model.loc["A8", "reason"].startswith("hw3: session 3 was not held (dropped out")
        study = teens[0]
        data = winsorise(teen_frame.frame, study.outliers).data
        assert data.set_index("patient").loc["A7", "hw2"] == 2.5
        fit = fit_moderation(study.moderations[1], data, observed=teen_frame.frame)
        assert fit.design["n_rows"] == (model["status"] == "kept").sum() == 6
        assert fit.design["outside_subset"] == [
            {"patient": "A7", "reason": "outside the subset hw2 > 2"},
            {"patient": "A8", "reason": "hw2 is missing, so the subset hw2 > 2 is undecided"},
        ]

    def test_without_session_number_the_variable_is_refused(self, teens):
        study, *rest = teens
        loose = study.variables[1].model_copy(update={"session": None})
        with pytest.raises(StudyError, match="say which session"):
            build(study.model_copy(update={"variables": (loose,), "moderations": (), "outliers": None}), *rest)


class TestPlainFrames:
    def test_scores_and_sessions_are_enough(self, built, study, items, sessions):
        measured = [one for one in study.variables if one.column is None]
        plain = build_frame(score(items, study.codebooks), sessions, variables=measured, raters=("ghes", "sthar"))
        names = [one.name for one in measured]
        pd.testing.assert_frame_equal(plain.frame[names], built.frame[names])
        assert plain.design["n_rated"] == built.design["n_rated"]
        assert plain.flow["stage"].tolist() == ["held", "rated", *(f"scored: {name}" for name in names)]

    def test_a_formula_that_names_no_column_is_refused(self, study, items, sessions):
        with pytest.raises(FormulaError, match="'effort' is no column"):
            build_frame(
                score(items, study.codebooks), sessions, variables=study.variables[:1],
                models={"he": ["he ~ effort + (1 | patient)"]},
            )  # fmt: skip

    def test_it_prints_its_flow(self, built):
        text = str(built)
        assert all(len(line) <= 100 for line in text.splitlines())
        assert "scored: he" in text
        assert "12 sessions of 3 patients, 10 of 12 sessions rated" in text
        assert built.rows.tolist() == built.frame["session_id"].tolist()

    def test_absences_are_facts(self, built):
        place = (built.frame["patient"] == "P1") & (built.frame["session"] == 2)
        (why,) = built.absences.loc[place, "he"]
        assert (why.kind, why.numbers) == ("session_not_rated", {"given": "recording failed"})
        facts = built.row_ledger.facts
        lost = facts[[one is not None and one.kind == "cells_missing" for one in facts["why"]]]
        assert {str(stage) for stage in lost["stage"]} == {"in the model: phq9", "in the model: he"}


class TestRefusals:
    def change(self, study, **variable):
        changed = study.variables[0].model_validate(variable)
        return study.model_copy(update={"variables": (changed,), "series": ()})

    def test_declared_things_must_exist(self, study, items, sessions, patients):
        cases = [
            (
                {"name": "weight", "column": "weight"},
                StudyError,
                "patients.csv, therapists.csv, sessions.csv have no column 'weight'; allowed: status",
            ),
            ({"name": "he", "instrument": "thabs", "item": "praise"}, StudyError, "does not use 'thabs'"),
            ({"name": "he", "instrument": "ghes", "scale": "total"}, InstrumentError, "no scale 'total'"),
            ({"name": "session", "column": "age"}, StudyError, "taken by the frame itself"),
        ]
        for variable, error, message in cases:
            with pytest.raises(error, match=message):
                build(self.change(study, **variable), items, sessions, patients)

    def test_frames_must_keep_their_contracts(self, study, items, sessions, patients):
        scores = score(items, study.codebooks)
        with pytest.raises(DuplicateError, match="stands in rows"):
            declared_frame(study, pd.concat([scores, scores.head(1)]), items, sessions, patients)
        with pytest.raises(ContractError, match=r"patient 'P1' is not in patients\.csv"):
            declared_frame(study, scores, items, sessions, patients[patients["patient"] != "P1"])
        with pytest.raises(ContractError, match="no session has the phase 'main'"):
            declared_frame(study, scores, items, sessions.assign(phase="pilot"), patients)

    def test_numbers_and_words_in_one_column(self, study, items, sessions, patients):
        mixed = patients.assign(age=["54", "about 60", None, "30"])
        with pytest.raises(ContractError, match="row 1: found 'about 60' among numbers"):
            build(study, items, sessions, mixed)


def test_a_session_without_a_therapist_says_so():
    held = pd.DataFrame(
        {"session_id": ["a", "b"], "patient": "P1", "therapist": ["T1", None], "session": [1, 2], "status": "held"}
    )
    scores = pd.DataFrame(
        {"study": "x", "patient": "P1", "therapist": "T1", "session": [1, 2], "session_id": ["a", "b"],
         "instrument": "g", "scale": "s", "value": [1.0, 2.0], "n_valid": 1, "n_items": 1, "n_raters": 1.0,
         "reason": pd.Series([None, None], dtype="str")}
    )  # fmt: skip
    therapists = pd.DataFrame({"therapist": ["T1"], "years": [7.0]})
    years = Variable(name="years", column="years", table="therapists")
    built = build_frame(scores, held, variables=[years], therapists=therapists)
    assert built.frame["years"].fillna(-1).tolist() == [7.0, -1.0]
    assert built.reasons["years"].dropna().to_dict() == {1: "sessions.csv: therapist of session 2 is empty"}
