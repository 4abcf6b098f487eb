"""The report folder: page, Word file, tables, figures, row ledger, results.

Everything is written beside the target and moved there in one step, so that a
kill leaves the old report or the new one, never half of one.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from doublecode.analysis.rendering.coded_warnings import problem_of
from doublecode.analysis.rendering.document import NO_WORKBOOK, Callout, Document, Paragraph, Section
from doublecode.analysis.rendering.tables import write_csv
from doublecode.analysis.report.headlines import headlines
from doublecode.analysis.report.methods_text import methods_paragraphs, packages_used
from doublecode.analysis.results.versions import version_of
from doublecode.analysis.study.run import Progress, StudyProblems, analyse, no_progress, store, take_in
from doublecode.schemas.errors import UsageError
from doublecode.schemas.results import plain, result_record, to_json

if TYPE_CHECKING:
    from doublecode.analysis.study.consistency_table import ConsistencyTable
    from doublecode.analysis.study.reliability_table import ReliabilityTable
    from doublecode.analysis.study.study_run import StudyRun

PAGE = "index.html"
_OURS = frozenset({PAGE, "report.docx", "tables", "figures", "row_ledger.csv", "results.json"})


def check_target(folder: Path, *, overwrite: bool) -> None:
    """Refuse, before any work, to write over an earlier report or over what is none."""
    target = folder / "report"
    if not target.exists():
        return
    stray = sorted(entry.name for entry in target.iterdir() if entry.name not in _OURS)
    if stray:
        raise UsageError(f"{target} holds {stray[0]!r}, which no report writes. Move it away; it would be lost.")
    if not overwrite:
        raise UsageError(f"{target} is there already. Add --overwrite to replace it.")


def write_report(run: StudyRun, folder: str | Path, *, overwrite: bool = False) -> Path:
    """Write ``report/`` into `folder` and return its path.

    Raises
    ------
    UsageError
        A report is there already and `overwrite` is False, or the folder holds other files.
    """
    from doublecode.analysis.rendering.docx import write_docx
    from doublecode.analysis.rendering.page import render_page

    target = Path(folder) / "report"
    check_target(Path(folder), overwrite=overwrite)
    document = build_document(run)
    with tempfile.TemporaryDirectory(prefix=".report-", dir=folder) as name:
        fresh = Path(name) / "report"
        for part in ("tables", "figures"):
            (fresh / part).mkdir(parents=True)
        (fresh / PAGE).write_text(render_page(document), encoding="utf-8", newline="\n")
        write_docx(document, fresh / "report.docx")
        for table in document.tables():
            write_csv(table.csv_frame, fresh / "tables" / f"{table.name}.csv")
        for shown in document.pictures():
            (fresh / "figures" / f"{shown.name}.svg").write_text(shown.svg, encoding="utf-8", newline="\n")
        write_csv(run.frame.ledger, fresh / "row_ledger.csv")
        (fresh / "results.json").write_text(to_json(results_record(run)) + "\n", encoding="utf-8", newline="\n")
        if target.exists():
            target.rename(Path(name) / "old")
        fresh.rename(target)
        shutil.rmtree(Path(name) / "old", ignore_errors=True)
    return target


def run_study(
    folder: str | Path, *, set_aside: Collection[str] = (), overwrite: bool = False, progress: Progress = no_progress
) -> StudyRun:
    """Take in a study folder, analyse it and write its ``report/`` folder.

    Parameters
    ----------
    folder : path
    set_aside : collection of str
        Files in ``incoming/`` to leave out.
    overwrite : bool
        Replace the report of an earlier run.
    progress : callable
        Called with step, done, of.

    Raises
    ------
    StudyProblems
        Error-level problems in the data: no report.
    UsageError
        A report is there already and `overwrite` is False.
    """
    check_target(Path(folder), overwrite=overwrite)
    intake = take_in(folder, set_aside=set_aside)
    if intake.errors:
        raise StudyProblems(intake.problems)
    store(intake)
    run = analyse(intake, progress)
    write_report(run, intake.study.folder, overwrite=overwrite)
    return run


def build_document(run: StudyRun) -> Document:
    """Put the sections of a report together."""
    study = run.study
    callouts = []
    if study.synthetic:
        callouts.append(Callout("Synthetic data: every number here comes from a generator, none from a patient."))
    if run.unread:
        callouts.append(Callout(NO_WORKBOOK))
    if run.intake.set_aside:
        files = ", ".join(f"`{name}`" for name in run.intake.set_aside)
        callouts.append(Callout(f"Set aside by name and not in any number below: {files}."))
    return Document(
        title=study.title,
        subtitle=" · ".join(filter(None, [f"Report of the study `{study.name}`", study.citation])),
        callouts=tuple(callouts),
        headlines=headlines(run),
        sections=tuple(section for section in _sections(run) if section is not None),
        colophon=(
            f"Made by doublecode {version_of('doublecode')}. Numbers are rounded for the eye; `tables/` and "
            "`results.json` hold them with full precision, `row_ledger.csv` accounts for every session."
        ),
    )


def _sections(run: StudyRun) -> Iterable[Section | None]:
    from doublecode.analysis.report import sections_data, sections_models, sections_scales

    labels = run.labels
    data = run.frame.frame if run.outliers is None else run.outliers.data
    yield sections_data.data_section(run)
    yield sections_data.rows_section(run)
    yield sections_data.sample_section(run)
    yield sections_scales.reliability_section(run)
    yield sections_scales.consistency_section(run)
    yield sections_data.descriptives_section(run)
    yield sections_data.homework_section(run)
    yield sections_models.outlier_section(run.outliers, labels)
    yield sections_models.correlation_section(run.correlations, labels)
    yield from sections_models.series_sections(run.series, run.frame.frame, labels)
    yield sections_models.moderation_section(run.moderations, run.moderations_untouched, data, labels)
    yield sections_models.comparison_section(run.comparisons, labels)
    yield sections_data.not_estimated_section(run)
    yield Section("methods", "Methods, as a paper would print them", tuple(map(Paragraph, methods_paragraphs(run))))


def results_record(run: StudyRun) -> dict[str, Any]:
    """Everything that was estimated, with full precision, ready for JSON."""
    return {
        "study": run.study.model_dump(mode="json"),
        "versions": {name: version_of(name) for name in ("doublecode", *packages_used(run))},
        "set_aside": list(run.intake.set_aside),
        "problems": _problem_records(run),
        "headlines": [vars(one) for one in headlines(run)],
        "rows": {"design": plain(run.frame.design), "flow": plain(run.frame.flow), "notes": list(run.frame.notes)},
        "sample": result_record(run.sample),
        "descriptives": {"items": result_record(run.described_items), "scores": result_record(run.described_scores)},
        "homework": [result_record(one) for one in run.logs],
        "reliability": None if run.reliability is None else reliability_record(run.reliability),
        "consistency": None if run.consistency is None else consistency_record(run.consistency),
        "correlations": None if run.correlations is None else result_record(run.correlations),
        "outliers": None if run.outliers is None else result_record(run.outliers),
        "series": {str(one.spec["name"]): _series_record(one) for one in run.series},
        "moderations": {str(one.spec["name"]): _moderation_record(one) for one in run.moderations},
        "moderations_untouched": {str(one.spec["name"]): result_record(one) for one in run.moderations_untouched},
        "group_comparisons": [result_record(one) for one in run.comparisons],
        "not_estimated": list(run.not_estimated),
    }


def _problem_records(run: StudyRun) -> list[dict[str, str]]:
    """What was found in reading, and what the analysis warns of."""
    staged = [("reading", one) for one in run.intake.problems]
    staged += [("analysis", problem_of(one)) for one in run.warnings]
    return [
        {"stage": stage, "code": one.code, "severity": one.severity, "subject": one.subject, "text": str(one)}
        for stage, one in staged
    ]


def reliability_record(table: ReliabilityTable) -> dict[str, Any]:
    """Coefficients of the scores as used, the variance components, and all forms behind them."""
    import pandas as pd

    parts = [
        result.variances.assign(instrument=instrument, level=level, phase=phase)
        for instrument, level, phase, result in table.results
    ]
    forms = {f"{name}.{level}.{phase}": result_record(result) for name, level, phase, result in table.results}
    return {**result_record(table), "variances": plain(pd.concat(parts, ignore_index=True)), "forms": forms}


def consistency_record(table: ConsistencyTable) -> dict[str, Any]:
    """Pooled coefficients, and those of sessions and items."""
    return {**result_record(table), "levels": plain(table.levels), "items": plain(table.items)}


def _series_record(result: Any) -> dict[str, Any]:
    models = [
        {
            "label": model.label, "formula": model.formula, "published": model.published, "remark": model.remark,
            **({} if model.result is None else result_record(model.result)),
        }
        for model in result.models
    ]  # fmt: skip
    return {**result_record(result), "models": models}


def _moderation_record(result: Any) -> dict[str, Any]:
    parts = ("slopes", "johnson_neyman", "standardized", "robust")
    return {**result_record(result), **{part: plain(getattr(result, part)) for part in parts}}
