"""Generalised mixed models of many outcomes on one design: the fits behind :func:`doublecode.analysis.fit_many`.

With one scalar random term and a logit or a count the sets are fitted together; what the batch does not solve,
and every other random part or family, goes through the search of single fits, on the same objective.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.engine.optimise import lower_factor
from doublecode.analysis.mixed.generalized.bare_fit import GeneralizedFit
from doublecode.analysis.mixed.generalized.links import inverse
from doublecode.analysis.mixed.generalized.many_outcomes import SetOutcomes
from doublecode.analysis.mixed.generalized.many_rows import (
    OwnColumns,
    Places,
    SetProblem,
    SharedColumns,
    hermite,
    places_of,
)
from doublecode.analysis.mixed.generalized.many_search import (
    FixedSets,
    SetEnds,
    fit_fixed_sets,
    look_again,
    search_sets,
)
from doublecode.analysis.mixed.generalized.outcome_fit import WIDE, first_predictor, fit_outcome, prior_precision
from doublecode.analysis.mixed.generalized.random_part import make_random_part
from doublecode.analysis.mixed.generalized.separation import (
    NEAR_CERTAIN,
    RAREST,
    Separated,
    find_separation,
    parting,
)
from doublecode.analysis.mixed.many_designs import Sets
from doublecode.analysis.mixed.many_screen import reasons_against
from doublecode.analysis.mixed.variances import SINGULAR, singular_terms
from doublecode.schemas.errors import NotEstimable
from doublecode.schemas.results import Note

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.intp]

CELLS = 16_000
"""Places times sets of one batch: its arrays stay in a processor's cache."""
SCREENED = 500
"""Sets that are looked at together before they are fitted."""
DOUBTFUL_SD, FAR_SD = 0.15, 8.0
"""Spread of a random term, in conditioned units, under which an end is looked at again, and above which a set is left
to the search of single fits: quadrature has several optima there."""


@dataclass(frozen=True)
class SetFits:
    """Estimates of N sets; NaN where a set has none.

    Attributes
    ----------
    estimate
        (p, N).
    vcov
        (N, p, p), the uncertainty of the variances counted.
    covariances
        Per random term (N, q, q).
    loglik, dispersion
        (N,).
    converged, singular, separated, single
        (N,); `single` of those that the search of single fits had.
    problem
        (N,) why a set is not fitted or not converged, else None.
    """

    estimate: Floats
    vcov: Floats
    covariances: tuple[Floats, ...]
    loglik: Floats
    dispersion: Floats
    converged: Bools
    singular: Bools
    separated: Bools
    single: Bools
    problem: list[Note | None]

    @classmethod
    def empty(cls, sets: Sets) -> SetFits:
        """Nothing fitted yet."""
        p, N = sets.design.X.shape[1], sets.Y.shape[1]
        converged, singular, separated, single = (np.zeros(N, dtype=bool) for _ in range(4))
        sizes = [term.size for term in sets.design.terms]
        return cls(
            np.full((p, N), np.nan), np.full((N, p, p), np.nan), tuple(np.full((N, q, q), np.nan) for q in sizes),
            np.full(N, np.nan), np.full(N, np.nan), converged, singular, separated, single, [None] * N,
        )  # fmt: skip

    def refuse(self, which: int, note: Note, *, separated: bool = False) -> None:
        """Say why a set has no estimates."""
        self.problem[which], self.separated[which] = note, separated

    def screen(self, sets: Sets, constant: Callable[[Ints], Bools], *, row_levels: bool = False) -> Ints:
        """Sets that can be fitted; the others get their reason. `constant`, `row_levels` as of `reasons_against`."""
        for start in range(0, sets.Y.shape[1], SCREENED):
            chunk = np.arange(start, min(start + SCREENED, sets.Y.shape[1]))
            reasons = reasons_against(sets, chunk, constant(chunk), row_levels=row_levels)
            for i, reason in zip(chunk, reasons, strict=True):
                if reason is not None:
                    self.refuse(int(i), reason)
        return np.array([i for i, reason in enumerate(self.problem) if reason is None], dtype=np.intp)

    def store(self, which: int, fit: GeneralizedFit) -> None:
        """Take over what the search of single fits found."""
        self.single[which] = True
        self.estimate[:, which], self.vcov[which] = fit.beta, fit.vcov
        for into, V in zip(self.covariances, fit.covariances, strict=True):
            into[which] = V
        self.loglik[which], self.converged[which] = fit.loglik, fit.end.converged
        if fit.dispersion is not None:
            self.dispersion[which] = fit.dispersion
        theta = fit.problem.split(fit.end.point.x)[0]
        self.singular[which] = bool(singular_terms(fit.terms, fit.covariances, fit.problem.part.blocks, theta))
        if not fit.end.converged:
            self.problem[which] = Note("set_not_converged")


@dataclass(frozen=True)
class Question:
    """What is asked of every set: outcomes, quadrature nodes, prior; θ, and β with ψ, to start from, if known."""

    outcomes: SetOutcomes
    n_nodes: int
    prior_sd: float | None
    start: tuple[float, Floats] | None = None


def fit_sets(sets: Sets, asked: Question) -> SetFits:
    """Fit every set, in batches where that can be done."""
    fits = SetFits.empty(sets)
    usable = fits.screen(sets, asked.outcomes.constant, row_levels=not asked.outcomes.binary)
    term = sets.design.terms[0]
    scalar = make_random_part(sets.design.terms).scalar
    left = usable
    if scalar and asked.outcomes.batched and not (sets.own and sets.varies(term.spec)):
        left = _Batch(sets, asked, fits).run(usable)
    for i in left:
        _fit_single(sets, asked, int(i), fits)
    return fits


class _Batch:
    """Sets with one scalar random term, fitted together."""

    def __init__(self, sets: Sets, asked: Question, fits: SetFits) -> None:
        self.sets, self.asked, self.fits = sets, asked, fits
        design = sets.design
        term = design.terms[0]
        self.places: Places = places_of(term.codes, term.n_levels)
        self.root = design.x_factors[1]
        column, z_root = term.factors
        self.z_root = float(z_root[0, 0])
        self.Z = None if (column == 1.0).all() else self.places.spread(column, 1.0)
        self.precision = prior_precision(design.x_names, self.root, asked.prior_sd)
        rows = np.zeros(design.nobs) if design.offset is None else design.offset
        self.offset = self.places.spread(rows)[:, :, None]

    def run(self, usable: Ints) -> Ints:
        """Fit, and return the sets that are left to single fits."""
        left: list[Ints] = []
        doubtful: list[Ints] = []
        for chunk in self.chunks(usable):
            problem = self.problem(chunk)
            rest, ready = self._start(problem, chunk)
            chunk, problem = chunk[ready], problem.take(np.flatnonzero(ready))
            if len(chunk):
                ends = search_sets(problem, rest[:, ready], self._theta(len(chunk)))
                sd = np.abs(ends.x[:, 0])
                again = ~ends.solved | (sd < DOUBTFUL_SD) | self._far(ends)
                self._store(chunk[~again], ends.of(np.flatnonzero(~again)))
                doubtful.append(chunk[again])
        for chunk in self.chunks(np.concatenate([*doubtful, np.zeros(0, dtype=np.intp)])):
            problem = self.problem(chunk)
            psi = self.asked.outcomes.first_shape(chunk)
            beta = fit_fixed_sets(problem.at(psi.T), self._first(chunk)).beta
            ends = look_again(problem, np.vstack([beta, psi]))
            ready = ends.solved & ~self._far(ends)
            self._store(chunk[ready], ends.of(np.flatnonzero(ready)))
            left.append(chunk[~ready])
        return np.concatenate([*left, np.zeros(0, dtype=np.intp)])

    def chunks(self, sets: Ints) -> Iterator[Ints]:
        """Few enough for a processor's cache."""
        size = int(np.clip(CELLS // np.prod(self.places.shape), 1, 4096))
        for start in range(0, len(sets), size):
            yield sets[start : start + size]

    def problem(self, chunk: Ints) -> SetProblem:
        """The chunk as the batch takes it."""
        design, outcomes = self.sets.design, self.asked.outcomes
        columns: SharedColumns | OwnColumns
        if self.sets.own and self.sets.varies(design.fixed_spec):
            X = np.einsum("nqs,qp->pns", self.sets.fixed(chunk), np.linalg.inv(self.root))
            columns = OwnColumns(np.array([self.places.spread(one) for one in X]))
        else:
            columns = SharedColumns(self.places.spread(design.x_factors[0]))
        return SetProblem(
            columns, self.Z, self.offset, outcomes.density(self.places, chunk), outcomes.constants(chunk),
            hermite(self.asked.n_nodes), self.precision,
        )  # fmt: skip

    def _first(self, chunk: Ints) -> Floats:
        """(S,) the linear predictor of the overall mean."""
        outcomes = self.asked.outcomes
        y = outcomes.y[:, chunk]
        there = ~np.isnan(y)
        offset = np.exp(np.mean(self.offset[self.places.group, self.places.place])) if outcomes.trials is None else 1.0
        trials = np.ones(len(y)) * offset if outcomes.trials is None else outcomes.trials
        return first_predictor(np.nansum(y, axis=0) / (trials @ there), outcomes.link)

    def _start(self, problem: SetProblem, chunk: Ints) -> tuple[Floats, Bools]:
        """(p + k, S) coefficients and shape to start from, and whether a set is not separated."""
        psi = self.asked.outcomes.first_shape(chunk)
        fixed = fit_fixed_sets(problem.at(psi.T), self._first(chunk))
        ready = np.ones(len(chunk), dtype=bool)
        if self.asked.prior_sd is None:
            for i in np.flatnonzero(self._suspicious(fixed, chunk)):
                which = int(chunk[i])
                design = self.sets.design_of(which)
                found = find_separation(design.X, self.asked.outcomes.outcome(which))
                if found is not None:
                    note = Note("set_separated", numbers={"which": parting(found, design.x_names)})
                    self.fits.refuse(which, note, separated=True)
                    ready[i] = False
        if self.asked.start is not None:
            return np.tile(self.asked.start[1][:, None], (1, len(chunk))), ready
        return np.vstack([fixed.beta, psi]), ready

    def _far(self, ends: SetEnds) -> Bools:
        """(S,) ends that run away."""
        return np.asarray(np.abs(ends.x[:, 0]) > FAR_SD)

    def _theta(self, n: int) -> Floats | None:
        return None if self.asked.start is None else np.full(n, self.asked.start[0])

    def _suspicious(self, fixed: FixedSets, chunk: Ints) -> Bools:
        """(S,) as :func:`doublecode.analysis.mixed.generalized.separation.suspicious`."""
        outcomes = self.asked.outcomes
        mean = inverse(fixed.eta[self.places.group, self.places.place], outcomes.link)
        lost = np.isnan(outcomes.y[:, chunk])
        if outcomes.trials is None:
            low, middle = np.where(lost, np.inf, mean).min(axis=0), np.where(lost, 0.0, mean).sum(axis=0)
            return np.asarray(~fixed.converged | (low < RAREST * middle / (~lost).sum(axis=0)))
        near = np.minimum(mean, 1.0 - mean) < NEAR_CERTAIN
        return np.asarray(~fixed.converged | (near & ~lost).any(axis=0))

    def _store(self, at: Ints, ends: SetEnds) -> None:
        fits, term = self.fits, self.sets.design.terms[0]
        sd = np.abs(ends.x[:, 0]) / self.z_root
        wide = sd * float(np.sqrt((term.Z**2).mean())) > WIDE
        for i in at[wide]:
            fits.refuse(int(i), Note("set_without_end", numbers={"group": term.group}), separated=True)
        at, ends, sd = at[~wide], ends.of(np.flatnonzero(~wide)), sd[~wide]
        back = np.linalg.inv(self.root) if len(self.root) else self.root
        b = slice(1, 1 + len(self.root))
        beta = ends.x[:, b].T
        fits.estimate[:, at] = back @ beta
        fits.vcov[at] = back @ ends.joint()[:, b, b] @ back.T
        if ends.x.shape[1] > b.stop:
            fits.dispersion[at] = np.where(ends.endless(), np.inf, np.exp(ends.x[:, b.stop]))
        fits.covariances[0][at] = (sd**2)[:, None, None]
        value = -ends.value
        if self.precision is not None:
            value = value + 0.5 * (beta * (self.precision @ beta)).sum(axis=0)
        fits.loglik[at], fits.converged[at] = value, True
        squares = ends.x[:, 0] ** 2
        fits.singular[at] = squares / (1.0 + squares) <= SINGULAR**2


def _fit_single(sets: Sets, asked: Question, which: int, fits: SetFits) -> None:
    """One set by the search of :func:`fit_generalized`."""
    fits.single[which] = True
    design = sets.design_of(which)
    part, outcome = make_random_part(design.terms), asked.outcomes.outcome(which)
    try:
        fit = fit_outcome(design, part, outcome, asked.n_nodes, asked.prior_sd)
    except Separated as error:
        fits.refuse(which, error.note, separated=True)
    except NotEstimable:
        fits.refuse(which, Note("set_without_value"))
    else:
        fits.store(which, fit)


def factors_of(covariances: tuple[Floats, ...]) -> Floats:
    """(N, m) lower-triangular factors of the covariances in the units of the data, column by column."""
    parts: list[Any] = []
    for V in covariances:
        q = V.shape[1]
        if q == 1:
            parts.append(np.sqrt(V[:, 0, 0]))
            continue
        known = np.isfinite(V).all(axis=(1, 2))
        L = np.full_like(V, np.nan)
        if known.any():
            L[known] = np.array([lower_factor(one) for one in V[known]])
        parts += [L[:, k, h] for h in range(q) for k in range(h, q)]
    return np.array(parts).T
