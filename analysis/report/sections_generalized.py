"""The sections of a report on series of generalised models: coefficients with odds or rate ratios, fit, shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from doublecode.analysis.linking.time_origin import SESSION, is_time
from doublecode.analysis.rendering.document import Block, Bullets, Paragraph, Section
from doublecode.analysis.rendering.generalized_tables import ratio_columns
from doublecode.analysis.rendering.tables import Table, column, format_number
from doublecode.analysis.rendering.wording.generalized_series import estimated, integral
from doublecode.analysis.report.generalized_pictures import caterpillar_picture, predicted_picture
from doublecode.analysis.report.generalized_words import between_whom, direction_in_words
from doublecode.analysis.study.labels import Labels, label_term, short_labels, term_labels
from doublecode.schemas.marks import code

if TYPE_CHECKING:
    from doublecode.analysis.linking.generalized_models import GeneralizedModel
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
        blocks = _blocks(result, labels)
        blocks += predicted_picture(result, labels)
        blocks += [caterpillar_picture(result) for kind in (asked or {}).get(name, ()) if kind == "caterpillar"]
        sections.append(Section(f"series-{name}", str(result.spec["title"]), tuple(blocks)))
    return sections


def _blocks(result: GeneralizedSeriesResult, labels: Labels) -> list[Block]:
    name, terms = str(result.spec["name"]), term_labels(labels, result.spec["split"])
    blocks: list[Block] = [Paragraph(f"{_rows_in_words(result, labels)}.{_share(result)}")]
    declared = [model for model in result.models if model.declared]
    split = [model for model in result.models if not model.declared]
    blocks += _coefficients(f"{name}_models", "Fixed effects, models as declared", result, declared, terms)
    title = "Fixed effects, predictors split within and between patients"
    blocks += _coefficients(f"{name}_split", title, result, split, terms)
    blocks += [_comparison(name, result), _variances(name, result, terms)]
    named = partial(label_term, labels=terms)
    return [*blocks, *result.beside(f"{name}_", named), Bullets(result.note_texts())]


def _rows_in_words(result: GeneralizedSeriesResult, labels: Labels) -> str:
    counts, short = result.design, short_labels(labels)
    names = "; ".join(short.get(name, name) for name in counts["columns"])
    of = f"{counts['n_rows']} of {counts['n_given']} rows, of {counts['n_patients']} patients"
    return f"{of}, that have all of {names}"


def _share(result: GeneralizedSeriesResult) -> str:
    if result.share_between is None:
        return ""
    model, share = result.share_between
    lies = f"{format_number(share, 'percent', 0)} of the variance on the latent scale lies {between_whom(model)}"
    return f" {lies} (model {model.label})."


def model_head(model: GeneralizedModel) -> str:
    """Name a model of a series above its coefficients."""
    return f"{model.label}: {code(str(model.formula))}"


def _coefficients(
    name: str, title: str, result: GeneralizedSeriesResult, models: Sequence[GeneralizedModel], labels: Labels
) -> list[Block]:
    heads = {model.label: model_head(model) for model in models}
    rows = result.coefficients[result.coefficients["label"].isin(list(heads))]
    if rows.empty:
        return []
    shown = rows.assign(
        model=[heads[label] for label in rows["label"]], label=[label_term(str(term), labels) for term in rows["term"]]
    ).drop(columns=["step", "declared"]).reset_index(drop=True)  # fmt: skip
    note = f"{_scale_in_words(result, labels)} {_limits_in_words(result)}{_intercepts(models)}"
    columns = (column("label", "Term", kind="text"), *ratio_columns(shown, result.ratio))
    return [Table(name, title, shown, columns, (note,), "model")]


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


def _intercepts(models: Sequence[GeneralizedModel]) -> str:
    """Say to which session the intercepts belong, where the models have a time."""
    times = {name for one in models for name in one.formula.names if is_time(name)}
    if not times:
        return ""
    at = min(time.rpartition("_")[2] if time != SESSION else "0" for time in times)
    return f" Intercepts are those of session {at}." if at != "0" else " Session number uncentred: intercepts at 0."


def _comparison(name: str, result: GeneralizedSeriesResult) -> Table:
    columns = (
        column("label", "Model", kind="text"), column("k", "Parameters", kind="integer"), column("nobs"),
        column("loglik"), column("aic"), column("bic"), column("chi2"), column("df"), column("p_value"),
    )  # fmt: skip
    note = "χ²: likelihood ratio with the model of the step before (as declared, or split, as the model is)."
    return Table(f"{name}_comparison", "Fit and comparison of the models", result.frame, columns, (note,))


def _variances(name: str, result: GeneralizedSeriesResult, labels: Labels) -> Table:
    shown = result.variances.assign(term=[label_term(str(term), labels) for term in result.variances["term"]])
    columns = (
        column("group", "Group", kind="text"), column("term", "Term", kind="text"),
        column("variance", "Variance", digits=3), column("sd"), column("corr", "Correlation", kind="bounded"),
    )  # fmt: skip
    title = "Variance components on the scale of the predictor"
    return Table(f"{name}_variances", title, shown, columns, group="label", data=result.variances)
