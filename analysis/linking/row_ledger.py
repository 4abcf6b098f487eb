"""The row ledger: every session (or patient) at every stage, and why it was lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from doublecode.analysis.linking.stages import Stage, StageKind
from doublecode.analysis.mixed.model_rows import columns_of
from doublecode.analysis.regression.regression_design import choose_subset

if TYPE_CHECKING:
    from doublecode.schemas.study import Study

Key = tuple[str, int]
"""Patient and session number."""
StageRows = tuple[Stage, pd.DataFrame]


def flow_of(ledger: pd.DataFrame) -> pd.DataFrame:
    """Count a ledger: one row per stage with ``stage``, ``unit``, ``kept``, ``lost``, ``reasons``."""
    rows = []
    for stage, part in ledger.groupby("stage", sort=False):
        lost = part[part["status"] == "lost"]
        why = "; ".join(f"{n} × {reason}" for reason, n in lost["reason"].value_counts().items())
        unit = "patients" if part["session"].isna().all() else "sessions"
        rows.append({"stage": stage, "unit": unit, "kept": len(part) - len(lost), "lost": len(lost), "reasons": why})
    return pd.DataFrame(rows, columns=["stage", "unit", "kept", "lost", "reasons"])


def stage_rows(rows: pd.DataFrame, stage: Stage, reasons: Sequence[str | None]) -> StageRows:
    """One stage and its rows in the ledger; a reason means that the row was lost."""
    table = pd.DataFrame(
        {
            "session_id": rows.get("session_id"),
            "patient": rows["patient"],
            "session": rows["session"].astype("Int64") if "session" in rows else pd.NA,
            "stage": str(stage),
            "status": ["kept" if why is None else "lost" for why in reasons],
            "reason": pd.Series(list(reasons), index=rows.index, dtype=object),
        },
        index=rows.index,
    )
    return stage, table.astype({"session": "Int64", "session_id": object})


def model_stages(study: Study, frame: pd.DataFrame, reasons: pd.DataFrame) -> list[StageRows]:
    """Rows of each declared model; subsets are judged by the observed values, before any outlier rule."""
    stages: list[StageRows] = []
    for series in study.series:
        needed = list(dict.fromkeys(name for step in series.steps for name in columns_of(step, frame.columns)))
        stage = Stage(StageKind.IN_MODEL, series.name, tuple(needed))
        stages.append(stage_rows(frame, stage, _incomplete(frame, reasons, needed)))
    for model in study.moderations:
        named = (model.outcome, model.predictor, model.moderator, *model.covariates)
        stage = Stage(StageKind.IN_MODEL, model.name, tuple(name for name in named if name))
        why = _incomplete(frame, reasons, stage.columns)
        kept, _ = choose_subset(model, frame)
        outside = ~frame.index.isin(kept.index)
        subset = f"outside the subset {model.subset}"
        why = [subset if out and reason is None else reason for out, reason in zip(outside, why, strict=True)]
        stages.append(stage_rows(frame, stage, why))
    return stages


def _incomplete(frame: pd.DataFrame, reasons: pd.DataFrame, needed: Sequence[str]) -> list[str | None]:
    """Per row why it cannot be in a model that needs these columns; None where it can."""
    missing = frame[list(needed)].isna()
    out: list[str | None] = [None] * len(frame)
    for place in np.flatnonzero(missing.any(axis=1).to_numpy()):
        by_reason: dict[str, list[str]] = {}
        for name in missing.columns[missing.iloc[place].to_numpy()]:
            why = reasons[name].iloc[place] if name in reasons else f"{name} is unknown"
            by_reason.setdefault(str(why), []).append(str(name))
        out[int(place)] = "; ".join(f"{', '.join(names)}: {why}" for why, names in by_reason.items())
    return out


def by_raters(study: Study) -> frozenset[str]:
    """Instruments that raters fill in."""
    return frozenset(name for name in study.codebooks if study.use(name).source == "raters")


def session_keys(table: pd.DataFrame) -> set[Key]:
    """Patient and session of every row."""
    return {(str(p), int(s)) for p, s in zip(table["patient"], table["session"], strict=True)}


def rating_status(
    study: Study, held: pd.DataFrame, scores: pd.DataFrame, items: pd.DataFrame
) -> tuple[dict[Key, tuple[str, str]], tuple[str, ...]]:
    """Say of each held session whether ratings are at hand, and note where sessions.csv says otherwise."""
    instruments = by_raters(study)
    # A missing code is a rating too: somebody listened and said why the item cannot be judged.
    coded = items["value"].notna() | items["reason"].notna()
    read = session_keys(items[items["instrument"].isin(instruments) & coded])
    read |= session_keys(scores[scores["instrument"].isin(instruments) & scores["value"].notna()])
    status: dict[Key, tuple[str, str]] = {}
    absent: list[str] = []
    unexpected: list[str] = []
    for row in held.to_dict("records"):
        key = (str(row["patient"]), int(row["session"]))
        listed = row["status"] == "rated"
        if key in read:
            status[key] = ("kept", "")
            unexpected += [] if listed else [str(row["session_id"])]
        elif listed:
            status[key] = ("lost", "listed as rated, but no rating was read")
            absent.append(str(row["session_id"]))
        else:
            given = row["reason"] if isinstance(row["reason"], str) and row["reason"] else "no reason given"
            status[key] = ("lost", f"not rated: {given}")
    notes = []
    if absent:
        notes.append(f"Listed as rated in sessions.csv, but no rating was read: {', '.join(absent)}.")
    if unexpected:
        notes.append(f"Listed as not rated in sessions.csv, but ratings were read: {', '.join(unexpected)}.")
    return status, tuple(notes)


def held_stages(held: pd.DataFrame, status: Mapping[Key, tuple[str, str]]) -> list[StageRows]:
    """Stages "held" and "rated" of the held sessions."""
    keys = [(str(p), int(s)) for p, s in zip(held["patient"], held["session"], strict=True)]
    lost = [None if status[key][0] == "kept" else status[key][1] for key in keys]
    nothing: list[str | None] = [None] * len(held)
    return [stage_rows(held, Stage(StageKind.HELD), nothing), stage_rows(held, Stage(StageKind.RATED), lost)]
