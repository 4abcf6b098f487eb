"""The house as design.md draws it: who may import what, and what an import costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from importlib.resources import files
from pathlib import Path

import pytest

PACKAGES = ("schemas", "coding", "analysis", "data_examples")
RESERVED = {
    "openpyxl": {"coding", "analysis/rendering"},
    "python_calamine": {"coding", "analysis/rendering"},
    "statsmodels": {"analysis/regression/moderated.py"},
    "pingouin": {"analysis/description/correlations.py"},
    "matplotlib": {"analysis/rendering/figures.py", "analysis/rendering/reliability_figures.py"},
    "sqlalchemy": {"coding/intake/ledger.py"},
}


def sources() -> list[tuple[str, Path]]:
    found = []
    for package in PACKAGES:
        folder = Path(str(files(f"doublecode.{package}")))
        found += [(f"{package}/{path.relative_to(folder).as_posix()}", path) for path in sorted(folder.rglob("*.py"))]
    return found


def imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("library", sorted(RESERVED))
def test_a_library_stays_behind_its_door(library: str) -> None:
    doors = RESERVED[library]
    users = {name for name, path in sources() if library in imported(path)}
    assert users, f"nobody imports {library}: take it out of the dependencies"
    strays = {name for name in users if name not in doors and name.split("/")[0] not in doors}
    assert not strays


def test_the_folders_are_no_top_level_packages(tmp_path: Path) -> None:
    code = f"import importlib.util as u; print([n for n in {PACKAGES} if u.find_spec(n)])"
    answer = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize("door", ["doublecode.schemas", "doublecode.coding", "doublecode.analysis"])
def test_a_door_opens_on_every_name_and_no_module_bears_it(door: str) -> None:
    module = import_module(door)
    assert module.__all__
    modules = {path.stem for path in Path(str(files(door))).glob("*.py")}
    for name in module.__all__:
        assert callable(getattr(module, name))
        assert name not in modules
    with pytest.raises(AttributeError):
        _ = module.no_such_thing


def test_the_doors_and_the_command_line_import_nothing_heavy() -> None:
    heavy = ["statsmodels", "pingouin", "matplotlib", "scipy.stats", "sqlalchemy", "openpyxl", "pandas", "formulaic"]
    code = (
        "import sys, doublecode.schemas, doublecode.coding, doublecode.analysis, doublecode.analysis.cli.app;"
        f"print([n for n in {heavy} if n in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_no_assert_and_no_catch_all_outside_the_tests() -> None:
    strays = []
    for name, path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Assert):
                strays.append(f"{name}:{node.lineno} assert")
            broad = isinstance(node, ast.ExceptHandler) and (node.type is None or ast.unparse(node.type) == "Exception")
            if broad and name != "analysis/cli/app.py":  # the command line turns an internal fault into exit code 3
                strays.append(f"{name}:{node.lineno} catches everything")  # type: ignore[attr-defined]
    assert not strays
