"""Every slip of a list or of a declaration, at its own place and all in one run (README.md); data are made up."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest
from typer.testing import CliRunner

from doublecode.analysis.cli.app import app
from doublecode.schemas.errors import DoublecodeError

HEADS = ["Pat.-Nr.", "Sitzung", "Datum", "Dauer (min)", "Status"]
ROWS = [
    ["K1", 1, "03.04.2023", 50, "held"],
    ["K1", "2a", "10.04.2023", "5O", "held"],
    ["K1", 3, "31.02.2023", 50, "not rated"],
    [None, 1, "12.04.2023", 50, "held"],
    ["K3", 1, "13.04.2023", 50, "held"],
    ["K3", 1, "2023/04/20", 50, "not_rated"],
]


def said_by(folder: Path, *options: str, rows: list[list[object]] = ROWS) -> str:
    book = openpyxl.Workbook()
    for row in [HEADS, *rows]:
        book.active.append(row)
    book.save(folder / "list.xlsx")
    arguments = ["init", str(folder / "study"), "--sessions", str(folder / "list.xlsx"), "--raters", "anna,ben"]
    answer = CliRunner().invoke(app, [*arguments, "--instruments", "ghes", "--yes", *options])
    return str(answer.exception) if isinstance(answer.exception, DoublecodeError) else answer.output


@pytest.mark.parametrize("options", [(), ("--dates", "dd.mm.yyyy")])
def test_all_wrong_cells_of_a_list_are_named_in_one_run_each_at_its_cell(
    options: tuple[str, ...], tmp_path: Path
) -> None:
    said = said_by(tmp_path, *options)
    for place in ("A5: Pat.-Nr.: the patient is empty", "B3: Sitzung: found '2a'", "C4: Datum: found '31.02.2023'",
                  "C7: Datum: found '2023/04/20'", "D3: Dauer (min): found '5O'",
                  "E4: Status: found 'not rated'; allowed: held, not_rated; did you mean 'not_rated'?",
                  "patient K3, session 1 stands in A6 and A7"):  # fmt: skip
        assert place in said, place
    assert "list.xlsx › Sheet: 7 things to be mended." in said
    assert not (tmp_path / "study").exists()


def test_one_wrong_cell_is_one_sentence(tmp_path: Path) -> None:
    rows = [*ROWS[:1], ["K1", 2, "10.04.2023", "5O", "held"]]
    assert said_by(tmp_path, rows=rows).startswith("list.xlsx › Sheet, D3: Dauer (min): found '5O'")


def test_a_flood_of_one_column_hides_no_other(tmp_path: Path) -> None:
    rows = [["K1", number, "03.04.2023", "kurz", "held"] for number in range(1, 30)]
    rows[-1][1] = "x"
    said = said_by(tmp_path, rows=rows)
    assert "… and 21 more in the column 'Dauer (min)'." in said
    assert "B30: Sitzung: found 'x'" in said
    assert said.count("kurz") == 8


def test_answers_of_an_outcome_are_all_named(tmp_path: Path) -> None:
    rows = [["K1", 1, "03.04.2023", 50, "held"], ["K1", 2, "10.04.2023", 50, "held"]]
    (tmp_path / "bdi.csv").write_text("Pat.-Nr.;Sitzung;BDI_1;BDI_2\nK1;1;2;?\nK1;2;x;1\n", encoding="utf-8")
    said = said_by(tmp_path, "--outcome", str(tmp_path / "bdi.csv"), "--items", "BDI_1,BDI_2", rows=rows)
    assert "bdi.csv: 2 things to be mended." in said
    assert "line 2: BDI_2: found '?'" in said
    assert "line 3: BDI_1: found 'x'" in said
