"""One table of all models of a series."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from doublecode.analysis.linking.series_models import Fit, SeriesModel


def gathered(models: Sequence[SeriesModel[Fit]], table: Callable[[Fit], pd.DataFrame | None]) -> pd.DataFrame:
    """Put a table of every model that is estimated below one another.

    Parameters
    ----------
    models : sequence of SeriesModel
    table : callable
        Of a fit; None where it has none.

    Returns
    -------
    DataFrame
        ``step``, ``label``, ``declared``, and the columns of the tables, also where these have no row.
    """
    parts = []
    for model in models:
        found = None if model.result is None else table(model.result)
        if found is not None:
            named = {"step": model.step, "label": model.label, "declared": model.declared}
            parts.append(pd.concat([pd.DataFrame(named, index=found.index), found], axis=1))
    filled = [one for one in parts if len(one)] or parts[:1]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=["step", "label", "declared"])
