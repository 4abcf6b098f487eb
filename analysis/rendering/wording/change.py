"""Sentences of the notes of change of patients (``analysis/linking/patient_change``, ``sudden_gain_criteria``)."""

from __future__ import annotations

from typing import Final

from doublecode.analysis.rendering.wording.phrases import Wording, filled
from doublecode.schemas.results import Note


def _source(note: Note) -> str:
    """Where what a change is judged by is from."""
    parts = (
        "reliability {reliability:g} and SD {sd:.4g}"
        if note.numbers["cutoff"] is None
        else ("reliability {reliability:g}, SD {sd:.4g} and cut-off")
    )
    return filled(parts + " by {source}", note.numbers)


SENTENCES: Final[dict[str, Wording]] = {
    "change_source": _source,
    "change_sample_sd": "the SD is that of {pre} in these patients, not a norm: of a selected sample it is too small, "
    "and too many changes look reliable",
    "change_without_cutoff": "there is no cut-off, so a reliable change is called improved whether or not it ends "
    "among the healthy",
    "change_lost": "{n} patient(s) lack one of the two values: they are counted below the others and in no share",
    "change_few": lambda note: (
        f"of {note.numbers['n']} patients one is {1 / note.numbers['n']:.0%}: the shares are rough, as their limits say"
    ),
    "change_healthy_before": "{n} of {of} patients began on the healthy side of the cut-off: they can improve, and "
    "cannot recover",
    "change_sample_reliability": "the reliability is Cronbach's alpha of {n} of these patients before, not a "
    "published one: where patients are selected and alike it is too low, and too few changes look reliable",
    "gains_criteria": "a sudden gain: {cutoff:.4g} points or more, {share:.0%} or more of the value before, and the "
    "means of three sessions before and after differ by more than t of the sessions present times their pooled SD "
    "(Tang & DeRubeis 1999)",
    "gains_unchecked": "{n} of {of} steps from one session to the next could not be checked, for want of values "
    "around them",
    "gains_none": "no step between sessions met all criteria",
    "homework_few_gains": "sessions before a gain can be compared within {n} patient(s) only: what is seen in so few "
    "may be chance",
    "homework_few_patients": "{n_improved} and {n_other} patients are compared: an interval of so few is wide, and no "
    "difference that is found or missed is sure",
}
