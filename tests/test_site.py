"""The site's pages do what they say: every block of code on them runs, every link leads somewhere.

A page is run from top to bottom in a folder of its own. ``<!-- file: NAME -->`` before a block saves it under that
name, ``<!-- exit: N -->`` says how the command after it ends; of what a command prints the page shows some lines.
"""

from __future__ import annotations

import doctest
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "reference" not in path.parts and "_build" not in path.parts)
BLOCK = re.compile(r"((?:<!--[^>]*-->\s*)*)```(\w+)\n(.*?)\n```", re.DOTALL)
pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="the site stands beside the sources only")


class Block(NamedTuple):
    language: str
    text: str
    remarks: dict[str, str]


def blocks(page: Path) -> Iterator[Block]:
    for remarks, language, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        yield Block(language, text, dict(re.findall(r"<!-- (\w+): (.*?) -->", remarks)))


Typed = Callable[..., tuple[int, str]]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Run a command line in this process, which spares its imports; exit code and what it printed."""
    from doublecode.analysis.cli.app import main

    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")

    def call(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["doublecode", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        return int(left.value.code or 0), "\n".join(capsys.readouterr())

    return call


def run_commands(block: Block, typed: Typed) -> None:
    for part in re.split(r"(?m)^\$ ", block.text)[1:]:
        command, _, shown = part.partition("\n")
        name, *arguments = shlex.split(command)
        assert name == "doublecode", command
        code, text = typed(*arguments)
        printed = [line.split() for line in text.splitlines()]
        assert code == int(block.remarks.get("exit", 0)), (command, printed)
        assert [line for line in shown.splitlines() if line.strip(" …") and line.split() not in printed] == []


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_every_block_of_a_page_runs(page: Path, tmp_path: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in blocks(page):
        if "file" in block.remarks:
            tmp_path.joinpath(block.remarks["file"]).write_text(block.text + "\n", encoding="utf-8")
        elif block.language == "console":
            run_commands(block, typed)
        elif block.language == "python":
            exec(compile(block.text, str(page), "exec"), names)
        elif block.language == "pycon":
            case = doctest.DocTestParser().get_doctest(block.text + "\n", names, page.name, str(page), 0)
            runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
            assert runner.run(case, clear_globs=False).failed == 0
            names.update(case.globs)


def test_links_between_pages_lead_somewhere() -> None:
    made = {f"{name}.md" for name in re.findall(r'"(\w+)": _', (DOCS / "reference_pages.py").read_text("utf-8"))}
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+\.md)", page.read_text(encoding="utf-8")):
            path = (page.parent / target).resolve()
            assert path.is_file() or path.name in made, f"{page.name}: {target}"
