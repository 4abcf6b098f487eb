"""Which frames the figures of a series are drawn from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from doublecode.analysis.linking.series_models import LabelledModel
from doublecode.analysis.linking.time_origin import is_time
from doublecode.schemas.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from doublecode.analysis.mixed.result import MixedResult
    from doublecode.analysis.rendering.figures import Axes

    Times = pd.Series[Any] | None

_KINDS = ("course", "caterpillar", "residuals", "influence", "shares")


def draw(
    models: Sequence[LabelledModel], times: Times, kind: str, label: str | None, named: Callable[[str], str] = str
) -> Axes:
    """Draw one model of a series; see :meth:`doublecode.analysis.linking.series_result.SeriesResult.plot`.

    Parameters
    ----------
    models : sequence of LabelledModel
    times : Series or None
        Session number of each row.
    kind, label : str
        As in ``plot``.
    named : callable
        What a term and the outcome are called.
    """
    from doublecode.analysis.rendering import series_figures

    if kind not in _KINDS:
        raise UsageError(f"plot: kind={kind!r}; allowed: {', '.join(map(repr, _KINDS))}.")
    model, fit = drawn_model(models, times, kind, label)
    if kind == "caterpillar":
        return series_figures.caterpillar(called(fit.random(), named))
    if kind == "influence":
        without = fit.influence()
        return series_figures.influence_panels(without.frame, called(without.fixed, named))
    if kind == "course":
        points, curve = course(times, fit)
        return series_figures.course_band(points, curve, y_label=named(model.formula.response))
    found = fit.residuals()
    rows = _timed(times, fit).assign(fitted=found["fitted"].to_numpy(), residual=found["standardized"].to_numpy())
    return series_figures.residual_panels(rows.sort_values(["unit", "x"]), called(fit.random(), named))


def called(frame: pd.DataFrame, named: Callable[[str], str]) -> pd.DataFrame:
    """Random effects with their terms as these are called in print."""
    return frame.assign(term=[named(str(term)) for term in frame["term"]])


def drawn_model(
    models: Sequence[LabelledModel], times: Times, kind: str, label: str | None = None
) -> tuple[LabelledModel, MixedResult]:
    """The model that a figure shows, and its fit: by default the last one that is estimated and fits the figure.

    Raises
    ------
    UsageError
        There is no such model, or none that the figure can show.
    """
    fits = [(one, one.result) for one in models if one.result is not None]
    if kind == "course":
        fits = [(one, fit) for one, fit in fits if _of_time_alone(times, fit)]
    named = [pair for pair in fits if label in (None, pair[0].label)]
    if named:
        return named[-1]
    known = ", ".join(repr(one.label) for one, _ in fits) or "none"
    why = " whose predictors are time alone" if kind == "course" else ""
    raise UsageError(f"plot: {kind!r} shows a model{why}; found {label!r}, allowed: {known}.")


def _timed(times: Times, fit: MixedResult) -> pd.DataFrame:
    """Unit and session of each row; without a session its number in the patient."""
    frame = fit.model.frame
    unit = pd.Series(fit.model.terms[0].codes, index=frame.index)
    named = [name for name in frame.columns if is_time(str(name))]
    if times is not None:
        x = times.loc[frame.index]
    elif named:
        x = frame[named[0]]
    else:
        x = unit.groupby(unit, observed=True).cumcount() + 1
    return pd.DataFrame({"unit": unit.to_numpy(), "x": x.to_numpy()}, index=frame.index)


def _of_time_alone(times: Times, fit: MixedResult) -> bool:
    """Whether the fixed part is a function of the session, so that it makes one curve; not a constant."""
    rows = pd.DataFrame(fit.model.X).assign(x=_timed(times, fit)["x"].to_numpy())
    spread = rows.groupby("x", observed=True).agg(np.ptp).to_numpy()
    return fit.model.X.shape[1] > 1 and bool((np.abs(spread) < 1e-9).all())


def course(times: Times, fit: MixedResult) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Points of every patient, and the model's mean at each session with limits by the model's df.

    Returns
    -------
    points : DataFrame
        ``unit``, ``x``, ``y``.
    curve : DataFrame
        ``x``, ``estimate``, ``conf_low``, ``conf_high``: contrasts of the fixed effects, pointwise.
    """
    timed = _timed(times, fit)
    points = timed.assign(y=fit.model.y)
    first = timed.reset_index(drop=True).drop_duplicates("x").sort_values("x")
    curve = fit.contrast(fit.model.X[first.index.to_numpy()])
    return points, curve.assign(x=first["x"].to_numpy())[["x", "estimate", "conf_low", "conf_high"]]
