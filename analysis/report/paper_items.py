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
    plan = _plan(asked)
    columns = [head for one, session in plan for head in heads([one], f"Session {session}" if session else "")]
    letters, rows = Letters(), list[Row]()
    found, dropped = (_reliabilities(run), _described(run), _item_totals(run)), _dropped(run)
    for name in asked.instruments:
        book = run.study.codebooks[name]
        for scale, items in _sections(book):
            if scale or len(asked.instruments) > 1:
                title = short_title(book.title) if len(asked.instruments) > 1 else ""
                rows.append(Row(" – ".join(filter(None, (title, scale)))))
            for at, item in items:
                marks = _marks(run, book, item, dropped, letters)
                label = f"{at}. {label_of(run.study.codebooks, book.name, item)}"
                rows.append(Row(label, _cells((book.name, item), plan, found), marks=marks))
    rows += _foot(asked, found[0], [one for one, _ in plan], dropped)
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


def _plan(asked: PaperTable) -> list[tuple[str, str]]:
    """Each column: its statistic, and of which session it is where moments are shown session by session."""
    if not asked.sessions:
        return [(one, "") for one in asked.shown]
    moments = [one for one in asked.shown if one in _MOMENTS]
    others = [(one, "") for one in asked.shown if one not in _MOMENTS]
    return [*others, *((one, str(session)) for session in asked.sessions for one in moments)]


def _cells(
    key: tuple[str, str], plan: Sequence[tuple[str, str]], found: tuple[Records, Records, Records]
) -> tuple[Cell, ...]:
    """The cells of one item; empty in a session in which nobody coded it."""
    reliability, described, totals = found
    row = list[Cell]()
    for statistic, session in plan:
        if statistic in _MOMENTS:
            record = described.get((*key, session or _ALL))
            absent = record is None or not number(record["n"]) > 0
            row += [EMPTY] if absent else cells([statistic], record)
        else:
            held = totals if statistic == "item_total" else reliability
            row += cells([statistic], held[key], "bounded") if key in held else [MISSING]
    return tuple(row)


def _marks(
    run: StudyRun, book: Instrument, item: str, dropped: Mapping[str, Mapping[str, str]], letters: Letters
) -> tuple[str, ...]:
    """Letters of what is to be known of an item: that it is reversed, that a rule drops it."""
    texts = ["Reversed before scoring."] if item in reversed_items(run, book) else []
    texts += [dropped[book.name][item]] if item in dropped.get(book.name, {}) else []
    return tuple(map(letters.of, texts))


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
    asked: PaperTable, reliability: Records, columns: Sequence[str], dropped: Mapping[str, Mapping[str, str]]
) -> list[Row]:
    """Mean and range of the item ICCs, where they are shown; the mean of those that no rule drops."""
    if "icc" not in columns:
        return []
    values = {key: number(row["estimate"]) for key, row in reliability.items() if key[0] in asked.instruments}
    known = {key: value for key, value in values.items() if value == value}
    if len(known) < 2:
        return []
    place, width = list(columns).index("icc"), len(columns)
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
            & frame["estimate"].notna()
        ]  # fmt: skip
        forms = ", ".join(dict.fromkeys(map(str, own["form"])))
        counts = sorted({int(n) for n in own["n_multiply_coded"].dropna()})
        coded = " to ".join(dict.fromkeys(map(str, (counts[0], counts[-1])))) if counts else "no"
        said = f"reliability of the score that is analysed, on {coded} sessions coded twice or more."
        texts.append(f"{forms}: {said}" if counts else "")
        texts.append("ICCs are of all sessions." if asked.sessions else "")
    if {"mean", "sd"} & {*asked.shown}:
        texts.append("Moments of the ratings before the outlier rule." if run.study.outliers is not None else "")
    return " ".join(filter(None, texts))
