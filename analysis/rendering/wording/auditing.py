"""Sentences of the notes of ``analysis/auditing``: questions, with the smallest repair; never a verdict on people."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from doublecode.analysis.rendering.wording.phrases import Wording, about_subject, named
from doublecode.schemas.results import Note

Facts = Mapping[str, Any]
_MOST: Final = 4


def _number(value: float, digits: int = 3) -> str:
    """A number for a question: as many decimals as tell it apart, without the zero before the point of a p."""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value and abs(value) < 10.0**-digits:
        digits = min(8, 1 - math.floor(math.log10(abs(value))))
    return f"{value:.{digits}f}".replace("-", "−")


def _p(value: float) -> str:
    digits = 3 if value >= 0.1 else min(8, 2 - math.floor(math.log10(value))) if value > 0 else 3
    return f"{value:.{digits}f}".removeprefix("0") if value < 1 else "1"


def _between(low: float, high: float, say: Callable[[float], str] = _number) -> str:
    first, last = say(low), say(high)
    return first if first == last else f"{first} to {last}"


def _by(note: Note) -> str:
    return "by a hair, " if note.numbers["reason"] == "by_a_hair" else ""


def _rounded_p(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    if float(text) == 0:
        return f"p < {10.0**-decimals:.{decimals}f}".replace("0.", ".")
    return f"p = {text.removeprefix('0')}"


def _test_p(note: Note) -> str:
    own, facts = note.numbers, note.numbers["facts"]
    tailed = own["reason"] == "one_tailed"
    mend = "; a one-tailed test would give it: was it one?" if tailed else _mended_p(own)
    gives = _between(own["low"], own["high"], _p)
    return f"{own['printed']}: {_by(note)}this {facts['statistic']} gives p of {gives}{mend}"


def _mended_p(own: Facts) -> str:
    recomputed = _rounded_p(own["recomputed"], max(2, own["facts"]["decimals"]))
    return f". Is it {recomputed}, or is another of the numbers different?"


def _coefficient_p(note: Note) -> str:
    own, facts = note.numbers, note.numbers["facts"]
    error = "SD (read as the standard error)" if facts.get("deviation") else "SE"
    t = _between(facts["ratio_low"], facts["ratio_high"], _t)
    ratio = f"{facts['estimate']} with {error} {facts['error']} is a t of {t}"
    if own["reason"] == "few_df":
        df = _between(facts["df_low"], facts["df_high"], _df)
        return f"{ratio}, which gives {own['printed']} only at {df} df. Which degrees of freedom were used?"
    if facts["free"] and own["low"] > facts["number"]:
        least = f"{_p(own['low'])}, the least that any degrees of freedom give"
        return f"{ratio}: {_by(note)}{own['printed']} is below {least}{_mended_p(own)}"
    outside = _between(own["low"], own["high"], _p)
    return f"{ratio}: {_by(note)}{own['printed']} is outside of {outside}{_mended_p(own)}"


def _t(value: float) -> str:
    return f"{value:.2f}"


def _df(value: float) -> str:
    return f"{value:.0f}"


def _coefficient_t(note: Note) -> str:
    own, facts = note.numbers, note.numbers["facts"]
    return (
        f"{own['printed']}: {_by(note)}{facts['estimate']} divided by its SE {facts['error']} is "
        f"{_between(own['low'], own['high'], _t)}. Is t {_t(own['recomputed'])}?"
    )


def _coefficient_interval(note: Note) -> str:
    own, facts = note.numbers, note.numbers["facts"]
    what = f"its middle is not {facts['estimate']}"
    if not facts["centre"]:
        limits = f"[{_number(facts['low'])}, {_number(facts['high'])}]"
        what = f"{facts['estimate']} with SE {facts['error']} has limits of about {limits}"
    asked = "Which of the numbers is different, or is the interval by another method?"
    return f"{own['printed']}: {_by(note)}{what}. {asked}"


def _of_model(facts: Facts) -> str:
    return f"model {facts['model']}: " if facts.get("model") else ""


def _parameters(note: Note) -> str:
    own, facts = note.numbers, note.numbers["facts"]
    k = own["recomputed"]
    lower = max(1, math.floor(k))
    mended = f"{facts['aic'] + 2 * (lower - k):.{facts['decimals']}f}"
    return (
        f"{_of_model(facts)}log-likelihood {facts['loglik']} and {own['printed']} give {_number(k, 2)} parameters, "
        f"which is no whole number. AIC would be {mended} for {lower}, two more for each further one. Which number is "
        "different?"
    )


def _model_rows(note: Note) -> str:
    own, facts = note.numbers, note.numbers["facts"]
    if "fits" in facts:
        less = f" less one for each of {facts['less']} patients" if facts["less"] else ""
        rows = _between(math.ceil(facts["rows_low"]), math.floor(facts["rows_high"]), _df)
        return (
            f"the BICs imply {rows} rows, which fits {facts['fits']}{less} and not {facts['other']}{less}. Which "
            "number of sessions went into the models?"
        )
    if facts["n"]:
        rows = _between(own["low"], own["high"], _df)
        return (
            f"{_of_model(facts)}{own['printed']}: log-likelihood and BIC with {facts['parameters']} parameters imply "
            f"{rows} rows. Which rows were used?"
        )
    return (
        f"{_of_model(facts)}{own['printed']} with {facts['parameters']} parameters gives no whole number of rows. "
        "Which number is different?"
    )


def _model_name(note: Note) -> str:
    facts = note.numbers["facts"]
    return (
        f"{_of_model(facts)}log-likelihood and AIC give {facts['parameters']} parameters; a random intercept and slope "
        f"with their covariance, the residual, intercept and slope are {facts['least']} already. Which model was it?"
    )


def _likelihood_ratio(note: Note) -> str:
    own, facts = note.numbers, note.numbers["facts"]
    outside = f"{_between(own['low'], own['high'], _p)} (p = {_p(own['recomputed'])})"
    return (
        f"twice the difference of the log-likelihoods is {_t(facts['ratio'])} on {facts['df']} df: {_by(note)}"
        f"{own['printed']} is outside of {outside}{_mended_p(own)}"
    )


def _parts(note: Note) -> str:
    facts = note.numbers["facts"]
    plus = " + ".join(map(str, facts["parts"]))
    asked = f"the parts {plus} make {facts['sum']}, the total is {facts['total']}"
    mends = [_mended_part(one) for one in facts["repairs"][:_MOST]]
    return f"{asked}. {'; or '.join(mends)}: is it that?" if mends else f"{asked}. Which of the numbers is different?"


def _mended_part(repair: Facts) -> str:
    change = f"{repair['old']} → {repair['new']}"
    if repair["what"] == "total":
        return f"a total {change} repairs the sum and every printed percentage"
    return f"{change} repairs the sum and the printed {repair['share']} %"


def _percent(note: Note) -> str:
    own, facts = note.numbers, note.numbers["facts"]
    digits = max(1, facts["decimals"])
    base = str(facts["base"])
    if "held" in facts:
        held = " + ".join(map(str, facts["held"]))
        base = f"{base} ({held} held − {facts['lost']} lost)"
    would = f" No count of {facts['base']} is."
    if facts["low"] <= facts["high"]:
        would = f" {_between(facts['low'], facts['high'], _df)} of {facts['base']} would be {facts['share']} %."
    return (
        f"{facts['part']} of {base} is {own['recomputed']:.{digits}f} %, {_by(note)}printed {facts['share']} %.{would} "
        "Which of the numbers is different, or is it of another number?"
    )


def _whole_numbers(note: Note) -> str:
    facts = note.numbers["facts"]
    return (
        f"a mean of {facts['mean']} over {facts['n']} would be a sum of {facts['sum']:.2f}, and whole numbers have a "
        f"whole sum; the nearest means are {named(facts['nearest'])}. Is n different, or are some values not whole?"
    )


def _printed_twice(note: Note) -> str:
    facts = note.numbers["facts"]
    if facts["what"] == "age":
        return (
            f"the mean age is {facts['second']} here and {facts['first']} in {facts['line_of']}. Which sample is which?"
        )
    if facts["what"] == "model":
        return _model_twice(facts)
    pilot = facts["pilot"]
    why = f" The {pilot} sessions of the pilot would explain it: were they counted in?" if pilot else " Which is it?"
    return f"{facts['first']} rated sessions in one place, {facts['second']} in another.{why}"


def _model_twice(facts: Facts) -> str:
    ks = [facts["parameters_first"], facts["parameters_second"]]
    more = f" ({ks[0]} and {ks[1]} parameters)" if None not in ks and ks[0] != ks[1] else ""
    return (
        f"model {facts['model']} has log-likelihood {facts['first']} in one comparison and {facts['second']} in the "
        f"next{more}. Are these two models?"
    )


def _loads(note: Note) -> str:
    facts = note.numbers["facts"]
    low, high, raters = facts["low"], facts["high"], facts["raters"]
    sessions = " or ".join(map(str, facts["sessions"]))
    made = f"{raters} raters × {low} to {high} are {raters * low} to {raters * high} ratings"
    if facts["share"] is None:
        return f"{made}, of {sessions} sessions that are each to be rated once. Which number is different?"
    asked = (
        f"{made} of {sessions} sessions, which makes {_df(facts['share_low'])} to {_df(facts['share_high'])} % coded "
        f"twice; printed {facts['share']} %."
    )
    if facts["pilot"] is None:
        return f"{asked} Which number is different?"
    pilot = f"{facts['pilot']} sessions × {raters} raters"
    return f"{asked} The pilot ({pilot}), counted in the loads, would explain it: was it?"


def _correlations(note: Note) -> str:
    facts = note.numbers["facts"]
    mends = [f"row {one['row']}, column {one['column']} ({one['old']})" for one in facts["repairs"]]
    mend = "Is one of them different, or are rows missing pairwise?"
    if mends:
        mend = f"With the other sign of {' or '.join(mends)} they could be had: is it that?"
    least = _number(facts["least"])
    return (
        f"no data have these correlations of {facts['size']} variables together (smallest eigenvalue {least}). {mend}"
    )


def _beta(note: Note) -> str:
    own, facts = note.numbers, note.numbers["facts"]
    gives = _between(own["low"], own["high"], _t)
    return (
        f"β of {facts['name']} is {facts['beta']}; {_by(note)}the correlations {named(facts['rs'])} give {gives}. Were "
        "other predictors in the model, or is a number different?"
    )


def _icc_model(note: Note) -> str:
    return (
        f"“{note.numbers['facts']['printed']}” is no model of the ICC: one-way is random throughout, mixed is two-way "
        "(McGraw & Wong, 1996). Which of the two was it?"
    )


def _adjusted(note: Note) -> str:
    name = note.numbers["facts"]["name"]
    return f"{name} is called adjusted for outliers here and is not in the list of adjusted variables. Was it adjusted?"


SENTENCES: Final[dict[str, Wording]] = {
    "test_p": about_subject(_test_p),
    "coefficient_p": about_subject(_coefficient_p),
    "coefficient_t": about_subject(_coefficient_t),
    "coefficient_interval": about_subject(_coefficient_interval),
    "parameters": about_subject(_parameters),
    "model_rows": about_subject(_model_rows),
    "model_name": about_subject(_model_name),
    "likelihood_ratio": about_subject(_likelihood_ratio),
    "parts": about_subject(_parts),
    "percent": about_subject(_percent),
    "whole_numbers": about_subject(_whole_numbers),
    "printed_twice": about_subject(_printed_twice),
    "loads": about_subject(_loads),
    "correlations": about_subject(_correlations),
    "beta": about_subject(_beta),
    "icc_model": about_subject(_icc_model),
    "adjusted": about_subject(_adjusted),
}
CHECKS: Final[Mapping[str, str]] = {
    "test_p": "statistic and p", "coefficient_p": "b, SE and p", "coefficient_t": "b, SE and t",
    "coefficient_interval": "b, SE and interval", "parameters": "logLik and AIC", "model_rows": "BIC and rows",
    "model_name": "model and parameters", "likelihood_ratio": "likelihood ratio", "parts": "parts and total",
    "percent": "count and %", "whole_numbers": "mean of whole numbers", "printed_twice": "printed twice",
    "loads": "raters' loads", "correlations": "correlations", "beta": "β and correlations", "icc_model": "ICC model",
    "adjusted": "list of adjusted",
}  # fmt: skip
"""Names of the checks in tables."""
REASONS: Final[Mapping[str, str]] = {
    "": "", "no_df": "no df and no n", "no_se": "no standard error", "sd_is_no_se": "an SD is no SE",
    "no_base": "of what is not printed", "no_total": "no total", "not_symmetric": "interval of another method",
    "too_coarse": "rounding leaves all open", "no_parameters": "difference in parameters not known",
    "several_p": "several p", "not_a_number_of_its_kind": "out of its range", "by_a_hair": "by a hair",
    "few_df": "at very few df", "one_tailed": "one-tailed",
}  # fmt: skip
"""Why a statement was not checked, or how a question is meant, in tables."""
