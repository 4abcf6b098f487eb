"""What a rater's workbook looks like: sheets, columns, stamp. Writer and reader agree here and nowhere else."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from types import MappingProxyType

from doublecode.schemas.frames import OCCASION
from doublecode.schemas.instrument import Instrument
from doublecode.schemas.item import ROW_COLUMNS, Item
from doublecode.schemas.workbook_texts import HIDDEN_SHEETS, WorkbookTexts, shipped_texts

READ_ME, RATE, ANCHORS, PROBLEMS = "Read me", "Rate", "Anchors", "Problems"
"""Sheets of an English workbook; in another language they have other names, see :class:`OwnWords`."""
LISTS, STAMP = HIDDEN_SHEETS
HEADER_ROW = 4
SESSION, RECORDING, START, STOP, STATUS, NOTES = ROW_COLUMNS
OTHER = "other"
NOTE_MARK = "[doublecode]"

NOT_CODABLE: Mapping[str, str] = MappingProxyType(shipped_texts("en").meanings)
_KEPT = ("sheet_read_me", "sheet_rate", "sheet_anchors", "sheet_problems", *NOT_CODABLE)


@dataclass(frozen=True)
class OwnWords:
    """What the sheets of one workbook, and the reasons why a session cannot be coded, are called in its language.

    Attributes
    ----------
    read_me, rate, anchors, problems : str
        Names of its sheets.
    reasons : mapping of str to str
        Reason, as tables have it → the word of the drop-down.
    """

    read_me: str = READ_ME
    rate: str = RATE
    anchors: str = ANCHORS
    problems: str = PROBLEMS
    reasons: Mapping[str, str] = field(default_factory=lambda: {code: code for code in NOT_CODABLE})

    @property
    def sheets(self) -> frozenset[str]:
        """The sheets that the workbook has of us."""
        return frozenset({self.read_me, self.rate, self.anchors, self.problems, LISTS, STAMP})

    def reason(self, word: str) -> str | None:
        """The reason that a word stands for, in any case of letters; None where it is none."""
        folded = word.strip().casefold()
        return next((code for code, own in self.reasons.items() if folded in (code, own.casefold())), None)


def language_rows(texts: WorkbookTexts) -> list[tuple[str, str]]:
    """What the hidden sheet says beside the stamp, so that a workbook in any language is read without its texts."""
    english = shipped_texts("en")
    rows = [(key, str(getattr(texts, key))) for key in _KEPT]
    return rows if any(text != getattr(english, key) for key, text in rows) else []


def stamp_pairs(grid: Iterable[Sequence[object]]) -> dict[str, str]:
    """Key and value of every row of the hidden sheet."""
    return {str(row[0]): "" if row[1] is None else str(row[1]).strip() for row in grid if len(row) > 1}


def own_words(pairs: Mapping[str, str]) -> OwnWords:
    """The words of a workbook by what stands on its hidden sheet; English where nothing else is said."""
    said = {key: pairs.get(key) or str(getattr(shipped_texts("en"), key)) for key in _KEPT}
    reasons = {code: said[code] for code in NOT_CODABLE}
    read_me, rate, anchors, problems = (said[key] for key in _KEPT[:4])
    return OwnWords(read_me, rate, anchors, problems, reasons)


@dataclass(frozen=True, slots=True)
class Stamp:
    """Who a workbook was made for, and with which codebook; kept on a hidden sheet."""

    study: str
    instrument: str
    version: str
    hash: str
    rater: str
    batch: str
    occasion: int = 1

    def rows(self) -> list[tuple[str, str]]:
        """Key and value, as they stand on the sheet; the occasion only where it is a later one."""
        pairs = {key: str(value) for key, value in asdict(self).items()}
        return [(key, text) for key, text in pairs.items() if key != OCCASION or self.occasion > 1]


STAMP_KEYS = tuple(one.name for one in fields(Stamp) if one.name != OCCASION)


def rate_columns(book: Instrument, *, segments: bool = True) -> tuple[str, ...]:
    """Column names of the *Rate* sheet in the order in which they are written.

    Without `segments`, recordings are heard whole: nothing says from where to where.

    Examples
    --------
    >>> from doublecode.schemas.instrument import load_instrument
    >>> rate_columns(load_instrument("homework_adherence"), segments=False)
    ('session_id', 'recording', 'adherence', 'status', 'notes')
    """
    given = tuple(item.name for item in book.columns if item.given)
    rated = tuple(item.name for item in rated_items(book))
    return (SESSION, RECORDING, *((START, STOP) if segments else ()), *given, *rated, STATUS, NOTES)


def rated_items(book: Instrument) -> tuple[Item, ...]:
    """The items that the rater fills in."""
    return tuple(item for item in book.columns if not item.given)


def allowed_codes(book: Instrument, item: Item) -> tuple[int | str, ...]:
    """Everything a drop-down of `item` offers: codes, then missing codes."""
    codes: tuple[int | str, ...] = item.codes or (tuple(item.categories) if not item.multiple else ())
    return (*codes, *book.missing_for(item))


def own_order(ids: Iterable[str], seed: int, rater: str, batch: str, occasion: int = 1) -> list[str]:
    """The order of a rater's sessions; the same for every instrument, since she hears a tape once on an occasion."""
    ordered = sorted(ids)
    again = "" if occasion == 1 else f"/{occasion}"
    random.Random(f"{seed}/{rater}/{batch}{again}").shuffle(ordered)
    return ordered


def workbook_name(instrument: str, rater: str, batch: str, occasion: int = 1) -> str:
    """File name of the workbook of one rater, instrument, batch and occasion.

    Examples
    --------
    >>> workbook_name("ghes", "R3", "batch02")
    'R3_ghes_batch02.xlsx'
    >>> workbook_name("ghes", "R3", "batch02", 2)
    'R3_ghes_batch02_occasion2.xlsx'
    """
    return f"{rater}_{instrument}_{batch}{'' if occasion == 1 else f'_occasion{occasion}'}.xlsx"
