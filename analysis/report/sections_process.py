"""The sections of a report on process: slopes corrected for raters, which goes first, mediations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from doublecode.analysis.rendering.document import Block, Bullets, Section
from doublecode.analysis.rendering.figures import picture
from doublecode.analysis.rendering.tables import Table, column, frame_of
from doublecode.analysis.study.labels import Labels, label_term, term_labels

if TYPE_CHECKING:
    from doublecode.analysis.rendering.answers import Answer
    from doublecode.analysis.study.declared_process import Answered, ProcessAnswers

NAMES = ("variable", "first", "second")
"""Columns of these tables that hold a variable's name."""


def process_sections(answers: ProcessAnswers, labels: Labels) -> Iterable[Section | None]:
    """One section per kind of model that the study declares."""
    yield _section("rater-corrections", "Slopes corrected for the raters' error", answers.rater_corrections, labels)
    yield _section("cross-lagged", "Which goes first", answers.cross_lagged, labels)
    yield _section("mediations", "Mediation", answers.mediations, labels)


def _section(key: str, title: str, answers: Sequence[Answered[Any]], labels: Labels) -> Section | None:
    if not answers:
        return None
    blocks: list[Block] = []
    notes: dict[str, None] = {}
    for one in answers:
        if one.result is None:
            blocks.append(_not_run(one))
            continue
        first, *others = one.result.tables()
        first = replace(first, notes=(*first.notes, one.result.counted()))
        blocks += [_labelled(one, table, one.result, labels) for table in (first, *others)]
        notes |= dict.fromkeys(one.result.note_texts())
        if key == "cross-lagged":
            blocks.append(_drawn(one, one.result))
    return Section(key, title, (*blocks, *([Bullets(tuple(notes))] if notes else [])))


def _not_run(one: Answered[Any]) -> Table:
    """A row with the reason, so that a declared model is never missing in silence."""
    frame = frame_of([{"model": one.title, "reason": one.reason}], ("model", "reason"))
    columns = (column("model", "Model", kind="text"), column("reason", "Not run", kind="text"))
    return Table(f"{one.name}_not_run", one.title, frame, columns)


def _labelled(one: Answered[Any], table: Table, result: Answer, labels: Labels) -> Table:
    """A table under the model's name and title, its variables by their labels."""
    frame = table.frame
    terms = term_labels(labels, tuple(result.spec.get("coded", ())))
    shown = {name: [labels.get(str(value), value) for value in frame[name]] for name in NAMES if name in frame.columns}
    if "term" in frame.columns:
        shown["term"] = [label_term(str(term), terms) for term in frame["term"]]
    return replace(
        table, name=f"{one.name}_{table.name}", title=f"{one.title}: {table.title}", frame=frame.assign(**shown),
        data=frame,
    )  # fmt: skip


def _drawn(one: Answered[Any], result: Any) -> Block:
    text = "Associations in standard deviations within patients, with 95% intervals, by question and model."
    return picture(result.plot(), f"{one.name}_directions", one.title, text)
