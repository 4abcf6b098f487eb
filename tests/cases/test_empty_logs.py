"""A log that came back empty is a session without homework: its counts are 0 (README.md); all data are made up."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from doublecode.analysis import read_study
from doublecode.analysis.report.methods_text import methods_paragraphs
from doublecode.analysis.study.run import analyse
from doublecode.coding.workbooks.fill import fill_workbook
from doublecode.coding.workbooks.write import write_workbooks
from doublecode.schemas.frames import SESSIONS
from doublecode.schemas.study import load_study

DECLARED = """
name = "logs"
title = "Homework logs (synthetic)"
synthetic = true
raters = [{ id = "R1" }, { id = "R2" }, { id = "R3" }]
[[instruments]]
name = "homework_log"
raters = ["R1", "R2", "R3"]
[[variables]]
name = "given"
instrument = "homework_log"
count = "assigned"
"""
LOGS = {  # session, rater, role: homework in the order of the slots; None is a row that is left empty
    ("S-1", "R1", "primary"): ["BE", "CO"],
    ("S-2", "R1", "primary"): None,
    ("S-2", "R2", "second"): ["BE", "PE", "CO"],
    ("S-3", "R2", "primary"): ["SM"],
    ("S-3", "R1", "second"): None,
    ("S-4", "R2", "primary"): None,
    ("S-5", "R3", "primary"): None,  # the workbook of R3 has not come back
    ("S-6", "R1", "primary"): "poor_sound",
}
COUNTS = {1: 2.0, 2: 0.0, 3: 1.0, 4: 0.0}
"""By hand: the primary rater's log, be it empty; nothing is known of sessions 5 and 6."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "study.toml").write_text(DECLARED, encoding="utf-8")
    rows = [(f"S-{n}", "P1", "T1", n, "", 50, "main", "held", "", "") for n in range(1, 7)]
    pd.DataFrame(rows, columns=list(SESSIONS.columns)).to_csv(tmp_path / "sessions.csv", index=False)
    pd.DataFrame({"patient": ["P1"], "status": ["completed"], "reason": [""]}).to_csv(
        tmp_path / "patients.csv", index=False
    )
    keys = ["session_id", "rater", "instrument", "role", "batch"]
    plan = pd.DataFrame([(s, r, "homework_log", role, "b1") for s, r, role in LOGS], columns=keys)
    plan.to_csv(tmp_path / "assignments.csv", index=False)
    for path in write_workbooks(load_study(tmp_path), plan, tmp_path / "outgoing"):
        rater = path.name[:2]
        if rater == "R3":
            continue
        cells: dict[tuple[str, str], str | int | float | bool | None] = {}
        for (session, who, _), log in LOGS.items():
            if who == rater and isinstance(log, str):
                cells[session, "status"] = log
            elif who == rater:
                for slot, kind in enumerate(log or [], start=1):
                    cells |= {(session, f"type_{slot}"): kind, (session, f"completed_{slot}"): "Y"}
        fill_workbook(path, tmp_path / "incoming" / path.name, cells)
    return tmp_path


def test_an_empty_log_that_came_back_counts_nought(folder: Path) -> None:
    run = analyse(read_study(folder))
    frame = run.frame.frame.set_index("session")["given"]
    assert frame.dropna().to_dict() == COUNTS
    (log,) = run.logs
    assert (log.design["n_sessions_logged"], log.design["n_sessions_with_homework"]) == (5, 2)
    assert log.design["n_assignments"] == 3
    said = {note.kind: note.numbers for note in log.notes}
    assert said["logs_without_homework"]["n"] == 2
    assert "log_of_first_rater" not in said
    text = " ".join(methods_paragraphs(run))
    assert "these enter the analyses as the primary rater's log" in text
    assert "mean of the raters" not in text


def test_a_patient_who_withdrew_and_a_file_set_aside_say_nothing(folder: Path) -> None:
    aside = read_study(folder, set_aside=["R2_homework_log_b1.xlsx"])
    assert aside.empty_logs is not None
    assert set(aside.empty_logs["session_id"]) == {"S-2", "S-3"}
    table = pd.read_csv(folder / "patients.csv", dtype=str).assign(status="consent_withdrawn")
    table.to_csv(folder / "patients.csv", index=False)
    gone = read_study(folder)
    assert gone.empty_logs is not None
    assert gone.empty_logs.empty
