"""Estimated marginal means, slopes and contrasts of a fitted model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from doublecode.analysis.regression.held_offset import hold_offset
from doublecode.analysis.regression.linear_model import LinearModel, linear_model
from doublecode.analysis.regression.marginal_contrasts import (
    Adjust,
    Contrasts,
    check_adjust,
    contrast_weights,
    family_columns,
)
from doublecode.analysis.regression.marginal_result import MarginalResult
from doublecode.analysis.regression.reference_grid import Axis, ReferenceGrid, reference_grid
from doublecode.schemas.errors import UsageError
from doublecode.schemas.near_names import allowed
from doublecode.schemas.results import Note, check_conf_level

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from doublecode.analysis.mixed.result import MixedResult
    from doublecode.analysis.regression.linear_fit import LinearFit
    from doublecode.analysis.regression.moderation_result import ModerationResult

    Floats = NDArray[np.float64]

_CONTRASTS = ("contrast", "estimate", "std_error", "df", "statistic", "p_value", "p_adjusted", "conf_low", "conf_high",
              "family_low", "family_high")  # fmt: skip
ROUNDING = 1e-10
"""Share of a number's size below which what is left of a difference is rounding."""
NOTHING = 1e-12
"""Below which the mean of a variable is said to be 0."""
STEP = 1e-3
"""Step of the difference quotient of a slope, as a share of the range of the variable."""


def marginal_means(
    model: MixedResult | ModerationResult | LinearFit,
    of: str | Sequence[str] = (),
    *,
    by: str | Sequence[str] | None = None,
    at: Mapping[str, Any] | None = None,
    slope: str | None = None,
    contrasts: Contrasts = "pairwise",
    adjust: Adjust = "holm",
    conf_level: float | None = None,
) -> MarginalResult:
    """Estimate the means of the levels of a factor, what else is in the model held equal, and compare them.

    A mean is lᵀβ̂ with l the equally weighted average of the rows of X over the reference grid: all levels of every
    factor, both values of a two-valued number, the mean of any other number over the rows of the model (Searle, Speed &
    Milliken 1980). Its standard error is √(lᵀVl), its df those of the model for this very combination: Kenward–Roger
    or Satterthwaite of a mixed model, residual of a regression. A contrast is Cl, with df of its own.

    Parameters
    ----------
    model : MixedResult, ModerationResult or LinearFit
        Answer of :func:`fit_mixed`, :func:`moderation` or :func:`fit_linear`; of a series one of its models,
        ``series.models[-1].result``.
    of : str or sequence of str
        Predictors, whose levels (all combinations) get a mean each. None named: the overall mean.
    by : str or sequence of str, optional
        Predictors within whose levels contrasts are taken; each combination is a family of tests.
    at : mapping, optional
        Values of the grid by predictor, ``{"session": [1, 9], "age": 30}``: one or several. Several are averaged over
        unless `of` or `by` names the predictor. ``"offset"``, or the name of its column, holds the offset of the model
        at one value (of counts the log of an exposure; 0 is one unit).
    slope : str, optional
        A numeric predictor whose slope is estimated instead of the mean: the change of the outcome per unit of it, at
        its mean or where `at` says, through every interaction and curve it stands in.
    contrasts : "pairwise", mapping or None
        All pairs (first − second), or weights by name: ``{"late − early": {"late": 1, "early": -1}}``, or a list of
        one weight per mean in the order of ``.frame``.
    adjust : {"holm", "bonferroni", "bh", "tukey", "none"}
        For the tests of one family; ``"tukey"`` for all pairs only. The raw p always stands beside.
    conf_level : float, optional
        In (0, 1); by default that of the model.

    Returns
    -------
    MarginalResult
        ``.frame`` (means or slopes), ``.contrasts``, ``.grid``, ``.vcov``; ``.plot()`` draws it.

    Raises
    ------
    UsageError
        A name that is no predictor, a value that is no level, weights that fit no mean, an unknown adjustment, a slope
        of a factor.

    Notes
    -----
    The same numbers as R's emmeans 1.8.4 (``emmeans``, ``emtrends``, ``contrast``; two-valued numbers are kept as
    levels there too). An offset is held at its mean over the rows, as emmeans does, and a note says so; its
    ``offset=`` is ``at={"offset": …}`` here. Where the rows say nothing of a mean (an empty cell of an interaction) it
    is NaN, with a note, as emmeans' nonEst. The slope is a five-point difference quotient over a thousandth of the
    range of the variable:
    exact for polynomials of the fourth degree, without steps beyond the observed range.

    References
    ----------
    Searle, S. R., Speed, F. M., & Milliken, G. A. (1980). The American Statistician, 34, 216–221. Kenward, M. G., &
    Roger, J. H. (1997). Biometrics, 53, 983–997. Lenth, R. V. (2022). emmeans, R package 1.8.4.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from doublecode.analysis import fit_mixed
    >>> rng = np.random.default_rng(4)
    >>> data = pd.DataFrame({"patient": np.repeat(range(20), 6), "phase": np.tile(["early", "late"], 60)})
    >>> data["phq9"] = 12 - 3 * (data.phase == "late") + rng.normal(0, 1, 120) + rng.normal(0, 2, 20)[data.patient]
    >>> found = marginal_means(fit_mixed("phq9 ~ phase + (1 | patient)", data), "phase")
    >>> found.frame[["phase", "estimate"]].round(0).to_dict("records")
    [{'phase': 'early', 'estimate': 13.0}, {'phase': 'late', 'estimate': 10.0}]
    >>> found.contrasts["contrast"].tolist(), found.contrasts["df"].round(0).tolist()
    (['early − late'], [99.0])
    """
    check_adjust(adjust, contrasts)
    if conf_level is not None:
        check_conf_level(conf_level, "marginal_means")
    parts = linear_model(model, conf_level)
    known, held = hold_offset(parts.known, parts.variables, at)
    parts = replace(parts, known=known)
    names, within = _names(of, "of"), _names(by or (), "by")
    _refuse_twice(names, within)
    grid = reference_grid(parts, held)
    cells, average = grid.averaging((*names, *within))
    L = average @ (parts.rows(grid.frame) if slope is None else _slope_rows(parts, grid, slope))
    means = parts.estimates(L, float(slope is None))
    tested, families = _contrasts(parts, cells, L, names, within, contrasts, adjust, slope is None)
    frame = cells.assign(**means)
    return MarginalResult(
        spec={
            "formula": parts.formula, "outcome": parts.outcome, "of": names, "by": within, "at": dict(at or {}),
            "slope": slope, "contrasts": contrasts, "adjust": adjust, "conf_level": parts.conf_level,
        },
        frame=frame, contrasts=tested, grid=_grid_frame(grid, parts), vcov=_covariance(parts, L),
        design={"n_rows": len(parts.frame), "df_method": parts.method, "families": families,
                "tests": len(tested) // max(families, 1)},
        notes=(*parts.notes, *_offset_note(parts, slope),
               *_notes(grid, frame, tested, names + within, slope, adjust, families)),
        rows=parts.frame.index,
    )  # fmt: skip


def _names(given: str | Sequence[str], argument: str) -> tuple[str, ...]:
    names = (given,) if isinstance(given, str) else tuple(given)
    if not all(isinstance(name, str) for name in names):
        raise UsageError(f"marginal_means: {argument}={given!r}; give names of predictors.")
    return tuple(name.strip().strip("`") for name in names)


def _refuse_twice(names: tuple[str, ...], within: tuple[str, ...]) -> None:
    both = (*names, *within)
    twice = [name for place, name in enumerate(both) if name in both[:place]]
    if twice:
        raise UsageError(f"marginal_means: {twice[0]!r} stands twice in of and by; name it once.")


def _slope_rows(model: LinearModel, grid: ReferenceGrid, name: str) -> Floats:
    """(G, P) derivative of the rows of X in a numeric predictor, by a five-point difference quotient."""
    import pandas as pd

    slope = name.strip("`")
    if slope not in model.variables:
        raise UsageError(f"marginal_means: slope = {name!r} is no predictor; {allowed(name, model.variables)}.")
    axis = grid.axis(slope)
    coded = axis.kind is Axis.LEVELS or not pd.api.types.is_numeric_dtype(model.frame[slope].dtype)
    if coded or any(one.strip("`") == slope for one, _ in model.recipe.categories.values()):
        raise UsageError(f"marginal_means: {slope!r} is a factor and has no slope; ask for its means: of={slope!r}.")
    observed = model.frame[slope].to_numpy(dtype=float)
    low, high = float(observed.min()), float(observed.max())
    h = STEP * (high - low)
    x = grid.frame[slope].to_numpy(dtype=float)
    places, weights = _stencils(x, h, low, high)
    X = np.array([model.rows(grid.frame.assign(**{slope: x + h * column})) for column in places.T])
    found = np.einsum("gj,jgp->gp", weights, X) / h
    noise = ROUNDING * np.abs(X).max(axis=(0, 1)) / (high - low)
    return np.where(np.abs(found) <= noise, 0.0, found)


def _stencils(x: Floats, h: float, low: float, high: float) -> tuple[Floats, Floats]:
    """(G, 5) places in steps of h and weights: central, or one-sided where a central one would leave the range."""
    middle, ahead = np.arange(-2.0, 3.0), np.arange(5.0)
    central, forward = np.array([1.0, -8.0, 0.0, 8.0, -1.0]) / 12.0, np.array([-25.0, 48.0, -36.0, 16.0, -3.0]) / 12.0
    below, above = (x - 2 * h < low)[:, None], (x + 2 * h > high)[:, None]
    places = np.where(below, ahead, np.where(above, -ahead, middle))
    return places, np.where(below, forward, np.where(above, -forward, central))


def _contrasts(
    model: LinearModel,
    cells: pd.DataFrame,
    L: Floats,
    of: tuple[str, ...],
    by: tuple[str, ...],
    asked: Contrasts,
    adjust: Adjust,
    are_means: bool,
) -> tuple[pd.DataFrame, int]:
    """The contrasts within each combination of `by`, and how many families they are."""
    import pandas as pd

    parts = []
    groups = cells.groupby(list(by), sort=False, observed=True).indices if by else {(): np.arange(len(cells))}
    for place in sorted(groups.values(), key=lambda rows: int(rows[0])):
        inside = cells.iloc[place]
        keys = [row[0] if len(row) == 1 else row for row in inside[list(of)].itertuples(index=False, name=None)]
        names, C = contrast_weights(asked, [_label(key) for key in keys], keys)
        if not names:
            continue
        tests = model.estimates(_differences(C, L[place]), C.sum(axis=1) if are_means else 0.0)
        levels = {name: [inside[name].iloc[0]] * len(names) for name in by}
        family = family_columns(tests, adjust, len(place), model.conf_level)
        parts.append(pd.DataFrame({**levels, "contrast": names, **tests, **family}))
    empty = pd.DataFrame(columns=[*by, *_CONTRASTS])
    frame = pd.concat(parts, ignore_index=True) if parts else empty
    return frame[[*by, *_CONTRASTS]], len(parts)


def _differences(C: Floats, L: Floats) -> Floats:
    """C·L, with 0 where no more than rounding is left: the difference is none by the form of the model."""
    found = C @ L
    return np.where(np.abs(found) <= ROUNDING * (np.abs(C) @ np.abs(L)), 0.0, found)


def _shown(value: Any) -> Any:
    """A mean of deviations is 0 and not what rounding leaves of it."""
    return 0.0 if isinstance(value, float) and abs(value) < NOTHING else value


def _label(key: Any) -> str:
    if isinstance(key, tuple):
        return ", ".join(map(_label, key))
    return f"{key:g}" if isinstance(key, float) else str(key)


def _covariance(model: LinearModel, L: Floats) -> Floats:
    """(K, K) covariance of the combinations; NaN where one is not estimable."""
    kept = getattr(model.recipe, "kept", None)
    used = L if kept is None else L[:, list(kept)]
    blank = ~model.estimable(L)
    V = used @ model.vcov @ used.T
    V[blank] = np.nan
    V[:, blank] = np.nan
    return np.asarray(V)


def _grid_frame(grid: ReferenceGrid, model: LinearModel) -> pd.DataFrame:
    """What the reference grid holds, one row per variable, and where the offset is held."""
    import pandas as pd

    rows = [(one.name, ", ".join(map(_label, one.values)), str(one.kind)) for one in grid.axes]
    if model.known is not None:
        kind = Axis.GIVEN if model.known.given else Axis.MEAN
        rows.append((f"offset: {model.known.name}", _label(model.known.value), str(kind)))
    return pd.DataFrame(rows, columns=["variable", "values", "source"])


def _offset_note(model: LinearModel, slope: str | None) -> tuple[Note, ...]:
    """Where the offset is held: it stands in means, and in no slope."""
    return () if model.known is None or slope is not None else (model.known.note,)


def _notes(
    grid: ReferenceGrid,
    frame: pd.DataFrame,
    tested: pd.DataFrame,
    shown: tuple[str, ...],
    slope: str | None,
    adjust: Adjust,
    families: int,
) -> tuple[Note, ...]:
    """What the means are to be read with: what was averaged and held, what is undefined, which families."""
    averaged = tuple((one.name, one.values) for one in grid.axes if one.name not in shown and len(one.values) > 1)
    held = tuple((one.name, _shown(one.values[0])) for one in grid.axes if len(one.values) == 1 and one.name != slope)
    out = []
    if averaged or held:
        averages = tuple((name, tuple(map(_label, values))) for name, values in averaged if name != slope)
        out.append(Note("marginal_grid", numbers={"averaged": averages, "held": held}))
    unasked = tuple(one.name for one in grid.axes if one.name in shown and one.kind is Axis.MEAN)
    if unasked:
        out.append(Note("marginal_of_a_number", numbers={"names": unasked}))
    undefined = frame.loc[frame["estimate"].isna(), list(shown)]
    if len(undefined):
        which = tuple(_label(row) for row in undefined.itertuples(index=False, name=None))
        out.append(Note("marginal_not_estimable", numbers={"which": which}))
    if len(tested):
        alike = tuple(tested.loc[tested["std_error"] == 0, "contrast"])
        out += [Note("marginal_same_by_model", numbers={"contrasts": alike})] if alike else []
        numbers = {"adjust": adjust, "families": families, "n_tests": len(tested) // families}
        out += [Note("marginal_families", numbers=numbers)] if adjust != "none" and len(tested) > families else []
    return tuple(out)
