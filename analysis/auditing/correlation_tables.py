"""Correlations that no data can have together: a matrix must not have a negative eigenvalue."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from doublecode.analysis.auditing.findings import Check, Finding, Reason, Verdict, undecided
from doublecode.analysis.auditing.paper import Paper
from doublecode.analysis.auditing.printed_numbers import Printed, Span
from doublecode.analysis.auditing.table_cells import Cell, TextTable

_CALLED: Final = re.compile(r"correlat|korrel|intercorr|interkorr")
_LOOK_BACK: Final = 300
_MOST: Final = 40
Entries = dict[tuple[int, int], Printed]


def checked_matrices(paper: Paper) -> Iterator[Finding]:
    """Hold every table that is called a table of correlations against what correlations can be."""
    for table in paper.tables:
        start, end = table.place
        if _CALLED.search(paper.plain[max(0, start - _LOOK_BACK) : start + 200].lower()) is None:
            continue
        entries, size = _entries(table)
        if size >= 3 and len(entries) == size * (size - 1) // 2:
            yield _checked(entries, size, (start, end))
        elif size >= 3 and entries:
            yield undecided(Check.CORRELATIONS, (start, end), f"{len(entries)} correlations", Reason.TOO_COARSE)


def _entries(table: TextTable) -> tuple[Entries, int]:
    """The correlations by their places, from the lower or the upper triangle, and the number of variables."""
    head = table.rows[0]
    first = next((place for place, cell in enumerate(head) if re.fullmatch(r"\(?1\.?\)?", cell.text)), None)
    rows = table.rows[1:]
    if first is None or len(rows) > _MOST:
        return {}, 0
    size = len(head) - first
    if len(rows) not in (size, size + 1) and len(rows) < size:
        return {}, 0
    found: Entries = {}
    for i, row in enumerate(rows[:size]):
        for j, cell in enumerate(row[first:]):
            number = _correlation(cell)
            if number is not None and i != j and (max(i, j), min(i, j)) not in found and j < size:
                found[max(i, j), min(i, j)] = number
    return found, size


def _correlation(cell: Cell) -> Printed | None:
    number = cell.number
    return number if number is not None and number.decimals > 0 and abs(number.value) <= 1.0 else None


def _checked(entries: Entries, size: int, place: tuple[int, int]) -> Finding:
    matrix = np.eye(size)
    for (i, j), number in entries.items():
        matrix[i, j] = matrix[j, i] = number.value
    least = float(np.linalg.eigvalsh(matrix)[0])
    room = (size - 1) * max(number.half_unit for number in entries.values())
    facts: dict[str, Any] = {"least": least, "size": size, "repairs": []}
    asked = least < -room
    if asked:
        facts["repairs"] = _sign_repairs(matrix, entries, room)
    verdict = Verdict.QUESTION if asked else Verdict.CONSISTENT
    return Finding(
        Check.CORRELATIONS, verdict, *place, f"{len(entries)} correlations", least, Span(-room, 1.0), None, facts
    )


def _sign_repairs(matrix: np.ndarray[Any, Any], entries: Entries, room: float) -> list[dict[str, Any]]:
    """Correlations whose other sign would make the matrix possible."""
    found = []
    for (i, j), number in entries.items():
        other = matrix.copy()
        other[i, j] = other[j, i] = -matrix[i, j]
        if float(np.linalg.eigvalsh(other)[0]) >= 0.0:
            found.append({"row": i + 1, "column": j + 1, "old": number.text})
    return found[:3]
