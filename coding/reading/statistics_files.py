"""Tables of SPSS (.sav, .zsav) and Stata (.dta), by pyreadstat: values as they stand, declared missing values emptied.

A value label is what a code means, so the code stays; a value that the file itself declares as missing is taken as
missing and counted.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from doublecode.schemas.errors import UsageError
from doublecode.schemas.problems import Problem

if TYPE_CHECKING:
    import pandas as pd

_OfCells = dict[tuple[int, int], str]
Level = Literal["nominal", "ordinal", "scale"]
MOST_CELLS: Final = 20_000_000
_MAGIC: Final = {b"$FL2": "sav", b"$FL3": "sav", b"<sta": "dta"}
_OLD_STATA: Final = range(0x69, 0x74)
_OWNER: Final = {"sav": "SPSS", "dta": "Stata"}
_ADVICE: Final = "Save the table as .csv or .xlsx, or install the reader: python -m pip install pyreadstat."


def statistics_kind(path: Path) -> str | None:
    """Whether a file is SPSS's (``"sav"``) or Stata's (``"dta"``), by its first bytes; None for all others."""
    with path.open("rb") as file:
        head = file.read(4)
    if head in _MAGIC:
        return _MAGIC[head]
    is_old = len(head) == 4 and head[0] in _OLD_STATA and head[1] in (1, 2) and head[2:3] == b"\x01"
    return "dta" if is_old else None


def read_statistics(path: Path, kind: str) -> tuple[list[list[Any]], _OfCells, _OfCells]:
    """Read a table of SPSS or Stata.

    Returns
    -------
    rows : list of list
        The names of the variables, then a row per case: float, str or None; dates as YYYY-MM-DD.
    shown : dict of (int, int) to str
        Cells that the file declares as missing, (row, column) with the names as row 0 → what stood there, with its
        label.
    declared : dict of (int, int) to str
        The code that stood in each of these cells.

    Raises
    ------
    UsageError
        pyreadstat is not installed, the file is damaged, or it holds too many cells.
    """
    head = _ask(path, kind, metadataonly=True)[1]
    if (head.number_rows or 0) * len(head.column_names) > MOST_CELLS:
        raise UsageError(str(Problem("too_large", path.name, found=f"{head.number_rows} rows")))
    columns, about = _ask(path, kind, user_missing=True, output_format="dict")
    cells = []
    shown: dict[tuple[int, int], str] = {}
    declared: dict[tuple[int, int], str] = {}
    for place, name in enumerate(about.column_names):
        values = [_plain(value) for value in columns[name]]
        gone = _declared(values, about, name)
        cells.append([None if row in gone else value for row, value in enumerate(values)])
        shown |= {(row + 1, place): text for row, text in gone.items()}
        declared |= {(row + 1, place): _code(values[row]) for row in gone}
    return [list(about.column_names), *map(list, zip(*cells, strict=True))], shown, declared


def statistics_heads(path: Path, kind: str) -> list[str]:
    """The names of the variables of a table of SPSS or Stata; what raises is as for :func:`read_statistics`."""
    return list(_ask(path, kind, metadataonly=True)[1].column_names)


def _ask(path: Path, kind: str, **options: Any) -> tuple[Any, Any]:
    """Values and description of a file, by pyreadstat."""
    try:
        import pyreadstat
    except ImportError:
        raise UsageError(f"{path.name}: a table of {_OWNER[kind]} needs pyreadstat. {_ADVICE}") from None
    read = {"sav": pyreadstat.read_sav, "dta": pyreadstat.read_dta}[kind]
    try:
        values, about = read(str(path), **options)
    except _failures(pyreadstat) as wrong:
        raise UsageError(str(Problem("unreadable_file", path.name, found=f"damaged ({wrong})"))) from None
    return values, about


def _code(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _failures(library: Any) -> tuple[type[Exception], ...]:
    """What a damaged file raises; the library's second kind of error is younger than its oldest version here."""
    own = (getattr(library, name, OSError) for name in ("ReadstatError", "PyreadstatError"))
    return (*own, UnicodeDecodeError, OSError)


def _plain(value: Any) -> Any:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, dt.datetime) and value.time() == dt.time():
        return value.date().isoformat()
    if isinstance(value, (dt.date, dt.datetime, dt.time)):
        return value.isoformat()
    return value if isinstance(value, str) else float(value)


def _declared(values: list[Any], about: Any, name: str) -> dict[int, str]:
    """Values that the file declares as missing: place → code and label."""
    ranges = [(one["lo"], one["hi"]) for one in about.missing_ranges.get(name, ())]
    letters = set(about.missing_user_values.get(name, ()))
    labels = about.variable_value_labels.get(name, {})
    gone: dict[int, str] = {}
    for row, value in enumerate(values):
        is_declared = value in letters or any(type(value) is type(low) and low <= value <= high for low, high in ranges)
        if is_declared:
            code = _code(value)
            gone[row] = f"{code} ({labels[value]})" if value in labels else code
    return gone


def write_sav(
    frame: pd.DataFrame, path: Path, *, title: str, labels: Mapping[str, str], levels: Mapping[str, Level],
    value_labels: Mapping[str, Mapping[float, str]],
) -> None:  # fmt: skip
    """Write a table of SPSS (.sav): numbers in full precision, texts, missing cells as system-missing.

    Parameters
    ----------
    frame : DataFrame
    path : Path
        Where the file is put.
    title : str
        Label of the file; SPSS keeps 64 bytes.
    labels : mapping of column to label
    levels : mapping of column to {"nominal", "ordinal", "scale"}
    value_labels : mapping of column to {value: label}

    Raises
    ------
    UsageError
        pyreadstat is not installed, or the file cannot be written.
    """
    try:
        import pyreadstat
    except ImportError:
        raise UsageError(
            f"{path.name}: a table of SPSS needs pyreadstat: python -m pip install pyreadstat. Or write a .csv."
        ) from None
    values = {name: {n: _cut(text, 119) for n, text in held.items()} for name, held in value_labels.items()}
    try:
        pyreadstat.write_sav(
            frame, str(path), file_label=_cut(title, 64), column_labels={k: _cut(v, 255) for k, v in labels.items()},
            variable_measure=dict(levels), variable_value_labels=values,
        )  # fmt: skip
    except _failures(pyreadstat) as wrong:
        raise UsageError(f"{path}: cannot be written ({wrong}). Choose another place, or write a .csv.") from None


def _cut(text: str, most: int) -> str:
    """A text in at most so many bytes."""
    return text.encode()[:most].decode(errors="ignore")
