"""Drop-downs and checks of the cells of a *Rate* sheet, and the hidden lists to which they point."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from doublecode.coding.workbooks.formulas import FIRST, Grid, is_value
from doublecode.coding.workbooks.item_texts import LONGEST_PROMPT, prompt, prompt_title, refusal
from doublecode.coding.workbooks.layout import LISTS, NOTES, STATUS, allowed_codes, rated_items
from doublecode.coding.workbooks.paper import fitting, put_text
from doublecode.schemas.item import Item

if TYPE_CHECKING:
    from openpyxl.worksheet.datavalidation import DataValidation
    from openpyxl.worksheet.worksheet import Worksheet

_Choices = tuple[str, Item | None, tuple[int | str, ...], "DataValidation"]


def add_choices(rate: Worksheet, lists: Worksheet, grid: Grid) -> None:
    """Add drop-downs that refer to a range: a list written out over 255 characters corrupts the file."""
    from openpyxl.utils import get_column_letter

    for position, (name, item, choices, validation) in enumerate(_validations(grid), start=1):
        put_text(lists, 1, position, name)
        for row, code in enumerate(choices, start=2):
            put_text(lists, row, position, code)
        own, top = get_column_letter(position), f"{grid.letter(name)}{FIRST}"
        source = f"{LISTS}!${own}$2:${own}${max(len(choices), 1) + 1}"
        if validation.type == "list":
            validation.formula1 = f"={source}"
        elif validation.type == "custom" and item is not None:
            validation.formula1 = f"OR({is_value(item, top)},COUNTIF({source},{top})>0)"
        validation.add(f"{top}:{grid.letter(name)}{grid.last}")
        rate.add_data_validation(validation)


def _validations(grid: Grid) -> Iterator[_Choices]:
    from openpyxl.worksheet.datavalidation import DataValidation

    book, texts = grid.book, grid.texts
    for item in rated_items(book):
        kind: Literal["list", "custom"] | None = "list" if item.codes or item.categories else "custom"
        if item.multiple or item.type == "text":
            kind = None
        yield (
            item.name,
            item,
            allowed_codes(book, item),
            DataValidation(
                type=kind,
                allow_blank=True,
                showErrorMessage=kind is not None,
                showInputMessage=True,
                errorTitle=prompt_title(texts.not_a_code),
                error=refusal(book, item, texts),
                promptTitle=prompt_title(item.label),
                prompt=prompt(book, item, texts),
            ),
        )
    meanings = [f"{word} = {texts.meanings[code]}" for code, word in texts.reasons.items()]
    ends = texts.whole_text.format(anchors=texts.sheet_anchors)
    yield (
        STATUS,
        None,
        tuple(texts.reasons.values()),
        DataValidation(
            type="list",
            allow_blank=True,
            showErrorMessage=True,
            showInputMessage=True,
            errorTitle=prompt_title(texts.not_a_code),
            error=texts.allowed.format(allowed=", ".join(texts.reasons.values())),
            promptTitle=prompt_title(texts.head_status),
            prompt=fitting([texts.status_prompt, *meanings], LONGEST_PROMPT, ends),
        ),
    )
    yield (
        NOTES,
        None,
        (),
        DataValidation(showInputMessage=True, promptTitle=prompt_title(texts.head_notes), prompt=texts.notes_prompt),
    )
