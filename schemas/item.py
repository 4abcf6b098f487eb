"""One thing that a rater codes: its kind, range, codes, and when it applies."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from doublecode.schemas.declared import Declared
from doublecode.schemas.names import Bound, Codes, Label, Name
from doublecode.schemas.near_names import allowed
from doublecode.schemas.toml_lines import EntryError

ItemType = Literal["ordinal", "decimal", "yes_no", "count", "minutes", "duration", "nominal", "text"]
Condition = Literal["first_session", "no_homework_done"]
ROW_COLUMNS: Final = ("session_id", "recording", "start", "stop", "status", "notes")
"""Columns of a workbook that belong to the session, not to an item."""
TAKEN_NAMES: Final = (*ROW_COLUMNS, "study", "patient", "therapist", "session", "rater", "phase")
"""Names that no item may have: workbooks, outcomes and tables have columns of these names."""
NOT_APPLICABLE: Final = "NA"
TIMES: Final = ("count", "minutes", "duration")
"""Types whose values are whole numbers from 0."""
RANGED: Final = ("ordinal", "decimal", *TIMES)
"""Types that have a minimum and a maximum."""
MOST_CODES = 10_000
"""Codes of an ordinal item, each of which may have an anchor."""
NUMERIC: Final = (*RANGED, "yes_no")
"""Types whose cells hold numbers."""
_CREDITS: Final = {"authors": "the authors of the scale", "own words": "own words of this codebook"}

REVERSIBLE: Final = ("ordinal", "decimal", "yes_no")
"""Types of items that can be counted from the other end."""


class Item(Declared):
    """One thing a rater codes.

    Attributes
    ----------
    name : str
        Column name in frames: lower case, digits, underscores.
    label : str
        Our own short label; the full wording belongs to the authors of the scale.
    hint : str
        A line for the rater beside the label: it stands in the note and the prompt of the item's cells.
    definition : str
        What counts as what, at length: it stands on the workbook's sheet of anchors and on the card.
    type : {"ordinal", "decimal", "yes_no", "count", "minutes", "duration", "nominal", "text"}
        Ordinal: a whole number in a range. Decimal: a number in a range. Yes or no: 1 or 0. Count: a whole number from
        0. Minutes and duration: whole minutes, whole seconds. Nominal: one of a few codes. Text: words, in no number.
    minimum : number or None
        The lowest value; ordinal and decimal items need it, counts, minutes and durations may have it.
    maximum : number or None
        The highest value; ordinal and decimal items need it, counts, minutes and durations may have it.
    decimals : int or None
        The most places after the decimal mark of a decimal item; without it, any.
    anchors : dict of str to str
        Code → meaning.
    anchor_source : str
        Who wrote the anchors: "authors" (of the scale), "own words", or a name such as "Haller & Watzke 2021". The
        sheet of anchors prints it beside them; without it nobody is credited.
    categories : dict of str to str
        Code → label of a nominal item.
    values : dict of str to float
        Every code of a nominal item and the number that it counts in scores and reliability, such as
        ``{ fully = 1, partly = 0.5, not = 0 }``; without it the item is in no number.
    multiple : bool
        A cell may hold several categories, separated by commas or semicolons.
    one_column_per_code : bool
        A multiple item is asked as one yes-or-no column per category, called by the item and the code:
        ``obstacles_lt``; each column has its own reliability and may be in a scale.
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
    crosswalk : dict of str to str
        Items of other codebooks that ask for the same: codebook → names; the card shows them.
    """

    name: Name
    label: Label
    hint: str = ""
    definition: str = ""
    type: ItemType = "ordinal"
    minimum: Bound | None = None
    maximum: Bound | None = None
    decimals: int | None = Field(default=None, ge=1, le=6)
    anchors: dict[str, str] = Field(default_factory=dict)
    anchor_source: str = ""
    categories: dict[str, str] = Field(default_factory=dict)
    values: dict[str, float] = Field(default_factory=dict)
    multiple: bool = False
    one_column_per_code: bool = False
    missing: Codes | None = None
    not_applicable_when: tuple[Condition, ...] = ()
    given: bool = False
    optional: bool = False
    repeat: int = Field(default=1, ge=1, le=20)
    reversed: bool = False
    flag_from: int | None = None
    crosswalk: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        wrong = self._wrong_range() or self._wrong_codes() or self._without_effect()
        if wrong:
            raise ValueError(f"item {self.name!r}{wrong}")
        return self

    def _wrong_range(self) -> str:
        if self.type in ("ordinal", "decimal") and (self.minimum is None or self.maximum is None):
            lacking = [key for key in ("minimum", "maximum") if getattr(self, key) is None]
            return f" is {self.type} and needs minimum and maximum; add the line {lacking[0]} = …"
        if self.minimum is not None and self.maximum is not None and self.minimum >= self.maximum:
            return f": minimum must be below maximum; found {self.minimum:g} and {self.maximum:g}, exchange the two"
        if self.type == "ordinal" and float(self.maximum or 0) - float(self.minimum or 0) > MOST_CODES:
            return f': an ordinal item has at most {MOST_CODES:,} codes; write type = "count" for higher numbers'
        ends = (self.minimum, self.maximum)
        if self.type not in RANGED and ends != (None, None):
            return (
                f" is of type {self.type}; minimum and maximum belong to ordinal items, decimals, counts, minutes and "
                "durations; take them out, or change the type"
            )
        if self.type != "decimal" and any(end is not None and not float(end).is_integer() for end in ends):
            return f': minimum and maximum of type {self.type} are whole numbers; write type = "decimal" for others'
        if self.decimals is not None and self.type != "decimal":
            return (
                f': decimals belongs to type = "decimal", found type = {self.type!r}; change the type, or take it out'
            )
        if self.type in TIMES and min(self.minimum or 0, self.maximum or 0) < 0:
            return f": a {self.type} cannot be below 0"
        if self.flag_from is not None and not self._is_value(str(self.flag_from)):
            return f": flag_from is {self.flag_from}, which is no code of the item{self._codes_said}"
        return ""

    def _is_value(self, code: str) -> bool:
        return code in map(str, self.codes) if self.codes else self.holds(code)

    def _wrong_codes(self) -> str:
        if self.type == "nominal" and not self.categories:
            return ' is nominal and needs categories; add the line categories = { code = "label", … }'
        if self.type != "nominal" and self.categories:
            return (
                f' is of type {self.type}, and categories belong to nominal items; write type = "nominal", or anchors '
                "instead of categories"
            )
        anchored = self.codes or self.type == "decimal"
        wrong = [code for code in self.anchors if not anchored or not self._is_value(code)]
        if wrong:
            return f": anchor {wrong[0]!r} is no code of the item{self._codes_said}; take it out, or widen the range"
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
        if self.one_column_per_code and (not self.multiple or self.repeat > 1 or self.given):
            return ": one_column_per_code needs multiple = true, and neither repeat nor given"
        if self.reversed and self.type not in REVERSIBLE:
            return ": only ordinal items, decimal ones and those of yes or no can be reversed"
        if self.anchor_source and not (self.anchors or self.categories or self.definition):
            return (
                ": anchor_source has no effect without anchors, categories or a definition; add them, or leave it out"
            )
        if self.missing is not None and NOT_APPLICABLE in self.missing and not self.not_applicable_when:
            return ": NA is among its missing codes, but nothing says when it may be used; add not_applicable_when"
        return self._wrong_values()

    def _wrong_values(self) -> str:
        if not self.values:
            return ""
        if self.type != "nominal" or self.multiple:
            return ": values belongs to nominal items that hold one code in a cell"
        stray = [code for code in self.values if code not in self.categories]
        if stray:
            return f": values names {stray[0]!r}, no code of the item; {allowed(stray[0], self.categories)}"
        lacking = [code for code in self.categories if code not in self.values]
        return f": values does not say what {lacking[0]!r} counts; give it a number" if lacking else ""

    @property
    def _codes_said(self) -> str:
        if self.codes:
            return f"; allowed: {', '.join(map(str, self.codes))}"
        return (
            f"; allowed: {self.low:g} to {self.high:g}" if self.type == "decimal" else f", which is of type {self.type}"
        )

    @property
    def low(self) -> float:
        """The lowest value of a numeric item."""
        if self.values:
            return min(self.values.values())
        return 0.0 if self.minimum is None else float(self.minimum)

    @property
    def high(self) -> float:
        """The highest value of a numeric item; infinite where none is declared."""
        if self.values:
            return max(self.values.values())
        if self.type == "yes_no":
            return 1.0
        return float("inf") if self.maximum is None else float(self.maximum)

    @property
    def codes(self) -> tuple[int, ...]:
        """The codes of an ordinal item or one of yes or no, in order; empty for other types."""
        if self.type == "yes_no":
            return (0, 1)
        if self.type != "ordinal" or self.minimum is None or self.maximum is None:
            return ()
        return tuple(range(int(self.minimum), int(self.maximum) + 1))

    @property
    def meanings(self) -> dict[str, str]:
        """What codes mean, as far as the codebook says it: anchors, categories, yes and no."""
        said = self.anchors or self.categories
        return {"1": "yes", "0": "no"} if self.type == "yes_no" and not said else said

    @property
    def is_numeric(self) -> bool:
        """Whether the item's value is a number."""
        return self.type in NUMERIC or bool(self.values)

    @property
    def credit(self) -> str:
        """Who is credited with the words beside the codes; empty where nobody was named."""
        return _CREDITS.get(self.anchor_source, self.anchor_source)

    def holds(self, code: str) -> bool:
        """Whether a code, read as a number, lies in the item's range."""
        number = number_of(code)
        return number is not None and self.type in NUMERIC and self.low <= number <= self.high

    @property
    def per_code(self) -> tuple[Item, ...]:
        """The columns of an item that is asked code by code; the item alone where it is not."""
        if not self.one_column_per_code:
            return (self,)
        return tuple(
            self.model_copy(
                update={
                    "name": name,
                    "label": f"{self.label}: {label}", "type": "yes_no", "categories": {}, "multiple": False,
                    "one_column_per_code": False,
                }
            )
            for name, label in zip(self.code_columns, self.categories.values(), strict=True)
        )  # fmt: skip

    @property
    def code_columns(self) -> tuple[str, ...]:
        """What a category is called as a column of its own: the item's name and the code in small letters."""
        plain = (re.sub("[^a-z0-9]+", "_", code.lower()).strip("_") for code in self.categories)
        return tuple(f"{self.name}_{code}" for code in plain)


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


def check_codes(codes: Mapping[str, str]) -> None:
    """Refuse missing codes that differ only in case, and codes or meanings that say nothing.

    Raises
    ------
    EntryError
    """
    alike = alike_but_for_case(codes)
    if alike:
        said = f"missing codes {alike[0]!r} and {alike[1]!r} differ only in case; rename one"
        raise EntryError(said, place=("missing_codes", alike[1]))
    empty = [code for code, meaning in codes.items() if code != code.strip() or not code * len(meaning.strip())]
    if empty:
        said = f"missing code {empty[0]!r}: the code or its meaning is empty, or has blanks around it"
        raise EntryError(said, place=("missing_codes", empty[0]))


def check_codes_used(codes: Mapping[str, str], used: Collection[str]) -> None:
    """Refuse a missing code that no item allows, so that no rater could ever type it.

    Raises
    ------
    EntryError
    """
    idle = [code for code in codes if code not in used]
    if not idle:
        return
    reason = (
        'it counts only for items that say when: not_applicable_when = ["first_session"]. For a reason that may be '
        "given at any time choose other letters, such as NP, and where nothing is ever inapplicable leave the line out"
        if idle[0] == NOT_APPLICABLE
        else "add it to the missing codes of an item, or leave it out"
    )
    raise EntryError(f"missing code {idle[0]!r} is allowed by no item; {reason}", place=("missing_codes", idle[0]))
