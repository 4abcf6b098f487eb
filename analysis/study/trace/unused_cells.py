"""Every rating that a study knows of, and why it is in no number where it is in none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from doublecode.analysis.study.trace.cell_states import held
from doublecode.analysis.study.trace.origins import Origins
from doublecode.analysis.study.trace.source_cells import SourceCell, rating_cells
from doublecode.schemas.frames import IN_NO_NUMBER
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from doublecode.analysis.study.study_run import Intake
    from doublecode.schemas.study import Study


class KnownCells:
    """The ratings of a study as it is now: those that count, those kept out, later ones, replaced and withdrawn ones.

    Parameters
    ----------
    study : Study
    """

    def __init__(self, study: Study) -> None:
        self.study = study

    @cached_property
    def intake(self) -> Intake:
        """What the study's files and its ledger say now."""
        from doublecode.analysis.study.run import read_study

        return read_study(self.study.folder)

    @cached_property
    def files(self) -> tuple[str, ...]:
        """Names of the files of ratings, those in ``incoming/`` that no rating was read from included."""
        from doublecode.coding.reading.incoming import workbook_paths

        there = (path.name for path in workbook_paths(self.study.folder / "incoming"))
        return tuple(dict.fromkeys([*self.intake.files["file"], *there, *(one.file for one, _ in self._former)]))

    def find(self, asked: Callable[[SourceCell], bool]) -> Iterator[tuple[SourceCell, tuple[Note, ...]]]:
        """The known cells that are asked for, with the reasons why they may be in no number."""
        intake = self.intake
        for label, cell in rating_cells(intake.ratings):
            if asked(cell):
                yield cell, (self._reason(intake.ratings.loc[label], cell),)
        for label, cell in rating_cells(intake.kept_out):
            if asked(cell):
                yield cell, (Note("trace_kept_out", numbers={"why": self._kept_out(intake.kept_out.loc[label])}),)
        for rows, kind in ((intake.recodes, "trace_again"), (intake.decided, "trace_decided")):
            for _, cell in [] if rows is None else rating_cells(rows):
                if asked(cell):
                    yield cell, (Note(kind),)
        yield from (one for one in self._former if asked(one[0]))

    @cached_property
    def _former(self) -> list[tuple[SourceCell, tuple[Note, ...]]]:
        """Ratings that the ledger holds and that count no longer."""
        from doublecode.coding.intake.study_ledger import has_ledger, open_ledger

        if not has_ledger(self.study):
            return []
        with open_ledger(self.study) as ledger:
            history = ledger.history()
        gone = history[history["replaced_by"].notna() | history["withdrawn"].notna()].astype(object)
        found: list[tuple[SourceCell, tuple[Note, ...]]] = []
        for row in gone.where(gone.notna(), None).to_dict("records"):
            known = {str(key): value for key, value in row.items()}
            file, sheet, at = (str(known[name] or "") for name in ("source_file", "source_sheet", "source_cell"))
            session, rater, book, item = (str(known[name]) for name in ("session_id", "rater", "instrument", "item"))
            cell = SourceCell(file, sheet, at, held(known), session, rater, book, item)
            why = (
                Note("trace_withdrawn", numbers={"reason": row["withdrawn"]})
                if row["withdrawn"] is not None
                else Note("trace_replaced", numbers={"file": row["replaced_by"]})
            )
            found.append((cell, (why,)))
        return found

    @cached_property
    def _origins(self) -> Origins:
        from doublecode.analysis.study.run import score_study

        return Origins(self.intake, *score_study(self.intake))

    def _reason(self, rating: Any, cell: SourceCell) -> Note:
        """Why a rating that was taken in may be in no number."""
        book = self.study.codebooks[cell.instrument]
        if isinstance(rating["missing_code"], str):
            return Note("trace_code", numbers={"code": rating["missing_code"]})
        if not book.item(cell.item).is_numeric:
            named = book.item(cell.item).type == "nominal"
            return Note("trace_name" if named else "trace_text", numbers={"item": cell.item})
        if rating["phase"] != "main":
            return Note("trace_pilot")
        pooling = self.study.use(cell.instrument).pooling
        if pooling == "primary" and rating["role"] != "primary":
            return Note("trace_not_counted", numbers={"rater": cell.rater, "item": cell.item})
        return Note("trace_unused")

    def _kept_out(self, rating: Any) -> str:
        patients = self.intake.patients
        status = patients.loc[patients["patient"] == rating["patient"], "status"]
        if len(status) and status.iloc[0] in IN_NO_NUMBER:
            return f"patients.csv says {status.iloc[0]}"
        sessions = self.study.use(rating["instrument"]).sessions or ()
        used = ", ".join(map(str, sessions))
        return f"{rating['instrument']} is used in session {used}, and this is session {rating['session']:g}"

    def problems_at(self, file: str, sheet: str, cell: str) -> Iterator[Note]:
        """What was found wrong in a cell; where nothing was, what was found of its file as a whole."""
        of_file = [one for one in self.intake.problems if one.file == file]
        found = [one for one in of_file if one.cell == cell and sheet in ("", one.sheet)]
        for one in found or [one for one in of_file if not one.sheet and not one.cell]:
            yield Note("trace_problem", numbers={"problem": str(one)})

    def scores_on(self, cells: Sequence[SourceCell]) -> Iterator[dict[str, Any]]:
        """The scale scores of sessions that stand on some cells."""
        if self.intake.errors or not cells:
            return
        origins = self._origins
        wanted = set(cells)
        for (instrument, scale), rows in origins.of_scores.items():
            if not any(cell.instrument == instrument for cell in wanted):
                continue
            for patient, session, is_there in rows:
                basis = origins.score(instrument, scale, patient, session) if is_there else ()
                for number, role in basis:
                    if origins.cells.cells[number] in wanted:
                        how = " ".join(sorted(map(str, role.how)))
                        where = f"{patient}, session {session}"
                        yield {"kind": "score", "name": f"{instrument}.{scale}", "row": where, "columns": "", "of": "",
                               "how": how}  # fmt: skip
