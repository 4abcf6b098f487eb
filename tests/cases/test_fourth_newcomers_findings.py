"""What a fourth newcomer found (synthetic studies): a correction that was not read, tables that said too much."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.cli import app as cli
from doublecode.analysis.rendering.document import Document
from doublecode.analysis.rendering.tables import Table
from doublecode.analysis.report.sections_recodes import recode_section
from doublecode.analysis.study.recodes import RecodeTable
from doublecode.coding.new_study.folder import Wishes, plan_study, write_study
from doublecode.coding.reading.incoming import read_incoming
from doublecode.coding.workbooks.fill import fill_workbook
from doublecode.schemas.errors import StudyError
from doublecode.schemas.frames import ASSIGNMENTS
from doublecode.schemas.process_models import check_process
from doublecode.schemas.study import load_study
from doublecode.schemas.table_files import read_table

LIST = "Pat.-Nr.;Sitzung;Datum\nK1;1;03.04.2023\nK1;2;10.04.2023\nK2;1;05.04.2023\n"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., str]:
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["doublecode", *words])
        with pytest.raises(SystemExit):
            cli.main()
        return "".join(capsys.readouterr())

    return call


def mended(folder: Path, run: Callable[..., str]) -> tuple[Path, Path, Path, dict[tuple[str, str], int]]:
    """A study whose one workbook had a wrong code, its original and its mended copy in incoming/, and the codes."""
    (folder / "l.csv").write_text(LIST, encoding="utf-8")
    study = write_study(plan_study(folder / "study", Wishes(folder / "l.csv", ("anna",), ("ghes",), ())))
    run("allocate", "study", "--share", "0")
    run("template", "study")
    rows = read_table(study / "assignments.csv", ASSIGNMENTS)
    items = [item.name for item in load_study(study).codebooks["ghes"].columns]
    cells = {(session, item): 2 for session in rows["session_id"] for item in items}
    (sent,) = (study / "outgoing").glob("*.xlsx")
    original, copy = study / "incoming" / sent.name, study / "incoming" / f"{sent.stem}_please_fix.xlsx"
    fill_workbook(sent, original, {**cells, (next(iter(cells))[0], "extent"): 99})
    fill_workbook(sent, copy, cells)
    return study, original, copy, cells


def test_a_correction_under_the_first_name_beside_the_mended_copy_is_not_passed_over(
    run: Callable[..., str], tmp_path: Path
) -> None:
    study, original, copy, cells = mended(tmp_path, run)
    (sent,) = (study / "outgoing").glob("*.xlsx")
    assert [one.code for one in read_incoming(load_study(study))[1]] == ["mended_copy"]
    run("import", "study")

    place = list(cells)[-1]
    fill_workbook(sent, original, {**cells, place: 3}, overwrite=True)
    ratings, (problem,), _ = read_incoming(load_study(study))
    assert (problem.code, problem.severity, problem.file) == ("copy_and_original_differ", "error", original.name)
    assert (problem.subject, problem.cell) == (", ".join(place), ratings["source_cell"].iloc[-1])
    assert problem.found == f"{copy.name} (codes that differ: 1)"
    assert "which of them counts?" in run("run", "study")
    assert "which of them counts?" in run("check", "study/incoming")
    assert not (study / "please_fix").exists()

    run("ledger", "withdraw", copy.name, "--study", "study", "--reason", "corrected later")
    counted, problems, _ = read_incoming(load_study(study), withdrawn=withdrawn(copy))
    assert [one.code for one in problems] == ["withdrawn_file"]
    assert sorted(counted["value"].dropna().unique()) == [2, 3]
    copy.unlink()
    assert read_incoming(load_study(study))[1] == []


def test_an_icc_of_few_recodes_is_not_printed_and_the_shares_are() -> None:
    first = {"instrument": "style", "part": "item1", "label": "Item 1", "title": "Style", "mean_change": 0.0}
    first |= {"percent_equal": 75.0, "conf_low": -2.9, "conf_high": 0.9, "estimate": -2.0}
    frame = pd.DataFrame([first | {"rater": "anna", "n_sessions": 9}, first | {"rater": "ben", "n_sessions": 10}])
    section = recode_section(RecodeTable(frame))
    assert section is not None
    (table,) = section.blocks
    assert isinstance(table, Table)
    few, enough = table.frame[["estimate", "conf_low", "conf_high"]].to_numpy()
    assert np.isnan(few).all()
    assert enough.tolist() == [-2.0, -2.9, 0.9]
    assert table.frame["percent_equal"].tolist() == [75.0, 75.0]
    assert "none is printed here" in table.notes[1]
    assert table.csv_frame["estimate"].tolist() == [-2.0, -2.0]


def test_what_counts_as_missing_is_said_under_the_descriptives(telephone_document: Document) -> None:
    tables = {one.name: one for one in telephone_document.tables()}
    assert "without a row" in tables["described_items"].notes[-1]
    assert "without a row" in tables["described_scores"].notes[-1]
    assert tables["flow"].title in tables["described_scores"].notes[-1]


def test_intervals_that_nothing_asks_for_are_named_together_with_what_belongs_to_them() -> None:
    spoken = {name: SimpleNamespace(refers_to="this session") for name in ("warm", "bdi")}
    models = SimpleNamespace(rater_corrections=(), cross_lagged=())
    with pytest.raises(StudyError, match=r"variables 'warm', 'bdi': refers_to: .*declare \[\[cross_lagged\]\]"):
        check_process(models, spoken, "session")


def withdrawn(path: Path) -> dict[str, str]:
    return {hashlib.sha256(path.read_bytes()).hexdigest(): "corrected later"}


def test_an_original_without_errors_and_with_the_same_codes_is_replaced_as_before(
    run: Callable[..., str], tmp_path: Path
) -> None:
    study, original, _, cells = mended(tmp_path, run)
    (sent,) = (study / "outgoing").glob("*.xlsx")
    fill_workbook(sent, original, cells, overwrite=True)
    assert [one.code for one in read_incoming(load_study(study))[1]] == ["mended_copy"]
