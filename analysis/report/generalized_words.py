"""Series of generalised models in sentences: for the results, the methods and the notes of tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from doublecode.analysis.linking.generalized_series_result import N_DRAWN
from doublecode.analysis.rendering.document import Block, Headline
from doublecode.analysis.rendering.tables import format_interval, format_number, format_p
from doublecode.analysis.rendering.wording.generalized_series import integral
from doublecode.analysis.report.effect_words import (
    Kind,
    Way,
    estimate_in_words,
    way_of,
)
from doublecode.analysis.report.series_findings import series_findings
from doublecode.analysis.study.labels import Labels, label_term, short_labels, term_labels
from doublecode.schemas.marks import code

if TYPE_CHECKING:
    from doublecode.analysis.linking.generalized_models import GeneralizedModel
    from doublecode.analysis.linking.generalized_series_result import GeneralizedSeriesResult
    from doublecode.analysis.report.effect_words import Row
    from doublecode.analysis.study.study_run import StudyRun

_WHAT: Final = {
    "binomial": "odds of {y}", "poisson": "rate of {y}", "negative-binomial": "rate of {y}",
    "ordinal": "odds of a higher category of {y}",
}  # fmt: skip
_PEOPLE: Final = ("patient", "therapist", "rater", "session")
_WITHOUT_RATIO: Final = {"binomial": "probability of {y}", "ordinal": "probability of higher categories of {y}"}
_DIRECTION: Final = {
    "binomial": "Above 0, the outcome is likelier",
    "poisson": "Above 0, the count is larger",
    "negative-binomial": "Above 0, the count is larger",
    "ordinal": "Above 0, higher categories are likelier",
}
_MODELS: Final = {
    "binomial": "generalised linear mixed models (binomial, {link} link)",
    "poisson": "generalised linear mixed models (Poisson, log link)",
    "negative-binomial": "generalised linear mixed models (negative binomial, variance μ + μ²/φ, log link)",
    "ordinal": "cumulative mixed models ({link} link, {thresholds} thresholds; McCullagh, 1980)",
}
_SHOWN: Final[dict[Kind, tuple[str, str]]] = {
    Kind.TIME: ("the {what} {rose} over the sessions", "no change of the {what} over the sessions was shown"),
    Kind.WITHIN: (
        "within patients, higher {x} went with {higher} {what}",
        "no association of {x} with the {what} within patients was shown",
    ),
    Kind.BETWEEN: (
        "between patients, a higher mean of {x} went with {higher} {what}",
        "no association of the mean of {x} with the {what} between patients was shown",
    ),
    Kind.LEVEL: (
        "{x} went with {higher} {what} than the reference level",
        "no difference in the {what} between {x} and the reference level was shown",
    ),
}
_PLAIN: Final = ("higher {x} went with {higher} {what}", "no association of {x} with the {what} was shown")
_PRODUCT: Final = (
    "the effect of {x} on the {what} {rose} with {z}",
    "no moderation of the effect of {x} on the {what} by {z} was shown",
)


def direction_in_words(family: str) -> str:
    """Say what a positive coefficient means."""
    return _DIRECTION[family]


def between_whom(model: GeneralizedModel) -> str:
    """Say between whom the random effects of a model lie: patients, therapists."""
    groups = [] if model.result is None else list(model.result.n_groups)
    return f"between {' and '.join(f'{one}s' if one in _PEOPLE else f'levels of {one}' for one in groups)}"


def generalized_findings(result: GeneralizedSeriesResult, labels: Labels, unit: str) -> tuple[Block, ...]:
    """What each step of a series adds, in sentences.

    Parameters
    ----------
    result : GeneralizedSeriesResult
    labels : mapping
        Name of a variable → its label.
    unit : str
        What a row is: "sessions", "rows".
    """

    def said(kind: Kind, row: Row, outcome: str, names: tuple[str, ...], more: str) -> str:
        return ratio_sentence(kind, row, result, (outcome, *names), more)

    return series_findings(result, labels, unit, share_in_words(result), said)


def share_in_words(result: GeneralizedSeriesResult) -> str:
    """How much of the latent variance lies between patients; empty where no model is without predictors."""
    if result.share_between is None:
        return ""
    model, share = result.share_between
    return f"{format_number(share, 'percent', 0)} of the variance on the latent scale lies {between_whom(model)}"


def generalized_headline(run: StudyRun) -> Headline | None:
    """The first split predictor within patients in the last series that splits one; None where none does."""
    for result in reversed(run.generalized):
        split = result.spec["split"]
        rows = result.coefficients
        rows = rows[rows["term"] == f"{split[0]}_within"] if split else rows.iloc[:0]
        if len(rows):
            row = rows.iloc[-1].to_dict()
            labels = term_labels(short_labels(run.labels), split)
            outcome = label_term(result.models[0].formula.response, labels)
            return Headline(
                label_term(str(row["term"]), labels), _with_limits(row, result.ratio),
                f"on {_what(result, outcome)}; *p* {format_p(float(row['p_value']))}",
            )  # fmt: skip
    return None


def _what(result: GeneralizedSeriesResult, outcome: str) -> str:
    """What rises or falls: odds, a rate, or a probability where there is no ratio."""
    return (_WITHOUT_RATIO if result.ratio is None else _WHAT)[str(result.spec["family"])].format(y=outcome)


def ratio_sentence(kind: Kind, row: Row, result: GeneralizedSeriesResult, names: Sequence[str], more: str) -> str:
    """Say what a coefficient is, without a full stop, with its ratio, limits and test.

    Parameters
    ----------
    kind : Kind
    row : mapping
        A row of ``coefficients``.
    result : GeneralizedSeriesResult
        Whose ratio it is.
    names : sequence of str
        Printed names of the outcome, the predictor and, of a product, the moderator.
    more : str
        What stands behind the numbers.
    """
    outcome, *predictors = names
    what = _what(result, outcome)
    stats = f"{_in_words(row, result.ratio)}; {more}"
    if math.isnan(float(row["conf_low"])) or math.isnan(float(row["conf_high"])):
        return f"the coefficient of {' × '.join(predictors)} on the {what} has no interval ({stats})"
    way = way_of(row)
    up = way is Way.UP
    text = (_PRODUCT if kind is Kind.PRODUCT else _SHOWN.get(kind, _PLAIN))[way is Way.OPEN]
    x, z = predictors[0], predictors[-1]
    said = text.format(what=what, x=x, z=z, rose="rose" if up else "fell", higher="higher" if up else "lower")
    return f"{said} ({stats})"


def _with_limits(row: Row, ratio: str | None) -> str:
    """Ratio with its limits, or the coefficient where there is no ratio."""
    names = ("estimate", "conf_low", "conf_high") if ratio is None else ("ratio", "ratio_low", "ratio_high")
    value, low, high = (float(row[name]) for name in names)
    symbol = "*b*" if ratio is None else _symbol(ratio)
    return f"{symbol} = {format_number(value)} {format_interval(low, high)}"


def _symbol(ratio: str) -> str:
    """OR, RR."""
    return "".join(word[0] for word in ratio.upper().split())


def _in_words(row: Row, ratio: str | None) -> str:
    """Ratio with limits and the test, or the coefficient where there is no ratio."""
    if ratio is None:
        return estimate_in_words(row)
    limits = format_interval(float(row["ratio_low"]), float(row["ratio_high"]))
    symbol = _symbol(ratio)
    value, z = format_number(float(row["ratio"])), format_number(float(row["statistic"]))
    return f"{symbol} = {value}, 95% CI {limits}, *z* = {z}, *p* {format_p(float(row['p_value']))}"


def generalized_methods(run: StudyRun) -> str:
    """The paragraph on generalised models: family, link, integration, comparison, sources; empty without any."""
    if not run.generalized:
        return ""
    said = [_model_in_words(result, run) for result in run.generalized]
    ordinal = any(one.spec["family"] == "ordinal" for one in run.generalized)
    penalised = ", penalised where a prior is named" if any(one.spec["prior_sd"] for one in run.generalized) else ""
    checked = any(len(one.checks) for one in run.generalized)
    parts = [
        *said,
        f"They were fitted by maximum likelihood{penalised}; standard errors are from the Hessian in all parameters, "
        "tests and limits are Wald's unless said otherwise, and models on the same rows are compared by likelihood "
        "ratio (Bolker et al., 2009).",
        "Shares of variance and *R*² are those of the latent scale (Nakagawa et al., 2017).",
    ]  # fmt: skip
    if ordinal:
        parts.append(
            "Whether one coefficient serves all thresholds was tested term by term by likelihood ratio, the random "
            "part kept (Peterson & Harrell, 1990)."
        )
    if checked:
        parts.append(f"Spread and zeros were held against {N_DRAWN} outcomes drawn from the last model.")
    steps = dict.fromkeys(step for result in run.generalized for step in result.spec["steps"])
    return " ".join([*parts, f"Formulas: {'; '.join(map(code, steps))}."])


def _model_in_words(result: GeneralizedSeriesResult, run: StudyRun) -> str:
    spec, title = result.spec, str(result.spec["title"])
    model = _MODELS[spec["family"]].format(link=spec["link"], thresholds=spec["thresholds"])
    trials = f" of {run.labels.get(spec['trials'], spec['trials'])}" if spec["trials"] else ""
    offset = f", offset {code(spec['offset'])}" if spec["offset"] else ""
    prior = f", with a normal prior of SD {spec['prior_sd']:g} on the fixed effects" if spec["prior_sd"] else ""
    citation = " (Pinheiro & Bates, 1995)" if spec["nagq"] > 1 else ""
    outcome = label_term(result.models[0].formula.response, run.labels)
    return (
        f"{title} ({result.design['n_rows']} rows): {outcome}{trials} was modelled by {model}{offset}{prior}, the "
        f"random effects integrated out by {integral(spec['nagq'])}{citation}."
    )
