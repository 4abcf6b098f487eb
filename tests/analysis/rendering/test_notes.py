"""Notes are facts: every kind has its words, and no number, row, code or exit code hangs on them."""

import ast
import csv
import json
import math
import re
import sys
from functools import cache
from importlib.resources import files
from pathlib import Path

import pandas as pd
import pytest

from doublecode.analysis.cli import app as cli
from doublecode.analysis.rendering import notes
from doublecode.analysis.rendering.coded_warnings import problem_of
from doublecode.analysis.rendering.wording import linking, mixed, warnings
from doublecode.analysis.report.folder import write_report
from doublecode.analysis.report.records import results_record
from doublecode.analysis.study.run import analyse
from doublecode.analysis.study.study_run import StudyRun
from doublecode.analysis.study.warnings import run_warnings
from doublecode.coding.allocation import allocation_result
from doublecode.schemas.results import Note, Result

NONSENSE = "blether"
# where the texts of notes stand in the records and the tables of a report
SENTENCES = {"notes", "text", "reason", "reasons", "remark", "not_estimated", "sentence", "detail"}


@cache
def sources():
    """Every module that may make a note, and its tree."""
    rooms = [Path(str(files(f"doublecode.{room}"))) for room in ("analysis", "coding", "schemas")]
    paths = [path for room in rooms for path in sorted(room.rglob("*.py")) if "wording" not in path.parts]
    return [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in paths]


def kinds_made():
    """Kinds that are written down where a note is made, with the place."""
    for path, tree in sources():
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Note" and call.args:
                first = call.args[0]
                branches = (first.body, first.orelse) if isinstance(first, ast.IfExp) else (first,)
                place = f"{path.name}:{call.lineno}"
                yield from ((one.value, place) for one in branches if isinstance(one, ast.Constant))


def test_every_kind_that_is_made_stands_in_the_catalogue():
    made = dict(kinds_made())
    assert len(made) > 80
    docs = {"x", "so", "few_pairs", "singular"}  # examples of docstrings are no calls
    known = docs | set(notes.CATALOGUE) | set(allocation_result.SENTENCES)  # coding says its own notes
    assert {kind: place for kind, place in made.items() if kind not in known} == {}


def test_every_kind_of_the_catalogue_is_made():
    texts = {node.value for _, tree in sources() for node in ast.walk(tree)
             if isinstance(node, ast.Constant) and isinstance(node.value, str)}  # fmt: skip
    assert sorted(set(notes.CATALOGUE) - texts) == []
    assert sorted(set(warnings.FOUND) - set(notes.CATALOGUE)) == []


def test_kinds_are_names():
    assert [kind for kind in notes.CATALOGUE if not re.fullmatch(r"[a-z][a-z0-9_]*", kind)] == []


def test_rooms_do_not_share_a_kind():
    rooms = [vars(module)["SENTENCES"] for module in vars(notes).values() if hasattr(module, "SENTENCES")]
    assert len(rooms) > 5
    assert sum(map(len, rooms)) == len(notes.CATALOGUE)


def test_a_subject_stands_before_a_template():
    note = Note("drift_refused", "ghes he", {"reason": "one rater"})
    assert notes.sentence(note) == "ghes he: one rater; severity is given without periods"


@pytest.fixture
def nonsense(monkeypatch):
    """Every wording of the catalogues says nothing any more."""
    for catalogue in (notes.CATALOGUE, warnings.FOUND, linking.REASONS):
        for kind in list(catalogue):
            monkeypatch.setitem(catalogue, kind, NONSENSE)


def without_sentences(value, key=""):
    """A record without the texts of its notes."""
    if key in SENTENCES and not isinstance(value, (int, float)):
        return None
    if isinstance(value, dict):
        return {name: without_sentences(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [without_sentences(inner, key) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def rows_of(folder):
    """Every CSV file of a report without the columns that hold sentences."""
    found = {}
    for path in sorted(folder.rglob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        said = SENTENCES | ({"status"} if path.stem == "omega_by_session" else set())  # why a session has no limits
        found[path.name] = [{name: cell for name, cell in row.items() if name not in said} for row in rows]
    return found


def written(run, folder):
    """The rows of a report's tables, and the titles that stand above them on the page."""
    report = write_report(run, folder)
    page = (report / "index.html").read_text(encoding="utf-8")
    return rows_of(report), re.findall(r"<caption [^>]*>(.*?)</caption>", page, re.DOTALL)


@pytest.mark.parametrize("study", ["telephone", "adolescent"])
def test_no_number_hangs_on_a_sentence(study, telephone_run, adolescent_run, tmp_path, undrawn, request):
    done: StudyRun = {"telephone": telephone_run, "adolescent": adolescent_run}[study]
    before_record = without_sentences(results_record(done))
    before_rows, before_titles = written(done, tmp_path)
    codes = [(one.code, one.subject, one.note) for one in run_warnings(done)]
    request.getfixturevalue("nonsense")
    again = analyse(done.intake)
    assert any(NONSENSE in text for text in again.frame.note_texts()) or not again.frame.notes
    assert all(NONSENSE in problem_of(one).sentence for one in run_warnings(again))
    assert [(one.code, one.subject, one.note) for one in run_warnings(again)] == codes
    assert without_sentences(results_record(again)) == before_record
    (tmp_path / "again").mkdir()
    after_rows, after_titles = written(again, tmp_path / "again")
    assert after_rows == before_rows
    assert min(len(after_rows), len(after_titles)) > 10
    assert after_titles == before_titles


def test_notes_of_both_studies_are_facts(telephone_run, adolescent_run):
    seen = 0
    for done in (telephone_run, adolescent_run):
        for value in vars(done).values():
            for one in value if isinstance(value, tuple) else (value,):
                if isinstance(one, Result):
                    seen += 1
                    assert all(isinstance(note, Note) for note in one.notes), type(one)
                    assert len(one.note_texts()) == len(one.notes)
        assert all(isinstance(note, Note) for note in done.not_estimated)
    assert seen > 15


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a command line in this process; give exit code and standard output."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["doublecode", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        return left.value.code or 0, capsys.readouterr().out

    return call


def test_exit_codes_and_warnings_of_commands_hang_on_no_sentence(run, tmp_path, request):
    rows = [(t, r, v) for t, v in enumerate((1, 2, 4, 5)) for r in "AB"]
    pd.DataFrame(rows, columns=["t", "r", "y"]).to_csv(tmp_path / "four.csv", index=False)
    words = ("icc", tmp_path / "four.csv", "--targets", "t", "--raters", "r", "--ratings", "y")
    code, before = run(*words, "--json")
    _, shown = run(*words)
    request.getfixturevalue("nonsense")
    again, after = run(*words, "--json")
    _, said = run(*words)
    assert (again, json.loads(after)["frame"]) == (code, json.loads(before)["frame"])
    assert shown.count("Warning: too_few_pairs") == said.count("Warning: too_few_pairs") == 1
    assert shown.count("Note: ") >= 1
    assert NONSENSE in said
    assert mixed.SINGULAR.keys() <= warnings.FOUND.keys()
