"""One description of a table, six forms: the same content in each, numbers that stay numbers, nothing obeyed."""

from __future__ import annotations

import csv
import io
import math
import re
import shutil
import subprocess
from html.parser import HTMLParser

import docx
import pytest
from docx.oxml.ns import qn
from openpyxl import load_workbook

from doublecode.analysis.rendering.printed_csv import table_frame
from doublecode.analysis.rendering.printed_docx import write_tables
from doublecode.analysis.rendering.printed_html import STYLE, html_page
from doublecode.analysis.rendering.printed_latex import PACKAGES, escaped
from doublecode.analysis.rendering.printed_parts import EMPTY, Cell, Head, Row, TableParts
from doublecode.analysis.rendering.printed_table import PrintedTable
from doublecode.schemas.errors import UsageError
from doublecode.schemas.marks import bare

NAN = float("nan")
HEADS = (
    Head("*b*", "Model A & B"), Head("β", "Model A & B"), Head("*p*", "Model A & B"),
    Head("*r*", "Model <2>"), Head("95% CI", "Model <2>"), Head("Kind", is_text=True),
)  # fmt: skip
ROWS = (
    Row("Fixed_part 50 %"),
    Row("Intercept", (Cell(4.7428, "estimate"), EMPTY, Cell(3e-28, "p"), Cell(-0.2634, "bounded", stars="**"),
                      Cell(-0.12345, "bounded", high=0.4), Cell("=1+1", "text")), 1, ("a",)),
    Row("Time × {x}", (Cell(0.00341, "estimate"), Cell(-0.004), Cell(0.0341, "p"), Cell(NAN), EMPTY,
                       Cell("#5 ~ $y^2$ \\", "text", marks=("b",))), 1),
    Row("Range", (Cell(0.0, "count", high=4.0, is_range=True), Cell(1.0, "bounded"), Cell(1.0, "p"),
                  Cell(0.5, "bounded", marks=("a", "b")), Cell(NAN, high=NAN), Cell("", "text"))),
    Row("*n*", (Cell(41.0, "integer", span=3), EMPTY, EMPTY, Cell(0.923, "percent", 1), EMPTY, EMPTY), rule=True),
)  # fmt: skip
TABLE = PrintedTable(
    "S2", "Slopes of *b* & <i>more</i>", "Term_1", HEADS, ROWS, "Values of *n* = 41 < 50.",
    (("a", "Dropped before."), ("b", "As declared.")), "** *p* < .01.",
)  # fmt: skip
PRINTED = [cell.text for row in ROWS for cell in row.cells if cell.text]


class Text(HTMLParser):
    """Texts of the cells, heads with their scope, and whether tags close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.heads: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")
            if tag == "th":
                self.heads.append((dict(attrs).get("scope") or "", ""))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        if tag == "th":
            self.heads[-1] = (self.heads[-1][0], self.cells[-1])

    def handle_data(self, data: str) -> None:
        if "sup" not in self.open and self.open[-1:] and {"td", "th"} & {*self.open}:
            self.cells[-1] += data


def test_the_cells_as_apa_prints_them() -> None:
    assert PRINTED == [
        "4.74", "< .001", "−.26**", "[−.12, .40]", "=1+1", "0.0034", "0.00", ".034", "–", "#5 ~ $y^2$ \\", "0–4",
        "1.00", "1.000", ".50", "–", "41", "92.3 %",
    ]  # fmt: skip


def test_html_has_every_text_and_every_head_its_scope() -> None:
    page = Text(TABLE.html())
    assert page.open == []
    assert {bare(text) for text in TABLE.texts()} <= {*page.cells}
    assert [text for _, text in page.heads if not text] == []
    assert {scope for scope, _ in page.heads} == {"col", "colgroup", "row", "rowgroup"}
    assert "<i>more" not in TABLE.html()
    assert '<td colspan="3" class="wide">41</td>' in TABLE.html()


def test_a_broad_table_lies_across_the_sheet_and_none_is_cut() -> None:
    heads = tuple(Head(f"*{name}*") for name in "abcdefghi")
    row = Row("x", tuple(Cell(1.0) for _ in heads))
    broad = PrintedTable("1", "Broad", "", heads, (row,))
    upright = PrintedTable("2", "Upright", "", heads[:8], (Row("x", row.cells[:8]),))
    assert [re.findall(r'<figure class="(.*?)"', one.html()) for one in (broad, upright)] == [["apa broad"], ["apa"]]
    printed = STYLE[STYLE.index("@media print") :]
    assert "@page broad { size: landscape; }" in STYLE
    assert ".apa.broad { page: broad; }" in printed
    assert ".apa .scroll { overflow: visible; }" in printed
    assert "<p></p>" not in html_page("Title", "", [broad.html()])
    assert "<p>Said below</p>" in html_page("Title", "Said below", [broad.html()])


def test_word_has_every_text_in_apa_form(tmp_path) -> None:
    file = docx.Document(str(TABLE.to_docx(tmp_path / "t.docx")))
    (table,) = file.tables
    cells = [paragraph.text for row in table.rows for cell in row.cells for paragraph in cell.paragraphs]
    marks = re.compile(r"(?<=.)(a|b|a,b)$")
    assert {bare(text) for text in TABLE.texts()} <= {*cells} | {marks.sub("", cell) for cell in cells}
    number, title, *notes = [paragraph for paragraph in file.paragraphs if paragraph.text]
    assert (number.text, number.runs[0].bold, title.runs[0].italic) == ("Table S2", True, True)
    assert [run.text for run in title.runs if not run.italic] == ["b"]
    assert notes[0].text.startswith("Note. Values of n = 41")
    assert [run.text for run in notes[1].runs if run.font.superscript] == ["a", "b"]
    rows = table._tbl.findall(qn("w:tr"))
    lines = [{border.tag.partition("}")[2] for border in row.iter(qn("w:top"), qn("w:bottom"))} for row in rows]
    assert [sorted(line & {"top", "bottom"}) for line in lines] == [
        ["bottom", "top"], ["bottom"], [], [], [], [], ["bottom", "top"],
    ]  # fmt: skip
    assert (file.core_properties.author, file.core_properties.created.year) == ("doublecode", 2000)


def test_a_wide_table_is_turned_and_no_cell_is_broken(tmp_path) -> None:
    wide = TableParts("1", "W", "T", HEADS[:3] * 6, (Row("x", ROWS[1].cells[:3] * 6),))
    write_tables([TABLE, wide], tmp_path / "t.docx", "Both")
    first, second = docx.Document(str(tmp_path / "t.docx")).sections
    assert (first.orientation, second.orientation) == (0, 1)
    assert second.page_width > second.page_height


def test_a_long_table_breaks_between_rows_and_repeats_its_head(tmp_path) -> None:
    for count, kept in ((20, True), (60, False)):
        long = PrintedTable("1", "L", "T", HEADS[:1], tuple(Row(str(n), (Cell(float(n)),)) for n in range(count)))
        (table,) = docx.Document(str(long.to_docx(tmp_path / f"{count}.docx"))).tables
        assert bool(table._tbl.findall(f".//{qn('w:keepNext')}")) is kept
        assert [bool(row.findall(f".//{qn('w:tblHeader')}")) for row in table._tbl.findall(qn("w:tr"))][:3] == [
            True, True, False,
        ]  # fmt: skip


def test_excel_keeps_numbers_and_shows_them_as_printed(tmp_path) -> None:
    book = load_workbook(TABLE.to_xlsx(tmp_path / "t.xlsx"))
    sheet, values = book.worksheets
    cells = [cell for row in sheet.iter_rows() for cell in row if cell.value is not None]
    shown = [as_excel_shows(cell.value, cell.number_format) for cell in cells]
    for row in ROWS:
        for cell in row.cells:
            raised = f" ({', '.join(cell.marks)})" if cell.marks else ""
            assert not cell.text or cell.text + raised in shown, cell
    assert {
        bare(text) for text in (TABLE.stub, *(one for head in HEADS for one in (head.heading, head.spanner) if one))
    } <= {*shown}
    assert -0.2634 in [cell.value for cell in cells]
    assert [cell.data_type for cell in cells if cell.value == "=1+1"] == ["s"]
    assert 3e-28 in [cell.value for row in values.iter_rows() for cell in row]


def as_excel_shows(value: object, form: str) -> str:
    """A cell by the few signs of Excel's number formats that are in use here."""
    if isinstance(value, str):
        return value
    number = float(str(value))
    if form.startswith("[<0.001]"):
        below, form = form.removeprefix("[<0.001]").split(";")
        if number < 0.001:
            return below.replace('"', "")
    above, _, negative = form.partition(";")
    form = negative if number < 0 and negative else above
    shape = re.search(r"0?\.?0+|0", form)
    assert shape is not None
    decimals = len(shape[0].partition(".")[2])
    shown = f"{abs(number) * (100 if '%' in form else 1):.{decimals}f}"
    shown = shown if shape[0].startswith("0") else shown.removeprefix("0")
    return form.replace(shape[0], shown, 1).replace('"', "")


def test_markdown_has_every_text() -> None:
    text = TABLE.markdown()
    plain = text.replace("\\", "").replace("&emsp;", "")
    assert [one for one in TABLE.texts() if one.replace("\\", "").replace("<i", "&lt;i") not in plain] == []
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {len(HEADS) + 2}
    assert "<i>more" not in text


def test_csv_keeps_every_digit() -> None:
    rows = list(csv.DictReader(io.StringIO(TABLE.csv())))
    assert [row["Term_1"] for row in rows] == ["Intercept", "Time × {x}", "Range", "n"]
    assert rows[0]["section"] == "Fixed_part 50 %"
    assert rows[0]["Model A & B: p"] == "3e-28"
    assert (rows[0]["Model <2>: 95% CI low"], rows[0]["Model <2>: 95% CI high"]) == ("-0.12345", "0.4")
    assert (rows[0]["Model <2>: r"], rows[0]["Model <2>: r marks"]) == ("-0.2634", "**")
    assert rows[0]["Kind"] == "'=1+1"
    assert rows[3]["section"] == ""


def test_latex_escapes_everything_and_names_its_packages() -> None:
    text = TABLE.to_latex()
    for piece in (
        "Fixed\\_part 50 \\%",
        "\\{x\\}",
        "\\#5 \\textasciitilde{} \\$y\\textasciicircum{}2\\$ \\textbackslash{}",
    ):
        assert piece in text
    assert ",".join(PACKAGES) in text.splitlines()[1]
    for one in PRINTED:
        assert escaped(one) in text
    body = [line for line in text.splitlines() if line.endswith(r"\\")]
    widths = [
        sum(int(n) - 1 for n in re.findall(r"\\multicolumn\{(\d)\}", line)) + len(re.findall(r"(?<!\\)&", line))
        for line in body
    ]
    assert {*widths} == {len(HEADS)}


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no TeX here")
def test_latex_compiles(tmp_path) -> None:
    wide = PrintedTable("1", "W", "T", HEADS[:3] * 6, (Row("x", ROWS[1].cells[:3] * 6),))
    preamble = rf"\documentclass{{article}}\usepackage[T1]{{fontenc}}\usepackage{{{','.join(PACKAGES)}}}"
    symbols = "".join(letter for letter in "αβγδΔηκλμρστφχω−×≤≥≠±∞→–—…“”„’‘²³₀₁₂·√\u00a0\u2009 äöüßéŁ")
    other = PrintedTable("2", symbols, "T", HEADS[:1], (Row(symbols, (Cell(1.0),)),))
    body = "\n".join(table.to_latex() for table in (TABLE, wide, other))
    (tmp_path / "t.tex").write_text(f"{preamble}\\begin{{document}}{body}\\end{{document}}", encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]


def test_files_are_not_written_over(tmp_path) -> None:
    for write, name in ((TABLE.to_docx, "t.docx"), (TABLE.to_xlsx, "t.xlsx")):
        before = write(tmp_path / name).read_bytes()
        with pytest.raises(UsageError, match="overwrite=True"):
            write(tmp_path / name)
        assert write(tmp_path / name, overwrite=True).is_file()
        assert before[:2] == b"PK"
        for wrong, said in (("t.txt", "ends in"), (f"no/{name}", "no folder")):
            with pytest.raises(UsageError, match=said):
                write(tmp_path / wrong)


def test_rows_that_do_not_fit_and_letters_without_a_note_are_refused() -> None:
    with pytest.raises(UsageError, match="'x' has 1 cells, and there are 6 columns"):
        TableParts("1", "T", "S", HEADS, (Row("x", (Cell(1.0),)),))
    with pytest.raises(UsageError, match="no note bears the letter 'q'"):
        TableParts("1", "T", "S", HEADS[:1], (Row("x", (Cell(1.0, marks=("q",)),)),))


def test_a_note_of_every_kind_in_its_order() -> None:
    assert [[run.text for run in runs] for runs in TABLE.notes] == [
        ["*Note.* Values of *n* = 41 < 50."], ["a", "Dropped before. ", "b", "As declared."], ["** *p* < .01."],
    ]  # fmt: skip
    assert math.isnan(ROWS[2].cells[3].value)


def test_a_column_of_numbers_and_intervals_keeps_them_apart_in_csv():
    rows = (
        Row("Set", (Cell(0.67, "bounded"),)),
        Row("Range", (Cell(0.49, "bounded", high=0.87),)),
    )
    frame = table_frame(PrintedTable("1", "ICCs", "Item", (Head("ICC"),), rows))
    assert frame.columns.tolist() == ["Item", "ICC", "ICC low", "ICC high"]
    assert frame.iloc[0].notna().tolist() == [True, True, False, False]
    assert frame.iloc[1].dropna().tolist() == ["Range", 0.49, 0.87]
    assert frame["ICC"][0] == 0.67
