"""No workbook tells what a rater must not know: looked for in the raw parts of every file."""

from __future__ import annotations

import html
import random
import zipfile

import pandas as pd
import pytest

from doublecode.coding.allocation.plan import allocate
from doublecode.coding.workbooks.write import write_workbooks
from doublecode.schemas.frames import SESSIONS
from doublecode.schemas.study import load_study

RATERS = ("Quendel", "Zimtstern", "Wacholder")
STUDY = """
name = "blind"
title = "Titel-der-Studie-Xenon (synthetic)"
synthetic = true
LANGUAGE
raters = [{ id = "Quendel", description = "Beschreibung-Krypton" }, { id = "Zimtstern" }, { id = "Wacholder" }]
[[instruments]]
name = "thabs"
[[instruments]]
name = "ghes"
[[instruments]]
name = "homework_log"
[[instruments]]
name = "phq9"
source = "outcomes"
"""


@pytest.mark.parametrize("language", ["", 'language = "de"'])
def test_no_workbook_holds_what_would_unblind(tmp_path, language):
    """Distinctive ids, numbers, dates, names and outcomes, in every part: hidden sheets and properties too."""
    (tmp_path / "study.toml").write_text(STUDY.replace("LANGUAGE", language), encoding="utf-8")
    rng = random.Random(5)
    patients = [f"PATIENT-Obelix{n:02d}" for n in range(1, 5)]
    rows = [
        (f"B{rng.randrange(10**6):06d}", patient, f"THERAPIST-Idefix{n % 2}", 735190 + number, f"2031-07-{number + 10}",
         7707707, "main", "held", "", f"rec-{rng.randrange(10**6):06d}.mp3")
        for n, patient in enumerate(patients)
        for number in range(1, 6)
    ]  # fmt: skip
    sessions = pd.DataFrame(rows, columns=list(SESSIONS.columns))
    sessions.to_csv(tmp_path / "sessions.csv", index=False)
    (tmp_path / "outcomes").mkdir()
    (tmp_path / "outcomes" / "phq9.csv").write_text("patient,session,total\nPATIENT-Obelix01,735191,27191\n", "utf-8")
    sessions["severity"] = "Schweregrad-Neon"
    plan = allocate(sessions, RATERS, instruments=("thabs", "ghes", "homework_log"), share=0.5, batches=2, seed=3)
    given = pd.DataFrame({"session_id": sessions["session_id"], "item": "homework_given", "text": "Tagebuch"})
    study = load_study(tmp_path)
    paths = write_workbooks(study, plan.assignments, tmp_path / "outgoing", sessions=sessions, given=given)
    assert len(paths) == 18
    everywhere = [
        *patients, "Obelix", "THERAPIST", "Idefix", "73519", "2031-07", "7707707", "27191", "Neon", "Krypton", "Xenon",
        "primary", "secondary", "phq", "PHQ", str(study.seed), str(tmp_path),
    ]  # fmt: skip
    ids = set(sessions["session_id"])
    for path in paths:
        rows_of = plan.assignments[["rater", "instrument", "batch"]].agg("_".join, axis=1) == path.stem
        own, rater = set(plan.assignments.loc[rows_of, "session_id"]), path.stem.split("_")[0]
        tapes = set(sessions.loc[~sessions["session_id"].isin(own), "recording"])
        forbidden = [*everywhere, *(set(RATERS) - {rater}), *(ids - own), *tapes]
        with zipfile.ZipFile(path) as package:
            for part in package.namelist():
                text = html.unescape(package.read(part).decode("utf-8"))
                assert [word for word in forbidden if word in text] == [], (path.name, part)
                assert [word for word in forbidden if word in part] == []
            whole = b"".join(package.read(part) for part in package.namelist()).decode("utf-8")
            assert all(session in whole for session in own)  # the search finds what is there
