"""The researcher's room: reliability, models, tables, reports."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from doublecode.analysis.concordance.coefficients import agreement as agreement
    from doublecode.analysis.concordance.limits_of_agreement import bland_altman as bland_altman
    from doublecode.analysis.consistency.alpha_omega import alpha as alpha
    from doublecode.analysis.consistency.alpha_omega import omega as omega
    from doublecode.analysis.description.correlations import correlate as correlate
    from doublecode.analysis.description.descriptives import describe as describe
    from doublecode.analysis.description.homework import log_counts as log_counts
    from doublecode.analysis.description.outliers import mahalanobis as mahalanobis
    from doublecode.analysis.description.outliers import winsorise as winsorise
    from doublecode.analysis.description.sample import sample_table as sample_table
    from doublecode.analysis.linking.frame import build_frame as build_frame
    from doublecode.analysis.linking.series import fit_series as fit_series
    from doublecode.analysis.linking.splitting import within_between as within_between
    from doublecode.analysis.mixed import compare as compare
    from doublecode.analysis.mixed import confint as confint
    from doublecode.analysis.mixed import fit_ladder as fit_ladder
    from doublecode.analysis.mixed import fit_many as fit_many
    from doublecode.analysis.mixed import fit_mixed as fit_mixed
    from doublecode.analysis.mixed import profile_function as profile_function
    from doublecode.analysis.regression.families import interaction_family as interaction_family
    from doublecode.analysis.regression.group_differences import group_anova as group_anova
    from doublecode.analysis.regression.moderated import moderation as moderation
    from doublecode.analysis.reliability.decision import d_study as d_study
    from doublecode.analysis.reliability.dyads import dyad_icc as dyad_icc
    from doublecode.analysis.reliability.generalizability import g_study as g_study
    from doublecode.analysis.reliability.interrater import icc as icc
    from doublecode.analysis.reliability.interrater import intra_rater as intra_rater
    from doublecode.analysis.reliability.severity import drift as drift

_HOME = {
    "agreement": "concordance.coefficients",
    "alpha": "consistency.alpha_omega",
    "bland_altman": "concordance.limits_of_agreement",
    "build_frame": "linking.frame",
    "compare": "mixed",
    "confint": "mixed",
    "correlate": "description.correlations",
    "d_study": "reliability.decision",
    "drift": "reliability.severity",
    "describe": "description.descriptives",
    "dyad_icc": "reliability.dyads",
    "fit_ladder": "mixed",
    "fit_many": "mixed",
    "fit_mixed": "mixed",
    "fit_series": "linking.series",
    "g_study": "reliability.generalizability",
    "group_anova": "regression.group_differences",
    "icc": "reliability.interrater",
    "interaction_family": "regression.families",
    "intra_rater": "reliability.interrater",
    "log_counts": "description.homework",
    "mahalanobis": "description.outliers",
    "moderation": "regression.moderated",
    "omega": "consistency.alpha_omega",
    "profile_function": "mixed",
    "sample_table": "description.sample",
    "winsorise": "description.outliers",
    "within_between": "linking.splitting",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
