"""The plan of a declared study: its sets of raters, its tables, its demands, and what stands of an earlier plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pandas as pd

from doublecode.coding.allocation.allocation_result import Allocation
from doublecode.coding.allocation.draw import Progress
from doublecode.coding.allocation.plan import check_sessions, plan_streams, planned_apart, stream_of
from doublecode.coding.allocation.streams import joined_columns, text_of
from doublecode.schemas.allocation import Demands
from doublecode.schemas.errors import UsageError
from doublecode.schemas.frames import ASSIGNMENTS, OCCASION, SESSIONS, complete
from doublecode.schemas.near_names import allowed
from doublecode.schemas.study import Study

RaterSet = tuple[tuple[str, ...], tuple[int, ...] | None, list[str]]


def planned_study(
    study: Study,
    tables: Mapping[str, pd.DataFrame],
    demands: Demands,
    *,
    seed: int,
    kept: pd.DataFrame | None = None,
    progress: Progress | None = None,
) -> list[Allocation]:
    """Plan all that a study's raters rate.

    Parameters
    ----------
    study : Study
    tables : mapping of str to DataFrame
        ``sessions`` and ``patients``, and ``therapists`` where there are any.
    demands : Demands
    seed : int
    kept : DataFrame, optional
        Contract ``ASSIGNMENTS``: what stays as it is.
    progress : callable, optional

    Returns
    -------
    list of Allocation
        One for each set of raters with the sessions they rate. Instruments that are separated have plans of their own;
        limits and separations are kept over all of them.
    """
    _check_named(tables, demands)
    streams = [
        replace(stream_of(
            tables["sessions"] if numbers is None else tables["sessions"][tables["sessions"]["session"].isin(numbers)],
            raters, names, demands, tables.get("patients"), tables.get("therapists"), kept,
        ), is_doubled=len(raters) > 1)
        for raters, numbers, names in _sets(study, demands, kept)
    ]  # fmt: skip
    if not streams:
        raise UsageError(f"{study.name}: no instrument is filled in by raters. See [[instruments]] in study.toml.")
    return plan_streams(streams, demands, seed, progress)


def _check_named(tables: Mapping[str, pd.DataFrame], demands: Demands) -> None:
    """What demands name stands in the tables: a slip would leave them without effect."""
    sessions = complete(tables["sessions"], SESSIONS)
    check_sessions(sessions, demands)
    every = joined_columns(sessions, tables.get("patients"), tables.get("therapists"), demands)
    asked: list[tuple[str, str, tuple[str, ...]]] = [("shares", one.column, (one.value,)) for one in demands.shares]
    asked += [("restrictions", one.column, one.never or one.only) for one in demands.restrictions]
    for key, column, values in asked:
        known = sorted(filter(None, set(every[column].map(text_of))))
        for value in values:
            if value not in known:
                raise UsageError(
                    f"allocation: {key}: no session has {column} {value!r}; {allowed(value, known)}. Correct the value."
                )


def _sets(study: Study, demands: Demands, kept: pd.DataFrame | None) -> Iterator[RaterSet]:
    """Raters, session numbers and instruments that go together."""
    apart = {name for one in demands.separations for name in one.instruments}
    sets: dict[tuple[object, ...], RaterSet] = {}
    for name in study.codebooks:
        use = study.use(name)
        if use.source == "raters":
            raters = use.raters or tuple(rater.id for rater in study.raters)
            key = (raters, use.sessions, name if name in apart else "")
            sets.setdefault(key, (raters, use.sessions, []))[2].append(name)
    for raters, numbers, names in sets.values():
        each = [[name] for name in names] if planned_apart(kept, names, demands) else [names]
        yield from ((raters, numbers, own) for own in each)


def all_assignments(plans: list[Allocation], kept: pd.DataFrame | None = None) -> pd.DataFrame:
    """Assignments of all plans, and what is kept of sessions that nobody rates any more (contract ``ASSIGNMENTS``)."""
    rows = pd.concat([plan.assignments for plan in plans], ignore_index=True)
    if kept is not None and len(kept):
        keys = ["session_id", "rater", "instrument"]
        known = set(map(tuple, rows[keys].astype(str).to_numpy()))
        stray = [tuple(key) not in known for key in kept[keys].astype(str).to_numpy()]
        rows = pd.concat([rows, kept[stray]], ignore_index=True)
    if OCCASION in rows.columns:
        rows[OCCASION] = pd.to_numeric(rows[OCCASION]).fillna(1).astype("int64")
    columns = [*ASSIGNMENTS.columns, *([OCCASION] if OCCASION in rows.columns else [])]
    return rows[columns]


def changed(before: pd.DataFrame, after: pd.DataFrame) -> tuple[int, int]:
    """How many assignments are new, and how many are taken back."""
    old, new = (_keys(frame) for frame in (before, after))
    return len(new - old), len(old - new)


def _keys(frame: pd.DataFrame) -> set[tuple[str, ...]]:
    times = frame[OCCASION] if OCCASION in frame.columns else pd.Series(1, frame.index)
    columns = [frame[name].astype(str) for name in ("session_id", "rater", "instrument")]
    return set(zip(*columns, pd.to_numeric(times).fillna(1).astype(int).astype(str), strict=True))
