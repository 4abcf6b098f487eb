"""Notebooks are what a researcher writes: public doors, results that show themselves, nothing defined."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
DOORS = {"doublecode.schemas", "doublecode.coding", "doublecode.analysis"}


def code_of(notebook: Path) -> str:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def imported(tree: ast.Module) -> set[str]:
    """Modules that are imported, or imported from."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module))
    return found


def test_there_are_notebooks() -> None:
    assert len(NOTEBOOKS) == 2


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_imports_from_the_doors_only(notebook: Path) -> None:
    ours = {name for name in imported(ast.parse(code_of(notebook))) if name.split(".")[0] == "doublecode"}
    assert ours
    assert ours <= DOORS


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_lays_out_no_table_and_defines_nothing(notebook: Path) -> None:
    tree = ast.parse(code_of(notebook))
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not attributes & {"to_string", "to_markdown", "round"}
    defining = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    assert not [node for node in ast.walk(tree) if isinstance(node, defining)]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_may_be_run_twice_in_one_folder(notebook: Path) -> None:
    calls = [node for node in ast.walk(ast.parse(code_of(notebook))) if isinstance(node, ast.Call)]
    copies = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "copytree"]
    assert copies
    assert all("dirs_exist_ok" in {option.arg for option in call.keywords} for call in copies)
