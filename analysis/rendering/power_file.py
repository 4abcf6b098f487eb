"""The figure of planned studies as a file: with its caption beneath, or in Word with the text of a proposal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from doublecode.analysis.rendering.figures import figure_of, render_pdf, render_png, render_svg
from doublecode.analysis.rendering.power_figures import PRINTED_IN, with_caption
from doublecode.schemas.errors import UsageError
from doublecode.schemas.marks import bare

if TYPE_CHECKING:
    from doublecode.analysis.rendering.figures import Axes

SUFFIXES: Final = (".png", ".pdf", ".svg", ".docx")
DPI: Final = 600


def check_figure_file(caller: str, path: Path, *, overwrite: bool) -> Path:
    """Refuse, before any work, a figure that cannot be written.

    Raises
    ------
    UsageError
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{caller}: found {path.name!r}, allowed a file that ends in {', '.join(SUFFIXES)}.")
    if not path.parent.is_dir():
        raise UsageError(f"{caller}: there is no folder {path.parent}. Make it, or write elsewhere.")
    if path.exists() and not overwrite:
        raise UsageError(f"{caller}: {path} is there already. Add --overwrite (overwrite=True) to replace it.")
    return path


def power_file(axes: Axes, caption: str, text: str, path: Path) -> None:
    """Write the drawing in the form that the file's name says."""
    from doublecode.schemas.whole_files import replace_files

    form, figure = path.suffix.lower(), figure_of(axes)
    if form == ".docx":
        from doublecode.analysis.rendering.figure_docx import figure_docx

        figure_docx(render_png(figure, DPI), PRINTED_IN * 2.54, caption, text, path)
        return
    with_caption(figure, caption)
    if form == ".png":
        drawn = render_png(figure, DPI)
    elif form == ".pdf":
        drawn = render_pdf(figure)
    else:
        drawn = render_svg(figure, path.stem, bare(caption)).encode()
    replace_files({path: drawn})
