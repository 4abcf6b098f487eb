"""The stages that a session passes on its way into a model, and why it is lost at one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class StageKind(StrEnum):
    """What a stage of the row ledger asks."""

    PATIENTS = "patients"
    HELD = "held"
    RATED = "rated"
    SCORED = "scored"
    KNOWN = "known"
    IN_MODEL = "in the model"


@dataclass(frozen=True)
class Stage:
    """One stage of the row ledger.

    Parameters
    ----------
    kind : StageKind
    name : str
        The status of patients, the variable that is scored or known, or the model; empty where the kind says all.

    Examples
    --------
    >>> str(Stage(StageKind.SCORED, "he")), str(Stage(StageKind.HELD))
    ('scored: he', 'held')
    """

    kind: StageKind
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}" if self.name else str(self.kind)
