"""The numbers that are read first: on top of the page, and the last lines in the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from doublecode.analysis.linking.conditional_slope import Held, Place, conditional_slope
from doublecode.analysis.linking.stages import StageKind
from doublecode.analysis.linking.time_origin import is_time
from doublecode.analysis.regression.families import interaction_family
from doublecode.analysis.rendering.document import Headline
from doublecode.analysis.rendering.tables import format_interval, format_number, format_p
from doublecode.analysis.report.generalized_words import generalized_headline
from doublecode.analysis.report.robustness import errors_in_words
from doublecode.analysis.report.row_reasons import not_estimated_models
from doublecode.analysis.study.labels import label_of, label_term, short_labels, short_title, term_labels
from doublecode.coding.intake.ledger_values import SEVERAL
from doublecode.coding.reading.consensus_table import DECIDERS

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.linking.conditional_slope import ConditionalSlope
    from doublecode.analysis.linking.series_models import LabelledModel
    from doublecode.analysis.linking.series_result import SeriesResult
    from doublecode.analysis.regression.moderation_result import ModerationResult
    from doublecode.analysis.study.study_run import StudyRun

    Slope = tuple[LabelledModel, ConditionalSlope, str, Sequence[str]]

MOST_NAMED: Final = 3
"""More flagged rows than these are counted, not named."""


def headlines(run: StudyRun) -> tuple[Headline, ...]:
    """Files, rows, reliability, consistency, and the main slope of the first declared models."""
    found = [_files(run), _rows(run), _reliability(run), _consistency(run), _slope(run)]
    return tuple(one for one in found if one is not None)


def _files(run: StudyRun) -> Headline:
    intake = run.intake
    n = {weight: sum(one.severity == weight for one in intake.problems) for weight in ("error", "warning", "info")}
    weights = {"error": "error", "warning": "warning", "info": "note"}
    aside = f", {len(intake.set_aside)} set aside" if intake.set_aside else ""
    own = intake.files[
        ~intake.files["rater"].isin(list(DECIDERS.values()))
    ]  # what was agreed on is no rater's workbook
    n_tables = int((own["rater"] == SEVERAL).sum())
    n_files = len(own)
    unit = "" if not n_tables else " files" if n_tables < n_files else " table" if n_tables == 1 else " tables"
    what = "Workbooks" if not n_tables else "Tables" if n_tables == n_files else "Workbooks and tables"
    return Headline(
        f"{what} read", f"{n_files}{unit} with {intake.rating_counts['read']:,} ratings",
        ratings_in_words(intake.rating_counts)
        + ", ".join(f"{n[one]} {noun}{'' if n[one] == 1 else 's'}" for one, noun in weights.items()) + aside,
    )  # fmt: skip


def ratings_in_words(counts: Mapping[str, int]) -> str:
    """What became of the ratings that were read, with a semicolon; empty where all are in the numbers."""
    if counts["read"] == counts["in_numbers"]:
        return ""
    parts = {
        "in_numbers": "in the numbers", "rated_again": "rated again", "kept_out": "kept out", "decided": "agreed on",
    }  # fmt: skip
    return ", ".join(f"{counts[name]:,} {words}" for name, words in parts.items() if counts.get(name)) + "; "


def _rows(run: StudyRun) -> Headline:
    design = run.frame.design
    flow = run.frame.flow
    unit = "sessions" if run.study.unit == "session" else "patients"
    failed = not_estimated_models(run)
    in_model = [stage.kind is StageKind.IN_MODEL and stage.name not in failed for stage in run.frame.stages]
    models = flow[in_model][lambda rows: rows["unit"] == unit]
    counts = sorted({int(kept) for kept in models["kept"]})
    ends = "" if not counts else f"{counts[0]}" if len(counts) == 1 else f"{counts[0]}–{counts[-1]}"
    detail = "held → rated" + (f" → {unit} in the models" if ends else "")
    return Headline("Sessions", " → ".join(filter(None, [str(design["n_held"]), str(design["n_rated"]), ends])), detail)


def _reliability(run: StudyRun) -> Headline | None:
    from doublecode.analysis.report.sections_scales import reliability_frame

    frame = reliability_frame(run, "main")
    if frame.empty:
        return None
    scales = frame[(frame["level"] == "scale") & frame["estimate"].notna()]
    if scales.empty:
        low, high = frame["estimate"].min(), frame["estimate"].max()
        value = f"ICC {format_number(low, 'bounded')} to {format_number(high, 'bounded')}"
        return Headline("Inter-rater reliability", value, f"{len(frame)} items")
    first = scales.iloc[0]
    limits = format_interval(first["conf_low"], first["conf_high"], "bounded")
    value = f"ICC = {format_number(first['estimate'], 'bounded')} {limits}"
    called = label_of(run.study.codebooks, first["instrument"], first["name"])
    detail = f"{first['form']} of {called}: {first['judged']} (Koo & Li, 2016)"
    return Headline("Inter-rater reliability", value, detail)


def _consistency(run: StudyRun) -> Headline | None:
    if run.consistency is None:
        return None
    found = run.consistency.frame[run.consistency.frame["omega"].notna()]
    if found.empty:
        return None
    row = found.iloc[0]
    value = f"ω = {format_number(row['omega'], 'bounded')} "
    value += format_interval(row["conf_low"], row["conf_high"], "bounded")
    title = short_title(run.study.codebooks[row["instrument"]].title)
    return Headline(
        "Internal consistency", value, f"{title}, {int(row['n_rows'])} sessions of {int(row['n_patients'])} patients"
    )


def _slope(run: StudyRun) -> Headline | None:
    """Slope within patients of the last series' first split predictor, else the first declared interaction.

    Where that slope depends on another variable, the first declared series in which the same slope on the same outcome
    does not goes before it. A study of generalised series alone has the ratio of such a slope.
    """
    slopes = [one for one in map(_within, run.series) if one is not None]
    if slopes:
        last = slopes[-1]
        plain = [one for one in slopes if not one[1].held and _question(one) == _question(last)]
        return _said(*(plain[0] if last[1].held and plain else last), run)
    focal = [one for one in run.moderations if one.spec["moderator"] is not None]
    return _interaction(focal[0], focal, run) if focal else generalized_headline(run)


def _within(result: SeriesResult) -> Slope | None:
    """The first model of a series with the slope of its first split predictor."""
    split = result.spec["split"]
    for term in [f"{name}_within" for name in split][:1]:
        for model in result.models:
            if model.result is not None and term in model.result.model.x_names:
                return model, conditional_slope(model.result, term, split), term, split
    return None


def _question(slope: Slope) -> tuple[str, str]:
    """Outcome and term."""
    return slope[0].formula.response, slope[2]


def _said(model: LabelledModel, slope: ConditionalSlope, term: str, split: Sequence[str], run: StudyRun) -> Headline:
    """The slope, with the values of what it interacts with, and what a simpler fit says where the fit is singular."""
    parts = [f"on {_named(run, model.formula.response)}", *(_held(one, run) for one in slope.held)]
    parts.append(f"*p* {format_p(slope.row['p_value'])}")
    if model.singular:
        parts.append(_beside(model, term, split))
    label = label_term(term, term_labels(short_labels(run.labels), split))
    return Headline(label, _estimate(slope.row), "; ".join(parts))


def _beside(model: LabelledModel, term: str, split: Sequence[str]) -> str:
    if model.simpler is None:
        return "singular fit"
    row = conditional_slope(model.simpler, term, split).row
    return f"singular fit, with a simpler random part {_estimate(row)}"


def _interaction(first: ModerationResult, family: Sequence[ModerationResult], run: StudyRun) -> Headline:
    """The product of predictor and moderator, with its place in the family of tests and without outlying rows."""
    term = f"{first.spec['predictor']}:{first.spec['moderator']}"
    row = first.frame[first.frame["term"] == term].iloc[0]
    parts = [f"on {_named(run, first.outcome)}", f"*p* {format_p(row['p_value'])} on {errors_in_words(first)}"]
    if len(family) > 1:
        holm = float(interaction_family(family).frame["p_holm"].iloc[0])
        parts.append(f"first of {len(family)} interactions, Holm's *p* {format_p(holm)}")
    flagged, without = first.design["multivariate_outliers"], first.design["without_outliers"]
    if without:
        named = ", ".join(flagged) if len(flagged) <= MOST_NAMED else f"the {len(flagged)} flagged rows"
        parts.append(f"without outlying {named} *b* = {format_number(without['estimate'], 'estimate')}, "
                     f"*p* {format_p(without['p_value'])}")  # fmt: skip
    return Headline(label_term(term, term_labels(short_labels(run.labels))), _estimate(row), "; ".join(parts))


def _estimate(row: pd.Series[Any]) -> str:
    low, high = float(row["conf_low"]), float(row["conf_high"])
    return f"*b* = {format_number(float(row['estimate']), 'estimate')} {format_interval(low, high, 'estimate')}"


def _held(one: Held, run: StudyRun) -> str:
    """At which value of another variable a slope holds."""
    if is_time(one.name):
        origin = one.name.rpartition("_")[2]
        session = one.value + (int(origin) if origin.isdigit() else 0)
        return f"at session {format_number(session, digits=1)}, the mean"
    name = label_term(one.name, short_labels(run.labels))
    if one.place is Place.REFERENCE:
        return f"at {name} = {one.level}"
    if one.place is Place.AVERAGE:
        return f"averaged over {name}"
    if one.place is Place.OWN_MEAN:
        return f"at {name} = its mean"
    value = format_number(one.value, "estimate")
    return f"at {name} = its mean {value}" if one.place is Place.MEAN else f"at {name} = {one.value:g}"


def _named(run: StudyRun, name: str) -> str:
    return str(run.labels.get(name, name))
