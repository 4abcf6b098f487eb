"""The figures of a report: each takes a frame or a result and returns Axes; nothing global is touched.

Colours are Okabe and Ito's, which stay apart for all kinds of colour vision;
groups differ by marker or line style as well.
"""

from __future__ import annotations

import io
import math
import re
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from doublecode.analysis.rendering.document import Picture
from doublecode.analysis.results.complete_rows import has_all
from doublecode.schemas.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes as Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, VERMILION, PURPLE, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#6b7280"
INK: Final = "#1c2330"
MARKERS: Final = ("o", "s", "^", "D", "v", "P")
COLOURS: Final = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, GREY)
LINES: Final = ("-", "--", "-.", ":")
WIDTH_IN: Final = 5.6
LONGEST_IN: Final = 8.0
LABEL: Final = 30
LEGEND: Final = 52
FOREST_FRAME_IN: Final = 0.75
FOREST_ROW_IN: Final = 0.27
MANY_POINTS: Final = 600
"""A cloud of more points is drawn as a picture inside the drawing: its size stays what it is however many there are."""
FEWEST: Final = 5
STYLE: Final[Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10.0,
    "axes.titlesize": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.fonttype": "none",
}


def new_axes(
    height: float = 3.6, columns: int = 1, rows: int = 1, *, shared: bool = False
) -> tuple[Figure, list[Axes]]:
    """Return a figure of the report's width (height in inches) and its panels, row by row."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, height), layout="constrained", facecolor="white")
        FigureCanvasAgg(figure)
        panels = figure.subplots(rows, columns, squeeze=False, sharex=shared, sharey=shared)
    return figure, list(panels.ravel())


SALT: Final = {"none": "none-"}
"""What makes ids: drawings called *none* have one, too, which matplotlib would read as no salt, and ids that change."""


def render_svg(figure: Figure, name: str, description: str) -> str:
    """Draw a figure as SVG text for a page: same figure, same text.

    Every id starts with `name`, so that several drawings stand in one page; what an id cannot hold (a name of a file
    may have blanks, &, quotes) is a hyphen there. `description` is what a screen reader says.
    """
    from markupsafe import escape

    buffer = io.StringIO()
    name = re.sub(r"[^\w.-]+", "-", name)
    _draw(figure, "svg", buffer, ("Date", "Creator"), {"svg.hashsalt": SALT.get(name.casefold(), name)})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(xlink:href="#|url\(#)', rf"\g<1>{name}-", text)
    text = text.replace("'DejaVu Sans'", "'DejaVu Sans', Verdana, Arial, sans-serif")
    label = f'role="img" aria-labelledby="{name}-desc"'
    head = re.sub(r' (width|height)="[^"]*pt"', "", text[: text.index(">")])
    return f'{head} {label}>\n <desc id="{name}-desc">{escape(description)}</desc>{text[text.index(">") + 1 :]}'


def render_png(figure: Figure, dpi: int = 200) -> bytes:
    """Draw a figure as PNG for Word, without a date; 200 dots per inch are enough for what a page shows at its size."""
    buffer = io.BytesIO()
    _draw(figure, "png", buffer, ("Software",), {}, dpi)
    return buffer.getvalue()


def render_pdf(figure: Figure) -> bytes:
    """Draw a figure as PDF for a journal, letters as letters, without a date."""
    buffer = io.BytesIO()
    _draw(figure, "pdf", buffer, ("CreationDate", "Creator", "Producer"), {"pdf.fonttype": 42})
    return buffer.getvalue()


def _draw(figure: Figure, form: str, buffer: Any, untold: Sequence[str], style: Any, dots: int = 200) -> None:
    """Draw a figure once, where ``savefig`` would draw it twice; what is `untold` the file does not say."""
    import matplotlib as mpl
    from matplotlib.backends import backend_agg, backend_pdf, backend_svg

    canvas, dpi = figure.canvas, figure.dpi
    canvases = {"svg": backend_svg.FigureCanvasSVG, "pdf": backend_pdf.FigureCanvasPdf}
    own: Any = canvases.get(form, backend_agg.FigureCanvasAgg)(figure)
    figure.dpi = dots
    with mpl.rc_context({**STYLE, **style}):
        getattr(own, f"print_{form}")(buffer, metadata=dict.fromkeys(untold))
    figure.set_canvas(canvas)
    figure.dpi = dpi


def picture(axes: Axes, name: str, title: str, description: str, notes: tuple[str, ...] = ()) -> Picture:
    """Draw the figure of `axes` for page and Word; the description is printed, and read aloud by screen readers."""
    figure = figure_of(axes)
    svg = render_svg(figure, name, f"{title}. {description}")
    figure.set_layout_engine("none")  # the layout stands; computing it again for the PNG costs as much as drawing
    return Picture(name, title, description, svg, render_png(figure), (description, *notes))


def own_or_given(ax: Axes | None, height: float = 3.6) -> Axes:
    """Return the axes that a caller gave, or those of a figure of its own (height in inches)."""
    if ax is not None:
        return ax
    _, (axes,) = new_axes(height)
    return axes


def legend_beside(axes: Axes, *, inside: bool, title: str | None = None) -> None:
    """Put the legend right of the panel; `inside` it where the figure belongs to somebody else."""
    if inside:
        axes.legend(frameon=False, title=title)
    else:
        figure_of(axes).legend(loc="outside right center", frameon=False, title=title)


def figure_of(axes: Axes) -> Figure:
    """Return the figure that axes belong to."""
    from matplotlib.figure import Figure

    part = axes.get_figure()
    figure = None if part is None else part.figure  # a figure's own, a sub-figure's parent
    if not isinstance(figure, Figure):
        raise UsageError("the axes belong to no figure any more; draw them again.")
    return figure


def forest(
    frame: pd.DataFrame,
    *,
    labels: str = "label",
    estimate: str = "estimate",
    low: str = "conf_low",
    high: str = "conf_high",
    group: str | None = None,
    x_label: str = "ICC",
    references: Sequence[tuple[float, str]] = (),
    limits: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw estimates with their intervals, one row each, top to bottom.

    Parameters
    ----------
    frame : pandas.DataFrame, shape (n_rows, …)
        One estimate per row.
    labels, estimate, low, high : str
        Columns of `frame`.
    group : str or None
        Column whose runs get a heading and a colour.
    references : sequence of (value, word)
        Vertical lines, such as the cut-offs of a cited rule.
    ax : Axes, optional
        Where to draw; a figure of its own by default.
    """
    rows = _forest_rows(frame, labels, group)
    folded = ["" if is_head else "\n".join(textwrap.wrap(label, LABEL)) for _, label, is_head in rows]
    places, depth = _row_places(folded)
    axes = own_or_given(ax, height=FOREST_FRAME_IN + FOREST_ROW_IN * depth)
    heads = [label for _, label, is_head in rows if is_head]
    drawn: list[float] = []
    for place, (index, _, is_head) in zip(places, rows, strict=True):
        if is_head or index is None:
            head = axes.text(0, place, heads[len(drawn)], transform=axes.get_yaxis_transform(), va="center")
            head.set(fontweight="bold", in_layout=False)
            drawn.append(place)
            continue
        record = frame.iloc[index]
        tone = heads.index(str(record[group])) if group else 0
        colour, marker = COLOURS[tone % len(COLOURS)], MARKERS[tone % len(MARKERS)]
        axes.plot([record[low], record[high]], [place, place], color=colour, linewidth=1.8, solid_capstyle="butt")
        axes.plot([record[estimate]], [place], marker=marker, color=colour, markersize=6, linestyle="none")
    axes.set_ylim(depth - 0.4, -0.7)
    axes.set_yticks(places, folded, fontsize=9, linespacing=0.95)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color="#e6e9ef", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.set_xlabel(x_label)
    if limits is not None:
        axes.set_xlim(*limits)
    _draw_references(axes, references)
    return axes


def _row_places(labels: Sequence[str]) -> tuple[list[float], float]:
    """Middle of each row, and the depth of all, in rows of one line: a folded label takes what its lines need."""
    places, top = [], 0.0
    for label in labels:
        depth = max(1.0, 0.62 * (1 + label.count("\n")))
        places.append(top + (depth - 1) / 2)
        top += depth
    return places, top


def forest_parts(frame: pd.DataFrame, labels: str = "label", group: str | None = None) -> list[pd.DataFrame]:
    """Cut the rows of a forest into parts of about one length, none of them longer than a page of Word."""
    import numpy as np

    lines = [len(textwrap.wrap(str(label), LABEL)) for label in frame[labels]]
    depth = np.cumsum([max(1.0, 0.62 * n) for n in lines]) if len(frame) else np.empty(0)
    n_groups = 1 if group is None else frame[group].nunique()
    room = (LONGEST_IN - FOREST_FRAME_IN) / FOREST_ROW_IN - n_groups
    n_parts = max(1, math.ceil(float(depth[-1]) / room)) if len(depth) else 1
    which = np.minimum((depth - 1e-9) // (depth[-1] / n_parts), n_parts - 1) if len(depth) else depth
    return [frame[which == part] for part in range(n_parts)]


def _draw_references(axes: Axes, references: Sequence[tuple[float, str]]) -> None:
    """Dotted lines with their words on top; a word too near to the last one stands a line higher."""
    low, high = axes.get_xlim()
    before, raised = -math.inf, False
    for value, word in references:
        axes.axvline(value, color=GREY, linewidth=0.8, linestyle=":")
        raised = not raised and (value - before) / (high - low) < 0.14
        axes.text(value, -1.3 if raised else -0.75, word, ha="center", va="bottom", fontsize=8.5, color=GREY)
        before = value


def _forest_rows(frame: pd.DataFrame, labels: str, group: str | None) -> list[tuple[int | None, str, bool]]:
    rows: list[tuple[int | None, str, bool]] = []
    before: object = None
    for index, record in enumerate(frame.to_dict("records")):
        if group and record[group] != before:
            before = record[group]
            rows.append((None, str(before), True))
        rows.append((index, str(record[labels]), False))
    return rows


def trajectories(
    frame: pd.DataFrame,
    outcome: str,
    *,
    time: str = "session",
    unit: str = "patient",
    line: tuple[float, float] | None = None,
    y_label: str = "",
) -> Axes:
    """Draw one thin line per patient, the mean of each session, and the model's mean line.

    Sessions of fewer than `FEWEST` patients get no mean: it would be the course of a few.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per patient × session.
    line : (intercept, slope) or None
        Fixed effects of ``outcome ~ time``.
    """
    _, (axes,) = new_axes(height=3.5)
    present = frame[has_all(frame, [unit, time, outcome], len(frame))]
    many = len(present) > 10 * MANY_POINTS
    for _, rows in present.groupby(unit, sort=True):
        axes.plot(rows[time], rows[outcome], color=GREY, alpha=_fainter(present[unit].nunique()), linewidth=0.8,
                  rasterized=many)  # fmt: skip
    sessions = present.groupby(time)[outcome]
    means = sessions.mean()[sessions.size() >= FEWEST]
    axes.plot(
        means.index, means.to_numpy(), color=BLUE, marker="o", markersize=5, linewidth=1.6, label="mean of the session"
    )
    axes.plot([], [], color=GREY, alpha=0.6, linewidth=0.8, label=f"one {unit}")
    if line is not None:
        ends = [float(present[time].min()), float(present[time].max())]
        fitted = [line[0] + line[1] * end for end in ends]
        axes.plot(ends, fitted, color=VERMILION, linestyle="--", linewidth=2, label="model")
    axes.set_xlabel(time.capitalize())
    axes.set_ylabel(folded(y_label or outcome))
    whole_numbers(axes)
    legend_above(axes)
    return axes


def _fainter(n: int) -> float:
    """How strong one of n thin lines is: of many each is fainter, so that the course of the mean can be seen."""
    return 0.35 if n <= 60 else max(0.06, 0.35 * 60 / n)


def by_session(
    frame: pd.DataFrame,
    *,
    series: str,
    time: str = "session",
    estimate: str = "estimate",
    low: str = "conf_low",
    high: str = "conf_high",
    y_label: str = "ω",
) -> Axes:
    """Draw an estimate with its interval per session, one small panel per scale; returns the first panel."""
    groups = list(frame.groupby(series, sort=False))
    columns = min(2, len(groups))
    rows = -(-len(groups) // columns)
    figure, panels = new_axes(height=0.4 + 1.75 * rows, columns=columns, rows=rows, shared=True)
    for axes, (label, part) in zip(panels, groups, strict=False):
        x = part[time].to_numpy(dtype=float)
        axes.vlines(x, part[low], part[high], color=BLUE, linewidth=1.4, alpha=0.7)
        axes.plot(x, part[estimate], color=BLUE, marker="o", markersize=4, linewidth=1)
        axes.set_title("\n".join(textwrap.wrap(str(label), LABEL)), loc="left", fontsize=9)
        axes.grid(axis="y", color="#e6e9ef", linewidth=0.7)
        axes.set_axisbelow(True)
        whole_numbers(axes)
    for spare in panels[len(groups) :]:
        spare.set_axis_off()
    figure.supxlabel(time.capitalize(), fontsize=10)
    figure.supylabel(y_label, fontsize=10)
    return panels[0]


def diagnostics(fitted: Sequence[float], residuals: Sequence[float], effects: pd.DataFrame | None = None) -> Axes:
    """Draw residuals against fitted values, and their normal quantiles; returns the first panel.

    Parameters
    ----------
    fitted, residuals : sequence of float, shape (n_rows,)
    effects : pandas.DataFrame or None
        Conditional modes with columns ``term`` and ``estimate``; quantiles are drawn beside the residuals'.
    """
    import numpy as np
    from scipy.special import ndtri

    _, (left, right) = new_axes(height=3.0, columns=2)
    left.plot(
        fitted, residuals, linestyle="none", marker="o", markersize=3, color=BLUE, alpha=0.5, markeredgewidth=0,
        rasterized=len(residuals) > MANY_POINTS,
    )  # fmt: skip
    left.axhline(0, color=GREY, linewidth=0.8)
    left.set_xlabel("fitted")
    left.set_ylabel("residual")
    sets = [("residuals", np.asarray(residuals, dtype=float))]
    if effects is not None:
        sets += [(str(term), rows["estimate"].to_numpy(dtype=float)) for term, rows in effects.groupby("term")]
    for tone, (label, values) in enumerate(sets):
        ordered = np.sort(values[np.isfinite(values)])
        quantiles = ndtri((np.arange(ordered.size) + 0.5) / ordered.size)
        spread = float(ordered.std()) or 1.0
        right.plot(
            quantiles, (ordered - ordered.mean()) / spread, linestyle="none", marker=MARKERS[tone % len(MARKERS)],
            markersize=3, color=COLOURS[tone % len(COLOURS)], label=label, rasterized=ordered.size > MANY_POINTS,
        )  # fmt: skip
    right.axline((0, 0), slope=1, color=GREY, linewidth=0.8)
    right.set_xlabel("normal quantile")
    right.set_ylabel("standardised")
    right.legend(frameon=False, fontsize=8.5, loc="upper left", handletextpad=0.3)
    return left


def folded(text: str, width: int = 40) -> str:
    r"""A text in as few lines of at most `width` letters as hold it, about as long as each other.

    Examples
    --------
    >>> folded("Probability of Rationale given, session 1")
    'Probability of Rationale\ngiven, session 1'
    """
    lines = textwrap.wrap(text, width)
    narrowest = max((len(word) for word in text.split()), default=width)  # no word is broken for it
    even = (textwrap.wrap(text, shorter) for shorter in range(narrowest, width))
    return "\n".join(next((one for one in even if len(one) == len(lines)), lines))


def whole_numbers(axes: Axes) -> None:
    """Put the ticks of the horizontal axis at whole numbers."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def legend_above(axes: Axes, title: str | None = None) -> None:
    """Put the legend on top of the panel, three entries a row, or two where three are wider than the figure."""
    longest = sum(sorted((len(str(text)) for text in axes.get_legend_handles_labels()[1]), reverse=True)[:3])
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1.01), ncols=3 if longest <= LEGEND else 2, frameon=False, fontsize=9,
        borderaxespad=0, handlelength=2.2, columnspacing=1.4, title=title, title_fontsize=9, alignment="left",
    )  # fmt: skip
