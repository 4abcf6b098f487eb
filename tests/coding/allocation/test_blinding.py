"""Recordings under blind names; the key stays in keys/. Small synthetic files."""

from __future__ import annotations

import pandas as pd
import pytest
from typer.testing import CliRunner

from doublecode.analysis.cli.app import app
from doublecode.coding.allocation.blinding import alias, blind_names, copy_blind, seal
from doublecode.coding.reading.incoming import read_workbook
from doublecode.coding.workbooks.fill import fill_workbook
from doublecode.schemas.errors import UsageError
from doublecode.schemas.study import load_study

TOML = 'name = "toy"\ntitle = "Toy"\nraters = [{ id = "R1" }, { id = "R2" }]\n[[instruments]]\nname = "ghes"\n'


@pytest.fixture
def study(tmp_path):
    folder = tmp_path / "toy"
    folder.mkdir()
    (folder / "study.toml").write_text(TOML, encoding="utf-8")
    (folder / "patients.csv").write_text("patient,status\nMeier,completed\nSchulz,completed\n", encoding="utf-8")
    rows = "".join(
        f"S-{place}{number},{name},{number},{name}_2026-03-0{number}.MP3\n"
        for place, name in enumerate(("Meier", "Schulz"))
        for number in (1, 2)
    )
    (folder / "sessions.csv").write_text(f"session_id,patient,session,recording\n{rows}", encoding="utf-8")
    tapes = tmp_path / "tapes" / "march"
    tapes.mkdir(parents=True)
    for name in ("Meier_2026-03-01.MP3", "Meier_2026-03-02.MP3", "Schulz_2026-03-01.MP3"):
        (tapes / name).write_bytes(name.encode())
    return folder


def run(*arguments):
    return CliRunner().invoke(app, [str(one) for one in arguments])


def test_recordings_are_copied_under_blind_names_and_the_key_stays(study):
    told = run("allocate", study)
    assert "4 recordings hold the name of their patient (such as Meier_2026-03-01.MP3)" in told.output
    told = run("recordings", study, study.parent / "tapes")
    assert told.exit_code == 1
    assert "S-12: Schulz_2026-03-02.MP3 is not in" in told.output
    copies = study / "outgoing" / "recordings"
    assert sorted(path.name for path in copies.iterdir()) == ["S-01.MP3", "S-02.MP3", "S-11.MP3"]
    assert (copies / "S-11.MP3").read_bytes() == b"Schulz_2026-03-01.MP3"
    assert (study.parent / "tapes" / "march" / "Meier_2026-03-01.MP3").is_file()
    key = pd.read_csv(study / "keys" / "recordings.csv")
    assert key.loc[key["session_id"] == "S-12", ["original", "patient"]].values.tolist() == [
        ["Schulz_2026-03-02.MP3", "Schulz"]
    ]
    assert not any("Meier" in path.name or "keys" in path.parts for path in (study / "outgoing").rglob("*"))
    told = run("recordings", study, study.parent / "tapes")
    assert "0 recordings copied" in told.output
    assert ", 3 are there already, 1 not found" in told.output
    (copies / "S-11.MP3").write_bytes(b"another tape")
    told = run("recordings", study, study.parent / "tapes")
    assert "S-11.MP3 is there already and is not the recording of its session" in str(told.exception)
    assert (copies / "S-11.MP3").read_bytes() == b"another tape"
    assert run("recordings", study, study.parent / "tapes", "--overwrite").exit_code == 1


def test_workbooks_name_the_blind_copy_and_come_back_without_a_remark(study):
    run("allocate", study)
    run("recordings", study, study.parent / "tapes")
    assert run("template", study).exit_code == 0
    path = sorted((study / "outgoing").glob("*.xlsx"))[0]
    back = study / path.name
    rows = pd.read_csv(study / "assignments.csv")
    own = rows.loc[rows["rater"] == path.name.split("_")[0], "session_id"]
    items = [item.name for item in load_study(study).codebooks["ghes"].columns if not item.given]
    fill_workbook(path, back, {(session, item): 1 for session in own for item in items})
    ratings, problems = read_workbook(back, study=load_study(study))
    assert len(ratings) > 0
    assert "recording_changed" not in {one.code for one in problems}
    from openpyxl import load_workbook

    cells = [str(cell.value) for sheet in load_workbook(path) for line in sheet.iter_rows() for cell in line]
    assert not [text for text in cells if "Meier" in text or "Schulz" in text]
    assert any(text in ("S-01.MP3", "S-11.MP3", "S-02.MP3", "S-12.MP3") for text in cells)


def test_the_key_is_completed_and_never_redrawn(study):
    sessions = pd.read_csv(study / "sessions.csv", dtype=str)
    assert seal(study, sessions.iloc[:2]) == {"S-01": "Meier_2026-03-01.MP3", "S-02": "Meier_2026-03-02.MP3"}
    renamed = sessions.assign(recording="other.wav")
    assert seal(study, renamed)["S-01"] == "Meier_2026-03-01.MP3"
    assert blind_names(study) == {"S-01": "S-01.MP3", "S-02": "S-02.MP3", "S-11": "S-11.wav", "S-12": "S-12.wav"}


def test_names_of_windows_and_wrong_folders(study, tmp_path):
    assert alias("S-1", r"D:\tapes\K01.session 3.wav") == "S-1.wav"
    assert blind_names(tmp_path / "nowhere") == {}
    with pytest.raises(UsageError, match="there is no such folder"):
        copy_blind(study, pd.read_csv(study / "sessions.csv"), tmp_path / "nowhere", tmp_path / "out")
    (study / "keys").mkdir()
    (study / "keys" / "recordings.csv").write_text("session_id,name\nS-01,x\n", encoding="utf-8")
    with pytest.raises(UsageError, match="the column 'recording' is missing"):
        blind_names(study)


def test_files_of_one_name_in_several_folders_are_never_confused(study, tmp_path):
    """P01/session1.mp3 and P02/session1.mp3: the last one found was copied for both, without a word."""
    tapes = tmp_path / "by_patient"
    for name in ("Meier", "Schulz"):
        (tapes / name).mkdir(parents=True)
        (tapes / name / "session1.mp3").write_bytes(name.encode())
    sessions = pd.read_csv(study / "sessions.csv", dtype=str).iloc[[0, 2]]
    folders = sessions.assign(recording=[f"{one}/session1.mp3" for one in sessions["patient"]])
    copied, held, missing = copy_blind(study, folders, tapes, tmp_path / "out")
    assert (copied, held, missing) == (["S-01", "S-11"], [], {})
    assert copy_blind(study, folders, tapes, tmp_path / "out") == ([], copied, {})
    assert [(tmp_path / "out" / f"{one}.mp3").read_bytes() for one in copied] == [b"Meier", b"Schulz"]
    (study / "keys" / "recordings.csv").unlink()
    with pytest.raises(UsageError, match=r"Meier/session1\.mp3 and Schulz/session1\.mp3\. Nothing was copied"):
        copy_blind(study, sessions.assign(recording="session1.mp3"), tapes, tmp_path / "other")
    assert not (tmp_path / "other").exists()
