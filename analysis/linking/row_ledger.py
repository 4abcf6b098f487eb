"""The row ledger: every session (or patient) at every stage, and why it was lost.

Inside, a reason is a fact (:class:`Note`); :attr:`RowLedger.frame`, which becomes ``row_ledger.csv``, is the one
place where it is put into words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
import pandas as pd

from doublecode.analysis.linking.cells import left_out, status_note
from doublecode.analysis.linking.stages import Stage, StageKind
from doublecode.analysis.mixed.formula_names import variables_of
from doublecode.analysis.regression.regression_design import rows_inside
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.notes import sentence
from doublecode.analysis.rendering.tables import Table, column
from doublecode.analysis.results.complete_rows import has_all, lacking
from doublecode.schemas.frames import ROW_LEDGER, WITHDRAWN, check_frame
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from doublecode.analysis.linking.cells import Key
    from doublecode.analysis.mixed.formula import ModelFormula


MOST_REASONS: Final = 3  # printed of each stage
Counted = tuple[tuple[Note, int], ...]


@dataclass(frozen=True, eq=False, repr=False)
class RowLedger(Answer):
    """Every row at every stage.

    Attributes
    ----------
    facts : DataFrame
        ``session_id``, ``patient``, ``session``, ``stage`` (:class:`Stage`), ``why`` (a Note where the row was
        lost, else None).
    spec, design, notes
        As of the frame that it belongs to.
    """

    facts: pd.DataFrame
    spec: dict[str, Any]
    design: dict[str, Any]
    notes: tuple[Note, ...] = ()

    label_columns: ClassVar[tuple[str, ...]] = ("stage", "patient", "session")

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """The stages in order."""
        return tuple(dict.fromkeys(self.facts["stage"]))

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Contract ``ROW_LEDGER``: ``session_id, patient, session, stage, status, reason`` in words.

        Patients who withdrew their consent are *withdrawn 1*, *withdrawn 2* …: their sessions are accounted for, by
        blind ids, and no id of theirs is printed.
        """
        why = self.facts["why"]
        words = self.facts.drop(columns=["stage", "why"]).assign(
            patient=_without_withdrawn(self.facts["patient"], why),
            stage=[str(stage) for stage in self.facts["stage"]],
            status=["kept" if one is None else "lost" for one in why],
            reason=pd.Series([None if one is None else sentence(one) for one in why], dtype=object),
        )
        return check_frame(words, ROW_LEDGER)

    @property
    def rows(self) -> pd.Index[Any]:
        """Names of the sessions that were held."""
        index: pd.Index[Any] = pd.Index(self.facts["session_id"].dropna().unique())
        return index

    def _part(self, stage: Stage) -> pd.DataFrame:
        return self.facts[[one == stage for one in self.facts["stage"]]]

    @cached_property
    def flow(self) -> pd.DataFrame:
        """The ledger in short, one row per stage: ``stage``, ``unit``, ``kept``, ``lost``, ``reasons`` in words."""
        rows = []
        for stage in self.stages:
            part = self._part(stage)
            counted = count_reasons(part["why"])
            n_lost = sum(n for _, n in counted)
            rows.append(
                {
                    "stage": str(stage),
                    "unit": "patients" if part["session"].isna().all() else "sessions",
                    "kept": len(part) - n_lost,
                    "lost": n_lost,
                    "reasons": reasons_in_words(counted),
                }
            )
        return pd.DataFrame(rows, columns=["stage", "unit", "kept", "lost", "reasons"])

    def tables(self) -> tuple[Table, ...]:
        """Rows kept and lost at each stage, with the commonest reasons."""
        columns = (
            column("stage", "Stage", kind="text"), column("unit", "Counted in", kind="text"),
            column("kept", "Kept", kind="integer"), column("lost", "Lost", kind="integer"),
            column("reasons", "Why", kind="text"),
        )  # fmt: skip
        counted = [count_reasons(self._part(stage)["why"]) for stage in self.stages]
        short = self.flow.assign(reasons=[reasons_in_words(one, MOST_REASONS, ", see .flow") for one in counted])
        return (Table("flow", "From sessions held to rows in the models", short, columns, data=self.flow),)

    def counted(self) -> str:
        """Say from how many sessions the ledger starts."""
        return f"{len(self.rows)} sessions held"


def _without_withdrawn(patients: pd.Series[Any], why: pd.Series[Any]) -> pd.Series[Any]:
    """The ids of patients, a number in the place of those who withdrew their consent."""
    gone = [one is not None and one.numbers.get("status") == WITHDRAWN for one in why]
    names = {patient: f"withdrawn {place}" for place, patient in enumerate(patients[gone].unique(), start=1)}
    return patients.replace(names) if names else patients


def reasons_in_words(counted: Counted, most: int | None = None, see: str = "") -> str:
    """Reasons each with its count; beyond the `most` commonest together, with where each is to be seen.

    Examples
    --------
    >>> counted = count_reasons([Note("rating_not_read"), Note("cell_unknown", numbers={"column": "age"})])
    >>> reasons_in_words(counted)
    '1 × held, but no rating was read; 1 × age is unknown'
    >>> reasons_in_words(counted, 1, ", see .flow")
    '1 × held, but no rating was read; 1 × other reasons, see .flow'
    """
    words = [f"{n} × {sentence(one)}" for one, n in counted[:most]]
    others = 0 if most is None else sum(n for _, n in counted[most:])
    return "; ".join([*words, *([f"{others} × other reasons{see}"] if others else [])])


def count_reasons(why: Sequence[Note | None] | pd.Series[Any]) -> Counted:
    """Count equal reasons, the commonest first and among these the first found; kept rows are left out.

    Examples
    --------
    >>> tape, ill = Note("session_not_rated", numbers={"given": "tape"}), Note("rating_not_read")
    >>> [(one.kind, n) for one, n in count_reasons([ill, None, tape, tape])]
    [('session_not_rated', 2), ('rating_not_read', 1)]
    """
    counts: list[list[Any]] = []
    for one in why:
        if one is None:
            continue
        same = next((entry for entry in counts if entry[0] == one), None)
        if same is None:
            counts.append([one, 1])
        else:
            same[1] += 1
    return tuple((note, n) for note, n in sorted(counts, key=lambda entry: -entry[1]))


def stage_rows(rows: pd.DataFrame, stage: Stage, why: Sequence[Note | None]) -> pd.DataFrame:
    """Facts of one stage; a reason means that the row was lost."""
    table = pd.DataFrame(
        {
            "session_id": rows.get("session_id"),
            "patient": rows["patient"],
            "session": rows["session"].astype("Int64") if "session" in rows else pd.NA,
            "stage": pd.Series([stage] * len(rows), index=rows.index, dtype=object),
            "why": pd.Series(list(why), index=rows.index, dtype=object),
        },
        index=rows.index,
    )
    return table.astype({"session": "Int64", "session_id": object})


def patient_stages(patients: pd.DataFrame, held: pd.DataFrame) -> list[pd.DataFrame]:
    """Stage "patients: <status>" of each status in patients.csv: kept are those in the numbers with a session held."""
    out, present = left_out(patients), set(held["patient"])
    stages = []
    for status, rows in patients.groupby("status", sort=True, observed=True):
        why = [
            out.get(str(row.patient))
            or (None if row.patient in present else status_note("patient_without_session", row))
            for row in rows.itertuples(index=False)
        ]
        stages.append(stage_rows(rows[["patient"]], Stage(StageKind.PATIENTS, str(status)), why))
    return stages


def held_stages(held: pd.DataFrame, unrated: Mapping[Key, Note | None], out: Mapping[str, Note]) -> pd.DataFrame:
    """Stages "held" and "rated" of the held sessions."""
    lost = [unrated[str(p), int(s)] for p, s in zip(held["patient"], held["session"], strict=True)]
    left = [out.get(str(p)) for p in held["patient"]]
    return pd.concat([stage_rows(held, Stage(StageKind.HELD), left), stage_rows(held, Stage(StageKind.RATED), lost)])


def model_stages(
    models: Mapping[str, Sequence[ModelFormula]],
    subsets: Mapping[str, str],
    frame: pd.DataFrame,
    why: pd.DataFrame,
    outside: pd.DataFrame,
) -> list[pd.DataFrame]:
    """Rows of each model; subsets are judged by the observed values, before any outlier rule.

    A row that is not in the subset because a variable of the condition is missing is lost for that variable.
    Units of patients who are in no number (`outside`, with their reasons in column ``why``) are lost in each model.
    """
    stages = []
    for name, formulas in models.items():
        stage = Stage(StageKind.IN_MODEL, name)
        needed = dict.fromkeys(column for one in formulas for column in one.columns(frame.columns))
        lost = incomplete(frame, why, list(needed))
        subset = subsets.get(name)
        if subset is not None:
            used = variables_of(subset, frame.columns)
            also = [column for column in map(str, frame.columns) if column in used and column not in needed]
            missing = incomplete(frame, why, [*needed, *also])
            not_chosen = Note("outside_subset", numbers={"subset": subset})
            inside = rows_inside(subset, frame, f"model {name!r}").tolist()
            lost = [
                None if at and one is None else unknown or not_chosen
                for one, at, unknown in zip(lost, inside, missing, strict=True)
            ]
        stages += [stage_rows(frame, stage, lost), stage_rows(outside, stage, list(outside["why"]))]
    return stages


def incomplete(frame: pd.DataFrame, why: pd.DataFrame, needed: Sequence[str]) -> list[Note | None]:
    """Say per row why it cannot be in a model of these columns, from `why` its cells are empty; None where it can."""
    missing = lacking(frame[list(needed)])
    out: list[Note | None] = [None] * len(frame)
    for place in np.flatnonzero(~has_all(frame, needed, len(frame))):
        parts: list[tuple[list[str], Note]] = []
        for name in (name for name, flags in missing.items() if flags[place]):
            cause = why[name].iloc[place] if name in why else Note("cell_unknown", numbers={"column": name})
            same = next((names for names, other in parts if other == cause), None)
            if same is None:
                parts.append(([name], cause))
            else:
                same.append(name)
        out[int(place)] = Note("cells_missing", numbers={"parts": tuple((tuple(n), cause) for n, cause in parts)})
    return out
