"""Rater severity, and its drift in time."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from doublecode.analysis.ratings.design import Layout
from doublecode.analysis.ratings.frames import as_names, rated_rows, read_ratings, require_columns
from doublecode.analysis.ratings.id_codes import id_codes, object_array
from doublecode.analysis.ratings.rounding import rounding_noise
from doublecode.analysis.reliability.design_notes import disconnected_note
from doublecode.analysis.reliability.fixed_effects import fixed_effects
from doublecode.analysis.reliability.period_cells import alone_in_period, interaction, period_weights
from doublecode.analysis.reliability.severity_sets import Key, SeverityAnswer, by_sets
from doublecode.analysis.rendering.notes import sentence
from doublecode.analysis.rendering.tables import Column, Table, column, level_heading
from doublecode.schemas.dates import read_dates
from doublecode.schemas.errors import NotEstimable, UsageError
from doublecode.schemas.frames import as_pandas
from doublecode.schemas.results import Note, check_conf_level, distinct

if TYPE_CHECKING:
    from doublecode.analysis.mixed.result import MixedResult
    from doublecode.analysis.rendering.figures import Axes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
NUMBERS = ("estimate", "std_error", "df", "statistic", "p_value", "conf_low", "conf_high")


@dataclass(frozen=True, eq=False, repr=False)
class DriftResult(SeverityAnswer):
    """Severity of raters, overall and by period.

    Attributes
    ----------
    spec : dict
    frame : DataFrame
        Severity per (set and) rater, in scale points against the mean of all raters: ``rater, n_ratings,
        estimate, std_error, df, statistic, p_value, conf_low, conf_high``.
    periods : DataFrame
        The same per rater and period, against the mean of the raters in that period; empty without periods.
    drifts : DataFrame
        Change of each rater's severity from her first to her last period along a straight line, with
        ``minimum_detectable``: the change that the design would find with the power asked for.
    tests : DataFrame
        F tests ``raters differ`` and ``rater × period``: ``df_num, df_den, statistic, p_value``.
    sessions : DataFrame
        Targets worth hearing again: pairs of raters furthest apart once severity is taken out, with
        ``z`` and a Bonferroni ``p_adjusted``.
    design : dict
    notes : tuple of Note
    rows : Index
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    periods: pd.DataFrame
    drifts: pd.DataFrame
    tests: pd.DataFrame
    sessions: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    def tables(self) -> tuple[Table, ...]:
        """Severity, by period, its change with the least change detectable, tests, targets to hear again."""
        sets = tuple(column(name, kind="text") for name in self.spec["by"])
        rater = (*sets, column("rater", "Rater", kind="text"))
        dated = (*sets, column("period", "Period", kind="text"), rater[-1])
        rated, points = column("n_ratings", "Ratings", kind="integer"), _point_columns(self.spec["conf_level"])
        least = column("minimum_detectable", "Least detectable", kind="number")
        changes = (
            Table("severity_periods", "Severity by period, against the mean of its raters", self.periods,
                  (*dated, rated, *points)),
            Table("drift", "Change of severity, first to last period", self.drifts, (*rater, *points, least)),
        ) if len(self.drifts) else ()  # fmt: skip
        return (
            Table("severity", "Rater severity, against the mean of all raters", self.frame, (*rater, rated, *points)),
            *changes,
            Table("drift_tests", "Do raters differ?", self.tests, (*sets, *_TEST)),
            *([Table("hear_again", "Worth hearing again: furthest apart, severity taken out", self.sessions,
                     (*sets, *_HEAR))] if len(self.sessions) else []),
        )  # fmt: skip

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw each rater's severity by period with its limits; over all ratings where there are no periods.

        Raises
        ------
        UsageError
            The result holds several sets; each needs a picture of its own.
        """
        from doublecode.analysis.rendering.reliability_figures import severity_over_time

        if self.spec["by"]:
            raise UsageError("plot: severity is drawn one set at a time; call drift() on the rows of one item.")
        return severity_over_time(self.periods if len(self.periods) else self.frame, ax=ax)


def _point_columns(conf_level: float) -> tuple[Column, ...]:
    return (
        column("estimate", "Points", kind="number"),
        column("conf_low", level_heading(conf_level), kind="number", upper="conf_high"),
        column("p_value"),
    )


_TEST: Final = (
    column("test", "Test", kind="text"), column("statistic", "*F*"), column("df_num", "*df*₁", kind="integer"),
    column("df_den", "*df*₂", kind="number", digits=1), column("p_value"),
)  # fmt: skip
_HEAR: Final = (
    column("target", "Target", kind="text"), column("rater_1", "Rater", kind="text"), column("rating_1", "gave"),
    column("rater_2", "Rater", kind="text"), column("rating_2", "gave"), column("difference", "Apart"),
    column("p_adjusted"),
)  # fmt: skip


def drift(
    data: pd.DataFrame,
    *,
    targets: str,
    raters: str,
    ratings: str,
    periods: str | None = None,
    time: str | None = None,
    n_periods: int = 3,
    by: str | Sequence[str] | None = None,
    power: float = 0.80,
    top: int = 10,
    conf_level: float = 0.95,
) -> DriftResult:
    """Severity of raters with intervals, rater × period, and the drift that could be found.

    Parameters
    ----------
    data : DataFrame
        Long: one row per target × rater (× `by`).
    targets, raters, ratings : str
    periods : str, optional
        Column of the period in which a rating was made; its sorted values are taken in order.
    time : str, optional
        Instead of `periods`: a column of numbers or dates, cut into `n_periods` of equally many ratings.
    n_periods : int
        At least 2.
    by : str or sequence of str, optional
        Sets, for example the item.
    power : float
        Of the minimum detectable drift.
    top : int
        How many sessions to list.
    conf_level : float

    Returns
    -------
    DriftResult

    Raises
    ------
    NotEstimable
        One rater, no target with two ratings, or raters that share no targets even indirectly.

    Notes
    -----
    Model: raters (or rater–period cells) as fixed effects, targets random, by the mixed-model engine
    with its degrees of freedom (Kenward–Roger below 50 targets, else Satterthwaite). Single-coded targets
    take part through the random effect, which is fair if sessions were allotted at random. Minimum
    detectable drift = (t(1 − α/2) + t(power))·SE. Sources: Congdon & McQueen (2000) J Educ Meas 37:163;
    Wolfe (1999).

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(2)
    >>> rows = [
    ...     (s, r, s // 30, rng.normal() + {"A": 0.0, "B": 0.0, "C": 1.5 * (s >= 30)}[r])
    ...     for s in range(60) for r in ("AB", "BC", "AC")[s % 3]
    ... ]
    >>> long = pd.DataFrame(rows, columns=["session", "rater", "half", "score"])
    >>> found = drift(long, targets="session", raters="rater", ratings="score", periods="half")
    >>> found.drifts.set_index("rater")["estimate"].idxmax()
    'C'
    """
    data = as_pandas(data)
    check_conf_level(conf_level, "drift")
    _check(periods, time, n_periods, power, top)
    names = as_names(by)
    require_columns(data, [targets, raters, ratings, periods or time, *names], "drift")
    read = read_ratings(data, targets=targets, raters=raters, ratings=ratings, by=names or None, caller="drift")
    held, _ = rated_rows(data, ratings, "drift")
    label, held = _label_periods(held, periods, time, n_periods)
    notes = [*read.missing_notes, Note("single_coded_at_random")]
    columns = (targets, raters, ratings)

    def tables_of(_: Key, rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
        return _one_set(rows, columns, label, power, top, conf_level, notes)

    found = by_sets(held, names, tables_of)
    spec = {
        "targets": targets, "raters": raters, "ratings": ratings, "periods": periods, "time": time,
        "n_periods": n_periods if time else None, "by": list(names), "power": power, "conf_level": conf_level,
    }  # fmt: skip
    design = {"n_sets": read.n_sets, "n_ratings": len(held), "dropped": {"missing rating": read.n_missing}}
    return DriftResult(spec, design=design, notes=distinct(notes), rows=held.index, **found)


def _check(periods: str | None, time: str | None, n_periods: int, power: float, top: int) -> None:
    if periods is not None and time is not None:
        raise UsageError("drift: name `periods` or `time`, not both.")
    if n_periods < 2 or not 0.5 <= power < 1.0 or top < 0:
        raise UsageError(
            f"drift: n_periods = {n_periods} (at least 2), power = {power} (.5 to 1), top = {top} (0 or more)."
        )


def _label_periods(
    held: pd.DataFrame, periods: str | None, time: str | None, n_periods: int
) -> tuple[str | None, pd.DataFrame]:
    if time is None:
        return periods, held
    if held[time].dtype.kind not in "iufM":  # text has no order in time of its own
        places = [f"row {row}" for row in held.index]
        held = held.assign(**{time: read_dates(held[time], None, places, time)})
    rank = held[time].rank(method="dense")
    cuts = rank.quantile(np.linspace(0.0, 1.0, n_periods + 1)[1:-1])
    return "_period", held.assign(_period=np.searchsorted(cuts.to_numpy(), rank.to_numpy(), side="left") + 1)


def _one_set(
    rows: pd.DataFrame,
    columns: tuple[str, str, str],
    label: str | None,
    power: float,
    top: int,
    conf_level: float,
    notes: list[Note],
) -> dict[str, pd.DataFrame]:
    targets, raters, ratings = columns
    rows, target_names = _in_order(rows, targets, raters)
    read = read_ratings(rows, targets=targets, raters=raters, ratings=ratings, caller="drift")
    layout = read.groups[0].layout
    _refuse(layout, targets, raters)
    y = read.groups[0].values[0]
    _refuse_exact(layout, y, raters)
    fit = _fit_cells(layout.rater, layout, y, conf_level)
    overall = _severity(layout, fit)
    tests = [_f_row("raters differ", fit, np.eye(layout.n_raters)[1:] - np.eye(layout.n_raters)[:1])]
    severity = fit.beta - fit.beta.mean()
    by_period, drifts = pd.DataFrame(), pd.DataFrame()
    cell = layout.rater
    if label is not None:
        period, names_of_periods = id_codes(rows[label], "drift")  # an ordered category keeps its order
        period_names = object_array(names_of_periods)
        cells, cell = np.unique(layout.rater * len(period_names) + period, return_inverse=True)
        owner, when = cells // len(period_names), cells % len(period_names)
        if len(period_names) < 2:
            raise NotEstimable(f"drift: one period only ({period_names[0]!r}); drift needs at least two.")
        alone = alone_in_period(owner, when, layout, period_names, notes)
        fit = _fit_cells(cell, layout, y, conf_level)
        weights = period_weights(owner, when)
        by_period = _rows(fit, weights[~alone]).set_axis(np.flatnonzero(~alone)).reindex(range(len(owner)))
        by_period.insert(0, "n_ratings", np.bincount(cell))
        by_period.insert(0, "period", period_names[when])
        by_period.insert(0, "rater", [layout.rater_names[r] for r in owner])
        drifts = _drifts(layout, fit, weights, (np.where(alone, -1, owner), when), power, conf_level, notes)
        contrasts = interaction(owner, when)
        if len(contrasts):
            tests.append(_f_row("rater × period", fit, contrasts))
        severity = np.where(alone, severity[owner], weights @ fit.beta)
    heard = _hear_again(layout, object_array(target_names)[layout.target], y - severity[cell], fit.sigma, y, top)
    return {"frame": overall, "periods": by_period, "drifts": drifts, "tests": pd.DataFrame(tests), "sessions": heard}


def _in_order(rows: pd.DataFrame, targets: str, raters: str) -> tuple[pd.DataFrame, tuple[Hashable, ...]]:
    """Rows in the order in which a layout holds them, and the labels of its targets; ids of any type."""
    target, names = id_codes(rows[targets], "drift")
    rater, _ = id_codes(rows[raters], "drift")
    return rows.iloc[np.lexsort((rater, target))], names


def _refuse(layout: Layout, targets: str, raters: str) -> None:
    if layout.n_raters < 2:
        raise NotEstimable(f"drift: one {raters} only ({layout.rater_names[0]!r}); severity is relative to others.")
    if layout.kind in ("nested", "disconnected") or layout.per_target.max() == 1:
        why = (
            disconnected_note(layout, targets, raters)
            if layout.kind == "disconnected"
            else Note("nothing_shared", numbers={"targets": targets, "raters": raters})
        )
        raise NotEstimable(f"drift: {sentence(why)}")


def _refuse_exact(layout: Layout, y: Floats, raters: str) -> None:
    """Refuse ratings that leave no residual to test raters against."""
    if np.ptp(y) <= rounding_noise(y[None])[0, 0]:
        raise NotEstimable(f"drift: all {len(y)} ratings are equal ({y[0]:g}); there is no severity to compare.")
    if fixed_effects(layout, y[None]).residual[0] == 0.0:
        raise NotEstimable(
            f"drift: the {raters}s agree on every target, or differ by constants only: no residual is left to test "
            "their differences against. Compare their means as they are."
        )


def _fit_cells(cell: Ints, layout: Layout, y: Floats, conf_level: float) -> MixedResult:
    """Cell means as fixed effects, targets random."""
    from doublecode.analysis.mixed import fit_mixed

    count = int(cell.max()) + 1
    names = [f"c{i}" for i in range(count)]
    frame = pd.DataFrame((cell[:, None] == np.arange(count)).astype(float), columns=names)
    frame = frame.assign(y=y, target=layout.target)
    return fit_mixed(f"y ~ 0 + {' + '.join(names)} + (1 | target)", frame, conf_level=conf_level)


def _rows(fit: MixedResult, weights: Floats) -> pd.DataFrame:
    table: pd.DataFrame = fit.contrast(weights)[list(NUMBERS)].reset_index(drop=True)
    return table


def _severity(layout: Layout, fit: MixedResult) -> pd.DataFrame:
    table = _rows(fit, np.eye(layout.n_raters) - 1.0 / layout.n_raters)
    table.insert(0, "n_ratings", layout.per_rater)
    table.insert(0, "rater", list(layout.rater_names))
    return table


def _f_row(name: str, fit: MixedResult, L: Floats) -> dict[str, Any]:
    statistic, df = fit.tests.f_test(fit.beta[None], L)
    tail = float(special.fdtrc(len(L), df[0], statistic[0]))
    return {
        "test": name, "df_num": len(L), "df_den": float(df[0]), "statistic": float(statistic[0]), "p_value": tail
    }  # fmt: skip


def _drifts(
    layout: Layout,
    fit: MixedResult,
    weights: Floats,
    cells: tuple[Ints, Ints],
    power: float,
    conf_level: float,
    notes: list[Note],
) -> pd.DataFrame:
    """Change of severity from the first to the last period of each rater, along a straight line."""
    owner, when = cells
    names, rows = [], []
    for r, name in enumerate(layout.rater_names):
        own = np.flatnonzero(owner == r)
        if len(own) < 2:
            notes.append(Note("rater_in_one_period", numbers={"rater": name}))
            continue
        at = when[own] - when[own].mean()
        slope = at / (at @ at)
        rows.append((when[own].max() - when[own].min()) * slope @ weights[own])
        names.append(name)
    if not rows:
        raise NotEstimable("drift: no rater has ratings in two periods; choose fewer periods.")
    table = _rows(fit, np.array(rows))
    reach = special.stdtrit(table["df"], 1.0 - (1.0 - conf_level) / 2.0) + special.stdtrit(table["df"], power)
    table["minimum_detectable"] = reach * table["std_error"]
    table.insert(0, "rater", names)
    return table


def _hear_again(layout: Layout, labels: NDArray[Any], rest: Floats, sigma: float, y: Floats, top: int) -> pd.DataFrame:
    """Pairs of ratings furthest apart, severity taken out."""
    first, second = layout.rating_pairs
    gap = rest[first] - rest[second]
    z = gap / (sigma * np.sqrt(2.0)) if sigma > 0 else np.full(len(gap), np.nan)
    # pairs that lie equally far apart stand in the order of the ratings, whatever their last digits are
    size = np.round(np.abs(gap) / max(float(np.abs(gap).max(initial=0.0)), 1e-300), 9)
    order = np.argsort(-size, kind="stable")[:top]
    names = object_array(layout.rater_names)
    return pd.DataFrame(
        {
            "target": labels[first[order]],
            "rater_1": names[layout.rater[first[order]]],
            "rater_2": names[layout.rater[second[order]]],
            "rating_1": y[first[order]],
            "rating_2": y[second[order]],
            "difference": gap[order],
            "z": z[order],
            "p_adjusted": np.minimum(1.0, 2.0 * special.ndtr(-np.abs(z[order])) * len(gap)),
        }
    )
