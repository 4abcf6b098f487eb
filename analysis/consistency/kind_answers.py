"""What each kind of omega hands back, and the columns that all of them share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import pandas as pd

from doublecode.analysis.consistency.scale_levels import POOLED
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from doublecode.analysis.consistency.factor import FactorFit
    from doublecode.analysis.consistency.item_moments import Array
    from doublecode.analysis.consistency.unit_resampling import Limits


@dataclass(frozen=True)
class KindAnswer:
    """Coefficients of one kind, its other tables by name, counts, notes, and how its interval was made."""

    frame: pd.DataFrame
    parts: Mapping[str, pd.DataFrame]
    design: Mapping[str, Any]
    notes: Sequence[Note]
    method: str


class Sample(Protocol):
    """Items and counts: of scores, or of a correlation matrix."""

    @property
    def items(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def n_rows(self) -> float: ...  # noqa: D102
    @property
    def n_units(self) -> float: ...  # noqa: D102


def coefficient_frame(
    read: Sample, terms: Sequence[str], formulas: Sequence[str], estimate: Array, limits: Limits
) -> pd.DataFrame:
    """Columns that every kind has; `estimate` and the limits are (n_terms,)."""
    return pd.DataFrame(
        {
            "level": POOLED,
            "term": list(terms),
            "estimate": estimate,
            "std_error": limits.std_error,
            "df": limits.df,
            "conf_low": limits.low,
            "conf_high": limits.high,
            "formula": list(formulas),
            "n_items": len(read.items),
            "n_rows": read.n_rows,
            "n_units": read.n_units,
        }
    )


def negative_loadings(items: Sequence[str], loadings: Array) -> list[Note]:
    """Name the items that load negatively on what all share; `loadings` (n_items,)."""
    return [
        Note("negative_loading", numbers={"item": item, "loading": float(loading)})
        for item, loading in zip(items, loadings, strict=True)
        if loading < 0
    ]


def heywood_at_floor(items: Sequence[str], fit: FactorFit) -> list[Note]:
    """Name the items whose residual variance is held at its floor; nothing where there are none."""
    held = tuple(item for item, at_floor in zip(items, fit.heywood[0], strict=True) if at_floor)
    return [Note("heywood_at_floor", numbers={"items": held})] if held else []
