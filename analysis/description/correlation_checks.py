"""What a table of correlations can be asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from doublecode.analysis.mixed.model_rows import refuse_infinite, require_columns
from doublecode.schemas.errors import ContractError, UsageError

if TYPE_CHECKING:
    import pandas as pd


def check_variables(
    frame: pd.DataFrame, variables: Sequence[str], method: str, keys: Sequence[str | None], conf_level: float
) -> None:
    """Refuse fewer than two variables, one twice, an unknown one, an unknown method, what holds no numbers."""
    if len(variables) < 2 or len(set(variables)) < len(variables):
        raise UsageError(
            f"correlations: found {', '.join(variables) or 'none'}; allowed: two or more variables, each once."
        )
    if method not in ("pearson", "spearman") or not 0 < conf_level < 1:
        raise UsageError(
            f"correlations: found method = {method!r} and conf_level = {conf_level}; "
            "allowed: 'pearson' or 'spearman', and a level between 0 and 1."
        )
    named = [*variables, *(key for key in keys if key is not None)]
    require_columns(frame, named, "correlations")
    if len(set(named)) < len(named) or frame.columns.duplicated()[frame.columns.isin(named)].any():
        raise UsageError(
            f"correlations: found {', '.join(named)}, of which one is named twice or stands twice in the frame; "
            "variables, patient and session are columns of their own."
        )
    for name in variables:
        if frame[name].dtype.kind not in "if":
            raise ContractError(f"correlations: column {name!r} must hold numbers, found {frame[name].dtype}.")
    refuse_infinite(frame, variables, "correlations")


def check_samples(n_boot: int) -> None:
    """Refuse fewer than 200 samples of patients."""
    if not isinstance(n_boot, int) or n_boot < 200:
        raise UsageError(f"correlations: found n_boot = {n_boot!r}; at least 200 samples of patients, usually 2000.")
