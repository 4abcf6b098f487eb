"""A small study that tests of what it may ask of a finding share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from doublecode.schemas import load_study
from doublecode.schemas.study import Study

SMALL = """
name = "small"
title = "Small"
raters = [{ id = "R1" }, { id = "R2" }]
[[instruments]]
name = "ghes"
[[instruments]]
name = "phq9"
source = "outcomes"
[[variables]]
name = "he"
instrument = "ghes"
scale = "he"
[[variables]]
name = "phq9"
instrument = "phq9"
scale = "total"
[[variables]]
name = "before"
instrument = "phq9"
scale = "total"
session = 1
[[series]]
name = "course"
title = "Course"
steps = ["phq9 ~ session + he + (1 | patient)"]
split = ["he"]
[[moderations]]
name = "plain"
title = "Plain"
outcome = "phq9"
predictor = "before"
"""


@pytest.fixture
def load_small(tmp_path: Path) -> Callable[[str], Study]:
    """Load the study with more lines at the end of its study.toml."""

    def load(more: str) -> Study:
        (tmp_path / "study.toml").write_text(SMALL + more, encoding="utf-8")
        return load_study(tmp_path)

    return load
