"""What a series of models is asked for, held to what it can answer before anything is fitted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Final

from doublecode.analysis.linking.time_origin import SESSION
from doublecode.analysis.mixed.model_rows import require_columns
from doublecode.schemas.errors import UsageError
from doublecode.schemas.model_series import never_together, same_twice
from doublecode.schemas.results import Note
from doublecode.schemas.variable_checks import names_in_step

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.mixed.formula import ModelFormula

_INTERVALS: Final = ("wald", "profile", "bootstrap")


def check_names(names: Sequence[str], data: pd.DataFrame, where: str) -> None:
    """Refuse a text where a list of columns is wanted, and what is no column.

    Raises
    ------
    UsageError

    Examples
    --------
    >>> import pandas as pd
    >>> check_names(["he"], pd.DataFrame({"he": [1.0]}), "series 'a': split")
    """
    if isinstance(names, str):
        raise UsageError(f"{where} is {names!r}; allowed: a list of columns, such as [{names!r}].")
    require_columns(data, names, where)


def check_pairs(pairs: Sequence[tuple[str, str]], steps: Iterable[ModelFormula], where: str) -> None:
    """Hold the pairs whose slopes are compared to the steps, as those of a declared series are.

    Raises
    ------
    UsageError
        It is no pair of two predictors, or no step has both.

    Examples
    --------
    >>> from doublecode.analysis.mixed.formula import parse_mixed
    >>> check_pairs([("he", "tbh")], [parse_mixed("y ~ he + tbh + (1 | patient)")], "series 'a': differences")
    """
    predictors = [frozenset(names_in_step(step.text.partition("~")[2])) for step in steps]
    given = [pairs] if isinstance(pairs, str) else list(pairs)
    for pair in given:
        if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
            raise UsageError(
                f"{where}: {pair!r} is no pair; allowed: pairs of two predictors, such as [('he', 'tbh')]."
            )
        fault = same_twice(pair) or never_together(pair, predictors)
        if fault is not None:
            raise UsageError(f"{where}: {fault}")


def check_choices(intercept_at: object, interval: object, where: str) -> None:
    """Refuse a session of the intercepts that is no whole number, and limits that there are not.

    Raises
    ------
    UsageError

    Examples
    --------
    >>> check_choices(1, "wald", "series 'a'")
    """
    if intercept_at is not None and (isinstance(intercept_at, bool) or not isinstance(intercept_at, Integral)):
        raise UsageError(
            f"{where}: intercept_at is {intercept_at!r}; allowed: the number of a session, such as 1, and None."
        )
    if interval not in _INTERVALS:
        raise UsageError(f"{where}: interval is {interval!r}; allowed: {', '.join(map(repr, _INTERVALS))}.")


def repeated_sessions(data: pd.DataFrame, patient: str) -> tuple[Note, ...]:
    """Say which sessions have several rows, of which every row counts as a session of its own.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"patient": ["P1", "P1", "P2"], "session": [1, 1, 1]})
    >>> [note.numbers["n"] for note in repeated_sessions(rows, "patient")]
    [1]
    """
    if SESSION not in data.columns:
        return ()
    keyed = data.dropna(subset=[patient, SESSION])
    twice = keyed[keyed.duplicated([patient, SESSION])]
    if twice.empty:
        return ()
    first = {"patient": str(twice[patient].iloc[0]), "session": str(twice[SESSION].iloc[0])}
    return (Note("series_repeated_sessions", numbers={"n": len(twice), **first}),)
