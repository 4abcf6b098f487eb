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
def scene(tmp_path_factory):
    return kills.set_scene(tmp_path_factory.mktemp("scene"))


@pytest.mark.parametrize("work", [kills.take_in, kills.run], ids=["import", "run"])
def test_a_kill_leaves_each_file_whole_and_a_repeat_completes_it(scene, tmp_path, work):
    took = kills.duration(work, scene, tmp_path / "measured")
    rng = random.Random(2)
    states = [kills.kill_once(work, scene, tmp_path / "killed", rng.uniform(0, took)) for _ in range(3)]
    assert not any(state.startswith("PART") for state in states)
