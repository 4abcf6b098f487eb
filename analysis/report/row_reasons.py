"""Why rows were lost on the way into the models, in the words of the codebooks: for the table of the row ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from doublecode.analysis.linking.stages import Stage, StageKind
from doublecode.coding.scoring import items_missing

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.study.study_run import StudyRun
    from doublecode.schemas.instrument import Scale
    from doublecode.schemas.study import Variable

_BEFORE: Final = "the session before was not rated"
_MOST: Final = 4
Session = tuple[str, str, int]
"""Instrument, patient, session number."""


def main_reasons(run: StudyRun) -> list[str]:
    """Say the commonest reasons of each stage of the ledger; what happened only now and then is counted together."""
    words = _Words(run)
    return [
        _ranked(words.of_stage(stage, rows))
        for stage, (_, rows) in zip(run.frame.stages, run.frame.ledger.groupby("stage", sort=False), strict=True)
    ]


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
    """Reasons by the labels of what is missing, from the items and scores that were read."""

    def __init__(self, run: StudyRun) -> None:
        self.run = run
        self.variables = {variable.name: variable for variable in run.study.variables}
        self.answers: dict[Session, dict[str, _Answer]] = {}
        columns = ("instrument", "patient", "session", "item", "value", "reason")
        for book, patient, session, item, value, reason in run.items[list(columns)].itertuples(index=False):
            why = reason if isinstance(reason, str) else "no reason given"
            self.answers.setdefault((book, str(patient), int(session)), {})[item] = _Answer(value != value, why)

    def of_stage(self, stage: Stage, rows: pd.DataFrame) -> list[str]:
        """Why each lost row of a stage was lost."""
        lost = (rows["status"] == "lost").to_numpy()
        found = []
        for place, row in enumerate(rows.to_dict("records")):
            if lost[place]:
                number = None if row["session"] is None or row["session"] != row["session"] else row["session"]
                found.append(self._of_row(stage, place, str(row["patient"]), number, str(row["reason"])))
        return found

    def _of_row(self, stage: Stage, place: int, patient: str, session: Any, given: str) -> str:
        if stage.kind is StageKind.SCORED:
            return self._of_variable(self.variables[stage.name], patient, session, given)
        if stage.kind is not StageKind.IN_MODEL:
            return given
        return self._of_model(stage, place, patient, session) or given

    def _of_model(self, stage: Stage, place: int, patient: str, session: Any) -> str:
        """Join what is said of the variables that a row lacks; empty where it lacks none."""
        frame, reasons = self.run.frame.frame.iloc[place], self.run.frame.reasons
        named: dict[str, list[str]] = {}
        for name in (name for name in stage.columns if frame[name] is None or frame[name] != frame[name]):
            if name not in self.variables:
                named.setdefault(f"{name} is unknown", [])
                continue
            variable, why = self.variables[name], str(reasons[name].iloc[place])
            text = self._of_variable(variable, patient, session, why)
            labels = named.setdefault(text, [])
            if self._is_its_own(variable, patient, session):
                labels.append(self.run.labels.get(name, name))
        return "; ".join(f"{', '.join(labels)}: {text}" if labels else text for text, labels in named.items())

    def _of_variable(self, variable: Variable, patient: str, session: Any, given: str) -> str:
        """Say why a scale has no score: for want of a session before, or of items, by their labels."""
        if variable.scale is None:
            return given
        book = self.run.study.codebooks[str(variable.instrument)]
        scale, number = book.scale(variable.scale), self._number(variable, session)
        now = self.answers.get((book.name, patient, number))
        if now is None:
            return given
        before = self.answers.get((book.name, patient, number - 1)) if scale.lagged else now
        if before is None:
            return _BEFORE if number > 1 else given
        labels = {item.name: item.label for item in book.columns}
        missing = _missing(scale, now, before, labels, number - 1)
        return items_missing(scale, missing) if missing else given

    def _is_its_own(self, variable: Variable, patient: str, session: Any) -> bool:
        """Whether the reason is of this variable alone: an empty cell of patients.csv, a code of its item."""
        if variable.item is None:
            return variable.column is not None
        read = self.answers.get((str(variable.instrument), patient, self._number(variable, session)), {})
        return variable.item in read

    def _number(self, variable: Variable, session: Any) -> int:
        """Number of the session that a variable is of."""
        if variable.session is not None:
            return variable.session
        if session is not None:
            return int(session)
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
