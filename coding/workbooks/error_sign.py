"""The sign of a refused cell as part of its number format: shown by every viewer, and no part of the value."""

from __future__ import annotations

import re
from typing import Final

REFUSED: Final = "✗"
_TEXT: Final = "@"
_OURS: Final = re.compile(rf'"{REFUSED} ?"|\\?{REFUSED}(?:\\? )?')


def with_sign(code: str, sign: str = REFUSED) -> str:
    """A number format that shows what it showed before, after a sign.

    Parameters
    ----------
    code : str
        A format of numbers, dates or texts.
    sign : str

    Returns
    -------
    str
        The same where the format has sections, colours or texts of its own.

    Examples
    --------
    >>> with_sign("0%")
    '"✗ "0%;"✗ "-0%;"✗ "0%;"✗ "@'
    >>> with_sign("@"), with_sign("[h]:mm")
    ('"✗ "@', '[h]:mm')
    """
    if code == _TEXT:
        return f'"{sign} "{_TEXT}'
    if any(letter in code for letter in ';["'):
        return code
    return ";".join(f'"{sign} "{section}' for section in (code, f"-{code}", code, _TEXT))


def without_sign(code: str) -> str:
    """The format that :func:`with_sign` was given, also where another program has written it in its own way.

    Examples
    --------
    >>> without_sign(with_sign("0%")), without_sign("0.0;-0.0")
    ('0%', '0.0;-0.0')
    """
    return _OURS.sub("", code.split(";")[0]) if REFUSED in code else code
