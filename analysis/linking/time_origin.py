"""Where zero lies on the axis of time: intercepts at a session that was held, where the model stays the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from doublecode.analysis.linking.splitting import in_place
from doublecode.analysis.mixed.formula import ModelFormula
from doublecode.analysis.mixed.formula_columns import terms_of
from doublecode.analysis.mixed.formula_names import mentions
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    import pandas as pd

SESSION: Final = "session"
_FROM: Final = f"{SESSION}_from_"


def is_time(name: str) -> bool:
    """Whether a column is the session number, or its distance from a session.

    Examples
    --------
    >>> is_time("session"), is_time("session_from_1"), is_time("sessions_missed")
    (True, True, False)
    """
    return name == SESSION or name.removeprefix(_FROM).isdigit()


@dataclass(frozen=True, eq=False)
class Origin:
    """Steps and data with their session at which intercepts are given.

    Attributes
    ----------
    intercept_at : int or None
        None where the session number stands as it is.
    """

    steps: dict[str, ModelFormula]
    data: pd.DataFrame
    intercept_at: int | None
    notes: tuple[Note, ...] = ()


def move_origin(steps: Mapping[str, ModelFormula], data: pd.DataFrame, intercept_at: int | None) -> Origin:
    """Put ``session_from_k`` in the place of ``session`` in every step, or leave all as they are.

    The likelihood stays what it is only where each term that holds the session number stands beside the same term
    without it, in the fixed part and in every random term: not in ``(session || patient)``, not inside a function.
    There the session number stays, and a note says so.

    Examples
    --------
    >>> import pandas as pd
    >>> from doublecode.analysis.mixed.formula import parse_mixed
    >>> data = pd.DataFrame({"session": [1, 2, 5]})
    >>> moved = move_origin({"1": parse_mixed("he ~ session + (session | patient)")}, data, 1)
    >>> str(moved.steps["1"]), moved.data["session_from_1"].tolist()
    ('he ~ session_from_1 + (session_from_1 | patient)', [0, 1, 4])
    >>> [note.kind for note in move_origin({"1": parse_mixed("he ~ session + (session || patient)")}, data, 1).notes]
    ['session_origin_kept']
    """
    parts = [part for step in steps.values() for part in step.expressions]
    used = [part for part in parts if any(one.name == SESSION for one in mentions(part))]
    if intercept_at is None or not used:
        return Origin(dict(steps), data, None)
    column = f"{_FROM}{intercept_at}"
    if column in data.columns or not all(map(_movable, used)):
        return Origin(dict(steps), data, None, (Note("session_origin_kept"),))
    note = Note("session_origin", numbers={"column": column, "session": intercept_at})
    moved = {called: _with_column(step, column) for called, step in steps.items()}
    return Origin(moved, data.assign(**{column: data[SESSION] - intercept_at}), intercept_at, (note,))


def _movable(part: str) -> bool:
    """Whether a part of a formula spans the same columns from any origin of the session number."""
    if any(one.in_call or one.called for one in mentions(part) if one.name.partition(".")[0] == SESSION):
        return False
    terms = {frozenset(str(factor).strip("`") for factor in term) for term in terms_of(part)}
    return all((term - {SESSION} or frozenset({"1"})) in terms for term in terms if SESSION in term)


def _with_column(formula: ModelFormula, column: str) -> ModelFormula:
    new = {SESSION: column}
    terms = [replace(term, expression=in_place(term.expression, new)) for term in formula.terms]
    return replace(formula.with_parts(in_place(formula.fixed, new), terms), notes=formula.notes)
