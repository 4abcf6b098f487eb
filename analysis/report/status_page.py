"""How far the coding is, as a page of its own: nothing is loaded from outside, no name of a patient stands in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from doublecode.analysis.rendering.document import Block, Bullets, Callout, Document, Headline, Paragraph, Section
from doublecode.analysis.results.versions import version_of
from doublecode.schemas.errors import UsageError
from doublecode.schemas.whole_files import replace_files

if TYPE_CHECKING:
    from doublecode.analysis.study.coding_status import StudyStatus
    from doublecode.schemas.study import Study

MEANINGS: Final = (
    "*Stored*: every required item has a rating, or a reason why it has none, in the ledger.",
    "*Returned*: the same in `incoming/`, not yet taken in.",
    "*To mend*: begun, or a cell is refused. *Open*: nothing is rated.",
    "*Done*: stored and returned, of those to rate. *Late*: open or to mend, and the day it was due has passed.",
    "*Left out*: not to be rated any more (no recording, a patient who is in no number, a session in which the "
    "instrument is not used); in no other column.",
)


def write_status_page(status: StudyStatus, study: Study, path: Path, *, overwrite: bool = False) -> Path:
    """Write the page.

    Raises
    ------
    UsageError
        `path` does not end in .html, or is there already and `overwrite` is False.
    """
    from doublecode.analysis.rendering.page import render_page

    if path.suffix not in (".html", ".htm"):
        raise UsageError(f"--page: found {path.name!r}, allowed a file that ends in .html.")
    if path.exists() and not overwrite:
        raise UsageError(f"{path} is there already. Add --overwrite to replace it.")
    replace_files({path: render_page(status_document(status, study)).encode()})
    return path


def status_document(status: StudyStatus, study: Study) -> Document:
    """Lay the status out: what is read first, a bar per rater, the tables, what is in none of them."""
    callouts = [Callout("Synthetic data: no rater and no session is real.")] if study.synthetic else []
    late = status.design["n_late"]
    if late:
        callouts.append(Callout(f"{late} assignment{'s are' if late > 1 else ' is'} late."))
    return Document(
        title=f"How far the coding is: {study.title}",
        subtitle=f"Study `{study.name}` on {status.spec['today']}",
        callouts=tuple(callouts),
        headlines=_headlines(status),
        sections=tuple(_sections(status)),
        colophon=f"Made by doublecode {version_of('doublecode')}. Sessions stand under their blind ids.",
        has_files=False,
    )


def _headlines(status: StudyStatus) -> tuple[Headline, ...]:
    design = status.design
    share = design["n_done"] / design["n_to_rate"] if design["n_to_rate"] else 0.0
    hours = design["hours_left"]
    found = [
        Headline("Done", f"{design['n_done']} of {design['n_to_rate']}", f"assignments, {share:.0%}"),
        Headline("Late", f"{design['n_late']}", "assignments, of those whose batch has a day"),
        Headline(
            "Double codings complete", f"{design['n_pairs_complete']} of {design['n_pairs']}",
            "sessions of which the ratings of all assigned raters are in",
        ),
    ]  # fmt: skip
    if hours is not None:
        found.append(Headline("Hours left", f"{hours:.1f}", "of recordings in open sessions, all raters together"))
    return tuple(found)


def _sections(status: StudyStatus) -> list[Section]:
    from doublecode.analysis.rendering.figures import picture
    from doublecode.analysis.rendering.progress_figure import progress_bars

    tables = {table.name: table for table in status.tables()}
    bars = picture(
        progress_bars(status.raters), "progress", "Assignments of each rater by state",
        "A bar per rater: stored, returned, to mend, open, from left to right.",
    )  # fmt: skip
    pace = Paragraph(
        "*Per week*: what came into the ledger after the first day of the rater, from that day to now; *ready by*: "
        "when the rest is done at this pace. Neither is given in the first week."
    )
    words: tuple[Block, ...] = (pace,) if status.raters["pace"].notna().any() else ()
    forecast = (tables["status_pace"], *words) if "status_pace" in tables else ()
    sections = [
        Section("raters", "Raters", (bars, tables["status_raters"], Bullets(MEANINGS[:3]), *forecast)),
        Section("instruments", "Instruments", (tables["status_instruments"],)),
        Section("batches", "Batches and workbooks", (tables["status_batches"], status.workbook_table())),
    ]
    if "status_pairs" in tables:
        sections.append(Section("pairs", "Double coding", (tables["status_pairs"],)))
    said = tuple(map(status.sentence_of, status.notes))  # alarms of screens name a rater: not before the whole team
    notes = Bullets(said[:3]), Bullets(said[3:])
    meaning = Section("counting", "What is counted where", (Bullets(MEANINGS[3:]), *notes))
    return [*sections, meaning]
