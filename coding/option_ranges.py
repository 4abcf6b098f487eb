"""Numbers on the command line: what is no number or out of its range is refused in words that say what to give."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import typer


def number(low: float = -inf, high: float = inf, *, whole: bool = False, such_as: str = "") -> Callable[[str], float]:
    """A parser of an option that takes a number of a range.

    Parameters
    ----------
    low, high : float
        The ends of the range, which belong to it; open without them.
    whole : bool
        Whether the number is a whole one.
    such_as : str
        An example for who meant another unit.

    Returns
    -------
    callable
        Text → number; raises ``typer.BadParameter``.

    Examples
    --------
    >>> number(0, 1)("0.4"), number(1, whole=True)("3")
    (0.4, 3)
    >>> try:
    ...     number(0, 1, such_as="40 % is 0.4")("40")
    ... except typer.BadParameter as wrong:
    ...     print(wrong.message)
    found '40'; give a number from 0 to 1; 40 % is 0.4.
    """
    ends = f" from {low:g}" if low > -inf else ""
    ends += f" to {high:g}" if high < inf else " on" if ends else ""
    wanted = "; ".join(filter(None, [f"give a {'whole ' if whole else ''}number{ends}", such_as]))

    def parse(text: str) -> float:
        try:
            value = int(text) if whole else float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise typer.BadParameter(f"found {str(text)!r}; {wanted}.")
        return value

    return parse
