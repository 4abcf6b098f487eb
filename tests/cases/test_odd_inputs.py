"""Odd files and tables that changed numbers, or left people out, without a word; all inputs are synthetic."""

from __future__ import annotations

import os
import re
import sys
import time
import zipfile
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from typer.testing import CliRunner

from doublecode.analysis import alpha
from doublecode.analysis.cli.app import app
from doublecode.analysis.mixed.formula import parse_formula
from doublecode.analysis.study.run import read_study
from doublecode.coding.reading.incoming import not_read_inside, read_workbook
from doublecode.coding.reading.long_table import read_rows, read_wide
from doublecode.coding.reading.study_remarks import remarks_on_tables
from doublecode.coding.reading.study_tables import read_study_table
from doublecode.coding.reading.table_remarks import alike
from doublecode.schemas.errors import ContractError, FormulaError, StudyError, UsageError
from doublecode.schemas.item import Item
from doublecode.schemas.study import load_study
from doublecode.schemas.study_parts import refuse_twice
from doublecode.schemas.toml_lines import EntryError

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "hostile"))

from small_study import make_small
from test_one_bad_declaration import Toy

FLEISS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]  # Shrout & Fleiss 1979
LONG = ("session", "rater", "score")
ROWS = [(f"S{i}", f"J{j}", score) for i, row in enumerate(FLEISS, 1) for j, score in enumerate(row, 1)]


def text(rows=ROWS, heads=LONG) -> str:
    return "\n".join(",".join(map(str, row)) for row in (heads, *rows)) + "\n"


def read(path: Path, data: str | bytes, heads=LONG):
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    table, remarks = read_rows(path, heads, numbers=(heads[2],))
    return table, {one.code: one for one in remarks}


def workbook(path: Path, change) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Data"
    for row in (LONG, *ROWS):
        sheet.append(list(row))
    change(book, sheet)
    book.save(path)
    return path


@pytest.mark.parametrize("label", ["Mean", "Total:", "Mittelwert", "SD", "Ø Summe"])
def test_a_row_of_means_below_a_table_is_a_caution(tmp_path, label):
    path = tmp_path / "t.csv"
    rows = [(f"S{i}", *row) for i, row in enumerate(FLEISS, 1)]
    path.write_text(text([*rows, (label, 7.67, 2.5, 4.33, 6.67)], ("session", "J1", "J2", "J3", "J4")))
    table, remarks = read_wide(path, "session", ("J1", "J2", "J3", "J4"))
    assert table["session"].nunique() == 7  # read as it stands, and said
    assert [(one.code, one.subject) for one in remarks] == [("label_like_summary", "session")]
    assert label in remarks[0].found


def test_a_factor_with_a_level_called_total_is_none(tmp_path):
    assert not read(tmp_path / "t.csv", "session,rater,score\ntotal,J1,1\npartial,J1,2\nnone,J1,3\n")[1]


def test_the_initials_of_somebody_and_a_scale_called_total_are_none(tmp_path):
    raters = [(f"S{n}", rater, n % 5) for n in range(6) for rater in ("AB", "CD", "SD", "EF", "GH")]
    assert not read(tmp_path / "t.csv", text(raters))[1]
    scales = [(f"S{n}", scale, n % 7) for n in range(30) for scale in ("total", "affect", "bond", "goal", "task")]
    assert not read(tmp_path / "t.csv", text(scales))[1]
    totals = [*[(f"S{n}", f"R{k}", n % 7) for n in range(6) for k in range(5)], ("S9", "Total", 60)]
    assert read(tmp_path / "t.csv", text(totals))[1]["label_like_summary"].found == '"Total" × 1'


def test_rows_that_were_pasted_twice_are_said_with_their_places(tmp_path):
    """Read as two rows each, and every statistic takes them for two people."""
    heads = ("patient", "session", "score")
    rows = [(f"P{n // 4}", n % 4, n % 5) for n in range(40)]
    said = read(tmp_path / "t.csv", text([*rows, *rows[2:5]], heads), heads)[1]["equal_rows"]
    assert (said.cell, said.found, said.allowed) == (
        "line 42",
        "line 42 and line 4, and 2 more",
        '"patient", "session"',
    )
    assert not read(tmp_path / "t.csv", text(rows, heads), heads)[1]


def test_people_who_answer_alike_are_no_rows_pasted_twice(tmp_path):
    heads = ("i1", "i2", "i3")
    answers = [(n % 4, n * 7 % 5, n * n % 3) for n in range(100)]
    assert len(set(answers)) < len(answers)
    assert not read(tmp_path / "t.csv", text(answers, heads), heads)[1]
    two = [(n % 9, n % 10) for n in range(30)] * 2  # two columns tell all different rows apart, whatever they are
    path = tmp_path / "t.csv"
    path.write_text(text(two, ("a", "b")))
    assert not read_rows(path, ("a", "b"))[1]


def test_lines_that_end_with_a_sign_of_few_programs_are_named(tmp_path):
    with pytest.raises(ContractError, match=r"t\.csv: the lines end with a sign that only some programs take"):
        read(tmp_path / "t.csv", text().replace("\n", "\u2028"))


def test_ids_that_a_spreadsheet_rewrites_are_alike():
    assert alike(["1", "1.0", "7", "007", "1E5", "100000"]) == '"1" / "1.0"; "7" / "007"; "1E5" / "100000"'
    assert alike(["1.1", "1.10", "2.1", "1e400", "12", "1e1000000"]) == ""  # numbered in two levels; no numbers


def test_an_umlaut_of_two_letters_is_that_of_one(tmp_path):
    """macOS writes u and a dots after it; people type, and see, one letter."""
    apart, whole = "Pru\u0308fer", "Pr\u00fcfer"
    rows = [(one, "Mu\u0308ller" if n % 2 else "M\u00fcller", score) for n, (one, _, score) in enumerate(ROWS)]
    table, remarks = read(tmp_path / "t.csv", text(rows, ("session", apart, "score")), ("session", whole, "score"))
    assert set(table[whole]) == {"M\u00fcller"}
    assert not remarks
    sheet = tmp_path / "t.xlsx"
    pd.DataFrame(rows, columns=["session", whole, "score"]).to_excel(sheet, index=False)
    table, remarks = read_rows(sheet, ("session", apart, "score"), numbers=("score",))  # typed apart, stands whole
    assert set(table[apart]) == {"M\u00fcller"}
    assert remarks == []


def test_an_error_of_a_spreadsheet_among_the_labels_is_a_caution(tmp_path):
    remarks = read(tmp_path / "t.csv", text().replace("S3,J1", "#REF!,J1"))[1]
    assert remarks["label_like_missing"].found == '"#REF!" × 1'


def test_merged_ratings_are_said(tmp_path):
    path = workbook(tmp_path / "t.xlsx", lambda book, sheet: sheet.merge_cells("C2:C3"))
    table, remarks = read_rows(path, LONG, numbers=("score",))
    assert table["score"].count() == 23
    assert [(one.code, one.cell, one.found) for one in remarks] == [("merged_read", "C2", "C2:C3")]


def test_a_merged_title_above_the_heads_is_none_of_these(tmp_path):
    def titled(book, sheet):
        sheet.insert_rows(1)
        sheet["A1"] = "Ratings"
        sheet.merge_cells("A1:C1")

    with pytest.raises(ContractError, match=r"The heads stand in the row of A2"):
        read_rows(workbook(tmp_path / "t.xlsx", titled), LONG)


@pytest.mark.parametrize("first", ["hidden", "empty", "chart"])
def test_the_first_sheet_is_one_that_is_seen_and_holds_something(tmp_path, first):
    def change(book, sheet):
        if first == "chart":
            book.create_chartsheet("Before", 0)
        else:
            before = book.create_sheet("Before", 0)
            if first == "hidden":
                before.append(list(LONG))
                before.append(["S1", "J1", 3])
                before.sheet_state = "veryHidden"
        book.active = 1

    table, remarks = read_rows(workbook(tmp_path / "t.xlsx", change), LONG, numbers=("score",))
    assert len(table) == 24
    assert remarks == []


def test_a_workbook_called_csv_is_named(tmp_path):
    path = workbook(tmp_path / "t.xlsx", lambda book, sheet: None)
    folder = Toy().write(tmp_path / "study")
    (folder / "patients.csv").write_bytes(path.read_bytes())
    with pytest.raises(ContractError, match=r"patients\.csv: is a workbook under the name of a text file"):
        read_study_table(load_study(folder), "patients")


# tables of a study


def changed(folder: Path, file: str, old: str, new: str) -> Path:
    path = folder / file
    held = path.read_text(encoding="utf-8")
    assert old in held
    path.write_text(held.replace(old, new), encoding="utf-8")
    return folder


@pytest.fixture
def folder(tmp_path) -> Path:
    toy = Toy()
    toy.patients = 10
    return toy.write(tmp_path / "toy")


def test_nobody_is_called_na(folder):
    """The models took the id for a missing value and left the person out."""
    for file in ("patients.csv", "sessions.csv", "outcomes/mood.csv"):
        changed(folder, file, "P3,", "NA,")
    with pytest.raises(ContractError, match=r"sessions\.csv: column 'patient', line 14: found 'NA', which stands for"):
        read_study(folder)


def test_na_of_r_is_an_empty_cell_where_a_cell_may_be_empty(folder):
    changed(folder, "sessions.csv", ",,,main,held,,", ",NA,NA,main,held,NA,NA")
    sessions = read_study_table(load_study(folder), "sessions")
    assert sessions[["date", "minutes", "reason", "recording"]].isna().all(axis=None)


def test_a_number_of_a_session_is_whole_however_it_is_written_and_no_billion(folder):
    changed(folder, "sessions.csv", "S-P32,P3,T1,2", "S-P32,P3,T1,2.0")
    assert read_study_table(load_study(folder), "sessions")["session"].dtype == "int64"
    changed(folder, "sessions.csv", "S-P32,P3,T1,2.0", "S-P32,P3,T1,4e21")
    with pytest.raises(ContractError, match=r"line 15: found 4e\+21, allowed whole numbers up to 1,000,000"):
        read_study_table(load_study(folder), "sessions")


@pytest.mark.parametrize("name", ["Sessions.csv", "sessions.CSV", "SESSIONS.Csv"])
def test_a_table_is_found_in_any_case_and_never_chosen_of_two(folder, name):
    held = (folder / "sessions.csv").read_text()
    (folder / "sessions.csv").rename(folder / name)
    assert len(read_study_table(load_study(folder), "sessions")) == 60
    (folder / "sessions.csv").write_text(held)
    if len([path for path in folder.iterdir() if path.name.lower() == "sessions.csv"]) == 2:  # a file system with cases
        with pytest.raises(StudyError, match="lies there twice"):
            read_study_table(load_study(folder), "sessions")


@pytest.mark.parametrize(
    ("old", "new", "code", "found"),
    [
        ("P1,completed,,20", "P1,completed,,999", "far_value", "999 × 1"),
        ("P1,completed,,20,f", "P1,completed,,20,F", "labels_alike", '"F" / "f"'),
        ("P1,completed,,20,f", "P1,completed,,20,?", "label_like_missing", '"?" × 1'),
    ],
)
def test_what_is_odd_in_a_column_that_is_asked_for_is_said_before_every_answer(folder, old, new, code, found):
    changed(folder, "patients.csv", old, new)
    said = [(one.code, one.found) for one in remarks_on_tables(load_study(folder))]
    assert said == [(code, found)]


def test_columns_that_nobody_asks_for_are_not_looked_at(folder):
    changed(folder, "patients.csv", ",same", ",idle")
    changed(folder, "study.toml", 'column = "same"', 'column = "never"')
    changed(folder, "patients.csv", "20,f,,5", "20,f,,99999")
    assert remarks_on_tables(load_study(folder)) == []


def test_a_word_among_numbers_is_a_slip_of_the_table_and_na_is_none(folder):
    changed(folder, "patients.csv", "P1,completed,,20", "P1,completed,,NA")
    read_study(folder)
    changed(folder, "patients.csv", "P1,completed,,NA", "P1,completed,,twenty")
    with pytest.raises(ContractError, match=r"patients\.csv: column 'age', line 2: found 'twenty' among numbers"):
        read_study(folder)


def test_decimal_commas_of_a_column_that_must_be_a_number(folder):
    changed(folder, "patients.csv", "P1,completed,,20", 'P1,completed,,"20,5"')
    read_study(folder)


def test_frame_says_the_warnings_of_the_data(folder):
    changed(folder, "patients.csv", "P1,completed,,20", "P1,completed,,999")
    shown = CliRunner().invoke(app, ["frame", str(folder)])
    assert shown.exit_code == 0
    assert "patients.csv · far_value · age: 999 × 1" in shown.stderr


# workbooks, formulas


def test_heads_that_changed_places_without_their_codes_are_refused(tmp_path):
    """Read by their names, the codes of one item were those of the other."""
    study = make_small(tmp_path / "small")
    name = "R1_thabs_batch01.xlsx"
    book = openpyxl.load_workbook(study / "incoming" / name)
    sheet = book["Rate"]
    heads = {cell.value: cell for cell in sheet[4]}
    heads["rationale"].value, heads["reactions"].value = "reactions", "rationale"
    book.save(study / "incoming" / name)
    _, problems = read_workbook(study / "incoming" / name, study=load_study(study))
    said = [(one.cell, one.found, one.allowed) for one in problems if one.code == "header_renamed"]
    assert said == [
        (heads["rationale"].coordinate, '"reactions"', '"rationale"'),
        (heads["reactions"].coordinate, '"rationale"', '"reactions"'),
    ]


def test_two_mistyped_ids_are_two_sessions(tmp_path):
    """Each was taken for the session of another row, which was nearer, and its own was missed by nobody."""
    study = make_small(tmp_path / "small")
    path = study / "incoming" / "R1_thabs_batch01.xlsx"
    book = openpyxl.load_workbook(path)
    sheet = book["Rate"]
    wanted = [sheet["A5"].value, sheet["A6"].value]
    kept = sheet["A7"].value
    sheet["A5"].value, sheet["A6"].value = f"{kept}X", f"{kept}Y"
    book.save(path)
    _, problems = read_workbook(path, study=load_study(study))
    meant = {re.sub(".* ", "", str(one.allowed)) for one in problems if one.code == "unknown_session" and one.allowed}
    missed = {one.subject for one in problems if one.code == "row_missing"}
    assert kept not in meant
    assert set(wanted) <= meant | missed


def test_a_cell_of_two_values_is_damage(tmp_path):
    """The last one counted, and a spreadsheet program shows the first."""
    path = workbook(tmp_path / "t.xlsx", lambda book, sheet: None)
    rewritten = tmp_path / "two.xlsx"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(rewritten, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name.endswith("sheet1.xml"):
                assert b"<v>9</v>" in data
                data = data.replace(b"<v>9</v>", b"<v>9</v><v>1</v>", 1)
            new.writestr(name, data)
    with pytest.raises(UsageError, match="the cell C2 holds two values"):
        read_rows(rewritten, LONG)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no pipes among files")
def test_a_link_to_nothing_and_a_pipe_in_incoming_are_said(tmp_path):
    study = make_small(tmp_path / "small")
    (study / "incoming" / "R1_link.xlsx").symlink_to(tmp_path / "nowhere.xlsx")
    os.mkfifo(study / "incoming" / "pipe.xlsx")
    said = {one.file: one.found for one in not_read_inside(load_study(study)) if one.code == "no_file"}
    assert said == {"R1_link.xlsx": "a link to nothing", "pipe.xlsx": "a pipe or a device"}


def test_a_list_of_many_names_is_held_to_itself_in_one_go():
    began = time.perf_counter()
    with pytest.raises(EntryError, match="raters name 'R' twice"):
        refuse_twice("raters", [f"R{n}" for n in range(100_000)] + ["R", "R"])
    assert time.perf_counter() - began < 5  # by comparing each with all before it, a minute


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("y ~ x + (0 | g)", r"random term \(0 \| g\) .* lets nothing vary"),
        ("y ~ x + (1 - 1 | g)", "lets nothing vary"),
        ("y ~ x ** 999999999 + (1 | g)", "found the power 999999999"),
        ("y ~ (a + b + c + d + e + f + h) ^ 9 + (1 | g)", "found the power 9"),
        ("y ~ " + " * ".join("abcdefghijklmnopqrstuv") + " + (1 | g)", "22 terms multiplied by one another"),
        ("y ~ " + "(" * 3000 + "x" + ")" * 3000 + " + (1 | g)", "3000 brackets in one another"),
        ("y ~ " + "x + " * 9000 + "(1 | g)", "letters; allowed: 20,000"),
    ],
)
def test_formulas_that_took_all_memory_or_ended_in_a_fault(formula, said):
    with pytest.raises(FormulaError, match=said):
        parse_formula(formula)


@pytest.mark.parametrize(
    "formula",
    [
        "y ~ (a + b) ^ 2 + (1 | g)",
        "y ~ I(x ** 12) + (0 + x | g)",
        "y ~ `a^5000` + (x - 1 | g)",
        "y ~ a * b * c + d * e * f + g * h * i + j * k * l + (a * b | g)",
    ],
)
def test_formulas_of_people_are_read(formula):
    assert parse_formula(formula).terms


def test_a_lock_of_excel_is_named(tmp_path):
    (tmp_path / "~$t.xlsx").write_bytes(b"\x05Rater" + b" " * 160)
    with pytest.raises(UsageError, match=r"the mark that Excel leaves beside an open workbook\. Close the workbook"):
        read_rows(tmp_path / "~$t.xlsx", LONG)


def test_a_row_of_means_is_found_by_a_column_that_is_not_read(tmp_path):
    rows = [(f"S{i}", *row) for i, row in enumerate(FLEISS, 1)]
    path = tmp_path / "t.csv"
    path.write_text(text([*rows, ("Mean", 7.67, 2.5, 4.33, 6.67)], ("session", "a", "b", "c", "d")))
    _, remarks = read_rows(path, ("a", "b", "c", "d"), numbers=("a", "b", "c", "d"))
    assert [(one.code, one.cell, one.found) for one in remarks] == [("label_like_summary", "line 8", '"Mean"')]


def test_three_times_the_same_item_has_no_warning_of_numpy():
    items = pd.DataFrame({name: [0, 1, 2, 3, 4, 2, 1, 3, 0, 4] for name in "abc"})
    assert alpha(items).frame["estimate"].tolist() == pytest.approx(
        [1.0, 1.0]
    )  # raw and standardised; warnings are errors here


def test_a_marked_copy_that_cannot_be_written_hides_no_problem(tmp_path):
    study = make_small(tmp_path / "small")
    first, longest = study / "incoming" / "R1_thabs_batch01.xlsx", study / "incoming" / f"{'w' * 245}.xlsx"
    book = openpyxl.load_workbook(first)
    book["Rate"]["C5"].value = 9
    book.save(longest)  # its copy would have a name of more than 255 letters
    first.unlink()
    (study / "incoming" / "march").mkdir()
    (study / "incoming" / "march" / "R4.xlsx").write_bytes(b"")
    shown = CliRunner().invoke(app, ["check", str(study / "incoming"), "--study", str(study)])
    assert shown.exit_code == 1
    assert "out_of_range" in shown.stderr
    assert f"No marked copy of {longest.name}" in shown.stderr
    assert "march/ · not_read" in shown.stderr  # as import says


def test_a_row_of_sums_in_a_list_of_sessions_is_a_caution(tmp_path):
    path = tmp_path / "list.csv"
    rows = "".join(f"K{p};{s};0{s}.0{p}.2021\n" for p in range(1, 6) for s in (1, 2))
    path.write_text(f"Patient;Sitzung;Datum\n{rows}Summe;10;\n")
    command = [
        "init",
        str(tmp_path / "study"),
        "--sessions",
        str(path),
        "--raters",
        "anna,ben",
        "--instruments",
        "ghes",
    ]
    shown = CliRunner().invoke(app, [*command, "--yes"])
    assert 'label_like_summary · patient: "Summe" × 1' in shown.stdout + shown.stderr


def test_an_ordinal_item_of_billions_of_codes_is_refused():
    """Each code was written into the memory."""
    with pytest.raises(ValueError, match=r'an ordinal item has at most 10,000 codes; write type = "count"'):
        Item(name="a", label="A", minimum=0, maximum=4_000_000_000)
    assert len(Item(name="a", label="A", minimum=0, maximum=100).codes) == 101
