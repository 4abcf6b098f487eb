"""A lab's table with our heads: rows of its own, heads renamed, what stands for a missing value taken out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from doublecode.coding.reading.container import open_package
from doublecode.coding.reading.long_table import Table, cell_text, open_table
from doublecode.coding.reading.missing_codes import MissingCodes
from doublecode.coding.reading.redcap import keep_rows, merge_checkboxes, own_rows
from doublecode.coding.reading.statistics_files import statistics_kind
from doublecode.schemas.column_types import decimal_mark, table_mark
from doublecode.schemas.csv_rows import DELIMITERS, decoded
from doublecode.schemas.errors import ContractError, UsageError
from doublecode.schemas.near_names import ended
from doublecode.schemas.problems import Problem
from doublecode.schemas.study_tables import wrong_heads
from doublecode.schemas.table_source import NO_REASON, TableSource

NEVER_MISSING: Final = frozenset({"session_id", "patient", "session", "therapist", "rater", "instrument", "item"})
"""Columns that say what a row is about: a code for a missing value is a number like any other there."""


def open_mapped(
    path: Path,
    source: TableSource,
    columns: Collection[str],
    *,
    keys: Collection[str] = NEVER_MISSING,
    several_forms: bool = False,
    guess: Callable[[Sequence[str]], Mapping[str, str]] | None = None,
) -> Table:
    """Open a table and give its heads our names.

    Parameters
    ----------
    path : Path
    source : TableSource
        What was declared of it.
    columns : collection of str
        Columns that are looked for.
    keys : collection of str
        Columns in which nothing stands for a missing value.
    several_forms : bool
        Whether rows of several forms of REDCap may be of this table.
    guess : callable, optional
        Which of the heads that are not declared are columns of ours.

    Returns
    -------
    Table
        Rows that are left out are empty; ``declared`` says where something stood for a missing value, and which
        missing code it is.

    Raises
    ------
    ContractError
        The file lacks a head that is declared, or two heads are one column.
    UsageError
        The file cannot be read.
    """
    unknown = [] if guess is None else cells_of_head(path)
    table = open_table(path, [*source.map, *columns, *unknown], source.sheet)
    head = next((row for row, cells in enumerate(table.rows) if any(map(cell_text, cells))), None)
    if head is None:
        return table
    table = merge_checkboxes(table, head)
    heads = [cell_text(cell) for cell in table.rows[head]]
    wrong = list(wrong_heads(source, heads))
    if wrong:
        raise ContractError("\n".join([f"{table.name}: its heads are not those of study.toml.",
                                       *(f"  {ended(text)}" for text in wrong)]))  # fmt: skip
    table = _declared_rows(table, head, heads, source.rows)
    guessed = {} if guess is None else guess(heads)
    if guessed:
        found = ", ".join(f"{name} = {column}" for name, column in guessed.items())
        table = replace(table, remarks=(*table.remarks, Problem("heads_guessed", table.name, found=found)))
    names = {**guessed, **source.map}
    heads = [names.get(name, name) for name in heads]
    wanted = set(columns) - set(keys)
    values = {name for name in heads if name in wanted or (several_forms and _holds_one_of(name, wanted))}
    table, heads = own_rows(table, head, heads, values, several=several_forms or bool(source.rows))
    rows = [heads if row == head else cells for row, cells in enumerate(table.rows)]
    return _without_missing(replace(table, rows=rows), head, heads, source.missing_codes, keys)


def _holds_one_of(head: str, names: Collection[str]) -> bool:
    """Whether a head is made of a name and something else, such as the rater."""
    return any(head.startswith(name) or head.endswith(name) for name in names)


def _declared_rows(table: Table, head: int, heads: Sequence[str], rows: Mapping[str, str]) -> Table:
    for name, wanted in rows.items():
        place = heads.index(name)
        texts = [cell_text(cells[place]) if place < len(cells) else "" for cells in table.rows]
        if wanted not in texts[head + 1 :]:
            found = ", ".join(sorted(set(filter(None, texts[head + 1 :])))[:20]) or "nothing"
            raise ContractError(f"{table.name}: rows: no cell of {name!r} says {wanted!r}; found: {found}. Correct it.")
        table = keep_rows(table, head, [text == wanted for text in texts], texts)
    return table


def _without_missing(
    table: Table, head: int, heads: Sequence[str], codes: Mapping[str, str], keys: Collection[str]
) -> Table:
    """Take out what stands for a missing value, by column, and keep which code it was."""
    if not (codes or table.declared):
        return table
    matcher = MissingCodes(codes)
    rows = [list(cells) for cells in table.rows]
    body = [row for row in range(head + 1, len(rows)) if any(map(cell_text, rows[row]))]
    for row in body:
        rows[row] += [""] * (len(heads) - len(rows[row]))
    places = [place for place, name in enumerate(heads) if name and name not in keys]
    columns = {place: [rows[row][place] for row in body] for place in places}
    usual = table_mark(columns.values())
    declared: dict[tuple[int, int], str] = {}
    emptied: dict[tuple[int, int], str] = {}
    for place, cells in columns.items():
        decimal = decimal_mark(cells, usual)
        for row, cell in zip(body, cells, strict=True):
            own = table.declared.get((row, place))  # what the file itself declares as missing
            text = matcher.written(cell, decimal) if own is None else matcher.written(own)
            if own is None and text is None:
                continue
            declared[row, place] = (own or NO_REASON) if text is None else codes[text] or NO_REASON
            emptied[row, place] = text or "" if own is None else table.emptied[row, place]
            rows[row][place] = ""
    return replace(table, rows=rows, declared=declared, emptied=emptied)


def as_text(cell: Any) -> str:
    """A cell as a table of text has it: dates year-month-day, numbers without a needless point."""
    text = cell_text(cell)
    return text.removesuffix(" 00:00:00") if hasattr(cell, "isoformat") else text


def cells_of_head(path: Path) -> list[str]:
    """The heads of a text file by the delimiter that parts most of them; nothing of other files."""
    if not path.is_file():
        what = "is a folder. Name a file in it." if path.is_dir() else "there is no such file. Check the path."
        raise UsageError(f"{path}: {what}")
    package = None if statistics_kind(path) else open_package(path)
    text = decoded(package.data) if package is not None and package.kind == "csv" else None
    line = next((one for one in (text or "").lstrip("\ufeff").splitlines() if one.strip()), "")
    mark = max(DELIMITERS, key=line.count)
    return [cell.strip().strip('"').strip() for cell in line.split(mark)]
