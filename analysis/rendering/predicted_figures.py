"""Figures of a generalised model: probabilities, counts or categories over a predictor, with the raw shares."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from doublecode.analysis.rendering.figures import (
    BLUE,
    INK,
    VERMILION,
    folded,
    legend_above,
    own_or_given,
    whole_numbers,
)
from doublecode.analysis.rendering.tables import format_number

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from doublecode.analysis.rendering.figures import Axes

    Floats = NDArray[np.float64]

Quantity = Literal["probability", "count", "rate", "categories"]
HEIGHT: Final = 3.7
SHADES: Final = ("#eaf2f8", "#bcd7ea", "#85b5d6", "#4a8fc0", "#1f6ba5", "#0b4574")
"""From the lowest category to the highest: one blue from light to dark, which stays an order in grey."""
DARK_FROM: Final = 0.5
"""Share of the way from light to dark from which letters on a shade are white."""
ROOM: Final = 0.055
"""Height of a band, as a share of the axis, that holds its label; of a thinner one it stands beside."""
SHORT: Final = 4
"""Letters up to which a name stands within its area."""
WIDE: Final = 62
NARROW: Final = 42
"""Letters under the panel, and under one with names beside."""
RARE: Final = 0.25
"""Probability below which all must lie for the axis to end before 1."""
BAR: Final = 0.62
BESIDE: Final = 0.12


@dataclass(frozen=True, eq=False)
class PredictedCourse:
    """What a generalised model predicts over one predictor, and the raw data behind it.

    Attributes
    ----------
    curve
        ``x``, ``estimate``, ``conf_low``, ``conf_high``; of categories one row per x and ``category``. x are numbers in
        ascending order, or levels.
    points
        ``x``, ``observed``, ``n``: raw proportion (mean count, rate) of rows whose predictor is near x, and of how many
        (of proportions: trials); of categories with ``category``, ``observed`` being the share of it alone.
    predictor, outcome
        What axes call them.
    quantity
        What is predicted.
    average
        Whether over all random effects (the population), or at random effects of 0.
    groups
        Grouping factors of the random effects.
    conf_level
        Of the limits.
    categories
        Of ordered ones, lowest first; else empty.
    others
        Further predictors of the model, averaged over as the rows have them.
    """

    curve: pd.DataFrame
    points: pd.DataFrame
    predictor: str
    outcome: str
    quantity: Quantity
    average: bool
    groups: tuple[str, ...]
    conf_level: float
    categories: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def is_number(self) -> bool:
        """Whether the predictor is a number, drawn as a curve, or has levels."""
        return self.curve["x"].dtype.kind in "iuf"

    def places(self, frame: pd.DataFrame) -> Floats:
        """(rows,) of the horizontal axis: numbers, or the position of the level."""
        if self.is_number:
            return frame["x"].to_numpy(dtype=float)
        levels = list(dict.fromkeys(self.curve["x"]))
        return np.array([levels.index(one) for one in frame["x"]], dtype=float)


def predicted_figure(course: PredictedCourse, *, ax: Axes | None = None) -> Axes:
    """Draw the curve with its band and the raw proportions; of categories their probabilities, stacked.

    Curve and circles differ by form as well as by colour; shades of categories are an order in grey, too, and each
    is named in its place.
    """
    axes = own_or_given(ax, HEIGHT)
    if course.categories:
        _stack(axes, course)
    else:
        _band(axes, course)
    axes.set_xlabel(folded(course.predictor, 60))
    axes.set_ylabel(
        f"{folded(_height_of(course))}\n{'population average' if course.average else 'random effects at 0'}"
    )
    if course.is_number and (course.points["x"] % 1 == 0).all():
        whole_numbers(axes)
    if not course.is_number:
        _level_ticks(axes, course)
    return axes


def _level_ticks(axes: Axes, course: PredictedCourse) -> None:
    """Levels side by side, folded; turned where even so they have no room."""
    levels = list(dict.fromkeys(course.curve["x"]))
    letters = (NARROW if _is_named_beside(course) else WIDE) // len(levels)
    texts = ["\n".join(textwrap.wrap(level_text(level), max(letters, 8), break_long_words=False)) for level in levels]
    turned = max(len(line) for text in texts for line in text.split("\n")) > letters + 2
    axes.set_xticks(range(len(levels)), texts, fontsize=9, rotation=30 if turned else 0,
                    ha="right" if turned else "center")  # fmt: skip
    axes.set_xlim(-0.6, len(levels) - 0.4)


def level_text(level: Any) -> str:
    """What a level is called: 3 of 3.0."""
    return f"{level:g}" if isinstance(level, float) else str(level)


def _height_of(course: PredictedCourse) -> str:
    words = {
        "probability": "Probability of {}", "count": "Expected {}", "rate": "{} per unit of exposure",
        "categories": "Probability of {}",
    }  # fmt: skip
    return words[course.quantity].format(course.outcome)


def _band(axes: Axes, course: PredictedCourse) -> None:
    curve, x = course.curve, course.places(course.curve)
    level = f"{100 * course.conf_level:g}%"
    if course.is_number:
        axes.fill_between(x, curve["conf_low"], curve["conf_high"], color=BLUE, alpha=0.22, linewidth=0,
                          label=f"{level} band")  # fmt: skip
        axes.plot(x, curve["estimate"], color=BLUE, linewidth=2.2, label="model")
    else:
        axes.vlines(x, curve["conf_low"], curve["conf_high"], color=BLUE, linewidth=2.0)
        axes.plot(x, curve["estimate"], linestyle="none", marker="s", markersize=6.5, color=BLUE,
                  label=f"model, {level} limits")  # fmt: skip
    raw = course.points
    at = course.places(raw) + (0.0 if course.is_number else BESIDE)
    axes.plot(at, raw["observed"], linestyle="none", marker="o", markersize=6, markerfacecolor="white",
              markeredgecolor=VERMILION, markeredgewidth=1.4, label="observed, with n")  # fmt: skip
    if course.quantity == "probability":
        highest = float(max(curve["conf_high"].max(), raw["observed"].max()))
        axes.set_ylim(*((-0.03, 1.03) if highest > RARE else (0.0, 1.2 * highest)))
    else:
        axes.set_ylim(bottom=0.0)
    _name_counts(axes, at, raw, beside=not course.is_number)
    axes.grid(axis="y", color="#e6e9ef", linewidth=0.7)
    axes.set_axisbelow(True)
    legend_above(axes)


def _name_counts(axes: Axes, at: Floats, raw: pd.DataFrame, *, beside: bool) -> None:
    """Write n over each circle, under it where it is at the top; or beside it."""
    low, high = axes.get_ylim()
    for x, y, n in zip(at, raw["observed"], raw["n"], strict=True):
        text = format_number(float(n), "count")
        if beside:
            axes.annotate(text, (x, y), xytext=(6, 0), textcoords="offset points", va="center", fontsize=8, color=INK)
            continue
        top = y > low + 0.93 * (high - low)
        axes.annotate(
            text, (x, y), xytext=(0, -6 if top else 6), textcoords="offset points", ha="center",
            va="top" if top else "bottom", fontsize=8, color=INK,
            bbox={"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 0.6},
        )  # fmt: skip


def _stack(axes: Axes, course: PredictedCourse) -> None:
    """Areas (of levels: bars) from the lowest category up, each named in its place."""
    x, heights = _heights(course)
    edges = np.concatenate([np.zeros((1, len(x))), np.cumsum(heights, axis=0)])
    beside: list[tuple[float, str, Any]] = []
    for k, name in enumerate(course.categories):
        low, high, shade = edges[k], edges[k + 1], _shade(k, len(heights))
        if course.is_number:
            axes.fill_between(x, low, high, facecolor=shade, edgecolor="white", linewidth=0.8)
        else:
            axes.bar(x, heights[k], BAR, bottom=low, color=shade, edgecolor="white", linewidth=0.8)
        places = [] if _is_named_beside(course) else _named_at(heights[k], one=course.is_number)
        if not places:
            beside.append((float(low[-1] + high[-1]) / 2, folded(name, 20), shade))
        white = k / max(len(heights) - 1, 1) > DARK_FROM
        for place in places:
            axes.text(x[place], (low[place] + high[place]) / 2, name, ha="center", va="center", fontsize=9,
                      color="white" if white else INK)  # fmt: skip
    _name_beside(axes, beside)
    if course.is_number:
        axes.set_xlim(float(x.min()), float(x.max()))
    axes.set_ylim(0.0, 1.0)


def _is_named_beside(course: PredictedCourse) -> bool:
    """Whether the names of categories are words, which areas and bars have no room for."""
    return max(map(len, course.categories), default=0) > SHORT


def _named_at(heights: Floats, *, one: bool) -> list[int]:
    """Where a category of these heights is named: once where it is thickest, or in every bar that has room."""
    if not one:
        return [int(place) for place in np.flatnonzero(heights >= ROOM)]
    margin = len(heights) // 12
    place = margin + int(np.argmax(heights[margin : len(heights) - margin]))
    return [place] if heights[place] >= ROOM else []


def _heights(course: PredictedCourse) -> tuple[Floats, Floats]:
    """(m,) places and (K, m) probabilities."""
    parts = [course.curve[course.curve["category"] == name] for name in course.categories]
    return course.places(parts[0]), np.array([part["estimate"].to_numpy(dtype=float) for part in parts])


def _shade(k: int, n: int) -> Any:
    """Colour of category k of n: between the shades of :data:`SHADES`."""
    from matplotlib.colors import to_rgb

    where = k / max(n - 1, 1) * (len(SHADES) - 1)
    at = min(int(where), len(SHADES) - 2)
    first, second = np.array(to_rgb(SHADES[at])), np.array(to_rgb(SHADES[at + 1]))
    return tuple(first + (where - at) * (second - first))


def _name_beside(axes: Axes, names: list[tuple[float, str, Any]]) -> None:
    """Names right of the panel, each at the end of its band and a line apart, with a square in its shade."""
    lines = [1 + name.count("\n") for _, name, _ in names]
    gaps = [ROOM * (one + other) / 2 for one, other in pairwise(lines)]
    at = [height for height, _, _ in names]
    for place, gap in enumerate(gaps, start=1):
        at[place] = max(at[place], at[place - 1] + gap)
    at[-1:] = [min(one, 1.0) for one in at[-1:]]
    for place, gap in reversed(list(enumerate(gaps))):  # what has been pushed over the top is pushed back
        at[place] = min(at[place], at[place + 1] - gap)
    for (height, name, shade), where in zip(names, at, strict=True):
        axes.annotate("", (1.0, height), xycoords=("axes fraction", "data"), xytext=(1.035, where),
                      textcoords=("axes fraction", "data"), annotation_clip=False,
                      arrowprops={"arrowstyle": "-", "color": INK, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 0},
                      )  # fmt: skip
        axes.plot([1.05], [where], transform=axes.get_yaxis_transform(), marker="s", markersize=8, color=shade,
                  markeredgecolor=INK, markeredgewidth=0.4, clip_on=False)  # fmt: skip
        axes.text(1.08, where, name, transform=axes.get_yaxis_transform(), va="center", fontsize=9, color=INK,
                  linespacing=0.95)  # fmt: skip
