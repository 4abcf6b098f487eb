"""Three kills of an import and three of a run; kills.py does hundreds by hand."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import kills

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    return kills.set_scenes(tmp_path_factory.mktemp("scenes"))


@pytest.mark.parametrize("work", [kills.take_in, kills.run], ids=["import", "run"])
@pytest.mark.parametrize("number", [0, 1], ids=["first", "later"])
def test_a_kill_leaves_each_file_whole_and_a_repeat_completes_it(scenes, tmp_path, work, number):
    took = kills.measure(work, scenes[number], tmp_path / "measured")
    rng = random.Random(2)
    last = kills.Moment(step=took.n_steps)
    for moment in (kills.draw(rng, took), last, *[kills.Moment(stored=True)] * (work is kills.take_in)):
        assert "PART" not in kills.kill_once(work, scenes[number], tmp_path / "killed", moment)
