"""What a rater's workbook looks like: sheets, columns, stamp. Writer and reader agree here and nowhere else."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType

from doublecode.schemas.frames import OCCASION
from doublecode.schemas.instrument import Instrument
from doublecode.schemas.item import ROW_COLUMNS, Item

READ_ME, RATE, ANCHORS, LISTS, STAMP, PROBLEMS = "Read me", "Rate", "Anchors", "Lists", "Stamp", "Problems"
OWN_SHEETS = frozenset({READ_ME, RATE, ANCHORS, LISTS, STAMP, PROBLEMS})
HEADER_ROW = 4
SESSION, RECORDING, START, STOP, STATUS, NOTES = ROW_COLUMNS
OTHER = "other"
NOTE_MARK = "[doublecode]"

NOT_CODABLE: Mapping[str, str] = MappingProxyType(
    {
        "no_recording": "there is no recording",
        "poor_sound": "the sound is too poor",
        "incomplete": "too little of the session was recorded",
        "off_manual": "the session left the manual (a crisis, another topic)",
        OTHER: "another reason: write it in the notes",
    }
)


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


STAMP_KEYS = tuple(field.name for field in fields(Stamp) if field.name != OCCASION)


def rate_columns(book: Instrument) -> tuple[str, ...]:
    """Column names of the *Rate* sheet in the order in which they are written."""
    given = tuple(item.name for item in book.columns if item.given)
    rated = tuple(item.name for item in rated_items(book))
    return (SESSION, RECORDING, START, STOP, *given, *rated, STATUS, NOTES)


def rated_items(book: Instrument) -> tuple[Item, ...]:
    """The items that the rater fills in."""
    return tuple(item for item in book.columns if not item.given)


def allowed_codes(book: Instrument, item: Item) -> tuple[int | str, ...]:
    """Everything a drop-down of `item` offers: codes, then missing codes."""
    codes: tuple[int | str, ...] = item.codes or (tuple(item.categories) if not item.multiple else ())
    return (*codes, *book.missing_for(item))


def anchor_text(book: Instrument, item: Item) -> str:
    """The full note of an item: label, hint, every anchor, every missing code."""
    lines = [item.label, *filter(None, [item.hint]), f"Allowed: {book.allowed(item)}"]
    lines += [f"{code} = {text}" for code, text in item.meanings.items()]
    lines += [f"{code} = {book.missing_codes[code]}" for code in book.missing_for(item)]
    return "\n".join(lines)


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
