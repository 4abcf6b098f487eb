"""A client withdraws consent while workbooks are out: nobody has to rate her sessions, and nothing stops."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest
from typer.testing import CliRunner

from doublecode.analysis.cli.app import app
from doublecode.analysis.study.run import read_study
from doublecode.coding.reading.study_tables import read_study_table
from doublecode.coding.workbooks.fill import fill_workbook
from doublecode.coding.workbooks.layout import HEADER_ROW, RATE
from doublecode.coding.workbooks.write import write_workbooks
from doublecode.schemas.study import load_study

BOOK = """name = "warmth"
title = "Warmth (synthetic)"
version = "1"
citation = "none"
rights = "ours"
items = [{ name = "smiles", label = "Smiles", minimum = 0, maximum = 4 }]
"""
STUDY = """name = "left"
title = "One who left (synthetic)"
synthetic = true
raters = [{ id = "R1" }, { id = "R2" }]
instruments = [{ name = "warmth.toml" }]
"""
SESSIONS = {f"S-{number}": f"P{number % 4}" for number in range(1, 13)}
HERS = ["S-1", "S-5", "S-9"]
"""The sessions of P1, who leaves."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "incoming").mkdir()
    (tmp_path / "study.toml").write_text(STUDY, encoding="utf-8")
    (tmp_path / "warmth.toml").write_text(BOOK, encoding="utf-8")
    rows = [f"{one},{patient},{(at + 3) // 4}\n" for at, (one, patient) in enumerate(SESSIONS.items(), start=1)]
    (tmp_path / "sessions.csv").write_text("session_id,patient,session\n" + "".join(rows), encoding="utf-8")
    _statuses(tmp_path, "completed")
    assigned = [f"{one},{rater},warmth,primary,b1\n" for one in SESSIONS for rater in ("R1", "R2")]
    (tmp_path / "assignments.csv").write_text("session_id,rater,instrument,role,batch\n" + "".join(assigned))
    study = load_study(tmp_path)
    write_workbooks(study, read_study_table(study, "assignments"), tmp_path / "outgoing")
    rated = {(one, "smiles"): at % 5 for at, one in enumerate(SESSIONS)}
    for rater in ("R1", "R2"):
        name = f"{rater}_warmth_b1.xlsx"
        fill_workbook(tmp_path / "outgoing" / name, tmp_path / "incoming" / name, rated)
    _statuses(tmp_path, "consent_withdrawn")
    return tmp_path


def _statuses(folder: Path, hers: str) -> None:
    rows = [f"P{number},{hers if number == 1 else 'completed'}\n" for number in range(4)]
    (folder / "patients.csv").write_text("patient,status\n" + "".join(rows), encoding="utf-8")


def _change(folder: Path, what: str) -> None:
    path = folder / "incoming" / "R1_warmth_b1.xlsx"
    book = openpyxl.load_workbook(path)
    sheet = book[RATE]
    heads = {cell.value: cell.column for cell in sheet[HEADER_ROW]}
    for row in range(sheet.max_row, HEADER_ROW, -1):
        if sheet.cell(row, 1).value in HERS:
            if what == "deleted":
                sheet.delete_rows(row)
            else:
                sheet.cell(row, heads["smiles"]).value = None if what == "emptied" else 9
    book.save(path)


@pytest.mark.parametrize("what", ["rated", "emptied", "deleted", "wrong"])
@pytest.mark.parametrize("is_assigned", [True, False])
def test_nothing_of_her_has_to_be_mended(folder: Path, what: str, is_assigned: bool):
    if what != "rated":
        _change(folder, what)
    if not is_assigned:
        lines = (folder / "assignments.csv").read_text().splitlines(keepends=True)
        kept = [line for line in lines if line.split(",")[0] not in HERS]
        (folder / "assignments.csv").write_text("".join(kept))
    intake = read_study(folder)
    codes = [one.code for one in intake.problems]
    order_is_unknown = what == "deleted" and not is_assigned  # which of her sessions were in it, nothing says any more
    assert set(codes) <= {"kept_out", *(["rows_moved"] if order_is_unknown else [])}
    assert set(intake.ratings["patient"]) == {"P0", "P2", "P3"}
    assert len(intake.ratings) == 18


def test_others_are_still_asked_for(folder: Path):
    _statuses(folder, "dropped_out")  # she is in the numbers
    _change(folder, "emptied")
    assert [one.code for one in read_study(folder).errors] == ["row_empty"] * 3


def test_new_workbooks_are_without_her_and_fit(folder: Path):
    answer = CliRunner().invoke(app, ["template", str(folder), "--overwrite"])
    assert answer.exit_code == 0, answer.output
    assert "Left out: 6 assignments of 3 sessions, whose clients are in no number (patients.csv)." in answer.output
    rated = {(one, "smiles"): 2 for one in SESSIONS if one not in HERS}
    for rater in ("R1", "R2"):
        name = f"{rater}_warmth_b1.xlsx"
        sheet = openpyxl.load_workbook(folder / "outgoing" / name)[RATE]
        assert not {row[0].value for row in sheet.iter_rows(min_row=HEADER_ROW + 1)} & set(HERS)
        fill_workbook(folder / "outgoing" / name, folder / "incoming" / name, rated, overwrite=True)
    assert [one.code for one in read_study(folder).problems] == []
