"""Sessions of patients who are in no number: nobody rates them any more, and their rows stop nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from doublecode.coding.reading.sheet_shape import split_cell
from doublecode.coding.workbooks.layout import RATE
from doublecode.schemas.frames import IN_NO_NUMBER
from doublecode.schemas.letters import clean
from doublecode.schemas.problems import Problem

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.schemas.study import Study

_OF_THE_SHEET: Final = frozenset({"merged_cells", "hidden_rows", "stray_cell", "active_content", "blinding_breach"})
_MOST_NAMED: Final = 12
LEFT_OUT: Final = "their patients are excluded or withdrew their consent (patients.csv), so nobody needs to hear them."


def sessions_left_out(study: Study, sessions: pd.DataFrame) -> dict[str, str]:
    """The sessions of patients who are excluded or withdrew their consent, each with the status.

    Parameters
    ----------
    study : Study
        Without a ``patients.csv`` nobody is left out.
    sessions : DataFrame
        ``session_id`` and ``patient``.

    Raises
    ------
    ContractError
        ``patients.csv`` breaks its contract.
    """
    from doublecode.coding.reading.study_tables import has_table, read_study_table

    if not has_table(study, "patients"):
        return {}
    patients = read_study_table(study, "patients")
    rows = patients[patients["status"].isin(IN_NO_NUMBER)]
    status = dict(zip(rows["patient"].astype(str), rows["status"], strict=True))
    pairs = zip(sessions["session_id"].astype(str), sessions["patient"].astype(str), strict=True)
    return {session: status[patient] for session, patient in pairs if patient in status}


def names_only(grid: Sequence[Sequence[Any]], known: Collection[str], some: Collection[str]) -> bool:
    """Whether all sessions that a sheet names, of those that the study knows, are among some."""
    named = {clean(cell) for row in grid for cell in row if isinstance(cell, str)} & set(known) if some else set()
    return bool(named) and named <= set(some)


def rows_left_out(grid: Sequence[Sequence[Any]], head: int, column: int, out: Collection[str]) -> dict[int, str]:
    """Rows of a sheet, from 0, whose session is left out; `column` holds the ids, `head` is the row of heads."""
    if not out:
        return {}
    ids = {row: cells[column] for row, cells in enumerate(grid) if row > head and isinstance(cells[column], str)}
    return {row: name for row, cell in ids.items() if (name := clean(cell)) in out}


def without_left_out(
    problems: Sequence[Problem], rows: Mapping[int, str], out: Mapping[str, str], file: str
) -> list[Problem]:
    """Take what is said of rows that are left out, whether empty, unfinished or gone, together into one info.

    Parameters
    ----------
    problems : sequence of Problem
        Of one file.
    rows : mapping of int to str
        Of its *Rate* sheet, by :func:`rows_left_out`.
    out : mapping of str to str
        All sessions that are left out, with the status of their patients.
    """
    if not out:
        return list(problems)
    kept, sessions = [], dict[str, str]()
    for one in problems:
        session = _session(one, rows, out)
        if session is None or one.code in _OF_THE_SHEET:
            kept.append(one)
        else:
            sessions[session] = out[session]
    if sessions:
        named = ", ".join([*sorted(sessions)[:_MOST_NAMED], *(["…"] if len(sessions) > _MOST_NAMED else [])])
        allowed = " or ".join(dict.fromkeys(sessions.values()))
        kept.append(Problem("row_left_out", file, RATE, found=f"{len(sessions)} ({named})", allowed=allowed))
    return kept


def _session(problem: Problem, rows: Mapping[int, str], out: Collection[str]) -> str | None:
    """The session left out that a problem is about, if it is about one."""
    if problem.code == "row_missing":
        return problem.subject if problem.subject in out else None
    return rows.get(split_cell(problem.cell)[0]) if problem.sheet == RATE and problem.cell else None
