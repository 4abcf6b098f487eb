"""What commands say of files: replanned, checked, verified. All data are synthetic."""

import hashlib
from types import SimpleNamespace

import pandas as pd
import pytest

from doublecode.coding import cli
from doublecode.coding.cli import hand_back
from doublecode.coding.intake.file_states import file_states
from doublecode.coding.ledger_commands import _told_apart
from doublecode.coding.reading.unfinished import unfinished
from doublecode.coding.workbooks.taken_back import taken_back
from doublecode.schemas.problems import Problem


def plan(*rows):
    return pd.DataFrame(rows, columns=["session_id", "rater", "instrument", "batch"])


def test_a_replanned_plan_says_whose_and_which_workbooks_are_void(tmp_path):
    before = plan(("S1", "lena", "coach", "b1"), ("S2", "lena", "coach", "b2"), ("S3", "mika", "coach", "b2"),
                  ("S4", "mika", "coach", "b2"))  # fmt: skip
    after = plan(("S1", "lena", "coach", "b1"), ("S2", "mika", "coach", "b2"), ("S3", "mika", "coach", "b2"))
    for name in ("lena_coach_b1.xlsx", "lena_coach_b2.xlsx", "mika_coach_b2.xlsx"):
        (tmp_path / name).touch()
    said = taken_back(before, after, tmp_path)
    assert said[0] == "Taken back: 1 of lena, 1 of mika."
    assert "lena_coach_b2.xlsx" in said[1]
    assert "lena_coach_b1.xlsx" not in said[1]
    assert "mika_coach_b2.xlsx" not in said[1]
    assert taken_back(before, before, tmp_path) == []
    again = before.assign(occasion=[1, 2, 1, 1])
    (tmp_path / "lena_coach_b2_occasion2.xlsx").touch()
    assert "lena_coach_b2_occasion2.xlsx" in taken_back(again, after, tmp_path)[1]


def test_a_checked_workbook_counts_what_was_assigned():
    ratings = pd.DataFrame({"source_file": "a.xlsx", "session_id": [f"S{n}" for n in range(38)]})
    codes = ["row_empty", "row_missing", "row_missing", "unknown_session", "duplicate_rating"]
    (said,) = unfinished(ratings, [Problem(code, "a.xlsx") for code in codes])
    assert str(said) == (
        "a.xlsx: 38 of 43 sessions rated; 1 row is empty. Besides: 2 without a row, 1 under an unknown id, 1 in two "
        "rows."
    )


def test_a_workbook_that_stands_there_twice_has_no_marked_copy(tmp_path, monkeypatch):
    monkeypatch.setattr("doublecode.coding.workbooks.mark.write_redpen", lambda *_, **__: pytest.fail("was written"))
    twice = Problem("duplicate_rating", "a.xlsx", subject="lena, coach, b1", found="the whole workbook")
    assert hand_back([tmp_path / "a.xlsx"], [twice], tmp_path, False, None) == []
    cell = Problem("duplicate_rating", "a.xlsx", "Rate", "A5", "S1", "in row 7 too")
    assert not cli._is_nothing_to_mark(cell)


def test_two_files_of_one_name_and_those_of_consensus_are_not_called_changed(tmp_path):
    digests = {}
    for folder, name, data in (("incoming", "olga_b2.xlsx", b"true"), ("consensus", "consensus_coach.xlsx", b"agreed")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_bytes(data)
        digests[name] = hashlib.sha256(data).hexdigest()
    entries = [("olga_b2.xlsx", "0" * 64), *digests.items(), ("gone.xlsx", "1" * 64)]
    files = pd.DataFrame(entries, columns=["file", "sha256"]).assign(withdrawn=None, holds=True, rater="olga", site="")
    states = file_states(SimpleNamespace(folder=tmp_path), files)
    absent = "not in incoming/, counted from the ledger"
    assert states["state"].tolist() == [absent, "as it was taken in", "as it was taken in", absent]
    assert _told_apart(states.iloc[[0, 3]], states) == ["olga_b2.xlsx [00000000]", "gone.xlsx"]
    (tmp_path / "incoming" / "olga_b2.xlsx").write_bytes(b"changed by hand")
    assert file_states(SimpleNamespace(folder=tmp_path), files)["state"].tolist()[:2] == [
        "changed since it was taken in"] * 2  # fmt: skip
