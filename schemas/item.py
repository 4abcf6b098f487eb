"""One thing that a rater codes: its kind, range, codes, and when it applies."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from doublecode.schemas.declared import Declared
from doublecode.schemas.names import Label, Name

ItemType = Literal["ordinal", "duration", "count", "nominal", "text"]
Condition = Literal["first_session", "no_homework_done"]
ROW_COLUMNS: Final = ("session_id", "recording", "start", "stop", "status", "notes")
"""Columns of a workbook that belong to the session, not to an item."""
TAKEN_NAMES: Final = (*ROW_COLUMNS, "study", "patient", "therapist", "session", "rater", "phase")
"""Names that no item may have: workbooks, outcomes and tables have columns of these names."""
NOT_APPLICABLE: Final = "NA"


class Item(Declared):
    """One thing a rater codes.

    Attributes
    ----------
    name : str
        Column name in frames: lower case, digits, underscores.
    label : str
        Our own short label; the full wording belongs to the authors of the scale.
    type : {"ordinal", "duration", "count", "nominal", "text"}
        Durations are in seconds.
    minimum : int or None
        The lowest code; ordinal items need it.
    maximum : int or None
        The highest code; ordinal items need it, durations and counts may have it.
    anchors : dict of str to str
        Code → meaning.
    anchor_source : str
        Who wrote the anchors: their words are printed on the sheet of anchors with this name.
    categories : dict of str to str
        Code → label of a nominal item.
    multiple : bool
        A cell may hold several categories, separated by commas.
    missing : tuple of str or None
        Missing codes allowed here; None means all of the instrument's.
    not_applicable_when : tuple of {"first_session", "no_homework_done"}
        When the code NA is permitted. The first is checked against the session's number,
        the second is the rater's judgement.
    given : bool
        Filled in beforehand by an assistant; raters read it and do not change it.
    optional : bool
        May stay empty without a reason code.
    repeat : int
        How many numbered slots the item has in one session (homework assignments).
    reversed : bool
        Counted from the other end when scales are scored.
    flag_from : int or None
        From this code on, the answer is listed for attention.
    """

    name: Name
    label: Label
    type: ItemType = "ordinal"
    minimum: int | None = None
    maximum: int | None = None
    anchors: dict[str, str] = Field(default_factory=dict)
    anchor_source: str = "doublecode"
    categories: dict[str, str] = Field(default_factory=dict)
    multiple: bool = False
    missing: tuple[str, ...] | None = None
    not_applicable_when: tuple[Condition, ...] = ()
    given: bool = False
    optional: bool = False
    repeat: int = Field(default=1, ge=1, le=20)
    reversed: bool = False
    flag_from: int | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        wrong = self._wrong_range() or self._wrong_codes() or self._without_effect()
        if wrong:
            raise ValueError(f"item {self.name!r}{wrong}")
        return self

    def _wrong_range(self) -> str:
        if self.type == "ordinal" and (self.minimum is None or self.maximum is None):
            return " is ordinal and needs minimum and maximum"
        if self.minimum is not None and self.maximum is not None and self.minimum >= self.maximum:
            return ": minimum must be below maximum"
        if not self.is_numeric and (self.minimum is not None or self.maximum is not None):
            return f" is {self.type}; minimum and maximum belong to ordinal items, durations and counts"
        if self.type in ("duration", "count") and min(self.minimum or 0, self.maximum or 0) < 0:
            return f": a {self.type} cannot be below 0"
        if self.flag_from is not None and (self.flag_from not in self.codes if self.codes else not self.is_numeric):
            return f": flag_from is {self.flag_from}, which is no code of the item{self._codes_said}"
        return ""

    def _wrong_codes(self) -> str:
        if (self.type == "nominal") != bool(self.categories):
            return ": categories belong to nominal items, and those need them"
        wrong = [code for code in self.anchors if code not in map(str, self.codes)]
        if wrong:
            return f": anchor {wrong[0]!r} is no code of the item{self._codes_said}"
        if self.multiple and any(re.search(r"[,;+/&\s]", code) for code in self.categories):
            return ": a category code must not hold a separator: , ; + / & or a space"
        empty = [code for code, label in (*self.categories.items(), *self.anchors.items()) if not label.strip()]
        if empty or any(code != code.strip() or not code for code in self.categories):
            return f": a category or anchor is empty or has blanks around its code ({', '.join(empty) or 'code'})"
        alike = alike_but_for_case(self.categories)
        return f": categories {alike[0]!r} and {alike[1]!r} differ only in case; rename one" if alike else ""

    def _without_effect(self) -> str:
        if self.multiple and self.type != "nominal":
            return ": only nominal items can be multiple"
        if self.reversed and self.type != "ordinal":
            return ": only ordinal items can be reversed"
        if self.missing is not None and NOT_APPLICABLE in self.missing and not self.not_applicable_when:
            return ": NA is among its missing codes, but nothing says when it may be used; add not_applicable_when"
        return ""

    @property
    def _codes_said(self) -> str:
        return f"; allowed: {', '.join(map(str, self.codes))}" if self.codes else f", which is of type {self.type}"

    @property
    def codes(self) -> tuple[int, ...]:
        """The codes of an ordinal item, in order; empty for other types."""
        if self.type != "ordinal" or self.minimum is None or self.maximum is None:
            return ()
        return tuple(range(self.minimum, self.maximum + 1))

    @property
    def is_numeric(self) -> bool:
        """Whether the item's value is a number."""
        return self.type in ("ordinal", "duration", "count")

    def holds(self, code: str) -> bool:
        """Whether a code, read as a number, lies in the item's range."""
        number = number_of(code)
        if number is None or not self.is_numeric:
            return False
        return (self.minimum or 0) <= number and (self.maximum is None or number <= self.maximum)


def number_of(code: str) -> float | None:
    """A code read as a number, None where it is a word.

    Examples
    --------
    >>> number_of("-9"), number_of("NR")
    (-9.0, None)
    """
    return float(code.replace(",", ".")) if re.fullmatch(r"[-+]?\d+([.,]\d+)?", code) else None


def alike_but_for_case(codes: Iterable[str]) -> tuple[str, str] | None:
    """Two codes that differ only in case, if there are any."""
    seen: dict[str, str] = {}
    for code in codes:
        if seen.setdefault(code.casefold(), code) != code:
            return seen[code.casefold()], code
    return None
