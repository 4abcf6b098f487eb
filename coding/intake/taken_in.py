"""What taking in files did, and what a ledger holds, for the eye."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from doublecode.schemas.cards import Card
from doublecode.schemas.results import Note, Result

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class TakenIn(Result):
    """What taking in files did.

    Attributes
    ----------
    address : str
        Of the ledger.
    new : tuple of str
        Files that were stored.
    known : tuple of str
        Files that the ledger held already; nothing was changed for them.
    superseded : tuple of str
        Earlier files that the new ones replace.
    n_rows : int
        Ratings that were stored.
    rows : Index
        Rows of the ratings that were given.
    """

    address: str
    new: tuple[str, ...]
    known: tuple[str, ...]
    superseded: tuple[str, ...]
    n_rows: int
    rows: pd.Index[Any]

    @property
    def spec(self) -> dict[str, Any]:
        """The ledger."""
        return {"ledger": self.address}

    @property
    def frame(self) -> pd.DataFrame:
        """One row per file: file, state (stored, held already, replaced)."""
        import pandas as pd

        states = (("stored", self.new), ("held already", self.known), ("replaced", self.superseded))
        return pd.DataFrame([(file, state) for state, files in states for file in files], columns=["file", "state"])

    @property
    def design(self) -> dict[str, Any]:
        """Counts of files and ratings."""
        return {
            "n_new": len(self.new), "n_known": len(self.known), "n_superseded": len(self.superseded),
            "n_ratings": self.n_rows,
        }  # fmt: skip

    @property
    def notes(self) -> tuple[Note, ...]:
        """None: every file is in the frame."""
        return ()

    def counted(self) -> str:
        """Files and ratings that were stored."""
        files = "1 file" if len(self.new) == 1 else f"{len(self.new)} files"
        return f"{files} with {self.n_rows} ratings stored, {len(self.known)} held already."


def ledger_card(address: str, files: pd.DataFrame) -> Card:
    """Lay out what a ledger holds now; `files` as :meth:`doublecode.coding.intake.ledger.Ledger.files` returns it."""
    holds = files[files["holds"].astype(bool)]
    last = "" if files.empty else str(files["taken_in"].max())
    facts = (
        ("Address", address),
        ("Files", f"{len(holds)}, {len(files) - len(holds)} earlier ones replaced"),
        ("Ratings", f"{int(holds['n_rows'].sum())}"),
        ("Instruments", ", ".join(map(str, holds["instrument"].unique()))),
        ("Raters", ", ".join(map(str, holds["rater"].unique()))),
        ("Last entry", last),
    )
    return Card("Ledger", facts, ())
