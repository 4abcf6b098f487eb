"""Even shares where not everybody may do everything: the loads of least squares."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def fair_targets(amounts: Sequence[float], open_to: Sequence[Sequence[int]], caps: Floats) -> Floats:
    """Divide amounts among those who may take them, so that the sum of squared totals is least.

    Parameters
    ----------
    amounts : sequence of float
        What each class has to give.
    open_to : sequence of sequence of int
        Who may take of it.
    caps : (n,) array
        The most that each can take in all; infinite where there is no limit.

    Returns
    -------
    (n,) array
        Totals. One class after the other is poured onto what the others have given, until nothing moves: the cost is
        convex and smooth and the classes share no variable, so that this ends in its minimum.

    Examples
    --------
    >>> fair_targets([6.0, 6.0], [[0, 1, 2], [2]], np.full(3, np.inf)).tolist()
    [3.0, 3.0, 6.0]
    """
    totals = np.zeros(len(caps))
    given = [np.zeros(len(who)) for who in open_to]
    for _ in range(300):
        moved = 0.0
        for k, (amount, who) in enumerate(zip(amounts, open_to, strict=True)):
            places = np.asarray(who, dtype=np.intp)
            others = totals[places] - given[k]
            new = _poured(amount, others, np.maximum(caps[places] - others, 0.0))
            moved = max(moved, float(np.abs(new - given[k]).max(initial=0.0)))
            given[k] = new
            totals[places] = others + new
        if moved < 1e-7:
            break
    return np.round(totals, 6)


def spread_evenly(amounts: Floats, totals: Floats, may: NDArray[np.bool_]) -> Floats:
    """Divide amounts among those who may take of them, so that totals are met and nothing else decides.

    Parameters
    ----------
    amounts : (g,) array
        What each group has to give.
    totals : (n,) array
        What each is to have in all; the sum is that of `amounts`.
    may : (g, n) array
        Who may take of which.

    Returns
    -------
    (g, n) array
        Of largest entropy, by iterative proportional fitting (Deming & Stephan 1940); where no table has these sums,
        that of the totals comes as near as 200 rounds take it, and those of the amounts hold.

    Examples
    --------
    >>> may = np.array([[True, True], [True, False]])
    >>> spread_evenly(np.array([6.0, 2.0]), np.array([5.0, 3.0]), may).round(2).tolist()
    [[3.0, 3.0], [2.0, 0.0]]
    """
    table = may.astype(float)
    for _ in range(200):
        for axis, sums in ((0, totals), (1, amounts)):
            now = table.sum(axis=axis)
            scale = np.divide(sums, now, out=np.zeros_like(now), where=now > 0)
            table = table * (scale[None, :] if axis == 0 else scale[:, None])
    return table


def _poured(amount: float, heights: Floats, room: Floats) -> Floats:
    """Raise the lowest `heights` to one level until `amount` is used up; no one beyond her `room`."""
    if not len(heights) or amount <= 0:
        return np.zeros(len(heights))
    if room.sum() <= amount:
        return room
    low, high = float(heights.min()), float(heights.max()) + amount
    for _ in range(100):
        level = (low + high) / 2
        if np.clip(level - heights, 0.0, room).sum() < amount:
            low = level
        else:
            high = level
    return np.clip(high - heights, 0.0, room)
