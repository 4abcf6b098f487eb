"""Marginal means and families of tests as a study declares them, of the models that were estimated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from doublecode.analysis.linking.generalized_series import fit_generalized_series
from doublecode.analysis.linking.generalized_series_result import GeneralizedSeriesResult
from doublecode.analysis.linking.series import fit_series
from doublecode.analysis.linking.series_models import Version
from doublecode.analysis.linking.series_result import SeriesResult
from doublecode.analysis.regression.estimated_means import marginal_means
from doublecode.analysis.regression.families import family_of_tests
from doublecode.analysis.regression.regression_tables import focal_term
from doublecode.schemas.errors import NotEstimable

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.description.manual_fidelity import FidelityResult
    from doublecode.analysis.linking.generalized_models import GeneralizedModel
    from doublecode.analysis.linking.series_models import LabelledModel
    from doublecode.analysis.regression.families import FamilyResult
    from doublecode.analysis.regression.marginal_result import MarginalResult
    from doublecode.analysis.regression.moderation_result import ModerationResult
    from doublecode.schemas.declared_findings import Family, FamilyTest, FidelityTable, MarginalMeans

Series = SeriesResult | GeneralizedSeriesResult
Fits = Sequence["Series | ModerationResult"]
"""Estimated series and regressions."""


def declared_marginal(asked: MarginalMeans, fits: Fits, frame: pd.DataFrame) -> MarginalResult:
    """Compute declared marginal means.

    A step of a series is fitted once more with the session number as it is counted, on the rows of the series, so that
    `at` and levels are sessions; the likelihood is the same.

    Raises
    ------
    NotEstimable
        The model could not be estimated.
    """
    fit: Any = _fit_of(asked.model, fits)
    if isinstance(fit, SeriesResult | GeneralizedSeriesResult):
        fit = _counted_from_zero(fit, _step_of(fit, asked.step), frame)
    found = marginal_means(
        fit, asked.of, by=asked.by, at=asked.at or None, slope=asked.slope, adjust=asked.adjust,
        contrasts=asked.contrasts or "pairwise",
    )  # fmt: skip
    return replace(found, spec={"name": asked.name, "title": asked.title, "model": asked.model, **found.spec})


def _fit_of(name: str, fits: Fits) -> Series | ModerationResult:
    for one in fits:
        if one.spec["name"] == name:
            return one
    raise NotEstimable(f"the model {name!r} was not estimated, see above")


def _step_of(series: Series, step: int | None) -> LabelledModel | GeneralizedModel:
    """The version of a step that is asked: within and between patients where it is split."""
    wanted = max(model.step for model in series.models) if step is None else step
    found: dict[Version, LabelledModel | GeneralizedModel] = {
        model.version: model for model in series.models if model.step == wanted
    }
    model = found.get(Version.SPLIT) or next(iter(found.values()))
    if model.result is None:
        raise NotEstimable(model.refusal)
    return model


def _counted_from_zero(series: Series, model: LabelledModel | GeneralizedModel, frame: pd.DataFrame) -> Any:
    """The fit of a step with the session number uncentred."""
    if series.spec["intercept_at"] is None:
        return model.result
    step = series.spec["steps"][model.step - 1]
    if isinstance(series, GeneralizedSeriesResult):
        same = ("family", "link", "nagq", "trials", "offset", "prior_sd", "thresholds", "split")
        asked = {key: series.spec[key] for key in same}
        return _step_of(fit_generalized_series([step], frame.loc[series.rows], intercept_at=None, **asked), 1).result
    again = fit_series([step], frame.loc[series.rows], split=series.spec["split"], intercept_at=None)
    return _step_of(again, 1).result


def declared_family(asked: Family, fits: Fits, means: Sequence[MarginalResult] = ()) -> FamilyResult:
    """Gather the tests of a declared family and judge them together.

    Raises
    ------
    NotEstimable
        One of its models or marginal means could not be estimated, or has no such term or contrast: a family without
        one of its tests is another.
    """
    tests = [
        test for one in asked.tests for test in ([_test(one, fits)] if one.means is None else _contrasts(one, means))
    ]
    found = family_of_tests(tests, method=asked.method, alpha=asked.alpha)
    return replace(found, spec={"name": asked.name, "title": asked.title, **found.spec})


def _test(asked: FamilyTest, fits: Fits) -> dict[str, Any]:
    """One test: model, term, estimate, p_value, and the rows it stands on."""
    fit = _fit_of(str(asked.model), fits)
    label, rows = str(fit.spec["title"]), fit.rows
    if isinstance(fit, SeriesResult | GeneralizedSeriesResult):
        model = _step_of(fit, asked.step)
        table, label = fit.coefficients[fit.coefficients["label"] == model.label], f"{label}, {model.label}"
    else:
        table = fit.frame
    term = asked.term or _focal(fit)
    row = table[table["term"] == term]
    if row.empty:
        terms = ", ".join(map(str, table["term"]))
        raise NotEstimable(f"{asked.model}: there is no term {term!r}; its terms are {terms}")
    numbers = {name: float(row[name].iloc[0]) for name in ("estimate", "p_value")}
    return {"model": label, "name": asked.model, "term": term, **numbers, "rows": rows}


def _contrasts(asked: FamilyTest, means: Sequence[MarginalResult]) -> list[dict[str, Any]]:
    """Contrasts of declared marginal means, one test for each and for each combination of what they are taken by."""
    found = next((one for one in means if one.spec["name"] == asked.means), None)
    if found is None:
        raise NotEstimable(f"the marginal means {asked.means!r} were not estimated, see above")
    table = found.contrasts
    known = list(dict.fromkeys(table["contrast"])) if len(table) else []
    if not known or asked.contrast not in (None, *known):
        raise NotEstimable(f"{asked}: there is no such contrast; there are {', '.join(known) or 'none'}")
    rows = table if asked.contrast is None else table[table["contrast"] == asked.contrast]
    by, head = found.spec["by"], {"model": found.spec["title"], "name": found.spec["model"], "rows": found.rows}
    return [
        {
            **head, "term": ", ".join([row["contrast"], *(f"{name} = {row[name]}" for name in by)]),
            "estimate": float(row["estimate"]), "p_value": float(row["p_value"]),
        }
        for row in rows.to_dict("records")
    ]  # fmt: skip


def declared_fidelity(asked: FidelityTable, frame: pd.DataFrame) -> FidelityResult:
    """Count the declared components over the held sessions of the frame; see :func:`doublecode.analysis.fidelity`."""
    from doublecode.analysis.description.manual_fidelity import fidelity

    therapist = "therapist" if asked.by_therapist else None
    return fidelity(frame, asked.components, therapist=therapist, n_held=len(frame))


def _focal(fit: Any) -> str:
    """The test that a moderation is about: its interaction, else its predictor."""
    pair = (fit.spec["predictor"], fit.spec["moderator"])
    return str(focal_term(tuple(fit.frame["term"]), pair if all(pair) else None))
