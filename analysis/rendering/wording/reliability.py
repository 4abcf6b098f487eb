"""Sentences of the notes of ``analysis/reliability``."""

from __future__ import annotations

from typing import Any, Final

from doublecode.analysis.rendering.wording.phrases import Wording, filled, plural
from doublecode.schemas.results import Note

REASONS: Final[dict[str, str]] = {
    "one_target": "one {targets} only",
    "one_rater": "one {raters} only ({rater!r})",
    "no_pairs": "no {targets} carries two ratings ({n_ratings} ratings of {n_targets} {targets:pl})",
}
"""Why there is no ICC of a set: the entry of the column ``method``, and the head of the note."""

_GRAPH: Final = (
    "disconnected: the graph of {raters:pl} and {targets:pl} falls into {n} parts {listed}; severity cannot be "
    "compared across parts, so ICC(A,·), ICC(C,·) and ICC(Q,·) are not estimable. Let one {raters} of each part rate "
    "one {targets} of another part ({fewest} more rating(s) join them)"
)
MOST_NAMES: Final = 5
MOST_PARTS: Final = 6


def reason(note: Note) -> str:
    """Say in a few words why a set has no ICC."""
    return filled(REASONS[note.kind], note.numbers)


def _part(part: dict[str, Any], targets: str) -> str:
    names = part["names"]
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return f"{{{', '.join(names[:MOST_NAMES])}{more}: {part['n_targets']} {plural(targets)}}}"


def _graph(note: Note) -> str:
    parts = note.numbers["parts"]
    listed = " | ".join(_part(part, note.numbers["targets"]) for part in parts[:MOST_PARTS])
    listed += " | …" if len(parts) > MOST_PARTS else ""
    names = {name: note.numbers[name] for name in ("raters", "targets")}
    text = filled(_GRAPH, {**names, "n": len(parts), "fewest": len(parts) - 1, "listed": listed})
    return f"{note.subject}: {text}" if note.subject else text


def _single_ratings(note: Note) -> str:
    text = (
        f"{plural(note.numbers['raters'])} with a single rating: {', '.join(note.numbers['names'])}; they tell nothing "
        "about severity"
    )
    return f"{note.subject}: {text}" if note.subject else text


def _different_raters(note: Note) -> str:
    q = f" (q = {note.numbers['q']:.3f})" if "q" in note.numbers else ""
    if "q_low" in note.numbers:
        q = " (q = {q_low:.3f} to {q_high:.3f})".format(**note.numbers)
    text = (
        f"ICC(C,·): {plural(note.numbers['targets'])} have different {plural(note.numbers['raters'])}, so "
        f"differences between "
        "raters do enter the scores; ICC(A,k_eff) holds for scores taken as they are, ICC(Q,k_eff)"
        f"{q} for their ranking and for regression"
    )
    return f"{note.subject}: {text}" if note.subject else text


_SPREAD: Final = (
    "lack of spread: the ICC of a single rating is {single:.2f} although raters agree exactly on {exact:.0%}{near} of "
    "{n_pairs} pairs; {mode_share:.0%} of the ratings are {mode:g}. The targets hardly differ, so the ICC is low by "
    "arithmetic: report agreement ({beside}) beside it"
)


def _lack_of_spread(note: Note) -> str:
    """Of two codes all ratings are equal or not: nothing is near."""
    numbers = note.numbers
    several = numbers["n_codes"] > 2
    near = f" and within one point on {numbers['within']:.0%}" if several else ""
    beside = f"AC2, SEM {numbers['sem']:.2f} points" if several else "AC1"
    text = filled(_SPREAD, {**numbers, "near": near, "beside": beside})
    return f"{note.subject}: {text}" if note.subject else text


def _days_between_codes(note: Note) -> str:
    """The interval between codes: one number where it is always the same."""
    found = note.numbers
    ends = f", {found['low']:g} to {found['high']:g}" if found["low"] != found["high"] else ""
    return f"days between a code and the one before: median {found['median']:g}{ends} ({found['n']} recodes)"


def _negative(note: Note) -> str:
    sources = ", ".join(note.numbers["sources"])
    return f"negative variance component(s): {sources}; they count as 0 in the coefficients"


SENTENCES: Final[dict[str, Wording]] = {
    "one_target": REASONS["one_target"]
    + ": reliability is about telling {targets:pl} apart; at least two {targets:pl} with two ratings each are needed",
    "one_rater": REASONS["one_rater"]
    + ": {n_ratings} ratings of {n_targets} {targets:pl}; inter-rater reliability needs at least two {raters:pl} on "
    "the same {targets:pl}: let a second rater code some of them, at least 20; for one rater's recodes use "
    "intra_rater()",
    "no_pairs": REASONS["no_pairs"] + ": let a second rater code some of them, at least 20",
    "nested_raters": "nested: no {raters} rated more than one {targets}, so rater and error variance cannot be told "
    "apart; only the one-way ICC(1,·) exists",
    "unknown_raters": "one-way: raters are unknown, so their differences count as error; ICC(1,·) is the only model",
    "few_raters": "few raters: the rater variance rests on {n_raters} raters ({df} df); its {conf_level:.0%} interval "
    "runs from ×{low:.2f} to ×{high:.1f} of the estimate, so read ICC(A,·) by its limits",
    "few_occasions": "few occasions: the variance between occasions rests on {n_raters} of them ({df} df); its "
    "{conf_level:.0%} interval runs from ×{low:.2f} to ×{high:.1f} of the estimate, so read ICC(A,·) by its limits",
    "few_pairs": "few pairs: only {n_pairs} {targets:pl} carry more than one rating (below {least}); look at the width "
    "of the interval before the estimate",
    "different_raters": _different_raters,
    "raters_with_one_rating": _single_ratings,
    "disconnected": _graph,
    "lack_of_spread": _lack_of_spread,
    "all_ratings_equal": "all ratings are equal; with no variance there is no ICC",
    "perfect_agreement": "perfect agreement: every ICC is 1 and the limits close on it",
    "targets_alike": "all targets have the same mean; ICCs of mean ratings are undefined (NaN)",
    "only_raters_differ": "only raters differ: all targets are rated alike by each of them and no residual is left, so "
    "ICC(C,·) is 0/0 and undefined, and ICC(A,·) is 0",
    "raters_shifted": "raters differ by constants only: consistency is 1, agreement is lowered by their means",
    "no_lower_limit": "the lower limit of a mean-rating ICC does not exist (its single-rating limit lies below "
    "−1/(k − 1))",
    "no_residual": "raters differ by constants only, the residual is nought: the likelihood has no maximum; estimates "
    "are from the least-squares effects, without limits",
    "no_residual_with_clusters": "the model with {clusters}s leaves no residual (raters agree, or differ by constants "
    "only), so its likelihood has no maximum; leave `clusters` out to read the ICC of such ratings",
    "residual_trace": "targets and raters leave less than {share:g} of the variance as residual: the likelihood "
    "cannot be computed there; estimates are from the least-squares effects, without limits",
    "saturated": "saturated: {n_ratings} ratings are just enough for {n_targets} targets and {n_raters} raters, none "
    "is left for the residual; ICC(A,·), ICC(C,·) and ICC(Q,·) need more targets that share raters",
    "nought_of_nought": "ICCs of '{level}' that are empty are 0/0: every variance in them is estimated as 0",
    "no_target_variance": "the variance between targets is estimated as 0, so every ICC is 0; read the upper limit",
    "no_rater_variance": "the variance between raters is estimated as 0, so ICC(A,·) equals ICC(C,·)",
    "jackknife_silent": "leaving out single targets says nothing here (too few targets, or an ICC of 0 or 1, be it "
    "without one of them): the limits are the model's",
    "jackknife_low_icc": "an ICC below .5, where jackknife limits were up to 1.7 times as wide as the model's and held "
    "the truth in 91 to 96 % of simulated studies instead of 95 %; take interval = 'model'",
    "jackknife_raters_fixed": "limits by the jackknife over targets: nothing is asked of the distribution of the "
    "scores, but raters are taken as they are; where they differ much in severity, read the limits of the model beside "
    "these",
    "bootstrap_raters_fixed": "raters fixed: targets alone are resampled, so the interval leaves out that other raters "
    "would have differed; with few raters its coverage of ICC(A,·) falls far below the nominal level (.93, .86, .49 of "
    ".95 at rater variance .05, .12, .40). The default interval of icc() is not this one",
    "icc_levels": "levels: '{targets}' compares {targets:pl} of all {clusters:pl}; '{targets} within {clusters}' those "
    "of one; '{clusters}' takes differences between {targets:pl} as true and '{clusters}, {targets:pl} as error' "
    "counts them as error (mean of {n_averaged:.1f} {targets:pl})",
    "no_interaction": "the interaction of raters and {clusters:pl} is not identified here and left out",
    "raters_not_compared": "raters cannot be compared here; their differences count as error",
    "recodes": "intra-rater: occasions stand where raters stand in the forms",
    "days_between_codes": _days_between_codes,
    "carry_over": "{n} of {of} recodes follow the code before within {days} days: what a rater remembers may make her "
    "codes alike, so that the agreement with herself is better than her reading of a session is steady",
    "dyad_average": "labelled reproduction: an average over dyads is biased (each rests on a handful of sessions and "
    "may fall far below nought); in simulated studies of rotating pairs with a true ICC(A,2) of .71 the mean of ten "
    "dyads gave .61 (RMSE .15) and pooled REML .71 (.06). Print the pooled ICC(A,·) of icc(), which stands in "
    "`.pooled`",
    "smallest_dyad": "the smallest dyad shares {n_targets} target(s)",
    "dyads_without_variance": "{n} dyad(s) have no variance to work on and are left out of mean, median and range",
    "scores_missing": "{n} row(s) with a missing value were left out",
    "facets_not_balanced": "the data are not balanced: Henderson's method I, whose sums of squares are not independent",
    "negative_components": _negative,
    "no_coefficient_limits": "the limits could not be found; the estimates stand alone",
    "planned_components": "variance components as estimated (target {target:.3f}, rater {rater:.3f}, residual "
    "{residual:.3f}); negative ones count as 0; their own uncertainty is not in the expected interval",
    "planned_limits": "expected interval: medians of the profile limits of {studies} simulated studies (seed {seed})",
    "single_coded_at_random": "single-coded targets count through the random target effect, which supposes that they "
    "were allotted at random",
    "rater_alone_in_period": "{rater} is the only rater of {period}, and severity is relative to the others of "
    "a period: none is given there, and the change of {rater} leaves it out",
    "rater_in_one_period": "drift of {rater}: ratings in one period only, so there is none to estimate",
    "nothing_shared": "no {targets} is shared in a way that compares {raters:pl}",
}
