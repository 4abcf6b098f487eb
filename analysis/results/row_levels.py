"""Of whom a column is: of the rows, or of the patients, whose value then stands in each of their rows.

A value of the patient that stands in her nine sessions is one observation. What takes the copies for nine has nine
times the rows, limits a third as wide, and a p that means nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def varying_within(columns: Iterable[str], data: pd.DataFrame, patient: str) -> tuple[str, ...]:
    """Return those of `columns` that take several values in one patient, whose slope answers two questions unsplit.

    Examples
    --------
    >>> import pandas as pd
    >>> data = pd.DataFrame({"patient": ["P1", "P1", "P2"], "he": [2.0, 3.0, 3.0], "age": [50, 50, 61]})
    >>> varying_within(["he", "age"], data, "patient")
    ('he',)
    """
    return tuple(name for name in columns if data.groupby(patient, observed=True)[name].nunique().max() > 1)


def of_patients(columns: Iterable[str], data: pd.DataFrame, patient: str) -> tuple[str, ...]:
    """Return those of `columns` whose rows are copies: patients have several rows with a value, and all alike.

    Examples
    --------
    >>> import pandas as pd
    >>> data = pd.DataFrame({"patient": ["P1", "P1", "P2"], "he": [2.0, 3.0, 3.0], "age": [50, 50, 61]})
    >>> of_patients(["he", "age"], data, "patient")
    ('age',)
    """
    names = tuple(columns)
    with_value = {name: data.loc[data[name].notna() & data[patient].notna(), patient] for name in names}
    moving = varying_within(names, data, patient) if len(data) else ()
    return tuple(name for name in names if name not in moving and with_value[name].duplicated().any())


def without_copies(data: pd.DataFrame, columns: Sequence[str], patient: str) -> pd.DataFrame:
    """Return the first row of each patient where all `columns` are the patient's; else the data as they are.

    Parameters
    ----------
    data : DataFrame
        Rows that have all `columns`.

    Examples
    --------
    >>> import pandas as pd
    >>> data = pd.DataFrame({"patient": ["P1", "P1", "P2"], "he": [2.0, 3.0, 3.0], "age": [50, 50, 61]})
    >>> len(without_copies(data, ["age"], "patient")), len(without_copies(data, ["age", "he"], "patient"))
    (2, 3)
    """
    if not len(data) or len(of_patients(columns, data, patient)) < len(columns):
        return data
    return data.drop_duplicates(patient)
