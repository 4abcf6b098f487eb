"""One model of a series of generalised models, and how it is fitted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from doublecode.analysis.linking.series_models import SeriesModel
from doublecode.schemas.errors import ContractError, NotEstimable
from doublecode.schemas.series_families import offset_column

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from doublecode.analysis.linking.series_versions import PlannedModel
    from doublecode.analysis.mixed.formula import ModelFormula
    from doublecode.analysis.mixed.generalized.result import GeneralizedResult

NODES: Final = 15
"""Quadrature nodes where every step has one scalar random term."""


@dataclass(frozen=True, eq=False)
class GeneralizedModel(SeriesModel["GeneralizedResult"]):
    """One model of a series, fitted by maximum likelihood."""

    @property
    def ml(self) -> GeneralizedResult | None:
        """The fit that comparisons stand on: the same."""
        return self.result

    @property
    def simpler(self) -> None:
        """No model with a simpler random part stands beside a singular one."""
        return

    @property
    def without_variance(self) -> bool:
        """Whether no random term has any variance, so that the model is that of its fixed part."""
        if self.result is None:
            return False
        gone = {one.label for one in self.result.singularities if one.note.kind == "singular_term"}
        return gone >= {term.label for term in self.result.model.terms}


@dataclass(frozen=True)
class FamilyAsked:
    """What all models of a series are asked for, as ``fit_generalized`` takes it.

    Attributes
    ----------
    family, link, trials, offset, prior_sd, thresholds
        As in ``fit_generalized``; `offset` may be ``"log(column)"``.
    nagq : int or None
        None: 15 where every step has one scalar random term, else 1.
    """

    family: str
    link: str | None = None
    nagq: int | None = None
    trials: str | None = None
    offset: str | None = None
    prior_sd: float | None = None
    thresholds: str = "flexible"

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that must be complete besides those of the formulas."""
        offset = None if self.offset is None else offset_column(self.offset)[0]
        return tuple(filter(None, (self.trials, offset)))

    def nodes(self, steps: Sequence[ModelFormula]) -> int:
        """Quadrature nodes of all models: likelihoods of unequal approximations do not compare."""
        if self.nagq is not None:
            return self.nagq
        scalar = all(len(step.terms) == 1 and step.terms[0].expression.strip() == "1" for step in steps)
        return NODES if scalar else 1

    def with_offset(self, data: pd.DataFrame) -> pd.DataFrame:
        """The data with the column of the offset, where it is a logarithm.

        Raises
        ------
        ContractError
            An exposure is not above 0.
        """
        if self.offset is None:
            return data
        name, is_log = offset_column(self.offset)
        if not is_log:
            return data
        low = data.index[~(data[name] > 0)]
        if len(low):
            raise ContractError(
                f"offset {self.offset!r}: {name} is {data.loc[low[0], name]:g} in row {low[0]} ({len(low)} rows in "
                "all), and only numbers above 0 have a logarithm; correct these rows, or set them missing"
            )
        return data.assign(**{self.offset: np.log(data[name].astype(float))})


def fit_planned(one: PlannedModel, data: pd.DataFrame, asked: FamilyAsked, nodes: int) -> GeneralizedModel:
    """Fit one model; one that these data do not identify keeps the reason."""
    from doublecode.analysis.mixed.generalized.fit import fit_generalized

    named = GeneralizedModel(one.step, one.label, one.version, one.formula, conflated=one.conflated)
    kind: Any = asked.thresholds
    try:
        result = fit_generalized(
            one.formula, data, family=asked.family, link=asked.link, nagq=nodes, trials=asked.trials,
            offset=asked.offset, prior_sd=asked.prior_sd, thresholds=kind,
        )  # fmt: skip
    except NotEstimable as refused:
        return replace(named, refusal=str(refused))
    return replace(named, result=result)
