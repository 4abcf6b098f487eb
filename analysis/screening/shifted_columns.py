"""A column that slipped by a row: its codes fit the other items of the row above or below, not those of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from doublecode.analysis.screening.code_tables import CodeTable, Floats, Ints
from doublecode.analysis.screening.findings import Finding, Screen
from doublecode.analysis.screening.row_permutation import centred, permutation_p, standardised

FEWEST_ROWS: Final = 15
LEAST_PREDICTED: Final = 0.3
"""Multiple correlation with the other items below which a column cannot show that it slipped."""
APART: Final = 1.645
"""Standard errors by which the shifted correlation must exceed the one at the right place (5 % of one side)."""
_RIDGE: Final = 0.05


def shifted_columns(table: CodeTable) -> Iterator[Finding]:
    """Test every item of every sheet, one row up and one row down.

    Notes
    -----
    The other items predict a column by the correlations in the rows of the other raters. The null permutes the rows:
    the correlation with the prediction of the neighbouring row must exceed what permuted rows give, and exceed the
    correlation with the row's own prediction (Fisher's z), since neighbouring sessions of a patient are alike.
    """
    p = len(table.items)
    if p < 2:
        return
    unit = table.rater * len(table.sheets) + table.sheet
    for rater in range(len(table.raters)):
        own = table.rater == rater
        weights, strength = _predictors(table.codes[~own] if (~own).sum() >= FEWEST_ROWS else table.codes)
        sheets = [np.flatnonzero(own & (unit == one)) for one in np.unique(unit[own])]
        for rows in sheets:
            scaled = standardised(table.codes[rows])
            predicted = scaled @ weights
            for j in np.flatnonzero(strength >= LEAST_PREDICTED):
                yield from _tested(table, rows, int(j), predicted[:, j])


def _tested(table: CodeTable, rows: Ints, j: int, predicted: Floats) -> Iterator[Finding]:
    """Both directions of one column."""
    column = table.codes[rows, j]
    known = np.isfinite(table.codes[rows]).sum(axis=1) - np.isfinite(column) > 0
    if (np.isfinite(column) & known).sum() < FEWEST_ROWS:
        return
    fit = np.where(known, predicted, np.nan)
    here, n = _correlation(column, fit)
    for x, y in ((column[1:], fit[:-1]), (column[:-1], fit[1:])):
        there, n = _correlation(x, y)
        both = np.isfinite(x) & np.isfinite(y)
        u, v = (centred(np.where(both, one, np.nan)[:, None]) for one in (x, y))
        apart = (np.arctanh(there) - np.arctanh(here)) * np.sqrt(max(n - 3, 1) / 2)
        chance = permutation_p(u[both], v[both]) if apart >= APART else 1.0
        yield Finding(
            Screen.COLUMN_SHIFTED, table.instrument, table.raters[int(table.rater[rows[0]])], part=table.items[j],
            place=table.place(rows), n=n, expected=here, statistic=there, p_value=chance,
            sessions=tuple(table.sessions[one] for one in table.session[rows]),
        )  # fmt: skip


def _correlation(x: Floats, y: Floats) -> tuple[float, int]:
    both = np.isfinite(x) & np.isfinite(y)
    u, v = (one[both] - one[both].mean() if both.any() else one[both] for one in (x, y))
    size = float(np.sqrt((u @ u) * (v @ v)))
    return (float(np.clip(u @ v / size, -0.999, 0.999)) if size > 0.0 else 0.0), int(both.sum())


def _predictors(codes: Floats) -> tuple[Floats, Floats]:
    """Weights (p, p) by which the other items predict each one (column), and multiple correlations (p,)."""
    scaled = standardised(codes)
    known = np.isfinite(codes).astype(float)
    matrix = (scaled.T @ scaled) / np.maximum(known.T @ known, 1.0)
    p = len(matrix)
    weights, strength = np.zeros((p, p)), np.zeros(p)
    for j in range(p):
        others = np.delete(np.arange(p), j)
        weights[others, j] = np.linalg.solve(matrix[np.ix_(others, others)] + _RIDGE * np.eye(p - 1), matrix[others, j])
        strength[j] = np.sqrt(max(float(weights[others, j] @ matrix[others, j]), 0.0))
    return weights, strength
