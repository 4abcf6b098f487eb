"""One character for each character: minus signs, blanks and marks of emphasis as the grammar wants them.

The length stays, so that a place in the plain text is the same place in the text that was given.
"""

from __future__ import annotations

from typing import Final

_MINUS: Final = "−–—‒﹣－‐‑\u2010\u2011"
_BLANKS: Final = "\u00a0\u2009\u202f\u2007\u2002\u2003\u2008\u200a\u200b\u2060\ufeff\u00ad\v"
_EMPHASIS: Final = "*_`\\$"
_SIGNS: Final = {"≦": "≤", "≧": "≥", "⩽": "≤", "⩾": "≥", "＝": "=", "＜": "<", "＞": ">", "’": "'", "‘": "'", "ﬁ": "f"}
_TABLE: Final = str.maketrans(
    {
        **dict.fromkeys(_MINUS, "-"),
        **dict.fromkeys(_BLANKS, " "),
        **dict.fromkeys(_EMPHASIS, " "),
        "\r": " ",
        "µ": "μ",
        "％": "%",
        "⁄": "/",
        "∕": "/",
        "\x00": " ",
        **_SIGNS,
    }
)


def plain_characters(text: str) -> str:
    """Return the text with one spelling of each sign.

    Examples
    --------
    >>> plain_characters("*t*(20) = −2,31")
    ' t (20) = -2,31'
    """
    return text.translate(_TABLE)
