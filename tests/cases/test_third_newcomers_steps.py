"""What a third newcomer stumbled over on the way from lists to a study (README.md); all data are made up."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from typer.testing import CliRunner

from doublecode.analysis.cli.app import app
from doublecode.schemas.errors import UsageError
from doublecode.schemas.instrument import load_instrument

ITEMS = [f"BDI_{number:02}" for number in range(1, 5)]


def made(folder: Path, *options: str) -> tuple[int, str]:
    """``init`` with a list of sessions and an export that holds four items and their sum."""
    sessions = pd.DataFrame({"Patient": ["P1", "P1", "P2", "P2"], "Sitzung": [1, 2, 1, 2]})
    sessions.to_csv(folder / "list.csv", index=False)
    answers = pd.DataFrame({name: [0, 1, 2, 3] for name in ITEMS})
    export = sessions.assign(**answers, BDI_Summe=answers.sum(axis=1), Kommentar=["a", "b", "c", "d"])
    export.to_csv(folder / "bdi.csv", index=False)
    arguments = ["init", str(folder / "study"), "--sessions", str(folder / "list.csv"), "--raters", "anna,ben"]
    arguments += ["--instruments", "thabs", "--outcome", str(folder / "bdi.csv"), "--yes", *options]
    answer = CliRunner().invoke(app, arguments)
    if isinstance(answer.exception, UsageError):
        return 2, str(answer.exception)
    return answer.exit_code, answer.output


def test_a_total_beside_its_items_is_said_and_how_to_have_the_items(tmp_path: Path) -> None:
    code, said = made(tmp_path)
    assert code == 0, said
    assert "of items and their total, the total is taken: BDI_Summe" in said
    assert "--items BDI_01-BDI_04" in said
    assert "left out, since they hold no answers: Kommentar" in said
    assert [item.name for item in load_instrument(tmp_path / "study" / "bdi.toml").items] == ["bdi_summe"]


def test_items_from_one_head_to_another(tmp_path: Path) -> None:
    code, said = made(tmp_path, "--items", "BDI_01-BDI_04")
    assert code == 0, said
    assert "left out, since --items does not name them: BDI_Summe, Kommentar" in said
    names = [name.casefold() for name in ITEMS]
    assert [item.name for item in load_instrument(tmp_path / "study" / "bdi.toml").items] == names


@pytest.mark.parametrize(
    ("told", "said"),
    [("BDI_04-BDI_01", "'BDI_04' stands after 'BDI_01'"), ("BDI_01-BDI_9", "has no column 'BDI_01-BDI_9'")],
)
def test_a_stretch_of_heads_that_cannot_be(told: str, said: str, tmp_path: Path) -> None:
    code, output = made(tmp_path, "--items", told)
    assert code == 2
    assert said in output


def test_commands_of_the_readme_are_right_in_the_folder_itself(tmp_path: Path) -> None:
    made(tmp_path)
    text = (tmp_path / "study" / "README.md").read_text(encoding="utf-8")
    assert "`doublecode allocate .`" in text
    assert str(tmp_path) not in text


def test_a_longer_list_keeps_the_pilot_and_what_is_assigned(tmp_path: Path) -> None:
    """And days that Excel wrote its own way are the same days."""
    lists = [tmp_path / name for name in ("first.csv", "second.csv")]
    rows = [("P1", 1, "2024-03-01"), ("P1", 2, "2024-03-08"), ("P2", 1, "2024-03-02"), ("P3", 1, "2024-03-05")]
    heads = ["Patient", "Sitzung", "Datum"]
    pd.DataFrame(rows[:3], columns=heads).to_csv(lists[0], index=False)
    pd.DataFrame([rows[0], *rows[2:]], columns=heads).to_csv(lists[1], index=False)  # P1's second session is gone
    study = tmp_path / "study"
    options = ["--raters", "anna,ben", "--instruments", "thabs", "--yes", "--overwrite"]
    first = CliRunner().invoke(app, ["init", str(study), "--sessions", str(lists[0]), *options])
    assert first.exit_code == 0, first.output
    table = pd.read_csv(study / "sessions.csv", dtype=str).fillna("")
    table["date"] = ["01.03.2024", "08.03.2024", "02.03.2024"]  # as Excel saves them
    tape = {"session_id": "TB-01", "patient": "X-1", "session": "1", "date": "13.05.2022", "phase": "pilot",
            "status": "held", "recording": "TB-01.mp3"}  # fmt: skip
    table = pd.concat([table, pd.DataFrame([tape])]).fillna("")
    table.to_csv(study / "sessions.csv", index=False)
    gone = table.loc[(table["patient"] == "P1") & (table["session"] == "2"), "session_id"].item()
    plan = [(gone, "anna", "thabs", "primary", "batch01"), ("TB-01", "ben", "thabs", "pilot", "pilot")]
    keys = ["session_id", "rater", "instrument", "role", "batch"]
    pd.DataFrame(plan, columns=keys).to_csv(study / "assignments.csv", index=False)
    again = CliRunner().invoke(app, ["init", str(study), "--sessions", str(lists[1]), *options])
    assert again.exit_code == 0, again.output
    assert "as the list has it now" not in again.output
    assert "not in the list, and kept" in again.output
    made = pd.read_csv(study / "sessions.csv", dtype=str).set_index("session_id")
    assert sorted(zip(made["patient"], made["session"], strict=True)) == [
        ("P1", "1"), ("P1", "2"), ("P2", "1"), ("P3", "1"), ("X-1", "1"),
    ]  # fmt: skip
    assert made.loc["TB-01", ["date", "phase", "recording"]].tolist() == ["2022-05-13", "pilot", "TB-01.mp3"]
    assert made.loc[gone, "date"] == "2024-03-08"
    checked = CliRunner().invoke(app, ["template", str(study)])
    assert checked.exit_code == 0, (checked.output, checked.exception)


def listed(folder: Path, rows: list[tuple[object, ...]]) -> tuple[int, str]:
    book = openpyxl.Workbook()
    for row in [("Patient", "Sitzung", "Phase", "Datum"), *rows]:
        book.worksheets[0].append(row)
    book.save(folder / "list.xlsx")
    arguments = ["init", str(folder / "study"), "--sessions", str(folder / "list.xlsx"), "--raters", "anna,ben"]
    answer = CliRunner().invoke(app, [*arguments, "--instruments", "thabs", "--yes"])
    return answer.exit_code, f"{answer.output}{answer.exception or ''}"


def test_a_phase_of_the_clinics_own_is_a_further_column(tmp_path: Path) -> None:
    rows = [("P1", 1, "Anfang", "2024-03-01"), ("P1", 2, "Ende", "2024-03-08"), ("P2", 1, None, "2024-03-02")]
    code, said = listed(tmp_path, list(rows))
    assert code == 0, said
    assert "the column 'Phase' is no phase of a session (main or pilot; it says Anfang, Ende)" in said
    table = pd.read_csv(tmp_path / "study" / "sessions.csv", dtype=str)
    assert set(table["phase"]) == {"main"}
    assert table["phase_2"].dropna().tolist() == ["Anfang", "Ende"]


@pytest.mark.parametrize(
    ("row", "place"),
    [(("P2", "3a", "main", "2024-03-02"), "B3: Sitzung"), (("P2", 1, "main", "31.02.2024"), "D3: Datum"),
     ((None, 1, "main", "2024-03-02"), "A3: Patient")],
)  # fmt: skip
def test_a_wrong_cell_of_a_list_is_named_by_its_own_column(row: tuple[object, ...], place: str, tmp_path: Path) -> None:
    code, said = listed(tmp_path, [("P1", 1, "main", "2024-03-01"), row, ("P3", 1, "pilot", "2024-03-03")])
    assert code != 0
    assert place in said
