"""Power over what a plan can still change: curves with limits of the simulation, and the line that is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from doublecode.analysis.rendering.figures import COLOURS, GREY, INK, MARKERS, own_or_given
from doublecode.analysis.rendering.tables import format_number

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.rendering.figures import Axes

ASKED: Final = 0.80
STYLES: Final = ("-", "--", "-.", ":")


def power_curve(frame: pd.DataFrame, varied: Sequence[str], names: Sequence[str], *, ax: Axes | None = None) -> Axes:
    """Draw power over the first of one or two parts of a plan, a curve for each value of the second.

    Parameters
    ----------
    frame : DataFrame
        The varied parts, ``power``, ``power_low``, ``power_high``; one effect.
    varied, names : sequence of one or two str
        Columns, and what the axis and the legend call them.
    ax : Axes, optional
    """
    axes = own_or_given(ax, height=3.6)
    x, by = varied[0], varied[1] if len(varied) > 1 else None
    groups = [("", frame)] if by is None else [(f"{names[1]} {format_number(float(str(value)), 'count')}", rows)
                                              for value, rows in frame.groupby(by, sort=True)]  # fmt: skip
    for place, (label, rows) in enumerate(groups):
        ordered = rows.sort_values(x)
        colour = COLOURS[place % len(COLOURS)]
        axes.fill_between(
            ordered[x], ordered["power_low"], ordered["power_high"], color=colour, alpha=0.18, linewidth=0
        )
        axes.plot(ordered[x], ordered["power"], color=colour, marker=MARKERS[place % len(MARKERS)], markersize=6,
                  markeredgecolor=INK, markeredgewidth=0.6, linewidth=1.8, linestyle=STYLES[place % len(STYLES)],
                  label=label or None)  # fmt: skip
    axes.axhline(ASKED, color=GREY, linewidth=1.0, linestyle=(0, (1, 2)), zorder=0)
    axes.annotate(".80", (1.0, ASKED), xycoords=("axes fraction", "data"), xytext=(4, 0), textcoords="offset points",
                  va="center", color=GREY, fontsize=9)  # fmt: skip
    axes.set_xlabel(names[0])
    axes.set_ylabel("Power")
    axes.set_ylim(0, 1.02)
    if by is not None:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.01), ncols=3, frameon=False, fontsize=8.5, borderaxespad=0)
    return axes
