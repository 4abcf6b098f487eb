"""The outcome of a cumulative model: which categories there are, in which order, and which of them occur."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from doublecode.analysis.mixed.generalized.cumulative_density import CumulativeLink
from doublecode.analysis.mixed.generalized.cumulative_rows import OrdinalRows
from doublecode.analysis.mixed.generalized.density import RowDensity
from doublecode.analysis.mixed.generalized.ordinal_density import OrdinalDensity
from doublecode.analysis.mixed.generalized.response import Outcome
from doublecode.analysis.mixed.generalized.thresholds import ThresholdKind, Thresholds
from doublecode.schemas.errors import ContractError, NotEstimable
from doublecode.schemas.results import Note

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MOST_CATEGORIES = 20
"""More distinct values than these are measurements rather than categories."""


@dataclass(frozen=True, kw_only=True)
class OrdinalOutcome(Outcome):
    """Categories of n rows; `y` (n,) are codes 0 … K − 1, over the categories that occur.

    Attributes
    ----------
    labels
        (K,) what they are called, ascending: the codes of the rating scale or an ordered categorical's words.
    thresholds
        How the K − 1 thresholds follow from ψ.
    empty
        Categories without a row: declared ones, and whole numbers left out between two that occur.
    """

    labels: tuple[Any, ...]
    thresholds: Thresholds
    empty: tuple[Any, ...] = ()

    @property
    def n_categories(self) -> int:
        """K."""
        return len(self.labels)

    @property
    def cumulative_link(self) -> CumulativeLink:
        """Link of cumulative probabilities."""
        return "probit" if self.link == "probit" else "logit"

    @property
    def counts(self) -> Ints:
        """(K,) rows per category."""
        return np.bincount(self.y.astype(np.int64), minlength=self.n_categories)

    @property
    def values(self) -> Floats:
        """(K,) numbers of the categories: their own, or 0 … K − 1 of words."""
        numeric = all(isinstance(label, int | float | np.number) for label in self.labels)
        return np.array(self.labels if numeric else range(self.n_categories), dtype=float)

    @property
    def shown(self) -> Floats:
        """(n,) numbers of the categories observed."""
        return self.values[self.y.astype(np.int64)]

    @property
    def notes(self) -> tuple[Note, ...]:
        """Name the categories without a row: they have no probability, as in R's clmm."""
        if not self.empty:
            return ()
        return (Note("ordinal_categories_empty", numbers={"categories": tuple(map(str, self.empty))}),)

    def rows(self, nominal: Floats | None = None) -> OrdinalRows:
        """The rows as the regression wants them; `nominal` (n, q) have effects that differ by threshold."""
        return OrdinalRows(self.y.astype(np.int64), self.thresholds, self.cumulative_link, nominal)

    def density(self, y: Floats | None = None) -> RowDensity:
        """The density of these outcomes, or of other codes `y` (n,) in their place."""
        own = self if y is None else replace(self, y=y)
        return OrdinalDensity(own.rows())

    def draw(self, eta: Floats, psi: Floats, rng: np.random.Generator) -> Floats:
        """Codes drawn at linear predictors (rows, n): the latent value falls between two thresholds."""
        noise = rng.logistic(size=eta.shape) if self.link == "logit" else rng.standard_normal(eta.shape)
        return np.searchsorted(self.thresholds.values(psi), eta + noise).astype(float)


def numbered(column: pd.Series[Any], name: str) -> tuple[pd.Series[Any], tuple[Any, ...] | None]:
    """Return the outcome as numbers, and the labels of an ordered categorical (None: the numbers speak for themselves).

    Raises
    ------
    ContractError
        Text, unordered categories, numbers that are not whole.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        if not column.cat.ordered:
            shown = ", ".join(map(repr, column.cat.categories[:5]))
            raise ContractError(
                f"ordinal outcome {name!r} is a categorical without an order ({shown}); say the order, lowest first: "
                f"data[{name!r}].cat.reorder_categories([…], ordered=True)"
            )
        codes = column.cat.codes.astype(float)
        return codes.where(codes >= 0), tuple(column.cat.categories)
    column = column.infer_objects()
    if not pd.api.types.is_numeric_dtype(column.dtype):
        _refuse_text(column, name)
    numbers = column.astype(float)
    present = numbers.dropna()
    fractions = present[np.isfinite(present) & (present != present.round())]
    if len(fractions):
        raise ContractError(
            f"ordinal outcome {name!r} holds {fractions.iloc[0]:g} (row {fractions.index[0]}), and categories are "
            "whole numbers such as 0 to 4; a mean of ratings is the outcome of a linear model (fit_mixed; in "
            "study.toml a series without a family), single ratings are for family 'ordinal'"
        )
    return numbers, None


def _refuse_text(column: pd.Series[Any], name: str) -> None:
    found = list(dict.fromkeys(map(str, column.dropna())))
    shown = ", ".join(map(repr, found[:5])) + (", …" if len(found) > 5 else "")
    raise ContractError(
        f"ordinal outcome {name!r} is text ({shown}), and text has no order; give whole numbers, or say the order, "
        f"lowest first: pandas.Categorical(data[{name!r}], categories=[…], ordered=True)"
    )


def categories_in_use(
    numbers: Floats,
    labels: tuple[Any, ...] | None,
    name: str,
    *,
    link: CumulativeLink = "logit",
    kind: ThresholdKind = "flexible",
) -> OrdinalOutcome:
    """Categories of the rows in use (n,), after rows with missing values are gone.

    Raises
    ------
    NotEstimable
        One category only, or more than 20.
    """
    values, codes = np.unique(numbers, return_inverse=True)
    found = [int(value) for value in values]
    everything = range(found[0], found[-1] + 1) if labels is None else range(len(labels))
    names = tuple(found) if labels is None else tuple(labels[value] for value in found)
    if len(found) < 2:
        raise NotEstimable(
            f"ordinal outcome {name!r} has one category only in the rows in use ({names[0]!r}); there is nothing to "
            "model: choose another outcome, or look at the rows that were dropped"
        )
    if len(found) > MOST_CATEGORIES:
        raise NotEstimable(
            f"ordinal outcome {name!r} has {len(found)} different values ({names[0]!r} to {names[-1]!r}); a cumulative "
            f"model takes up to {MOST_CATEGORIES} categories: fit_mixed models it as a number, or join categories"
        )
    few = set(found)
    missing = [value for value in everything if value not in few] if len(everything) <= 10 * MOST_CATEGORIES else []
    empty = tuple(missing) if labels is None else tuple(labels[value] for value in missing)
    return OrdinalOutcome(
        "ordinal", link, codes.astype(float), None, labels=names, thresholds=Thresholds(len(names), kind), empty=empty
    )
