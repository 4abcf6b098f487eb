"""What a command says and keeps in odd moments: Ctrl-C, paths out of the study, lines after empty ones, formulas."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from openpyxl.utils.datetime import CALENDAR_MAC_1904
from typer.testing import CliRunner

from doublecode.analysis.cli.app import app
from doublecode.analysis.consistency.item_moments import all_units, read_items, saturated_normal
from doublecode.analysis.description.sample import sample_table
from doublecode.coding import cli as coding_cli
from doublecode.coding.console import exit_code_of
from doublecode.coding.reading.incoming import read_workbook
from doublecode.coding.reading.long_table import read_rows
from doublecode.coding.workbooks import mark
from doublecode.coding.workbooks.mark import write_redpen
from doublecode.schemas.errors import ContractError, NotEstimable, StudyError
from doublecode.schemas.frames import PATIENTS
from doublecode.schemas.study import load_study
from doublecode.schemas.table_files import read_table
from doublecode.schemas.whole_files import replace_files

HERE = Path(__file__).parent
TOY = """
name = "toy"
title = "Toy"
raters = [{ id = "R1" }]
instruments = [{ name = "ghes" }]
variables = [
    { name = "he", instrument = "ghes", scale = "he" }, { name = "age", column = "age" },
    { name = "bond", instrument = "ghes", item = "extent" },
]
"""


def study(folder: Path, more: str = "", text: str = TOY) -> Path:
    (folder / "study.toml").write_text(text + more, encoding="utf-8")
    return folder


def ask(*told: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(map(str, told)))
    wrong = result.exception
    code = result.exit_code if wrong is None or isinstance(wrong, SystemExit) else exit_code_of(wrong)
    return code, f"{result.output}\n{wrong or ''}"


@pytest.mark.parametrize("before", [True, False])
def test_ctrl_c_says_what_was_kept(tmp_path, monkeypatch, before):
    def begun(*args: object, **named: object) -> None:
        if before:
            replace_files({tmp_path / "kept.csv": b"x\n"})
        raise KeyboardInterrupt

    monkeypatch.setattr(coding_cli, "_expand", begun)
    code, said = ask("check", tmp_path)
    assert code == 130
    assert "Stopped." in said
    assert "internal fault" not in said
    if before:
        said = said.replace("\n", "")
        assert "Written before, and whole: " in said
        assert str(tmp_path / "kept.csv") in said


@pytest.mark.parametrize("path", ["../ghes.toml", "books/../../ghes.toml", "/etc/ghes.toml"])
@pytest.mark.parametrize("command", ["run", "allocate", "reliability", "check"])
def test_a_path_that_leads_out_of_the_study_is_refused_by_every_command(tmp_path, path, command):
    inside = tmp_path / "inside"
    inside.mkdir()
    study(inside, text=TOY.replace('name = "ghes" }]', f'name = "{path}" }}]'))
    shutil.copy(HERE / "one_zw.xlsx", inside / "a.xlsx")
    told = (inside / "a.xlsx", "--study", inside) if command == "check" else (inside,)
    code, said = ask(command, *told)
    assert code == 2
    assert "leads out of the study folder" in said


def test_a_wrong_cell_of_a_patients_column_is_called_by_its_line(tmp_path):
    (tmp_path / "patients.csv").write_text(
        "\npatient,status,reason,age\n\nP1,excluded,,30\n,,,\n\nP2,completed,,40\nP3,completed,,n/a\n", encoding="utf-8"
    )
    patients = read_table(tmp_path / "patients.csv", PATIENTS)
    kept = patients[patients["status"] == "completed"]
    for table in (patients, kept):  # a filter does not move the line
        with pytest.raises(ContractError, match="line 8: found 'n/a' among numbers"):
            sample_table(table, pd.DataFrame({"therapist": ["T1"]}), ["age"])
    assert patients.index.tolist() == [4, 7, 8]


def test_an_unknown_name_of_a_step_is_refused_when_the_study_is_loaded(tmp_path):
    for step, stray in (
        ("he ~ sesion + (1 | patient)", "sesion"), ("he ~ np.log(agee) + (1 | patient)", "agee"),
        ("hee ~ 1 + (1 | patient)", "hee"), ("he ~ `a b` + (1 | patient)", "a b"), ("he ~ 1 + (1 | ward)", "ward"),
    ):  # fmt: skip
        study(tmp_path, f"series = [{{ name = 'a', title = 'A', steps = ['{step}'] }}]\n")
        with pytest.raises(StudyError, match=f"'{stray}' is no column of the frame"):
            load_study(tmp_path)
    for step in (
        "he ~ C(age, Treatment(1)) + scale(session, center=TRUE) + (1 + session | patient)", "he ~ factor(age) - 1",
        "he ~ poly(age, degree=2) + np.log(bond + 1) + (session || patient)", "he ~ I(age**2) + bs(session, df=3)",
        "he ~ C(age, contr.treatment) + (1 | therapist/patient)", "he ~ ifelse(age > 30, 1, 0)", "log(he) ~ age:bond",
    ):  # fmt: skip
        study(tmp_path, f"series = [{{ name = 'a', title = 'A', steps = ['{step}'] }}]\n")
        assert load_study(tmp_path).series[0].steps == (step,)


def test_an_outlier_rule_for_a_series_only_is_refused(tmp_path):
    both = "series = [{ name = 'a', title = 'A', steps = ['he ~ age + (1 | patient)'] }]\n"
    rule = "outliers = { variables = ['age'] }\n"
    study(tmp_path, both + rule)
    with pytest.raises(StudyError, match="'age' stands in a series only, and series take values as observed"):
        load_study(tmp_path)
    for used in ("correlations = { variables = ['he', 'age'] }\n",
                 "moderations = [{ name = 'm', title = 'M', outcome = 'he', predictor = 'age' }]\n"):  # fmt: skip
        study(tmp_path, both + rule + used)
        assert load_study(tmp_path).outliers is not None


def test_days_from_1904_in_an_xlsx(tmp_path):
    day = dt.date(2021, 4, 3)
    for epoch in (None, CALENDAR_MAC_1904):
        workbook = openpyxl.Workbook()
        if epoch is not None:
            workbook.epoch = epoch
        for row in (("session", "date"), ("S1", day)):
            workbook.active.append(row)
        workbook.save(tmp_path / "a.xlsx")
        assert "2021-04-03" in read_rows(tmp_path / "a.xlsx", ("session", "date"))[0]["date"][0]


@pytest.mark.parametrize("most", [500, 1])
def test_the_marked_copy_lists_the_formulas_it_replaced(tmp_path, monkeypatch, most):
    monkeypatch.setattr(mark, "_MOST_FORMULAS", most)
    path = tmp_path / "hostile_formulas_20k.xlsx"
    shutil.copy(HERE / "formula_emptystr.xlsx", path)
    problems = read_workbook(path)[1]
    copy = openpyxl.load_workbook(write_redpen(path, problems, tmp_path / "b.xlsx"))
    rows = [row for row in copy["Problems"].iter_rows(min_row=2, values_only=True) if row[1] == "formula"]
    assert rows
    assert all("became" in row[2] for row in rows)
    assert all(row[3] == "Nothing; the file you sent keeps its formula." for row in rows)
    cells = [cell.data_type for sheet in copy.worksheets for row in sheet.iter_rows() for cell in row]
    assert "f" not in cells


def test_covariances_that_run_to_a_singular_matrix_are_given_up_early(monkeypatch):
    """Rows that hold two items together are two: their correlation runs to one, ever slower (synthetic)."""
    from doublecode.analysis.consistency import item_moments

    rounds: list[int] = []
    one = item_moments._em_round
    monkeypatch.setattr(item_moments, "_em_round", lambda *told: rounds.append(1) or one(*told))
    rng = np.random.default_rng(8)
    scores = rng.integers(0, 5, (14, 3)).astype(float)
    scores[2:8, 0], scores[8:, 1] = np.nan, np.nan
    data = read_items(pd.DataFrame(scores, columns=list("abc")), ["a", "b", "c"])
    with pytest.raises(NotEstimable, match=r"did not settle|determine one another"):
        saturated_normal(data, all_units(data.n_units))
    assert len(rounds) < 2_500
