from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time

import pandas as pd
import pytest

from doublecode.coding.intake.ledger import Ledger
from doublecode.coding.intake.ledger_values import ROW_COLUMNS, columns_of, digest_of
from doublecode.coding.reading.incoming import read_incoming
from doublecode.schemas.errors import ContractError, DuplicateError, UsageError
from doublecode.schemas.frames import RATINGS, check_frame

NAME = "R1_thabs_batch01.xlsx"
NOW = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)


@pytest.fixture
def intake(study, filled):
    for name in (NAME, "R2_thabs_batch01.xlsx", "R1_ghes_batch01.xlsx"):
        filled(name)
    ratings, problems, files = read_incoming(study)
    assert problems == []
    return ratings, files


def by_key(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values(["source_file", "session_id", "item"]).reset_index(drop=True)


def test_what_went_in_comes_out(intake, tmp_path):
    ratings, files = intake
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        taken = ledger.take_in(ratings, files, now=NOW)
        assert taken.new == tuple(files["file"])
        assert taken.n_rows == len(ratings)
        back = ledger.ratings()
    check_frame(back, RATINGS)
    pd.testing.assert_frame_equal(by_key(back), by_key(ratings))


@pytest.mark.parametrize("n_rows", [0, 1, 2, 57, 200])
def test_a_digest_is_that_of_the_rows_as_a_list_in_json(n_rows):
    """As ledgers of every version have it; texts of all kinds, with a recode among them."""
    texts = ["S-1", "50 %", '"%s"', "a\\b", "a\nb", "Müller", "\U0001f600", "\u2028", None, "\x7f", ""]
    rows = [
        {
            **{name: texts[(n * (place + 1)) % len(texts)] for place, name in enumerate(ROW_COLUMNS)},
            "study": "50 %", "rater": None, "item": f"i{n}", "session": None if n % 5 else n,
            "value": [0.0, -0.0, None, 1.5, 1e16][n % 5], "occasion": 1 + (n % 7 == 3),
        }
        for n in range(n_rows)
    ]  # fmt: skip
    listed = [[*(row[name] for name in ROW_COLUMNS), *[row["occasion"]] * (row["occasion"] > 1)] for row in rows]
    written = json.dumps(listed, ensure_ascii=False)
    assert digest_of(columns_of(rows), "salt") == hashlib.sha256(f"salt{written}".encode()).hexdigest()


def test_rows_of_several_files_may_stand_in_any_order(intake, tmp_path):
    ratings, files = intake
    mixed = ratings.sample(frac=1, random_state=1)
    with Ledger(tmp_path / "l.sqlite") as ledger:
        ledger.take_in(mixed, files, now=NOW)
        assert ledger.verify() == ()
        back = ledger.ratings()
        assert not any(table["rater"].isna().any() for table in (back, ledger.history()))
    pd.testing.assert_frame_equal(by_key(back), by_key(ratings))
    for file, rows in back.groupby("source_file", sort=False):
        assert rows["source_cell"].tolist() == mixed.loc[mixed["source_file"] == file, "source_cell"].tolist()


def test_the_same_file_twice_changes_nothing(intake, tmp_path):
    ratings, files = intake
    with Ledger(tmp_path / "l.sqlite") as ledger:
        ledger.take_in(ratings, files, now=NOW)
        before = ledger.files()
        taken = ledger.take_in(ratings, files)
        assert (taken.new, taken.known, taken.n_rows) == ((), tuple(files["file"]), 0)
        pd.testing.assert_frame_equal(ledger.files(), before)
        renamed = files.assign(file=files["file"] + "x")
        taken = ledger.take_in(ratings.assign(source_file=ratings["source_file"] + "x"), renamed)
        assert taken.new == ()


def test_a_newer_file_replaces_and_the_history_stays(study, filled, intake, tmp_path):
    ratings, files = intake
    session = ratings.loc[ratings["source_cell"] == "F5", "session_id"].iloc[0]
    with Ledger(tmp_path / "l.sqlite") as ledger:
        ledger.take_in(ratings, files, now=NOW)
        old_sha = files.set_index("file").loc[NAME, "sha256"]
        filled(NAME, {(5, "rationale"): "IN"})
        newer, problems, newer_files = read_incoming(study)
        assert problems == []
        taken = ledger.take_in(newer, newer_files, now=NOW + dt.timedelta(days=1))
        assert (taken.new, taken.superseded) == ((NAME,), (NAME,))
        pd.testing.assert_frame_equal(by_key(ledger.ratings()), by_key(newer))
        history = ledger.history(session_id=session, item="rationale", rater="R1")
        assert history["missing_code"].fillna("").tolist() == ["", "IN"]
        assert history["replaced_by"].fillna("").tolist() == [NAME, ""]
        assert history["taken_in"].tolist() == ["2026-03-01T12:00:00+00:00", "2026-03-02T12:00:00+00:00"]
        assert ledger.superseded() == {old_sha}
        assert ledger.files()["holds"].tolist().count(False) == 1
        assert ledger.verify() == ()
        with pytest.raises(UsageError, match="no column 'colour'; allowed: study, patient"):
            ledger.history(colour="red")


def test_an_older_state_is_recognised(study, filled, intake, tmp_path):
    ratings, files = intake
    path = study.folder / "incoming" / NAME
    old = path.read_bytes()
    with Ledger(tmp_path / "l.sqlite") as ledger:
        ledger.take_in(ratings, files)
        filled(NAME, {(5, "rationale"): "IN"})
        newer, _, newer_files = read_incoming(study)
        ledger.take_in(newer, newer_files)
        path.write_bytes(old)
        _, problems, _ = read_incoming(study, superseded=ledger.superseded())
    assert [one.code for one in problems] == ["older_file"]


def test_the_same_rating_from_two_files_is_refused_as_a_whole(intake, tmp_path):
    ratings, files = intake
    copied = ratings[ratings["source_file"] == NAME].assign(source_file="other.xlsx")
    other = files[files["file"] == NAME].assign(file="other.xlsx", sha256="f" * 64, batch="batch09")
    with Ledger(tmp_path / "l.sqlite") as ledger:
        ledger.take_in(ratings, files)
        with pytest.raises(DuplicateError, match=r"R1_thabs_batch01\.xlsx › Rate!.* and in other\.xlsx › Rate!"):
            ledger.take_in(copied, other)
        assert len(ledger.files()) == 3
        assert len(ledger.ratings()) == len(ratings)


def test_frames_that_do_not_fit_are_refused(intake, tmp_path):
    ratings, files = intake
    with Ledger(tmp_path / "l.sqlite") as ledger:
        with pytest.raises(ContractError, match="is not among the files"):
            ledger.take_in(ratings, files.iloc[1:])
        with pytest.raises(ContractError, match="ratings were passed"):
            ledger.take_in(ratings.iloc[1:], files)
        with pytest.raises(ContractError, match="column 'sha256' is missing"):
            ledger.take_in(ratings, files.drop(columns="sha256"))
        assert ledger.files().empty


def test_nothing_can_be_changed_or_removed(intake, tmp_path):
    path = tmp_path / "l.sqlite"
    with Ledger(path) as ledger:
        ledger.take_in(*intake)
        raw = sqlite3.connect(path)
        for statement in ("UPDATE ratings SET value = 4", "DELETE FROM ratings", "DELETE FROM files"):
            with pytest.raises(sqlite3.IntegrityError, match="only grows"):
                raw.execute(statement)
        raw.execute("DROP TRIGGER ratings_no_update")
        raw.execute("UPDATE ratings SET text = 'something else' WHERE id = 1")
        raw.commit()
        (wrong,) = ledger.verify()
        assert "ratings are not what was taken in" in wrong
        raw.execute("DROP TRIGGER files_no_update")
        raw.execute("UPDATE files SET rater = 'R9' WHERE id = 2")
        raw.commit()
        raw.close()
        assert any("the entry, or one before it" in text for text in ledger.verify())


KILLED = """
import sys, time
import pandas as pd
from doublecode.coding.intake import ledger as module
ratings, files = pd.read_pickle(sys.argv[2]), pd.read_pickle(sys.argv[3])
plain = module.Ledger.append
seen = []
def slow(self, *arguments):
    answer = plain(self, *arguments)
    seen.append(1)
    if len(seen) == 2:
        print("in the middle", flush=True)
        time.sleep(60)
    return answer
module.Ledger.append = slow
with module.Ledger(sys.argv[1]) as ledger:
    ledger.take_in(ratings, files)
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_a_kill_in_the_middle_leaves_nothing_half(intake, tmp_path):
    ratings, files = intake
    ratings.to_pickle(tmp_path / "r.pkl")
    files.to_pickle(tmp_path / "f.pkl")
    path = tmp_path / "l.sqlite"
    arguments = [sys.executable, "-c", KILLED, str(path), str(tmp_path / "r.pkl"), str(tmp_path / "f.pkl")]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "in the middle\n"
        child.send_signal(signal.SIGKILL)
        child.wait()
    with Ledger(path) as ledger:
        assert ledger.files().empty
        assert ledger.ratings().empty
        start = time.monotonic()
        assert ledger.take_in(ratings, files).n_rows == len(ratings)
        assert ledger.verify() == ()
    assert time.monotonic() - start < 30


def test_an_address_that_leads_nowhere(tmp_path):
    with pytest.raises(UsageError, match="cannot be opened"):
        Ledger(tmp_path / "no" / "such" / "folder" / "l.sqlite")
    with pytest.raises(UsageError, match="cannot be opened"):
        Ledger("nodatabase://x")
    with Ledger(f"sqlite:///{tmp_path}/url.sqlite") as ledger:
        assert ledger.ratings().empty
        check_frame(ledger.ratings(), RATINGS)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("value", -0.0), ("value", 1e16 + 2), ("value", 0.1 + 0.2), ("value", 5e-324), ("value", float("nan")),
        ("value", 1), ("value", float("inf")), ("text", "Mu\u0308ller"), ("text", "Müller"), ("text", "a\r\nb"),
        ("text", "trailing  "), ("text", "\U0001f600"), ("text", "a\0b"), ("text", "\udcff"), ("text", ""),
        ("source_file", "R\udce4.xlsx"),
    ],
)  # fmt: skip
def test_no_form_of_a_value_looks_like_tampering(intake, tmp_path, column, value):
    ratings, files = intake
    ratings = ratings.astype({"value": float, "text": object, "source_file": object})
    if column == "source_file":
        name = files["file"].iloc[0]
        ratings[column] = ratings[column].where(ratings[column] != name, value)
        files = files.assign(file=files["file"].astype(object).where(files["file"] != name, value))
    else:
        ratings.loc[ratings.index[0], column] = value
    with Ledger(tmp_path / "l.sqlite") as ledger:
        ledger.take_in(ratings, files, now=NOW)
        assert ledger.verify() == ()


@pytest.mark.parametrize("n_minus", [1, 2, "all"])
def test_a_ledger_stored_before_there_was_no_minus_zero_verifies_and_a_change_does_not(
    intake, tmp_path, monkeypatch, n_minus
):
    ratings, files = intake
    ratings = ratings.astype({"value": float})
    own = ratings.index[ratings["source_file"] == files["file"].iloc[0]]
    ratings.loc[own[:4], "value"] = 0.0
    ratings.loc[own[: 4 if n_minus == "all" else n_minus], "value"] = -0.0
    if n_minus == "all":
        ratings.loc[own[4:], "value"] = ratings.loc[own[4:], "value"].replace(0, 1)
    path = tmp_path / "l.sqlite"
    with monkeypatch.context() as older, Ledger(path) as ledger:
        older.setattr("doublecode.coding.intake.ledger_values._number", float)
        ledger.take_in(ratings, files, now=NOW)
    with Ledger(path) as ledger:
        assert (ledger.ratings()["value"] == 0).any()
        assert ledger.verify() == ()
    raw = sqlite3.connect(path)
    for (trigger,) in raw.execute("select name from sqlite_master where type = 'trigger'").fetchall():
        raw.execute(f"drop trigger {trigger}")
    raw.execute("update ratings set value = 1 where id = (select min(id) from ratings where value = 0)")
    raw.commit()
    raw.close()
    with Ledger(path) as ledger:
        assert "are not what was taken in" in ledger.verify()[0]


def test_readers_hinder_nobody(intake, tmp_path):
    ratings, files = intake
    with Ledger(tmp_path / "l.sqlite") as one:
        one.take_in(ratings, files)
        with one._transaction(), Ledger(tmp_path / "l.sqlite") as other:
            assert len(other.ratings()) == len(ratings)
            assert other.verify() == ()
            with one._transaction(writes=True), Ledger(tmp_path / "l.sqlite") as third:
                assert len(third.files()) == len(files)


def test_a_writer_that_does_not_end_is_named(intake, tmp_path, monkeypatch):
    ratings, files = intake
    monkeypatch.setattr("doublecode.coding.intake.ledger_tables.PATIENCE", 0.1)
    with Ledger(tmp_path / "l.sqlite") as one, Ledger(tmp_path / "l.sqlite") as other:  # noqa: SIM117
        with one._transaction(writes=True), pytest.raises(UsageError, match="another program has been writing") as told:
            other.take_in(ratings, files)
    assert "Nothing was stored" in str(told.value)


def test_two_processes_take_in_the_same_folder_at_once(intake, tmp_path):
    ratings, files = intake
    ratings.to_pickle(tmp_path / "ratings")
    files.to_pickle(tmp_path / "files")
    code = (
        "import sys, pandas as pd\nfrom doublecode.coding.intake.ledger import Ledger\n"
        "r, f = map(pd.read_pickle, sys.argv[2:])\n"
        "with Ledger(sys.argv[1]) as ledger:\n    ledger.take_in(r, f); assert ledger.verify() == ()"
    )
    command = [sys.executable, "-c", code, *(str(tmp_path / name) for name in ("l.sqlite", "ratings", "files"))]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    assert [(one.communicate()[1], one.returncode) for one in running] == [("", 0)] * 3
    with Ledger(tmp_path / "l.sqlite") as ledger:
        assert len(ledger.files()) == len(files)


def test_a_ledger_and_what_was_taken_in_print_as_cards(tmp_path, intake):
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        taken = ledger.take_in(*intake, now=NOW)
        assert "stored, 0 held already" in str(taken)
        assert taken.frame["state"].unique().tolist() == ["stored"]
        card = repr(ledger)
    assert card.splitlines()[0] == "Ledger"
    assert f"Ratings      {taken.n_rows}" in card
    assert max(map(len, card.splitlines())) <= 100


@pytest.mark.parametrize("address", ["postgresql://me:secret@host:port/study", "nosuch://me:secret@host/study"])
def test_an_address_that_is_none_is_refused_without_its_password(address):
    with pytest.raises(UsageError, match="ledger") as said:
        Ledger(address)
    assert "secret" not in str(said.value)
