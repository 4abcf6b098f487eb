"""The answer of :func:`doublecode.analysis.correct_for_raters`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from doublecode.analysis.linking.coded_model import CodedModel
from doublecode.analysis.linking.rating_level import cross_rater_slopes, rating_level_model
from doublecode.analysis.linking.ratio_limits import Ratio
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.coefficient_columns import coefficients
from doublecode.analysis.rendering.tables import Table, column

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.schemas.results import Note


@dataclass(frozen=True)
class Estimates:
    """Corrected coefficients by term, and which of them are slopes of coded columns."""

    ratios: Mapping[str, Ratio]
    slopes: tuple[str, ...]


@dataclass(frozen=True, eq=False, repr=False)
class RaterCorrection(Answer):
    """Slopes of coded predictors, naive and corrected for the raters' error.

    Attributes
    ----------
    spec : dict
        Formula, coded (columns as sums of ratings), split, conf_level.
    frame : DataFrame
        ``model`` ("naive", then "corrected"), ``term``, ``estimate``, ``std_error``, ``df``, ``statistic``,
        ``p_value``, ``conf_low``, ``conf_high``. The corrected limits of a slope are infinite where its reliability
        may be 0, its estimate is NaN where the error is estimated larger than the variance.
    reliability : DataFrame
        ``variable``, ``level`` (within, between), ``reliability`` (λ), ``variance``, ``residual_error``,
        ``rater_error`` (their sum over the variance is 1 − λ), ``mean_inverse_k``, ``q``, ``n_rows``, ``n_double``.
    errors : DataFrame
        ``first``, ``second`` (instruments; the same twice for a variance), ``residual`` (σ²_e of a single rating),
        ``rater`` (σ²_r), ``correlation`` of the whole errors, ``n_double`` sessions, ``df``.
    gain : DataFrame
        ``variable``, ``coding`` ("as it was", "every session"), ``raters`` of a session, ``reliability`` within,
        ``slope`` to be expected without correction, ``t_ratio`` of its t statistic to the present one.
    design : dict
        ``n_given``, ``n_rows``, ``n_patients``, ``n_raters``, ``n_double`` by instrument, ``lost``.
    model : CodedModel
        The rows, the naive fit and the ratings behind it.
    notes : tuple of Note
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    reliability: pd.DataFrame
    errors: pd.DataFrame
    gain: pd.DataFrame
    design: dict[str, Any]
    model: CodedModel
    notes: tuple[Note, ...]

    label_columns: ClassVar[tuple[str, ...]] = ("model", "term")

    @property
    def rows(self) -> pd.Index[Any]:
        """Labels of the rows of the model."""
        return self.model.data.index

    @cached_property
    def rating_level(self) -> pd.DataFrame:
        """Fixed effects of the model on single ratings, raters crossed in it.

        See :func:`doublecode.analysis.linking.rating_level.rating_level_model`.
        """
        return rating_level_model(self.model, self.spec["conf_level"]).frame

    @cached_property
    def cross_rater(self) -> pd.DataFrame:
        """Slopes of one rater's outcome on another's predictor; see :func:`cross_rater_slopes`."""
        return cross_rater_slopes(self.model)

    def tables(self) -> tuple[Table, ...]:
        """Slopes of three models, reliabilities, error variances and what other codings would have given."""
        import pandas as pd

        level = self.spec["conf_level"]
        every = pd.concat([self.frame, self.rating_level.assign(model="rating level")], ignore_index=True)
        slopes = Table(
            "slopes", str(self.spec["formula"]), every, (column("term"), *coefficients(every, level)), group="model"
        )
        reliability = (
            column("variable", "Variable", kind="text"), column("level"),
            column("reliability", "λ", kind="bounded"), column("variance", "Variance"),
            column("residual_error", "σ²ₑ · mean(1/k)"), column("rater_error", "σ²ᵣ · q"), column("q", "*q*"),
            column("n_double", "Coded twice", kind="integer"), column("n_rows", "Rows", kind="integer"),
        )  # fmt: skip
        errors = (
            column("first", "Of", kind="text"), column("second", "with", kind="text"),
            column("residual", "Residual σ²ₑ", digits=3), column("rater", "Rater σ²ᵣ", digits=3),
            column("correlation", "Correlation", kind="bounded"), column("n_double", "Sessions", kind="integer"),
        )  # fmt: skip
        gain = (
            column("variable", "Variable", kind="text"), column("coding", "Coded", kind="text"),
            column("raters", "Raters", kind="count"),
            column("reliability", "λ within", kind="bounded"), column("slope", "Slope to expect", kind="estimate"),
            column("t_ratio", "*t* against now"),
        )  # fmt: skip
        crossed = (
            column("term"), column("estimate"), column("std_error"), column("n_sessions", "Sessions", kind="integer"),
            column("n_patients", "Patients", kind="integer"),
        )  # fmt: skip
        more = [Table("cross_rater", "Outcome of one rater on predictor of another", self.cross_rater, crossed)]
        return (
            slopes,
            Table("reliability", "Reliability for the coding done", self.reliability, reliability),
            Table("errors", "Variances and covariances of rating errors", self.errors, errors),
            Table("gain", "What other codings would have given", self.gain, gain),
            *(more if len(self.cross_rater) else []),
        )

    def counted(self) -> str:
        """Say rows, patients, raters and double-coded sessions."""
        found = self.design
        double = ", ".join(f"{n} of {name}" for name, n in found["n_double"].items())
        return (
            f"{found['n_rows']} of {found['n_given']} rows, of {found['n_patients']} patients; {found['n_raters']} "
            f"raters; sessions coded twice or more: {double}"
        )
