"""A study in the middle of its coding, made from a seed: some workbooks stored, some returned, some half done.

Synthetic: nobody rated anything. ``make_half_finished`` writes the folder; ``count_by_hand`` counts it again with
nothing but openpyxl, csv and sqlite3.
"""

from __future__ import annotations

import csv
import datetime as dt
import random
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
from openpyxl import load_workbook

from doublecode.coding.intake.ledger import Ledger
from doublecode.coding.reading.incoming import read_incoming
from doublecode.coding.workbooks.fill import fill_workbook
from doublecode.coding.workbooks.write import write_workbooks
from doublecode.schemas import load_study
from doublecode.schemas.frames import ASSIGNMENTS, SESSIONS

RATERS = ("R1", "R2", "R3")
TODAY = dt.date(2026, 6, 15)
FIRST, SECOND = dt.datetime(2026, 5, 4, 9, tzinfo=dt.UTC), dt.datetime(2026, 6, 1, 9, tzinfo=dt.UTC)
TOML = """
name = "half"
title = "A study in the middle of its coding (synthetic)"
synthetic = true
raters = [{ id = "R1" }, { id = "R2" }, { id = "R3" }]
[due]
batch01 = 2026-06-01
batch02 = 2026-07-01
[[instruments]]
name = "ghes"
raters = ["R1", "R2", "R3"]
[[instruments]]
name = "sthar"
raters = ["R1", "R2", "R3"]
sessions = [1, 2, 3, 4, 5]
"""


def make_half_finished(folder: Path, seed: int) -> Path:
    """Write the study: 8 patients with 5 sessions, 2 pilot tapes, 2 batches, a recode, two mornings of intake."""
    chance = random.Random(seed)
    rows = [
        (f"S-{p}{n}K", f"P{p}", f"T{p % 3}", n, "", 40.0 + n if (p + n) % 4 else None, "main", "held", "", "")
        for p in range(1, 9)
        for n in range(1, 6)
    ]
    rows += [(f"S-9{n}K", "P9", "T1", n, "", 50, "pilot", "held", "", "") for n in (1, 2)]
    sessions = pd.DataFrame(rows, columns=list(SESSIONS.columns))
    folder.mkdir(parents=True)
    (folder / "study.toml").write_text(TOML, encoding="utf-8")
    sessions.to_csv(folder / "sessions.csv", index=False)
    patients = pd.DataFrame({"patient": [f"P{p}" for p in range(1, 10)], "status": "completed", "reason": ""})
    patients.to_csv(folder / "patients.csv", index=False)
    plan = pd.DataFrame(_plan(sessions, chance), columns=[*ASSIGNMENTS.columns, "occasion"])
    again = plan[(plan["rater"] == "R2") & (plan["instrument"] == "ghes") & (plan["batch"] == "batch01")].head(2)
    plan = pd.concat([plan, again.assign(occasion=2)], ignore_index=True)
    plan.to_csv(folder / "assignments.csv", index=False)
    (folder / "incoming").mkdir()
    study = load_study(folder)
    paths = sorted(write_workbooks(study, plan, folder / "outgoing"))
    chance.shuffle(paths)
    third = len(paths) // 3
    for number, path in enumerate(paths[: 2 * third]):  # finished, and taken in on two mornings
        _fill(path, study, chance, 1.0, 0.0)
        if number in (third - 1, 2 * third - 1):
            ratings, _, files = read_incoming(study)
            with Ledger(folder / "ledger.sqlite") as ledger:
                ledger.take_in(ratings, files, now=FIRST if number == third - 1 else SECOND)
    for number, path in enumerate(paths[2 * third : -2]):  # not taken in: all, some, or wrong cells
        _fill(path, study, chance, (1.0, 0.5, 0.3)[number % 3], 0.4 if number % 2 else 0.0)
    (folder / "incoming" / "photo.xlsx").write_bytes(b"no workbook")
    # later on somebody withdraws, a tape turns out to be unusable
    patients.loc[patients["patient"] == "P8", "status"] = "consent_withdrawn"
    patients.to_csv(folder / "patients.csv", index=False)
    lost = sessions["session_id"] == "S-34K"
    sessions.loc[lost, ["status", "reason"]] = ["not_rated", "tape damaged"]
    sessions.to_csv(folder / "sessions.csv", index=False)
    return folder


def _plan(sessions: pd.DataFrame, chance: random.Random) -> list[tuple[str, str, str, str, str, int]]:
    """Half of the sessions by two raters, the pilot by all, in two batches."""
    rows = []
    for session, phase in zip(sessions["session_id"], sessions["phase"], strict=True):
        raters = list(RATERS) if phase == "pilot" else chance.sample(RATERS, 1 + (chance.random() < 0.5))
        for place, rater in enumerate(raters):
            role = "pilot" if phase == "pilot" else ("primary", "second")[place]
            batch = "pilot" if phase == "pilot" else f"batch0{1 + (int(session[3]) > 2)}"
            rows += [(session, rater, instrument, role, batch, 1) for instrument in ("ghes", "sthar")]
    return rows


def _fill(path: Path, study: Any, chance: random.Random, share: float, wrong: float) -> None:
    """Fill a share of the rows; of these, some with a cell that is empty or not allowed."""
    instrument = path.name.split("_")[1]
    sheet = load_workbook(path)["Rate"]
    ids = [str(sheet.cell(row, 1).value) for row in range(5, sheet.max_row + 1)]
    cells: dict[tuple[str, str], Any] = {}
    for session in ids:
        if chance.random() >= share:
            continue
        items = [item for item in study.codebooks[instrument].columns if not item.given]
        cells |= {(session, item.name): chance.choice(item.codes or ["a diary"]) for item in items}
        if chance.random() < wrong:
            cells[session, chance.choice(items[1:]).name] = chance.choice([None, 99, "two"])
    fill_workbook(path, study.folder / "incoming" / path.name, cells)


def count_by_hand(folder: Path) -> Counter[tuple[str, str, str, str, str]]:
    """How many assignments of each rater, instrument, batch and occasion are in which state."""
    with (folder / "assignments.csv").open(encoding="utf-8", newline="") as file:
        plan = list(csv.DictReader(file))
    with (folder / "sessions.csv").open(encoding="utf-8", newline="") as file:
        sessions = list(csv.DictReader(file))
    gone = {row["session_id"] for row in sessions if row["status"] == "not_rated" or row["patient"] == "P8"}
    counts: Counter[tuple[str, str, str, str, str]] = Counter()
    kept, back = _in_ledger(folder), _in_workbooks(folder)
    for row in plan:
        key = (row["session_id"], row["rater"], row["instrument"], row["occasion"])
        state = "left_out" if key[0] in gone else "stored" if key in kept else back.get(key, "open")
        counts[(*key[1:3], row["batch"], row["occasion"], state)] += 1
    return counts


def _in_ledger(folder: Path) -> set[tuple[str, ...]]:
    """Sessions of which all items are in the ledger."""
    needed = {"ghes": 8, "sthar": 8}
    database = sqlite3.connect(folder / "ledger.sqlite")
    try:
        found = database.execute(
            "SELECT session_id, rater, instrument, occasion, COUNT(DISTINCT item) FROM ratings "
            "WHERE item <> 'homework_given' GROUP BY session_id, rater, instrument, occasion"
        ).fetchall()
    finally:
        database.close()
    return {(a, b, c, str(d)) for a, b, c, d, n in found if n == needed[c]}


def _in_workbooks(folder: Path) -> dict[tuple[str, ...], str]:
    """State of every row of every workbook in incoming/, from its cells alone."""
    states: dict[tuple[str, ...], str] = {}
    for path in sorted((folder / "incoming").glob("R*.xlsx")):
        book = load_workbook(path)
        stamp = {str(key): str(value) for key, value in book["Stamp"].iter_rows(min_col=1, max_col=2, values_only=True)}
        heads = [cell.value for cell in book["Rate"][4]]
        first = heads.index("recording") + 1 + ("homework_given" in heads)
        for cells in book["Rate"].iter_rows(min_row=5, values_only=True):
            rated = cells[first : heads.index("status")]
            right = [one == "a diary" or (isinstance(one, int) and 0 <= one <= 4) for one in rated]
            state = "returned" if all(right) else "open" if all(one is None for one in rated) else "to_mend"
            states[str(cells[0]), stamp["rater"], stamp["instrument"], stamp.get("occasion", "1")] = state
    return states


def open_and_save(path: Path) -> None:
    """Save a workbook again, so that its bytes are others."""
    book = load_workbook(path)
    book["Rate"]["A1"].value = f"{book['Rate']['A1'].value} "
    book.save(path)
