"""Correlations as a paper prints them: the lower triangle, numbered columns, stars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from doublecode.analysis.rendering.printed_parts import EMPTY, Cell, Head, Row
from doublecode.analysis.rendering.printed_table import PrintedTable
from doublecode.analysis.report.paper_cells import HEADS, cells, number, records
from doublecode.analysis.report.paper_sources import sources_of
from doublecode.analysis.study.labels import short_labels

if TYPE_CHECKING:
    from doublecode.analysis.study.study_run import StudyRun
    from doublecode.schemas.paper_tables import PaperTable

_STARS: Final = ((0.001, "***"), (0.01, "**"), (0.05, "*"))


def correlations_table(run: StudyRun, asked: PaperTable) -> PrintedTable | None:
    """The triangle of the declared correlations, or None where they could not be computed."""
    result = run.correlations
    if result is None:
        return None
    names = list(asked.variables or result.spec["variables"])
    declared = None if run.study.correlations is None else run.study.correlations.stars
    stars = asked.stars or declared or "raw"
    frame = result.frame[result.frame["level"] == asked.level]
    pairs = {frozenset((row["x"], row["y"])): row for row in records(frame)}
    described = records(result.descriptives[result.descriptives["level"] == asked.level])
    moments = {str(row["variable"]): row for row in described}
    labels = short_labels(run.labels)
    rows = []
    for at, name in enumerate(names):
        row = [*cells(asked.shown, moments[name])]
        for other in names[:-1]:
            pair = pairs.get(frozenset((name, other)))
            if other == name or names.index(other) > at:
                row.append(Cell("—", "text") if other == name else EMPTY)
            elif pair is None:
                row.append(Cell(float("nan"), "bounded"))
            else:
                p = number(pair["p_value" if stars == "raw" else "p_holm"])
                row.append(Cell(number(pair["r"]), "bounded", stars="" if stars == "none" else _star(p)))
        rows.append(Row(f"{at + 1}. {labels.get(name, name)}", tuple(row)))
    numbered = tuple(Head(str(at)) for at in range(1, len(names)))
    counts = [int(pairs[pair]["n"]) for pair in pairs if pair <= set(names)]
    return PrintedTable(
        asked.number, asked.title, "Variable", (*(Head(HEADS[one]) for one in asked.shown), *numbered), tuple(rows),
        general=" ".join(filter(None, (_general(run, asked, names, counts), asked.note))),
        probability="" if stars == "none" else _meaning(stars), source=sources_of(run.study, asked),
    )  # fmt: skip


def _star(p: float) -> str:
    return next((stars for limit, stars in _STARS if p < limit), "")


def _meaning(stars: str) -> str:
    by = " (Holm's *p*)" if stars == "holm" else ""
    return f"* *p* < .05. ** *p* < .01. *** *p* < .001{by}."


def _general(run: StudyRun, asked: PaperTable, names: Sequence[str], counts: list[int]) -> str:
    result = run.correlations
    method = "Spearman" if result is not None and result.spec["method"] == "spearman" else "Pearson"
    level = "" if asked.level == "pooled" else f", {asked.level}"
    least, most = min(counts), max(counts)
    text = f"{method} correlations{level}; *n* = {least}{f'–{most}' if most > least else ''} per pair."
    ruled = run.study.outliers is not None and {*run.study.outliers.variables} & {*names}
    return f"{text} Values after the outlier rule." if ruled else text
