"""A fitted linear regression: coefficients, their covariance, and how a row of its matrix is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.coefficient_columns import coefficients
from doublecode.analysis.rendering.tables import Table, column, format_number, format_p

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from doublecode.analysis.mixed.formula_columns import Recipe
    from doublecode.schemas.results import Note

    Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class LinearFit(Answer):
    """A linear regression.

    Attributes
    ----------
    spec : dict
        Formula, errors, robust, conf_level.
    frame : DataFrame
        ``term``, ``estimate``, ``std_error``, ``df``, ``statistic``, ``p_value``, ``conf_low``, ``conf_high``.
    design : dict
        Counts, dropped rows, R², F, residual SD, log-likelihood, AIC, BIC.
    notes : tuple of Note
    beta, covariance : ndarray
        (p,) coefficients and their (p, p) covariance by the errors that ``spec["errors"]`` names.
    df : float
        Residual degrees of freedom.
    recipe : FormulaColumns or PlainColumns
        How a row of the model matrix is made.
    fixed, outcome : str
        Both sides of the formula.
    points : DataFrame
        Columns of the model on the analysed rows, in the units of the data.
    centres : mapping
        What was taken off a variable before the matrix was made.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    beta: Floats
    covariance: Floats
    df: float
    recipe: Recipe
    fixed: str
    outcome: str
    points: pd.DataFrame
    centres: Mapping[str, float] = field(default_factory=dict)

    @property
    def rows(self) -> pd.Index[Any]:
        """Labels of the analysed rows."""
        return self.points.index

    def tables(self) -> tuple[Table, ...]:
        """The coefficients."""
        columns = (column("term"), *coefficients(self.frame.drop(columns="df"), self.spec["conf_level"]))
        return (Table("coefficients", str(self.spec["formula"]), self.frame, columns),)

    def counted(self) -> str:
        """Say the rows and the fit of the whole model."""
        found = self.design
        r2, f = format_number(found["r_squared"], "bounded"), format_number(found["f_statistic"])
        test = f"F({found['df1']:g}, {found['df2']:g}) = {f}, p {format_p(found['p_value'])}"
        return f"{found['n_rows']} rows; R² = {r2}, {test}"
