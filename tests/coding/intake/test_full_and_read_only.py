"""A full disk and a folder that can only be read: a clear error, and nothing lost. Needs the right to mount (root)."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from doublecode.analysis.cli.app import app
from doublecode.analysis.study.run import read_study
from doublecode.coding import Ledger

KEPT = Path(__file__).parents[2] / "cases" / "study_before_store"
IMPORT = "from doublecode.analysis.cli.app import main; main()"


def mount(*words: str) -> bool:
    try:
        return subprocess.run(["mount", *words], capture_output=True, timeout=30).returncode == 0
    except OSError:
        return False


@pytest.fixture
def disk(tmp_path):
    place = tmp_path / "disk"
    place.mkdir()
    if not mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)):
        pytest.skip("no right to mount a small disk here")
    shutil.copytree(KEPT, place / "study", ignore=shutil.ignore_patterns("report.json.xz"))
    yield place
    subprocess.run(["umount", "-l", str(place)], capture_output=True, timeout=30)


def typed(*words: str) -> tuple[int, str]:
    answer = CliRunner().invoke(app, list(words))
    return answer.exit_code, " ".join((answer.output + str(answer.exception or "")).split())


def fill(disk: Path, *, leave: int) -> None:
    """Leave so many bytes free."""
    with (disk / "fill").open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 4096):
                pass
        except OSError:
            file.truncate(max(0, file.tell() - leave))


def test_a_full_disk_loses_nothing(disk, tmp_path):
    study = disk / "study"
    name = "R1_warmth_b2.xlsx"
    (study / "ledger.sqlite").unlink()
    shutil.move(study / "incoming" / name, tmp_path / name)
    assert typed("import", str(study))[0] == 0
    shutil.copy(tmp_path / name, study / "incoming" / name)
    fill(disk, leave=0)
    done = subprocess.run([sys.executable, "-c", IMPORT, "import", str(study)], capture_output=True, text=True)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "the disk is full. Nothing was stored. Make room on it" in done.stderr
    (disk / "fill").unlink()
    with Ledger(study / "ledger.sqlite") as ledger:
        assert ledger.verify() == ()
        assert len(ledger.files()) == 2
    assert typed("import", str(study))[0] == 0
    with Ledger(study / "ledger.sqlite") as ledger:
        assert ledger.verify() == ()
        assert len(ledger.files()) == 3


def test_a_full_disk_leaves_an_older_ledger_as_it_was(disk):
    study = disk / "study"
    before = (study / "ledger.sqlite").read_bytes()
    fill(disk, leave=8192)
    code, said = typed("ledger", "withdraw", "own.csv", "--reason", "x", "--study", str(study))
    assert (code, "the disk is full. Nothing was stored" in said) == (1, True), said
    assert (study / "ledger.sqlite").read_bytes() == before
    assert sorted(path.name for path in study.glob(".*")) == []
    (disk / "fill").unlink()
    with Ledger(study / "ledger.sqlite") as ledger:
        assert len(ledger.ratings()) == 70
        assert ledger.verify() == ()


@pytest.mark.parametrize("ledger", ["of an earlier version", "of now", "none"])
def test_a_study_that_can_only_be_read_is_run_with_its_report_elsewhere(disk, tmp_path, ledger):
    study = disk / "study"
    if ledger == "of now":
        assert typed("import", str(study), "--reason", "x")[0] == 0
        assert typed("ledger", "withdraw", "own.csv", "--reason", "x", "--study", str(study))[0] == 0
        assert typed("ledger", "restore", "own.csv", "--reason", "x", "--study", str(study))[0] == 0
    if ledger == "none":
        (study / "ledger.sqlite").unlink()
    n_ratings = len(read_study(study).ratings)
    assert n_ratings == (60 if ledger == "none" else 70)
    assert mount("-o", "remount,ro", str(disk))
    code, said = typed("run", str(study))
    assert (code, "can be read, and not written. Put the report elsewhere: --out FOLDER" in said) == (1, True), said
    code, said = typed("run", str(study), "--out", str(tmp_path))
    assert (code, f"{n_ratings} ratings" in said) == (0, True), said
    assert (tmp_path / "report" / "index.html").is_file()
    assert typed("reliability", str(study))[0] == 0
    if ledger != "none":
        code, said = typed("ledger", "withdraw", "own.csv", "--reason", "x", "--study", str(study))
        assert (code, "it can be read here, and not written" in said) == (1, True), said
        assert typed("ledger", "verify", "--study", str(study))[0] == 0


def test_two_imports_at_once_store_each_file_once(tmp_path):
    study = Path(shutil.copytree(KEPT, tmp_path / "study"))
    (study / "ledger.sqlite").unlink()
    command = [sys.executable, "-c", IMPORT, "import", str(study)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    answers = [one.communicate(timeout=240) for one in running]
    assert [one.returncode for one in running] == [0, 0], answers
    stored = sorted(int(out.split()[0]) for out, _ in answers)
    assert stored == [0, 3]
    with Ledger(study / "ledger.sqlite") as ledger:
        assert ledger.verify() == ()
        assert len(ledger.files()) == 3


QUOTA = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000)); "


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of a file's size")
def test_a_quota_that_is_used_up_is_no_other_program(tmp_path):
    study = Path(shutil.copytree(KEPT, tmp_path / "study"))
    (study / "ledger.sqlite").unlink()
    done = subprocess.run([sys.executable, "-c", QUOTA + IMPORT, "import", str(study)], capture_output=True, text=True)
    said = " ".join(done.stderr.split())
    assert done.returncode == 2, done.stdout + done.stderr
    assert "the disk does not take what is written" in said
    assert "Is a quota used up" in said
    assert typed("import", str(study))[0] == 0
    with Ledger(study / "ledger.sqlite") as ledger:
        assert ledger.verify() == ()
        assert len(ledger.files()) == 3
