"""The answer of :func:`doublecode.analysis.mediation`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.coefficient_columns import coefficients
from doublecode.analysis.rendering.tables import Table, column

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.schemas.results import Note


@dataclass(frozen=True, eq=False, repr=False)
class Mediation(Answer):
    """Paths, indirect and total effects.

    Attributes
    ----------
    spec : dict
        Every argument, and the number of draws.
    frame : DataFrame
        ``level`` (single, within, between), ``term`` (a, b, direct, indirect, total, covariance of slopes), ``path``
        in words, ``estimate``, ``std_error`` (of products by the delta method), ``statistic`` (z), ``p_value``,
        ``conf_low`` and ``conf_high`` (Monte Carlo for indirect and total), ``delta_low`` and ``delta_high``.
    design : dict
        ``kind`` (single, 1-1-1, 2-1-1), ``n_given``, ``n_rows``, ``n_clusters``, ``lost``.
    notes : tuple of Note
    rows : Index
        Labels of the rows in use.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("level", "term")

    def tables(self) -> tuple[Table, ...]:
        """Effects by level."""
        level = self.spec["conf_level"]
        columns = (
            column("term"), column("path", "Path", kind="text"), *coefficients(self.frame, level, "*z*"),
            column("delta_low", f"{100 * level:g}% CI, delta", kind="estimate", upper="delta_high"),
        )  # fmt: skip
        title = f"{self.spec['x']} → {self.spec['m']} → {self.spec['y']}"
        group = "" if self.design["kind"] == "single" else "level"
        return (Table("mediation", title, self.frame, columns, group=group),)

    def counted(self) -> str:
        """Say rows and clusters."""
        found = self.design
        clusters = "" if found["n_clusters"] is None else f", of {found['n_clusters']} {self.spec['clusters']}s"
        kind = "" if found["kind"] == "single" else f"; {found['kind']}"
        return f"{found['n_rows']} of {found['n_given']} rows{clusters}{kind}"
