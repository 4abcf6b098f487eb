"""Two people, one judgement: disagreements side by side, decisions beside the originals. Small synthetic study."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest
from openpyxl import load_workbook

from doublecode.coding.agreed_values import with_agreed
from doublecode.coding.intake.consensus import FOLDER, write_consensus
from doublecode.coding.intake.disagreements import code_of, disagreements
from doublecode.coding.intake.imports import import_study
from doublecode.coding.intake.ledger import Ledger
from doublecode.coding.intake.study_ratings import read_study_ratings
from doublecode.coding.scoring import pool_ratings
from doublecode.schemas.errors import UsageError
from doublecode.schemas.study import load_study

CELL = ["session_id", "item"]


@pytest.fixture
def rated(study, filled):
    """Every GHES workbook filled in by chance."""
    (study.folder / "patients.csv").write_text(
        "patient,status\n" + "".join(f"P{one},completed\n" for one in (1, 2, 3, 4, 5, 6, 9)), encoding="utf-8"
    )
    for path in (study.folder / "outgoing").glob("*_ghes_*.xlsx"):
        filled(path.name)
    toml = (study.folder / "study.toml").read_text(encoding="utf-8")
    only = toml.split("[[instruments]]")
    (study.folder / "study.toml").write_text("[[instruments]]".join([only[0], only[2]]), encoding="utf-8")
    lines = (study.folder / "assignments.csv").read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if ",ghes," in line or line.startswith("session_id")]
    (study.folder / "assignments.csv").write_text("\n".join(kept) + "\n", encoding="utf-8")
    return load_study(study.folder)


def book_of(study, name="consensus_ghes.xlsx"):
    return study.folder / FOLDER / name


def decide(path, answers, by=None):
    """Type codes under *agreed*, by row; in the order of the rows."""
    workbook = load_workbook(path)
    sheet = workbook["Decide"]
    heads = [cell.value for cell in sheet[1]]
    for row, code in answers.items():
        sheet.cell(row, heads.index("agreed") + 1).value = code
        if by:
            sheet.cell(row, heads.index("decided_by") + 1).value = by
    workbook.save(path)
    return heads


def rows_of(path):
    sheet = load_workbook(path)["Decide"]
    heads = [cell.value for cell in sheet[1]]
    return [dict(zip(heads, row, strict=True)) for row in sheet.iter_rows(min_row=2, values_only=True)]


def brute(ratings, item_names):
    """Cells in which two raters said different things, by looking at each."""
    found = set()
    for key, rows in ratings[ratings["item"].isin(item_names)].groupby(CELL):
        if len(set(code_of(rows))) > 1:
            found.add(key)
    return found


def test_every_disagreement_is_listed_and_no_agreement(rated):
    ratings = read_study_ratings(rated).ratings
    items = [item.name for item in rated.codebooks["ghes"].columns if item.type != "text"]
    found = {(one.session_id, one.item.name) for one in disagreements(ratings, rated, "ghes")}
    assert found == brute(ratings, items)
    assert 0 < len(found) < ratings.groupby(CELL).ngroups
    far = disagreements(ratings, rated, "ghes", at_least=2)
    assert {one.distance for one in far} <= {None, 2.0, 3.0, 4.0}
    assert len(far) < len(found)


def test_the_workbook_lays_the_codes_side_by_side(rated):
    ratings = read_study_ratings(rated).ratings
    write_consensus(rated, ratings)
    for row in rows_of(book_of(rated)):
        own = ratings[(ratings["session_id"] == row["session_id"]) & (ratings["item"] == row["item"])]
        said = dict(zip(own["rater"], code_of(own), strict=True))
        pairs = {row[f"rater_{number}"]: row[f"code_{number}"] for number in (1, 2, 3) if row.get(f"rater_{number}")}
        assert pairs == said
        assert row["agreed"] is None


def test_what_is_decided_is_kept_beside_the_originals_and_enters_scores_where_declared(rated):
    before = read_study_ratings(rated).ratings
    write_consensus(rated, before)
    rows = rows_of(book_of(rated))
    decide(book_of(rated), {2: 1, 3: "IN", 4: 0}, by="expert")
    rated_again = read_study_ratings(rated)
    pd.testing.assert_frame_equal(rated_again.ratings, before)
    assert rated_again.decided["rater"].tolist() == ["(expert)"] * 3
    assert [one.code for one in rated_again.problems] == ["decisions_not_used"]
    import_study(rated)
    with Ledger(rated.folder / "ledger.sqlite") as ledger:
        assert ledger.verify() == ()
        history = ledger.history(session_id=rows[0]["session_id"], item=rows[0]["item"])
    assert sorted(history["rater"]) == sorted(["(expert)", rows[0]["rater_1"], rows[0]["rater_2"]])

    pooled = pool_ratings(before, rated).set_index(CELL)["value"]
    declared = rated.model_copy(
        update={"instruments": tuple(use.model_copy(update={"consensus": True}) for use in rated.instruments)}
    )
    agreed = pool_ratings(with_agreed(before, rated_again.decided, declared), declared).set_index(CELL)["value"]
    changed = {(rows[at]["session_id"], rows[at]["item"]) for at in (0, 1, 2)}
    main = changed & set(pooled.index)
    assert {key for key in pooled.index if not np.isclose(pooled[key], agreed[key], equal_nan=True)} <= main
    assert agreed[rows[0]["session_id"], rows[0]["item"]] == 1
    undeclared = with_agreed(before, rated_again.decided, rated)
    assert undeclared is before


def test_written_again_it_holds_what_was_decided_even_where_nothing_differs_now(rated):
    ratings = read_study_ratings(rated).ratings
    write_consensus(rated, ratings)
    first = rows_of(book_of(rated))
    decide(book_of(rated), {2: 1, 3: 2})
    same = ratings.copy()
    one = (same["session_id"] == first[0]["session_id"]) & (same["item"] == first[0]["item"])
    same.loc[one, ["value", "missing_code"]] = [3.0, None]
    counts = write_consensus(rated, same, at_least=99)
    kept = rows_of(book_of(rated))
    assert [(row["session_id"], row["item"], row["agreed"]) for row in kept if row["agreed"] is not None] == [
        (first[0]["session_id"], first[0]["item"], 1), (first[1]["session_id"], first[1]["item"], 2),
    ]  # fmt: skip
    assert next(iter(counts.values()))[1] == 2


def test_a_decision_on_codes_that_changed_is_named(rated, filled):
    write_consensus(rated, read_study_ratings(rated).ratings)
    rows = rows_of(book_of(rated))
    decide(book_of(rated), {2: 1})
    name = next(
        path for path in (rated.folder / "incoming").iterdir() if path.name.startswith(f"{rows[0]['rater_1']}_ghes_")
        and rows[0]["session_id"] in [str(cell.value) for cell in load_workbook(path)["Rate"]["A"]]
    )  # fmt: skip
    sheet = load_workbook(name)["Rate"]
    at = [str(cell.value) for cell in sheet["A"]].index(rows[0]["session_id"]) + 1
    other = next(code for code in (0, 1, 2, 3, 4) if str(code) not in (rows[0]["code_1"], rows[0]["code_2"]))
    filled(name.name, {(at, rows[0]["item"]): other})
    said = [one for one in read_study_ratings(rated).problems if one.code == "decision_outdated"]
    assert [(one.cell, one.severity) for one in said] == [("K2", "warning")]
    assert f"{rows[0]['rater_1']} {other}" in said[0].allowed


@pytest.mark.parametrize(
    ("typed", "by", "code"), [(7, None, "out_of_range"), ("x", None, "not_a_number"), (1, "anna", "unknown_decider")]
)
def test_what_cannot_stand_there_is_named_at_its_cell_and_never_written_over(rated, typed, by, code):
    ratings = read_study_ratings(rated).ratings
    write_consensus(rated, ratings)
    heads = decide(book_of(rated), {3: typed}, by)
    found = [one for one in read_study_ratings(rated).problems if one.severity == "error"]
    assert [(one.code, one.cell[1:]) for one in found] == [(code, "3")]
    assert heads[ord(found[0].cell[0]) - ord("A")] in ("agreed", "decided_by")
    before = book_of(rated).read_bytes()
    with pytest.raises(UsageError, match="not all of it can be read"):
        write_consensus(rated, ratings)
    assert book_of(rated).read_bytes() == before


def test_a_workbook_that_is_gone_counts_from_the_ledger_and_can_be_withdrawn(rated):
    write_consensus(rated, read_study_ratings(rated).ratings)
    decide(book_of(rated), {2: 1, 3: 2})
    import_study(rated)
    shutil.rmtree(book_of(rated).parent)
    gone = read_study_ratings(rated)
    assert gone.decided["value"].tolist() == [1.0, 2.0]
    assert "consensus_ghes.xlsx" in gone.absent
    with Ledger(rated.folder / "ledger.sqlite") as ledger:
        ledger.withdraw("consensus_ghes.xlsx", "decided by the wrong people")
    assert read_study_ratings(rated).decided.empty


def test_the_same_cell_decided_in_two_rows_is_refused(rated):
    write_consensus(rated, read_study_ratings(rated).ratings)
    decide(book_of(rated), {2: 1})
    workbook = load_workbook(book_of(rated))
    sheet = workbook["Decide"]
    for column in range(1, sheet.max_column + 1):
        sheet.cell(sheet.max_row + (column == 1), column).value = sheet.cell(2, column).value
    workbook.save(book_of(rated))
    assert "decided_twice" in [one.code for one in read_study_ratings(rated).problems]


def test_an_error_and_a_formula_without_a_result_are_no_empty_cells(rated):
    write_consensus(rated, read_study_ratings(rated).ratings)
    decide(book_of(rated), {2: "=1+1", 3: "#N/A", 4: 1})
    found = [one for one in read_study_ratings(rated).problems if one.severity == "error"]
    assert sorted((one.code, one.cell[1:]) for one in found) == [("error_cell", "3"), ("formula_cell", "2")]


def test_who_was_erased_is_in_no_comparison_and_no_new_workbook(rated):
    write_consensus(rated, read_study_ratings(rated).ratings)
    rows = rows_of(book_of(rated))
    decide(book_of(rated), dict.fromkeys(range(2, len(rows) + 2), 1))
    (rated.folder / "second_entry").mkdir()
    for path in (rated.folder / "incoming").glob("*.xlsx"):
        shutil.copy(path, rated.folder / "second_entry" / path.name)
    import_study(rated)
    with Ledger(rated.folder / "ledger.sqlite") as ledger:
        ledger.erase("P1", "withdrew consent")
    after = read_study_ratings(rated)
    assert {one.code for one in after.problems} == {"erased_patient", "decisions_not_used"}
    assert "P1" not in set(after.decided["patient"])
    gone = {f"S-1{number}Q" for number in (1, 2, 3, 4)}
    assert gone & {row["session_id"] for row in rows}
    write_consensus(rated, after.ratings)
    assert not gone & {row["session_id"] for row in rows_of(book_of(rated))}


@pytest.fixture
def decided(rated):
    write_consensus(rated, read_study_ratings(rated).ratings)
    return rated


def said_of(study):
    problems = [one for one in read_study_ratings(study).problems if one.file == "consensus_ghes.xlsx"]
    return [(one.code, one.sheet, one.cell) for one in problems if one.severity == "error"], problems


def change(study, work):
    workbook = load_workbook(book_of(study))
    work(workbook["Decide"])
    workbook.save(book_of(study))


def test_a_lost_head_is_named_at_its_cell(decided):
    heads = [cell.value for cell in load_workbook(book_of(decided))["Decide"][1]]
    at = heads.index("agreed") + 1
    for value, found in (("code", '"code"'), (None, "an empty cell")):
        change(decided, lambda sheet, value=value: sheet.cell(1, at).__setattr__("value", value))
        said, problems = said_of(decided)
        assert said == [("header_renamed", "Decide", f"{chr(64 + at)}1")]
        assert (problems[0].found, problems[0].allowed) == (found, '"agreed"')


def test_a_lost_sheet_is_no_lost_stamp(decided):
    change(decided, lambda sheet: sheet.__setattr__("title", "Decided"))
    assert said_of(decided)[0] == [("sheet_missing", "", "")]


def test_merged_cells_decide_nothing_and_are_named(decided):
    row = {"agreed": 0}

    def merge(sheet):
        row["agreed"] = [cell.value for cell in sheet[1]].index("agreed") + 1
        sheet.cell(2, row["agreed"]).value = 1
        sheet.merge_cells(start_row=2, start_column=row["agreed"], end_row=3, end_column=row["agreed"])

    change(decided, merge)
    assert said_of(decided)[0] == [("merged_cells", "Decide", f"{chr(64 + row['agreed'])}2")]
    assert read_study_ratings(decided).decided.empty
