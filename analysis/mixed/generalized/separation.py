"""Separation: a combination of predictors that parts the outcomes, so that no finite estimate exists.

Albert & Anderson (1984), Konis (2007): rows with no success need xᵀb ≤ 0, rows with nothing but successes xᵀb ≥ 0, all
others xᵀb = 0; if a b ≠ 0 fulfils this and parts some rows, the likelihood grows along b without end. For counts rows
of 0 need xᵀb ≤ 0 and all others xᵀb = 0. A linear programme finds b.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.generalized.fixed_only import FixedOnly
from doublecode.analysis.mixed.generalized.links import inverse
from doublecode.analysis.mixed.generalized.response import Outcome
from doublecode.schemas.errors import NotEstimable
from doublecode.schemas.results import Note

Floats = npt.NDArray[np.float64]

NEAR_CERTAIN, RAREST = 1e-5, 1e-5
"""Distance of a fitted probability from 0 or 1, and fitted rate, below which separation is looked for."""
PARTED = 1e-6


class Separated(NotEstimable):
    """Predictors, or levels of a grouping factor, tell the outcome without error; `note` names them."""

    def __init__(self, message: str, note: Note) -> None:
        super().__init__(message)
        self.note = note


@dataclass(frozen=True)
class Separation:
    """What parts the outcomes: columns of X by number, and the number of rows that are parted."""

    columns: tuple[int, ...]
    rows: int
    complete: bool


def suspicious(start: FixedOnly, outcome: Outcome) -> bool:
    """Whether the fit without random effects looks like one that runs away."""
    mean = inverse(start.eta, outcome.link)
    if outcome.trials is None:
        return not start.converged or bool(mean.min() < RAREST * mean.mean())
    return not start.converged or bool((np.minimum(mean, 1.0 - mean) < NEAR_CERTAIN).any())


def find_separation(X: Floats, outcome: Outcome) -> Separation | None:
    """Look for a direction b (p,) that parts the rows of X (n, p); None if there is none."""
    from scipy.optimize import linprog

    sign = np.where(outcome.y == 0.0, -1.0, 0.0)
    if outcome.trials is not None:
        sign = np.where(outcome.y == outcome.trials, 1.0, sign)
    n, p = X.shape
    scale = np.abs(X).max(axis=0)
    S = X / np.where(scale > 0.0, scale, 1.0)
    ends, inside = sign != 0.0, sign == 0.0
    signed = sign[ends, None] * S[ends]
    answer = linprog(
        -signed.sum(axis=0),
        A_ub=np.vstack([-signed, signed]),
        b_ub=np.concatenate([np.zeros(len(signed)), np.ones(len(signed))]),
        A_eq=S[inside] if inside.any() else None,
        b_eq=np.zeros(int(inside.sum())) if inside.any() else None,
        bounds=[(-1e3, 1e3)] * p,
        method="highs",
    )
    if answer.x is None or answer.fun is None or answer.fun > -PARTED:
        return None
    reach = signed @ answer.x
    moving = np.abs(answer.x) > PARTED
    complete = bool(ends.all()) and _has_margin(signed)
    parted = n if complete else int((reach > PARTED).sum())
    return Separation(tuple(np.flatnonzero(moving).tolist()), parted, complete)


def _has_margin(signed: Floats) -> bool:
    """Whether some b has xᵀb on the right side, by a margin, in every row (n, p)."""
    from scipy.optimize import linprog

    n, p = signed.shape
    goal = np.concatenate([np.zeros(p), [-1.0]])
    sides = np.hstack([-signed, np.ones((n, 1))])
    answer = linprog(goal, A_ub=sides, b_ub=np.zeros(n), bounds=[(-1.0, 1.0)] * p + [(None, 1.0)], method="highs")
    return answer.fun is not None and bool(answer.fun < -PARTED)


def parting(found: Separation, names: tuple[str, ...]) -> str:
    """Name the columns that part the outcomes."""
    return ", ".join(names[i] for i in found.columns if names[i] != "Intercept") or "Intercept"


def refuse_separated(names: tuple[str, ...], X: Floats, outcome: Outcome, response: str) -> None:
    """Raise :class:`Separated` if the fixed effects separate the outcome, and name what does."""
    found = find_separation(X, outcome)
    if found is None:
        return
    kind = "complete" if found.complete else "quasi-complete"
    which = parting(found, names)
    raise Separated(
        f"{kind} separation: {which} tells {found.rows} of {len(X)} rows of {response!r} without error, so the "
        "estimates grow without end. Allowed: predictors within whose values the outcome varies. Next: merge rare "
        "categories, leave the predictor out, or declare a weak prior, prior_sd=2.5, which the result then names",
        Note("set_separated", numbers={"which": which}),
    )


def refuse_row_effects(design: Design, values: str) -> None:
    """Raise NotEstimable if a term has as many effects as there are rows, each with one outcome out of `values`."""
    for term in design.terms:
        effects = term.n_levels * term.size
        if effects >= design.nobs:
            raise NotEstimable(
                f"term {term.label} has {effects} random effects for {design.nobs} rows of {values}; "
                "they cannot be told from the outcome's own chance. Take a simpler term"
            )
