"""Codes counted from the other end: a rater who is high where the others are low."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from doublecode.analysis.screening.code_tables import CodeTable, Floats, Ints
from doublecode.analysis.screening.findings import Finding, Screen
from doublecode.analysis.screening.row_permutation import centred, permutation_p

FEWEST_SESSIONS: Final = 10


def reversed_raters(table: CodeTable, rng: np.random.Generator) -> Iterator[Finding]:
    """Test every rater against the mean of the colleagues of the same sessions: all items, each scale, each item.

    Notes
    -----
    Codes of an item are centred and standardised; the statistic is the correlation over items and sessions. Its null
    permutes the rater's rows: what a rater would reach who guesses. An honest one is above it.
    """
    if len(table.raters) < 2:
        return
    own, theirs, rater, session = _against_colleagues(table)
    for one in range(len(table.raters)):
        rows = rater == one
        if rows.sum() < FEWEST_SESSIONS:
            continue
        x, y = own[rows], theirs[rows]
        both = np.isfinite(x) & np.isfinite(y)
        x, y = (_standardised(np.where(both, part, np.nan)) for part in (x, y))
        sessions = tuple(table.sessions[at] for at in session[rows])
        for part, columns in _parts(table).items():
            u, v = x[:, columns], y[:, columns]
            size = np.sqrt((u**2).sum() * (v**2).sum())
            n = int(both[:, columns].any(axis=1).sum())
            if n < FEWEST_SESSIONS or not size > 0.0:
                continue
            yield Finding(
                Screen.REVERSED_RATER, table.instrument, table.raters[one], part=part, n=n,
                statistic=float((u * v).sum() / size), p_value=permutation_p(-u, v, rng), sessions=sessions,
            )  # fmt: skip


def _parts(table: CodeTable) -> dict[str, list[int]]:
    """All items under no name, scales that are only some of them, and single items."""
    p = len(table.items)
    whole = {"": list(range(p))} if p > 1 else {}
    scales = {name: list(items) for name, items in table.scales.items() if len(items) < p}
    return {**whole, **scales, **{item: [at] for at, item in enumerate(table.items)}}


def _standardised(values: Floats) -> Floats:
    deviations = centred(values)
    size = np.sqrt((deviations**2).mean(axis=0))
    return np.asarray(deviations / np.where(size > 0.0, size, 1.0))


def _against_colleagues(table: CodeTable) -> tuple[Floats, Floats, Ints, Ints]:
    """Codes of a row and the mean of the colleagues' codes of the session, less the severity of each."""
    codes = table.codes.copy()
    for one in range(len(table.raters)):
        rows = table.rater == one
        known = np.isfinite(codes[rows])
        codes[rows] = np.where(known, centred(codes[rows]), np.nan)
    known, filled = np.isfinite(codes), np.nan_to_num(codes)
    total, n = (np.zeros((len(table.sessions), codes.shape[1])) for _ in range(2))
    np.add.at(total, table.session, filled)
    np.add.at(n, table.session, known)
    left = n[table.session] - known
    mean = (total[table.session] - filled) / np.maximum(left, 1)
    theirs = np.where(left > 0, mean, np.nan)
    shared = (np.isfinite(theirs) & known).any(axis=1)
    return codes[shared], theirs[shared], table.rater[shared], table.session[shared]
