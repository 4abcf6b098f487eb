"""The report as one web page: no request, no script, readable on paper and on a telephone."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from doublecode.analysis.rendering.document import Document
from doublecode.schemas.marks import inline

if TYPE_CHECKING:
    from markupsafe import Markup

_TAGS = {"": "{}", "code": "<code>{}</code>", "italic": "<i>{}</i>"}


def rich_text(text: str) -> Markup:
    """Render inline marks as HTML; everything else is escaped.

    Examples
    --------
    >>> rich_text("*p* < .05 in `phq9 ~ session`")
    Markup('<i>p</i> &lt; .05 in <code>phq9 ~ session</code>')
    """
    from markupsafe import Markup

    return Markup("").join(Markup(_TAGS[mark]).format(run) for mark, run in inline(text))


def render_page(document: Document) -> str:
    """Render a document as a self-contained HTML page."""
    from jinja2 import Environment, StrictUndefined

    folder = resources.files("doublecode.analysis.rendering")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["rich"] = rich_text
    environment.tests["kind"] = lambda block, name: type(block).__name__ == name
    template = environment.from_string((folder / "report.html").read_text(encoding="utf-8"))
    css = (folder / "report.css").read_text(encoding="utf-8")
    return template.render(document=document, numbers=document.numbers(), css=css)
