"""The sections of a report on models: outliers, multilevel series, moderated regressions, groups."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from doublecode.analysis.linking.time_origin import is_time
from doublecode.analysis.linking.variance_shares import share_limits
from doublecode.analysis.rendering import figures
from doublecode.analysis.rendering.coefficient_columns import coefficients
from doublecode.analysis.rendering.document import Block, Bullets, Paragraph, Section
from doublecode.analysis.rendering.figures import picture
from doublecode.analysis.rendering.interaction_figures import interaction
from doublecode.analysis.rendering.notes import sentence
from doublecode.analysis.rendering.tables import Table, column, format_interval, format_number
from doublecode.analysis.report.robustness import errors_in_words
from doublecode.analysis.report.series_blocks import series_blocks
from doublecode.analysis.report.series_pictures import series_picture
from doublecode.analysis.results.complete_rows import has_all
from doublecode.analysis.study.labels import Labels, label_term, term_labels

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.description.outliers import OutlierResult
    from doublecode.analysis.linking.series_result import SeriesResult
    from doublecode.analysis.regression.group_differences import AnovaResult
    from doublecode.analysis.regression.interaction_lines import LineForm
    from doublecode.analysis.regression.moderation_result import ModerationResult
    from doublecode.schemas.declared_findings import InteractionFigure
    from doublecode.schemas.model_series import SeriesFigure
    from doublecode.schemas.results import Note

DDF_WORDS = {
    "kenward-roger": "Kenward–Roger degrees of freedom",
    "satterthwaite": "Satterthwaite degrees of freedom",
    "z": "normal-theory tests",
}


def series_sections(
    results: Sequence[SeriesResult],
    frame: pd.DataFrame,
    labels: Labels,
    asked: Mapping[str, Sequence[SeriesFigure]] | None = None,
) -> list[Section]:
    """One section per model series: coefficients as declared and split, comparison, figures.

    `asked` are the figures that series declare, by name: a course and residuals take the place of the usual ones.
    """
    sections, drawn = [], set[str]()
    for result in results:
        response, figures = result.models[0].formula.response, (asked or {}).get(str(result.spec["name"]), ())
        blocks = series_blocks(
            result, labels, share=_share_between(result), columns=coefficients,
            note={declared: _reml(result, declared) for declared in (True, False)},
            compared=", both refitted by maximum likelihood",
        )  # fmt: skip
        if response not in drawn and "course" not in figures and "session" in frame.columns:  # a row is a session
            blocks.append(_course(result, response, frame, labels))
            drawn.add(response)
        blocks += [] if "residuals" in figures else _diagnostics(result)
        blocks += [series_picture(result, kind, labels) for kind in figures]
        sections.append(Section(f"series-{result.spec['name']}", str(result.spec["title"]), tuple(blocks)))
    return sections


def _share_between(result: SeriesResult) -> str:
    """Share of the variance that lies between patients, from the model without predictors."""
    if result.share_between is None:
        return ""
    model, share = result.share_between
    low, high, _ = (math.nan, math.nan, "") if model.result is None else share_limits(model.result)
    limits = "" if math.isnan(low) else f", 95% CI {format_interval(low, high, 'percent', 0)},"
    return f" {format_number(share, 'percent', 0)}{limits} of the variance lies between patients (model {model.label})."


def _reml(result: SeriesResult, declared: bool) -> str:
    """By what the models as declared, or the split ones, were estimated and tested."""
    ddf = [one.result.ddf for one in result.models if one.result is not None and one.declared == declared]
    return f"REML; {', '.join(DDF_WORDS.get(one, one) for one in dict.fromkeys(ddf))}."


def _course(result: SeriesResult, response: str, frame: pd.DataFrame, labels: Labels) -> Block:
    axes = figures.trajectories(frame, response, line=_growth_line(result), y_label=labels.get(response, response))
    n = frame.loc[has_all(frame, ["patient", response], len(frame)), "patient"].nunique()
    model = " Dashed: fixed effects of the growth model." if _growth_line(result) else ""
    text = f"Thin lines: {n} patients. Thick: mean of each session with {figures.FEWEST} patients or more.{model}"
    return picture(axes, f"{response}_by_session", f"{labels.get(response, response)} by session", text)


def _growth_line(result: SeriesResult) -> tuple[float, float] | None:
    """Intercept, at session 0, and slope of the model whose only predictor is the session."""
    for model in result.models:
        terms = [] if model.result is None else list(model.result.frame["term"])
        if model.result is not None and terms[:1] == ["Intercept"] and len(terms) == 2 and is_time(terms[1]):
            intercept, slope = map(float, model.result.frame["estimate"])
            return intercept - slope * (result.spec["intercept_at"] or 0), slope
    return None


def _diagnostics(result: SeriesResult) -> list[Block]:
    fitted = [model for model in result.models if model.result is not None]
    if not fitted or fitted[-1].result is None:
        return []
    last = fitted[-1].result
    rows = last.residuals()
    axes = figures.diagnostics(rows["fitted"].tolist(), rows["residual"].tolist(), last.random())
    text = "Left: residuals against fitted values. Right: normal quantiles of residuals and patients' effects."
    return [picture(axes, f"{result.spec['name']}_diagnostics", f"Residuals of model {fitted[-1].label}", text)]


def outlier_section(result: OutlierResult | None, labels: Labels) -> Section | None:
    """Every value that the declared rule changed."""
    if result is None:
        return None
    counts = result.counts.assign(variable=[labels.get(name, name) for name in result.counts["variable"]])
    overview = Table(
        "outliers", "Fences of the declared rule", counts,
        (column("variable", "Variable", kind="text"), column("n"), column("q1", "Q1"), column("q3", "Q3"),
         column("low_fence", "Low fence"), column("high_fence", "High fence"),
         column("n_low", "Below", kind="integer"), column("n_high", "Above", kind="integer"),
         column("status", "Rule", kind="text")),
    )  # fmt: skip
    blocks: list[Block] = [Paragraph(text) for text in result.note_texts()]
    blocks.append(overview)
    if len(result.frame):
        changes = result.frame.assign(variable=[labels.get(name, name) for name in result.frame["variable"]])
        blocks.append(
            Table(
                "outlier_changes", "Values that were winsorised", changes,
                (column("row", "Patient", kind="text"), column("variable", "Variable", kind="text"),
                 column("found", "Found"), column("now", "Now")),
            )
        )  # fmt: skip
    return Section("outliers", "Outliers", tuple(blocks))


def moderation_section(
    results: Sequence[ModerationResult], labels: Labels, forms: Sequence[InteractionFigure] = ()
) -> Section | None:
    """Moderated regressions: coefficients, simple slopes, regions of significance, figures."""
    if not results:
        return None
    labels = term_labels(labels)
    blocks: list[Block] = [_moderation_table(results, labels)]
    blocks += [table for table in (_simple_slopes(results), _regions(results, labels)) if table is not None]
    notes = dict.fromkeys(sentence(_labelled(note, labels)) for result in results for note in result.notes)
    blocks.append(Bullets(tuple(notes)))
    asked = {one.model: one for one in forms}
    blocks += [
        _interaction_picture(result, labels, asked.get(str(result.spec["name"])))
        for result in results
        if len(result.lines)
    ]
    return Section("moderation", "Moderated regressions", tuple(blocks))


def _labelled(note: Note, labels: Labels) -> Note:
    """Put labels for the predictor and the moderator of a regression into one of its notes."""
    named = {role: note.numbers[role] for role in ("predictor", "moderator") if role in note.numbers}
    return replace(note, numbers={**note.numbers, **{role: labels.get(name, name) for role, name in named.items()}})


def _head(result: ModerationResult) -> str:
    r2 = format_number(result.design["r_squared"], "bounded")
    df = f"{result.frame['df'].iloc[0]:g}"
    return f"{result.spec['title']}: *n* = {result.design['n_rows']}, *df* = {df}, *R*² = {r2}"


def _moderation_table(results: Sequence[ModerationResult], labels: Labels) -> Table:
    import pandas as pd

    parts = [
        result.frame.assign(
            model=_head(result),
            name=result.spec["name"],
            label=[label_term(term, labels) for term in result.frame["term"]],
            **{f"beside_{name}": result.beside[1][f"conf_{name}"] for name in ("low", "high")},
            beside_p=result.beside[1]["p_value"],
        )
        for result in results
    ]
    frame = pd.concat(parts, ignore_index=True)
    rule, beside = errors_in_words(results[0]), results[0].beside[0]
    columns = (
        column("label", "Term", kind="text"), *coefficients(frame.drop(columns="df")), column("beta_z", "β"),
        column("beside_low", f"95% CI, {beside}", kind="estimate", upper="beside_high"),
    )  # fmt: skip
    notes = (
        "Predictor and moderator are centred at their means before the product is formed.",
        "β: all variables z-scored, the product formed from the z-scores.",
        f"*SE*, *p* and limits stand on {rule}, as do slopes and regions below; last column: {beside}, whose *p* is in "
        "the CSV file. HC3 does not take residuals as equally spread (Long & Ervin, 2000): a model with one of several "
        "interactions leaves the others in its residuals and spreads them unequally.",
    )
    return Table("moderations", "Moderated regressions", frame, columns, notes, "model")


def _simple_slopes(results: Sequence[ModerationResult]) -> Table | None:
    import pandas as pd

    parts = [result.slopes.assign(model=result.spec["title"]) for result in results if len(result.slopes)]
    if not parts:
        return None
    frame = pd.concat(parts, ignore_index=True)
    columns = (
        column("at", "Moderator at", kind="text"),
        column("moderator", "Value", kind="number"),
        *coefficients(frame),
    )
    note = f"On {errors_in_words(results[0])}."
    return Table("simple_slopes", "Simple slopes of the predictor", frame, columns, (note,), "model")


def _regions(results: Sequence[ModerationResult], labels: Labels) -> Table | None:
    import pandas as pd

    parts = [
        result.johnson_neyman.assign(model=region_head(result, labels))
        for result in results
        if len(result.johnson_neyman)
    ]
    if not parts:
        return None
    frame = pd.concat(parts, ignore_index=True)
    frame = frame.assign(reading=[_reading({str(k): v for k, v in row.items()}) for row in frame.to_dict("records")])
    columns = (
        column("control", "Control", kind="text"), column("low", "From"), column("high", "To"),
        column("reading", "Slope there", kind="text"), column("n_rows", "Rows", kind="integer"),
        column("share", "Share", kind="percent", digits=0),
    )  # fmt: skip
    note = (
        "Johnson–Neyman regions inside the observed range only, pointwise and with the false discovery rate "
        f"controlled; on {errors_in_words(results[0])}."
    )
    return Table("johnson_neyman", "Where the slope differs from zero", frame, columns, (note,), "model")


def region_head(result: ModerationResult, labels: Labels) -> str:
    """Name a regression above its regions."""
    return f"{result.spec['title']} (over {label_term(result.spec['moderator'], labels)})"


def _reading(row: Mapping[str, Any]) -> str:
    return str(row["direction"]) if row["significant"] else "not significant"


def _interaction_picture(result: ModerationResult, labels: Labels, form: InteractionFigure | None) -> Block:
    outcome = result.outcome
    predictor, moderator = str(result.spec["predictor"]), str(result.spec["moderator"])
    asked: LineForm = "spread" if form is None else form.form
    found = result.drawn(asked, None if form is None else form.cut)
    axes = interaction(
        result.points, found.lines, predictor=predictor, outcome=outcome, moderator=labels.get(moderator, moderator),
        groups=found.groups, x_label=labels.get(predictor, predictor), y_label=labels.get(outcome, outcome),
    )  # fmt: skip
    where = _FORMS[asked].format(moderator=labels.get(moderator, moderator))
    level = f"{100 * result.spec['conf_level']:g}"
    shown = picture(
        axes, f"interaction_{result.spec['name']}", str(result.spec["title"]),
        f"Lines: expected outcome {where}, covariates at their means, over the observed range of the predictor; bands: "
        f"pointwise {level}% limits. Points: the analysed rows.",
    )  # fmt: skip
    return replace(shown, half=True)


_FORMS: Final = {
    "spread": "at values of {moderator} inside the data",
    "codes": "at the codes of {moderator}",
    "median": (
        "at the means of {moderator} up to and above its median, split for illustration only; the model has no groups"
    ),
    "cut": "at the means of {moderator} below the cut and from it on, split for illustration only",
}
"""Where the lines of a figure stand."""


def comparison_section(results: Sequence[AnovaResult], labels: Labels) -> Section | None:
    """Do groups (therapists) differ."""
    if not results:
        return None
    import pandas as pd

    parts = [
        result.frame.assign(outcome=labels.get(str(result.spec["outcome"]), str(result.spec["outcome"])))
        for result in results
    ]
    frame = pd.concat(parts, ignore_index=True)
    columns = (
        column("term", "Source", kind="text"), column("sum_sq", "*SS*"), column("df"), column("mean_sq", "*MS*"),
        column("statistic", "*F*"), column("p_value"), column("eta_squared", "η²", kind="bounded"),
        column("omega_squared", "ω²", kind="bounded"),
    )  # fmt: skip
    notes = tuple(dict.fromkeys(text for result in results for text in result.note_texts()))
    table = Table("group_comparisons", "One-way analyses of variance", frame, columns, notes, "outcome")
    return Section("groups", "Differences between groups", (table,))
