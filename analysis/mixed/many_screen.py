"""Which of many sets cannot be fitted, and why: told before anything is searched for."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.many_designs import Sets
from doublecode.schemas.results import Note

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.intp]


def of_one_value(Y: Floats) -> Bools:
    """(S,) whether outcomes (n, S) have one value only, or none."""
    missing = np.isnan(Y)
    return np.asarray(np.where(missing, np.inf, Y).min(axis=0) >= np.where(missing, -np.inf, Y).max(axis=0))


def reasons_against(sets: Sets, chunk: Ints, constant: Bools, *, row_levels: bool = False) -> npt.NDArray[Any]:
    """(S,) a Note for each set of a chunk that cannot be fitted, None for the others.

    Parameters
    ----------
    sets, chunk
        Some of the sets.
    constant
        (S,) whether the outcome says nothing.
    row_levels
        Whether a random term may have a level per row.
    """
    design = sets.design
    present = ~np.isnan(sets.Y[:, chunk])
    reasons = np.full(len(chunk), None, dtype=object)
    p = design.X.shape[1]
    if sets.own or not present.all():
        X = np.broadcast_to(sets.fixed(chunk), (design.nobs, p, len(chunk)))
        gram = np.einsum("in,ijn,ikn->njk", present.astype(float), X, X, optimize=True)
        d = np.sqrt(np.maximum(np.diagonal(gram, axis1=1, axis2=2), 1e-300))
        rank = np.linalg.eigvalsh(gram / (d[:, :, None] * d[:, None, :]))
        reasons[rank[:, 0] < 1e-12 if p else np.zeros(len(chunk), dtype=bool)] = Note("set_collinear")
        for term in design.terms:
            onehot = np.zeros((term.n_levels, design.nobs))
            onehot[term.codes, np.arange(design.nobs)] = 1.0
            seen = (onehot @ present > 0).sum(axis=0)
            reasons[seen < 2] = Note("set_few_levels", numbers={"group": term.group})
            full = seen * term.size >= present.sum(axis=0)
            reasons[full & (not row_levels)] = Note("set_effects_as_rows", numbers={"term": term.label})
    reasons[constant] = Note("set_outcome_constant")
    reasons[present.sum(axis=0) <= p] = Note("set_few_rows")
    return reasons
