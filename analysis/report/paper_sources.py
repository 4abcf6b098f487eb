"""Which tables of the report hold the numbers of a table of the paper: where they can be traced to their cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from doublecode.schemas.paper_tables import PaperTable
    from doublecode.schemas.study import Study

_RELIABILITY: Final = frozenset({"icc", "interval", "single"})
_MOMENTS: Final = frozenset({"n", "mean", "sd", "range"})
_CONSISTENCY: Final = frozenset({"omega", "alpha", "omega_range", "omega_sessions", "item_totals"})
_ALONE: Final = frozenset({"alone"})
_DYADS: Final = frozenset({"dyads_mean", "dyads_median", "dyads_range"})
_ONE: Final = {
    "correlations": "correlations", "regressions": "moderations", "sample": "sample", "homework": "homework",
    "descriptives": "variables", "coding": "coding",
}  # fmt: skip


def sources_of(study: Study, asked: PaperTable) -> tuple[str, ...]:
    """Names of the report's tables, in the order of the columns of the paper's table."""
    shown = {*asked.shown}
    if asked.kind == "items":
        pairs = ((_RELIABILITY, "reliability"), (_MOMENTS, "described_items"), ({"item_total"}, "omega_items"))
        return tuple(name for statistics, name in pairs if statistics & shown)
    if asked.kind == "series":
        kind = "split" if asked.split else "models"
        return tuple(f"{name}_{part}" for name in asked.series for part in (kind, "variances", "comparison"))
    if asked.kind == "by_session":
        scales = {f"{book.name}.{scale.name}" for book in study.codebooks.values() for scale in book.scales}
        names = ("described_scores" if score in scales else "described_items" for score in asked.scores)
        return tuple(dict.fromkeys(names))
    if asked.kind == "reliability":
        extra = ((_CONSISTENCY, "omega"), (_ALONE, "double_coded"), (_DYADS, "dyads"))
        summary = ["icc_summary"] if asked.summaries else []
        return ("reliability", *(name for statistics, name in extra if statistics & shown), *summary)
    return (_ONE[asked.kind],)


def traced_elsewhere(study: Study, name: str) -> str:
    """What to say to somebody who asks for the cells of a table of the paper; empty for any other name.

    Parameters
    ----------
    study : Study
    name : str
        As it was asked for: ``table_3``, ``paper/table_3`` or ``Table 3``.
    """
    wanted = name.casefold().removeprefix("paper/").replace(" ", "_").partition(".csv")[0]
    for one in study.papers.tables:
        if wanted == f"table_{one.number}".casefold():
            places = ", ".join(sources_of(study, one))
            return (
                f"Table {one.number} of the paper is laid out from tables of the report. Trace its numbers in {places}."
            )
    return ""
