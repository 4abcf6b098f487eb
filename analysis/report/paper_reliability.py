"""Reliability as a paper prints it, and how much was coded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from doublecode.analysis.rendering.printed_parts import Cell, Head, Row
from doublecode.analysis.rendering.printed_table import PrintedTable
from doublecode.analysis.report.paper_cells import cells, heads, number, records
from doublecode.analysis.report.paper_sources import sources_of
from doublecode.analysis.study.labels import label_of

if TYPE_CHECKING:
    from doublecode.analysis.study.study_run import StudyRun
    from doublecode.schemas.instrument import Instrument
    from doublecode.schemas.paper_tables import PaperTable

Numbers = Mapping[tuple[str, str], dict[str, Any]]
_DYADS: Final = {"mean": "dyads_mean", "median": "dyads_median", "minimum": "dyads_min", "maximum": "dyads_max"}
_PAIRS: Final = frozenset({"dyads_mean", "dyads_median", "dyads_range"})


def reliability_printed(run: StudyRun, asked: PaperTable) -> PrintedTable | None:
    """Items and scales with their coefficients, in the order of the codebooks; what papers print beside them below."""
    if run.reliability is None:
        return None
    found = _numbers(run)
    rows: list[Row] = []
    names = [name for name in run.study.codebooks if not asked.instruments or name in asked.instruments]
    forms = {str(row["form"]) for (name, _), row in found.items() if name in names and "form" in row}
    for name in names:
        book = run.study.codebooks[name]
        items = {part for part, _ in book.parts}
        wanted = [part for part, _ in book.parts if asked.rows != "scales"]
        wanted += [scale.name for scale in book.scales if asked.rows != "items"]
        own = [(part, found[name, part]) for part in wanted if (name, part) in found]
        own = [(part, row) for part, row in own if any(cell.text for cell in cells(asked.shown, row))]
        more = list(_summaries(run, book, asked)) if asked.summaries else []
        if not (own or more):
            continue
        rows.append(Row(book.title))
        for part, row in own:
            label = label_of(run.study.codebooks, name, part)
            is_scale = part not in items and asked.rows != "scales"
            rows.append(Row(f"{label} (scale)" if is_scale else label, cells(asked.shown, row, "bounded"), 1))
        rows += more
    if not rows:
        return None
    return PrintedTable(
        asked.number, asked.title, "Item or scale" if asked.rows == "all" else asked.rows.capitalize()[:-1],
        heads(asked.shown), tuple(rows), general=" ".join(filter(None, (*_general(asked, forms), asked.note))),
        source=sources_of(run.study, asked),
    )  # fmt: skip


def _numbers(run: StudyRun) -> Numbers:
    """Instrument and item or scale → everything known of its reliability in the main phase."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    frames = [] if run.reliability is None else [run.reliability.frame]
    for frame in frames:
        for row in records(frame[frame["phase"] == "main"]) if len(frame) else []:
            found[row["instrument"], row["name"]] = row
    if run.consistency is not None:
        for row in reversed(records(run.consistency.frame)):
            at = found.setdefault((row["instrument"], row["scale"]), {})
            at |= {key: row[key] for key in ("omega", "alpha", "r_drop_min", "r_drop_max")}
            if number(row["session_min"]) == number(row["session_min"]):
                at |= {key: row[key] for key in ("session_min", "session_max", "n_sessions")}
    if run.reported is None:
        return found
    if run.reported.double_coded is not None:
        for row in records(run.reported.double_coded.frame):
            found.setdefault((row["instrument"], row["name"]), {})["alone"] = row["estimate"]
    for row in records(run.reported.dyads):
        key = (row["instrument"], row["name"]) if row["level"] == "score" else (row["instrument"], "")
        found.setdefault(key, {})[_DYADS[row["statistic"]]] = row["estimate"]
    return found


def _summaries(run: StudyRun, book: Instrument, asked: PaperTable) -> Iterator[Row]:
    """Mean and median over items, pairs of raters with items stacked, each rater against herself."""
    facts = run.reported
    if facts is not None and "icc" in asked.shown:
        for row in records(facts.icc_summary):
            if row["instrument"] == book.name and row["k"] == 2:
                for statistic in ("mean", "median"):
                    where = "Pilot" if row["phase"] == "pilot" else "Items kept" if row["over"] == "kept" else "Items"
                    label = f"{where}: {statistic} {row['form']} over {row['n_items']} items"
                    yield Row(label, cells(asked.shown, {"estimate": row[statistic]}), 1)
    stacked = _numbers(run).get((book.name, ""))
    if stacked and _PAIRS & {*asked.shown}:
        yield Row("All items stacked, over pairs of raters", cells(asked.shown, stacked), 1)
    if run.recodes is not None:
        for row in records(run.recodes.frame[run.recodes.frame["instrument"] == book.name]):
            label = f"{row['label']}: {row['rater']} against the first codes"
            yield Row(label, cells(asked.shown, {**row, "n_targets": row["n_sessions"]}, "bounded"), 1)


def _general(asked: PaperTable, forms: Iterable[str]) -> Iterator[str]:
    shown = {*asked.shown}
    if {"icc", "interval"} & shown:
        one_way = any(form.startswith("ICC(1,") for form in forms)
        apart = "absolute agreement; one-way where raters are not told apart" if one_way else "absolute agreement"
        yield f"ICC: of the score that is analysed, the mean of *k* ratings, {apart}."
    if "alone" in shown:
        yield "Coded twice: the ICC of these sessions alone."
    if _PAIRS & shown:
        yield "Pairs: ICC(A,2) of each pair of raters, a reproduction of what papers print; not the ICC of all ratings."
    if {"omega", "omega_range"} & shown:
        yield "ω: total, of one factor."


_CODING: Final[Mapping[str, tuple[str, ...]]] = {
    "sessions": ("Sessions", "n_sessions"), "double_coded": ("Coded twice", "n_double"),
    "percent": ("%", "percent_double"),
    "raters": ("Raters", "n_raters"), "loads": ("Per rater", "load_min", "load_max"), "pairs": ("Pairs", "n_pairs"),
    "per_pair": ("Per pair", "pair_min", "pair_max"),
}  # fmt: skip
"""Head of each statistic, and the column or the two ends that hold it."""


def coding_printed(run: StudyRun, asked: PaperTable) -> PrintedTable | None:
    """How many sessions were coded, how many twice, by how many raters and pairs."""
    coding = [] if run.reported is None else records(run.reported.coding)
    books = run.study.codebooks
    rows = [
        Row(books[row["instrument"]].title + (", pilot" if row["phase"] == "pilot" else ""), _coded(asked, row))
        for row in coding
        if not asked.instruments or row["instrument"] in asked.instruments
    ]
    if not rows:
        return None
    general = "Coded twice: by two raters or more. Per rater and per pair: fewest and most sessions."
    return PrintedTable(
        asked.number, asked.title, "Instrument", tuple(Head(_CODING[one][0]) for one in asked.shown), tuple(rows),
        general=" ".join(filter(None, (general, asked.note))), source=sources_of(run.study, asked),
    )  # fmt: skip


def _coded(asked: PaperTable, row: Mapping[str, Any]) -> tuple[Cell, ...]:
    row_cells = []
    for one in asked.shown:
        _, *ends = _CODING[one]
        values = [number(row[name]) for name in ends]
        if len(values) == 2 and values[0] == values[0]:
            row_cells.append(Cell(values[0], "integer", high=values[1], is_range=True))
        elif one == "percent":
            row_cells.append(Cell(values[0], digits=1))
        else:
            row_cells.append(Cell(values[0], "integer") if values[0] == values[0] else Cell())
    return tuple(row_cells)
