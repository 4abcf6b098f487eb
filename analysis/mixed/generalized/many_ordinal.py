"""Cumulative mixed models of many ordinal outcomes: the search of single fits, set after set, on a shared design."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.generalized.cumulative_density import CumulativeLink
from doublecode.analysis.mixed.generalized.links import Link
from doublecode.analysis.mixed.generalized.many_fit import SetFits
from doublecode.analysis.mixed.generalized.ordinal_answers import threshold_frame, threshold_names
from doublecode.analysis.mixed.generalized.ordinal_design import without_intercept
from doublecode.analysis.mixed.generalized.ordinal_fit import fit_rows
from doublecode.analysis.mixed.generalized.ordinal_outcome import MOST_CATEGORIES, OrdinalOutcome, categories_in_use
from doublecode.analysis.mixed.generalized.random_part import RandomPart, make_random_part
from doublecode.analysis.mixed.generalized.separation import Separated
from doublecode.analysis.mixed.generalized.thresholds import ThresholdKind, between
from doublecode.analysis.mixed.many_designs import Sets
from doublecode.analysis.mixed.many_screen import of_one_value
from doublecode.schemas.errors import NotEstimable, UsageError
from doublecode.schemas.results import Note

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.intp]


@dataclass(frozen=True)
class SetThresholds:
    """Thresholds of N sets over the K categories that occur in any of them.

    A category that a set lacks has no probability there: the thresholds about it coincide, and are infinite at an end
    of the scale, where they have no standard error. NaN in sets without a fit.

    Attributes
    ----------
    labels
        (K,) the categories.
    estimate, std_error
        (K − 1, N).
    n_categories
        (N,) categories that occur in the set.
    """

    labels: tuple[int, ...]
    estimate: Floats
    std_error: Floats
    n_categories: Ints

    @property
    def names(self) -> tuple[str, ...]:
        """(K − 1,) names, ``0|1``."""
        return tuple(threshold_names(self.labels))

    @classmethod
    def empty(cls, Y: Floats) -> SetThresholds:
        """Nothing fitted yet; outcomes (n, N)."""
        values = [np.unique(y[~np.isnan(y)]) for y in Y.T]
        labels = tuple(int(value) for value in np.unique(np.concatenate(values)))
        if len(labels) > MOST_CATEGORIES:
            raise UsageError(
                f"fit_many: the outcomes have {len(labels)} different values ({labels[0]} to {labels[-1]}); a "
                f"cumulative model takes up to {MOST_CATEGORIES} categories: fit them as numbers, without family="
            )
        shape = (max(len(labels) - 1, 0), Y.shape[1])
        return cls(labels, np.full(shape, np.nan), np.full(shape, np.nan), np.array([len(one) for one in values]))

    def fill(self, which: int, own: tuple[int, ...], tau: Floats, error: Floats) -> None:
        """Thresholds between a set's own categories, put between those of all sets."""
        self.estimate[:, which] = between(own, self.labels, tau, np.inf)
        self.std_error[:, which] = between(own, self.labels, error, np.nan)


def check_outcomes(Y: Floats) -> None:
    """Refuse outcomes (n, N) that are no whole numbers.

    Raises
    ------
    UsageError
        The message names the first.
    """
    bad = ~np.isnan(Y) & (np.round(Y) != Y)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise UsageError(
            f"fit_many: family 'ordinal' needs categories as whole numbers, such as 0 to 4; found {Y[row, column]:g} "
            f"in row {row} of set {column}"
        )


def fit_ordinal_sets(
    sets: Sets, link: Link, kind: ThresholdKind, n_nodes: int
) -> tuple[Sets, SetFits, SetThresholds]:  # fmt: skip
    """Fit every set as :func:`doublecode.analysis.fit_generalized` does.

    Returns
    -------
    tuple
        The sets without their intercept, which thresholds take the place of; fits, and thresholds.
    """
    bare = replace(sets, design=without_intercept(sets.design))
    fits, thresholds, parts = SetFits.empty(bare), SetThresholds.empty(sets.Y), _Parts(bare)
    chosen: CumulativeLink = "probit" if link == "probit" else "logit"
    usable = fits.screen(sets, lambda chunk: of_one_value(sets.Y[:, chunk]))  # the intercept counts as a column there
    for i in map(int, usable):
        try:
            outcome = _outcome(bare, i, chosen, kind)
            design, part = parts.of(i)
            fit = fit_rows(design, part, outcome.rows(), n_nodes)
        except Separated as error:
            fits.refuse(i, error.note, separated=True)
        except NotEstimable:
            fits.refuse(i, Note("set_without_value"))
        else:
            fits.store(i, fit)
            own = threshold_frame(outcome.labels, outcome.thresholds, fit.psi, fit.psi_vcov, 0.95)
            thresholds.fill(i, outcome.labels, own["estimate"].to_numpy(), own["std_error"].to_numpy())
    return bare, fits, thresholds


def _outcome(sets: Sets, which: int, link: CumulativeLink, kind: ThresholdKind) -> OrdinalOutcome:
    y = sets.Y[:, which]
    return categories_in_use(y[~np.isnan(y)], None, "response", link=link, kind=kind)


class _Parts:
    """Designs and random parts of sets; neighbours that lack the same rows share them."""

    def __init__(self, sets: Sets) -> None:
        self.sets = sets
        self._last: tuple[bytes, Design, RandomPart] | None = None

    def of(self, which: int) -> tuple[Design, RandomPart]:
        """Those of one set."""
        key = np.isnan(self.sets.Y[:, which]).tobytes()
        if self._last is None or self.sets.own or self._last[0] != key:
            design = self.sets.design_of(which)
            self._last = key, design, make_random_part(design.terms)
        return self._last[1:]
