"""The sample table: who the patients and therapists are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from doublecode.analysis.description.descriptives import moments
from doublecode.analysis.description.missing_rules import EACH_VARIABLE
from doublecode.analysis.description.sample_rows import counted_row, unmet_words
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, column
from doublecode.schemas.column_types import typed_texts
from doublecode.schemas.errors import UsageError
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from doublecode.schemas.reported_parts import SampleRow


class ColumnKind(StrEnum):
    """How a column of the sample table is read."""

    NUMBER = "number"
    YES_NO = "0/1"
    MULTIPLE = "multi-response"
    CATEGORY = "category"


@dataclass(frozen=True, eq=False, repr=False)
class SampleResult(Answer):
    """The sample table.

    Attributes
    ----------
    spec : dict
    frame : DataFrame
        ``unit`` ("patients", "therapists" or "sessions"), ``variable``, ``level`` (a category, or empty for a number),
        ``n``,
        ``percent`` (of those with a value), ``mean``, ``sd``, ``min``, ``max``, ``n_missing``.
    design : dict
        ``n_patients``, ``n_therapists``, ``kinds`` (how each column was read).
    notes : tuple of Note
    rows : Index
        Labels of the rows of the table of patients.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("unit", "variable", "level")

    def tables(self) -> tuple[Table, ...]:
        """One table, patients before therapists."""
        names = [
            f"{variable}: {level}" if level not in ("", "1") else str(variable)
            for variable, level in self.frame[["variable", "level"]].itertuples(index=False)
        ]
        shown = self.frame.assign(label=names).sort_values("unit", kind="stable")
        numbers = [column(name, digits=1) for name in ("mean", "sd", "min", "max")]
        columns = (
            column("label", "Characteristic", kind="text"),
            column("n"),
            column("percent"),
            *numbers,
            column("n_missing"),
        )
        return (Table("sample", "Sample", shown, columns, group="unit"),)

    def counted(self) -> str:
        """Patients and therapists."""
        return f"{self.design['n_patients']} patients, {self.design['n_therapists']} therapists."


def sample_table(
    patients: pd.DataFrame,
    therapists: pd.DataFrame,
    columns: Sequence[str],
    *,
    sessions: pd.DataFrame | None = None,
    rows: Sequence[SampleRow] = (),
) -> SampleResult:
    """Describe the sample: M and SD of numbers, n and % of categories, multi-response columns option by option.

    Parameters
    ----------
    patients, therapists : DataFrame
        ``patients.csv`` (those to be described) and ``therapists.csv``.
    columns : sequence of str
        Columns of either table; a name that both have is described in both. A column of numbers
        gets moments, one of 0 and 1 the share of 1, one in which a cell holds ``;`` is taken as
        multi-response (its percentages may add up to more than 100), any other as categories.
    sessions : DataFrame, optional
        ``sessions.csv``, for columns that neither of the others has, such as ``minutes``.
    rows : sequence of SampleRow
        Rows that are counted from columns, such as *three or more disorders*.

    Raises
    ------
    UsageError
        A column is in neither table.
    ContractError
        A column mixes numbers and words.

    Examples
    --------
    >>> patients = pd.DataFrame({"patient": ["P1", "P2"], "age": ["50", "60"], "comorbid": ["GAD;SAD", "GAD"]})
    >>> table = sample_table(patients, pd.DataFrame({"therapist": ["T1"]}), ["age", "comorbid"]).frame
    >>> table[["variable", "level", "n", "percent"]].fillna(0).to_numpy().tolist()
    [['age', '', 2, 0.0], ['comorbid', 'GAD', 2, 100.0], ['comorbid', 'SAD', 1, 50.0]]
    """
    found: list[dict[str, Any]] = []
    kinds: dict[tuple[str, str], ColumnKind] = {}
    tables = {"patients": patients, "therapists": therapists}
    tables |= {} if sessions is None else {"sessions": sessions}
    for name in columns:
        for unit, table in _homes(tables, name):
            values = typed_texts(table[name], f"{unit}.csv: column {name!r}")
            kind = kinds[unit, name] = _kind(values)
            n_missing = int(values.isna().sum())
            parts = _sample_rows(values.dropna(), kind)
            found += [{"unit": unit, "variable": name, **part, "n_missing": n_missing} for part in parts]
    found += [counted_row(tables, row) for row in rows]
    order = ["unit", "variable", "level", "n", "percent", "mean", "sd", "min", "max", "n_missing"]
    notes = [Note("share_of_those_with_a_value", numbers={"column": "n_missing"})]
    for kind, note in ((ColumnKind.MULTIPLE, "several_answers"), (ColumnKind.YES_NO, "coded_zero_one")):
        of_kind = tuple(place for place, one in kinds.items() if one == kind)
        notes += [Note(note, numbers={"variables": of_kind})] if of_kind else []
    notes += [Note("rows_counted_from_columns", numbers={"rows": tuple(map(_as_counted, rows))})] if rows else []
    for row in rows:
        if unmet := unmet_words(tables, row):
            notes.append(Note("words_nobody_has", numbers={"label": row.label, "words": unmet}))
    return SampleResult(
        spec={"columns": list(columns), "rows": [row.label for row in rows]},
        frame=pd.DataFrame(found, columns=order),
        design={
            "n_patients": len(patients),
            "n_therapists": len(therapists),
            **({"n_sessions": len(tables["sessions"])} if any("sessions" in key for key in kinds) else {}),
            "kinds": {f"{unit}: {name}": str(kind) for (unit, name), kind in kinds.items()},
            "missing_rule": EACH_VARIABLE,
        },
        notes=tuple(notes),
        rows=patients.index,
    )


def _homes(tables: Mapping[str, pd.DataFrame], name: str) -> list[tuple[str, pd.DataFrame]]:
    """The tables that have a column: patients and therapists, else sessions."""
    homes = [(unit, table) for unit, table in tables.items() if name in table.columns]
    people = [home for home in homes if home[0] != "sessions"]
    if not homes:
        allowed = ", ".join(dict.fromkeys(str(head) for table in tables.values() for head in table.columns))
        raise UsageError(f"sample table: there is no column {name!r}; allowed: {allowed}. See sample_columns.")
    return people or homes


def _as_counted(row: SampleRow) -> tuple[str, tuple[str, ...], tuple[tuple[str, Any], ...]]:
    """A row's label, its columns and its condition."""
    given = row.model_dump(exclude_defaults=True, exclude={"label", "columns"})
    return row.label, row.columns, tuple(given.items())


def _kind(values: pd.Series[Any]) -> ColumnKind:
    """How a typed column is described."""
    filled = values.dropna()
    if len(filled) and filled.dtype.kind == "f":
        return ColumnKind.YES_NO if set(filled.unique()) <= {0, 1} else ColumnKind.NUMBER
    return ColumnKind.MULTIPLE if filled.astype(str).str.contains(";").any() else ColumnKind.CATEGORY


def _sample_rows(filled: pd.Series[Any], kind: ColumnKind) -> list[dict[str, Any]]:
    blank = {"level": "", "n": len(filled), **dict.fromkeys(("percent", "mean", "sd", "min", "max"), math.nan)}
    if kind == ColumnKind.NUMBER:
        found = moments(filled.to_numpy())
        return [blank | {name: found[name] for name in ("mean", "sd", "min", "max")}]
    if kind == ColumnKind.YES_NO:
        n = int((filled == 1).sum())
        return [blank | {"level": "1", "n": n, "percent": 100 * n / len(filled)}]
    separator = ";" if kind == ColumnKind.MULTIPLE else "\n"
    answers = [[part.strip() for part in str(cell).split(separator)] for cell in filled]
    counts: dict[str, int] = {}
    for cell in answers:
        for answer in dict.fromkeys(part for part in cell if part):
            counts[answer] = counts.get(answer, 0) + 1
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rows = [blank | {"level": level, "n": n, "percent": 100 * n / len(filled)} for level, n in ranked]
    return rows or [blank]
