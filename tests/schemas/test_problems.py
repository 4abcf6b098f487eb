"""The catalogue of problems is complete both ways: nothing undeclared is emitted, nothing declared is idle."""

from __future__ import annotations

import ast
from functools import cache
from importlib.resources import files
from pathlib import Path

import pytest

from doublecode.schemas.errors import UsageError
from doublecode.schemas.problems import CATALOGUE, Problem

CARRIERS = (ast.Call, ast.keyword, ast.Assign, ast.Return, ast.Yield)


def handed_on(tree: ast.AST) -> set[str]:
    """Texts that are handed on as they stand: to a call, a name or a caller; neither compared nor listed."""
    found: set[str] = set()
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            if isinstance(node, CARRIERS):
                chosen = [child.body, child.orelse] if isinstance(child, ast.IfExp) else [child]
                found |= {one.value for one in chosen if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    return found


@cache
def emitted() -> set[str]:
    """Codes that the reading room or the analysis room hands to a problem."""
    folders = [Path(str(files(f"doublecode.{room}"))) for room in ("coding", "analysis")]
    sources = [path for folder in folders for path in folder.rglob("*.py")]
    return {text for path in sources for text in handed_on(ast.parse(path.read_text(encoding="utf-8")))}


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_every_code_of_the_catalogue_is_emitted_somewhere(code: str) -> None:
    assert code in emitted()


def test_the_search_overlooks_what_is_only_compared_listed_or_described() -> None:
    text = '"idle"\nif code == "compared" or code in {"listed"}: pass\nf("given")\ng(code="named" if x else "other")'
    assert handed_on(ast.parse(text)) == {"given", "named", "other"}


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_every_sentence_can_be_said_and_has_a_next_step(code: str) -> None:
    problem = Problem(code, "a.xlsx", "Rate", "F12", "S-1", "FOUND", "ALLOWED")
    assert str(problem).startswith(f"a.xlsx › Rate!F12 · {code} · S-1: ")
    assert str(problem).endswith(f"{problem.sentence}. {problem.next_step}")
    assert problem.next_step.endswith((".", "ALLOWED"))
    assert problem.severity in ("error", "warning", "info")


def test_a_code_outside_the_catalogue_is_refused() -> None:
    with pytest.raises(UsageError, match="'nonsense' is not in the catalogue; allowed: out_of_range, half_point"):
        Problem("nonsense")
