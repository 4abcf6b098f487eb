"""The record that says what is wrong where; its codes are those of the catalogue.

A problem is data, not an exception: readers collect problems and hand all of
them back, each with a stable code, a place, what was found, what is allowed
and the next step. A code that is not in the catalogue is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from doublecode.schemas.errors import UsageError
from doublecode.schemas.outcome_problems import FREE_WORDS, NAMES_OF_SHEETS
from doublecode.schemas.problem_kind import Kind, Severity
from doublecode.schemas.problem_kinds import CATALOGUE

__all__ = ["CATALOGUE", "Kind", "Problem", "Severity", "place_in"]

_PERCENT_FORMAT: Final = "Set the format of the cell to General, then type an allowed value."

_NOT_PRINTED: Final = "words that are not printed here, as they may say who a patient is"
_SHEET_OF_ANOTHER: Final = "a sheet of its own"


def place_in(file: str, sheet: str = "", cell: str = "") -> str:
    """File › sheet!cell, as far as it is known.

    Examples
    --------
    >>> place_in("R3.xlsx", "Rate", "F12"), place_in("own.csv", "", "line 4")
    ('R3.xlsx › Rate!F12', 'own.csv › line 4')
    """
    inner = "!".join(part for part in (sheet, cell) if part)
    return " › ".join(part for part in (file, inner) if part)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in the data, and where it stands.

    Parameters
    ----------
    code : str
        A key of :data:`CATALOGUE`; anything else raises ``UsageError``.
    file, sheet, cell : str
        The place; empty where the problem concerns the whole file or sheet.
    subject : str
        Session and item in the reader's words, ``"S-7KQ2, rationale"``.
    found, allowed : str
        What stands there, and what may stand there.
    instrument, codebook : str
        Of an answer in the table of an outcome: its instrument, and the codebook's file if it lies in the study folder.

    Examples
    --------
    >>> print(Problem("out_of_range", "R3_b02.xlsx", "Rate", "F12", "S-7KQ, rationale", "5", "0–4 or NA/IN/NR"))
    R3_b02.xlsx › Rate!F12 · out_of_range · S-7KQ, rationale: found 5, allowed 0–4 or NA/IN/NR. Type an allowed value.
    """

    code: str
    file: str = ""
    sheet: str = ""
    cell: str = ""
    subject: str = ""
    found: str = ""
    allowed: str = ""
    instrument: str = ""
    codebook: str = ""

    def __post_init__(self) -> None:
        """Refuse a code that the catalogue does not declare."""
        if self.code not in CATALOGUE:
            raise UsageError(f"problem code {self.code!r} is not in the catalogue; allowed: {', '.join(CATALOGUE)}")

    @property
    def severity(self) -> Severity:
        """How much the problem weighs, from the catalogue."""
        return CATALOGUE[self.code].severity

    @property
    def place(self) -> str:
        """File › sheet!cell, as far as it is known."""
        return place_in(self.file, self.sheet, self.cell)

    @property
    def sentence(self) -> str:
        """What is wrong, in words."""
        text = CATALOGUE[self.code].sentence.format(found=self.found, allowed=self.allowed)
        return f"{self.subject}: {text}" if self.subject else text

    @property
    def in_report(self) -> Problem:
        """The problem as a report prints it: without words that somebody typed beside the codes, which may be a name.

        Examples
        --------
        >>> Problem("stray_cell", "R3.xlsx", "Rate", "M5", found="Mrs K.").in_report.sentence
        'stands under no head: words that are not printed here, as they may say who a patient is; it was not read'
        """
        if self.code not in FREE_WORDS:
            return self
        sheet = _SHEET_OF_ANOTHER if self.code in NAMES_OF_SHEETS else self.sheet
        return replace(self, sheet=sheet, found=_NOT_PRINTED)

    @property
    def next_step(self) -> str:
        """What to do now."""
        kind = CATALOGUE[self.code]
        text = kind.in_outcome if self.codebook and kind.in_outcome else kind.next_step
        if self.code == "not_a_number" and not self.codebook and self.found.endswith('%"'):
            text = _PERCENT_FORMAT
        return text.format(found=self.found, allowed=self.allowed, instrument=self.instrument, codebook=self.codebook)

    def __str__(self) -> str:
        """Render place, code, sentence and next step on one line."""
        head = " · ".join(part for part in (self.place, self.code) if part)
        return f"{head} · {self.sentence}. {self.next_step}"
