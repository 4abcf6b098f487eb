"""The codebook of an analysis frame: of each column what it is, where it comes from, and how much of it is missing."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from doublecode.analysis.linking.row_ledger import count_reasons
from doublecode.analysis.rendering.notes import sentence

if TYPE_CHECKING:
    from doublecode.analysis.linking.frame import AnalysisFrame
    from doublecode.schemas.study import Study
    from doublecode.schemas.study_parts import Variable

CODEBOOK_COLUMNS: Final = (
    "name", "label", "level", "source", "unit", "lowest", "highest", "lag", "change", "event", "n", "n_missing",
    "why_missing",
)  # fmt: skip
_KEYS: Final = {
    "session_id": "Id of the session", "patient": "Id of the patient", "therapist": "Id of the therapist",
    "session": "Number of the session in the treatment",
}  # fmt: skip


def frame_codebook(built: AnalysisFrame, study: Study) -> pd.DataFrame:
    """Describe the columns of a frame.

    Parameters
    ----------
    built : AnalysisFrame
    study : Study
        Declares the variables.

    Returns
    -------
    DataFrame
        One row per column of the frame: ``name``, ``label``, ``level`` ("nominal" or "scale"), ``source``, ``unit``,
        ``lowest`` and ``highest`` (the range that the codebook of the instrument allows; empty where it has none),
        ``lag``, ``change``, ``event``, ``n``, ``n_missing`` and ``why_missing`` (each reason with its count).
    """
    variables = {one.name: one for one in study.variables}
    rows = []
    for name in map(str, built.frame.columns):
        values = built.frame[name]
        row: dict[str, Any] = dict.fromkeys(CODEBOOK_COLUMNS)
        level = "scale" if values.dtype.kind in "if" and name != "therapist" else "nominal"
        row |= {"name": name, "level": level, "n": int(values.notna().sum()), "n_missing": int(values.isna().sum())}
        if name in variables:
            one = variables[name]
            from_table = None if one.column is None else f"{_file_of(str(one.table), study)}: {one.column}"
            row |= _of_variable(one, study, from_table or str(built.spec["variables"][name]))
            counted = count_reasons(built.absences[name])
            row["why_missing"] = "; ".join(f"{n} × {sentence(why)}" for why, n in counted)
        else:
            row |= {"label": _KEYS[name], "source": _file_of("sessions", study)}
        rows.append(row)
    return pd.DataFrame(rows, columns=list(CODEBOOK_COLUMNS))


def _file_of(table: str, study: Study) -> str:
    """The file of a table, as it lies in the study folder."""
    path = study.table_files.path(table)
    return f"{table}.csv" if path is None else path.relative_to(study.folder).as_posix()


def _of_variable(variable: Variable, study: Study, source: str) -> dict[str, Any]:
    low, high, unit = _range(variable, study)
    if variable.change is not None:
        low, high = (None, None) if low is None or high is None else (low - high, high - low)
    event = next((str(one) for one in study.events if one.name == variable.event), None)
    return {
        "label": variable.label or variable.name, "source": source, "unit": unit, "lowest": low, "highest": high,
        "lag": variable.lag, "change": variable.change, "event": event,
    }  # fmt: skip


def _range(variable: Variable, study: Study) -> tuple[float | None, float | None, str | None]:
    """Lowest and highest value that can stand there, and the unit."""
    if variable.time is not None:
        return None, None, variable.time
    if variable.phase_from is not None or variable.equals is not None:
        return 0.0, 1.0, None
    if variable.count is not None:
        return 0.0, None, "difficulties" if variable.count == "difficulties" else "assignments"
    if variable.instrument is None:
        return None, None, "minutes" if variable.column == "minutes" else None
    book = study.codebooks[variable.instrument]
    if variable.item is not None:
        item = book.item(variable.item)
        unit = "seconds" if item.type == "duration" else None
        return (item.low, _finite(item.high), unit) if item.is_numeric else (None, None, unit)
    scale = book.scale(str(variable.scale))
    items = [item for item in book.columns if item.name in scale.items]
    low, high = sum(item.low for item in items), sum(item.high for item in items)
    if scale.score == "sum":
        return low, _finite(high), "points"
    return low / len(items), _finite(high / len(items)), "mean of the items"


def _finite(value: float) -> float | None:
    """The end of a range; None where it is open."""
    return value if isfinite(value) else None
