"""A warning of the analysis as a fact: its code in the catalogue of problems, its subject, and what it rests on."""

from __future__ import annotations

from dataclasses import dataclass

from doublecode.schemas.results import Note


@dataclass(frozen=True)
class CodedWarning:
    """What an estimate is to be read with; it changes no number and stops nothing.

    Parameters
    ----------
    code : str
        A key of :data:`doublecode.schemas.problems.CATALOGUE`, which has the next step.
    subject : str
        What it is about, in the reader's words.
    note : Note
        The fact itself, without a subject: the one that the result carries among its notes where it does.
    """

    code: str
    subject: str
    note: Note

    def says(self, note: Note) -> bool:
        """Whether the warning says what `note` says, whatever the subject."""
        return (note.kind, note.numbers) == (self.note.kind, self.note.numbers)
