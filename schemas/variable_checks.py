"""Whether the variables of a study exist in its codebooks, and whether what is split varies within patients."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal

from doublecode.schemas.errors import InstrumentError, StudyError
from doublecode.schemas.gathered import Gathered
from doublecode.schemas.instrument import Instrument
from doublecode.schemas.model_series import ModelSeries, check_course, check_differences, check_residuals
from doublecode.schemas.near_names import allowed, ended
from doublecode.schemas.patient_model import PatientModel, check_patient_models
from doublecode.schemas.study_parts import KEYS, InstrumentUse, ModerationModel, OutlierRule, Variable

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


def check_variables(
    variables: Iterable[Variable], uses: Uses, unit: Literal["session", "patient"], events: Sequence[str] = ()
) -> None:
    """Hold variables to the codebooks.

    Raises
    ------
    StudyError, InstrumentError
        A variable is of an instrument, scale, item, session or event that the study does not have, is no number, or
        asks for what a row of the frame does not have.
    """
    wrong = Gathered()
    for variable in variables:
        with wrong.one():
            _check_variable(variable, uses, unit, events)
    wrong.refuse()


def _check_variable(variable: Variable, uses: Uses, unit: Literal["session", "patient"], events: Sequence[str]) -> None:
    where = f"variable {variable.name!r}"
    if variable.name in KEYS:
        raise StudyError(f"{where}: this name is taken by the frame itself; choose another.")
    _check_unit(variable, unit, where)
    if variable.instrument is None:
        _check_change(variable, (), where)
        return
    if variable.instrument not in uses:
        titled = next((name for name, (book, _) in uses.items() if variable.instrument == book.title), None)
        if titled is not None:
            raise StudyError(f"{where}: {variable.instrument!r} is a title; write the name: instrument = {titled!r}.")
        raise StudyError(
            f"{where}: the study does not use {variable.instrument!r}; {ended(allowed(variable.instrument, uses))} "
            "Write one of these, or add the instrument to [[instruments]] in study.toml."
        )
    book, use = uses[variable.instrument]
    wrong = Gathered()
    with wrong.one():
        try:
            _check_source(variable, book, where)
        except InstrumentError as stray:
            raise InstrumentError(f"{where}: {stray}") from None
    with wrong.one():
        _check_session(variable, book, use.sessions, where)
    with wrong.one():
        _check_event(variable, use, events, where)
    wrong.refuse()
    if unit == "patient" and variable.session is None and variable.event is None and len(use.sessions or ()) != 1:
        raise StudyError(f"{where}: say which session of a patient it is (session = …).")


def settled(variable: Variable, columns: Mapping[str, Sequence[str]], unit: Literal["session", "patient"]) -> Variable:
    """A variable with the table that its column stands in; other variables as they are.

    Parameters
    ----------
    variable : Variable
    columns : mapping of table to its columns
    unit : {"session", "patient"}

    Raises
    ------
    StudyError
        No table has the column, or several have and none is named; or the table does not have what is asked of it.

    Examples
    --------
    >>> settled(Variable(name="m", column="minutes"), {"patients": ["age"], "sessions": ["minutes"]}, "session").table
    'sessions'
    """
    if variable.column is None:
        return variable
    table = table_of(variable, columns)
    found = variable.model_copy(update={"table": table})
    _check_unit(found, unit, f"variable {variable.name!r}")
    return found


def table_of(variable: Variable, columns: Mapping[str, Sequence[str]]) -> str:
    """The table that a variable's column stands in.

    Parameters
    ----------
    variable : Variable
        With a `column`.
    columns : mapping of table to its columns

    Raises
    ------
    StudyError
        No table has the column, or several have and none is named; or the frame has it already.

    Examples
    --------
    >>> table_of(Variable(name="m", column="minutes"), {"patients": ["age"], "sessions": ["minutes"]})
    'sessions'
    """
    name, where = str(variable.column), f"variable {variable.name!r}"
    if name in KEYS:
        raise StudyError(f"{where}: every frame has the column {name!r}; use this name in formulas.")
    asked = [variable.table] if variable.table is not None else list(columns)
    holding = [table for table in asked if name in columns.get(table, ())]
    if not holding:
        said = allowed(name, dict.fromkeys(one for table in asked for one in columns.get(table, ()) if one not in KEYS))
        tables = ", ".join(f"{one}.csv" for one in asked)
        have = "has" if len(asked) == 1 else "have"
        raise StudyError(f"{where}: {tables} {have} no column {name!r}; {ended(said)}")
    if len(holding) > 1:
        both = " and ".join(f"{table}.csv" for table in holding)
        raise StudyError(f"{where}: the column {name!r} stands in {both}; say which (table = {holding[0]!r}).")
    if (holding[0], name) in _SAYS_NOTHING:
        raise StudyError(f"{where}: {_SAYS_NOTHING[holding[0], name]}.")
    return holding[0]


_SAYS_NOTHING = {
    ("sessions", "phase"): "every row of the frame is of the phase main; a phase of treatment is phase_from = … or a "
    "column of your own",
    ("sessions", "date"): "a date is no number; time since the first session is time = 'weeks' or 'days'",
}


def _check_unit(variable: Variable, unit: Literal["session", "patient"], where: str) -> None:
    """What a row that is a patient does not have."""
    if unit == "session":
        return
    if variable.phase_from is not None:
        raise StudyError(f"{where}: a row is a patient, who is in every phase. Take phase_from out.")
    if variable.lag is not None:
        raise StudyError(f"{where}: a row is a patient, who has no session before. Name the session (session = …).")
    needed = variable.time is not None or variable.is_of_session
    if needed and variable.session is None:
        raise StudyError(f"{where}: say which session of a patient it is (session = …).")


def _check_event(variable: Variable, use: InstrumentUse, events: Sequence[str], where: str) -> None:
    if variable.event is not None:
        if use.source != "outcomes":
            raise StudyError(f"{where}: {use.name} is rated in sessions; events are of outcomes. Take event out.")
        if variable.event not in events:
            raise StudyError(f"{where}: there is no event {variable.event!r}; {ended(allowed(variable.event, events))}")
        _check_change(variable, events, where, only_events=True)
    else:
        _check_change(variable, events if use.source == "outcomes" and variable.count is None else (), where)


def _check_change(variable: Variable, events: Sequence[str], where: str, *, only_events: bool = False) -> None:
    known = [*([] if only_events else ["previous", "first"]), *events]
    if variable.change is not None and variable.change not in known:
        raise StudyError(f"{where}: change = {variable.change!r}; {ended(allowed(variable.change, known))}")
    if variable.change == "first" and variable.time is not None:
        raise StudyError(f"{where}: time is counted from the first session already. Take change out.")


def _check_source(variable: Variable, book: Instrument, where: str) -> None:
    if variable.scale is not None:
        book.scale(variable.scale)
        return
    if variable.count is not None:
        _check_count(variable, book, where)
        return
    item = book.item(str(variable.item))
    if not item.is_numeric:
        numeric = [one.name for one in book.columns if one.is_numeric]
        said = allowed(item.name, numeric)
        raise StudyError(f"{where}: the item {item.name!r} is {item.type}, and a variable is a number; {ended(said)}")


def _check_count(variable: Variable, book: Instrument, where: str) -> None:
    log = book.homework_log
    if log is None:
        raise StudyError(f"{where}: {book.name} is no homework log, and count is of one. Name a scale or an item.")
    if variable.count == "difficulties" and log.difficulties is None:
        raise StudyError(f"{where}: {book.name} logs no difficulties; allowed: assigned, completed.")
    if variable.count == "degrees" and not log.has_degrees:
        raise StudyError(f"{where}: {book.name} has no degrees of completion; count = 'completed' says the same.")
    if variable.of_type is not None:
        codes = next(item.categories for item in book.items if item.name == log.type)
        if variable.of_type not in codes:
            raise StudyError(f"{where}: of_type = {variable.of_type!r}; {ended(allowed(variable.of_type, codes))}")


def _check_session(variable: Variable, book: Instrument, numbers: tuple[int, ...] | None, where: str) -> None:
    if numbers is None:
        return
    listed = ", ".join(map(str, numbers))
    if variable.session is not None and variable.session not in numbers:
        raise StudyError(
            f"{where}: {book.name} is not used in session {variable.session}; allowed: {listed} (sessions of "
            "[[instruments]])."
        )
    if variable.change == "previous" and not any(number - 1 in numbers for number in numbers):
        raise StudyError(f"{where}: {book.name} is never used in two sessions running ({listed}). Take change out.")


def check_splits(
    series: Iterable[ModelSeries], variables: Mapping[str, Variable], uses: Uses, unit: Literal["session", "patient"]
) -> None:
    """Hold what is split to the steps of its series, and to the sessions that it has values of.

    Raises
    ------
    StudyError
        It is a predictor in no step, or has one value for each patient.
    """
    wrong = Gathered()
    for one in series:
        for name in one.split:
            with wrong.one():
                _check_split(one, name, variables, uses, unit)
    wrong.refuse()


def _check_split(
    series: ModelSeries, name: str, variables: Mapping[str, Variable], uses: Uses, unit: Literal["session", "patient"]
) -> None:
    where = f"series {series.name!r}: split: {name!r}"
    word = re.compile(rf"(?<![\w.]){re.escape(name)}(?![\w.])")
    if not any(word.search(step.partition("~")[2]) for step in series.steps):
        raise StudyError(f"{where} is a predictor in no step. Put it into a step, or take it out of split.")
    if unit == "patient" or (name != "session" and _is_fixed(variables.get(name), uses)):
        raise StudyError(f"{where}{_FIXED}{_or_of_sessions(variables.get(name), uses, unit)}")
    taken = [made for made in (f"{name}_within", f"{name}_between") if made in variables]
    if taken:
        raise StudyError(f"{where} makes a column {taken[0]!r}, as a variable is called. Rename the variable.")


def check_means(
    models: Iterable[PatientModel],
    variables: Mapping[str, Variable],
    uses: Uses,
    unit: Literal["session", "patient"],
) -> None:
    """Hold regressions over patients to what patients have: see :func:`check_patient_models`."""
    check_patient_models(models, lambda name: name not in KEYS and _is_fixed(variables.get(name), uses), unit)


def check_steps(series: Iterable[ModelSeries], variables: Mapping[str, Variable]) -> None:
    """Hold the names in the steps of series to the variables and to the columns that every frame has.

    Raises
    ------
    StudyError
        A step or what its residuals depend on names something else, the steps of a series have different outcomes, or
        slopes are to be compared that stand in no step together.
    """
    known = dict.fromkeys((*variables, *KEYS))
    wrong = Gathered()
    for one in series:
        with wrong.one():
            _check_one_outcome(one)
        with wrong.one():
            check_residuals(one, variables)
        predictors = [frozenset(names_in_step(step.partition("~")[2])) for step in one.steps]
        with wrong.one():
            check_differences(one, predictors)
        with wrong.one():
            check_course(one, predictors, [name for name, of in variables.items() if of.phase_from is not None])
        names = [(step, name) for step in one.steps for name in names_in_step(step)]
        first_in = {name: step for step, name in reversed(names) if name not in known}
        for name in dict.fromkeys(name for _, name in names if name in first_in):
            with wrong.one():
                raise StudyError(
                    f"series {one.name!r}: {first_in[name]!r}: {name!r} is no column of the frame; "
                    f"{ended(allowed(name, known))}"
                )
    wrong.refuse()


def _check_one_outcome(series: ModelSeries) -> None:
    """Refuse steps that nothing compares: the likelihoods of different outcomes do not."""
    outcomes = dict.fromkeys("".join(step.partition("~")[0].split()).strip("`") for step in series.steps)
    if len(outcomes) > 1:
        raise StudyError(
            f"series {series.name!r}: its steps have the outcomes {', '.join(map(repr, outcomes))}, allowed one: "
            "AIC and likelihoods of different outcomes cannot be compared. Declare a series for each."
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


def check_outliers(
    rule: OutlierRule | None,
    acted_on: Collection[str],
    series: Iterable[ModelSeries],
    patients: Iterable[PatientModel] = (),
) -> None:
    """Refuse an outlier rule for what stands in series only, which take values as they were observed.

    Raises
    ------
    StudyError
        The rule would change no number.
    """
    in_series = {name for one in series for step in one.steps for name in names_in_step(step)}
    in_series |= {name for one in patients for name in one.variables}
    wrong = Gathered()
    for name in () if rule is None else rule.variables:
        if name in in_series and name not in acted_on:
            with wrong.one():
                raise StudyError(
                    f"outliers: {name!r} stands in a series only, and series take values as observed: the rule would "
                    "change no number. Take it out of outliers, or use it in correlations, moderations or "
                    "group_comparisons, on which the rule acts."
                )
    wrong.refuse()


def check_errors(are_chosen: bool, moderations: Collection[ModerationModel]) -> None:
    """Refuse a choice of standard errors of regressions where there is no regression.

    Raises
    ------
    StudyError
        The choice would change no number.
    """
    if are_chosen and not moderations:
        raise StudyError(
            "regression_errors: only [[moderations]] stand on them, and none is declared. Take the line out, or "
            "declare one."
        )


def check_separations(named: Iterable[str], rated: Sequence[str]) -> None:
    """Hold the instruments that the plan separates to those that raters fill in.

    Raises
    ------
    StudyError
        One of them is no instrument of raters.
    """
    wrong = Gathered()
    for name in (name for name in named if name not in rated):
        with wrong.one():
            said = ended(allowed(name, rated))
            raise StudyError(f"allocation: separations: no instrument of raters is called {name!r}; {said}")
    wrong.refuse()


_FIXED = " has one value for each patient, so that nothing varies within patients. Take it out of split."


def _or_of_sessions(variable: Variable | None, uses: Uses, unit: Literal["session", "patient"]) -> str:
    """What else may be meant: a column of which no table is named, an instrument used in one session by mistake."""
    if unit == "patient" or variable is None or variable.session is not None or variable.event is not None:
        return ""
    name = variable.instrument or ""
    numbers = (uses[name][1].sessions or ()) if name in uses else ()
    if numbers:
        return f" Or correct sessions = {list(numbers)} of the instrument {name!r}, which is used in no other."
    if variable.column is not None and variable.table is None:
        return " Or write table = 'sessions' under the variable, if its column stands in sessions.csv."
    return ""


def _is_fixed(variable: Variable | None, uses: Uses) -> bool:
    """Whether every patient has one value: of patients.csv, of a single session, of an event."""
    if variable is None or variable.session is not None or variable.event is not None:
        return True
    if variable.instrument is not None and variable.instrument not in uses:
        return False  # refused as a variable
    if variable.instrument is None:
        return variable.column is not None and not variable.is_of_session and variable.table != "therapists"
    sessions = uses[variable.instrument][1].sessions
    return sessions is not None and len(sessions) == 1
