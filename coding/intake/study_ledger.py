"""Where a study keeps its ledger."""

from __future__ import annotations

from typing import Final

from doublecode.coding.intake.ledger import Ledger
from doublecode.schemas.study import Study

LEDGER: Final = "ledger.sqlite"


def has_ledger(study: Study) -> bool:
    """Whether anything was ever taken in."""
    return (study.folder / LEDGER).is_file()


def open_ledger(study: Study) -> Ledger:
    """Open the ledger of a study; it is made where there is none."""
    return Ledger(study.folder / LEDGER)
