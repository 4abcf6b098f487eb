"""Identical rows of two raters: more of them than two independent raters of the same sessions would give."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from doublecode.analysis.screening.code_tables import CodeTable, Flags, Floats, Ints
from doublecode.analysis.screening.findings import Finding, Screen
from doublecode.analysis.screening.threshold_model import Components, Margins

FEWEST_SESSIONS: Final = 5
FEWEST_OTHERS: Final = 10
"""Pairs of rows by other raters below which the components of the suspected pair itself are taken."""
ERRORS: Final = 1.645
_SESSIONS, _RATERS = 3_000, 4
_CELLS: Final = 800
"""Steps to which the weighted count is rounded, upwards in honest raters."""
_PRIOR: Final = 10.0


def copied_rows(table: CodeTable, rng: np.random.Generator) -> Iterator[Finding]:
    """Test every two raters that share sessions.

    Notes
    -----
    The null is no permutation of sessions, which takes away what honest raters share. Rows of two independent raters
    of one session are drawn from a threshold model: latent correlations of items within a row and between raters by
    moments from all *other* pairs, the latter at the upper end of its interval; thresholds from the codes of both
    raters, so that a floor stays a floor. An identical row counts by its rarity, Σ_items −log P(code | the other's
    code): rows of nothing but the commonest code say little. The distribution of the sum over the shared sessions is
    the convolution of the drawn ones.
    """
    first, second = table.pairs()
    scores, series = Margins.of(table.codes, np.ones(len(table.codes))).scores(table.codes)
    who = table.rater[first] * len(table.raters) + table.rater[second]
    for pair in np.unique(who):
        own = who == pair
        shared = _Shared.of(table, first[own], second[own])
        if shared.n < FEWEST_SESSIONS:
            continue
        found = shared.finding(table)
        if found.n_found < 3:
            yield found
            continue
        others = ~own if (~own).sum() >= FEWEST_OTHERS else np.ones(len(who), dtype=bool)
        parts = Components.of(scores, series, table.rater, first[others], second[others], ERRORS)
        yield shared.tested(found, parts, _margins(table, int(pair)), rng)


def _margins(table: CodeTable, pair: int) -> Margins:
    """Thresholds from the codes of both raters; all others together weigh as ten of their rows."""
    a, b = divmod(pair, len(table.raters))
    both = (table.rater == a) | (table.rater == b)
    return Margins.of(table.codes, np.where(both, 1.0, _PRIOR / max(int((~both).sum()), 1)))


@dataclass(frozen=True, eq=False)
class _Shared:
    """Rows of one pair; rows in which neither has a code are left out."""

    one: Ints
    two: Ints
    x: Floats
    y: Floats
    both: Flags
    same: Flags

    @classmethod
    def of(cls, table: CodeTable, one: Ints, two: Ints) -> _Shared:
        x, y = table.codes[one], table.codes[two]
        both = np.isfinite(x) & np.isfinite(y)
        kept = both.any(axis=1)
        one, two, x, y, both = one[kept], two[kept], x[kept], y[kept], both[kept]
        return cls(one, two, x, y, both, ((x == y) | (np.isnan(x) & np.isnan(y))).all(axis=1))

    @property
    def n(self) -> int:
        return len(self.one)

    def finding(self, table: CodeTable) -> Finding:
        """Count identical rows."""
        same = np.flatnonzero(self.same)
        one, two = (table.raters[int(table.rater[rows[0]])] for rows in (self.one, self.two))
        return Finding(
            Screen.IDENTICAL_ROWS, table.instrument, one, two, n=self.n, n_found=len(same), statistic=float(len(same)),
            sessions=tuple(table.sessions[row] for row in table.session[self.one[same]]),
        )  # fmt: skip

    def tested(self, found: Finding, parts: Components, margins: Margins, rng: np.random.Generator) -> Finding:
        """Hold the weighted count of identical rows to that of independent raters."""
        drawn = parts.draw(rng, _SESSIONS, _RATERS)
        codes = margins.cut(drawn.reshape(-1, drawn.shape[2])).reshape(drawn.shape)
        one, two = np.triu_indices(_RATERS, 1)
        equal = (codes[one] == codes[two]).reshape(-1, codes.shape[2])
        at = codes[one].reshape(-1, codes.shape[2])
        rarity = np.stack(
            [_rarity(equal[:, j], at[:, j], len(margins.levels[j])) for j in range(at.shape[1])]
        )  # (p, most codes)
        drawn_weight = np.take_along_axis(rarity, at.T, axis=1).T
        here = np.zeros(self.x.shape, dtype=int)
        for j, levels in enumerate(margins.levels):
            here[:, j] = np.searchsorted(levels, np.where(self.both[:, j], self.x[:, j], levels[0]))
        weight = np.where(self.both, np.take_along_axis(rarity, here.T, axis=1).T, 0.0).sum(axis=1)
        total = float(weight[self.same].sum())
        chance, expected = _chance(total, self.both, equal, drawn_weight)
        return replace(found, expected=expected, statistic=total, p_value=chance)


def _rarity(equal: Flags, at: Ints, n_codes: int) -> Floats:
    """Of each code: −log of the chance that an independent rater gives it too; padded to 64 codes."""
    n = np.bincount(at, minlength=n_codes)
    matches = np.bincount(at, equal, n_codes)
    found = np.zeros(64)
    found[:n_codes] = -np.log(((matches + 0.5) / (n + 1.0)).clip(0.01, 0.99))
    return found


def _chance(total: float, both: Flags, equal: Flags, weight: Floats) -> tuple[float, float]:
    """Chance of the total or more, and expected identical rows; sessions with the same missing cells go together."""
    masks, n_each = np.unique(both, axis=0, return_counts=True)
    mass = np.zeros(_CELLS)
    mass[0] = 1.0
    expected = 0.0
    for mask, n in zip(masks, n_each, strict=True):
        same = np.asarray(equal[:, mask].all(axis=1))
        value = weight[same][:, mask].sum(axis=1)
        step = np.minimum(np.ceil(value / max(total, 1e-9) * _CELLS - 1e-9), _CELLS).astype(int)
        one = np.bincount(step, minlength=_CELLS + 1)[:_CELLS].astype(float)
        one[0] += len(same) - same.sum()
        mass = _convolved(mass, _power(one / len(same), int(n)))
        expected += float(n * same.mean())
    return max(1.0 - float(mass.sum()), 1e-12), expected


def _power(mass: Floats, n: int) -> Floats:
    """The n-fold convolution, cut off at the total."""
    found = np.zeros(_CELLS)
    found[0] = 1.0
    while n:
        found = _convolved(found, mass) if n & 1 else found
        mass = _convolved(mass, mass) if n > 1 else mass
        n >>= 1
    return found


def _convolved(one: Floats, two: Floats) -> Floats:
    return np.asarray(np.convolve(one, two)[:_CELLS])
