"""Error variances and covariances of ratings, in closed form from what was coded by two raters or more."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
import numpy.typing as npt

from doublecode.analysis.linking.coded_columns import Floats, Ints, Ratings
from doublecode.schemas.errors import NotEstimable


@dataclass(frozen=True, eq=False)
class PairSums:
    """Sums of one pair of instruments over its double-coded sessions, per patient (P, …).

    Attributes
    ----------
    pair : tuple of int
        Codes of the two instruments; the same twice for a variance.
    raters : ndarray
        (P, R, R) cross-products of rater dummies, centred within sessions.
    mixed : ndarray
        (P, R, 2) of dummies and values.
    values : ndarray
        (P,) of the values of both.
    spare : ndarray
        (P,) ratings less sessions.
    n_sessions : int
        Sessions in which two raters or more coded both.
    apart : bool
        Nobody coded both of one session: no error is shared.
    """

    pair: tuple[int, int]
    raters: Floats
    mixed: Floats
    values: Floats
    spare: Floats
    n_sessions: int
    apart: bool = False


@dataclass(frozen=True, eq=False)
class ErrorMoments:
    """Variances and covariances of errors, of B weightings of the patients.

    Attributes
    ----------
    residual, rater : ndarray
        (B, G, G): of the error of a single rating, σ²_e, and of the raters' severity, σ²_r.
    df : ndarray
        (B, G, G) degrees of freedom of `residual`.
    """

    residual: Floats
    rater: Floats
    df: Floats


def pair_sums(rated: Ratings, patient: Ints, n_patients: int) -> tuple[PairSums, ...]:
    """Sums of every pair of instruments; `patient` (m,) is the code of the patient of each rating.

    Raises
    ------
    NotEstimable
        Of an instrument no session was coded twice, or raters coded both of two instruments, but never two of them
        the same session.
    """
    pairs = combinations_with_replacement(range(len(rated.instruments)), 2)
    return tuple(_sums(rated, patient, n_patients, pair) for pair in pairs)


def _sums(rated: Ratings, patient: Ints, P: int, pair: tuple[int, int]) -> PairSums:
    R = len(rated.raters)
    cell = rated.place * R + rated.rater
    both, first, second = _matched(cell, rated.instrument, pair)
    place, rater, who = rated.place[first], rated.rater[first], patient[first]
    k = np.bincount(place, minlength=len(rated.places))
    keep = k[place] > 1
    if not keep.any():
        if both and pair[0] != pair[1]:
            raise NotEstimable(_no_pair(rated, pair))
        if pair[0] == pair[1]:
            raise NotEstimable(
                f"No session has ratings of {rated.instruments[pair[0]]} by two raters, so nothing tells their error "
                "from the truth. Have some sessions coded twice."
            )
    place, rater, who = place[keep], rater[keep], who[keep]
    values = np.column_stack([rated.value[first[keep]], rated.value[second[keep]]])
    D, Y = _centred(np.eye(R)[rater], place), _centred(values, place)
    raters, mixed, squares = np.zeros((P, R, R)), np.zeros((P, R, 2)), np.zeros(P)
    np.add.at(raters, who, D[:, :, None] * D[:, None, :])
    np.add.at(mixed, who, D[:, :, None] * Y[:, None, :])
    np.add.at(squares, who, Y[:, 0] * Y[:, 1])
    spare = np.asarray(np.bincount(who, 1.0 - 1.0 / k[place], minlength=P), dtype=np.float64)
    return PairSums(pair, raters, mixed, squares, spare, len(np.unique(place)), apart=not both)


def _no_pair(rated: Ratings, pair: tuple[int, int]) -> str:
    a, b = (rated.instruments[code] for code in pair)
    return (
        f"Raters coded {a} and {b} of the same sessions, but no session has both from two raters, so the error that "
        "the two share cannot be told from the truth. Have some sessions coded by two raters on both."
    )


def _matched(cell: Ints, instrument: Ints, pair: tuple[int, int]) -> tuple[bool, Ints, Ints]:
    """Ratings of the two instruments by one rater of one session, as two lists of positions."""
    at = [np.flatnonzero(instrument == code) for code in pair]
    _, i, j = np.intersect1d(cell[at[0]], cell[at[1]], return_indices=True)
    return bool(len(i)), at[0][i], at[1][j]


def _centred(values: Floats, place: Ints) -> Floats:
    _, code, n = np.unique(place, return_inverse=True, return_counts=True)
    means = np.zeros((len(n), values.shape[1]))
    np.add.at(means, code, values)
    return np.asarray(values - (means / n[:, None])[code])


def error_moments(sums: tuple[PairSums, ...], weights: npt.ArrayLike, n_instruments: int) -> ErrorMoments:
    """Unbiased moments under weights (B, P) of the patients.

    Ratings of double-coded sessions are regressed on sessions and raters. With residuals ε and rater effects ρ of
    the two instruments, σ_e = Σ ε₁ε₂ / (N − S − rank) and σ_r = [Σ ρ₁ρ₂ − σ_e tr((D'D)⁺)] / rank; D holds the
    dummies of the raters, centred within sessions (Henderson 1953, method 3; Searle, Casella & McCulloch 1992,
    chapter 5). An instrument with itself gives variances. They may be negative, which keeps them unbiased.
    """
    W = np.asarray(weights, dtype=float)
    residual, rater, df = np.zeros((3, len(W), n_instruments, n_instruments))
    for one in sums:
        if one.apart:
            continue
        found = _moments(one, W)
        for out, values in zip((residual, rater, df), found, strict=True):
            out[:, one.pair[0], one.pair[1]] = out[:, one.pair[1], one.pair[0]] = values
    return ErrorMoments(residual, rater, df)


def _moments(one: PairSums, W: Floats) -> tuple[Floats, Floats, Floats]:
    DD, DY, YY = (np.tensordot(W, part, 1) for part in (one.raters, one.mixed, one.values))
    inverse = np.linalg.pinv(DD, rcond=1e-9, hermitian=True)
    rank = np.rint(np.einsum("bij,bji->b", inverse, DD))
    effects = inverse @ DY
    df = W @ one.spare - rank
    with np.errstate(divide="ignore", invalid="ignore"):
        error = (YY - np.einsum("bi,bi->b", effects[:, :, 0], DY[:, :, 1])) / df
        spread = np.einsum("bi,bi->b", effects[:, :, 0], effects[:, :, 1])
        rater = (spread - error * np.einsum("bii->b", inverse)) / rank
    return error, rater, df
