"""Sentences of the notes of ``analysis/screening``: what was seen, and what honest coding would give; no verdict."""

from __future__ import annotations

import math
from typing import Final

from doublecode.analysis.rendering.wording.phrases import Wording, about_subject, named
from doublecode.schemas.results import Note

MOST_SESSIONS: Final = 5


def _sessions(note: Note) -> str:
    names = note.numbers["sessions"]
    return f" ({named(names, MOST_SESSIONS)})" if names else ""


def _identical_rows(note: Note) -> str:
    found = note.numbers
    return (
        f"the same codes in every cell of {found['n_found']} of the {found['n']} sessions that both rated"
        f"{_sessions(note)}; two independent raters of these sessions would have about {found['expected']:.1f}"
    )


def _straight_line(note: Note) -> str:
    found = note.numbers
    where = f", {found['place']}" if found["place"] else _sessions(note)
    what = "times the same code in succession" if found["part"] else "rows in succession with the same codes"
    return (
        f"{found['n_found']} {what}{where}; the longest string of the same among the colleagues is "
        f"{found['expected']:.0f}"
    )


def _repeated_rows(note: Note) -> str:
    found = note.numbers
    return (
        f"{found['n_found']} of {found['n']} rows repeat an earlier row of the rater, of codes that are rare among the "
        f"colleagues{_sessions(note)}; these would have about {found['expected']:.1f}"
    )


def _column_shifted(note: Note) -> str:
    found = note.numbers
    where = f" ({found['place']})" if found["place"] else ""
    return (
        f"the column fits the other items of the row above or below (r = {found['statistic']:.2f}) better than those "
        f"of its own row (r = {found['expected']:.2f}){where}; it may have slipped by a row"
    )


def _reversed_rater(note: Note) -> str:
    found = note.numbers
    whom = "the other rater" if found["other"] else "the colleagues"
    return (
        f"high where {whom} of the same session are low, and low where these are high (r = {found['statistic']:.2f} "
        f"over {found['n']} sessions); codes may have been counted from the other end"
    )


def _unused_code(note: Note) -> str:
    found = note.numbers
    return f"never given in {found['n']} ratings; by the colleagues' share there would be about {found['expected']:.0f}"


def _halo(note: Note) -> str:
    found = note.numbers
    return (
        f"one and the same code in every item in {found['n_found']} of {found['n']} rows{_sessions(note)}; by the "
        f"colleagues' share there would be about {found['expected']:.1f}"
    )


def _fast_pace(note: Note) -> str:
    found = note.numbers
    usual = "" if math.isnan(found["statistic"]) else f", at the median {found['statistic']:.0f} minutes after it"
    return (
        f"{found['n_found']} of {found['n']} sessions were entered sooner after the session before than half of their "
        f"recording lasts{usual}{_sessions(note)}; they may have been entered later than they were rated"
    )


SENTENCES: Final[dict[str, Wording]] = {
    "identical_rows": about_subject(_identical_rows),
    "straight_line": about_subject(_straight_line),
    "repeated_rows": about_subject(_repeated_rows),
    "column_shifted": about_subject(_column_shifted),
    "reversed_rater": about_subject(_reversed_rater),
    "unused_code": about_subject(_unused_code),
    "halo": about_subject(_halo),
    "fast_pace": about_subject(_fast_pace),
}
