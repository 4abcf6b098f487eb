from __future__ import annotations

import datetime as dt
import json
import shutil
import sqlite3
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from doublecode.analysis.cli.app import app
from doublecode.analysis.study.run import read_study
from doublecode.coding import Ledger, read_ratings
from doublecode.coding.intake.erasing import left_to_destroy
from doublecode.coding.intake.export import export_ratings
from doublecode.coding.intake.file_states import file_states
from doublecode.coding.intake.ledger_merge import merge_ledgers
from doublecode.schemas.errors import UsageError
from doublecode.schemas.study import load_study

KEPT = Path(__file__).parents[2] / "cases" / "study_before_store"
NOW = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)
BOOK = "R1_warmth_b2.xlsx"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(KEPT, tmp_path / "study"))


@pytest.fixture
def ledger(folder):
    with Ledger(folder / "ledger.sqlite") as held:
        yield held


def test_withdrawn_and_restored_is_in_the_history_and_intact(ledger):
    n = len(ledger.ratings())
    assert ledger.withdraw(BOOK, "taken back", now=NOW) == BOOK
    assert len(ledger.ratings()) == n - 24
    assert set(ledger.history(source_file=BOOK)["withdrawn"]) == {"taken back"}
    assert ledger.files().set_index("file").loc[BOOK, ["holds", "withdrawn"]].tolist() == [False, "taken back"]
    with pytest.raises(UsageError, match=rf"no file '{BOOK}' is held; allowed: R1_warmth_b1.xlsx"):
        ledger.withdraw(BOOK, "again")
    digest = ledger.files().set_index("file").loc[BOOK, "sha256"]
    assert ledger.restore(digest[:10], "was right", now=NOW) == BOOK
    assert len(ledger.ratings()) == n
    assert ledger.events()[["kind", "reason"]].values.tolist() == [
        ["withdrawn", "taken back"],
        ["restored", "was right"],
    ]
    assert ledger.verify() == ()
    for call in (ledger.withdraw, ledger.restore, ledger.erase):
        with pytest.raises(UsageError, match="a reason is needed"):
            call(BOOK, "  ")


def test_events_cannot_be_changed_unseen(folder, ledger):
    ledger.withdraw(BOOK, "taken back")
    raw = sqlite3.connect(folder / "ledger.sqlite")
    with pytest.raises(sqlite3.IntegrityError, match="only grows"):
        raw.execute("DELETE FROM events")
    raw.execute("DROP TRIGGER events_no_update")
    raw.execute("UPDATE events SET reason = 'nothing'")
    raw.commit()
    raw.close()
    (wrong,) = ledger.verify()
    assert "withdrawn R1_warmth_b2.xlsx: this event" in wrong


def test_erased_is_gone_from_the_file_itself_and_never_comes_back(folder, ledger, tmp_path):
    before = ledger.ratings()
    held = ledger.erase("P3", "withdrew consent", now=NOW)
    assert held["n_rows"].tolist() == [2, 8, 4, 4]  # both states of R2's workbook
    assert set(ledger.ratings()["patient"]) == {"P1", "P2", "P4", "P5"}
    assert ledger.history(patient="P3").empty
    assert ledger.verify() == ()
    assert b"S-31" not in (folder / "ledger.sqlite").read_bytes()
    rest = before[before["patient"] != "P3"].reset_index(drop=True)
    pd.testing.assert_frame_equal(ledger.ratings(), rest)
    listed = [(path.name, what) for path, what in left_to_destroy(load_study(folder), held, "P3")]
    originals = ["own.csv", BOOK, "R2_warmth_b1.xlsx"]
    assert sorted(name for name, what in listed if what == "an original") == sorted(originals)
    assert [name for name, what in listed if what.startswith("not in the study folder")] == ["R2_warmth_b1.xlsx"]
    assert "ledger_version2.sqlite" in [name for name, _ in listed]
    intake = read_study(folder)  # the files still hold her rows
    assert "P3" not in set(intake.ratings["patient"])
    assert {one.code for one in intake.problems if one.severity != "info"} == {"erased_patient"}
    assert not any("P3" in str(one) for one in intake.problems)  # problems are printed in reports, by blind ids only
    assert dict(zip(intake.files["file"], intake.files["n_rows"], strict=True))[BOOK] == 16
    assert CliRunner().invoke(app, ["import", str(folder)]).exit_code == 0
    assert ledger.history(patient="P3").empty
    (folder / "ledger.sqlite").rename(tmp_path / "away.sqlite")
    assert "P3" in set(read_study(folder).ratings["patient"])  # without the tombstone nobody knows


def of_site(folder: Path, site: str) -> Path:
    """The tables of a study with the ids of a site, and no ratings."""
    target = folder.parent / f"pool_{site}"
    target.mkdir()
    for name in ("study.toml", "warmth.toml"):
        shutil.copy(folder / name, target / name)
    for name, ids in (("sessions", ["session_id", "patient", "therapist"]), ("patients", ["patient"]),
                      ("therapists", ["therapist"])):  # fmt: skip
        table = pd.read_csv(folder / f"{name}.csv", dtype=str)
        table[ids] = site + ":" + table[ids]
        table.to_csv(target / f"{name}.csv", index=False)
    return target


def test_a_site_is_merged_once_with_its_history_and_what_it_took_back(folder, ledger):
    pool = of_site(folder, "berlin")
    with Ledger(pool / "ledger.sqlite") as mine:
        done = merge_ledgers(mine, ledger, "berlin", now=NOW)
        assert (done.n_files, done.n_ratings, done.n_known) == (5, 90, 0)
        assert len(mine.ratings()) == 70  # the replaced state is history there, too
        assert merge_ledgers(mine, ledger, "berlin").n_known == 5
        ledger.withdraw(BOOK, "taken back")
        ledger.erase("P1", "withdrew consent")
        done = merge_ledgers(mine, ledger, "berlin")
        assert (done.n_files, done.n_events) == (0, 2)
        assert len(mine.ratings()) == len(ledger.ratings())
        assert mine.history(patient="berlin:P1").empty
        assert merge_ledgers(mine, ledger, "berlin").n_events == 0
        assert mine.verify() == ()
        with pytest.raises(UsageError, match="it holds other sites"):
            merge_ledgers(ledger, mine, "pool")
        with pytest.raises(UsageError, match="--site: found 'Berlin:'"):
            merge_ledgers(mine, ledger, "Berlin:")
    intake = read_study(pool)
    assert intake.errors == ()
    assert intake.absent == ()  # another site's files are never asked for
    assert set(intake.ratings["rater"]) == {"berlin:R1", "berlin:R2", "berlin:R3"}


def test_an_export_reads_back_as_the_same_ratings(folder, ledger, tmp_path):
    study = load_study(folder)
    paths = export_ratings(study, ledger.ratings(), tmp_path / "out")
    assert [path.relative_to(tmp_path / "out").as_posix() for path in paths] == [
        "dataset_description.json", "data/study-kept_description-ratings_data.csv", "redcap/data_dictionary.csv",
        "redcap/warmth.csv",
    ]  # fmt: skip
    told = json.loads(paths[0].read_text(encoding="utf-8"))
    assert (told["@context"], told["@type"]) == ("https://schema.org/", "Dataset")
    columns = pd.read_csv(paths[1], nrows=0).columns
    named = {one["name"] for one in told["variableMeasured"]}
    assert set(columns) | {"warmth.smiles", "warmth.nods"} == named
    again, problems = read_ratings(paths[1], study=study, layout="long")
    assert [str(one) for one in problems if one.severity == "error"] == []
    key = ["session_id", "rater", "item"]
    for column in ("value", "patient", "phase"):
        want = ledger.ratings().set_index(key)[column].sort_index()
        assert again.set_index(key)[column].sort_index().tolist() == want.tolist()
    wide = pd.read_csv(paths[3])
    assert not wide.duplicated(["record_id", "redcap_repeat_instrument", "redcap_repeat_instance"]).any()
    first = ledger.ratings().set_index(key).loc[("S-11", "R1", "smiles"), "value"]
    assert wide.query("warmth_session_id == 'S-11' and warmth_rater == 'R1'")["smiles"].tolist() == [first]


def test_all_forms_of_redcap_go_into_one_project(folder, ledger, tmp_path):
    """A field stands in one form of a project: two codebooks share an item's name, and every form its session."""
    book = (folder / "warmth.toml").read_text(encoding="utf-8")
    (folder / "calm.toml").write_text(book.replace('"warmth"', '"calm"').replace('"nods"', '"waits"'), encoding="utf-8")
    declared = folder / "study.toml"
    declared.write_text(
        declared.read_text(encoding="utf-8") + '\n[[instruments]]\nname = "calm.toml"\n', encoding="utf-8"
    )
    own = ledger.ratings()
    both = pd.concat([own, own.assign(instrument="calm", item=own["item"].replace("nods", "waits"))])
    export_ratings(load_study(folder), both, tmp_path / "out")
    fields = pd.read_csv(tmp_path / "out" / "redcap" / "data_dictionary.csv").iloc[:, :2]
    assert not fields.iloc[:, 0].duplicated().any()
    assert fields.iloc[0].tolist() == ["record_id", "patients"]
    assert fields.iloc[:, 0].str.fullmatch("[a-z][a-z0-9_]*").all()
    for name, own_items in (("warmth", ["warmth_smiles", "nods"]), ("calm", ["calm_smiles", "waits"])):
        heads = list(pd.read_csv(tmp_path / "out" / "redcap" / f"{name}.csv", nrows=0).columns)
        assert heads[:3] == ["record_id", "redcap_repeat_instrument", "redcap_repeat_instance"]
        assert sorted(heads[3:]) == sorted(fields.loc[fields.iloc[:, 1] == name].iloc[:, 0])
        assert set(own_items) <= set(heads)


def test_the_commands_say_what_is_wrong(folder, tmp_path):
    def typed(*words: str) -> tuple[int, str]:
        answer = CliRunner().invoke(app, list(words))
        return answer.exit_code, " ".join((answer.output + str(answer.exception or "")).split())

    assert typed("ledger", "verify", "--study", str(folder)) == (
        0, "The ledger is intact: every hash agrees. 1 file(s) of tables or other sites: own.csv 3 file(s) as it was "
        "taken in",
    )  # fmt: skip
    (folder / "incoming" / BOOK).rename(tmp_path / BOOK)
    assert (
        f"1 file(s) not in incoming/, counted from the ledger: {BOOK}"
        in typed("ledger", "verify", "--study", str(folder))[1]
    )
    code, said = typed("ledger", "history", "--study", str(folder), "--cell", "R2_warmth_b1.xlsx!E10")
    assert (code, said.count("S-11, R2, smiles")) == (0, 2)
    assert "allowed a file and a cell" in typed("ledger", "history", "--study", str(folder), "--cell", "F6")[1]
    code, said = typed("ledger", "erase", "--patient", "P3", "--reason", "consent", "--study", str(folder), "--yes")
    assert (code, "18 ratings of P3 are erased" in said) == (0, True)
    assert typed("ledger", "export", "--out", str(tmp_path / "out"), "--study", str(folder))[0] == 0
    assert "holds something already" in typed("ledger", "export", "--out", str(tmp_path), "--study", str(folder))[1]
    empty = of_site(folder, "bonn")
    assert "nothing was taken in yet" in typed("ledger", "verify", "--study", str(empty))[1]
    assert "there is no ledger" in typed("ledger", "merge", str(empty), "--site", "bonn", "--study", str(empty))[1]
    assert typed("ledger", "merge", str(folder), "--site", "bonn", "--study", str(empty))[0] == 0


def test_what_never_came_into_the_ledger_is_listed_all_the_same(folder, ledger):
    """A first version whose marked copy counts, and copies of recordings under blind names."""
    study = load_study(folder)
    first = folder / "incoming" / "R2_warmth_b1.xlsx"
    copy = folder / "incoming" / "R2_warmth_b1_please_fix.xlsx"
    shutil.copy(first, copy)
    first.write_bytes(first.read_bytes() + b" ")  # other bytes: the ledger knows the copy's alone
    sessions = pd.read_csv(folder / "sessions.csv", dtype=str)
    own = sessions.loc[sessions["patient"] == "P3", "session_id"]
    (folder / "keys").mkdir(exist_ok=True)
    lines = ["session_id,recording,original", *(f"{one},{one}.mp3,tape_{one}.mp3" for one in sessions["session_id"])]
    (folder / "keys" / "recordings.csv").write_text("\n".join(lines), encoding="utf-8")
    tapes = folder / "outgoing" / "recordings"
    tapes.mkdir(parents=True)
    for one in sessions["session_id"]:
        (tapes / f"{one}.mp3").write_bytes(b"sound")
    held = ledger.erase("P3", "withdrew consent", now=NOW)
    listed = {path.name: what for path, what in left_to_destroy(study, held, "P3")}
    assert {first.name, copy.name} <= set(listed)
    assert sorted(name for name, what in listed.items() if what == "a copy of a recording") == sorted(own + ".mp3")
    states = file_states(study, ledger.files()).set_index("file")["state"]
    assert states[first.name] != "not taken in yet"
