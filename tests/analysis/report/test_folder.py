import hashlib
import json
import re
import shutil
import zipfile
from base64 import b64encode
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import docx
import pandas as pd
import pytest

from doublecode.analysis.rendering.coded_warnings import problem_of
from doublecode.analysis.rendering.document import Bullets, Callout, Document, Headline, Paragraph, Section
from doublecode.analysis.rendering.docx import column_widths, write_docx
from doublecode.analysis.rendering.page import render_page, rich_text
from doublecode.analysis.rendering.tables import Table, column, write_csv
from doublecode.analysis.report.folder import build_document, results_record, write_report
from doublecode.analysis.report.methods_text import methods_paragraphs
from doublecode.analysis.report.sections_data import warnings_section
from doublecode.analysis.report.trace_file import TraceFile
from doublecode.analysis.report.traced_tables import TracedTables
from doublecode.schemas.errors import UsageError
from doublecode.schemas.frames import ROW_LEDGER
from doublecode.schemas.marks import inline
from doublecode.schemas.results import compact_json, to_json


class Page(HTMLParser):
    """Collects tags, and checks that they close in order."""

    VOID = frozenset({"meta", "link", "br", "path", "use", "rect", "circle", "line", "image"})

    def __init__(self, text):
        super().__init__()
        self.tags, self.open = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


def small_document():
    frame = pd.DataFrame(
        {"model": ["A", "B"], "term": ["<session>", "he"], "estimate": [-0.5, 1.25], "p_value": [0.0001, 0.2]}
    )
    columns = (column("term"), column("estimate"), column("p_value"))
    table = Table("models", "Models of `phq9`", frame, columns, ("REML.",), "model")
    return Document(
        title="A <study>", subtitle="after *X*", callouts=(Callout("Set aside: `R3.xlsx`."),),
        headlines=(Headline("Sessions", "210", "held"),),
        sections=(Section("s", "Section", (Paragraph("*p* < .05"), Bullets(("one", "two")), table)),), colophon="made",
    )  # fmt: skip


def test_inline_marks_are_split_and_everything_else_is_escaped():
    assert list(inline("a `b*c` *d*")) == [("", "a "), ("code", "b*c"), ("", " "), ("italic", "d")]
    assert rich_text("<b> `x<y`") == "&lt;b&gt; <code>x&lt;y</code>"


def test_the_page_is_well_formed_and_escapes_what_comes_from_data():
    text = render_page(small_document())
    page = Page(text)
    assert page.open == []
    assert "<session>" not in text.replace("&lt;session&gt;", "")
    assert "<h1>A &lt;study&gt;</h1>" in text
    assert '<tr class="group"><th scope="rowgroup" colspan="3">A</th></tr>' in text
    assert "−0.50" in text
    assert "&lt; .001" in text
    assert "Set aside: <code>R3.xlsx</code>." in text
    assert render_page(small_document()) == text


def test_the_word_file_says_the_same_with_fixed_metadata(tmp_path):
    write_docx(small_document(), tmp_path / "a.docx")
    file = docx.Document(str(tmp_path / "a.docx"))
    cells = [[cell.text for cell in row.cells] for row in file.tables[0].rows]
    assert cells[0] == ["Term", "b", "p"]
    assert cells[2] == ["<session>", "−0.50", "< .001"]
    assert cells[1] == ["A", "A", "A"]  # one merged cell
    texts = [paragraph.text for paragraph in file.paragraphs]
    assert {"Set aside: R3.xlsx.", "p < .05", "Table 1", "Models of phq9", "Note. REML."} <= set(texts)
    assert file.core_properties.created.year == 2000
    write_docx(small_document(), tmp_path / "b.docx")
    one, two = (zipfile.ZipFile(tmp_path / name) for name in ("a.docx", "b.docx"))
    assert {name: one.read(name) for name in one.namelist()} == {name: two.read(name) for name in two.namelist()}


def test_numbers_in_the_word_file_never_wrap():
    frame = pd.DataFrame({"label": ["a long label " * 6] * 2, **{str(k): [-0.123, 0.5] for k in range(12)}})
    wide = Table("t", "", frame, (column("label", kind="text"), *(column(str(k), kind="bounded") for k in range(12))))
    widths = column_widths(wide, 8)
    assert sum(widths) <= 16.5 + 1e-9
    assert min(widths[1:]) > 4 * 0.5 * 8 * 2.54 / 72  # four characters of "−.12"


@pytest.fixture(scope="module")
def report(telephone_demo, tmp_path_factory):
    """The report folder that the demo wrote, for tests that may add to it."""
    return shutil.copytree(telephone_demo.report, tmp_path_factory.mktemp("study") / "report")


@pytest.fixture
def document(telephone_document):
    """The same report built a second time."""
    return telephone_document


def test_the_folder_holds_what_the_design_names(report, document):
    assert {entry.name for entry in report.iterdir()} == {
        "index.html", "report.docx", "tables", "figures", "row_ledger.csv", "results.json", "manifest.json",
        "trace.json", "checklists.html", "checklists.docx", "paper",
    }  # fmt: skip
    assert {path.stem for path in (report / "tables").iterdir()} == {table.name for table in document.tables()}
    assert {path.stem for path in (report / "figures").iterdir()} == {shown.name for shown in document.pictures()}
    assert {"icc_forest", "omega_by_session", "phq9_by_session", "he_by_session"} <= {
        shown.name for shown in document.pictures()
    }


def test_the_page_loads_nothing_and_runs_one_script_of_its_own(report):
    text = (report / "index.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    names = {tag for tag, _ in page.tags}
    assert not names & {"img", "iframe", "object", "embed", "form"}
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", text, re.DOTALL)
    assert [attrs for attrs, _ in scripts] == [' type="application/json" id="cells-data"', ""]
    digest = b64encode(hashlib.sha256(scripts[1][1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text
    assert not re.search(r"fetch|XMLHttp|import\(|https?:|eval|innerHTML", scripts[1][1])
    links = [attrs["href"] for tag, attrs in page.tags if tag in ("a", "link") and "href" in attrs]
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    for link in links:
        assert link == "data:," or (link[1:] in ids if link.startswith("#") else (report / link).is_file()), link
    assert not re.search(r"url\((?!#)|@import|src=", text)
    assert text.count('role="img"') == len(list((report / "figures").iterdir()))
    assert all("scope" in attrs for tag, attrs in page.tags if tag == "th")
    assert page.tags[1] == ("html", {"lang": "en"}) or ("html", {"lang": "en"}) in page.tags


def test_page_and_tables_carry_the_numbers_of_the_results(report, telephone_run):
    results = json.loads((report / "results.json").read_text(encoding="utf-8"))
    text = (report / "index.html").read_text(encoding="utf-8")
    row = telephone_run.consistency.frame.iloc[0]
    assert results["consistency"]["frame"][0]["omega"] == row["omega"]
    assert f"ω = {row['omega']:.2f}".replace("0.", ".") in text
    models = pd.read_csv(
        report / "tables" / "phq9_split.csv", dtype=str
    )  # read as numbers by Python: exact on any pandas
    last = telephone_run.series[-1].models[-1].result.frame
    assert [float(cell) for cell in models["estimate"]][-len(last) :] == last[
        "estimate"
    ].tolist()  # full precision, digit for digit
    assert results["series"]["phq9"]["models"][-1]["frame"][0]["estimate"] == last["estimate"].iloc[0]
    assert results["rows"]["design"]["n_rated"] == 194
    assert "210 → 194" in text
    assert "Synthetic data" in text


def test_page_word_file_and_results_show_every_warning_of_the_analysis(report, telephone_run):
    warnings = [problem_of(one) for one in telephone_run.warnings]
    assert len(warnings) > 5
    results = json.loads((report / "results.json").read_text(encoding="utf-8"))
    shown = [(one["stage"], one["severity"], one["code"], one["subject"], one["text"]) for one in results["problems"]]
    assert [row for row in shown if row[0] == "analysis"] == [
        ("analysis", "warning", one.code, one.subject, str(one)) for one in warnings
    ]
    assert [row[4] for row in shown if row[0] == "reading"] == [
        str(one.in_report) for one in telephone_run.intake.problems
    ]
    listed = pd.read_csv(report / "tables" / "warnings.csv")
    assert list(zip(listed["code"], listed["sentence"], listed["next_step"], strict=True)) == [
        (one.code, one.sentence, one.next_step) for one in warnings
    ]
    page = unescape((report / "index.html").read_text(encoding="utf-8")).partition('id="table-warnings"')[2]
    table = page.partition("</table>")[0]
    file = docx.Document(str(report / "report.docx"))
    (cells,) = [
        {cell.text for row in found.rows for cell in row.cells}
        for found in file.tables
        if found.rows[0].cells[1].text == "Warning"
    ]
    for one in warnings:
        assert one.subject in table
        assert one.next_step in table
        assert any(one.subject in cell and one.found in cell for cell in cells)


def test_a_study_without_warnings_says_so(telephone_run):
    quiet = replace(telephone_run, sample=replace(telephone_run.sample, frame=telephone_run.sample.frame.head(0)),
                    reliability=None, series=(), comparisons=(), warnings=())  # fmt: skip
    texts = [block.text for block in warnings_section(quiet).blocks if isinstance(block, Paragraph)]
    assert "The analysis gives no warning." in texts


def test_the_row_ledger_file_follows_its_contract(report, telephone_run):
    rows = pd.read_csv(report / "row_ledger.csv")
    assert list(rows.columns) == list(ROW_LEDGER.columns)
    assert len(rows) == len(telephone_run.frame.ledger)


def test_the_methods_paragraph_names_versions_rules_and_formulas(report):
    text = (report / "index.html").read_text(encoding="utf-8")
    for words in ("pandas " + pd.__version__, "Kenward–Roger", "Koo &amp; Li", "Curran &amp; Bauer"):
        assert words in text
    assert "phq9 ~ session + he + tbh + (session | patient)" in text
    assert "seed 805" in text


def test_the_same_study_gives_the_same_bytes(report, document, telephone_run, tmp_path):
    traced = TraceFile(telephone_run, document, TracedTables(telephone_run))
    assert render_page(document, traced.of_page()).encode() == (report / "index.html").read_bytes()
    assert (compact_json(traced.record) + "\n").encode() == (report / "trace.json").read_bytes()
    assert (to_json(results_record(telephone_run)) + "\n").encode() == (report / "results.json").read_bytes()
    for shown in document.pictures():
        assert shown.svg.encode() == (report / "figures" / f"{shown.name}.svg").read_bytes(), shown.name
    for table in document.tables():
        write_csv(table.csv_frame, tmp_path / "again.csv")
        assert (tmp_path / "again.csv").read_bytes() == (report / "tables" / f"{table.name}.csv").read_bytes(), (
            table.name
        )


def test_nothing_is_overwritten_unasked(report, telephone_run):
    with pytest.raises(UsageError, match=r"is there already\. Add --overwrite"):
        write_report(telephone_run, report.parent)
    (report / "my notes.txt").write_text("mine")
    try:
        with pytest.raises(UsageError, match="which no report writes"):
            write_report(telephone_run, report.parent, overwrite=True)
    finally:
        (report / "my notes.txt").unlink()


def test_the_adolescent_report_prints_both_analyses_and_every_interaction(adolescent_run, adolescent_document):
    document = adolescent_document
    names = {table.name for table in document.tables()}
    assert {"moderations", "moderations_both", "simple_slopes", "johnson_neyman", "outlier_changes"} <= names
    drawn = [shown.name for shown in document.pictures() if shown.name.startswith("interaction_")]
    assert len(drawn) == sum(model.moderator is not None for model in adolescent_run.study.moderations) == 8
    (both,) = [table for table in document.tables() if table.name == "moderations_both"]
    assert (both.frame["estimate"] != both.frame["estimate_untouched"]).any()


def test_regressions_stand_beside_their_robust_limits(adolescent_run, adolescent_document):
    (table,) = [table for table in adolescent_document.tables() if table.name == "moderations"]
    assert [column.heading for column in table.columns][-1] == "95% CI, least squares"
    for result in adolescent_run.moderations:
        shown = table.frame[table.frame["name"] == result.spec["name"]]
        assert shown["beside_low"].tolist() == result.least_squares["conf_low"].tolist()
        assert shown["beside_high"].tolist() == result.least_squares["conf_high"].tolist()
        assert shown["beside_p"].tolist() == result.least_squares["p_value"].tolist()
        assert shown["conf_low"].tolist() == result.robust["conf_low"].tolist() != shown["beside_low"].tolist()


def test_the_adolescent_report_says_whose_limits_are_the_jackknifes(adolescent_run):
    rows = adolescent_run.reliability.frame.set_index(["instrument", "name"])["method"]
    perfect = [("initial_resistance", name) for name in ("frustrated", "negative_reactions")]
    silent = ("initial_resistance", "intellectualizing")  # without one session its raters agree on all
    assert set(rows.loc[perfect]) == {"reml, perfect agreement"}
    assert rows.loc[silent] == "reml, profile likelihood"
    others = rows.drop([*perfect, silent]).loc[["homework_adherence", "initial_resistance"]]
    assert len(others) == 5
    assert set(others.str.endswith("jackknife over targets")) == {True}
    assert not rows.loc[["thabs"]].str.contains("jackknife").any()
    text = " ".join(methods_paragraphs(adolescent_run))
    assert "come from leaving out each session once" in text
    assert "HC3 standard errors (Long & Ervin, 2000)" in text


def test_a_regression_not_estimable_without_the_outlier_rule_hides_no_other(adolescent_run, undrawn):
    fewer = replace(adolescent_run, moderations_untouched=adolescent_run.moderations_untouched[1:])
    (both,) = [table for table in build_document(fewer).tables() if table.name == "moderations_both"]
    lost = adolescent_run.moderations_untouched[0].spec["title"]
    assert len(both.frame) == len(adolescent_run.moderations) - 1
    assert lost not in set(both.frame["model"])


def test_correlations_of_sessions_are_also_averaged_over_sessions(telephone_run):
    averaged = telephone_run.correlations.frame.query("level == 'mean over sessions'")
    single = telephone_run.correlations.by_session.query("x == 'he' and y == 'tbh'")
    assert averaged["r"].between(-1, 1).all()
    assert single["r"].min() <= averaged.query("x == 'he' and y == 'tbh'")["r"].item() <= single["r"].max()


def said(document):
    """Every sentence of a document, without what is set as code."""
    for section in document.sections:
        for block in section.blocks:
            match block:
                case Paragraph(text) | Callout(text):
                    yield text
                case Bullets(items):
                    yield from items
                case Table():
                    yield from block.notes
    # the ledger's reasons and the sample's rows are sentences in cells
    for table in document.tables():
        yield from table.frame["reasons"] if table.name == "flow" else ()
        yield from table.frame["label"] if table.name == "sample" else ()


def test_sentences_call_variables_items_and_scales_by_their_labels(
    telephone_run, adolescent_run, document, adolescent_document
):
    for run, written in ((telephone_run, document), (adolescent_run, adolescent_document)):
        items = {item.name for book in run.study.codebooks.values() for item in book.columns if "_" in item.name}
        names = items | set(run.labels) | set(run.study.codebooks)
        known = re.compile(rf"\b(?:{'|'.join(sorted(names))})\b")
        sentences = [re.sub(r"`[^`]*`|Only rows with [^:]*:", "", text) for text in said(written)]
        assert len(sentences) > 40
        assert [text for text in sentences if known.search(text)] == []
    text = " ".join(said(adolescent_document))
    assert "Homework adherence, session 2: IN: insufficient information" in text
    assert "Rationale given, session 1 and Initial resistance are centred at their means" in text
    assert "those with 1: patients: Hispanic/Latino." in text
    assert "Initial resistance, 46 sessions of 46 patients" in text
    assert "clusters=" not in text


def test_a_session_without_limits_says_why(document):
    (table,) = [table for table in document.tables() if table.name == "omega_by_session"]
    bare = table.frame[table.frame["estimate"].notna() & table.frame["conf_low"].isna()]
    assert bare[["label", "session"]].to_numpy().tolist() == [
        ["StHAR: Reviewing (same tape)", 1], ["StHAR: Reviewing (same tape)", 11],
        ["PHQ-9: Depressive symptoms (PHQ-9)", 9],
    ]  # fmt: skip
    assert bare["status"].str.endswith("there is no interval.").tolist() == [True] * 3
    assert (table.frame.loc[table.frame["conf_low"].notna(), "status"] == "").all()


def test_the_sentences_to_paste_stand_in_the_order_of_the_codebook(adolescent_document):
    lines = [text for text in said(adolescent_document) if "(THABS: " in text]
    assert [line.partition("(THABS: ")[2].partition("):")[0] for line in lines][:3] == [
        "Task was specified", "Rationale was given", "Reactions and obstacles were asked for",
    ]  # fmt: skip
