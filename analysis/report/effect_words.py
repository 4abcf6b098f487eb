"""A coefficient in one sentence: its direction by its interval, with estimate, limits, degrees of freedom and *p*.

An interval that holds 0 never becomes *no effect*: it was not shown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from doublecode.analysis.linking.time_origin import is_time
from doublecode.analysis.rendering.tables import column, format_interval, format_number, format_p, row_digits
from doublecode.analysis.study.labels import Labels, label_term

Row = Mapping[Any, Any]


class Kind(StrEnum):
    """What a term is in its model."""

    TIME = "time"
    WITHIN = "within patients"
    BETWEEN = "between patients"
    PLAIN = "plain"
    LEVEL = "level"
    PRODUCT = "product"
    OTHER = "other"


class Way(StrEnum):
    """On which side of 0 an interval lies."""

    UP = "above 0"
    DOWN = "below 0"
    OPEN = "holds 0"


_SAID: Final[dict[Kind, tuple[str, str]]] = {
    Kind.TIME: ("{y} {rose} over the sessions", "no change of {y} over the sessions was shown"),
    Kind.WITHIN: (
        "within patients, higher {x} went with {higher} {y}",
        "no association of {x} with {y} within patients was shown",
    ),
    Kind.BETWEEN: (
        "between patients, a higher mean of {x} went with {higher} {y}",
        "no association of the mean of {x} with {y} between patients was shown",
    ),
    Kind.PLAIN: ("higher {x} went with {higher} {y}", "no association of {x} with {y} was shown"),
    Kind.LEVEL: (
        "{x} went with {higher} {y} than the reference level",
        "no difference in {y} between {x} and the reference level was shown",
    ),
    Kind.PRODUCT: (
        "the slope of {x} on {y} {rose} with {z}",
        "no moderation of the slope of {x} on {y} by {z} was shown",
    ),
    Kind.OTHER: (
        "the coefficient of {x} on {y} lies {side}",
        "that the coefficient of {x} on {y} differs from 0 was not shown",
    ),
}
_WORDS: Final = {
    Way.UP: {"rose": "rose", "higher": "higher", "side": "above 0"},
    Way.DOWN: {"rose": "fell", "higher": "lower", "side": "below 0"},
}


def way_of(row: Row) -> Way:
    """The side of 0 on which the interval of a row lies.

    Examples
    --------
    >>> way_of({"conf_low": 0.1, "conf_high": 0.4}), way_of({"conf_low": -0.1, "conf_high": 0.4})
    (<Way.UP: 'above 0'>, <Way.OPEN: 'holds 0'>)
    """
    low, high = float(row["conf_low"]), float(row["conf_high"])
    return Way.UP if low > 0 else Way.DOWN if high < 0 else Way.OPEN


def kind_of(term: str, split: tuple[str, ...], labels: Labels) -> Kind:
    """What a term of a model is, given the predictors that are split within and between patients."""
    if ":" in term.replace("::", "") and not term.endswith("]"):
        return Kind.PRODUCT if term.count(":") == 1 else Kind.OTHER
    for side in (Kind.WITHIN, Kind.BETWEEN):
        if term in {f"{name}_{side.partition(' ')[0]}" for name in split}:
            return side
    if is_time(term):
        return Kind.TIME
    if term.endswith("]"):
        return Kind.LEVEL
    return Kind.PLAIN if term in labels else Kind.OTHER


def effect_sentence(
    kind: Kind, row: Row, outcome: str, names: tuple[str, ...], level: float = 0.95, more: str = ""
) -> str:
    """Say what a coefficient is, without a full stop.

    Parameters
    ----------
    kind : Kind
    row : mapping
        ``estimate, conf_low, conf_high`` and, where known, ``df, statistic, p_value``.
    outcome : str
        Its printed name.
    names : tuple of str
        Printed names of the predictor and, of a product, of the moderator.
    level : float
        Of the interval.
    more : str
        What stands behind the numbers: the model, the rows.
    """
    stats = estimate_in_words(row, level) + (more and f"; {more}")
    if math.isnan(float(row["conf_low"])) or math.isnan(float(row["conf_high"])):
        return f"the coefficient of {' × '.join(names)} on {outcome} has no interval ({stats})"
    way = way_of(row)
    x, z = names[0], names[-1]
    text = _SAID[kind][way is Way.OPEN].format(y=outcome, x=x, z=z, **_WORDS.get(way, {}))
    return f"{text} ({stats})"


def estimate_in_words(row: Row, level: float = 0.95, symbol: str = "*b*") -> str:
    """Estimate, interval, test: what stands in brackets behind a statement.

    Examples
    --------
    >>> row = {"estimate": -0.72, "conf_low": -1.35, "conf_high": -0.09}
    >>> estimate_in_words(row | {"df": 135.3, "statistic": -2.27, "p_value": 0.025})
    '*b* = −0.72, 95% CI [−1.35, −0.09], *t*(135.3) = −2.27, *p* = .025'
    """
    low, high = float(row["conf_low"]), float(row["conf_high"])
    digits = row_digits(row, [column(name) for name in ("estimate", "std_error", "conf_low") if name in row]) or 2
    parts = [f"{symbol} = {format_number(float(row['estimate']), digits=digits)}"]
    parts.append(f"{100 * level:g}% CI {format_interval(low, high, digits=digits)}")
    statistic, df = float(row.get("statistic", math.nan)), float(row.get("df", math.nan))
    if not math.isnan(statistic):
        test = f"*t*({format_number(df, 'integer')})" if math.isfinite(df) else "*z*"
        parts.append(f"{test} = {format_number(statistic)}")
    if not math.isnan(float(row.get("p_value", math.nan))):
        parts.append(f"*p* {format_p(float(row['p_value']))}")
    return ", ".join(parts)


def names_of(term: str, labels: Labels, split: tuple[str, ...]) -> tuple[str, ...]:
    """Printed names of what a term multiplies; of a split predictor the predictor's."""
    whole = {f"{name}_{side}": name for name in split for side in ("within", "between")}
    parts = term.split(":") if not term.endswith("]") else [term]
    return tuple(label_term(whole.get(part, part), labels) for part in parts)


def sentence_case(text: str) -> str:
    """A text with a capital at its beginning, and a full stop."""
    return f"{text[:1].upper()}{text[1:]}."
