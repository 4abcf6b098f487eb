"""What is odd in the columns of its tables that a study asks for: an age of 999, f beside F, a dash as a label."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import pandas as pd

from doublecode.coding.reading.table_remarks import far_values, odd_labels
from doublecode.schemas.column_types import decimal_mark, missing_in, number_in_cell
from doublecode.schemas.csv_rows import CsvRows
from doublecode.schemas.letters import clean
from doublecode.schemas.problems import Problem


def remarks_on_columns(found: CsvRows, name: str, columns: Collection[str]) -> Iterator[Problem]:
    """Say which numbers of `columns` lie far outside the others, and which of their labels are odd.

    Parameters
    ----------
    found : CsvRows
        The rows of the table, heads first.
    name : str
        The file, for messages.
    columns : collection of str
        Columns that the study asks for.
    """
    heads, *body = [row for row in found.rows if any(cell.strip() for cell in row)] or [[]]
    for place, head in enumerate(map(clean, heads)):
        if head not in columns:
            continue
        cells = [clean(row[place]) for row in body if place < len(row)]
        decimal = decimal_mark(cells)
        numbers = [number_in_cell(cell, decimal) for cell in cells]
        if all(number is not None for number in numbers):
            yield from far_values(pd.Series(numbers, dtype="float64"), name, head, is_scale=False)
        else:
            labels = pd.Series(cells, dtype="str")
            yield from odd_labels(labels[~missing_in(labels)], name, head)
