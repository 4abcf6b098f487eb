"""Whether the variables of a study exist in its codebooks, and whether what is split varies within patients."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Literal

from doublecode.schemas.errors import StudyError
from doublecode.schemas.instrument import Instrument
from doublecode.schemas.near_names import allowed
from doublecode.schemas.study_parts import KEYS, InstrumentUse, ModelSeries, OutlierRule, Variable

Uses = Mapping[str, tuple[Instrument, InstrumentUse]]
"""Codebook and use of each instrument of a study, by the codebook's name."""


_WORD = re.compile(
    r"""`(?P<quoted>[^`]+)` | "[^"]*" | '[^']*' | \d[\w.]* | (?P<name>[^\W\d][\w.]*)(?P<other>\s*(?:\(|=(?!=)))?""",
    re.VERBOSE,
)
_NO_COLUMNS = frozenset(
    ("in", "and", "or", "not", "if", "else", "is", "lambda", "for", "True", "False", "None",
     "TRUE", "FALSE", "T", "F", "NA", "NULL", "Inf", "pi")
)  # fmt: skip
"""Words of a formula that name no column, beside functions, arguments and what has a dot."""


def check_variables(variables: Iterable[Variable], uses: Uses, unit: Literal["session", "patient"]) -> None:
    """Hold variables to the codebooks.

    Raises
    ------
    StudyError, InstrumentError
        A variable is of an instrument, scale, item or session that the study does not have, or is no number.
    """
    for variable in variables:
        where = f"variable {variable.name!r}"
        if variable.name in KEYS:
            raise StudyError(f"{where}: this name is taken by the frame itself; choose another.")
        if variable.instrument is None:
            continue
        if variable.instrument not in uses:
            raise StudyError(
                f"{where}: the study does not use {variable.instrument!r}; {allowed(variable.instrument, uses)}. "
                "Add it to [[instruments]] in study.toml."
            )
        book, use = uses[variable.instrument]
        _check_source(variable, book, where)
        _check_session(variable, book, use.sessions, where)
        if unit == "patient" and variable.session is None and len(use.sessions or ()) != 1:
            raise StudyError(f"{where}: say which session of a patient it is (session = …).")


def _check_source(variable: Variable, book: Instrument, where: str) -> None:
    if variable.scale is not None:
        book.scale(variable.scale)
        return
    item = book.item(str(variable.item))
    if not item.is_numeric:
        numeric = [one.name for one in book.columns if one.is_numeric]
        said = allowed(item.name, numeric)
        raise StudyError(f"{where}: the item {item.name!r} is {item.type}, and a variable is a number; {said}.")


def _check_session(variable: Variable, book: Instrument, numbers: tuple[int, ...] | None, where: str) -> None:
    if numbers is None:
        return
    listed = ", ".join(map(str, numbers))
    if variable.session is not None and variable.session not in numbers:
        raise StudyError(
            f"{where}: {book.name} is not used in session {variable.session}; allowed: {listed} (sessions of "
            "[[instruments]])."
        )


def check_splits(
    series: Iterable[ModelSeries], variables: Mapping[str, Variable], uses: Uses, unit: Literal["session", "patient"]
) -> None:
    """Hold what is split to the steps of its series, and to the sessions that it has values of.

    Raises
    ------
    StudyError
        It is a predictor in no step, or has one value for each patient.
    """
    for one in series:
        for name in one.split:
            where = f"series {one.name!r}: split: {name!r}"
            word = re.compile(rf"(?<![\w.]){re.escape(name)}(?![\w.])")
            if not any(word.search(step.partition("~")[2]) for step in one.steps):
                raise StudyError(f"{where} is a predictor in no step. Put it into a step, or take it out of split.")
            if unit == "patient" or (name != "session" and _is_fixed(variables.get(name), uses)):
                raise StudyError(
                    f"{where} has one value for each patient, so that nothing varies within patients. Take it out of "
                    "split."
                )
            taken = [made for made in (f"{name}_within", f"{name}_between") if made in variables]
            if taken:
                raise StudyError(f"{where} makes a column {taken[0]!r}, as a variable is called. Rename the variable.")


def check_steps(series: Iterable[ModelSeries], variables: Mapping[str, Variable]) -> None:
    """Hold the names in the steps of series to the variables and to the columns that every frame has.

    Raises
    ------
    StudyError
        A step names something else.
    """
    known = dict.fromkeys((*variables, *KEYS))
    for one in series:
        for step in one.steps:
            stray = next((name for name in names_in_step(step) if name not in known), None)
            if stray is not None:
                raise StudyError(
                    f"series {one.name!r}: {step!r}: {stray!r} is no column of the frame; {allowed(stray, known)}."
                )


def names_in_step(step: str) -> list[str]:
    """The names of a formula that can only be columns; what a function's name or argument may be is left to the run.

    Examples
    --------
    >>> names_in_step("y ~ C(arm) * np.log(dose, base=2) + `a b` + (1 + day | ward)")
    ['y', 'arm', 'dose', 'a b', 'day', 'ward']
    """
    found = []
    for one in _WORD.finditer(step):
        name = one["name"]
        if one["quoted"]:
            found.append(one["quoted"])
        elif name and not one["other"] and "." not in name and name not in _NO_COLUMNS:
            found.append(name)
    return found


def check_outliers(rule: OutlierRule | None, acted_on: Collection[str], series: Iterable[ModelSeries]) -> None:
    """Refuse an outlier rule for what stands in series only, which take values as they were observed.

    Raises
    ------
    StudyError
        The rule would change no number.
    """
    in_series = {name for one in series for step in one.steps for name in names_in_step(step)}
    for name in () if rule is None else rule.variables:
        if name in in_series and name not in acted_on:
            raise StudyError(
                f"outliers: {name!r} stands in a series only, and series take values as observed: the rule would "
                "change no number. Take it out of outliers, or use it in correlations, moderations or "
                "group_comparisons, on which the rule acts."
            )


def _is_fixed(variable: Variable | None, uses: Uses) -> bool:
    """Whether every patient has one value: of patients.csv, or of a single session."""
    if variable is None or variable.instrument is None or variable.session is not None:
        return True
    sessions = uses[variable.instrument][1].sessions
    return sessions is not None and len(sessions) == 1
