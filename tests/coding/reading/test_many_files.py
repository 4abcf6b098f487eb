"""Many workbooks read by several processes: the same as one after the other, whatever becomes of a helper."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from openpyxl import load_workbook

from doublecode.coding.reading import many_files
from doublecode.coding.reading.incoming import read_incoming, read_workbooks


@pytest.fixture
def full(study, filled):
    """Every workbook, two of them with errors, one beside its marked copy, one twice, one that is none."""
    for path in sorted((study.folder / "outgoing").glob("*.xlsx")):
        filled(path.name)
    incoming = study.folder / "incoming"
    names = sorted(path.name for path in incoming.iterdir())
    for name in names[:2]:
        workbook = load_workbook(incoming / name)
        workbook["Rate"]["F5"].value = 99
        workbook["Rate"]["G6"].value = None
        workbook.save(incoming / name)
    shutil.copy(incoming / names[2], incoming / f"{Path(names[2]).stem}_please_fix.xlsx")
    shutil.copy(incoming / names[3], incoming / "once_more.xlsx")
    (incoming / "none.xlsx").write_bytes(b"no workbook")
    return study


def same(one, other):
    pd.testing.assert_frame_equal(one[0], other[0])
    assert one[1] == other[1]
    pd.testing.assert_frame_equal(one[2], other[2])


@pytest.fixture
def helped(monkeypatch):
    """Let few files be enough for helpers; count those that were started."""
    started = []
    start = many_files.subprocess.Popen

    def noted(*arguments, **options):
        started.append(start(*arguments, **options))
        return started[-1]

    monkeypatch.setattr(many_files, "FEWEST", 2)
    monkeypatch.setattr(many_files.os, "sched_getaffinity", lambda process: {0, 1, 2}, raising=False)
    monkeypatch.setattr(many_files.subprocess, "Popen", noted)
    return started


def test_helpers_change_nothing(full, helped):
    paths = sorted((full.folder / "incoming").iterdir())
    with_helpers, checked = read_incoming(full), read_workbooks(paths, study=full)
    assert len(helped) == 4
    assert all(one.poll() is not None for one in helped)
    many_files.FEWEST = 10**6
    same(read_incoming(full), with_helpers)
    again = read_workbooks(paths, study=full)
    pd.testing.assert_frame_equal(again[0], checked[0])
    assert again[1] == checked[1]


def test_a_helper_that_dies_takes_nothing_with_it(full, helped, monkeypatch):
    alone = many_files.FEWEST, read_incoming(full)
    received = many_files._received
    chance = random.Random(1)

    def killing(pipe):
        if chance.random() < 0.3:
            helped[-1].kill()
        return received(pipe)

    monkeypatch.setattr(many_files, "_received", killing)
    same(read_incoming(full), alone[1])


def test_no_helper_can_be_started(full, monkeypatch):
    alone = read_incoming(full)
    monkeypatch.setattr(many_files, "FEWEST", 2)
    monkeypatch.setattr(many_files.sys, "executable", "/nowhere/python")
    same(read_incoming(full), alone)


def test_what_is_read_is_counted(full):
    told = []
    read_incoming(full, progress=lambda step, done, of: told.append((step, done, of)))
    n = len(list((full.folder / "incoming").iterdir()))
    assert told == [("Reading workbooks", done, n) for done in range(1, n + 1)]


def test_a_helper_imports_nothing_heavy():
    asked = (
        "import sys, doublecode.coding.reading.many_files; print([n for n in ('pandas', 'numpy') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
