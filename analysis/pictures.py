"""From axes to a picture of the report: drawn once as SVG, once as PNG."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doublecode.analysis.document import Picture
from doublecode.analysis.figures import figure_of, render_png, render_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def picture(axes: Axes, name: str, title: str, description: str, notes: tuple[str, ...] = ()) -> Picture:
    """Draw the figure of `axes`; the description is printed and read aloud by screen readers."""
    figure = figure_of(axes)
    svg = render_svg(figure, name, f"{title}. {description}")
    figure.set_layout_engine("none")  # the layout stands; computing it again for the PNG costs as much as drawing
    return Picture(name, title, description, svg, render_png(figure), (description, *notes))
