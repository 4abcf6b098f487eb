"""Figures of change: values after against values before, and courses with sudden gains; readable in grey."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from doublecode.analysis.rendering.figures import BLUE, GREEN, GREY, INK, VERMILION, legend_above, own_or_given

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_LOOKS: Final = {
    "recovered": (GREEN, "D", GREEN), "improved": (BLUE, "o", BLUE), "unchanged": (GREY, "o", "white"),
    "deteriorated": (VERMILION, "X", VERMILION),
}  # fmt: skip


def before_and_after(
    people: pd.DataFrame,
    smallest: float,
    cutoff: float | None,
    *,
    names: tuple[str, str] = ("before", "after"),
    ax: Axes | None = None,
) -> Axes:
    """Draw values after against values before, the band of no reliable change, and the cut-off.

    Parameters
    ----------
    people : DataFrame
        ``before``, ``after`` and ``category`` (recovered, improved, unchanged, deteriorated).
    smallest : float
        Smallest reliable change, in units of the outcome.
    cutoff : float or None
    names : (str, str)
        Of the axes.
    ax : Axes, optional
    """
    axes = own_or_given(ax, height=4.4)
    values = people[["before", "after"]].to_numpy(float)
    edge = 0.06 * float(np.ptp(values)) or 1.0
    low, high = float(values.min()) - edge, float(values.max()) + edge
    ends = np.array([low, high])
    axes.fill_between(ends, ends - smallest, ends + smallest, color="#eef1f6", linewidth=0, zorder=0)
    axes.plot(ends, ends, color=GREY, linewidth=0.8)
    for off in (-smallest, smallest):
        axes.plot(ends, ends + off, color=GREY, linewidth=0.8, linestyle="--")
    if cutoff is not None:
        axes.axhline(cutoff, color=INK, linewidth=0.8, linestyle=":")
        axes.axvline(cutoff, color=INK, linewidth=0.8, linestyle=":")
    for kind, (colour, marker, fill) in _LOOKS.items():
        some = people[people["category"] == kind]
        if len(some):
            axes.plot(some["before"], some["after"], linestyle="none", marker=marker, markersize=6, color=colour,
                      markerfacecolor=fill, markeredgecolor=INK if fill != "white" else GREY, markeredgewidth=0.7,
                      label=f"{kind} ({len(some)})")  # fmt: skip
    _count_doubles(axes, people)
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    axes.set_aspect("equal")
    if bool(np.all(values == np.round(values))):
        from matplotlib.ticker import MaxNLocator

        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(integer=True, nbins=7))
    axes.set_xlabel(names[0])
    axes.set_ylabel(names[1])
    legend_above(axes)
    return axes


def _count_doubles(axes: Axes, people: pd.DataFrame) -> None:
    """Write beside a mark of how many patients it is, where several lie on one another."""
    points = list(zip(people["before"].astype(float), people["after"].astype(float), strict=True))
    for point in dict.fromkeys(one for one in points if points.count(one) > 1):
        text = f"{points.count(point)}"
        axes.annotate(text, point, xytext=(5, 4), textcoords="offset points", fontsize=8, color=INK)
