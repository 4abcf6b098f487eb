"""Interaction tests of several regressions as one family."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, column
from doublecode.analysis.results.multiplicity import adjusted_columns
from doublecode.schemas.errors import UsageError
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.regression.moderation_result import ModerationResult


@dataclass(frozen=True, eq=False, repr=False)
class FamilyResult(Answer):
    """One family of tests.

    Attributes
    ----------
    spec : dict
        What the family is.
    frame : DataFrame
        ``model``, ``term``, ``estimate``, ``p_value``, ``p_bonferroni``, ``p_holm``, ``p_bh``.
    design : dict
        ``n_tests``, ``bonferroni_alpha``.
    notes : tuple of Note
    rows : Index
        Labels of the rows that any of the models stands on.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("model", "term")

    def tables(self) -> tuple[Table, ...]:
        """Every test with its raw and its adjusted p-values."""
        columns = (
            column("model", "Model", kind="text"), column("term"), column("estimate"), column("p_value"),
            column("p_bonferroni", "Bonferroni", kind="p"), column("p_holm", "Holm", kind="p"),
            column("p_bh", "Benjamini–Hochberg", kind="p"),
        )  # fmt: skip
        return (Table("family", "Interactions as one family of tests", self.frame, columns),)

    def counted(self) -> str:
        """Say how many tests the family has."""
        return f"{self.design['n_tests']} tests"


def interaction_family(results: Sequence[ModerationResult]) -> FamilyResult:
    """Adjust the interaction tests of several moderated regressions as one family.

    Models without an interaction are left out.

    Raises
    ------
    UsageError
        No model has an interaction.

    Examples
    --------
    >>> import pandas as pd
    >>> from doublecode.analysis import moderation
    >>> rng = np.random.default_rng(0)
    >>> data = pd.DataFrame(rng.normal(size=(30, 4)), columns=["y", "a", "b", "z"])
    >>> family = interaction_family([moderation("y ~ a * z", data), moderation("y ~ b * z", data)])
    >>> family.frame["term"].tolist()
    ['a:z', 'b:z']
    """
    import pandas as pd

    found = [result for result in results if result.spec["moderator"] is not None]
    if not found:
        raise UsageError("interaction_family: no model has an interaction; give moderated regressions.")
    table = pd.DataFrame(map(_test, found))
    rows = found[0].rows
    for result in found[1:]:
        rows = rows.union(result.rows)
    return FamilyResult(
        spec={"family": "interactions of the declared moderated regressions"},
        frame=table.assign(**adjusted_columns(table["p_value"].to_numpy(dtype=np.float64))),
        design={"n_tests": len(table), "bonferroni_alpha": 0.05 / len(table)},
        notes=(Note("family_of_interactions", numbers={"n_tests": len(table)}),),
        rows=rows,
    )


def _test(result: ModerationResult) -> dict[str, Any]:
    """The interaction of one model: model, term, estimate, p_value."""
    term = f"{result.spec['predictor']}:{result.spec['moderator']}"
    row = result.frame[result.frame["term"] == term].iloc[0]
    name = result.spec.get("name", result.spec["formula"])
    return {"model": name, "term": term, "estimate": row["estimate"], "p_value": row["p_value"]}
