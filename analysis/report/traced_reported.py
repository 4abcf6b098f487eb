"""Which cells stand behind what papers print of sample, coding and flow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from doublecode.analysis.study.achieved_coding import coded_rows
from doublecode.analysis.study.flow import KEPT
from doublecode.analysis.study.reported import STACKED, stacked_items
from doublecode.analysis.study.sample_of_study import sample_sessions
from doublecode.analysis.study.trace.origins import Origins, gathered
from doublecode.analysis.study.trace.source_cells import PLAIN, Basis, How, role_of

if TYPE_CHECKING:
    from doublecode.analysis.study.study_run import StudyRun
    from doublecode.analysis.study.trace.modelled import FrameBases

Row = Mapping[str, Any]
OfRow = Callable[[Row, str], Basis]
_LOST = role_of("", frozenset({How.LOST}))


class TracedReported:
    """The cells behind what papers print of sample, coding and flow.

    Parameters
    ----------
    run : StudyRun
    origins : Origins
    frames : FrameBases
    icc : callable
        A row of a table of reliability and a column → the cells.
    """

    def __init__(self, run: StudyRun, origins: Origins, frames: FrameBases, icc: OfRow) -> None:
        self.run, self.origins, self.frames, self.icc = run, origins, frames, icc

    @cached_property
    def tables(self) -> dict[str, OfRow]:
        """Per name of a table what its numbers stand on."""
        return {
            "sample": self._sample, "coding": self._coded,
            "items_dropped": lambda row, asked: self._main_icc(row["instrument"], "item", row["item"]),
            "icc_summary": self._summary, "double_coded": self._double, "dyads": self._dyads,
            "variables": lambda row, asked: self.frames.values(
                row["variable"], adjusted=not str(asked).endswith("_before")
            ),
            "distances": self._distances, "flow_patients": self._patients, "flow_sessions": self._sessions,
        }  # fmt: skip

    @cached_property
    def figures(self) -> dict[str, Basis]:
        """Per name of a figure its cells."""
        facts = self.run.reported
        if facts is None or facts.flow is None:
            return {}
        drawn: dict[str, Basis] = {}
        for unit, of in (("patients", self._patients), ("sessions", self._sessions)):
            rows = facts.flow.frame(unit).to_dict("records")
            named = [{str(key): value for key, value in row.items()} for row in rows]
            drawn[f"flow_{unit}"] = gathered(one for row in named for one in of(row, "n"))
            n_lanes = len(facts.flow.sessions) if unit == "sessions" else 1
            drawn |= {f"flow_{unit}_{part}": drawn[f"flow_{unit}"] for part in range(2, n_lanes + 1)}
        return drawn

    def _main_icc(self, instrument: str, level: str, name: str) -> Basis:
        return self.icc({"instrument": instrument, "level": level, "name": name, "phase": "main"}, "estimate")

    def _sample(self, row: Row, column: str) -> Basis:
        intake, result, unit = self.run.intake, self.run.sample, str(row["unit"]).lower()
        counted = {one.label: one.columns for one in self.run.study.sample_rows}
        names = counted.get(str(row["variable"]), (row["variable"],))
        if unit == "sessions":
            keys = list(sample_sessions(intake)[["patient", "session"]].itertuples(index=False, name=None))
        else:
            rows = intake.patients.loc[result.rows] if unit == "patients" else intake.therapists
            keys = [(who,) for who in rows[unit[:-1]]]
        return gathered(one for key in keys for name in names for one in self.origins.column(unit, name, key))

    def _coded(self, row: Row, column: str) -> Basis:
        """Every cell coded with an instrument in a phase; of the number coded twice those of several raters."""
        rated = self.run.intake.ratings
        every = rated[(rated["instrument"] == row["instrument"]) & (rated["phase"] == row["phase"])]
        mine = coded_rows(self.run.study, every)
        if column == "n_double":
            several = mine.groupby("session_id", observed=True)["rater"].nunique()
            mine = mine[mine["session_id"].isin(set(several.index[several > 1]))]
        return gathered((self.origins.ratings[label], PLAIN) for label in mine.index)

    def _summary(self, row: Row, column: str) -> Basis:
        if self.run.reliability is None or self.run.reported is None:
            return ()
        frame = self.run.reliability.frame
        frame = frame[(frame["instrument"] == row["instrument"]) & (frame["phase"] == row["phase"])]
        frame = frame[(frame["level"] == "item") & frame["single"].notna()]
        if row["over"] == "kept":
            frame = frame[frame["name"].isin(dict(self.run.reported.drops)[row["instrument"]].kept)]
        rows = [{str(key): value for key, value in one.items()} for one in frame.to_dict("records")]
        return gathered(one for part in rows for one in self.icc(part, "estimate"))

    def _double(self, row: Row, column: str) -> Basis:
        """The cells of sessions that two raters coded; of the columns beside them those of all sessions."""
        every = self._main_icc(row["instrument"], row["level"], row["name"])
        if column.endswith("_every"):
            return every
        rated = self.run.intake.ratings
        mine = rated[(rated["instrument"] == row["instrument"]) & (rated["phase"] == "main")]
        n_raters = mine.groupby("session_id", observed=True)["rater"].nunique()
        shared = mine[mine["session_id"].isin(n_raters.index[n_raters > 1])]
        cells = {self.origins.ratings[label] for label in shared.index}
        return gathered(one for one in every if one[0] in cells)

    def _dyads(self, row: Row, column: str) -> Basis:
        if row["level"] != STACKED:
            scales = {one.name for one in self.run.study.codebooks[row["instrument"]].scales}
            return self._main_icc(row["instrument"], "scale" if row["name"] in scales else "item", row["name"])
        rated = self.run.intake.ratings
        mine = rated[(rated["instrument"] == row["instrument"]) & (rated["phase"] == "main") & rated["value"].notna()]
        names = stacked_items(self.run.study.codebooks[row["instrument"]], set(mine["item"]))
        return gathered(one for name in names for one in self._main_icc(row["instrument"], "item", name))

    def _distances(self, row: Row, column: str) -> Basis:
        named = {str(one.spec["name"]): one for one in self.run.moderations}
        return self.frames.regression(named[str(row["name"])], adjusted=True)

    def _patients(self, row: Row, column: str) -> Basis:
        return self._counted("patients", row)

    def _sessions(self, row: Row, column: str) -> Basis:
        return self._counted("sessions", row)

    def _counted(self, unit: str, row: Row) -> Basis:
        flow = None if self.run.reported is None else self.run.reported.flow
        if flow is None:
            return ()
        who = flow.members(unit, str(row["lane"]), int(row["step"]), str(row["kind"]), str(row["label"]))
        keys: list[tuple[Any, ...]] = [(one,) for one in who]
        if unit == "sessions":
            listed = self.run.intake.sessions.set_index("session_id")[["patient", "session"]]
            keys = list(listed.loc[list(who)].itertuples(index=False, name=None))
        role = PLAIN if row["kind"] == KEPT else _LOST
        return gathered((cell, role) for key in keys for cell, _ in self.origins.column(unit, "status", key))
