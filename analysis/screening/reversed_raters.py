"""Codes counted from the other end: a rater who is high where the others are low."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from doublecode.analysis.screening.code_tables import CodeTable, Flags, Floats, Ints
from doublecode.analysis.screening.findings import Finding, Screen
from doublecode.analysis.screening.row_permutation import centred, permutation_p, permutation_spread, standardised

FEWEST_SESSIONS: Final = 10
GUESSING: Final = 0.05
"""Chance among permuted rows above which a rater is taken for one who guesses; for parts, divided by their number."""
ERRORS: Final = 1.645
FEWEST_OTHERS: Final = 30
_RIDGE: Final = 0.1


def reversed_raters(table: CodeTable) -> Iterator[Finding]:
    """Test every rater against the mean of the colleagues of the same sessions: all items, each scale, each item.

    Notes
    -----
    Codes of an item are centred and standardised, and the items of a set made independent by the correlations of the
    other raters' rows, W^(−1/2), so that each direction counts once; the statistic R is the correlation over
    directions and sessions. Two things are asked of an alarm. Permuting the rater's rows, which is what a rater would
    reach who guesses, gives an R as low with chance .05 at most (the parts of a rater together). And the chance under
    honest coding passes the level of the study: that of permuted rows, or, where the others agree among themselves,
    Φ((atanh R − h) / s), with the standard deviation s of permuted rows and h the lower end of the others' atanh R.
    Of two raters nobody can say who is reversed: they are one test.
    """
    if len(table.raters) < 2:
        return
    parts = _parts(table)
    for one in range(len(table.raters) if len(table.raters) > 2 else 1):
        other = table.raters[1] if len(table.raters) == 2 else ""
        shared, others = _Shared.of(table, table.rater >= 0), _Shared.of(table, table.rater != one)
        rows = shared.rater == one
        if rows.sum() < FEWEST_SESSIONS:
            continue
        sessions = tuple(table.sessions[at] for at in shared.session[rows])
        scaled = standardised(table.codes[table.rater != one])
        for part, columns in parts.items():
            n = int(shared.both[rows][:, columns].any(axis=1).sum())
            spread = _directions(scaled[:, columns], others, columns)
            found = _agreement(shared, rows, columns, spread)
            if n < FEWEST_SESSIONS or found is None:
                continue
            guessing = GUESSING / (max(len(parts) - 1, 1) if part else 1)
            yield Finding(
                Screen.REVERSED_RATER, table.instrument, table.raters[one], other, part, n=n, statistic=found.value,
                p_value=found.chance(_agreement(others, others.rater >= 0, columns, spread), guessing),
                sessions=sessions,
            )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Shared:
    """Rows of sessions that several raters have: own codes and the mean of the colleagues', less each one's severity.

    Attributes
    ----------
    own, theirs : array (n, p)
    both : array of bool (n, p)
        Where both are known.
    rater, session : array (n,)
    """

    own: Floats
    theirs: Floats
    both: Flags
    rater: Ints
    session: Ints

    @classmethod
    def of(cls, table: CodeTable, kept: Flags) -> _Shared:
        codes, rater, session = table.codes[kept].copy(), table.rater[kept], table.session[kept]
        for one in np.unique(rater):
            rows = rater == one
            codes[rows] = np.where(np.isfinite(codes[rows]), centred(codes[rows]), np.nan)
        known, filled = np.isfinite(codes), np.nan_to_num(codes)
        total, n = (np.zeros((len(table.sessions), codes.shape[1])) for _ in range(2))
        np.add.at(total, session, filled)
        np.add.at(n, session, known)
        left = n[session] - known
        both = known & (left > 0)
        theirs = np.where(both, (total[session] - filled) / np.maximum(left, 1), np.nan)
        rows = both.any(axis=1)
        return cls(codes[rows], theirs[rows], both[rows], rater[rows], session[rows])


@dataclass(frozen=True, eq=False)
class _Agreement:
    """Directions of some rows and their colleagues' (n, p), and the correlation of the two."""

    x: Floats
    y: Floats
    value: float
    spread: float

    def chance(self, others: _Agreement | None, guessing: float) -> float:
        """Chance under honest coding of an agreement as low; 1 for a rater who may have guessed."""
        permuted = permutation_p(-self.x, self.y)
        if permuted > guessing or others is None:
            return permuted
        from scipy.special import ndtr

        usual = np.arctanh(min(others.value, 0.99)) - ERRORS * others.spread
        if usual <= 0.0:
            return permuted
        return min(permuted, float(ndtr((np.arctanh(max(self.value, -0.99)) - usual) / self.spread)))


def _agreement(shared: _Shared, rows: Flags, columns: list[int], spread: Floats) -> _Agreement | None:
    """The agreement of some rows with their colleagues; None where one of them has no spread."""
    both = shared.both[rows][:, columns]
    x, y = (
        standardised(np.where(both, part[rows][:, columns], np.nan)) @ spread for part in (shared.own, shared.theirs)
    )
    size = np.sqrt((x**2).sum() * (y**2).sum())
    return _Agreement(x, y, float((x * y).sum() / size), permutation_spread(x, y) / size) if size > 0.0 else None


def _directions(scaled: Floats, others: _Shared, columns: list[int]) -> Floats:
    """Independent directions of standardised columns (n, p), each weighted by how well the others agree on it.

    W^(−1/2) makes directions independent; of a direction on which others correlate by ρ, ρ / (1 − ρ²) is the weight.
    Where nobody says it, the weight is the square root of the direction's variance: what items share is rated better.
    """
    p = scaled.shape[1]
    values, vectors = np.linalg.eigh(scaled.T @ scaled / max(len(scaled), 1) + _RIDGE * np.eye(p))
    if len(others.own) < FEWEST_OTHERS:
        return np.asarray((vectors / values**0.25) @ vectors.T)
    root = np.asarray((vectors / np.sqrt(values)) @ vectors.T)
    x, y = (
        standardised(np.where(others.both, part, np.nan))[:, columns] @ root for part in (others.own, others.theirs)
    )
    size = np.outer(np.sqrt((x**2).sum(axis=0)), np.sqrt((y**2).sum(axis=0)))
    between = x.T @ y / np.where(size > 0.0, size, 1.0)
    agreed, turned = np.linalg.eigh((between + between.T) / 2)
    agreed = agreed.clip(0.02, 0.9)
    return np.asarray(root @ turned * np.sqrt(agreed / (1.0 - agreed**2)))


def _parts(table: CodeTable) -> dict[str, list[int]]:
    """All items under no name, scales that are only some of them, and single items."""
    p = len(table.items)
    whole = {"": list(range(p))} if p > 1 else {}
    scales = {name: list(items) for name, items in table.scales.items() if len(items) < p}
    return {**whole, **scales, **{item: [at] for at, item in enumerate(table.items)}}
