"""The sentence of an ICC to paste: both notations, model, k, n, interval, adjective from a cited rule."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from doublecode.analysis.rendering.tables import format_number
from doublecode.analysis.rendering.wording.set_counts import count_words
from doublecode.analysis.results.rules import Rule, judge
from doublecode.schemas.results import DASH

MODEL: Final[dict[str, str]] = {
    "1": "one-way random effects",
    "A": "two-way random effects, absolute agreement",
    "C": "two-way effects, consistency",
    "Q": "two-way random effects, raters weighted as in the actual design",
}


@dataclass(frozen=True)
class IccFacts:
    """What the sentence of one coefficient of one set says.

    Parameters
    ----------
    targets : str
        Name of what was rated.
    counts : mapping
        Of the set: ``set`` (its key), ``n_targets, n_raters, n_ratings, n_single_coded, n_multiply_coded``.
    definition, form, shrout_fleiss : str
    k : float
        Ratings averaged; `harmonic` where it is the harmonic mean of an incomplete design.
    estimate, conf_low, conf_high, conf_level : float
    method, how : str
        Entry of the column ``method``, and the same for a sentence.
    called : str
        What the set is called; by the names and values of its columns when not given.
    recodes : bool
        Occasions stand in the place of raters: each rater is held against her own codes.
    """

    targets: str
    counts: Mapping[str, Any]
    definition: str
    form: str
    shrout_fleiss: str
    k: float
    harmonic: bool
    estimate: float
    conf_low: float
    conf_high: float
    conf_level: float
    method: str
    how: str
    called: str = ""
    recodes: bool = False


def icc_sentence(facts: IccFacts, rule: Rule) -> str:
    """Say one coefficient in a sentence."""
    name = facts.called or ", ".join(f"{key} {value}" for key, value in facts.counts["set"].items())
    kind, judges = ("Intra-rater", "occasions") if facts.recodes else ("Inter-rater", "raters")
    head = f"{kind} reliability of {facts.targets} scores{f' ({name})' if name else ''}"
    if math.isnan(facts.estimate):
        return f"{head} could not be estimated ({facts.method})."
    there = facts.shrout_fleiss != DASH
    both = f"{facts.form} (Shrout & Fleiss: {facts.shrout_fleiss})" if there else facts.form
    limits = f"{facts.conf_level:.0%} CI [{_number(facts.conf_low)}, {_number(facts.conf_high)}]"
    return (
        f"{head}: {both} = {_number(facts.estimate)}, {limits}; {MODEL[facts.definition]}, {_k_words(facts)}, "
        f"n = {count_words(facts.counts, facts.targets, judges)}, {facts.how}. {_verdict(facts, rule)}"
    )


def _verdict(facts: IccFacts, rule: Rule) -> str:
    if math.isnan(facts.conf_low) or math.isnan(facts.conf_high):
        return "One of its limits does not exist, so it is not judged."
    return f"By its interval it is {judge(facts.conf_low, facts.conf_high, rule)} ({rule.short})."


def _number(value: float) -> str:
    """Two decimals without a leading zero, as reliability is printed; a dash where there is none."""
    return format_number(value, "bounded")


def _k_words(facts: IccFacts) -> str:
    if facts.k == 1.0:
        return "single rating (k = 1)"
    if facts.harmonic:
        return f"mean of k = {facts.k:.2f} ratings per target (harmonic mean)"
    return f"mean of k = {facts.k:g} ratings"
