"""Reliability of every instrument of a study by the design that it has, and the items of a scale side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from doublecode.schemas.errors import NotEstimable

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.interrater import ICCResult
    from doublecode.schemas.instrument import Instrument, Scale
    from doublecode.schemas.study import Study

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Reliability:
    """Inter-rater reliability of one instrument in one phase, items and scales.

    `reasons` say why one of them is None.
    """

    instrument: str
    phase: str
    items: ICCResult | None
    scales: ICCResult | None
    reasons: tuple[str, ...] = ()


def reliability_of(study: Study, ratings: pd.DataFrame) -> tuple[Reliability, ...]:
    """ICC of each rated item and scale, main phase and pilot apart.

    Parameters
    ----------
    study : Study
        Says for each instrument whether raters are to be told apart (two-way) or not (one-way).
    ratings : DataFrame
        Contract RATINGS.
    """
    from doublecode.coding.scoring import score_raters

    found = []
    for name, book in study.codebooks.items():
        if study.use(name).source != "raters":
            continue
        one_way = study.use(name).reliability == "one-way"
        rows = ratings[(ratings["instrument"] == name) & ratings["item"].isin(_numeric(book))]
        for phase in ("main", "pilot"):
            part = rows[rows["phase"] == phase]
            if part["value"].notna().any():
                scored = score_raters(ratings[(ratings["instrument"] == name) & (ratings["phase"] == phase)], [book])
                found.append(_reliability(name, phase, part, scored, one_way=one_way))
    return tuple(found)


def _numeric(book: Instrument) -> list[str]:
    return [item.name for item in book.columns if item.is_numeric]


def _reliability(name: str, phase: str, items: pd.DataFrame, scores: pd.DataFrame, *, one_way: bool) -> Reliability:
    from doublecode.analysis.interrater import icc

    def estimate(rows: pd.DataFrame, by: str) -> ICCResult:
        # the target is called "session" in sentences; its number of the treatment is not needed here
        present = rows.dropna(subset=["value"]).drop(columns="session").rename(columns={"session_id": "session"})
        raters = None if one_way else "rater"
        return icc(present, targets="session", raters=raters, ratings="value", by=by)

    of_items, why_items = _or_reason(lambda: estimate(items, "item"))
    if not scores["value"].notna().any():
        return Reliability(name, phase, of_items, None, tuple(filter(None, [why_items])))
    of_scales, why_scales = _or_reason(lambda: estimate(scores, "scale"))
    return Reliability(name, phase, of_items, of_scales, tuple(filter(None, [why_items, why_scales])))


def _or_reason(compute: Callable[[], Answer]) -> tuple[Answer | None, str]:
    """Compute, or say why the data do not identify it: a table of the report prints that too."""
    try:
        return compute(), ""
    except NotEstimable as reason:
        return None, str(reason)


def scale_items(items: pd.DataFrame, book: Instrument, scale: Scale) -> pd.DataFrame:
    """Put the items of a scale side by side as they are scored: reversed, lagged by session number.

    Parameters
    ----------
    items : DataFrame
        Contract ITEMS.

    Returns
    -------
    DataFrame
        ``patient``, ``session`` and one column per item of the scale; sessions in which none of
        them was rated are left out, and with a lag those without the session before.
    """
    rows = items[(items["instrument"] == book.name) & items["item"].isin(scale.items)]
    wide = rows.pivot(index=["patient", "session"], columns="item", values="value")  # noqa: PD010
    wide = wide.reindex(columns=list(scale.items))
    for item in (book.item(name) for name in scale.items):
        if item.reversed and item.minimum is not None and item.maximum is not None:
            wide[item.name] = item.minimum + item.maximum - wide[item.name]
    if scale.lagged:
        before = wide[list(scale.lagged)].reset_index().assign(session=lambda rows: rows["session"] + 1)
        lagged = before.set_index(["patient", "session"]).reindex(wide.index)
        wide[list(scale.lagged)] = lagged[list(scale.lagged)]
        wide = wide[wide[list(scale.lagged)].notna().any(axis=1)]
    wide = wide[wide.notna().any(axis=1)]
    wide.columns.name = None
    return wide.reset_index()
