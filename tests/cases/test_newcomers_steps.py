"""Steps at which a newcomer with Excel stood: what she gave, what she was told, what she may do next."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from openpyxl import load_workbook

from doublecode.analysis.cli import app as cli
from doublecode.coding.new_study.folder import Wishes, plan_study, write_study
from doublecode.coding.reading.incoming import read_incoming
from doublecode.coding.reading.outcome_events import read_outcome_events
from doublecode.coding.workbooks.fill import fill_workbook
from doublecode.schemas.errors import UsageError
from doublecode.schemas.frames import ASSIGNMENTS, PATIENTS
from doublecode.schemas.study import load_study
from doublecode.schemas.table_files import read_table

LIST = "Pat.-Nr.;Sitzung;Datum\nK1;1;03.04.2023\nK1;2;10.04.2023\nK2;1;05.04.2023\n"
BDI = "Pat.-Nr.;Sitzung;BDI-II Summe\nK1;1;30\nK1;2;27\nK2;1;12\n"
EXTRA = "Patient;Zeitpunkt;BDI-II Summe\nK1;prä;33\nK2;prä;25\nK1;FU6;10\n"


def file(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def wishes(folder: Path, **tables: str) -> Wishes:
    outcomes = tuple(file(folder, f"{name}.csv", text) for name, text in tables.items())
    return Wishes(file(folder, "l.csv", LIST), ("anna", "ben"), ("ghes",), outcomes)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., str]:
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["doublecode", *words])
        with pytest.raises(SystemExit):
            cli.main()
        return "".join(capsys.readouterr())

    return call


def rows_of(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as opened:
        return list(csv.reader(opened))


def test_an_extra_file_of_time_points_is_joined_as_events(tmp_path: Path) -> None:
    planned = plan_study(tmp_path / "study", wishes(tmp_path, bdi=BDI, bdi_extra=EXTRA))
    folder = write_study(planned)
    assert rows_of(folder / "outcomes" / "bdi.csv")[:3] == [
        ["patient", "session", "event", "bdi_ii_summe"], ["K1", "", "prae", "33"], ["K1", "", "fu6", "10"]
    ]  # fmt: skip
    said = "bdi.csv and bdi_extra.csv are joined in outcomes/bdi.csv: 3 rows of sessions and 3 of events."
    assert said in planned.said
    study = load_study(folder)
    assert [(one.name, one.label) for one in study.events] == [("prae", "prä"), ("fu6", "FU6")]
    answers, problems = read_outcome_events(study, read_table(folder / "patients.csv", PATIENTS))
    assert answers is not None
    assert (list(answers["value"]), problems) == ([33, 10, 25], [])


def test_words_in_the_place_of_a_session_number_are_events(tmp_path: Path) -> None:
    planned = plan_study(tmp_path / "study", wishes(tmp_path, bdi=BDI + "K1;prä;33\nK1;Post;5\n"))
    assert b"K1,,prae,33\nK1,,post,5\nK1,1,,30\n" in planned.files["outcomes/bdi.csv"]


def test_a_time_point_beside_a_session_number_is_no_event(tmp_path: Path) -> None:
    text = "Pat.-Nr.;Sitzung;Zeitpunkt;BDI\nK1;1;vorher;30\nK2;1;vorher;12\n"
    planned = plan_study(tmp_path / "study", wishes(tmp_path, bdi=text))
    assert planned.files["outcomes/bdi.csv"].startswith(b"patient,session,bdi\n")


def test_numbers_of_time_points_are_asked_back(tmp_path: Path) -> None:
    text = EXTRA.replace("prä", "0").replace("FU6", "1")
    with pytest.raises(
        UsageError, match=r"Zeitpunkt: found '0', allowed an event .* as a word.*--map \"Zeitpunkt=session"
    ):
        plan_study(tmp_path / "study", wishes(tmp_path, bdi=text))


def test_files_that_only_share_a_common_head_are_two_outcomes(tmp_path: Path) -> None:
    text = "Pat.-Nr.;Sitzung;Summe\nK1;1;30\n"
    planned = plan_study(
        tmp_path / "study", wishes(tmp_path, bdi=text, phq=text, phq_base="Patient;MZP;Summe\nK1;pre;9\n")
    )
    assert planned.files["outcomes/bdi.csv"] == b"patient,session,summe\nK1,1,30\n"
    assert planned.files["outcomes/phq.csv"] == b"patient,session,event,summe\nK1,,pre,9\nK1,1,,30\n"


def test_two_files_of_one_name_are_joined_or_refused_and_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "post").mkdir()
    given = wishes(tmp_path, bdi=BDI)
    other = file(tmp_path / "post", "bdi.csv", "Patient;Zeitpunkt;Gesamtwert\nK1;post;9\n")
    with pytest.raises(UsageError, match=r"both are the outcome 'bdi', and their columns differ"):
        plan_study(tmp_path / "study", Wishes(given.sessions, ("anna",), ("ghes",), (*given.outcomes, other)))
    other.write_text(EXTRA, encoding="utf-8")
    planned = plan_study(tmp_path / "study", Wishes(given.sessions, ("anna",), ("ghes",), (*given.outcomes, other)))
    assert {"outcomes/source/bdi.csv", "outcomes/source/bdi_2.csv"} <= planned.files.keys()


def test_a_codebook_from_data_says_that_its_range_is_as_found(tmp_path: Path) -> None:
    text = "Pat.-Nr.;Sitzung;gsi1;gsi2\nK1;1;0;3\nK1;2;1;2\n"
    extra = "Pat.-Nr.;Zeitpunkt;gsi1;gsi2\nK1;prä;4;3\n"
    planned = plan_study(tmp_path / "study", wishes(tmp_path, gsi=text, gsi_post=extra))
    assert planned.files["gsi.toml"].startswith(b"# Range as found in the data (0 to 4); write the true one")
    assert any("gsi.toml: a new codebook" in line and "a later value beyond" in line for line in planned.said)


def test_without_yes_nothing_is_said_to_be_made(run: Callable[..., str], tmp_path: Path) -> None:
    given = wishes(tmp_path, bdi=BDI)
    out = run(
        "init",
        "st",
        "--sessions",
        str(given.sessions),
        "--raters",
        "a",
        "--instruments",
        "ghes",
        "--outcome",
        "bdi.csv",
    )
    assert "nothing was written" in out
    assert "was made" not in out


def with_a_value_beyond(folder: Path, run: Callable[..., str], value: str) -> str:
    text = "Pat.-Nr.;Sitzung;gsi1;gsi2\nK1;1;0;3\nK1;2;1;2\n"
    study = write_study(plan_study(folder / "study", wishes(folder, gsi=text)))
    table = study / "outcomes" / "gsi.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("K1,1,0,3", f"K1,1,{value},3"), encoding="utf-8")
    return " ".join(run("run", "study").split())


def test_an_answer_beyond_the_range_names_the_places_to_mend(run: Callable[..., str], tmp_path: Path) -> None:
    out = with_a_value_beyond(tmp_path, run, "4")
    assert "outcomes/gsi.csv › line 2 · out_of_range · K1, session 1, gsi1: found 4, allowed 0–3" in out
    assert "if the true range is wider, write it in gsi.toml: minimum and maximum of the item" in out
    assert "under [tables.gsi]: missing = [...]" in out
    assert "Mend outcomes/gsi.csv as it is said above, and run again." in out
    assert "Mend the files in incoming/" not in out


@pytest.mark.parametrize(
    ("value", "said"), [("1.5", 'type = "decimal" in gsi.toml'), ("k.A.", "[tables.gsi]: missing")]
)
def test_answers_of_other_kinds_name_their_places_too(
    run: Callable[..., str], tmp_path: Path, value: str, said: str
) -> None:
    out = with_a_value_beyond(tmp_path, run, value)
    assert said in out
    assert "Set the format of the cell" not in out


def test_a_frame_lies_as_csv_and_as_sav_side_by_side(run: Callable[..., str], tmp_path: Path) -> None:
    pytest.importorskip("pyreadstat")
    write_study(plan_study(tmp_path / "study", wishes(tmp_path, bdi=BDI)))
    assert "Frame: frame.csv" in run("frame", "study", "--out", "frame.csv")
    assert "Frame: frame.sav" in run("frame", "study", "--out", "frame.sav")
    assert "frame.sav: the file exists" in run(
        "frame", "study", "--out", "frame.sav"
    )  # the frame itself is never replaced unasked
    (tmp_path / "frame.sav").unlink()
    (tmp_path / "frame_codebook.csv").write_text("of another frame\n", encoding="utf-8")
    assert "frame_codebook.csv" in run("frame", "study", "--out", "frame.sav")
    assert not (tmp_path / "frame.sav").exists()


def coded(folder: Path, run: Callable[..., str]) -> tuple[Path, dict[tuple[str, str], object]]:
    """A study with one workbook, and codes for each of its cells."""
    study = write_study(plan_study(folder / "study", replace(wishes(folder), raters=("anna",))))
    run("allocate", "study", "--share", "0")
    run("template", "study")
    rows = read_table(study / "assignments.csv", ASSIGNMENTS)
    items = [item.name for item in load_study(study).codebooks["ghes"].columns]
    return study, {(session, item): 2 for session in rows["session_id"] for item in items}


def test_a_mended_copy_beside_its_original_counts_in_its_place(run: Callable[..., str], tmp_path: Path) -> None:
    study, cells = coded(tmp_path, run)
    (sent,) = (study / "outgoing").glob("*.xlsx")
    wrong = (next(iter(cells))[0], "extent")
    fill_workbook(sent, study / "incoming" / sent.name, {**cells, wrong: 99})
    assert "Marked copy" in run("check", "study/incoming")
    copy = study / "please_fix" / f"{sent.stem}_please_fix.xlsx"
    fill_workbook(copy, study / "incoming" / copy.name, cells)
    ratings, problems, files = read_incoming(load_study(study))
    assert [(one.code, one.file, one.found) for one in problems] == [("mended_copy", sent.name, copy.name)]
    assert (len(ratings), list(files["file"])) == (len(cells), [copy.name])
    assert set(ratings["value"].dropna()) == {2}
    assert "0 error(s), 1 other remark(s)" in run("check", "study/incoming")


def test_a_copy_of_another_workbook_replaces_nothing(run: Callable[..., str], tmp_path: Path) -> None:
    study, cells = coded(tmp_path, run)
    (sent,) = (study / "outgoing").glob("*.xlsx")
    fill_workbook(sent, study / "incoming" / "copy_please_fix.xlsx", cells)
    fill_workbook(sent, study / "incoming" / sent.name, cells)
    problems = read_incoming(load_study(study))[1]
    assert [one.code for one in problems if one.severity == "error"] == ["duplicate_rating"]


def test_a_file_whose_sheet_was_renamed_is_replaced_by_its_mended_copy(run: Callable[..., str], tmp_path: Path) -> None:
    study, cells = coded(tmp_path, run)
    (sent,) = (study / "outgoing").glob("*.xlsx")
    there = study / "incoming" / sent.name
    fill_workbook(sent, there, cells)
    whole = there.read_bytes()
    workbook = load_workbook(there)
    workbook["Rate"].title = "Codes"
    workbook.save(there)
    assert "sheet_missing" in run("check", "study/incoming")
    (study / "incoming" / f"{sent.stem}_please_fix.xlsx").write_bytes(whole)
    ratings, problems, _ = read_incoming(load_study(study))
    assert [(one.code, one.file) for one in problems] == [("mended_copy", sent.name)]
    assert len(ratings) == len(cells)
    there.write_bytes(b"not a workbook at all")
    assert [one.code for one in read_incoming(load_study(study))[1]] == ["mended_copy"]
