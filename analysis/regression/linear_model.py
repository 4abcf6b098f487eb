"""What linear combinations of coefficients need of a fitted model, whichever model it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from doublecode.analysis.mixed.formula_columns import NOT_ESTIMABLE, FormulaColumns, Recipe
from doublecode.analysis.mixed.formula_names import variables_of
from doublecode.analysis.mixed.generalized.ordinal_result import OrdinalResult
from doublecode.analysis.mixed.generalized.result import GeneralizedResult
from doublecode.analysis.mixed.hypotheses import quantile, two_sided
from doublecode.analysis.mixed.result import MixedResult
from doublecode.analysis.regression.held_offset import HeldOffset
from doublecode.analysis.regression.linear_fit import LinearFit
from doublecode.analysis.regression.moderation_result import ModerationResult
from doublecode.schemas.errors import UsageError
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LinearModel:
    """A fitted linear predictor with the tests of its combinations.

    Attributes
    ----------
    formula : str
        As it was given.
    fixed : str
        Its right-hand side without random terms.
    outcome : str
        Its left-hand side.
    beta, vcov : ndarray
        (p,) coefficients and the (p, p) covariance on which tests stand (adjusted under Kenward–Roger, HC3 where the
        regression stands on it).
    dof : callable
        (k, p) combinations → (k,) degrees of freedom.
    recipe : FormulaColumns or PlainColumns
        How a row of X is made.
    frame : DataFrame
        The rows of the model, in the units of the data.
    centres : mapping
        What is taken off a variable before X is made.
    known : HeldOffset, optional
        Known part of the outcome (offset), and the value it is held at.
    conf_level : float
    method : str
        Name of the degrees of freedom.
    notes : tuple of Note
        What the model is to be read with.
    """

    formula: str
    fixed: str
    outcome: str
    beta: Floats
    vcov: Floats
    dof: Callable[[Floats], Floats]
    recipe: Recipe
    frame: pd.DataFrame
    conf_level: float
    method: str
    centres: Mapping[str, float] = field(default_factory=dict)
    known: HeldOffset | None = None
    notes: tuple[Note, ...] = ()

    @property
    def shift(self) -> float:
        """What the known part adds to a mean."""
        return 0.0 if self.known is None else self.known.value

    @property
    def variables(self) -> tuple[str, ...]:
        """Columns of the frame that the linear predictor is made of, in the order of the frame."""
        used = variables_of(self.fixed, self.frame.columns)
        return tuple(name for name in map(str, self.frame.columns) if name in used)

    def rows(self, grid: pd.DataFrame) -> Floats:
        """(n, P) every column of X at the rows of a grid, those left out of the fit among them."""
        centred = grid.assign(**{name: grid[name] - mean for name, mean in self.centres.items()})
        if isinstance(self.recipe, FormulaColumns):
            return self.recipe.every_column(centred)
        return np.asarray(self.recipe.get_model_matrix(centred), dtype=float)

    def estimable(self, L: Floats) -> NDArray[np.bool_]:
        """(k,) whether the rows in use say anything of the combinations L (k, P)."""
        blind = self.recipe.blind if isinstance(self.recipe, FormulaColumns) else None
        if blind is None:
            return np.ones(len(L), dtype=bool)
        size = np.maximum(np.linalg.norm(L, axis=1), np.finfo(float).tiny)
        return np.asarray(np.linalg.norm(L @ blind, axis=1) <= NOT_ESTIMABLE * size)

    def estimates(self, L: Floats, shift: Floats | float = 0.0) -> dict[str, Floats]:
        """Estimate, standard error, df, t, p and limits of the combinations L (k, P), each (k,).

        `shift` says how often (k,) the known part of the outcome stands in them: once in a mean, not in a difference.

        A combination that is not estimable is NaN; one that is zero by the model (a difference of slopes without
        an interaction) has estimate and standard error 0 and no test.
        """
        kept = self.recipe.kept if isinstance(self.recipe, FormulaColumns) else None
        used = L if kept is None else L[:, list(kept)]
        there = self.estimable(L)
        value = np.where(there, used @ self.beta + self.shift * np.asarray(shift), np.nan)
        error = np.where(there, np.sqrt(np.maximum(np.einsum("kp,pq,kq->k", used, self.vcov, used), 0.0)), np.nan)
        tested = there & (np.abs(used).max(axis=1, initial=0.0) > 0)
        df = np.full(len(L), np.nan)
        if tested.any():
            df[tested] = self.dof(used[tested])
        with np.errstate(divide="ignore", invalid="ignore"):
            statistic = np.where(tested, value / error, np.nan)
        reach = quantile(self.conf_level, df) * error
        return {
            "estimate": value, "std_error": error, "df": df, "statistic": statistic,
            "p_value": two_sided(statistic, df), "conf_low": value - reach, "conf_high": value + reach,
        }  # fmt: skip


def linear_model(result: Any, conf_level: float | None = None) -> LinearModel:
    """Take from a fitted model what linear combinations need.

    Raises
    ------
    UsageError
        It is no model with a linear predictor that is known here.
    """
    if isinstance(result, MixedResult | GeneralizedResult):
        return _of_mixed(result, conf_level or float(result.spec["conf_level"]))
    if isinstance(result, ModerationResult | LinearFit):
        fit = result if isinstance(result, LinearFit) else result.linear
        return _of_plain(fit, conf_level or float(result.spec["conf_level"]))
    raise UsageError(
        f"marginal_means: found {type(result).__name__}; allowed: the answer of fit_mixed, fit_generalized, moderation "
        "or fit_linear, and of a series one of its models: series.models[-1].result."
    )


def _of_mixed(result: MixedResult | GeneralizedResult, conf_level: float) -> LinearModel:
    model, beta, tests = result.model, result.beta, result.tests
    scale: tuple[Note, ...] = ()
    if isinstance(result, OrdinalResult):
        model, beta, tests = result.latent
        scale = (Note("ordinal_latent_scale", numbers={"link": result.link}),)
    elif isinstance(result, GeneralizedResult):
        scale = (Note("generalized_link_scale", numbers={"link": result.link}),)
    return LinearModel(
        formula=model.formula.text, fixed=model.formula.fixed, outcome=model.formula.response, beta=beta,
        vcov=np.asarray(tests.vcov[0]), dof=lambda L: np.asarray(tests.dof(L)[0]), recipe=model.fixed_spec,
        frame=model.frame, conf_level=conf_level, method=tests.method,
        known=_known(result, model.offset), notes=(*result.notes, *scale),
    )  # fmt: skip


def _known(result: MixedResult | GeneralizedResult, offset: Floats | None) -> HeldOffset | None:
    """The offset (n,) at its mean; a logarithm where the link is one, unless the fit doubts that it is."""
    if offset is None:
        return None
    doubted = any(note.kind == "offset_is_no_log" for note in result.notes)
    is_log = isinstance(result, GeneralizedResult) and result.link == "log" and not doubted
    return HeldOffset(str(result.spec["offset"]), float(offset.mean()), is_log)


def _of_plain(fit: LinearFit, conf_level: float) -> LinearModel:
    return LinearModel(
        formula=str(fit.spec["formula"]), fixed=fit.fixed, outcome=fit.outcome, beta=fit.beta, vcov=fit.covariance,
        dof=partial(_residual, df=fit.df), recipe=fit.recipe, frame=fit.points, conf_level=conf_level,
        method="residual", centres=fit.centres, notes=fit.notes,
    )  # fmt: skip


def _residual(L: Floats, df: float) -> Floats:
    return np.full(len(L), df)
