"""The threshold model of several items and raters: components by moments, floors kept, independent raters drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from doublecode.analysis.screening.code_tables import Flags, Floats, Ints
from doublecode.analysis.screening.row_permutation import centred

TERMS: Final = 12
"""Terms of the Hermite series."""
LARGEST: Final = 0.98
_GRID: Final = np.linspace(-LARGEST, LARGEST, 197)


@dataclass(frozen=True, eq=False)
class Margins:
    """How often each code of each item stands.

    Attributes
    ----------
    levels, cuts : list of p arrays (n_codes,), (n_codes - 1,)
        Codes in order, and where the latent normal variable is cut between them.
    """

    levels: tuple[Floats, ...]
    cuts: tuple[Floats, ...]

    @classmethod
    def of(cls, codes: Floats, weights: Floats) -> Margins:
        """Count codes (n, p), each row with its weight (n,)."""
        from scipy.special import ndtri

        levels, cuts = [], []
        for column in codes.T:
            known = np.isfinite(column)
            found, at = np.unique(column[known], return_inverse=True)
            share = np.bincount(at, weights[known], len(found))
            below = np.cumsum(share)[:-1] / share.sum()
            levels.append(found)
            cuts.append(np.asarray(ndtri(np.clip(below, 1e-6, 1 - 1e-6))))
        return cls(tuple(levels), tuple(cuts))

    def cut(self, latent: Floats) -> Ints:
        """Places of codes of latent values (n, p)."""
        return np.stack([np.searchsorted(cuts, z) for cuts, z in zip(self.cuts, latent.T, strict=True)], axis=1)

    def scores(self, codes: Floats) -> tuple[Floats, Floats]:
        """Mean latent value at each code (n, p), NaN without one; Hermite coefficients of the scores over their SD."""
        found = np.full(codes.shape, np.nan)
        series = np.zeros((codes.shape[1], TERMS))
        for j, (levels, cuts) in enumerate(zip(self.levels, self.cuts, strict=True)):
            steps = -np.diff(_hermite_tails(cuts), axis=0)  # (n_codes, TERMS)
            share = np.diff(np.concatenate([[0.0], _below(cuts), [1.0]]))
            value = steps[:, 0] / np.maximum(share, 1e-12)
            known = np.isfinite(codes[:, j])
            found[known, j] = value[np.searchsorted(levels, codes[known, j])]
            series[j] = value @ steps / np.sqrt(max(float(value**2 @ share), 1e-12))
        return found, series


def _below(cuts: Floats) -> Floats:
    from scipy.special import ndtr

    return np.asarray(ndtr(cuts))


def _hermite_tails(cuts: Floats) -> Floats:
    """h_(m-1)(τ) φ(τ) / √m of the normed Hermite polynomials at -∞, the cuts and ∞: (n_cuts + 2, TERMS)."""
    density = np.exp(-0.5 * cuts**2) / np.sqrt(2 * np.pi)
    normed = np.zeros((len(cuts) + 2, TERMS))
    before, now = np.zeros_like(cuts), np.ones_like(cuts)
    for m in range(TERMS):
        normed[1:-1, m] = now * density / np.sqrt(m + 1.0)
        before, now = now, (cuts * now - np.sqrt(m) * before) / np.sqrt(m + 1.0)
    return normed


def latent_correlations(correlations: Floats, series: Floats) -> Floats:
    """Latent correlations (p, p) that give these correlations of scores, by the Hermite series.

    Notes
    -----
    Standardised scores of latent normal variables with correlation ρ have the correlation Σ_m a_m b_m ρ^m, a and b
    being their coefficients (Mehler's formula).
    """
    powers = _GRID ** np.arange(1, TERMS + 1)[:, None]
    table = np.einsum("jm,km,mg->jkg", series, series, powers)
    return np.asarray(_GRID[np.abs(table - correlations[:, :, None]).argmin(axis=2)])


@dataclass(frozen=True, eq=False)
class Components:
    """Latent correlations of one rater's items and of two raters' items.

    Attributes
    ----------
    within, between : array (p, p)
        Within a row; between the rows of two raters of one session.
    """

    within: Floats
    between: Floats

    @classmethod
    def of(cls, scores: Floats, series: Floats, rater: Ints, first: Ints, second: Ints, errors: float) -> Components:
        """Estimate by moments from rows (n, p) and pairs of rows; severity is taken out.

        The correlation between raters is set `errors` standard errors above its estimate (Fisher's z, 1.2 times as
        wide for codes), so that no pair is suspected because the others were few.
        """
        own = np.where(np.isfinite(scores), _without_severity(scores, rater), np.nan)
        known, filled = np.isfinite(own), np.nan_to_num(own)
        within = _correlation(filled, filled, known, known)
        one, two = (np.concatenate(part) for part in ((first, second), (second, first)))
        between = _correlation(filled[one], filled[two], known[one], known[two])
        latent_within = latent_correlations(within, series)
        np.fill_diagonal(latent_within, 1.0)
        latent_between = latent_correlations((between + between.T) / 2, series)
        return cls(latent_within, _raised(latent_between, 1.2 * errors / np.sqrt(max(len(first) - 3, 1))))

    def draw(self, rng: np.random.Generator, n: int, n_raters: int) -> Floats:
        """Latent rows of `n` sessions by independent raters: (n_raters, n, p)."""
        shared = _root(self.between)
        own = _root(self.within - shared @ shared.T)
        p = len(self.within)
        latent = rng.standard_normal((n, p)) @ shared.T + rng.standard_normal((n_raters, n, p)) @ own.T
        size = np.sqrt(((shared**2).sum(axis=1) + (own**2).sum(axis=1)).clip(1e-12))
        return np.asarray(latent / size)


def _without_severity(scores: Floats, rater: Ints) -> Floats:
    out = scores.copy()
    for one in np.unique(rater):
        out[rater == one] = centred(scores[rater == one])
    return out


def _correlation(x: Floats, y: Floats, known_x: Flags, known_y: Flags) -> Floats:
    """Correlations of columns of x with columns of y, over the rows that have both."""
    kx, ky = known_x.astype(float), known_y.astype(float)
    both = x.T @ y
    size = np.sqrt(np.maximum((x**2).T @ ky, 1e-12) * np.maximum(kx.T @ y**2, 1e-12))
    return np.asarray(both / size)


def _raised(between: Floats, step: float) -> Floats:
    diagonal = np.diag(between).clip(0.02, LARGEST)
    upper = np.tanh(np.arctanh(diagonal) + step).clip(0.02, LARGEST)
    factor = np.sqrt(upper / diagonal)
    raised = between * np.outer(factor, factor)
    np.fill_diagonal(raised, upper)
    return np.asarray(raised)


def _root(matrix: Floats) -> Floats:
    """A square root of the nearest matrix without negative eigenvalues."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return np.asarray(vectors * np.sqrt(values.clip(0.0)))
