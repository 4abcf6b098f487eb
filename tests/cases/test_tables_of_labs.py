"""Tables as labs have them: small synthetic studies with heads, codes and files of their own."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from doublecode.analysis.cli.app import app
from doublecode.analysis.study.run import read_study
from doublecode.coding import Ledger, read_ratings
from doublecode.coding.reading.outcomes import read_outcomes
from doublecode.coding.reading.study_remarks import remarks_on_tables
from doublecode.coding.reading.study_tables import read_study_table
from doublecode.schemas.errors import ContractError, StudyError
from doublecode.schemas.study import Study, load_study

sys.path.insert(0, str(Path(__file__).parent))

from lab_tables import BOOK, declared

STUDY = declared("J1", "J2")
ITEM = '[[items]]\nname = "{0}"\nlabel = "{0}"\nminimum = 0\nmaximum = 4\n'
BOXES = (
    '[[items]]\nname = "what"\nlabel = "What"\ntype = "nominal"\nmultiple = true\noptional = true\n'
    'categories = { 1 = "task", 2 = "talk", 3 = "sheet" }\n'
)
SESSIONS = [("S-1", "01", 1), ("S-2", "01", 2), ("S-3", "02", 1)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "own.toml").write_text(BOOK.replace("NAME", "own") + ITEM.format("warm") + ITEM.format("calm") + BOXES)
    (tmp_path / "mood.toml").write_text(BOOK.replace("NAME", "mood") + ITEM.format("m1"))
    rows = [(one, patient, "T1", number, "", "", "main", "held", "", "") for one, patient, number in SESSIONS]
    heads = [
        "session_id",
        "patient",
        "therapist",
        "session",
        "date",
        "minutes",
        "phase",
        "status",
        "reason",
        "recording",
    ]
    pd.DataFrame(rows, columns=heads).to_csv(tmp_path / "sessions.csv", index=False)
    (tmp_path / "patients.csv").write_text("patient,status,reason,age\n01,completed,,30\n02,completed,,40\n")
    (tmp_path / "outcomes").mkdir()
    (tmp_path / "outcomes" / "mood.csv").write_text("patient,session,m1\n01,1,2\n01,2,3\n02,1,0\n")
    return tmp_path


def _study(folder: Path, tables: str) -> Study:
    (folder / "study.toml").write_text(STUDY + tables, encoding="utf-8")
    return load_study(folder)


WRONG = {
    "unknown table": ("[tables.sesions]\n", "no such table; allowed: .*did you mean 'sessions'"),
    "unknown column": ('[tables.patients]\nmap = { "reason" = "patinet" }\n', "did you mean 'patient'"),
    "no head": ('[tables.sessions]\nmap = { "pateint" = "patient" }\n', "no head 'pateint'.*did you mean 'patient'"),
    "two heads": ('[tables.patients]\nmap = { "age" = "reason", "status" = "reason" }\n', "both to be 'reason'"),
    "head is there": ('[tables.patients]\nmap = { "age" = "reason" }\n', "has a head 'reason' too"),
    "outside": ('[tables.patients]\nfile = "../patients.csv"\n', "leads out of the study folder"),
    "no file": ('[tables.patients]\nfile = "patient.csv"\n', "there is no 'patient.csv'.*did you mean 'patients.csv'"),
    "dates": ('[tables.sessions]\ndates = "tt.mm.jjjj"\n', "found the form 'tt.mm.jjjj'"),
    "idle dates": ('[tables.patients]\ndates = "dd.mm.yyyy"\n', "dates: has an effect on .tables.sessions. only"),
    "idle layout": ('[tables.patients]\nlayout = "wide"\n', "layout: has an effect on .tables.ratings. only"),
    "code is a value": ("[tables.mood]\nmissing = [4]\n", "'4' is a value of the item 'm1'"),
    "no such code": ('[tables.mood]\nmissing = { "-99" = "NRR" }\n', "missing code 'NRR'.*did you mean 'NR'"),
    "no such key": ("[tables.mood]\nmising = [4]\n", "did you mean 'missing'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_declared_of_a_table_acts_or_is_refused(folder: Path, case: str):
    tables, said = WRONG[case]
    with pytest.raises(StudyError, match=said):
        _study(folder, tables)


def test_all_that_is_wrong_is_said_at_once(folder: Path):
    tables = '[tables.patients]\nmap = { "Alter" = "age", "Nr" = "patient" }\n[tables.sessions]\nfile = "x.ods"\n'
    with pytest.raises(StudyError) as wrong:
        _study(folder, tables)
    assert str(wrong.value).startswith("study.toml: 3 wrong entries.")


def test_two_files_of_one_name_are_refused(folder: Path):
    pd.read_csv(folder / "patients.csv", dtype=str).to_excel(folder / "patients.xlsx", index=False)
    with pytest.raises(StudyError, match=r"lies there twice: patients.csv and patients.xlsx.*file = "):
        read_study_table(_study(folder, ""), "patients")


def test_a_workbook_is_found_by_its_name_and_refuses_wrong_heads(folder: Path):
    table = pd.read_csv(folder / "patients.csv", dtype=str).rename(columns={"patient": "Pat.-Nr."})
    table.to_excel(folder / "patients.xlsx", index=False)
    (folder / "patients.csv").unlink()
    study = _study(folder, '[tables.patients]\nmap = { "Pat.-Nr." = "patient" }\n')
    assert read_study_table(study, "patients")["patient"].tolist() == ["01", "02"]
    study = _study(folder, '[tables.patients]\nmap = { "Pat.Nr." = "patient" }\n')
    with pytest.raises(ContractError, match=r"no head 'Pat.Nr.'.*did you mean 'Pat.-Nr.'"):
        read_study_table(study, "patients")


def test_missing_codes_are_no_values_and_are_counted(folder: Path):
    (folder / "patients.csv").write_text("patient,status,reason,age\n01,completed,,-99\n02,completed,,40\n")
    (folder / "outcomes" / "mood.csv").write_text("patient,session,m1\n01,1,-99\n01,2,\n02,1,0\n")
    study = _study(folder, '[tables.patients]\nmissing = [-99]\n[tables.mood]\nmissing = [-99, ""]\n')
    assert read_study_table(study, "patients")["age"].isna().tolist() == [True, False]
    items, problems = read_outcomes(study)
    assert items["value"].isna().tolist() == [True, True, False]
    assert items["reason"].tolist()[:2] == ["-99: no reason given", "missing: no reason given"]
    said = [str(one) for one in (*problems, *remarks_on_tables(study)) if one.code == "read_as_missing"]
    assert len(said) == 3
    assert "age: taken as missing: -99 × 1" in " ".join(said)


def test_a_session_number_is_no_missing_code(folder: Path):
    study = _study(folder, "[tables.sessions]\nmissing = [1, 2]\n")
    assert read_study_table(study, "sessions")["session"].tolist() == [1, 2, 1]


def test_decimal_commas_in_a_column_of_numbers(folder: Path):
    text = (folder / "sessions.csv").read_text().replace("T1,1,,,", "T1,1,,47.5,").replace(",", ";").replace(".", ",")
    (folder / "sessions.csv").write_text(text)
    assert read_study_table(_study(folder, ""), "sessions")["minutes"].dropna().tolist() == [47.5, 47.5]


def test_events_of_redcap_are_session_numbers_and_others_are_left_out(folder: Path):
    (folder / "outcomes" / "mood.csv").write_text(
        "record_id,redcap_event_name,m1\n01,baseline_arm_1,4\n01,session_1_arm_1,2\n01,session_2_arm_1,3\n"
        "02,session_1_arm_1,0\n"
    )
    items, problems = read_outcomes(_study(folder, ""))
    assert items[["session", "value"]].to_numpy().tolist() == [[1, 2], [2, 3], [1, 0]]
    assert [one.found for one in problems if one.code == "rows_left_out"] == ["baseline_arm_1 × 1"]


def test_checkboxes_of_redcap_are_one_item_of_several_codes(folder: Path):
    (folder / "export.csv").write_text(
        "record_id,redcap_repeat_instrument,redcap_repeat_instance,rater,warm,calm,what___1,what___2,what___3\n"
        "01,,,,,,0,0,0\n01,own,1,J1,2,3,1,0,1\n01,own,2,J1,4,NR,0,0,0\n"
    )
    ratings, problems = read_ratings(folder / "export.csv", study=_study(folder, ""))
    assert [one.code for one in problems if one.severity == "error"] == []
    assert ratings.loc[ratings["item"] == "what", "text"].tolist() == ["1,3"]
    assert ratings.loc[ratings["item"] == "calm", "missing_code"].tolist()[1:] == ["NR"]
    assert [one.found for one in problems if one.code == "rows_left_out"] == ["(none) × 1"]
    (folder / "export.csv").write_text("session_id,rater,warm,calm,what___1\nS-1,J1,1,1,maybe\n")
    with pytest.raises(ContractError, match="found 'maybe' in a column of checkboxes"):
        read_ratings(folder / "export.csv", study=load_study(folder))


LAYOUTS = {
    "long": "session_id,rater,item,value\nS-1,J1,warm,1\nS-1,J1,calm,2\nS-1,J2,warm,3\nS-1,J2,calm,4\n",
    "items": "session_id;rater;warm;calm\nS-1;J1;1;2\nS-1;J2;3;4\n",
    "raters": "patient\tsession\titem\tJ1\tJ2\n01\t1\twarm\t1\t3\n01\t1\tcalm\t2\t4\n",
    "item_rater": "session_id,warm_J1,warm_J2,calm_J1,calm_J2\nS-1,1,3,2,4\n",
    "rater.item": "session_id,J1.warm,J1.calm,J2.warm,J2.calm\nS-1,1,2,3,4\n",
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_ratings(folder: Path, layout: str):
    (folder / "own.csv").write_text(LAYOUTS[layout])
    ratings, problems = read_ratings(folder / "own.csv", study=_study(folder, ""))
    assert [one.code for one in problems] == ["layout_read"]
    found = ratings[["session_id", "rater", "item", "value"]].to_numpy().tolist()
    assert found == [
        ["S-1", "J1", "warm", 1],
        ["S-1", "J1", "calm", 2],
        ["S-1", "J2", "warm", 3],
        ["S-1", "J2", "calm", 4],
    ]
    assert ratings["source_cell"].str.startswith("line 2, ").iloc[0]


def test_the_checks_of_workbooks_hold_for_tables(folder: Path):
    (folder / "assignments.csv").write_text(
        "session_id,rater,instrument,role,batch\nS-1,J1,own,primary,b1\nS-2,J1,own,primary,b1\n"
    )
    (folder / "own.csv").write_text(
        "session_id,rater,item,value\nS-1,J1,warm,7\nS-1,J1,calm,2\nS-1,J1,calm,3\nS-9,J1,warm,3\nS-1,J3,warm,3\n"
        "S-1,J1,wram,1\nS-3,J1,warm,1\nS-2,J1,warm,2\n"
    )
    _, problems = read_ratings(folder / "own.csv", study=_study(folder, ""))
    errors = {one.code: str(one) for one in problems if one.severity == "error"}
    assert set(errors) == {
        "out_of_range", "duplicate_rating", "unknown_session", "unknown_rater", "unknown_item", "not_assigned",
        "rating_absent",
    }  # fmt: skip
    assert "line 2, value" in errors["out_of_range"]
    assert "warm?" in errors["unknown_item"]
    assert "S-2, J1, calm" in errors["rating_absent"]


def test_heads_that_do_not_tell_are_asked_for(folder: Path):
    (folder / "own.csv").write_text("Tape,A_x,B_x\n1,2,3\n")
    with pytest.raises(ContractError, match=r"which session.*--map"):
        read_ratings(folder / "own.csv")
    with pytest.raises(ContractError, match=r"pattern = .\{item\}_\{rater\}"):
        read_ratings(folder / "own.csv", map={"Tape": "session"})
    ratings, _ = read_ratings(folder / "own.csv", map={"Tape": "session"}, pattern="{rater}_{item}")
    assert ratings["rater"].tolist() == ["A", "B"]


def test_import_goes_into_the_ledger_once_and_a_newer_table_replaces_it(folder: Path):
    _study(folder, "")
    file, call = folder / "own.csv", ["import-ratings", str(folder / "own.csv"), "--study", str(folder)]
    heads = ["--map", "Tape=session_id", "--missing", "-99=NR"]
    file.write_text("Tape,warm_J1,calm_J1\nS-1,1,5\n")
    answer = CliRunner().invoke(app, [*call, *heads])
    assert (answer.exit_code, "Nothing was stored" in answer.output) == (1, True)
    assert not (folder / "ledger.sqlite").exists()
    for text, said in (
        ("-99", "Stored in the ledger."),
        ("-99", "holds this file already"),
        ("3", "in place of own.csv"),
    ):
        file.write_text(f"Tape,warm_J1,calm_J1\nS-1,1,{text}\n")
        answer = CliRunner().invoke(app, [*call, *heads])
        assert (answer.exit_code, said in " ".join(answer.output.split())) == (0, True), answer.output
    with Ledger(folder / "ledger.sqlite") as ledger:
        assert ledger.ratings()["value"].tolist() == [1, 3]
        assert ledger.history(item="calm")["missing_code"].tolist()[0] == "NR"
        assert ledger.verify() == ()


def test_imported_ratings_are_read_by_a_run_and_none_stands_twice(folder: Path):
    (folder / "therapists.csv").write_text("therapist\nT1\n")
    (folder / "own.csv").write_text("session_id,warm_J1,calm_J1\nS-1,1,2\nS-2,3,4\n")
    _study(folder, "")
    CliRunner().invoke(app, ["import-ratings", str(folder / "own.csv"), "--study", str(folder)])
    intake = read_study(folder)
    assert (intake.errors, intake.ratings["value"].tolist()) == ((), [1, 2, 3, 4])
    _study(folder, '[tables.ratings]\nfile = "own.csv"\n')
    intake = read_study(folder)
    assert (intake.errors, len(intake.ratings)) == ((), 4)
    (folder / "other.csv").write_text("session_id,warm_J1,calm_J1\nS-1,1,2\n")
    _study(folder, '[tables.ratings]\nfile = "other.csv"\n')
    twice = read_study(folder).errors
    assert {one.code for one in twice} == {"duplicate_rating"}
    assert "other.csv" in str(twice[0])
    assert "own.csv" in str(twice[0])


WIDE = "session,J1,J2,J3\n1,3.5,4,-99\n2,2,2,3\n3,5,4.5,5\n4,1,2,1\n5,999,2,3\n"
NAMES = "session,J1,J2\n1,task,task\n2,talk,-99\n3,task,talk\n4,talk,talk\n"


@pytest.mark.parametrize("command", ["icc", "agreement", "drift"])
def test_commands_on_a_file_take_wide_tables_and_missing_codes(tmp_path: Path, command: str):
    (tmp_path / "wide.csv").write_text(WIDE)
    call = [command, str(tmp_path / "wide.csv"), "--targets", "session", "--raters", "J1,J2,J3", "--missing", "-99,999"]
    answer = CliRunner().invoke(app, call)
    assert answer.exit_code == 0, answer.output


def test_agreement_takes_names_of_codes_in_a_wide_table(tmp_path: Path):
    (tmp_path / "wide.csv").write_text(NAMES)
    call = ["agreement", str(tmp_path / "wide.csv"), "--targets", "session", "--raters", "J1,J2", "--missing", "-99"]
    answer = CliRunner().invoke(app, call)
    assert answer.exit_code == 0
    assert "exact agreement" in answer.output
    assert ".67" in answer.output


def test_drift_says_what_belongs_to_a_file_and_what_to_a_study(folder: Path):
    _study(folder, "")
    (folder / "wide.csv").write_text(WIDE)
    assert CliRunner().invoke(app, ["drift", str(folder), "--raters", "J1,J2"]).exit_code != 0
    assert CliRunner().invoke(app, ["drift", str(folder / "wide.csv"), "--by-date", "2"]).exit_code != 0


ASSIGNED = "session_id,rater,instrument,role,batch,occasion\n"


def imported(folder: Path) -> int:
    return CliRunner().invoke(app, ["import-ratings", str(folder / "r.csv"), "--study", str(folder)]).exit_code


def test_recodes_stand_in_a_table_of_ratings(folder: Path):
    again = [("S-1", "J1", "primary", 1), ("S-1", "J1", "primary", 2), ("S-1", "J2", "second", 1)]
    rows = "".join(f"{session},{rater},own,{role},b1,{time}\n" for session, rater, role, time in again)
    (folder / "assignments.csv").write_text(ASSIGNED + rows)
    table = "session_id,rater,occasion,warm,calm,what\nS-1,J1,,1,2,1\nS-1,J1,2,3,4,1\nS-1,J2,1,0,1,2\n"
    (folder / "r.csv").write_text(table)
    study = _study(folder, "")
    ratings, problems = read_ratings(folder / "r.csv", study=study)
    assert not [one for one in problems if one.severity == "error"]
    numbers = ratings[ratings["item"].isin(["warm", "calm"])]
    assert numbers.set_index(["rater", "occasion", "item"])["value"].to_dict() == {
        ("J1", 1, "warm"): 1, ("J1", 1, "calm"): 2, ("J1", 2, "warm"): 3, ("J1", 2, "calm"): 4,
        ("J2", 1, "warm"): 0, ("J2", 1, "calm"): 1,
    }  # fmt: skip
    assert imported(folder) == 0
    intake = read_study(folder)
    assert intake.ratings.query("rater == 'J1' and item == 'warm'")["value"].tolist() == [1]
    assert intake.recodes is not None
    assert intake.recodes.query("item == 'warm'")["value"].tolist() == [3]
    (folder / "r.csv").write_text("session_id,rater,occasion,warm,calm\nS-1,J1,zwei,1,2\nS-1,J2,2,1,2\n")
    found = [(one.code, one.found) for one in read_ratings(folder / "r.csv", study=study)[1] if one.severity == "error"]
    assert found == [("out_of_range", "zwei"), ("not_assigned", "S-1")]


def test_a_doubled_head_of_ratings_is_refused(folder: Path):
    (folder / "r.csv").write_text("session_id,rater,warm,calm,warm\nS-1,J1,1,2,3\n")
    with pytest.raises(ContractError, match="the column 'warm' stands twice"):
        read_ratings(folder / "r.csv", study=_study(folder, ""))


def test_ratings_of_an_older_codebook_are_named_until_they_are_imported_again(folder: Path):
    _study(folder, "")
    (folder / "r.csv").write_text("session_id,rater,warm,calm\nS-1,J1,1,2\nS-2,J1,3,4\nS-3,J2,0,1\n")
    assert imported(folder) == 0
    book = folder / "own.toml"
    book.write_text(book.read_text().replace('version = "1.0"', 'version = "1.1"'))
    said = [str(one) for one in read_study(folder).problems if one.code == "codebook_changed"]
    assert len(said) == 1
    assert "its ratings were held to version own 1.0, the study uses own 1.1" in said[0]
    assert imported(folder) == 0
    assert not [one for one in read_study(folder).problems if one.code == "codebook_changed"]
