"""A planned study in words: what was assumed, the caption of its figure, and the paragraph for a proposal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from doublecode.analysis.rendering.tables import format_number

UNITS: Final = {
    "within": (
        "standard deviations of the outcome's residual within patients per standard deviation of the sessions about "
        "their patient's mean"
    ),
    "between": (
        "standard deviations of the outcome's residual between patients per standard deviation of the patients' levels"
    ),
}
"""What a slope in standard deviations is divided by, at each level."""
RATIOS: Final = {
    "binomial": ("log odds", "an odds ratio"), "ordinal": ("log odds of a higher category", "a cumulative odds ratio"),
    "poisson": ("log of the rate", "a rate ratio"), "negative-binomial": ("log of the rate", "a rate ratio"),
}  # fmt: skip
"""What a coefficient of a family is, and what its exponential is."""
PER: Final = {
    "within": "per standard deviation of the sessions about their patient's mean",
    "between": "per standard deviation of the patients' levels", "trend": "per session",
}  # fmt: skip
SCALE_WORDS: Final = {"r": "a correlation of {}", "sd": "a standardised slope of {}", "f2": "an *f*² of {}"}
DDF: Final = {
    "kenward-roger": "Kenward–Roger degrees of freedom", "satterthwaite": "Satterthwaite degrees of freedom",
    "z": "the normal distribution",
}  # fmt: skip
BEFOREHAND: Final = (
    "stated beforehand, and is not an estimate of this study",
    "stated beforehand, and are not estimates of this study",
)
LEVELS: Final = {"within": "within patients", "between": "between patients", "trend": "per session"}
AS_POISSON: Final = 1e6
"""A dispersion from which on counts are as good as Poisson."""
PERCENT: Final = frozenset(("double", "dropout", "lost"))
VARIED: Final = {
    "patients": "the number of patients", "sessions": "the number of sessions per patient",
    "therapists": "the number of therapists", "raters": "the number of raters",
    "double": "the share of sessions coded twice", "icc_rating": "the ICC of one rating", "dropout": "drop-out",
    "lost": "the share of sessions lost", "severity": "the share of severity in a rating's error",
    "points": "points of the rating scale", "minutes": "minutes per rating",
    "icc_outcome": "the outcome's share of variance between patients",
    "icc_predictor": "the predictor's share of variance between patients",
    "icc_therapist": "the outcome's share of variance between therapists", "slope_sd": "the SD of slopes",
    "within": "the effect within patients", "between": "the effect between patients",
    "trend": "the trend per session", "base": "the base", "dispersion": "the dispersion of counts",
}  # fmt: skip


@dataclass(frozen=True)
class PowerFacts:
    """What is said of planned studies.

    Attributes
    ----------
    plan : mapping
        Parts of the plan that is not varied.
    varied : mapping
        Names to the values that were tried.
    effects : tuple of (level, stated, slope)
        What was stated, on `scale`, and the slope that it is; a varied one has NaN.
    scale, formula, ddf : str
    alpha : float
    studies, fewest : int
        Simulated studies of each design, and the fewest where one stopped early.
    seed : int
    version : str
        Of the program.
    """

    plan: Mapping[str, Any]
    varied: Mapping[str, Sequence[float]]
    effects: tuple[tuple[str, float, float], ...]
    scale: str
    formula: str
    ddf: str
    alpha: float
    studies: int
    fewest: int
    seed: int
    version: str


def joined(parts: Sequence[str]) -> str:
    """Join words as a sentence does: one, two and three."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def effect_words(level: str, stated: float, slope: float, scale: str, family: str | None = None) -> str:
    """An effect with its level and what it is divided by."""
    if family is not None:
        of, ratio = RATIOS[family]
        return f"{ratio} of {format_number(math.exp(stated))} {PER[level]} ({of} {format_number(stated)})"
    if level == "trend":
        return f"a trend of {format_number(stated)} standard deviations within patients per session"
    said = SCALE_WORDS[scale].format(format_number(stated, "bounded" if scale == "r" else "number"))
    slopes = "" if scale == "sd" else f"a slope of {format_number(slope)} "
    return f"{said} {level} patients ({slopes}{UNITS[level]})"


BANDS: Final = {
    "lines": "bands are 95 % limits of the simulation, the dotted line marks power of .80.",
    "map": "± is half the width of 95 % limits of the simulation, frames mark power of .80 or more.",
}
"""What is drawn, by shape of the figure."""


def caption(facts: PowerFacts, shape: str) -> str:
    """Under the figure: effect with level and divisor, design, model, band, studies and seed."""
    by = joined([VARIED[name] for name in facts.varied])
    family = facts.plan.get("family")
    effects = [
        f"the effect that is shown ({_unit(level, facts)})" if level in facts.varied
        else effect_words(level, stated, slope, facts.scale, family)
        for level, stated, slope in facts.effects
    ]  # fmt: skip
    return (
        f"Power to find {joined(effects)} by {by}, two-sided α = {format_number(facts.alpha, 'bounded')}. "
        f"{_sentence('; '.join(design_words(facts)))}. Model: {facts.formula}. {_studies(facts)}, seed {facts.seed}; "
        f"{BANDS[shape]}"
    )


def value_words(name: str, value: float) -> str:
    """A value that was tried, shares in per cent."""
    return _percent(value) if name in PERCENT else format_number(value, "count")


def design_words_of(values: Mapping[str, float]) -> str:
    """Name one of the designs that were tried: ``22 patients, sessions coded twice 40 %``."""
    named = []
    for name, value in values.items():
        if name in ("patients", "therapists", "raters"):
            named.append(f"{_whole(value)} {name}")
        elif name == "sessions":
            named.append(f"{_whole(value)} sessions per patient")
        elif name == "double":
            named.append(f"{_percent(value)} of the sessions coded twice")
        else:
            named.append(f"{VARIED[name]} {value_words(name, value)}")
    return joined(named)


def design_words(facts: PowerFacts) -> list[str]:
    """What the plan assumes, part by part; what is varied is left to its axis."""
    plan = {name: value for name, value in facts.plan.items() if name not in facts.varied}
    said = []
    who = [f"{_whole(plan[name])} {word}" for name, word in (("patients", "patients"),
           ("sessions", "sessions of each patient"), ("therapists", "therapists")) if plan.get(name)]  # fmt: skip
    if who:
        said.append(", ".join(who))
    losses = [f"{_percent(plan[name])} {word}" for name, word in (("dropout", "of the patients leave early"),
              ("lost", "of the sessions are lost")) if plan.get(name)]  # fmt: skip
    if not losses and not {"dropout", "lost"} & set(facts.varied):
        losses = ["no patient leaves early and no session is lost"]
    latent = "latent " if plan.get("family") == "ordinal" else ""
    shares = [f"{_percent(plan[name])} {word}" for name, word in (
        ("icc_outcome", f"of the outcome's {latent}variance between patients"),
        ("icc_therapist", "of it between therapists"),
        ("icc_predictor", "of the predictor's variance between patients")) if plan.get(name)]  # fmt: skip
    if plan.get("family"):
        said.append(_outcome_words(plan))
    return [*said, *_rating_words(plan, facts), *losses, *shares, *_slope_words(plan)]


def _outcome_words(plan: Mapping[str, Any]) -> str:
    """What the outcome of a family is, and of a patient in the middle."""
    base, middle = plan.get("base"), "of a patient in the middle"
    if plan["family"] == "ordinal":
        shares = joined([format_number(one, "bounded") for one in base or ()])
        return f"an outcome in {len(base or ())} ordered categories, with probabilities {shares} {middle}"
    said = f"an outcome that is {'done or not' if plan['family'] == 'binomial' else 'counted'}"
    if base is not None:
        said += f", {'a probability of' if plan['family'] == 'binomial' else 'a mean count of'} {format_number(base)} "
        said += middle
    spread = plan.get("dispersion")
    if spread and spread >= AS_POISSON:
        return f"{said} and no more spread than Poisson's"
    return f"{said} and a dispersion φ of {format_number(spread)}" if spread else said


def _rating_words(plan: Mapping[str, Any], facts: PowerFacts) -> list[str]:
    if not (plan.get("raters") or "raters" in facts.varied):
        return ["the predictor has no rating error"]
    said = [f"{_whole(plan['raters'])} raters"] if plan.get("raters") else []
    if plan.get("icc_rating"):
        said.append(f"ICC(A,1) of one rating {format_number(plan['icc_rating'], 'bounded')}")
    if plan.get("severity"):
        said.append(f"{_percent(plan['severity'])} of its error severity")
    if plan.get("points"):
        said.append(f"a scale of {_whole(plan['points'])} points")
    if "double" not in facts.varied:
        double = plan.get("double") or 0
        said.append(f"{_percent(double)} of the sessions coded twice" if double else "each session coded once")
    return [", ".join(said)] if said else []


def _slope_words(plan: Mapping[str, Any]) -> list[str]:
    slope = plan.get("slope_sd")
    return [f"slopes within patients differ between them with an SD of {format_number(slope)}"] if slope else []


def paragraph(facts: PowerFacts, found: str) -> str:
    """The paragraph of a proposal: how power was found, what was assumed, `found` as sentences."""
    method = _method(facts.plan.get("family"))
    varied = [_varied_words(name, values, facts) for name, values in facts.varied.items()]
    parts = [
        "Power was determined by simulating the study as it will be rated and analysed.",
        f"We assumed {'; '.join(design_words(facts))}.",
        f"We varied {joined(varied)}." if varied else "",
        _effect_sentences(facts),
        f"Each simulated study was fitted by {method} ({facts.formula}) and tested two-sided at "
        f"α = {format_number(facts.alpha, 'bounded')} with {DDF[facts.ddf]}; a study that could not be fitted counts "
        "as one without a finding.",
        f"{_studies(facts)} (doublecode {facts.version}, seed {facts.seed}).",
        found,
    ]  # fmt: skip
    return " ".join(part for part in parts if part)


def found_words(row: Mapping[str, Any], conf_level: float, *, with_raters: bool) -> str:
    """What one design yields: power with its limits, the slope that is expected, widths, failures, hours."""
    said = (
        f"{_what([row])} is {_power(row)}. {_expected(row)}; its {100 * conf_level:g} % "
        f"interval is expected to be {format_number(row['width'])} wide"
    )
    if row["icc_width"] == row["icc_width"]:
        said += f", that of the raters' ICC(A,1) {format_number(row['icc_width'], 'bounded')}"
    said += (
        f". {_percent(row['failed'], 1)} of the simulated studies could not be fitted, "
        f"{_separated(row)}{_percent(row['singular'], 1)} were singular."
    )
    return said + (f" Rating takes {row['hours']:.0f} hours." if with_raters and row["hours"] else "")


def _separated(row: Mapping[str, Any]) -> str:
    """How many of those that failed had a predictor that separates the outcomes."""
    return f"{_percent(row['separated'], 1)} since a predictor separated the outcomes, " if row["separated"] else ""


def found_of_several(rows: Sequence[tuple[str, Mapping[str, Any]]], *, with_raters: bool) -> str:
    """What several designs yield, each with its name, the slope that is expected, and its hours."""
    said = []
    for name, row in rows:
        hours = f", {row['hours']:.0f} hours of rating" if with_raters and row["hours"] else ""
        slope = f"slope on average estimated as {format_number(row['mean_estimate'])}"
        said.append(f"{_power(row)} with {name} ({slope}{hours})")
    return f"{_what([row for _, row in rows])} is {joined(said)}."


def found_between(rows: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    """What many designs yield: the lowest and the highest power, each with its design, and the slopes' range."""
    ordered = sorted(rows, key=lambda one: one[1]["power"])
    (least, low), (most, high) = ordered[0], ordered[-1]
    slopes = sorted((row["mean_estimate"] for _, row in rows), key=abs)
    ends = list(dict.fromkeys(format_number(slopes[place]) for place in (0, -1)))
    estimated = f"between {joined(ends)}" if len(ends) > 1 else f"as {ends[0]}"
    return (
        f"{_what([row for _, row in rows])} lies between {_power(low)} with {least} and {_power(high)} with "
        f"{most}; the slope is on average estimated {estimated}."
    )


def chosen_words(asked: Mapping[str, Any], design: str) -> str:
    """Name the cheapest design that does what was asked for, of how many."""
    wide = asked["asked_width"]
    within = "" if wide is None else (
        f" and an interval of the raters' ICC(A,1) no wider than {format_number(wide, 'bounded')}"
    )  # fmt: skip
    return (
        f"Of {asked['n']} designs the cheapest with power of {format_number(asked['asked'], 'bounded')}{within} is "
        f"that with {design}."
    )


def again_words(again: Mapping[str, Any] | None, n_effects: int) -> str:
    """Say that the power of a chosen design is too high, and what studies without a say in the choice give."""
    said = "As the design was chosen for its power, that is on average somewhat too high"
    if again is None:
        return f"{said}."
    least = "it" if n_effects == 1 else "the smallest"
    return f"{said}: by studies drawn anew (seed {again['seed']}) {least} is {_power(again)}."


def failed_words(shares: Sequence[float]) -> str:
    """How many studies could not be fitted, of several designs at most."""
    most = f"{'up to ' if len(set(shares)) > 1 else ''}{_percent(max(shares), 0 if max(shares) >= 0.01 else 1)}"
    return f"{most} of the studies could not be fitted"


def _expected(row: Mapping[str, Any]) -> str:
    """The mean of the estimates beside the slope of true scores, from which rating error takes."""
    return (
        f"The slope is on average estimated as {format_number(row['mean_estimate'])}, where that of true scores is "
        f"{format_number(row['slope'])}"
    )


def _method(family: str | None) -> str:
    if family is None:
        return "restricted maximum likelihood"
    kinds = {"binomial": "logistic", "ordinal": "cumulative logit", "negative-binomial": "negative binomial"}
    return f"maximum likelihood, as a {kinds.get(family, 'Poisson')} mixed model"


def _unit(level: str, facts: PowerFacts) -> str:
    """What the numbers are by which an effect is varied: as they are stated, not the slopes that they amount to."""
    family = facts.plan.get("family")
    if family is not None:
        return f"{RATIOS[family][0]} {PER[level]}"
    if level == "trend":
        return "standard deviations of the outcome within patients per session"
    return {"r": f"a correlation {level} patients", "f2": f"*f*² {level} patients"}.get(facts.scale, UNITS[level])


def _varied_words(name: str, values: Sequence[float], facts: PowerFacts) -> str:
    """What was varied, with its values; of an effect what they are."""
    unit = f"{_unit(name, facts)}: " if name in LEVELS else ""
    return f"{VARIED[name]} ({unit}{', '.join(value_words(name, value) for value in values)})"


def _effect_sentences(facts: PowerFacts) -> str:
    """What is to be found, where there is nothing to be found, and that nobody has estimated it."""
    family = facts.plan.get("family")
    fixed = [one for one in facts.effects if one[0] not in facts.varied]
    known = [effect_words(*one, facts.scale, family) for one in fixed if one[1]]
    none = [LEVELS[level] for level, stated, _ in fixed if not stated]
    said = [f"No effect is assumed {joined(none)}."] if none else []
    if len(known) == 1:
        said.insert(0, f"The effect to be found is {known[0]}; it was {BEFOREHAND[0]}.")
    elif known:
        said.insert(0, f"The effects to be found are {joined(known)}; they were {BEFOREHAND[1]}.")
    elif len(fixed) < len(facts.effects):
        said.insert(0, f"The effects were {BEFOREHAND[1]}.")
    return " ".join(said)


def _what(rows: Sequence[Mapping[str, Any]]) -> str:
    """What a share of findings is: power, or where no design has an effect the type I error."""
    level = LEVELS[rows[0]["term"]]
    return f"Power for the effect {level}" if any(row["effect"] for row in rows) else f"The type I error {level}"


def _power(row: Mapping[str, Any]) -> str:
    power, low, high = (format_number(row[name], "bounded") for name in ("power", "power_low", "power_high"))
    return f"{power} (95 % limits of the simulation {low} to {high})"


def _studies(facts: PowerFacts) -> str:
    each = " of each design" if facts.varied else ""
    if facts.fewest < facts.studies:
        return f"{facts.fewest:,} to {facts.studies:,} simulated studies{each}, stopped when exact enough"
    return f"{facts.studies:,} simulated studies{each}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _whole(value: float) -> str:
    return format_number(float(value), "count")


def _percent(value: float, digits: int = 0) -> str:
    return format_number(float(value), "percent", digits)
