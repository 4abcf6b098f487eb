"""A small synthetic study whose workbooks bear no error: two raters of twelve sessions, one of others."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import pandas as pd

STUDY = """name = "small"
title = "A small study to be damaged (synthetic)"
synthetic = true
raters = [{ id = "R1" }, { id = "R2" }, { id = "R3" }]
[[instruments]]
name = "thabs"
raters = ["R1", "R2", "R3"]
"""
BOOK = "thabs"
CODED = ("specification", "rationale", "reactions", "review", "praise")
SHARED, OTHERS = range(1, 4), range(4, 7)
N_SESSIONS, FIRST_ROW, HEADS = 4, 5, 4
N_ROWS = N_SESSIONS * len(SHARED)


def book_of(rater: str) -> str:
    """The name of a rater's workbook."""
    return f"{rater}_{BOOK}_batch01.xlsx"


def make_small(folder: Path, seed: int = 14) -> Path:
    """Write the study with its three workbooks in ``incoming/``, and the empty ones in ``outgoing/``."""
    from doublecode.coding import write_workbooks
    from doublecode.coding.workbooks.fill import fill_workbook
    from doublecode.schemas.frames import ASSIGNMENTS
    from doublecode.schemas.study import load_study
    from doublecode.schemas.table_files import read_table

    rng = random.Random(seed)
    (folder / "incoming").mkdir(parents=True)
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    held = {(p, n): f"S-{p}{n}{'KMQTWX'[p - 1]}" for p in (*SHARED, *OTHERS) for n in range(1, N_SESSIONS + 1)}
    rows = [f"{one},P{p},T{p % 2},{n},main,held,{one}.mp3\n" for (p, n), one in held.items()]
    head = "session_id,patient,therapist,session,phase,status,recording\n"
    (folder / "sessions.csv").write_text(head + "".join(rows), encoding="utf-8")
    people = "".join(f"P{p},completed\n" for p in (*SHARED, *OTHERS))
    (folder / "patients.csv").write_text(f"patient,status\n{people}", encoding="utf-8")
    own = {"R1": ("primary", SHARED), "R2": ("second", SHARED), "R3": ("primary", OTHERS)}
    rows = [
        f"{one},{rater},{BOOK},{role},batch01\n"
        for rater, (role, patients) in own.items() for (p, _), one in held.items() if p in patients
    ]  # fmt: skip
    head = "session_id,rater,instrument,role,batch\n"
    (folder / "assignments.csv").write_text(head + "".join(rows), encoding="utf-8")
    level = {key: rng.gauss(2, 1) for key in held}
    sent = write_workbooks(load_study(folder), read_table(folder / "assignments.csv", ASSIGNMENTS), folder / "outgoing")
    for path in sent:
        patients = own[path.name.split("_")[0]][1]
        cells: dict[tuple[str, str], Any] = {}
        for key, one in held.items():
            if key[0] in patients:
                cells |= {(one, item): max(0, min(4, round(rng.gauss(level[key], 0.9)))) for item in CODED}
                cells[one, "time_assigning"] = rng.randint(30, 900)
                if key[1] == 1:
                    cells |= {(one, "review"): "NA", (one, "praise"): "NA"}
        fill_workbook(path, folder / "incoming" / path.name, cells)
    return folder


def impossible(ratings: pd.DataFrame, study: Any) -> int:
    """How many ratings hold what their item does not allow, whoever reads them; counted without the reader's code."""
    book = study.codebooks[BOOK]
    count = 0
    for name, value, text, missing in zip(
        *(ratings[one] for one in ("item", "value", "text", "missing_code")), strict=True
    ):
        item = book.item(name)
        low, high = item.minimum, item.maximum
        is_number = isinstance(value, (int, float)) and not math.isnan(value)
        says = [is_number, isinstance(text, str), isinstance(missing, str)]
        fits = low <= value <= high and float(value).is_integer() if is_number else missing in book.missing_codes
        count += says.count(True) != 1 or not fits
    return count
