"""Every rater's own score of the variables that a study takes from codes, as `correct_for_raters` reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from doublecode.analysis.linking.coded_columns import CodedPart
from doublecode.coding.scoring import score_raters
from doublecode.schemas.errors import UsageError
from doublecode.schemas.scale import Scale

if TYPE_CHECKING:
    from doublecode.schemas.study import Study
    from doublecode.schemas.study_parts import Variable

COLUMNS = ("patient", "session", "rater", "instrument", "value")


def coded_variables(study: Study) -> tuple[Variable, ...]:
    """Variables of a session that are a scale or an item which raters coded."""
    rated = {name for name in study.codebooks if study.use(name).source == "raters"}
    return tuple(
        one for one in study.variables
        if one.instrument in rated and one.count is None and one.session is None and one.change is None
    )  # fmt: skip


def rater_scores(
    study: Study, ratings: pd.DataFrame, variables: Sequence[Variable]
) -> tuple[pd.DataFrame, dict[str, list[CodedPart]]]:
    """Scores by rater, and of which of them each variable is the mean.

    A scale with lagged items joins two tapes: its halves stand apart, each with its share of the items.

    Returns
    -------
    ratings : DataFrame
        ``patient, session, rater, instrument, value``; the instrument is the variable, or one half of it.
    coded : dict
        Variable → its parts.

    Raises
    ------
    UsageError
        A variable counts with the primary rater's codes, which are no mean.
    """
    main = ratings[ratings["phase"] == "main"]
    parts: list[pd.DataFrame] = []
    coded: dict[str, list[CodedPart]] = {}
    for variable in variables:
        found = _scale_parts(study, main, variable) if variable.scale is not None else [_item_part(main, variable)]
        use = study.use(str(variable.instrument))
        if use.pooling != "mean" or use.consensus:
            raise UsageError(
                f"{variable.name} does not count with the mean of its raters ({use.name}: pooling, consensus), so the "
                "error of one rater is another one. Declare pooling = 'mean' to have it corrected."
            )
        lag = variable.lag or 0
        coded[variable.name] = [CodedPart(name, lag + before, weight) for name, before, weight, _ in found]
        parts += [rows.assign(instrument=name)[list(COLUMNS)] for name, _, _, rows in found]
    empty = pd.DataFrame(columns=list(COLUMNS))
    return (pd.concat(parts, ignore_index=True) if parts else empty), coded


_Part = tuple[str, int, float, pd.DataFrame]
"""Name, sessions before, share of the score, scores by rater."""


def _item_part(main: pd.DataFrame, variable: Variable) -> _Part:
    rows = main[(main["instrument"] == variable.instrument) & (main["item"] == variable.item)]
    return variable.name, 0, 1.0, rows


def _scale_parts(study: Study, main: pd.DataFrame, variable: Variable) -> list[_Part]:
    book = study.codebooks[str(variable.instrument)]
    scale = next(one for one in book.scales if one.name == variable.scale)
    if not scale.lagged:
        scores = score_raters(main, book)
        return [(variable.name, 0, 1.0, scores[scores["scale"] == scale.name])]
    halves = {"before": scale.lagged, "now": tuple(item for item in scale.items if item not in scale.lagged)}
    least = 1 if scale.score == "mean" else None
    scales = [
        Scale(name=name, label=name, items=items, score=scale.score, minimum_valid=least)
        for name, items in halves.items() if items
    ]  # fmt: skip
    scores = score_raters(main, book.model_copy(update={"scales": tuple(scales)}))
    whole = len(scale.items) if scale.score == "mean" else 1
    return [
        (f"{variable.name}, {one.name}", int(one.name == "before"), len(one.items) / whole if whole > 1 else 1.0,
         scores[scores["scale"] == one.name])
        for one in scales
    ]  # fmt: skip
