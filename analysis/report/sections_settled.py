"""The section on two people and one judgement: sheets typed twice, and codes that were agreed on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doublecode.analysis.rendering.document import Block, Paragraph, Section
from doublecode.analysis.rendering.tables import Table, column
from doublecode.analysis.study.settled import settled_table

if TYPE_CHECKING:
    from doublecode.analysis.study.study_run import Intake


def settled_section(intake: Intake) -> Section | None:
    """What was agreed on where raters disagreed, and how two entries of a sheet compare; nothing where neither is."""
    blocks: list[Block] = []
    counts = settled_table(intake)
    if counts is not None:
        used = counts["in_scores"].map({True: "yes", False: "no"})
        columns = (
            column("title", "Instrument", kind="text"), column("n_both", "Coded by two or more", kind="integer"),
            column("n_different", "Coded differently", kind="integer"), column("n_decided", "Decided", kind="integer"),
            column("n_expert", "By an expert", kind="integer"), column("in_scores", "In the scores", kind="text"),
        )  # fmt: skip
        note = (
            "Cells, one item of one session each. Reliability is computed from what raters coded first, whatever was "
            "agreed on afterwards; both are in the ledger."
        )
        shown = counts.assign(in_scores=used)
        blocks.append(Table("consensus", "Codes that were agreed on", shown, columns, (note,), data=counts))
    twice = intake.typed_twice
    if twice is not None:
        sheets = f"{len(twice.files)} workbook{'s were' if len(twice.files) > 1 else ' was'} typed twice"
        said = f"{sheets} and compared cell by cell ({twice.n_compared:,} cells); no difference is left."
        blocks.append(Paragraph(f"Double entry: {said} This says nothing of how raters agree."))
    return Section("consensus", "Two people, one judgement", tuple(blocks)) if blocks else None
