"""The figure of an interaction: lines of the model with their bands, and the data behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from doublecode.analysis.rendering.figures import (
    COLOURS,
    GREY,
    LINES,
    MANY_POINTS,
    MARKERS,
    folded,
    legend_above,
    new_axes,
)

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.rendering.figures import Axes

BAND = 0.13
"""Strength of a band: two of them over each other leave the lines and points readable."""


def interaction(
    points: pd.DataFrame,
    lines: pd.DataFrame,
    *,
    predictor: str,
    outcome: str,
    moderator: str,
    groups: Any = None,
    x_label: str = "",
    y_label: str = "",
    title: str = "",
) -> Axes:
    """Draw lines of an interaction over the observed range of the predictor, with the data behind them.

    Lines differ by colour and stroke, groups of points by colour and marker, so that they can be told apart in grey.

    Parameters
    ----------
    points : pandas.DataFrame
        The rows of the model: columns `predictor` and `outcome`.
    lines : pandas.DataFrame
        One row per point of a line: ``label``, ``x``, ``y``, and ``low``, ``high`` of its band where it has one.
    moderator : str
        Whose values the labels are: the heading of the legend.
    groups : ndarray, optional, shape (n_points,)
        Label of the line that each point goes with.
    """
    _, (axes,) = new_axes(height=3.7)
    labels = list(dict.fromkeys(map(str, lines["label"])))
    _draw_points(axes, points[predictor].to_numpy(), points[outcome].to_numpy(), labels, groups)
    for tone, (label, ends) in enumerate(lines.groupby("label", sort=False)):
        colour, style = COLOURS[tone % len(COLOURS)], LINES[tone % len(LINES)]
        if "low" in lines.columns:
            axes.fill_between(
                ends["x"], ends["low"], ends["high"], facecolor=(colour, BAND), edgecolor=(colour, 0.6),
                linestyle=style, linewidth=0.6,
            )  # fmt: skip
        drawn = ends.iloc[[0, -1]] if _is_straight(ends["y"].to_numpy(dtype=float)) else ends
        axes.plot(drawn["x"], drawn["y"], color=colour, linestyle=style, linewidth=2, label=str(label))
    axes.set_xlabel(folded(x_label or predictor, 60))
    axes.set_ylabel(folded(y_label or outcome))
    if title:
        axes.set_title(title, loc="left")
    legend_above(axes, title=folded(moderator, 70))
    return axes


def _is_straight(y: Any) -> bool:
    """Whether values at even steps lie on a line, of which the ends are enough."""
    return len(y) > 2 and bool(np.abs(np.diff(y, 2)).max() <= 1e-9 * max(np.ptp(y), 1e-300))


def _draw_points(axes: Axes, x: Any, y: Any, labels: list[str], groups: Any) -> None:
    """The data: grey, or with the colour and marker of their group, filled and hollow in turn."""
    many = len(x) > MANY_POINTS
    if groups is None:
        axes.plot(x, y, linestyle="none", marker="o", markersize=4, color=GREY, alpha=0.45, markeredgewidth=0,
                  rasterized=many)  # fmt: skip
        return
    for tone, label in enumerate(labels):
        here = np.asarray(groups) == label
        colour = COLOURS[tone % len(COLOURS)]
        axes.plot(x[here], y[here], linestyle="none", marker=MARKERS[tone % len(MARKERS)], markersize=4.5,
                  color=colour, alpha=0.7, markerfacecolor=colour if tone % 2 == 0 else "white",
                  rasterized=many)  # fmt: skip
