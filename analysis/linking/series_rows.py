"""The rows that every model of a series stands on, with the steps as they are fitted there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from doublecode.analysis.linking.series_checks import check_choices, check_names, check_pairs
from doublecode.analysis.linking.splitting import within_between
from doublecode.analysis.linking.time_origin import Origin, move_origin
from doublecode.analysis.mixed.formula import ModelFormula, parse_mixed
from doublecode.analysis.mixed.model_rows import CommonRows, common_rows, require_columns
from doublecode.schemas.errors import UsageError
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    import pandas as pd

    Formula = str | ModelFormula


@dataclass(frozen=True, eq=False)
class SeriesRows:
    """The common rows of a series.

    Attributes
    ----------
    steps : dict of str to ModelFormula
        As they were given, by their labels.
    rows : CommonRows
    used : tuple of str
        Predictors of `split` that stand in a step.
    moved : Origin
        Steps and data as they are fitted: predictors split, sessions counted from where the intercepts are.
    n_given : int
        Rows of the data.
    patient : str
        Column of the patients.
    """

    steps: dict[str, ModelFormula]
    rows: CommonRows
    used: tuple[str, ...]
    moved: Origin
    n_given: int
    patient: str

    @property
    def design(self) -> dict[str, Any]:
        """Counts of rows and patients, and which rows these are."""
        rows = self.rows
        per_patient = rows.data.groupby(self.patient, observed=True).size()
        n_rows, n_patients, columns = len(rows.data), len(per_patient), ", ".join(rows.columns)
        return {
            "rows": f"{n_rows} of {self.n_given} rows, of {n_patients} patients, that have all of {columns}",
            "n_given": self.n_given,
            "n_rows": n_rows,
            "n_patients": n_patients,
            "rows_per_patient": (int(per_patient.min()), int(per_patient.max())),
            "columns": list(rows.columns),
            "lost": rows.lost_records,
        }

    def unused(self, split: Sequence[str]) -> tuple[Note, ...]:
        """Name what is to be split and stands in no step."""
        return tuple(Note("series_unused_split", numbers={"column": one}) for one in split if one not in self.used)


def series_rows(
    formulas: Formula | Sequence[Formula] | Mapping[str, Formula],
    data: pd.DataFrame,
    *,
    split: Sequence[str],
    intercept_at: int | None,
    times: Sequence[str],
    differences: Sequence[tuple[str, str]],
    interval: str,
    also: Sequence[str],
    patient: str,
    name: str,
) -> SeriesRows:
    """Check what a series is asked for, and keep the rows that all of its models can use.

    `also` are columns that the models need beside those of the formulas; other arguments as in ``fit_series``.

    Raises
    ------
    FormulaError, UsageError, NotEstimable
    """
    steps, where = _steps(formulas, name), f"series {name!r}"
    require_columns(data, (patient, *also), where)
    check_choices(intercept_at, interval, where)
    check_names(split, data, f"{where}: split")
    check_names(times, data, f"{where}: times")
    check_pairs(differences, steps.values(), f"{where}: differences")
    needed = dict.fromkeys(column for step in steps.values() for column in step.columns(data.columns))
    rows = common_rows(data, list(needed | dict.fromkeys(also)), (patient, "session"))
    used = tuple(one for one in split if one in needed)
    moved = move_origin(steps, within_between(rows.data, used, by=patient), intercept_at)
    return SeriesRows(steps, rows, used, moved, len(data), patient)


def _steps(formulas: Formula | Sequence[Formula] | Mapping[str, Formula], name: str) -> dict[str, ModelFormula]:
    """The steps by what they are called: their numbers where nothing else was said."""
    if isinstance(formulas, Mapping):
        steps = {str(label): parse_mixed(one) for label, one in formulas.items()}
    else:
        given = [formulas] if isinstance(formulas, str | ModelFormula) else formulas
        steps = {str(number): parse_mixed(one) for number, one in enumerate(given, start=1)}
    if not steps:
        raise UsageError(f"series {name!r}: there is no formula; give at least one.")
    return steps
