"""Which tables and figures of models of process and of regressions over patients stand on which cells."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from doublecode.analysis.report.sections_patients import patients_table_name
from doublecode.analysis.study.trace.findings import FindingBases

if TYPE_CHECKING:
    from doublecode.analysis.study.declared_process import Answered
    from doublecode.analysis.study.study_run import StudyRun
    from doublecode.analysis.study.trace.source_cells import Basis

TABLES = {
    "rater_corrections": ("slopes", "reliability", "errors", "gain", "cross_rater"),
    "cross_lagged": ("cross_lagged", "cross_lagged_variances"),
    "mediations": ("mediation",),
}
"""Tables of each kind of model of process, without the model's name."""


class TracedFindings:
    """The cells behind what a study declares of process and of its patients.

    Parameters
    ----------
    run : StudyRun
    bases : FindingBases
    """

    def __init__(self, run: StudyRun, bases: FindingBases) -> None:
        self.run, self.bases = run, bases

    @cached_property
    def tables(self) -> dict[str, Basis]:
        """Per name of a table its cells: all numbers of it stand on all of them."""
        found = {patients_table_name(one): self.bases.patients(one) for one in self.run.patient_outcomes}
        for kind, one, basis in self._process:
            found |= dict.fromkeys((f"{one.name}_{part}" for part in TABLES[kind]), basis)
        return found

    @cached_property
    def figures(self) -> dict[str, Basis]:
        """Per name of a figure its cells."""
        return {f"{one.name}_directions": basis for kind, one, basis in self._process if kind == "cross_lagged"}

    @cached_property
    def _process(self) -> list[tuple[str, Answered[Any], Basis]]:
        return list(self._answered())

    def _answered(self) -> Iterator[tuple[str, Answered[Any], Basis]]:
        if self.run.process is None:
            return
        make: dict[str, Callable[[Any], Basis]] = {
            "rater_corrections": self.bases.correction,
            "cross_lagged": self.bases.direction,
            "mediations": self.bases.mediation,
        }
        for kind, basis in make.items():
            for one in getattr(self.run.process, kind):
                if one.result is not None:
                    yield kind, one, basis(one.result)
