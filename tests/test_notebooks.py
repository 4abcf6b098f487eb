"""Notebooks are what a researcher writes: public doors, results that show themselves, nothing defined."""

from __future__ import annotations

import ast
import copy
import importlib.util
import json
import re
from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.rglob("*.ipynb"))
COUNTED = ("classics", "haller_watzke_2021", "jungbluth_shirk_2013")
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
    assert {path.stem for path in NOTEBOOKS} >= {*COUNTED}


@pytest.mark.parametrize("name", COUNTED)
def test_counts_by_verdict_are_printed_and_checked(name: str) -> None:
    """`.ci/notebooks.py` holds the cells that are tagged `checked` to what the file holds."""
    cells = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    (cell,) = (cell for cell in cells if "checked" in cell["metadata"].get("tags", []))
    text = "".join("".join(output["text"]) for output in cell["outputs"])
    n, counted = re.match(r"(\d+) printed values, (\d+) with a computed value beside", text).groups()  # type: ignore[union-attr]
    verdicts = dict(row.split(",")[:2] for row in text.split("\n")[2:] if row)
    assert sum(map(int, verdicts.values())) == int(n)
    assert "not computed" not in verdicts
    at_least = {"classics": (43, 43), "haller_watzke_2021": (151, 125), "jungbluth_shirk_2013": (124, 100)}[name]
    assert int(n) == at_least[0]
    assert int(counted) >= at_least[1]


def test_an_altered_anchor_fails_the_run(tmp_path: Path) -> None:
    """The stored counts belong to the shipped values: a cell that prints others is refused."""
    spec = importlib.util.spec_from_file_location("ci_notebooks", FOLDER.parent / ".ci" / "notebooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    stored = nbformat.read(FOLDER / "classics.ipynb", as_version=4)
    module.held("classics.ipynb", "first", stored, copy.deepcopy(stored))
    moved = copy.deepcopy(stored)
    (cell,) = (cell for cell in moved.cells if "checked" in cell.metadata.get("tags", []))
    cell.outputs[0]["text"] = cell.outputs[0]["text"].replace("match,4", "match,3")
    with pytest.raises(SystemExit, match=r"classics\.ipynb, second run: a checked cell says"):
        module.held("classics.ipynb", "second", stored, moved)


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
    runs = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "run_study"]
    assert all("overwrite" in {option.arg for option in call.keywords} for call in runs)
    copies = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "copytree"]
    assert all("dirs_exist_ok" in {option.arg for option in call.keywords} for call in copies)
