"""A hindrance that needs no right to mount anything; test_full_and_read_only.py has those that do, two imports at once
and a quota; hindrances.py has all of them by hand."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

import doublecode.schemas

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and rights of POSIX")


def nobody_may_look(path: str) -> bool:
    """Whether a folder above `path` is closed to others, so that who becomes nobody can import nothing from there."""
    return not all(place.stat().st_mode & 0o001 for place in Path(path).resolve().parents)


KEPT = Path(__file__).parents[1] / "cases" / "study_before_store"
NEW = "R1_warmth_b2.xlsx"
NOBODY = 65_534


@pytest.fixture
def hindrances(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import hindrances

    return hindrances


@pytest.fixture
def folder(hindrances):
    """A study with a ledger and one workbook more than it holds, where everybody may look."""
    place = Path(tempfile.mkdtemp(prefix="hindered"))
    study = Path(shutil.copytree(KEPT, place / "study", ignore=shutil.ignore_patterns("report*")))
    (study / "ledger.sqlite").unlink()
    apart = Path(shutil.move(study / "incoming" / NEW, place / NEW))
    hindrances.take_in(study)
    shutil.move(apart, study / "incoming" / NEW)
    yield study
    for path in (study, *study.rglob("*")):
        path.chmod(0o755)
    shutil.rmtree(place)


@pytest.mark.skipif(
    hasattr(os, "geteuid")
    and os.geteuid() == 0
    and any(map(nobody_may_look, (pytest.__file__, doublecode.schemas.__file__))),
    reason="run as root from a folder that nobody else may look into",
)
def test_a_folder_without_the_right_to_write_is_named_and_keeps_what_it_had(hindrances, folder):
    before = (folder / "ledger.sqlite").read_bytes()
    for path in (folder.parent, folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)

    def become_nobody():
        if os.geteuid() == 0:  # whom no right keeps from writing
            os.setgid(NOBODY)
            os.setuid(NOBODY)

    said = hindrances.told_by(hindrances.take_in, folder, become_nobody)
    folder.parent.chmod(0o755)
    folder.chmod(0o755)
    (folder / "ledger.sqlite").chmod(0o644)
    assert "it can be read here, and not written. Nothing was stored." in said
    assert (folder / "ledger.sqlite").read_bytes() == before
    hindrances.take_in(folder)
    assert NEW in dict(hindrances.what_is_held(folder)[1])
