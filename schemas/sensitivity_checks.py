"""Whether what a study asks of a finding is there, and whether each of the rules it names would change anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from doublecode.schemas.as_used import as_used
from doublecode.schemas.declared_findings import FamilyTest
from doublecode.schemas.errors import StudyError
from doublecode.schemas.finding_checks import check_test
from doublecode.schemas.gathered import Gathered
from doublecode.schemas.missing_data_checks import check_missing
from doublecode.schemas.model_series import ModelSeries
from doublecode.schemas.near_names import allowed, ended
from doublecode.schemas.sensitivity import Choices, Sensitivity, SensitivityHeadline
from doublecode.schemas.study_parts import KEYS, ModerationModel, OutlierRule, Variable
from doublecode.schemas.variable_checks import Uses, names_in_step

_OF_SERIES = ("centring", "random")
_OF_MODERATION = ("outliers", "regression_errors")


class Asking(Protocol):
    """What of a study is looked at."""

    @property
    def series(self) -> tuple[ModelSeries, ...]:
        """Multilevel models."""
        ...

    @property
    def moderations(self) -> tuple[ModerationModel, ...]:
        """Regressions."""
        ...

    @property
    def outliers(self) -> OutlierRule | None:
        """The rule, if there is one."""
        ...

    @property
    def sensitivity(self) -> Sensitivity | None:
        """What is asked."""
        ...


def check_sensitivity(study: Asking, variables: Mapping[str, Variable], uses: Uses) -> None:
    """Hold headline, units and choices to the declared models, variables and codebooks.

    Raises
    ------
    StudyError
        A model, term, variable, instrument or item is not there, or a choice would change no number.
    """
    asked = study.sensitivity
    if asked is None:
        return
    models: dict[str, ModelSeries | ModerationModel] = {one.name: one for one in study.series}
    models |= {one.name: one for one in study.moderations}
    head, where = asked.headline, "sensitivity: headline"
    check_test(FamilyTest(model=head.model, term=head.term, step=head.step), models, where)
    model, wrong = models[head.model], Gathered()
    known = model_variables(model, head)
    with wrong.one():
        check_missing(asked.missing, head.model, known, variables, is_series=isinstance(model, ModelSeries))
    with wrong.one():
        _check_kind(asked.choices, model)
    with wrong.one():
        _check_covariates(asked.choices, model, head, variables)
    names = dict.fromkeys((*known, *(name for one in asked.choices.covariates for name in one)))
    measured = [variables[name] for name in names if name in variables and variables[name].is_measured]
    for check in (_check_rated, _check_reversal, _check_missing_rule):
        with wrong.one():
            check(asked, measured, uses)
    with wrong.one():
        _check_lag(asked.choices, [variables[name] for name in names if name in variables])
    with wrong.one():
        if asked.choices.outliers and not {*(study.outliers.variables if study.outliers else ())} & {*known}:
            raise StudyError(
                "sensitivity: choices: outliers: the study's outlier rule holds no variable of the headline's model, "
                "so that other fences change no number. Declare the rule under [outliers], or take outliers out."
            )
    wrong.refuse()


def model_variables(model: ModelSeries | ModerationModel, head: SensitivityHeadline) -> tuple[str, ...]:
    """Names of the columns that the headline's model stands on."""
    if isinstance(model, ModerationModel):
        return (model.outcome, model.predictor, *filter(None, [model.moderator]), *model.covariates)
    return tuple(dict.fromkeys(names_in_step(model.steps[-1 if head.step is None else head.step - 1])))


def focal_names(model: ModelSeries | ModerationModel, head: SensitivityHeadline) -> tuple[str, ...]:
    """The predictors that the headline's coefficient is of, without what splitting adds to their names."""
    if isinstance(model, ModerationModel):
        return tuple(filter(None, (model.predictor, model.moderator)))
    return tuple(base_of(factor, model.split)[0] for factor in str(head.term).split(":"))


def base_of(factor: str, split: Sequence[str]) -> tuple[str, str]:
    """A predictor and the part of it that a term names: ``("he", "within")``; no part where it is not split.

    Examples
    --------
    >>> base_of("he_within", ["he"]), base_of("session", ["he"])
    (('he', 'within'), ('session', ''))
    """
    base, _, part = factor.rpartition("_")
    return (base, part) if part in ("within", "between") and base in split else (factor, "")


def _check_kind(choices: Choices, model: ModelSeries | ModerationModel) -> None:
    is_series = isinstance(model, ModelSeries)
    stray = [key for key in (_OF_MODERATION if is_series else _OF_SERIES) if getattr(choices, key)]
    if stray:
        kind, other = ("series", "moderations") if is_series else ("moderation", "series")
        raise StudyError(
            f"sensitivity: choices: {stray[0]} is of {other}, and the headline {model.name!r} is a {kind}: it would "
            f"change no number. Take {stray[0]} out."
        )


def _check_covariates(
    choices: Choices,
    model: ModelSeries | ModerationModel,
    head: SensitivityHeadline,
    variables: Mapping[str, Variable],
) -> None:
    focal = focal_names(model, head)
    outcome = model.outcome if isinstance(model, ModerationModel) else names_in_step(model.steps[0])[0]
    known = [name for name in (*variables, *KEYS) if name not in (*focal, outcome)]
    wrong = Gathered()
    for name in dict.fromkeys(name for one in choices.covariates for name in one):
        if name not in known:
            with wrong.one():
                raise StudyError(
                    f"sensitivity: choices: covariates: {name!r} is no variable that can stand beside "
                    f"{' × '.join(focal)}; {ended(allowed(name, known))}"
                )
    for part in choices.random:
        for name in (name for name in names_in_step(part) if name not in (*variables, *KEYS)):
            with wrong.one():
                raise StudyError(
                    f"sensitivity: choices: random: {name!r} is no column of the frame; "
                    f"{ended(allowed(name, (*variables, *KEYS)))}"
                )
    wrong.refuse()


def rated_instruments(measured: Iterable[Variable], uses: Uses) -> tuple[str, ...]:
    """Instruments that raters fill in, of the variables that a model stands on."""
    named = dict.fromkeys(str(one.instrument) for one in measured if one.instrument in uses)
    return tuple(name for name in named if uses[name][1].source == "raters")


def _check_rated(asked: Sensitivity, measured: Sequence[Variable], uses: Uses) -> None:
    key = "choices: pooling" if asked.choices.pooling else "leave_out: 'rater'"
    needed = bool(asked.choices.pooling) or "rater" in asked.leave_out
    if needed and not rated_instruments(measured, uses):
        raise StudyError(
            f"sensitivity: {key} is of what raters code, and no variable of the headline's model is. Take it out."
        )


def _check_reversal(asked: Sensitivity, measured: Sequence[Variable], uses: Uses) -> None:
    known = dict.fromkeys(str(one.instrument) for one in measured)
    for name, lists in asked.choices.reverse.items():
        if name not in known:
            raise StudyError(
                f"sensitivity: choices: reverse: the headline's model stands on no instrument {name!r}; "
                f"{ended(allowed(name, known))}"
            )
        book, use = uses[name]
        for items in lists:
            as_used(book, use.model_copy(update={"reverse": items, "minimum_valid": {}}))


def _check_missing_rule(asked: Sensitivity, measured: Sequence[Variable], uses: Uses) -> None:
    scales = {one.name: one for one in measured if one.scale is not None}
    for name, rules in asked.choices.minimum_valid.items():
        if name not in scales:
            raise StudyError(
                f"sensitivity: choices: minimum_valid: {name!r} is no scale of the headline's model; "
                f"{ended(allowed(name, scales))}"
            )
        book, use = uses[str(scales[name].instrument)]
        for least in rules:
            as_used(book, use.model_copy(update={"reverse": None, "minimum_valid": {str(scales[name].scale): least}}))


def _check_lag(choices: Choices, variables: Sequence[Variable]) -> None:
    free = [one.name for one in variables if one.session is None and one.event is None and one.phase_from is None]
    for name in choices.lag:
        if name not in free:
            raise StudyError(
                f"sensitivity: choices: lag: {name!r} is no variable of the headline's model that has a session "
                f"before; {ended(allowed(name, free))}"
            )
