"""Lines of an interaction to be drawn, in the forms that papers use, with pointwise bands."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from doublecode.analysis.mixed.formula_names import term_of
from doublecode.analysis.regression.conditional_effects import drawn_points
from doublecode.analysis.regression.simple_slopes import critical_t, default_points
from doublecode.analysis.rendering.tables import format_number
from doublecode.schemas.errors import UsageError
from doublecode.schemas.near_names import allowed

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from doublecode.analysis.regression.linear_fit import LinearFit

    Floats = NDArray[np.float64]

LineForm = Literal["spread", "codes", "median", "cut"]
MOST_CODES = 5
"""A moderator with more values than these is no code."""
N_POINTS = 41


@dataclass(frozen=True, eq=False)
class InteractionLines:
    """What is drawn.

    Attributes
    ----------
    lines : DataFrame
        ``label``, ``x`` (predictor, its own units), ``y`` (expected outcome, covariates at their means), ``low``,
        ``high`` (pointwise limits of y); the label names the value of the moderator.
    groups : ndarray or None, shape (n_rows,)
        Label of the line that each analysed row goes with, where rows were split into groups.
    """

    lines: pd.DataFrame
    groups: NDArray[np.object_] | None


def interaction_lines(
    fit: LinearFit,
    pair: tuple[str, str],
    form: LineForm = "spread",
    *,
    cut: float | None = None,
    points: Mapping[str, float] | None = None,
) -> InteractionLines:
    """Lay out the lines of an interaction.

    Every line is of the fitted model, with the moderator at a value and covariates at their means; what differs is the
    value. Splitting a number into two groups is an illustration: the model knows no groups (MacCallum et al. 2002).

    Parameters
    ----------
    fit : LinearFit
        Of a regression with the interaction, both variables centred: ``ModerationResult.linear``.
    pair : (str, str)
        Predictor and moderator.
    form : {"spread", "codes", "median", "cut"}
        ``"spread"``: mean − SD, mean, mean + SD of the moderator, or percentiles where those leave the observed range;
        ``"codes"``: each value of a moderator with up to five; ``"median"``: the means of the rows up to and above the
        median; ``"cut"``: the means of the rows below `cut` and from it on.
    cut : float, optional
        Of ``"cut"``, in units of the moderator: 5 makes *< 5* and *≥ 5*.
    points : mapping of label to value, optional
        Values of ``"spread"`` that somebody chose.

    Raises
    ------
    UsageError
        An unknown form, a cut that leaves a group empty, too many values for codes.

    References
    ----------
    Aiken & West (1991), chapter 2. MacCallum, Zhang, Preacher & Rucker (2002), Psychological Methods, 7, 19–40.

    Examples
    --------
    >>> import pandas as pd
    >>> from doublecode.analysis import moderation
    >>> data = pd.DataFrame({"x": [0.0, 1, 2, 3, 0, 1, 2, 3], "z": [4.0, 4, 4, 5, 6, 6, 6, 7],
    ...                      "y": [1.0, 1.2, 0.9, 1.1, 0.1, 1.9, 4.2, 5.8]})
    >>> found = interaction_lines(moderation("y ~ x * z", data).linear, ("x", "z"), "cut", cut=5)
    >>> list(dict.fromkeys(found.lines["label"]))
    ['< 5 (M = 4.00, n = 3)', '≥ 5 (M = 6.00, n = 5)']
    """
    if form not in get_args(LineForm):
        raise UsageError(f"interaction: found form = {form!r}; {allowed(str(form), get_args(LineForm))}.")
    if (form == "cut") != (cut is not None):
        raise UsageError("interaction: cut= belongs to form = 'cut', and is needed there, such as cut=5.")
    if cut is not None and (isinstance(cut, bool) or not isinstance(cut, Real) or not math.isfinite(cut)):
        raise UsageError(f"interaction: cut is {cut!r}; allowed: a number, in units of {pair[1]}.")
    z = fit.points[pair[1]].to_numpy(dtype=float)
    values, groups = _split(z, form, cut) if form in ("median", "cut") else (_values(z, form, points), None)
    return InteractionLines(_lines(fit, pair, values), groups)


def _values(z: Floats, form: str, given: Mapping[str, float] | None) -> dict[str, float]:
    """Values of the moderator by what a legend calls them."""
    if form == "codes":
        codes = np.unique(z)
        if len(codes) > MOST_CODES:
            raise UsageError(
                f"interaction: the moderator has {len(codes)} values, more than {MOST_CODES} codes; use 'spread'."
            )
        return {f"{code:g}": float(code) for code in codes}
    if given is None:
        given = {point.label: point.value for point in drawn_points(default_points(z, float(z.mean())))}
    return {
        at if at == f"{value:g}" else f"{format_number(value, 'estimate')} ({at})": value for at, value in given.items()
    }


def _split(z: Floats, form: str, cut: float | None) -> tuple[dict[str, float], NDArray[np.object_]]:
    """Means of both groups of rows by what a legend calls them, and which row is in which."""
    middle = float(np.median(z))
    low = z <= middle if cut is None else z < cut
    if low.all() or not low.any():
        what = f"the median, {middle:g}," if cut is None else f"cut = {cut:g}"
        raise UsageError(
            f"interaction: {what} leaves one group without rows; the moderator runs from {z.min():g} to {z.max():g}."
        )
    signs = ("≤", ">") if cut is None else ("<", "≥")
    at = middle if cut is None else cut
    names = [
        f"{sign} {at:g} (M = {format_number(float(z[rows].mean()))}, n = {int(rows.sum())})"
        for sign, rows in zip(signs, (low, ~low), strict=True)
    ]
    means = dict(zip(names, (float(z[low].mean()), float(z[~low].mean())), strict=True))
    return means, np.where(low, names[0], names[1]).astype(object)


def _lines(fit: LinearFit, pair: tuple[str, str], values: dict[str, float]) -> pd.DataFrame:
    """Expected outcome over the observed range of the predictor at each value of the moderator, with limits."""
    import pandas as pd

    predictor, moderator = pair
    terms = list(fit.frame["term"])
    places = [terms.index(one) for one in (term_of(predictor), term_of(moderator), term_of(predictor, moderator))]
    centred = fit.points.assign(**{name: fit.points[name] - mean for name, mean in fit.centres.items()})
    average = np.asarray(fit.recipe.get_model_matrix(centred), dtype=float).mean(axis=0)
    observed = fit.points[predictor].to_numpy(dtype=float)
    x = np.linspace(observed.min(), observed.max(), N_POINTS)
    reach = critical_t(1 - fit.spec["conf_level"], fit.df)
    parts = []
    for label, value in values.items():
        L = np.tile(average, (len(x), 1))
        dx, dz = x - fit.centres[predictor], value - fit.centres[moderator]
        L[:, places[0]], L[:, places[1]], L[:, places[2]] = dx, dz, dx * dz
        y, error = L @ fit.beta, np.sqrt(np.einsum("ip,pq,iq->i", L, fit.covariance, L))
        columns = {"label": label, "x": x, "y": y, "low": y - reach * error, "high": y + reach * error}
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)
