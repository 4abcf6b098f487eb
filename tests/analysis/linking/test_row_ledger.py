"""The row ledger: counting by hand, and the shipped telephone study from workbooks to model rows."""

from importlib import resources
from pathlib import Path

import pandas as pd
import pytest

from doublecode.analysis.linking.row_ledger import RowLedger, stage_rows
from doublecode.analysis.linking.stages import Stage, StageKind
from doublecode.analysis.study.declared_generalized import fit_declared
from doublecode.analysis.study.declared_models import declared_frame
from doublecode.analysis.study.run import read_study, score_study
from doublecode.schemas.results import Note


def test_stage_rows_and_flow():
    rows = pd.DataFrame({"session_id": ["S-1", "S-2", "S-3"], "patient": ["A", "A", "B"], "session": [1, 2, 1]})
    people = pd.DataFrame({"patient": ["A", "B"]})
    tape = Note("session_not_rated", numbers={"given": "tape failed"})
    again = Note("session_not_rated", numbers={"given": "tape failed"})
    facts = pd.concat(
        [
            stage_rows(rows, Stage(StageKind.RATED), [None, tape, again]),
            stage_rows(people, Stage(StageKind.IN_MODEL, "m"), [None, Note("outside_subset", numbers={"subset": "x"})]),
        ],
        ignore_index=True,
    )
    ledger = RowLedger(facts, {}, {})
    assert ledger.flow.to_dict("records") == [
        {"stage": "rated", "unit": "sessions", "kept": 1, "lost": 2, "reasons": "2 × not rated: tape failed"},
        {"stage": "in the model: m", "unit": "patients", "kept": 1, "lost": 1, "reasons": "1 × outside the subset x"},
    ]
    assert ledger.frame["status"].tolist() == ["kept", "lost", "lost", "kept", "lost"]
    assert ledger.frame["reason"].tolist()[1:3] == ["not rated: tape failed"] * 2
    assert ledger.stages == (Stage(StageKind.RATED), Stage(StageKind.IN_MODEL, "m"))
    assert str(ledger).splitlines()[-1] == "3 sessions held"


@pytest.fixture(scope="module")
def intake():
    with resources.as_file(resources.files("doublecode.data_examples") / "telephone_cbt") as folder:
        return read_study(Path(folder))


def frame_without(intake, *gone):
    """The frame as if these sessions had never been held."""
    items, _ = score_study(intake)
    kept = items[~items["session_id"].isin(gone)]
    sessions = intake.sessions[~intake.sessions["session_id"].isin(gone)]
    agreed = intake.agreed[~intake.agreed["session_id"].isin(gone)]
    from doublecode.coding.scoring import score

    scores = score(kept, intake.study.codebooks)
    return declared_frame(intake.study, scores, kept, sessions, intake.patients, agreed, empty_logs=intake.empty_logs)


@pytest.fixture(scope="module")
def whole(intake):
    return frame_without(intake)


def test_telephone_study_from_held_to_rated(intake, whole):
    flow = whole.flow.set_index("stage")
    main = intake.sessions[intake.sessions["phase"] == "main"]
    assert flow.loc["held", "kept"] == len(main) == len(whole.frame) == 210
    assert flow.loc["rated", "kept"] == (main["status"] == "held").sum() == whole.design["n_rated"] == 194
    assert flow.loc["rated", "lost"] == 16
    sizes = whole.ledger.groupby("stage").size()
    assert sizes[["patients: completed", "patients: not_included"]].tolist() == [22, 130]
    assert (sizes[~sizes.index.str.startswith("patients")] == 210).all()


def test_telephone_study_from_rated_to_the_models(intake, whole):
    for series in intake.study.series:
        rows = whole.ledger[whole.ledger["stage"] == f"in the model: {series.name}"]
        result = fit_declared(series, whole.frame, intake.study)
        assert result.design["n_rows"] == (rows["status"] == "kept").sum()
        assert (result.frame["nobs"] == result.design["n_rows"]).all()
        assert len(result.design["lost"]) == (rows["status"] == "lost").sum()
        assert rows.loc[rows["status"] == "lost", "reason"].notna().all()


def test_a_removed_session_is_seen_by_the_ledger(intake, whole):
    series = intake.study.series[-1].name
    model = whole.ledger[(whole.ledger["stage"] == f"in the model: {series}") & (whole.ledger["status"] == "kept")]
    gone = model["session_id"].iloc[10]
    fewer = frame_without(intake, gone)
    before, after = whole.flow.set_index("stage")["kept"], fewer.flow.set_index("stage")["kept"]
    assert after["held"] == before["held"] - 1 == 209
    assert after["rated"] == before["rated"] - 1
    assert after[f"in the model: {series}"] < before[f"in the model: {series}"]
    assert gone not in set(fewer.ledger["session_id"])
    # What the next session loses by it is named.
    newly = set(fewer.ledger[fewer.ledger["status"] == "lost"]["session_id"]) - set(
        whole.ledger[whole.ledger["status"] == "lost"]["session_id"]
    )
    for session_id in newly:
        row = fewer.ledger[(fewer.ledger["session_id"] == session_id) & (fewer.ledger["stage"] == "scored: tbh")].iloc[
            0
        ]
        assert "was not rated" in row["reason"]
