"""Chances of counts and strings where honest raters differ: averaged over how severe or repetitive a rater may be."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from doublecode.analysis.screening.code_tables import Floats

SPREAD: Final = 1.0
"""Standard deviation of honest raters' shares on the logit scale: a share of .10 is .04 in one and .23 in another."""
_NODES: Final = np.linspace(-5.0, 5.0, 101)
_WEIGHTS: Final = np.exp(-0.5 * _NODES**2) / np.exp(-0.5 * _NODES**2).sum()


def shifted_share(share: float) -> Floats:
    """The share of raters at each node (101,)."""
    within = min(max(share, 1e-9), 1.0 - 1e-9)
    odds = within / (1.0 - within) * np.exp(SPREAD * _NODES)
    return np.asarray(odds / (1.0 + odds))


def over_raters(chances: Floats) -> float:
    """Average chances (101,) over raters."""
    return float(_WEIGHTS @ np.clip(chances, 0.0, 1.0))


def none_of(n: int, share: float) -> float:
    """Chance that a rater gives in none of `n` ratings a code that others give with this share."""
    return over_raters((1.0 - shifted_share(share)) ** n)


def at_least(n_found: int, n: int, share: float) -> float:
    """Chance of `n_found` or more of `n`, each with this share."""
    from scipy.special import bdtrc

    return 1.0 if n_found < 1 else over_raters(np.asarray(bdtrc(n_found - 1, n, shifted_share(share))))


def string_of(length: int, n: int, share: float, again: float) -> float:
    """Chance of a string of at least `length` equal codes among `n`.

    Parameters
    ----------
    length, n : int
    share : float
        How often the code stands.
    again : float
        How often the next one is the same.

    Notes
    -----
    Strings begin with the rate π (1 − q) per row and are as long with chance q^(length − 1): 1 − exp(−n π (1 − q)
    q^(length − 1)), for share π and repetition q of each rater, averaged over raters.
    """
    p, q = shifted_share(share), shifted_share(again)
    begun: Any = n * p * (1.0 - q) * q ** (length - 1)
    return over_raters(-np.expm1(-begun))
