"""Ratings that a lab has already, as a table: long or wide, held to codebooks and study as workbooks are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import pandas as pd

from doublecode.coding.reading.cells import Codec, Reading, make_codec, read_cell
from doublecode.coding.reading.expectations import Expected, Held, load_expected
from doublecode.coding.reading.expert_key import name_rater
from doublecode.coding.reading.head_words import guess_rating_heads
from doublecode.coding.reading.long_table import Table, cell_text
from doublecode.coding.reading.mapped_table import open_mapped
from doublecode.coding.reading.ratings_layout import RatingsLayout, find_layout, is_held
from doublecode.coding.reading.ratings_order import RatingPlace, as_sent
from doublecode.coding.reading.table_remarks import USUAL_CODES
from doublecode.coding.reading.undeclared_codes import ask_for_codes
from doublecode.schemas.column_types import number_in_cell, table_mark
from doublecode.schemas.errors import ContractError, UsageError
from doublecode.schemas.frames import OCCASION, RATINGS
from doublecode.schemas.instrument import Instrument
from doublecode.schemas.near_names import nearest
from doublecode.schemas.problems import Problem
from doublecode.schemas.study import Study
from doublecode.schemas.study_tables import RATING_KEYS, wrong_missing
from doublecode.schemas.table_source import NO_REASON, TableSource

UNNAMED: Final = "ratings"
"""What ratings without a codebook are called in the column ``instrument``."""
_EMPTY: Final = ""


def read_ratings(
    path: str | Path,
    *,
    study: Study | None = None,
    instrument: str | None = None,
    layout: str | None = None,
    map: Mapping[str, str] | None = None,  # noqa: A002
    missing: Sequence[float | str] | Mapping[str, str] = (),
    pattern: str | None = None,
    rows: Mapping[str, str] | None = None,
    sheet: str | None = None,
) -> tuple[pd.DataFrame, list[Problem]]:
    r"""Read a table of ratings: csv, xlsx, ods, sav, dta or an export of REDCap.

    Parameters
    ----------
    path : path
    study : Study, optional
        Checks sessions, raters and assignments. Without it values are held to the shipped codebook that has all the
        items; where none has, they are taken as they stand, with a remark.
    instrument : str, optional
        The codebook, where there is no column ``instrument`` and the items do not tell.
    layout : {"long", "wide"}, optional
        A row per rating (``rater, item, value``); or a column per item, per rater, or per both. Without it the heads
        tell, and a remark says what was found.
    map : mapping of str to str, optional
        Head in the file → ``session_id`` (or ``patient`` and ``session``), ``rater``, ``instrument``, ``item``,
        ``value``, an item or a rater.
    missing : sequence or mapping, optional
        What stands for a missing value: ``(-99,)``; ``""`` for empty cells and rows that are not there; as a mapping
        with the missing code of the instrument: ``{"-99": "NR"}``.
    pattern : str, optional
        How heads of item and rater are made: ``"{item}_{rater}"``; without it the one that fits most heads.
    rows : mapping of str to str, optional
        Only rows whose cell in this column says so.
    sheet : str, optional

    Returns
    -------
    ratings : DataFrame
        Contract ``RATINGS``, each row with its file, sheet and cell.
    problems : list of Problem
        Without errors, if the table can be taken in.

    Raises
    ------
    ContractError
        A head is missing, or the heads do not tell what the columns are.
    UsageError
        The file cannot be read, or there is no such instrument.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "own.csv"
    ...     _ = file.write_text("Tape;J1;J2;item\nS1;2;3;warmth\nS2;-99;1;warmth\n")
    ...     ratings, problems = read_ratings(file, map={"Tape": "session_id"}, missing=(-99,))
    >>> ratings[["session_id", "rater", "item", "value"]].values.tolist()[:3]
    [['S1', 'J1', 'warmth', 2.0], ['S1', 'J2', 'warmth', 3.0], ['S2', 'J1', 'warmth', nan]]
    >>> ratings["missing_code"].iloc[2]
    '-99'
    """
    if layout not in (None, "long", "wide"):
        raise UsageError(f"layout: found {layout!r}, allowed long or wide.")
    codes: Any = dict(missing) if isinstance(missing, Mapping) else tuple(missing)
    source = TableSource(
        sheet=sheet, map=dict(map or {}), rows=dict(rows or {}), missing=codes, pattern=pattern, instrument=instrument,
        layout="long" if layout == "long" else "wide" if layout == "wide" else None,
    )  # fmt: skip
    return read_ratings_table(Path(path), source, study)


def read_ratings_table(
    path: Path, source: TableSource, study: Study | None, *, expert: str | None = None
) -> tuple[pd.DataFrame, list[Problem]]:
    """Read a table of ratings as `source` declares it; see :func:`read_ratings`; an `expert` was assigned nothing."""
    expected = load_expected(study) if expert is None else replace(load_expected(study), assigned=None)
    if source.instrument is not None and source.instrument not in expected.books:
        allowed = ", ".join(expected.books)
        raise UsageError(f"instrument: found {source.instrument!r}, allowed {allowed}.")
    books = expected.books if source.instrument is None else {source.instrument: expected.books[source.instrument]}
    items = list(dict.fromkeys(item.name for book in books.values() for item in book.columns))
    raters = [rater.id for rater in study.raters] if study is not None else []
    table = open_mapped(
        path, source, [*RATING_KEYS, *items], keys=_KEYS, several_forms=True,
        guess=lambda heads: guess_rating_heads(heads, source.map, {*RATING_KEYS, *items, *raters}),
    )  # fmt: skip
    head = next((row for row, cells in enumerate(table.rows) if any(map_text(cells))), None)
    if head is None:
        raise ContractError(f"{table.name}: the table is empty.")
    if expert is not None:
        name_rater(table.rows, head, expert)
    heads = [cell_text(cell) for cell in table.rows[head]]
    if study is None and source.instrument is None:
        named = {*heads, *_column(table, head, heads, "item")}
        books = {name: book for name, book in books.items() if is_held(book, named)}
        items = [item.name for book in books.values() for item in book.columns]
    wrong = list(wrong_missing(list(books.values()), source)) if books else []
    if wrong:
        raise UsageError(f"{table.name}: {wrong[0]}.")
    layout = find_layout(heads, table.name, layout=source.layout, pattern=source.pattern, items=items, raters=raters)
    reader = _Reader(path, table, head, layout, expected, books, study, _EMPTY in source.missing_codes)
    return reader.read()


_KEYS: Final = frozenset(set(RATING_KEYS) - {"value"})


def map_text(cells: Iterable[Any]) -> list[str]:
    """What the cells of a row say."""
    return [cell_text(cell) for cell in cells]


def _column(table: Table, head: int, heads: Sequence[str], name: str) -> set[str]:
    if name not in heads:
        return set()
    place = heads.index(name)
    return {cell_text(cells[place]) for cells in table.rows[head + 1 :] if place < len(cells)}


@dataclass
class _Reader:
    """Reads the cells of a table of ratings one by one."""

    path: Path
    table: Table
    head: int
    layout: RatingsLayout
    expected: Expected
    books: Mapping[str, Instrument]
    study: Study | None
    blanks: bool
    problems: list[Problem] = field(default_factory=list)
    suspects: dict[float, list[Problem]] = field(default_factory=dict)

    def read(self) -> tuple[pd.DataFrame, list[Problem]]:
        """Every rating of the table, and what is wrong."""
        file, _, sheet = self.table.name.partition(" › ")
        self.file, self.sheet = file, sheet
        self.codecs: dict[tuple[str, str], Codec] = {
            (name, item.name): make_codec(book, item) for name, book in self.books.items() for item in book.columns
        }
        self.by_number = {(held.patient, held.session): key for key, held in (self.expected.sessions or {}).items()}
        self.rows: dict[tuple[RatingPlace, str], tuple[Reading, str]] = {}
        self.blank: dict[tuple[RatingPlace, str], str] = {}
        self.said: set[tuple[str, ...]] = set()
        self.held: dict[str, Held] = {}
        self._say_layout()
        body = [row for row in range(self.head + 1, len(self.table.rows)) if any(map_text(self.table.rows[row]))]
        columns = [[self._cell(row, place.column) for row in body] for place in self.layout.places]
        self.decimal = table_mark(columns)
        for row in body:
            self._row(row)
        self._gaps()
        problems = ask_for_codes(self.problems, self.suspects, self.books)
        return self._frame(), sorted(problems, key=lambda one: one.severity != "error")

    def _say_layout(self) -> None:
        read = {*self.layout.keys.values(), *(place.column for place in self.layout.places)}
        self.problems += self.table.said(read)
        self.problems.append(Problem("layout_read", self.file, self.sheet, found=self.layout.said))
        if self.layout.unread:
            found = ", ".join(self.layout.unread)
            self.problems.append(Problem("extra_column", self.file, self.sheet, found=found))
        if not self.books:
            self.problems.append(Problem("no_codebook", self.file, self.sheet))
        named = {place.item for place in self.layout.places}
        if None in named or not self.books:
            return
        for book in self.books.values():
            own = [item for item in book.columns if not (item.given or item.optional)]
            gone = [item.name for item in own if item.name not in named]
            if len(gone) < len(own):
                for name in gone:
                    found = nearest(name, self.layout.unread) or "none like it"
                    self.problems.append(Problem("header_renamed", self.file, self.sheet, "", "", found, name))

    def _cell(self, row: int, column: int) -> Any:
        cells = self.table.rows[row]
        return cells[column] if column < len(cells) else ""

    def _key(self, row: int, name: str) -> str:
        place = self.layout.keys.get(name)
        return "" if place is None else cell_text(self._cell(row, place))

    def _where(self, row: int, column: int) -> str:
        place = self.table.place(row, column)
        return place if self.sheet else f"{place}, {cell_text(self.table.rows[self.head][column])}"

    def _problem(self, code: str, where: str, subject: str, found: str = "", allowed: str = "") -> None:
        """Say once what is wrong with a session, a rater or a cell."""
        key = (code, subject, found)
        if key not in self.said:
            self.said.add(key)
            self.problems.append(Problem(code, self.file, self.sheet, where, subject, found, allowed))

    def _row(self, row: int) -> None:
        session, occasion = self._session(row), self._occasion(row)
        if session is None or occasion is None:
            return
        for place in self.layout.places:
            where = self._where(row, place.column)
            item = place.item or self._key(row, "item")
            rater = place.rater or self._key(row, "rater")
            instrument = self._instrument(row, item, where)
            if instrument is None:
                continue
            key = (RatingPlace(session, rater, instrument, occasion), item)
            cell, gone = self._cell(row, place.column), self.table.declared.get((row, place.column))
            if gone is None and not cell_text(cell):
                self.blank.setdefault(key, where)  # whether it is missing depends on what else she rated
                continue
            if not self._is_hers(key[0], where):
                continue
            if key in self.rows:
                self._problem("duplicate_rating", where, key[0].who(item), f"{self.rows[key][1]} and {where}")
                continue
            reading = self._reading(cell, key, where) if gone is None else Reading(missing=gone)
            if reading is not None:
                self.rows[key] = reading, where

    def _session(self, row: int) -> str | None:
        """The id of the session that a row is of; None, with a problem, where the study does not know it."""
        session_id, patient, number = (self._key(row, name) for name in ("session_id", "patient", "session"))
        where = self._where(row, self.layout.keys.get("session_id", self.layout.keys.get("session", 0)))
        known = self.expected.sessions
        if not session_id and not patient:
            session_id = number  # a column of ids that is called session
        if known is None:
            session = session_id or f"{patient}-{number}"
            value = number_in_cell(number)
            is_number = bool(patient) and value is not None and value.is_integer()
            self.held[session] = Held(patient or None, None, int(value) if is_number and value is not None else None)
            return session
        if not session_id:
            value = number_in_cell(number)
            whole = value is not None and math.isfinite(value) and value.is_integer()
            session_id = self.by_number.get((patient, int(value)), "") if whole and value is not None else ""
        if session_id in known:
            self.held[session_id] = known[session_id]
            return session_id
        shown = session_id or f"{patient}, session {number}"
        meant = nearest(shown, known)
        asked = " (see sessions.csv)" if meant is None else f"; did you mean {meant}?"
        self._problem("unknown_session", where, "", shown, asked)
        return None

    def _occasion(self, row: int) -> int | None:
        """Which time the rater rated the session, 1 where nothing says it; None, with a problem, for no count."""
        text = self._key(row, OCCASION)
        number = number_in_cell(text) if text else 1.0
        if number is not None and number.is_integer() and number >= 1:
            return int(number)
        where = self._where(row, self.layout.keys[OCCASION])
        self._problem("out_of_range", where, OCCASION, text, "a whole number from 1")
        return None

    def _instrument(self, row: int, item: str, where: str) -> str | None:
        """The codebook that an item belongs to; None, with a problem, where it belongs to none or to several."""
        named = self._key(row, "instrument")
        if not self.books:
            return named or UNNAMED
        if named and named not in self.books:
            allowed = ", ".join(self.books)
            self._problem("wrong_instrument", where, "", f"the instrument {named}", allowed)
            return None
        holders = [name for name in ([named] if named else self.books) if (name, item) in self.codecs]
        if len(holders) == 1:
            return holders[0]
        if holders:
            self._problem("item_of_several", where, "", item, ", ".join(holders))
            return None
        known = [name for book, name in self.codecs if not named or book == named]
        meant = nearest(item, known)
        asked = ", ".join(known[:12]) + ("" if meant is None else f"; did you mean {meant}?")
        self._problem("unknown_item", where, "", item or "an empty cell", asked)
        return None

    def _is_hers(self, place: RatingPlace, where: str) -> bool:
        """Whether the rater is known and was to rate the session with this instrument."""
        if self.study is None:
            if not place.rater:
                self._problem("unknown_rater", where, "", "an empty cell", "an id")
            return bool(place.rater)
        raters = [rater.id for rater in self.study.raters]
        if place.rater not in raters:
            meant = nearest(place.rater, raters)
            asked = ", ".join(raters) + ("" if meant is None else f"; did you mean {meant}?")
            self._problem("unknown_rater", where, "", place.rater or "an empty cell", asked)
            return False
        own, assigned = self.study.use(place.instrument).raters, self.expected.assigned
        hers = place.rater in (own or raters)
        if assigned is not None:
            hers = place.session_id in assigned.get((place.rater, place.instrument, place.occasion), {})
        if not hers and place.session_id not in self.expected.out:
            subject = f"{place.rater}, {place.instrument}"
            self._problem("not_assigned", where, subject, place.session_id)
        return hers

    def _reading(self, cell: Any, key: tuple[RatingPlace, str], where: str) -> Reading | None:
        place, item = key
        codec = self.codecs.get((place.instrument, item))
        number = number_in_cell(cell, self.decimal)
        if codec is None:
            return Reading(number) if number is not None else Reading(text=cell_text(cell))
        numeric = codec.item.is_numeric and number is not None and not math.isnan(number)
        reading = read_cell(number if numeric else cell, codec, self.held[place.session_id].session)
        if reading.problem and place.session_id in self.expected.out:
            return reading if reading.problem == "text_number" else None  # it is in no number, so it stops nothing
        if reading.problem:
            subject = place.who(item)
            self._problem(reading.problem, where, subject, reading.found, reading.allowed)
            if number in USUAL_CODES and reading.problem == "out_of_range":
                self.suspects.setdefault(number, []).append(self.problems[-1])
            return reading if reading.problem == "text_number" else None
        return None if reading.is_empty else reading

    def _gaps(self) -> None:
        """Items without a rating, where the rater rated others of the same session."""
        rated: dict[RatingPlace, set[str]] = {}
        for place, name in self.rows:
            rated.setdefault(place, set()).add(name)
        there = {place.item for place in self.layout.places}
        for place, done in rated.items():
            book = self.books.get(place.instrument)
            for item in () if book is None else book.columns:
                if item.given:
                    self._given((place, item.name))
                elif not (item.optional or item.name in done) and (None in there or item.name in there):
                    self._gap((place, item.name))

    def _given(self, key: tuple[RatingPlace, str]) -> None:
        """What was entered beforehand for the raters, where the table does not hold it."""
        text = (self.expected.given or {}).get((key[0].session_id, key[1]))
        if text and key not in self.rows:
            self.rows[key] = Reading(text=text), "given"

    def _gap(self, key: tuple[RatingPlace, str]) -> None:
        place, item = key
        subject = place.who(item)
        if any(one[1] == subject for one in self.said):
            return  # something is wrong with what stands there
        where = self.blank.get(key, "")
        if place.session_id in self.expected.out:
            return
        if self.blanks:
            self.rows[key] = Reading(missing=NO_REASON), where
            return
        codec = self.codecs[place.instrument, item]
        self._problem("rating_absent", where, subject, "", codec.allowed)

    def _frame(self) -> pd.DataFrame:
        name = self.study.name if self.study is not None else UNNAMED
        assigned = self.expected.assigned or {}
        rows = []
        for (place, item), (reading, where) in self.rows.items():
            held = self.held[place.session_id]
            role = assigned.get((place.rater, place.instrument, place.occasion), {}).get(place.session_id, (None,))[0]
            rows.append((
                name, held.patient, held.therapist, held.session, place.session_id, place.rater, role,
                place.instrument, item, reading.value, reading.text, reading.missing, held.phase,
                self.path.name, self.sheet, where,
            ))  # fmt: skip
        frame = pd.DataFrame(rows, columns=list(RATINGS.columns))
        times = [place.occasion for place, _ in self.rows]
        whole = bool(len(frame)) and bool(frame["session"].notna().all())
        kinds = {"text": "str", "number": "float64", "integer": "int64" if whole else "float64"}
        # texts by Series: older pandas' astype makes a word of what is missing
        typed = {column: pd.Series([*frame[column]], dtype=kinds[kind]) for column, kind in RATINGS.columns.items()}
        read = pd.DataFrame(typed | ({OCCASION: times} if max(times, default=1) > 1 else {}))
        return as_sent(read, self.expected) if self.books else read
