"""Where a study keeps its ledger."""

from __future__ import annotations

from typing import Final

from doublecode.coding.intake.ledger import Ledger
from doublecode.schemas.study import Study

LEDGER: Final = "ledger.sqlite"


def has_ledger(study: Study) -> bool:
    """Whether there is a ledger: a file in the folder, or the database that study.toml names."""
    return bool(study.ledger) or (study.folder / LEDGER).is_file()


def open_ledger(study: Study) -> Ledger:
    """Open the ledger of a study; it is made where there is none."""
    return Ledger(study.ledger or study.folder / LEDGER)
