"""What was found, in sentences: each is made of the numbers of a result, and says no more than they do."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from doublecode.analysis.linking.variance_shares import share_limits
from doublecode.analysis.regression.families import interaction_family
from doublecode.analysis.rendering.document import Block, Paragraph, Section
from doublecode.analysis.rendering.notes import sentence
from doublecode.analysis.rendering.tables import format_interval, format_number, format_p
from doublecode.analysis.report.effect_words import (
    Kind,
    Row,
    effect_sentence,
    estimate_in_words,
    kind_of,
    names_of,
    sentence_case,
)
from doublecode.analysis.report.generalized_words import generalized_findings
from doublecode.analysis.report.robustness import errors_in_words, focal_row
from doublecode.analysis.report.series_findings import series_findings
from doublecode.analysis.study.labels import Labels, label_term, short_labels, term_labels

if TYPE_CHECKING:
    from doublecode.analysis.linking.patient_outcomes import PatientOutcomeResult
    from doublecode.analysis.linking.series_result import SeriesResult
    from doublecode.analysis.regression.group_differences import AnovaResult
    from doublecode.analysis.regression.moderation_result import ModerationResult
    from doublecode.analysis.study.study_run import StudyRun

ALPHA: Final = 0.05
_NOTE: Final = (
    "Each sentence is written from its numbers: an interval that leaves 0 out has a direction; one that holds 0 shows "
    "none, which is no evidence that there is none. Nothing here tells causes from companions."
)


def findings_section(run: StudyRun) -> Section | None:
    """Results in sentences, for every declared model; nothing where none is declared."""
    labels = term_labels(short_labels(run.labels))
    said = [
        *(block for one in run.series for block in series_findings(one, labels, _unit(run), _share(one), _effect)),
        *(block for one in run.generalized for block in generalized_findings(one, labels, _unit(run))),
        *_patients(run.patient_outcomes, labels),
        *_changes(run),
        *_moderations(run, labels),
        *_groups(run.comparisons, labels),
    ]
    if not said:
        return None
    return Section("results", "Results in sentences", (Paragraph(_NOTE), *said))


def _unit(run: StudyRun) -> str:
    return "sessions" if run.study.unit == "session" else "rows"


def _share(result: SeriesResult) -> str:
    if result.share_between is None:
        return ""
    model, share = result.share_between
    low, high, _ = (math.nan, math.nan, "") if model.result is None else share_limits(model.result)
    limits = "" if math.isnan(low) else f" (95% CI {format_interval(low, high, 'percent', 0)})"
    return f"{format_number(share, 'percent', 0)} of the variance lies between patients{limits}"


def _effect(kind: Kind, row: Row, outcome: str, names: tuple[str, ...], more: str) -> str:
    return effect_sentence(kind, row, outcome, names, more=more)


def _patients(results: Sequence[PatientOutcomeResult], labels: Labels) -> Iterator[Paragraph]:
    from doublecode.analysis.report.sections_patients import patients_table_name

    for result in results:
        predictor, outcome = str(result.spec["predictor"]), str(result.spec["outcome"])
        rows = [row for row in result.frame.to_dict("records") if row["term"] == f"{predictor}_mean"]
        for row in rows:
            text = effect_sentence(
                Kind.BETWEEN, row, label_term(outcome, labels), (label_term(predictor, labels),),
                float(result.spec["conf_level"]),
            )  # fmt: skip
            head = f"{result.spec['title']}, {len(result.patients)} patients"
            yield Paragraph(f"{head}. {sentence_case(text)}", (f"table {patients_table_name(result)}",))


def _changes(run: StudyRun) -> Iterator[Block]:
    from doublecode.analysis.report.sections_change import change_words

    for one in run.patient_changes:
        see = (f"table {one.asked.name}_reliable_change", f"figure {one.asked.name}_before_after")
        yield Paragraph(f"{one.asked.title}. {' '.join(f'{sentence_case(text)}' for text in change_words(one))}", see)


def _moderations(run: StudyRun, labels: Labels) -> Iterator[Paragraph]:
    results = run.moderations
    focal = [one for one in results if one.spec["moderator"] is not None]
    adjusted: dict[str, float] = {}
    if len(focal) > 1:
        family = interaction_family(focal).frame
        adjusted = dict(zip(family["model"], family["p_holm"].astype(float), strict=True))
        raw = int((family["p_value"] < ALPHA).sum())
        held = int((family["p_holm"] < ALPHA).sum())
        said = f"Of {len(focal)} interactions, {raw or 'none'} had *p* < .05 by itself, {held or 'none'} after Holm's"
        said += " adjustment."
        yield Paragraph(said, ("table interaction_family",))
    before = {one.spec["name"]: one for one in run.moderations_untouched}
    dependent = {one.subject: sentence(one.note) for one in run.warnings if one.code == "dependent_rows"}
    for result in results:
        yield _moderation(result, adjusted, dependent, before.get(result.spec["name"]), labels)


def _moderation(
    result: ModerationResult,
    adjusted: dict[str, float],
    dependent: dict[str, str],
    untouched: ModerationResult | None,
    labels: Labels,
) -> Paragraph:
    name, row = str(result.spec["name"]), dict(focal_row(result))
    term, level = str(row["term"]), float(result.spec["conf_level"])
    outcome = label_term(result.outcome, labels)
    more = f"*n* = {result.design['n_rows']}, {errors_in_words(result)}"
    more += f"; Holm's *p* {format_p(adjusted[name])}" if name in adjusted else ""
    more += f"; {dependent[name]}" if name in dependent else ""
    parts = [effect_sentence(kind_of(term, (), labels), row, outcome, names_of(term, labels, ()), level, more)]
    if row["p_value"] < ALPHA and len(result.slopes):
        parts.append(_slopes(result))
    parts += _changed(result, row, untouched)
    drawn = ("table simple_slopes", f"figure interaction_{name}") if len(result.slopes) else ()
    see = ("table moderations", *drawn)
    return Paragraph(" ".join(map(sentence_case, parts)), see)


def _slopes(result: ModerationResult) -> str:
    """Simple slopes a standard deviation below and above the mean of the moderator, and at it."""
    rows = [row for row in result.slopes.to_dict("records") if str(row["at"]).startswith("mean")]
    said = [
        f"{estimate_in_words(row, float(result.spec['conf_level']))} at {row['at']}"
        + ("" if row["observed"] else ", beyond what was observed")
        for row in rows
    ]
    return f"simple slopes: {'; '.join(said)}"


def _changed(result: ModerationResult, row: Row, untouched: ModerationResult | None) -> Iterator[str]:
    """What turns the answer: the outlier rule, or the rows that it rests on."""
    found = row["p_value"] < ALPHA
    now = "is no longer below .05" if found else "is below .05"
    if untouched is not None:
        other = dict(focal_row(untouched))
        if (other["p_value"] < ALPHA) != found:
            numbers = estimate_in_words(other, float(result.spec["conf_level"]))
            yield f"without the outlier rule *p* {now} ({numbers})"
    without = result.design["without_outliers"]
    if without and (without["p_value"] < ALPHA) != found:
        named = ", ".join(map(str, result.design["multivariate_outliers"]))
        b, p = format_number(without["estimate"], "estimate"), format_p(without["p_value"])
        yield f"without outlying {named} *p* {now} (*b* = {b}, *p* {p})"


def _groups(results: Sequence[AnovaResult], labels: Labels) -> Iterator[Paragraph]:
    for result in results:
        between, within = result.frame.to_dict("records")[:2]
        outcome, group = label_term(str(result.spec["outcome"]), labels), label_term(str(between["term"]), labels)
        shown = "a difference in" if between["p_value"] < ALPHA else "no difference in"
        df = f"{format_number(between['df'], 'integer')}, {format_number(within['df'], 'integer')}"
        stats = f"*F*({df}) = {format_number(between['statistic'])}, *p* {format_p(between['p_value'])}"
        stats += f", η² = {format_number(between['eta_squared'], 'bounded')}, *n* = {result.design['n_rows']}"
        text = sentence_case(f"{shown} {outcome} between groups was shown ({group}: {stats})")
        yield Paragraph(text, ("table group_comparisons",))
