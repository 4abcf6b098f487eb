"""The report as one web page: no request, readable on paper, on a telephone and without its one script.

The script sorts tables, and turns numbers into buttons that list the cells which a number stands on; the cells lie in
the page.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from doublecode.analysis.rendering.document import Document
from doublecode.analysis.rendering.wording.trace import HOW
from doublecode.schemas.marks import inline
from doublecode.schemas.results import compact_json

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

_TAGS = {"": "{}", "code": "<code>{}</code>", "italic": "<i>{}</i>"}


@dataclass(frozen=True)
class PageTrace:
    """The cells behind the numbers of a page.

    Attributes
    ----------
    sets : mapping of table to its rows
        Per row the set of its numbers (None: of no cells), and by the places of columns those that differ.
    data : mapping
        The cells, their files, what is done with them, and the sets, as the script reads them.
    """

    sets: Mapping[str, Sequence[tuple[int | None, Mapping[int, int | None]]]]
    data: Mapping[str, Any]


def rich_text(text: str) -> Markup:
    """Render inline marks as HTML; everything else is escaped.

    Examples
    --------
    >>> rich_text("*p* < .05 in `phq9 ~ session`")
    Markup('<i>p</i> &lt; .05 in <code>phq9 ~ session</code>')
    """
    from markupsafe import Markup

    return Markup("").join(Markup(_TAGS[mark]).format(run) for mark, run in inline(text))


@cache
def _template() -> Template:
    """The page without its contents, compiled once."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["rich"] = rich_text
    environment.tests["kind"] = lambda block, name: type(block).__name__ == name
    page = resources.files("doublecode.analysis.rendering") / "report.html"
    return environment.from_string(page.read_text(encoding="utf-8"))


def render_page(document: Document, trace: PageTrace | None = None) -> str:
    """Render a document as a self-contained HTML page; with `trace` its numbers can be clicked."""
    folder = resources.files("doublecode.analysis.rendering")
    css = (folder / "report.css").read_text(encoding="utf-8")
    scripts = ("page.js",) if trace is None else ("page.js", "report.js")
    script = "\n".join((folder / name).read_text(encoding="utf-8") for name in scripts)
    data = "" if trace is None else compact_json({**trace.data, "words": HOW}).replace("<", "\\u003c")
    return _template().render(
        document=document, numbers=document.numbers(), css=css, sets={} if trace is None else trace.sets, script=script,
        data=data, digest=b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )  # fmt: skip
