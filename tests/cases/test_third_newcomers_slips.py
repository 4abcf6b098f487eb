"""Every slip of a list or of a declaration, at its own place and all in one run (README.md); data are made up."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest
from typer.testing import CliRunner

from doublecode.analysis.cli.app import app
from doublecode.analysis.study.run import read_study
from doublecode.schemas.errors import DoublecodeError, UsageError

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


SCALE = """\
name = "scale"
title = "Scale"
version = "1.0"
citation = "Nobody (2020)."
rights = "Ours."
items = [{ name = "warm", label = "Warm", minimum = 1, maximum = 7 }]
scales = [{ name = "warmth", label = "Warmth", items = ["warm"], score = "mean" }]
"""
STUDY = """\
name = "toy"
title = "Toy"
events = [{ name = "prae", label = "Prä" }, "fu_6_monate"]
raters = [{ id = "anna" }, { id = "ben" }]
instruments = [
    { name = "scale.toml", raters = ["anna", "ben"] },
    { name = "bdi.toml", source = "outcomes" },
]
variables = [
    { name = "warmth", instrument = "scale", scale = "warmth" },
    { name = "before", instrument = "bdi", scale = "warmth", event = "prae" },
]
series = [{ name = "course", title = "Course", steps = ["warmth ~ session + before + (1 | patient)"] }]
"""


def refused(folder: Path, *slips: tuple[str, str], scale: str = SCALE) -> str:
    text = STUDY
    for right, wrong in slips:
        assert right in text, right
        text = text.replace(right, wrong, 1)
    (folder / "study.toml").write_text(text, encoding="utf-8")
    (folder / "scale.toml").write_text(scale, encoding="utf-8")
    (folder / "bdi.toml").write_text(SCALE.replace('name = "scale"', 'name = "bdi"'), encoding="utf-8")
    (folder / "sessions.csv").write_text("session_id,patient,session\nS-1,P1,1\nS-2,P1,2\n", encoding="utf-8")
    (folder / "patients.csv").write_text("patient,status,age\nP1,completed,x\n", encoding="utf-8")
    for name in ("incoming", "outcomes"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "outcomes" / "bdi.csv").write_text("patient,session,event,warm\nP1,,prae,3\n", encoding="utf-8")
    try:
        read_study(folder)
    except UsageError as wrong:
        return str(wrong)
    return ""


def test_the_study_of_these_tests_is_read(tmp_path: Path) -> None:
    assert refused(tmp_path) == ""


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ('event = "prae"', 'event = "Prä"', "no event 'Prä'; allowed: prae, fu_6_monate; did you mean 'prae'?"),
        ('event = "prae"', 'event = "FU 6 Monate"', "did you mean 'fu_6_monate'?"),
        ('scale = "warmth", event', 'scale = "Wärmth", event', "no scale 'Wärmth'; allowed: warmth; did you"),
        ('instrument = "scale", scale = "warmth"', 'instrument = "scale", item = "Warm"', "did you mean 'warm'?"),
        ('raters = ["anna", "ben"]', 'raters = ["Änna", "ben"]', "'Änna' is not declared; allowed: anna, ben; did"),
        ('name = "prae"', 'name = "Prä"', "holds only a-z, 0-9 and _, such as 'prae'"),
        ('{ id = "ben" }', '{ id = "Jürgen B." }', "such as 'juergen_b'"),
        ('name = "course"', 'name = "Größe"', "such as 'groesse'"),
    ],
)  # fmt: skip
def test_a_name_with_an_umlaut_is_answered_with_the_names_there_are(
    right: str, wrong: str, said: str, tmp_path: Path
) -> None:
    assert said in refused(tmp_path, (right, wrong))


def test_slips_of_one_kind_of_check_are_named_in_one_run(tmp_path: Path) -> None:
    """Entries, rules between entries, names of codebooks and tables, columns of tables: each kind all at once."""
    entries = refused(tmp_path, ("source = ", "sauce = "), ('raters = [{ id = "anna" }', "raters = [{ id = 7 }"))
    assert "study.toml: 2 wrong entries." in entries
    between = refused(
        tmp_path, ('["anna", "ben"]', '["ana", "bem"]'), ('name = "before"', 'name = "warmth"'),
        ("\nseries", '\nsample_columns = ["a", "a"]\nseries'),
    )  # fmt: skip
    assert between.startswith("study.toml: 4 wrong entries.")
    for said in ("variable 'warmth' stands twice", "rater 'ana'", "rater 'bem'", "sample_columns name 'a' twice"):
        assert said in between
    names = refused(
        tmp_path, ('scale = "warmth" }', 'scale = "x" }'), ('"prae" }', '"post" }'), ("+ before", "+ befor"),
        ("\nseries", '\nregression_errors = "HC3"\ntables = { sessions = { file = "no.csv" } }\nseries'),
    )  # fmt: skip
    assert names.startswith("study.toml: 5 wrong entries.")
    for said in ("no scale 'x'", "no event 'post'", "'befor' is no column", "regression_errors:", "no 'no.csv'"):
        assert said in names
    columns = refused(
        tmp_path, ('    { name = "before"', '    { name = "a", column = "agee" },\n    { name = "before"'),
        ("\nseries", '\nsample_columns = ["sex"]\nseries'), ("session + before", "session ++ before + I("),
    )  # fmt: skip
    assert columns.startswith("study.toml: 3 wrong entries.")
    for said in ("no column 'agee'", "sample_columns: there is no column 'sex'", "series 'course', step 1"):
        assert said in columns


def test_codebooks_that_are_not_there_are_all_named(tmp_path: Path) -> None:
    said = refused(tmp_path, ('"scale.toml"', '"scal.toml"'), ('"bdi.toml"', '"bdo.toml"'))
    assert said.startswith("study.toml: 2 wrong entries.")
    assert "did you mean 'scale.toml'?" in said
    assert "did you mean 'bdi.toml'?" in said


def test_rules_of_a_codebook_that_are_broken_are_all_named(tmp_path: Path) -> None:
    said = refused(
        tmp_path,
        scale=SCALE.replace('items = ["warm"]', 'items = ["Warm", "cold"]').replace(
            "\nitems = [",
            '\nmissing_codes = { NR = "" }\nitems = [{ name = "notes", label = "N", minimum = 1, maximum = 3 }, ',
        ),
    )
    assert "scale.toml: 4 wrong entries." in said
    for part in (
        "'notes': this name is taken",
        "missing code 'NR'",
        "'Warm' is no numeric item",
        "'cold' is no",
    ):
        assert part in said


def test_a_text_file_that_notepad_called_toml_txt_is_named(tmp_path: Path) -> None:
    refused(tmp_path)
    (tmp_path / "scale.toml").rename(tmp_path / "scale.toml.txt")
    answer = CliRunner().invoke(app, ["instrument", "check", str(tmp_path / "scale.toml")])
    assert "A file scale.toml.txt is: take .txt off its name." in str(answer.exception)
