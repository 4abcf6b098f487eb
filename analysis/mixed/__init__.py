"""The linear mixed model engine: formula, likelihood, inference, result."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from doublecode.analysis.mixed.comparison import compare as compare
    from doublecode.analysis.mixed.fit import fit_mixed as fit_mixed
    from doublecode.analysis.mixed.many import ManyResult as ManyResult
    from doublecode.analysis.mixed.many import fit_many as fit_many
    from doublecode.analysis.mixed.result import MixedResult as MixedResult

_HOME = {
    "ManyResult": "many",
    "MixedResult": "result",
    "compare": "comparison",
    "fit_many": "many",
    "fit_mixed": "fit",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
