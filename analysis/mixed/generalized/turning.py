"""A way out of the curved valley of a triangular factor: turn the random columns to the axes of their covariance.

Where a first variance of Λ is near zero, its row below it turns freely, and the search creeps. With the columns of a
term turned so that the covariance found so far is diagonal, largest variance first, no such valley is left.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.engine.layout import triangle
from doublecode.analysis.mixed.generalized.objective import Problem
from doublecode.analysis.mixed.generalized.random_part import factor_of
from doublecode.analysis.mixed.generalized.search import Found, find_from, find_minimum

Floats = npt.NDArray[np.float64]


def settle(problem: Problem, beta: Floats, psi: Floats) -> tuple[Problem, Found]:
    """Search as :func:`find_minimum` does; once more with turned columns if that did not converge.

    Returns
    -------
    tuple
        The problem, its random columns turned if that served, and what was found in its units.
    """
    found = find_minimum(problem, beta, psi)
    if found.end.converged or all(block.size == 1 for block in problem.part.blocks):
        return problem, found
    other, x = turned(problem, found.end.point.x)
    again = find_from(other, x)
    if again.end.point.value > found.end.point.value + 1e-9:
        return problem, found
    kept = replace(again.end, start="best so far, columns turned")
    return other, Found(kept, (*found.ends, kept))


def turned(problem: Problem, x: Floats) -> tuple[Problem, Floats]:
    """The same problem in the axes of the covariances at x, and x there."""
    part, theta = problem.part, problem.split(x)[0].copy()
    Z, roots = part.Z.copy(), list(part.roots)
    for i, (block, at) in enumerate(zip(part.blocks, part.local, strict=True)):
        L = factor_of(block, problem.split(x)[0])
        values, axes = np.linalg.eigh(L @ L.T)
        axes = axes[:, ::-1]
        Z[at], roots[i] = axes.T @ part.Z[at], axes.T @ part.roots[i]
        rows, columns = triangle(block.size)
        sds = np.sqrt(np.maximum(values[::-1], 0.0))
        theta[block.theta] = np.where(rows == columns, sds[rows], 0.0)
    turned_part = replace(part, Z=Z, roots=tuple(roots))
    return replace(problem, part=turned_part), np.concatenate([theta, x[part.m :]])
