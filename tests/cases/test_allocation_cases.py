"""Who is not to be heard, and who is left when nobody is: sessions of people who are in no number, empty shares."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from typer.testing import CliRunner

from doublecode.analysis.cli.app import app
from doublecode.coding import allocate
from doublecode.schemas.frames import PATIENTS, SESSIONS

STATUSES = ("completed", "excluded", "consent_withdrawn", "dropped_out", "not_included")


def held(phase: str = "main") -> pd.DataFrame:
    rows = [
        (f"S-{patient}{number}", f"P{patient}", "T1", number, None, 50.0, phase, "held", None, None)
        for patient in range(len(STATUSES))
        for number in (1, 2)
    ]
    return pd.DataFrame(rows, columns=list(SESSIONS.columns))


def listed() -> pd.DataFrame:
    rows = [(f"P{place}", status, "her wish" if place == 2 else None) for place, status in enumerate(STATUSES)]
    return pd.DataFrame(rows, columns=list(PATIENTS.columns))


def test_nobody_hears_sessions_of_people_who_are_in_no_number():
    plan = allocate(held(), ["R1", "R2"], instruments=["ghes"], share=0.5, patients=listed())
    assert {name[2] for name in plan.assignments["session_id"]} == {"0", "3", "4"}
    assert plan.design["left_out"] == {
        "S-11": "P1 excluded", "S-12": "P1 excluded",
        "S-21": "P2 consent_withdrawn: her wish", "S-22": "P2 consent_withdrawn: her wish",
    }  # fmt: skip
    said = " ".join(plan.note_texts())
    assert "2 session(s) of 1 patient(s) (P1) are left out: status excluded in patients.csv" in said
    assert "2 session(s) of 1 patient(s) (P2) are left out: status consent_withdrawn" in said
    assert len(allocate(held(), ["R1", "R2"], instruments=["ghes"], share=0.5).design["left_out"]) == 0


def test_nor_in_the_pilot():
    sessions = pd.concat(
        [held(), held("pilot").assign(session_id=lambda f: "X" + f["session_id"], session=lambda f: f["session"] + 2)]
    )
    plan = allocate(sessions, ["R1", "R2"], instruments=["ghes"], share=0, patients=listed())
    pilot = plan.assignments[plan.assignments["role"] == "pilot"]
    assert {name[3] for name in pilot["session_id"]} == {"0", "3", "4"}


def write_study(folder, patients: str = "P0,completed,\nP1,excluded,age\nP2,completed,\n") -> None:
    (folder / "study.toml").write_text(
        'name = "toy"\ntitle = "Toy"\nraters = [{ id = "R1" }, { id = "R2" }]\n[[instruments]]\nname = "ghes"\n',
        encoding="utf-8",
    )
    (folder / "patients.csv").write_text(f"patient,status,reason\n{patients}", encoding="utf-8")
    (folder / "therapists.csv").write_text("therapist\nT1\n", encoding="utf-8")
    rows = "".join(f"S-{p}{n},P{p},T1,{n},,50,main,held,,\n" for p in range(3) for n in (1, 2))
    (folder / "sessions.csv").write_text(f"{','.join(SESSIONS.columns)}\n{rows}", encoding="utf-8")


def test_the_command_says_whom_it_leaves_out(tmp_path):
    write_study(tmp_path)
    told = CliRunner().invoke(app, ["allocate", str(tmp_path)])
    assert told.exit_code == 0
    assert "2 session(s) of 1 patient(s) (P1) are left out: status excluded" in told.output
    assert "S-1" not in (tmp_path / "assignments.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_an_empty_share_is_a_plan_without_pairs(tmp_path, options):
    write_study(tmp_path)
    told = CliRunner().invoke(app, ["allocate", str(tmp_path), "--share", "0", *options])
    assert told.exit_code == 0
    assert (tmp_path / "assignments.csv").read_text(encoding="utf-8").count("primary") == 4
    if options:
        record = json.loads(told.stdout)
        assert record["design"]["plans"][0]["double_coded"] == 0


def test_nobody_left_is_said_and_nothing_is_written(tmp_path):
    write_study(tmp_path, "P0,excluded,\nP1,excluded,age\nP2,consent_withdrawn,\n")
    told = CliRunner().invoke(app, ["allocate", str(tmp_path)])
    assert told.exit_code != 0
    assert "status in patients.csv" in str(told.exception) + told.output
    assert not (tmp_path / "assignments.csv").exists()
