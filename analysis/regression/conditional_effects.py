"""Conditional effects of an interaction: all tables that go with a predictor × moderator product."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from doublecode.analysis.mixed.formula_names import term_of
from doublecode.analysis.regression.regression_tables import Inference
from doublecode.analysis.regression.simple_slopes import (
    BAND_COLUMNS,
    REGION_COLUMNS,
    ROOT_COLUMNS,
    SLOPE_COLUMNS,
    Point,
    PointKind,
    SlopeLine,
    critical_t,
    default_points,
    johnson_neyman,
    slope_band,
    slope_table,
)
from doublecode.schemas.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

LINE_COLUMNS = ("at", "kind", "moderator", "predictor", "estimate", "std_error", "conf_low", "conf_high")


def conditional_effects(
    inference: Inference,
    data: pd.DataFrame,
    pair: tuple[str, str] | None,
    centres: Mapping[str, float],
    at: Mapping[str, float] | Sequence[float] | None,
) -> dict[str, Any]:
    """Build slopes, regions, roots, band and lines; tables without rows where there is no interaction."""
    import pandas as pd

    if pair is None:
        shapes = {
            "slopes": SLOPE_COLUMNS,
            "johnson_neyman": REGION_COLUMNS,
            "roots": ROOT_COLUMNS,
            "slope_band": BAND_COLUMNS,
            "lines": LINE_COLUMNS,
        }
        return {name: pd.DataFrame(columns=list(columns)) for name, columns in shapes.items()}
    line = _slope_line(inference, data, pair, centres)
    points = _points(at, line)
    regions, roots = johnson_neyman(line, 1 - inference.conf_level)
    return {
        "slopes": slope_table(line, points, inference.conf_level),
        "johnson_neyman": regions,
        "roots": roots,
        "slope_band": slope_band(line, inference.conf_level),
        "lines": _lines(inference, data, pair, centres, points),
    }


def _slope_line(
    inference: Inference, data: pd.DataFrame, pair: tuple[str, str], centres: Mapping[str, float]
) -> SlopeLine:
    terms = inference.matrices.terms
    predictor, moderator = pair
    if term_of(predictor) not in terms or term_of(*pair) not in terms:
        raise UsageError(
            f"moderation: the interaction {':'.join(pair)} stands without {predictor!r} itself. "
            f"Write {predictor} * {moderator}."
        )
    places = [terms.index(term_of(predictor)), terms.index(term_of(*pair))]
    params = np.asarray(inference.fit.params)[places]
    covariance = inference.covariance[np.ix_(places, places)]
    observed = data[moderator].to_numpy(dtype=np.float64)
    return SlopeLine(float(params[0]), float(params[1]), covariance, inference.df, centres[moderator], observed)


def _points(at: Mapping[str, float] | Sequence[float] | None, line: SlopeLine) -> tuple[Point, ...]:
    if at is None:
        return default_points(line.observed, line.centre)
    if not isinstance(at, Mapping | Sequence | np.ndarray) or isinstance(at, str):
        raise UsageError(f"moderation: at={at!r} must be numbers in a list, or labels with numbers in a dict.")
    items = list(at.items()) if isinstance(at, Mapping) else [(None, value) for value in at]
    for label, value in items:
        if not isinstance(value, int | float | np.number) or not np.isfinite(value):
            where = "" if label is None else f"[{label!r}]"
            raise UsageError(f"moderation: at{where} is {value!r}; each value of the moderator is a finite number.")
    labelled = {f"{value:g}" if label is None else str(label): float(value) for label, value in items}
    return tuple(Point(label, value, PointKind.GIVEN) for label, value in labelled.items())


def _lines(
    inference: Inference,
    data: pd.DataFrame,
    pair: tuple[str, str],
    centres: Mapping[str, float],
    points: Sequence[Point],
) -> pd.DataFrame:
    """Expected outcome over the predictor for each value of the moderator, no line beyond the data."""
    import pandas as pd

    predictor, moderator = pair
    terms = inference.matrices.terms
    product = term_of(*pair)
    average = inference.matrices.X.mean(axis=0)
    quantile = critical_t(1 - inference.conf_level, inference.df)
    ends = _ends(data[predictor].to_numpy(dtype=np.float64), centres[predictor])
    rows = []
    for point in drawn_points(points):
        for value in ends:
            x, z = value - centres[predictor], point.value - centres[moderator]
            # The design row: covariates (dummies too) at their means, the centred pair where asked.
            changed = {term_of(predictor): x, term_of(moderator): z, product: x * z}
            row = np.array([changed.get(term, mean) for term, mean in zip(terms, average, strict=True)])
            expected, error = float(row @ inference.fit.params), float(np.sqrt(row @ inference.covariance @ row))
            limits = (expected - quantile * error, expected + quantile * error)
            rows.append((point.label, point.kind, point.value, value, expected, error, *limits))
    return pd.DataFrame(rows, columns=list(LINE_COLUMNS))


def _ends(observed: NDArray[np.float64], centre: float) -> list[float]:
    """Values of the predictor at which lines are given: as those of the moderator; the ends of a narrow range."""
    values = [point.value for point in drawn_points(default_points(observed, centre))]
    return values if len(values) > 1 else [float(observed.min()), float(observed.max())]


def drawn_points(points: Sequence[Point]) -> tuple[Point, ...]:
    """The values of which lines are drawn: percentiles where mean ± SD leaves the data, else those there are."""
    percentiles = tuple(point for point in points if point.kind is PointKind.PERCENTILE)
    return percentiles or tuple(points)
