"""The section of a report on change of patients: reliable change, sudden gains, homework beside both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from doublecode.analysis.rendering.change_figures import before_and_after
from doublecode.analysis.rendering.document import Block, Bullets, Paragraph, Section
from doublecode.analysis.rendering.figures import picture
from doublecode.analysis.rendering.notes import sentence
from doublecode.analysis.rendering.tables import Table, column, format_number
from doublecode.schemas.patient_changes import ENDS

if TYPE_CHECKING:
    from doublecode.analysis.rendering.answers import Answer
    from doublecode.analysis.study.declared_change import DeclaredChange
    from doublecode.analysis.study.labels import Labels

_IN_TABLE: Final = frozenset({"change_source", "change_lost"})
"""Notes whose facts stand in a table of the section."""
_VALUES: Final = {True: "Means over each patient's sessions", False: "One value per patient"}
_SAID: Final = {"first": "first session with a value", "last": "last session with a value"}


def change_section(results: Sequence[DeclaredChange], labels: Labels) -> Section | None:
    """Every declared change with its tables, its figure and what it is to be read with."""
    if not results:
        return None
    blocks = tuple(block for one in results for block in _blocks(one, labels))
    return Section("patient-changes", "Change of patients", blocks)


def _blocks(one: DeclaredChange, labels: Labels) -> Iterator[Block]:
    name, title = one.asked.name, one.asked.title
    (counts,) = one.change.tables()
    yield Paragraph(
        f"{title}: {labels.get(one.variable, one.variable)}, from {_end(one, one.asked.pre, labels)} to "
        f"{_end(one, one.asked.post, labels)} (Jacobson & Truax, 1991). {sentence_of_meaning(one)}"
    )
    yield replace(
        counts, name=f"{name}_reliable_change", title=f"{title}: patients",
        notes=(f"Shares of the {one.change.design['n_patients']} patients with both values; limits by Wilson (1927).",),
    )  # fmt: skip
    yield Table(
        f"{name}_measure", f"{title}: what a reliable change is", one.measure,
        (column("part", "Part", kind="text"), column("value", "Value"), column("source", "Source", kind="text")),
    )  # fmt: skip
    yield _drawn(one, labels)
    yield _patients(one)
    yield Bullets(
        tuple(map(sentence, (*one.notes, *(note for note in one.change.notes if note.kind not in _IN_TABLE))))
    )
    yield from _course(one)
    yield from _homework(one, labels)


def _end(one: DeclaredChange, end: str, labels: Labels) -> str:
    return f"the {_SAID[end]}" if end in ENDS else labels.get(end, end)


def sentence_of_meaning(one: DeclaredChange) -> str:
    """Say what counts as reliable, and as recovered."""
    points, line = format_number(one.change.design["smallest"]), one.change.spec["cutoff"]
    better = one.change.spec["better"]
    said = f"A change of {points} points or more is larger than error makes likely."
    if line is None:
        return said
    beyond = "below" if better == "lower" else "above"
    return (
        f"{said} Recovered: improved so far, and from the patients' side of the cut-off to a score {beyond} "
        f"{format_number(line, 'count')}; improved: so far without that; deteriorated: so far in the other direction."
    )


def _drawn(one: DeclaredChange, labels: Labels) -> Block:
    label = labels.get(one.variable, one.variable)
    axes = before_and_after(
        one.change.patients, one.change.design["smallest"], one.change.spec["cutoff"],
        names=(f"{label}, before", f"{label}, after"),
    )  # fmt: skip
    said = ", ".join(f"{n} {kind}" for kind, n in _kinds(one).items())
    better = "below" if one.change.spec["better"] == "lower" else "above"
    text = (
        f"Each mark is a patient: {said}. Between the dashed lines, {format_number(one.change.design['smallest'])} "
        f"points from no change, a change is not reliable; marks {better} the band improved."
    )
    if one.change.spec["cutoff"] is not None:
        text += f" Dotted: the cut-off {format_number(one.change.spec['cutoff'], 'count')}, before and after."
    if one.change.patients.duplicated(["before", "after"]).any():
        text += " A number beside a mark: so many patients lie on one another."
    return picture(axes, f"{one.asked.name}_before_after", f"{one.asked.title}: before and after", text)


def _kinds(one: DeclaredChange) -> dict[str, int]:
    """How many of the patients with both values changed in which way."""
    found = one.change.frame[one.change.frame["proportion"].notna()]
    return dict(zip(found["category"].astype(str), found["n"].astype(int), strict=True))


def _patients(one: DeclaredChange) -> Table:
    """Everybody, and of whom a value is missing."""
    people = one.people[["patient", "session_before", "session_after"]].merge(
        one.people[["patient", "before", "after"]].merge(
            one.change.patients[["patient", "change", "rci", "crossed", "category"]], on="patient", how="left"
        ),
        on="patient",
    )
    lacking = people["before"].isna().map({True: "no value before", False: "no value after"})
    people = people.assign(category=people["category"].where(people["category"].notna(), lacking))
    columns = [
        column("patient", "Patient", kind="text"),
        column("before", "Before", kind="count"),
        column("after", "After", kind="count"),
    ]
    if people["session_before"].notna().any():
        columns.insert(1, column("session_before", "First session", kind="integer"))
    if people["session_after"].notna().any():
        columns.append(column("session_after", "Last session", kind="integer"))
    columns += [
        column("change", "Better by", kind="count"),
        column("rci", "RCI"),
        column("category", "Change", kind="text"),
    ]
    return Table(
        f"{one.asked.name}_patients", f"{one.asked.title}: every patient", people, tuple(columns),
        ("RCI: the change in standard errors of a difference; reliable beyond 1.96.",), folded=True,
    )  # fmt: skip


def _course(one: DeclaredChange) -> Iterator[Block]:
    """Sudden gains and losses: how many, and which."""
    import pandas as pd

    found = {kind: of for kind, of in (("gains", one.gains), ("losses", one.losses)) if of is not None}
    if not found:
        return
    title, name = one.asked.title, one.asked.name
    rows = [
        {"kind": f"sudden {kind}", "n_patients": of.design["n_patients"], "n_with": of.design["n_with"],
         "n": of.design["n_gains"], "n_reversed": int((of.frame["reversed"] == "yes").sum()),
         "n_checked": of.design["n_steps"] - of.design["n_unchecked"], "n_steps": of.design["n_steps"]}
        for kind, of in found.items()
    ]  # fmt: skip
    yield Table(
        f"{name}_sudden", f"{title}: sudden gains and losses", pd.DataFrame(rows),
        (column("kind", "From session to session", kind="text"), column("n_patients", "Patients", kind="integer"),
         column("n_with", "with any", kind="integer"), column("n", "How many", kind="integer"),
         column("n_reversed", "Reversed later", kind="integer"), column("n_checked", "Steps checked", kind="integer"),
         column("n_steps", "of", kind="integer")),
        (_criteria(one),),
    )  # fmt: skip
    listed = [of.frame.assign(kind=f"sudden {kind}") for kind, of in found.items() if len(of.frame)]
    if listed:
        (shown, *_) = next(iter(found.values())).tables()
        yield replace(
            shown, name=f"{name}_sudden_steps", title=f"{title}: every sudden gain and loss",
            frame=pd.concat(listed, ignore_index=True), group="kind",
            columns=(*shown.columns, column("reversed_at", "in session", kind="integer")),
            notes=("*M*: of the three sessions up to the step, and of the three after it.",),
        )  # fmt: skip


def _criteria(one: DeclaredChange) -> str:
    given = one.asked.smallest_gain
    points = one.change.design["smallest"] if given is None else given.value
    source = "the smallest reliable change" if given is None else given.source
    return (
        f"A step of {format_number(points)} points or more ({source}), of {one.asked.gain_share:.0%} or more of the "
        "value before, whose three sessions before and after differ beyond *t* of the sessions present (2.776 with "
        "all six, 3.182 with five, 4.303 with two on each side; Tang & DeRubeis, 1999). Reversed: a later session lost "
        "half of it or more. Unchecked are steps with fewer than two sessions before or after."
    )


def _homework(one: DeclaredChange, labels: Labels) -> Iterator[Block]:
    """Homework before a gain within patients, and between patients."""
    notes: dict[str, None] = {}
    told: dict[str, tuple[Answer | None, str, str]] = {
        "homework_before_gains": (
            one.before_gains, "sessions before a sudden gain, and others of the same patients",
            "One difference per patient, and limits of their mean; sessions after which no step could be checked are "
            "left out. Not adjusted for time: homework that rises or falls over sessions shows here, too.",
        ),
        "homework_by_change": (
            one.by_change, "patients who improved reliably, and others",
            f"{_VALUES[one.by_change is not None and one.by_change.is_over_sessions]}; *d* with limits of the "
            "noncentral *t*. Who lacks a value before or after is in neither group. Nothing here tells causes from "
            "companions.",
        ),
    }  # fmt: skip
    for key, (result, title, note) in told.items():
        if result is None:
            continue
        (table,) = result.tables()
        frame = table.frame.assign(variable=[labels.get(str(one), str(one)) for one in table.frame["variable"]])
        yield replace(
            table, name=f"{one.asked.name}_{key}", title=f"{one.asked.title}: {title}", frame=frame, data=table.frame,
            notes=(note,),
        )  # fmt: skip
        notes |= dict.fromkeys(map(sentence, result.notes))
    if notes:
        yield Bullets(tuple(notes))


def change_words(one: DeclaredChange) -> Iterator[str]:
    """The result in sentences: who changed, and how many sudden gains there were."""
    rows = _kinds(one)
    counted = [f"{n} {kind}" for kind, n in rows.items()]
    n = one.change.design["n_patients"]
    reliably = sum(rows.get(kind, 0) for kind in ("recovered", "improved"))
    yield f"of {n} patients with both values {reliably} improved reliably ({', '.join(counted)})"
    if one.gains is not None:
        of = one.gains.design
        yield (
            f"{of['n_with']} of {of['n_patients']} patients had a sudden gain ({of['n_gains']} in "
            f"{of['n_steps'] - of['n_unchecked']} steps that could be checked)"
        )
