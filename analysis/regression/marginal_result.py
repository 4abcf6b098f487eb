"""The answer of :func:`doublecode.analysis.marginal_means`: means or slopes, and their contrasts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from doublecode.analysis.regression.families import METHODS
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.coefficient_columns import coefficients
from doublecode.analysis.rendering.tables import Column, Table, column
from doublecode.schemas.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from doublecode.analysis.rendering.figures import Axes
    from doublecode.schemas.results import Note

ADJUSTED_BY = {**METHODS, "tukey": "Tukey"}


@dataclass(frozen=True, eq=False, repr=False)
class MarginalResult(Answer):
    """Marginal means (or slopes) of a model and their contrasts.

    Attributes
    ----------
    spec : dict
        ``formula``, ``outcome``, ``of``, ``by``, ``at``, ``slope``, ``contrasts``, ``adjust``, ``conf_level``; for
        declared ones also ``name``, ``title``.
    frame : DataFrame
        One row per combination of levels: the columns `of` and `by`, ``estimate`` (in units of the outcome; of a
        slope per unit of the variable), ``std_error``, ``df``, ``statistic``, ``p_value`` (against 0), ``conf_low``,
        ``conf_high`` (of each by itself).
    contrasts : DataFrame
        The columns `by`, ``contrast``, ``estimate``, ``std_error``, ``df``, ``statistic``, ``p_value``,
        ``p_adjusted``, ``conf_low``, ``conf_high``, and the simultaneous limits ``family_low``, ``family_high``. Each
        combination of `by` is a family of its own.
    grid : DataFrame
        ``variable``, ``values``, ``source``: the reference grid.
    vcov : ndarray, shape (n_means, n_means)
        Covariance of the estimates of `frame`; NaN where one is not estimable.
    design : dict
        ``n_rows`` of the model, ``df_method``, ``families`` and ``tests`` (in each).
    notes : tuple of Note
    rows : Index
        Labels of the rows of the model.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    contrasts: pd.DataFrame
    grid: pd.DataFrame
    vcov: NDArray[np.float64]
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    @property
    def label_columns(self) -> tuple[str, ...]:  # type: ignore[override]
        """By what an estimate is named: the levels."""
        return (*self.spec["of"], *self.spec["by"])

    def tables(self) -> tuple[Table, ...]:
        """The means, and their contrasts with raw and adjusted p."""
        return (self.means_table(), *(() if self.contrasts.empty else (self.contrast_table(),)))

    def means_table(self) -> Table:
        """Means or slopes with their limits."""
        slope = self.spec["slope"]
        what = f"Slope of {slope}" if slope else f"Marginal means of {self.spec['outcome']}"
        shown = self.frame if slope else self.frame.drop(columns=["statistic", "p_value"])
        kinds = tuple(self._level(name, self.frame) for name in self.label_columns)
        own = coefficients(shown, self.spec["conf_level"], self._statistic)
        named = own if slope else (column("estimate", "*M*", kind="estimate"), *own[1:])
        return Table("marginal_means", what, self.frame, (*kinds, *named))

    def contrast_table(self) -> Table:
        """Contrasts with raw and adjusted p."""
        by = tuple(self._level(name, self.contrasts) for name in self.spec["by"])
        columns = [*by, column("contrast", "Contrast", kind="text")]
        columns += coefficients(self.contrasts, self.spec["conf_level"], self._statistic)
        if self.spec["adjust"] != "none":
            columns.append(column("p_adjusted", f"*p* {ADJUSTED_BY[self.spec['adjust']]}", kind="p"))
        return Table("marginal_contrasts", "Contrasts", self.contrasts, tuple(columns))

    @property
    def _statistic(self) -> str:
        return "*z*" if self.design["df_method"] == "z" else "*t*"

    def _level(self, name: str, frame: pd.DataFrame) -> Column:
        number = frame[name].dtype.kind in "iuf"
        return column(name, name, kind="count" if number else "text")

    def counted(self) -> str:
        """Say the rows of the model and how df were found."""
        return f"{self.design['n_rows']} rows; {self.spec['formula']}; df: {self.design['df_method']}"

    def plot(self) -> Axes:
        """Draw the estimates with their limits over the levels of `of`, one course per level of `by`.

        Raises
        ------
        UsageError
            There are no levels to draw, or more than two variables.
        """
        from doublecode.analysis.rendering.marginal_figures import marginal_courses

        names = self.label_columns
        if not 1 <= len(names) <= 2:
            raise UsageError("marginal means are drawn over one variable, or over one by another; name one or two.")
        slope = self.spec["slope"]
        y_label = f"slope of {slope}" if slope else str(self.spec["outcome"])
        return marginal_courses(self.frame, names[0], names[1] if len(names) == 2 else None, y_label=y_label)
