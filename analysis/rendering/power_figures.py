"""Power over what a plan can still change: curves or a map, limits of the simulation, the line that is asked for.

Drawn as wide as they are printed (8 cm), so that letters keep their size; curves differ by marker and line as well as
by colour, and cells of a map carry their number, so that nothing is lost in grey.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

from doublecode.analysis.rendering.figures import COLOURS, GREY, INK, LINES, MARKERS, STYLE
from doublecode.analysis.rendering.tables import format_number
from doublecode.analysis.rendering.wording.power_words import value_words

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from doublecode.analysis.rendering.figures import Axes

ASKED: Final = 0.80
PRINTED_IN: Final = 8 / 2.54
HEIGHT_IN: Final = 2.45
SMALL: Final = 7.0
MOST_TICKS: Final = 8
LINE_LETTERS: Final = 66
"""Letters of a caption that stand in a line of 8 cm."""
Shape = Literal["lines", "map"]


def power_curve(
    frame: pd.DataFrame,
    varied: Sequence[str],
    names: Sequence[str],
    *,
    ax: Axes | None = None,
    shape: Shape = "lines",
) -> Axes:
    """Draw power over one or two parts of a plan: a curve for each value of the second, or a map of both.

    Parameters
    ----------
    frame : DataFrame
        The varied parts, ``power``, ``power_low``, ``power_high``; one effect.
    varied, names : sequence of one or two str
        Columns, and what the axis and the legend call them.
    ax : Axes, optional
    shape : {"lines", "map"}
        A map needs two parts.
    """
    axes = _small_axes() if ax is None else ax
    if shape == "map":
        _draw_map(axes, frame, varied, names)
        return axes
    x, by = varied[0], varied[1] if len(varied) > 1 else None
    groups = [("", frame)]
    if by is not None:
        parts = frame.groupby(by, sort=True, observed=True)
        groups = [(value_words(by, float(str(value))), rows) for value, rows in parts]
    for place, (label, rows) in enumerate(groups):
        ordered = rows.sort_values(x)
        colour = COLOURS[place % len(COLOURS)]
        axes.fill_between(
            ordered[x], ordered["power_low"], ordered["power_high"], color=colour, alpha=0.18, linewidth=0
        )
        axes.plot(ordered[x], ordered["power"], color=colour, marker=MARKERS[place % len(MARKERS)], markersize=4.2,
                  markeredgecolor=INK, markeredgewidth=0.5, linewidth=1.3, linestyle=LINES[place % len(LINES)],
                  label=label or None)  # fmt: skip
    axes.axhline(ASKED, color=GREY, linewidth=0.8, linestyle=(0, (1, 2)), zorder=0)
    axes.annotate(".80", (1.0, ASKED), xycoords=("axes fraction", "data"), xytext=(3, 0), textcoords="offset points",
                  va="center", color=GREY, fontsize=SMALL)  # fmt: skip
    ticks = sorted({float(one) for one in frame[x]})
    if len(ticks) <= MOST_TICKS:
        axes.set_xticks(ticks, [value_words(x, one) for one in ticks])
    axes.set_xlabel(names[0])
    axes.set_ylabel("Power")
    axes.set_ylim(0, 1.02)
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    axes.yaxis.set_major_formatter(lambda value, _: format_number(value, "bounded") if 0 < value < 1 else f"{value:g}")
    if by is not None:
        axes.legend(title=names[1], loc="lower left", bbox_to_anchor=(0, 1.01), ncols=4, frameon=False, fontsize=SMALL,
                    title_fontsize=SMALL, borderaxespad=0, columnspacing=1.2, handlelength=2.6)  # fmt: skip
    return axes


def with_caption(figure: Figure, text: str) -> Figure:
    """Write a caption under a small figure, which grows by its lines; a term such as ``(1 | g)`` stays in one."""
    whole = re.sub(r"\([^()]*\|[^()]*\)", lambda term: term.group().replace(" ", "\N{NO-BREAK SPACE}"), text)
    lines = textwrap.wrap(whole.replace("*", ""), LINE_LETTERS)
    figure.set_figheight(figure.get_figheight() + 0.115 * len(lines) + 0.08)
    figure.supxlabel("\n".join(lines), x=0.012, ha="left", fontsize=6.2, linespacing=1.2, color=INK)
    return figure


def _small_axes() -> Axes:
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    small: Any = {
        "font.size": 8.0,
        "axes.linewidth": 0.7,
        "xtick.labelsize": SMALL + 0.5,
        "ytick.labelsize": SMALL + 0.5,
    }
    with mpl.rc_context({**STYLE, **small}):
        figure = Figure(figsize=(PRINTED_IN, HEIGHT_IN), layout="constrained", facecolor="white")
        FigureCanvasAgg(figure)
        return figure.subplots()


def _draw_map(axes: Axes, frame: pd.DataFrame, varied: Sequence[str], names: Sequence[str]) -> None:
    """Cells of power, each with its number and half the width of its limits; those from .80 on have a frame."""
    from matplotlib.patches import Rectangle

    table = frame.pivot_table(index=varied[1], columns=varied[0], values=["power", "power_low", "power_high"])
    power = table["power"].to_numpy()
    half = ((table["power_high"] - table["power_low"]) / 2).to_numpy()
    axes.pcolormesh(power, cmap="Blues", vmin=0, vmax=2.2, edgecolors="white", linewidth=0.8)
    size = SMALL if len(power.T) <= 7 else 5.2
    for (row, place), value in _cells(power):
        said, error = format_number(value, "bounded"), format_number(half[row, place], "bounded")
        axes.text(place + 0.5, row + 0.5, f"{said}\n±{error}", ha="center", va="center", fontsize=size,
                  linespacing=1.05, color=INK)  # fmt: skip
        if value >= ASKED:
            axes.add_patch(Rectangle((place + 0.04, row + 0.04), 0.92, 0.92, fill=False, edgecolor=INK, linewidth=1.1))
    for set_ticks, name, values in (
        (axes.set_xticks, varied[0], table["power"].columns),
        (axes.set_yticks, varied[1], table.index),
    ):
        set_ticks([place + 0.5 for place in range(len(values))], [value_words(name, float(one)) for one in values])
    axes.tick_params(length=0)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set_xlabel(names[0])
    axes.set_ylabel(names[1])


def _cells(power: Any) -> list[tuple[tuple[int, int], float]]:
    return [((row, place), float(value)) for row, cells in enumerate(power) for place, value in enumerate(cells)]
