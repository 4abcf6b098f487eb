"""Words that raters typed beside the codes: names are breaches of blinding, and no report prints them. Synthetic."""

import shutil

import openpyxl
import pytest

from doublecode.analysis.report.records import results_record
from doublecode.analysis.report.sections_data import data_section
from doublecode.coding import read_workbook
from doublecode.schemas import load_study
from doublecode.schemas.problems import Problem


@pytest.fixture
def sent(telephone_demo, tmp_path):
    """A workbook of the example study, and how to write it again with cells beside its table."""
    source = sorted((telephone_demo.study / "incoming").glob("R1_ghes_batch01.xlsx"))[0]
    target = tmp_path / source.name

    def write(cells, head=None):
        shutil.copy(source, target)
        book = openpyxl.load_workbook(target)
        sheet = book["Rate"]
        grey = next(row for row in range(1, 12) if sheet.cell(row, 1).value == "session_id")
        free = sheet.max_column + 2
        if head is not None:
            sheet.cell(grey - 1, free, head)
        for below, value in enumerate(cells, 1):
            sheet.cell(grey + below, free, value)
        book.save(target)
        found = read_workbook(target, study=load_study(telephone_demo.study))[1]
        return [one for one in found if one.code in ("stray_cell", "blinding_breach")]

    return write


@pytest.mark.parametrize("head", ["Patient", "Klientin", "Datum", "Therapeut", "Name"])
def test_a_visible_head_beside_the_table_that_breaks_the_blinding(sent, head):
    (found,) = sent(["x"], head)
    assert (found.code, found.severity) == ("blinding_breach", "error")
    assert head in found.sentence


@pytest.mark.parametrize("name", ["Frau K.", "Herr Maier", "Mrs Jones", "Fr. Z"])
def test_what_looks_like_a_name_is_a_breach_and_is_not_repeated(sent, name):
    (found,) = sent([7, name])
    assert found.code == "blinding_breach"
    assert name not in str(found)


@pytest.mark.parametrize("cells", [[3, 4], ["left early"], ["freilich"]])
def test_other_strays_are_told_with_a_step(sent, cells):
    (found,) = sent(cells)
    assert (found.code, found.severity) == ("stray_cell", "info")
    assert "who a patient is" in found.next_step


@pytest.mark.parametrize("code", ["stray_cell", "comment_found", "note_found", "extra_column", "extra_sheet"])
def test_no_report_prints_words_that_somebody_typed(telephone_run, code):
    from dataclasses import replace

    typed = Problem(code, "R1.xlsx", "K. Maier", "M5", found="K. Maier came late")
    if code != "extra_sheet":
        typed = replace(typed, sheet="Rate")
    run = replace(telephone_run, intake=replace(telephone_run.intake, problems=(typed,)))
    (told,) = [one for one in results_record(run)["problems"] if one["stage"] == "reading"]
    assert told["code"] == code
    assert "Maier" not in str(told)
    for table in (one for one in data_section(run).blocks if hasattr(one, "csv_frame")):
        assert "Maier" not in table.csv_frame.to_csv()
        assert "Maier" not in table.frame.to_csv()
    assert "Maier" in str(typed)
