"""``freeze``, deviations that later reports name, and ``reproduce``; on the small synthetic study of tests/cases."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from openpyxl import load_workbook
from typer.testing import CliRunner

from doublecode.analysis.cli.app import app
from doublecode.analysis.report.folder import run_study
from doublecode.analysis.report.reproduction import reproduce
from doublecode.analysis.study.frozen_plan import freeze_plan, plan_state
from doublecode.schemas.errors import UsageError
from doublecode.schemas.study import load_study

KEPT = Path(__file__).parents[2] / "cases" / "study_of_store_3"


def typed(*arguments: str | Path) -> tuple[int, str]:
    answer = CliRunner().invoke(app, [str(one) for one in arguments], env={"COLUMNS": "200", "NO_COLOR": "1"})
    return answer.exit_code, answer.output


@pytest.fixture
def study(tmp_path):
    shutil.copytree(KEPT, tmp_path / "st", ignore=shutil.ignore_patterns("report"))
    return tmp_path / "st"


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reported") / "st"
    shutil.copytree(KEPT, folder, ignore=shutil.ignore_patterns("report"))
    assert typed("run", folder)[0] == 0
    return folder


def edit(study: Path, *changes: tuple[str, str]) -> None:
    path = study / "study.toml"
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


SERIES = """
[[series]]
name = "m_bond"
title = "Course of bond"
steps = ["bond ~ 1 + (1 | patient)"]
"""


class TestFreeze:
    def test_the_first_page_says_that_the_plan_holds_and_later_which_entries_depart(self, study):
        assert typed("freeze", study)[0] == 0
        assert typed("run", study)[0] == 0
        page = (study / "report" / "index.html").read_text(encoding="utf-8")
        assert "What is declared now is what was planned." in page
        edit(study, ('pooling = "mean"', 'pooling = "primary"'), ('title = "st" #', 'title = "Another heading" #'))
        with (study / "study.toml").open("a", encoding="utf-8") as file:
            file.write(SERIES)
        assert typed("run", study, "--overwrite")[0] == 0
        page = (study / "report" / "index.html").read_text(encoding="utf-8")
        assert "2 entries depart from the plan" in page.partition("<section")[0]  # above the first section
        plan = json.loads((study / "report" / "results.json").read_text(encoding="utf-8"))["plan"]
        found = {one["entry"]: (one["planned"], one["now"]) for one in plan["deviations"]}
        assert found["instruments.bond.toml.pooling"] == (None, '"primary"')
        assert found["series"][0] is None  # a heading is no deviation
        assert len(found) == 2

    def test_a_value_at_its_default_and_the_order_of_entries_are_no_deviation(self, study):
        plan = freeze_plan(load_study(study), 0)
        edit(study, ('{ id = "anna", description = "" },\n', ""),
             ('    { id = "cleo", description = "" },\n',
              '    { id = "cleo", description = "" },\n    { id = "anna", description = "A" },\n'),
             ('pooling = "mean"', 'pooling = "mean"\nsource = "raters"'))  # fmt: skip
        state = plan_state(load_study(study))
        assert (state.versions, state.deviations) == ((plan,), ())

    def test_another_meaning_of_codes_is_a_deviation(self, study):
        freeze_plan(load_study(study), 0)
        book = study / "bond.toml"
        book.write_text(book.read_text(encoding="utf-8").replace("maximum = 4", "maximum = 5"), encoding="utf-8")
        assert [one.entry for one in plan_state(load_study(study)).deviations] == ["codebook bond"]

    def test_an_amendment_gives_its_reason_and_the_first_version_stays(self, study):
        first = freeze_plan(load_study(study), 0)
        with pytest.raises(UsageError, match=r"--amend REASON"):
            freeze_plan(load_study(study), 5)
        with pytest.raises(UsageError, match="nothing to amend"):
            freeze_plan(load_study(study), 5, reason="again")
        edit(study, ('pooling = "mean"', 'pooling = "primary"'))
        second = freeze_plan(load_study(study), 5, reason="the primary rater was trained longer")
        state = plan_state(load_study(study))
        assert (state.versions, state.deviations) == ((first, second), ())

    def test_an_amendment_of_no_plan_is_refused(self, study):
        with pytest.raises(UsageError, match="no plan yet"):
            freeze_plan(load_study(study), 0, reason="why not")

    @pytest.mark.parametrize("change", [('"n_ratings": 0', '"n_ratings": 9'), ('"declared"', '"deklared"'), ("{", "")])
    def test_a_plan_that_was_edited_stops_the_run(self, study, change):
        freeze_plan(load_study(study), 0)
        path = study / "frozen_plan.json"
        path.write_text(path.read_text(encoding="utf-8").replace(*change, 1), encoding="utf-8")
        with pytest.raises(UsageError, match=r"frozen_plan\.json"):
            run_study(study)
        assert not (study / "report").exists()


class TestReproduce:
    def test_every_cell_is_equal_and_nothing_is_written(self, reported):
        before = {path: path.stat().st_mtime_ns for path in reported.rglob("*") if path.is_file()}
        code, said = typed("reproduce", reported)
        assert (code, " 0 different." in said) == (0, True)
        assert {path: path.stat().st_mtime_ns for path in reported.rglob("*") if path.is_file()} == before

    def test_a_changed_workbook_is_named_and_the_cells_that_moved(self, reported, tmp_path):
        study = shutil.copytree(reported, tmp_path / "st")
        path = study / "incoming" / "anna_bond_batch01.xlsx"
        book = load_workbook(path)
        sheet = book["Rate"]
        cell = next(one for row in sheet.iter_rows(min_row=5) for one in row if isinstance(one.value, int))
        cell.value = 0 if cell.value else 1
        book.save(path)
        code, said = typed("reproduce", study, "--json")
        found = json.loads(said)
        assert code == 1
        assert [note for note in found["notes"] if "anna_bond_batch01.xlsx is not as it was" in note]
        assert {one["file"] for one in found["frame"]} >= {"results.json"}
        assert found["design"]["n_different"] == len(found["frame"]) > 0

    def test_a_changed_declaration_is_named(self, reported, tmp_path):
        study = shutil.copytree(reported, tmp_path / "st")
        edit(study, ("seed = 20210501", "seed = 7"))
        code, said = typed("reproduce", study)
        assert code == 1
        assert "study.toml is not as it was" in said
        assert "the seed was 20210501 and is 7" in said

    def test_a_number_that_was_altered_in_the_report_is_found(self, reported, tmp_path):
        study = shutil.copytree(reported, tmp_path / "st")
        path = study / "report" / "tables" / "reliability.csv"
        text = path.read_text(encoding="utf-8")
        at = text.index("0.", text.index("\n")) + 2
        path.write_text(f"{text[:at]}{9 - int(text[at])}{text[at + 1 :]}", encoding="utf-8")
        code, said = typed("reproduce", study)
        assert (code, " 1 different." in said, "tables/reliability.csv" in said) == (1, True, True)

    @pytest.mark.parametrize("lost", ["manifest.json", "results.json"])
    def test_a_report_without_its_manifest_is_refused_with_the_way_on(self, reported, tmp_path, lost):
        study = shutil.copytree(reported, tmp_path / "st")
        (study / "report" / lost).unlink()
        with pytest.raises(UsageError, match=f"{lost} is not there.*doublecode run"):
            reproduce(study)
