"""Items of every kind from the codebook to the report: a study made up here, two raters, ten sessions (synthetic)."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from doublecode.analysis import icc
from doublecode.analysis.report.folder import write_report
from doublecode.analysis.study.run import analyse, read_study
from doublecode.analysis.study.study_scales import reliability_of
from doublecode.coding.reading.cells import make_codec, read_cell
from doublecode.coding.reading.incoming import read_workbooks
from doublecode.coding.scoring import score
from doublecode.coding.workbooks.fill import fill_workbook
from doublecode.coding.workbooks.write import write_workbooks
from doublecode.schemas.codebook_hash import coding_hash
from doublecode.schemas.errors import InstrumentError
from doublecode.schemas.instrument import Instrument, load_instrument
from doublecode.schemas.study import Study, load_study

BOOK = """
name = "kinds"
title = "Items of every kind"
version = "1.0"
citation = "Made up for a test (2026)"
rights = "ours"

[missing_codes]
99 = "not heard"
-9 = "refused"

[[items]]
name = "gsi"
label = "Severity"
hint = "Two decimals, as the form prints it"
type = "decimal"
minimum = 0
maximum = 4
decimals = 2
reversed = true

[[items]]
name = "plan"
label = "A plan was made"
type = "yes_no"
definition = "A plan counts if day and place were said."
anchor_source = "own words"

[[items]]
name = "time_spent"
label = "Minutes spent"
type = "minutes"
maximum = 90

[[items]]
name = "degree"
label = "Homework done"
type = "nominal"
categories = { N = "not", P = "partly", F = "fully" }
values = { N = 0, P = 0.5, F = 1 }
anchor_source = "authors"

[[items]]
name = "obstacles"
label = "Obstacles"
type = "nominal"
multiple = true
categories = { 1 = "time", 2 = "fear", 3 = "other" }

[[items]]
name = "helps"
label = "What helped"
type = "nominal"
multiple = true
one_column_per_code = true
categories = { LI = "a list", RE = "a reminder" }
missing = [99]

[[items]]
name = "remark"
label = "In a few words"
type = "text"
optional = true
missing = []

[[scales]]
name = "helped"
label = "Helps (count)"
items = ["helps_li", "helps_re", "plan"]
score = "sum"

[[scales]]
name = "done"
label = "Done"
items = ["degree"]
score = "mean"

[[scales]]
name = "severity"
label = "Severity turned round"
items = ["gsi"]
score = "mean"
"""
STUDY = """
name = "kinds_study"
title = "Items of every kind (synthetic)"
synthetic = true
raters = [{ id = "R1" }, { id = "R2" }]

[[instruments]]
name = "kinds.toml"
raters = ["R1", "R2"]
"""
ROWS: list[dict[str, Any]] = [
    {
        "gsi": round(0.37 * row, 2), "plan": row % 2, "time_spent": 7 * row, "degree": "NPF"[row % 3],
        "obstacles": ("1", "1;3", "2", "1;2;3", "3")[row % 5], "helps_li": int(row > 4), "helps_re": int(row < 7),
        "remark": "words" if row % 2 else None,
    }
    for row in range(10)
]  # fmt: skip


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Instrument:
    path = tmp_path_factory.mktemp("book") / "kinds.toml"
    path.write_text(BOOK, encoding="utf-8")
    return load_instrument(path)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The study with the workbooks of both raters in incoming/; the second rater differs here and there."""
    folder = tmp_path_factory.mktemp("kinds")
    (folder / "kinds.toml").write_text(BOOK, encoding="utf-8")
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    (folder / "incoming").mkdir()
    ids = [f"S-{row}" for row in range(10)]
    head = {"session_id": ids, "patient": [f"P{row // 2}" for row in range(10)], "therapist": "T1"}
    rest = {"date": "", "minutes": 50, "phase": "main", "status": "held", "reason": "", "recording": "a.mp3"}
    pd.DataFrame(head | {"session": [row % 2 + 1 for row in range(10)]} | rest).to_csv(
        folder / "sessions.csv", index=False
    )
    pd.DataFrame({"patient": [f"P{row}" for row in range(5)], "status": "completed", "reason": ""}).to_csv(
        folder / "patients.csv", index=False
    )
    pd.DataFrame({"therapist": ["T1"]}).to_csv(folder / "therapists.csv", index=False)
    pairs = [(one, rater, role) for rater, role in (("R1", "primary"), ("R2", "second")) for one in ids]
    assigned = pd.DataFrame(pairs, columns=["session_id", "rater", "role"]).assign(instrument="kinds", batch="b1")
    assigned.to_csv(folder / "assignments.csv", index=False)
    made = load_study(folder)
    for path in write_workbooks(made, assigned, folder / "outgoing"):
        cells = {(one, name): value for one, row in zip(ids, ROWS, strict=True) for name, value in row.items()}
        if path.name.startswith("R2"):
            cells |= {("S-1", "gsi"): 99, ("S-2", "plan"): -9, ("S-3", "obstacles"): "3,2", ("S-4", "degree"): "F"}
        fill_workbook(path, folder / "incoming" / path.name, cells)
    return made


def test_the_workbook_asks_for_every_kind(study: Study) -> None:
    workbook = openpyxl.load_workbook(study.folder / "outgoing" / "R1_kinds_b1.xlsx")
    sheet = workbook["Rate"]
    heads = {str(cell.value): cell for cell in sheet[4]}
    assert "Two decimals, as the form prints it" in str(heads["gsi"].comment.text)
    assert "1 = yes" in str(heads["plan"].comment.text)
    names = {cell.column_letter: name for name, cell in heads.items()}
    rules = {names[str(rule.sqref).split("5")[0]]: rule for rule in sheet.data_validations.dataValidation}
    assert rules["gsi"].promptTitle == "Severity"
    assert "Two decimals" in str(rules["gsi"].prompt)
    column = heads["gsi"].column_letter
    checked = f"IF(ISNUMBER({column}5),AND({column}5>=0,{column}5<=4,ROUND({column}5,2)={column}5),FALSE)"
    assert str(rules["gsi"].formula1).startswith(f"OR({checked},COUNTIF(Lists!$")
    assert [rules[name].type for name in ("plan", "degree", "helps_li", "time_spent")] == ["list"] * 3 + ["custom"]
    assert [rules[name].type for name in ("obstacles", "remark")] == [None, None]
    rows = list(workbook["Anchors"].iter_rows(min_row=2, values_only=True))
    labels = list(itertools.accumulate((row[1] for row in rows), lambda above, own: own or above))
    said = [(row[0], label, *row[2:5]) for row, label in zip(rows, labels, strict=True)]  # once, beside all its rows
    assert ("plan", "A plan was made", "definition", "A plan counts if day and place were said.",
            "own words of this codebook") in said  # fmt: skip
    assert ("degree", "Homework done", "P", "partly", "the authors of the scale") in said
    assert ("obstacles", "Obstacles", "1", "time", None) in said
    assert "doublecode" not in {row[4] for row in said}


def test_what_raters_typed_is_read_and_scored(study: Study, book: Instrument) -> None:
    ratings, problems = read_workbooks(sorted((study.folder / "incoming").iterdir()), study=study)
    assert [str(one) for its in problems for one in its if one.severity == "error"] == []
    first = ratings[(ratings["rater"] == "R1")].set_index(["session_id", "item"])
    assert first.loc[("S-3", "gsi"), "value"] == 1.11
    assert first.loc[("S-4", "degree"), ["value", "text"]].tolist() == [0.5, "P"]
    assert first.loc[("S-3", "obstacles"), "text"] == "1,2,3"
    assert math.isnan(first.loc[("S-3", "obstacles"), "value"])
    assert ("S-2", "remark") not in first.index
    second = ratings[(ratings["rater"] == "R2")].set_index(["session_id", "item"])
    assert second.loc[("S-1", "gsi"), "missing_code"] == "99"
    assert second.loc[("S-2", "plan"), "missing_code"] == "-9"
    scores = score(ratings, book, pooling="R1").set_index(["session_id", "scale"])["value"]
    assert scores["S-5", "helped"] == 3
    assert scores["S-5", "done"] == 1
    assert scores["S-5", "severity"] == pytest.approx(4 - 1.85)


def test_reliability_is_that_of_numbers_and_of_each_code(study: Study) -> None:
    ratings, _ = read_workbooks(sorted((study.folder / "incoming").iterdir()), study=study)
    frame = reliability_of(study, ratings).frame
    items = set(frame.loc[frame["level"] == "item", "name"])
    codes = {"obstacles_1", "obstacles_2", "obstacles_3", "helps_li", "helps_re"}
    assert items == {"gsi", "plan", "time_spent", "degree", *codes}
    # chosen or not, typed off the sheets: R2 left out code 1 in S-3 alone
    chosen = {"R1": [1, 1, 0, 1, 0, 1, 1, 0, 1, 0], "R2": [1, 1, 0, 0, 0, 1, 1, 0, 1, 0]}
    long = pd.DataFrame([(f"S-{at}", who, y) for who, codes in chosen.items() for at, y in enumerate(codes)])
    expected = icc(long.set_axis(["s", "r", "y"], axis=1), targets="s", raters="r", ratings="y").frame
    row = frame[frame["name"] == "obstacles_1"].iloc[0]
    same = expected[expected["form"] == row["form"]].iloc[0]
    for column in ("estimate", "conf_low", "conf_high"):
        assert row[column] == pytest.approx(same[column], abs=1e-12)
    assert (frame[frame["name"] == "obstacles_2"]["estimate"] == 1).all()


def test_the_report_has_them(study: Study, tmp_path: Path) -> None:
    folder = write_report(analyse(read_study(study.folder)), tmp_path)
    page = (folder / "index.html").read_text(encoding="utf-8")
    for label in (
        "Obstacles: time",
        "What helped: a list",
        "Minutes spent",
        "A plan was made",
        "Severity turned round",
    ):
        assert label in page
    assert "In a few words" not in page


def test_problems_of_decimals_minutes_and_yes_or_no(book: Instrument) -> None:
    def read(name: str, value: Any) -> Any:
        return read_cell(value, make_codec(book, book.item(name)))

    for value in (0.53, "0.53", "0,53", ".53", ",53", 0.1 + 0.43):
        assert read("gsi", value).value == 0.53
        assert read("gsi", value).problem in ("", "text_number")
    assert read("gsi", 4).value == 4
    assert read("gsi", 0.531).problem == "too_many_decimals"
    assert read("gsi", "0,531").problem == "too_many_decimals"
    assert read("gsi", 4.01).problem == "out_of_range"
    assert read("gsi", 53.0).problem == "out_of_range"
    assert read("gsi", "1,000").value == 1  # a thousand is outside: no doubt what is meant
    assert [read("gsi", value).missing for value in (99, 99.0, "99", "99 ", "-9", "-9.0")] == ["99"] * 4 + ["-9"] * 2
    assert read("gsi", 0.53).problem == ""
    assert "at most 2 decimals" in read("gsi", 0.531).allowed
    assert read("time_spent", 7.5).problem == "half_point"
    assert read("time_spent", "1:30").problem == "clock_duration"
    assert read("time_spent", 91).problem == "out_of_range"
    assert [read("plan", value).value for value in (1, "1", "yes", "Ja", "n", "no")] == [1, 1, 1, 1, 0, 0]
    assert read("plan", "yes").problem == "text_number"
    assert read("plan", True).problem == "boolean_cell"
    assert read("plan", 2).problem == "out_of_range"
    assert read("obstacles", "3; 1").text == "1,3"
    assert read("obstacles", 1.3).problem == "out_of_range"  # what a German spreadsheet makes of 1,3
    assert "separate by semicolons" in read("obstacles", 1.3).allowed
    assert read("obstacles", "4").problem == "out_of_range"
    assert read("helps_li", -9.0).problem == "out_of_range"
    assert read("remark", None).is_empty


def test_a_missing_code_of_one_item_is_a_value_of_another(tmp_path: Path) -> None:
    text = BOOK.replace("99 = ", "9 = ").replace("missing = [99]", "missing = [9]")
    text = text.replace("maximum = 90", 'maximum = 90\nmissing = ["-9"]')
    (tmp_path / "kinds.toml").write_text(text, encoding="utf-8")
    book = load_instrument(tmp_path / "kinds.toml")
    codec = make_codec(book, book.item("time_spent"))
    assert [read_cell(value, codec).value for value in (9, "9", "9 ")] == [9, 9, 9]
    assert read_cell("9 ", make_codec(book, book.item("gsi"))).missing == "9"


def test_open_text_is_no_variable_and_in_no_scale(tmp_path: Path) -> None:
    (tmp_path / "kinds.toml").write_text(BOOK.replace('items = ["gsi"]', 'items = ["remark"]'), encoding="utf-8")
    with pytest.raises(InstrumentError, match="'remark' is no numeric item; allowed: degree, gsi, helps_li"):
        load_instrument(tmp_path / "kinds.toml")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("one_column_per_code = true\n", "one_column_per_code = true\nrepeat = 2\n", "neither repeat nor given"),
        ("multiple = true\none_column", "one_column", "one_column_per_code needs multiple = true"),
        ("F = 1 }", "F = 1, X = 2 }", "values names 'X', no code of the item; allowed: N, P, F"),
        ("P = 0.5, F = 1 }", "F = 1 }", "values does not say what 'P' counts; give it a number"),
        ('type = "minutes"', 'type = "minutes"\ndecimals = 1', 'decimals belongs to type = "decimal"'),
        ('"obstacles"', '"helps_li"', "item 'helps_li' stands twice"),
        ('{ 1 = "time"', '{ "1-1" = "a", "1_1" = "b", 1 = "time"', "item 'obstacles_1_1' stands twice"),
    ],
)
def test_what_would_not_act_is_refused(old: str, new: str, said: str, tmp_path: Path) -> None:
    assert old in BOOK
    (tmp_path / "kinds.toml").write_text(BOOK.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InstrumentError) as wrong:
        load_instrument(tmp_path / "kinds.toml")
    assert said in str(wrong.value)


def test_the_credit_of_a_codebook_without_a_name_is_nobodys(book: Instrument) -> None:
    silent = load_instrument("homework_log")
    assert {item.credit for item in silent.items} == {""}
    assert book.item("plan").credit == "own words of this codebook"
    assert len({coding_hash(book), coding_hash(silent)}) == 2
