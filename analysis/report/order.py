"""The order of a report: what was found, how sure it is, data and flow, all tables, methods, the log of reading."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from doublecode.analysis.rendering.document import Paragraph, Section

if TYPE_CHECKING:
    from doublecode.analysis.study.study_run import StudyRun

FOUND: Final = "What was found"
SURE: Final = "How sure it is"
DATA: Final = "Data and flow"
DETAILS: Final = "The analyses in full"
METHODS: Final = "Methods and checklists"
READ: Final = "Log of reading"


def sections_in_order(run: StudyRun) -> tuple[Section, ...]:
    """Every section that has something to say, each under the heading of its part."""
    parts = (
        (FOUND, _found(run)),
        (SURE, _sure(run)),
        (DATA, _data(run)),
        (DETAILS, _details(run)),
        (METHODS, _methods(run)),
        (READ, _read(run)),
    )
    return tuple(replace(section, part=part) for part, sections in parts for section in sections if section is not None)


def _found(run: StudyRun) -> Iterator[Section | None]:
    from doublecode.analysis.report.findings_text import findings_section

    yield findings_section(run)


def _sure(run: StudyRun) -> Iterator[Section | None]:
    from doublecode.analysis.report import sections_data, sections_reported, sections_scales
    from doublecode.analysis.report.plan_in_words import plan_section
    from doublecode.analysis.report.robustness import robustness_section
    from doublecode.analysis.report.sections_recodes import recode_section
    from doublecode.analysis.report.sections_screens import screens_section
    from doublecode.analysis.report.sensitivity_state import sensitivity_section

    yield sections_scales.reliability_section(run)
    yield sections_reported.reported_reliability_section(run)
    yield recode_section(run.recodes)
    yield sections_scales.consistency_section(run)
    yield robustness_section(run)
    yield sensitivity_section(run)
    yield sections_data.warnings_section(run)
    yield screens_section(run.screens)
    yield sections_data.not_estimated_section(run)
    yield plan_section(run.intake.plan)


def _data(run: StudyRun) -> Iterator[Section | None]:
    from doublecode.analysis.report import sections_data, sections_models, sections_reported
    from doublecode.analysis.report.sections_codes import codes_section
    from doublecode.analysis.report.sections_findings import fidelity_section, screening_section
    from doublecode.analysis.report.sections_flow import flow_section

    yield flow_section(run)
    yield sections_data.rows_section(run)
    yield sections_data.sample_section(run)
    yield sections_reported.coding_section(run)
    yield sections_data.descriptives_section(run)
    yield codes_section(run.codes)
    yield sections_data.homework_section(run)
    yield fidelity_section(run.fidelity, run.labels)
    yield sections_models.outlier_section(run.outliers, run.labels)
    yield sections_reported.variables_section(run)
    yield screening_section(run.covariate_screen, run.missing_comparison, run.labels)


def _details(run: StudyRun) -> Iterator[Section | None]:
    from doublecode.analysis.report import sections_models
    from doublecode.analysis.report.sections_change import change_section
    from doublecode.analysis.report.sections_correlations import correlation_section
    from doublecode.analysis.report.sections_findings import family_section, marginal_section
    from doublecode.analysis.report.sections_generalized import generalized_sections
    from doublecode.analysis.report.sections_patients import patients_section
    from doublecode.analysis.report.sections_process import process_sections
    from doublecode.analysis.study.labels import term_labels

    labels = run.labels
    split = [name for one in run.all_series for name in one.spec["split"]]
    figures = {one.name: one.figures for one in run.study.series}
    yield correlation_section(run.correlations, labels, run.study.correlations)
    yield from sections_models.series_sections(run.series, run.frame.frame, labels, figures)
    yield from generalized_sections(run.generalized, labels, figures)
    yield patients_section(run.patient_outcomes, labels)
    yield change_section(run.patient_changes, labels)
    if run.process is not None:
        yield from process_sections(run.process, labels)
    yield sections_models.moderation_section(run.moderations, labels, run.study.interaction_figures)
    yield sections_models.comparison_section(run.comparisons, labels)
    yield marginal_section(run.marginals, term_labels(labels, split))
    yield family_section(run.families, term_labels(labels, split))


def _methods(run: StudyRun) -> Iterable[Section | None]:
    from doublecode.analysis.report.checklists import checklists_section
    from doublecode.analysis.report.methods_text import methods_paragraphs

    paragraphs = tuple(map(Paragraph, methods_paragraphs(run)))
    yield Section("methods", "Methods", paragraphs)
    yield checklists_section(run)


def _read(run: StudyRun) -> Iterator[Section | None]:
    from doublecode.analysis.report import sections_data
    from doublecode.analysis.report.sections_settled import settled_section

    yield sections_data.data_section(run)
    yield settled_section(run.intake)
