"""What no model needs and no machine can read: a formula of thousands of brackets, or a power of a billion."""

from __future__ import annotations

import re
from typing import Final

from doublecode.analysis.mixed.formula_names import mentions
from doublecode.schemas.errors import FormulaError

MOST_LETTERS: Final = 20_000
DEEPEST: Final = 100
HIGHEST_POWER: Final = 10
MOST_PRODUCTS: Final = 1_000_000
"""A power multiplies every term by every other so often; so many products take seconds."""
_POWER = re.compile(r"(?:\*\*|\^)\s*(\d+)", re.ASCII)
MOST_FACTORS: Final = 10
_QUOTED = re.compile(r"`[^`]*`|\"[^\"]*\"|'[^']*'")
_SHOWN: Final = 60


def refuse_monstrous(source: str) -> None:
    """Refuse a formula that is too long, too deep, or whose powers make too many products.

    Raises
    ------
    FormulaError

    Examples
    --------
    >>> refuse_monstrous("y ~ (a + b) ^ 2 + (1 | g)")
    >>> refuse_monstrous("y ~ a ** 999999999 + (1 | g)")
    Traceback (most recent call last):
    ...
    doublecode.schemas.errors.FormulaError: formula 'y ~ a ** 999999999 + (1 | g)': found the power 999999999, ...
    """
    shown = repr(source if len(source) <= _SHOWN else f"{source[:_SHOWN]}…")
    if len(source) > MOST_LETTERS:
        raise FormulaError(f"formula {shown}: {len(source):,} letters; allowed: {MOST_LETTERS:,}")
    depth = deepest = 0
    for letter in source:
        depth += (letter in "([{") - (letter in ")]}")
        deepest = max(deepest, depth)
    if deepest > DEEPEST:
        raise FormulaError(f"formula {shown}: {deepest} brackets in one another; allowed: {DEEPEST}. Take some out.")
    outside = _outside_of_calls(source) if "^" in source or "*" in source else ""
    _refuse_long_products(outside, shown)
    powers = [int(one[1]) for one in _POWER.finditer(outside)]
    names = len({one.name for one in mentions(source)})
    for power in powers:
        if power < 1 or power > HIGHEST_POWER or names**power > MOST_PRODUCTS:
            raise FormulaError(
                f"formula {shown}: found the power {power}, which multiplies terms by one another; allowed: 1 to "
                f"{HIGHEST_POWER}, and fewer where there are many terms. The square of a variable is I(x ** 2)."
            )


def _refuse_long_products(outside: str, shown: str) -> None:
    """Refuse ``a * b * c …``, which doubles the terms with every sign."""
    most = max((part.count("*") for part in re.split(r"[+~|-]", outside.replace("**", "^"))), default=0)
    if most >= MOST_FACTORS:
        raise FormulaError(
            f"formula {shown}: {most + 1} terms multiplied by one another with *; allowed: {MOST_FACTORS}. Write the "
            "interactions that are meant, a:b."
        )


def _outside_of_calls(source: str) -> str:
    """The formula without names in backticks, texts, and what stands in a call: ``I(x ** 2)`` is a number's power."""
    calls: list[bool] = []
    kept = []
    bare = _QUOTED.sub("x", source)
    for place, letter in enumerate(bare):
        if letter in "([{":
            calls.append((bool(calls) and calls[-1]) or bool(re.search(r"[\w.]$", bare[:place])))
        elif letter in ")]}" and calls:
            calls.pop()
        kept.append("" if calls and calls[-1] else letter)
    return "".join(kept)
