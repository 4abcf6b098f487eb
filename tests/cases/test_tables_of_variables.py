"""A variable whose table is not named: found by its column; and all that is declared and missing is said at once."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from doublecode.analysis.cli.app import app
from doublecode.coding.reading.declared_heads import open_study
from doublecode.schemas.errors import StudyError
from doublecode.schemas.study import load_study

STUDY = """\
name = "toy"
title = "Toy (synthetic)"
raters = [{ id = "anna" }]
instruments = [{ name = "ghes" }]
[[variables]]
name = "he"
instrument = "ghes"
scale = "he"
[[variables]]
name = "walked"
column = "COLUMN"
[[series]]
name = "course"
title = "Course"
steps = ["he ~ walked + (1 | patient)"]
split = ["walked"]
"""
SESSIONS = pd.DataFrame({
    "session_id": ["S-A2C4", "S-B2C4"], "patient": ["P1", "P2"], "therapist": ["T1", "T1"], "session": [1, 1],
    "date": ["2026-01-01", "2026-01-02"], "phase": ["main", "main"], "status": ["held", "held"], "reason": ["", ""],
    "steps": [4000, 6000],
})  # fmt: skip
PATIENTS = pd.DataFrame({"patient": ["P1", "P2"], "status": "completed", "reason": "", "age": [30, 40]})


def write(folder: Path, column: str, suffix: str = "csv", more: str = "") -> Path:
    for name, frame in (("sessions", SESSIONS), ("patients", PATIENTS)):
        if suffix == "csv":
            frame.to_csv(folder / f"{name}.csv", index=False)
        else:
            frame.to_excel(folder / f"{name}.xlsx", index=False)
    (folder / "study.toml").write_text(STUDY.replace("COLUMN", column) + more, encoding="utf-8")
    return folder


@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_what_is_split_is_looked_up_in_the_tables(suffix: str, tmp_path: Path) -> None:
    assert open_study(write(tmp_path, "steps", suffix)).series[0].split == ("walked",)
    with pytest.raises(StudyError, match="split: 'walked' has one value for each patient"):
        open_study(write(tmp_path, "age", suffix))


def test_a_mapped_head_is_looked_up_by_the_name_that_it_is_mapped_to(tmp_path: Path) -> None:
    folder = write(tmp_path, "schritte", more='[tables.sessions]\nmap = { steps = "schritte" }\n')
    assert load_study(folder).series[0].split == ("walked",)


def test_what_is_declared_and_missing_is_said_beside_what_else_is_wrong(tmp_path: Path) -> None:
    more = '[[variables]]\nname = "old"\ncolumn = "agee"\n[tables.therapists]\nfile = "staff.csv"\n'
    folder = write(tmp_path, "stepps", more=more)
    with pytest.raises(StudyError) as said:
        load_study(folder)
    assert "there is no 'staff.csv' in the study folder" in str(said.value)
    (folder / "study.toml").write_text((folder / "study.toml").read_text(encoding="utf-8").replace(
        '[tables.therapists]\nfile = "staff.csv"\n', '[[series]]\nname = "b"\ntitle = "B"\nsteps = ["he ~ sesion"]\n'
    ), encoding="utf-8")  # fmt: skip
    with pytest.raises(StudyError) as said:
        load_study(folder)
    for part in ("3 wrong entries", "'sesion' is no column", "no column 'stepps'", "no column 'agee'"):
        assert part in str(said.value)
    assert "did you mean 'steps'" in str(said.value)


@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_check_names_the_columns_that_no_table_has_and_goes_on(suffix: str, tmp_path: Path) -> None:
    """A study is planned before its tables are filled: a missing column is a remark of `check`, an error of `run`."""
    folder = write(tmp_path, "stepps", suffix, more='[[variables]]\nname = "old"\ncolumn = "agee"\n')
    (folder / "incoming").mkdir()
    pd.DataFrame({"a": [1]}).to_excel(folder / "incoming" / "ghes_anna.xlsx", index=False)
    done = CliRunner().invoke(app, ["check", str(folder / "incoming"), "--no-marked"])
    flat = " ".join(done.output.split())
    for part in ("variable 'walked'", "no column 'stepps'", "variable 'old'", "no column 'agee'"):
        assert part in flat
    refused = CliRunner().invoke(app, ["run", str(folder)])
    assert refused.exit_code != 0
    assert "no column 'stepps'" in str(refused.exception)
    assert "no column 'agee'" in str(refused.exception)
