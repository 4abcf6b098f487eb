"""Exports of REDCap: which rows of one file are of a table, and checkboxes as the several codes of one item.

A record has a row per repeated form and event. Rows of other forms are left out and counted; the instance of a repeated
form is the number of the session, or else the number in the name of its event.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from doublecode.coding.reading.long_table import Table, cell_text
from doublecode.schemas.column_types import number_in_cell
from doublecode.schemas.errors import ContractError
from doublecode.schemas.problems import Problem

FORM: Final = "redcap_repeat_instrument"
INSTANCE: Final = "redcap_repeat_instance"
EVENT: Final = "redcap_event_name"
RECORD: Final = "record_id"
_BOX: Final = re.compile(r"(\w+?)___(\w+)", re.ASCII)
_ARM: Final = re.compile(r"(_arm_\d+|\s*\(Arm[^)]*\))$", re.IGNORECASE)
_NUMBER: Final = re.compile(r"(\d+)$")
_CHECKED: Final = {"1": True, "checked": True, "0": False, "unchecked": False, "": None}


def merge_checkboxes(table: Table, head: int) -> Table:
    """Make one column of the columns ``item___1``, ``item___2`` …: the codes that are checked, joined by commas.

    Raises
    ------
    ContractError
        A cell says neither that its box is checked nor that it is not.
    """
    heads = [cell_text(cell) for cell in table.rows[head]]
    boxes: dict[str, dict[int, str]] = {}
    for place, name in enumerate(heads):
        found = _BOX.fullmatch(name)
        if found is not None and found[1] not in heads:
            code = f"-{found[2][1:]}" if found[2].startswith("_") else found[2]
            boxes.setdefault(found[1], {})[place] = code
    if not boxes:
        return table
    merged = {place for codes in boxes.values() for place in codes}
    rows = []
    for number, cells in enumerate(table.rows):
        filled = [*cells, *[""] * (len(heads) - len(cells))]
        if number == head:  # the boxes themselves are read; nobody needs their columns any more
            filled = ["" if place in merged else cell for place, cell in enumerate(filled)]
        more: list[Any] = list(boxes) if number == head else [""] * len(boxes)
        if number > head:
            more = [_checked(table, number, filled, codes) for codes in boxes.values()]
        rows.append([*filled, *more])
    return replace(table, rows=rows)


def _checked(table: Table, row: int, cells: Sequence[Any], codes: Mapping[int, str]) -> str:
    chosen = []
    for place, code in codes.items():
        text = cell_text(cells[place]).casefold()
        if text not in _CHECKED:
            where = f"{table.name}, {table.place(row, place)}"
            raise ContractError(
                f"{where}: found {cell_text(cells[place])!r} in a column of checkboxes, allowed 0, 1, Checked, "
                "Unchecked or an empty cell. Correct it."
            )
        if _CHECKED[text]:
            chosen.append(code)
    return ",".join(chosen)


def own_rows(
    table: Table, head: int, heads: Sequence[str], wanted: Collection[str], *, several: bool
) -> tuple[Table, list[str]]:
    """Leave out the rows of other forms and events, and say which column is the session and which the patient.

    Parameters
    ----------
    table : Table
    head : int
        Row of the heads.
    heads : sequence of str
        As they are called here.
    wanted : collection of str
        The columns that say by being filled that a row is of this table.
    several : bool
        Whether rows of several forms may be of this table, as of ratings with several instruments.

    Returns
    -------
    table : Table
    heads : list of str
        ``patient`` and ``session`` where no head was called so.
    """
    heads = list(heads)
    if not {FORM, EVENT, INSTANCE} & set(heads):
        return table, heads
    form, values = _place(heads, FORM), [place for place, name in enumerate(heads) if name in wanted]
    body = [row for row in range(head + 1, len(table.rows)) if any(map(cell_text, table.rows[row]))]
    if form is not None:
        forms = Counter(_at(table, row, form) for row in body)
        own = [name for name in forms if any(_at(table, row, place) for row in body for place in values
                                             if _at(table, row, form) == name)]  # fmt: skip
        if len(own) > 1 and not several:
            listed = ", ".join(repr(name) for name in own)
            raise ContractError(
                f"{table.name}: the columns stand in rows of several forms ({listed}). Say which are meant: "
                f'rows = {{ {FORM} = "{max(own)}" }} in study.toml.'
            )
        texts = [_at(table, row, form) for row in range(len(table.rows))]
        table = keep_rows(table, head, [text in own for text in texts], texts)
    if "patient" not in heads and RECORD in heads:
        heads[heads.index(RECORD)] = "patient"
    if "session" not in heads and "session_id" not in heads:
        table, heads = _with_session(table, head, heads)
    elif EVENT not in heads and "session" in heads:
        table = _numbered(table, head, heads.index("session"))
    return table, heads


def _place(heads: Sequence[str], name: str) -> int | None:
    return heads.index(name) if name in heads else None


def _at(table: Table, row: int, place: int | None) -> str:
    cells = table.rows[row]
    return cell_text(cells[place]) if place is not None and place < len(cells) else ""


def _with_session(table: Table, head: int, heads: list[str]) -> tuple[Table, list[str]]:
    """The instance of the repeated form, where rows have one; else the number in the name of the event."""
    instance, event = _place(heads, INSTANCE), _place(heads, EVENT)
    body = [row for row in range(head + 1, len(table.rows)) if any(map(cell_text, table.rows[row]))]
    place = instance if any(_at(table, row, instance) for row in body) else event
    if place is None:
        return table, heads
    heads[place] = "session"
    return (table if place == instance else _numbered(table, head, place)), heads


def _numbered(table: Table, head: int, place: int) -> Table:
    """Events as the numbers in their names; rows of events without one are left out."""
    names = [_at(table, row, place) for row in range(len(table.rows))]
    texts = [_ARM.sub("", name) for name in names]
    if all(number_in_cell(text) is not None for text in texts[head + 1 :]):
        return table
    kept = keep_rows(table, head, [not text or _NUMBER.search(text) is not None for text in texts], names)
    rows = [list(cells) for cells in kept.rows]
    for cells in rows[head + 1 :]:
        found = _NUMBER.search(_ARM.sub("", cell_text(cells[place]))) if place < len(cells) else None
        if found is not None:
            cells[place] = float(found[1])
    return replace(kept, rows=rows)


def keep_rows(table: Table, head: int, is_own: Sequence[bool], names: Sequence[str]) -> Table:
    """Empty the rows below the head that are of something else, and count them by what they are of."""
    gone = [row for row in range(head + 1, len(table.rows)) if any(map(cell_text, table.rows[row])) and not is_own[row]]
    if not gone:
        return table
    counts = Counter(names[row] or "(none)" for row in gone)
    found = ", ".join(f"{what} × {count}" for what, count in counts.items())
    emptied = set(gone)
    rows = [[] if row in emptied else cells for row, cells in enumerate(table.rows)]
    return replace(table, rows=rows, remarks=(*table.remarks, Problem("rows_left_out", table.name, found=found)))
