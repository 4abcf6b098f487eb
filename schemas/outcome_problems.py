"""The problems of outcome measures, and which problems hold words that somebody typed: a part of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from doublecode.schemas.problem_kind import Kind

NAMES_OF_SHEETS: Final = frozenset({"extra_sheet"})
FREE_WORDS: Final = frozenset({"stray_cell", "comment_found", "note_found", "extra_column", *NAMES_OF_SHEETS})
"""What somebody typed beside the codes stands in what was found: a report, which goes to others, does not print it."""

OF_OUTCOMES: Final[Mapping[str, Kind]] = {
    "answer_without_session": Kind(
        "error",
        "found {found}, and the study has no session with it",
        "Write its session number into the row; or, if it is filled in between sessions: next_session_within = 7 under "
        "the instrument in study.toml, and a column date; or, if it is of before, after or follow-up: a column event.",
    ),
    "answered_twice": Kind("error", "has two questionnaires: {found}", "Keep one of the two; nothing is averaged."),
    "answer_linked": Kind(
        "info",
        "filled in on {found}, counts for {allowed}",
        "Nothing, if next_session_within in study.toml is what you want; else write the session number into the row.",
    ),
    "answer_not_linked": Kind(
        "warning",
        "filled in on {found}, is in no number: {allowed}",
        "Write the session number into the row if it belongs to one; or another next_session_within in study.toml.",
    ),
}
