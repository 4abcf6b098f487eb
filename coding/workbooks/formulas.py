"""The formulas of a *Rate* sheet: what is allowed in a cell, what is done, what is still missing.

Each comes back without its equals sign. Ranges hold the rows of all sessions; a row is named by its number, its
columns are fixed, so that a rule for the first row says the same of all others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from doublecode.coding.reading.cells import YES_NO, make_reader
from doublecode.coding.workbooks.layout import HEADER_ROW, NOTES, OTHER, SESSION, STATUS, rate_columns, rated_items
from doublecode.schemas.instrument import Instrument
from doublecode.schemas.item import Item
from doublecode.schemas.workbook_texts import WorkbookTexts

FIRST = HEADER_ROW + 1
LONGEST, _MOST_TERMS = 8000, 200
_DIGITS = 9
"""Letters of a formula, of which Excel takes 8,192, and terms of a function."""


@dataclass(frozen=True)
class Grid:
    """Where the cells of a *Rate* sheet stand.

    Attributes
    ----------
    n_rows : int
        Sessions, at least one.
    segments : bool
        Whether there are columns for the stretch to be heard.
    """

    book: Instrument
    texts: WorkbookTexts
    n_rows: int
    segments: bool = True

    @property
    def last(self) -> int:
        """The last row."""
        return HEADER_ROW + self.n_rows

    def letter(self, name: str) -> str:
        """The letter of a column."""
        from openpyxl.utils import get_column_letter

        return get_column_letter(rate_columns(self.book, segments=self.segments).index(name) + 1)

    def cell(self, name: str) -> str:
        """The cell of a column in the first row."""
        return f"${self.letter(name)}{FIRST}"

    def column(self, name: str) -> str:
        """The cells of a column in all rows."""
        return f"${self.letter(name)}${FIRST}:${self.letter(name)}${self.last}"

    def cells(self, names: Sequence[str]) -> str:
        """Neighbouring cells in the first row."""
        return f"${self.letter(names[0])}{FIRST}:${self.letter(names[-1])}{FIRST}"

    @property
    def rated(self) -> list[str]:
        """Columns of all items that are rated; they are neighbours."""
        return [item.name for item in rated_items(self.book)]

    @property
    def needed(self) -> list[str]:
        """Columns that no session leaves empty."""
        return [item.name for item in rated_items(self.book) if not item.optional]

    @property
    def slots(self) -> list[tuple[list[str], list[str]]]:
        """Per slot of a log its columns, and those that a slot in use needs beyond what every session needs."""
        always = set(self.needed)
        slots = ((list(own), [name for name in needed if name not in always]) for own, needed in _slots(self.book))
        return [(own, needed) for own, needed in slots if needed]


def _slots(book: Instrument) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    rated = {item.name for item in rated_items(book)}
    for own, needed in make_reader(book).slots:
        yield tuple(name for name in own if name in rated), tuple(name for name in needed if name in rated)


def is_value(item: Item, cell: str) -> str:
    """Whether a cell holds a number of a numeric item without a list of codes: whole where it has to be, in range."""
    ends = [f"{cell}>={item.low:g}", *([] if item.high == float("inf") else [f"{cell}<={item.high:g}"])]
    places = item.decimals if item.type == "decimal" else 0
    rounded = [] if places is None else [f"ROUND({cell},{places})={cell}"]
    return f"IF(ISNUMBER({cell}),AND({','.join([*ends, *rounded])}),FALSE)"


def is_allowed(book: Instrument, item: Item, cell: str) -> str:
    """Whether a filled cell holds a value or a missing code of the item; empty where anything may stand."""
    if item.multiple or item.type == "text":
        return ""
    words = [*item.categories, *book.missing_for(item)]
    said = [f'TRIM({cell}&"")={_quoted(word)}' for word in words]
    numbers = [] if item.categories else [f"({_as_number_or_text(item, cell)})"]
    return _any([*numbers, *said])


def _as_number_or_text(item: Item, cell: str) -> str:
    """Whether a cell holds a value as a number or, as the reader takes it too, written out as text (an apostrophe)."""
    text = f'TRIM({cell}&"")'
    is_whole = item.type != "decimal"
    if item.type == "yes_no":
        return _one_of(text, ("0", "1", *YES_NO))
    if is_whole and item.low >= 0 and item.high <= _DIGITS:
        digits = "".join(map(str, range(int(item.low), int(item.high) + 1)))
        return f"AND(LEN({text})=1,ISNUMBER(FIND({text},{_quoted(digits)})))"
    if is_whole and item.high - item.low <= _DIGITS * 2:
        return _one_of(text, map(str, range(int(item.low), int(item.high) + 1)))
    # VALUE takes 2-3 for a day; written as a number again it is another text
    number = f"VALUE({text})" if is_whole else f'_xlfn.NUMBERVALUE(SUBSTITUTE({text},",","."),".","_")'
    same = f'TEXT({number},"0")={text}' if is_whole else f'ISERROR(FIND("%",{text})),ISERROR(FIND(" ",{text}))'
    written = is_value(item, number)
    return f"IF(ISNUMBER({cell}),{is_value(item, cell)},IFERROR(AND({same},{written}),FALSE))"


def _one_of(text: str, words: Iterable[str]) -> str:
    """Whether a text is one of some short words in small letters."""
    return f'ISNUMBER(FIND("|"&LOWER({text})&"|",{_quoted("|" + "|".join(words) + "|")}))'


def _any(terms: Sequence[str]) -> str:
    """Whether one of the terms holds; a function of Excel takes at most 255 of them."""
    groups = [f"OR({','.join(terms[at : at + _MOST_TERMS])})" for at in range(0, len(terms), _MOST_TERMS)]
    return groups[0] if len(groups) == 1 else f"OR({','.join(groups)})"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _any_filled(names: Iterable[str], grid: Grid) -> str:
    """Per row, more than 0 where one of the cells is filled."""
    return "(" + "+".join(f'({grid.column(name)}<>"")' for name in names) + ")"


def _n_empty(names: Iterable[str], grid: Grid) -> str:
    """Per row, how many of the cells are empty."""
    return "+".join(f'({grid.column(name)}="")' for name in names)


def _all_filled(names: Iterable[str], grid: Grid) -> str:
    return "*".join(f'({grid.column(name)}<>"")' for name in names)


def _done(grid: Grid) -> str:
    """Per row, more than 0 where a session is done: a reason, or every cell that it needs."""
    needed = grid.needed or grid.rated[:1]
    slots = [f"(({_any_filled(own, grid)}=0)+{_all_filled(must, grid)}>0)" for own, must in grid.slots]
    return f'({"*".join([_all_filled(needed, grid), *slots])}+({grid.column(STATUS)}<>""))'


def _open(grid: Grid) -> str:
    """The number of cells that are empty in sessions, or slots, that were begun."""
    free = f'({grid.column(STATUS)}="")'
    blocks = [(grid.rated, grid.needed), *grid.slots]
    sums = [f"SUMPRODUCT(({_any_filled(own, grid)}>0)*{free}*({_n_empty(must, grid)}))" for own, must in blocks if must]
    return "+".join(sums) or "0"


def progress(grid: Grid, n_sessions: int) -> str:
    """The line on top: sessions done, cells still empty in sessions that were begun, the next session."""
    count = f"SUMPRODUCT(--({_done(grid)}>0))"
    done = _joined(grid.texts.done, done=count, all=str(n_sessions))
    if not n_sessions:
        return done
    still = _joined(f" · {grid.texts.open_cells}", open=_open(grid))
    row = f"SUMPRODUCT(MIN(ROW({grid.column(SESSION)})+1000000*({_done(grid)}>0)))"
    session = f"INDEX($A$1:$A${grid.last},{row})"
    following = _joined(f" · {grid.texts.next_session}", session=session)
    parts = [done, f'IF({_open(grid)}>0,{still},"")']
    if grid.needed:  # a log may rightly stay empty: nothing says which session is next
        parts.append(f'IF({row}<1000000,{following},"")')
    return next(text for n in (3, 2, 1) if len(text := "&".join(parts[:n])) <= LONGEST or n == 1)


def _joined(text: str, **filled: str) -> str:
    """A text with formulas in its braces, as one formula."""
    from string import Formatter

    pieces = []
    for words, name, _, _ in Formatter().parse(text):
        pieces += [_quoted(words)] if words else []
        if name is not None:
            pieces.append(filled[name] if not filled[name].isdigit() else _quoted(filled[name]))
    return "&".join(pieces)


def blank(cell: str) -> str:
    """Whether a cell is empty, or holds blanks alone."""
    return f'TRIM({cell}&"")=""'


def missing_rules(grid: Grid) -> list[tuple[str, str]]:
    """Column and formula that holds, for its cell in the first row, where it must be filled and is not."""
    free = blank(grid.cell(STATUS))
    rules = [
        (name, f"AND({blank(grid.cell(name))},{free},COUNTA({grid.cells(own)})>0)")
        for own, must in [(grid.rated, grid.needed), *grid.slots]
        for name in must
    ]
    other = _is_reason(grid, OTHER)
    return [*rules, (NOTES, f"AND({blank(grid.cell(NOTES))},{other})")]


def refused_rules(grid: Grid) -> list[tuple[str, str]]:
    """Column and formula that holds, for its cell in the first row, where it is filled with what is not allowed."""
    rules = [
        (item.name, f"AND(NOT({blank(grid.cell(item.name))}),NOT({allowed}))")
        for item in rated_items(grid.book)
        if (allowed := is_allowed(grid.book, item, grid.cell(item.name)))
    ]
    known = ",".join(_is_reason(grid, code) for code in grid.texts.reasons)
    status = grid.cell(STATUS)
    wrong = f"AND(NOT({blank(status)}),OR(NOT(OR({known})),COUNTA({grid.cells(grid.rated)})>0))"
    return [*rules, (STATUS, wrong)]


def _is_reason(grid: Grid, code: str) -> str:
    words = dict.fromkeys((code, grid.texts.reasons[code]))
    return f"OR({','.join(f'TRIM({grid.cell(STATUS)})={_quoted(word)}' for word in words)})"


def wrong_rule(grid: Grid) -> str:
    """Whether anything that is not allowed stands in the session of the first row."""
    return _any([formula for _, formula in refused_rules(grid)])


def done_rule(grid: Grid) -> str:
    """Whether the session of the first row is done."""
    must = grid.needed or grid.rated[:1]
    empty = "+".join(f"({blank(grid.cell(name))})" for name in must)
    slots = [
        f"OR(COUNTA({grid.cells(own)})=0,{'+'.join(f'({blank(grid.cell(name))})' for name in need)}=0)"
        for own, need in grid.slots
    ]
    *_, (_, unsaid) = missing_rules(grid)
    skipped = f"AND({skipped_rule(grid)},NOT({unsaid}))"
    return f"OR({skipped},AND({','.join([f'{empty}=0', *slots])}))"


def begun_rule(grid: Grid) -> str:
    """Whether anything was rated in the session of the first row, or a reason given."""
    return f"OR(COUNTA({grid.cells(grid.rated)})>0,{skipped_rule(grid)})"


def skipped_rule(grid: Grid) -> str:
    """Whether the session of the first row cannot be coded, so that its cells stay empty."""
    return f"NOT({blank(grid.cell(STATUS))})"
