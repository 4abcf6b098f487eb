"""Tables of labs a second time: codes of another writing, another reading of one file, heads in German (synthetic)."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from doublecode.analysis.cli.app import app
from doublecode.coding import Ledger, read_ratings
from doublecode.coding.reading.outcomes import read_outcomes
from doublecode.coding.reading.study_tables import read_study_table
from doublecode.schemas.errors import ContractError
from doublecode.schemas.study import load_study

sys.path.insert(0, str(Path(__file__).parent))

from lab_tables import BOOK, declared

STUDY = declared("Anna", "Ben")
ITEM = '[[items]]\nname = "NAME"\nlabel = "L"\nminimum = 0\nmaximum = 6\n'
ITEMS = ("warm", "calm", "open", "firm", "keen", "slow")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    book = BOOK.replace("NAME", "own") + "".join(ITEM.replace("NAME", name) for name in ITEMS)
    (tmp_path / "own.toml").write_text(book)
    (tmp_path / "mood.toml").write_text(BOOK.replace("NAME", "mood") + ITEM.replace("NAME", "m1"))
    (tmp_path / "study.toml").write_text(STUDY)
    (tmp_path / "sessions.csv").write_text(
        "session_id,patient,session,phase,recording,status,reason\n"
        "S-1,01,1,main,S-1.mp3,held,\nS-2,01,2,main,S-2.mp3,held,\nS-3,02,1,main,S-3.mp3,held,\n"
    )
    (tmp_path / "patients.csv").write_text("patient,status,reason,age\n01,completed,,33\n02,completed,,40\n")
    (tmp_path / "outcomes").mkdir()
    (tmp_path / "outcomes" / "mood.csv").write_text("patient,session,m1\n01,1,3\n01,2,2\n02,1,0\n")
    return tmp_path


def run(*call: object) -> tuple[int, str]:
    answer = CliRunner().invoke(app, [str(one) for one in call])
    wrong = "" if answer.exception is None else str(answer.exception)
    return answer.exit_code, " ".join(f"{answer.output} {wrong}".split())


def write(frame: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".xlsx":
        frame.to_excel(path, index=False)
    elif path.suffix == ".sav":
        pyreadstat = pytest.importorskip("pyreadstat")
        pyreadstat.write_sav(frame, str(path))
    else:
        frame.to_csv(path, index=False, sep=";", decimal=",")
    return path


def long_table(value: object) -> pd.DataFrame:
    rows = [("S-1", "Anna", name, 1.5 if name == "open" else 2.0) for name in ITEMS if name != "open"]
    frame = pd.DataFrame(rows, columns=["session_id", "rater", "item", "value"])
    kind = "object" if isinstance(value, str) else "float64"
    frame["value"] = frame["value"].astype(kind)
    frame.loc[len(frame)] = ["S-1", "Anna", "open", value]
    return frame


@pytest.mark.parametrize("kind", ["csv", "xlsx", "sav"])
@pytest.mark.parametrize("value", ["-99,0", "-99.0", "-99", "-98,0", -99.0, -98.0])
def test_a_missing_code_is_a_number_in_every_writing_of_it(folder: Path, kind: str, value: object):
    frame = long_table(value)
    if kind == "sav":
        frame["value"] = frame["value"].astype(str if isinstance(value, str) else float)
    ratings, problems = read_ratings(
        write(frame, folder / f"r.{kind}"), study=load_study(folder), missing={"-99": "NR", "-98": "NR"}
    )
    assert [one for one in problems if one.severity == "error"] == []
    assert ratings.set_index("item")["missing_code"].dropna().to_dict() == {"open": "NR"}
    said = [str(one.found) for one in problems if one.code == "read_as_missing"]
    assert said == [f"{'-98' if '98' in str(value) else '-99'} × 1"]


def test_missing_codes_by_number_in_tables_of_a_study(folder: Path):
    tables = "[tables.patients]\nmissing = [-99]\n[tables.mood]\nmissing = [-99, -98]\n"
    (folder / "study.toml").write_text(STUDY + tables)
    (folder / "patients.csv").write_text("patient;status;reason;age\n01;completed;;-99,0\n02;completed;;40,5\n")
    (folder / "outcomes" / "mood.csv").write_text("patient;session;m1\n01;1;-99,0\n01;2;-98,00\n02;1;0\n")
    study = load_study(folder)
    assert read_study_table(study, "patients")["age"].isna().tolist() == [True, False]
    assert read_outcomes(study)[0]["value"].isna().tolist() == [True, True, False]


def test_other_options_are_another_reading_of_the_same_file(folder: Path):
    file = folder / "own.csv"
    head = ",".join(ITEMS)
    file.write_text(f"Tape,J,K,{head}\nS-1,Anna,Ben,1,2,3,4,5,-99\n")
    call = ["import-ratings", file, "--study", folder, "--map", "Tape=session_id"]
    first = [*call, "--map", "J=rater", "--missing", "-99=NR"]
    assert "Stored in the ledger." in run(*first)[1]
    assert "nothing was changed" in run(*first)[1]
    assert "in place of own.csv" in run(*call, "--map", "K=rater", "--missing", "-99=NR")[1]
    with Ledger(folder / "ledger.sqlite") as ledger:
        assert set(ledger.ratings()["rater"]) == {"Ben"}
    assert "in place of own.csv" in run(*call, "--map", "K=rater", "--missing", "-99")[1]
    assert "in place of own.csv" in run(*first)[1]  # the first reading again
    with Ledger(folder / "ledger.sqlite") as ledger:
        ratings = ledger.ratings()
        assert (set(ratings["rater"]), len(ratings), ledger.verify()) == ({"Anna"}, 6, ())
        assert ratings["missing_code"].dropna().tolist() == ["NR"]


def test_sheets_of_one_workbook_stand_beside_one_another(folder: Path):
    file = folder / "own.xlsx"
    with pd.ExcelWriter(file) as book:
        for name in ("Anna", "Ben"):
            table = pd.DataFrame([["S-1", name, *range(6)]], columns=["session_id", "rater", *ITEMS])
            table.to_excel(book, sheet_name=name, index=False)
    call = ["import-ratings", file, "--study", folder]
    for sheet, said in (([], "Stored"), (["--sheet", "Anna"], "nothing was changed"), (["--sheet", "Ben"], "Stored")):
        assert said in run(*call, *sheet)[1]
    with Ledger(folder / "ledger.sqlite") as ledger:
        assert ledger.ratings()["rater"].value_counts().to_dict() == {"Anna": 6, "Ben": 6}


def test_many_columns_with_missing_values_are_one_line_and_unread_columns_none(folder: Path):
    heads = ["session_id", "rater", *ITEMS, "remark"]
    table = pd.DataFrame([["S-1", "Anna", *[-99] * 6, -99], ["S-2", "Anna", *range(6), -99]], columns=heads)
    _, problems = read_ratings(write(table, folder / "r.csv"), study=load_study(folder), missing={"-99": "NR"})
    said = [one.found for one in problems if one.code == "read_as_missing"]
    assert said == [f"-99 × 6 in 6 columns ({', '.join(ITEMS)})"]


def start(folder: Path, *more: object, code: int = -99) -> tuple[int, str]:
    rows = [(p, s, 50 if p * s < 6 else code) for p in range(1, 4) for s in range(1, 5)]
    sessions = pd.DataFrame(rows, columns=["Pat.-Nr.", "Sitzung", "Dauer"])
    answers = sessions.iloc[:, :2].assign(q1=[-99.0, *[1.0, 2.0] * 5, 0.5], q2=[1.0] * 6 + [3.0] * 5 + [-99.0])
    files = write(sessions, folder / "liste.xlsx"), write(answers, folder / "frage.csv")
    call = ["init", folder / "new", "--sessions", files[0], "--outcome", files[1], "--raters", "a,b"]
    return run(*call, "--instruments", "ghes", "--yes", *more)


def test_init_says_what_it_took_as_missing(folder: Path):
    code, said = start(folder, "--missing", "-99")
    assert code == 0, said
    for one in ("Dauer: taken as missing: -99 × 5", "q1: taken as missing: -99 × 1", "q2: taken as missing: -99 × 1"):
        assert one in said
    assert "far_value" not in said
    text = (folder / "new" / "outcomes" / "frage.csv").read_text()
    assert "-99" not in text
    assert "-99" not in (folder / "new" / "sessions.csv").read_text()


def test_init_cautions_of_codes_that_nobody_declared(folder: Path):
    code, said = start(folder)
    assert code != 0
    assert "'minutes', line 8: found -99, allowed numbers from 0" in said  # a length; nothing is written
    code, said = start(folder, code=51)
    assert code == 0, said
    assert "q1, q2: -99 × 2 lies far outside the others (0.5 to 3)" in said
    book = (folder / "new" / "frage.toml").read_text()
    assert "-99" not in book
    assert "minimum = 0" in book


def test_heads_of_ratings_are_guessed_and_the_guess_is_said(folder: Path):
    table = pd.DataFrame(
        [["01", 1, "Anna", name, at] for at, name in enumerate(ITEMS)],
        columns=["Pat.-Nr.", "Sitzung", "Beurteilerin", "Item", "Wert"],
    )
    ratings, problems = read_ratings(write(table, folder / "r.csv"), study=load_study(folder))
    assert ratings["value"].tolist() == [0, 1, 2, 3, 4, 5]
    assert set(ratings["session_id"]) == {"S-1"}
    assert [one.found for one in problems if one.code == "heads_guessed"] == [
        "Pat.-Nr. = patient, Sitzung = session, Beurteilerin = rater, Item = item, Wert = value"
    ]
    wide = pd.DataFrame([["S-1", "Ben", *range(6)]], columns=["Session ID", "Coder", *ITEMS])
    ratings, _ = read_ratings(write(wide, folder / "w.csv"), study=load_study(folder))
    assert set(ratings["rater"]) == {"Ben"}


def test_heads_that_cannot_be_guessed_are_named_at_once(folder: Path):
    (folder / "r.csv").write_text("Band,Wer,Was,Wert,value\nS-1,Anna,warm,3,3\n")
    with pytest.raises(ContractError) as wrong:
        read_ratings(folder / "r.csv", study=load_study(folder))
    for said in ("session_id, or patient and session", "=session_id", "=rater", "=item"):
        assert said in str(wrong.value)


def test_a_code_that_nobody_declared_is_one_question(folder: Path):
    table = pd.DataFrame([["S-1", "Anna", *[-99] * 6], ["S-2", "Anna", *range(5), 9]])
    table.columns = ["session_id", "rater", *ITEMS]
    _, problems = read_ratings(write(table, folder / "r.csv"), study=load_study(folder))
    errors = [str(one) for one in problems if one.severity == "error"]
    assert len(errors) == 2
    assert "found -99 in 6 cells (line 2, warm; line 2, calm; line 2, open; line 2, firm; …)" in errors[0]
    assert "--missing -99=NR" in errors[0]
    assert "found 9, allowed 0–6 or NR" in errors[1]


def test_names_are_asked_for_and_places_of_text_files_have_no_stray_sign(folder: Path):
    study = load_study(folder)
    table = pd.DataFrame([["S-1", "anna", *range(6)]], columns=["session_id", "rater", *ITEMS])
    _, problems = read_ratings(write(table, folder / "r.csv"), study=study)
    assert "found the rater anna, allowed Anna, Ben; did you mean Anna?" in str(problems[0])
    table["rater"] = "Anna"
    assert run("import-ratings", write(table, folder / "r.csv"), "--study", folder)[0] == 0
    code, said = run("import-ratings", write(table, folder / "again.csv"), "--study", folder)
    assert code != 0, said
    assert ("r.csv › line 2, calm" in said, "!line" in said, "› !" in said) == (True, False, False), said
