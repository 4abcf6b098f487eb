"""A table that is written as text is what Word's own library reads back."""

import docx
import pandas as pd
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import qn

from doublecode.analysis.rendering.docx_table import KEEP_WHOLE, table_xml
from doublecode.analysis.rendering.tables import Table, column


def read_back(frame: pd.DataFrame, group: str | None = None):
    columns = (column("term", kind="text"), column("estimate"))
    block = Table("t", "T", frame, columns, group=group)
    file = docx.Document()
    file.element.body[-1].addprevious(parse_xml(table_xml(block, [1000, 800], 9)))
    (table,) = file.tables
    return table


@pytest.mark.parametrize(
    "text", ["a < b & c > \"d\" 'e'", "one\ttwo\nthree", " room before and behind ", "", "Ünï – ω²", "y ~ x * z"]
)
def test_a_text_is_read_back_as_it_was(text):
    table = read_back(pd.DataFrame({"term": [text], "estimate": [0.5]}))
    assert [cell.text for cell in table.rows[1].cells] == [text, "0.50"]


def test_marks_are_fonts():
    runs = read_back(pd.DataFrame({"term": ["*b* of `he`"], "estimate": [0.5]})).rows[1].cells[0].paragraphs[0].runs
    assert [(run.text, run.italic, run.font.name) for run in runs] == [
        ("b", True, None), (" of ", None, None), ("he", None, "Courier New"),
    ]  # fmt: skip
    assert {run.font.size.pt for run in runs} == {9}


def test_a_group_is_one_cell_over_all_columns_in_italics():
    table = read_back(pd.DataFrame({"m": ["A", "A"], "term": ["x", "y"], "estimate": [1.0, 2.0]}), group="m")
    assert [cell.text for cell in table.rows[1].cells] == ["A", "A"]  # one merged cell
    assert len(table.rows[1]._tr.tc_lst) == 1
    assert table.rows[1].cells[0].paragraphs[0].runs[0].italic


@pytest.mark.parametrize("rows", [3, KEEP_WHOLE, KEEP_WHOLE + 1])
def test_a_short_table_stands_on_one_page_and_its_heading_on_every_page(rows):
    table = read_back(pd.DataFrame({"term": ["x"] * rows, "estimate": [1.0] * rows}))
    kept = [row.cells[0].paragraphs[0].paragraph_format.keep_with_next for row in table.rows]
    whole = rows <= KEEP_WHOLE
    assert kept == [True if at < (rows if whole else 2) else None for at in range(rows + 1)]
    assert [row._tr.trPr.find(qn("w:tblHeader")) is not None for row in table.rows] == [True] + [False] * rows
    assert all(row._tr.trPr.find(qn("w:cantSplit")) is not None for row in table.rows)
