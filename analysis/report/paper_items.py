"""Items of instruments as a paper prints them: short description, ICC, moments in each session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final

from doublecode.analysis.rendering.printed_parts import EMPTY, Cell, Row
from doublecode.analysis.rendering.printed_table import PrintedTable
from doublecode.analysis.report.paper_cells import MISSING, Letters, cells, heads, number, records
from doublecode.analysis.report.paper_sources import sources_of
from doublecode.analysis.study.labels import label_of, short_title

if TYPE_CHECKING:
    from doublecode.analysis.study.study_run import StudyRun
    from doublecode.schemas.instrument import Instrument
    from doublecode.schemas.paper_tables import PaperTable

_RELIABILITY: Final = ("icc", "interval", "single")
_MOMENTS: Final = ("n", "mean", "sd", "range")
_ALL: Final = "all"
Records = Mapping[Any, Mapping[str, Any]]


def items_table(run: StudyRun, asked: PaperTable) -> PrintedTable:
    """Items in the order of the codebook, one group of columns per session; mean and range of the ICCs at the foot."""
    before = [one for one in asked.shown if one not in _MOMENTS]
    moments = [one for one in asked.shown if one in _MOMENTS]
    sessions = [str(one) for one in asked.sessions] or [_ALL]
    named = [(name, f"Session {name}") for name in sessions] if asked.sessions else [(_ALL, "")]
    columns = [*heads(before), *(head for _, text in named for head in heads(moments, text))]
    letters, rows = Letters(), list[Row]()
    found = _reliabilities(run), _described(run), _item_totals(run)
    for name in asked.instruments:
        book = run.study.codebooks[name]
        for scale, items in _sections(book):
            if scale or len(asked.instruments) > 1:
                title = short_title(book.title) if len(asked.instruments) > 1 else ""
                rows.append(Row(" – ".join(filter(None, (title, scale)))))
            for at, item in items:
                rows.append(_item(run, book, (at, item), (before, moments, sessions), found, letters))
    rows += _foot(asked, found[0], before, len(columns), _dropped(run))
    return PrintedTable(
        asked.number, asked.title, "Item", tuple(columns), tuple(rows),
        general=" ".join(filter(None, (_general(run, asked), asked.note))), specific=letters.notes,
        source=sources_of(run.study, asked),
    )  # fmt: skip


def _sections(book: Instrument) -> list[tuple[str, list[tuple[int, str]]]]:
    """Items with their numbers, below the subscale that they belong to where the codebook has several."""
    numbered = list(enumerate((item.name for item in book.columns if item.is_numeric), 1))
    parts = [scale for scale in book.scales if len(scale.items) < len(numbered)]
    sections, placed = [], set[str]()
    for scale in parts:
        own = [(at, name) for at, name in numbered if name in scale.items and name not in placed]
        if len(parts) > 1 and own:
            sections.append((scale.label, own))
            placed |= {name for _, name in own}
    rest = [(at, name) for at, name in numbered if name not in placed]
    return [*sections, *([("", rest)] if rest else [])]


def _item(
    run: StudyRun,
    book: Instrument,
    item: tuple[int, str],
    shown: tuple[Sequence[str], Sequence[str], Sequence[str]],
    found: tuple[Records, Records, Records],
    letters: Letters,
) -> Row:
    before, moments, sessions = shown
    reliability, described, totals = found
    at, name = item
    key = (book.name, name)
    row = list[Cell]()
    for statistic in before:
        held = totals if statistic == "item_total" else reliability
        row += cells([statistic], held[key], "bounded") if key in held else [MISSING]
    for session in sessions:
        record = described.get((*key, session))
        absent = record is None or not number(record["n"]) > 0
        row += [EMPTY] * len(moments) if absent else cells(moments, record)
    marks = []
    if name in reversed_items(run, book):
        marks.append(letters.of("Reversed before scoring."))
    if name in _dropped(run).get(book.name, {}):
        marks.append(letters.of(_dropped(run)[book.name][name]))
    return Row(f"{at}. {label_of(run.study.codebooks, book.name, name)}", tuple(row), marks=tuple(marks))


def reversed_items(run: StudyRun, book: Instrument) -> frozenset[str]:
    """Items that count the other way round in this study."""
    in_scales = {name for scale in book.scales for name in scale.items}
    return frozenset(item.name for item in book.items if item.reversed and item.name in in_scales)


def _dropped(run: StudyRun) -> dict[str, dict[str, str]]:
    """Instrument → item that the declared rule drops → why."""
    drops = () if run.reported is None else run.reported.drops
    return {
        instrument: {
            row["item"]: f"Dropped: {result.spec['declared'] or row['reason']}.".replace("..", ".")
            for row in records(result.frame)
            if row["decision"] == "dropped"
        }
        for instrument, result in drops
    }


def _reliabilities(run: StudyRun) -> Records:
    frame = None if run.reliability is None else run.reliability.frame
    if frame is None or frame.empty:
        return {}
    main = frame[(frame["phase"] == "main") & (frame["level"] == "item")]
    return {(row["instrument"], row["name"]): row for row in records(main)}


def _described(run: StudyRun) -> Records:
    frame = run.described_items.frame
    return {(row["instrument"], row["item"], str(row["session"])): row for row in records(frame)}


def _item_totals(run: StudyRun) -> Records:
    """Corrected item–total correlations in the first scale of each item, all sessions together."""
    if run.consistency is None or run.consistency.items.empty:
        return {}
    frame = run.consistency.items
    rows = records(frame[frame["level"] == frame["level"].iloc[0]])
    return {(row["instrument"], row["item"]): row for row in reversed(rows)}


def _foot(
    asked: PaperTable, reliability: Records, before: Sequence[str], width: int, dropped: Mapping[str, Mapping[str, str]]
) -> list[Row]:
    """Mean and range of the item ICCs, where they are shown; the mean of those that no rule drops."""
    if "icc" not in before:
        return []
    values = {key: number(row["estimate"]) for key, row in reliability.items() if key[0] in asked.instruments}
    known = {key: value for key, value in values.items() if value == value}
    if len(known) < 2:
        return []
    place = list(before).index("icc")
    kept = [value for (name, item), value in known.items() if item not in dropped.get(name, {})]
    rows = [("Mean ICC", Cell(fmean(known.values()), "bounded"))]
    if 0 < len(kept) < len(known):
        rows.append(("Mean ICC of the items kept", Cell(fmean(kept), "bounded")))
    ends = Cell(min(known.values()), "bounded", high=max(known.values()), is_range=True)
    rows.append(("Range of ICCs", ends))
    return [
        Row(label, tuple(cell if at == place else EMPTY for at in range(width)), rule=at_top == 0)
        for at_top, (label, cell) in enumerate(rows)
    ]


def _general(run: StudyRun, asked: PaperTable) -> str:
    texts = []
    if {"icc", "interval"} & {*asked.shown} and run.reliability is not None:
        frame = run.reliability.frame
        own = frame[
            frame["instrument"].isin(asked.instruments) & (frame["phase"] == "main") & (frame["level"] == "item")
        ]
        forms = ", ".join(dict.fromkeys(map(str, own["form"])))
        least, most = (int(own["n_multiply_coded"].min()), int(own["n_multiply_coded"].max())) if len(own) else (0, 0)
        coded = f"{least}" if least == most else f"{least} to {most}"
        texts.append(f"{forms}: reliability of the score that is analysed, on {coded} sessions coded twice or more.")
    if {"mean", "sd"} & {*asked.shown}:
        texts.append("Moments of the ratings before the outlier rule." if run.study.outliers is not None else "")
    return " ".join(filter(None, texts))
