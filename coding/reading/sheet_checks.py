"""The checks of a sheet as a whole: its heads, its shape, and which sessions its rows are."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from doublecode.coding.reading.cells import show_cell, show_text
from doublecode.coding.reading.container import calls_out
from doublecode.coding.reading.expectations import Expected, order_of_another
from doublecode.coding.reading.sheet_shape import Shape, cell_name, split_cell, split_range
from doublecode.coding.reading.table_remarks import alike
from doublecode.coding.workbooks.layout import (
    NOTE_MARK,
    NOTES,
    RATE,
    RECORDING,
    SESSION,
    START,
    STOP,
    Stamp,
    rate_columns,
)
from doublecode.schemas.instrument import Instrument
from doublecode.schemas.letters import clean, unseen_in
from doublecode.schemas.near_names import nearest
from doublecode.schemas.phrases import Phrase
from doublecode.schemas.problems import Problem

_BREACH = re.compile(
    r"phq|gad|bdi|outcome|symptom|depress|patient|client|therapist|diagnos|phase|\bdate\b|\bage\b|birth|"
    r"klient|therapeut|\bdatum\b|\balter\b|geburt|^(nach|vor)?name$|initial|"
    r"^session[ _]?(no|nr|number|num|#)?\.?$|^(session|week)[ _]?number",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"\b(Frau|Herrn?|Fr\.|Hr\.|Mrs?|Ms|Miss)\b\.? +[A-ZÄÖÜ]|\b(Fr|Hr)\. +[A-ZÄÖÜ]")
_SEARCHED_ROWS, _LONGEST_HEAD = 40, 500
MOST_SAID = 200
_DISPENSABLE = (RECORDING, START, STOP, NOTES)


@dataclass(frozen=True)
class Heads:
    """Where the columns stand.

    Attributes
    ----------
    row : int
        Row of the heads, from 0; −1 if none was found.
    columns : dict of str to int
        Column name → its place, from 0.
    """

    row: int
    columns: dict[str, int]


def find_heads(grid: Sequence[Sequence[Any]], book: Instrument, file: str) -> tuple[Heads, list[Problem]]:
    """Find the row of heads, match it with the codebook by name, and list what does not fit."""
    names = rate_columns(book)
    wanted = {name.casefold() for name in names}
    best, hits = -1, max(2, len(names) // 3)  # the row of labels above may share most of its words, never all
    for row, cells in enumerate(grid[:_SEARCHED_ROWS]):
        own = sum(_fold(cell) in wanted for cell in cells)
        if own > hits:
            best, hits = row, own
        if best == row and hits == len(_written(names, cells)):
            break
    if best < 0:
        found = Phrase("no_heads")
        return Heads(-1, {}), [Problem("header_renamed", file, RATE, found=found, allowed=", ".join(names))]
    heads, problems = _match(grid[best], best, _written(names, grid[best]), file)
    return heads, [*problems, *(_under_others(heads, grid, book, file) if best else ())]


def _under_others(heads: Heads, grid: Sequence[Sequence[Any]], book: Instrument, file: str) -> Iterator[Problem]:
    """Heads of items that stand under the label of another one: the heads changed places and the codes did not."""
    of_label = {item.label.strip(): item.name for item in book.items}
    for item in book.items:
        place = heads.columns.get(item.name)
        above = grid[heads.row - 1][place] if place is not None and place < len(grid[heads.row - 1]) else ""
        label = above.strip().split("\n")[0] if isinstance(above, str) else ""
        other = of_label.get(label, item.name)
        if place is not None and other != item.name and label != item.label.strip():
            found, cell = show_text(item.name), cell_name(heads.row, place)
            yield Problem("header_renamed", file, RATE, cell, found=found, allowed=show_text(other))


def _written(names: tuple[str, ...], cells: Sequence[Any]) -> tuple[str, ...]:
    """The columns that were written: workbooks whose recordings are heard whole have no start and no stop."""
    there = {_fold(cell) for cell in cells}
    return names if {START, STOP} & there else tuple(name for name in names if name not in (START, STOP))


def _fold(cell: Any) -> str:
    return clean(cell).casefold() if isinstance(cell, str) and len(cell) <= _LONGEST_HEAD else ""


def _match(cells: Sequence[Any], row: int, names: tuple[str, ...], file: str) -> tuple[Heads, list[Problem]]:
    by_folded = {name.casefold(): name for name in names}
    columns: dict[str, int] = {}
    strangers: dict[int, str] = {}
    problems = []
    for place, cell in enumerate(cells):
        name = by_folded.get(_fold(cell))
        if name is None:
            text = cell.strip() if isinstance(cell, str) else str(cell)
            if text:
                strangers[place] = text
        elif name in columns:
            twice = Phrase("second_time", name)
            problems.append(
                Problem("header_renamed", file, RATE, cell_name(row, place), found=twice, allowed=Phrase("one"))
            )
        else:
            columns[name] = place
            if isinstance(cell, str) and unseen_in(cell):
                where = (file, RATE, cell_name(row, place))
                problems.append(Problem("text_number", *where, Phrase("head", name), show_text(cell), name))
    for place in [place for place, text in strangers.items() if _BREACH.search(text)]:
        found = Phrase("column", show_text(strangers.pop(place)))
        problems.append(Problem("blinding_breach", file, RATE, cell_name(row, place), found=found))
    problems += _renamed(names, columns, strangers, file, row, cells)
    for place, text in strangers.items():
        problems.append(Problem("extra_column", file, RATE, cell_name(row, place), found=show_text(text)))
    moved = _moved(names, columns)
    if moved:
        problems.append(Problem("columns_moved", file, RATE, found=Phrase("moved", ", ".join(moved))))
    return Heads(row, columns), problems


def _moved(names: tuple[str, ...], columns: dict[str, int]) -> list[str]:
    """The fewest columns that have to be put elsewhere to get the order of the codebook back."""
    order = sorted(columns, key=lambda name: columns[name])
    wanted = [name for name in names if name in columns]
    kept = {
        name
        for block in difflib.SequenceMatcher(None, order, wanted, autojunk=False).get_matching_blocks()
        for name in order[block.a : block.a + block.size]
    }
    return [name for name in order if name not in kept]


def _renamed(
    names: tuple[str, ...],
    columns: dict[str, int],
    strangers: dict[int, str],
    file: str,
    row: int,
    cells: Sequence[Any],
) -> Iterator[Problem]:
    """Every needed column that is not there, beside the strange or emptied head that may have taken its place."""
    needed = [name for name in names if name not in _DISPENSABLE and name not in columns]
    for name in needed:
        place = names.index(name)
        if place not in strangers:
            close = difflib.get_close_matches(name, strangers.values(), n=1, cutoff=0.5)
            place = next((at for at, text in strangers.items() if close and text == close[0]), -1)
        found = show_text(strangers.pop(place)) if place >= 0 else Phrase("no_column")
        if place < 0 and _is_emptied(names, name, columns, cells):
            place, found = names.index(name), Phrase("empty_cell")
        cell = cell_name(row, place) if place >= 0 else ""
        yield Problem("header_renamed", file, RATE, cell, found=found, allowed=f'"{name}"')


def _is_emptied(names: tuple[str, ...], name: str, columns: dict[str, int], cells: Sequence[Any]) -> bool:
    """Whether nothing stands where the head of a column was written, and its neighbours stand where theirs were."""
    place = names.index(name)
    near = [at for at in (place - 1, place + 1) if 0 <= at < len(names)]
    stay = all(columns.get(names[at]) == at for at in near)
    return stay and place < len(cells) and not is_filled(cells[place])


def check_shape(shape: Shape, heads: Heads, grid: Sequence[Sequence[Any]], file: str) -> list[Problem]:
    """Merged cells, hidden rows and columns, comments, and formulas that call out."""
    problems = [
        Problem("merged_cells", file, RATE, cells.partition(":")[0], found=cells)
        for cells in shape.merged
        if _meets(split_range(cells), heads)
    ]
    problems += _hidden(shape, heads, grid, file)
    problems += _strays(heads, grid, file)
    for cell, text in shape.comments.items():
        row, _ = split_cell(cell)
        if row > heads.row and text and not text.startswith(NOTE_MARK):
            problems.append(Problem("comment_found", file, RATE, cell, found=show_text(text, MOST_SAID)))
    for cell, (formula, _) in shape.formulas.items():
        if calls_out(formula):
            problems.append(Problem("active_content", file, RATE, cell, found=Phrase("formula", show_text(formula))))
    return problems


def _meets(cells: tuple[int, int, int, int], heads: Heads) -> bool:
    """Whether a merged range reaches into the table."""
    _, left, bottom, right = cells
    return bottom >= heads.row and any(left <= place <= right for place in heads.columns.values())


def _strays(heads: Heads, grid: Sequence[Sequence[Any]], file: str) -> Iterator[Problem]:
    """Columns without a head in which something stands beside the table."""
    bare = [place for place, head in enumerate(grid[heads.row]) if not show_cell(head).strip()]
    for place in bare:
        above = [(row, show_cell(grid[row][place]).strip()) for row in range(heads.row)]
        breach = next(((row, text) for row, text in above if _BREACH.search(text)), None)
        named = next(
            (row for row in range(heads.row + 1, len(grid)) if _ADDRESS.search(show_cell(grid[row][place]))), None
        )
        if breach is not None:
            head = Phrase("column", show_text(breach[1]))
            yield Problem("blinding_breach", file, RATE, cell_name(breach[0], place), found=head)
            continue
        if named is not None:
            yield Problem("blinding_breach", file, RATE, cell_name(named, place), found=Phrase("like_a_name"))
            continue
        filled = [row for row in range(heads.row + 1, len(grid)) if is_filled(grid[row][place])]
        if filled:
            first = show_text(show_cell(grid[filled[0]][place]))
            found = Phrase("and_below", first, str(len(filled) - 1)) if len(filled) > 1 else first
            yield Problem("stray_cell", file, RATE, cell_name(filled[0], place), found=found)


def _hidden(shape: Shape, heads: Heads, grid: Sequence[Sequence[Any]], file: str) -> Iterator[Problem]:
    rows = [
        row for row in shape.hidden_rows if heads.row < row <= len(grid) and any(cell != "" for cell in grid[row - 1])
    ]
    if rows:
        yield Problem("hidden_rows", file, RATE, f"A{rows[0]}", found=Phrase("rows", ", ".join(map(str, rows))))
    known = {place: name for name, place in heads.columns.items()}
    for first, last in shape.hidden_columns:
        names = [known[place] for place in range(first - 1, last) if place in known]
        if names:
            cell = cell_name(max(heads.row, 0), first - 1)
            yield Problem("hidden_rows", file, RATE, cell, found=Phrase("columns", ", ".join(names)))


def covered_cells(shape: Shape) -> frozenset[tuple[int, int]]:
    """Row and column, from 0, of every cell inside a merged range."""
    inside = set()
    for cells in shape.merged:
        top, left, bottom, right = split_range(cells)
        if (bottom - top + 1) * (right - left + 1) <= 100_000:
            inside |= {(row, column) for row in range(top, bottom + 1) for column in range(left, right + 1)}
    return frozenset(inside)


@dataclass(frozen=True)
class Row:
    """One row of a *Rate* sheet that belongs to a session.

    Attributes
    ----------
    number : int
        From 0.
    """

    number: int
    session_id: str


def find_rows(
    grid: Sequence[Sequence[Any]],
    heads: Heads,
    stamp: Stamp,
    expected: Expected,
    file: str,
    covered: Collection[tuple[int, int]] = (),
) -> tuple[list[Row], list[Row], list[Problem]]:
    """Say which session each row is; rows of unknown, foreign or repeated sessions become problems.

    The ids of `covered` cells lie in a merged range, whose problem is that. Rows of sessions that the study does not
    know come second: an id may be mistyped, and what else is wrong there should be said at once.
    """
    column = heads.columns[SESSION]
    places = [place for name, place in heads.columns.items() if name not in (RECORDING, START, STOP)]
    problems: list[Problem] = []
    rows: dict[str, Row] = {}
    repeated: set[str] = set()
    strangers: list[Row] = []
    mistyped: set[str] = set()
    present = {clean(show_cell(cells[column])) for cells in grid[heads.row + 1 :]}
    own_heads = {clean(show_cell(cells[column])) for cells in grid[max(0, heads.row - 1) : heads.row + 1]}
    for number in range(heads.row + 1, len(grid)):
        cells = grid[number]
        written = show_cell(cells[column])
        session = clean(written)
        cell = cell_name(number, column)
        if not session:
            if any(is_filled(cells[place]) for place in places) and (number, column) not in covered:
                problems.append(Problem("unknown_session", file, RATE, cell, found='""', allowed=Phrase("id_gone")))
            continue
        if session in own_heads:
            problems.append(Problem("heads_again", file, RATE, cell, found=session))
            continue
        if session in rows:
            both = Phrase("in_two_cells", session, cell_name(rows[session].number, column), cell)
            problems.append(Problem("duplicate_rating", file, RATE, cell, session, both))
            repeated.add(session)
            continue
        rows[session] = Row(number, session)
        problem, meant = _place_problem(session, stamp, expected, file, cell, present | mistyped)
        if problem is not None:
            problems.append(problem)
            mistyped |= {meant} if meant else set()
            repeated.add(session)
            if problem.code == "unknown_session":
                strangers.append(rows[session])
        elif written != session:
            problems.append(
                Problem("text_number", file, RATE, cell, f"{session}, {SESSION}", show_text(written), session)
            )
    problems += _missing_rows(rows, mistyped, stamp, expected, file)
    if expected.sessions is None and (found := alike(rows)):  # a study says of its own ids which are alike
        problems.append(Problem("labels_alike", file, RATE, subject=SESSION, found=found))
    problems += _rows_moved(rows, stamp, expected, file)
    return [row for row in rows.values() if row.session_id not in repeated], strangers, problems


def _rows_moved(rows: dict[str, Row], stamp: Stamp, expected: Expected, file: str) -> Iterator[Problem]:
    """Rows in another order: harmless if whole rows were moved, not if only some columns were sorted."""
    here, taken_out = expected.counted(rows), [session for session in rows if session in expected.out]
    sent = expected.counted(expected.order(stamp))
    if here in (sent, expected.counted(expected.order(stamp, taken_out))):
        return
    other = order_of_another(stamp, here, expected)
    if other is not None:
        own = f"{stamp.rater}, {stamp.instrument}, {stamp.batch}"
        yield Problem("stamp_differs", file, RATE, found=own, allowed=Phrase("order_of", other))
    elif set(sent) == set(here):
        n_moved = sum(one != other for one, other in zip(sent, here, strict=True))
        yield Problem("rows_moved", file, RATE, found=Phrase("stand_elsewhere", str(n_moved), str(len(sent))))


def is_filled(cell: Any) -> bool:
    """Whether a cell holds more than blanks."""
    return cell is not None and (not isinstance(cell, str) or bool(cell.strip()))


def _place_problem(
    session: str, stamp: Stamp, expected: Expected, file: str, cell: str, taken: Collection[str]
) -> tuple[Problem | None, str | None]:
    """Whether the study knows the session and gave it to this rater; and the id that may have been meant.

    No id is meant that another row has, or was taken to mean: its session would not be missed.
    """
    roles = expected.roles(stamp)
    if expected.sessions is not None and session not in expected.sessions:
        own = [name for name, (_, batch) in roles.items() if batch == stamp.batch]
        free = ([name for name in names if name not in taken] for names in (own, roles, expected.sessions))
        meant = next(filter(None, (nearest(session, names) for names in free)), None)
        allowed = Phrase("nearest", meant) if meant else ""
        found = session if session.isprintable() and len(session) <= 40 else show_text(session)
        return Problem("unknown_session", file, RATE, cell, found=found, allowed=allowed), meant
    if expected.assigned is not None and session not in roles:
        return Problem("not_assigned", file, RATE, cell, session, found=session), None
    return None, None


def _missing_rows(
    rows: dict[str, Row], mistyped: set[str], stamp: Stamp, expected: Expected, file: str
) -> Iterator[Problem]:
    for session, (_, batch) in expected.roles(stamp).items():
        if batch == stamp.batch and not (session in rows or session in mistyped):
            yield Problem("row_missing", file, RATE, subject=session, found=session)


def check_sheet_names(
    names: Sequence[str], own: Collection[str], read: Callable[[str], Sequence[Sequence[Any]]], file: str
) -> list[Problem]:
    """Sheets beside the workbook's own: what stands there is not read, and may be what raters must not have.

    Parameters
    ----------
    names : sequence of str
        All sheets of the file.
    own : collection of str
        Those that the workbook has of us.
    read : callable
        Gives the cells of a sheet by its name.
    """
    problems = []
    for name in names:
        if name in own:
            continue
        first = next(([show_cell(cell).strip() for cell in row] for row in read(name) if any(map(is_filled, row))), [])
        breach = next((text for text in (name, *first) if _BREACH.search(text)), None)
        if breach is not None:
            problems.append(Problem("blinding_breach", file, name, found=Phrase("another_column", show_text(breach))))
        elif first:
            problems.append(Problem("extra_sheet", file, name))
    return problems
