"""Which columns a formula needs, and which rows have them all.

Every model of a series stands on one common set of rows; a row that is lost is
named with the variables that it lacks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from doublecode.analysis.mixed.formula import refuse_caret_in_call
from doublecode.schemas.errors import ContractError, FormulaError, NotEstimable, UsageError

if TYPE_CHECKING:
    import pandas as pd

_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
# A name, with what stands around it: a call, an attribute or a keyword argument is no column.
_NAME = re.compile(r"(?<![\w.])([A-Za-z_]\w*)(?!\w)(?!\s*\()(?!\s*\.\s*[A-Za-z_])(?!\s*=(?!=))|`([^`]+)`")


def named_in(formula: str) -> tuple[str, ...]:
    """Return the names in a formula that may be columns: no calls, attributes or keyword arguments.

    Examples
    --------
    >>> named_in("y ~ C(arm) * np.log(dose) + (1 + day | ward/bed)")
    ('y', 'arm', 'dose', 'day', 'ward', 'bed')
    """
    return tuple(dict.fromkeys(plain or quoted for plain, quoted in _NAME.findall(_QUOTED.sub("", formula))))


def columns_of(formula: str, known: Iterable[str]) -> tuple[str, ...]:
    """Return the columns that an lme4 or formulaic `formula` names, in order of appearance.

    Parameters
    ----------
    formula : str
        For example ``"phq9 ~ session + he + (session | patient)"``.
    known : iterable of str
        The columns at hand.

    Raises
    ------
    FormulaError
        The formula names something that is no column, or has ``^`` inside a call.

    Examples
    --------
    >>> columns_of("phq9 ~ session * np.log(he) + (1 | patient)", ["patient", "session", "he", "phq9"])
    ('phq9', 'session', 'he', 'patient')
    """
    refuse_caret_in_call(formula)
    allowed = list(known)
    found = named_in(formula)
    for name in found:
        if name not in allowed:
            raise FormulaError(
                f"formula {formula!r}: {name!r} is no column of the frame; allowed: {', '.join(map(str, allowed))}."
            )
    return found


@dataclass(frozen=True)
class CommonRows:
    """The rows that have all variables, and the ones that do not.

    Attributes
    ----------
    data : DataFrame
        The kept rows, in their old order, index kept.
    columns : tuple of str
        The variables that were asked for.
    lost : tuple of dict
        One per lost row: the key columns, and ``reason`` naming the missing variables.
    """

    data: pd.DataFrame
    columns: tuple[str, ...]
    lost: tuple[dict[str, Any], ...]


def common_rows(frame: pd.DataFrame, columns: Sequence[str], keys: Sequence[str] = ()) -> CommonRows:
    """Keep the rows that have a value in every one of `columns`.

    Parameters
    ----------
    frame : DataFrame
    columns : sequence of str
        Variables that must be present.
    keys : sequence of str
        Columns that name a lost row (patient, session); without them its index does.

    Raises
    ------
    NotEstimable
        No row has all of them.
    ContractError
        A value is infinite.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"patient": ["P1", "P2"], "he": [2.0, None]})
    >>> common_rows(frame, ["he"], ["patient"]).lost
    ({'patient': 'P2', 'reason': 'he is missing'},)
    """
    refuse_infinite(frame, columns, "the rows of the model")
    missing = frame[list(columns)].isna()
    whole = ~missing.any(axis=1).to_numpy()
    if not whole.any():
        counts = ", ".join(f"{name} in {int((~missing[name]).sum())}" for name in columns)
        raise NotEstimable(
            f"no row of {len(frame)} has all of {', '.join(columns)}; present: {counts}. "
            "Leave out the variable that is missing most."
        )
    lost = tuple(_lost_row(frame, missing, int(position), keys) for position in (~whole).nonzero()[0])
    return CommonRows(frame.loc[whole], tuple(columns), lost)


def _lost_row(frame: pd.DataFrame, missing: pd.DataFrame, position: int, keys: Sequence[str]) -> dict[str, Any]:
    names = [str(name) for name, gone in missing.iloc[position].items() if gone]
    row = frame.iloc[position]
    label = {key: row[key] for key in keys if key in frame.columns} or {"row": frame.index[position]}
    return {**label, "reason": f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} missing"}


def refuse_infinite(frame: pd.DataFrame, columns: Iterable[str], where: str) -> None:
    """Raise ``ContractError`` naming the first of `columns` that holds an infinite value."""
    for column in columns:
        if frame[column].dtype.kind == "f":
            infinite = np.isinf(frame[column].to_numpy(dtype=np.float64, na_value=np.nan))
            if infinite.any():
                row = int(infinite.argmax()) + 1
                raise ContractError(f"{where}: column {column!r} is infinite in row {row}. Mend the value or empty it.")


def require_columns(frame: pd.DataFrame, columns: Iterable[str], where: str) -> None:
    """Raise ``UsageError`` naming the first of `columns` that `frame` lacks."""
    for column in columns:
        if column not in frame.columns:
            allowed = ", ".join(map(str, frame.columns))
            raise UsageError(f"{where}: there is no column {column!r}; allowed: {allowed}. Check the name.")
