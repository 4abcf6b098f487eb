from __future__ import annotations

import hashlib

import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doublecode.coding.reading.incoming import read_workbook
from doublecode.coding.workbooks.content import Sheet
from doublecode.coding.workbooks.fill import fill_workbook
from doublecode.coding.workbooks.item_texts import anchor_text
from doublecode.coding.workbooks.layout import NOT_CODABLE, STAMP_KEYS, rate_columns
from doublecode.coding.workbooks.save import save_fixed
from doublecode.coding.workbooks.write import make_workbook, write_workbooks
from doublecode.schemas.errors import StudyError, UsageError
from doublecode.schemas.instrument import load_instrument
from doublecode.schemas.study import load_study


def test_one_workbook_per_instrument_rater_and_batch(study):
    names = sorted(path.name for path in (study.folder / "outgoing").iterdir())
    assert len(names) == 3 * 3 * 3
    assert names[0] == "R1_ghes_batch01.xlsx"


def test_sheets_and_stamp(study):
    workbook = openpyxl.load_workbook(study.folder / "outgoing" / "R2_ghes_batch01.xlsx")
    assert workbook.sheetnames == ["Read me", "Rate", "Anchors", "Lists", "Stamp"]
    assert [workbook[name].sheet_state for name in workbook.sheetnames] == [
        "visible", "visible", "visible", "hidden", "veryHidden",
    ]  # fmt: skip
    assert workbook["Read me"].max_row == 6
    stamp = {row[0]: row[1] for row in workbook["Stamp"].iter_rows(values_only=True)}
    assert tuple(stamp) == STAMP_KEYS
    assert (stamp["study"], stamp["instrument"], stamp["rater"], stamp["batch"]) == ("toy", "ghes", "R2", "batch01")


def test_the_rate_sheet_shows_only_what_a_rater_may_see(study):
    assignments = pd.read_csv(study.folder / "assignments.csv", dtype=str)
    for path in (study.folder / "outgoing").glob("*_ghes_batch*.xlsx"):
        sheet = openpyxl.load_workbook(path)["Rate"]
        heads = [cell.value for cell in sheet[4]]
        assert heads == list(rate_columns(load_instrument("ghes")))  # one session of the study has a start
        rater, _, batch = path.stem.split("_")
        own = assignments[(assignments["rater"] == rater) & (assignments["batch"] == batch)]
        ids = [sheet.cell(row, 1).value for row in range(5, sheet.max_row + 1)]
        assert sorted(ids) == sorted(own.loc[own["instrument"] == "ghes", "session_id"])
        assert ids != sorted(ids)
        told = {str(cell.value) for row in sheet.iter_rows(min_row=5) for cell in row if cell.value is not None}
        assert told == {*ids, *(f"{one}.mp3" for one in ids), "mood diary", *(["0:00"] if "S-12Q" in ids else [])}


def test_drop_downs_point_at_ranges_and_notes_hold_every_anchor(study):
    workbook = openpyxl.load_workbook(study.folder / "outgoing" / "R1_thabs_batch01.xlsx")
    sheet, lists = workbook["Rate"], workbook["Lists"]
    book = load_instrument("thabs")
    offered = {}
    for rule in sheet.data_validations.dataValidation:
        assert len(rule.formula1 or "") < 255
        assert len(rule.prompt or "") <= 255
        if rule.type == "list":
            assert rule.formula1.startswith("=Lists!$")
            column = rule.formula1.split("$")[1]
            head = sheet[f"{str(rule.sqref).split(':')[0].rstrip('0123456789')}4"].value
            offered[head] = [cell.value for cell in lists[column][1:] if cell.value is not None]
    assert offered["rationale"] == [0, 1, 2, 3, 4, "IN", "NR"]
    assert offered["praise"] == [0, 1, 2, 3, 4, "NA", "IN", "NR"]
    assert offered["status"] == list(NOT_CODABLE)
    notes = {cell.value: cell.comment.text for cell in sheet[4] if cell.comment}
    for item in book.columns:
        assert notes[item.name] == anchor_text(book, item)
    assert "4 = very well done" in notes["praise"]
    anchors = {(row[0], str(row[2])): row[3] for row in workbook["Anchors"].iter_rows(min_row=2, values_only=True)}
    assert anchors["praise", "4"] == "very well done"
    assert anchors["praise", "NA"] == "not applicable in this session"


def test_protection_leaves_only_the_raters_cells_open(study):
    sheet = openpyxl.load_workbook(study.folder / "outgoing" / "R1_ghes_batch01.xlsx")["Rate"]
    assert sheet.protection.sheet
    heads = {cell.value: cell.column for cell in sheet[4]}
    is_open = {name for name, column in heads.items() if not sheet.cell(5, column).protection.locked}
    assert is_open == set(heads) - {"session_id", "recording", "start", "stop", "homework_given"}
    assert not sheet.merged_cells.ranges
    assert str(sheet["A1"].value).startswith('="Done: "')


def test_what_was_given_stays_a_text_whatever_it_looks_like(study, tmp_path):
    """Through the writer, the reader and the comparison with given.csv."""
    odd = [
        "=1+1",
        "#N/A",
        "-",
        "001",
        "2-3",
        "a\tb",
        "one\ntwo",
        " x ",
        "TRUE",
        "<b>&amp;</b>",
        "_x0041_",
        "\U0001f600",
    ]
    assignments = pd.read_csv(study.folder / "assignments.csv", dtype=str).query("instrument == 'ghes'")
    ids = sorted(set(assignments["session_id"]))[: len(odd)]
    given = pd.DataFrame({"session_id": ids, "item": "homework_given", "text": odd})
    given.to_csv(study.folder / "given.csv", index=False)
    shown = set()
    for path in write_workbooks(study, assignments, tmp_path / "out"):
        sheet = openpyxl.load_workbook(path)["Rate"]
        shown |= {sheet.cell(row, 5).value for row in range(5, sheet.max_row + 1)}
        assert {sheet.cell(row, 5).data_type for row in range(5, sheet.max_row + 1)} <= {"s", "n"}
        assert {one.code for one in read_workbook(path, study=study)[1]} == {"row_empty"}
    assert shown >= {"=1+1", "#N/A", "001", "2-3", "one\ntwo", "TRUE"}


def test_segment_to_be_heard(study, tmp_path):
    (study.folder / "study.toml").write_text(
        'name = "toy"\ntitle = "t"\nraters = [{ id = "R1" }]\n[[instruments]]\nname = "initial_resistance"\n',
        encoding="utf-8",
    )
    rows = pd.DataFrame([("S-11Q", "R1", "initial_resistance", "primary", "batch01")],
                        columns=["session_id", "rater", "instrument", "role", "batch"])  # fmt: skip
    (path,) = write_workbooks(load_study(study.folder), rows, tmp_path / "out")
    sheet = openpyxl.load_workbook(path)["Rate"]
    assert (sheet["C5"].value, sheet["D5"].value) == ("5:00", "20:00")


@pytest.mark.parametrize(("language", "said"), [("en", "hear only that stretch"), ("de", "höre nur diese Stelle")])
def test_without_segments_nothing_says_from_where_to_where(study, tmp_path, language, said):
    """Recordings that are heard whole: no columns, no sentence; what comes back is read as with them."""
    assignments = pd.read_csv(study.folder / "assignments.csv", dtype=str).query("rater == 'R1' and batch == 'batch01'")
    study_toml = study.folder / "study.toml"
    study_toml.write_text(f'language = "{language}"\n{study_toml.read_text(encoding="utf-8")}', encoding="utf-8")
    declared, found, rows = load_study(study.folder), {}, {}
    whole = pd.read_csv(study.folder / "sessions.csv", dtype=str)
    for name, sessions in (("with", whole), ("without", whole.assign(start="", stop=float("nan")))):
        sessions.to_csv(study.folder / "sessions.csv", index=False)
        paths = write_workbooks(declared, assignments, tmp_path / name)
        books = [openpyxl.load_workbook(path) for path in paths]
        assert [said in str(book.worksheets[0]["A2"].value) for book in books] == [name == "with"] * len(paths)
        found[name] = [[cell.value for cell in book.worksheets[1][4]] for book in books]
        path = next(path for path in paths if "thabs" in path.name)
        ids = [row[0] for row in openpyxl.load_workbook(path).worksheets[1].iter_rows(min_row=5, values_only=True)]
        back = fill_workbook(
            path, tmp_path / f"{name}_back" / path.name, {(ids[0], "rationale"): 9, (ids[1], "review"): 3}
        )
        ratings, problems = read_workbook(back, study=declared)
        rows[name] = ratings.drop(columns=["source_cell", "source_sha256"], errors="ignore"), problems
    assert all({"start", "stop"} <= set(heads) for heads in found["with"])
    assert found["without"] == [[head for head in heads if head not in ("start", "stop")] for heads in found["with"]]
    (kept, told), (bare, told_too) = rows["with"], rows["without"]
    pd.testing.assert_frame_equal(kept, bare)
    kinds, kinds_too = ([(one.code, one.subject, one.found) for one in said] for said in (told, told_too))
    assert kinds == kinds_too
    places = [(a.cell, b.cell) for a, b in zip(told, told_too, strict=True) if a.code == "out_of_range"]
    assert places == [("F5", "D5")]


def test_a_head_that_was_renamed_is_found_at_its_place_without_segments(study, tmp_path):
    sessions = pd.read_csv(study.folder / "sessions.csv", dtype=str).drop(columns="start")
    sessions.to_csv(study.folder / "sessions.csv", index=False)
    assignments = pd.read_csv(study.folder / "assignments.csv", dtype=str).query("instrument == 'thabs'")
    path = write_workbooks(study, assignments, tmp_path)[0]
    workbook = openpyxl.load_workbook(path)
    sheet = workbook["Rate"]
    assert sheet["D4"].value == "rationale"
    sheet["D4"] = "Begründung"
    workbook.save(path)
    renamed = [one for one in read_workbook(path, study=study)[1] if one.code == "header_renamed"]
    assert [(one.cell, one.found) for one in renamed] == [("D4", '"Begründung"')]


def test_same_input_same_bytes_and_nothing_is_overwritten(study, tmp_path):
    assignments = pd.read_csv(study.folder / "assignments.csv", dtype=str).query("instrument == 'thabs'")
    one = write_workbooks(study, assignments, tmp_path / "one")
    two = write_workbooks(study, assignments, tmp_path / "two")
    digests = [[hashlib.sha256(path.read_bytes()).hexdigest() for path in paths] for paths in (one, two)]
    assert digests[0] == digests[1]
    with pytest.raises(UsageError, match="exists and is not overwritten"):
        write_workbooks(study, assignments, tmp_path / "one")
    assert not list((tmp_path / "one").glob("*.part"))


def test_sessions_and_instruments_must_be_known(study, tmp_path):
    rows = pd.DataFrame([("S-00", "R1", "thabs", "primary", "b")],
                        columns=["session_id", "rater", "instrument", "role", "batch"])  # fmt: skip
    with pytest.raises(StudyError, match=r"'S-00' is not in sessions\.csv"):
        write_workbooks(study, rows, tmp_path)
    with pytest.raises(StudyError, match="does not use 'sthar'; allowed: thabs, ghes"):
        write_workbooks(study, rows.assign(session_id="S-11Q", instrument="sthar"), tmp_path)
    with pytest.raises(StudyError, match=r"rater 'R9' is not declared in study\.toml; allowed: R1, R2, R3"):
        write_workbooks(study, rows.assign(session_id="S-11Q", rater="R9"), tmp_path)
    rows.to_csv(study.folder / "assignments.csv", index=False)
    with pytest.raises(StudyError, match=r"'S-00' is not in sessions\.csv"):
        read_workbook(study.folder / "outgoing" / "R1_ghes_batch01.xlsx", study=study)


def test_a_sheet_without_sessions_can_be_made(tmp_path):
    from doublecode.coding.workbooks.layout import Stamp

    sheet = Sheet(Stamp("toy", "phq9", "1.0", "0", "R1", "b"), load_instrument("phq9"))
    assert save_fixed(make_workbook(sheet), tmp_path / "empty.xlsx").is_file()


def test_filling_names_what_is_not_there(study, tmp_path):
    source = study.folder / "outgoing" / "R1_thabs_batch01.xlsx"
    with pytest.raises(UsageError, match="no session 'S-0'"):
        fill_workbook(source, tmp_path / "a.xlsx", {("S-0", "praise"): 1})
    session = openpyxl.load_workbook(source)["Rate"]["A5"].value
    with pytest.raises(UsageError, match="no column 'warmth'"):
        fill_workbook(source, tmp_path / "a.xlsx", {(session, "warmth"): 1})
    with pytest.raises(UsageError, match="name every column"):
        fill_workbook(source, tmp_path / "a.xlsx", {}, column_order=["praise"])


ordinal = st.one_of(st.integers(0, 4), st.sampled_from(["IN", "NR"]))
LOG_TEXT = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), min_size=1, max_size=30)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(codes=st.lists(ordinal, min_size=7, max_size=7), log=LOG_TEXT)
def test_what_is_written_is_read_back(study, codes, log):
    """Round trip: template → any allowed codes → reader gives the same codes, in the same cells."""
    source = study.folder / "outgoing" / "R3_ghes_pilot.xlsx"
    sheet = openpyxl.load_workbook(source)["Rate"]
    ids = [sheet.cell(row, 1).value for row in (5, 6)]
    items = [item.name for item in load_instrument("ghes").columns if item.type == "ordinal"]
    cells: dict[tuple[str, str], int | str] = {(ids[0], name): code for name, code in zip(items, codes, strict=True)}
    cells |= {(ids[1], name): code for name, code in zip(items, reversed(codes), strict=True)}
    cells |= {(session, "homework_done"): f"did {log}" for session in ids}
    path = fill_workbook(source, study.folder / "incoming" / source.name, cells, overwrite=True)
    ratings, problems = read_workbook(path, study=study)
    assert problems == []
    rows = ratings.set_index(["session_id", "item"])
    for (session, name), code in cells.items():
        row = rows.loc[session, name]
        if name == "homework_done":
            assert row["text"] == f"did {log}".strip()
        elif isinstance(code, int):
            assert row["value"] == code
        else:
            assert row["missing_code"] == code
    assert set(ratings["phase"]) == {"pilot"}
