"""The numbers that are read first: on top of the page, and the last lines in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from doublecode.analysis.linking.stages import StageKind
from doublecode.analysis.rendering.document import Headline
from doublecode.analysis.rendering.tables import format_interval, format_number, format_p
from doublecode.analysis.study.labels import label_of, label_term, short_labels, short_title, term_labels

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.study.study_run import StudyRun


def headlines(run: StudyRun) -> tuple[Headline, ...]:
    """Files, rows, reliability, consistency, and the main slope of the first declared models."""
    found = [_files(run), _rows(run), _reliability(run), _consistency(run), _slope(run)]
    return tuple(one for one in found if one is not None)


def _files(run: StudyRun) -> Headline:
    intake = run.intake
    n = {weight: sum(one.severity == weight for one in intake.problems) for weight in ("error", "warning", "info")}
    aside = f", {len(intake.set_aside)} set aside" if intake.set_aside else ""
    return Headline(
        "Workbooks read", f"{len(intake.files)} with {len(intake.ratings):,} ratings",
        f"{n['error']} errors, {n['warning']} warnings, {n['info']} notes{aside}",
    )  # fmt: skip


def _rows(run: StudyRun) -> Headline:
    design = run.frame.design
    flow = run.frame.flow
    models = flow[[stage.kind is StageKind.IN_MODEL for stage in run.frame.stages]]
    counts = sorted({int(kept) for kept in models["kept"]})
    unit = "sessions" if run.study.unit == "session" else "patients"
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
    found = _main_term(run)
    if found is None:
        return None
    row, where = found
    split = [name for series in run.study.series for name in series.split]
    label = label_term(str(row["term"]), term_labels(short_labels(run.labels), split))
    value = f"*b* = {format_number(row['estimate'])} {format_interval(row['conf_low'], row['conf_high'])}"
    return Headline(label, value, f"{where}; *p* {format_p(row['p_value'])}")


def _main_term(run: StudyRun) -> tuple[pd.Series[Any], str] | None:
    """Slope within patients of the last series' first split predictor, else the first interaction."""
    for result in reversed(run.series):
        wanted = [f"{name}_within" for name in result.spec["split"]]
        for model in result.models:
            rows = None if model.result is None else model.result.frame
            rows = None if rows is None else rows[rows["term"].isin(wanted[:1])]
            if rows is not None and len(rows):
                outcome = model.formula.response
                return rows.iloc[0], f"on {run.labels.get(outcome, outcome)}"
    for regression in run.moderations:
        product = f"{regression.spec['predictor']}:{regression.spec['moderator']}"
        rows = regression.frame[regression.frame["term"] == product]
        if len(rows):
            outcome = regression.outcome
            return rows.iloc[0], f"on {run.labels.get(outcome, outcome)}"
    return None
