"""The small grammar of results: label, degrees of freedom, sign, number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from doublecode.analysis.auditing.printed_numbers import Printed
from doublecode.analysis.auditing.tokens import Kind, Token
from doublecode.analysis.auditing.vocabulary import BY_RANKS, INTERVAL_WORDS, STATISTICS, Quantity, quantity_of

NOT_SIGNIFICANT: Final = frozenset(["n.s.", "n. s.", "ns"])
_JOINTS: Final = frozenset(["to", "bis", "and", "und"])
_ATTACHED: Final = re.compile(r"([tF])(\d+(?:[.,]\d+)?)")
_MOST_IN_BRACKET: Final = 14
_VALUED: Final = frozenset([Kind.SIGN, Kind.NUMBER, Kind.OPEN])


@dataclass(frozen=True)
class Labelled:
    """A number with what it is said to be.

    Parameters
    ----------
    quantity : Quantity
    number : Printed
        Of an interval the lower limit.
    sign : str
        ``=``, ``<``, ``>``, ``≤``, ``≥``.
    first, last : int
        Its tokens, both included.
    dfs : tuple of Printed
        Degrees of freedom in its bracket.
    n : Printed, optional
        N in its bracket.
    upper : Printed, optional
        Upper limit of an interval.
    level : float
        Per cent of an interval.
    model : str
        The model it is said of (*log-likelihood for model 2*).
    bare : bool
        A first number in a bracket, without a label.
    """

    quantity: Quantity
    number: Printed
    sign: str
    first: int
    last: int
    dfs: tuple[Printed, ...] = ()
    n: Printed | None = None
    upper: Printed | None = None
    level: float = 95.0
    model: str = ""
    bare: bool = False

    @property
    def end(self) -> int:
        """Where its last number ends."""
        return max(self.number.end, self.upper.end if self.upper else 0)


def values_of(tokens: Sequence[Token]) -> list[Labelled]:
    """Return every labelled number, in order.

    Examples
    --------
    >>> from doublecode.analysis.auditing.tokens import tokens_of
    >>> [(one.quantity.value, one.sign, one.number.text) for one in values_of(tokens_of("t(20) = -2.31, p < .05"))]
    [('t', '=', '-2.31'), ('p', '<', '0.05')]
    """
    found: list[Labelled] = []
    at = 0
    while at < len(tokens):
        ones = _values_at(tokens, at)
        found += ones
        at = ones[-1].last + 1 if ones else at + 1
    return found


def _values_at(tokens: Sequence[Token], at: int) -> Sequence[Labelled]:
    token = tokens[at]
    if token.kind is Kind.NUMBER:
        one = _interval(tokens, at) or _bare_estimate(tokens, at)
        return [one] if one else []
    if token.kind is not Kind.WORD:
        return ()
    if token.word in ("n.s.", "n. s."):
        return [_not_significant(token, at, at)]
    following = tokens[at + 1 : at + 5]
    if not any(one.kind in _VALUED or one.word in NOT_SIGNIFICANT for one in following):
        return ()
    if token.word in ("ci", "ki"):
        one = _limits(tokens, at + 1, at, 95.0)
        return [one] if one else []
    attached = _ATTACHED.fullmatch(token.text)
    if attached is not None:
        one = _with_attached(tokens, at, attached[1], attached[2])
        return [one] if one else []
    named = quantity_of(token.text, _text(tokens, at + 1))
    if named is None:
        one = _valued(tokens, at, at + 1, Quantity.OTHER)
        return [one] if one else []
    return _labelled(tokens, at, at + named[1], named[0])


def _labelled(tokens: Sequence[Token], first: int, at: int, quantity: Quantity) -> list[Labelled]:
    if quantity is Quantity.R and _text(tokens, first - 1).lower() in BY_RANKS:
        quantity = Quantity.OTHER
    if quantity is Quantity.LOGLIK and first and tokens[first - 1].text.lstrip("-") == "2":
        quantity = Quantity.DEVIANCE
    model, at = _model(tokens, at)
    dfs, n, after = _bracket(tokens, at) if quantity in STATISTICS else ((), None, at)
    if quantity is Quantity.P:
        one = _p_value(tokens, first, after)
    elif quantity is Quantity.DF:
        one = _freedom(tokens, first, after)
    else:
        one = _valued(tokens, first, after, quantity, dfs, n, model)
    if one is None:
        return []
    return [one, *_of_other_models(tokens, one)] if model else [one]


def _text(tokens: Sequence[Token], at: int) -> str:
    return tokens[at].text if 0 <= at < len(tokens) else ""


def _kind(tokens: Sequence[Token], at: int) -> Kind | None:
    return tokens[at].kind if 0 <= at < len(tokens) else None


def number_at(tokens: Sequence[Token], at: int) -> Printed | None:
    """Return the number in figures at a place; None for everything else."""
    return tokens[at].number if _kind(tokens, at) is Kind.NUMBER else None


def _valued(
    tokens: Sequence[Token], first: int, at: int, quantity: Quantity, dfs: tuple[Printed, ...] = (),
    n: Printed | None = None, model: str = "",
) -> Labelled | None:  # fmt: skip
    """A sign and a number."""
    number = number_at(tokens, at + 1)
    if _kind(tokens, at) is not Kind.SIGN or number is None:
        return None
    return Labelled(quantity, number, _text(tokens, at), first, at + 1, dfs, n, model=model)


def _not_significant(token: Token, first: int, last: int) -> Labelled:
    return Labelled(Quantity.P, Printed("0.05", token.start, token.end), ">", first, last)


def _p_value(tokens: Sequence[Token], first: int, at: int) -> Labelled | None:
    """``p < .05``, ``p = n.s.``, ``p-value of .03``."""
    skip = at + 1 if _kind(tokens, at) is Kind.SIGN else at
    if _text(tokens, skip).lower() in NOT_SIGNIFICANT:
        return _not_significant(tokens[skip], first, skip)
    if _text(tokens, at).lower() in ("of", "von", "was", "betrug"):
        number = number_at(tokens, at + 1)
        return None if number is None else Labelled(Quantity.P, number, "=", first, at + 1)
    return _valued(tokens, first, at, Quantity.P)


def _freedom(tokens: Sequence[Token], first: int, at: int) -> Labelled | None:
    """``df = 20`` and ``df = 2, 45``."""
    one = _valued(tokens, first, at, Quantity.DF)
    if one is None:
        return None
    second = number_at(tokens, one.last + 2)
    if second is None or _kind(tokens, one.last + 1) not in (Kind.COMMA, Kind.SEMICOLON):
        return Labelled(Quantity.DF, one.number, "=", first, one.last, (one.number,))
    if _kind(tokens, one.last + 3) in (Kind.PERCENT, Kind.SIGN):
        return Labelled(Quantity.DF, one.number, "=", first, one.last, (one.number,))
    return Labelled(Quantity.DF, one.number, "=", first, one.last + 2, (one.number, second))


def _bracket(tokens: Sequence[Token], at: int) -> tuple[tuple[Printed, ...], Printed | None, int]:
    """Degrees of freedom and N in the bracket after the letter of a statistic, and where it ends."""
    if _kind(tokens, at) is not Kind.OPEN:
        return (), None, at
    dfs: list[Printed] = []
    n: Printed | None = None
    for place in range(at + 1, min(at + _MOST_IN_BRACKET, len(tokens))):
        token = tokens[place]
        if token.kind is Kind.CLOSE:
            return tuple(dfs), n, place + 1
        if token.kind is Kind.NUMBER and token.number is not None:
            if _text(tokens, place - 2) in ("N", "n"):
                n = token.number
            else:
                dfs.append(token.number)
    return (), None, at


def _with_attached(tokens: Sequence[Token], at: int, letter: str, df: str) -> Labelled | None:
    """``t20 = 2.31`` and ``F2,45 = 3.11``: degrees of freedom that were an index."""
    token = tokens[at]
    own = Printed(df.replace(",", "."), token.start + 1, token.end)
    second = number_at(tokens, at + 2) if _kind(tokens, at + 1) is Kind.COMMA else None
    if letter == "F":
        return None if second is None else _valued(tokens, at, at + 3, Quantity.F, (own, second))
    return _valued(tokens, at, at + 1, Quantity.T, (own,))


def _model(tokens: Sequence[Token], at: int) -> tuple[str, int]:
    """``for model 2``: the model's number, and the token after it."""
    if _text(tokens, at).lower() in ("for", "für", "of", "von", "in") and _text(tokens, at + 1).lower() in (
        "model", "modell", "step", "schritt"
    ):  # fmt: skip
        return _text(tokens, at + 2), at + 3
    return "", at


def _of_other_models(tokens: Sequence[Token], one: Labelled) -> list[Labelled]:
    """``… = −451.37 and for model 2 = −448.05``: the same label once more."""
    at = one.last + 1
    if _kind(tokens, at) is Kind.COMMA:
        at += 1
    if _text(tokens, at).lower() not in ("and", "und"):
        return []
    model, after = _model(tokens, at + 1)
    other = _valued(tokens, at, after, one.quantity, model=model) if model else None
    return [] if other is None else [other, *_of_other_models(tokens, other)]


def _interval(tokens: Sequence[Token], at: int) -> Labelled | None:
    """``95% CI [0.10, 0.38]``, ``95 %-KI: 0,10 bis 0,38``."""
    if _kind(tokens, at + 1) is not Kind.PERCENT:
        return None
    word = at + 3 if _kind(tokens, at + 2) is Kind.DASH else at + 2
    number = tokens[at].number
    if number is None or _text(tokens, word).lower() not in INTERVAL_WORDS or not 50 < number.value < 100:
        return None
    after = word + 1
    if _text(tokens, after).lower() in ("interval", "intervals", "limits"):
        after += 1
    return _limits(tokens, after, at, number.value)


def _limits(tokens: Sequence[Token], at: int, first: int, level: float) -> Labelled | None:
    while _kind(tokens, at) in (Kind.SIGN, Kind.COLON, Kind.COMMA, Kind.OPEN) or _text(tokens, at).lower() in (
        "of", "from", "von", "between", "zwischen"
    ):  # fmt: skip
        at += 1
    low, high = number_at(tokens, at), number_at(tokens, at + 2)
    joint = _kind(tokens, at + 1) in (Kind.COMMA, Kind.SEMICOLON, Kind.DASH) or _text(tokens, at + 1) in _JOINTS
    if low is None or high is None or not joint or _kind(tokens, at + 3) is Kind.SIGN:
        return None
    return Labelled(Quantity.CI, low, "=", first, at + 2, upper=high, level=level)


def _bare_estimate(tokens: Sequence[Token], at: int) -> Labelled | None:
    """``(−0.83, SE = 0.35``: an estimate that opens a bracket before its standard error or deviation."""
    number = tokens[at].number
    apart = _kind(tokens, at + 1) in (Kind.COMMA, Kind.SEMICOLON)
    if number is None or _kind(tokens, at - 1) is not Kind.OPEN or not apart:
        return None
    named = quantity_of(_text(tokens, at + 2), _text(tokens, at + 3))
    if named is None or named[0] not in (Quantity.SE, Quantity.SD):
        return None
    return Labelled(Quantity.B, number, "=", at, at, bare=True)
