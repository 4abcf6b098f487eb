"""The answer of an allocation: who rates what, and the proof that it is even."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from doublecode.schemas.cards import Card
from doublecode.schemas.plain_table import MOST_ROWS, PlainTable
from doublecode.schemas.problems import Problem
from doublecode.schemas.results import Note, Result

if TYPE_CHECKING:
    import pandas as pd

FEW_DOUBLE_CODED: Final = 20
"""Double-coded sessions below which the interval of a reliability says more than its estimate."""
SENTENCES: Final = {
    "fewer_double_coded_than_pairs": "{n} double-coded sessions are fewer than the {pairs} pairs of raters.",
    "raters_apart": str(Problem("graph_not_connected", subject="{subject}", found="{groups}")),
    "in_no_number": "{n} session(s) of {patients} patient(s) ({named}) are left out: status {status} in patients.csv, "
    "so they are in no number and nobody needs to hear them.",
    "names_tell": "{n} {what} hold the name of their patient (such as {example}), which raters must not see: {way_out}",
    "anchors_left_out": "{n} later rating(s) of anchors are left out ({named}): no batch is left in which these raters "
    "are there.",
    "anchors_barred": "{n} first rating(s) of anchors are left out ({named}): restrictions keep these raters "
    "from them.",
    "anchors_not_rated": "{n} anchor(s) are rated no more ({named}), see sessions.csv and patients.csv; name others, "
    "or take them out of anchors.",
    "recodes_at_once": "{n} session(s) are coded again in the batch in which they are coded first ({named}): raters "
    "remember what they said. More batches, or fewer absences, put time between the two.",
    "few_double_coded": "Fewer than {least} double-coded sessions: read the interval of the reliability before its "
    "estimate.",
}
_PROOFS: Final = (
    ("load", "Load of each rater", "Rater"),
    ("pair", "Sessions that each pair shares", "Pair"),
    ("stratum", "Double coding by stratum", "Stratum"),
)


@dataclass(frozen=True, eq=False, repr=False)
class Allocation(Result):
    """Who rates what, and the proof that it is even.

    Attributes
    ----------
    spec : dict
        The question: raters, instruments, share, loads, stages, batches, seed.
    frame : DataFrame
        The proof, long: table ("load", "pair", "stratum", "cell", "therapist", "occasion"), name, sessions, double,
        share, expected.
    design : dict
        Counts of sessions, double-coded sessions, ratings, pilot sessions, sessions left out and why.
    assignments : DataFrame
        Contract ``ASSIGNMENTS``: session_id, rater, instrument, role, batch.
    notes : tuple of Note
    rows : Index
        Rows of the sessions that are rated, the pilot aside.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    design: dict[str, Any]
    assignments: pd.DataFrame
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    @property
    def card(self) -> Card:
        """Counts of the plan, and how even loads, pairs and strata are."""
        design = self.design
        facts = (
            ("Raters", ", ".join(self.spec["raters"])),
            ("Instruments", ", ".join(self.spec["instruments"])),
            ("Sessions", f"{design['sessions']}, of these {design['double_coded']} coded twice"),
            ("Pilot", f"{design['pilot_sessions']} sessions, rated by all" if design["pilot_sessions"] else ""),
            ("Left out", f"{len(design['left_out'])} sessions" if design["left_out"] else ""),
            ("Assignments", str(design["ratings"])),
            ("Notes", " ".join(self.note_texts())),
        )
        return Card("Who rates what", facts, self.plain_tables())

    def plain_tables(self) -> tuple[PlainTable, ...]:
        """How even loads, pairs and strata are."""
        return tuple(self._proof_table(*one) for one in _PROOFS)

    def counted(self) -> str:
        """Sessions, and those coded twice."""
        return f"{self.design['sessions']} sessions, of these {self.design['double_coded']} coded twice"

    def sentence_of(self, note: Note) -> str:
        """Say one note in words."""
        groups = " | ".join(map("+".join, note.numbers.get("groups", ())))
        return SENTENCES[note.kind].format(**{"subject": note.subject, **note.numbers, "groups": groups})

    def _proof_table(self, part: str, title: str, heading: str) -> PlainTable:
        rows = self.frame[self.frame["table"] == part].itertuples()
        cells = [(str(row.name), f"{row.sessions}", f"{row.double}", f"{row.expected:.1f}") for row in rows]
        expected = "Coded twice, expected" if part == "stratum" else "Sessions, expected"
        headings = (heading, "Sessions", "Coded twice", expected)
        return PlainTable(title, headings, tuple(cells[:MOST_ROWS]), (False, True, True, True), len(cells[MOST_ROWS:]))

    def __str__(self) -> str:
        return self.card.text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.card.html()
