from __future__ import annotations

import math
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from doublecode.coding.reading.long_table import read_long
from doublecode.coding.reading.outcomes import read_outcomes
from doublecode.coding.scoring import ITEMS
from doublecode.schemas.errors import ContractError, UsageError
from doublecode.schemas.frames import check_frame
from doublecode.schemas.instrument import load_instrument
from doublecode.schemas.study import Study

REFERENCE = Path(__file__).parents[2] / "reference"


@pytest.mark.parametrize("suffix", ["csv", "xlsx", "ods"])
def test_the_shrout_and_fleiss_table_reads_the_same_from_every_format(suffix):
    """Shrout & Fleiss (1979), Table 2: 6 targets × 4 judges."""
    table = read_long(REFERENCE / f"shrout_fleiss_long.{suffix}", ("target", "judge", "rating"), numbers=["rating"])
    assert len(table) == 24
    assert table["judge"].unique().tolist() == ["J1", "J2", "J3", "J4"]
    assert table["target"].unique().tolist() == ["1", "2", "3", "4", "5", "6"]
    assert table["rating"].dtype == "float64"
    assert table.groupby("judge")["rating"].sum().to_dict() == {"J1": 46.0, "J2": 15.0, "J3": 26.0, "J4": 40.0}
    wide = table.pivot_table(index="target", columns="judge", values="rating")
    assert wide.to_numpy().tolist() == [
        [9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7],
    ]  # fmt: skip


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def test_ids_stay_what_they_are(tmp_path):
    file = write(tmp_path / "a.csv", "session,rater,y\n001,R1,3\n1E5,NA,\nNone,n/a,NA\n")
    table = read_long(file, ("session", "rater", "y"), numbers=("y",))
    assert table["session"].tolist() == ["001", "1E5", "None"]
    assert table["rater"].isna().tolist() == [False, True, False]  # NA is missing in every column
    assert table["y"].tolist()[0] == 3.0
    assert table["y"].isna().tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "2", "3.5"], "float64"),
        (["001", "002", "003"], "str"),
        (["1", "1E5", "2"], "str"),
        (["1", "", "NA"], "float64"),
        (["x", "1", "y"], "str"),
        (["1.5", "2.8e-17", "-3"], "float64"),
        (["1E5", "2.5", "3"], "float64"),
        (["", "", ""], "str"),
        (["0", "0.5", "-0.25"], "float64"),
    ],
)
def test_without_named_numbers_a_column_is_what_is_written_in_it(tmp_path, cells, kind):
    file = write(tmp_path / "a.csv", "id,v\n" + "".join(f"r,{cell}\n" for cell in cells))
    assert read_long(file, ("v",))["v"].dtype == pd.Series(dtype=kind).dtype  # texts are "object" before pandas 3


def test_typed_cells_of_a_workbook(tmp_path):
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    sheet.append(["id", "y"])
    sheet.append(["007", 1.5])
    sheet.append([7, None])
    workbook.save(tmp_path / "a.xlsx")
    table = read_long(tmp_path / "a.xlsx", ("y", "id"), numbers=("y",))
    assert table.columns.tolist() == ["y", "id"]
    assert table["id"].tolist() == ["007", "7"]
    assert table["y"].tolist()[0] == 1.5
    assert math.isnan(table["y"][1])


def test_semicolons_decimal_commas_tabs_and_windows_encoding(tmp_path):
    table = read_long(write(tmp_path / "a.csv", "id;y\nMüller;3,5\n", "cp1252"), ("id", "y"), numbers=("y",))
    assert table.to_numpy().tolist() == [["Müller", 3.5]]
    table = read_long(write(tmp_path / "b.tsv", "\ufeffid\ty\na\t2\n"), ("id", "y"), numbers=("y",))
    assert table.to_numpy().tolist() == [["a", 2.0]]
    table = read_long(write(tmp_path / "c.txt", "id\ty\nä\t2\n", "utf-16"), ("id", "y"), numbers=("y",))
    assert table.to_numpy().tolist() == [["ä", 2.0]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,y\na,3\nb,x\n", r'found "x", allowed a number or an empty cell.*missing value \(--missing x\)'),
        ("id,y\na,y\nb,x\n", r'line 2: y: found "y".*name another column: this one holds no number at all\.$'),
        ("id,y\na,3\nb,x\n", r'a\.csv, line 3: y: found "x", allowed a number or an empty cell'),
        ("id,y\na,TRUE\n", 'found "TRUE"'),
        ("id,z\na,3\n", r"the column 'y' is missing; found: id, z"),
        ("id,y,y\na,3,4\n", "the column 'y' stands twice"),
        ("\n\n", "the table is empty"),
        ("id,y\na,1,2\n", r"a\.csv, line 2: found '2' under no head"),
        ('id,y\n"a,1\nb,2\n', "from line 2 on: the quotation marks do not match"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(tmp_path, text, message):
    with pytest.raises(ContractError, match=message):
        read_long(write(tmp_path / "a.csv", text), ("id", "y"), numbers=("y",))


def test_places_and_sheets_of_a_workbook(tmp_path):
    workbook = openpyxl.Workbook()
    workbook.active.append(["id", "y"])
    workbook.active.append(["a", True])
    other = workbook.create_sheet("second")
    other.append(["id", "y"])
    other.append(["a", "=1+1"])
    workbook.save(tmp_path / "a.xlsx")
    with pytest.raises(ContractError, match=r"a\.xlsx › Sheet, B2: y: found TRUE, allowed a number"):
        read_long(tmp_path / "a.xlsx", ("id", "y"), numbers=("y",))
    with pytest.raises(ContractError, match=r"second!B2: y: the formula has no saved result"):
        read_long(tmp_path / "a.xlsx", ("id", "y"), "second", numbers=("y",))
    other["B2"] = "#N/A"
    workbook.save(tmp_path / "b.xlsx")
    with pytest.raises(ContractError, match=r'b\.xlsx › second, B2: y: found "#N/A", allowed a number'):
        read_long(tmp_path / "b.xlsx", ("id", "y"), "second", numbers=("y",))
    with pytest.raises(UsageError, match="there is no sheet 'third'; there are Sheet, second"):
        read_long(tmp_path / "a.xlsx", ("id", "y"), "third")
    with pytest.raises(ContractError, match="Other sheets: second"):
        read_long(tmp_path / "a.xlsx", ("id", "w"))


def test_rows_are_called_by_their_line_in_the_file(tmp_path):
    file = write(tmp_path / "a.csv", '\nid,y\n"a\nb",1\n\nc,2\n')
    assert read_long(file, ("id", "y"), numbers=("y",), by_line=True).index.tolist() == [4, 6]
    workbook = openpyxl.Workbook()
    for cells in (["id", "y"], ["a", 1], [None, None], ["c", 2]):
        workbook.active.append(cells)
    workbook.save(tmp_path / "a.xlsx")
    assert read_long(tmp_path / "a.xlsx", ("id", "y"), numbers=("y",), by_line=True).index.tolist() == [2, 4]


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(UsageError, match="unreadable_file · there is no such file"):
        read_long(tmp_path / "gone.csv", ("y",))
    with pytest.raises(UsageError, match="unreadable_file · is a folder"):
        read_long(tmp_path, ("y",))
    with pytest.raises(UsageError, match="not_a_workbook"):
        read_long(write(tmp_path / "a.pdf", "%PDF-1.7"), ("y",))


def outcomes(study: Study, rows: list[list[object]]) -> None:
    heads = ["patient", "session", *(item.name for item in load_instrument("phq9").columns)]
    pd.DataFrame(rows, columns=heads).to_csv(study.folder / "outcomes" / "phq9.csv", index=False)


def test_outcomes_become_items(study):
    outcomes(study, [["P1", 1, *[1] * 9], ["P1", 2, *[2] * 8, "NR"], ["P9", 1, *[3] * 9]])
    items, problems = read_outcomes(study)
    assert problems == []
    check_frame(items, ITEMS)
    assert len(items) == 18
    assert set(items["patient"]) == {"P1"}
    assert items["session_id"].unique().tolist() == ["S-11Q", "S-12Q"]
    last = items.iloc[-1]
    assert math.isnan(last["value"])
    assert last["reason"] == "NR: not asked or not answered"


def test_problems_of_outcomes_name_the_line(study):
    outcomes(
        study,
        [
            ["P1", 1, 4, *[1] * 8], ["P1", 2, "", *[2] * 8], ["P1", 2, *[1] * 9],
            ["P7", 1, *[1] * 9], ["P2", "1.5", *[1] * 9], ["P2", 1, 1.5, *[1] * 8],
        ],
    )  # fmt: skip
    items, problems = read_outcomes(study)
    assert [(one.code, one.cell) for one in problems] == [
        ("out_of_range", "line 2"), ("missing_rating", "line 3"), ("answered_twice", "line 4"),
        ("answer_without_session", "line 5"), ("answer_without_session", "line 6"), ("half_point", "line 7"),
    ]  # fmt: skip
    assert str(problems[0]) == (
        "outcomes/phq9.csv › line 2 · out_of_range · P1, session 1, interest: found 4, allowed 0–3 or NR. "
        "Type an allowed value."
    )
    assert len(items) == 24


def test_outcomes_that_are_not_there(study):
    with pytest.raises(ContractError, match=r"phq9\.csv: the file is missing"):
        read_outcomes(study)
    (study.folder / "outcomes" / "phq9.csv").write_text("patient,session,mood\nP1,1,2\n", encoding="utf-8")
    with pytest.raises(ContractError, match=r"the columns 'interest', 'sleep', .* are missing"):
        read_outcomes(study)
