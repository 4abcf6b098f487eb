"""Every assignment is counted in one state; an independent count from the files says the same, and nothing changes."""

from __future__ import annotations

import datetime as dt
import hashlib
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from doublecode.coding.intake.ledger import Ledger
from doublecode.coding.intake.progress import read_progress
from doublecode.coding.reading.incoming import read_incoming
from doublecode.schemas.errors import StudyError
from doublecode.schemas.study import load_study


@pytest.fixture
def folder(half_finished: Path) -> Path:
    """The study that all tests read."""
    return half_finished


@pytest.fixture
def own(half_finished: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(half_finished, tmp_path / "study"))


def counted(table: pd.DataFrame) -> Counter[tuple[str, ...]]:
    columns = ["rater", "instrument", "batch", "occasion", "state"]
    return Counter(map(tuple, table[columns].astype(str).itertuples(index=False, name=None)))


def bytes_of(folder: Path) -> dict[str, str]:
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def test_counts_equal_a_count_by_hand_from_the_files(folder: Path, half: Any) -> None:
    before = bytes_of(folder)
    found = read_progress(load_study(folder), half.TODAY)
    assert counted(found.assignments) == half.count_by_hand(folder)
    assert found.unread == ("photo.xlsx",)
    assert set(found.assignments["state"]) == {"stored", "returned", "to_mend", "open", "left_out"}
    assert bytes_of(folder) == before


def test_another_seed_gives_the_same_agreement(tmp_path: Path, half: Any) -> None:
    own = half.make_half_finished(tmp_path / "study", 3)
    assert counted(read_progress(load_study(own), half.TODAY).assignments) == half.count_by_hand(own)


def test_late_is_what_is_not_done_after_its_day(folder: Path, half: Any) -> None:
    table = read_progress(load_study(folder), half.TODAY).assignments
    due = table["batch"] == "batch01"
    undone = table["state"].isin(["open", "to_mend"])
    assert table["late"].tolist() == (due & undone).tolist()
    on_the_day = read_progress(load_study(folder), dt.date(2026, 6, 1)).assignments
    assert not on_the_day["late"].any()


def test_a_stored_assignment_knows_the_day_on_which_it_came(folder: Path, half: Any) -> None:
    table = read_progress(load_study(folder), half.TODAY).assignments
    days = {half.FIRST.date(), half.SECOND.date()}
    assert set(table.loc[table["state"] == "stored", "done_on"]) == days
    assert table.loc[table["state"] != "stored", "done_on"].isna().all()


def test_a_file_that_replaces_another_is_counted_once(own: Path, half: Any) -> None:
    study = load_study(own)
    before = read_progress(study, half.TODAY)
    with Ledger(own / "ledger.sqlite") as ledger:
        name = ledger.files()["file"].iloc[0]
    half.open_and_save(own / "incoming" / name)  # the same ratings in other bytes
    waiting = read_progress(study, half.TODAY)
    assert name in waiting.waiting
    assert counted(waiting.assignments) == counted(before.assignments)
    ratings, _, files = read_incoming(study)
    with Ledger(own / "ledger.sqlite") as ledger:
        ledger.take_in(ratings[ratings["source_file"] == name], files[files["file"] == name])
    after = read_progress(study, half.TODAY)
    assert (after.n_replaced, name in after.waiting) == (1, False)
    assert counted(after.assignments) == counted(before.assignments)
    assert after.assignments["done_on"].tolist() == before.assignments["done_on"].tolist()


def test_a_file_that_was_withdrawn_is_in_no_count(own: Path, half: Any) -> None:
    study = load_study(own)
    before = read_progress(study, half.TODAY).assignments
    with Ledger(own / "ledger.sqlite") as ledger:
        row = ledger.files().iloc[0]
        ledger.withdraw(row["file"], "heard the wrong tapes")
    after = read_progress(study, half.TODAY)
    book = (before["rater"] == row["rater"]) & (before["instrument"] == row["instrument"])
    book &= before["batch"] == row["batch"]
    stored = book & (before["state"] == "stored")
    assert stored.any()
    assert set(after.assignments.loc[stored, "state"]) == {"open"}
    assert after.assignments.loc[~stored, "state"].tolist() == before.loc[~stored, "state"].tolist()
    assert (after.n_withdrawn, row["file"] in after.waiting) == (1, False)


def test_what_nobody_was_assigned_is_in_no_count(own: Path, half: Any) -> None:
    plan = pd.read_csv(own / "assignments.csv")
    stored = read_progress(load_study(own), half.TODAY).assignments.query("state == 'stored'").iloc[0]
    key = ["session_id", "rater", "instrument", "occasion"]
    gone = (plan[key] == stored[key]).all(axis=1)
    plan[~gone].to_csv(own / "assignments.csv", index=False)
    found = read_progress(load_study(own), half.TODAY)
    assert found.unplanned == ((stored["session_id"], stored["rater"], stored["instrument"], 1),)
    assert len(found.assignments) == len(plan) - 1


def test_a_day_for_a_batch_that_there_is_not_is_refused(own: Path, half: Any) -> None:
    toml = (own / "study.toml").read_text(encoding="utf-8")
    (own / "study.toml").write_text(toml.replace("batch02 =", "batch2 ="), encoding="utf-8")
    with pytest.raises(StudyError, match=r"due: there is no batch 'batch2'.*did you mean 'batch02'"):
        read_progress(load_study(own), half.TODAY)
    (own / "study.toml").write_text(toml.replace("2026-07-01", '"soon"'), encoding="utf-8")
    with pytest.raises(StudyError, match=r"due\.batch02"):
        load_study(own)


def test_nothing_assigned_says_what_to_do(own: Path, half: Any) -> None:
    (own / "assignments.csv").unlink()
    with pytest.raises(StudyError, match=r"no assignments\.csv.*doublecode allocate"):
        read_progress(load_study(own), half.TODAY)


def test_a_study_of_which_nothing_came_back_is_open(own: Path, half: Any) -> None:
    shutil.rmtree(own / "incoming")
    (own / "ledger.sqlite").unlink()
    found = read_progress(load_study(own), half.TODAY).assignments
    assert set(found["state"]) == {"open", "left_out"}
    assert not (own / "ledger.sqlite").exists()
