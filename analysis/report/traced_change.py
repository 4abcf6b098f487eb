"""Which tables and figures of change of patients stand on which cells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from doublecode.analysis.linking.sudden_gain_criteria import WINDOW
from doublecode.analysis.study.trace.origins import gathered
from doublecode.analysis.study.trace.source_cells import Basis
from doublecode.schemas.patient_changes import ENDS

if TYPE_CHECKING:
    from doublecode.analysis.study.declared_change import DeclaredChange
    from doublecode.analysis.study.study_run import StudyRun
    from doublecode.analysis.study.trace.modelled import FrameBases

Row = Mapping[str, Any]
_WHOLE = frozenset({"proportion", "conf_low", "conf_high"})
"""Numbers of a kind of change that stand on all patients."""


class TracedChange:
    """The cells behind the declared changes of patients.

    Parameters
    ----------
    run : StudyRun
    frames : FrameBases
    """

    def __init__(self, run: StudyRun, frames: FrameBases) -> None:
        self.run, self.frames = run, frames

    @property
    def tables(self) -> dict[str, Callable[[Row, str], Basis]]:
        """Per name of a table, a function of row and column."""
        found: dict[str, Callable[[Row, str], Basis]] = {}
        makes = {
            "reliable_change": self._counts, "patients": self._patient, "sudden": self._courses,
            "sudden_steps": self._step, "homework_before_gains": self._before_gains,
            "homework_by_change": self._by_change,
        }  # fmt: skip
        for one in self.run.patient_changes:
            own = {**makes, "measure": self._measure} if one.asked.from_sample else makes
            found |= {f"{one.asked.name}_{key}": partial(make, one) for key, make in own.items()}
        return found

    @property
    def figures(self) -> dict[str, Basis]:
        """Per name of a figure its cells."""
        return {
            f"{one.asked.name}_before_after": self._ends(one, one.change.patients["patient"])
            for one in self.run.patient_changes
        }

    def _ends(self, one: DeclaredChange, patients: Iterable[object]) -> Basis:
        """The values before and after of some patients."""
        mine = one.people[one.people["patient"].isin(list(patients))]
        columns = {key: one.asked.outcome if end in ENDS else end
                   for key, end in (("before", one.asked.pre), ("after", one.asked.post))}  # fmt: skip
        return gathered(
            cell
            for key, name in columns.items()
            for at in mine[f"row_{key}"].astype(int)
            if at >= 0
            for cell in self.frames.cell(int(at), str(name))
        )

    def _counts(self, one: DeclaredChange, row: Row, column: str) -> Basis:
        known = one.change.patients
        if column in _WHOLE:
            return self._ends(one, known["patient"])
        mine = known.loc[known["category"] == row["category"], "patient"].tolist()
        missing = {"no value before": "before", "no value after": "after"}.get(row["category"])
        if missing is not None:
            lacking = one.people[~one.people["patient"].isin(known["patient"])]
            is_first = lacking["before"].isna()
            mine = lacking.loc[is_first if missing == "before" else ~is_first, "patient"].tolist()
        return self._ends(one, mine)

    def _patient(self, one: DeclaredChange, row: Row, column: str) -> Basis:
        return self._ends(one, [row["patient"]])

    def _measure(self, one: DeclaredChange, row: Row, column: str) -> Basis:
        return self._ends(one, one.change.patients["patient"]) if column == "value" else ()

    def _courses(self, one: DeclaredChange, row: Row, column: str) -> Basis:
        return self.frames.values(str(one.asked.outcome))

    def _step(self, one: DeclaredChange, row: Row, column: str) -> Basis:
        last = float("inf") if column.startswith("reversed") else row["session"] + WINDOW
        frame = self.frames.frame
        inside = frame["session"].between(row["session"] - WINDOW + 1, last) & (frame["patient"] == row["patient"])
        return self.frames.rows([str(one.asked.outcome)], frame.index[inside & frame[one.asked.outcome].notna()])

    def _before_gains(self, one: DeclaredChange, row: Row, column: str) -> Basis:
        if one.before_gains is None:
            return ()
        frame, found = self.frames.frame, list[Basis]()
        for name in self._named(row, one):
            used = one.before_gains.sessions[one.before_gains.sessions["variable"] == name]
            keys = set(zip(used["patient"], used["session"], strict=True))
            at = [key in keys for key in zip(frame["patient"], frame["session"], strict=True)]
            found.append(self.frames.rows([name], frame.index[at]))
            known = frame["patient"].isin(used["patient"]) & frame[one.asked.outcome].notna()
            found.append(self.frames.rows([str(one.asked.outcome)], frame.index[known]))
        return gathered(chain.from_iterable(found))

    def _by_change(self, one: DeclaredChange, row: Row, column: str) -> Basis:
        if one.by_change is None:
            return ()
        frame, found = self.frames.frame, list[Basis]()
        for name in self._named(row, one):
            mine = one.by_change.patients.loc[one.by_change.patients["variable"] == name, "patient"].tolist()
            known = frame["patient"].isin(mine) & frame[name].notna()
            found += [self.frames.rows([name], frame.index[known]), self._ends(one, mine)]
        return gathered(chain.from_iterable(found))

    def _named(self, row: Row, one: DeclaredChange) -> list[str]:
        """The variable that a row speaks of, by its name or its label."""
        return [name for name in one.asked.homework if row["variable"] in (name, self.run.labels.get(name, name))]
