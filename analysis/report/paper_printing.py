"""The tables of a paper, as ``[[papers.tables]]`` declares them: made from a run, and written into its report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final

from doublecode.analysis.rendering.printed_parts import Row
from doublecode.analysis.rendering.printed_table import PrintedTable
from doublecode.analysis.report.paper_correlations import correlations_table
from doublecode.analysis.report.paper_figures import figure_blocks, is_figure, printed_figures, write_figures
from doublecode.analysis.report.paper_items import items_table
from doublecode.analysis.report.paper_moments import by_session_table, descriptives_table
from doublecode.analysis.report.paper_regressions import regressions_table
from doublecode.analysis.report.paper_reliability import coding_printed, reliability_printed
from doublecode.analysis.report.paper_sample import homework_printed, sample_printed
from doublecode.analysis.report.paper_series import series_table

if TYPE_CHECKING:
    from doublecode.analysis.rendering.document import Picture
    from doublecode.analysis.study.study_run import StudyRun
    from doublecode.schemas.paper_tables import PaperTable
    from doublecode.schemas.study import Study

FOLDER: Final = "paper"
PAGE: Final = "index.html"
SUFFIXES: Final = (".html", ".docx", ".tex", ".xlsx", ".md", ".csv")
_MAKERS: Final[Mapping[str, Callable[[StudyRun, PaperTable], PrintedTable | None]]] = {
    "items": items_table, "correlations": correlations_table, "regressions": regressions_table,
    "series": series_table, "by_session": by_session_table, "reliability": reliability_printed,
    "coding": coding_printed, "sample": sample_printed, "homework": homework_printed,
    "descriptives": descriptives_table,
}  # fmt: skip


def printed_tables(run: StudyRun) -> dict[str, PrintedTable]:
    """Lay out the tables of the paper that a study declares.

    A table whose numbers could not be computed has one row that says so.

    Parameters
    ----------
    run : StudyRun
        Of :func:`doublecode.analysis.run_study`.

    Returns
    -------
    dict of str to PrintedTable
        By number, in the order of ``[[papers.tables]]``; empty where none is declared. In a notebook each shows itself;
        ``to_docx``, ``to_xlsx``, ``to_latex``, ``html``, ``markdown`` and ``csv`` give its forms.
    """
    return {one.number: _MAKERS[one.kind](run, one) or _nothing(one) for one in run.study.papers.tables}


def _nothing(asked: PaperTable) -> PrintedTable:
    rows = (Row("Nothing could be computed; the report says why."),)
    return PrintedTable(asked.number, asked.title, "Table", (), rows, asked.note)


def write_paper(run: StudyRun, folder: Path, pictures: Iterable[Picture] = ()) -> None:
    """Write every table and figure in every form, and a page; nothing where none is declared.

    Parameters
    ----------
    run : StudyRun
    folder : Path
        The report.
    pictures : iterable of Picture
        Figures that the report has drawn: they stand beside the paper's.
    """
    from doublecode.analysis.rendering.printed_docx import write_tables
    from doublecode.analysis.rendering.printed_html import html_page
    from doublecode.analysis.rendering.printed_xlsx import tables_xlsx

    known = {one.name: one for one in pictures}
    tables, figures = printed_tables(run), printed_figures(run, known)
    if not (tables or figures):
        return
    target = folder / FOLDER
    target.mkdir()
    for table in tables.values():
        texts = {
            ".html": html_page(f"{table.caption}. {table.title}", "", [table.html()]), ".tex": table.to_latex(),
            ".md": table.markdown(), ".csv": table.csv(),
        }  # fmt: skip
        for suffix, text in texts.items():
            (target / f"{table.name}{suffix}").write_text(text, encoding="utf-8", newline="\n")
        write_tables([table], target / f"{table.name}.docx", table.title)
        (target / f"{table.name}.xlsx").write_bytes(tables_xlsx([table]))
    if tables:
        write_tables(list(tables.values()), target / "tables.docx", run.study.title)
    write_figures(figures, target)
    blocks = [f"{table.html()}{_below(table)}" for table in tables.values()]
    blocks += figure_blocks(figures, known)
    said = "Tables and figures as the paper prints them. Rounded for print; the CSV and Excel files hold every digit."
    said += " Synthetic data: no number comes from a patient." if run.study.synthetic else ""
    page = html_page(run.study.title, said, blocks)
    (target / PAGE).write_text(page, encoding="utf-8", newline="\n")


def _below(table: PrintedTable) -> str:
    """Links to the other forms, and where the numbers can be traced to cells."""
    forms = " · ".join(f'<a href="{escape(table.name)}{suffix}">{suffix[1:]}</a>' for suffix in SUFFIXES)
    places = ", ".join(f'<a href="../index.html#table-{escape(one)}">{escape(one)}</a>' for one in table.source)
    traced = f" Cells behind the numbers: click them in the report, {places}." if places else ""
    return f'<p class="below">{forms}.{traced}</p>'


def paper_links(study: Study) -> tuple[tuple[str, str], ...]:
    """The page of the tables, for the contents of the report; nothing where none is declared."""
    counts = {"tables": len(study.papers.tables), "figures": len(study.papers.figures)}
    named = " and ".join(f"{what} ({n})" for what, n in counts.items() if n)
    return ((f"{FOLDER}/{PAGE}", f"{named.capitalize()} as the paper prints them"),) if named else ()


def is_of_paper(name: str) -> bool:
    """Whether a file of this name is written into ``report/paper``.

    Examples
    --------
    >>> is_of_paper("table_1.docx"), is_of_paper("index.html"), is_of_paper("mine.docx")
    (True, True, False)
    """
    return name in (PAGE, "tables.docx") or (name.startswith("table_") and name.endswith(SUFFIXES)) or is_figure(name)
