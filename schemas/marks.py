"""The marks of running text: ``*italic*`` and `` `code` ``, told apart from the asterisks of formulas.

An asterisk opens italics only before a letter and after none, and closes them only after a letter and before none, so
that ``he * bond``, ``a*b + c*d`` and ``x ** 2`` stay what they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal

Mark = Literal["", "code", "italic"]
_WORD: Final = "A-Za-z0-9_À-ɏα-ωΑ-Ω)"
_MARKS: Final = re.compile(rf"``(.+?)``|`([^`]+)`|(?<![{_WORD}*\]])\*(?![\s*])([^*`]+)(?<!\s)\*(?![{_WORD[:-1]}*])")


def inline(text: str) -> Iterator[tuple[Mark, str]]:
    """Split a text into runs: `` `code` ``, ``*italic*`` and the rest.

    Examples
    --------
    >>> list(inline("slope *b* of `he`"))
    [('', 'slope '), ('italic', 'b'), ('', ' of '), ('code', 'he')]
    >>> list(inline("y ~ he * bond + a*b + c*d"))
    [('', 'y ~ he * bond + a*b + c*d')]
    """
    end = 0
    for match in _MARKS.finditer(text):
        if match.start() > end:
            yield "", text[end : match.start()]
        quoted = match[1] if match[1] is not None else match[2]
        yield ("code", quoted.strip()) if quoted is not None else ("italic", match[3])
        end = match.end()
    if end < len(text):
        yield "", text[end:]


def bare(text: str) -> str:
    """Leave out the marks of italics.

    Examples
    --------
    >>> bare("*M* of a * b")
    'M of a * b'
    """
    return "".join(code(run) if mark == "code" else run for mark, run in inline(text))


def code(text: str) -> str:
    """Mark a text as code, also one that holds a backtick.

    Examples
    --------
    >>> code("y ~ x"), code("y ~ `a b`")
    ('`y ~ x`', '`` y ~ `a b` ``')
    """
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def for_markdown(text: str) -> str:
    r"""Escape the asterisks that are no marks, so that Markdown keeps them.

    Examples
    --------
    >>> print(for_markdown("*b* of a*b + c*d in `a*b`"))
    *b* of a\*b + c\*d in `a*b`
    """
    parts = []
    for mark, run in inline(text):
        parts.append(code(run) if mark == "code" else f"*{run}*" if mark else run.replace("*", "\\*"))
    return "".join(parts)
