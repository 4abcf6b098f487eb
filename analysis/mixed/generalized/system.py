"""The penalised system H = ΛᵀZᵀWZΛ + I of one state: factorised by blocks, solved, and its inverse where rows meet.

With A the block-diagonal part of the inner factor, B the cross products and C those of the outer effects, the Schur
complement is S = C − BᵀA⁻¹B, and log|H| = log|A| + log|S|.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.generalized.random_part import RandomPart

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class System:
    """H at given columns M = ZΛ (R, n) and row weights W (n,).

    Attributes
    ----------
    A_inv
        (J, P, P) inverses of the blocks.
    K
        (J, P, q₂) A⁻¹B.
    S_inv
        (q₂, q₂).
    """

    part: RandomPart
    M: Floats
    A_inv: Floats
    K: Floats
    S_inv: Floats
    log_det: float

    def solve(self, inner: Floats, outer: Floats) -> tuple[Floats, Floats]:
        """H⁻¹ applied to (P, J) and (q₂,)."""
        one = self.part.width == 1
        first = self.A_inv[:, 0, 0] * inner if one else (self.A_inv @ inner.T[:, :, None])[:, :, 0].T
        if not self.part.q2:
            return first, outer
        down = outer - np.tensordot(self.K, inner.T, axes=((0, 1), (0, 1)))
        second = self.S_inv @ down
        return first - (self.K @ second).T, second

    def local(self) -> Floats:
        """(n, R, R) the elements of H⁻¹ between the random effects that act on each row."""
        part = self.part
        own = self.A_inv[part.codes]
        if not part.q2:
            return own
        KS = self.K @ self.S_inv
        P, R, n = part.width, len(self.M), len(part.codes)
        out = np.empty((n, R, R))
        out[:, :P, :P] = own + (KS @ self.K.swapaxes(1, 2))[part.codes]
        at = part.places
        for r in range(R - P):
            side = -KS[part.codes, :, at[r]]
            out[:, :P, P + r], out[:, P + r, :P] = side, side
            for s in range(R - P):
                out[:, P + r, P + s] = self.S_inv[at[r], at[s]]
        return out


def make_system(part: RandomPart, M: Floats, W: Floats) -> System:
    """Factorise H.

    Raises
    ------
    numpy.linalg.LinAlgError
        H is not positive definite: weights that are not finite.
    """
    P, J = part.width, part.n_groups
    WM = W * M
    A_inv, log_det = _blocks(part, M, WM)
    if not part.q2:
        return System(part, M, A_inv, np.zeros((J, P, 0)), np.zeros((0, 0)), log_det)
    q2, at = part.q2, part.places
    B = np.zeros(J * P * q2)
    C = np.eye(q2).ravel()
    for r in range(len(at)):
        for k in range(P):
            B += np.bincount((part.codes * P + k) * q2 + at[r], WM[k] * M[P + r], minlength=len(B))
        for s in range(len(at)):
            C += np.bincount(at[r] * q2 + at[s], WM[P + r] * M[P + s], minlength=len(C))
    cross = B.reshape(J, P, q2)
    K = A_inv @ cross
    S = C.reshape(q2, q2) - np.tensordot(cross, K, axes=((0, 1), (0, 1)))
    L = np.linalg.cholesky(0.5 * (S + S.T))
    root = np.linalg.inv(L)
    return System(part, M, A_inv, K, root.T @ root, log_det + 2.0 * float(np.log(np.diag(L)).sum()))


def _blocks(part: RandomPart, M: Floats, WM: Floats) -> tuple[Floats, float]:
    """(J, P, P) inverse blocks of the inner factor and the logarithm of their determinants."""
    P, J = part.width, part.n_groups
    if P == 1:
        A = 1.0 + np.add.reduceat(WM[0] * M[0], part.starts)
        if not (np.isfinite(A).all() and (A > 0.0).all()):
            raise np.linalg.LinAlgError("weights are not finite")
        return (1.0 / A)[:, None, None], float(np.log(A).sum())
    blocks = np.empty((J, P, P))
    for k in range(P):
        products = np.add.reduceat(WM[k] * M[k:P], part.starts, axis=1)
        blocks[:, k, k:] = products.T
        blocks[:, k:, k] = products.T
        blocks[:, k, k] += 1.0
    if P == 2:
        return _two_by_two(blocks)
    L = np.linalg.cholesky(blocks)
    root = np.linalg.inv(L)
    log = 2.0 * float(np.log(np.diagonal(L, axis1=1, axis2=2)).sum())
    return root.swapaxes(1, 2) @ root, log


def _two_by_two(blocks: Floats) -> tuple[Floats, float]:
    """Inverses and log-determinants of (J, 2, 2) blocks that are no less than the identity."""
    a, b, c = blocks[:, 0, 0], blocks[:, 0, 1], blocks[:, 1, 1]
    det = a * c - b * b
    if not (np.isfinite(det).all() and (det > 0.0).all()):
        raise np.linalg.LinAlgError("weights are not finite")
    out = np.empty_like(blocks)
    out[:, 0, 0], out[:, 1, 1] = c / det, a / det
    out[:, 0, 1] = out[:, 1, 0] = -b / det
    return out, float(np.log(det).sum())
