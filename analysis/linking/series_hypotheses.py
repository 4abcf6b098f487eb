"""Linear hypotheses on the slopes of a series: within against between patients, and one predictor against another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

if TYPE_CHECKING:
    from doublecode.analysis.linking.generalized_models import GeneralizedModel
    from doublecode.analysis.linking.series_models import LabelledModel


class SlopeQuestion(StrEnum):
    """What the difference of two slopes asks."""

    CONTEXTUAL = "between less within"
    UNSPLIT = "as declared"
    WITHIN = "within patients"
    BETWEEN = "between patients"


_SIDES: Final = {"": SlopeQuestion.UNSPLIT, "_within": SlopeQuestion.WITHIN, "_between": SlopeQuestion.BETWEEN}
COLUMNS: Final = (
    "step", "label", "declared", "question", "first", "second", "estimate", "std_error", "df", "statistic", "p_value",
    "conf_low", "conf_high",
)  # fmt: skip


def slope_hypotheses(
    models: Sequence[LabelledModel] | Sequence[GeneralizedModel], split: Sequence[str], pairs: Sequence[tuple[str, str]]
) -> pd.DataFrame:
    r"""Test whether two slopes of a model differ, with the model's own degrees of freedom.

    The *contextual effect* of a split predictor is its slope between less its slope within patients,
    :math:`β_b − β_w` with variance :math:`V_{bb} + V_{ww} − 2V_{bw}` (Raudenbush & Bryk 2002, chapter 5): is it 0,
    the unsplit slope answers both questions. It equals the coefficient of the patient mean beside the raw predictor.

    Parameters
    ----------
    models : sequence of LabelledModel
    split : sequence of str
        Predictors that have two parts.
    pairs : sequence of pairs of str
        Predictors whose slopes are compared, in the unit of the outcome per unit of each: this makes sense for
        predictors of one scale only.

    Returns
    -------
    DataFrame
        One row per model and hypothesis: ``step``, ``label``, ``declared``, ``question`` (a
        :class:`SlopeQuestion`), ``first`` and ``second`` (terms; the estimate is
        the slope of the first less that of the second), and the estimate columns.
    """
    rows: list[dict[Any, Any]] = []
    for model in models:
        if model.result is None:
            continue
        for question, first, second in _asked(model, split, pairs):
            weights: dict[str, float] = {first: 1.0, second: -1.0}
            tested = model.result.contrast(weights).drop(columns="term").to_dict("records")[0]
            head: dict[Any, Any] = {"step": model.step, "label": model.label, "declared": model.declared}
            rows.append(head | {"question": question, "first": first, "second": second} | tested)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _asked(
    model: LabelledModel | GeneralizedModel, split: Sequence[str], pairs: Sequence[tuple[str, str]]
) -> Iterator[tuple[SlopeQuestion, str, str]]:
    """The hypotheses of one model: those whose two slopes it has."""
    terms = () if model.result is None else model.result.model.x_names
    wanted = [(SlopeQuestion.CONTEXTUAL, f"{name}_between", f"{name}_within") for name in split]
    wanted += [
        (question, f"{one}{side}", f"{other}{side}") for one, other in pairs for side, question in _SIDES.items()
    ]
    multiplied = {name for term in terms if ":" in term for name in term.split(":")}
    for question, first, second in wanted:
        at_zero = question is SlopeQuestion.UNSPLIT and multiplied & {first, second}  # slopes at 0 of another predictor
        if first in terms and second in terms and not at_zero:
            yield question, first, second
