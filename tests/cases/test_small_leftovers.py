"""Small things that passed without a word (README.md): shared labels, empty lists, rows of no height, a lone 9."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from typer.testing import CliRunner

from doublecode.analysis import certify
from doublecode.analysis.cli.app import app
from doublecode.analysis.study.labels import label_of
from doublecode.coding.reading.table_remarks import far_in
from doublecode.schemas.errors import UsageError
from doublecode.schemas.instrument import load_instrument
from doublecode.schemas.study import load_study

TWO = """\
name = "two"
title = "Two"
version = "1.0"
citation = "Nobody (2020)."
rights = "Ours."
items = [
    { name = "a", label = "Warm", minimum = 1, maximum = 5 },
    { name = "b", label = "Warm", minimum = 1, maximum = 5 },
    { name = "c", label = "Calm", minimum = 1, maximum = 5 },
]
scales = [
    { name = "s", label = "All", items = ["a", "b"], score = "mean" },
    { name = "t", label = "All", items = ["a", "c"], score = "sum" },
]
"""


def test_items_and_scales_of_one_label_are_named_and_told_apart_in_tables(tmp_path: Path) -> None:
    (tmp_path / "two.toml").write_text(TWO, encoding="utf-8")
    said = CliRunner().invoke(app, ["instrument", "check", str(tmp_path / "two.toml")]).output
    assert "Look at: items a, b: all are called 'Warm'." in said
    assert "Look at: scales s, t: all are called 'All'." in said
    books = {"two": load_instrument(tmp_path / "two.toml")}
    assert [label_of(books, "two", name) for name in "abcs"] == ["Warm (a)", "Warm (b)", "Calm", "All (s)"]


@pytest.mark.parametrize(("study", "use"), [("raters = []", ""), ('raters = [{ id = "anna" }]', "raters = []")])
def test_an_empty_list_of_raters_is_refused_where_it_stands(study: str, use: str, tmp_path: Path) -> None:
    """It meant all raters in the one place, and that all had left in the other."""
    (tmp_path / "study.toml").write_text(
        f'name = "t"\ntitle = "T"\n{study}\n[[instruments]]\nname = "ghes"\n{use}\n', encoding="utf-8"
    )
    with pytest.raises(UsageError, match=r"raters: has too few entries; allowed: at least 1"):
        load_study(tmp_path)


def test_a_plan_without_any_rater_does_not_say_that_they_have_left(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text('name = "t"\ntitle = "T"\n[[instruments]]\nname = "ghes"\n', encoding="utf-8")
    (tmp_path / "sessions.csv").write_text("session_id,patient,session\nS-1,P1,1\n", encoding="utf-8")
    (tmp_path / "patients.csv").write_text("patient,status\nP1,completed\n", encoding="utf-8")
    said = CliRunner().invoke(app, ["allocate", str(tmp_path)])
    assert "nobody is declared who rates ghes" in str(said.exception)


def flat(folder: Path) -> Path:
    """A workbook in which a row has the height 0 and a column the width 0, and nothing is called hidden."""
    book = openpyxl.Workbook()
    for row in [["session", "rater", "score"], ["S1", "A", 1], ["S1", "B", 2], ["S2", "A", 3]]:
        book.active.append(row)
    book.active.column_dimensions["B"].width = 3
    book.save(folder / "made.xlsx")
    with zipfile.ZipFile(folder / "made.xlsx") as made, zipfile.ZipFile(folder / "flat.xlsx", "w") as parts:
        for name in made.namelist():
            text = made.read(name)
            if name.endswith("sheet1.xml"):
                assert text.count(b'<row r="3"') == text.count(b'width="3"') == 1
                text = text.replace(b'<row r="3"', b'<row ht="0" customHeight="1" r="3"').replace(
                    b'width="3"', b'width="0"'
                )
            parts.writestr(name, text)
    return folder / "flat.xlsx"


def flat_ods(folder: Path) -> Path:
    """The same as an OpenDocument spreadsheet, by its styles."""
    spaces = "".join(
        f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "table", "text", "style")
    )
    cell = "<table:table-cell office:value-type='string'><text:p>{}</text:p></table:table-cell>"
    number = "<table:table-cell office:value-type='float' office:value='{0}'><text:p>{0}</text:p></table:table-cell>"
    rows = [cell.format("session") + cell.format("rater") + cell.format("score")]
    rows += [cell.format(f"S{k}") + cell.format(rater) + number.format(k) for k in (1, 2) for rater in "AB"]
    styled = ["<table:table-row" + (" table:style-name='r0'" if at == 2 else "") + f">{row}</table:table-row>"
              for at, row in enumerate(rows)]  # fmt: skip
    content = (
        f"<office:document-content{spaces}><office:automatic-styles><style:style style:name='r0' "
        "style:family='table-row'><style:table-row-properties style:row-height='0cm'/></style:style><style:style "
        "style:name='c0' style:family='table-column'><style:table-column-properties style:column-width='0.000in'/>"
        "</style:style></office:automatic-styles><office:body><office:spreadsheet><table:table table:name='T'>"
        "<table:table-column/><table:table-column table:style-name='c0'/><table:table-column/>"
        f"{''.join(styled)}</table:table></office:spreadsheet></office:body></office:document-content>"
    )
    with zipfile.ZipFile(folder / "flat.ods", "w") as parts:
        parts.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        parts.writestr("content.xml", content)
    return folder / "flat.ods"


@pytest.mark.parametrize("made", [flat, flat_ods])
def test_rows_and_columns_of_no_size_are_said_as_hidden_ones(made: Callable[[Path], Path], tmp_path: Path) -> None:
    path = made(tmp_path)
    answer = CliRunner().invoke(
        app, ["icc", str(path), "--targets", "session", "--raters", "rater", "--ratings", "score"]
    )
    assert "1 row(s): 3" in answer.output
    assert "column B" in answer.output


@pytest.mark.parametrize(
    ("values", "far"),
    [
        ([1, 2, 3, 4, 5] * 6 + [9], [9]),
        ([1, 2, 3, 4, 5, 6, 7] * 4 + [9, 9], [9]),
        ([0, 1] * 20 + [9, 8], [9, 8]),
        ([2, 3, 4] * 9 + [-1], [-1]),
        ([1, 2, 3, 4, 5, 6, 7, 8] * 4 + [9], []),  # the next number of a scale
        ([1, 2, 3, 9] * 10, []),  # chosen sessions
        ([1, 2, 3, 4, 5, 9], []),  # too few to tell
        ([1, 3, 5] * 10 + [9], []),  # no scale that is in use throughout
        ([1.5, 2.5, 3.5] * 10 + [9], []),  # means
    ],
)
def test_a_lone_code_beside_a_scale(values: list[float], far: list[float]) -> None:
    assert sorted(far_in(pd.Series(values, dtype=float))) == sorted(far)


@pytest.mark.parametrize("command", ["icc", "agreement"])
def test_a_lone_9_among_1_to_5_is_said_by_every_command_on_a_bare_file(command: str, tmp_path: Path) -> None:
    rows = [f"S{number},{rater},{number % 5 + 1}" for number in range(20) for rater in "AB"]
    rows[7] = "S3,B,9"
    (tmp_path / "nine.csv").write_text("s,r,y\n" + "\n".join(rows) + "\n", encoding="utf-8")
    words = [command, str(tmp_path / "nine.csv"), "--targets", "s", "--raters", "r", "--ratings", "y"]
    assert "9 × 1 lies far outside the others (1 to 5)" in CliRunner().invoke(app, words).output
    assert "lies far outside" not in CliRunner().invoke(app, [*words, "--missing", "9"]).output


def test_what_misses_a_mark_is_short_and_in_the_order_of_numbers() -> None:
    key = pd.DataFrame([(tape, f"s{item}", tape % 5) for item in range(1, 13) for tape in range(12)])
    key.columns = ["tape", "item", "score"]
    found = certify(
        key.assign(rater="Ben", score=key["score"] + 2), key, targets="tape", raters="rater", ratings="score",
        by=["item"], bias=0.5,
    )  # fmt: skip
    assert found.verdicts["missed"].tolist() == ["s1: bias; s2: bias; s3: bias; s4: bias; and 8 more, each below"]
    assert found.frame["item"].drop_duplicates().tolist() == [f"s{number}" for number in range(1, 13)]
