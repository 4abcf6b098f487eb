"""The specifications of a multiverse: every combination of the declared rules as a declaration of its own.

A specification is the study's own declaration with some of its lines changed, read by the same model as study.toml.
What is asked beside the models (families, marginal means, figures, change of patients) does not change an estimate and
is left out of it, so that it stops no specification either.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any, Final

from doublecode.analysis.mixed.formula import parse_mixed
from doublecode.analysis.mixed.formula_columns import terms_of
from doublecode.schemas.declared import describe
from doublecode.schemas.declared_findings import Findings
from doublecode.schemas.errors import DoublecodeError, UsageError
from doublecode.schemas.model_series import ModelSeries
from doublecode.schemas.reported_parts import Reported
from doublecode.schemas.sensitivity import MOST_SPECIFICATIONS, Choices, SensitivityHeadline
from doublecode.schemas.sensitivity_checks import base_of, focal_names, model_variables, rated_instruments
from doublecode.schemas.study_parts import ModerationModel
from doublecode.schemas.variable_checks import names_in_step

if TYPE_CHECKING:
    from doublecode.analysis.mixed.formula import ModelFormula
    from doublecode.schemas.study import Study

Declaration = dict[str, Any]
Change = Callable[[Declaration, Any], None]
Alike = Callable[[Any], Hashable]
BESIDE_MODELS: Final = frozenset(Findings.model_fields) - frozenset(Reported.model_fields) - {"correlations"}
"""Entries of study.toml that a specification goes without. Correlations stay: the outlier rule may be theirs."""


@dataclass(frozen=True)
class Choice:
    """One rule that could be another.

    Attributes
    ----------
    name : str
        What it is called in tables: ``pooling``, ``lag of he``.
    values : tuple
        What it may be, the declared one first, as study.toml says it; None stands for a line that is absent.
    change : callable
        Puts one of them into a declaration.
    """

    name: str
    values: tuple[Any, ...]
    change: Change

    def said(self, place: int) -> str:
        """One of the values, as it is printed."""
        return printed(self.values[place])


def printed(value: Any) -> str:
    """A value of a rule in a table.

    Examples
    --------
    >>> printed(None), printed(1.5), printed(("session", "tbh")), printed(())
    ('none', '1.5', 'session, tbh', 'none')
    """
    if value is None or (isinstance(value, list | tuple) and not value):
        return "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class Specification:
    """One combination of the declared rules.

    Attributes
    ----------
    number : int
        From 1; 1 is the study as it is declared.
    choices : mapping of str to str
        The value of each rule, as it is printed.
    declaration : dict
        What study.toml says.
    study : Study or None
        The same, read; None where it is refused.
    term : str
        What the headline's coefficient is called in it.
    refusal : str
        Why it is no declaration.
    """

    number: int
    choices: Mapping[str, str]
    declaration: Declaration
    study: Study | None
    term: str | None
    refusal: str = ""


def specifications(study: Study) -> list[Specification]:
    """Every combination of the declared rules, the study as it is declared first.

    Raises
    ------
    UsageError
        The study declares no sensitivity, or more combinations than anybody reads.
    """
    choices = choices_of(study)
    n = prod(len(one.values) for one in choices)
    if n > MOST_SPECIFICATIONS:
        counts = ", ".join(f"{one.name}: {len(one.values)}" for one in choices)
        raise UsageError(
            f"sensitivity: {n:,} specifications ({counts}); allowed: {MOST_SPECIFICATIONS:,}. Take a choice out."
        )
    return list(_combined(study, choices))


def _combined(study: Study, choices: Sequence[Choice]) -> Iterator[Specification]:
    own = declaration_of(study)
    for number, places in enumerate(product(*(range(len(one.values)) for one in choices)), start=1):
        changed = deepcopy(own)
        for choice, place in zip(choices, places, strict=True):
            if place:
                choice.change(changed, choice.values[place])
        said = {choice.name: choice.said(place) for choice, place in zip(choices, places, strict=True)}
        try:
            read = read_declaration(changed, study)
        except DoublecodeError as wrong:
            yield Specification(number, said, changed, None, None, str(wrong))
            continue
        yield Specification(number, said, changed, read, term_in(study, read))


def declaration_of(study: Study) -> Declaration:
    """What the study's study.toml says, without what is asked beside its models."""
    said: Declaration = study.model_dump(mode="json", exclude_unset=True)
    return {key: value for key, value in said.items() if key not in BESIDE_MODELS}


def read_declaration(declaration: Declaration, study: Study) -> Study:
    """Read a declaration as study.toml is read, in the folder of `study`.

    Raises
    ------
    UsageError, StudyError
        It is refused; the message says why.
    """
    from pydantic import ValidationError

    try:
        read = type(study).model_validate_json(json.dumps(declaration))
    except ValidationError as wrong:
        raise UsageError(describe("study.toml", wrong, type(study))) from None
    read._folder = study.folder
    read.check_variables()
    return read


def headline_of(study: Study) -> SensitivityHeadline:
    """The finding that is asked.

    Raises
    ------
    UsageError
        The study asks nothing.
    """
    if study.sensitivity is None:
        raise UsageError(
            f"{study.name}: study.toml declares no [sensitivity]. Name the finding and what is left out: "
            '[sensitivity], headline = { model = "…", term = "…" }, leave_out = ["patient"].'
        )
    return study.sensitivity.headline


def headline_model(study: Study, head: SensitivityHeadline) -> Any:
    """The declared series or moderation of the headline."""
    models: list[ModelSeries | ModerationModel] = [*study.series, *study.moderations]
    return next(one for one in models if one.name == head.model)


def step_of(model: ModelSeries, head: SensitivityHeadline) -> int:
    """The place of the headline's step, from 0."""
    return (len(model.steps) if head.step is None else head.step) - 1


def term_in(study: Study, read: Study) -> str | None:
    """What the headline's coefficient is called in a changed study; None leaves it to the regression."""
    head = headline_of(study)
    own, other = headline_model(study, head), headline_model(read, head)
    if not isinstance(own, ModelSeries) or head.term is None:
        return head.term
    factors = []
    for factor in head.term.split(":"):
        base, part = base_of(factor, own.split)
        factors.append(f"{base}_{part or 'within'}" if base in other.split else base)
    return ":".join(factors)


def choices_of(study: Study) -> list[Choice]:
    """The declared rules with more than one value, in the order of the keys.

    Raises
    ------
    UsageError
        A rule names nothing but what is declared, or one value in two ways: it would change no number.
    """
    head = headline_of(study)
    asked = study.sensitivity.choices if study.sensitivity is not None else Choices()
    model = headline_model(study, head)
    found = [
        *_of_instruments(study, asked, (*model_variables(model, head), *(one for c in asked.covariates for one in c))),
        *_of_variables(study, asked),
        *(_of_series(model, head, asked) if isinstance(model, ModelSeries) else _of_regression(study, model, asked)),
    ]
    return [one for one in found if len(one.values) > 1]


def _values(key: str, own: Any, others: Sequence[Any], alike: Alike = lambda value: value) -> tuple[Any, ...]:
    """The declared value first, then the others; what `alike` finds to be one value is refused as two."""
    for at, one in enumerate(others):
        twin = next((other for other in others[:at] if alike(other) == alike(one)), None)
        if twin is not None:
            raise UsageError(
                f"sensitivity: choices: {key}: {printed(one)!r} is {printed(twin)!r} written in another way: it would "
                "change no number. Take one of them out."
            )
    fresh = [one for one in others if alike(one) != alike(own)]
    if others and not fresh:
        raise UsageError(
            f"sensitivity: choices: {key}: {printed(others[0])!r} is what the study declares, which always is one of "
            f"the specifications: alone it would change no number. Name another value, or take {key} out; each finding "
            "can have choices of its own."
        )
    return (own, *fresh)


def _random_part(formula: str | ModelFormula) -> str:
    """The random part of a formula."""
    return " + ".join(term.label for term in parse_mixed(formula).terms)


def _random_effects(part: str) -> Hashable:
    """What varies by what in a random part, however it is written: ``(x | g)`` is ``(1 + x | g)``."""
    return frozenset(
        (frozenset(map(frozenset, terms_of(term.expression))), frozenset(term.factors))
        for term in parse_mixed(f"y ~ 1 + {part}").terms
    )


def _of_instruments(study: Study, asked: Choices, names: Sequence[str]) -> Iterator[Choice]:
    variables = {one.name: one for one in study.variables}
    uses = {name: (book, study.use(name)) for name, book in study.codebooks.items()}
    places = {name: place for place, name in enumerate(study.codebooks)}
    rated = rated_instruments([variables[name] for name in dict.fromkeys(names) if name in variables], uses)
    if asked.pooling:
        of_each = [uses[name][1].pooling for name in rated]
        own = of_each[0] if len(set(of_each)) == 1 else "as declared"

        def pool(said: Declaration, value: Any) -> None:
            for name in rated:
                said["instruments"][places[name]]["pooling"] = value

        yield Choice("pooling", _values("pooling", own, asked.pooling), pool)
    for name, lists in asked.reverse.items():
        own_items = [item.name for item in uses[name][0].items if item.reversed]

        def turn(said: Declaration, value: Any, place: int = places[name]) -> None:
            said["instruments"][place]["reverse"] = list(value)

        yield Choice(f"reversed in {name}", _values(f"reverse of {name}", own_items, lists, frozenset), turn)
    for name, rules in asked.minimum_valid.items():
        variable = variables[name]
        scale = uses[str(variable.instrument)][0].scale(str(variable.scale))

        def require(
            said: Declaration, value: Any, place: int = places[str(variable.instrument)], of: str = scale.name
        ) -> None:
            said["instruments"][place].setdefault("minimum_valid", {})[of] = value

        yield Choice(f"items needed of {name}", _values(f"minimum_valid of {name}", scale.required, rules), require)


def _of_variables(study: Study, asked: Choices) -> Iterator[Choice]:
    places = {one.name: place for place, one in enumerate(study.variables)}
    for name, lags in asked.lag.items():

        def shift(said: Declaration, value: Any, place: int = places[name]) -> None:
            said["variables"][place] |= {"lag": value}
            if not value:
                del said["variables"][place]["lag"]

        yield Choice(f"lag of {name}", _values(f"lag of {name}", study.variables[places[name]].lag or 0, lags), shift)


def _of_series(model: ModelSeries, head: SensitivityHeadline, asked: Choices) -> Iterator[Choice]:
    step, focal = step_of(model, head), focal_names(model, head)
    parsed = parse_mixed(model.steps[step])
    beside = [name for name in names_in_step(f"~ {parsed.fixed}") if name not in focal]

    def of(said: Declaration) -> Declaration:
        found: Declaration = next(one for one in said["series"] if one["name"] == model.name)
        return found

    def centre(said: Declaration, value: Any) -> None:
        own = of(said)
        own["split"] = [name for name in focal if name != "session"] if value == "within" else []
        if not own["split"]:
            own.pop("latent_means", None)

    def vary(said: Declaration, value: Any) -> None:
        own = of(said)
        fixed = parse_mixed(own["steps"][step]).fixed
        _put(own, step, f"{parsed.response} ~ {fixed} + {value}")

    def control(said: Declaration, value: Any) -> None:
        own = of(said)
        random = [term.label for term in parse_mixed(own["steps"][step]).terms]
        _put(own, step, f"{parsed.response} ~ {' + '.join([' * '.join(focal), *value, *random])}")

    yield Choice("covariates", _values("covariates", beside, asked.covariates, frozenset), control)
    centring = "within" if {*focal} & {*model.split} else "none"
    yield Choice("centring", _values("centring", centring, asked.centring), centre)
    others = [_random_part(f"y ~ 1 + {part}") for part in asked.random]
    yield Choice("random part", _values("random", _random_part(parsed), others, _random_effects), vary)


def _put(series: Declaration, step: int, formula: str) -> None:
    """Put a formula in the place of a step; what no step holds any more is neither split nor compared."""
    steps = [formula if place == step else one for place, one in enumerate(series["steps"])]
    series["steps"] = steps
    there = [set(names_in_step(one.partition("~")[2])) for one in steps]
    series["split"] = [name for name in series.get("split", []) if any(name in names for names in there)]
    pairs = [pair for pair in series.get("differences", []) if any(names >= set(pair) for names in there)]
    series["differences"] = pairs
    if not series["split"]:
        series.pop("latent_means", None)


def _of_regression(study: Study, model: Any, asked: Choices) -> Iterator[Choice]:
    def control(said: Declaration, value: Any) -> None:
        next(one for one in said["moderations"] if one["name"] == model.name)["covariates"] = list(value)

    def fence(said: Declaration, value: Any) -> None:
        if value == "none":
            del said["outliers"]
        else:
            said["outliers"]["multiplier"] = value

    def errors(said: Declaration, value: Any) -> None:
        said["regression_errors"] = value

    yield Choice("covariates", _values("covariates", list(model.covariates), asked.covariates, frozenset), control)
    if study.outliers is not None:
        yield Choice("outlier fences", _values("outliers", float(study.outliers.multiplier), asked.outliers), fence)
    own = study.regression_errors
    yield Choice("standard errors", _values("regression_errors", own, asked.regression_errors), errors)
