"""The tables of both papers as they are printed, and that what is printed is what was estimated.

After a change that is meant to change them, run this file as a script: it writes the texts again. Read the difference.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from doublecode.analysis.report.findings_text import findings_section
from doublecode.analysis.report.folder import check_target, is_of_report
from doublecode.analysis.report.paper_printing import SUFFIXES, printed_tables, write_paper
from doublecode.analysis.report.paper_sources import sources_of
from doublecode.analysis.report.traced_report import TracedReport
from doublecode.analysis.results.coded_warnings import CodedWarning
from doublecode.analysis.study.frozen_plan import _declared
from doublecode.schemas.errors import UsageError
from doublecode.schemas.paper_tables import KEYS_OF, Papers, PaperTable
from doublecode.schemas.results import Note

KEPT = Path(__file__).parents[2] / "reference" / "paper_tables"
WRITE = os.environ.get("DOUBLECODE_SHOW") == "write"


@pytest.mark.parametrize("study", ["adolescent", "telephone"])
def test_every_table_looks_as_it_looked(study: str, request: pytest.FixtureRequest) -> None:
    tables = printed_tables(request.getfixturevalue(f"{study}_run"))
    text = "\n".join(table.markdown() for table in tables.values())
    path = KEPT / f"{study}_cbt.md"
    if WRITE:
        path.write_text(text, encoding="utf-8", newline="\n")
    assert text == path.read_text(encoding="utf-8")


def declared(run: Any, **keys: Any) -> Any:
    """The run with one table of its own, and that table."""
    one = PaperTable(**{"number": "1", "title": "T", **keys})
    study = run.study.model_copy(update={"papers": Papers(tables=(one,))})
    return printed_tables(replace(run, intake=replace(run.intake, study=study)))["1"]


def values(table: Any, label: str) -> list[Any]:
    return next([cell.value for cell in row.cells] for row in table.rows if row.label == label)


def test_regressions_print_the_coefficients_with_the_errors_that_are_asked(adolescent_run: Any) -> None:
    found = {one.spec["name"]: one for one in adolescent_run.moderations}["time_s1"]
    for errors, frame in (("least-squares", found.least_squares), ("robust", found.robust), ("declared", found.frame)):
        table = declared(adolescent_run, kind="regressions", models=("time_s1",), errors=errors)
        rows = frame.set_index("term")
        beta = found.frame.set_index("term")["beta_posthoc"]
        assert values(table, "Initial resistance") == [
            rows.loc["ir", "estimate"], rows.loc["ir", "std_error"], beta["ir"], rows.loc["ir", "p_value"],
        ]  # fmt: skip
        assert values(table, "Intercept")[2] is None
        assert values(table, "*R*²")[0] == found.design["r_squared"]


def test_beta_is_b_times_the_ratio_of_the_spreads(adolescent_run: Any) -> None:
    """β of SPSS: the product is standardised as a variable of its own."""
    found = {one.spec["name"]: one for one in adolescent_run.moderations}["rationale_s1"]
    points = found.points
    product = (points["rationale_s1"] - points["rationale_s1"].mean()) * (points["ir"] - points["ir"].mean())
    table = declared(adolescent_run, kind="regressions", models=("rationale_s1",), predictor_label="Therapist behavior")
    b, _, beta, _ = values(table, "Therapist behavior × Initial resistance")
    assert beta == pytest.approx(b * product.std() / points["hw2"].std(), rel=1e-10)


def test_the_items_print_the_mean_and_the_range_of_their_iccs(adolescent_run: Any) -> None:
    table = declared(adolescent_run, kind="items", instruments=("thabs",), sessions=(1, 2))
    frame = adolescent_run.reliability.frame
    icc = frame[(frame["instrument"] == "thabs") & (frame["level"] == "item")]["estimate"]
    assert values(table, "Mean ICC")[0] == pytest.approx(icc.mean())
    last = table.rows[-1].cells[0]
    assert (last.value, last.high, last.text) == (icc.min(), icc.max(), ".49–.87")


def test_a_dropped_item_has_a_note_and_the_mean_without_it(adolescent_run: Any) -> None:
    table = declared(adolescent_run, kind="items", instruments=("thabs",))
    marked = [row.label for row in table.rows if row.marks]
    assert marked == ["4. Last homework was reviewed"]
    assert table.specific[0][1].startswith("Dropped: Jungbluth")
    frame = adolescent_run.reliability.frame
    kept = frame[(frame["instrument"] == "thabs") & (frame["level"] == "item") & (frame["name"] != "review")]
    assert values(table, "Mean ICC of the items kept")[0] == pytest.approx(kept["estimate"].mean())


def test_what_papers_print_of_reliability_is_what_was_estimated(telephone_run: Any) -> None:
    statistics = ("icc", "alone", "dyads_mean", "dyads_range", "omega_range", "omega_sessions", "item_totals")
    table = declared(
        telephone_run, kind="reliability", instruments=("ghes",), rows="scales", summaries=True, statistics=statistics
    )
    facts = telephone_run.reported
    alone = facts.double_coded.frame.set_index("name").loc["he", "estimate"]
    pairs = facts.dyads[facts.dyads["name"] == "he"].set_index("statistic")["estimate"]
    omega = telephone_run.consistency.frame.set_index("scale").loc["he"]
    row = next(row for row in table.rows if row.label == "Homework engagement")
    assert [cell.value for cell in row.cells[1:]] == [
        alone, pairs["mean"], pairs["minimum"], omega["session_min"], omega["n_sessions"], omega["r_drop_min"],
    ]  # fmt: skip
    assert [cell.high for cell in (row.cells[3], row.cells[4], row.cells[6])] == [
        pairs["maximum"], omega["session_max"], omega["r_drop_max"],
    ]  # fmt: skip
    pilot = facts.icc_summary.set_index(["instrument", "phase", "k"]).loc[("ghes", "pilot", 2)]
    assert values(table, "Pilot: mean ICC(A,2) over 7 items")[0] == pilot["mean"]
    assert values(table, "Pilot: median ICC(A,2) over 7 items")[0] == pilot["median"]


def test_a_step_that_was_not_estimated_is_dashes_and_a_sentence(telephone_run: Any) -> None:
    series = telephone_run.series[0]
    lost = replace(series.models[1], result=None, refusal="x")
    run = replace(telephone_run, series=(replace(series, models=(series.models[0], lost)), *telephone_run.series[1:]))
    table = declared(run, kind="series", series=("he_course",), statistics=("b",))
    assert [row.cells[1].text for row in table.rows if row.label == "Intercept"] == ["–"]
    assert "Model 2 could not be estimated" in table.general


def test_a_fit_that_did_not_converge_is_said(telephone_run: Any) -> None:
    series = telephone_run.series[0]
    frame = series.frame.assign(converged=[True, False])
    run = replace(telephone_run, series=(replace(series, frame=frame), *telephone_run.series[1:]))
    assert "Model 2 did not converge" in declared(run, kind="series", series=("he_course",)).general


def test_split_shows_the_slopes_within_and_between(telephone_run: Any) -> None:
    plain = declared(telephone_run, kind="series", series=("phq9",), steps=(3,))
    split = declared(telephone_run, kind="series", series=("phq9",), steps=(3,), split=True)
    assert "Homework engagement" in {row.label for row in plain.rows}
    assert {"Homework engagement, within patients", "Homework engagement, between patients"} <= {
        row.label for row in split.rows
    }


ACTS: dict[str, dict[str, Any]] = {
    "items": {"instruments": ("sthar",), "sessions": (2, 3), "statistics": ("icc",)},
    "correlations": {"variables": ("he", "phq9"), "level": "within patients", "stars": "none", "statistics": ("n",)},
    "series": {"series": ("phq9",), "steps": (2,), "split": True, "heads": ("A", "B"), "statistics": ("b", "t")},
    "by_session": {"scores": ("phq9.total",), "sessions": (1, 2), "heads": ("X", "Y"), "statistics": ("range",)},
    "reliability": {"instruments": ("ghes",), "rows": "scales", "summaries": True, "statistics": ("omega",)},
    "coding": {"instruments": ("sthar",), "statistics": ("loads",)},
    "sample": {"variables": ("age",), "labels": {"age": "Years"}},
    "homework": {},
    "descriptives": {"variables": ("phq9",), "statistics": ("skew",)},
    "regressions": {"models": ("time_s1", "time_s2"), "heads": ("A", "B"), "predictor_label": "P",
                    "errors": "least-squares", "statistics": ("b", "interval")},
}  # fmt: skip
BASE: dict[str, dict[str, Any]] = {
    "items": {"instruments": ("ghes",)}, "series": {"series": ("he_course",)},
    "by_session": {"scores": ("ghes.he", "sthar.tbh")}, "regressions": {"models": ("rationale_s1", "rationale_s2")},
}  # fmt: skip
SPLIT_ON = {"split": {"series": ("phq9",), "steps": (3,)}}


@pytest.mark.parametrize(("kind", "key"), [(kind, key) for kind, keys in ACTS.items() for key in keys])
def test_every_key_acts(kind: str, key: str, adolescent_run: Any, telephone_run: Any) -> None:
    run = adolescent_run if kind == "regressions" else telephone_run
    base = {**BASE.get(kind, {}), **SPLIT_ON.get(key, {})}
    assert {*ACTS[kind]} | {"instruments"} >= {*KEYS_OF[kind]}
    assert declared(run, kind=kind, **base) != declared(run, kind=kind, **{**base, key: ACTS[kind][key]})


def test_the_note_of_ones_own_stands_behind_ours(telephone_run: Any) -> None:
    for kind in (*ACTS,):
        if kind != "regressions":
            table = declared(telephone_run, kind=kind, note="Mine.", **BASE.get(kind, {}))
            assert table.general.endswith("Mine."), kind


def test_the_homework_and_the_reliability_of_a_study(telephone_run: Any) -> None:
    homework = declared(telephone_run, kind="homework")
    assert values(homework, "psychoeducational")[:1] == [142.0]
    table = declared(telephone_run, kind="reliability", statistics=("icc", "omega"))
    frame = telephone_run.reliability.frame
    he = frame[(frame["name"] == "he") & (frame["phase"] == "main")]["estimate"].item()
    omega = telephone_run.consistency.frame.set_index("scale").loc["he", "omega"]
    assert values(table, "Homework engagement (scale)") == [he, omega]


def test_what_could_not_be_computed_says_so(telephone_run: Any, tmp_path: Path) -> None:
    table = declared(replace(telephone_run, correlations=None), kind="correlations")
    assert [row.label for row in table.rows] == ["Nothing could be computed; the report says why."]
    assert all(text for text in (table.html(), table.markdown(), table.to_latex(), table.csv()))
    assert not re.search(r"<th[^>]*></th>", table.html())
    assert [
        write(tmp_path / f"t{suffix}").is_file()
        for write, suffix in ((table.to_docx, ".docx"), (table.to_xlsx, ".xlsx"))
    ]


def test_items_of_which_nothing_is_known_have_their_row(telephone_run: Any) -> None:
    """As where no session was coded twice, or nothing came back."""
    table = telephone_run.reliability
    unknown = dict.fromkeys(("n_multiply_coded", "estimate", "conf_low", "conf_high"), float("nan"))
    bare = replace(telephone_run, reliability=replace(table, frame=table.frame.assign(**unknown)), consistency=None)
    for run in (bare, replace(bare, reliability=None, reported=None)):
        found = declared(run, kind="items", instruments=("ghes",), statistics=("icc", "interval", "mean", "item_total"))
        assert [cell.text for cell in found.rows[0].cells] == ["–", "–", "2.88", "–"]
        assert "coded twice" not in found.general


def test_the_report_has_every_form_and_a_page(telephone_demo: Any, telephone_run: Any) -> None:
    paper = telephone_demo.report / "paper"
    names = {path.name for path in paper.iterdir()}
    numbers = [one.number for one in telephone_run.study.papers.tables]
    figures = [one.number for one in telephone_run.study.papers.figures]
    drawn = {f"figure_{n}{suffix}" for n in figures for suffix in (".svg", ".pdf", ".png")}
    made = {f"table_{n}{suffix}" for n in numbers for suffix in SUFFIXES}
    assert names == made | drawn | {"index.html", "tables.docx"}
    page = (paper / "index.html").read_text(encoding="utf-8")
    assert page.count("<figure") == len(numbers) + len(figures)
    assert not re.search(r"<th[^>]*></th>", page)
    assert not re.search(r'(src|href)="(https?:)?//', page)
    report = (telephone_demo.report / "index.html").read_text(encoding="utf-8")
    assert 'href="paper/index.html"' in report
    for anchor in re.findall(r'href="\.\./index\.html#([^"]+)"', page):
        assert f'id="{anchor}"' in report, anchor


def test_a_report_with_a_paper_is_a_report_and_a_stray_file_is_none(telephone_demo: Any, tmp_path: Path) -> None:
    assert is_of_report("report/paper/table_1.docx")
    assert not is_of_report("report/paper/mine.docx")
    (tmp_path / "report" / "paper").mkdir(parents=True)
    (tmp_path / "report" / "paper" / "mine.docx").write_bytes(b"")
    with pytest.raises(UsageError, match=r"mine\.docx"):
        check_target(tmp_path, overwrite=True)


def test_nothing_is_written_where_nothing_is_declared(telephone_run: Any, tmp_path: Path) -> None:
    study = telephone_run.study.model_copy(update={"papers": Papers()})
    write_paper(replace(telephone_run, intake=replace(telephone_run.intake, study=study)), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_tables_of_the_paper_are_no_part_of_the_plan(telephone_run: Any) -> None:
    assert telephone_run.study.papers.tables
    assert "papers" not in _declared(telephone_run.study)


def test_whoever_traces_a_table_of_the_paper_is_told_where(telephone_demo: Any, telephone_run: Any) -> None:
    report = TracedReport(telephone_run.study, telephone_demo.report)
    for name in ("table_6", "paper/table_6.csv", "Table 6"):
        with pytest.raises(UsageError, match=r"Table 6 of the paper .* Trace its numbers in phq9_models, phq9_var"):
            report.number(name, ["x"], "estimate")
    for one in telephone_run.study.papers.tables:
        for name in sources_of(telephone_run.study, one):
            assert (telephone_demo.report / "tables" / f"{name}.csv").is_file(), name


if __name__ == "__main__":
    os.environ["DOUBLECODE_SHOW"] = "write"
    sys.exit(pytest.main([__file__, "-q", "-n", "0", "-k", "looks_as_it_looked", "-p", "no:cacheprovider"]))


def test_rows_that_are_sessions_of_few_patients_are_named_beside_the_numbers(adolescent_run: Any) -> None:
    name = "rationale_s1"
    note = Note("dependent_rows", numbers={"n_rows": 41, "n_patients": 9})
    warned = replace(adolescent_run, warnings=(CodedWarning("dependent_rows", name, note),))
    asked = {"kind": "regressions", "models": (name,)}
    assert "41 rows are sessions of 9 patients" in declared(warned, **asked).general
    assert "sessions of" not in declared(adolescent_run, **asked).general
    said = [str(findings_section(run)) for run in (warned, adolescent_run)]
    assert ["41 rows are sessions of 9 patients" in text for text in said] == [True, False]
