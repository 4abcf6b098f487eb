"""What was agreed on in a run: scores stand on it where declared, reliability never does. Small synthetic study."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from openpyxl import load_workbook
from typer.testing import CliRunner

from doublecode.analysis.cli.app import app

pytestmark = pytest.mark.usefixtures("undrawn")
KEPT = Path(__file__).parents[2] / "cases" / "study_before_store"


def invoke(*arguments):
    return CliRunner().invoke(app, [str(one) for one in arguments])


def results(folder):
    return json.loads((folder / "report" / "results.json").read_text(encoding="utf-8"))


@pytest.fixture
def study(tmp_path):
    folder = tmp_path / "study"
    shutil.copytree(KEPT, folder, ignore=shutil.ignore_patterns("report*"))
    return folder


def settle(folder, code):
    """Agree on one code in every cell."""
    path = folder / "consensus" / "consensus_warmth.xlsx"
    workbook = load_workbook(path)
    sheet = workbook["Decide"]
    heads = [cell.value for cell in sheet[1]]
    for row in range(2, sheet.max_row + 1):
        sheet.cell(row, heads.index("agreed") + 1).value = code
    workbook.save(path)
    return sheet.max_row - 1


def test_scores_stand_on_what_was_agreed_on_and_reliability_on_the_first_codes(study):
    assert invoke("run", study).exit_code == 0
    before = results(study)
    told = invoke("reconcile", study, "--json")
    listed = json.loads(told.output)
    assert told.exit_code == 0
    n_cells = settle(study, 4)
    assert [row["n_different"] for row in listed["frame"]] == [n_cells]
    assert invoke("run", study, "--overwrite").exit_code == 0
    kept = results(study)
    assert kept["reliability"] == before["reliability"]
    assert kept["descriptives"] == before["descriptives"]
    toml = study / "study.toml"
    text = toml.read_text(encoding="utf-8")
    toml.write_text(
        text.replace('name = "warmth.toml"\n', 'name = "warmth.toml"\nconsensus = true\n'), encoding="utf-8"
    )
    assert invoke("run", study, "--overwrite").exit_code == 0
    agreed = results(study)
    assert agreed["reliability"] == before["reliability"]
    assert agreed["descriptives"] != before["descriptives"]
    (counts,) = agreed["consensus"]
    assert (counts["n_different"], counts["n_decided"], counts["in_scores"]) == (n_cells, n_cells, True)
    page = (study / "report" / "index.html").read_text(encoding="utf-8")
    assert "Two people, one judgement" in page
    assert f"({n_cells} cells; reliability stands on the first codes)" in page
    table = pd.read_csv(study / "report" / "tables" / "consensus.csv")
    assert table["n_decided"].tolist() == [n_cells]


def test_consensus_that_nobody_reached_is_said(study):
    toml = study / "study.toml"
    text = toml.read_text(encoding="utf-8")
    toml.write_text(
        text.replace('name = "warmth.toml"\n', 'name = "warmth.toml"\nconsensus = true\n'), encoding="utf-8"
    )
    assert invoke("run", study).exit_code == 0
    assert [one["code"] for one in results(study)["problems"] if one["code"] == "no_decision"] == ["no_decision"]
    assert "consensus" not in results(study)


def test_what_is_typed_twice_and_differs_stops_the_run_and_is_counted(study):
    (study / "second_entry").mkdir()
    name = "R1_warmth_b1.xlsx"
    workbook = load_workbook(study / "incoming" / name)
    sheet = workbook["Rate"]
    heads = [cell.value for cell in sheet[4]]
    cell = sheet.cell(5, heads.index("smiles") + 1)
    cell.value = 3 if cell.value != 3 else 2
    workbook.save(study / "second_entry" / name)
    told = invoke("reconcile", study)
    assert told.exit_code == 1
    assert "Typed twice: 1 workbook(s)" in told.output
    assert "1 differ (" in told.output
    assert not (study / "consensus").exists()
    assert invoke("run", study).exit_code == 1
    shutil.copy(study / "incoming" / name, study / "second_entry" / name)
    assert invoke("run", study).exit_code == 0
    assert "no difference is left" in (study / "report" / "index.html").read_text(encoding="utf-8")


def test_a_score_is_traced_to_the_cell_in_which_it_was_agreed_on(study):
    assert invoke("reconcile", study).exit_code == 0
    settle(study, 4)
    toml = study / "study.toml"
    text = toml.read_text(encoding="utf-8")
    toml.write_text(
        text.replace('name = "warmth.toml"\n', 'name = "warmth.toml"\nconsensus = true\n'), encoding="utf-8"
    )
    assert invoke("run", study).exit_code == 0
    told = json.loads(invoke("trace", study, "--table", "consensus", "--row", "Warmth (synthetic)", "--json",
                             "--column", "Decided").output)  # fmt: skip
    assert {(cell["file"], cell["sheet"]) for cell in told["frame"]} == {("consensus_warmth.xlsx", "Decide")}
    items = json.loads(invoke("trace", study, "--table", "described_items", "--row", "Smiles", "--column", "M",
                              "--json").output)  # fmt: skip
    assert "consensus_warmth.xlsx" in {cell["file"] for cell in items["frame"]}
