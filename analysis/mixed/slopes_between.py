"""Random slopes of what no group varies in: a treatment arm in ``(arm | patient)``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.checks import RandomColumns
from doublecode.schemas.results import Note

Floats = npt.NDArray[np.float64]
UNSEEN = 1e-10
"""Singular value, as a share of the largest, from which products of columns count as one."""


def slopes_between(terms: Sequence[RandomColumns]) -> tuple[Note, ...]:
    """Note the terms with a slope of a column that is the same in all rows of each group.

    What such columns z of a term add to the covariance of two rows of a group is zᵀDz. Where the products of the
    columns, a column for each element of D, are linearly dependent over the groups, other D give the same likelihood:
    one or two values of z beside an intercept leave one or two variances for the three elements. Where they are not,
    D describes how the spread between groups changes with z (Snijders & Bosker 2012, sec. 8.2).

    A term of this column alone, ``(0 + treated | therapist)``, is how one says that only these groups have effects,
    and is left alone.
    """
    return tuple(note for term in terms if term.Z.shape[1] > 1 for note in _of_one(term))


def _of_one(term: RandomColumns) -> tuple[Note, ...]:
    row = np.empty(term.n_levels, dtype=np.intp)
    row[term.codes] = np.arange(len(term.codes))  # any row of each group
    of_groups = term.Z[row]
    same = (of_groups[term.codes] == term.Z).all(axis=0)
    slopes = same & (of_groups != of_groups[0]).any(axis=0)
    if not slopes.any():
        return ()
    columns = tuple(name for name, is_slope in zip(term.columns, slopes, strict=True) if is_slope)
    kind = "slopes_between" if _identified(of_groups[:, same]) else "slopes_not_identified"
    return (Note(kind, numbers={"term": term.label, "group": term.group, "columns": columns}),)


def _identified(columns: Floats) -> bool:
    """Whether columns (groups, c) tell all elements of a covariance matrix (c, c) from one another."""
    axes = np.linalg.qr(columns)[0]  # another basis of the same columns, whatever their units and zeros
    k, h = np.triu_indices(axes.shape[1])
    values = np.linalg.svd(axes[:, k] * axes[:, h], compute_uv=False)
    return len(values) == len(k) and bool(values[-1] > UNSEEN * values[0])
