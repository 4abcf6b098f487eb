"""A sample of the random studies; random_studies.txt holds what all of them gave."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import comparison
import random_studies
import random_study


@pytest.mark.parametrize("seed", range(300, 320))
def test_every_cell_is_that_of_the_reference(tmp_path, seed):
    assert comparison.differences(seed, tmp_path / "lab", whole=False) == []


@pytest.mark.parametrize("seed", [1014, 1019])
def test_through_template_fill_and_run(tmp_path, seed):
    assert comparison.differences(seed, tmp_path / "lab", workbooks=True) == []


def test_the_same_seed_gives_the_same_study():
    assert random_study.random_study(5) == random_study.random_study(5)


def test_the_sample_declares_every_key():
    labs = [random_study.random_study(seed) for seed in range(100)]
    idle = [
        (kind, key)
        for kind, keys in random_studies.KEYS.items()
        for key in keys
        if not any(random_studies.holders(lab, kind, key) for lab in labs)
    ]
    assert idle == []
