"""The figure of a therapist's page: per behaviour the mean against team and threshold, and the course over sessions.

Own values are filled circles, the team an open diamond, the threshold a dashed line: nothing rests on colour alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from doublecode.analysis.rendering.figures import BLUE, GREY, INK, STYLE, VERMILION, WIDTH_IN

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from doublecode.analysis.rendering.figures import Axes

ROW_IN: Final = 0.78
FRAME_IN: Final = 1.05
WIDE: Final = 15.0
MOST_ROWS: Final = 9
"""Behaviours in one figure: more are drawn in a second one."""


def behaviour_strips(rows: pd.DataFrame, courses: pd.DataFrame) -> Axes:
    """Draw a strip per behaviour: left the means with their intervals, right the course over session numbers.

    Parameters
    ----------
    rows : DataFrame
        ``level, name, label, mean, mean_low, mean_high, team, team_low, team_high, threshold, low, high, slope``: a row
        per behaviour whose mean is known, in points of its scale; `low` and `high` are the ends of the axis.
    courses : DataFrame
        ``level, name, session, mean``: means of the session numbers that are shown.

    Returns
    -------
    Axes
        The first strip.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    n = len(rows)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, FRAME_IN + ROW_IN * n), layout="constrained", facecolor="white")
        FigureCanvasAgg(figure)
        panels = figure.subplots(n, 2, squeeze=False, width_ratios=(1.5, 1.0), sharex=False)
        last = _last_session(courses)
        for at, row in enumerate(rows.to_dict("records")):
            _strip(panels[at, 0], row)
            own = courses[(courses["level"] == row["level"]) & (courses["name"] == row["name"])]
            _course(panels[at, 1], row, own, last, is_bottom=at == n - 1)
        panels[-1, 0].set_xlabel("Points of the scale, 95% CI", fontsize=9)
        panels[-1, 1].set_xlabel("Session", fontsize=9)
        _legend(figure, panels[0, 0], rows)
    first: Axes = panels[0, 0]
    return first


def _last_session(courses: pd.DataFrame) -> float:
    return float(courses["session"].max()) if len(courses) else 1.0


def _strip(axes: Axes, row: dict[Any, Any]) -> None:
    """Own mean above, the team below, the threshold through both."""
    axes.set_title(str(row["label"]), loc="left", fontsize=9, pad=3)
    axes.set_ylim(-0.5, 1.5)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.plot([row["mean_low"], row["mean_high"]], [1, 1], color=BLUE, linewidth=2.2, solid_capstyle="butt")
    axes.plot([row["mean"]], [1], "o", color=BLUE, markersize=6.5)
    if np.isfinite(row["team"]):
        axes.plot([row["team_low"], row["team_high"]], [0, 0], color=GREY, linewidth=1.6, solid_capstyle="butt")
        axes.plot([row["team"]], [0], "D", markerfacecolor="white", markeredgecolor=INK, markersize=5.5)
    if np.isfinite(row["threshold"]):
        axes.axvline(row["threshold"], color=VERMILION, linestyle="--", linewidth=1.4)
    axes.set_xlim(*_ends(row))


def _ends(row: dict[Any, Any]) -> tuple[float, float]:
    """The range of the scale, wider where an interval leaves it; of an open range what is drawn."""
    drawn = [row[name] for name in ("mean", "mean_low", "mean_high", "team_low", "team_high", "threshold")]
    known = [float(value) for value in drawn if np.isfinite(value)]
    if _is_drawn_whole(row):
        known += [float(row["low"]), float(row["high"])]
    low, high = min(known, default=0.0), max(known, default=1.0)
    room = 0.03 * (high - low or 1.0)
    return low - room, high + room


def _is_drawn_whole(row: dict[Any, Any]) -> bool:
    """Whether the axis shows the whole range of the scale: not where that is open, or the values fill a tenth of it."""
    drawn = [abs(row[name]) for name in ("mean", "mean_high", "team_high") if np.isfinite(row[name])]
    return bool(np.isfinite(row["high"]) and row["high"] - row["low"] <= WIDE * max(drawn, default=1.0))


def _course(axes: Axes, row: dict[Any, Any], course: pd.DataFrame, last: float, *, is_bottom: bool) -> None:
    """Means of the session numbers and the slope through their centre."""
    from matplotlib.ticker import MaxNLocator

    axes.tick_params(labelsize=8, labelbottom=is_bottom)
    axes.set_xlim(0.5, max(last, 2.0) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
    if course.empty:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "too few patients", transform=axes.transAxes, ha="center", va="center", fontsize=8.5,
                  color=GREY)  # fmt: skip
        return
    x, y = course["session"].to_numpy(dtype=float), course["mean"].to_numpy(dtype=float)
    axes.plot(x, y, "o", color=BLUE, markersize=4)
    if np.isfinite(row["slope"]) and len(x) > 1:
        ends = np.array([x.min(), x.max()])
        axes.plot(ends, y.mean() + row["slope"] * (ends - x.mean()), color=INK, linewidth=1.3)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=3))
    low, high = _ends(row) if _is_drawn_whole(row) else (min(0.0, y.min()), y.max() * 1.15 + 1e-9)
    margin = 0.06 * (high - low)  # a mark on the edge is whole
    axes.set_ylim(low - margin, high + margin)


def _legend(figure: Figure, axes: Axes, rows: pd.DataFrame) -> None:
    """Say what the marks are; only of those that are drawn."""
    from matplotlib.lines import Line2D

    marks = [Line2D([], [], color=BLUE, marker="o", linewidth=2.2, markersize=6.5, label="this therapist")]
    if rows["team"].notna().any():
        marks.append(Line2D([], [], color=GREY, marker="D", markerfacecolor="white", markeredgecolor=INK,
                            linewidth=1.6, markersize=5.5, label="the other therapists"))  # fmt: skip
    if rows["threshold"].notna().any():
        marks.append(Line2D([], [], color=VERMILION, linestyle="--", linewidth=1.4, label="threshold"))
    figure.legend(handles=marks, loc="outside upper left", ncols=3, frameon=False, fontsize=9)
