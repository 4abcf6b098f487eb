"""The figures of a mixed model: courses with a band, random effects, panels of residuals, influence.

Nothing rests on colour alone: what is told apart has its own marker or line style too.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from doublecode.analysis.rendering.figures import (
    BLUE,
    COLOURS,
    GREY,
    INK,
    MANY_POINTS,
    MARKERS,
    new_axes,
)

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.rendering.figures import Axes

ROW_IN: Final = 0.19
MOST_ROWS: Final = 50
"""Levels of a caterpillar beyond which only their order is drawn, without names."""
TITLE: Final = 56
LEGEND: Final = 70
"""Letters of a line across the figure, as a title and in a legend."""


def course_band(
    points: pd.DataFrame, curve: pd.DataFrame, *, x_label: str = "Session", y_label: str = "", unit: str = "patient"
) -> Axes:
    """Draw the course of each patient, and the mean of the model with its band.

    Parameters
    ----------
    points : DataFrame
        ``unit``, ``x``, ``y``: a row per session.
    curve : DataFrame
        ``x``, ``estimate``, ``conf_low``, ``conf_high``: the model's mean, in the order of x.
    x_label, y_label, unit : str
    """
    _, (axes,) = new_axes(height=3.5)
    n = points["unit"].nunique()
    for _, rows in points.sort_values("x").groupby("unit", sort=True):
        axes.plot(rows["x"], rows["y"], color=GREY, alpha=0.35 if n <= 60 else 0.1, linewidth=0.8,
                  rasterized=len(points) > 10 * MANY_POINTS)  # fmt: skip
    axes.plot([], [], color=GREY, alpha=0.6, linewidth=0.8, label=f"one {unit}")
    axes.fill_between(
        curve["x"], curve["conf_low"], curve["conf_high"], color=BLUE, alpha=0.22, linewidth=0, label="95% band"
    )
    axes.plot(curve["x"], curve["estimate"], color=BLUE, linewidth=2.2, marker="o", markersize=4, label="model")
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.01), ncols=3, frameon=False, fontsize=9, borderaxespad=0)
    return axes


def caterpillar(modes: pd.DataFrame, *, z: float = 1.959964) -> Axes:
    """Draw random effects in their order with their limits, one panel per effect; returns the first panel.

    Parameters
    ----------
    modes : DataFrame
        ``term``, ``level``, ``estimate``, ``sd``: conditional modes with their standard deviation.
    z : float
        Half width of the limits in standard deviations.
    """
    terms = list(dict.fromkeys(modes["term"]))
    n = int(modes.groupby("term").size().max())
    _, panels = new_axes(height=1.0 + ROW_IN * min(n, MOST_ROWS), columns=len(terms))
    for axes, term in zip(panels, terms, strict=True):
        rows = modes[modes["term"] == term].sort_values("estimate").reset_index(drop=True)
        half = z * rows["sd"]
        clear = (rows["estimate"].abs() > half).to_numpy()
        axes.axvline(0, color=GREY, linewidth=0.9, linestyle=":")
        axes.hlines(rows.index, rows["estimate"] - half, rows["estimate"] + half, color=BLUE, linewidth=1.1)
        axes.plot(rows["estimate"], rows.index, linestyle="none", marker="o", markersize=4, color=BLUE,
                  markerfacecolor="white")  # fmt: skip
        axes.plot(rows["estimate"][clear], rows.index[clear], linestyle="none", marker="o", markersize=4, color=BLUE)
        axes.set_title(textwrap.fill(str(term), TITLE // len(terms)), loc="left", fontsize=10)
        axes.set_yticks(range(len(rows)) if n <= MOST_ROWS else [], rows["level"] if n <= MOST_ROWS else [], fontsize=9)
        axes.set_ylim(-0.8, len(rows) - 0.2)
        axes.set_xlabel("deviation from the mean")
    return panels[0]


def residual_panels(rows: pd.DataFrame, effects: pd.DataFrame) -> Axes:
    """Draw residuals against fitted values, normal quantiles, time, and the residual before; returns the first panel.

    Parameters
    ----------
    rows : DataFrame
        ``unit``, ``x`` (time), ``fitted``, ``residual`` (standardised), in the order of time within units.
    effects : DataFrame
        ``term``, ``estimate``: conditional modes, whose quantiles stand beside.
    """
    from matplotlib.ticker import MaxNLocator
    from scipy.special import ndtri

    _, (first, quantiles, time, before) = new_axes(height=5.6, columns=2, rows=2)
    dots: dict[str, Any] = {
        "linestyle": "none",
        "markersize": 3,
        "markeredgewidth": 0,
        "rasterized": len(rows) > MANY_POINTS,
    }
    first.plot(rows["fitted"], rows["residual"], marker="o", color=BLUE, alpha=0.5, **dots)
    first.set_xlabel("fitted")
    sets = [("residuals", rows["residual"].to_numpy(dtype=float))]
    sets += [(str(term), part["estimate"].to_numpy(dtype=float)) for term, part in effects.groupby("term", sort=False)]
    for tone, (label, values) in enumerate(sets):
        ordered = np.sort(values[np.isfinite(values)])
        spread = float(ordered.std()) or 1.0
        at = ndtri((np.arange(ordered.size) + 0.5) / ordered.size)
        quantiles.plot(at, (ordered - ordered.mean()) / spread, marker=MARKERS[tone % len(MARKERS)],
                       color=COLOURS[tone % len(COLOURS)], label=textwrap.fill(label, 22), **dots)  # fmt: skip
    quantiles.axline((0, 0), slope=1, color=GREY, linewidth=0.8)
    quantiles.set_xlabel("normal quantile")
    quantiles.legend(frameon=False, fontsize=9, loc="upper left", handletextpad=0.3)
    time.plot(rows["x"], rows["residual"], marker="o", color=BLUE, alpha=0.35, **dots)
    spreads = rows.groupby("x")["residual"].agg(["mean", "std", "size"])
    spreads = spreads[spreads["size"] > 2]
    time.errorbar(spreads.index, spreads["mean"], yerr=spreads["std"], color=INK, fmt="s", markersize=4, linewidth=1.2)
    time.set_xlabel("time (mean ± SD)")
    time.xaxis.set_major_locator(MaxNLocator(integer=True))
    earlier = rows.groupby("unit")["residual"].shift(1)
    next_to = rows.groupby("unit")["x"].diff() == 1
    before.plot(earlier[next_to], rows["residual"][next_to], marker="o", color=BLUE, alpha=0.5, **dots)
    r = float(np.corrcoef(earlier[next_to], rows["residual"][next_to])[0, 1]) if next_to.sum() > 2 else float("nan")
    before.set_xlabel(f"residual before (r = {r:.2f})".replace("-", "−"))
    for panel in (first, time, before):
        panel.axhline(0, color=GREY, linewidth=0.8)
    first.set_ylabel("standardised residual")
    time.set_ylabel("standardised residual")
    return first


def influence_panels(levels: pd.DataFrame, changes: pd.DataFrame, *, most: int = 12) -> Axes:
    """Draw Cook's distance of the most influential levels, and what leaving them out changes; returns the first panel.

    Parameters
    ----------
    levels : DataFrame
        ``level``, ``cooks_distance``.
    changes : DataFrame
        ``level``, ``term``, ``change_in_se``: change of each fixed effect in its standard errors.
    most : int
        How many levels are drawn.
    """
    shown = levels.sort_values("cooks_distance", ascending=False).head(most).iloc[::-1].reset_index(drop=True)
    terms = [term for term in dict.fromkeys(changes["term"]) if term != "Intercept"]
    called = {term: textwrap.fill(str(term), LEGEND) for term in terms}
    lines = sum(text.count("\n") + 1 for text in called.values())
    figure, (left, right) = new_axes(height=1.0 + 0.22 * len(shown) + 0.19 * lines, columns=2)
    left.hlines(shown.index, 0, shown["cooks_distance"], color=BLUE, linewidth=1.2)
    left.plot(shown["cooks_distance"], shown.index, linestyle="none", marker="o", markersize=5, color=BLUE)
    left.set_yticks(range(len(shown)), shown["level"], fontsize=9)
    left.set_xlabel("Cook's distance")
    place = {level: row for row, level in enumerate(shown["level"])}
    for tone, term in enumerate(terms):
        rows = changes[(changes["term"] == term) & changes["level"].isin(place)]
        right.plot(rows["change_in_se"], [place[level] for level in rows["level"]], linestyle="none", markersize=5,
                   marker=MARKERS[tone % len(MARKERS)], color=COLOURS[tone % len(COLOURS)], label=called[term],
                   markerfacecolor="none")  # fmt: skip
    right.axvline(0, color=GREY, linewidth=0.9, linestyle=":")
    right.set_yticks(range(len(shown)), [""] * len(shown))
    right.set_xlabel("change without it, in SE")
    if terms:
        figure.legend(loc="outside upper left", frameon=False, fontsize=9, handletextpad=0.4)
    return left
