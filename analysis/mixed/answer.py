"""What the answers of mixed models have in common, linear or generalised."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.hypotheses import contrast_frame, fixed_frame
from doublecode.analysis.mixed.rsquared import zero_of_double_bar
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, column, format_number
from doublecode.analysis.results.states import FitState
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from doublecode.analysis.mixed.inference import SmallSample
    from doublecode.analysis.mixed.variances import Singularity

Floats = npt.NDArray[np.float64]

_PARTS: Final = (
    column("group", "Group", kind="text"), column("term", "Term", kind="text"),
    column("variance", "Variance", kind="estimate", digits=3), column("sd", kind="estimate"),
    column("corr", "Correlation", kind="bounded"),
)  # fmt: skip


class MixedAnswer(Answer):
    """The answer of a mixed model; subclasses are frozen dataclasses with `spec`, `model` and the bare fit."""

    model: Design

    if TYPE_CHECKING:

        @property
        def beta(self) -> Floats: ...  # noqa: D102
        @property
        def tests(self) -> SmallSample: ...  # noqa: D102
        @property
        def variances(self) -> pd.DataFrame: ...  # noqa: D102
        @property
        def loglik(self) -> float: ...  # noqa: D102
        @property
        def n_parameters(self) -> int: ...  # noqa: D102
        @property
        def converged(self) -> bool: ...  # noqa: D102
        @property
        def singularities(self) -> tuple[Singularity, ...]: ...  # noqa: D102

    def _variance_table(self) -> Table:
        return Table("variances", "Variance components", self.variances, _PARTS)

    def _fit_and_rows(self) -> str:
        """Say log-likelihood, criteria, rows and groups."""
        loglik = format_number(self.loglik)
        criteria = f"AIC {format_number(self.aic, digits=1)}, BIC {format_number(self.bic, digits=1)}"
        groups = "".join(f", {n} levels of {group}" for group, n in self.n_groups.items())
        return f"log-likelihood {loglik}, {criteria}; {self.nobs} rows{groups}"

    def _notes_of_fit(self) -> list[Note]:
        """Rows left out, and what of the random part has no variance."""
        notes = []
        if len(self.model.lost):
            by = self.design["dropped_by_column"]
            numbers = {"n_dropped": len(self.model.lost), "n_rows": self.design["n_rows"], "by_column": by}
            notes.append(Note("mixed_rows_dropped", numbers=numbers))
        return [*notes, *(item.note for item in self.singularities), *zero_of_double_bar(self.model)]

    @property
    def rows(self) -> pd.Index[Any]:
        """Labels of the rows in use."""
        return self.model.index

    @property
    def frame(self) -> pd.DataFrame:
        """The fixed effects, see `fixed`."""
        return self.fixed

    @cached_property
    def fixed(self) -> pd.DataFrame:
        """Term, estimate, std_error, df, statistic, p_value, conf_low, conf_high; one row per fixed effect.

        By t, or by z with df ∞, as `tests` has it.
        """
        return fixed_frame(self.model.x_names, self.beta, self.tests, self.spec["conf_level"])

    @property
    def aic(self) -> float:
        """Akaike's criterion, −2 loglik + 2 n_parameters."""
        return -2.0 * self.loglik + 2.0 * self.n_parameters

    @property
    def bic(self) -> float:
        """Schwarz's criterion with the number of rows, under REML too, as lme4 has it."""
        return -2.0 * self.loglik + float(np.log(self.nobs)) * self.n_parameters

    @property
    def nobs(self) -> int:
        """Rows in use."""
        return self.model.nobs

    @property
    def n_groups(self) -> dict[str, int]:
        """Levels of each grouping factor."""
        return self.model.n_groups

    @property
    def singular(self) -> bool:
        """Whether a random term has a direction of no variance, judged against the total variance."""
        return bool(self.singularities)

    @property
    def state(self) -> FitState:
        """How the search ended: converged, singular or not converged."""
        if not self.converged:
            return FitState.NOT_CONVERGED
        return FitState.SINGULAR if self.singular else FitState.CONVERGED

    @property
    def design(self) -> dict[str, Any]:
        """Counts: rows given, used, dropped and why; groups."""
        return self.model.counts

    def contrast(self, weights: dict[str, float] | Floats, *, rhs: float = 0.0) -> pd.DataFrame:
        """Estimate and test linear combinations of fixed effects.

        `weights` maps terms to coefficients (others 0), or is a (k, p) array.
        """
        return contrast_frame(
            self.model.x_names, self.beta, self.tests, weights, rhs=rhs, conf_level=self.spec["conf_level"]
        )
