"""The figure of a flow: a box for each step with its number, and beside the arrows who left, and why."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from doublecode.analysis.rendering.figures import GREY, INK, LONGEST_IN, STYLE, WIDTH_IN

if TYPE_CHECKING:
    from doublecode.analysis.rendering.figures import Axes

LINE_IN: Final = 0.16
"""Height of a line of text, in inches."""
PAD_IN: Final = 0.07
GAP_IN: Final = 0.28
LETTER_IN: Final = 0.071
"""Width of a letter of the boxes, in inches: the mean of the font at its size, a little more."""
FONT: Final = 9.0
_SIDE: Final = "#f3f4f6"
_GONE: Final = {"patients": "Left", "sessions": "Not rated"}
_INDENT: Final = "\u00a0\u00a0"


@dataclass(frozen=True)
class Box:
    """A step of a flow.

    Parameters
    ----------
    label : str
    n : int
    lost : tuple of (str, int)
        Why some left before the next step, and how many.
    """

    label: str
    n: int
    lost: tuple[tuple[str, int], ...] = ()


def flow_chart(lanes: Sequence[tuple[str, Sequence[Box]]], unit: str = "patients") -> Axes:
    """Draw a flow: a column of boxes per lane, and a box beside the arrow for those who left.

    Boxes are told apart by place and frame, not by colour, so that the figure reads in grey and on a phone.

    Parameters
    ----------
    lanes : sequence of (str, sequence of Box)
        Title and steps of each lane; several lanes stand below one another.
    unit : str
        What is counted.

    Returns
    -------
    Axes
        In inches, the origin at the upper left.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawn = [_Lane(title, boxes, _GONE.get(unit, "Left")) for title, boxes in lanes]
    height = sum(lane.height for lane in drawn) + GAP_IN * (len(drawn) - 1) + PAD_IN
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, height), facecolor="white")
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set(xlim=(0, WIDTH_IN), ylim=(height, 0))
    axes.set_axis_off()
    top = PAD_IN
    for lane in drawn:
        lane.draw(axes, top)
        top += lane.height + GAP_IN
    return axes


class _Lane:
    """One column of boxes, measured before it is drawn."""

    MAIN_IN: Final = 2.5
    SIDE_IN: Final = 2.55

    def __init__(self, title: str, boxes: Sequence[Box], gone: str) -> None:
        self.gone = gone
        self.title = textwrap.wrap(title, int(WIDTH_IN / LETTER_IN)) if title else []
        self.main = [_folded(f"{box.label} {_n(box.n)}", self.MAIN_IN) for box in boxes]
        self.side = [self._side(box) for box in boxes]
        self.head = LINE_IN * len(self.title) + (PAD_IN if title else 0.0)
        self.gaps = [max(GAP_IN, _height(lines) + 2 * PAD_IN) if lines else GAP_IN for lines in self.side]
        self.height = self.head + sum(map(_height, self.main)) + sum(self.gaps[:-1]) + 0.04

    def _side(self, box: Box) -> list[str]:
        if not box.lost:
            return []
        total = sum(n for _, n in box.lost)
        if len(box.lost) == 1:
            return _folded(f"{self.gone} {_n(total)}: {box.lost[0][0]}", self.SIDE_IN)
        lines = [f"{self.gone} {_n(total)}"]
        for why, n in box.lost:
            first, *more = _folded(f"•\u00a0{why} {_n(n)}", self.SIDE_IN)
            lines += [first, *(_INDENT + line for line in more)]
        return lines

    def draw(self, axes: Axes, top: float) -> None:
        """Draw title, boxes, arrows and those who left."""
        if self.title:
            axes.text(0.05, top, "\n".join(self.title), va="top", fontsize=FONT, fontweight="bold")
        y, middle = top + self.head + 0.02, 0.05 + self.MAIN_IN / 2
        for at, lines in enumerate(self.main):
            _box(axes, 0.05, y, self.MAIN_IN, lines, "white", centred=True)
            y += _height(lines)
            if at + 1 == len(self.main):
                break
            gap = self.gaps[at]
            _arrow(axes, (middle, y), (middle, y + gap))
            if self.side[at]:
                left, depth = WIDTH_IN - self.SIDE_IN - 0.05, _height(self.side[at])
                _arrow(axes, (middle, y + gap / 2), (left, y + gap / 2))
                _box(axes, left, y + (gap - depth) / 2, self.SIDE_IN, self.side[at], _SIDE, centred=False)
            y += gap


def flow_parts(lanes: Sequence[tuple[str, Sequence[Box]]], unit: str) -> list[Sequence[tuple[str, Sequence[Box]]]]:
    """Cut the lanes of a flow into figures, none of them longer than a page of Word."""
    parts: list[list[tuple[str, Sequence[Box]]]] = []
    room = 0.0
    for title, boxes in lanes:
        height = _Lane(title, boxes, _GONE.get(unit, "Left")).height + GAP_IN
        if not parts or height > room:
            parts.append([])
            room = LONGEST_IN
        parts[-1].append((title, boxes))
        room -= height
    return list(parts)


def _n(n: int) -> str:
    """A number of people or sessions, in brackets that no line breaks."""
    return f"(n\u00a0=\u00a0{n:,})"


def _folded(text: str, width: float) -> list[str]:
    return textwrap.wrap(text, int((width - 0.2) / LETTER_IN))


def _height(lines: Sequence[str]) -> float:
    return LINE_IN * len(lines) + 2 * PAD_IN


def _box(axes: Axes, x: float, y: float, width: float, lines: Sequence[str], fill: str, *, centred: bool) -> None:
    from matplotlib.patches import Rectangle

    height = _height(lines)
    axes.add_patch(Rectangle((x, y), width, height, facecolor=fill, edgecolor=INK, linewidth=0.9))
    place: dict[str, Any] = {"ha": "center", "x": x + width / 2} if centred else {"ha": "left", "x": x + 0.1}
    axes.text(y=y + height / 2, s="\n".join(lines), va="center", fontsize=FONT, linespacing=1.25, color=INK, **place)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.annotate(
        "", end, start, arrowprops={"arrowstyle": "-|>", "color": GREY, "linewidth": 1.1, "shrinkA": 0, "shrinkB": 0}
    )
