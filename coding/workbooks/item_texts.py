"""What a workbook says of an item: in the note on its head, in the prompt of its cells, when a cell holds no code."""

from __future__ import annotations

from collections.abc import Mapping

from doublecode.coding.workbooks.paper import fitting, shortened
from doublecode.schemas.instrument import Instrument
from doublecode.schemas.item import Item
from doublecode.schemas.workbook_texts import WorkbookTexts, shipped_texts

LONGEST_PROMPT, LONGEST_TITLE, LONGEST_ERROR = 255, 32, 225
"""Letters that Excel takes in the prompt, the title and the error of a validated cell."""


def meanings(item: Item, texts: WorkbookTexts) -> Mapping[str, str]:
    """What codes mean; yes and no in the language of the workbook where the codebook leaves them to it."""
    own = item.anchors or item.categories
    return texts.yes_no if item.type == "yes_no" and not own else own


def anchor_text(book: Instrument, item: Item, texts: WorkbookTexts | None = None) -> str:
    """The full note of an item: label, hint, every anchor, every missing code."""
    return "\n".join([item.label, *_lines(book, item, texts or shipped_texts("en"))])


def _lines(book: Instrument, item: Item, texts: WorkbookTexts) -> list[str]:
    lines = [*filter(None, [item.hint]), texts.allowed.format(allowed=book.allowed(item, texts))]
    lines += [f"{code} = {text}" for code, text in meanings(item, texts).items()]
    return lines + [f"{code} = {book.missing_codes[code]}" for code in book.missing_for(item)]


def prompt(book: Instrument, item: Item, texts: WorkbookTexts) -> str:
    """What is shown beside a cell that is chosen: whole lines, as many as Excel takes, what is allowed first."""
    lines = _lines(book, item, texts)
    if item.hint:
        lines[:2] = lines[1::-1]
    if item.optional:
        lines.insert(1, texts.may_be_empty)
    return fitting(lines, LONGEST_PROMPT, texts.whole_text.format(anchors=texts.sheet_anchors))


def prompt_title(label: str) -> str:
    """The label of an item, as much of it as Excel takes."""
    return shortened(" ".join(label.split()), LONGEST_TITLE)


def refusal(book: Instrument, item: Item, texts: WorkbookTexts) -> str:
    """What is said where a cell takes no such value."""
    return shortened(texts.allowed.format(allowed=book.allowed(item, texts)), LONGEST_ERROR)
