"""The examples in docstrings and README run and print what they say."""

from __future__ import annotations

import doctest
import os
import pkgutil
import shutil
import subprocess
import sys
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any

import openpyxl
import pytest

README = Path(__file__).parents[1] / "README.md"


def modules() -> list[str]:
    found = []
    for package in ("schemas", "coding", "analysis"):
        name = f"doublecode.{package}"
        found += [entry.name for entry in pkgutil.walk_packages(import_module(name).__path__, f"{name}.")]
    return sorted(found)


@pytest.mark.parametrize("name", modules())
def test_docstring_examples(name: str) -> None:
    module: ModuleType = import_module(name)
    failed, _ = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert failed == 0


def test_the_readme_example() -> None:
    failed, tried = doctest.testfile(str(README), module_relative=False, encoding="utf-8")
    assert tried > 5
    assert failed == 0


def run_command(folder: Path, *arguments: str) -> tuple[int, list[list[str]]]:
    """Exit code, and the words of each line that the command prints."""
    environment = os.environ | {"COLUMNS": "200", "PYTHONIOENCODING": "utf-8", "NO_COLOR": "1"}
    code = "from doublecode.analysis.cli.app import main; main()"
    answer = subprocess.run([sys.executable, "-c", code, *arguments], cwd=folder, env=environment, capture_output=True)
    printed = (answer.stdout + b"\n" + answer.stderr).decode("utf-8")
    return answer.returncode, words(printed)


def words(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if line.strip()]


def readme_block(start: str) -> list[list[str]]:
    return words(README.read_text(encoding="utf-8").partition(start)[2].partition("```")[0])


def test_the_readme_shows_what_the_demo_prints(telephone_demo: Any) -> None:
    shown = readme_block("```text\n")
    assert len(shown) >= 5
    printed = words(telephone_demo.printed)
    assert [line for line in shown if line not in printed] == []


def test_the_readme_shows_what_a_check_prints(tmp_path: Path) -> None:
    command, file, *arguments = ["check", "R2_sthar_batch01.xlsx", "--study", "doublecode-demo"]
    example = Path(str(files("doublecode.data_examples") / "telephone_cbt"))
    study = shutil.copytree(example, tmp_path / "doublecode-demo")
    book = openpyxl.load_workbook(study / "incoming" / file)
    for cell, value in {"F6": 5, "G7": 2.5, "H8": None}.items():
        book["Rate"][cell] = value
    book.save(tmp_path / file)
    shown = readme_block(f"$ doublecode {command} {file} {' '.join(arguments)}\n")
    code, printed = run_command(tmp_path, command, file, *arguments)
    assert code == 1
    assert sorted(shown) == sorted(printed)
