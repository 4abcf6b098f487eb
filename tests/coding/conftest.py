"""A small synthetic study: three raters, six patients, three instruments, workbooks filled in by chance."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from doublecode.coding.allocation.plan import allocate
from doublecode.coding.workbooks.fill import fill_workbook
from doublecode.coding.workbooks.write import write_workbooks
from doublecode.schemas.frames import SESSIONS
from doublecode.schemas.study import Study, load_study

RATERS = ("R1", "R2", "R3")
INSTRUMENTS = ("thabs", "ghes", "homework_log")

STUDY = """
name = "toy"
title = "A toy study (synthetic)"
synthetic = true
raters = [{ id = "R1" }, { id = "R2" }, { id = "R3" }]
[[instruments]]
name = "thabs"
raters = ["R1", "R2", "R3"]
[[instruments]]
name = "ghes"
raters = ["R1", "R2", "R3"]
[[instruments]]
name = "homework_log"
raters = ["R1", "R2", "R3"]
[[instruments]]
name = "phq9"
source = "outcomes"
"""


def make_sessions() -> pd.DataFrame:
    """24 main sessions of 6 patients and 2 pilot sessions."""
    rows = [
        (f"S-{patient}{number}Q", f"P{patient}", f"T{patient % 2}", number, "", 50, "main", "held", "", "r.mp3")
        for patient in range(1, 7)
        for number in range(1, 5)
    ]  # fmt: skip
    rows += [(f"S-9{number}Q", "P9", "T1", number, "", 50, "pilot", "held", "", "") for number in (1, 2)]
    return pd.DataFrame(rows, columns=list(SESSIONS.columns))


def rating_for(item: Any, rng: random.Random) -> Any:
    """A code that the item allows."""
    if item.type == "ordinal":
        return rng.choice(item.codes)
    if item.type == "duration":
        return rng.randint(10, 900)
    if item.type == "text":
        return "read the chapter"
    return rng.choice(list(item.categories)) if item.name.endswith("_1") else None


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study's folder with tables, assignments and outcomes, and empty workbooks in outgoing/; made once.

    One session says where it is heard from, so that all workbooks have columns for that.
    """
    path = tmp_path_factory.mktemp("toy")
    (path / "study.toml").write_text(STUDY, encoding="utf-8")
    sessions = make_sessions().assign(start=lambda rows: rows["session_id"].map({"S-12Q": "0:00"}))
    sessions.to_csv(path / "sessions.csv", index=False)
    plan = allocate(sessions, RATERS, instruments=INSTRUMENTS, share=0.5, batches=2, seed=3)
    plan.assignments.to_csv(path / "assignments.csv", index=False)
    (path / "outcomes").mkdir()
    (path / "incoming").mkdir()
    given = pd.DataFrame({"session_id": sessions["session_id"], "item": "homework_given", "text": "mood diary"})
    write_workbooks(load_study(path), plan.assignments, path / "outgoing", given=given)
    return path


@pytest.fixture
def study(folder: Path, tmp_path: Path) -> Study:
    """A copy of the study for one test."""
    shutil.copytree(folder, tmp_path / "toy")
    return load_study(tmp_path / "toy")


Fill = Callable[..., Path]


@pytest.fixture(scope="session")
def known_fillings() -> dict[tuple[bytes, str], bytes]:
    """Workbooks that were filled in before: the same sheet with the same codes gives the same bytes."""
    return {}


@pytest.fixture
def filled(study: Study, known_fillings: dict[tuple[bytes, str], bytes]) -> Fill:
    """Fill one workbook as a rater would and put it into incoming/; `cells` overrides single cells."""

    def fill(name: str, cells: dict[tuple[int, str], Any] | None = None, **habits: Any) -> Path:
        instrument = name.split("_", 1)[1].rsplit("_", 1)[0]
        rng = random.Random(name)
        ids = sessions_of(study, name)
        values = {
            (session, item.name): rating_for(item, rng)
            for session in ids
            for item in study.codebooks[instrument].columns
            if not item.given
        }
        for (row, column), value in (cells or {}).items():
            values[ids[row - 5], column] = value
        target = study.folder / "incoming" / name
        empty = study.folder / "outgoing" / name
        key = (empty.read_bytes(), f"{values!r} {habits!r}")
        if key in known_fillings:
            target.write_bytes(known_fillings[key])
            return target
        fill_workbook(empty, target, values, overwrite=True, **habits)
        known_fillings[key] = target.read_bytes()
        return target

    return fill


def sessions_of(study: Study, name: str) -> list[str]:
    """Session ids of an outgoing workbook, in the order of its rows (the first stands in row 5)."""
    return list(_sessions_in((study.folder / "outgoing" / name).read_bytes()))


@cache
def _sessions_in(workbook: bytes) -> list[str]:
    from openpyxl import load_workbook

    sheet = load_workbook(BytesIO(workbook))["Rate"]
    return [str(sheet.cell(row, 1).value) for row in range(5, sheet.max_row + 1)]
