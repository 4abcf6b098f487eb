"""Figures of sensitivity: estimates without each unit, and the curve of all specifications."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from doublecode.analysis.rendering.figures import (
    BLUE,
    FOREST_FRAME_IN,
    FOREST_ROW_IN,
    GREY,
    INK,
    LONGEST_IN,
    VERMILION,
    folded,
    new_axes,
)
from doublecode.schemas.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

BAND: Final = "#dfe4ec"
ROW_IN: Final = 0.19
MOST_LABELS: Final = 40
"""Of more units only those at both ends are named."""


def left_out_dots(rows: pd.DataFrame, full: Mapping[str, Any], *, x_label: str) -> Axes:
    """Draw the estimate without each unit, sorted, over the band of the full estimate.

    A unit without which significance or sign change is a filled square, the others are circles.

    Parameters
    ----------
    rows : DataFrame
        ``level``, ``estimate``, ``conf_low``, ``conf_high``, ``sign_changes``, ``significance_changes``.
    full : mapping
        ``estimate``, ``conf_low``, ``conf_high`` with all units.
    x_label : str
        Name of the coefficient.
    """
    known = rows[rows["estimate"].notna()].sort_values("estimate", kind="stable").reset_index(drop=True)
    if known.empty:
        raise UsageError("plot: nothing was left out, or nothing could be estimated without it.")
    height = min(LONGEST_IN, FOREST_FRAME_IN + 0.45 + FOREST_ROW_IN * min(len(known), MOST_LABELS))
    _, (axes,) = new_axes(height)
    axes.axvspan(full["conf_low"], full["conf_high"], color=BAND, linewidth=0, label="95% interval with all")
    axes.axvline(full["estimate"], color=INK, linewidth=1.2, linestyle="--", label="with all")
    if axes.get_xlim()[0] < 0 < axes.get_xlim()[1] or full["conf_low"] < 0 < full["conf_high"]:
        axes.axvline(0, color=GREY, linewidth=0.8, linestyle=":")
    places = known.index.to_numpy(dtype=float)
    axes.hlines(places, known["conf_low"], known["conf_high"], color=GREY, linewidth=1.1)
    changed = (known["sign_changes"] | known["significance_changes"]).to_numpy(dtype=bool)
    for chosen, marker, colour, label in (
        (~changed, "o", BLUE, "without the one named"),
        (changed, "s", VERMILION, "sign or significance changes"),
    ):
        if chosen.any():
            axes.plot(known["estimate"][chosen], places[chosen], linestyle="none", marker=marker, color=colour,
                      markersize=5.5, label=label)  # fmt: skip
    _name_rows(axes, known, changed)
    axes.set_xlabel(folded(x_label, 60))
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.01), ncols=2, frameon=False, fontsize=8.5, borderaxespad=0)
    return axes


def _name_rows(axes: Axes, known: pd.DataFrame, changed: Any) -> None:
    """Name every row, or of many the ones that change something and both ends."""
    n = len(known)
    names = [str(one) if n <= MOST_LABELS or at in (0, n - 1) or changed[at] else "" for at, one in
             enumerate(known["level"])]  # fmt: skip
    axes.set_yticks(range(n), names, fontsize=8.5)
    axes.set_ylim(n - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def specification_curve(frame: pd.DataFrame, choices: Sequence[str], *, x_label: str) -> Axes:
    """Draw all estimates in their order with their limits, and below them whether p < .05 and the choices of each.

    Filled: p < .05; open: not, which of many the first row below tells better; the declared specification is marked by
    a line and a diamond.

    Parameters
    ----------
    frame : DataFrame
        As the answer has it: one row per specification, the declared one first; what is not estimated is left out.
    choices : sequence of str
        Columns of the lower panel.
    x_label : str
        Name of the coefficient.
    """
    import numpy as np

    known = frame[frame["converged"].astype(bool) & frame["estimate"].notna()]
    if known.empty:
        raise UsageError("plot: no specification could be estimated.")
    known = known.sort_values(["estimate", "specification"], kind="stable").reset_index(drop=True)
    rows = _choice_rows(frame, choices)
    lower = ROW_IN * (len(rows) + 1) + 0.25
    axes, below = _two_panels(2.6, lower)
    x = np.arange(len(known), dtype=float)
    strong = (known["p_value"] < 0.05).to_numpy(dtype=bool)
    width = 1.4 if len(known) <= 60 else 0.7
    axes.vlines(x, known["conf_low"], known["conf_high"], color="#aab2c0", linewidth=width)
    size = 4.5 if len(known) <= 60 else 3
    for chosen, face, edge, label in ((~strong, "white", GREY, "p ≥ .05"), (strong, BLUE, BLUE, "p < .05")):
        axes.plot(x[chosen], known["estimate"][chosen], linestyle="none", marker="o", markersize=size,
                  markerfacecolor=face, markeredgecolor=edge, label=label)  # fmt: skip
    axes.axhline(0, color=GREY, linewidth=0.8, linestyle=":")
    at = np.flatnonzero(known["specification"].to_numpy() == frame["specification"].iloc[0])
    for place in at:
        axes.plot(
            [x[place]], [known["estimate"].iloc[place]], linestyle="none", marker="D", markersize=8,
            markerfacecolor="none", markeredgecolor=VERMILION, markeredgewidth=1.8, label="as declared",
        )  # fmt: skip
        below.axvline(x[place], color=VERMILION, linewidth=0.9)
    axes.set_ylabel(folded(x_label, 30))
    axes.tick_params(axis="x", length=0, labelbottom=False)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.01), ncols=3, frameon=False, fontsize=8.5, borderaxespad=0)
    _draw_choices(below, known, rows, x, strong)
    return axes


def _two_panels(upper: float, lower: float) -> tuple[Axes, Axes]:
    """Two panels above one another with one horizontal axis, of these heights in inches."""
    _, (top, low) = new_axes(upper + lower + 0.55, rows=2)
    grid: Any = top.get_gridspec()
    grid.set_height_ratios([upper, lower])
    low.sharex(top)
    return top, low


def _choice_rows(frame: pd.DataFrame, choices: Sequence[str]) -> list[tuple[str, str, bool]]:
    """Choice, value and whether it is the first of its choice: a row of the lower panel each."""
    return [
        (name, str(value), place == 0)
        for name in choices
        for place, value in enumerate(dict.fromkeys(frame[name]))
    ]  # fmt: skip


def _draw_choices(below: Axes, known: pd.DataFrame, rows: Sequence[tuple[str, str, bool]], x: Any, strong: Any) -> None:
    tall = 5.0 if len(known) <= 60 else 3.5
    below.plot(x[strong], [-1] * int(strong.sum()), linestyle="none", marker="|", markersize=tall, color=INK)
    for place, (name, value, is_first) in enumerate(rows):
        here = (known[name] == value).to_numpy(dtype=bool)
        below.plot(x[here], [place] * int(here.sum()), linestyle="none", marker="|", markersize=tall, color=INK)
        if is_first:
            below.axhline(place - 0.5, color="#d5dae3", linewidth=0.7)
    labels = ["p < .05", *(f"{name}: {value}" for name, value, _ in rows)]
    below.set_yticks(range(-1, len(rows)), [one if len(one) <= 46 else f"{one[:45]}…" for one in labels], fontsize=8)
    below.set_ylim(len(rows) - 0.4, -1.6)
    below.tick_params(axis="y", length=0)
    below.tick_params(axis="x", length=0, labelbottom=False)
    below.set_xlabel(f"{len(known)} specifications, ordered by the estimate")
    for side in ("left", "bottom"):
        below.spines[side].set_visible(False)
