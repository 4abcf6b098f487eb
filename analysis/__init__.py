"""The researcher's room: reliability, models, tables, reports."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from doublecode.analysis.concordance import agreement as agreement
    from doublecode.analysis.consistency import alpha as alpha
    from doublecode.analysis.consistency import omega as omega
    from doublecode.analysis.correlations import correlate as correlate
    from doublecode.analysis.factors.categorical_omega import omega_categorical as omega_categorical
    from doublecode.analysis.factors.factor_comparison import compare_factors as compare_factors
    from doublecode.analysis.factors.hierarchical_omega import omega_hierarchical as omega_hierarchical
    from doublecode.analysis.factors.hierarchical_omega import psych_default as psych_default
    from doublecode.analysis.factors.multilevel_omega import omega_multilevel as omega_multilevel
    from doublecode.analysis.frame import build_frame as build_frame
    from doublecode.analysis.generalizability import d_study as d_study
    from doublecode.analysis.generalizability import g_study as g_study
    from doublecode.analysis.interrater import icc as icc
    from doublecode.analysis.interrater import intra_rater as intra_rater
    from doublecode.analysis.mixed import compare as compare
    from doublecode.analysis.mixed import confint as confint
    from doublecode.analysis.mixed import fit_ladder as fit_ladder
    from doublecode.analysis.mixed import fit_many as fit_many
    from doublecode.analysis.mixed import fit_mixed as fit_mixed
    from doublecode.analysis.mixed import profile_function as profile_function
    from doublecode.analysis.moderated import moderation as moderation
    from doublecode.analysis.raters.dyads import dyad_icc as dyad_icc
    from doublecode.analysis.series import fit_series as fit_series
    from doublecode.analysis.severity import drift as drift

_HOME = {
    "agreement": "concordance",
    "alpha": "consistency",
    "build_frame": "frame",
    "compare": "mixed",
    "compare_factors": "factors.factor_comparison",
    "confint": "mixed",
    "correlate": "correlations",
    "d_study": "generalizability",
    "drift": "severity",
    "dyad_icc": "raters.dyads",
    "fit_ladder": "mixed",
    "fit_many": "mixed",
    "fit_mixed": "mixed",
    "fit_series": "series",
    "g_study": "generalizability",
    "icc": "interrater",
    "intra_rater": "interrater",
    "moderation": "moderated",
    "omega": "consistency",
    "omega_categorical": "factors.categorical_omega",
    "omega_hierarchical": "factors.hierarchical_omega",
    "omega_multilevel": "factors.multilevel_omega",
    "profile_function": "mixed",
    "psych_default": "factors.hierarchical_omega",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
