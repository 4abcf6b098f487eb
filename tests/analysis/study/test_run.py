import datetime as dt
from dataclasses import replace

import openpyxl
import pandas as pd
import pytest

from doublecode.analysis.report.folder import run_study
from doublecode.analysis.report.traced_tables import TracedTables
from doublecode.analysis.study.run import StudyProblems, analyse, read_study, store
from doublecode.coding.intake.ledger import Ledger
from doublecode.coding.scoring import scored_items
from doublecode.schemas.errors import UsageError
from doublecode.schemas.paper_tables import Papers

FILE = "R3_ghes_batch02.xlsx"


def plant(path, changes):
    """Write values into cells of the rater's sheet, by session and item."""
    book = openpyxl.load_workbook(path)
    sheet = book["Rate"]
    heads = {cell.value: cell.column for cell in sheet[4]}
    cells = {}
    for row, item, value in changes:
        cell = sheet.cell(row, heads[item])
        cell.value = value
        cells[cell.coordinate] = value
    book.save(path)
    return cells


TEN = [
    # row of the sheet, item, what a rater may have typed, the code it must get
    (5, "extent", 9, "out_of_range"),
    (6, "extent", 2.5, "half_point"),
    (7, "as_agreed", "often", "not_a_number"),
    (8, "applied", True, "boolean_cell"),
    (9, "intensity", dt.datetime(2021, 3, 2), "excel_date"),
    (10, "difficulties", None, "missing_rating"),
    (11, "benefit", "NA", "not_applicable_here"),
    (12, "time_spent", "=1+1", "formula_cell"),
    (13, "session_id", "S-0000", "unknown_session"),
    (14, "extent", dt.time(1, 30), "clock_duration"),
]


def test_ten_planted_errors_are_named_with_their_cells_and_stop_the_run(telephone):
    plant(telephone / "incoming" / FILE, [change[:3] for change in TEN])
    intake = read_study(telephone)
    found = {(one.cell, one.code) for one in intake.errors}
    heads = {
        cell.value: cell.column_letter for cell in openpyxl.load_workbook(telephone / "incoming" / FILE)["Rate"][4]
    }
    wanted = {(f"{heads[item]}{row}", code) for row, item, _, code in TEN}
    assert wanted <= found
    # the session whose id was overwritten has no row any more; nothing else is wrong
    assert {code for _, code in found - wanted} <= {"row_missing"}
    assert {one.file for one in intake.errors} == {FILE}
    with pytest.raises(StudyProblems, match="problem\\(s\\) in the data, no report was written") as raised:
        run_study(telephone)
    assert len(raised.value.problems) == len(intake.problems)
    assert not (telephone / "report").exists()
    assert not (telephone / "ledger.sqlite").exists()


def test_a_file_that_is_set_aside_takes_no_part(telephone):
    plant(telephone / "incoming" / FILE, [(5, "extent", 9)])
    intake = read_study(telephone, set_aside=[FILE])
    assert intake.errors == ()
    assert intake.set_aside == (FILE,)
    assert FILE not in set(intake.files["file"]) | set(intake.ratings["source_file"])
    with pytest.raises(UsageError, match=r"there is no 'nobody\.xlsx' in incoming/"):
        read_study(telephone, set_aside=["nobody.xlsx"])


def test_taking_in_twice_changes_nothing_in_the_ledger(telephone):
    intake = read_study(telephone)
    store(intake)
    with Ledger(telephone / "ledger.sqlite") as ledger:
        once = ledger.history()
    store(read_study(telephone))
    with Ledger(telephone / "ledger.sqlite") as ledger:
        pd.testing.assert_frame_equal(ledger.history(), once)
        assert len(ledger.ratings()) == len(intake.ratings)


def test_counts_agree_from_held_to_the_models(telephone_run):
    design = telephone_run.frame.design
    assert (design["n_held"], design["n_rated"], design["n_patients"]) == (210, 194, 22)
    flow = telephone_run.frame.flow.set_index("stage")
    for result in telephone_run.series:
        rows = {model.result.nobs for model in result.models if model.result is not None}
        assert rows == {int(flow.loc[f"in the model: {result.spec['name']}", "kept"])}
    for stage in flow.itertuples():
        people = {"patients: completed": 22, "patients: not_included": 130}
        assert stage.kept + stage.lost == people.get(stage.Index, 210), stage.Index
    ledger = telephone_run.frame.ledger
    assert ledger.loc[ledger["status"] == "lost", "reason"].notna().all()


def test_a_session_that_was_not_rated_is_said_so_in_the_row_ledger(telephone, telephone_run):
    before = telephone_run.frame
    lost = before.ledger[(before.ledger["stage"] == "in the model: phq9") & (before.ledger["status"] == "kept")].iloc[3]
    intake = read_study(telephone)
    ratings = intake.ratings[intake.ratings["session_id"] != lost["session_id"]]
    sessions = intake.sessions.assign(
        status=intake.sessions["status"].where(intake.sessions["session_id"] != lost["session_id"], "not_rated"),
        reason=intake.sessions["reason"].where(intake.sessions["session_id"] != lost["session_id"], "tape lost"),
    )
    steps = []
    (series,) = (one for one in intake.study.series if one.name == "phq9")
    alone = series.model_copy(update={"steps": series.steps[:1], "split": ()})
    others = {"papers": Papers(), "sensitivity": None,
               "patient_changes": ()}  # fmt: skip  # which name the models left out
    one_model = intake.study.model_copy(update={"series": (alone,), **others})
    changed = replace(intake, study=one_model, ratings=ratings, sessions=sessions)
    after = analyse(changed, lambda step, done, of: steps.append((step, done, of))).frame
    assert after.design["n_rated"] == before.design["n_rated"] - 1
    row = after.ledger[(after.ledger["session_id"] == lost["session_id"]) & (after.ledger["stage"] == "rated")].iloc[0]
    assert (row["status"], row["reason"]) == ("lost", "not rated: tape lost")
    assert [done for _, done, _ in steps] == list(range(len(steps)))
    assert {of for _, _, of in steps} == {len(steps) + 1}


def items_of(run):
    return run.items.set_index(["instrument", "item", "patient", "session"])["value"].sort_index()


def test_lagged_items_come_from_the_session_before_by_number(telephone_run):
    book = telephone_run.study.codebooks["sthar"]
    scale = book.scale("tbh")
    wide = scored_items(telephone_run.items, book, scale)
    long = items_of(telephone_run)
    for row in wide.iloc[::17].to_dict("records"):
        assert row["a_rationale"] == long["sthar", "a_rationale", row["patient"], row["session"] - 1]
        assert row["r_discussing"] == long["sthar", "r_discussing", row["patient"], row["session"]]
    assert wide["session"].min() == 2


def test_reversed_items_are_turned_before_consistency(telephone_run):
    book = telephone_run.study.codebooks["ghes"]
    wide = scored_items(telephone_run.items, book, book.scale("he")).set_index(["patient", "session"])
    long = items_of(telephone_run)["ghes", "difficulties"]
    both = wide["difficulties"].align(long, join="inner")
    assert (both[0] + both[1]).dropna().unique().tolist() == [4.0]


def test_everything_declared_is_there(telephone_run, adolescent_run):
    for run in (telephone_run, adolescent_run):
        assert [result.spec["name"] for result in run.all_series] == [one.name for one in run.study.series]
    assert [one.spec["name"] for one in adolescent_run.moderations] == [
        one.name for one in adolescent_run.study.moderations
    ]
    assert len(adolescent_run.moderations) == len(adolescent_run.moderations_untouched) == 9
    assert len(adolescent_run.comparisons) == len(adolescent_run.study.group_comparisons)
    table = telephone_run.reliability.frame
    assert set(table["instrument"]) == {"ghes", "sthar"}
    assert set(zip(table["phase"], table["design"], strict=True)) == {("main", "incomplete"), ("pilot", "complete")}
    kinds = adolescent_run.reliability.frame.set_index(["instrument", "name"])["design"]
    assert kinds["initial_resistance", "total"] == "one-way"
    assert kinds["thabs", "rationale"] == "incomplete"
    assert telephone_run.not_estimated == ()


def test_a_run_prints_how_far_its_rows_came_and_what_was_estimated(telephone_run):
    lines = str(telephone_run).splitlines()
    assert lines[0] == telephone_run.study.title
    assert "Sessions     210 held, 194 rated, of 22 patients" in lines
    assert any(line.startswith("Warnings") and "1 × few therapists" in line for line in lines)
    assert max(map(len, lines)) <= 100
    assert repr(telephone_run) == str(telephone_run)
    assert "Internal consistency" in telephone_run._repr_html_()


def test_a_log_without_numbers_that_several_fill_in_is_traced(telephone_run):
    intake = telephone_run.intake
    log = intake.ratings[intake.ratings["instrument"] == "homework_log"]
    log = log[log["value"].isna()]
    second = log.assign(rater="R1")
    ratings = pd.concat([log, second], ignore_index=True)
    nothing = {"series": (), "variables": (), "correlations": None, "papers": Papers(), "sensitivity": None,
               "patient_changes": ()}  # fmt: skip
    run = analyse(replace(intake, study=intake.study.model_copy(update=nothing), ratings=ratings))
    traced = TracedTables(run).tables
    pair = run.reported.pairs.query("phase == 'main'").iloc[0].to_dict()
    assert {pair["rater_1"], pair["rater_2"]} == {"A1", "R1"}
    assert len(traced["pairs"](pair, "n_sessions")) >= 2 * pair["n_sessions"]
