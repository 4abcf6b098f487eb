"""The frame of a study in one step, and the paper's models with it in ten lines."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from doublecode.analysis import side_by_side, study_frame
from doublecode.analysis.study.declared_models import declared_series
from doublecode.analysis.study.run import StudyProblems

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "series.md"


def test_it_is_the_frame_of_the_run(telephone_run):
    built = study_frame(telephone_run.study.folder)
    assert built.frame.equals(telephone_run.frame.frame)
    assert study_frame(telephone_run.intake).ledger.equals(telephone_run.frame.ledger)


def test_problems_in_the_data_stop_it(telephone):
    outcomes = telephone / "outcomes" / "phq9.csv"
    text = outcomes.read_text(encoding="utf-8")
    outcomes.write_text(re.sub(r",[0-3],", ",17,", text, count=1), encoding="utf-8")
    with pytest.raises(StudyProblems, match="17"):
        study_frame(telephone)


@pytest.mark.skipif(not GUIDE.is_file(), reason="the site stands beside the sources only")
def test_ten_lines_are_ten():
    text = GUIDE.read_text(encoding="utf-8")
    block = text.partition("ten lines of Python")[2].partition("```python\n")[2].partition("\n```")[0]
    assert len([line for line in block.splitlines() if line]) <= 10


def test_a_labelled_reproduction_has_the_ratios_that_papers_print(telephone_run):
    declared = next(one for one in telephone_run.study.series if one.name == "phq9")
    steps = (
        "phq9 ~ session + (1 | patient)", "phq9 ~ session + he + (1 | patient)",
        "phq9 ~ session + he + (session | patient)", "phq9 ~ session + he + tbh + (session | patient)",
    )  # fmt: skip
    asked = {"steps": steps, "split": (), "intercept_at": 0, "reproduces": "A paper (2021)"}
    series = declared_series(declared.model_copy(update=asked), telephone_run.frame.frame)
    lines = side_by_side(series).frame
    assert set(lines["table"]) == {f"{declared.title} (labelled reproduction: A paper (2021))"}
    assert lines.loc[lines["row"] == "Parameters", "estimate"].tolist() == [4, 5, 7, 8]
    loglik = lines.loc[lines["row"] == "log L (REML)", "estimate"].tolist()
    ratios = lines[lines["row"] == "χ² (REML, as printed)"]
    assert ratios["df"].tolist() == [1, 2, 1]
    assert ratios["estimate"].tolist() == pytest.approx([2 * (b - a) for a, b in pairwise(loglik)])
    plain = declared_series(declared, telephone_run.frame.frame)
    assert "χ² (REML, as printed)" not in set(side_by_side(plain).frame["row"])
