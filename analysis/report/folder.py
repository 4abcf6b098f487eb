"""The report folder: page, Word file, tables, figures, row ledger, results, manifest.

Everything is written beside the target and moved there in one step, so that a
kill leaves the old report or the new one, never half of one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from doublecode.analysis.rendering.document import NO_WORKBOOK, Callout, Document
from doublecode.analysis.rendering.tables import write_csv
from doublecode.analysis.report.checklists import CHECKLISTS, CHECKLISTS_WORD, checklists_document
from doublecode.analysis.report.headlines import headlines
from doublecode.analysis.report.manifest import manifest_record
from doublecode.analysis.report.order import sections_in_order
from doublecode.analysis.report.paper_printing import FOLDER as PAPER
from doublecode.analysis.report.paper_printing import is_of_paper, paper_links, write_paper
from doublecode.analysis.report.plan_in_words import plan_sentence
from doublecode.analysis.report.records import results_record
from doublecode.analysis.report.sections_data import MOST_NAMED, attention_callouts
from doublecode.analysis.report.sensitivity_state import mark_stale
from doublecode.analysis.report.target_folder import checked_target, is_part, write_parts
from doublecode.analysis.report.trace_file import TRACE, TraceFile
from doublecode.analysis.report.traced_tables import TracedTables
from doublecode.analysis.results.versions import version_of
from doublecode.analysis.study.run import Progress, StudyProblems, analyse, no_progress, read_study, store
from doublecode.schemas.results import compact_json, to_json
from doublecode.schemas.whole_files import replace_folder

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.results.spread_work import Workers
    from doublecode.analysis.study.study_run import StudyRun

PAGE = "index.html"
_FILES = frozenset(
    {PAGE, "report.docx", "row_ledger.csv", "results.json", "manifest.json", TRACE, CHECKLISTS, CHECKLISTS_WORD}
)


def check_target(folder: Path, *, overwrite: bool) -> None:
    """Refuse, before any work, to write over an earlier report or over what is none."""
    checked_target(folder, "report", "report", is_of_report, overwrite=overwrite)


def is_of_report(path: str) -> bool:
    """Whether a report writes a file of this path within the study folder."""
    first, _, rest = path.partition("/")
    part, _, name = rest.partition("/")
    return first == "report" and (rest in _FILES or is_part(rest) or (part == PAPER and is_of_paper(name)))


def write_report(run: StudyRun, folder: str | Path, *, overwrite: bool = False) -> Path:
    """Write ``report/`` into `folder` and return its path.

    Raises
    ------
    UsageError
        A report is there already and `overwrite` is False, or the folder holds other files.
    """
    from doublecode.analysis.rendering.docx import write_docx
    from doublecode.analysis.rendering.page import render_page

    target = Path(folder) / "report"
    check_target(Path(folder), overwrite=overwrite)
    document = build_document(run)
    traced = TraceFile(run, document, TracedTables(run))

    def fill(fresh: Path) -> None:
        (fresh / PAGE).write_text(render_page(document, traced.of_page()), encoding="utf-8", newline="\n")
        write_docx(document, fresh / "report.docx")
        lists = checklists_document(run, document)
        (fresh / CHECKLISTS).write_text(render_page(lists), encoding="utf-8", newline="\n")
        write_docx(lists, fresh / CHECKLISTS_WORD)
        write_parts(document, fresh)
        write_csv(ledger_with_linked(run.frame.ledger, run.intake.linked), fresh / "row_ledger.csv")
        for name, record in (("results.json", results_record(run)), ("manifest.json", manifest_record(run))):
            (fresh / name).write_text(to_json(record) + "\n", encoding="utf-8", newline="\n")
        write_paper(run, fresh, document.pictures())
        (fresh / TRACE).write_text(compact_json(traced.record) + "\n", encoding="utf-8", newline="\n")

    replace_folder(target, fill)
    mark_stale(run.intake)
    return target


def run_study(
    folder: str | Path, *, set_aside: Collection[str] = (), overwrite: bool = False, progress: Progress = no_progress,
    workers: Workers | None = None,
) -> StudyRun:  # fmt: skip
    """Take in a study folder, analyse it and write its ``report/`` folder.

    Parameters
    ----------
    folder : path
    set_aside : collection of str
        Files in ``incoming/`` to leave out.
    overwrite : bool
        Replace the report of an earlier run.
    progress : callable
        Called with step, done, of.
    workers : Workers, optional
        Cores or a cluster for the refits of declared bootstrap limits.

    Raises
    ------
    StudyProblems
        Error-level problems in the data: no report.
    UsageError
        A report is there already and `overwrite` is False.
    """
    check_target(Path(folder), overwrite=overwrite)
    intake = read_study(folder, set_aside=set_aside, progress=progress)
    if intake.errors:
        raise StudyProblems(intake.problems)
    store(intake)
    run = analyse(intake, progress, workers)
    write_report(run, intake.study.folder, overwrite=overwrite)
    return run


def build_document(run: StudyRun) -> Document:
    """Put the sections of a report together."""
    study = run.study
    callouts = []
    if study.synthetic:
        callouts.append(Callout("Synthetic data: every number here comes from a generator, none from a patient."))
    if run.unread:
        callouts.append(Callout(NO_WORKBOOK))
    if run.intake.plan is not None:
        callouts.append(Callout(plan_sentence(run.intake.plan)))
    if run.intake.set_aside:
        files = ", ".join(f"`{name}`" for name in run.intake.set_aside)
        callouts.append(Callout(f"Set aside by name and not in any number below: {files}."))
    if run.intake.absent:
        callouts.append(Callout(absent_files(run.intake.absent)))
    callouts += attention_callouts(run)
    return Document(
        title=study.title,
        subtitle=" · ".join(filter(None, [f"Report of the study `{study.name}`", study.citation])),
        callouts=tuple(callouts),
        headlines=tuple(reversed(headlines(run))),  # what was found before what was read
        sections=sections_in_order(run),
        colophon=(
            f"Made by doublecode {version_of('doublecode')}. Numbers are rounded for the eye; `tables/` and "
            "`results.json` hold them with full precision, `row_ledger.csv` accounts for every session."
        ),
        links=paper_links(study),
    )


def ledger_with_linked(ledger: pd.DataFrame, linked: pd.DataFrame | None) -> pd.DataFrame:
    """The row ledger, and below it each answer that counts for the session of another day."""
    import pandas as pd

    if linked is None or linked.empty:
        return ledger
    said = [
        f"filled in on {day}, {n} day{'s' if n > 1 else ''} before"
        for day, n in zip(linked["day"], linked["days_before"], strict=True)
    ]
    rows = linked[["session_id", "patient", "session"]].assign(
        stage="linked by date: " + linked["instrument"], status="kept", reason=said
    )
    return pd.concat([ledger, rows[ledger.columns]], ignore_index=True)


def absent_files(names: Sequence[str]) -> str:
    """Name the workbooks that count from the ledger alone."""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return (
        f"In the ledger and no longer in incoming/, and counted as taken in: {', '.join(names[:MOST_NAMED])}{more}. "
        "Put them back, or take them out of the numbers: doublecode ledger withdraw FILE --reason …"
    )
