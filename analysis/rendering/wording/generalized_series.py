"""Sentences of the notes of series of generalised models."""

from __future__ import annotations

from typing import Final

from doublecode.analysis.rendering.tables import format_number, format_p
from doublecode.analysis.rendering.wording import generalized, ordinal
from doublecode.analysis.rendering.wording.phrases import Wording, filled
from doublecode.schemas.results import Note

_WHY: Final = {
    "scalar": "since every step has one scalar random term",
    "wide": "since a step has more than one scalar random term, and all models of a series share one likelihood",
    "asked": "as declared",
}


def integral(nagq: int) -> str:
    """Say how the random effects were integrated out.

    Examples
    --------
    >>> integral(1)
    "Laplace's approximation"
    """
    return "Laplace's approximation" if nagq == 1 else f"adaptive Gauss–Hermite quadrature with {nagq} points"


def estimated(*, prior: bool) -> str:
    """Say by what estimates were found.

    Examples
    --------
    >>> estimated(prior=False)
    'Maximum likelihood'
    """
    return "Likelihood penalised by the declared prior" if prior else "Maximum likelihood"


def _likelihood(note: Note) -> str:
    family, link, nagq = (note.numbers[key] for key in ("family", "link", "nagq"))
    how = estimated(prior=note.numbers["prior"])
    return (
        f"{how}, family {family} with {link} link, by {integral(nagq)}, {_WHY[note.numbers['way']]}; log-likelihood, "
        "AIC, BIC and χ² are of it. All models have the same rows."
    )


def _dispersion(note: Note) -> str:
    ratio, p = format_number(note.numbers["ratio"]), format_p(note.numbers["p_value"])
    if note.numbers["more"] != "more":
        return (
            f"{note.subject}: the outcome has less spread than it says (ratio {ratio}, *p* {p}): limits are too wide."
        )
    ways = {
        "poisson": 'family = "negative-binomial" takes it in',
        "binomial": "rows of one session are not independent trials; a random effect of each row may take it in",
        "negative-binomial": "look for a predictor or a random effect that is left out",
    }
    return (
        f"{note.subject}: the outcome has more spread than it says (ratio {ratio}, *p* {p}), so that limits are too "
        "narrow: "
        f"{ways[note.numbers['family']]}."
    )


def _no_variance(note: Note) -> str:
    groups, models = (note.numbers[key] for key in ("groups", "models"))
    where = f"In {'; '.join(models)}" if models else "In every model"
    return (
        f"{where} the variance by {' and '.join(groups)} is estimated as 0: beyond what the predictors say, the "
        "outcomes within one such group are no more alike than chance makes them. Coefficients and log-likelihoods are "
        "those of the same model without random effects. It is no evidence that the groups are alike: few groups, or "
        "few rows in each, give the same. Keep the random effects if the design has such groups, and say in the paper "
        "that their variance is 0."
    )


def _as_sentence(wording: Wording) -> Wording:
    """The note of a single fit, with a capital and a full stop."""

    def said(note: Note) -> str:
        text = wording(note) if callable(wording) else filled(wording, note.numbers)
        return f"{text[:1].upper()}{text[1:]}."

    return said


SENTENCES: Final[dict[str, Wording]] = {
    "series_categories_empty": _as_sentence(ordinal.SENTENCES["ordinal_categories_empty"]),
    "series_no_overdispersion": _as_sentence(generalized.SENTENCES["generalized_no_overdispersion"]),
    "series_prior": _as_sentence(generalized.SENTENCES["generalized_prior"]),
    "series_offset_is_no_log": _as_sentence(generalized.SENTENCES["offset_is_no_log"]),
    "series_zero_one_of_trials": _as_sentence(generalized.SENTENCES["zero_one_of_trials"]),
    "series_likelihood": _likelihood,
    "series_no_variance": _no_variance,
    "series_dispersion": _dispersion,
    "series_zeros": lambda note: (
        f"{note.subject}: {note.numbers['more']} rows with a count of 0 than it says (ratio "
        f"{format_number(note.numbers['ratio'])}, *p* {format_p(note.numbers['p_value'])})."
    ),
    "ordinal_half_steps": (
        "{n} rows are means of two raters, half way between two categories: each such value is an ordered category of "
        'its own. With pooling = "primary" for the instrument there are none.'
    ),
    "rows_without_trial": "{n} rows with 0 as {subject} are in no model: 0 of 0 says nothing of a probability.",
    "series_two_values": (
        '{outcome} has two values, and a linear model predicts outside of them; family = "binomial" in this [[series]] '
        "of study.toml is the model for such an outcome."
    ),
    "series_few_values": (
        '{outcome} takes {n_values} whole values only; family = "ordinal" in this [[series]] of study.toml is a model '
        "for ordered categories, and there are families for counts."
    ),
}
