"""Rows shorter or longer than the heads, other signs between cells, three decimals, a crosswalk to nowhere."""

from __future__ import annotations

from importlib.resources import as_file, files
from shutil import copytree

import pytest

from doublecode.coding.reading.long_table import read_rows
from doublecode.coding.reading.study_remarks import remarks_on_tables
from doublecode.schemas.column_types import Role
from doublecode.schemas.csv_rows import read_csv_rows
from doublecode.schemas.errors import ContractError, InstrumentError
from doublecode.schemas.instrument import load_instrument
from doublecode.schemas.study import load_study

NUMBERS = {"y": Role.NUMBER, "x": Role.NUMBER}


def read(tmp_path, text, columns=("g", "y", "x")):
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    return read_rows(path, columns, roles=NUMBERS)


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_a_row_without_one_of_its_cells_is_refused_at_its_line(tmp_path, mark):
    text = "g,y,x,z\na,1,2,3\nb,2,4\nc,3,5,6\n".replace(",", mark)
    with pytest.raises(
        ContractError, match=r"t\.csv, line 3: the row has 3 cells, the heads 4\. Put in the missing cell"
    ):
        read(tmp_path, text)
    with pytest.raises(ContractError, match="line 3: found '7' under no head; the row has 5 cells, the heads 4"):
        read(tmp_path, text.replace(f"b{mark}2{mark}4", mark.join("b2347")))


def test_last_cells_that_excel_leaves_out_of_sixteen_lines_are_empty_and_said(tmp_path):
    lines = ["g,y,x,z"] + [f"a,{n},{n + 1},5" for n in range(15)] + [f"b,{n},{n + 1}" for n in range(16)]
    frame, remarks = read(tmp_path, "\n".join(lines) + "\n", ("g", "y", "z"))
    assert frame["z"].isna().sum() == 16
    (said,) = [one for one in remarks if one.code == "short_rows"]
    assert (said.cell, said.found, said.allowed) == ("line 17", "3 in line 17, and 15 more", "4")
    with pytest.raises(ContractError, match="line 33: the row has 3 cells"):
        read(tmp_path, "\n".join([*lines, "c,1,2", "c,1,2,3"]) + "\n")


def test_heads_without_a_name_at_the_end_want_no_cells(tmp_path):
    frame, remarks = read(tmp_path, "g,y,x,,\na,1,2\nb,2,3,,\n")
    assert frame["x"].tolist() == [2, 3]
    assert not remarks


@pytest.mark.parametrize(("sign", "said"), [(" ", "blanks"), (":", "':'.*write sep=: as the first"), ("~", "'~'")])
def test_a_sign_that_is_not_read_is_named(tmp_path, sign, said):
    text = "g y x\na 1 2\n".replace(" ", sign)
    with pytest.raises(ContractError, match=f"first row are parted by {said}"):
        read(tmp_path, text)
    if sign != " ":
        assert read(tmp_path, f"sep={sign}\n{text}")[0]["x"].tolist() == [2]


def test_bars_between_the_cells_and_within_a_text():
    assert read_csv_rows(b"g|y\na,b|1\n", ["g", "y"], "t").rows == [["g", "y"], ["a,b", "1"]]
    assert read_csv_rows(b"g,y\na|b,1\n", ["g", "y"], "t").rows == [["g", "y"], ["a|b", "1"]]


def test_numbers_that_all_have_three_decimals_are_a_caution_where_nothing_tells(tmp_path):
    frame, remarks = read(tmp_path, "g,y,x\na,,1\nb,1.234,2\nc,12.345,3\n")
    assert frame["y"].tolist()[1:] == [1.234, 12.345]
    assert [(one.code, one.cell, one.subject, one.found) for one in remarks] == [
        ("decimals_on_trust", "line 3", "y", '"1.234"')
    ]
    assert not read(tmp_path, "g,y,x\na,0.125,1\nb,1.234,2\n")[1]
    assert not read(tmp_path, "g,y,x\na,1.234,0.5\nb,2.345,2\n")[1]


def test_such_numbers_in_a_table_of_a_study_are_a_caution(tmp_path):
    with as_file(files("doublecode.data_examples")) as shipped:
        folder = copytree(shipped / "adolescent_cbt", tmp_path / "study")
    path = folder / "patients.csv"
    heads, *lines = path.read_text(encoding="utf-8").splitlines()
    rows = [f"{line},{1 + n % 7}.{100 + n}" for n, line in enumerate(lines)]
    path.write_text("\n".join([f"{heads},income", *rows]) + "\n", encoding="utf-8")
    said = [one for one in remarks_on_tables(load_study(folder)) if one.code == "decimals_on_trust"]
    assert [(one.file, one.cell, one.subject, one.found) for one in said] == [
        ("patients.csv", "line 2", "income", '"1.100"')
    ]


BOOK = """name = "mine"
title = "Mine"
version = "1.0"
citation = "none"
rights = "none"
missing_codes = { NR = "not ratable" }
[[items]]
name = "a"
label = "A"
minimum = 0
maximum = 4
anchors = { 0 = "no", 4 = "yes" }
crosswalk = { CROSS }
[[scales]]
name = "total"
label = "Total"
items = ["a"]
score = "sum"
"""


@pytest.mark.parametrize(
    ("cross", "said"),
    [
        ('thabz = "review"', r"mine\.toml: item 'a', crosswalk: there is no codebook 'thabz'.*did you mean 'thabs'"),
        ('thabs = "revue"', "thabs has no item 'revue'; allowed: .*did you mean 'review'"),
        ('thabs = "review, prais"', "thabs has no item 'prais'"),
        ('other = "b"', "other has no item 'b'; allowed: a"),
    ],
)
def test_a_crosswalk_to_a_codebook_or_an_item_that_there_is_not_is_refused(tmp_path, cross, said):
    (tmp_path / "other.toml").write_text(BOOK.replace('"mine"', '"other"').replace("CROSS", 'mine = "a"'))
    path = tmp_path / "mine.toml"
    path.write_text(BOOK.replace("CROSS", cross))
    with pytest.raises(InstrumentError, match=said):
        load_instrument(path)


def test_a_crosswalk_to_a_shipped_codebook_and_to_one_beside_is_taken(tmp_path):
    (tmp_path / "other.toml").write_text(BOOK.replace('"mine"', '"other"').replace("CROSS", 'mine = "a"'))
    path = tmp_path / "mine.toml"
    path.write_text(BOOK.replace("CROSS", 'thabs = "review, praise", other = "a"'))
    assert load_instrument(path).items[0].crosswalk == {"thabs": "review, praise", "other": "a"}


def test_a_label_that_programs_write_for_a_missing_value_is_a_caution(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("g,y\na,1\nnan,2\n#N/A,3\nb,4\n", encoding="utf-8")
    frame, remarks = read_rows(path, ["g", "y"], roles={"g": Role.TEXT, "y": Role.NUMBER})
    assert frame["g"].tolist() == ["a", "nan", "#N/A", "b"]
    assert [(one.code, one.subject, one.found) for one in remarks] == [
        ("label_like_missing", "g", '"nan" × 1, "#N/A" × 1')
    ]
    assert not read_rows(path, ["g"], roles={"g": Role.TEXT}, missing=["nan", "#N/A"])[1][1:]


@pytest.mark.parametrize(
    ("cell", "typed"), [("5 %", '--missing "5 %"'), (">=3", '--missing ">=3"'), ("n/a", "--missing n/a")]
)
def test_the_missing_value_to_name_is_quoted_where_a_shell_reads_more_in_it(tmp_path, cell, typed):
    with pytest.raises(ContractError, match=rf"\({typed}\)"):
        read(tmp_path, f"g,y,x\na,1,2\nb,{cell},3\nc,4,5\n")
