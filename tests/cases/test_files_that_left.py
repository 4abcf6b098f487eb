"""A workbook that leaves incoming/ stays in the numbers until a person takes it out, and is named meanwhile."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import sqlite3
import sys
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

from doublecode.analysis.cli.app import app
from doublecode.analysis.report.folder import run_study
from doublecode.analysis.study.run import read_study, store
from doublecode.coding import Ledger
from doublecode.coding.intake.replaced_files import replaced_files
from doublecode.coding.intake.study_ratings import read_study_ratings
from doublecode.coding.workbooks.fill import fill_workbook
from doublecode.schemas.errors import UsageError
from doublecode.schemas.study import load_study

pytestmark = pytest.mark.usefixtures("undrawn")
HERE = Path(__file__).parent
KEPT = HERE / "study_before_store"
"""A study folder with its ledger (tables of version 2), both made before the ledger was read; synthetic."""
GONE = "R1_warmth_b2.xlsx"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(KEPT, tmp_path / "study"))


def runs() -> ModuleType:
    spec = importlib.util.spec_from_file_location("compare_runs", HERE.parent / "compare_runs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["compare_runs"] = module
    spec.loader.exec_module(module)
    return module


def moved(folder: Path) -> set[str]:
    """Parts of the report that differ from the kept one, notes aside: their words and order may change.

    Older libraries sum and iterate in their own way.
    """
    same = runs()
    pair = (same.read_run(KEPT / "report.json.xz"), same.read_run(folder / "report"))
    found = same.compare(*pair, same.Tolerance(closed=1e-9, iterated=1e-6, limits=1e-6))
    return {one.place[1] for one in found if not (one.added or "notes" in one.place)}


def type_in(*words: str) -> tuple[int, str]:
    answer = CliRunner().invoke(app, list(words))
    return answer.exit_code, " ".join(answer.output.split())


def codes(folder: Path) -> list[tuple[str, str]]:
    return [(one.code, one.file) for one in read_study(folder).problems if one.severity != "info"]


def test_a_study_folder_and_ledger_made_before_run_unchanged(folder):
    before = (folder / "ledger.sqlite").read_bytes()
    read_study(folder)
    assert (folder / "ledger.sqlite").read_bytes() == before  # reading an older ledger writes nothing
    run_study(folder)
    assert moved(folder) == set()
    assert (folder / "ledger_version2.sqlite").is_file()
    old = sqlite3.connect(folder / "ledger_version2.sqlite")
    assert [row[0] for row in old.execute("select file from files order by id")] == [
        "own.csv", "R1_warmth_b1.xlsx", GONE, "R2_warmth_b1.xlsx", "R2_warmth_b1.xlsx",
    ]  # fmt: skip
    with Ledger(folder / "ledger.sqlite") as ledger:
        assert ledger.verify() == ()
        assert len(ledger.files()) == 5


def test_a_file_that_left_counts_and_is_named_until_it_is_withdrawn(folder, tmp_path):
    (folder / "incoming" / GONE).rename(tmp_path / GONE)
    assert codes(folder) == [("file_absent", GONE)]
    done = run_study(folder)
    assert moved(folder) <= {"problems", "headlines"}  # that the file is not there, and no number
    page = (folder / "report" / "index.html").read_text(encoding="utf-8")
    assert f"no longer in incoming/, and counted as taken in: {GONE}" in page
    assert len(done.intake.ratings) == 70
    (told,) = [one for one in json.loads((folder / "report" / "manifest.json").read_text())["ratings"]
               if one["file"] == GONE]  # fmt: skip
    assert (told["from"], told["n_rows"]) == ("ledger", 24)
    code, said = type_in("ledger", "withdraw", GONE, "--study", str(folder), "--reason", "R1 took it back")
    assert (code, "in no number from now on" in said) == (0, True)
    assert codes(folder) == []
    assert len(read_study(folder).ratings) == 46
    shutil.copy(tmp_path / GONE, folder / "incoming" / GONE)  # put back, it is no number by itself
    assert codes(folder) == [("withdrawn_file", GONE)]
    assert type_in("import", str(folder))[0] == 0
    assert type_in("ledger", "restore", GONE, "--study", str(folder), "--reason", "it was right")[0] == 0
    assert codes(folder) == []
    assert len(read_study(folder).ratings) == 70


def test_what_holds_is_the_same_from_files_and_from_the_ledger(folder):
    intake = read_study(folder)
    store(intake)
    with Ledger(folder / "ledger.sqlite") as ledger:
        held = ledger.ratings()
    key = ["source_file", "session_id", "rater", "item"]
    order = {name: frame.sort_values(key)[["value", *key]].values.tolist()
             for name, frame in (("held", held), ("read", intake.ratings))}  # fmt: skip
    assert order["held"] == order["read"]
    for path in (folder / "incoming").iterdir():
        path.unlink()
    alone = read_study(folder)
    assert len(alone.absent) == 3
    assert alone.ratings.equals(intake.ratings)  # row for row, in the same order


def test_a_changed_or_renamed_file_is_not_absent(folder):
    book = folder / "incoming" / GONE
    book.rename(book.with_name("from_r1.xlsx"))
    assert codes(folder) == []
    outgoing = folder / "incoming" / "from_r1.xlsx"
    session = read_study(folder).ratings.query("source_file == 'from_r1.xlsx'")["session_id"].iloc[0]
    fill_workbook(outgoing, folder / "incoming" / GONE, {(session, "smiles"): 4, (session, "nods"): 4})
    outgoing.unlink()
    code, said = type_in("import", str(folder), "--reason", "mistyped")
    assert (code, "In place of earlier ones" in said) == (0, True)
    assert codes(folder) == []
    code, said = type_in("ledger", "history", "--session", session, "--rater", "R1", "--study", str(folder))
    assert (code, "which says" in said, "reason: mistyped" in said) == (0, True, True)
    was, now = re.findall(r", R1, smiles = (\d)", " ".join(said.split()))
    later = "the same" if was == now else now
    assert (now, f"replaced by {GONE}, which says {later}" in " ".join(said.split())) == ("4", True)


def test_a_report_says_what_was_replaced_or_withdrawn_since_when_and_why(folder):
    """Two reports of one study had different numbers, and neither said that a workbook had been corrected between."""
    book = folder / "incoming" / GONE
    run_study(folder)
    session = read_study(folder).ratings.query("source_file == @GONE")["session_id"].iloc[0]
    fill_workbook(book, folder / "mended.xlsx", {(session, "smiles"): 4, (session, "nods"): 4})
    book.write_bytes((folder / "mended.xlsx").read_bytes())
    assert type_in("import", str(folder), "--reason", "two codes mistyped")[0] == 0
    run_study(folder, overwrite=True)
    record = json.loads((folder / "report" / "results.json").read_text(encoding="utf-8"))["replaced"]
    own = next(one for one in record if one["file"] == GONE)
    assert (own["state"], own["by"], own["reason"], own["rater"]) == ("replaced", GONE, "two codes mistyped", "R1")
    assert 1 <= own["n_changed"] <= 2
    page = (folder / "report" / "index.html").read_text(encoding="utf-8")
    assert "two codes mistyped" in page
    assert "replaced on" in page
    assert type_in("ledger", "withdraw", GONE, "--study", str(folder), "--reason", "wrong tapes")[0] == 0
    gone = replaced_files(load_study(folder)).query("state == 'withdrawn'").to_dict("records")
    assert [(one["file"], one["reason"], one["by"], one["n_changed"]) for one in gone] == [
        (GONE, "wrong tapes", "", 24)
    ]


def test_a_study_without_a_ledger_replaced_nothing(folder):
    (folder / "ledger.sqlite").unlink()
    assert replaced_files(load_study(folder)).empty


def test_setting_aside_leaves_out_what_the_ledger_holds_too(folder, tmp_path):
    assert len(read_study(folder, set_aside=[GONE]).ratings) == 46
    (folder / "incoming" / GONE).rename(tmp_path / GONE)
    intake = read_study(folder, set_aside=[GONE])
    assert (len(intake.ratings), intake.absent, intake.set_aside) == (46, (), (GONE,))
    with pytest.raises(UsageError, match=r"there is no 'nobody\.xlsx' in incoming/"):
        read_study(folder, set_aside=["nobody.xlsx"])


def test_whose_a_session_is_follows_the_table_of_now(folder, tmp_path):
    (folder / "incoming" / GONE).rename(tmp_path / GONE)
    table = (folder / "sessions.csv").read_text(encoding="utf-8")
    (folder / "sessions.csv").write_text(table.replace("S-31,P3,T1", "S-31,P3,T0"), encoding="utf-8")
    rated = read_study_ratings(load_study(folder)).ratings
    assert set(rated.loc[rated["session_id"] == "S-31", "therapist"]) == {"T0"}
    (folder / "sessions.csv").write_text(table.replace("S-31,", "S-99,"), encoding="utf-8")
    assigned = (folder / "assignments.csv").read_text(encoding="utf-8")
    (folder / "assignments.csv").write_text(assigned.replace("S-31,", "S-99,"), encoding="utf-8")
    found = {(one.code, one.file, one.subject) for one in read_study_ratings(load_study(folder)).problems}
    assert ("unknown_session", GONE, "S-31") in found


def test_recodes_beside_a_table_without_occasions_leave_the_table_in_the_scores(folder):
    """Rows of a table had no occasion beside a workbook's, and were in neither part."""
    with Ledger(folder / "ledger.sqlite") as ledger:
        own = ledger.ratings()
        again = own[own["source_file"] == "R2_warmth_b1.xlsx"].assign(occasion=2, source_file="again.xlsx")
        files = ledger.files().query("holds and file == 'R2_warmth_b1.xlsx'")
        ledger.take_in(again, files.assign(file="again.xlsx", sha256="a" * 64, occasion=2))
    assigned = (folder / "assignments.csv").read_text(encoding="utf-8")
    more = "".join(line.replace(",1", ",2") + "\n" for line in assigned.splitlines() if ",R2," in line)
    (folder / "assignments.csv").write_text(assigned + more, encoding="utf-8")
    intake = read_study(folder)
    assert intake.errors == ()
    assert intake.ratings["source_file"].value_counts()["own.csv"] == 10
    assert set(intake.recodes["source_file"]) == {"again.xlsx"}


def test_a_workbook_called_as_a_held_one_is_stored_beside_it(folder, tmp_path):
    """A name says nothing: two files of one name are told apart by their stamps and hashes."""
    book = folder / "incoming" / "R1_warmth_b1.xlsx"
    shutil.copy(book, tmp_path / "b1.xlsx")
    (folder / "incoming" / GONE).replace(book)  # the second batch, sent under the name of the first
    intake = read_study(folder)
    assert intake.errors == ()
    assert [name for name in intake.absent if name.startswith("R1_warmth_b1.xlsx [")] == list(intake.absent)
    assert len(intake.ratings) == 70
    store(intake)
    (folder / "ledger.sqlite").unlink()
    book.rename(folder / "incoming" / "own.csv.xlsx")
    store(read_study(folder))
    with Ledger(folder / "ledger.sqlite") as ledger:
        assert sorted(ledger.files()["n_rows"]) == [20, 24]
