"""Whether what a study asks of its models is there: the model, the step, the variables, the terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from doublecode.schemas.declared_findings import FamilyTest, Findings, MarginalMeans
from doublecode.schemas.errors import StudyError
from doublecode.schemas.instrument import Instrument
from doublecode.schemas.model_series import ModelSeries
from doublecode.schemas.near_names import allowed, ended
from doublecode.schemas.reported_parts import DropRule
from doublecode.schemas.study_parts import ModerationModel
from doublecode.schemas.variable_checks import names_in_step


def check_findings(
    asked: Findings,
    series: Sequence[ModelSeries],
    moderations: Sequence[ModerationModel],
    unit: Literal["session", "patient"],
) -> None:
    """Hold marginal means and families to the declared models, and fidelity to frames of sessions.

    Raises
    ------
    StudyError
        A model, step, variable, term or contrast is not declared; components of sessions where a row is a patient.
    """
    if asked.fidelity is not None and unit == "patient":
        raise StudyError("fidelity: components are those of sessions, and a row is a patient here. Take fidelity out.")
    models: dict[str, ModelSeries | ModerationModel] = {one.name: one for one in series}
    models |= {one.name: one for one in moderations}
    for one in asked.marginal_means:
        where = f"marginal_means {one.name!r}"
        columns = _columns(models, one.model, one.step, where)
        if "offset" in one.at and getattr(models[one.model], "offset", None) is not None:
            columns = (*columns, "offset")  # held where `at` says
        stray = [name for name in one.names if name not in columns]
        if stray:
            raise StudyError(f"{where}: {stray[0]!r} is no predictor of {one.model!r}; {allowed(stray[0], columns)}.")
    drawn = [one.name for one in moderations if one.moderator]
    for figure in asked.interaction_figures:
        if figure.model not in drawn:
            raise StudyError(
                f"interaction_figures: no moderation with a moderator is called {figure.model!r}; "
                f"{allowed(figure.model, drawn)}."
            )
    for family in asked.families:
        for test in family.tests:
            where = f"families {family.name!r}: {test}"
            if test.means is None:
                check_test(test, models, where)
            else:
                _check_contrast(test, {one.name: one for one in asked.marginal_means}, where)


def check_drop_rules(rules: Sequence[DropRule], rated: Mapping[str, Instrument]) -> None:
    """Hold drop rules to the instruments that raters fill in.

    Raises
    ------
    StudyError
        There is no such instrument or item, or the instrument has none but the items that are dropped.
    """
    for rule in rules:
        where = f"drop_rules, instrument = {rule.instrument!r}"
        book = rated.get(rule.instrument)
        if book is None:
            raise StudyError(f"{where}: no instrument of raters is called so; {allowed(rule.instrument, rated)}.")
        items = [item.name for item in book.columns if item.is_numeric]
        stray = [name for name in rule.dropped if name not in items]
        if stray:
            raise StudyError(f"{where}: dropped names {stray[0]!r}; {allowed(stray[0], items)}.")


def _columns(
    models: Mapping[str, ModelSeries | ModerationModel], name: str, step: int | None, where: str
) -> tuple[str, ...]:
    """Predictors of a declared model, the parts of those that are split among them."""
    model = models.get(name)
    if model is None:
        raise StudyError(f"{where}: no series or moderation is called {name!r}; {ended(allowed(name, models))}")
    if isinstance(model, ModerationModel):
        if step is not None:
            raise StudyError(f"{where}: {name!r} is a moderation and has no steps; leave step out.")
        return tuple(filter(None, (model.predictor, model.moderator, *model.covariates)))
    if step is not None and step > len(model.steps):
        raise StudyError(f"{where}: step is {step}, and {name!r} has {len(model.steps)}.")
    found = names_in_step(model.steps[-1 if step is None else step - 1].partition("~")[2])
    parts = [f"{one}_{part}" for one in model.split if one in found for part in ("within", "between")]
    return tuple(dict.fromkeys((*(one for one in found if one not in model.split), *parts)))


def _check_contrast(test: FamilyTest, means: Mapping[str, MarginalMeans], where: str) -> None:
    """Contrasts of one's own are known; those of levels are held to them when they are computed."""
    found = means.get(str(test.means))
    if found is None:
        raise StudyError(f"{where}: no marginal_means are called {test.means!r}; {allowed(str(test.means), means)}.")
    if test.contrast is not None and found.contrasts and test.contrast not in found.contrasts:
        raise StudyError(f"{where}: {test.contrast!r} is no contrast there; {allowed(test.contrast, found.contrasts)}.")


def check_test(test: FamilyTest, models: Mapping[str, ModelSeries | ModerationModel], where: str) -> None:
    """Hold a coefficient that is asked for to the declared models.

    Raises
    ------
    StudyError
        There is no such model, step or predictor; or a series is named without a term.
    """
    named = str(test.model)
    columns = _columns(models, named, test.step, where)
    if test.term is None:
        if isinstance(models[named], ModelSeries):
            raise StudyError(
                f"{where}: a model of a series has several tests; say which: "
                f'{{model = "{test.model}", term = "{columns[0] if columns else "…"}"}}.'
            )
        return
    stray = [one for one in test.term.split(":") if one.partition("[")[0].strip("`") not in columns and "(" not in one]
    if stray:
        known = [one for one in columns if one != "patient"]
        raise StudyError(f"{where}: {stray[0]!r} is no predictor there; {ended(allowed(stray[0], known))}")
