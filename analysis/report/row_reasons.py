"""Why rows were lost on the way into the models, in the words of the codebooks: for the table of the row ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from doublecode.analysis.linking.stages import Stage, StageKind
from doublecode.analysis.rendering.notes import sentence
from doublecode.coding.scoring import items_missing
from doublecode.schemas.process_models import process_rows
from doublecode.schemas.results import Note, is_missing

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.study.study_run import StudyRun
    from doublecode.schemas.scale import Scale
    from doublecode.schemas.study import Study
    from doublecode.schemas.study_parts import Variable

_BEFORE: Final = "the session before was not rated"
_MOST: Final = 4
Session = tuple[str, str, int]
"""Instrument, patient, session number."""


def main_reasons(run: StudyRun) -> list[str]:
    """Say the commonest reasons of each stage of the ledger; what happened only now and then is counted together."""
    words = _Words(run)
    facts = run.frame.row_ledger.facts
    return [_ranked(words.of_rows(facts[[one == stage for one in facts["stage"]]])) for stage in run.frame.stages]


def model_titles(study: Study) -> dict[str, str]:
    """Titles of the declared models by their names."""
    titles = {one.name: one.title for one in study.series} | {one.name: one.title for one in study.moderations}
    titles |= {one.name: one.title for one in study.patient_outcomes}
    return titles | {name: title for name, _, title, _ in process_rows(study)}


def not_estimated_models(run: StudyRun) -> frozenset[str]:
    """Names of the declared models of which no number could be had: their rows are in no model."""
    refused = {note.subject for note in run.not_estimated if note.kind == "not_estimated"}
    return frozenset(name for name, title in model_titles(run.study).items() if title in refused)


def _ranked(reasons: Sequence[str]) -> str:
    ranked = sorted(Counter(reasons).items(), key=lambda item: (-item[1], item[0]))
    shown = [f"{n} × {text}" for text, n in ranked[:_MOST]]
    rest = sum(n for _, n in ranked[_MOST:])
    return "; ".join([*shown, f"{rest} × other reasons"] if rest else shown)


@dataclass(frozen=True)
class _Answer:
    """What was read of one item in one session: a value, or why there is none."""

    missing: bool
    reason: str


class _Words:
    """Reasons by the labels of what is missing, from the items that were read."""

    def __init__(self, run: StudyRun) -> None:
        self.run = run
        self.variables = {variable.name: variable for variable in run.study.variables}
        self.answers: dict[Session, dict[str, _Answer]] = {}
        columns = ("instrument", "patient", "session", "item", "value", "reason")
        for book, patient, session, item, value, reason in run.items[list(columns)].itertuples(index=False):
            why = reason if isinstance(reason, str) else "no reason given"
            self.answers.setdefault((book, str(patient), int(session)), {})[item] = _Answer(value != value, why)

    def of_rows(self, facts: pd.DataFrame) -> list[str]:
        """Why each lost row was lost."""
        columns = ("stage", "patient", "session", "why")
        rows = facts[list(columns)].itertuples(index=False)
        return [
            self._of_row(stage, str(patient), None if is_missing(session) else int(session), why)
            for stage, patient, session, why in rows
            if why is not None
        ]

    def _of_row(self, stage: Stage, patient: str, session: int | None, why: Note) -> str:
        if stage.kind is StageKind.SCORED:
            return self._of_variable(self.variables[stage.name], patient, session, why)
        if why.kind != "cells_missing":
            return sentence(why)
        named: dict[str, list[str]] = {}
        for name, cause in ((name, cause) for names, cause in why.numbers["parts"] for name in names):
            variable = self.variables.get(name)
            text = sentence(cause) if variable is None else self._of_variable(variable, patient, session, cause)
            labels = named.setdefault(text, [])
            if variable is not None and (variable.column or (variable.item and cause.kind == "value_not_scored")):
                labels.append(self.run.labels[name])  # the reason is of this variable alone
        return "; ".join(f"{', '.join(labels)}: {text}" if labels else text for text, labels in named.items())

    def _of_variable(self, variable: Variable, patient: str, session: int | None, why: Note) -> str:
        """Say why a scale has no score: for want of a session before, or of items, by their labels."""
        if why.kind == "value_not_read" and session is not None and why.numbers.get("session") == session:
            return sentence(Note("value_of_row_not_read", numbers={"label": self.run.labels[variable.name]}))
        if variable.scale is None or variable.event is not None or why.kind != "value_not_scored":
            return sentence(why)
        book = self.run.study.codebooks[str(variable.instrument)]
        scale, number = book.scale(variable.scale), self._number(variable, session)
        now = self.answers.get((book.name, patient, number), {})
        before = self.answers.get((book.name, patient, number - 1)) if scale.lagged else now
        if before is None:
            return _BEFORE if number > 1 else sentence(why)
        labels = {item.name: item.label for item in book.columns}
        return items_missing(scale, _missing(scale, now, before, labels, number - 1))

    def _number(self, variable: Variable, session: int | None) -> int:
        """Number of the session that a variable is of."""
        if variable.session is not None:
            return variable.session
        if session is not None:
            return session
        sessions = self.run.study.use(str(variable.instrument)).sessions or ()
        return sessions[0] if len(sessions) == 1 else 0


def _missing(
    scale: Scale, now: Mapping[str, _Answer], before: Mapping[str, _Answer], labels: Mapping[str, str], number: int
) -> dict[str, list[str]]:
    """Labels of the items that a score lacks, by reason; `number` is the session of the lagged ones."""
    missing: dict[str, list[str]] = {}
    for item in scale.items:
        lagged = item in scale.lagged
        answer = (before if lagged else now).get(item, _Answer(True, "no rating"))
        if answer.missing:
            label = f"{labels[item]} of session {number}" if lagged else labels[item]
            missing.setdefault(answer.reason, []).append(label)
    return missing
