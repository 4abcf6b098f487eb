"""What the letters before a number mean, in English and German papers."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import Final


class Quantity(StrEnum):
    """What a printed number is said to be."""

    T = "t"
    F = "F"
    Z = "z"
    CHI2 = "χ²"
    R = "r"
    P = "p"
    DF = "df"
    N = "n"
    B = "b"
    BETA = "β"
    SE = "SE"
    SD = "SD"
    M = "M"
    CI = "CI"
    AIC = "AIC"
    BIC = "BIC"
    LOGLIK = "logLik"
    DEVIANCE = "-2LL"
    SHARE = "%"
    OTHER = ""


STATISTICS: Final = (Quantity.T, Quantity.F, Quantity.Z, Quantity.CHI2, Quantity.R)
ESTIMATES: Final = (Quantity.B, Quantity.BETA)

_AS_WRITTEN: Final = {
    "t": Quantity.T, "F": Quantity.F, "z": Quantity.Z, "Z": Quantity.Z, "r": Quantity.R, "p": Quantity.P,
    "P": Quantity.P, "n": Quantity.N, "N": Quantity.N, "b": Quantity.B, "B": Quantity.B, "β": Quantity.BETA,
    "M": Quantity.M, "SD": Quantity.SD, "SE": Quantity.SE, "LL": Quantity.LOGLIK,
}  # fmt: skip
_IN_ANY_CASE: Final = {
    "df": Quantity.DF, "d.f": Quantity.DF, "fg": Quantity.DF, "p-value": Quantity.P, "p-wert": Quantity.P,
    "sig": Quantity.P, "se": Quantity.SE, "s.e.": Quantity.SE, "s. e.": Quantity.SE, "standardfehler": Quantity.SE,
    "sd": Quantity.SD, "s.d.": Quantity.SD, "s. d.": Quantity.SD, "standardabweichung": Quantity.SD,
    "estimate": Quantity.B, "coefficient": Quantity.B, "schätzer": Quantity.B, "koeffizient": Quantity.B,
    "beta": Quantity.BETA, "aic": Quantity.AIC, "bic": Quantity.BIC, "loglik": Quantity.LOGLIK,
    "log-likelihood": Quantity.LOGLIK, "loglikelihood": Quantity.LOGLIK, "deviance": Quantity.DEVIANCE,
    "devianz": Quantity.DEVIANCE, "mean": Quantity.M, "mittelwert": Quantity.M,
}  # fmt: skip
_TWO_WORDS: Final = {
    ("standard", "error"): Quantity.SE, ("standard", "deviation"): Quantity.SD, ("log", "likelihood"): Quantity.LOGLIK,
    ("p", "value"): Quantity.P, ("p", "wert"): Quantity.P,
}  # fmt: skip
_CHI_SQUARE: Final = re.compile(r"(?:[χΧ]|chi|x)\s?\^?\s?[2²]|chi-?(?:square[d]?|quadrat)(?:-?wert)?", re.IGNORECASE)
_LONGEST: Final = 40
INTERVAL_WORDS: Final = frozenset(["ci", "cis", "ki", "confidence", "konfidenzintervall", "vertrauensintervall"])
BY_RANKS: Final = frozenset(["spearman", "spearman's", "spearmans", "kendall", "kendall's", "partial", "semipartial"])
"""Words before an r that is no product-moment correlation of n pairs."""


@lru_cache(maxsize=4096)
def _one_word(word: str) -> Quantity | None:
    small = word.lower()
    one = _AS_WRITTEN.get(word) or _IN_ANY_CASE.get(small)
    return Quantity.CHI2 if one is None and _CHI_SQUARE.fullmatch(word) else one


def quantity_of(word: str, following: str = "") -> tuple[Quantity, int] | None:
    """What a word before a number means, and how many words that took; None if it means nothing known.

    Examples
    --------
    >>> quantity_of("SE"), quantity_of("standard", "error"), quantity_of("Chi-Quadrat"), quantity_of("Tabelle")
    ((<Quantity.SE: 'SE'>, 1), (<Quantity.SE: 'SE'>, 2), (<Quantity.CHI2: 'χ²'>, 1), None)
    """
    two = _TWO_WORDS.get((word.lower(), following.lower())) if following else None
    if two is not None:
        return two, 2
    one = _one_word(word) if len(word) < _LONGEST else None
    return None if one is None else (one, 1)
