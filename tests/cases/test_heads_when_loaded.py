"""Heads that study.toml maps are held to files of every kind when the study is opened, all wrong ones at once."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from doublecode.coding.reading.declared_heads import open_study
from doublecode.schemas.errors import StudyError
from doublecode.schemas.study import load_study

STUDY = """\
name = "toy"
title = "Toy (synthetic)"
raters = [{ id = "anna" }]
instruments = [{ name = "ghes" }, { name = "phq9", source = "outcomes" }]
"""
SESSIONS = pd.DataFrame({"Tape": ["S1", "S2"], "Pat.-Nr.": ["01", "02"], "Sitzung": ["1", "1"]})
MAP = 'map = { "Tape" = "session_id", "Pat.-Nr" = "patient", "Sitzung" = "session" }'


def _save(frame: pd.DataFrame, path: Path) -> None:
    if path.suffix in (".xlsx", ".ods"):
        engine = pytest.importorskip("odf") and "odf" if path.suffix == ".ods" else "openpyxl"
        frame.to_excel(path, index=False, engine=engine, sheet_name="Liste")
    elif path.suffix in (".sav", ".dta"):
        pyreadstat = pytest.importorskip("pyreadstat")
        names = {"Pat.-Nr.": "PatNr"}
        {".sav": pyreadstat.write_sav, ".dta": pyreadstat.write_dta}[path.suffix](
            frame.rename(columns=names), str(path)
        )
    else:
        frame.to_csv(path, index=False)


def _study(folder: Path, file: str, entry: str = MAP, more: str = "") -> Path:
    _save(SESSIONS, folder / file)
    declared = f'{STUDY}\n[tables.sessions]\nfile = "{file}"\n{entry}\n{more}'
    (folder / "study.toml").write_text(declared, encoding="utf-8")
    return folder


@pytest.mark.parametrize("suffix", ["csv", "tsv", "xlsx", "ods", "sav", "dta"])
def test_a_mapped_head_that_a_file_lacks(suffix: str, tmp_path: Path):
    folder = _study(tmp_path, f"clinic.{suffix}")
    with pytest.raises(StudyError) as said:
        open_study(folder)
    head = "PatNr" if suffix in ("sav", "dta") else "Pat.-Nr."
    assert str(said.value) == (
        "study.toml: tables.sessions.map: the file has no head 'Pat.-Nr'; allowed: "
        f"Tape, {head}, Sitzung; did you mean '{head}'?"
    )


def test_all_tables_at_once(tmp_path: Path):
    more = '[tables.phq9]\nfile = "mood.xlsx"\nsheet = "Dataen"\n[tables.patients]\nrows = { statu = "x" }\n'
    folder = _study(tmp_path, "clinic.xlsx", more=more)
    pd.DataFrame({"a": [1]}).to_excel(folder / "mood.xlsx", index=False, sheet_name="Daten")
    pd.DataFrame({"patient": ["01"], "status": ["completed"]}).to_excel(folder / "patients.xlsx", index=False)
    load_study(folder)  # knows no workbooks
    with pytest.raises(StudyError) as said:
        open_study(folder)
    lines = str(said.value).splitlines()
    assert lines[0] == "study.toml: 3 wrong entries."
    assert lines[2] == "  tables.phq9.sheet: mood.xlsx has no sheet 'Dataen'; allowed: Daten; did you mean 'Daten'?"
    assert lines[3].startswith("  tables.patients.rows: the file has no head 'statu'; allowed: patient, status")


@pytest.mark.parametrize("suffix", ["csv", "sav"])
def test_a_sheet_of_a_file_without_sheets(suffix: str, tmp_path: Path):
    right = MAP.replace("Pat.-Nr", "PatNr" if suffix == "sav" else "Pat.-Nr.")
    folder = _study(tmp_path, f"clinic.{suffix}", f'{right}\nsheet = "Liste"')
    with pytest.raises(StudyError, match=rf"tables.sessions.sheet: clinic.{suffix} has no sheets; leave it out"):
        load_study(folder)


def test_right_heads_are_taken(tmp_path: Path):
    right = MAP.replace("Pat.-Nr", "Pat.-Nr.") + '\nsheet = "Liste"'
    assert open_study(_study(tmp_path, "clinic.xlsx", right)).name == "toy"
