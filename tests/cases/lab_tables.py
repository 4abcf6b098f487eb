"""A small lab's study (synthetic) whose tables the tests write in many forms."""

from __future__ import annotations

BOOK = """
name = "NAME"
title = "A scale (synthetic)"
version = "1.0"
citation = "none"
rights = "none"
[missing_codes]
NR = "not ratable"
"""


def declared(*raters: str) -> str:
    """The study.toml of the lab: what `raters` rate with own.toml, and an outcome."""
    return f"""
name = "lab"
title = "A lab (synthetic)"
synthetic = true
sample_columns = ["age"]
raters = [{", ".join(f'{{ id = "{one}" }}' for one in raters)}]
[[instruments]]
name = "own.toml"
[[instruments]]
name = "mood.toml"
source = "outcomes"
"""
