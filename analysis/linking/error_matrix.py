"""What rating error adds to the moments of a regression: the full error matrix, patient by patient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from doublecode.analysis.linking.coded_columns import Floats, Ints, Ratings
from doublecode.analysis.linking.rater_moments import ErrorMoments


@dataclass(frozen=True, eq=False)
class PatientMoments:
    """Sums of each patient, P of them; c coded columns (the outcome last if it is coded), f error-free ones.

    Attributes
    ----------
    free : ndarray
        (P, f, f) Z'V⁻¹Z of the error-free columns.
    cross : ndarray
        (P, f, c + 1) Z'V⁻¹[X y].
    coded : ndarray
        (P, c + 1, c + 1) [X y]'V⁻¹[X y].
    residual, rater : ndarray
        (P, e, e, G, G) what one unit of σ_e and of σ_r of two instruments adds to `coded`; e = c + 1.
    residual_free : ndarray
        (P, e, e, f, f, G, G) the same for the products of Z'V⁻¹u.
    rater_free : ndarray
        (P, e, f, R, G) weights of the raters in Z'V⁻¹u.
    """

    free: Floats
    cross: Floats
    coded: Floats
    residual: Floats
    rater: Floats
    residual_free: Floats
    rater_free: Floats

    def weighted(self, W: Floats) -> tuple[Floats, ...]:
        """Sums under weights (B, P) of the patients, in the order of the attributes."""
        parts = (self.free, self.cross, self.coded, self.residual, self.rater, self.residual_free, self.rater_free)
        return tuple(np.tensordot(W, part, 1) for part in parts)


def indicators(rated: Ratings, at: Ints) -> tuple[Floats, Floats, Floats, Floats]:
    """Of some ratings: dummies of instrument (m, G) and rater (m, R); same session and rater, same rater (m, m)."""
    of = np.eye(len(rated.instruments))[rated.instrument[at]]
    by = np.eye(len(rated.raters))[rated.rater[at]]
    same_rater = by @ by.T
    same_place = (rated.place[at][:, None] == rated.place[at][None, :]).astype(float)
    return of, by, same_place * same_rater, same_rater


def patient_moments(
    Z: Floats, X: Floats, inverses: list[Floats], rows: list[Ints], errors: Floats, rated: Ratings, ratings: list[Ints]
) -> PatientMoments:
    """Sums of every patient.

    Parameters
    ----------
    Z, X
        (n, f) error-free columns; (n, c + 1) coded columns and the outcome.
    inverses
        Per patient V⁻¹, (n_p, n_p).
    rows, ratings
        Per patient the positions of its rows and of its ratings.
    errors
        (c + 1, n, m) by how much one unit of error in a rating moves a column; all zero for an outcome without error.
    rated
        The ratings.
    """
    found = [
        _one_patient(Z[r], X[r], V, errors[:, r][:, :, m], indicators(rated, m))
        for V, r, m in zip(inverses, rows, ratings, strict=True)
    ]
    return PatientMoments(*(np.stack(part) for part in zip(*found, strict=True)))


def _one_patient(
    Z: Floats, X: Floats, V: Floats, A: Floats, of_by: tuple[Floats, Floats, Floats, Floats]
) -> tuple[Floats, ...]:
    of, by, same, same_rater = of_by
    VZ, VX = V @ Z, V @ X
    S = np.swapaxes(A, 1, 2)[:, None] @ (V @ A)[None]
    H = VZ.T @ A
    per = H[:, :, None, :] * of.T
    flat = per.reshape(-1, len(of))
    shape = per.shape[:3]
    return (
        Z.T @ VZ, Z.T @ VX, X.T @ VX,
        error_coefficients(S, of, same),
        error_coefficients(S, of, same_rater),
        np.transpose((flat @ same @ flat.T).reshape(*shape, *shape), (0, 3, 1, 4, 2, 5)),
        np.swapaxes(per @ by, 2, 3),
    )  # fmt: skip


def error_coefficients(S: Floats, of: Floats, same: Floats) -> Floats:
    """Sum S (e, e, m, m) over the pairs of ratings that share an error, by their two instruments: (e, e, G, G)."""
    return np.asarray(of.T @ (S * same) @ of)


def corrected_system(moments: PatientMoments, errors: ErrorMoments, W: Floats) -> tuple[Floats, Floats, Floats]:
    """Moments of the coded columns and the outcome given the error-free columns, with and without their errors.

    With Q = V⁻¹ − V⁻¹Z(Z'V⁻¹Z)⁻¹Z'V⁻¹ the moments are [X y]'Q[X y]; the errors u add E[u'Qu], which is
    subtracted (Fuller 1987, section 2.2; Buonaccorsi 2010, section 5.4.3).

    Returns
    -------
    corrected, naive : ndarray
        (B, c + 1, c + 1).
    free : ndarray
        (B, f, c + 1) coefficients of the error-free columns for each of them.
    """
    free, cross, coded, residual, rater, residual_free, rater_free = moments.weighted(W)
    inverse = np.linalg.pinv(free, hermitian=True)
    onto = inverse @ cross
    naive = coded - np.swapaxes(cross, 1, 2) @ onto
    noise = np.einsum("bjlgh,bgh->bjl", residual, errors.residual) + np.einsum("bjlgh,bgh->bjl", rater, errors.rater)
    lost = np.einsum("bjlacgh,bac,bgh->bjl", residual_free, inverse, errors.residual, optimize=True)
    lost += np.einsum("bjarg,bac,blcrh,bgh->bjl", rater_free, inverse, rater_free, errors.rater, optimize=True)
    return naive - noise + lost, naive, onto
