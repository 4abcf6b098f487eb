"""Limits of all parameters of a fitted mixed model as an answer: what `doublecode fit --interval` prints and writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from doublecode.analysis.mixed.confidence import confint
from doublecode.analysis.mixed.generalized.result import GeneralizedResult
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, column, level_heading
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from doublecode.analysis.mixed.intervals import IntervalMethod
    from doublecode.analysis.mixed.redraws import Redraws
    from doublecode.analysis.mixed.result import MixedResult

TITLES = {
    "wald": "Wald limits of all parameters",
    "profile": "Profile-likelihood limits of all parameters",
    "bootstrap": "Limits of all parameters, percentiles of a parametric bootstrap",
}


@dataclass(frozen=True, eq=False, repr=False)
class ParameterLimits(Answer):
    """Limits of fixed effects, standard deviations, correlations and whatever else a mixed model has.

    Attributes
    ----------
    spec : dict
        ``formula``, ``method``, ``conf_level``, ``linked`` (whether fixed effects stand on the scale of a link); of a
        bootstrap ``n_boot`` and ``seed``.
    frame : DataFrame
        ``parameter, group, term, estimate, conf_low, conf_high, method``.
    design : dict
    notes : tuple of Note
    rows : Index
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("parameter", "group", "term")

    def tables(self) -> tuple[Table, ...]:
        """One row per parameter; the method where it differs between them."""
        methods = self.frame["method"].unique()
        columns = (
            column("parameter", "Parameter", kind="text"), column("group", "Group", kind="text"),
            column("term", "Term", kind="text"), column("estimate", "Estimate", kind="estimate"),
            column("conf_low", level_heading(self.spec["conf_level"])),
            *((column("method", "Method", kind="text"),) if len(methods) > 1 else ()),
        )  # fmt: skip
        notes = ("fixed: on the scale of the linear predictor.",) if self.spec["linked"] else ()
        return (Table("limits", TITLES[self.spec["method"]], self.frame, columns, notes),)

    def counted(self) -> str:
        """By which method, and of a bootstrap the seed."""
        return f"Limits: {self.frame['method'].iloc[0]}, seed {self.spec['seed']}" if "seed" in self.spec else ""


def parameter_limits(
    result: MixedResult | GeneralizedResult, method: IntervalMethod, conf_level: float, draws: Redraws
) -> ParameterLimits:
    """Limits of all parameters of a fitted model.

    Parameters
    ----------
    result : MixedResult or GeneralizedResult
    method : {"wald", "profile", "bootstrap"}
    conf_level : float
    draws : Redraws
        Of a bootstrap.
    """
    frame = confint(
        result, method, conf_level=conf_level, n_boot=draws.n_boot, seed=draws.seed, workers=draws.workers,
        progress=draws.progress,
    )  # fmt: skip
    drawn = {"n_boot": draws.n_boot, "seed": draws.seed} if method == "bootstrap" else {}
    linked = isinstance(result, GeneralizedResult)
    spec = {"formula": result.spec["formula"], "method": method, "conf_level": conf_level, "linked": linked, **drawn}
    return ParameterLimits(spec, frame, result.design, (), result.rows)
