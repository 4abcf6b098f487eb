"""A study of 300 patients × 12 sessions, 20 raters, 40 items: its report must look right, and how dear it is.

Synthetic data. Run by hand, one thread; the report is written into the folder that is named:

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python tests/benchmarks/big_study.py FOLDER
"""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from doublecode.analysis import read_study
from doublecode.analysis.report.folder import write_report
from doublecode.analysis.study.run import analyse

PATIENTS, SESSIONS, RATERS, ITEMS, SCALES, SHARE = 300, 12, 20, 40, 4, 0.3
SEED = 20261127
SCALE_NAMES = ("alliance", "technique", "structure", "homework")
PHQ9 = (
    "interest", "mood", "sleep", "energy", "appetite", "self_worth", "concentration", "psychomotor", "self_harm",
)  # fmt: skip
STUDY = """
name = "big"
title = "Therapist behaviours in a trial of the size that a report must bear (synthetic study)"
synthetic = true
raters = [{raters}]
sample_columns = ["arm", "age"]

[[instruments]]
name = "behaviours.toml"

[[instruments]]
name = "phq9"
source = "outcomes"

[[variables]]
name = "alliance"
label = "Working alliance as observed"
instrument = "behaviours"
scale = "alliance"

[[variables]]
name = "homework"
label = "Homework planning and review"
instrument = "behaviours"
scale = "homework"

[[variables]]
name = "phq9"
label = "Depressive symptoms (PHQ-9)"
instrument = "phq9"
scale = "total"

[[variables]]
name = "age"
label = "Age in years"
column = "age"

[outliers]
variables = ["alliance", "homework"]

[correlations]
variables = ["alliance", "homework", "phq9", "age"]

[[series]]
name = "symptoms"
title = "Symptoms on alliance and homework"
steps = [
    "phq9 ~ session + (session | patient)",
    "phq9 ~ session + alliance * homework + (session | patient)",
]
split = ["alliance", "homework"]

[[moderations]]
name = "age"
title = "Alliance and homework by age"
outcome = "homework"
predictor = "alliance"
moderator = "age"
"""


def write_folder(folder: Path) -> None:
    """Write the study folder without workbooks: declaration, codebook, tables, outcomes."""
    rng = np.random.default_rng(SEED)
    folder.mkdir(parents=True)
    (folder / "incoming").mkdir()
    (folder / "outcomes").mkdir()
    raters = ", ".join(f'{{ id = "R{i:02d}" }}' for i in range(1, RATERS + 1))
    (folder / "study.toml").write_text(STUDY.format(raters=raters), encoding="utf-8")
    (folder / "behaviours.toml").write_text(_codebook(), encoding="utf-8")
    people = [f"P{i:03d}" for i in range(1, PATIENTS + 1)]
    therapists = [f"T{1 + i % 30:02d}" for i in range(PATIENTS)]
    pd.DataFrame(
        {"patient": people, "status": "completed", "reason": "", "arm": rng.choice(["A", "B"], PATIENTS),
         "age": rng.integers(18, 70, PATIENTS)}
    ).to_csv(folder / "patients.csv", index=False)  # fmt: skip
    pd.DataFrame({"therapist": sorted(set(therapists))}).to_csv(folder / "therapists.csv", index=False)
    held = _held(people, therapists)
    held.to_csv(folder / "sessions.csv", index=False)
    mood = np.repeat(rng.normal(1.3, 0.6, PATIENTS), SESSIONS) - 0.05 * held["session"]
    answers = np.clip(np.round(mood.to_numpy()[:, None] + rng.normal(0, 0.7, (len(held), len(PHQ9)))), 0, 3)
    outcomes = pd.DataFrame(answers.astype(int), columns=list(PHQ9))
    outcomes.insert(0, "session", held["session"])
    outcomes.insert(0, "patient", held["patient"])
    outcomes.to_csv(folder / "outcomes" / "phq9.csv", index=False)


def _held(people: list[str], therapists: list[str]) -> pd.DataFrame:
    n = PATIENTS * SESSIONS
    return pd.DataFrame(
        {"session_id": [f"S-{i:04d}" for i in range(n)], "patient": np.repeat(people, SESSIONS),
         "therapist": np.repeat(therapists, SESSIONS), "session": np.tile(np.arange(1, SESSIONS + 1), PATIENTS),
         "date": "", "minutes": 50, "phase": "main", "status": "held", "reason": "", "recording": ""}
    )  # fmt: skip


def _codebook() -> str:
    lines = ['name = "behaviours"', 'title = "Observed behaviours of therapists (OBT)"', 'version = "1.0"',
             'citation = "Synthetic codebook of a benchmark"', 'rights = "Free to use; synthetic"']  # fmt: skip
    names = _items()
    for i, name in enumerate(names):
        lines += ["", "[[items]]", f'name = "{name}"', f'label = "{i + 1}. Explores what stands between sessions"',
                  "minimum = 0", "maximum = 6"]  # fmt: skip
    for scale, label in enumerate(SCALE_NAMES):
        own = ", ".join(f'"{name}"' for name in names[scale * ITEMS // SCALES : (scale + 1) * ITEMS // SCALES])
        lines += [
            "",
            "[[scales]]",
            f'name = "{label}"',
            f'label = "{label.capitalize()}"',
            f"items = [{own}]",
            'score = "mean"',
        ]
    return "\n".join(lines) + "\n"


def _items() -> list[str]:
    return [f"item{i:02d}" for i in range(1, ITEMS + 1)]


def ratings_of(sessions: pd.DataFrame) -> pd.DataFrame:
    """Every session by one rater, a share by two: the long frame that workbooks would give."""
    rng = np.random.default_rng(SEED + 1)
    n = len(sessions)
    person = np.repeat(rng.normal(0, 0.6, (PATIENTS, SCALES)), SESSIONS, axis=0)
    truth = 3 + np.repeat(person + rng.normal(0, 0.5, (n, SCALES)), ITEMS // SCALES, axis=1)
    truth = truth + rng.normal(0, 0.6, (n, ITEMS))
    first = rng.integers(0, RATERS, n)
    second = (first + rng.integers(1, RATERS, n)) % RATERS
    parts = [_coded(sessions, truth, first, "primary", rng)]
    twice = rng.random(n) < SHARE
    parts.append(_coded(sessions[twice], truth[twice], second[twice], "reliability", rng))
    return pd.concat(parts, ignore_index=True)


def _coded(
    sessions: pd.DataFrame, truth: np.ndarray, raters: np.ndarray, role: str, rng: np.random.Generator
) -> pd.DataFrame:
    n = len(sessions)
    severity = np.linspace(-0.5, 0.5, RATERS)[raters]
    codes = np.clip(np.round(truth + severity[:, None] + rng.normal(0, 0.7, truth.shape)), 0, 6)
    long = sessions.loc[sessions.index.repeat(ITEMS)].reset_index(drop=True)
    named = np.array([f"R{i + 1:02d}" for i in raters])
    return pd.DataFrame(
        {"study": "big", "patient": long["patient"], "therapist": long["therapist"], "session": long["session"],
         "session_id": long["session_id"], "rater": np.repeat(named, ITEMS), "role": role, "instrument": "behaviours",
         "item": np.tile(_items(), n), "value": codes.ravel(), "text": None, "missing_code": None, "phase": "main",
         "source_file": "none", "source_sheet": "Rate", "source_cell": "A1"}
    )  # fmt: skip


def main(folder: Path) -> None:
    """Write the study, analyse it, write its report; print time, memory and sizes."""
    write_folder(folder)
    intake = read_study(folder)
    intake = replace(intake, ratings=ratings_of(intake.sessions))
    start = time.perf_counter()
    run = analyse(intake)
    analysed = time.perf_counter()
    report = write_report(run, folder)
    done = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"analyse {analysed - start:.1f} s, report {done - analysed:.1f} s, peak {peak:.0f} MB")
    for path in sorted(report.rglob("*"), key=lambda one: -one.stat().st_size)[:8]:
        print(f"{path.stat().st_size / 1024:8.0f} KB  {path.relative_to(report)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
