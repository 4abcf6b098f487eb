"""Screens of a whole study: in the run, the warnings, the report and the status."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.rendering.coded_warnings import problem_of
from doublecode.analysis.report.records import results_record, status_record
from doublecode.analysis.report.sections_screens import screens_section
from doublecode.analysis.report.status_page import status_document
from doublecode.analysis.screening.findings import CODED
from doublecode.analysis.study.coding_status import study_status
from doublecode.analysis.study.study_screens import screen_warnings, screens_of
from doublecode.schemas import load_study
from doublecode.schemas.problems import CATALOGUE


@pytest.fixture(scope="module")
def copied(telephone_run: Any) -> pd.DataFrame:
    """Ratings in which R2 has the first ten rows of R1 of the sessions that both rated, as if pasted."""
    rows = telephone_run.intake.ratings.copy()
    own = rows[(rows["instrument"] == "sthar") & rows["rater"].isin(["R1", "R2"])]
    both = own.groupby("session_id")["rater"].nunique()
    theirs = own[own["session_id"].isin(both.index[both == 2][:10])]
    first = theirs[theirs["rater"] == "R1"].set_index(["session_id", "item"])["value"]
    at = theirs.index[theirs["rater"] == "R2"]
    keys = pd.MultiIndex.from_frame(rows.loc[at, ["session_id", "item"]])
    rows.loc[at, "value"] = first.reindex(keys).to_numpy(np.float64)
    return rows


def test_neither_example_has_an_alarm(telephone_run: Any, adolescent_run: Any) -> None:
    for done in (telephone_run, adolescent_run):
        assert done.screens is not None
        assert done.screens.frame.empty
        assert len(done.screens.tests) > 100
        assert results_record(done)["screens"]["frame"] == []
        section = screens_section(done.screens)
        assert section is not None
        assert "0 alarms" in section.blocks[0].text  # type: ignore[union-attr]


def test_copied_rows_are_warned_of_and_change_no_number(telephone_run: Any, copied: pd.DataFrame) -> None:
    found = screens_of(telephone_run.study, copied)
    assert found is not None
    assert found.frame[["screen", "instrument", "rater", "other"]].to_numpy().tolist() == [
        ["identical_rows", "sthar", "R1", "R2"]
    ]
    (warning,) = screen_warnings(found)
    text = str(problem_of(warning))
    assert text.startswith("identical_rows · R1 and R2, sthar: the same codes in every cell of 1")
    assert text.endswith("this alone excludes nothing.")
    section = screens_section(found)
    assert section is not None
    assert [table.name for table in replace(section).blocks if hasattr(table, "frame")] == ["screens"]


def test_the_codes_of_screens_are_warnings() -> None:
    assert {CATALOGUE[code].severity for code in CODED} == {"warning"}


def test_the_status_names_it_and_the_page_for_the_team_does_not(telephone: Any, copied: pd.DataFrame) -> None:
    study = load_study(telephone)
    honest = study_status(study)
    assert honest.screens is not None
    assert honest.screens.frame.empty
    status = replace(honest, screens=screens_of(study, copied))
    assert "R1 and R2, sthar" in str(status)
    record = status_record(status)
    assert record["screens"]["frame"][0]["rater"] == "R1"
    assert any("same codes" in text for text in record["notes"])
    assert "same codes" not in repr(status_document(status, study))


def test_nothing_rated_nothing_screened(telephone_run: Any) -> None:
    assert screens_of(telephone_run.study, telephone_run.intake.ratings.iloc[:0]) is None
    assert list(screen_warnings(None)) == []
