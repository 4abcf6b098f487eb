"""Whether what a study declares fits the columns of its tables: asked when the study is read, before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from doublecode.analysis.description.sample_rows import counted_row
from doublecode.analysis.linking.cells import where_equal
from doublecode.analysis.linking.session_list import session_list
from doublecode.schemas.column_types import typed_texts
from doublecode.schemas.errors import FormulaError, StudyError, UsageError
from doublecode.schemas.gathered import Gathered
from doublecode.schemas.near_names import allowed, ended
from doublecode.schemas.variable_checks import settled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from doublecode.schemas.reported_parts import SampleRow
    from doublecode.schemas.study import Study
    from doublecode.schemas.study_parts import Variable

OF_A_ROW = {"session": ("session_id", "patient", "therapist", "session"), "patient": ("patient", "therapist")}

NO_SESSIONS = ' A row is a patient, who has no session number; a series over sessions needs unit = "session".'


def check_declared_columns(
    study: Study, patients: pd.DataFrame, therapists: pd.DataFrame, sessions: pd.DataFrame
) -> None:
    """Refuse a declaration that the tables of the folder cannot serve.

    Parameters
    ----------
    study : Study
    patients, therapists, sessions : DataFrame
        The tables of the folder.

    Raises
    ------
    StudyError
        A column is in no table, a variable that must be a number is text or infinite, or a formula names what is no
        column of the frame.
    """
    wrong = Gathered()
    tables = {"patients": patients, "therapists": therapists, "sessions": sessions}
    of_tables = dict.fromkeys(str(name) for table in tables.values() for name in table.columns)
    for name in study.sample_columns:
        with wrong.one():
            if name not in of_tables:
                raise StudyError(f"sample_columns: there is no column {name!r}; {ended(allowed(name, of_tables))}")
    for row in study.sample_rows:
        with wrong.one():
            _check_row(row, tables)
    texts = {name: "text" for name in OF_A_ROW[study.unit] if name != "session"}
    for variable in study.variables:
        with wrong.one():
            why = _of_column(variable, tables, study)
            texts |= {variable.name: why} if why else {}
    with wrong.one():
        if any(variable.time is not None for variable in study.variables):
            file = study.table_files.path("sessions")
            name = "sessions.csv" if file is None else file.name
            session_list(sessions, with_dates=True, file=name)  # a cell that is no date is refused now
    known = [*OF_A_ROW[study.unit], *(variable.name for variable in study.variables)]
    for where, name in _numbers_wanted(study):
        with wrong.one():
            _check_number(name, where, texts, known, study)
    with wrong.one():
        _check_steps(study, known)
    wrong.refuse()


def _check_row(row: SampleRow, tables: Mapping[str, pd.DataFrame]) -> None:
    """Hold a row of the sample table to the tables, by counting it."""
    try:
        counted_row(tables, row)
    except UsageError as slip:
        raise StudyError(str(slip)) from None


def _of_column(variable: Variable, tables: Mapping[str, pd.DataFrame], study: Study) -> str:
    """Hold a variable to the table of its column; say why it is no number, empty where it is one."""
    if variable.column is None:
        return ""
    heads = {name: list(map(str, table.columns)) for name, table in tables.items()}
    table = str(settled(variable, heads, study.unit).table)
    if variable.equals is not None:
        where_equal(typed_texts(tables[table][variable.column].astype(object), table), variable)
        return ""
    path = study.table_files.path(table)
    file = f"{table}.csv" if path is None else path.name
    why = _no_number(tables[table][variable.column], f"{file}: column {variable.column!r}")
    if why and variable.change is not None:
        raise StudyError(f"variable {variable.name!r}: change is of numbers, and {variable.column!r} is {why}.")
    return why


def _check_number(name: str, where: str, texts: Mapping[str, str], known: Sequence[str], study: Study) -> None:
    if name in texts:
        raise StudyError(f"{where}: {name!r} must be a number, and is {texts[name]}. Name a variable of numbers.")
    if name not in known:
        raise StudyError(
            f"{where}: {name!r} is no column of a frame with a row per {study.unit}; {ended(allowed(name, known))}"
        )


def _no_number(values: pd.Series[str], where: str) -> str:
    """Say why a column of a table is no number; empty where it is one (or wholly empty).

    Raises
    ------
    ContractError
        A cell is a word among numbers, which is a slip of the table and none of the declaration.
    """
    typed = typed_texts(values.astype(object), where)
    if typed.dtype.kind not in "if":
        return f"text ({typed.dropna().iloc[0]!r})"
    return "infinite in a row" if np.isinf(typed.to_numpy(dtype=float)).any() else ""


def _numbers_wanted(study: Study) -> Iterator[tuple[str, str]]:
    """Where a number is needed, and the name that stands there."""
    if study.outliers is not None:
        yield from (("outliers", name) for name in study.outliers.variables)
    if study.correlations is not None:
        yield from (("correlations", name) for name in study.correlations.variables)
    for model in study.moderations:
        yield f"moderation {model.name!r}: outcome", model.outcome
        if model.moderator is not None:
            yield f"moderation {model.name!r}: predictor", model.predictor
            yield f"moderation {model.name!r}: moderator", model.moderator
    for comparison in study.group_comparisons:
        yield "group comparison: outcome", comparison.outcome
    for series in study.series:
        yield from ((f"series {series.name!r}: split", name) for name in series.split)
        yield from ((f"series {series.name!r}: trials or offset", name) for name in series.beside)


def _check_steps(study: Study, known: list[str]) -> None:
    from doublecode.analysis.mixed.formula import parse_mixed

    wrong = Gathered()
    for series in study.series:
        for number, step in enumerate(series.steps, 1):
            with wrong.one():
                try:
                    parse_mixed(step).columns(known)
                except FormulaError as slip:
                    asked = study.unit == "patient" and "session" in step
                    where = f"series {series.name!r}, step {number}"
                    raise StudyError(f"{where}: {slip}{NO_SESSIONS if asked else ''}") from None
    wrong.refuse()
