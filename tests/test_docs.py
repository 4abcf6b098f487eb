"""The examples in docstrings and README run and print what they say."""

from __future__ import annotations

import doctest
import os
import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

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


def test_the_readme_shows_what_the_demo_prints(tmp_path: Path) -> None:
    block = README.read_text(encoding="utf-8").partition("```text\n")[2].partition("```")[0]
    shown = [line.split() for line in block.splitlines() if line.strip()]
    assert len(shown) >= 5
    environment = os.environ | {"COLUMNS": "120", "PYTHONIOENCODING": "utf-8", "NO_COLOR": "1"}
    code = "from doublecode.analysis.cli import main; main()"
    command = [sys.executable, "-c", code, "demo"]
    answer = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=True)
    printed = [line.split() for line in answer.stdout.decode("utf-8").splitlines() if line.strip()]
    assert [line for line in shown if line not in printed] == []
