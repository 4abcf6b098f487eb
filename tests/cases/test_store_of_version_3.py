"""A study folder of the store's version 3, with its ledger and its report, kept as it was made; and two sites in one.

Synthetic: six patients, four sessions each, three raters, a codebook of its own; made from templates.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
import shutil
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from doublecode.analysis.cli.app import app

KEPT = Path(__file__).parent / "study_of_store_3"
SHORT, TITLE = "own codebook of a trial run", "Bond as observed (own codebook of a trial run)"
"""What its instrument was called, and is now: words in brackets that are no abbreviation are no short name."""


def typed(*arguments: str | Path) -> tuple[int, str]:
    answer = CliRunner().invoke(app, [str(one) for one in arguments], env={"COLUMNS": "200", "NO_COLOR": "1"})
    return answer.exit_code, answer.output


@pytest.fixture
def study(tmp_path):
    shutil.copytree(KEPT, tmp_path / "st")
    return tmp_path / "st"


def is_same(one: object, other: object) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() <= other.keys() and all(is_same(one[key], other[key]) for key in one)  # new keys may come
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    if isinstance(one, float) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9)
    return one == other or (isinstance(other, str) and one == other.replace(TITLE, SHORT))


def test_a_study_of_before_runs_unchanged_with_equal_numbers(study):
    ledger = hashlib.sha256((study / "ledger.sqlite").read_bytes()).hexdigest()
    before = json.loads((study / "report" / "results.json").read_text(encoding="utf-8"))
    assert typed("run", study, "--overwrite")[0] == 0
    assert hashlib.sha256((study / "ledger.sqlite").read_bytes()).hexdigest() == ledger
    after = json.loads((study / "report" / "results.json").read_text(encoding="utf-8"))
    assert after.keys() >= before.keys()
    del before["versions"]  # of the packages that computed: not a number of the study
    assert [key for key in before if not is_same(before[key], after.get(key))] == []
    for table in sorted((KEPT / "report" / "tables").iterdir()):
        with table.open(encoding="utf-8") as own, (study / "report" / "tables" / table.name).open() as other:
            before, after = csv.DictReader(own), csv.DictReader(other)
            heads = [list(one.fieldnames or ()) for one in (before, after)]
            assert [head for head in heads[1] if head in heads[0]] == heads[0], table.name  # new ones may come between
            rows = zip(before, after, strict=True)
            assert all(is_same(*map(as_numbers, pair)) for pair in rows), table.name


def as_numbers(row: dict[str, str]) -> dict[str, float | str]:
    return {name: as_number(cell) for name, cell in row.items()}


def as_number(cell: str) -> float | str:
    try:
        return float(cell)
    except ValueError:
        return cell


def test_a_site_is_merged_and_what_the_tables_lack_of_it_is_said(study, tmp_path):
    shutil.copytree(KEPT, tmp_path / "other")
    code, said = typed("ledger", "merge", tmp_path / "other", "--site", "berlin", "--study", study)
    assert code == 0
    assert "To be added to sessions.csv: 24 ids of berlin (berlin:S-3PYB, berlin:S-3RLB, berlin:S-3Z5A, …)." in said
    assert "To be added to patients.csv: 6 ids of berlin (berlin:K01, berlin:K02, berlin:K03, …)." in said
    assert "To be added to therapists.csv: 2 ids of berlin (berlin:T1, berlin:T2)." in said
    for name, ids in {"sessions": ("session_id", "patient", "therapist"), "patients": ("patient",),
                      "therapists": ("therapist",)}.items():  # fmt: skip
        own, other = (pd.read_csv(folder / f"{name}.csv", dtype="str") for folder in (study, tmp_path / "other"))
        named = other.assign(**{column: "berlin:" + other[column] for column in ids})
        pd.concat([own, named]).to_csv(study / f"{name}.csv", index=False)
    assert "To be added" not in typed("ledger", "merge", tmp_path / "other", "--site", "berlin", "--study", study)[1]
    code, said = typed("import", study)  # nobody here assigned what the other site rates
    assert (code, "not_assigned" in said) == (0, False)
    assert typed("ledger", "withdraw", "berlin/anna_bond_batch01.xlsx", "--reason", "wrong", "--study", study)[0] == 0
    history = typed("ledger", "history", "--study", study)[1]
    (gone,) = (line for line in history.splitlines() if "ratings; withdrawn" in line)
    assert "berlin: berlin/anna_bond_batch01.xlsx" in gone


def test_a_file_that_is_held_already_does_not_wait_for_its_copy(study):
    shutil.copy(study / "incoming" / "ben_bond_batch01.xlsx", study / "incoming" / "cleo_bond_batch01.xlsx")
    code, said = typed("import", study)
    assert code == 1
    assert "Not stored, as they are to be mended first: cleo_bond_batch01.xlsx\n" in said
