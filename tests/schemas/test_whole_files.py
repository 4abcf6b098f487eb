"""A folder or file that is replaced is old or new at any moment, whatever fails."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import textwrap

import pytest

from doublecode.schemas import whole_files
from doublecode.schemas.errors import UsageError
from doublecode.schemas.whole_files import forget_written, recover_folder, replace_files, replace_folder, written

FULL = OSError(errno.ENOSPC, "No space left on device")


def fill(folder):
    (folder / "inner").mkdir()
    (folder / "inner" / "page").write_text("new")


@pytest.fixture
def in_two_steps(monkeypatch):
    """As on a system that cannot exchange two folders."""
    monkeypatch.setattr(whole_files, "_exchange", lambda one, other: False)


@pytest.fixture
def report(tmp_path):
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "page").write_text("old")
    return folder


def is_old(folder):
    return (folder / "page").read_text() == "old"


def others(folder):
    return [path.name for path in folder.parent.iterdir() if path != folder]


def test_a_folder_is_replaced_or_made(report):
    forget_written()
    replace_folder(report, fill)
    assert (report / "inner" / "page").read_text() == "new"
    assert not (report / "page").exists()
    assert others(report) == []
    replace_folder(report.with_name("a") / "b", fill)
    assert written() == (report, report.with_name("a") / "b")


def failing(real, at, error=FULL):
    """The function as it is, but for the call of this number."""
    calls = []

    def call(*args, **options):
        calls.append(args)
        if len(calls) == at:
            raise error
        return real(*args, **options)

    return call


@pytest.mark.parametrize("error", [FULL, PermissionError(errno.EACCES, "in use"), KeyboardInterrupt()])
@pytest.mark.parametrize(("name", "at"), [("rename", 1), ("rename", 2), ("fsync", 1)])
def test_what_fails_leaves_the_old_folder(report, in_two_steps, monkeypatch, name, at, error):
    monkeypatch.setattr(os, name, failing(getattr(os, name), at, error))
    with pytest.raises(UsageError if isinstance(error, OSError) else KeyboardInterrupt) as told:
        replace_folder(report, fill)
    assert is_old(report)
    assert others(report) == []
    if isinstance(error, OSError):
        assert str(report) in str(told.value)
        assert "the earlier one was left as it is" in str(told.value)


def test_where_even_putting_back_fails_the_old_one_is_named(report, in_two_steps, monkeypatch):
    real = os.rename

    def only_aside(old, new):
        if "-old-" not in str(new):
            raise FULL
        real(old, new)

    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", only_aside)
        with pytest.raises(UsageError, match=r"lies whole in .*\.report-old-"):
            replace_folder(report, fill)
    recover_folder(report)
    assert is_old(report)
    assert others(report) == []


def test_a_full_disk_while_filling_names_the_folder(report):
    def full(folder):
        (folder / "half").write_text("x")
        raise FULL

    with pytest.raises(UsageError, match=f"{report.name}: cannot be written .No space left"):
        replace_folder(report, full)
    assert is_old(report)
    assert others(report) == []


def test_a_mistake_while_filling_leaves_the_old_one(report):
    with pytest.raises(ZeroDivisionError):
        replace_folder(report, lambda folder: 1 / 0)
    assert is_old(report)
    assert others(report) == []


@pytest.mark.skipif(sys.platform == "win32", reason="kill")
@pytest.mark.parametrize("step", ["fill", "rename 1", "rename 2", "rmtree"])
def test_a_kill_at_any_step_loses_neither(report, step):
    code = f"""
        import os, shutil, signal, sys
        from pathlib import Path
        from doublecode.schemas import whole_files
        def kill(*args, **options):
            os.kill(os.getpid(), signal.SIGKILL)
        def fill(folder):
            (folder / "page").write_text("new")
            if {step!r} == "fill":
                kill()
        real, calls = os.rename, []
        def rename(old, new):
            real(old, new)
            calls.append(old)
            if {step!r} == f"rename {{len(calls)}}":
                kill()
        os.rename = rename
        whole_files._exchange = lambda one, other: False
        if {step!r} == "rmtree":
            shutil.rmtree = kill
        whole_files.replace_folder(Path({str(report)!r}), fill)
    """
    assert subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False).returncode == -9
    recover_folder(report)
    assert (report / "page").read_text() == ("old" if step in ("fill", "rename 1") else "new")
    assert others(report) == []


@pytest.mark.skipif(not sys.platform.startswith(("linux", "darwin")), reason="no exchange in one step")
def test_two_folders_change_places_in_one_step(report, monkeypatch):
    monkeypatch.setattr(os, "rename", failing(os.rename, 1))
    replace_folder(report, fill)  # without a moment at which there is no report
    assert (report / "inner" / "page").read_text() == "new"
    assert others(report) == []


@pytest.mark.skipif(not sys.platform.startswith(("linux", "darwin")), reason="no exchange in one step")
def test_a_kill_after_the_exchange_leaves_the_new_one(report):
    code = f"""
        import os, shutil, signal
        from pathlib import Path
        from doublecode.schemas import whole_files
        shutil.rmtree = lambda *args, **options: os.kill(os.getpid(), signal.SIGKILL)
        whole_files.replace_folder(Path({str(report)!r}), lambda folder: (folder / "page").write_text("new"))
    """
    assert subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False).returncode == -9
    assert (report / "page").read_text() == "new"
    assert len(others(report)) == 1
    recover_folder(report)
    assert (report / "page").read_text() == "new"
    assert others(report) == []


def test_a_run_at_work_is_left_alone(report):
    busy = report.with_name(f".report-new-{os.getppid()}")
    busy.mkdir()
    recover_folder(report)
    assert busy.is_dir()


@pytest.mark.parametrize("at", range(1, 4))
def test_files_are_replaced_all_or_none(tmp_path, monkeypatch, at):
    paths = [tmp_path / name for name in "abc"]
    for path in paths[:2]:
        path.write_text("old")
    monkeypatch.setattr(os, "replace", failing(os.replace, at))
    with pytest.raises(UsageError, match=f"{paths[at - 1].name}: cannot be written"):
        replace_files(dict.fromkeys(paths, b"new"))
    assert [path.read_text() for path in paths[:2]] == ["old", "old"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_one_file_on_a_full_disk(tmp_path, monkeypatch):
    path = tmp_path / "assignments.csv"
    path.write_text("old")
    monkeypatch.setattr(whole_files, "_write", failing(whole_files._write, 1))
    with pytest.raises(UsageError, match=r"assignments.csv: cannot be written \(No space"):
        replace_files({path: b"new"})
    assert path.read_text() == "old"
