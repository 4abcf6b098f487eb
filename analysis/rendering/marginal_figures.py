"""Figures of marginal means: estimates with limits over levels, and courses side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from doublecode.analysis.rendering.figures import COLOURS, LINES, MARKERS, new_axes

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.rendering.figures import Axes

BESIDE = 0.12
"""How far the estimates of two groups stand apart on an axis of levels."""


def marginal_courses(
    frame: pd.DataFrame, over: str, by: str | None = None, *, x_label: str = "", y_label: str = ""
) -> Axes:
    """Draw estimates with their limits over the levels of one variable, one course per level of another.

    Courses differ by colour, marker and line, so that they can be told apart in grey.

    Parameters
    ----------
    frame : DataFrame
        ``estimate``, ``conf_low``, ``conf_high`` and the columns `over` and `by`.
    over : str
        On the horizontal axis: at its numbers, or its levels side by side.
    by : str, optional
        One course per level.
    """
    _, (axes,) = new_axes(height=3.4)
    number = frame[over].dtype.kind in "iuf" and len(set(frame[over])) > 1
    levels = list(dict.fromkeys(frame[over]))
    groups: list[tuple[Any, pd.DataFrame]] = list(frame.groupby(by, sort=False)) if by else [("", frame)]
    width = float(np.ptp(np.asarray(levels, dtype=float))) / max(len(levels) - 1, 1) if number else 1.0
    for tone, (label, part) in enumerate(groups):
        places = part[over].to_numpy(dtype=float) if number else np.array([levels.index(one) for one in part[over]])
        x = places + (tone - (len(groups) - 1) / 2) * BESIDE * width
        colour = COLOURS[tone % len(COLOURS)]
        axes.vlines(x, part["conf_low"], part["conf_high"], linewidth=1.8, color=colour)
        axes.plot(x, part["estimate"], marker=MARKERS[tone % len(MARKERS)], markersize=6,
                  linestyle=LINES[tone % len(LINES)], linewidth=1.2, label=_text(label), color=colour)  # fmt: skip
    ticks = np.asarray(levels, dtype=float) if number else np.arange(len(levels), dtype=float)
    axes.set_xticks(ticks, [_text(level) for level in levels])
    margin = 0.5 * width
    axes.set_xlim(float(ticks.min()) - margin, float(ticks.max()) + margin)
    axes.set_xlabel(x_label or over)
    axes.set_ylabel(y_label or "estimate")
    axes.grid(axis="y", color="#e6e9ef", linewidth=0.7)
    axes.set_axisbelow(True)
    if by:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.01), ncols=3, frameon=False, fontsize=9, borderaxespad=0,
                    title=by, title_fontsize=9, alignment="left")  # fmt: skip
    return axes


def _text(level: Any) -> str:
    return f"{level:g}" if isinstance(level, float) else str(level)
