"""How the site is built: ``python -m sphinx -W -b html docs docs/_build`` (offline; see CONTRIBUTING.md)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from reference_pages import write_pages  # noqa: E402 (beside this file)

write_pages(HERE)

project = "doublecode"
author = "The doublecode developers"
copyright = "The doublecode developers, GPL-3.0-or-later"  # noqa: A001 (Sphinx calls it so)
extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
numpydoc_show_class_members = False
autodoc_typehints = "none"  # the docstrings say types in words
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "doublecode"
html_extra_path = ["_schemas"]
html_math_renderer = "mathml"


def _as_mathml(writer: Any, node: Any) -> None:
    """Formulas as MathML, which browsers draw by themselves: nothing is loaded from elsewhere."""
    from docutils.nodes import SkipNode
    from docutils.utils.math.latex2mathml import tex2mathml

    writer.body.append(tex2mathml(node.astext(), as_block=node.tagname == "math_block"))
    raise SkipNode


def setup(app: Any) -> None:
    """Tell Sphinx how formulas are written."""
    app.add_html_math_renderer("mathml", (_as_mathml, None), (_as_mathml, None))
