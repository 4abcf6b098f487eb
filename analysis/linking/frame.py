"""The analysis frame, and the ledger that accounts for every row of it.

One row per session (or per patient), one column per variable. Each empty cell knows why.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import pandas as pd

from doublecode.analysis.linking.cells import (
    Key,
    Sources,
    Tables,
    coded_sessions,
    gather_sources,
    left_out,
    session_keys,
    unrated_sessions,
)
from doublecode.analysis.linking.row_ledger import RowLedger, held_stages, model_stages, patient_stages, stage_rows
from doublecode.analysis.linking.stages import Stage, StageKind
from doublecode.analysis.mixed.formula import ModelFormula, parse_formula
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.notes import sentence
from doublecode.coding.scoring import ITEMS
from doublecode.schemas.errors import ContractError, StudyError
from doublecode.schemas.frames import PATIENTS, SCORES, SESSIONS, WITHDRAWN, check_frame, complete
from doublecode.schemas.results import Note
from doublecode.schemas.study_parts import KEYS
from doublecode.schemas.variable_checks import settled

if TYPE_CHECKING:
    from doublecode.analysis.rendering.tables import Table
    from doublecode.schemas.study_parts import Variable

Unit = Literal["session", "patient"]
_UNIT_COLUMNS = {"session": ("session_id", "patient", "therapist", "session"), "patient": ("patient", "therapist")}


@dataclass(frozen=True, eq=False, repr=False)
class AnalysisFrame(Answer):
    """The frame that models are fitted to, with its accounts.

    Attributes
    ----------
    spec : dict
        ``unit``, ``variables`` (name → where it comes from), ``models`` (name → formulas), ``subsets``.
    frame : DataFrame
        Session unit: ``session_id``, ``patient``, ``therapist``, ``session``; patient unit:
        ``patient``, ``therapist``; then one column per variable.
    absences : DataFrame
        Same rows, one column per variable: a Note of why the cell is empty, else None.
    places : DataFrame
        Same rows and columns: tuples of :class:`doublecode.analysis.linking.cells.Place`, where the value was looked
        up; empty where there is none.
    row_ledger : RowLedger
        Every patient of patients.csv ("patients: <status>"), then every held session at each stage ("held", "rated",
        "scored: <variable>", "in the model: <name>"). Patients who were excluded or withdrew their consent are lost
        at every stage, and in no row of `frame`.
        Where the unit is the patient, rows of the model stages are patients and have no session.
    design : dict
        ``unit``, ``n_held``, ``n_rated``, ``n_units``, ``n_patients``, ``present`` (per variable),
        ``n_pilot_sessions``, ``patients_outside`` (those in no row of the frame; of a withdrawn consent the
        status alone).
    notes : tuple of Note
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    absences: pd.DataFrame
    places: pd.DataFrame
    row_ledger: RowLedger
    design: dict[str, Any]
    notes: tuple[Note, ...]

    label_columns: ClassVar[tuple[str, ...]] = ("session_id", "patient", "session")

    @property
    def rows(self) -> pd.Index[Any]:
        """Names of the units: ids of the sessions, or patients."""
        index: pd.Index[Any] = pd.Index(self.frame["session_id" if self.spec["unit"] == "session" else "patient"])
        return index

    @cached_property
    def reasons(self) -> pd.DataFrame:
        """The absences in words."""
        return self.absences.map(lambda one: None if one is None else sentence(one))

    @property
    def ledger(self) -> pd.DataFrame:
        """The row ledger in words, contract ``ROW_LEDGER``."""
        return self.row_ledger.frame

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages of the ledger, one per row of `flow`."""
        return self.row_ledger.stages

    @property
    def flow(self) -> pd.DataFrame:
        """The ledger in short, one row per stage: ``stage``, ``unit``, ``kept``, ``lost``, ``reasons``."""
        return self.row_ledger.flow

    def tables(self) -> tuple[Table, ...]:
        """Rows kept and lost on the way into the frame and its models."""
        return self.row_ledger.tables()

    def counted(self) -> str:
        """Say how many rows the frame has."""
        return (
            f"{self.design['n_units']} {self.design['unit']}s of {self.design['n_patients']} patients, "
            f"{self.design['n_rated']} of {self.design['n_held']} sessions rated"
        )


def build_frame(
    scores: pd.DataFrame,
    sessions: pd.DataFrame,
    patients: pd.DataFrame | None = None,
    items: pd.DataFrame | None = None,
    *,
    variables: Sequence[Variable],
    unit: Unit = "session",
    raters: Collection[str] | None = None,
    used_in: Mapping[str, Sequence[int]] | None = None,
    models: Mapping[str, Sequence[str | ModelFormula]] | None = None,
    subsets: Mapping[str, str] | None = None,
    ratings: pd.DataFrame | None = None,
    therapists: pd.DataFrame | None = None,
    counts: pd.DataFrame | None = None,
    at_events: pd.DataFrame | None = None,
) -> AnalysisFrame:
    """Put scores, outcomes and patients' columns into one frame, and account for every session on the way.

    Parameters
    ----------
    scores : DataFrame
        Contract ``SCORES``: scales of raters' instruments and of outcomes, main phase.
    sessions : DataFrame
        Contract ``SESSIONS``; units are the sessions of the main phase, or the patients who had one.
    patients : DataFrame, optional
        Contract ``PATIENTS``; those excluded or without consent are in no row. Without it the patients of
        `sessions`, of whom nothing more is known.
    items : DataFrame, optional
        Contract ``ITEMS``: what the scores were made of, where a variable is an item; a session of which only
        items were coded counts as rated.
    variables : sequence of Variable
        The columns; see :class:`doublecode.schemas.study_parts.Variable`.
    unit : {"session", "patient"}
        What a row is.
    raters : collection of str, optional
        Instruments that raters fill in; by default those whose scores or items count raters.
    used_in : mapping of instrument to session numbers, optional
        Instruments that belong to some sessions only.
    models : mapping of name to formulas, optional
        Models to be fitted to the frame: the ledger says which rows each of them can use.
    subsets : mapping of model to condition, optional
        Conditions on the rows of a model, in pandas' query language.
    ratings : DataFrame, optional
        Contract ``RATINGS``: a session of which only a log or categories were coded counts as rated, too.
    therapists : DataFrame, optional
        Contract ``THERAPISTS``, where a variable is a column of it.
    counts : DataFrame, optional
        Counts of homework logs: ``patient, session, instrument, count, value, reason``.
    at_events : DataFrame, optional
        Outcomes beyond the sessions: ``patient, event, instrument, kind, name, value, reason``.

    Returns
    -------
    AnalysisFrame

    Raises
    ------
    StudyError
        A variable that the data cannot serve: no such column, or no session named.
    ContractError, DuplicateError
        A frame breaks its contract.
    FormulaError
        A formula names something that is no column.

    Examples
    --------
    >>> from doublecode.schemas.study_parts import Variable
    >>> sessions = pd.DataFrame({"session_id": ["S-1", "S-2"], "patient": "P1", "therapist": "T1", "session": [1, 2],
    ...     "date": None, "minutes": 30.0, "phase": "main", "status": ["held", "not_rated"],
    ...     "reason": [None, "recording failed"], "recording": None})
    >>> scores = pd.DataFrame({"study": "toy", "patient": "P1", "therapist": "T1", "session": [1], "session_id": "S-1",
    ...     "instrument": "ghes", "scale": "he", "value": 2.5, "n_valid": 7, "n_items": 7, "n_raters": 1.0,
    ...     "reason": None})
    >>> built = build_frame(scores, sessions, variables=[Variable(name="he", instrument="ghes", scale="he")],
    ...     models={"he": ["he ~ session + (1 | patient)"]})
    >>> built.flow[["stage", "kept", "lost", "reasons"]].to_dict("records")[-1]
    {'stage': 'in the model: he', 'kept': 1, 'lost': 1, 'reasons': '1 × he: not rated: recording failed'}
    """
    items = no_items() if items is None else items
    sessions = check_frame(complete(sessions, SESSIONS), SESSIONS)
    listed = _patients_of(sessions) if patients is None else complete(patients, PATIENTS)
    for table, contract in ((scores, SCORES), (items, ITEMS), (listed, PATIENTS)):
        check_frame(table, contract)
    tables = Tables(
        scores, items, sessions, listed, _or_empty(therapists, ("therapist",)),
        _or_empty(counts, ("patient", "session", "instrument", "count", "value", "reason")),
        _or_empty(at_events, ("patient", "event", "instrument", "kind", "name", "value", "reason")),
    )  # fmt: skip
    variables = _check_variables(variables, tables.heads, unit)
    main = sessions[sessions["phase"] == "main"].sort_values(["patient", "session"], kind="stable")
    out = left_out(listed)
    held = main[~main["patient"].isin(out)]
    _check_patients(held, main, listed)
    rated_by = _raters(scores, items) if raters is None else raters
    unrated, contradictions = unrated_sessions(main, coded_sessions(scores, items, ratings, rated_by), out)
    sources = gather_sources(variables, tables, unrated, rated_by, used := used_in or {})
    units, therapist_notes = _units(unit, held)
    placed = [_with_session(one, unit, used) for one in variables]
    frame, absences, places = _fill(placed, units, sources)
    asked = {name: tuple(map(parse_formula, formulas)) for name, formulas in (models or {}).items()}
    outside = _units(unit, main[main["patient"].isin(out)])[0]
    outside = outside.assign(why=pd.Series([out[str(p)] for p in outside["patient"]], dtype=object))
    facts = [
        *([] if patients is None else patient_stages(listed, main)),
        held_stages(main, unrated, out),
        *_scored_stages(placed, main, sources, out),
        *model_stages(asked, subsets or {}, frame, absences, outside),
    ]
    design = {
        "unit": unit,
        "n_held": len(held),
        "n_rated": sum(why is None for why in unrated.values()),
        "n_units": len(frame),
        "n_patients": int(frame["patient"].nunique()),
        "present": {one.name: int(frame[one.name].notna().sum()) for one in variables},
        "n_pilot_sessions": len(sessions) - len(main),
        "patients_outside": _outside(listed, held),
    }
    spec = {
        "unit": unit, "variables": {one.name: one.origin for one in variables},
        "models": {name: list(map(str, formulas)) for name, formulas in asked.items()}, "subsets": dict(subsets or {}),
    }  # fmt: skip
    notes = (*contradictions, *therapist_notes, *_stray_scores(scores, unrated), *_late_starts(placed, sources, held))
    notes += _without_spread(variables, frame, absences)
    ledger = RowLedger(pd.concat(facts, ignore_index=True), spec, design, notes)
    return AnalysisFrame(spec, frame, absences, places, ledger, design, notes)


def _without_spread(variables: Sequence[Variable], frame: pd.DataFrame, absences: pd.DataFrame) -> tuple[Note, ...]:
    """Note each variable that has no value in any row, with the reason of the first, or the same value in all."""
    notes = []
    for name in (one.name for one in variables):
        values = frame[name].dropna()
        if len(frame) and values.empty:
            notes.append(Note("variable_empty", name, {"why": absences[name].iloc[0]}))
        elif len(values) > 2 and values.eq(values.iloc[0]).all():
            notes.append(Note("variable_constant", name, {"value": values.iloc[0], "n": len(values)}))
    return tuple(notes)


def no_items() -> pd.DataFrame:
    """Items where none were kept: contract ``ITEMS`` without a row."""
    empty = pd.DataFrame({name: [] for name in ITEMS.columns}, dtype=object)
    return empty.astype({"session": int, "value": float, "n_raters": float})


def _patients_of(sessions: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"patient": sessions["patient"].unique(), "status": "completed", "reason": None})


def _raters(scores: pd.DataFrame, items: pd.DataFrame) -> frozenset[str]:
    counted = (table.loc[table["n_raters"].notna(), "instrument"] for table in (scores, items))
    return frozenset(str(name) for names in counted for name in names.unique())


def _or_empty(table: pd.DataFrame | None, columns: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=object) for name in columns}) if table is None else table


def _check_variables(
    variables: Sequence[Variable], heads: Mapping[str, Sequence[str]], unit: Unit
) -> tuple[Variable, ...]:
    for variable in variables:
        if variable.name in KEYS:
            raise StudyError(f"variable {variable.name!r}: this name is taken by the frame itself; choose another.")
    return tuple(settled(variable, heads, unit) for variable in variables)


def _check_patients(held: pd.DataFrame, main: pd.DataFrame, patients: pd.DataFrame) -> None:
    if main.empty:
        raise ContractError("sessions: no session has the phase 'main'. The pilot alone gives no analysis frame.")
    if held.empty:
        raise ContractError(
            "sessions: every patient with a session of the phase 'main' is excluded or withdrew the consent; nobody is "
            "left to analyse. Look at the column status of patients.csv."
        )
    stray = sorted(set(held["patient"]) - set(patients["patient"]))
    if stray:
        raise ContractError(f"sessions: patient {stray[0]!r} is not in patients.csv. Add a row for this patient.")


def _units(unit: Unit, held: pd.DataFrame) -> tuple[pd.DataFrame, tuple[Note, ...]]:
    if unit == "session":
        return held[list(_UNIT_COLUMNS["session"])].reset_index(drop=True), ()
    by = held.groupby("patient", sort=True, observed=True)["therapist"]
    several = by.nunique()
    therapist = by.first().where(several == 1, None)
    changed = tuple(several[several > 1].index)
    notes = (Note("several_therapists", numbers={"named": changed}),) if changed else ()
    return therapist.reset_index(), notes


def _fill(
    variables: Sequence[Variable], units: pd.DataFrame, sources: Sources
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The frame, why its cells are empty, and where their values were looked up."""
    numbers = [int(s) for s in units["session"]] if "session" in units else [None] * len(units)
    values: dict[str, pd.Series[Any]] = {}
    absences: dict[str, pd.Series[Any]] = {}
    places: dict[str, pd.Series[Any]] = {}
    for variable in variables:
        cells = [sources.cell(variable, str(p), n) for p, n in zip(units["patient"], numbers, strict=True)]
        values[variable.name] = pd.Series([one.value for one in cells], index=units.index)
        absences[variable.name] = pd.Series([one.why for one in cells], index=units.index, dtype=object)
        places[variable.name] = pd.Series([one.places for one in cells], index=units.index, dtype=object)
    frame, why, where = (pd.DataFrame(columns, index=units.index) for columns in (values, absences, places))
    return pd.concat([units, frame], axis=1), why, where


def _with_session(variable: Variable, unit: Unit, used_in: Mapping[str, Sequence[int]]) -> Variable:
    """In a frame of patients, an instrument rated in one session only needs no session number."""
    if unit == "session" or not variable.is_measured or variable.session is not None or variable.event is not None:
        return variable
    sessions = used_in.get(str(variable.instrument), ())
    return variable.model_copy(update={"session": sessions[0]}) if len(sessions) == 1 else variable


def _scored_stages(
    variables: Sequence[Variable], held: pd.DataFrame, sources: Sources, out: Mapping[str, Note]
) -> list[pd.DataFrame]:
    """A stage for each variable but columns of patients and therapists: its sessions, or patients where an event's."""
    stages = []
    for variable in variables:
        if variable.event is not None:
            rows = held[["patient"]].drop_duplicates()
        elif variable.is_measured or variable.time is not None or variable.table == "sessions":
            rows = held[_asked(variable, held, sources)]
        else:
            continue
        numbers = rows["session"] if variable.event is None else [0] * len(rows)
        why = [
            out.get(str(p)) or sources.cell(variable, str(p), int(s)).why
            for p, s in zip(rows["patient"], numbers, strict=True)
        ]
        kind = StageKind.SCORED if variable.is_measured else StageKind.KNOWN
        stages.append(stage_rows(rows, Stage(kind, variable.name), why))
    return stages


def _asked(variable: Variable, held: pd.DataFrame, sources: Sources) -> pd.Series[bool]:
    """The sessions that a variable is asked of: its own one, or those that its instrument is used in."""
    if variable.session is not None:
        return held["session"] == variable.session
    use = sources.used_in.get(str(variable.instrument))
    if use is None or variable.lag is not None:
        return held["session"].notna()
    return held["session"].isin(use)


def _outside(patients: pd.DataFrame, held: pd.DataFrame) -> list[dict[str, Any]]:
    rows = patients[~patients["patient"].isin(held["patient"])]
    return [
        {"status": row.status}
        if row.status == WITHDRAWN
        else {
            "patient": str(row.patient),
            "status": row.status,
            "reason": row.reason if isinstance(row.reason, str) else None,
        }
        for row in rows.itertuples(index=False)
    ]


def _late_starts(variables: Sequence[Variable], sources: Sources, held: pd.DataFrame) -> tuple[Note, ...]:
    """Patients whose first listed session is not number 1, where a variable counts from the first."""
    if not any(one.time is not None or one.change == "first" for one in variables):
        return ()
    late = tuple(str(p) for p in held["patient"].unique() if sources.listed.first[str(p)] > 1)
    return (Note("late_starts", numbers={"named": late}),) if late else ()


def _stray_scores(scores: pd.DataFrame, held: Mapping[Key, Any]) -> tuple[Note, ...]:
    stray = tuple(sorted(session_keys(scores[scores["value"].notna()]) - set(held)))
    return (Note("stray_scores", numbers={"sessions": stray}),) if stray else ()
