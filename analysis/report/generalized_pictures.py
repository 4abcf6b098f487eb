"""The figures of a series of generalised models: what the last model predicts, and its random effects."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from doublecode.analysis.linking.series_pictures import called
from doublecode.analysis.rendering.document import Block, Paragraph
from doublecode.analysis.rendering.figures import picture
from doublecode.analysis.rendering.predicted_figures import predicted_figure
from doublecode.analysis.rendering.series_figures import caterpillar
from doublecode.analysis.rendering.wording.predicted import predicted_words
from doublecode.analysis.report.series_pictures import CATERPILLAR
from doublecode.analysis.study.labels import Labels, label_term, short_labels, term_labels

if TYPE_CHECKING:
    from doublecode.analysis.linking.generalized_series_result import GeneralizedSeriesResult


def predicted_picture(result: GeneralizedSeriesResult, labels: Labels) -> list[Block]:
    """Draw what the last model predicts over its first predictor; nothing where it has none.

    Parameters
    ----------
    result : GeneralizedSeriesResult
    labels : mapping
        Name of a variable → its label.
    """
    found = result.predicted()
    if found is None:
        return []
    model, course = found
    named = term_labels(short_labels(labels), result.spec["split"])
    names = {name: label_term(name, named) for name in (course.predictor, course.outcome, *course.others)}
    shown = replace(
        course, predictor=names[course.predictor], outcome=names[course.outcome],
        others=tuple(names[other] for other in course.others),
    )  # fmt: skip
    title = f"{shown.outcome} over {shown.predictor}, model {model.label}"
    return [picture(predicted_figure(shown), f"{result.spec['name']}_predicted", title, predicted_words(shown))]


def caterpillar_picture(result: GeneralizedSeriesResult, labels: Labels) -> Block:
    """Draw the random effects of the last model that converged in their order, or say why there is no figure.

    Parameters
    ----------
    result : GeneralizedSeriesResult
    labels : mapping
        Name of a variable → its label.
    """
    name, model = str(result.spec["name"]), result.drawn()
    title = f"Random effects: {result.spec['title']}"
    if model is None or model.result is None:
        return Paragraph(f"{title}: no figure, since no model converged.")
    if model.without_variance:
        return Paragraph(f"{title}: no figure, since the random effects of model {model.label} have no variance.")
    named = partial(label_term, labels=term_labels(short_labels(labels), result.spec["split"]))
    axes = caterpillar(called(model.result.random(), named))
    return picture(axes, f"{name}_caterpillar", f"{title}, model {model.label}", CATERPILLAR)
