"""Figures of a meta-analysis: a forest of studies, and a funnel; readable in grey."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

import numpy as np

from doublecode.analysis.rendering.figures import (
    BLUE,
    FOREST_FRAME_IN,
    FOREST_ROW_IN,
    GREY,
    INK,
    LABEL,
    ORANGE,
    VERMILION,
    own_or_given,
)
from doublecode.analysis.rendering.tables import format_interval, format_number

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from doublecode.analysis.rendering.tables import Kind

ROW_KINDS: Final = ("study", "pooled", "prediction", "reference", "own")
SMALLEST, LARGEST = 3.0, 9.0


def forest_of_studies(
    rows: pd.DataFrame,
    *,
    x_label: str,
    null: float | None = 0.0,
    kind: Kind = "number",
    log: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw studies with their intervals, and below them what is pooled, predicted, printed elsewhere or one's own.

    Parameters
    ----------
    rows : DataFrame
        One row each, top to bottom: ``label``, ``estimate``, ``conf_low``, ``conf_high``, ``weight`` (per cent; NaN
        where there is none) and ``kind``: ``study`` (a square as large as its weight), ``pooled`` (a diamond),
        ``prediction`` (a bar), ``reference`` (an open circle), ``own`` (a filled diamond of another colour). Values
        are on the scale that is shown; a missing limit is not drawn.
    x_label : str
    null : float or None
        Where a line of no effect is drawn.
    kind : {"number", "bounded"}
        How numbers are written.
    log : bool
        Whether the axis is one of ratios.
    ax : Axes, optional
        Where to draw; a figure of its own by default.
    """
    labels = ["\n".join(textwrap.wrap(str(label), LABEL)) for label in rows["label"]]
    places, depth = _places(labels, rows["kind"].tolist())
    axes = own_or_given(ax, height=FOREST_FRAME_IN + FOREST_ROW_IN * depth)
    if log:
        axes.set_xscale("log")
    if null is not None:
        axes.axvline(null, color=GREY, linewidth=0.9)
    weights = rows["weight"].to_numpy(float)
    largest = float(np.nanmax(weights)) if np.isfinite(weights).any() else 1.0
    for place, row in zip(places, rows.to_dict("records"), strict=True):
        share = row["weight"] / largest if np.isfinite(row["weight"]) else 0.3
        _draw_row(axes, place, {str(name): value for name, value in row.items()}, float(share))
        text = format_number(row["estimate"], kind) if np.isfinite(row["estimate"]) else ""
        limits = format_interval(row["conf_low"], row["conf_high"], kind) if np.isfinite(row["conf_low"]) else ""
        axes.text(
            1.02, place, f"{text} {limits}".strip(), transform=axes.get_yaxis_transform(), va="center", fontsize=8.5
        )
    for above, below, one, two in zip(places, places[1:], rows["kind"], rows["kind"].iloc[1:], strict=False):
        if one != two and "prediction" not in (one, two):
            axes.axhline((above + below) / 2, color="#c9ced8", linewidth=0.8)
    axes.set_ylim(depth - 0.4, -0.7)
    axes.set_yticks(places, labels, fontsize=9, linespacing=0.95)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(x_label)
    return axes


def _places(labels: list[str], kinds: list[str]) -> tuple[list[float], float]:
    places, top = [], 0.0
    for place, label in enumerate(labels):
        if place and kinds[place] != kinds[place - 1] and kinds[place] != "prediction":
            top += 0.35
        depth = max(1.0, 0.62 * (1 + label.count("\n")))
        places.append(top + (depth - 1) / 2)
        top += depth
    return places, top


def _draw_row(axes: Axes, place: float, row: dict[str, object], share: float) -> None:
    middle, low, high = (float(str(row[name])) for name in ("estimate", "conf_low", "conf_high"))
    has_limits = np.isfinite(low) and np.isfinite(high)
    kind = row["kind"]
    if kind == "pooled" and has_limits:
        axes.fill([low, middle, high, middle], [place, place - 0.3, place, place + 0.3], color=VERMILION,
                  edgecolor=INK, linewidth=0.8, zorder=3)  # fmt: skip
        return
    if kind == "prediction":
        axes.plot([low, high], [place, place], color=VERMILION, linewidth=4, alpha=0.45, solid_capstyle="butt")
        axes.plot([low, high], [place, place], color=INK, linewidth=0.8, linestyle=":")
        return
    colour, marker, fill = {
        "study": (BLUE, "s", BLUE), "reference": (INK, "o", "white"), "own": (ORANGE, "D", ORANGE),
    }.get(str(kind), (INK, "D", VERMILION))  # fmt: skip
    if has_limits:
        axes.plot([low, high], [place, place], color=INK if kind != "study" else colour, linewidth=1.3, zorder=2,
                  linestyle="--" if kind == "reference" else "-")  # fmt: skip
    size = SMALLEST + (LARGEST - SMALLEST) * np.sqrt(share) if kind == "study" else 7.0
    axes.plot([middle], [place], marker=marker, markersize=float(size), markerfacecolor=fill, markeredgecolor=INK,
              markeredgewidth=0.8, linestyle="none", zorder=3)  # fmt: skip


def funnel(
    studies: pd.DataFrame,
    centre: float,
    *,
    x_label: str,
    conf_level: float,
    filled: pd.DataFrame | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw effects against their standard errors, with the region in which studies of one true effect lie.

    Parameters
    ----------
    studies, filled : DataFrame
        ``estimate`` and ``std_error``, on the scale of pooling; `filled` are mirrored studies, drawn open.
    centre : float
        The pooled effect.
    x_label : str
    conf_level : float
        Of the region, by sampling error alone.
    ax : Axes, optional
    """
    from scipy.special import ndtri

    axes = own_or_given(ax, height=3.8)
    errors = studies["std_error"].to_numpy(float)
    deepest = 1.08 * float(max(errors.max(), 0.0 if filled is None or not len(filled) else filled["std_error"].max()))
    reach = float(ndtri(0.5 + conf_level / 2)) * deepest
    axes.fill([centre - reach, centre, centre + reach], [deepest, 0.0, deepest], color="#eef1f6", zorder=0)
    share = f"{100 * conf_level:g} % of studies of one true effect"
    axes.plot([centre - reach, centre, centre + reach], [deepest, 0.0, deepest], color=GREY, linewidth=0.9,
              linestyle="--", label=share)  # fmt: skip
    axes.axvline(centre, color=INK, linewidth=0.9, label="pooled effect")
    axes.plot(studies["estimate"], errors, linestyle="none", marker="o", markersize=6, color=BLUE, markeredgecolor=INK,
              markeredgewidth=0.6, label="studies")  # fmt: skip
    if filled is not None and len(filled):
        axes.plot(filled["estimate"], filled["std_error"], linestyle="none", marker="o", markersize=6,
                  markerfacecolor="white", markeredgecolor=INK, label="mirrored by trim and fill")  # fmt: skip
    axes.set_ylim(deepest, 0.0)
    axes.set_xlabel(x_label)
    axes.set_ylabel("Standard error")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.01), ncols=2, frameon=False, fontsize=8.5, borderaxespad=0)
    return axes
