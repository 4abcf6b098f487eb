"""A study in training, made from a seed: an expert and three trainees rate the same tapes. Synthetic.

One trainee is good, one gives a point too much, one guesses. Everything goes through workbooks.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from doublecode.coding.workbooks.fill import fill_workbook
from doublecode.coding.workbooks.write import write_workbooks
from doublecode.schemas import load_study
from doublecode.schemas.frames import ASSIGNMENTS, SESSIONS

RATERS = ("expert", "good", "lenient", "random")
RIGHT = {"good": "pass", "lenient": "fail", "random": "fail"}
TOML = """
name = "training"
title = "Raters in training (synthetic)"
synthetic = true
raters = [{ id = "expert" }, { id = "good" }, { id = "lenient" }, { id = "random" }]
[certification]
key = "expert"
bias = 0.5
within_one = 0.8
icc = 0.7
[[instruments]]
name = "ghes"
"""


def make_training(folder: Path, seed: int, n_tapes: int = 12) -> Path:
    """Write the study; its four workbooks lie in incoming/."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    (folder / "incoming").mkdir()
    (folder / "study.toml").write_text(TOML, encoding="utf-8")
    tapes = [f"S-T{tape:02d}" for tape in range(n_tapes)]
    rows = [(tape, f"X{n}", "T1", 1, "", 50, "pilot", "held", "", "") for n, tape in enumerate(tapes)]
    sessions = pd.DataFrame(rows, columns=list(SESSIONS.columns))
    sessions.to_csv(folder / "sessions.csv", index=False)
    plan = [(tape, rater, "ghes", "pilot", "pilot") for tape in tapes for rater in RATERS]
    assignments = pd.DataFrame(plan, columns=list(ASSIGNMENTS.columns))
    assignments.to_csv(folder / "assignments.csv", index=False)
    study = load_study(folder)
    write_workbooks(study, assignments, folder / "outgoing")
    items = [item for item in study.codebooks["ghes"].columns if not item.given]
    codes = [item.name for item in items if item.codes]
    truth = np.clip(rng.permutation(np.linspace(0.4, 3.2, n_tapes))[:, None] + rng.normal(0, 0.4, (n_tapes, 7)), 0, 4)
    for rater in RATERS:
        given = np.clip(np.round(truth + rng.normal(0, 0.3 if rater == "expert" else 0.5, truth.shape)), 0, 4)
        if rater == "lenient":  # difficulties count from the other end
            up = np.array([-1.0 if name == "difficulties" else 1.0 for name in codes])
            given = np.clip(given + up, 0, 4)
        elif rater == "random":
            given = rng.integers(0, 5, truth.shape).astype(float)
        cells = {(tape, name): int(given[t, i]) for t, tape in enumerate(tapes) for i, name in enumerate(codes)}
        cells |= {(tape, item.name): "a diary" for tape in tapes for item in items if not item.codes}
        name = f"{rater}_ghes_pilot.xlsx"
        fill_workbook(folder / "outgoing" / name, folder / "incoming" / name, cells)
    return folder
