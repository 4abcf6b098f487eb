"""Who and what is lost on the way into the headline's model, and whether they differ from those who are analysed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from doublecode.analysis.linking.lost_comparison import (
    PATIENT_COLUMNS,
    SESSION_COLUMNS,
    compare_lost_patients,
    compare_lost_sessions,
)
from doublecode.analysis.linking.row_ledger import Counted, count_reasons, reasons_in_words
from doublecode.analysis.linking.stages import Stage, StageKind
from doublecode.analysis.results.row_levels import varying_within
from doublecode.schemas.column_types import typed_texts
from doublecode.schemas.errors import UsageError
from doublecode.schemas.frames import WITHDRAWN
from doublecode.schemas.near_names import allowed, ended
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from doublecode.analysis.linking.frame import AnalysisFrame
    from doublecode.analysis.study.study_run import Intake

Keys = tuple[tuple[Any, ...], ...]
"""Patients as (patient,), sessions as (patient, session number)."""
FLOW: Final = ("unit", "stage", "n", "lost", "reasons")
_NEVER: Final = frozenset(
    {"patient", "session", "session_id", "therapist", "status", "reason", "phase", "recording", "synthetic", "date"}
)


@dataclass(frozen=True)
class LostUnits:
    """Analysed beside lost.

    Attributes
    ----------
    flow : DataFrame
        One row per unit and stage: ``unit`` ("patients", "sessions"), ``stage`` ("declared", "held", "coded",
        "analysed"), ``n``, ``lost`` (since the stage before), ``reasons`` in words, the commonest first.
    patients : DataFrame
        As :func:`doublecode.analysis.linking.lost_comparison.compare_lost_patients` gives it. A variable of sessions is
        the patient's mean over the sessions that have it.
    sessions : DataFrame
        As :func:`doublecode.analysis.linking.lost_comparison.compare_lost_sessions` gives it.
    n_lost_patients, n_lost_sessions : int
        Whose values are compared: of those who withdrew their consent there are none.
    members : dict of (unit, stage) to tuple
        Who is counted in ``n`` and who in ``lost``, by (patient,) or (patient, session number).
    compared : dict of (unit, side) to frozenset
        Labels of patients, or of sessions, that are "analysed" and "lost".
    sources : dict of variable to str
        Where its values were found: "frame", "patients" or "sessions".
    why : dict of (unit, stage) to tuple
        The reasons of the flow as facts, each with its count.
    """

    flow: pd.DataFrame
    patients: pd.DataFrame
    sessions: pd.DataFrame
    n_lost_patients: int
    n_lost_sessions: int
    members: Mapping[tuple[str, str], tuple[Keys, Keys]]
    compared: Mapping[tuple[str, str], frozenset[str]]
    sources: Mapping[str, str]
    why: Mapping[tuple[str, str], Counted]


def lost_units(intake: Intake, built: AnalysisFrame, model: str, compare: Sequence[str]) -> LostUnits:
    """Count who is lost at which stage, and compare them with those who are analysed.

    Parameters
    ----------
    intake : Intake
        Tables of the study folder.
    built : AnalysisFrame
        Frame and ledger.
    model : str
        Name of the headline's model.
    compare : sequence of str
        Variables of the frame, and columns of patients.csv or sessions.csv.

    Raises
    ------
    UsageError
        There is no such variable or column.
    """
    facts = built.row_ledger.facts
    kept = facts[(facts["stage"] == Stage(StageKind.IN_MODEL, model)) & facts["why"].isna()]
    listed = intake.patients[intake.patients["status"] != WITHDRAWN]
    sources = {name: _source(intake, built, listed, name) for name in compare}
    of_patients, of_sessions = _values(intake, built, listed, sources)
    by_session = built.spec["unit"] == "session"
    key = "session_id" if by_session else "patient"
    analysed, ours = of_patients.index.isin(kept["patient"]), of_sessions[key].isin(kept[key]).to_numpy()
    names = [name for name in of_sessions.columns if name not in ("session_id", "patient")]
    stages = [*_patient_flow(facts, listed, kept), *_session_flow(facts, kept)]
    return LostUnits(
        flow=pd.DataFrame(stages, columns=list(FLOW)),
        patients=compare_lost_patients(of_patients, analysed) if len(of_patients.columns) else _empty(PATIENT_COLUMNS),
        sessions=(
            compare_lost_sessions(of_sessions[names], of_sessions["patient"], ours)
            if names and by_session
            else _empty(SESSION_COLUMNS)
        ),
        n_lost_patients=int((~analysed).sum()), n_lost_sessions=int((~ours).sum()),
        members={(one["unit"], one["stage"]): (one["members"], one["gone"]) for one in stages},
        compared={
            (unit, side): frozenset(labels[chosen].astype(str))
            for unit, labels, inside in (("patients", of_patients.index.to_series(), analysed),
                                         ("sessions", of_sessions["session_id"], ours))
            for side, chosen in (("analysed", inside), ("lost", ~inside))
        },
        sources=sources, why={(one["unit"], one["stage"]): one["why"] for one in stages},
    )  # fmt: skip


def _empty(columns: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(columns=list(columns))


def _source(intake: Intake, built: AnalysisFrame, listed: pd.DataFrame, name: str) -> str:
    """Where the values of what is compared are found."""
    frame, sessions = built.frame, intake.sessions
    if name in frame.columns and name not in ("session_id", "patient"):
        return "frame"
    for table, columns in (("patients", listed.columns), ("sessions", sessions.columns)):
        if name in columns and name not in _NEVER:
            return table
    known = [one for one in (*frame.columns, *listed.columns, *sessions.columns) if one not in _NEVER]
    raise UsageError(
        f"sensitivity: missing: compare: {name!r} is no variable and no column of patients.csv or "
        f"sessions.csv; {ended(allowed(name, dict.fromkeys(map(str, known))))}"
    )


def _values(
    intake: Intake, built: AnalysisFrame, listed: pd.DataFrame, sources: Mapping[str, str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What is compared, one row per patient, and one row per session of the main phase."""
    frame = built.frame
    sessions = intake.sessions[intake.sessions["phase"] == "main"]
    by_session = (frame if "session_id" in frame.columns else sessions)[["session_id", "patient"]].copy()
    patients = pd.DataFrame(index=pd.Index(listed["patient"].astype(str), name="patient"))
    for name, source in sources.items():
        if source == "frame":
            own = frame.set_index(frame["patient"].astype(str))[name]
        elif source == "patients":
            own = pd.Series(_typed(listed[name]).to_numpy(), index=listed["patient"].astype(str))
        else:
            joined = by_session["session_id"].map(
                dict(zip(sessions["session_id"], _typed(sessions[name]), strict=True))
            )
            own = pd.Series(joined.to_numpy(), index=by_session["patient"].astype(str))
        if _of_sessions(own) and len(own) == len(by_session):
            by_session[name] = own.to_numpy()
        patients[name] = _one_each(own).reindex(patients.index)
    return patients, by_session


def _typed(values: pd.Series[Any]) -> pd.Series[Any]:
    """Numbers where every cell is one."""
    return values if values.dtype.kind in "iuf" else typed_texts(values, str(values.name))


def _of_sessions(values: pd.Series[Any]) -> bool:
    """Whether it has different values in one patient."""
    return bool(
        varying_within(["value"], pd.DataFrame({"value": values.to_numpy(), "patient": values.index}), "patient")
    )


def _one_each(values: pd.Series[Any]) -> pd.Series[Any]:
    """One value per patient: the mean of numbers, the first text."""
    groups = values.groupby(level=0, observed=True)
    return groups.mean() if values.dtype.kind in "iuf" else groups.first()


def _patient_flow(facts: pd.DataFrame, listed: pd.DataFrame, kept: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Patients declared, with a session in the numbers, coded, analysed."""
    stages = facts["stage"]
    of_table = facts[[one.kind is StageKind.PATIENTS for one in stages]]
    rated = facts[(stages == Stage(StageKind.RATED)) & facts["why"].isna()]
    declared = list(of_table["patient"])
    inside = set(of_table.loc[of_table["why"].isna(), "patient"])
    coded = inside & set(rated["patient"])
    analysed = coded & set(kept["patient"])
    steps = (
        ("held", inside, count_reasons(of_table["why"])),
        ("coded", coded, count_reasons([Note("patient_not_coded")] * len(inside - coded))),
        ("analysed", analysed, _why_not(facts, kept, coded - analysed)),
    )
    yield _stage("patients", "declared", [(one,) for one in declared], (), ())
    before = set(declared)
    for stage, now, why in steps:
        own = [[(one,) for one in declared if one in part] for part in (now, before - now)]
        yield _stage("patients", stage, own[0], own[1], why)
        before = now


def _stage(
    unit: str, stage: str, members: Iterable[tuple[Any, ...]], gone: Iterable[tuple[Any, ...]], why: Counted
) -> dict[str, Any]:
    inside, lost = tuple(members), tuple(gone)
    counts = {"unit": unit, "stage": stage, "n": len(inside), "lost": len(lost), "reasons": reasons_in_words(why)}
    return {**counts, "members": inside, "gone": lost, "why": why}


def _why_not(facts: pd.DataFrame, kept: pd.DataFrame, lost: set[Any]) -> Counted:
    """Why patients with coded sessions have no row in the model, each by the commonest reason of his or her rows."""
    if not lost:
        return ()
    stage = next(one for one in facts["stage"] if one.kind is StageKind.IN_MODEL and one.name == _model_of(kept, facts))
    rows = facts[(facts["stage"] == stage) & facts["patient"].isin(lost)]
    firsts = [count_reasons(part["why"])[0][0] for _, part in rows.groupby("patient", sort=False, observed=True)]
    return count_reasons(firsts)


def _model_of(kept: pd.DataFrame, facts: pd.DataFrame) -> str:
    source = kept if len(kept) else facts[[one.kind is StageKind.IN_MODEL for one in facts["stage"]]]
    return str(source["stage"].iloc[0].name)


def _session_flow(facts: pd.DataFrame, kept: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Sessions held, coded, analysed (where rows are sessions)."""
    held, rated = (facts[facts["stage"] == Stage(kind)] for kind in (StageKind.HELD, StageKind.RATED))
    inside, outside = held[held["why"].isna()], held[held["why"].notna()]
    yield _stage("sessions", "held", _keys(inside), _keys(outside), count_reasons(held["why"]))
    rated = rated[rated["session_id"].isin(inside["session_id"])]
    coded, gone = rated[rated["why"].isna()], rated[rated["why"].notna()]
    yield _stage("sessions", "coded", _keys(coded), _keys(gone), count_reasons(gone["why"]))
    if not len(kept) or kept["session_id"].isna().all():
        return
    stage = facts[facts["stage"] == kept["stage"].iloc[0]]
    also = stage[stage["session_id"].isin(coded["session_id"]) & stage["why"].notna()]
    out = coded[~coded["session_id"].isin(kept["session_id"])]
    yield _stage("sessions", "analysed", _keys(kept), _keys(out), count_reasons(also["why"]))


def _keys(rows: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    yield from zip(rows["patient"], rows["session"], strict=True)
