"""The generalised series of both example studies against glmer and clmm on the exported columns of their models."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from doublecode.analysis.linking.generalized_notes import variance_notes
from doublecode.analysis.rendering.tables import Table
from doublecode.analysis.report.generalized_pictures import caterpillar_picture
from doublecode.analysis.report.generalized_words import generalized_findings
from doublecode.analysis.report.records import results_record
from doublecode.analysis.report.sections_generalized import generalized_sections
from doublecode.schemas.errors import UsageError

REFERENCE = Path(__file__).parents[2] / "reference"
IN_R = json.loads((REFERENCE / "generalized_series.json").read_text(encoding="utf-8"))
TOLERANCE = 1e-4


def as_lists(model: dict[str, Any]) -> dict[str, list[Any]]:
    return {name: value if isinstance(value, list) else [value] for name, value in model.items()}


def far(ours: Any, theirs: Any) -> float:
    """Largest difference, relative where a number is above 1."""
    one, other = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    return float((np.abs(one - other) / np.maximum(np.abs(other), 1.0)).max())


@pytest.mark.parametrize(
    ("study", "columns"),
    [("telephone", ["session", "hw_given", "hw_done", "tbh"]), ("adolescent", ["therapist", "rationale_s1", "ir"])],
)
def test_the_exported_columns_are_those_of_the_models(study, columns, telephone_run, adolescent_run):
    run = telephone_run if study == "telephone" else adolescent_run
    (result,) = run.generalized
    used = run.frame.frame.loc[result.rows, columns].reset_index(drop=True)
    kept = pd.read_csv(REFERENCE / f"generalized_series_{study}.csv")[columns]
    for name in columns:
        numbers = kept[name].dtype.kind in "if"
        assert np.allclose(used[name].astype(float), kept[name], atol=1e-12) if numbers else list(used[name]) == list(
            kept[name]
        )  # fmt: skip


@pytest.mark.parametrize("number", range(4))
def test_homework_completed_is_that_of_glmer(number, telephone_run):
    (result,) = telephone_run.generalized
    theirs, model = as_lists(IN_R["telephone"][number]), result.models[number]
    ours = result.coefficients[result.coefficients["label"] == model.label].set_index("term")
    terms = [name.replace("(Intercept)", "Intercept") for name in theirs["term"]]
    assert set(terms) == set(ours.index)
    for name, reference in (("estimate", "estimate"), ("std_error", "std_error"), ("statistic", "z"), ("p_value", "p")):
        assert far(ours.loc[terms, name], theirs[reference]) < TOLERANCE, name
    assert far(result.variances.loc[result.variances["label"] == model.label, "variance"], theirs["variance"]) < 1e-6
    row = result.frame.set_index("label").loc[model.label]
    assert far(row["loglik"], IN_R["glm"][number]) < TOLERANCE  # without variance it is that of glm
    shown = ours.loc[[term for term in terms if term != "Intercept"]]
    assert shown.empty or far(shown["ratio_low"], np.exp(shown["estimate"] - 1.959963985 * shown["std_error"])) < 1e-8


@pytest.mark.parametrize("number", range(2))
def test_rationale_in_categories_is_that_of_clmm(number, adolescent_run):
    (result,) = adolescent_run.generalized
    theirs, model = as_lists(IN_R["adolescent"][number]), result.models[number]
    cuts = result.thresholds[result.thresholds["label"] == model.label]
    slopes = result.coefficients[result.coefficients["label"] == model.label]
    assert [*cuts["threshold"], *slopes["term"]] == theirs["term"]
    for name in ("estimate", "std_error"):
        assert far([*cuts[name], *slopes[name]], theirs[name]) < TOLERANCE, name
    variance = result.variances.loc[result.variances["label"] == model.label, "variance"]
    assert far(variance, theirs["variance"]) < TOLERANCE
    row = result.frame.set_index("label").loc[model.label]
    assert far(row[["loglik", "aic"]], [theirs["loglik"][0], theirs["aic"][0]]) < 1e-6


def test_steps_are_compared_and_shares_are_on_the_latent_scale(adolescent_run):
    (result,) = adolescent_run.generalized
    one, two = result.frame.to_dict("records")
    both = [model["loglik"] for model in IN_R["adolescent"]]
    assert two["compared_with"] == one["label"]
    assert far(two["chi2"], 2 * (both[1] - both[0])) < TOLERANCE
    variance = IN_R["adolescent"][0]["variance"]
    assert far(result.sources["share"].iloc[0], variance / (variance + np.pi**2 / 3)) < TOLERANCE
    assert list(result.proportional["term"]) == ["ir"]
    assert {note.kind for note in result.notes} >= {"series_likelihood", "ordinal_half_steps"}


def test_a_series_without_variance_between_patients_says_what_its_numbers_are(telephone_run, adolescent_run):
    (done,), (given,) = telephone_run.generalized, adolescent_run.generalized
    assert [model.without_variance for model in done.models] == [True] * 4
    (said,) = [text for text in done.note_texts() if "variance by patient is estimated as 0" in text]
    assert said.startswith("In every model")
    assert "the same model without random effects" in said
    assert "no figure" in caterpillar_picture(done, {}).text
    assert caterpillar_picture(given, {}).name == "rationale_given_caterpillar"
    assert not any(model.without_variance for model in given.models)
    assert "series_no_variance" not in {note.kind for note in given.notes}
    some = replace(given.models[0], result=None, refusal="none"), done.models[1]
    assert next(variance_notes(some)).numbers == {"groups": ("patient",), "models": ()}
    assert next(variance_notes((given.models[0], done.models[1]))).numbers["models"] == (done.models[1].label,)


def test_the_figure_is_of_the_deviation_within_patients_and_no_other_figure_is_drawn(telephone_run, adolescent_run):
    (done,), (given,) = telephone_run.generalized, adolescent_run.generalized
    model, course = done.predicted()
    assert (model.label, course.predictor, course.quantity) == ("3 within/between", "tbh_within", "probability")
    assert given.predicted()[1].categories == ("0", "1", "2", "2.5", "3", "4")
    assert given.predicted(given.models[0].label) is None
    for how, told in (({"kind": "course"}, "allowed: 'predicted', 'caterpillar'"), ({"label": "9"}, "label='9'")):
        with pytest.raises(UsageError, match=told):
            given.plot(**how)


def test_results_json_holds_the_series_apart_from_the_linear_ones(telephone_run):
    record = results_record(telephone_run)
    assert "homework_done" not in record["series"]
    found = record["generalized"]["homework_done"]
    assert {"models", "slopes", "explained", "checks"} <= set(found)
    assert [one["label"] for one in found["models"]][-1] == "3 within/between"


def test_an_ordinal_series_of_the_null_model_has_thresholds_and_no_table_of_coefficients(adolescent_run):
    (given,) = adolescent_run.generalized
    null = replace(given, models=given.models[:1])
    assert list(null.coefficients.columns) == list(given.coefficients.columns)
    assert null.coefficients.empty
    names = [table.name for table in null.tables()]
    assert names[:3] == ["comparison", "variances", "thresholds"]
    (section,) = generalized_sections([null], {})
    shown = [block.name for block in section.blocks if isinstance(block, Table)]
    head, _ = generalized_findings(null, {}, "sessions")
    assert head.see == ("table rationale_given_comparison",)
    assert shown[0] == "rationale_given_comparison"
    head, _ = generalized_findings(given, {}, "sessions")
    assert head.see == ("table rationale_given_models", "table rationale_given_comparison")
