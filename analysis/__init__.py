"""The researcher's room: reliability, models, tables, reports."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from doublecode.analysis.concordance.coefficients import agreement as agreement
    from doublecode.analysis.concordance.limits_of_agreement import bland_altman as bland_altman
    from doublecode.analysis.consistency.alpha_omega import alpha as alpha
    from doublecode.analysis.consistency.alpha_omega import omega as omega
    from doublecode.analysis.consistency.categorical_omega import omega_categorical as omega_categorical
    from doublecode.analysis.consistency.factor_comparison import compare_factors as compare_factors
    from doublecode.analysis.consistency.hierarchical_omega import omega_hierarchical as omega_hierarchical
    from doublecode.analysis.consistency.hierarchical_omega import psych_default as psych_default
    from doublecode.analysis.consistency.multilevel_omega import omega_multilevel as omega_multilevel
    from doublecode.analysis.description.correlations import correlate as correlate
    from doublecode.analysis.linking.frame import build_frame as build_frame
    from doublecode.analysis.linking.series import fit_series as fit_series
    from doublecode.analysis.linking.splitting import within_between as within_between
    from doublecode.analysis.mixed import compare as compare
    from doublecode.analysis.mixed import confint as confint
    from doublecode.analysis.mixed import fit_ladder as fit_ladder
    from doublecode.analysis.mixed import fit_many as fit_many
    from doublecode.analysis.mixed import fit_mixed as fit_mixed
    from doublecode.analysis.mixed import profile_function as profile_function
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
    "compare_factors": "consistency.factor_comparison",
    "confint": "mixed",
    "correlate": "description.correlations",
    "d_study": "reliability.decision",
    "drift": "reliability.severity",
    "dyad_icc": "reliability.dyads",
    "fit_ladder": "mixed",
    "fit_many": "mixed",
    "fit_mixed": "mixed",
    "fit_series": "linking.series",
    "g_study": "reliability.generalizability",
    "icc": "reliability.interrater",
    "intra_rater": "reliability.interrater",
    "moderation": "regression.moderated",
    "omega": "consistency.alpha_omega",
    "omega_categorical": "consistency.categorical_omega",
    "omega_hierarchical": "consistency.hierarchical_omega",
    "omega_multilevel": "consistency.multilevel_omega",
    "profile_function": "mixed",
    "psych_default": "consistency.hierarchical_omega",
    "within_between": "linking.splitting",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
