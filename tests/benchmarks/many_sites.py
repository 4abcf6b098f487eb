"""Small synthetic sites of one trial: a scale of four items, some sessions rated by two of three raters."""

from __future__ import annotations

import random
from pathlib import Path

ITEMS = ("warm", "clear", "cold", "near")
RATERS = ("R1", "R2", "R3")
STUDY = """name = "site"
title = "A site of a trial (synthetic)"
synthetic = true
raters = [{ id = "R1" }, { id = "R2" }, { id = "R3" }]

[[instruments]]
name = "own.toml"
raters = ["R1", "R2", "R3"]

[tables.ratings]
file = "ratings.csv"
"""
SCALE = """name = "own"
title = "A scale (synthetic)"
version = "1"
citation = "none"
rights = "own"

[missing_codes]
NR = "not rated"
"""


def make_site(folder: Path, seed: int, patients: int = 12, sessions: int = 4, double: float = 0.5) -> Path:
    """Write a study folder with a table of ratings; `double` of the sessions have a second rater."""
    rng = random.Random(seed)
    folder.mkdir(parents=True)
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    book = SCALE
    for name in ITEMS:
        more = "reversed = true\n" if name == "cold" else ""
        book += f'[[items]]\nname = "{name}"\nlabel = "{name.title()}"\nminimum = 1\nmaximum = 7\n{more}\n'
    book += f'[[scales]]\nname = "total"\nlabel = "Total"\nscore = "mean"\nminimum_valid = 3\nitems = {list(ITEMS)}\n'
    (folder / "own.toml").write_text(book.replace("'", '"'), encoding="utf-8")
    held, rated = [], []
    for patient in range(1, patients + 1):
        for number in range(1, sessions + 1):
            name, level = f"S-{patient:03}{number}", rng.gauss(4, 1.2)
            held.append(f"{name},P{patient:03},T{patient % 3},{number},main,held\n")
            for rater in rng.sample(RATERS, 2 if rng.random() < double else 1):
                for item in ITEMS:
                    value = (8 - level if item == "cold" else level) + 0.3 * RATERS.index(rater) + rng.gauss(0, 0.9)
                    rated.append(f"{name},{rater},{item},{min(7, max(1, round(value)))}\n")
    _write(folder / "sessions.csv", "session_id,patient,therapist,session,phase,status\n", held)
    _write(folder / "patients.csv", "patient,status\n", [f"P{one:03},completed\n" for one in range(1, patients + 1)])
    _write(folder / "ratings.csv", "session_id,rater,item,value\n", rated)
    return folder


def _write(path: Path, head: str, rows: list[str]) -> None:
    path.write_text(head + "".join(rows), encoding="utf-8")
