"""The analysis frame, and the ledger that accounts for every row of it.

One row per session (or per patient), one column per declared variable. Scoring
has already put lagged items where they belong, by session number; here values
are only looked up, never computed, shifted or filled. Each empty cell knows why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from doublecode.analysis.linking.row_ledger import (
    Key,
    StageRows,
    by_raters,
    flow_of,
    held_stages,
    model_stages,
    rating_status,
    session_keys,
    stage_rows,
)
from doublecode.analysis.linking.stages import Stage, StageKind
from doublecode.analysis.mixed.model_rows import require_columns
from doublecode.analysis.rendering.answers import Answer
from doublecode.coding.scoring import ITEMS
from doublecode.schemas.errors import ContractError, StudyError, UsageError
from doublecode.schemas.frames import PATIENTS, ROW_LEDGER, SCORES, SESSIONS, check_frame

if TYPE_CHECKING:
    from doublecode.schemas.study import Study, Variable

Cell = tuple[Any, str | None]
_UNIT_COLUMNS = {"session": ("session_id", "patient", "therapist", "session"), "patient": ("patient", "therapist")}


@dataclass(frozen=True, eq=False, repr=False)
class AnalysisFrame(Answer):
    """The frame that models are fitted to, with its accounts.

    Attributes
    ----------
    spec : dict
        ``study``, ``unit``, ``variables`` (name → where it comes from).
    frame : DataFrame
        Session unit: ``session_id``, ``patient``, ``therapist``, ``session``; patient unit:
        ``patient``, ``therapist``; then one column per declared variable.
    reasons : DataFrame
        Same rows, one column per variable: why the cell is empty, else None.
    ledger : DataFrame
        Contract ``ROW_LEDGER``: every held session at each stage ("held", "rated",
        "scored: <variable>", "in the model: <name>"), ``status`` "kept" or "lost", ``reason``.
        Where the unit is the patient, rows of the model stages are patients and have no session.
    stages : tuple of Stage
        The stages of the ledger, one per row of `flow`.
    design : dict
        ``unit``, ``n_held``, ``n_rated``, ``n_units``, ``n_patients``, ``present`` (per variable),
        ``n_pilot_sessions``, ``patients_outside``.
    notes : tuple of str
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    reasons: pd.DataFrame
    ledger: pd.DataFrame
    stages: tuple[Stage, ...]
    design: dict[str, Any]
    notes: tuple[str, ...]

    @cached_property
    def flow(self) -> pd.DataFrame:
        """The ledger in short, one row per stage: ``stage``, ``unit``, ``kept``, ``lost``, ``reasons``."""
        return flow_of(self.ledger)


@dataclass(frozen=True, eq=False)
class _Sources:
    """What cells are looked up from.

    Attributes
    ----------
    measured : mapping of (instrument, "scale" or "item", name) to {(patient, session): (value, reason)}
    by_raters : frozenset of str
        Instruments that raters fill in.
    held : mapping of (patient, session) to (status, reason)
    left : mapping of patient to the reason in patients.csv, where there is one
    columns : mapping of a column of patients.csv to {patient: value}
    """

    measured: Mapping[tuple[str, str, str], Mapping[Key, Cell]]
    by_raters: frozenset[str]
    held: Mapping[Key, tuple[str, str]]
    left: Mapping[str, str]
    columns: Mapping[str, Mapping[str, Any]]

    def cell(self, variable: Variable, patient: str, session: int | None) -> Cell:
        """Value of a variable, or why there is none."""
        if variable.column is not None:
            value = self.columns[variable.column][patient]
            return (value, None) if not pd.isna(value) else (value, f"patients.csv: {variable.column} is empty")
        number = variable.session if variable.session is not None else session
        if number is None:
            raise StudyError(f"variable {variable.name!r}: say which session of a patient it is (session = …).")
        found = self.measured[_source_of(variable)].get((patient, number))
        if found is not None and not np.isnan(found[0]):
            return float(found[0]), None
        if found is not None and found[1]:
            return np.nan, found[1]
        return np.nan, self._absent(patient, number, _source_of(variable))

    def _absent(self, patient: str, session: int, source: tuple[str, str, str]) -> str:
        if (patient, session) not in self.held:
            why = self.left.get(patient)
            return f"session {session} was not held" + (f" ({why})" if why else "")
        status, reason = self.held[patient, session]
        instrument, _, name = source
        if status == "lost" and instrument in self.by_raters:
            return reason
        return f"no {instrument}.{name} of session {session} was read"


def build_frame(
    study: Study, scores: pd.DataFrame, items: pd.DataFrame, sessions: pd.DataFrame, patients: pd.DataFrame
) -> AnalysisFrame:
    """Build the frame of the declared variables, and account for every session on the way.

    Parameters
    ----------
    study : Study
        Declares the unit, the variables and the models.
    scores, items : DataFrame
        Contracts ``SCORES`` and ``ITEMS``: raters' instruments and outcomes, main phase.
    sessions, patients : DataFrame
        ``sessions.csv`` and ``patients.csv``.

    Returns
    -------
    AnalysisFrame
        Units are the held sessions of the main phase, or the patients who had one.

    Raises
    ------
    StudyError
        A variable that the data cannot serve: no such column, or no session named.
    ContractError, DuplicateError
        A frame breaks its contract.

    Examples
    --------
    >>> from doublecode.schemas.study import Study
    >>> study = Study.model_validate({"name": "toy", "title": "Toy", "instruments": ({"name": "ghes"},),
    ...     "variables": ({"name": "he", "instrument": "ghes", "scale": "he"},),
    ...     "series": ({"name": "he", "title": "Engagement", "steps": ("he ~ session + (1 | patient)",)},)})
    >>> sessions = pd.DataFrame({"session_id": ["S-1", "S-2"], "patient": "P1", "therapist": "T1", "session": [1, 2],
    ...     "date": None, "minutes": 30.0, "phase": "main", "status": ["rated", "not_rated"],
    ...     "reason": [None, "recording failed"], "recording": None})
    >>> scores = pd.DataFrame({"study": "toy", "patient": "P1", "therapist": "T1", "session": [1], "session_id": "S-1",
    ...     "instrument": "ghes", "scale": "he", "value": 2.5, "n_valid": 7, "n_items": 7, "n_raters": 1.0,
    ...     "reason": None})
    >>> items = pd.DataFrame({name: [] for name in ITEMS.columns}).astype({"session": int, "value": float,
    ...     "n_raters": float})
    >>> patients = pd.DataFrame({"patient": ["P1"], "status": "included", "reason": None})
    >>> built = build_frame(study, scores, items, sessions, patients)
    >>> built.flow[["stage", "kept", "lost", "reasons"]].to_dict("records")[-1]
    {'stage': 'in the model: he', 'kept': 1, 'lost': 1, 'reasons': '1 × he: not rated: recording failed'}
    """
    check_frame(scores, SCORES)
    check_frame(items, ITEMS)
    check_frame(sessions, SESSIONS)
    check_frame(patients, PATIENTS)
    _check_variables(study, patients)
    held = sessions[sessions["phase"] == "main"].sort_values(["patient", "session"], kind="stable")
    _check_patients(held, patients)
    status, contradictions = rating_status(study, held, scores, items)
    sources = _sources(study, scores, items, patients, status)
    units, therapist_notes = _units(study.unit, held)
    frame, reasons = _fill(study, units, sources)
    stages = [*held_stages(held, status), *_scored_stages(study, held, sources), *model_stages(study, frame, reasons)]
    ledger = pd.concat([rows for _, rows in stages], ignore_index=True)
    return AnalysisFrame(
        spec={"study": study.name, "unit": study.unit, "variables": {v.name: _origin(v) for v in study.variables}},
        frame=frame,
        reasons=reasons,
        ledger=check_frame(ledger, ROW_LEDGER),
        stages=tuple(stage for stage, rows in stages if len(rows)),
        design={
            "unit": study.unit,
            "n_held": len(held),
            "n_rated": sum(kept == "kept" for kept, _ in status.values()),
            "n_units": len(frame),
            "n_patients": int(frame["patient"].nunique()),
            "present": {v.name: int(frame[v.name].notna().sum()) for v in study.variables},
            "n_pilot_sessions": len(sessions) - len(held),
            "patients_outside": _outside(patients, held),
        },
        notes=(*contradictions, *therapist_notes, *_unused(scores, status)),
    )


def split_within_between(frame: pd.DataFrame, columns: Sequence[str], patient: str = "patient") -> pd.DataFrame:
    """Split predictors into the patient's mean and the deviation from it.

    ``x_between`` is the mean of x over the patient's rows *of this frame*, ``x_within`` is
    x − ``x_between``; so restrict the frame to the rows of the model first.

    Parameters
    ----------
    frame : DataFrame
        Complete in `columns`.
    columns : sequence of str
        Numeric, time-varying predictors.
    patient : str
        Column of the patients.

    Returns
    -------
    DataFrame
        A copy with two more columns for each of `columns`.

    Raises
    ------
    UsageError
        A column is absent, is no number or has empty cells, or the new names are taken.

    References
    ----------
    Curran & Bauer (2011), Annual Review of Psychology, 62, 583–619.

    Examples
    --------
    >>> frame = pd.DataFrame({"patient": ["P1", "P1", "P2"], "he": [1.0, 3.0, 2.0]})
    >>> split_within_between(frame, ["he"])[["he_within", "he_between"]].to_numpy().tolist()
    [[-1.0, 2.0], [1.0, 2.0], [0.0, 2.0]]
    """
    require_columns(frame, (patient, *columns), "split_within_between")
    out = frame.copy()
    for column in columns:
        if frame[column].dtype.kind not in "if":
            raise UsageError(f"split_within_between: {column!r} must hold numbers, found {frame[column].dtype}.")
        if frame[column].isna().any():
            raise UsageError(
                f"split_within_between: {column!r} is empty in {int(frame[column].isna().sum())} rows. Means must "
                "come from the rows of the model: keep the complete rows first."
            )
        taken = [name for name in (f"{column}_between", f"{column}_within") if name in frame.columns]
        if taken:
            raise UsageError(f"split_within_between: the column {taken[0]!r} is there already; rename it.")
        mean = frame.groupby(patient, sort=False)[column].transform("mean")
        out[f"{column}_between"] = mean
        out[f"{column}_within"] = frame[column] - mean
    return out


def _source_of(variable: Variable) -> tuple[str, str, str]:
    kind = "scale" if variable.scale is not None else "item"
    return str(variable.instrument), kind, str(variable.scale or variable.item)


def _origin(variable: Variable) -> str:
    if variable.column is not None:
        return f"patients.csv: {variable.column}"
    instrument, kind, name = _source_of(variable)
    when = f" of session {variable.session}" if variable.session else ""
    return f"{instrument}: {kind} {name}{when}"


def _check_variables(study: Study, patients: pd.DataFrame) -> None:
    for variable in study.variables:
        where = f"study {study.name!r}, variable {variable.name!r}"
        if variable.name in ("session_id", "session", "patient", "therapist"):
            raise StudyError(f"{where}: this name is taken by the frame itself; choose another.")
        if variable.column is not None:
            if variable.column not in patients.columns:
                allowed = ", ".join(map(str, patients.columns))
                raise StudyError(f"{where}: patients.csv has no column {variable.column!r}; allowed: {allowed}.")
            continue
        instrument, kind, name = _source_of(variable)
        study.use(instrument)
        book = study.codebooks[instrument]
        _ = book.scale(name) if kind == "scale" else book.item(name)


def _check_patients(held: pd.DataFrame, patients: pd.DataFrame) -> None:
    if held.empty:
        raise ContractError("sessions: no session has the phase 'main'. The pilot alone gives no analysis frame.")
    stray = sorted(set(held["patient"]) - set(patients["patient"]))
    if stray:
        raise ContractError(f"sessions: patient {stray[0]!r} is not in patients.csv. Add a row for this patient.")


def _sources(
    study: Study,
    scores: pd.DataFrame,
    items: pd.DataFrame,
    patients: pd.DataFrame,
    status: Mapping[Key, tuple[str, str]],
) -> _Sources:
    measured: dict[tuple[str, str, str], dict[Key, Cell]] = {}
    for variable in study.variables:
        if variable.column is None:
            instrument, kind, name = source = _source_of(variable)
            table = scores if kind == "scale" else items
            rows = table[(table["instrument"] == instrument) & (table[kind] == name)]
            keys = zip(rows["patient"], rows["session"], rows["value"], rows["reason"], strict=True)
            measured[source] = {(str(p), int(s)): (v, r if isinstance(r, str) else None) for p, s, v, r in keys}
    columns = {
        v.column: dict(zip(patients["patient"], _typed(patients[v.column]), strict=True))
        for v in study.variables
        if v.column is not None
    }
    reasons = zip(patients["patient"], patients["reason"], strict=True)
    left = {str(patient): reason for patient, reason in reasons if isinstance(reason, str) and reason}
    return _Sources(measured, by_raters(study), status, left, columns)


def _typed(values: pd.Series[Any]) -> pd.Series[Any]:
    """Numbers where every filled cell is one, texts where none is; a mixture is refused."""
    numbers = pd.to_numeric(values, errors="coerce")
    filled = values.notna()
    if numbers[filled].notna().all():
        return numbers.astype(float)
    if numbers[filled].notna().any():
        place = int((numbers.isna() & filled).to_numpy().argmax())
        raise ContractError(
            f"patients.csv: column {values.name!r}, line {place + 2}: found {values.iloc[place]!r} among numbers. "
            "Write numbers in every cell, or words in every cell; leave a cell empty where it is unknown."
        )
    return values


def _units(unit: str, held: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    if unit == "session":
        return held[list(_UNIT_COLUMNS["session"])].reset_index(drop=True), ()
    by = held.groupby("patient", sort=True)["therapist"]
    several = by.nunique()
    therapist = by.first().where(several == 1, None)
    changed = several[several > 1].index.tolist()
    note = f"More than one therapist in the held sessions, so no therapist is given: {', '.join(changed)}."
    return therapist.reset_index(), (note,) if changed else ()


def _fill(study: Study, units: pd.DataFrame, sources: _Sources) -> tuple[pd.DataFrame, pd.DataFrame]:
    numbers = [int(s) for s in units["session"]] if study.unit == "session" else [None] * len(units)
    frame, reasons = units.copy(), pd.DataFrame(index=units.index)
    for declared in study.variables:
        variable = _with_session(declared, study)
        cells = [sources.cell(variable, str(p), n) for p, n in zip(units["patient"], numbers, strict=True)]
        frame[variable.name] = pd.Series([value for value, _ in cells], index=units.index)
        reasons[variable.name] = pd.Series([why for _, why in cells], index=units.index, dtype=object)
    return frame, reasons


def _with_session(variable: Variable, study: Study) -> Variable:
    """In a frame of patients, an instrument rated in one session only needs no session number."""
    if study.unit == "session" or variable.column is not None or variable.session is not None:
        return variable
    sessions = study.use(str(variable.instrument)).sessions or ()
    return variable.model_copy(update={"session": sessions[0]}) if len(sessions) == 1 else variable


def _scored_stages(study: Study, held: pd.DataFrame, sources: _Sources) -> list[StageRows]:
    stages: list[StageRows] = []
    for declared in study.variables:
        if declared.column is None:
            variable = _with_session(declared, study)
            use = study.use(str(variable.instrument)).sessions
            wanted = (variable.session,) if variable.session is not None else use
            rows = held if wanted is None else held[held["session"].isin(wanted)]
            keys = zip(rows["patient"], rows["session"], strict=True)
            why = [sources.cell(variable, str(p), int(s))[1] for p, s in keys]
            stages.append(stage_rows(rows, Stage(StageKind.SCORED, variable.name, (variable.name,)), why))
    return stages


def _outside(patients: pd.DataFrame, held: pd.DataFrame) -> list[dict[str, Any]]:
    rows = patients[~patients["patient"].isin(held["patient"])]
    return [
        {
            "patient": str(row.patient),
            "status": row.status,
            "reason": row.reason if isinstance(row.reason, str) else None,
        }
        for row in rows.itertuples(index=False)
    ]


def _unused(scores: pd.DataFrame, status: Mapping[Key, Any]) -> tuple[str, ...]:
    stray = sorted(session_keys(scores[scores["value"].notna()]) - set(status))
    if not stray:
        return ()
    named = ", ".join(f"{patient} session {session}" for patient, session in stray[:10])
    more = f" and {len(stray) - 10} more" if len(stray) > 10 else ""
    return (f"Scores of sessions that sessions.csv does not list as held in the main phase: {named}{more}.",)
