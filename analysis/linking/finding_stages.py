"""Stages of the row ledger of models beyond series and regressions: process models, and outcomes of patients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from doublecode.analysis.linking.coded_model import ENDINGS
from doublecode.analysis.linking.row_ledger import incomplete, stage_rows
from doublecode.analysis.linking.stages import Stage, StageKind
from doublecode.analysis.mixed.formula import parse_formula
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from doublecode.analysis.linking.frame import AnalysisFrame


@dataclass(frozen=True)
class SessionRows:
    """Which rows a model of sessions (or of patients, where they are the unit) needs.

    Attributes
    ----------
    name : str
        The model.
    columns : tuple of str
        Variables that it needs.
    any_of : bool
        One of them is enough, as full-information likelihood has it.
    """

    name: str
    columns: tuple[str, ...]
    any_of: bool = False


@dataclass(frozen=True)
class PatientRows:
    """Which patients a regression over patients needs.

    Attributes
    ----------
    name : str
        The model.
    fixed : tuple of str
        Variables with one value per patient.
    predictor : str
        The variable whose mean over sessions explains the outcome.
    sessions : tuple of int or None
        Over which sessions the mean is taken; None: all.
    therapist : bool
        Whether each patient must have one therapist.
    """

    name: str
    fixed: tuple[str, ...]
    predictor: str
    sessions: tuple[int, ...] | None = None
    therapist: bool = False


def formula_rows(name: str, formula: str, columns: Sequence[str]) -> SessionRows:
    """Return the rows that a formula needs, parts within and between counting as the variable that they are made of.

    Parameters
    ----------
    name, formula : str
    columns : sequence of str
        Of the frame.

    Examples
    --------
    >>> formula_rows("m", "phq9 ~ he_within + (1 | patient)", ["patient", "he", "phq9"]).columns
    ('phq9', 'he', 'patient')
    """
    made = {one + end: one for one in columns for end in ENDINGS if one + end not in columns}
    named = parse_formula(formula).columns([*columns, *made])
    return SessionRows(name, tuple(dict.fromkeys(made.get(one, one) for one in named)))


def with_finding_stages(built: AnalysisFrame, asked: Sequence[SessionRows | PatientRows]) -> AnalysisFrame:
    """Return the frame with a stage of its ledger for each model: what is kept, and why the others are lost.

    Parameters
    ----------
    built : AnalysisFrame
    asked : sequence of SessionRows or PatientRows
        In the order in which they are to stand.
    """
    if not asked:
        return built
    ledger = built.row_ledger
    stages = [part for one in asked for part in _stage(one, built)]
    return replace(built, row_ledger=replace(ledger, facts=pd.concat([ledger.facts, *stages], ignore_index=True)))


def _stage(one: SessionRows | PatientRows, built: AnalysisFrame) -> Iterator[pd.DataFrame]:
    stage, outside = Stage(StageKind.IN_MODEL, one.name), _outside(built)
    if isinstance(one, SessionRows) and built.spec["unit"] == "session":
        yield stage_rows(built.frame, stage, _of_sessions(one, built))
        yield stage_rows(outside, stage, list(outside["why"]))
        return
    left = outside.drop_duplicates("patient")[["patient", "why"]]
    if isinstance(one, SessionRows):
        yield stage_rows(built.frame, stage, _of_sessions(one, built))
    else:
        people = built.frame.drop_duplicates("patient")
        by = dict(list(built.frame.groupby("patient", sort=False, observed=True)))
        yield stage_rows(people[["patient"]], stage, [_of_patient(one, built, by[who]) for who in people["patient"]])
    yield stage_rows(left[["patient"]], stage, list(left["why"]))


def _outside(built: AnalysisFrame) -> pd.DataFrame:
    """The held sessions of patients who are in no number, with their reasons."""
    facts = built.row_ledger.facts
    held = facts[[one.kind is StageKind.HELD for one in facts["stage"]]]
    return held[[why is not None for why in held["why"]]]


def _of_sessions(one: SessionRows, built: AnalysisFrame) -> list[Note | None]:
    lost = incomplete(built.frame, built.absences, one.columns)
    if not one.any_of:
        return lost
    nothing = built.frame[list(one.columns)].isna().all(axis=1)
    return [why if empty else None for why, empty in zip(lost, nothing, strict=True)]


def _of_patient(one: PatientRows, built: AnalysisFrame, rows: pd.DataFrame) -> Note | None:
    """Why a patient is in no regression over patients: each variable without a value, or a mean of no session."""
    empty = [name for name in one.fixed if rows[name].isna().all()]
    parts = [((name,), _cause(built, name, rows.index[0])) for name in empty]
    inside = rows if one.sessions is None or "session" not in rows else rows[rows["session"].isin(one.sessions)]
    if inside[one.predictor].isna().all():
        parts.append(((one.predictor,), _without_mean(one, built, inside)))
    if one.therapist and len(rows["therapist"].dropna().unique()) != 1:
        parts.append((("therapist",), Note("therapist_unclear")))
    return Note("cells_missing", numbers={"parts": tuple(parts)}) if parts else None


def _without_mean(one: PatientRows, built: AnalysisFrame, inside: pd.DataFrame) -> Note:
    if built.spec["unit"] == "patient" and len(inside):
        return _cause(built, one.predictor, inside.index[0])
    sessions = None if one.sessions is None else tuple(one.sessions)
    first = _cause(built, one.predictor, inside.index[0]) if len(inside) else None
    return Note("mean_of_no_session", numbers={"n": len(inside), "sessions": sessions, "first": first})


def _cause(built: AnalysisFrame, name: str, label: Any) -> Note:
    found = built.absences[name].loc[label] if name in built.absences else None
    return found if isinstance(found, Note) else Note("cell_unknown", numbers={"column": name})
