"""The flow of patients and of sessions: a figure each, and the counts that they draw."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doublecode.analysis.rendering.document import Block, Section
from doublecode.analysis.rendering.figures import picture
from doublecode.analysis.rendering.flow_figures import Box, flow_chart, flow_parts
from doublecode.analysis.rendering.tables import Table, column
from doublecode.analysis.study.flow import FlowBox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from doublecode.analysis.study.study_run import StudyRun

Lanes = tuple[tuple[str, tuple[FlowBox, ...]], ...]
"""Title and boxes of each lane."""


def flow_section(run: StudyRun) -> Section | None:
    """From whom was screened to who is analysed, from sessions held to sessions rated."""
    flow = None if run.reported is None else run.reported.flow
    if flow is None:
        return None
    blocks: list[Block] = []
    for unit, title, lanes in (
        ("patients", "Flow of patients", (("", flow.patients),)),
        ("sessions", "Flow of sessions", flow.sessions),
    ):
        if not lanes or not any(boxes for _, boxes in lanes):
            continue
        blocks += _pictures(unit, title, lanes)
        columns = (
            column("label", unit.capitalize(), kind="text"), column("kind", "Kept or lost", kind="text"),
            column("n"),
        )  # fmt: skip
        group = "lane" if len(lanes) > 1 else ""
        blocks.append(Table(f"flow_{unit}", title, flow.frame(unit), columns, (), group, folded=True))
    return Section("flow", "Flow of patients and sessions", tuple(blocks)) if blocks else None


def _pictures(unit: str, title: str, lanes: Lanes) -> Iterator[Block]:
    """The figure, cut into parts where it is longer than a page."""
    said = dict(lanes)
    parts = flow_parts([(head, boxes_of(boxes)) for head, boxes in lanes], unit)
    for number, part in enumerate(parts, 1):
        name, of = (f"flow_{unit}", "") if number == 1 else (f"flow_{unit}_{number}", f", part {number}")
        words = flow_in_words(tuple((head, said[head]) for head, _ in part), unit)
        yield picture(flow_chart(part, unit), name, f"{title}{of}", words)


def boxes_of(boxes: tuple[FlowBox, ...]) -> list[Box]:
    """The boxes as they are drawn."""
    return [Box(one.label, one.n, tuple((why, n) for why, n, _ in one.lost)) for one in boxes]


def flow_in_words(lanes: Lanes, unit: str) -> str:
    """Say a flow as a sentence per lane: what a screen reader reads in the place of the boxes."""
    gone = "left" if unit == "patients" else "not rated"
    said = []
    for head, boxes in lanes:
        parts = []
        for box in boxes:
            why = ", ".join(f"{n} {reason}" for reason, n, _ in box.lost)
            parts.append(f"{box.label}: {box.n}" + (f" ({gone}: {why})" if why else ""))
        said.append((f"{head}. " if head else "") + "; ".join(parts) + ".")
    return " ".join(said)
