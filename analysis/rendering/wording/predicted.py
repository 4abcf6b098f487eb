"""What a figure of predicted probabilities shows, in words: its caption and what a screen reader says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from doublecode.analysis.rendering.predicted_figures import level_text
from doublecode.analysis.rendering.tables import format_number
from doublecode.analysis.rendering.wording.phrases import named, plural

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.rendering.predicted_figures import PredictedCourse

MOST_SAID, MOST_OF_CATEGORIES = 8, 3
"""Levels of a predictor whose predictions are all said (of categories fewer); else the first and the last."""
_WHAT: Final = {
    "probability": "Predicted probability of {}", "count": "Predicted mean of {}",
    "rate": "Predicted {} per unit of exposure", "categories": "Predicted probabilities of the categories of {}",
}  # fmt: skip
_RAW: Final = {"probability": "proportions", "count": "means", "rate": "rates"}


def predicted_words(course: PredictedCourse) -> str:
    """Say what the figure shows, at the ends of the predictor, and what its circles are."""
    groups = " and ".join(plural(name) for name in course.groups)
    over = f"averaged over {groups}" if course.average else f"random effects of {groups} at 0"
    if course.others:
        over += f", {named(course.others)} as in the rows"
    what = _WHAT[course.quantity].format(course.outcome)
    places = list(dict.fromkeys(course.curve["x"]))
    most = MOST_OF_CATEGORIES if course.categories else MOST_SAID
    said = places if len(places) <= most and not course.is_number else [places[0], places[-1]]
    values = "; ".join(_at(course, place) for place in said)
    return f"{what} over {course.predictor}, {over}: {values}. {_drawn(course)}"


def _at(course: PredictedCourse, place: Any) -> str:
    rows = course.curve[course.curve["x"] == place]
    where = f"{course.predictor} {format_number(place, 'count') if course.is_number else level_text(place)}"
    if course.categories:
        shares = ", ".join(
            f"{name} {format_number(one, 'bounded')}"
            for name, one in zip(rows["category"], rows["estimate"], strict=True)
        )
        return f"at {where}: {shares}"
    kind: Any = "bounded" if course.quantity == "probability" else "estimate"
    row = rows.iloc[0]
    estimate, low, high = (format_number(float(row[name]), kind) for name in ("estimate", "conf_low", "conf_high"))
    level = f"{100 * course.conf_level:g}%"
    return f"at {where} {estimate} ({level} limits {low} to {high})"


def _drawn(course: PredictedCourse) -> str:
    raw = course.points.drop_duplicates("x")
    if course.categories:
        order = f"from {course.categories[0]}, below and light, to {course.categories[-1]}, above and dark"
        return f"Categories are stacked {order}; {_rows(raw)} rows."
    band = (
        f"The band has {100 * course.conf_level:g}% limits, value by value; circles" if course.is_number else "Circles"
    )
    unit = f"{'group' if course.is_number else 'level'}{'' if len(raw) == 1 else 's'}"
    return f"{band} are the observed {_RAW[course.quantity]} of {len(raw)} {unit} of {_span(raw)}."


def _rows(raw: pd.DataFrame) -> str:
    return format_number(float(raw["n"].sum()), "count")


def _span(raw: pd.DataFrame) -> str:
    low, high = (format_number(float(value), "count") for value in (raw["n"].min(), raw["n"].max()))
    return f"n = {low}" if low == high else f"n = {low} to {high}"
