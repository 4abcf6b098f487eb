"""The declared regressions of many studies at once: the numbers of ``moderation``, for simulations.

Studies are rows of arrays, adolescents their columns; a missing value is NaN. That the answers are those of
:func:`doublecode.analysis.moderation` is tested on the shipped study and on others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from doublecode.schemas.study_parts import ModerationModel, OutlierRule

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Columns = Mapping[str, Floats]


@dataclass(frozen=True)
class Fences:
    """Fences of the outlier rule, arrays of shape (n_studies,); infinite where the rule is refused (IQR 0)."""

    low: Mapping[str, Floats]
    high: Mapping[str, Floats]

    def first(self, n: int) -> Fences:
        """Those of the first `n` studies."""
        return Fences(*({name: ends[name][:n] for name in ends} for ends in (self.low, self.high)))


@dataclass(frozen=True)
class Regressions:
    """One declared regression in every study; arrays of shape (n_studies, n_terms), without the intercept.

    `robust` are standard errors by HC3, `beta` the coefficients times SD of the column over SD of the outcome.
    """

    terms: tuple[str, ...]
    b: Floats
    std_error: Floats
    robust: Floats
    beta: Floats
    n: NDArray[np.int64]

    @property
    def df(self) -> NDArray[np.int64]:
        """Residual degrees of freedom, shape (n_studies, 1)."""
        return (self.n - len(self.terms) - 1)[:, None]


def find_fences(columns: Columns, rule: OutlierRule) -> Fences:
    """The fences of each study's own quartiles."""
    low, high = {}, {}
    for name in rule.variables:
        q1, q3 = np.nanquantile(columns[name], [0.25, 0.75], axis=1, method=rule.quantiles)
        reach = np.where(q3 > q1, rule.multiplier * (q3 - q1), np.inf)
        low[name], high[name] = q1 - reach, q3 + reach
    return Fences(low, high)


def brought_in(columns: Columns, fences: Fences) -> dict[str, Floats]:
    """The columns with what is beyond the fences moved to them."""
    moved = {name: np.clip(columns[name], fences.low[name][:, None], fences.high[name][:, None]) for name in fences.low}
    return {**columns, **moved}


def rows_of(model: ModerationModel, columns: Columns) -> Flags:
    """Adolescents with every variable of a regression."""
    moderator = [model.moderator] if model.moderator else []
    names = [model.outcome, model.predictor, *moderator, *model.covariates]
    rows: Flags = np.all([np.isfinite(columns[name]) for name in names], axis=0)
    return rows


def regress(
    model: ModerationModel, columns: Columns, chosen: Flags | None = None, *, errors: bool = True
) -> Regressions:
    """Fit a declared regression in every study.

    Predictor and moderator are centred at the means of the rows that are used; `chosen` marks the rows of a subset.
    Without `errors` the standard errors are NaN.
    """
    focal = [model.predictor] if model.moderator is None else [model.predictor, model.moderator]
    names = [*focal, *model.covariates]
    y, parts = columns[model.outcome], [columns[name] for name in names]
    used = rows_of(model, columns)
    if chosen is not None:
        used = used & chosen
    n = used.sum(axis=1)

    def centred(part: Floats) -> Floats:
        here = np.where(used, part, 0.0)
        return np.where(used, here - (here.sum(axis=1) / n)[:, None], 0.0)

    # every column may be centred: only the intercept, which is not reported, changes
    terms = [centred(part) for part in parts]
    if model.moderator is not None:
        terms.append(centred(terms[0] * terms[1]))
        names.append(f"{model.predictor}:{model.moderator}")
    x = np.stack(terms, axis=2)
    outcome = centred(y)
    inverse = _inverse(np.einsum("sip,siq->spq", x, x))
    b = np.einsum("spq,sip,si->sq", inverse, x, outcome)
    spread = np.sqrt(np.square(x).sum(axis=1) / np.square(outcome).sum(axis=1)[:, None])
    blank = np.full(b.shape, np.nan)
    least_squares, robust = _errors(x, outcome, used, inverse, b) if errors else (blank, blank)
    return Regressions(tuple(names), b, least_squares, robust, b * spread, n)


def _errors(x: Floats, outcome: Floats, used: Flags, inverse: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Standard errors of least squares and HC3 (MacKinnon & White 1985), shape (n_studies, n_terms)."""
    n = used.sum(axis=1)
    residual = np.where(used, outcome - np.einsum("sip,sp->si", x, b), 0.0)
    weighted = np.einsum("sip,spq->siq", x, inverse)
    leverage = 1 / n[:, None] + np.einsum("siq,siq->si", weighted, x)
    variance = np.square(residual).sum(axis=1) / (n - x.shape[2] - 1)
    score = np.where(used, residual / np.where(used, 1 - leverage, 1.0), 0.0)
    least_squares = np.sqrt(variance[:, None] * np.diagonal(inverse, axis1=1, axis2=2))
    return least_squares, np.sqrt(np.square(weighted * score[:, :, None]).sum(axis=1))


def _inverse(cross: Floats) -> Floats:
    """Inverse of each matrix of cross products; NaN where a column is constant or determined by the others."""
    scale = np.sqrt(np.diagonal(cross, axis1=1, axis2=2))
    whole: Flags = np.all(scale > 0, axis=1)
    unit = np.where(whole[:, None], scale, 1.0)
    r = np.where(whole[:, None, None], cross / (unit[:, :, None] * unit[:, None, :]), np.eye(cross.shape[1]))
    whole = whole & (np.linalg.eigvalsh(r)[:, 0] > 1e-10)
    r[~whole] = np.eye(cross.shape[1])
    inverse: Floats = np.linalg.inv(r) / (unit[:, :, None] * unit[:, None, :])
    inverse[~whole] = np.nan
    return inverse


def correlation(x: Floats, y: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Pearson's r of every study over the rows that have both, and how many these are."""
    both = np.isfinite(x) & np.isfinite(y)
    n = both.sum(axis=1)

    def centred(part: Floats) -> Floats:
        here = np.where(both, part, 0.0)
        return np.where(both, here - (here.sum(axis=1) / n)[:, None], 0.0)

    one, other = centred(x), centred(y)
    r = (one * other).sum(axis=1) / np.sqrt(np.square(one).sum(axis=1) * np.square(other).sum(axis=1))
    return r, n


def ranks(values: Floats) -> Floats:
    """Ranks within each study, ties sharing their mean; NaN where a value is missing."""
    from scipy.stats import rankdata

    return np.array([rankdata(row, nan_policy="omit") for row in values])
