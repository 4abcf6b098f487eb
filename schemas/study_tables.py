"""The tables of a study: where each one lies, which columns it may have, and whether what is declared of it fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from doublecode.schemas.csv_rows import read_csv_rows
from doublecode.schemas.dates import check_form
from doublecode.schemas.errors import StudyError, UsageError
from doublecode.schemas.frames import ASSIGNMENTS, GIVEN, PATIENTS, SESSIONS, THERAPISTS, Contract
from doublecode.schemas.gathered import Gathered
from doublecode.schemas.instrument import Instrument
from doublecode.schemas.letters import clean
from doublecode.schemas.near_names import allowed, ended, nearest
from doublecode.schemas.table_source import NO_REASON, TableSource

TABLES: Final[Mapping[str, Contract]] = {one.name: one for one in (SESSIONS, PATIENTS, THERAPISTS, ASSIGNMENTS, GIVEN)}
RATINGS_TABLE: Final = "ratings"
OUTCOME_COLUMNS: Final = ("patient", "session", "event")
"""Columns of an outcome beside its items."""
RATING_KEYS: Final = ("session_id", "patient", "session", "occasion", "rater", "instrument", "item", "value")
"""Columns of a long table of ratings; in a wide one items or raters are heads."""
SUFFIXES: Final = (".csv", ".tsv", ".xlsx", ".xls", ".ods", ".sav", ".dta")
"""What a table's file may end in where ``file`` does not name it."""
_FREE: Final = ("sessions", "patients", "therapists")
_OF_RATINGS: Final = ("layout", "pattern", "instrument")
TEXT_FILES: Final = (".csv", ".tsv", ".txt")
"""Files without sheets, whose heads are read here."""
_CASES: Final = (".sav", ".zsav", ".dta")
_MOST_SAID: Final = 20


@dataclass(frozen=True)
class StudyTables:
    """Where the tables of a study lie and which columns they may have.

    Attributes
    ----------
    folder : Path
        The study folder.
    declared : mapping of str to TableSource
        ``[tables.NAME]`` of study.toml.
    rated, outcomes : mapping of str to Instrument
        Codebooks that raters fill in, and those of outcomes.
    columns : tuple of str
        Columns of patients, therapists or sessions that the study asks for beyond ours.
    raters : tuple of str
    dated : frozenset of str
        Outcomes whose rows may have a date in the place of a session number.
    """

    folder: Path
    declared: Mapping[str, TableSource]
    rated: Mapping[str, Instrument]
    outcomes: Mapping[str, Instrument]
    columns: tuple[str, ...]
    raters: tuple[str, ...]
    dated: frozenset[str] = frozenset()

    def path(self, name: str) -> Path | None:
        """Where a table lies, by its name in any case, as Windows and macOS have it; None where there is none.

        Raises
        ------
        StudyError
            Two files bear the table's name and study.toml names neither.
        """
        source = self.declared.get(name)
        if source is not None and source.file is not None:
            return self.folder / source.file
        inside = self.folder / "outcomes" if name in self.outcomes else self.folder
        named = {f"{name}{suffix}".casefold() for suffix in SUFFIXES}
        there = sorted(inside.iterdir()) if inside.is_dir() else []
        found = [path for path in there if path.name.casefold() in named and path.is_file()]
        if len(found) > 1:
            names = [path.relative_to(self.folder).as_posix() for path in found]
            raise StudyError(
                f"{self.folder.name}: the table {name!r} lies there twice: {' and '.join(names)}. Remove one, or name "
                f'the right one in study.toml: [tables.{name}] file = "{names[0]}".'
            )
        return found[0] if found else None

    def columns_of(self, name: str) -> tuple[str, ...]:
        """Columns that a table may have to some effect: what a head may be mapped to."""
        if name in TABLES:
            return tuple(dict.fromkeys((*TABLES[name].columns, *(self.columns if name in _FREE else ()))))
        items = tuple(dict.fromkeys(item.name for book in self.books_of(name) for item in book.columns))
        if name == RATINGS_TABLE:
            return (*RATING_KEYS, *items, *self.raters)
        return (*OUTCOME_COLUMNS, *(("date",) if name in self.dated else ()), *items)

    def books_of(self, name: str) -> list[Instrument]:
        """The codebooks whose items stand in a table."""
        if name == RATINGS_TABLE:
            return list(self.rated.values())
        return [self.outcomes[name]] if name in self.outcomes else []

    def check(self) -> None:
        """Hold every ``[tables.NAME]`` to the study; all that is wrong is said at once.

        Raises
        ------
        StudyError
            An entry is about no table, its file is not there or outside of the folder, a head is mapped to no column
            of ours or is not in the file, two heads are mapped to one column, or a missing code is a value of an item.
        """
        known = (*TABLES, RATINGS_TABLE, *self.outcomes)
        wrong: list[str] = []
        for name, source in self.declared.items():
            where = f"tables.{name}"
            if name in known:
                wrong += [f"{where}.{text}" for text in (*_wrong_entries(self, name, source), *_wrong_file(self, name))]
            else:
                wrong.append(f"{where}: there is no such table; {allowed(name, known)}")
        raise_wrong(wrong)


def raise_wrong(entries: Sequence[str]) -> None:
    """Raise a StudyError that names every wrong entry of study.toml, if there is one."""
    wrong = Gathered()
    for text in entries:
        with wrong.one():
            raise StudyError(ended(text))
    wrong.refuse()


def _wrong_entries(held: StudyTables, name: str, source: TableSource) -> Iterator[str]:
    columns = held.columns_of(name)
    for head, column in source.map.items():
        if column not in columns:
            said = _said(column, columns)
            yield f"map: {head!r} is to be the column {column!r}, which the study does not use; {said}"
    heads_of: dict[str, list[str]] = {}
    for head, column in source.map.items():
        heads_of.setdefault(column, []).append(head)
    for column, heads in heads_of.items():
        if len(heads) > 1:
            yield f"map: {' and '.join(map(repr, heads))} are both to be {column!r}; keep one of them"
    for key in _OF_RATINGS:
        if name != RATINGS_TABLE and getattr(source, key) is not None:
            yield f"{key}: has an effect on [tables.{RATINGS_TABLE}] only; leave it out"
    if source.dates is not None:
        if name != "sessions" and name not in held.dated:
            yield "dates: has an effect on [tables.sessions] only; leave it out"
        try:
            check_form(source.dates)
        except UsageError as form:
            yield f"dates: {str(form).removeprefix('dates: ').rstrip('.')}"
    if source.instrument is not None and source.instrument not in held.rated:
        yield f"instrument: found {source.instrument!r}, {allowed(source.instrument, held.rated)}"
    if source.pattern is not None and not ("{item}" in source.pattern and "{rater}" in source.pattern):
        yield f"pattern: found {source.pattern!r}, allowed a text that holds {{item}} and {{rater}}"
    yield from wrong_missing(held.books_of(name), source)


def wrong_missing(books: Sequence[Instrument], source: TableSource) -> Iterator[str]:
    """Missing codes of a table that are values of an item, or are to be codes that no codebook has."""
    for text in source.missing_codes:
        for book in books:
            item = next((one for one in book.columns if one.holds(text) or text in one.categories), None)
            if item is not None:
                yield f"missing: {text!r} is a value of the item {item.name!r} of {book.name}; choose another code"
                break
    codes = tuple(dict.fromkeys(code for book in books for code in book.missing_codes))
    for text, code in source.missing_codes.items():
        if not books and code != text:
            yield f"missing: no codes of an instrument stand here to keep {text!r} under; write a list: [{text!r}]"
        elif books and code not in (text, NO_REASON, *codes):
            yield f"missing: {text!r} is to be the missing code {code!r}; {allowed(code, codes)}"


def _said(column: str, columns: Sequence[str]) -> str:
    meant = nearest(column, columns)
    listed = ", ".join(columns[:_MOST_SAID]) + (" …" if len(columns) > _MOST_SAID else "")
    return f"allowed: {listed}" + ("" if meant is None else f"; did you mean {meant!r}?")


def _wrong_file(held: StudyTables, name: str) -> Iterator[str]:
    """A file that is not there or outside of the folder; heads that a text file lacks."""
    source = held.declared[name]
    if source.file is not None:
        path = held.folder / source.file
        if not path.resolve().is_relative_to(held.folder.resolve()):
            yield f"file: {source.file!r} leads out of the study folder; copy the table into it"
            return
        if not path.is_file():
            inside = [one.relative_to(held.folder).as_posix() for one in path.parent.glob("*") if one.is_file()]
            meant = nearest(source.file, inside)
            asked = "" if meant is None else f"; did you mean {meant!r}?"
            yield f"file: there is no {source.file!r} in the study folder{asked}"
            return
    found = held.path(name)
    if found is not None and source.sheet is not None and found.suffix.lower() in (*TEXT_FILES, *_CASES):
        yield f"sheet: {found.name} has no sheets; leave it out"
    if found is None:
        yield f'file: there is no file {name}.csv, nor one of another kind; name it: file = "…"'
    elif found.suffix.lower() in TEXT_FILES:
        rows = read_csv_rows(found.read_bytes(), [*source.map, *held.columns_of(name)], found.name).rows
        head = next((row for row in rows if any(cell.strip() for cell in row)), [])
        yield from wrong_heads(source, [clean(cell) for cell in head])


def wrong_heads(source: TableSource, heads: Sequence[str]) -> Iterator[str]:
    """Heads that are declared and that the file lacks, each with the one that may have been meant."""
    for key, declared in (("map", source.map), ("rows", source.rows)):
        for head in declared:
            if head not in heads and not any(one.startswith(f"{head}___") for one in heads):
                yield f"{key}: the file has no head {head!r}; {_said(head, [one for one in heads if one])}"
    for head, column in source.map.items():
        if head in heads and column != head and column in heads and column not in source.map:
            yield f"map: {head!r} is to be {column!r}, and the file has a head {column!r} too; rename one of them"
