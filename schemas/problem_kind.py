"""What an entry of the catalogue of problems says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One entry of the catalogue.

    Parameters
    ----------
    severity : {"error", "warning", "info"}
        An error stops the report; a warning is printed in it; an info lists what was
        read in spite of its shape, or put right.
    sentence : str
        What was found, with the fields ``{found}`` and ``{allowed}``.
    next_step : str
        What the reader of the message does now.
    in_outcome : str
        The same where the cell is in the table of an outcome whose codebook lies in the study folder.
    """

    severity: Severity
    sentence: str
    next_step: str
    in_outcome: str = ""
