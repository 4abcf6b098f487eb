"""Who and what is lost on the way into the headline's model, and whether they differ from those who are analysed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from doublecode.analysis.linking.lost_comparison import (
    PATIENT_COLUMNS,
    SESSION_COLUMNS,
    compare_lost_patients,
    compare_lost_sessions,
)
from doublecode.analysis.linking.row_ledger import MOST_REASONS, count_reasons
from doublecode.analysis.linking.stages import Stage, StageKind
from doublecode.analysis.rendering.notes import sentence
from doublecode.analysis.results.row_levels import varying_within
from doublecode.schemas.column_types import typed_texts
from doublecode.schemas.errors import UsageError
from doublecode.schemas.frames import WITHDRAWN
from doublecode.schemas.near_names import allowed, ended

if TYPE_CHECKING:
    from doublecode.analysis.linking.frame import AnalysisFrame
    from doublecode.analysis.study.study_run import Intake

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
        "analysed"), ``n``, ``lost`` (since the stage before), ``reasons`` in words, the commonest three.
    patients : DataFrame
        As :func:`doublecode.analysis.linking.lost_comparison.compare_lost_patients` gives it. A variable of sessions is
        the patient's mean over the sessions that have it.
    sessions : DataFrame
        As :func:`doublecode.analysis.linking.lost_comparison.compare_lost_sessions` gives it.
    n_lost_patients, n_lost_sessions : int
        Whose values are compared: of those who withdrew their consent there are none.
    """

    flow: pd.DataFrame
    patients: pd.DataFrame
    sessions: pd.DataFrame
    n_lost_patients: int
    n_lost_sessions: int


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
    of_patients, of_sessions = _values(intake, built, listed, compare)
    analysed = of_patients.index.isin(kept["patient"])
    if built.spec["unit"] == "session":
        ours = of_sessions["session_id"].isin(kept["session_id"]).to_numpy()
    else:
        ours = of_sessions["patient"].isin(kept["patient"]).to_numpy()
    names = [name for name in of_sessions.columns if name not in ("session_id", "patient")]
    by_session = built.spec["unit"] == "session"
    return LostUnits(
        flow=pd.DataFrame([*_patient_flow(facts, listed, kept), *_session_flow(facts, kept)], columns=list(FLOW)),
        patients=compare_lost_patients(of_patients, analysed) if len(of_patients.columns) else _empty(PATIENT_COLUMNS),
        sessions=(
            compare_lost_sessions(of_sessions[names], of_sessions["patient"], ours)
            if names and by_session
            else _empty(SESSION_COLUMNS)
        ),
        n_lost_patients=int((~analysed).sum()), n_lost_sessions=int((~ours).sum()),
    )  # fmt: skip


def _empty(columns: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(columns=list(columns))


def _values(
    intake: Intake, built: AnalysisFrame, listed: pd.DataFrame, compare: Sequence[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What is compared, one row per patient, and one row per session of the main phase."""
    frame = built.frame
    keys = [name for name in ("session_id", "patient") if name in frame.columns]
    sessions = intake.sessions[intake.sessions["phase"] == "main"]
    by_session = (frame if "session_id" in frame.columns else sessions)[["session_id", "patient"]].copy()
    patients = pd.DataFrame(index=pd.Index(listed["patient"].astype(str), name="patient"))
    for name in compare:
        if name in frame.columns and name not in keys:
            own = frame.set_index(frame["patient"].astype(str))[name]
        elif name in listed.columns and name not in _NEVER:
            own = pd.Series(_typed(listed[name]).to_numpy(), index=listed["patient"].astype(str))
        elif name in sessions.columns and name not in _NEVER:
            joined = by_session["session_id"].map(
                dict(zip(sessions["session_id"], _typed(sessions[name]), strict=True))
            )
            own = pd.Series(joined.to_numpy(), index=by_session["patient"].astype(str))
        else:
            known = [one for one in (*frame.columns, *listed.columns, *sessions.columns) if one not in _NEVER]
            raise UsageError(
                f"sensitivity: missing: compare: {name!r} is no variable and no column of patients.csv or "
                f"sessions.csv; {ended(allowed(name, dict.fromkeys(map(str, known))))}"
            )
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
    inside = set(of_table.loc[of_table["why"].isna(), "patient"])
    yield {"unit": "patients", "stage": "declared", "n": len(of_table), "lost": 0, "reasons": ""}
    counted = count_reasons(of_table["why"])
    yield {"unit": "patients", "stage": "held", "n": len(inside), "lost": len(of_table) - len(inside),
           "reasons": _words(counted)}  # fmt: skip
    coded = inside & set(rated["patient"])
    yield {"unit": "patients", "stage": "coded", "n": len(coded), "lost": len(inside - coded),
           "reasons": "no session was coded" if inside - coded else ""}  # fmt: skip
    analysed = coded & set(kept["patient"])
    yield {"unit": "patients", "stage": "analysed", "n": len(analysed), "lost": len(coded - analysed),
           "reasons": _why_not(facts, kept, coded - analysed)}  # fmt: skip


def _why_not(facts: pd.DataFrame, kept: pd.DataFrame, lost: set[Any]) -> str:
    """Why patients with coded sessions have no row in the model, each by the commonest reason of his or her rows."""
    if not lost:
        return ""
    stage = next(one for one in facts["stage"] if one.kind is StageKind.IN_MODEL and one.name == _model_of(kept, facts))
    rows = facts[(facts["stage"] == stage) & facts["patient"].isin(lost)]
    firsts = [count_reasons(part["why"])[0][0] for _, part in rows.groupby("patient", sort=False, observed=True)]
    return _words(count_reasons(pd.Series(firsts, dtype=object)))


def _model_of(kept: pd.DataFrame, facts: pd.DataFrame) -> str:
    source = kept if len(kept) else facts[[one.kind is StageKind.IN_MODEL for one in facts["stage"]]]
    return str(source["stage"].iloc[0].name)


def _session_flow(facts: pd.DataFrame, kept: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Sessions held, coded, analysed (where rows are sessions)."""
    held, rated = (facts[facts["stage"] == Stage(kind)] for kind in (StageKind.HELD, StageKind.RATED))
    inside = held[held["why"].isna()]
    yield {"unit": "sessions", "stage": "held", "n": len(inside), "lost": len(held) - len(inside),
           "reasons": _words(count_reasons(held["why"]))}  # fmt: skip
    coded = rated[rated["why"].isna() & rated["session_id"].isin(inside["session_id"])]
    gone = rated[rated["session_id"].isin(inside["session_id"]) & rated["why"].notna()]
    yield {"unit": "sessions", "stage": "coded", "n": len(coded), "lost": len(gone),
           "reasons": _words(count_reasons(gone["why"]))}  # fmt: skip
    if not len(kept) or kept["session_id"].isna().all():
        return
    stage = facts[facts["stage"] == kept["stage"].iloc[0]]
    also = stage[stage["session_id"].isin(coded["session_id"]) & stage["why"].notna()]
    yield {"unit": "sessions", "stage": "analysed", "n": len(kept), "lost": len(coded) - len(kept),
           "reasons": _words(count_reasons(also["why"]))}  # fmt: skip


def _words(counted: Sequence[tuple[Any, int]]) -> str:
    """Reasons in words, each with its count, the commonest first and rare ones together."""
    said = [f"{n} × {sentence(why)}" for why, n in counted[:MOST_REASONS]]
    others = sum(n for _, n in counted[MOST_REASONS:])
    return "; ".join([*said, *([f"{others} × other reasons"] if others else [])])
