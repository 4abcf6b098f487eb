"""Series whose outcome is done or not, counted, or rated in ordered categories: what they may declare."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

SeriesFamily = Literal["binomial", "poisson", "negative-binomial", "ordinal"]
SeriesLink = Literal["logit", "probit", "cloglog", "log"]
LINKS: Final[Mapping[str, tuple[SeriesLink, ...]]] = {
    "binomial": ("logit", "probit", "cloglog"),
    "poisson": ("log",),
    "negative-binomial": ("log",),
    "ordinal": ("logit", "probit"),
}
"""Links of each family, the default first."""
OFFSET: Final = r"\w+|log\(\s*\w+\s*\)"
"""A column, or the logarithm of one."""
GENERALIZED_FIGURES: Final = ("caterpillar",)

_SCALAR: Final = re.compile(r"\(\s*1\s*\|\s*[\w.`]+\s*\)")
_OF_GENERALIZED: Final = ("link", "nagq", "trials", "offset", "prior_sd", "thresholds")
_OF_LINEAR: Final[Mapping[str, str]] = {
    "correlation": "there is no residual whose neighbours could be correlated",
    "variance_by": "the variance follows from the mean, so that no level has one of its own",
    "latent_means": "latent patient means are worked out for linear models only",
    "reproduces": "it labels likelihood ratios of REML fits, and there is no REML here",
    "explained": "the shares on the latent scale stand in the report anyway",
}
"""Keys of linear series, and why a generalised one has none of them."""


def offset_column(offset: str) -> tuple[str, bool]:
    """The column of an offset, and whether its logarithm is taken.

    Examples
    --------
    >>> offset_column("log(minutes)"), offset_column("log_minutes")
    (('minutes', True), ('log_minutes', False))
    """
    inside = re.fullmatch(r"log\(\s*(\w+|`[^`]+`)\s*\)", offset)
    return (offset, False) if inside is None else (inside[1].strip("`"), True)


def family_faults(series: Mapping[str, Any]) -> Iterator[str]:
    """Say what of a series, by its keys, would not act in its family; nothing where all does."""
    family = series["family"]
    if family is None:
        for key in (key for key in _OF_GENERALIZED if series[key] is not None):
            yield (
                f"{key} is of generalised models, and without a family the series is linear, so that it would change "
                f'nothing. Declare the family, such as family = "binomial", or take {key} out'
            )
        return
    yield from (
        f"{key} is of linear series: in family {family!r} {why}. Take it out"
        for key, why in _OF_LINEAR.items()
        if series[key]
    )
    yield from _of_other_families(series)
    yield from (
        f"figures: {one!r} is drawn of linear models only; allowed in family {family!r}: "
        f"{', '.join(map(repr, GENERALIZED_FIGURES))}. Take it out"
        for one in series["figures"]
        if one not in GENERALIZED_FIGURES
    )


def _of_other_families(series: Mapping[str, Any]) -> Iterator[str]:
    family = str(series["family"])
    if series["link"] is not None and series["link"] not in LINKS[family]:
        yield f"link {series['link']!r} is none of family {family!r}; allowed: {', '.join(map(repr, LINKS[family]))}"
    if series["trials"] is not None and family != "binomial":
        yield f"trials belong to family 'binomial', and this is {family!r}. Take trials out"
    if series["thresholds"] is not None and family != "ordinal":
        yield f"thresholds belong to family 'ordinal', and this is {family!r}. Take thresholds out"
    if series["prior_sd"] is not None and family == "ordinal":
        yield "prior_sd is not for family 'ordinal'; allowed: binomial, poisson, negative-binomial. Take it out"
    if series["nagq"] is not None and series["nagq"] > 1:
        wide = [step for step in series["steps"] if len(_SCALAR.findall(step)) != 1 or step.count("|") != 1]
        if wide:
            yield (
                f"nagq = {series['nagq']} needs one scalar random term such as (1 | patient) in every step, and "
                f"{wide[0]!r} has another random part. Write nagq = 1, Laplace's approximation, or leave nagq out"
            )


def outcome_of(steps: tuple[str, ...]) -> str:
    """The outcome of a series, as its first step has it."""
    return steps[0].partition("~")[0].strip()


def not_served(family: str, what: str, instead: str) -> str:
    """Say that something takes linear series only, and what to do.

    Examples
    --------
    >>> not_served("binomial", "the table", "Take it out.")
    "its family is 'binomial', and the table takes linear series only. Take it out."
    """
    return f"its family is {family!r}, and {what} takes linear series only. {instead}"
