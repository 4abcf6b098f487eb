"""The house as design.md draws it: who may import what, what an import costs, and how large things grow."""

from __future__ import annotations

import ast
import json
import pkgutil
import re
import statistics
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.resources import files
from pathlib import Path

import pytest

PACKAGES = ("schemas", "coding", "analysis", "data_examples")
DOORS = ("doublecode.schemas", "doublecode.coding", "doublecode.analysis")
RESERVED = {
    "openpyxl": ("coding/", "analysis/rendering/"),
    "statsmodels": ("analysis/regression/moderated.py",),
    "formulaic": ("analysis/mixed/formula_columns.py",),
    "matplotlib": ("analysis/rendering/",),
    "docx": ("analysis/rendering/", "analysis/auditing/manuscripts.py"),
    "pypdf": ("analysis/auditing/manuscripts.py",),
    "sqlalchemy": ("coding/intake/ledger",),
    "narwhals": ("schemas/frames.py",),
    "pyreadstat": ("coding/reading/statistics_files.py",),
}
"""Library and the folders or the one module that may import it."""


@cache
def sources() -> dict[str, Path]:
    """Every module of the house by its path from the top."""
    found = {}
    for package in PACKAGES:
        folder = Path(str(files(f"doublecode.{package}")))
        for path in sorted(folder.rglob("*.py")):
            found[f"{package}/{path.relative_to(folder).as_posix()}"] = path
    return found


@cache
def tree(name: str) -> ast.Module:
    return ast.parse(sources()[name].read_text(encoding="utf-8"))


def imports(name: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Modules that a file imports, lazily and for types only included, with the names taken from each."""
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, tuple(alias.name for alias in node.names)


@cache
def runs(name: str) -> set[str]:
    """Libraries that a file imports when its code runs; a type that is only named needs no library."""
    typed = {
        id(inner)
        for node in ast.walk(tree(name))
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found = set()
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import) and id(node) not in typed:
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and id(node) not in typed:
            found.add(node.module.partition(".")[0])
    return found


def functions(name: str) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(tree(name)) if isinstance(node, ast.FunctionDef)]


def dotted(name: str) -> str:
    return "doublecode." + name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def graph() -> dict[str, set[str]]:
    """Module → modules of ours that its file imports."""
    known = {dotted(name) for name in sources()}
    ties: dict[str, set[str]] = {module: set() for module in known}
    for name in sources():
        for module, taken in imports(name):
            inner = {f"{module}.{one}" for one in taken} & known
            outer = {module} & known if len(inner) < len(taken) or not taken else set()
            ties[dotted(name)] |= inner | outer
    return ties


def circles(ties: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules that reach one another (strongly connected components of more than one)."""
    reach = {module: reachable(module, ties) for module in ties}
    groups = {
        tuple(sorted({other for other in reach[one] if one in reach[other]})) for one in ties if one in reach[one]
    }
    return [list(group) for group in sorted(groups)]


def reachable(module: str, ties: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    open_ends = [module]
    while open_ends:
        for other in ties[open_ends.pop()] - found:
            found.add(other)
            open_ends.append(other)
    return found


def test_no_circle_of_files() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [["b", "c"]]
    assert circles(graph()) == []


def test_the_top_of_analysis_holds_its_doors_and_nothing_else() -> None:
    top = Path(str(files("doublecode.analysis")))
    assert sorted(path.name for path in top.iterdir() if path.is_file()) == ["__init__.py", "py.typed"]


@pytest.mark.parametrize("library", sorted(RESERVED))
def test_a_library_stays_behind_its_door(library: str) -> None:
    users = {name for name in sources() if library in runs(name)}
    assert users, f"nobody imports {library}: take it out of the dependencies"
    assert [name for name in sorted(users) if not name.startswith(RESERVED[library])] == []


def test_the_folders_are_no_top_level_packages(tmp_path: Path) -> None:
    code = f"import importlib.util as u; print([n for n in {PACKAGES} if u.find_spec(n)])"
    answer = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


AFTER_EVERYTHING = f"""
import json, pkgutil
from importlib import import_module
for package in {PACKAGES}:
    package = import_module(f"doublecode.{{package}}")
    for entry in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        import_module(entry.name)
doors = [(door, name) for door in {DOORS} for name in import_module(door).__all__]
print(json.dumps([f"{{door}}.{{name}}" for door, name in doors if not callable(getattr(import_module(door), name))]))
"""


def test_every_door_is_callable_after_every_module_was_imported() -> None:
    answer = subprocess.run([sys.executable, "-c", AFTER_EVERYTHING], capture_output=True, text=True, check=True)
    assert json.loads(answer.stdout) == []


@pytest.mark.parametrize("door", DOORS)
def test_a_door_opens_on_every_name_and_on_no_other(door: str) -> None:
    module = import_module(door)
    assert module.__all__
    assert [name for name in module.__all__ if not callable(getattr(module, name))] == []
    with pytest.raises(AttributeError):
        _ = module.no_such_thing


def test_no_module_or_sub_package_bears_the_name_of_a_public_function() -> None:
    public = {name for door in DOORS for name in import_module(door).__all__}
    rooms = [
        entry.name
        for package in PACKAGES
        for entry in pkgutil.walk_packages(import_module(f"doublecode.{package}").__path__, f"doublecode.{package}.")
    ]
    assert [room for room in rooms if room.rpartition(".")[2] in public] == []


def test_the_doors_and_the_command_line_import_nothing_heavy() -> None:
    heavy = [
        "statsmodels", "pingouin", "matplotlib", "scipy.stats", "sqlalchemy", "openpyxl", "pandas", "formulaic",
        "narwhals",
    ]  # fmt: skip
    code = (
        "import sys, doublecode.schemas, doublecode.coding, doublecode.analysis, doublecode.analysis.cli.app;"
        f"print([n for n in {heavy} if n in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_no_assert_and_no_catch_all_outside_the_tests() -> None:
    strays = []
    for name in sources():
        for node in ast.walk(tree(name)):
            if isinstance(node, ast.Assert):
                strays.append(f"{name}:{node.lineno} assert")
            broad = isinstance(node, ast.ExceptHandler) and (node.type is None or ast.unparse(node.type) == "Exception")
            if broad and name != "analysis/cli/app.py":  # the command line turns an internal fault into exit code 3
                strays.append(f"{name}:{node.lineno} catches everything")  # type: ignore[attr-defined]
    assert not strays


def body_lines(function: ast.FunctionDef) -> int:
    """Lines of a function's body, its docstring left out."""
    body = function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body
    return 0 if not body else (function.end_lineno or 0) - min(body[0].lineno, *decorated(body[0])) + 1


def decorated(statement: ast.stmt) -> list[int]:
    return [one.lineno for one in getattr(statement, "decorator_list", [])] or [statement.lineno]


def test_modules_stay_small() -> None:
    lines = {name: path.read_text(encoding="utf-8").count("\n") for name, path in sources().items()}
    assert {name: count for name, count in lines.items() if count > 420} == {}
    assert statistics.median(count for name, count in lines.items() if not name.endswith("__init__.py")) <= 200


def test_bodies_stay_small() -> None:
    bodies = {
        f"{name}:{function.lineno} {function.name}": body_lines(function)
        for name in sources()
        for function in functions(name)
    }
    assert {where: lines for where, lines in bodies.items() if lines > 50} == {}
    assert statistics.median(bodies.values()) <= 7
    assert statistics.quantiles(bodies.values(), n=20)[-1] <= 25


def test_everything_is_annotated() -> None:
    bare = [f"{name}:{one.lineno} {one.name}" for name in sources() for one in functions(name) if not annotated(one)]
    assert bare == []


def annotated(function: ast.FunctionDef) -> bool:
    given = function.args
    named = [one for one in (*given.posonlyargs, *given.args) if one.arg not in ("self", "cls")]
    others = [one for one in (*given.kwonlyargs, given.vararg, given.kwarg) if one is not None]
    returns = function.returns is not None
    return returns and all(one.annotation is not None for one in (*named, *others))


def test_markdown_is_written_in_one_place() -> None:
    writers = [name for name in sources() for function in functions(name) if function.name == "to_markdown"]
    assert writers == ["schemas/results.py"]


def test_every_folder_of_the_sources_is_in_the_wheel() -> None:
    """A folder that pyproject.toml does not name is there for who works in the sources, and for nobody else."""
    declared = Path(__file__).parents[1] / "pyproject.toml"
    if not declared.exists():
        pytest.skip("the tests of the wheel stand away from the sources")
    named = tomllib.loads(declared.read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    folders = {f"doublecode.{'.'.join(Path(name).parent.parts)}" for name in sources() if name.endswith("__init__.py")}
    assert folders == set(named)


def test_tests_find_the_examples_where_they_are_installed() -> None:
    """The tests of the wheel stand away from the sources: a path up from a test leads nowhere there."""
    away = re.compile(r'parents\[\d\] / "data_examples"')
    own = Path(__file__)
    found = [path.name for path in own.parent.rglob("*.py") if path != own and away.search(path.read_text("utf-8"))]
    assert found == []
