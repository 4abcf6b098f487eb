"""The rows of a frame as mappings; a report asks for those of a hundred small frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return one mapping per row: column as text → value as Python has it.

    What ``frame.to_dict("records")`` holds, column by column and so in a fraction of its time.

    Examples
    --------
    >>> import pandas as pd
    >>> rows_of(pd.DataFrame({"item": ["set", "plan"], "n": [3, 4]}))
    [{'item': 'set', 'n': 3}, {'item': 'plan', 'n': 4}]
    """
    names = list(map(str, frame.columns))
    columns = [_values(column) for _, column in frame.items()]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _values(column: pd.Series[Any]) -> list[Any]:
    values: list[Any] = column.tolist()
    if column.dtype == object:  # which may hold numbers of numpy
        return [value.item() if hasattr(value, "dtype") and hasattr(value, "item") else value for value in values]
    return values
