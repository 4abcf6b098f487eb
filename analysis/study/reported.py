"""What papers print of the coding beside its results: loads, means of ICCs, pairs of raters, variables as analysed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from doublecode.schemas.errors import NotEstimable

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.study.flow import StudyFlow
    from doublecode.analysis.study.reliability_table import DropResult, ReliabilityTable
    from doublecode.schemas.instrument import Instrument
    from doublecode.schemas.study import Study

STACKED: Final = "items stacked"
SCORE: Final = "score"
SUMMARY: Final = (
    "instrument", "phase", "over", "k", "form", "n_items", "mean", "median", "min", "max", "lowest", "highest",
)  # fmt: skip
DYADS: Final = ("instrument", "level", "name", "n_items", "form", "statistic", "estimate", "n_dyads", "n_min", "n_max")


@dataclass(frozen=True, eq=False)
class ReportedFacts:
    """What papers print of the coding and of the variables.

    Attributes
    ----------
    loads, pairs, coding : DataFrame
        As :func:`doublecode.analysis.study.achieved_coding.achieved_coding` counts them.
    icc_summary : DataFrame
        Over the items of each ``instrument`` and ``phase``, all of them or those that are ``over`` = "kept" by a drop
        rule: ``mean, median, min, max`` of the ICC of one rater (``k`` 1) and of the mean of two (2), and which items
        are ``lowest`` and ``highest``.
    drops : tuple of (str, DropResult)
        Per drop rule its instrument, and what it keeps and drops.
    double_coded : ReliabilityTable or None
        Reliability of the sessions of the main phase that two or more raters coded, alone.
    dyads : DataFrame
        A labelled reproduction: mean, median and range of ICC(A,2) over the pairs of raters, with the items of an
        instrument stacked as targets (``level`` "items stacked") and of each scale (``level`` "score").
    variables : DataFrame
        Moments of the variables that are analysed, after the outlier rule; ``n_changed`` by it.
    distances : DataFrame
        Per moderated regression the largest Mahalanobis distance of its rows.
    flow : StudyFlow or None
    """

    loads: pd.DataFrame
    pairs: pd.DataFrame
    coding: pd.DataFrame
    icc_summary: pd.DataFrame
    drops: tuple[tuple[str, DropResult], ...]
    double_coded: ReliabilityTable | None
    dyads: pd.DataFrame
    variables: pd.DataFrame
    distances: pd.DataFrame
    flow: StudyFlow | None


def declared_drops(study: Study, reliability: ReliabilityTable) -> tuple[tuple[str, DropResult], ...]:
    """Apply each drop rule to the items of its instrument in the main phase."""
    return tuple(_drops(study, reliability))


def _drops(study: Study, reliability: ReliabilityTable) -> Iterator[tuple[str, DropResult]]:
    from doublecode.analysis.reliability.reported_form import used_form
    from doublecode.analysis.study.reliability_table import drop_unreliable

    for rule in study.drop_rules:
        for instrument, level, phase, result in reliability.results:
            if (instrument, level, phase) == (rule.instrument, "item", "main"):
                single = f"{used_form(result.frame)['form'][:5]},1)"
                judged = drop_unreliable(
                    result, below=rule.below, form=single, on=rule.on, left_out=rule.dropped, declared=rule.declared
                )
                yield rule.instrument, judged


def icc_summary(reliability: ReliabilityTable | None, drops: dict[str, DropResult]) -> pd.DataFrame:
    """Mean, median and range of the ICC over the items of each instrument, for one rater and the mean of two.

    Papers print them, also of a pilot: ICC(A,2) = 2 ICC(A,1) / (1 + ICC(A,1)). An item without an estimate counts
    nowhere; a negative one counts as it is.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    frame = None if reliability is None else reliability.frame
    items = pd.DataFrame() if frame is None else frame[(frame["level"] == "item") & frame["single"].notna()]
    for (instrument, phase), part in items.groupby(["instrument", "phase"], sort=False) if len(items) else ():
        rows += _summaries(str(instrument), str(phase), "all", part)
        if instrument in drops and phase == "main":
            kept = part[part["name"].isin(drops[str(instrument)].kept)]
            rows += _summaries(str(instrument), str(phase), "kept", kept)
    return pd.DataFrame(rows, columns=list(SUMMARY))


def _summaries(instrument: str, phase: str, over: str, part: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for k in (1, 2) if len(part) else ():
        values = part.set_index("name")["single"]
        values = k * values / (1 + (k - 1) * values)
        numbers = {name: float(values.agg(name)) for name in ("mean", "median", "min", "max")}
        yield {
            "instrument": instrument, "phase": phase, "over": over, "k": k,
            "form": f"{part['form'].iloc[0][:5]},{k})", "n_items": len(values), **numbers,
            "lowest": str(values.idxmin()), "highest": str(values.idxmax()),
        }  # fmt: skip


def double_coded_alone(study: Study, ratings: pd.DataFrame) -> ReliabilityTable | None:
    """Reliability of the sessions of the main phase that two or more raters coded, the others left out."""
    from doublecode.analysis.study.study_scales import reliability_of

    main = ratings[ratings["phase"] == "main"]
    n_raters = main.groupby(["instrument", "session_id"], observed=True)["rater"].transform("nunique")
    shared = main[n_raters > 1]
    if shared.empty:
        return None
    try:
        return reliability_of(study, shared)
    except NotEstimable:
        return None


def dyad_summary(study: Study, ratings: pd.DataFrame) -> pd.DataFrame:
    """Mean, median and range of ICC(A,2) over pairs of raters: the labelled reproduction of what papers print.

    Instruments whose raters are not told apart have no pairs.
    """
    import pandas as pd

    from doublecode.analysis.study.study_scales import rated_by_several

    items, scores = rated_by_several(study, ratings[ratings["phase"] == "main"])
    rows: list[dict[str, Any]] = []
    for name, book in study.codebooks.items():
        if study.use(name).reliability != "two-way":
            continue
        mine = items[items["instrument"] == name]
        alike = stacked_items(book, set(mine["item"]))
        if len(alike) > 1:
            rows += _dyads(mine[mine["item"].isin(alike)], (name, STACKED, name, len(alike)), "item")
        elif len(alike) == mine["item"].nunique() == 1:
            rows += _dyads(mine, (name, SCORE, alike[0], 1), None)
        own = scores[scores["instrument"] == name] if len(scores) else scores
        for scale in own["scale"].unique() if len(own) else ():
            of = (name, SCORE, str(scale), len(book.scale(str(scale)).items))
            rows += _dyads(own[own["scale"] == scale], of, None)
    return pd.DataFrame(rows, columns=list(DYADS))


def stacked_items(book: Instrument, rated: set[str]) -> list[str]:
    """Those of the rated items that are stacked: the most of one type and range, since seconds are no points."""
    ranges: dict[tuple[Any, ...], list[str]] = {}
    for item in book.columns:
        if item.name in rated:
            ranges.setdefault((item.type, item.minimum, item.maximum), []).append(item.name)
    return max(ranges.values(), key=len, default=[])


def _dyads(rows: pd.DataFrame, of: tuple[str, str, str, int], stack: str | None) -> Iterator[dict[str, Any]]:
    from doublecode.analysis.reliability.dyads import dyad_estimates

    held = rows[rows["value"].notna()]
    if held.empty:
        return
    try:
        found = dyad_estimates(held, targets="session_id", raters="rater", ratings="value", stack=stack)
    except NotEstimable:
        return
    sizes = found.dyads["n_targets"]
    for row in found.frame.to_dict("records"):
        yield {
            **dict(zip(DYADS, of, strict=False)), "form": found.form,
            "statistic": row["statistic"], "estimate": row["estimate"], "n_dyads": row["n_dyads"],
            "n_min": int(sizes.min()), "n_max": int(sizes.max()),
        }  # fmt: skip
