"""What was entered beforehand for the raters: read from ``given.csv``, and compared with what came back."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from doublecode.coding.reading.cells import number_in, show_cell
from doublecode.schemas.errors import ContractError
from doublecode.schemas.frames import GIVEN, check_frame

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.schemas.study import Study

Given = Mapping[tuple[str, str], str]
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")  # how a workbook writes letters that XML has not


def load_given(study: Study, sessions: Collection[str], given: pd.DataFrame | None = None) -> Given | None:
    """Say what was entered beforehand: (session_id, item) → text; None where the study has no ``given.csv``.

    Parameters
    ----------
    study : Study
    sessions : collection of str
        The ids that ``sessions.csv`` knows.
    given : DataFrame, optional
        Contract ``GIVEN``, instead of the study's ``given.csv``.

    Raises
    ------
    ContractError
        A column is missing, a session is not known, an item is given in no codebook of the study,
        or a text holds a character that no workbook can carry.
    DuplicateError
        A session has two entries for one item.
    """
    from doublecode.coding.reading.study_tables import has_table, read_study_table

    where = "given"
    if given is None:
        if not has_table(study, "given"):
            return None
        given, where = read_study_table(study, "given"), "given.csv"
    else:
        check_frame(given, GIVEN, where)
    known = {item.name for book in study.codebooks.values() for item in book.columns if item.given}
    present = given.dropna(subset=["text"])
    texts = {}
    for session, item, text in zip(present["session_id"], present["item"], present["text"], strict=True):
        place = f"{where}: {session}, {item}"
        if str(session) not in sessions:
            raise ContractError(f"{place}: the session is not in sessions.csv. Correct the id, or drop the row.")
        if item not in known:
            allowed = ", ".join(sorted(known)) or "none: no instrument of the study has a given item"
            raise ContractError(f"{place}: no item of that name is given; allowed: {allowed}. Correct the item.")
        odd = next((letter for letter in str(text) if ord(letter) < 32 and letter not in "\n\r\t"), None)
        if odd is not None:
            raise ContractError(f"{place}: the text holds the control character {odd!r}. Remove it.")
        texts[str(session), str(item)] = str(text).replace("\t", " ")  # a tab is lost on the way through an .ods
    return texts


def is_same(cell: Any, given: str) -> bool:
    r"""Whether a cell still says what was given, whatever a spreadsheet program did to its form.

    Blanks at the ends, runs of blanks and line breaks, no-break spaces, the encoding of accents,
    and a number kept as text or as number make no difference; every other change does.

    Examples
    --------
    >>> is_same("read the chapter \n", "read the chapter"), is_same(3.0, "3"), is_same("read it", "read")
    (True, True, False)
    """
    if cell == given:
        return True
    one, other = _plain(show_cell(cell)), _plain(given)
    if one == other:
        return True
    numbers = number_in(one), number_in(other)
    return None not in numbers and numbers[0] == numbers[1]


def _plain(text: str) -> str:
    decoded = _ESCAPED.sub(lambda code: chr(int(code[1], 16)), text)
    return " ".join(unicodedata.normalize("NFC", decoded).split())
