"""Which ratings and answers are in the numbers: not those of excluded patients, nor of sessions left undeclared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from doublecode.schemas.frames import IN_NO_NUMBER, WITHDRAWN
from doublecode.schemas.problems import Problem

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.schemas.study import Study


@dataclass(frozen=True, eq=False)
class CountedRows:
    """Rows of a study by whether they are in its numbers.

    Attributes
    ----------
    counted, kept_out : DataFrame
        Together the rows that were given, with their labels.
    remarks : tuple of Problem
        How many rows were kept out, and why; infos.
    """

    counted: pd.DataFrame
    kept_out: pd.DataFrame
    remarks: tuple[Problem, ...]


def counted_rows(rows: pd.DataFrame, study: Study, patients: pd.DataFrame, what: str) -> CountedRows:
    """Part the rows that are in the numbers from those that are not.

    Parameters
    ----------
    rows : DataFrame
        Ratings or answers: ``patient, session, instrument``, and ``phase`` where there is a pilot.
    study : Study
        Its instruments say in which sessions they are used; the pilot is not bound to them.
    patients : DataFrame
        Contract ``PATIENTS``.
    what : str
        What a row is, for the remarks: ``"ratings"``.
    """
    out = patients.loc[patients["status"].isin(IN_NO_NUMBER), "patient"]
    left = rows["patient"].isin(out)
    remarks = []
    if left.any():
        found = " and ".join(_counts(rows.loc[left, "patient"], patients, what))
        remarks.append(Problem("kept_out", "patients.csv", found=found, allowed=" or ".join(IN_NO_NUMBER)))
    beyond = rows["patient"].isna() & False
    for name in study.codebooks:
        sessions = study.use(name).sessions
        if sessions is None:
            continue
        mine = (rows["instrument"] == name) & ~rows["session"].isin(sessions) & ~left
        mine &= (rows["phase"] == "main") if "phase" in rows.columns else True
        beyond |= mine
        if mine.any():
            numbers = ", ".join(f"{number:g}" for number in sorted(rows.loc[mine, "session"].unique()))
            declared = f"{name} is used in session {', '.join(map(str, sessions))}"
            found = f"{mine.sum()} {what} of {name} in session {numbers}"
            remarks.append(Problem("kept_out", "study.toml", found=found, allowed=declared))
    inside = (~(left | beyond)).to_numpy(dtype=bool)  # of no row, pandas would take labels of columns
    return CountedRows(rows[inside], rows[~inside], tuple(remarks))


def _counts(of: pd.Series[Any], patients: pd.DataFrame, what: str) -> Iterator[str]:
    """How many rows are of excluded patients, who are named, and of those who withdrew, who are counted."""
    withdrawn = of.isin(patients.loc[patients["status"] == WITHDRAWN, "patient"])
    if not withdrawn.all():
        yield f"{(~withdrawn).sum()} {what} of {', '.join(sorted(of[~withdrawn].unique()))}"
    if withdrawn.any():
        n = of[withdrawn].nunique()
        yield f"{withdrawn.sum()} {what} of {n} patient{'' if n == 1 else 's'} whose consent is withdrawn"
