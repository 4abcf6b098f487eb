"""One model of a series, under the label by which tables and warnings name it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, TypeVar

from doublecode.analysis.rendering.wording.linking import remark
from doublecode.analysis.results.states import Estimator, FitState
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from doublecode.analysis.mixed.formula import ModelFormula
    from doublecode.analysis.mixed.generalized.result import GeneralizedResult
    from doublecode.analysis.mixed.result import MixedResult

Fit = TypeVar("Fit", "MixedResult", "GeneralizedResult")


class Version(StrEnum):
    """How a model takes the time-varying predictors of its step."""

    DECLARED = "as declared"
    CONFLATED = "as declared (conflated)"
    SPLIT = "within/between"


@dataclass(frozen=True, eq=False)
class SeriesModel(Generic[Fit]):
    """One model of a series, of whichever family.

    Attributes
    ----------
    step : int
        Place in the series, from 1.
    label : str
        "2 as declared", "3 as declared (conflated)", "3 within/between"; the step's own name for its number.
    version : Version
        Whether it is the declared formula itself, or the one with its predictors split.
    formula : ModelFormula
        As it was fitted.
    result : MixedResult, GeneralizedResult or None
        None if not estimable.
    refusal : str
        What the engine said where there is no result; else empty.
    conflated : tuple of str
        Fixed predictors that vary within patients and are not split, so that their slopes are conflated.
    """

    step: int
    label: str
    version: Version
    formula: ModelFormula
    result: Fit | None = None
    refusal: str = ""
    conflated: tuple[str, ...] = ()

    @property
    def declared(self) -> bool:
        """Whether it is the declared formula itself."""
        return self.version is not Version.SPLIT

    @property
    def fits(self) -> tuple[tuple[Estimator, Fit | None], ...]:
        """Every fit of the model that is read, by how it was estimated."""
        return ((Estimator.ML, self.result),)

    @property
    def failed(self) -> tuple[Estimator, ...]:
        """The fits that did not converge."""
        return tuple(name for name, fit in self.fits if fit is not None and not fit.converged)

    @property
    def converged(self) -> bool:
        """Whether every fit is there and converged."""
        return all(fit is not None and fit.converged for _, fit in self.fits)

    @property
    def singular(self) -> bool:
        """Whether the fit has a direction of no variance."""
        return self.result is not None and self.result.singular

    @property
    def state(self) -> FitState:
        """How it ended: worst first."""
        if self.result is None:
            return FitState.NOT_ESTIMABLE
        if self.failed:
            return FitState.NOT_CONVERGED
        return FitState.SINGULAR if self.singular else FitState.CONVERGED

    @property
    def note(self) -> Note | None:
        """Why there is no result, or which fits did not converge."""
        if self.result is None:
            return Note("series_not_estimable", self.label, {"reason": self.refusal})
        return Note("series_not_converged", self.label, {"failed": self.failed}) if self.failed else None

    @property
    def remark(self) -> str:
        """The same in words, for the table of models; empty where all is well."""
        return "" if self.note is None else remark(self.note)


@dataclass(frozen=True, eq=False)
class LabelledModel(SeriesModel["MixedResult"]):
    """One model of a series, fitted by REML.

    Attributes
    ----------
    ml : MixedResult or None
        The maximum-likelihood refit for comparisons; None if not estimable.
    simpler : MixedResult or None
        Where the fit is singular: the one with the next simpler random part that is not.
    plain : MixedResult or None
        Where the residuals have a structure: the REML fit without one.
    """

    ml: MixedResult | None = None
    simpler: MixedResult | None = None
    plain: MixedResult | None = None

    @property
    def fits(self) -> tuple[tuple[Estimator, MixedResult | None], ...]:
        """The REML fit, and the refit."""
        return ((Estimator.REML, self.result), (Estimator.ML, self.ml))
