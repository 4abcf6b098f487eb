"""A patient is excluded, or withdraws her consent, while workbooks are out: her rows stop nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import openpyxl
import pytest
from typer.testing import CliRunner

from doublecode.analysis.cli.app import app
from doublecode.analysis.report.folder import run_study
from doublecode.analysis.study.run import analyse, read_study
from doublecode.coding import read_workbook, write_workbooks
from doublecode.coding.reading.incoming import read_workbooks
from doublecode.coding.reading.ratings_table import read_ratings_table
from doublecode.coding.workbooks.fill import fill_workbook
from doublecode.schemas.frames import ASSIGNMENTS
from doublecode.schemas.problems import Problem
from doublecode.schemas.study import load_study
from doublecode.schemas.table_files import read_table
from doublecode.schemas.table_source import TableSource

HERE = Path(__file__).parent
BOOK = (HERE / "study_before_store" / "warmth.toml").read_text(encoding="utf-8")
STUDY = """name = "left"
title = "Left out (synthetic)"
synthetic = true
raters = [{ id = "R1" }, { id = "R2" }]
[[instruments]]
name = "warmth.toml"
raters = ["R1", "R2"]
[[variables]]
name = "warm"
instrument = "warmth"
scale = "total"
"""
N = 8  # sessions S-1 to S-8; S-1 and S-2 are of patient Gabi, who goes
GONE = ("S-1", "S-2")
CODES = {(f"S-{n}", item): (n + (item == "nods")) % 5 for n in range(1, N + 1) for item in ("smiles", "nods")}
NAME = "R1_warmth_b1.xlsx"


@pytest.fixture(scope="module")
def everybody(tmp_path_factory) -> Path:
    """The study before anybody goes, its workbooks sent, filled in and back."""
    path = tmp_path_factory.mktemp("left")
    (path / "incoming").mkdir()
    (path / "study.toml").write_text(STUDY, encoding="utf-8")
    (path / "warmth.toml").write_text(BOOK, encoding="utf-8")
    people = ["Gabi", "Gabi", "P2", "P2", "P3", "P3", "P4", "P4"]
    rows = [
        f"S-{n},{people[n - 1]},T1,{2 - n % 2},2021-04-0{n},30,main,held,,\n" for n in range(1, N + 1)
    ]  # fmt: skip
    head = "session_id,patient,therapist,session,date,minutes,phase,status,reason,recording\n"
    (path / "sessions.csv").write_text(head + "".join(rows), encoding="utf-8")
    patients(path, "completed")
    assign(path, range(1, N + 1))
    send(path, path / "outgoing")
    for rater in ("R1", "R2"):
        fill_workbook(path / f"outgoing/{rater}_warmth_b1.xlsx", path / f"incoming/{rater}_warmth_b1.xlsx", CODES)
    return path


@pytest.fixture
def folder(everybody, tmp_path) -> Path:
    """A copy of it for one test."""
    return Path(shutil.copytree(everybody, tmp_path / "left"))


def patients(folder: Path, status: str, reason: str = "") -> None:
    rows = [f"Gabi,{status},{reason}\n", *(f"P{n},completed,\n" for n in (2, 3, 4))]
    (folder / "patients.csv").write_text("patient,status,reason\n" + "".join(rows), encoding="utf-8")


def assign(folder: Path, sessions, extra: str = "") -> None:
    rows = [f"S-{n},{rater},warmth,primary,b1\n" for rater in ("R1", "R2") for n in sessions]
    text = "session_id,rater,instrument,role,batch\n" + "".join(rows) + extra
    (folder / "assignments.csv").write_text(text, encoding="utf-8")


def send(folder: Path, target: Path) -> tuple[Path, ...]:
    return write_workbooks(load_study(folder), read_table(folder / "assignments.csv", ASSIGNMENTS), target)


def change(path: Path, what: str, sessions=GONE) -> None:
    """Empty, delete, leave half, spoil or note the rows of some sessions."""
    book = openpyxl.load_workbook(path)
    sheet = book["Rate"]
    heads = {cell.value: cell.column for row in sheet.iter_rows() for cell in row if cell.value in ("smiles", "notes")}
    for row in range(sheet.max_row, 0, -1):
        if sheet.cell(row, 1).value not in sessions:
            continue
        if what == "deleted":
            sheet.delete_rows(row)
        if what == "half":
            sheet.cell(row, heads["smiles"]).value = None
        if what == "spoilt":
            sheet.cell(row, heads["smiles"]).value = 77
        if what == "noted":
            sheet.cell(row, heads["notes"]).value = "Mrs Hamburg"
        if what == "empty":
            for column in (heads["smiles"], heads["smiles"] + 1):
                sheet.cell(row, column).value = None
    book.save(path)


def codes(problems: list[Problem]) -> list[tuple[str, str]]:
    return [(one.severity, one.code) for one in problems]


@pytest.mark.parametrize("status", ["excluded", "consent_withdrawn"])
def test_template_leaves_their_sessions_out(folder, status):
    patients(folder, status)
    told = CliRunner().invoke(app, ["template", str(folder), "--folder", str(folder / "new")])
    assert told.exit_code == 0
    assert "2 assigned session(s) are left out: their patients are excluded or withdrew" in told.output
    for path in sorted((folder / "new").glob("*.xlsx")):
        ids = [row[0] for row in openpyxl.load_workbook(path)["Rate"].iter_rows(values_only=True)]
        assert not set(ids) & set(GONE)
        _, problems = read_workbook(path, study=load_study(folder))
        assert {one.code for one in problems} == {
            "row_empty",
            "row_left_out",
        }  # nobody has rated yet; no row is missing
        assert sum(one.code == "row_empty" for one in problems) == N - len(GONE)


@pytest.mark.parametrize("status", ["excluded", "consent_withdrawn"])
@pytest.mark.parametrize("what", ["empty", "deleted", "half", "spoilt"])
@pytest.mark.parametrize("lines", ["left", "taken out"])
def test_their_rows_stop_nothing_whether_lines_are_left_or_taken_out(folder, status, what, lines):
    change(folder / "incoming" / NAME, what)
    before = read_study(folder)
    assert before.errors
    patients(folder, status)
    if lines == "taken out":
        assign(folder, range(3, N + 1))
    told = CliRunner().invoke(app, ["check", str(folder / "incoming")])
    assert told.exit_code == 0, told.output
    intake = read_study(folder)
    assert not intake.errors
    assert [one.code for one in intake.problems if one.severity == "info"].count("row_left_out") >= 1
    assert set(intake.ratings["session_id"]) == {f"S-{n}" for n in range(3, N + 1)}
    assert len(intake.ratings) == 2 * 2 * (N - len(GONE))
    assert set(analyse(intake).scores["patient"]) == {"P2", "P3", "P4"}


def test_the_same_rows_of_a_patient_in_the_numbers_are_errors_as_before(folder):
    patients(folder, "consent_withdrawn")
    for what, code in (("empty", "row_empty"), ("half", "missing_rating"), ("spoilt", "out_of_range")):
        path = folder / f"{what}.xlsx"
        shutil.copy(folder / "incoming" / NAME, path)
        change(path, what, ("S-1", "S-3"))
        _, problems = read_workbook(path, study=load_study(folder))
        assert codes(problems) == [("info", "row_left_out"), ("error", code)]
        assert "S-3" in problems[1].subject
    change(folder / "incoming" / NAME, "deleted", ("S-1", "S-4"))
    _, problems = read_workbook(folder / "incoming" / NAME, study=load_study(folder))
    assert codes(problems) == [("info", "row_left_out"), ("error", "row_missing")] or codes(problems) == [
        ("error", "row_missing"), ("info", "row_left_out"),
    ]  # fmt: skip
    assert {one.subject for one in problems if one.code == "row_missing"} == {"S-4"}


def test_rows_in_the_order_in_which_they_were_sent_are_not_said_to_be_moved(folder):
    patients(folder, "excluded")
    study = load_study(folder)
    for path in send(folder, folder / "new"):  # written without them, their lines still there
        assert "rows_moved" not in {one.code for one in read_workbook(path, study=study)[1]}
    assign(folder, range(3, N + 1))  # written with them, their lines taken out since
    assert not read_workbook(folder / "incoming" / NAME, study=load_study(folder))[1][1:]


def test_sorted_rows_of_the_others_are_still_said(folder):
    patients(folder, "excluded")
    book = openpyxl.load_workbook(folder / "incoming" / NAME)
    sheet = book["Rate"]
    rows = [
        row for row in range(1, sheet.max_row + 1) if sheet.cell(row, 1).value in {f"S-{n}" for n in range(3, N + 1)}
    ]
    first, second = rows[0], rows[1]
    for column in range(1, sheet.max_column + 1):
        one, other = sheet.cell(first, column), sheet.cell(second, column)
        one.value, other.value = other.value, one.value
    book.save(folder / "incoming" / NAME)
    _, problems = read_workbook(folder / "incoming" / NAME, study=load_study(folder))
    assert "rows_moved" in {one.code for one in problems}


def test_a_workbook_of_their_sessions_only_stops_nothing_without_its_lines(folder):
    extra = "".join(f"{session},R1,warmth,primary,b2\n" for session in GONE)
    assign(folder, range(3, N + 1), extra)
    send(folder, folder / "again")
    shutil.copy(folder / "again" / "R1_warmth_b2.xlsx", folder / "incoming")
    patients(folder, "consent_withdrawn")
    assign(folder, range(3, N + 1))
    _, (problems,) = read_workbooks([folder / "incoming" / "R1_warmth_b2.xlsx"], study=load_study(folder))
    assert codes(problems) == [("info", "row_left_out")]
    patients(folder, "completed")
    _, (problems,) = read_workbooks([folder / "incoming" / "R1_warmth_b2.xlsx"], study=load_study(folder))
    assert ("error", "not_assigned") in codes(problems)


def test_a_workbook_that_would_be_empty_is_not_written(folder):
    assign(folder, range(1, N + 1), "")
    text = (folder / "assignments.csv").read_text(encoding="utf-8")
    text = text.replace("S-1,R1,warmth,primary,b1", "S-1,R1,warmth,primary,b2")
    (folder / "assignments.csv").write_text(text, encoding="utf-8")
    patients(folder, "excluded")
    assert {path.name for path in send(folder, folder / "new")} == {"R1_warmth_b1.xlsx", "R2_warmth_b1.xlsx"}


def test_a_table_of_ratings_with_their_cells_emptied_stops_nothing(folder):
    lines = ["session_id,rater,smiles,nods"]
    for rater in ("R1", "R2"):
        lines += [f"S-{n},{rater},{'' if n == 1 else 55 if n == 2 else 1},2" for n in range(1, N + 1)]
    path = folder / "table.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    study = load_study(folder)
    _, problems = read_ratings_table(path, TableSource(layout="wide"), study)
    assert {one.code for one in problems if one.severity == "error"} == {"rating_absent", "out_of_range"}
    patients(folder, "consent_withdrawn")
    assign(folder, range(3, N + 1))
    ratings, problems = read_ratings_table(path, TableSource(layout="wide"), load_study(folder))
    assert not [one for one in problems if one.severity == "error"]
    assert set(ratings["session_id"]) == {f"S-{n}" for n in range(3, N + 1)}


def test_no_report_names_who_withdrew_her_consent_nor_why(folder):
    change(folder / "incoming" / NAME, "noted")
    patients(folder, "consent_withdrawn", "moved to Hamburg")
    run = run_study(folder)
    assert run.frame.design["patients_outside"] == [{"status": "consent_withdrawn"}]
    files = [path for path in (folder / "report").rglob("*") if path.suffix in (".html", ".json", ".csv", ".svg")]
    assert len(files) > 5
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert "Gabi" not in text, path.name
        assert "Hamburg" not in text, path.name
    ledger = run.frame.ledger
    hers = ledger[ledger["patient"] == "withdrawn 1"]
    assert set(hers["session_id"].dropna()) == set(GONE)  # each session is accounted for, by its blind id
    assert set(hers["reason"]) == {"consent_withdrawn, in no number"}
    assert (ledger.groupby("stage")["patient"].nunique() > 0).all()
    flow = run.frame.flow.set_index("stage")
    assert flow.loc["patients: consent_withdrawn", ["kept", "lost"]].tolist() == [0, 1]
    said = [one.sentence for one in run.intake.problems if one.code == "kept_out"]
    assert said == [
        "8 ratings of 1 patient whose consent is withdrawn are in no number (excluded or consent_withdrawn)"
    ]


def test_who_is_excluded_is_named_with_the_reason(folder):
    patients(folder, "excluded", "psychosis")
    run = run_study(folder)
    ledger = run.frame.ledger
    assert set(ledger.loc[ledger["patient"] == "Gabi", "reason"]) == {"excluded, in no number: psychosis"}
    assert [one.found for one in run.intake.problems if one.code == "kept_out"] == ["8 ratings of Gabi"]
