"""Whether what a study asks of a finding is there, and whether each of the rules it names would change anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Protocol

from doublecode.schemas.as_used import as_used
from doublecode.schemas.declared_findings import FamilyTest
from doublecode.schemas.errors import StudyError
from doublecode.schemas.finding_checks import check_test
from doublecode.schemas.gathered import Gathered
from doublecode.schemas.missing_data_checks import check_missing
from doublecode.schemas.model_series import ModelSeries
from doublecode.schemas.near_names import allowed, ended
from doublecode.schemas.sensitivity import Sensitivity, SensitivityHeadline
from doublecode.schemas.series_families import not_served
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
    if study.sensitivity is None:
        return
    models: dict[str, ModelSeries | ModerationModel] = {one.name: one for one in study.series}
    models |= {one.name: one for one in study.moderations}
    fenced, wrong = {*(study.outliers.variables if study.outliers else ())}, Gathered()
    for number, asked in enumerate(study.sensitivity.each):
        with wrong.one():
            _Finding(asked, f"sensitivity: further {number}" if number else "sensitivity", variables, uses).check(
                models, fenced
            )
    wrong.refuse()


@dataclass(frozen=True)
class _Finding:
    """One finding and what is asked of it; `where` is its place in study.toml."""

    asked: Sensitivity
    where: str
    variables: Mapping[str, Variable]
    uses: Uses

    def check(self, models: Mapping[str, ModelSeries | ModerationModel], fenced: Set[str]) -> None:
        asked, head, variables, wrong = self.asked, self.asked.headline, self.variables, Gathered()
        at = f"{self.where}: headline" if self.where == "sensitivity" else self.where
        check_test(FamilyTest(model=head.model, term=head.term, step=head.step), models, at)
        model = models[head.model]
        if isinstance(model, ModelSeries) and model.family is not None:
            said = not_served(model.family, "the multiverse", "Name a model of a linear series, or a moderation.")
            raise StudyError(f"{at}: model {head.model!r}: {said}")
        known = model_variables(model, head)
        with wrong.one():
            check_missing(asked.missing, head.model, known, variables, is_series=isinstance(model, ModelSeries))
        with wrong.one():
            self._kind(model)
        with wrong.one():
            self._covariates(model)
        names = dict.fromkeys((*known, *(name for one in asked.choices.covariates for name in one)))
        measured = [variables[name] for name in names if name in variables and variables[name].is_measured]
        for check in (self._rated, self._reversal, self._missing_rule):
            with wrong.one():
                check(measured)
        with wrong.one():
            self._lag([variables[name] for name in names if name in variables])
        with wrong.one():
            if asked.choices.outliers and not fenced & {*known}:
                raise StudyError(
                    f"{self.where}: choices: outliers: the study's outlier rule holds no variable of {head.model!r}, "
                    "so that other fences change no number. Declare the rule under [outliers], or take outliers out."
                )
        wrong.refuse()

    def _kind(self, model: ModelSeries | ModerationModel) -> None:
        choices, name = self.asked.choices, self.asked.headline.model
        is_series = isinstance(model, ModelSeries)
        stray = [key for key in (_OF_MODERATION if is_series else _OF_SERIES) if getattr(choices, key)]
        if stray:
            kind, other = ("series", "moderations") if is_series else ("moderation", "series")
            raise StudyError(
                f"{self.where}: choices: {stray[0]} is of {other}, and {name!r} is a {kind}: it would change no "
                f"number. Take {stray[0]} out, or give each finding choices of its own."
            )

    def _covariates(self, model: ModelSeries | ModerationModel) -> None:
        choices, head, variables = self.asked.choices, self.asked.headline, self.variables
        focal = focal_names(model, head)
        outcome = model.outcome if isinstance(model, ModerationModel) else names_in_step(model.steps[0])[0]
        known = [name for name in (*variables, *KEYS) if name not in (*focal, outcome)]
        wrong = Gathered()
        for name in dict.fromkeys(name for one in choices.covariates for name in one):
            if name not in known:
                with wrong.one():
                    raise StudyError(
                        f"{self.where}: choices: covariates: {name!r} is no variable that can stand beside "
                        f"{' × '.join(focal)}; {ended(allowed(name, known))}"
                    )
        for part in choices.random:
            for name in (name for name in names_in_step(part) if name not in (*variables, *KEYS)):
                with wrong.one():
                    raise StudyError(
                        f"{self.where}: choices: random: {name!r} is no column of the frame; "
                        f"{ended(allowed(name, (*variables, *KEYS)))}"
                    )
        wrong.refuse()

    def _rated(self, measured: Sequence[Variable]) -> None:
        asked, uses = self.asked, self.uses
        key = "choices: pooling" if asked.choices.pooling else "leave_out: 'rater'"
        needed = bool(asked.choices.pooling) or "rater" in asked.leave_out
        if needed and not rated_instruments(measured, uses):
            raise StudyError(
                f"{self.where}: {key} is of what raters code, and no variable of the headline's model is. Take it out."
            )

    def _reversal(self, measured: Sequence[Variable]) -> None:
        asked, uses = self.asked, self.uses
        known = dict.fromkeys(str(one.instrument) for one in measured)
        for name, lists in asked.choices.reverse.items():
            if name not in known:
                raise StudyError(
                    f"{self.where}: choices: reverse: the headline's model stands on no instrument {name!r}; "
                    f"{ended(allowed(name, known))}"
                )
            book, use = uses[name]
            for items in lists:
                as_used(book, use.model_copy(update={"reverse": items, "minimum_valid": {}}))

    def _missing_rule(self, measured: Sequence[Variable]) -> None:
        asked, uses = self.asked, self.uses
        scales = {one.name: one for one in measured if one.scale is not None}
        for name, rules in asked.choices.minimum_valid.items():
            if name not in scales:
                raise StudyError(
                    f"{self.where}: choices: minimum_valid: {name!r} is no scale of the headline's model; "
                    f"{ended(allowed(name, scales))}"
                )
            book, use = uses[str(scales[name].instrument)]
            for least in rules:
                as_used(
                    book, use.model_copy(update={"reverse": None, "minimum_valid": {str(scales[name].scale): least}})
                )

    def _lag(self, variables: Sequence[Variable]) -> None:
        choices = self.asked.choices
        free = [one.name for one in variables if one.session is None and one.event is None and one.phase_from is None]
        for name in choices.lag:
            if name not in free:
                raise StudyError(
                    f"{self.where}: choices: lag: {name!r} is no variable of the headline's model that has a session "
                    f"before; {ended(allowed(name, free))}"
                )


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


def rated_instruments(measured: Iterable[Variable], uses: Uses) -> tuple[str, ...]:
    """Instruments that raters fill in, of the variables that a model stands on."""
    named = dict.fromkeys(str(one.instrument) for one in measured if one.instrument in uses)
    return tuple(name for name in named if uses[name][1].source == "raters")
