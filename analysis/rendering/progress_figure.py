"""How far each rater is, as a bar: states differ by colour, by brightness and by hatching."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from doublecode.analysis.rendering.figures import BLUE, INK, ORANGE, STYLE, new_axes

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.rendering.figures import Axes

BARS: Final = (
    ("stored", "stored", BLUE, ""),
    ("returned", "returned", "#9ccbe8", ".."),
    ("to_mend", "to mend", ORANGE, "//"),
    ("open", "open", "#ffffff", ""),
)
"""Column, words, colour and hatching of each state, done ones first."""


def progress_bars(raters: pd.DataFrame) -> Axes:
    """Draw a bar per rater: assignments by state.

    Parameters
    ----------
    raters : DataFrame
        ``rater, stored, returned, to_mend, open``.
    """
    import matplotlib as mpl

    names = [str(name) for name in raters["rater"]]
    figure, (axes,) = new_axes(1.1 + 0.32 * len(names))
    start = [0.0] * len(names)
    with mpl.rc_context({**STYLE, "hatch.linewidth": 0.6}):
        for state, words, colour, hatch in BARS:
            widths = [float(n) for n in raters[state]]
            axes.barh(
                names, widths, 0.62, start, label=words, color=colour, hatch=hatch, edgecolor=INK, linewidth=0.6
            )  # fmt: skip
            start = [one + more for one, more in zip(start, widths, strict=True)]
        axes.invert_yaxis()
        axes.set_xlabel("Assignments")
        axes.set_xlim(0, max(1.0, *start))
        axes.tick_params(axis="y", length=0)
        figure.legend(loc="outside upper left", ncols=4, frameon=False, handlelength=1.4, columnspacing=1.2)
    return axes
