"""Everything that a run estimated as plain records, with full precision: what ``results.json`` and ``--json`` hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from doublecode.analysis.rendering.coded_warnings import problem_of
from doublecode.analysis.rendering.notes import sentence
from doublecode.analysis.report.headlines import headlines
from doublecode.analysis.report.methods_text import packages_used
from doublecode.analysis.report.reported_records import reported_record
from doublecode.analysis.results.versions import version_of
from doublecode.analysis.study.settled import settled_table
from doublecode.schemas.results import plain, records, result_record

if TYPE_CHECKING:
    from doublecode.analysis.linking.generalized_series_result import GeneralizedSeriesResult
    from doublecode.analysis.linking.series_result import SeriesResult
    from doublecode.analysis.meta_analysis.pool_result import PoolResult
    from doublecode.analysis.regression.moderation_result import ModerationResult
    from doublecode.analysis.rendering.answers import Answer
    from doublecode.analysis.study.coding_status import StudyStatus
    from doublecode.analysis.study.declared_change import DeclaredChange
    from doublecode.analysis.study.declared_process import ProcessAnswers
    from doublecode.analysis.study.frozen_plan import PlanState
    from doublecode.analysis.study.ordinal_raters import StudyLatentSeverity
    from doublecode.analysis.study.rater_drift import StudyDrift
    from doublecode.analysis.study.rating_quality import RatingQuality
    from doublecode.analysis.study.reliability_table import ReliabilityTable
    from doublecode.analysis.study.scale_consistency import ConsistencyTable
    from doublecode.analysis.study.study_run import StudyRun
    from doublecode.analysis.training.certification_result import CertificationResult


RATING_QUALITY: Final = ("agreement", "composites", "raters", "severity")
"""Tables beside the reliability, in results.json."""


def results_record(run: StudyRun) -> dict[str, Any]:
    """Everything that was estimated, with full precision, ready for JSON."""
    settled = settled_table(run.intake)
    return {
        "study": run.study.model_dump(mode="json"),
        "versions": {name: version_of(name) for name in ("doublecode", *packages_used(run))},
        "set_aside": list(run.intake.set_aside),
        "problems": _problem_records(run),
        **({} if run.replaced is None or run.replaced.empty else {"replaced": records(run.replaced)}),
        **({} if run.intake.plan is None else {"plan": _plan_record(run.intake.plan)}),
        "headlines": [vars(one) for one in headlines(run)],
        "ratings": run.intake.rating_counts,
        "rows": {
            "design": plain(run.frame.design),
            "flow": plain(run.frame.flow),
            "notes": list(run.frame.note_texts()),
        },
        "sample": result_record(run.sample),
        "descriptives": {"items": result_record(run.described_items), "scores": result_record(run.described_scores)},
        "homework": [result_record(one) for one in run.logs],
        "reliability": None if run.reliability is None else reliability_record(run.reliability),
        "rating_quality": _quality_record(run.quality),
        **({} if run.codes is None else {"codes": records(run.codes.frame)}),
        **({} if run.reported is None else {"reported": reported_record(run.reported)}),
        **({} if run.recodes is None else {"recodes": records(run.recodes.frame)}),
        "screens": None if run.screens is None else result_record(run.screens),
        **({} if settled is None else {"consensus": records(settled)}),
        "consistency": None if run.consistency is None else consistency_record(run.consistency),
        "correlations": None if run.correlations is None else result_record(run.correlations),
        "outliers": None if run.outliers is None else result_record(run.outliers),
        "series": {str(one.spec["name"]): _series_record(one) for one in run.series},
        **(
            {"generalized": {str(one.spec["name"]): _series_record(one) for one in run.generalized}}
            if run.generalized
            else {}
        ),
        **({"patient_outcomes": [result_record(one) for one in run.patient_outcomes]} if run.patient_outcomes else {}),
        "moderations": {str(one.spec["name"]): _moderation_record(one) for one in run.moderations},
        "moderations_untouched": {str(one.spec["name"]): result_record(one) for one in run.moderations_untouched},
        "group_comparisons": [result_record(one) for one in run.comparisons],
        **_finding_records(run),
        **({} if run.process is None else _process_records(run.process)),
        "not_estimated": list(map(sentence, run.not_estimated)),
    }


def _plan_record(plan: PlanState) -> dict[str, Any]:
    """When the analysis was frozen and amended, and what departs from it."""
    told = ("at", "reason", "n_ratings", "version", "sha256")
    return {
        "versions": [{name: getattr(one, name) for name in told} for one in plan.versions],
        "deviations": [vars(one) for one in plan.deviations],
    }


def _finding_records(run: StudyRun) -> dict[str, Any]:
    """What was asked beyond the models; nothing where nothing was."""
    means = {
        str(one.spec["name"]): {**result_record(one), "contrasts": records(one.contrasts), "grid": records(one.grid)}
        for one in run.marginals
    }
    found: dict[str, Any] = {"marginal_means": means} if means else {}
    if run.families:
        found["families"] = {str(one.spec["name"]): result_record(one) for one in run.families}
    if run.covariate_screen is not None:
        found["covariate_screen"] = result_record(run.covariate_screen)
    if run.missing_comparison is not None:
        found["missing_comparison"] = result_record(run.missing_comparison)
    if run.fidelity is not None:
        found["fidelity"] = result_record(run.fidelity)
    if run.patient_changes:
        found["patient_changes"] = {one.asked.name: change_record(one) for one in run.patient_changes}
    return found


def change_record(one: DeclaredChange) -> dict[str, Any]:
    """Reliable change with its parts and patients, sudden gains, and homework beside both."""
    beside = {
        "gains": one.gains, "losses": one.losses, "homework_before_gains": one.before_gains,
        "homework_by_change": one.by_change,
    }  # fmt: skip
    return {
        "measure": records(one.measure),
        "change": {**result_record(one.change), "patients": records(one.change.patients)},
        **{name: result_record(of) for name, of in beside.items() if of is not None},
    }


def _process_records(process: ProcessAnswers) -> dict[str, Any]:
    """Models of process by kind and name, only the kinds that are declared; a model without an answer is its reason."""
    found = {}
    for kind in ("rater_corrections", "cross_lagged", "mediations"):
        answers = getattr(process, kind)
        if answers:
            found[kind] = {
                one.name: {"reason": one.reason} if one.result is None else result_record(one.result) for one in answers
            }
    return found


def _problem_records(run: StudyRun) -> list[dict[str, str]]:
    """What was found in reading, and what the analysis warns of."""
    staged = [("reading", one.in_report) for one in run.intake.problems]
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


def with_records(beside: Mapping[str, Answer]) -> dict[str, Any]:
    """What ``--json`` prints of the answers beside the one that was asked for, by their names."""
    return {name: result_record(answer) for name, answer in beside.items()}


def pool_record(result: PoolResult) -> dict[str, Any]:
    """A pooled effect, and how much effects differ, the studies and the test of moderators beside it."""
    parts = (
        "tau2",
        "se_tau2",
        "tau2_within",
        "i2",
        "h2",
        "q",
        "q_p",
        "prediction",
        "omnibus",
        "r2",
        "loglik",
        "studies",
    )
    return {**result_record(result), **{part: plain(getattr(result, part)) for part in parts}}


def _quality_record(quality: RatingQuality) -> dict[str, Any]:
    found: dict[str, Any] = {part: records(getattr(quality, part)) for part in RATING_QUALITY}
    return found if quality.latent is None else {**found, "latent_severity": latent_severity_record(quality.latent)}


def latent_severity_record(result: StudyLatentSeverity) -> dict[str, Any]:
    """Severity on the latent scale, and the items with both kinds of ICC."""
    return {**result_record(result), "items": plain(result.items)}


def drift_record(result: StudyDrift) -> dict[str, Any]:
    """Severity, and the tables beside it."""
    parts = ("periods", "drifts", "tests", "sessions")
    return {**result_record(result), **{part: plain(getattr(result, part)) for part in parts}}


def status_record(result: StudyStatus) -> dict[str, Any]:
    """Counts by workbook, and the tables beside them."""
    parts = ("raters", "instruments", "batches", "pairs", "assignments")
    screens = None if result.screens is None else result_record(result.screens)
    return {**result_record(result), **{part: plain(getattr(result, part)) for part in parts}, "screens": screens}


def certification_record(result: CertificationResult) -> dict[str, Any]:
    """Every criterion, and verdicts and departures beside them."""
    return {**result_record(result), **{part: plain(getattr(result, part)) for part in ("verdicts", "departures")}}


def _series_record(result: SeriesResult | GeneralizedSeriesResult) -> dict[str, Any]:
    models = [
        {
            "label": model.label, "formula": model.formula.text, "declared": model.declared, "remark": model.remark,
            **({} if model.result is None else result_record(model.result)),
        }
        for model in result.models
    ]  # fmt: skip
    beside = {table.name: plain(table.data if table.data is not None else table.frame) for table in result.beside()}
    return {**result_record(result), "models": models, **beside}


def _moderation_record(result: ModerationResult) -> dict[str, Any]:
    parts = ("slopes", "johnson_neyman", "standardized", "robust")
    return {**result_record(result), **{part: plain(getattr(result, part)) for part in parts}}
