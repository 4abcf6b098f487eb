"""The consistency table of a paper: item–total range, omega overall, per session and per subscale.

One row per scale and pairing: a scale with a lag rule is printed twice, with all items of the
*same tape* and *lagged* as it is scored. They are different numbers.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from doublecode.analysis.consistency.alpha_omega import alpha, omega
from doublecode.analysis.consistency.alpha_omega_results import OmegaResult, resampled
from doublecode.analysis.consistency.item_moments import Missing, kept_rows
from doublecode.analysis.consistency.scale_levels import POOLED
from doublecode.analysis.consistency.unit_resampling import Interval
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.notes import sentence
from doublecode.analysis.study.consistency_columns import study_tables, wide_tables
from doublecode.schemas.errors import ContractError, DuplicateError, NotEstimable, UsageError
from doublecode.schemas.frame_rows import rows_of
from doublecode.schemas.results import Note, distinct

if TYPE_CHECKING:
    from doublecode.analysis.rendering.tables import Table
    from doublecode.analysis.results.spread_work import Progress, Workers
    from doublecode.schemas.instrument import Instrument
    from doublecode.schemas.scale import Scale

SAME_TAPE, LAGGED = "same tape", "lagged"


class ScaleState(StrEnum):
    """Status of a scale of the table; one that cannot be estimated writes its reason instead."""

    ESTIMATED = "ok"
    TWO_ITEMS = "two items: a one-factor model is not identified, alpha is given"


@dataclass(frozen=True, eq=False, repr=False)
class ConsistencyTable(Answer):
    """Answer of `consistency_table` and `omega_table`.

    `frame`: instrument, scale, pairing, n_items, n_rows, n_patients, r_drop_min, r_drop_max, mean_r,
    alpha, omega, std_error, df, conf_low, conf_high, omega_standardised, session_min, session_max,
    n_sessions (of n_sessions_rated), status. `levels`: instrument, scale, pairing, by (pooled, session, phase), level,
    estimate,
    std_error, df, conf_low, conf_high, n_rows, n_patients, status; the figure of omega by session takes its
    rows with ``by == "session"``. `items`: instrument, scale, pairing and the columns of
    ``OmegaResult.items``. `omegas`: the full answers by (instrument, scale, pairing). `notes` name their
    instrument, scale, pairing and level among their numbers. `rows`: labels of the input rows of the scales.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    levels: pd.DataFrame
    items: pd.DataFrame
    omegas: Mapping[tuple[str, str, str], OmegaResult]
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("instrument", "scale", "pairing")

    @property
    def facts(self) -> tuple[Note, ...]:
        """What is to be said of each row of `frame`, as facts: subject the scale, numbers the row."""
        return tuple(
            Note("scale_consistency", _row_name(row), {**row, "conf_level": self.spec["conf_level"]})
            for row in rows_of(self.frame)
        )

    @property
    def not_estimated(self) -> pd.DataFrame:
        """The rows of `frame` without omega; their status says why."""
        return self.frame[self.frame["status"] != ScaleState.ESTIMATED]

    def statements(self, names: Sequence[str] = (), *, sessions: bool = False) -> tuple[str, ...]:
        """Say each row of `frame` in a sentence to paste.

        Parameters
        ----------
        names : sequence of str
            What the scales are called; their names in `frame` when not given.
        sessions : bool
            Rows are sessions also where each patient has only one.
        """
        called = list(names) or [fact.subject for fact in self.facts]
        return tuple(
            sentence(Note(fact.kind, name, {**fact.numbers, "sessions": sessions}))
            for fact, name in zip(self.facts, called, strict=True)
        )

    def tables(self) -> tuple[Table, ...]:
        """Pooled coefficients; the levels; for a wide file the items as well."""
        level = self.spec["conf_level"]
        if "subscales" in self.spec:
            return wide_tables(self.frame, self.levels, self.items, level)
        return study_tables(self.frame, self.levels, level)

    def counted(self) -> str:
        """Scales, and how many have no omega."""
        without = self.design["not_estimable"]
        how = resampled(next((one.spec for one in self.omegas.values()), {}))
        return f"{self.design['n_scales']} scales" + (f", {without} without omega." if without else ".") + how


def headed(note: Note, head: str, **numbers: Any) -> Note:
    """Put a head before the subject of a note, and `numbers` among its numbers.

    Examples
    --------
    >>> headed(Note("heywood_case", "3", {"level": 3}), "sthar tbh", scale="tbh")
    Note(kind='heywood_case', subject='sthar tbh: 3', numbers={'level': 3, 'scale': 'tbh'})
    """
    return Note(note.kind, ": ".join(filter(None, [head, note.subject])), {**note.numbers, **numbers})


@dataclass(frozen=True)
class _Task:
    """One scale in one pairing, its items side by side."""

    instrument: str
    scale: str
    pairing: str
    wide: pd.DataFrame
    items: tuple[str, ...]
    clusters: str | None
    by: str | None

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.instrument, self.scale, self.pairing)


@dataclass(frozen=True)
class _Options:
    conf_level: float
    seed: int
    missing: Missing
    phases: Mapping[str, tuple[int, int]]
    resampling: Mapping[str, Any] = field(default_factory=dict)


def consistency_table(
    ratings: pd.DataFrame,
    instruments: Iterable[Instrument],
    *,
    phases: Mapping[str, tuple[int, int]] | None = None,
    conf_level: float = 0.95,
    seed: int = 0,
    missing: Missing = "fiml",
) -> ConsistencyTable:
    """Item–total correlations, alpha and omega of every scale of some instruments.

    Parameters
    ----------
    ratings
        Long frame, raters already pooled: columns patient, session (whole number), instrument, item,
        value; one row per patient, session, instrument and item.
    instruments
        Codebooks: their scales, reversed items and lag rules are followed.
    phases
        Name of each phase with its first and last session, e.g. ``{"I": (1, 3), "II": (4, 6)}``.
    conf_level
        Level of the intervals (patients as the unit).
    seed
        Kept in `spec`; the jackknife draws nothing.
    missing
        Missing items: ``"fiml"``, ``"pairwise"`` or ``"listwise"``.

    Raises
    ------
    ContractError, DuplicateError
        A column is absent, or a patient, session, instrument and item occurs twice.
    UsageError
        None of the instruments has ratings.
    """
    from doublecode.coding.scoring import scored_items

    _check_long(ratings)
    tasks, skipped = [], []
    for book in instruments:
        for scale in book.scales:
            for pairing, rule in pairings(book, scale):
                wide = scored_items(ratings, book, rule)
                if wide.empty or len(scale.items) < 2:
                    skipped.append(_why_skipped(book, wide, scale))
                    continue
                tasks.append(_task(book, scale, pairing, wide))
    if not tasks:
        raise UsageError(
            "No scale of the instruments has ratings of two items or more; nothing to estimate. Take in ratings first."
        )
    spec = {"function": "consistency_table", "scales": [list(task.key) for task in tasks]}
    of_scales = [(task.instrument, item) for task in tasks for item in task.items]
    rows = ratings.index[pd.MultiIndex.from_frame(ratings[["instrument", "item"]]).isin(of_scales)]
    return _tabulate(tasks, _Options(conf_level, seed, missing, dict(phases or {})), spec, skipped, rows)


def omega_table(
    data: pd.DataFrame,
    *,
    items: Sequence[str] | None = None,
    clusters: str | None = None,
    by: str | None = None,
    subscales: Mapping[str, Sequence[str]] | None = None,
    conf_level: float = 0.95,
    seed: int = 0,
    missing: Missing = "fiml",
    interval: Interval | None = None,
    n_boot: int | None = None,
    workers: Workers | None = None,
    progress: Progress | None = None,
) -> ConsistencyTable:
    """Build the same table for any wide file: all items, and subscales where named.

    Parameters
    ----------
    data, items, clusters, by, conf_level, seed, missing, interval, n_boot, workers, progress
        As in `doublecode.analysis.consistency.alpha_omega.omega`.
    subscales
        Name and items of each subscale.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(1)
    >>> ratings = pd.DataFrame(rng.normal(size=(90, 1)) + rng.normal(size=(90, 4)), columns=list("abcd"))
    >>> ratings["patient"] = np.repeat(np.arange(15), 6)
    >>> answer = omega_table(ratings, clusters="patient", subscales={"first": ["a", "b", "c"]})
    >>> answer.frame[["scale", "n_items", "omega"]].round(2).to_numpy().tolist()
    [['all items', 4, 0.77], ['first', 3, 0.71]]
    """
    data = data.rename(columns=str)
    whole = [str(c) for c in data.columns if c not in (clusters, by)] if items is None else list(items)
    scales = {"all items": whole, **{name: list(part) for name, part in (subscales or {}).items()}}
    tasks = [_Task("", name, SAME_TAPE, data, tuple(part), clusters, by) for name, part in scales.items()]
    spec = {"function": "omega_table", "items": whole, "clusters": clusters, "by": by, "subscales": scales}
    asked = {"interval": interval, "n_boot": n_boot, "workers": workers, "progress": progress}
    resampling = {name: value for name, value in asked.items() if value is not None}
    options = _Options(conf_level, seed, missing, {}, resampling)
    return _tabulate(tasks, options, spec, [], data.index[kept_rows(data, whole)])


def _check_long(ratings: pd.DataFrame) -> None:
    key = ["patient", "session", "instrument", "item"]
    absent = [name for name in (*key, "value") if name not in ratings.columns]
    if absent:
        raise ContractError(f"The ratings lack {', '.join(absent)}; they have {', '.join(map(str, ratings.columns))}.")
    if (doubled := ratings.duplicated(key)).any():
        first = ratings.loc[doubled, key].iloc[0].tolist()
        raise DuplicateError(
            f"{int(doubled.sum())} rating(s) occur twice, first {first}; pool the raters of a session before."
        )


def pairings(book: Instrument, scale: Scale) -> list[tuple[str, Scale]]:
    """The pairings of a scale: a lagged one is also paired on the same tape, unless another scale is just that."""
    if not scale.lagged:
        return [(SAME_TAPE, scale)]
    plain = scale.model_copy(update={"lagged": ()})
    known = any(not other.lagged and set(other.items) == set(scale.items) for other in book.scales)
    return [(LAGGED, scale)] if known else [(SAME_TAPE, plain), (LAGGED, scale)]


def _why_skipped(book: Instrument, wide: pd.DataFrame, scale: Scale) -> Note:
    names = {"instrument": book.name, "scale": scale.name}
    if wide.empty:
        return Note("scale_without_ratings", f"{book.name}, {scale.name}", names)
    return Note("scale_of_one_item", f"{book.name}, {scale.name}", {**names, "n_items": len(scale.items)})


def _task(book: Instrument, scale: Scale, pairing: str, wide: pd.DataFrame) -> _Task:
    several = len(wide["session"].unique()) > 1
    by = "session" if several else None
    return _Task(book.name, scale.name, pairing, wide, tuple(scale.items), "patient" if several else None, by)


def _tabulate(
    tasks: Sequence[_Task], options: _Options, spec: dict[str, Any], skipped: Sequence[Note], used: pd.Index[Any]
) -> ConsistencyTable:
    rows, levels, items, notes = [], [], [], list(skipped)
    omegas: dict[tuple[str, str, str], OmegaResult] = {}
    for task in tasks:
        answer, reason = _omega_or_reason(task, options)
        row, level_rows = _summary(task, answer, reason, options)
        rows.append(row)
        levels += level_rows
        if answer is None:
            continue
        omegas[task.key] = answer
        items.append(_labelled(answer.items, task))
        names = dict(zip(("instrument", "scale", "pairing"), task.key, strict=True))
        notes += [headed(note, _name(task), **names) for note in answer.notes]
    spec = {**spec, "conf_level": options.conf_level, "seed": options.seed, "missing": options.missing}
    design = {"n_scales": len(tasks), "not_estimable": len(tasks) - len(omegas), "missing_rule": options.missing}
    table = pd.concat(items, ignore_index=True) if items else pd.DataFrame()
    return ConsistencyTable(
        spec, pd.DataFrame(rows), pd.DataFrame(levels), table, omegas, design, distinct(notes), used
    )


def _omega_or_reason(task: _Task, options: _Options) -> tuple[OmegaResult | None, str]:
    columns = [*task.items, *(name for name in (task.clusters, task.by) if name is not None)]
    if len(task.items) < 3:
        return None, str(ScaleState.TWO_ITEMS)
    try:
        answer = omega(
            task.wide[columns], items=task.items, clusters=task.clusters, by=task.by,
            conf_level=options.conf_level, seed=options.seed, missing=options.missing, **options.resampling,
        )  # fmt: skip
    except NotEstimable as reason:
        return None, str(reason)
    return answer, ""


def _summary(
    task: _Task, answer: OmegaResult | None, reason: str, options: _Options
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """One row of the table, and the rows of its levels."""
    row: dict[str, Any] = {"instrument": task.instrument, "scale": task.scale, "pairing": task.pairing}
    classical, lacking = _classical(task, options)
    row |= classical
    numbers = ("omega", "std_error", "df", "conf_low", "conf_high", "omega_standardised", "session_min", "session_max")
    row |= dict.fromkeys(numbers, float("nan")) | {"n_sessions": 0, "n_sessions_rated": 0}
    row["status"] = (lacking if reason == ScaleState.TWO_ITEMS else "") or reason or str(ScaleState.ESTIMATED)
    if answer is None:
        return row, []
    frame = answer.frame[answer.frame["term"] != "omega_standardised"]
    levels = [_level_row(task, record) for record in frame.to_dict("records")]
    levels += [_phase_row(task, name, ends, options) for name, ends in options.phases.items() if task.by]
    pooled = levels[0]
    row |= {"omega": pooled["estimate"]} | {k: pooled[k] for k in ("std_error", "df", "conf_low", "conf_high")}
    row["omega_standardised"] = float(
        answer.frame.loc[answer.frame["term"] == "omega_standardised", "estimate"].iloc[0]
    )
    single = [level["estimate"] for level in levels if level["by"] == (task.by or "")]
    seen = [estimate for estimate in single if np.isfinite(estimate)]
    row["n_sessions_rated"] = len(single)
    if seen:
        row |= {"session_min": min(seen), "session_max": max(seen), "n_sessions": len(seen)}
    return row, levels


def _classical(task: _Task, options: _Options) -> tuple[dict[str, Any], str]:
    """Item–total range, mean inter-item r and alpha of the pooled rows; NaN and the reason where they are undefined."""
    nothing = float("nan")
    rated = task.wide[task.wide[list(task.items)].notna().any(axis=1)]
    n_units = len(rated) if task.clusters is None else len(rated[task.clusters].unique())
    out: dict[str, Any] = {"n_items": len(task.items), "n_rows": len(rated), "n_patients": n_units}
    out |= dict.fromkeys(("r_drop_min", "r_drop_max", "mean_r", "alpha"), nothing)
    columns = [*task.items, *([task.clusters] if task.clusters else [])]
    try:
        answer = alpha(task.wide[columns], items=task.items, clusters=task.clusters, missing=options.missing)
    except NotEstimable as reason:
        return out, str(reason)
    total = answer.totals.iloc[0]
    out |= {"r_drop_min": float(answer.items["r_drop"].min()), "r_drop_max": float(answer.items["r_drop"].max())}
    return out | {"mean_r": float(total["average_r"]), "alpha": float(total["raw_alpha"])}, ""


def _level_row(task: _Task, record: Mapping[Hashable, Any], by: str | None = None, level: Any = None) -> dict[str, Any]:
    own = record["level"]
    kind = by or ("pooled" if own == POOLED else str(task.by))
    out = {"instrument": task.instrument, "scale": task.scale, "pairing": task.pairing}
    out |= {"by": kind, "level": own if level is None else level}
    out |= {name: record[name] for name in ("estimate", "std_error", "df", "conf_low", "conf_high")}
    return out | {"n_rows": record["n_rows"], "n_patients": record["n_units"], "status": record["status"]}


def _phase_row(task: _Task, name: str, ends: tuple[int, int], options: _Options) -> dict[str, Any]:
    inside = task.wide[task.wide["session"].between(*ends)]
    part = _Task(*task.key, inside, task.items, task.clusters, None)
    answer, reason = _omega_or_reason(part, options)
    if answer is None:
        nothing: dict[Hashable, Any] = dict.fromkeys(("estimate", "std_error", "df", "conf_low", "conf_high"), np.nan)
        counts: dict[Hashable, Any] = {"n_rows": len(inside), "n_units": inside["patient"].nunique()}
        return _level_row(task, {"level": name, **nothing, **counts, "status": reason}, "phase")
    return _level_row(task, answer.frame.iloc[0].to_dict(), "phase", name)


def _labelled(frame: pd.DataFrame, task: _Task) -> pd.DataFrame:
    labels = {"instrument": task.instrument, "scale": task.scale, "pairing": task.pairing}
    return pd.DataFrame({**labels, **{str(name): frame[name] for name in frame.columns}}, index=frame.index)


def _name(task: _Task) -> str:
    head = f"{task.instrument} {task.scale}".strip()
    return head if task.pairing == SAME_TAPE else f"{head} ({task.pairing})"


def _row_name(row: Mapping[str, Any]) -> str:
    """Name the scale of a row with its pairing; a wide file has but one."""
    head = " ".join(filter(None, [str(row["instrument"]), str(row["scale"])]))
    return head if row["pairing"] == SAME_TAPE and not row["instrument"] else f"{head} ({row['pairing']})"
