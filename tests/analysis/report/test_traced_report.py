"""From numbers of both example reports to cells and back; twenty of each recomputed from the cells alone."""

import json
import math
import random
import re
import shutil
import subprocess
from base64 import b64encode
from hashlib import sha256
from html import unescape
from pathlib import Path
from types import SimpleNamespace

import openpyxl
import pytest
from typer.testing import CliRunner

from doublecode.analysis.cli.app import app
from doublecode.analysis.report import traced_cell
from doublecode.analysis.report.folder import write_report
from doublecode.analysis.report.trace_file import read_set
from doublecode.analysis.report.traced_cell import trace_cell
from doublecode.analysis.report.traced_report import TracedReport
from doublecode.analysis.study.run import read_study, store
from doublecode.analysis.study.trace.origins import Origins
from doublecode.analysis.study.trace.unused_cells import KnownCells
from doublecode.coding.intake.study_ledger import open_ledger
from doublecode.coding.reading.declared_heads import open_study
from doublecode.schemas.errors import UsageError
from doublecode.schemas.problems import Problem

DRAWN = 20
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ITERATED = (
    "omega",
    "reliability",
    "_models",
    "_split",
    "_comparison",
    "_variances",
    "icc_summary",
    "items_dropped",
    "double_",
)
PROBE = """
const shown = [];
for (const at of PLACES) {
  document.querySelectorAll("button.cells")[at].click();
  document.getElementById("cells-all").click();
  shown.push({
    open: document.getElementById("cells").open,
    command: document.querySelector("#cells-command code").textContent,
    cells: [...document.querySelectorAll("#cells-list tr")].map((row) => [...row.cells].map((one) => one.textContent)),
  });
  document.getElementById("cells-close").click();
}
document.getElementById("probe").textContent = JSON.stringify(shown);
"""


@pytest.fixture(scope="module")
def adolescent(tmp_path_factory, adolescent_run):
    """A copy of the adolescent study with its report and its ledger."""
    folder = tmp_path_factory.mktemp("traced") / "adolescent_cbt"
    shutil.copytree(adolescent_run.study.folder, folder, ignore=shutil.ignore_patterns("report", "ledger.sqlite*"))
    store(read_study(folder))
    write_report(adolescent_run, folder)
    return folder


@pytest.fixture(params=["telephone", "adolescent"])
def study(request, telephone_demo):
    return telephone_demo.study if request.param == "telephone" else request.getfixturevalue("adolescent")


@pytest.fixture(scope="module")
def corrected(tmp_path_factory, adolescent):
    """The same after H1 corrected a cell and H2's file was withdrawn."""
    folder = tmp_path_factory.mktemp("corrected") / "adolescent_cbt"
    shutil.copytree(adolescent, folder)
    path = folder / "incoming" / "H1_homework_adherence_batch01.xlsx"
    book = openpyxl.load_workbook(path)
    book["Rate"]["E5"] = 2
    book.save(path)
    store(read_study(folder))
    with open_ledger(open_study(folder)) as ledger:
        ledger.withdraw("H2_homework_adherence_batch01.xlsx", "wrong recordings")
    return folder


def report_of(folder: Path) -> TracedReport:
    return TracedReport(open_study(folder), folder / "report")


def asked(folder: Path, *arguments: str):
    answer = CliRunner().invoke(app, ["trace", str(folder), *arguments, "--json"])
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.stdout)


@pytest.fixture
def read_once(monkeypatch):
    """A study that does not change between the cells of a test is read once for all of them."""
    known = {}
    monkeypatch.setattr(traced_cell, "KnownCells", lambda study: known.setdefault(study.folder, KnownCells(study)))


def is_right(folder: Path, record, found: float) -> bool:
    name = record["spec"]["table"]
    loose = any(name.startswith(part) or name.endswith(part) for part in ITERATED)
    return math.isclose(
        found, record["spec"]["value"], rel_tol=2e-4 if loose else 1e-9, abs_tol=1e-6 if loose else 1e-9
    )


def test_twenty_numbers_of_each_report_are_recomputed_from_their_cells(study, recomputed):
    """Drawn over all tables; what no short independent formula gives is drawn again."""
    draw = random.Random(f"twenty of {study.name}")
    tables = report_of(study).record["tables"]
    right = []
    for _ in range(10 * DRAWN):
        table = draw.choice(sorted(tables))
        row = draw.choice([row for row in tables[table]["rows"] if row["sets"]])
        column = draw.choice(sorted(row["sets"]))
        names = [part for name in row["names"] for part in ("--row", name)]
        answer = CliRunner().invoke(app, ["trace", str(study), "--table", table, *names, "--column", column, "--json"])
        if answer.exit_code:
            continue  # an equal name in another row; tests below ask for such rows
        record = json.loads(answer.stdout)
        found = recomputed.recompute(study, record)
        if found is not None:
            assert is_right(study, record, found), (record["spec"], found)
            right.append((table, column))
        if len(right) == DRAWN:
            break
    assert len(right) == DRAWN
    assert len({table for table, _ in right}) > 6


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed: nothing clicks on the page")
def test_five_numbers_of_a_page_are_listed_by_click(adolescent, tmp_path, recomputed):
    draw = random.Random(5)
    text = (adolescent / "report" / "index.html").read_text(encoding="utf-8")
    probe = PROBE.replace("PLACES", json.dumps(sorted(draw.sample(range(1100), 40))))
    digest = b64encode(sha256(probe.encode()).digest()).decode()
    text = text.replace("script-src ", f"script-src 'sha256-{digest}' ", 1)
    page = tmp_path / "page.html"
    page.write_text(text.replace("</body>", f'<pre id="probe"></pre><script>{probe}</script></body>'), encoding="utf-8")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
               "--virtual-time-budget=10000", "--dump-dom", page.as_uri()]  # fmt: skip
    done = subprocess.run(command, capture_output=True, timeout=300)
    found = re.search(r'<pre id="probe">(.+?)</pre>', done.stdout.decode("utf-8"), re.DOTALL)
    assert found is not None
    right = 0
    for shown in json.loads(unescape(found[1])):
        assert shown["open"]
        arguments = re.findall(r'(--\w+) (?:"((?:[^"\\]|\\.)*)"|(\S+))', shown["command"])
        given = [part for name, quoted, plain in arguments for part in (name, quoted.replace('\\"', '"') or plain)]
        answer = CliRunner().invoke(app, ["trace", str(adolescent), *given, "--json"])
        if answer.exit_code:
            continue  # two rows of a table are called alike
        record = json.loads(answer.stdout)
        listed = [(one[0].replace(" › Rate", ""), one[1], one[2]) for one in shown["cells"]]
        cells = [(one["file"], one["cell"], said(one["value"])) for one in record["frame"]]
        assert sorted(listed) == sorted(cells)
        again = recomputed.recompute(adolescent, record)
        if again is not None:
            assert is_right(adolescent, record, again), record["spec"]
            right += 1
    assert right >= 5


def said(value) -> str:
    return "–" if value is None else f"{value:.15g}" if isinstance(value, float) else str(value)


def test_every_icc_stands_on_as_many_cells_as_it_has_ratings(study, telephone_run, adolescent_run):
    run = telephone_run if study.name != "adolescent_cbt" else adolescent_run
    report = report_of(study)
    for name in ("reliability", "reliability_pilot"):
        for row in report.record["tables"].get(name, {"rows": []})["rows"]:
            cells = {at for at, _ in read_set(report.record["sets"][row["sets"]["n_ratings"]])}
            table = run.reliability.frame
            of = table[
                [set(row["names"]) >= {one.instrument, one.name, one.phase, one.level} for one in table.itertuples()]
            ]
            items = 1 if of["level"].iloc[0] == "item" else len(
                run.study.codebooks[of["instrument"].iloc[0]].scale(of["name"].iloc[0]).items
            )  # fmt: skip
            assert len(of) == 1
            assert len(cells) == of["n_ratings"].iloc[0] * items


@pytest.mark.parametrize("name", ["telephone_run", "adolescent_run"])
def test_every_score_stands_on_the_items_that_it_counts(name, request):
    run = request.getfixturevalue(name)
    origins = Origins(run.intake, run.items, run.scores)
    for one in run.scores[run.scores["value"].notna()].itertuples():
        cells = [
            origins.cells.cells[at] for at, _ in origins.score(one.instrument, one.scale, one.patient, one.session)
        ]
        assert len({cell.item for cell in cells}) == one.n_valid, one


def test_the_line_of_the_issue(telephone_demo):
    record = asked(telephone_demo.study, "--table", "reliability", "--row", "Homework engagement", "--column", "ICC")
    assert record["spec"]["column"] == "estimate"
    assert record["design"] == {"n_cells": 1897, "n_files": 10}
    assert {"file", "sheet", "cell", "value", "session_id", "rater", "item", "of", "how", "state"} <= set(
        record["frame"][0]
    )
    reversed_items = {one["item"] for one in record["frame"] if one["how"] == "reversed"}
    assert reversed_items == {"difficulties"}


def test_lagged_pooled_and_outcome_cells_say_what_they_are(telephone_demo):
    record = asked(
        telephone_demo.study, "--table", "phq9_split", "--row", "4 within", "--row", "session", "--column", "b"
    )
    how = {(one["of"], one["how"]) for one in record["frame"]}
    assert {("tbh", "lagged"), ("tbh", "lagged pooled"), ("phq9", ""), ("he", "reversed"), ("session", "key")} <= how
    phq9 = next(one for one in record["frame"] if one["of"] == "phq9")
    assert phq9["file"] == "outcomes/phq9.csv"
    assert re.fullmatch(r"line \d+, \w+", phq9["cell"])


def test_what_an_outlier_rule_changed_is_named_with_the_cells_of_its_fence(adolescent):
    record = asked(
        adolescent, "--table", "moderations", "--row", "specification_s1", "--row", "Intercept", "--column", "b"
    )
    how = {one["how"] for one in record["frame"] if one["of"] == "specification_s1"}
    assert {"winsorised", "fence"} <= how
    rows = report_of(adolescent).record["tables"]["moderations_both"]["rows"]
    assert all(row["sets"]["estimate"] != row["sets"]["estimate_untouched"] for row in rows)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ["no table was named", "reliability", "omega"]),
        (("--table", "reliabilty"), ["no table 'reliabilty'", "did you mean 'reliability'"]),
        (("--table", "problems"), ["counts remarks"]),
        (("--table", "reliability"), ["no row was named", "Task was specified"]),
        (("--table", "reliability", "--row", "Hostyle"), ["no row 'Hostyle'", "mean 'hostile'"]),
        (("--table", "reliability", "--row", "main"), ["14 rows are called 'main'", '--row "']),
        (("--table", "reliability", "--row", "Hostile", "--column", "ICCs"), ["no column 'ICCs'", "mean 'ICC'"]),
        (("--table", "reliability", "--row", "Hostile", "--column", "form"), ["form stands on no cell", "estimate"]),
        (("--table", "moderations_both", "--row", "Task specified in session 1", "--column", "p"),
         ["2 columns are headed 'p'", "p_untouched"]),
        (("--cell", "E5"), ["FILE!CELL"]),
        (("--cell", "H9_homework.xlsx!E5"), ["no file 'H9_homework.xlsx'", "H1_homework_adherence_batch01.xlsx"]),
        (("--cell", "a.xlsx!A1", "--table", "omega"), ["give one way"]),
    ],
)  # fmt: skip
def test_what_is_not_there_is_said_with_what_is(adolescent, arguments, words):
    answer = CliRunner().invoke(app, ["trace", str(adolescent), *arguments])
    assert isinstance(answer.exception, UsageError)
    for word in words:
        assert word in str(answer.exception)


def test_without_a_report_the_way_to_one_is_said(tmp_path, adolescent):
    with pytest.raises(UsageError, match="doublecode run"):
        TracedReport(open_study(adolescent), tmp_path / "report")


def notes_of(folder: Path, cell: str):
    found = trace_cell(report_of(folder), cell)
    return {note.kind: note.numbers for note in found.notes}, found


def test_a_cell_says_where_it_went(adolescent):
    notes, found = notes_of(adolescent, "C1_thabs_batch01.xlsx!F6")
    assert set(notes) == {"trace_rating"}
    names = set(found.frame.loc[found.frame["kind"] == "table", "name"])
    assert {"reliability", "described_items", "files", "correlations", "moderations"} <= names
    assert "icc_forest" in set(found.frame.loc[found.frame["kind"] == "figure", "name"])
    backwards = found.frame[(found.frame["name"] == "correlations") & (found.frame["kind"] == "table")].iloc[0]
    assert backwards["of"].startswith("rationale")
    notes, found = notes_of(adolescent, "V1_initial_resistance_batch01.xlsx!Rate!E5")
    assert list(found.frame.loc[found.frame["kind"] == "score", "name"]) == ["initial_resistance.total"]


def test_a_number_and_its_cells_lead_to_one_another(study, read_once):
    report, draw = report_of(study), random.Random(7)
    tables = report.record["tables"]
    for _ in range(12):
        table = draw.choice(sorted(tables))
        row = draw.choice([row for row in tables[table]["rows"] if row["sets"]])
        column = draw.choice(sorted(row["sets"]))
        at, _role = draw.choice(list(read_set(report.record["sets"][row["sets"][column]])))
        cell = report.cells[at]
        place = "!".join(filter(None, (cell.file, cell.sheet, cell.cell)))
        frame = trace_cell(report, place).frame
        mine = frame[(frame["kind"] == "table") & (frame["name"] == table)]
        assert any(column in columns.split(", ") for columns in mine["columns"])


def test_a_cell_in_no_number_says_why(telephone_demo, read_once):
    study = telephone_demo.study
    report = report_of(study)
    intake = read_study(study)
    coded = intake.ratings[intake.ratings["missing_code"].notna() & (intake.ratings["instrument"] == "ghes")].iloc[0]
    for cell, kind in (
        ("R2_ghes_batch01.xlsx!F6", "trace_text"),
        (f"{coded['source_file']}!{coded['source_cell']}", "trace_code"),
        ("R1_ghes_batch01.xlsx!A1", "trace_no_rating"),
    ):
        assert kind in {note.kind for note in trace_cell(report, cell).notes}, cell


def test_a_cell_of_a_file_whose_marked_copy_counts_leads_to_the_copy():
    known = KnownCells(None)
    mended = Problem("mended_copy", "a.xlsx", found="a_please_fix.xlsx")
    other = Problem("text_number", "b.xlsx", "Rate", "C7", found="' 4 '", allowed="4")
    known.__dict__["intake"] = SimpleNamespace(problems=(mended, other))
    (note,) = known.problems_at("a.xlsx", "", "C5")
    assert "its marked copy a_please_fix.xlsx is here, and counts in its place" in note.numbers["problem"]
    (note,) = known.problems_at("b.xlsx", "Rate", "C7")
    assert "text_number" in note.numbers["problem"]
    assert not list(known.problems_at("b.xlsx", "Rate", "C8"))


def test_corrections_and_withdrawals_since_the_report_are_named(corrected):
    notes, found = notes_of(corrected, "H1_homework_adherence_batch01.xlsx!E5")
    assert notes["cell_replaced"]["value"] == 2.0
    assert len(found.frame)
    notes, _ = notes_of(corrected, "H2_homework_adherence_batch01.xlsx!E5")
    assert notes["cell_withdrawn"] == {"reason": "wrong recordings"}
    record = asked(corrected, "--table", "reliability", "--row", "homework_adherence", "--column", "ICC")
    states = {(one["file"], one["cell"]): one["state"] for one in record["frame"]}
    assert "which says 2" in states["H1_homework_adherence_batch01.xlsx", "E5"]
    assert states["H1_homework_adherence_batch01.xlsx", "E6"] == ""
    assert {state for (file, _), state in states.items() if file.startswith("H3")} == {""}
    assert "wrong recordings" in states["H2_homework_adherence_batch01.xlsx", "E5"]


def test_a_table_that_changed_since_is_named(corrected):
    path = corrected / "patients.csv"
    path.write_bytes(path.read_bytes() + b"\n")
    record = asked(corrected, "--table", "sample", "--row", "age", "--row", "patients", "--column", "M")
    assert any("patients.csv is no longer" in note for note in record["notes"])


def test_free_texts_of_raters_are_not_in_the_page(telephone_demo):
    text = (telephone_demo.report / "index.html").read_text(encoding="utf-8")
    assert "S-FEP4" in text
    assert "read the chapter; read the case vignette" not in text


def test_the_page_and_the_trace_stay_small(telephone_demo):
    data = re.search(r'id="cells-data">(.*?)</script>', (telephone_demo.report / "index.html").read_text("utf-8"))
    assert data is not None
    assert len(data[1]) < 600_000
    assert (telephone_demo.report / "trace.json").stat().st_size < 1_000_000


def test_every_table_of_both_reports_is_traced_or_counts_remarks(study):
    norms = "phq9_change_measure"  # of the codebook, with their source: of no cell
    assert set(report_of(study).record["not_traced"]) <= {"problems", "warnings", norms}
