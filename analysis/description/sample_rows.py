"""Rows of the sample table that are counted from columns: three or more disorders, belonging to a minority."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from doublecode.schemas.column_types import typed_texts
from doublecode.schemas.errors import UsageError
from doublecode.schemas.near_names import allowed, ended
from doublecode.schemas.results import is_missing

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from doublecode.schemas.reported_parts import SampleRow


def counted_row(tables: Mapping[str, pd.DataFrame], row: SampleRow) -> dict[str, Any]:
    """Count who meets the condition of a declared row.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        ``patients``, ``therapists`` and so on; the first that has all columns of the row is counted.
    row : SampleRow

    Returns
    -------
    dict
        ``unit`` (the table), ``variable`` (the label), ``level`` (empty), ``n``, ``percent`` (of those with an answer
        in one of the columns), ``n_missing``.

    Raises
    ------
    UsageError
        No table has all of the columns, or a word or number is asked for that a column cannot hold.

    Examples
    --------
    >>> import pandas as pd
    >>> from doublecode.schemas.reported_parts import SampleRow
    >>> patients = pd.DataFrame({"main": ["MDD", "MDD", "MDD"], "beside": ["GAD;SAD", "none", "GAD"]})
    >>> three = SampleRow(label="Three or more", columns=("main", "beside"), answers=3, not_counted=("none",))
    >>> counted_row({"patients": patients}, three)["n"]
    1
    """
    unit = home_of(tables, row)
    columns = [typed_texts(tables[unit][name], f"{unit}: column {name!r}") for name in row.columns]
    met = [_meets(cells, row) for cells in zip(*columns, strict=True)]
    known = [one for one in met if one is not None]
    n = sum(known)
    percent = 100 * n / len(known) if known else math.nan
    return {"unit": unit, "variable": row.label, "level": "", "n": n, "percent": percent,
            "n_missing": len(met) - len(known)}  # fmt: skip


def home_of(tables: Mapping[str, pd.DataFrame], row: SampleRow) -> str:
    """The table that has all columns of a row; UsageError where none has."""
    for unit, table in tables.items():
        if set(row.columns) <= set(map(str, table.columns)):
            return unit
    heads = dict.fromkeys(str(name) for table in tables.values() for name in table.columns)
    stray = next((name for name in row.columns if name not in heads), None)
    if stray is None:
        raise UsageError(
            f"sample_rows: {row.label!r}: the columns {', '.join(row.columns)} are not in one table; name columns of "
            "one of them."
        )
    raise UsageError(f"sample_rows: {row.label!r}: there is no column {stray!r}; {ended(allowed(stray, heads))}")


def unmet_words(tables: Mapping[str, pd.DataFrame], row: SampleRow) -> tuple[str, ...]:
    """The words of a declared row that nobody has in any of its columns: a slip, or an answer that nobody gave.

    Examples
    --------
    >>> import pandas as pd
    >>> from doublecode.schemas.reported_parts import SampleRow
    >>> men = SampleRow(label="Men", columns=("gender",), other_than=("femal",))
    >>> unmet_words({"patients": pd.DataFrame({"gender": ["female", "male"]})}, men)
    ('femal',)
    """
    table = tables[home_of(tables, row)]
    columns = [typed_texts(table[name], f"column {name!r}") for name in row.columns]
    given = {text for cells in zip(*columns, strict=True) for cell in cells for text in _answers(cell)}
    return tuple(one for one in (*row.any_of, *row.other_than, *row.not_counted) if one not in given)


def _meets(cells: tuple[Any, ...], row: SampleRow) -> bool | None:
    """Whether one patient meets the condition; None without an answer."""
    answers = [(at, text) for at, cell in enumerate(cells) for text in _answers(cell)]
    if not answers:
        return None
    texts = {text for _, text in answers}
    if row.any_of:
        return bool(texts & set(row.any_of))
    if row.other_than:
        return bool(texts - set(row.other_than))
    if row.answers is not None:
        return len({one for one in answers if one[1] not in row.not_counted}) >= row.answers
    number = _number(cells[0], row)
    return (row.at_least is None or number >= row.at_least) and (row.at_most is None or number <= row.at_most)


def _answers(cell: Any) -> list[str]:
    """The answers in a cell: several stand with ``;`` between them."""
    if is_missing(cell):
        return []
    if isinstance(cell, float):
        return [f"{cell:g}"]
    return [part for part in map(str.strip, str(cell).split(";")) if part]


def _number(cell: Any, row: SampleRow) -> float:
    if isinstance(cell, str):
        raise UsageError(
            f"sample_rows: {row.label!r}: at_least and at_most are of numbers, and {row.columns[0]!r} holds {cell!r}."
        )
    return float(cell)
