"""Sentences of the notes of change of patients (``analysis/linking/patient_change``, ``sudden_gain_criteria``)."""

from __future__ import annotations

from typing import Final

from doublecode.analysis.rendering.wording.phrases import Wording

SENTENCES: Final[dict[str, Wording]] = {
    "change_source": "reliability {reliability:g}, SD {sd:.4g} and cut-off by {source}",
    "change_sample_sd": "the SD is that of {pre} in these patients, not a norm: of a selected sample it is too small, "
    "and too many changes look reliable",
    "change_without_cutoff": "there is no cut-off, so a reliable change is called improved whether or not it ends "
    "among the healthy",
    "change_lost": "{n} patient(s) lack one of the two values and are in no count",
    "gains_criteria": "a sudden gain: {cutoff:g} points or more, {share:.0%} or more of the value before, and the "
    "means of three sessions before and after differ beyond t of the sessions present (Tang & DeRubeis 1999)",
    "gains_unchecked": "{n} of {of} steps from one session to the next could not be checked, for want of values "
    "around them",
    "gains_none": "no step between sessions met all criteria",
}
