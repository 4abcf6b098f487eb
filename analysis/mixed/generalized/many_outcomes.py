"""Outcomes of many sets under one family: checked, and turned into what a batch takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.generalized.binomial import BinomialRows
from doublecode.analysis.mixed.generalized.counts import PoissonRows
from doublecode.analysis.mixed.generalized.links import Link
from doublecode.analysis.mixed.generalized.many_density import LogitSets, NegativeBinomialSets, PoissonSets, SetDensity
from doublecode.analysis.mixed.generalized.many_rows import Places
from doublecode.analysis.mixed.generalized.outcome_fit import first_dispersion
from doublecode.analysis.mixed.generalized.response import WHOLE, FamilyName, Outcome
from doublecode.schemas.errors import UsageError

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.intp]


@dataclass(frozen=True)
class SetOutcomes:
    """Outcomes of N sets in the n rows of their design.

    Attributes
    ----------
    y
        (n, N) successes or counts; NaN is a missing row.
    trials
        (n,) trials of each row; None for counts.
    weights
        (n,) prior weights, or None.
    """

    family: FamilyName
    link: Link
    y: Floats
    trials: Floats | None
    weights: Floats | None

    @property
    def batched(self) -> bool:
        """Whether there is a density of many sets for it."""
        return self.link in ("logit", "log")

    @property
    def binary(self) -> bool:
        """Whether every row is a single 0 or 1."""
        return self.trials is not None and bool((self.trials == 1.0).all())

    def constant(self, which: Ints) -> Bools:
        """(S,) whether the outcome of a set says nothing: no success, nothing but successes, no count."""
        y = self.y[:, which]
        there = ~np.isnan(y)
        with np.errstate(invalid="ignore"):
            none = ~np.any(there & (y > 0.0), axis=0)
            if self.trials is not None:
                none = none | ~np.any(there & (y < self.trials[:, None]), axis=0)
        return np.asarray(none)

    def outcome(self, which: int) -> Outcome:
        """The outcome of one set, its missing rows left out."""
        y = self.y[:, which]
        keep = ~np.isnan(y)
        return Outcome(self.family, self.link, y[keep], None if self.trials is None else self.trials[keep])

    def first_shape(self, which: Ints) -> Floats:
        """(k, S) shape parameters to start from: the dispersion by moments."""
        y = self.y[:, which]
        if self.family != "negative-binomial":
            return np.zeros((0, len(which)))
        mean, variance = np.nanmean(y, axis=0), np.nanvar(y, axis=0)
        return first_dispersion(mean, variance)[None]

    def density(self, places: Places, which: Ints) -> SetDensity:
        """The densities of some sets at their places; rows that a set lacks weigh nothing."""
        y = self.y[:, which]
        missing = np.isnan(y)
        m = np.ones((len(y), 1)) if self.weights is None else self.weights[:, None]
        there = np.where(missing, 0.0, m) if missing.any() else m
        filled = np.where(missing, 0.0, y)
        if self.trials is not None:
            return LogitSets(places.spread(filled * m), places.spread(there * self.trials[:, None]))
        logs = places.spread(PoissonRows(filled).logs)
        if self.family == "poisson":
            return PoissonSets(places.spread(filled * m), places.spread(there), logs)
        return NegativeBinomialSets(places.spread(filled), places.spread(there), logs, np.zeros(len(which)))

    def constants(self, which: Ints) -> Floats:
        """(S,) sums of what the densities leave out."""
        y = self.y[:, which]
        missing = np.isnan(y)
        if self.binary:
            return np.zeros(len(which))
        filled = np.where(missing, 0.0, y)
        if self.trials is None:
            left_out = PoissonRows(filled).top
        else:
            left_out = BinomialRows(filled, self.trials[:, None], self.link).constant
        weights = np.ones(len(y)) if self.weights is None else self.weights
        return np.asarray(weights @ np.where(missing, 0.0, left_out))


def read_outcomes(
    Y: Floats, family: FamilyName, link: Link, trials: Floats | None, weights: Floats | None
) -> SetOutcomes:
    """Check outcomes (n, N) for a family.

    Raises
    ------
    UsageError
        Values that the family cannot have; the message names the first.
    """
    if family != "binomial":
        if trials is not None:
            raise UsageError(f"fit_many: trials= belongs to family 'binomial', not {family!r}; leave it out")
        _refuse(Y < 0.0, Y, "counts cannot be negative")
        _refuse(np.abs(Y - np.round(Y)) > WHOLE, Y, f"family {family!r} needs whole counts, 0, 1, 2, …")
        return SetOutcomes(family, link, np.round(Y), None, weights)
    if trials is None:
        _refuse(~np.isnan(Y) & (Y != 0.0) & (Y != 1.0), Y, "family 'binomial' needs 0 and 1, or trials=")
        return SetOutcomes(family, link, Y, np.ones(len(Y)), weights)
    bad = (trials < 1.0) | (np.abs(trials - np.round(trials)) > WHOLE)
    if bad.any():
        raise UsageError(f"fit_many: trials must be whole numbers from 1; found {trials[bad][0]:g}")
    with np.errstate(invalid="ignore"):
        proportion = (np.abs(Y - np.round(Y)) > WHOLE).any()
        successes = Y * trials[:, None] if proportion else Y
        _refuse(successes < 0.0, successes, "successes cannot be negative")
        _refuse(successes > trials[:, None] + WHOLE, successes, "there cannot be more successes than trials")
        off = np.abs(successes - np.round(successes)) > WHOLE * np.maximum(1.0, trials)[:, None]
        _refuse(off, successes, "successes must be whole numbers")
    return SetOutcomes(family, link, np.round(successes), trials, weights)


def _refuse(bad: Bools, values: Floats, rule: str) -> None:
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise UsageError(f"fit_many: {rule}; found {values[row, column]:g} in row {row} of set {column}")
