"""Reporting checklists that fit a study, filled in as far as its report answers them: a page, a Word file to send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from doublecode.analysis.rendering.document import (
    Callout,
    Checklist,
    ChecklistRow,
    Document,
    Link,
    Links,
    Paragraph,
    Section,
)
from doublecode.analysis.report.checklist_items import GRRAS, JARS, MIXED, Item, Source
from doublecode.analysis.results.versions import version_of

if TYPE_CHECKING:
    from doublecode.analysis.study.study_run import StudyRun

CHECKLISTS: Final = "checklists.html"
CHECKLISTS_WORD: Final = "checklists.docx"
YOU: Final = "you must write this"
ADD: Final = "you must add"
Places = Mapping[str, tuple[Link, ...]]
"""Anchors of checklist items → where the report answers them."""


def fitting(run: StudyRun) -> tuple[Source, ...]:
    """The checklists that fit: of reliability where raters rated, of mixed models where any was fitted."""
    fitted = any(model.result is not None for series in run.all_series for model in series.models)
    chosen = ((GRRAS, run.reliability is not None), (MIXED, fitted), (JARS, True))
    return tuple(source for source, fits in chosen if fits)


def checklists_section(run: StudyRun) -> Section:
    """Where the checklists are, for the report itself."""
    named = ", ".join(source.title for source in fitting(run))
    text = (
        f"Filled in as far as this report answers them, each item with its place or with *{YOU}*: {named}. Finish "
        "them, and send them with the manuscript:"
    )
    return Section("checklists", "Checklists", (Links(text, (_file(CHECKLISTS), _file(CHECKLISTS_WORD))),))


def checklists_document(run: StudyRun, report: Document) -> Document:
    """All checklists that fit `run`, with links into `report`."""
    places = _places(run, report)
    callouts = (Callout("Synthetic data: a filled-in list of no real study."),) if run.study.synthetic else ()
    return Document(
        title=f"Checklists: {run.study.title}",
        subtitle=f"Filled in from the report of the study `{run.study.name}`; what it cannot know is left to you.",
        callouts=callouts,
        headlines=(),
        sections=tuple(_section(source, places) for source in fitting(run)),
        colophon=f"Made by doublecode {version_of('doublecode')}. Items are our short words for those of the lists.",
        has_files=False,
    )


def _file(name: str) -> Link:
    return Link(name, name)


def _section(source: Source, places: Places) -> Section:
    rows = tuple(_row(item, places) for item in source.items)
    to_do = sum(not row.links for row in rows)
    partly = sum(bool(row.links and row.to_write) for row in rows)
    counted = f"{len(rows)} items: {len(rows) - to_do - partly} answered, {partly} in part, {to_do} for you to write."
    text = Paragraph(f"{source.citation} — {counted}")
    return Section(source.name, source.title, (text, Checklist(source.name, f"{source.title}, item by item", rows)))


def _row(item: Item, places: Places) -> ChecklistRow:
    links = tuple(dict.fromkeys(link for anchor in item.at for link in places.get(anchor, ())))
    head = ADD if links else YOU
    to_write = f"{head}: {item.write}" if item.write else "" if links else head
    return ChecklistRow(item.number, item.topic, links, to_write)


def _places(run: StudyRun, report: Document) -> Places:
    """The sections of the report by their anchors, and what is no section of its own."""
    sections: dict[str, tuple[Link, ...]] = {
        one.anchor: (Link(one.title, f"index.html#{one.anchor}"),) for one in report.sections
    }
    if any(rater.description for rater in run.study.raters):
        sections["raters"] = sections.get("sample", ())
    if run.intake.plan is not None:
        sections["plan"] = (Link("Frozen plan, on top", "index.html"), *sections.get("deviations", ()))
    series = [one for one in report.sections if one.anchor.startswith("series-")]
    if series:
        words = f"{series[0].part}: {len(series)} series of models"
        sections["series"] = (Link(words, f"index.html#{series[0].anchor}"),)
    sections["details"] = (Link("results.json", "results.json"), Link("tables/", "tables/"))
    return sections
