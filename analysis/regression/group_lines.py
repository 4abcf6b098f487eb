"""Lines of an interaction as papers draw them: a regression within patients low, and within those high."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from doublecode.schemas.errors import NotEstimable

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class GroupLines:
    """A line for each of two groups.

    Attributes
    ----------
    groups : DataFrame
        Low and high: ``label``, ``n``, ``moderator_mean``, ``intercept`` (at predictor 0, covariates at their means
        over both groups), ``slope``, ``x_low``, ``x_high`` (observed range of the predictor in the group).
    lines : DataFrame
        ``label, x, y``: both ends of each line.
    member : ndarray, shape (n_rows,)
        Label of each row's group.
    at : float
        The median or the cut.
    """

    groups: pd.DataFrame
    lines: pd.DataFrame
    member: NDArray[np.object_]
    at: float


def group_lines(
    data: pd.DataFrame,
    *,
    outcome: str,
    predictor: str,
    moderator: str,
    covariates: Sequence[str] = (),
    cut: float | None = None,
    heads: Sequence[str] = (),
) -> GroupLines:
    """Regress the outcome on the predictor and covariates within the rows low and high in the moderator.

    Parting a number into two groups loses information and is an illustration of a published figure; the regression
    with the product is the answer (MacCallum et al. 2002).

    Parameters
    ----------
    data : DataFrame, shape (n_rows, …)
        Complete rows of a moderated regression.
    outcome, predictor, moderator : str
    covariates : sequence of str
        Held at their means over all rows; texts count as 0 and 1 per level. What does not vary within a group is left
        out there.
    cut : float, optional
        Below it is low, from it on high; without it up to the median is low, above it high.
    heads : sequence of str
        Names of the low and the high group.

    Raises
    ------
    NotEstimable
        A group has too few rows for its line, or the predictor does not vary in it.

    References
    ----------
    MacCallum, Zhang, Preacher & Rucker (2002), Psychological Methods, 7, 19–40.

    Examples
    --------
    >>> import pandas as pd
    >>> data = pd.DataFrame({"x": [0.0, 1, 2, 0, 1, 2], "z": [1.0, 1, 2, 5, 6, 7], "y": [1.0, 2, 3, 0, 2, 4]})
    >>> group_lines(data, outcome="y", predictor="x", moderator="z", cut=5).groups["slope"].round(2).tolist()
    [1.0, 2.0]
    """
    import pandas as pd

    z = data[moderator].to_numpy(dtype=float)
    at = float(np.median(z)) if cut is None else cut
    low = z <= at if cut is None else z < at
    signs = ("≤", ">") if cut is None else ("<", "≥")
    names = list(heads) or [f"{word} ({sign} {at:g})" for word, sign in zip(("Low", "High"), signs, strict=True)]
    beside = pd.get_dummies(data[list(covariates)], drop_first=True, dtype=float) if covariates else data[[]]
    rows, lines = [], []
    for name, inside in zip(names, (low, ~low), strict=True):
        intercept, slope = _line(data[inside], outcome, predictor, beside[inside], beside.mean(), name)
        x = data.loc[inside, predictor].to_numpy(dtype=float)
        ends = np.array([x.min(), x.max()])
        rows.append((name, int(inside.sum()), float(z[inside].mean()), intercept, slope, *ends))
        lines.append(pd.DataFrame({"label": name, "x": ends, "y": intercept + slope * ends}))
    columns = ["label", "n", "moderator_mean", "intercept", "slope", "x_low", "x_high"]
    member = np.where(low, names[0], names[1]).astype(object)
    return GroupLines(pd.DataFrame(rows, columns=columns), pd.concat(lines, ignore_index=True), member, at)


def _line(
    rows: pd.DataFrame, outcome: str, predictor: str, beside: pd.DataFrame, means: pd.Series[float], name: str
) -> tuple[float, float]:
    """Intercept and slope of a group, by least squares."""
    varying = [column for column in beside.columns if np.ptp(beside[column].to_numpy()) > 0]
    design = np.column_stack([
        np.ones(len(rows)), rows[predictor].to_numpy(dtype=float), beside[varying].to_numpy(dtype=float),
    ])  # fmt: skip
    if len(rows) <= design.shape[1] or np.linalg.matrix_rank(design) < design.shape[1]:
        raise NotEstimable(
            f"{name}: {len(rows)} rows carry no line of {outcome} on {predictor}"
            f"{' and ' + ', '.join(varying) if varying else ''}; choose another cut, or lines = 'model'."
        )
    beta = np.linalg.lstsq(design, rows[outcome].to_numpy(dtype=float), rcond=None)[0]
    at_means = np.array([1.0, 0.0, *means[varying]])
    return float(at_means @ beta), float(beta[1])
