"""The homework log, counted by hand."""

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.description.homework import log_counts
from doublecode.schemas.errors import UsageError
from doublecode.schemas.instrument import load_instrument

# Synthetic: patient, session, rater, role, slot, type, completed, difficulties
LOG = [
    ("P1", 1, "R1", "primary", 1, "PE", "Y", None),
    ("P1", 1, "R1", "primary", 2, "BE", "Y", "NE,DS"),
    ("P1", 1, "R2", "second", 1, "PE", "N", "OT"),
    ("P1", 2, "R1", "primary", 1, "BE", "N", "NE"),
    ("P1", 2, "R1", "primary", 2, "BE", "Y", "NE;LT"),
    ("P2", 1, "R2", "primary", 1, "CO", "Y", None),
    ("P2", 2, "R2", "primary", 1, "SM", None, "DS"),
    ("P2", 3, "R1", "second", 1, "RP", "Y", None),
    ("P3", 1, "R1", "primary", 1, None, "Y", None),
]


@pytest.fixture(scope="module")
def ratings():
    rows = []
    for patient, session, rater, role, slot, *cells in LOG:
        for item, text in zip(("type", "completed", "difficulties"), cells, strict=True):
            rows.append(
                {
                    "patient": patient, "session": session, "session_id": f"S-{patient}{session}", "rater": rater,
                    "role": role, "item": f"{item}_{slot}", "text": text,
                }
            )  # fmt: skip
    frame = pd.DataFrame(rows).assign(
        study="toy", therapist="T1", instrument="homework_log", value=np.nan, missing_code=None, phase="main",
        source_file="R1.xlsx", source_sheet="Rate", source_cell="C5",
    )  # fmt: skip
    pilot = frame.assign(phase="pilot", session_id="S-X", patient="X")
    return pd.concat([frame, pilot.drop_duplicates(["session_id", "rater", "item"])], ignore_index=True)


@pytest.fixture(scope="module")
def result(ratings):
    return log_counts(ratings, load_instrument("homework_log"))


def table(result, name, base=None):
    rows = result.frame[result.frame["table"] == name]
    return (rows if base is None else rows[rows["base"] == base]).set_index("code")


def test_types(result):
    types = table(result, "type")
    assert types["n"].to_dict() == {"PE": 1, "BE": 3, "CO": 1, "SM": 1, "RP": 1}
    assert (types["n_base"] == 7).all()
    assert types.loc["BE", "percent"] == pytest.approx(300 / 7)
    assert types.loc["BE", "label"] == "behavioral"


def test_completion_is_a_share_of_the_entries(result):
    completed = table(result, "completed")
    assert completed["n"].to_dict() == {"Y": 5, "N": 1}
    assert completed["base"].tolist() == ["assignments with an entry"] * 2
    assert completed.loc["Y", "percent"] == pytest.approx(500 / 6)


def test_difficulties_by_session_and_by_mention(result):
    by_session = table(result, "difficulties", "sessions with homework")
    by_mention = table(result, "difficulties", "mentions")
    # P1-1: NE DS; P1-2: NE, NE LT; P2-2: DS. Five sessions with homework, three with a difficulty.
    assert by_session["n"].to_dict() == {"any": 3, "NE": 2, "DS": 2, "LS": 0, "LT": 1, "TD": 0, "OT": 0}
    assert (by_session["n_base"] == 5).all()
    assert by_mention["n"].to_dict() == {"NE": 3, "DS": 2, "LS": 0, "LT": 1, "TD": 0, "OT": 0}
    assert (by_mention["n_base"] == 6).all()
    assert by_mention["percent"].sum() == pytest.approx(100)


def test_one_rater_per_session(result):
    # The second rater's log of P1's session 1 does not count; P2's session 3 has no primary rater.
    assert result.design["n_assignments"] == 7
    assert any("No primary rater" in text and "S-P23" in text for text in result.note_texts())


def test_slot_without_a_type_is_named(result):
    assert any(text.startswith("1 slot(s) hold an entry but no type") for text in result.note_texts())
    assert result.design["n_sessions_logged"] == 6
    assert result.design["n_sessions_with_homework"] == 5


def test_completion_by_type(result):
    by_type = result.by_type.set_index("type")
    assert by_type.loc["BE", ["n", "n_completed"]].tolist() == [3, 2]
    assert by_type.loc["SM", "n"] == 0
    assert np.isnan(by_type.loc["SM", "percent"])


def test_per_session(result):
    row = result.per_session.set_index(["patient", "session"]).loc[("P1", 2)]
    assert row.tolist() == [2, 1, 3]
    assert result.per_session["n_assignments"].sum() == 7


def test_no_log_at_all(ratings):
    empty = log_counts(ratings[ratings["phase"] == "pilot"], load_instrument("homework_log"))
    assert (empty.frame["n"] == 0).all()
    assert empty.frame["percent"].isna().all()


def test_another_codebook_is_no_log(ratings):
    with pytest.raises(UsageError, match=r"ghes: the codebook is no homework log\. Add \[homework_log\]"):
        log_counts(ratings, load_instrument("ghes"))
