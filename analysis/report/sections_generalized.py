"""The sections of a report on series of generalised models: coefficients with odds or rate ratios, fit, shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from doublecode.analysis.rendering.document import Section
from doublecode.analysis.rendering.generalized_tables import ratio_columns
from doublecode.analysis.rendering.wording.generalized_series import estimated, integral
from doublecode.analysis.report.generalized_pictures import caterpillar_picture, predicted_picture
from doublecode.analysis.report.generalized_words import direction_in_words, share_in_words
from doublecode.analysis.report.series_blocks import series_blocks
from doublecode.analysis.study.labels import Labels, term_labels
from doublecode.schemas.marks import code

if TYPE_CHECKING:
    from doublecode.analysis.linking.generalized_series_result import GeneralizedSeriesResult
    from doublecode.schemas.model_series import SeriesFigure


def generalized_sections(
    results: Sequence[GeneralizedSeriesResult],
    labels: Labels,
    asked: Mapping[str, Sequence[SeriesFigure]] | None = None,
) -> list[Section]:
    """One section per series: coefficients with ratios, comparison, variances, shares, and a figure of predictions.

    `asked` are the figures that series declare, by name.
    """
    sections = []
    for result in results:
        name = str(result.spec["name"])
        terms = term_labels(labels, result.spec["split"])
        said = f"{_scale_in_words(result, terms)} {_limits_in_words(result)}"
        blocks = series_blocks(
            result, labels, share=_share(result), columns=partial(ratio_columns, ratio=result.ratio),
            note=dict.fromkeys((True, False), said),
            variances="Variance components on the scale of the predictor",
        )  # fmt: skip
        blocks += predicted_picture(result, labels)
        blocks += [caterpillar_picture(result, labels) for kind in (asked or {}).get(name, ()) if kind == "caterpillar"]
        sections.append(Section(f"series-{name}", str(result.spec["title"]), tuple(blocks)))
    return sections


def _share(result: GeneralizedSeriesResult) -> str:
    if result.share_between is None:
        return ""
    return f" {share_in_words(result)} (model {result.share_between[0].label})."


def _scale_in_words(result: GeneralizedSeriesResult, labels: Labels) -> str:
    """What a coefficient is."""
    scales = {"logit": "log odds", "log": "log of the rate", "probit": "probit", "cloglog": "complementary log-log"}
    spec = result.spec
    beside = f"; trials: {labels.get(spec['trials'], spec['trials'])}" if spec["trials"] else ""
    beside += f"; offset: {code(spec['offset'])}" if spec["offset"] else ""
    how = f"{estimated(prior=spec['prior_sd'] is not None)} by {integral(spec['nagq'])}."
    return f"{how} *b*: {scales[spec['link']]}{beside}. {direction_in_words(spec['family'])}."


def _limits_in_words(result: GeneralizedSeriesResult) -> str:
    ratio = (
        ""
        if result.ratio is None
        else f" {result.ratio}: exp(*b*), of one unit more with the random effects as they are."
    )
    return f"Wald tests and limits.{ratio}"
