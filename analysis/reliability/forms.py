"""Names of the intraclass correlations, and the block of numbers every estimator returns.

Definitions: ``1`` one-way random, ``A`` two-way random with absolute agreement,
``C`` two-way with consistency (McGraw & Wong 1996), ``Q`` the reliability of the
ranking that the actual design yields (Putka, Le, McCloy & Diaz 2008).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from doublecode.analysis.results.states import Estimator, IccState, Limits
from doublecode.schemas.errors import UsageError
from doublecode.schemas.results import Note

Floats = NDArray[np.float64]
States = NDArray[np.int8]
Definition = Literal["1", "A", "C", "Q"]

SHROUT_FLEISS: Final[dict[str, str]] = {"1": "1", "A": "2", "C": "3"}


@dataclass(frozen=True)
class Form:
    """One intraclass correlation: which definition, of the mean of how many ratings."""

    definition: Definition
    k: float
    effective: bool
    symbol: str
    level: str = "target"

    @property
    def name(self) -> str:
        """McGraw & Wong's notation."""
        return f"ICC({self.definition},{self.symbol})"

    @property
    def shrout_fleiss(self) -> str:
        """Shrout & Fleiss's notation; an en dash where they have none."""
        if self.definition == "Q":
            return "–"
        symbol = "k" if self.symbol.startswith("k") else self.symbol
        return f"ICC({SHROUT_FLEISS[self.definition]},{symbol})"


@dataclass(frozen=True, eq=False)
class IccBlock:
    """Estimates of several forms for several sets; arrays are (n_sets, n_forms).

    Attributes
    ----------
    estimator : Estimator
    limits : Limits
        Where the limits come from; from the jackknife where `left_out` is true.
    state : (n_sets, n_forms) of IccState
        What became of each coefficient, or why there is none.
    left_out : (n_sets, n_forms) of bool, optional
    notes : tuple of (position of the set, Note)
    """

    forms: tuple[Form, ...]
    estimate: Floats
    conf_low: Floats
    conf_high: Floats
    statistic: Floats
    df1: Floats
    df2: Floats
    p_value: Floats
    estimator: Estimator
    limits: Limits
    state: States
    components: tuple[str, ...]
    variances: Floats
    bias_f: tuple[Floats, Floats, Floats, Floats] | None = None
    left_out: NDArray[np.bool_] | None = None
    notes: tuple[tuple[int, Note], ...] = ()


def requested(k: Sequence[int | float | str], k_eff: float, symbol: str) -> list[tuple[float, bool, str]]:
    """Turn the argument `k` into (value, effective?, symbol) triples.

    Parameters
    ----------
    k : sequence
        Numbers ≥ 1 and/or ``"eff"``.
    k_eff : float
        Ratings per target of the actual design (harmonic mean).
    symbol : str
        How the effective number is written in the form, ``"k"`` or ``"k_eff"``.
    """
    wanted: list[tuple[float, bool, str]] = []
    for entry in k:
        if isinstance(entry, str):
            if entry != "eff":
                raise UsageError(f"icc: k holds {entry!r}; allowed are numbers of raters ≥ 1 and 'eff'.")
            wanted.append((k_eff, True, symbol))
        elif isinstance(entry, bool) or not np.isfinite(entry) or entry < 1:
            raise UsageError(f"icc: k holds {entry!r}; a number of raters is at least 1.")
        else:
            wanted.append((float(entry), False, f"{entry:g}"))
    if not wanted:
        raise UsageError("icc: k is empty; name at least one number of raters, or 'eff'.")
    return list(dict.fromkeys(wanted))


def estimated(shape: tuple[int, ...]) -> States:
    """Return the states of coefficients of which there is nothing to say."""
    return np.full(shape, IccState.ESTIMATED, dtype=np.int8)


def noted(mask: NDArray[np.bool_], note: Note) -> tuple[tuple[int, Note], ...]:
    """Give a note to every set that `mask` (n_sets,) marks."""
    return tuple((int(s), note) for s in np.flatnonzero(mask))


def spearman_brown(single: Floats, k: float | Floats) -> Floats:
    """Step a single-rating coefficient up (or down) to the mean of k ratings; undefined → NaN."""
    below = 1.0 + (k - 1.0) * single
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below > 0.0, k * single / below, np.nan)
