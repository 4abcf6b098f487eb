"""What each number on missing data stands on: who is counted, what is compared, what was imputed from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Final

from doublecode.analysis.linking.attendance import ATTENDED, DECLARED
from doublecode.analysis.linking.time_origin import SESSION
from doublecode.analysis.report.traced_tables import OfRow, Row
from doublecode.analysis.study.imputed_headline import COMPLETE
from doublecode.analysis.study.trace.modelled import FrameBases
from doublecode.analysis.study.trace.origins import gathered, with_how
from doublecode.analysis.study.trace.source_cells import MISSING, PLAIN, How, role_of

if TYPE_CHECKING:
    from doublecode.analysis.linking.cells import Place
    from doublecode.analysis.study.imputed_headline import ImputedHeadline
    from doublecode.analysis.study.missing_data import MissingAnswer
    from doublecode.analysis.study.sensitivity_standing import Standing
    from doublecode.analysis.study.trace.source_cells import Basis, Role
    from doublecode.analysis.study.unlagged_scores import SessionScores

_LOST: Final = role_of("", frozenset({How.LOST}))
_NO_CELLS: Final = frozenset({"n_missing", "n_left", "share"})
"""Scores that are missing have no cells: nobody wrote them."""


class TracedMissing:
    """The cells behind the tables of missing data of one finding.

    Parameters
    ----------
    answer : MissingAnswer
    frames : FrameBases
        Of the frame that the study declares.
    standing : Standing or None
        What the finding stands on.
    declared : Basis
        Its cells.
    """

    def __init__(self, answer: MissingAnswer, frames: FrameBases, standing: Standing | None, declared: Basis) -> None:
        self.answer, self.frames, self.standing, self.declared = answer, frames, standing, declared
        self.origins = frames.origins

    @cached_property
    def tables(self) -> dict[str, OfRow]:
        """Per name of a table what its numbers stand on."""
        found: dict[str, OfRow] = {
            "missing_flow": self._flow, "lost_patients": _cached(self._of_patients),
            "lost_sessions": _cached(self._of_sessions),
        }  # fmt: skip
        if self.answer.attendance is not None:
            found |= {"attendance_headline": self._attendance, "attendance_terms": self._attendance}
        if self.answer.imputed is not None:
            found |= {
                "imputed_headline": self._imputed, "imputed_cells": self._of_score,
                "imputation_convergence": self._of_model,
            }  # fmt: skip
        return found

    def _flow(self, row: Row, column: str) -> Basis:
        """Which cells say who is in and who is lost, as in the flow of the report."""
        inside, gone = self.answer.lost.members[row["unit"], row["stage"]]
        parts = [] if column == "lost" else [(inside, PLAIN)]
        parts += [] if column == "n" else [(gone, _LOST)]
        return gathered(
            (number, role)
            for keys, role in parts
            for key in keys
            for number, _ in self.origins.column(row["unit"], "status", key)
        )

    def _of_patients(self, name: str, side: str) -> Iterator[tuple[int, Role]]:
        """A variable of the patients of a side: their own cell, or those of all their sessions."""
        chosen, source = self._chosen("patients", side), self.answer.lost.sources[name]
        if source == "patients":
            listed = self.origins.intake.patients["patient"].astype(str)
            for one in listed[listed.isin(chosen)]:
                yield from self._filled("patients", name, (one,))
        else:
            yield from self._rows(name, source, "patient", chosen)

    def _of_sessions(self, name: str, side: str) -> Iterator[tuple[int, Role]]:
        """A variable of the sessions of a side; the difference is one of sessions of the same patient."""
        source = self.answer.lost.sources[name]
        yield from self._rows(name, source, "session_id", self._chosen("sessions", side))

    def _rows(self, name: str, source: str, key: str, chosen: frozenset[str]) -> Iterator[tuple[int, Role]]:
        if source == "frame":
            inside = self.frames.frame[key].astype(str).isin(chosen).to_numpy()
            yield from self.frames.variable(name, [at for at in self.frames.known(name) if inside[at]])
            return
        sessions = self.origins.intake.sessions
        mine = sessions[(sessions["phase"] == "main") & sessions[key].astype(str).isin(chosen)]
        for patient, number in zip(mine["patient"], mine["session"], strict=True):
            yield from self._filled("sessions", name, (patient, number))

    def _chosen(self, unit: str, side: str) -> frozenset[str]:
        compared = self.answer.lost.compared
        return compared[unit, side] if side else compared[unit, "analysed"] | compared[unit, "lost"]

    def _filled(self, table: str, name: str, key: tuple[object, ...]) -> Iterator[tuple[int, Role]]:
        cells = self.origins.cells.cells
        for number, role in self.origins.column(table, name, key):
            if cells[number].value not in (None, ""):
                yield number, role

    def _attendance(self, row: Row, column: str) -> Basis:
        """The finding's cells; with attendance also the sessions that were counted."""
        return self.declared if row["model"] == DECLARED else self._attended

    @cached_property
    def _attended(self) -> Basis:
        if self.standing is None:
            return self.declared
        frame = self.frames.frame
        inside = frame["patient"].isin(frame.loc[self.standing.labels, "patient"]).to_numpy().nonzero()[0].tolist()
        counted = with_how(self.frames.variable(SESSION, inside), How.COUNTED, of=ATTENDED)
        return gathered(chain(self.declared, counted))

    def _imputed(self, row: Row, column: str) -> Basis:
        return self.declared if row["analysis"] == COMPLETE else self._over_imputations

    def _of_model(self, row: Row, column: str) -> Basis:
        return self._joint

    def _of_score(self, row: Row, column: str) -> Basis:
        """What was observed of a score; what was drawn stands on all that the imputation saw."""
        if column in _NO_CELLS:
            return ()
        return self._scores[row["of"], row["part"]] if column == "n" or "observed" in column else self._joint

    @cached_property
    def _scores(self) -> dict[tuple[str, str], Basis]:
        """The observed cells of each session score, by the variable that it makes and the half of it."""
        found: ImputedHeadline | None = self.answer.imputed
        if found is None:
            return {}
        return {
            (name, part.half): gathered(with_how(self._observed(found.scores, part.column), of=name))
            for name, parts in found.scores.parts.items()
            for part in parts
        }

    def _observed(self, scores: SessionScores, column: str) -> Iterator[tuple[int, Role]]:
        other = scores.unlagged
        if other is None or column not in other.places.columns:
            yield from self.frames.values(column)
            return
        known = other.frame[column].notna().to_numpy()
        for place in chain.from_iterable(other.places[column][known]):
            yield from self._half(scores, place) if self._is_half(scores, place) else self.origins.place(place)

    def _is_half(self, scores: SessionScores, place: Place) -> bool:
        return place.kind == "scale" and place.instrument in scores.books

    def _half(self, scores: SessionScores, place: Place) -> Iterator[tuple[int, Role]]:
        """The cells of half of a scale, which the study's own codebook does not hold as a scale."""
        book, (patient, session) = scores.books[place.instrument], place.key
        for name in book.scale(place.name).items:
            how = [How.REVERSED] if book.item(name).reversed else []
            cells = self.origins.item(book.name, patient, session, name)
            yield from with_how((one for one in cells if one[1] is not MISSING), *how)

    @cached_property
    def _joint(self) -> Basis:
        """All that the imputation saw: session scores, covariates, time, and whose session it is."""
        found = self.answer.imputed
        given = () if found is None else (*found.given, "patient")
        seen = dict.fromkeys(given)
        return gathered(chain(*self._scores.values(), *(self.frames.values(name) for name in seen)))

    @cached_property
    def _over_imputations(self) -> Basis:
        """What the imputation saw, and what the model has beside (a therapist)."""
        inside = {number for number, _ in self._joint}
        return gathered(chain(self._joint, (one for one in self.declared if one[0] not in inside)))


def _cached(of: Callable[[str, str], Iterable[tuple[int, Role]]]) -> OfRow:
    """A basis per variable and side, made once: ``n_lost`` is of the lost, ``d`` of both."""
    known: dict[tuple[str, str], Basis] = {}

    def of_row(row: Row, column: str) -> Basis:
        side = next((one for one in ("analysed", "lost") if column.endswith(one)), "")
        key = (str(row["variable"]), side)
        if key not in known:
            known[key] = gathered(of(*key))
        return known[key]

    return of_row
