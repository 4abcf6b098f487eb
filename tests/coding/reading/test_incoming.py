from __future__ import annotations

import datetime as dt
import io
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.comments import Comment

from doublecode.coding.reading.incoming import checks_not_done, read_incoming, read_workbook
from doublecode.schemas.errors import ContractError, UsageError
from doublecode.schemas.frames import RATINGS, check_frame
from doublecode.schemas.problems import Problem
from doublecode.schemas.study import Study, load_study

NAME = "R1_thabs_batch01.xlsx"
GHES = "R1_ghes_batch01.xlsx"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def edit(path: Path, change: Any, sheet: str = "Rate") -> None:
    workbook = openpyxl.load_workbook(path)
    change(workbook[sheet])
    workbook.save(path)


def place(problems: list[Problem], code: str) -> list[tuple[str, str, str]]:
    return [(one.file, one.sheet, one.cell) for one in problems if one.code == code]


def errors(problems: list[Problem]) -> list[Problem]:
    return [one for one in problems if one.severity == "error"]


def id_of(path: Path, row: int) -> str:
    return str(openpyxl.load_workbook(path)["Rate"].cell(row, 1).value)


def session_number(study: Study, path: Path, row: int) -> int:
    import pandas as pd

    table = pd.read_csv(study.folder / "sessions.csv").set_index("session_id")
    return int(table.loc[id_of(path, row), "session"])


def test_clean_workbook_reads_without_a_problem(study, filled):
    path = filled(NAME)
    ratings, problems = read_workbook(path, study=study)
    assert problems == []
    sheet = openpyxl.load_workbook(path)["Rate"]
    n_sessions = sheet.max_row - 4
    assert len(ratings) == n_sessions * 6
    check_frame(ratings, RATINGS)
    heads = {cell.value: cell.column_letter for cell in sheet[4]}
    for row in ratings.itertuples():
        assert row.value == sheet[row.source_cell].value
        assert row.source_cell.startswith(heads[row.item])
        assert sheet[f"A{row.source_cell[1:]}"].value == row.session_id
    assert set(ratings["patient"]) <= {f"P{n}" for n in range(1, 7)}
    assert set(ratings["role"]) == {"primary", "second"}


def test_ten_planted_errors_in_one_workbook(study, filled):
    path = filled(NAME)

    def plant(sheet: Any) -> None:
        sheet["E5"] = 7  # specification
        sheet["F5"] = 2.5  # rationale
        sheet["G5"] = "good"  # reactions
        sheet["E6"] = True
        sheet["F6"] = dt.date(2026, 3, 2)
        sheet["J6"] = dt.time(1, 30)  # time_assigning
        sheet["G6"] = "=1+1"
        sheet["E7"] = None
        sheet["F7"] = "NA"  # rationale is never NA
        sheet["A8"] = str(sheet["A8"].value)[:-1] + "X"

    edit(path, plant)
    original = openpyxl.load_workbook(study.folder / "outgoing" / NAME)["Rate"]["A8"].value
    ratings, problems = read_workbook(path, study=study)
    found = {(one.code, one.cell) for one in errors(problems)}
    assert found == {
        ("out_of_range", "E5"),
        ("half_point", "F5"),
        ("not_a_number", "G5"),
        ("boolean_cell", "E6"),
        ("excel_date", "F6"),
        ("clock_duration", "J6"),
        ("formula_cell", "G6"),
        ("missing_rating", "E7"),
        ("not_applicable_here", "F7"),
        ("unknown_session", "A8"),
    }
    lines = {one.code: str(one) for one in problems}
    session = id_of(path, 5)
    assert lines["out_of_range"] == (
        f"{NAME} › Rate!E5 · out_of_range · {session}, specification: found 7, allowed 0–4 or IN/NR. "
        "Type an allowed value."
    )
    assert f"the nearest is {original}" in lines["unknown_session"]
    n_sessions = len(openpyxl.load_workbook(path)["Rate"]["A"]) - 4
    assert len(ratings) == (n_sessions - 1) * 6 - 9
    assert set(ratings["source_cell"]).isdisjoint({"E5", "F5", "G5", "E6", "F6", "J6", "G6", "E7", "F7"})


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (-1, "out_of_range"),
        (99, "out_of_range"),
        (0.5, "half_point"),
        ("3,5", "half_point"),
        ("2-3", "not_a_number"),
        ("1:30", "clock_duration"),
        ("2 or 3", "not_a_number"),
        (dt.datetime(2026, 2, 3), "excel_date"),
        (dt.timedelta(hours=30), "clock_duration"),
        (False, "boolean_cell"),
        ("  ", "missing_rating"),
        ("N/A", "not_applicable_here"),
    ],
)
def test_every_wrong_cell_has_its_code(study, filled, value, code):
    path = filled(NAME, {(5, "rationale"): None})
    edit(path, lambda sheet: sheet.__setitem__("F5", value))
    ratings, problems = read_workbook(path, study=study)
    assert [(one.code, one.cell) for one in problems] == [(code, "F5")]
    assert "F5" not in set(ratings["source_cell"])


@pytest.mark.parametrize(("value", "number"), [("3 ", 3.0), ("3", 3.0), (" 2,0", 2.0), ("+1", 1.0)])
def test_text_numbers_are_read_and_listed(study, filled, value, number):
    path = filled(NAME, {(5, "rationale"): value})
    ratings, problems = read_workbook(path, study=study)
    assert [(one.code, one.cell, one.severity) for one in problems] == [("text_number", "F5", "info")]
    assert ratings.set_index("source_cell").loc["F5", "value"] == number


def test_missing_codes_are_kept_and_put_right(study, filled):
    path = filled(NAME, {(5, "rationale"): "IN", (6, "rationale"): "nr "})
    ratings, problems = read_workbook(path, study=study)
    cells = ratings.set_index("source_cell")
    assert cells.loc["F5", "missing_code"] == "IN"
    assert cells.loc["F6", "missing_code"] == "NR"
    assert cells.loc[["F5", "F6"], "value"].isna().all()
    assert place(problems, "text_number") == [(NAME, "Rate", "F6")]


def test_na_is_held_against_the_session_number(study, filled):
    path = filled(NAME)
    rows = range(5, openpyxl.load_workbook(path)["Rate"].max_row + 1)
    first = next(row for row in rows if session_number(study, path, row) == 1)
    later = next(row for row in rows if session_number(study, path, row) > 1)
    filled(NAME, {(first, "review"): "NA", (later, "review"): "NA", (later, "praise"): "NA"})
    _, problems = read_workbook(path, study=study)
    assert [(one.code, one.cell) for one in problems] == [("not_applicable_here", f"H{later}")]
    assert "NA only in session 1" in str(problems[0])
    _, without_study = read_workbook(path)
    assert without_study == []
    assert any("session's number" in text for text in checks_not_done(None))


def test_log_items(study, filled):
    path = filled(GHES, {(5, "homework_done"): None, (6, "homework_done"): "=1"})
    _, problems = read_workbook(path, study=study)
    assert [(one.code, one.cell) for one in problems] == [("log_missing", "F5"), ("formula_cell", "F6")]
    name = "R1_homework_log_batch01.xlsx"
    path = filled(name, {
        (5, "type_2"): "BE", (6, "difficulties_1"): "LT, ne", (7, "difficulties_1"): "XX", (8, "type_1"): "be",
    })  # fmt: skip
    ratings, problems = read_workbook(path, study=study)
    assert [(one.code, one.cell) for one in problems] == [
        ("log_missing", "I5"), ("text_number", "G6"), ("out_of_range", "G7"), ("text_number", "E8"),
    ]  # fmt: skip
    cells = ratings.set_index("source_cell")
    assert cells.loc["G6", "text"] == "NE,LT"
    assert cells.loc["E8", "text"] == "BE"
    assert cells.loc["H5", "text"] == "BE"


def test_given_column_is_read_and_never_a_problem(study, filled):
    ratings, problems = read_workbook(filled(GHES), study=study)
    assert problems == []
    given = ratings[ratings["item"] == "homework_given"]
    assert set(given["text"]) == {"mood diary"}


def test_session_not_codable(study, filled):
    empty = {(5, item.name): None for item in study.codebooks["thabs"].columns}
    path = filled(NAME, {**empty, (5, "status"): "poor_sound"})
    ratings, problems = read_workbook(path, study=study)
    assert problems == []
    own = ratings[ratings["session_id"] == id_of(path, 5)]
    assert len(own) == 6
    assert set(own["missing_code"]) == {"poor_sound"}
    filled(NAME, {(5, "status"): "poor_sound", (6, "status"): "asleep"})
    ratings, problems = read_workbook(path, study=study)
    assert [(one.code, one.cell) for one in problems] == [("status_contradicts", "K5"), ("out_of_range", "K6")]
    assert not ratings["session_id"].isin([id_of(path, 5), id_of(path, 6)]).any()


def test_formula_with_a_saved_result_is_read_and_listed(study, filled):
    path = filled(NAME)
    edit(path, lambda sheet: sheet.__setitem__("E5", "=1+2"))
    patch_part(path, lambda text: text.replace(b"<f>1+2</f><v></v>", b"<f>1+2</f><v>3</v>").replace(
        b"<f>1+2</f><v />", b"<f>1+2</f><v>3</v>"))  # fmt: skip
    ratings, problems = read_workbook(path, study=study)
    assert [(one.code, one.cell, one.found) for one in problems] == [("formula_value", "E5", "3")]
    assert ratings.set_index("source_cell").loc["E5", "value"] == 3


def patch_part(path: Path, change: Any, part: str = "xl/worksheets/sheet2.xml") -> None:
    with zipfile.ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    parts[part] = change(parts[part])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in parts.items():
            new.writestr(name, data)


def test_rows_are_identified(study, filled):
    path = filled(NAME)
    other = next(
        session for session in [f"S-{patient}{number}Q" for patient in range(1, 7) for number in range(1, 5)]
        if session not in assigned(study, "R1")
    )  # fmt: skip
    twice = id_of(path, 5)

    def change(sheet: Any) -> None:
        sheet["A6"] = twice
        sheet["A7"] = other
        sheet["A8"] = None

    lost = [id_of(path, row) for row in (6, 7, 8)]
    edit(path, change)
    ratings, problems = read_workbook(path, study=study)
    assert place(problems, "duplicate_rating") == [(NAME, "Rate", "A6")]
    assert place(problems, "not_assigned") == [(NAME, "Rate", "A7")]
    assert place(problems, "unknown_session") == [(NAME, "Rate", "A8")]
    assert {one.found for one in problems if one.code == "row_missing"} == set(lost)
    assert not ratings["session_id"].isin([twice, other, *lost]).any()


def assigned(study: Study, rater: str) -> set[str]:
    import pandas as pd

    table = pd.read_csv(study.folder / "assignments.csv", dtype=str)
    return set(table.loc[table["rater"] == rater, "session_id"])


def test_blank_rows_moved_columns_and_comments_are_accepted(study, filled):
    path = filled(NAME)
    before, _ = read_workbook(path, study=study)
    heads = [cell.value for cell in openpyxl.load_workbook(path)["Rate"][4]]
    order = [*heads[:4], "notes", *[name for name in heads[4:] if name != "notes"]]
    sessions = [id_of(path, 5), id_of(path, 7)]
    filled(NAME, column_order=order, blank_rows_after=sessions, comments={(sessions[0], "praise"): "not sure"})
    after, problems = read_workbook(path, study=study)
    assert [(one.code, one.severity) for one in problems] == [("columns_moved", "info"), ("comment_found", "info")]
    assert problems[0].found == "notes moved"
    keys = ["session_id", "item"]
    assert before.set_index(keys)["value"].sort_index().equals(after.set_index(keys)["value"].sort_index())
    assert place(problems, "comment_found") == [(NAME, "Rate", "J5")]


def test_the_shape_of_the_sheet(study, filled):
    path = filled(NAME)

    def change(sheet: Any) -> None:
        sheet.row_dimensions[6].hidden = True
        sheet.column_dimensions["G"].hidden = True
        sheet.merge_cells("E8:F8")

    edit(path, change)
    ratings, problems = read_workbook(path, study=study)
    assert place(problems, "hidden_rows") == [(NAME, "Rate", "G4"), (NAME, "Rate", "A6")]
    assert place(problems, "merged_cells") == [(NAME, "Rate", "E8")]
    assert len(problems) == 3
    assert {"E6", "G5"} <= set(ratings["source_cell"])
    assert {"E8", "F8"}.isdisjoint(ratings["source_cell"])


@pytest.mark.parametrize(
    ("head", "codes"),
    [
        ("Rationale", []),
        ("rational", ["header_renamed"]),
        ("reasons given", ["header_renamed"]),
        ("PHQ-9 total", ["blinding_breach", "header_renamed"]),
    ],
)
def test_heads(study, filled, head, codes):
    path = filled(NAME)
    edit(path, lambda sheet: sheet.__setitem__("F4", head))
    _, problems = read_workbook(path, study=study)
    assert sorted(one.code for one in problems) == codes
    if codes == ["header_renamed"]:
        assert (problems[0].cell, problems[0].allowed) == ("F4", '"rationale"')


def test_additional_columns(study, filled):
    path = filled(NAME)

    def change(sheet: Any) -> None:
        sheet["M4"], sheet["N4"], sheet["O4"] = "session", "my thoughts", "praise"

    edit(path, change)
    _, problems = read_workbook(path, study=study)
    assert [(one.code, one.cell) for one in problems] == [
        ("blinding_breach", "M4"), ("extra_column", "N4"), ("header_renamed", "O4"),
    ]  # fmt: skip


def test_no_heads_at_all(study, filled):
    path = filled(NAME)
    edit(path, lambda sheet: sheet.delete_rows(4))
    ratings, problems = read_workbook(path, study=study)
    assert [one.code for one in problems] == ["header_renamed"]
    assert ratings.empty
    check_frame(ratings, RATINGS)


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("study", "other", "wrong_instrument"),
        ("instrument", "sthar", "wrong_instrument"),
        ("instrument", "phq9", "wrong_instrument"),
        ("version", "0.9", "wrong_version"),
        ("hash", "0" * 64, "wrong_version"),
        ("rater", None, "no_stamp"),
    ],
)
def test_stamp(study, filled, key, value, code):
    path = filled(NAME)
    row = ["study", "instrument", "version", "hash", "rater", "batch"].index(key) + 1
    edit(path, lambda sheet: setattr(sheet.cell(row, 2), "value", value), "Stamp")
    ratings, problems = read_workbook(path, study=study)
    assert [one.code for one in problems] == [code]
    assert ratings.empty


def test_sheets_that_are_gone(study, filled):
    for sheet, code in (("Stamp", "no_stamp"), ("Rate", "sheet_missing")):
        path = filled(NAME)
        workbook = openpyxl.load_workbook(path)
        del workbook[sheet]
        workbook.save(path)
        assert [one.code for one in read_workbook(path, study=study)[1]] == [code]


def test_scoring_rules_do_not_change_the_stamp(study, filled):
    from doublecode.schemas.codebook_hash import coding_hash

    book = study.codebooks["ghes"]
    assert coding_hash(book) == coding_hash(book.with_reversal(()))
    assert coding_hash(book) != coding_hash(book.model_copy(update={"missing_codes": {"NA": "x"}}))


def test_files_that_are_no_workbooks(study, tmp_path):
    cases: dict[str, tuple[bytes, str]] = {
        "empty.xlsx": (b"", "not_a_workbook"),
        "text.xlsx": (b"session,rating\n", "not_a_workbook"),
        "table.csv": (b"session,rating\n", "not_a_workbook"),
        "paper.pdf": (b"%PDF-1.7", "not_a_workbook"),
        "locked.xlsx": (OLE + "EncryptedPackage".encode("utf-16-le"), "password_protected"),
        "old.xls": (OLE + "Workbook".encode("utf-16-le"), "unreadable_file"),
        "cut.xlsx": (b"PK\x03\x04rest is gone", "unreadable_file"),
        "letter.docx": (zipped({"word/document.xml": b"<w/>"}), "not_a_workbook"),
        "hollow.xlsx": (zipped({"xl/workbook.xml": b"<workbook>"}), "unreadable_file"),
        "entities.xlsx": (zipped({"xl/workbook.xml": b"<!DOCTYPE x [<!ENTITY a 'b'>]><x/>"}), "unreadable_file"),
        "bomb.xlsx": (zipped({"xl/workbook.xml": b"<x/>", "xl/sharedStrings.xml": bytes(110_000_000)}), "too_large"),
    }  # fmt: skip
    for name, (data, code) in cases.items():
        (tmp_path / name).write_bytes(data)
        ratings, problems = read_workbook(tmp_path / name, study=study)
        assert [(one.code, one.file) for one in problems] == [(code, name)], name
        assert ratings.empty
    assert [one.code for one in read_workbook(tmp_path / "nowhere.xlsx", study=study)[1]] == ["unreadable_file"]


def zipped(parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return out.getvalue()


def test_a_far_cell_does_not_fill_the_memory(study, filled):
    path = filled(NAME)
    edit(path, lambda sheet: setattr(sheet["XFD1048576"], "value", 1))
    assert [one.code for one in read_workbook(path, study=study)[1]] == ["too_large"]


def test_active_content_is_named_and_ignored(study, filled):
    path = filled(NAME)
    edit(path, lambda sheet: sheet.__setitem__("L5", '=WEBSERVICE("http://example.org")'))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("xl/vbaProject.bin", b"macro")
        archive.writestr("xl/externalLinks/externalLink1.xml", b"<externalLink/>")
    ratings, problems = read_workbook(path, study=study)
    assert [(one.code, one.cell) for one in problems] == [
        ("active_content", ""),
        ("active_content", ""),
        ("active_content", "L5"),
        ("note_found", "L5"),
    ]
    assert not errors(problems)
    assert len(ratings)


def test_incoming_is_held_together(study, filled):
    for name in (NAME, "R1_thabs_batch02.xlsx", "R2_thabs_batch01.xlsx"):
        filled(name)
    incoming = study.folder / "incoming"
    ratings, problems, files = read_incoming(study)
    assert problems == []
    check_frame(ratings, RATINGS)
    assert files["file"].tolist() == [NAME, "R1_thabs_batch02.xlsx", "R2_thabs_batch01.xlsx"]
    assert files["n_rows"].sum() == len(ratings)
    assert files.iloc[2][["instrument", "rater", "batch"]].tolist() == ["thabs", "R2", "batch01"]

    (incoming / "R1_thabs_copy.xlsx").write_bytes((incoming / NAME).read_bytes())
    again, problems, files = read_incoming(study)
    assert [(one.code, one.file) for one in problems] == [("duplicate_rating", "R1_thabs_copy.xlsx")]
    assert len(again) == len(ratings)
    _, problems, files = read_incoming(study, set_aside=["R1_thabs_copy.xlsx"])
    assert problems == []
    assert len(files) == 3
    with pytest.raises(UsageError, match=r"'nobody\.xlsx' is not in incoming"):
        read_incoming(study, set_aside=["nobody.xlsx"])
    (incoming / "R1_thabs_copy.xlsx").unlink()
    sha = files.set_index("file").loc[NAME, "sha256"]
    left, problems, files = read_incoming(study, superseded=[sha])
    assert [(one.code, one.severity, one.file) for one in problems] == [("older_file", "warning", NAME)]
    assert NAME not in set(left["source_file"])


def test_a_session_in_two_batches(study, filled):
    one, two = filled(NAME), filled("R1_thabs_batch02.xlsx")
    session = id_of(one, 5)
    moved = id_of(two, 5)
    edit(two, lambda sheet: sheet.__setitem__("A5", session))
    ratings, problems, _ = read_incoming(study)
    assert [(one.code, one.file, one.cell) for one in problems if one.code == "duplicate_rating"] == [
        ("duplicate_rating", "R1_thabs_batch02.xlsx", "A5")
    ]
    assert [one.found for one in problems if one.code == "row_missing"] == [moved]
    assert (ratings["session_id"] == session).sum() == 6


def test_without_a_study_the_stamp_names_the_codebook(filled):
    ratings, problems = read_workbook(filled(NAME))
    assert problems == []
    assert ratings["patient"].isna().all()
    check_frame(ratings, RATINGS)


def test_a_comment_of_the_red_pen_is_not_hers(study, filled):
    path = filled(NAME)
    edit(path, lambda sheet: setattr(sheet["E5"], "comment", Comment("[doublecode] found 7", "doublecode")))
    assert read_workbook(path, study=study)[1] == []


def give(study: Study, text: str | None = "mood diary") -> None:
    """The study keeps what was given: without another text, what the fixture wrote into the workbooks."""
    import pandas as pd

    table = pd.read_csv(study.folder / "sessions.csv", dtype=str)[["session_id"]]
    table.assign(item="homework_given", text=text).to_csv(study.folder / "given.csv", index=False)


def test_a_given_cell_that_was_changed_is_named_and_not_read(study, filled):
    give(study)
    path = filled(GHES)
    assert read_workbook(path, study=study)[1] == []

    def change(sheet: Any) -> None:
        sheet["E5"], sheet["E6"], sheet["E7"] = "worry diary", None, dt.date(2026, 3, 2)

    edit(path, change)
    ratings, problems = read_workbook(path, study=study)
    assert [(one.code, one.severity, one.cell, one.found, one.allowed) for one in problems] == [
        ("given_changed", "error", "E5", '"worry diary"', '"mood diary"'),
        ("given_changed", "error", "E6", "nothing", '"mood diary"'),
        ("given_changed", "error", "E7", '"2026-03-02"', '"mood diary"'),
    ]
    assert str(problems[0]) == (
        f"{GHES} › Rate!E5 · given_changed · {id_of(path, 5)}, homework_given: "
        'found "worry diary" where the study gave "mood diary". Put the given text back and say under notes '
        "what differs; a wrong entry is mended in the study's given.csv."
    )
    read = set(ratings["source_cell"])
    assert {"E5", "E6", "E7"}.isdisjoint(read)
    assert {"E8", "F5", "G5", "F7"} <= read
    assert read_workbook(path)[1] == []
    assert any("entered beforehand" in text for text in checks_not_done(None))


@pytest.mark.parametrize(
    ("given", "cell"),
    [
        ("mood diary", " mood\u00a0diary \n"),
        ("two\nlines", "two_x000D_\nlines"),
        ("two\r\nlines", "two lines"),
        ("\u00fcben", "u\u0308ben"),
        ("3", 3),
        ("3", "3.0"),
        ("2,5", 2.5),
        ("TRUE", True),
        ("=read", "=read "),
        ("_x0041_", "A"),
        ("a\tb", "a b"),
    ],
)
def test_what_a_spreadsheet_program_does_to_a_given_text_is_no_change(study, filled, given, cell):
    give(study, given)
    path = filled(GHES)

    def change(sheet: Any) -> None:
        for row in range(5, sheet.max_row + 1):
            sheet.cell(row, 5).value = cell
            if sheet.cell(row, 5).data_type == "f":
                sheet.cell(row, 5).data_type = "s"

    edit(path, change)
    assert read_workbook(path, study=study)[1] == []
    give(study, "another")
    assert {one.code for one in read_workbook(path, study=study)[1]} == {"given_changed"}


def test_a_given_text_where_none_was_given(study, filled):
    give(study, None)
    path = filled(GHES)
    _, problems = read_workbook(path, study=study)
    assert {(one.code, one.found, one.allowed) for one in problems} == {("given_changed", '"mood diary"', "nothing")}
    (study.folder / "given.csv").unlink()
    assert read_workbook(path, study=study)[1] == []
    assert checks_not_done(study) == ("whether what was entered beforehand is still there (no given.csv)",)


def test_a_given_column_that_is_gone(study, filled):
    path = filled(GHES)
    edit(path, lambda sheet: sheet.delete_cols(5))
    assert [(one.code, one.allowed) for one in read_workbook(path, study=study)[1]] == [
        ("header_renamed", '"homework_given"')
    ]


def test_a_given_cell_is_held_against_the_study_where_nothing_was_rated(study, filled):
    give(study)
    empty = {(5, item.name): None for item in study.codebooks["ghes"].columns if not item.given}
    path = filled(GHES, {**empty, (5, "status"): "poor_sound", (6, "status"): "asleep"})
    edit(path, lambda sheet: [sheet.__setitem__(f"E{row}", "other") for row in (5, 6)])
    assert [(one.code, one.cell) for one in read_workbook(path, study=study)[1]] == [
        ("given_changed", "E5"), ("given_changed", "E6"), ("out_of_range", "N6"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("session_id,item\nS-11Q,homework_given\n", "the column 'text' is missing"),
        ("session_id,item,text\nS-11q,homework_given,x\n", "S-11q, homework_given: the session is not in sessions.csv"),
        ("session_id,item,text\nS-11Q,homework,x\n", "no item of that name is given; allowed: homework_given"),
        ("session_id,item,text\nS-11Q,homework_given,a\nS-11Q,homework_given,b\n", "stands in lines 2 and 3"),
        ("session_id,item,text\nS-11Q,homework_given,a\x07\n", "control character"),
    ],
)
def test_a_wrong_given_table_is_refused(study, filled, text, error):
    (study.folder / "given.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ContractError, match=error):
        read_workbook(filled(GHES), study=study)


def test_sessions_sorted_without_their_rows_are_found_by_the_recording(study, filled):
    import pandas as pd

    table = pd.read_csv(study.folder / "sessions.csv", dtype=str, keep_default_na=False)
    table.assign(recording=table["session_id"] + ".mp3").to_csv(study.folder / "sessions.csv", index=False)
    path = filled(NAME)

    def put(sheet: Any) -> None:
        for row in range(5, sheet.max_row + 1):
            sheet.cell(row, 2).value = f"{sheet.cell(row, 1).value}.mp3"

    edit(path, put)
    assert read_workbook(path, study=study)[1] == []
    ids = [id_of(path, row) for row in (5, 6)]

    def swap(sheet: Any) -> None:
        sheet["A5"], sheet["A6"] = ids[1], ids[0]
        sheet["B7"] = None

    edit(path, swap)
    problems = read_workbook(path, study=study)[1]
    assert [(one.code, one.cell, one.found, one.allowed) for one in problems] == [
        ("rows_moved", "", "2 of 6 stand elsewhere", ""),
        ("recording_changed", "B5", f'"{ids[0]}.mp3"', f'"{ids[1]}.mp3"'),
        ("recording_changed", "B6", f'"{ids[1]}.mp3"', f'"{ids[0]}.mp3"'),
    ]
    assert "Were rows sorted or pasted in part?" in str(problems[1])


@pytest.mark.parametrize("folder", ["telephone_cbt", "adolescent_cbt"])
def test_the_example_studies_hold_nothing_that_was_changed_on_the_way(folder):
    from importlib.resources import files

    study = load_study(Path(str(files("doublecode.data_examples"))) / folder)
    _, problems, read = read_incoming(study)
    assert len(read) > 5
    assert [str(one) for one in problems if one.severity != "info"] == []


def test_a_second_table_below_the_first_is_named_at_its_heads_and_not_cell_by_cell(study, filled):
    path = filled(NAME)
    labels, names = (openpyxl.load_workbook(path)["Rate"].cell(row, 1).value for row in (3, 4))

    def add(sheet: Any) -> None:
        last = sheet.max_row
        for shift, text in enumerate((labels, names, sheet["A5"].value), start=3):
            sheet.cell(last + shift, 1, text)
            sheet.cell(last + shift, 5, 2)

    last = openpyxl.load_workbook(path)["Rate"].max_row
    edit(path, add)
    _, problems = read_workbook(path, study=study)
    assert [(one.code, one.cell) for one in errors(problems)] == [
        ("heads_again", f"A{last + 3}"), ("heads_again", f"A{last + 4}"), ("duplicate_rating", f"A{last + 5}"),
    ]  # fmt: skip
