"""What plans are to be read with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from doublecode.analysis.rendering.tables import Table, column, format_number
from doublecode.analysis.rendering.wording.phrases import Wording
from doublecode.analysis.rendering.wording.power_words import AS_POISSON, design_words_of
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    import pandas as pd


def _cheapest(note: Note) -> str:
    """The design, what it does and costs, of how many there were to choose from, and what was asked of them."""
    asked = note.numbers["asked_width"]
    within = "" if asked is None else f" and an interval of the ICC no wider than {format_number(asked, 'bounded')}"
    power, low, high, width = (
        format_number(note.numbers[name], "bounded") for name in ("power", "power_low", "power_high", "icc_width")
    )
    hours = note.numbers["hours"]
    costs = f"{hours:.0f} hours of rating" if hours else "no hours of rating"
    told = "" if asked is None else f", the interval of the ICC {width} wide"
    wanted, design = format_number(note.numbers["asked"], "bounded"), design_words_of(note.numbers["design"])
    return (
        f"the cheapest of {note.numbers['n']} simulated designs with power {wanted}{within}: {design}; power {power} "
        f"[{low}, {high}]{told}, {costs}"
    )


def _again(note: Note) -> str:
    """Its power by other studies, and whether that is still enough."""
    power, low, high, asked = (
        format_number(note.numbers[name], "bounded") for name in ("power", "power_low", "power_high", "asked")
    )
    short = note.numbers["power"] < note.numbers["asked"]
    return (
        f"its studies drawn anew, with seed {note.numbers['seed']}, give power {power} [{low}, {high}]: the one above "
        "is of the studies by which it was chosen, and is on average too high"
        + (f"; {power} is less than the {asked} asked for, so take a larger design" if short else "")
    )


def _cheapest_of_widths(note: Note) -> str:
    """The design whose interval is narrow enough, and its hours."""
    told = note.numbers
    share, width = format_number(told["share"], "percent", 0), format_number(told["width"], "bounded")
    return (
        f"the cheapest of {told['n']} designs with an interval of {told['form']} no wider than "
        f"{format_number(told['asked'], 'bounded')}: {told['targets']:.0f} sessions, {told['raters']:.0f} raters, "
        f"{share} coded several times; {width} wide, {told['hours']:.0f} hours of rating"
    )


SENTENCES: Final[dict[str, Wording]] = {
    "power_no_effect": "where the effect is 0, power is the type I error; it should be near α",
    "power_stopped": (
        "stopped early, after {n} of {all} studies where it was soonest, since the limits were narrow enough"
    ),
    "power_attenuated": (
        "effects are those of true scores; rating error makes estimates smaller, and power and the mean of estimates "
        "have that in them"
    ),
    "power_no_raters": (
        "with 0 raters the predictor is a questionnaire: it has no rating error, costs no hours of rating and has no "
        "ICC, and what is said of raters does not act there"
    ),
    "power_family": (
        "effects and the patients' share of variance are on the scale of the linear predictor (log odds, log of a "
        "rate), and tested by Wald's z, which is too sure of itself between few patients"
    ),
    "power_trend": (
        "a trend is the change from session to session, in standard deviations of the outcome within patients, or on "
        "the scale of the link"
    ),
    "power_cheapest": _cheapest,
    "power_again": _again,
    "power_patient_means": (
        "a patient's level is the mean of the sessions that are there; with few sessions it is measured with error, "
        "and estimates between patients are smaller than the effect"
    ),
    "power_slopes_unmodelled": (
        "slopes differ between patients, and the model has none that do: its test finds too much; write "
        "(within | patient)"
    ),
    "design_of_headline": "planned is {model}, the model of the study’s headline; by --model there are {others}",
    "design_of_several": "planned is {model}, since no headline names another; by --model there are {others}",
    "design_no_model": (
        "study.toml declares no model with a predictor; the usual one is taken, and the predictor {predictor}"
    ),
    "design_other_predictors": "left out of the simulated studies: the other predictors of the model, {names}",
    "design_not_split": (
        "left out of the simulated studies: in the declared model {predictor} is not split; here its effects within "
        "and between patients are apart"
    ),
    "design_products": "left out of the simulated studies: products in {formula}",
    "design_courses": (
        "courses that differ between patients, (session | patient), are in the model that is fitted; in the simulated "
        "studies they do not differ, so that many fits are singular"
    ),
    "design_residuals": "left out of the simulated studies: correlated or unequal residuals; they are independent",
    "design_family": (
        "left out of the simulated studies: {names}; they are drawn and fitted with the family’s usual link, one "
        "outcome per session and no prior"
    ),
    "design_latent_means": "left out: latent patient means; power is that of the model with observed means",
    "design_outcome_rated": (
        "{outcome} is rated too: the effect is on the outcome as it is observed, with its rating error in its "
        "variance within patients"
    ),
    "design_strata": "shares of double coding by stratum are not simulated; the share of all sessions is",
    "design_more_ratings": "recodes and anchors are not in the hours of rating",
    "design_problems": "the data hold {n} problem(s) that stop an analysis; nothing was taken from them",
    "design_no_data": "nothing is taken from data, which are not there yet: {reason}",
    "design_not_scored": "no sample and no variances are taken from the data, which could not be scored: {reason}",
    "design_no_icc": "the ICC of {variable} is assumed, since its ratings give none: {reason}",
    "design_icc_outside": "the ICC of {variable} is assumed, since that of its ratings is {icc:.2f}",
    "design_no_shares": "how the variance of {variable} lies is assumed, since its data do not give it: {reason}",
    "design_robust": (
        "the closed form is of least-squares errors; the study’s regressions stand on HC3 errors (regression_errors), "
        "by which power is smaller: some .05 with 40 patients and four predictors, some .03 with 80"
    ),
    "design_therapists": "left out: therapists; the closed form takes patients as independent of one another",
    "design_product": (
        "tested is a product, and the closed form takes predictors as fixed: of scores that are drawn, with error, "
        "power is some hundredths smaller"
    ),
    "design_patient_mean": "left out: the reliability of the mean of {predictor} over a patient’s sessions",
    "icc_cheapest": _cheapest_of_widths,
    "icc_closed_forms": (
        "Bonett’s approximation and the exact F take the sessions that are coded several times as rated by the same "
        "raters; with few raters in rotation intervals of agreement are wider than both"
    ),
    "icc_not_connected": (
        "in {n} design(s) raters do not hang together by the sessions that they share, and have no ICC; raise the share"
    ),
    "power_separated": (
        "in up to {separated:.1%} of the studies a predictor separated the outcomes, so that no finite slope fits; "
        "they are among those that could not be fitted"
    ),
    "power_failed": "up to {failed:.1%} of the studies could not be fitted; they count as studies without a finding",
}

PART_WORDS: Final = {
    "patients": "Patients", "sessions": "Sessions of each", "therapists": "Therapists", "dropout": "Patients who leave",
    "lost": "Sessions lost", "raters": "Raters", "double": "Sessions coded twice", "icc_rating": "ICC(A,1) of a rating",
    "severity": "Severity in a rating’s error", "points": "Points of the score",
    "icc_outcome": "Outcome’s ICC (patients)",
    "icc_predictor": "Predictor’s ICC (patients)", "icc_therapist": "Outcome’s ICC (therapists)",
    "slope_sd": "*SD* of slopes", "base": "Outcome, middle patient",
    "dispersion": "Dispersion φ of counts", "minutes": "Minutes per rating",
}  # fmt: skip
SOURCE_WORDS: Final = {
    "patients": "patients.csv and sessions.csv: patients with a session",
    "therapists": "sessions.csv",
    "sessions": "sessions.csv: half of the patients have so many or more",
    "lagged": "sessions.csv, less the first sessions, which a predictor of the session before leaves out",
    "dropout": "sessions.csv: so that as many sessions are held as it lists",
    "unrecorded": "sessions.csv: status not_rated",
    "raters": "study.toml: raters of the predictor’s instrument",
    "not_rated": "the predictor is not filled in by raters",
    "minutes": "study.toml: minutes_per_rating",
    "assignments": "assignments.csv",
    "allocation": "study.toml: allocation, share",
    "continuous": "taken as continuous",
    "default": "nobody says; state it",
    "stated": "stated",
    "varied": "stated, one of several: see below",
    "by_model": "a model of the outcome on the course alone: patient and session in the middle",
    "trials": "share of all trials that were successes",
    "included": "patients.csv: those who are included",
    "complete_patients": "patients who have all that the regression asks for",
    "rated_sessions": "sessions of each in which the predictor is rated",
    "icc_used": "ICC of its ratings as they are analysed, main phase",
    "one_value": "each patient has one value of the predictor",
    "icc": "ICC of the predictor’s ratings, main phase",
    "severity": "variances of the predictor’s ratings",
    "icc_outcome": "variances of the outcome, the course apart; the predictor is not in the model",
    "icc_therapist": "variances of the outcome, the course apart; the predictor is not in the model",
    "icc_predictor": "variances of the predictor, rating error taken out",
    "rows": "sessions that have outcome and predictor, of those that could",
}


ORIGINS: Final = {"declared": "declared", "data": "found in the data", "default": "default", "stated": "stated"}


def design_table(title: str, frame: pd.DataFrame) -> Table:
    """The parts of a planned study in words: value, origin, where from."""
    said = frame.assign(
        name=[name_of_part(one) for one in frame["part"]],
        said=list(map(value_of_part, frame["part"], frame["value"])),
        origin=frame["origin"].map(ORIGINS),
        where=list(map(source_of_part, frame["source"])),
    )
    columns = (
        column("name", "Part", kind="text"), column("said", "Value", kind="text"),
        column("origin", "Origin", kind="text"), column("where", "Where from", kind="text"),
    )  # fmt: skip
    return Table("planned_study", title, said, columns)


def name_of_part(part: str) -> str:
    """A part of a plan, or the share of one of its categories."""
    if part.startswith("base_"):
        return f"Outcome’s category {part.removeprefix('base_')}, middle patient"
    return PART_WORDS.get(part, part[:1].upper() + part[1:])


def value_of_part(part: str, value: float) -> str:
    """A part of a plan as a table shows it."""
    if part in ("dropout", "lost", "double", "severity"):
        return format_number(value, "percent", 0)
    if part == "dispersion":
        return format_number(value) if value < AS_POISSON else "as Poisson"
    return format_number(value, "bounded" if part.startswith(("icc_", "reliability", "base")) else "count")


def source_of_part(source: str) -> str:
    """Where a part of a plan is from."""
    if source.startswith("items "):
        _, items, points = source.split()
        return f"codebook: {items} item{'s' if items != '1' else ''} of {points} points"
    return SOURCE_WORDS.get(source, source)
