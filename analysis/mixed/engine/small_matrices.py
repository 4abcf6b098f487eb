"""Products and inverses of many small matrices, each element one contiguous array.

A P × Q matrix per set and group is kept as (P, Q, B, J): products are loops over elements, and every
step of such a loop is one operation on long arrays. Where a single small model is fitted the arrays are short, and
its price is the number of calls, a microsecond each: then one call multiplies all matrices, one matrix is handed to
LAPACK without numpy's set-up, and :func:`of_sets` hands on what is there without a copy. The numbers are the same to
rounding.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

Floats = npt.NDArray[np.float64]

FEW = 60
"""Matrices up to which one call for all is quicker than a pass over them for each element."""
_SIGNS = np.array([[1.0, -1.0], [-1.0, 1.0]])[:, :, None, None]
_FIRST: Any = [(0, 1), (0, 1), (0, 1)]


def invert_plus_one(D: Floats, A: Floats) -> tuple[Floats, Floats]:
    """(I + D Aⱼ)⁻¹ as (P, P, B, J), and Σⱼ log|I + D Aⱼ| as (B,).

    The inverse lies in order of its axes, as a copy of it would: sums over it are the same to the last digit.
    """
    P = len(D)
    M = multiply(D[..., None], A)
    if P == 1:
        M += 1.0
        return 1.0 / M, np.add.reduce(np.log(M[0, 0]), axis=-1)
    for k in range(P):
        M[k, k] += 1.0
    if P == 2:
        (a, b), (c, d) = M
        det = a * d - b * c
        adjugate = np.multiply(M[::-1, ::-1].swapaxes(0, 1), _SIGNS, order="C")
        adjugate /= det
        return adjugate, np.add.reduce(np.log(det), axis=-1)
    last = np.moveaxis(M, (0, 1), (-2, -1))
    inverse: Floats = np.asarray(np.linalg.inv(last), dtype=float)
    return np.ascontiguousarray(np.moveaxis(inverse, (-2, -1), (0, 1))), np.linalg.slogdet(last)[1].sum(axis=-1)


def multiply(M: Floats, N: Floats) -> Floats:
    """Product of element-first small matrices, (P, Q, …) by (Q, R, …); of a few by one call, which costs no passes."""
    if not len(N):
        return np.asarray((M[:, :, None] * N[None]).sum(axis=1))
    if M.size <= FEW * M.shape[0] * M.shape[1] and N.size <= FEW * N.shape[0] * N.shape[1]:
        return np.asarray(np.matmul(M, N, axes=_FIRST))
    out = M[:, :1] * N[:1]
    for k in range(1, len(N)):
        out += M[:, k : k + 1] * N[k : k + 1]
    return out


def symmetric(M: Floats) -> Floats:
    """Take the rounding out of element-first matrices (P, P, …) that are symmetric."""
    return M if len(M) == 1 else 0.5 * (M + M.swapaxes(0, 1))


def apply(M: Floats, v: Floats) -> Floats:
    """Product of element-first small matrices (P, P, …) and vectors (P, …)."""
    if len(M) == 1:
        return np.asarray(M[0] * v)
    return np.asarray(np.add.reduce(M * v, axis=1))


def apply_transposed(M: Floats, v: Floats) -> Floats:
    """As :func:`apply`, with the matrices transposed."""
    if len(M) == 1:
        return np.asarray(M[0] * v)
    return np.asarray(np.add.reduce(M * v[:, None], axis=0))


def every(flags: npt.NDArray[np.bool_]) -> bool:
    """Whether all flags are set; of a few a tenth of the price of their method."""
    return bool(np.count_nonzero(flags) == flags.size)


def of_sets(values: Floats, which: npt.NDArray[np.intp], axis: int = 0) -> Floats:
    """Take the sets `which` along an axis; a single set of a single one is what is there, and no copy is made."""
    if len(which) == 1 == values.shape[axis]:
        return values
    return values[which] if axis == 0 else values[(slice(None),) * axis + (which,)]


def eigen(H: Floats) -> tuple[Floats, Floats]:
    """Eigenvalues (B, m) and vectors of symmetric (B, m, m); of one matrix by LAPACK itself, a tenth of the price."""
    if len(H) != 1 or not H.size:
        return np.linalg.eigh(H)
    values, vectors, info = lapack.dsyevd(H[0])
    if info:
        raise np.linalg.LinAlgError("eigenvalues did not converge")
    return values[None], vectors[None]


def cholesky(D: Floats) -> Floats:
    """Lower factors of positive definite (B, p, p); of one matrix by LAPACK itself."""
    if len(D) != 1:
        return np.asarray(np.linalg.cholesky(D), dtype=float)
    L, info = lapack.dpotrf(D[0], lower=1)
    if info:
        raise np.linalg.LinAlgError(f"not positive definite at column {info}")
    return np.asarray(L)[None]


def solve(system: Floats, given: Floats) -> Floats:
    """Solutions (B, k) of (B, k, k) equations, or of one for all; of one by LAPACK itself. NaN where there are none."""
    if len(system) == len(given) == 1:
        _, _, found, info = lapack.dgesv(system[0], given[0])
        return np.full(given.shape, np.nan) if info else np.asarray(found)[None]
    try:
        return np.asarray(np.linalg.solve(system, given[:, :, None])[:, :, 0])
    except np.linalg.LinAlgError:
        return np.full(given.shape, np.nan)


def smallest_eigenvalue(D: Floats) -> Floats:
    """(B,) of symmetric (B, p, p); of one and two effects written out, which spares LAPACK's set-up."""
    p = D.shape[1]
    if p == 1:
        return D[:, 0, 0]
    if p == 2:
        a, b, c = D[:, 0, 0], D[:, 1, 0], D[:, 1, 1]
        return np.asarray(0.5 * (a + c - np.hypot(a - c, 2.0 * b)))
    return np.asarray(np.linalg.eigvalsh(D)[:, 0])
