"""The researcher's room: reliability, models, tables, reports."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from doublecode.analysis.concordance import agreement as agreement
    from doublecode.analysis.consistency import alpha as alpha
    from doublecode.analysis.consistency import omega as omega
    from doublecode.analysis.frame import build_frame as build_frame
    from doublecode.analysis.interrater import icc as icc
    from doublecode.analysis.mixed import compare as compare
    from doublecode.analysis.mixed import fit_many as fit_many
    from doublecode.analysis.mixed import fit_mixed as fit_mixed
    from doublecode.analysis.moderated import moderation as moderation
    from doublecode.analysis.series import fit_series as fit_series
    from doublecode.analysis.severity import drift as drift

_HOME = {
    "agreement": "concordance",
    "alpha": "consistency",
    "build_frame": "frame",
    "compare": "mixed",
    "drift": "severity",
    "fit_many": "mixed",
    "fit_mixed": "mixed",
    "fit_series": "series",
    "icc": "interrater",
    "moderation": "moderated",
    "omega": "consistency",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
