"""Reads the rows of a *Rate* sheet: status, codes, log slots."""

from __future__ import annotations

from typing import Any

from doublecode.coding.reading.cells import Codec, Reader, Reading, log_missing, read_cell, show_cell, show_text
from doublecode.coding.reading.expectations import Held
from doublecode.coding.reading.given_texts import Given, is_same
from doublecode.coding.reading.ratings_builder import Collector
from doublecode.coding.reading.sheet_checks import MOST_SAID, Heads, Row, covered_cells, is_filled
from doublecode.coding.reading.sheet_shape import Shape, cell_name, column_letter, split_cell
from doublecode.coding.workbooks.layout import NOTES, OTHER, RATE, RECORDING, STATUS, OwnWords
from doublecode.schemas.phrases import Phrase
from doublecode.schemas.problems import Problem

INFO = frozenset({"text_number"})
MOST_SHOWN = 500


class RateSheet:
    """One *Rate* sheet, ready to be read row by row.

    Parameters
    ----------
    file : str
        Name for messages.
    grid : list of list
        Typed cells from A1.
    shape, heads
        Of this sheet.
    reader : Reader
        Of its codebook.
    given
        What was entered beforehand; None where that is not known.
    words
        What the reasons are called in the language of the workbook.
    """

    def __init__(
        self,
        file: str,
        grid: list[list[Any]],
        shape: Shape,
        heads: Heads,
        reader: Reader,
        given: Given | None = None,
        words: OwnWords | None = None,
    ) -> None:
        self.words = words or OwnWords()
        self.file = file
        self.given = given
        self.grid = grid
        self.places = heads.columns
        self.slots = reader.slots
        self.columns = [
            (heads.columns[codec.item.name], column_letter(heads.columns[codec.item.name] + 1), codec)
            for codec in reader.codecs
            if codec.item.name in heads.columns
        ]
        self.names = tuple((codec.name, letter) for _, letter, codec in self.columns)
        self.codec_of = {codec.item.name: codec for _, _, codec in self.columns}
        self.rated = [column for column in self.columns if not column[2].item.given]
        self.sent = [column for column in self.columns if column[2].item.given] if given is not None else []
        self._formulas = {split_cell(cell): (cell, *parts) for cell, parts in shape.formulas.items()}
        self._errors = {split_cell(cell): text for cell, text in shape.errors.items()}
        self._covered = covered_cells(shape)
        self._odd_rows = {row for row, _ in self._formulas} | {row for row, _ in (*self._covered, *self._errors)}

    def odd(self, row: int) -> bool:
        """Whether a row holds formulas, errors or merged cells."""
        return row in self._odd_rows

    def formula(self, row: int, column: int) -> tuple[str, str, str | None] | None:
        """Cell, formula and saved result, if the cell holds one."""
        return self._formulas.get((row, column))

    def error(self, row: int, column: int) -> str | None:
        """The error value that the cell shows, if any."""
        return self._errors.get((row, column))

    def covered(self, row: int, column: int) -> bool:
        """Whether the cell lies in a merged range: its problem is that, not its value."""
        return (row, column) in self._covered

    def holds_value(self, row: int, column: int) -> bool:
        """Whether the cell can be read: not merged, and no formula without a saved result."""
        formula = self.formula(row, column)
        return not self.covered(row, column) and (formula is None or formula[2] is not None)


def read_session(sheet: RateSheet, row: Row, held: Held, collector: Collector) -> list[Problem]:
    """Read one row of codes into the collector; return its problems."""
    cells = sheet.grid[row.number]
    changed, problems = _check_sent(sheet, row, held)
    problems += _note(sheet, row)
    status, wrong = _read_status(sheet, row, cells)
    problems += wrong
    if any(one.severity == "error" for one in wrong):
        return problems
    if status is not None:
        rated = [at for at, (_, _, codec) in enumerate(sheet.columns) if not codec.item.given]
        collector.extend(sheet.names, rated, [Reading(missing=status)] * len(rated), row.number + 1)
        return problems
    empty = _empty_row(sheet, row, cells)
    if empty:
        return problems + empty
    odd = sheet.odd(row.number)
    readings: list[Reading] = []
    places: list[int] = []
    for at, (place, _, codec) in enumerate(sheet.columns):
        if place in changed:
            continue
        value = cells[place]
        kind = value.__class__
        reading = codec.quick.get(value) if (kind is float or kind is str) and not odd else None
        if reading is None:
            reading = _read_slowly(sheet, row, place, codec, held.session, problems)
            if reading is None:
                continue
        readings.append(reading)
        places.append(at)
    collector.extend(sheet.names, places, readings, row.number + 1)
    return problems + _unfinished_slots(sheet, row, cells)


def _empty_row(sheet: RateSheet, row: Row, cells: list[Any]) -> list[Problem]:
    """A session that nobody has rated yet is one problem, not one for each of its cells."""
    for at, _, _ in sheet.rated:  # most often the first of them ends it
        if is_filled(cells[at]) or sheet.covered(row.number, at):
            return []
    needed = next((at for at, _, codec in sheet.rated if not codec.item.optional), None)
    if needed is None:
        return []
    return [Problem("row_empty", sheet.file, RATE, cell_name(row.number, needed), row.session_id)]


def _check_sent(sheet: RateSheet, row: Row, held: Held) -> tuple[frozenset[int], list[Problem]]:
    """Hold what was filled in before the workbook went out against the study; say which given columns differ."""
    cells = sheet.grid[row.number]
    problems = []
    place = sheet.places.get(RECORDING)
    names = [one for one in (held.recording, held.original) if one]  # workbooks of before may name the original
    if place is not None and held.recording and all(_is_other(cells[place], one) for one in names):
        problems.append(_differs("recording_changed", sheet, row, place, held.recording))
    changed = set()
    for place, _, codec in sheet.sent:
        if sheet.given is not None and sheet.holds_value(row.number, place):
            given = sheet.given.get((row.session_id, codec.name), "")
            if not is_same(cells[place], given):
                changed.add(place)
                problems.append(_differs("given_changed", sheet, row, place, given))
    return frozenset(changed), problems


def _note(sheet: RateSheet, row: Row) -> list[Problem]:
    """What the rater wrote under notes: no code, but somebody should read it."""
    place = sheet.places.get(NOTES)
    if place is None or not is_filled(sheet.grid[row.number][place]):
        return []
    text = show_cell(sheet.grid[row.number][place]).strip()
    cell = cell_name(row.number, place)
    return [Problem("note_found", sheet.file, RATE, cell, row.session_id, show_text(text, MOST_SAID))]


def _differs(code: str, sheet: RateSheet, row: Row, place: int, sent: str) -> Problem:
    found, allowed = (
        show_text(text, MOST_SHOWN) if text else "nothing" for text in (show_cell(sheet.grid[row.number][place]), sent)
    )
    name = next(name for name, at in sheet.places.items() if at == place)
    subject = f"{row.session_id}, {name}"
    return Problem(code, sheet.file, RATE, cell_name(row.number, place), subject, found, allowed)


def _is_other(cell: Any, sent: str) -> bool:
    """Whether a cell names something else; an emptied one names nothing."""
    return bool(show_cell(cell).strip()) and not is_same(cell, sent)


def _read_slowly(
    sheet: RateSheet, row: Row, place: int, codec: Codec, session: int | None, problems: list[Problem]
) -> Reading | None:
    """Read a cell that is no plain code; None if there is no rating in it. Adds what is wrong to `problems`."""
    if sheet.odd(row.number) and _is_odd(sheet, row, place, codec, problems):
        return None
    reading = read_cell(sheet.grid[row.number][place], codec, session)
    if reading.problem:
        where = (sheet.file, RATE, cell_name(row.number, place), f"{row.session_id}, {codec.name}")
        problems.append(Problem(reading.problem, *where, reading.found, reading.allowed))
        return reading if reading.problem in INFO else None
    return None if reading.is_empty else reading


def _is_odd(sheet: RateSheet, row: Row, place: int, codec: Codec, problems: list[Problem]) -> bool:
    """List a formula; say whether the cell cannot be read (merged, an error, or a formula without a result)."""
    if sheet.covered(row.number, place):
        return True
    where = (sheet.file, RATE, cell_name(row.number, place), f"{row.session_id}, {codec.name}")
    error = sheet.error(row.number, place)
    if error is not None:
        problems.append(Problem("error_cell", *where, error, codec.allowed))
        return True
    formula = sheet.formula(row.number, place)
    if formula is None:
        return False
    _, text, result = formula
    if result == "":  # it shows nothing: an empty cell
        return False
    code = "formula_cell" if result is None else "formula_value"
    said = (show_text(text), codec.allowed) if result is None else (result,)
    problems.append(Problem(code, *where, *said))
    return result is None


def _read_status(sheet: RateSheet, row: Row, cells: list[Any]) -> tuple[str | None, list[Problem]]:
    """The reason why a session could not be coded, or None; a wrong or contradicted one is a problem."""
    place = sheet.places.get(STATUS)
    value = "" if place is None else cells[place]
    if place is None or value is None or (isinstance(value, str) and not value.strip()):
        return None, []
    where = (sheet.file, RATE, cell_name(row.number, place), row.session_id)
    reason = sheet.words.reason(value) if isinstance(value, str) else None
    if reason is None:
        found = show_text(value) if isinstance(value, str) else show_cell(value)
        allowed = Phrase("or_empty", "/".join(sheet.words.reasons.values()))
        subject = f"{row.session_id}, {STATUS}"
        return None, [Problem("out_of_range", *where[:3], subject, found, allowed)]
    rated = [codec.name for at, _, codec in sheet.rated if is_filled(cells[at])]
    if rated:
        return None, [
            Problem("status_contradicts", *where, found=sheet.words.reasons[reason], allowed=", ".join(rated))
        ]
    if reason == OTHER and NOTES in sheet.places and not is_filled(cells[sheet.places[NOTES]]):
        cell = cell_name(row.number, sheet.places[NOTES])
        return None, [Problem("reason_missing", sheet.file, RATE, cell, row.session_id, sheet.words.reasons[reason])]
    if value not in (reason, sheet.words.reasons[reason]):
        return reason, [Problem("text_number", *where[:3], f"{row.session_id}, {STATUS}", show_text(value), reason)]
    return reason, []


def _unfinished_slots(sheet: RateSheet, row: Row, cells: list[Any]) -> list[Problem]:
    """A slot of a repeated log that was begun has to be complete, but for its multi-response items."""
    problems = []
    for everything, needed in sheet.slots:
        places = {name: sheet.places[name] for name in everything if name in sheet.places}
        filled = {name for name, place in places.items() if cells[place] is not None and str(cells[place]).strip()}
        for name in needed:
            if filled and name in places and name not in filled and not sheet.covered(row.number, places[name]):
                where = (sheet.file, RATE, cell_name(row.number, places[name]), f"{row.session_id}, {name}")
                wrong = log_missing(sheet.codec_of[name])
                problems.append(Problem(wrong.problem, *where, wrong.found, wrong.allowed))
    return problems
