"""Flags that were typed: their names, what would not act, and lists of numbers."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from itertools import pairwise
from typing import Final

import typer

from doublecode.schemas.errors import UsageError

WHOLE: Final = ("--patients", "--sessions", "--therapists", "--raters", "--points")
"""Lists of whole numbers, of which 0,5 is a list; --minutes are whole as a rule."""
DIGITS: Final = re.compile(r"\d+")
NOUGHT: Final = re.compile(r"[+-]?0")


def stated_flags(ctx: typer.Context) -> dict[str, str]:
    """Parameters that were typed, and the flag of each."""
    flags = {}
    for one in ctx.command.params:
        source = ctx.get_parameter_source(str(one.name))
        if source is not None and source.name == "COMMANDLINE":
            flags[str(one.name)] = one.opts[0]
    return flags


def refuse_idle(flags: Mapping[str, str], idle: Collection[str], said: str) -> None:
    """Refuse the first flag that would not act.

    Raises
    ------
    UsageError
    """
    for name, flag in flags.items():
        if name in idle:
            raise UsageError(said.format(flag))


def number_list(flag: str, text: str) -> list[float]:
    """Numbers of an option: one, or several with commas between.

    Raises
    ------
    UsageError
        No numbers, or one with a decimal comma.

    Examples
    --------
    >>> number_list("--raters", "0,5"), number_list("--double", ".4,1")
    ([0, 5], [0.4, 1.0])
    """
    parts = [part.strip() for part in text.split(",")]
    try:
        values = [float(part) for part in parts]
    except ValueError:
        raise UsageError(
            f"{flag}: found {text!r}, allowed a number with a point (a share as .4, not 40%), or several as 20,30,40."
        ) from None
    if flag in WHOLE:
        if not all(value.is_integer() for value in values):
            raise UsageError(f"{flag}: found {text!r}, allowed a whole number, or several as 20,30,40.")
        return [int(value) for value in values]
    if flag != "--minutes":
        _refuse_decimal_comma(flag, text, parts)
    return values


def _refuse_decimal_comma(flag: str, text: str, parts: list[str]) -> None:
    """Where a comma may be a decimal one: behind a nought, or between the only two whole numbers."""
    for first, second in pairwise(parts):
        is_decimal = NOUGHT.fullmatch(first) or (len(parts) == 2 and DIGITS.fullmatch(first.lstrip("+-")))
        if is_decimal and DIGITS.fullmatch(second):
            raise UsageError(
                f"{flag}: found {text!r}; a comma stands between values, and decimals take a point. Write "
                f"{first}.{second} if that is the number, and {first},{second}.0 for two values."
            )
