"""Pictures that a command writes beside its answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from doublecode.schemas.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def check_picture(option: str, path: Path, *, overwrite: bool) -> None:
    """Refuse, before any work, a picture that cannot be written.

    Raises
    ------
    UsageError
    """
    if path.suffix not in (".svg", ".png"):
        raise UsageError(f"{option}: found {path.name!r}, allowed a file that ends in .svg or .png.")
    if path.exists() and not overwrite:
        raise UsageError(f"{path} is there already. Add --overwrite to replace it.")


def write_picture(figure: Figure, path: Path, description: str) -> None:
    """Write a figure in the form that the file's name says; `description` is what a screen reader says of an SVG."""
    from doublecode.analysis.rendering.figures import render_png, render_svg
    from doublecode.schemas.whole_files import replace_files

    drawn = render_png(figure) if path.suffix == ".png" else render_svg(figure, path.stem, description).encode()
    replace_files({path: drawn})
