"""The rows of a lab's codebook: where its heads stand, what its columns are, and which of them are not read."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from doublecode.coding.reading.codebook_draft import Draft, range_of
from doublecode.coding.reading.codebook_words import folded
from doublecode.coding.reading.long_table import Table, cell_text
from doublecode.schemas.near_names import nearest

Row = Mapping[str, str]

_OF_A_FORM: Final = frozenset({
    "form name", "form_name", "section header", "section_header", "identifier?", "identifier", "custom alignment",
    "custom_alignment", "question number (surveys only)", "question_number", "matrix group name", "matrix_group_name",
    "matrix ranking?", "matrix_ranking",
})  # fmt: skip
"""Columns of a REDCap dictionary that say nothing of an item."""
_SEARCHED, _MOST_SHOWN, _SHORTEST = 20, 60, 3


def any_case(*heads: Mapping[str, Sequence[str]]) -> Iterable[str]:
    """Heads as people write them: they tell what parts the cells of a text file."""
    for name in (name for one in heads for names in one.values() for name in names):
        yield from {name, name.title(), name.capitalize(), name.upper()}


def heads_at(table: Table, row: int) -> dict[str, int]:
    """Where a head stands, as it is written and as it is compared; of several languages the first."""
    places: dict[str, int] = {}
    for place, cell in enumerate(table.rows[row] if row < len(table.rows) else ()):
        written = re.sub(r"\s+", " ", cell_text(cell)).casefold()
        for head in (written, folded(written), written.partition("::")[0]):
            places.setdefault(head, place)
    return places


def head_row(table: Table, *wanted: Mapping[str, Sequence[str]]) -> int:
    """The row of the heads: the first that is filled, or one below it that has more of the known heads, two at least.

    Labs write the title of a codebook above its heads.
    """
    filled = [at for at, row in enumerate(table.rows) if any(map(cell_text, row))]
    known = [{name for names in one.values() for name in names} for one in wanted]
    counts = {at: max(len(one & heads_at(table, at).keys()) for one in known) for at in filled[:_SEARCHED]}
    if not counts:
        return 0
    best = max(counts, key=lambda at: (counts[at], -at))
    return best if counts[best] >= 2 else filled[0]


def rows_of(table: Table, wanted: Mapping[str, Sequence[str]], draft: Draft) -> Iterable[tuple[str, dict[str, str]]]:
    """Each filled row below the heads: its place, and its cells by what they are called here.

    Rows above the heads, and columns that hold something and are not read, are passed over by name.
    """
    top = head_row(table, wanted)
    above = [text for row in table.rows[:top] for text in map(cell_text, row) if text]
    if above:
        what = f"the heads are taken from here; what stands above them is not read ({_shown(above[0])})"
        draft.passed_over.append((f"{table.name}, {table.place(top, 0)}", what))
    filled = [at for at in range(top + 1, len(table.rows)) if any(map(cell_text, table.rows[at]))]
    heads = heads_at(table, top)
    places = {key: next((heads[name] for name in names if name in heads), None) for key, names in wanted.items()}
    cells = {at: [cell_text(cell) for cell in table.rows[at]] for at in filled}
    titles = [cell_text(cell) for cell in table.rows[top]] if table.rows else []
    if {"range", "scale"} <= wanted.keys() and (
        moved := _range_for_scale(places, heads, wanted["scale"], [*cells.values()])
    ):
        places |= moved
        what = f"the column {titles[moved['range'] or 0]!r} holds ranges and is taken for them"
        draft.passed_over.append((table.name, what))
    draft.passed_over += [(table.name, text) for text in _not_read(titles, cells.values(), {*places.values()}, wanted)]
    for at in filled:
        row = cells[at]
        found = {key: row[place] if place is not None and place < len(row) else "" for key, place in places.items()}
        yield f"{table.name}, {table.place(at, 0)}", found


def _range_for_scale(
    places: Mapping[str, int | None], heads: Mapping[str, int], names: Sequence[str], rows: Sequence[Sequence[str]]
) -> dict[str, int | None]:
    """A column *Skala* of cells such as ``1-7`` is the range; the scale may stand in another column."""
    at = places["scale"]
    if at is None or any(places[key] is not None for key in ("range", "minimum", "maximum")):
        return {}
    said = [row[at] for row in rows if at < len(row) and row[at]]
    if not said or not all(range_of(text) for text in said):
        return {}
    return {"range": at, "scale": next((heads[name] for name in names if heads.get(name, at) != at), None)}


def _not_read(
    titles: Sequence[str], rows: Collection[Sequence[str]], read: Collection[int | None],
    wanted: Mapping[str, Sequence[str]],
) -> Iterable[str]:  # fmt: skip
    known = [name for names in wanted.values() for name in names if len(name) >= _SHORTEST]
    for place, head in enumerate(titles):
        said = [row[place] for row in rows if place < len(row) and row[place]]
        if not said or place in read or head.casefold() in _OF_A_FORM:
            continue
        is_count = said == [str(number) for number in range(1, len(said) + 1)]
        meant = None if is_count else nearest(folded(head), known)
        asked = "" if meant is None else f"; did you mean {meant!r}?"
        cells = "1 cell" if len(said) == 1 else f"{len(said)} cells"
        what = f"the column {head!r}" if head else f"column {place + 1}, which has no head,"
        example = f"running numbers from {said[0]}" if is_count else f"such as {_shown(said[0])}"
        yield f"{what} is not read ({cells}, {example}){asked}"


def _shown(text: str) -> str:
    return repr(text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 1]}…")
