"""Which of a study's models a planned study is to be analysed with, in the names of the simulation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from doublecode.analysis.mixed.formula import parse_mixed
from doublecode.analysis.mixed.formula_names import variables_of
from doublecode.schemas.errors import UsageError
from doublecode.schemas.model_series import ModelSeries
from doublecode.schemas.near_names import allowed, ended
from doublecode.schemas.patient_model import PatientModel
from doublecode.schemas.results import Note
from doublecode.schemas.sensitivity_checks import base_of
from doublecode.schemas.study_parts import KEYS, ModerationModel, Variable

if TYPE_CHECKING:
    from doublecode.analysis.mixed.formula import ModelFormula
    from doublecode.schemas.study import Study

CALLER: Final = "power"
Model = ModelSeries | ModerationModel | PatientModel
OF_FAMILY: Final = ("link", "thresholds", "trials", "offset", "prior_sd")
"""What a generalised series may declare, and the simulated studies do without."""
USUAL: Final = ("logit", "log", "flexible")
"""Link and thresholds of the simulated studies."""


@dataclass(frozen=True)
class PlannedModel:
    """What is to be found, and by which model.

    Attributes
    ----------
    model : str
        Name of the declared model; empty where none is declared.
    outcome, predictor : str
        Variables of the study; an outcome that nothing declares is empty.
    formula : str
        In the names of :func:`doublecode.analysis.power`; of a regression its own.
    predictors, factors : int, tuple of str
        Of a regression with one value per patient: its columns, and the variables whose product (or which alone) is
        tested; 0 and empty of a multilevel model.
    family : str, optional
        Of an outcome that is done or not, counted, or in ordered categories, which is simulated as such.
    trials : str, optional
        The variable with the number of trials, where the outcome is so many of so many.
    notes : tuple of Note
        Which model it is, where none was named; what the model has and the simulated studies have not.
    """

    model: str
    outcome: str
    predictor: str
    formula: str
    predictors: int = 0
    factors: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    family: str | None = None
    trials: str | None = None

    @property
    def is_of_patients(self) -> bool:
        """Whether patients have one value each."""
        return bool(self.predictors)


def planned_model(study: Study, model: str | None = None, predictor: str | None = None) -> PlannedModel:
    """The model of a planned study: the one named, that of the study's headline, its last series, or the usual one.

    Raises
    ------
    UsageError
        There is no such model or predictor, or a predictor that cannot be simulated.
    """
    models: dict[str, Model] = {one.name: one for one in study.series}
    models |= {one.name: one for one in study.moderations}
    models |= {one.name: one for one in study.patient_outcomes}
    if model is not None and model not in models:
        known = allowed(model, list(models)) if models else "study.toml declares no model"
        raise UsageError(f"{CALLER}: --model: there is no model {model!r}; {ended(known)}")
    found = _planned(study, models.get(model or _usual_model(study)), predictor)
    others = [name for name in models if name != found.model]
    if model is not None or not found.model or not others:
        return found
    kind = "design_of_several" if study.sensitivity is None else "design_of_headline"
    told = Note(kind, numbers={"model": found.model, "others": ", ".join(others)})
    return replace(found, notes=(told, *found.notes))


def _planned(study: Study, chosen: Model | None, predictor: str | None) -> PlannedModel:
    if isinstance(chosen, ModelSeries):
        return _of_series(study, chosen, predictor)
    if isinstance(chosen, ModerationModel):
        _only(predictor, (chosen.predictor,), chosen.name)
        factors = (chosen.predictor, *filter(None, [chosen.moderator]))
        n = len(factors) + len(chosen.covariates) + (chosen.moderator is not None)
        robust = (Note("design_robust"),) if study.regression_errors == "HC3" else ()
        return PlannedModel(chosen.name, chosen.outcome, chosen.predictor, chosen.formula, n, factors, robust)
    if isinstance(chosen, PatientModel):
        _only(predictor, (chosen.predictor,), chosen.name)
        left = [Note("design_patient_mean", numbers={"predictor": chosen.predictor})]
        if chosen.therapists != "ignored":
            left.append(Note("design_therapists"))
        n = len(chosen.fixed)  # the outcome counts for the predictor
        return PlannedModel(
            chosen.name, chosen.outcome, chosen.predictor, chosen.formula, n, (chosen.predictor,), tuple(left)
        )
    return _undeclared(study, predictor)


def _usual_model(study: Study) -> str:
    """The headline's model, else the last series that has a predictor beside time, else the first regression.

    Where rows are patients regressions come first: a series has them within therapists, which is not simulated.
    """
    if study.sensitivity is not None:
        return study.sensitivity.headline.model
    series = [one.name for one in study.series if _candidates(study, parse_mixed(one.steps[-1]))]
    rest = [*(one.name for one in study.moderations), *(one.name for one in study.patient_outcomes)]
    in_order = [*rest, *series[-1:]] if study.unit == "patient" else [*series[-1:], *rest]
    return next(iter(in_order), "")


def _only(asked: str | None, has: tuple[str, ...], where: str) -> None:
    if asked is not None and asked not in has:
        raise UsageError(f"{CALLER}: --predictor: {where} has none called {asked!r}; {ended(allowed(asked, has))}")


def _candidates(study: Study, step: ModelFormula) -> list[str]:
    """Predictors of a step that are no time."""
    names = variables_of(step.fixed, [*(one.name for one in study.variables), *KEYS])
    return [one.name for one in study.variables if one.name in names and one.name not in study.times]


def _of_series(study: Study, series: ModelSeries, predictor: str | None) -> PlannedModel:
    if study.unit == "patient":
        raise UsageError(
            f"{CALLER}: {series.name!r} has a row per patient, and a series is simulated of sessions within patients. "
            "Name a regression by --model, or give the plan by flags."
        )
    head = None if study.sensitivity is None else study.sensitivity.headline
    is_headline = head is not None and head.model == series.name
    place = head.step - 1 if is_headline and head is not None and head.step is not None else -1
    step = parse_mixed(series.steps[place])
    found = _candidates(study, step)
    if not found:
        raise UsageError(
            f"{CALLER}: the predictors of {series.name!r} ({step.text}) are time alone, and a course is not simulated. "
            "Name a model with another predictor by --model."
        )
    _only(predictor, tuple(found), series.name)
    asked = base_of(str(head.term).split(":")[0], series.split)[0] if is_headline and head is not None else ""
    split = [name for name in series.split if name in found]
    chosen = predictor or next(name for name in (asked, *split, *found) if name in found)
    formula, left = _in_our_names(study, series, step, chosen)
    return PlannedModel(
        series.name, step.response, chosen, formula, notes=tuple(left), family=series.family, trials=series.trials
    )


def _in_our_names(study: Study, series: ModelSeries, step: ModelFormula, chosen: str) -> tuple[str, list[Note]]:
    variable = next(one for one in study.variables if one.name == chosen)
    names = variables_of(step.fixed, [*(one.name for one in study.variables), *KEYS])
    fixed = ["between"] if is_of_patient(variable) else ["within", "between"]
    fixed += ["session"] * ("session" in names)
    random = dict.fromkeys(_random(step, chosen, fixed))
    formula = f"outcome ~ {' + '.join([*fixed, *(random or ['(1 | patient)'])])}"
    others = [name for name in sorted(names) if name not in ("session", chosen)]
    own = [name for name in OF_FAMILY if getattr(series, name) not in (None, *USUAL)]
    told: dict[str, tuple[dict[str, Any], bool]] = {
        "design_other_predictors": ({"names": ", ".join(others)}, bool(others)),
        "design_not_split": ({"predictor": chosen}, "within" in fixed and chosen not in series.split),
        "design_products": ({"formula": step.text}, any(sign in step.fixed for sign in ":*")),
        "design_courses": ({}, "(session | patient)" in random),
        "design_residuals": ({}, series.correlation is not None or series.variance_by is not None),
        "design_latent_means": ({}, series.latent_means),
        "design_family": ({"names": ", ".join(own)}, bool(own)),
    }
    return formula, [Note(kind, numbers=numbers) for kind, (numbers, holds) in told.items() if holds]


def _random(step: ModelFormula, chosen: str, fixed: list[str]) -> Iterator[str]:
    """Random terms by patient and therapist, their slopes those that the simulation knows."""
    for term in step.terms:
        group = "patient" if "patient" in term.factors else "therapist" if "therapist" in term.factors else ""
        own = variables_of(term.expression, ["session", chosen, f"{chosen}_within"])
        slopes = ["session"] * ("session" in own)
        slopes += ["within"] * ("within" in fixed and bool({chosen, f"{chosen}_within"} & set(own)))
        if group:
            yield f"({' + '.join(slopes) or '1'} | {group})"


def is_of_patient(variable: Variable) -> bool:
    """Whether a patient has one value of it: a column of patients, of therapists, of one session, of an event."""
    if variable.session is not None or variable.event is not None:
        return True
    return variable.column is not None and not variable.is_of_session


def _undeclared(study: Study, predictor: str | None) -> PlannedModel:
    """The usual model, where study.toml declares none: the first outcome on the first variable that raters fill in."""
    measured = [one for one in study.variables if one.instrument is not None]
    sources = {one.name: study.use(str(one.instrument)).source for one in measured}
    rated = [name for name, source in sources.items() if source == "raters"]
    known = [one.name for one in study.variables if one.name not in study.times]
    if predictor is not None and predictor not in known:
        raise UsageError(
            f"{CALLER}: --predictor: there is no variable {predictor!r}; {ended(allowed(predictor, known))}"
        )
    if predictor is None and not rated:
        raise UsageError(
            f"{CALLER}: {study.name}: study.toml declares neither a model nor a variable that raters fill in. Declare "
            "one under [[variables]], or plan without the study: --patients, --sessions, --raters."
        )
    chosen = predictor or rated[0]
    outcome = next((name for name, source in sources.items() if source == "outcomes" and name != chosen), "")
    told = Note("design_no_model", numbers={"predictor": chosen})
    if study.unit == "patient":
        return PlannedModel("", outcome, chosen, f"{outcome or 'outcome'} ~ {chosen}", 1, (chosen,), (told,))
    return PlannedModel("", outcome, chosen, "", notes=(told,))
