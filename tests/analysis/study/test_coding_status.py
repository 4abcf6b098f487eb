"""What the status says of a study in the middle of its coding: counts, pace, hours, pairs, notes."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from doublecode.analysis import study_status
from doublecode.analysis.cli import app as cli
from doublecode.analysis.study.coding_status import COUNTED, StudyStatus


@pytest.fixture(scope="module")
def found(half_finished: Path, half: Any) -> StudyStatus:
    return study_status(half_finished, today=half.TODAY)


def test_every_table_sums_to_the_same_counts_as_the_files(found: StudyStatus, half_finished: Path, half: Any) -> None:
    by_hand = half.count_by_hand(half_finished)
    states = ("stored", "returned", "to_mend", "open", "left_out")
    want = {state: sum(n for key, n in by_hand.items() if key[-1] == state) for state in states}
    for table in (found.frame, found.instruments, found.batches, found.raters):
        assert {state: int(table[state].sum()) for state in states} == want
        assert table["to_rate"].tolist() == table[["stored", "returned", "to_mend", "open"]].sum(axis=1).tolist()
    for row in found.frame.to_dict("records"):
        key = (row["rater"], row["instrument"], row["batch"], str(row["occasion"]))
        assert {state: row[state] for state in states} == {state: by_hand[(*key, state)] for state in states}
    assert found.design["n_done"] == want["stored"] + want["returned"]
    assert found.design["n_left_out"] == want["left_out"]


def test_pairs_are_the_sessions_that_several_raters_rate(found: StudyStatus, half_finished: Path, half: Any) -> None:
    with (half_finished / "assignments.csv").open(encoding="utf-8") as file:
        plan = [row for row in half.csv.DictReader(file) if row["occasion"] == "1"]
    kept, back = half._in_ledger(half_finished), half._in_workbooks(half_finished)
    raters: dict[tuple[str, str], list[bool]] = {}
    for row in plan:
        key = (row["session_id"], row["rater"], row["instrument"], "1")
        if row["session_id"] != "S-34K" and not row["session_id"].startswith("S-8"):
            done = key in kept or back.get(key) == "returned"
            raters.setdefault((row["session_id"], row["instrument"]), []).append(done)
    several = [done for done in raters.values() if len(done) > 1]
    assert found.design["n_pairs"] == len(several)
    assert found.design["n_pairs_complete"] == sum(map(all, several))
    assert int(found.pairs["none_in"].sum()) == sum(not any(done) for done in several)


def test_pace_counts_what_came_after_the_first_day(found: StudyStatus, half: Any) -> None:
    for rater in found.raters.to_dict("records"):
        own = found.assignments[found.assignments["rater"] == rater["rater"]]
        days = own["done_on"].dropna()
        weeks = (half.TODAY - days.min()).days / 7
        assert rater["pace"] == pytest.approx((days > days.min()).sum() / weeks)
        left = rater["open"] + rater["to_mend"]
        if rater["pace"] and left:
            ready = dt.date.fromisoformat(rater["ready_by"])
            assert 0 <= (ready - half.TODAY).days - 7 * left / rater["pace"] < 1


def test_no_pace_in_the_first_week(half_finished: Path, half: Any) -> None:
    early = study_status(half_finished, today=half.SECOND.date() - dt.timedelta(days=26))
    assert early.raters["pace"].isna().all()


def test_hours_hear_a_recording_once_for_all_instruments(found: StudyStatus, half_finished: Path) -> None:
    minutes = pd.read_csv(half_finished / "sessions.csv").set_index("session_id")["minutes"]
    table = found.assignments
    mean = table.loc[table["state"] != "left_out", "session_id"].map(minutes).mean()
    still = table[table["state"] == "open"].drop_duplicates(["session_id", "rater", "occasion"])
    hours = still["session_id"].map(minutes).fillna(mean).groupby(still["rater"]).sum() / 60
    shown = found.raters.set_index("rater")["hours_left"]
    assert shown.to_dict() == pytest.approx(hours.reindex(shown.index, fill_value=0.0).to_dict())
    assert {"minutes_assumed", "hours_are_listening"} <= {note.kind for note in found.notes}


def test_without_minutes_no_hours_are_given(half_finished: Path, tmp_path: Path, half: Any) -> None:
    own = Path(shutil.copytree(half_finished, tmp_path / "study"))
    sessions = pd.read_csv(own / "sessions.csv").assign(minutes=None)
    sessions.to_csv(own / "sessions.csv", index=False)
    found = study_status(own, today=half.TODAY)
    assert found.design["hours_left"] is None
    assert found.raters["hours_left"].isna().all()
    assert "Hours left" not in str(found)
    assert any("hours left are not given" in text for text in found.note_texts())


def test_what_is_in_no_count_is_said(found: StudyStatus) -> None:
    said = {note.kind: note.numbers["n"] for note in found.notes if note.kind.startswith("status_")}
    assert said["status_unread"] == 1
    assert said["status_left_out"] == found.design["n_left_out"]
    assert said["status_recodes"] == found.design["n_recodes"] == 2
    assert all(found.frame[name].dtype.kind == "i" for name in COUNTED)


def test_the_command_prints_json_writes_a_page_and_changes_nothing(
    half_finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted((str(path), path.stat().st_mtime_ns) for path in half_finished.rglob("*"))

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["doublecode", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        return (int(left.value.code or 0), *capsys.readouterr())

    page = tmp_path / "status.html"
    code, out, _ = call("status", half_finished, "--page", page, "--json")
    record = json.loads(out)
    assert code == 0
    assert set(record) >= {"spec", "frame", "variances", "design", "notes", "raters", "pairs", "assignments"}
    assert record["design"]["n_to_rate"] == sum(row["to_rate"] for row in record["frame"])
    assert call("status", half_finished, "--page", page)[0] == 2  # it is there already
    assert call("status", half_finished, "--page", tmp_path / "status.pdf")[0] == 2
    code, out, _ = call("status", half_finished)
    assert code == 0
    assert out.startswith("Raters\n")
    assert sorted((str(path), path.stat().st_mtime_ns) for path in half_finished.rglob("*")) == before
