"""The codebook of a scale as data: items, anchors, ranges, missing codes, scales.

An instrument is one TOML file. The shipped ones lie in ``instruments/``; a
user writes her own and loads it by its path.
"""

from __future__ import annotations

import hashlib
import re
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from doublecode.schemas.cards import Card, table_of
from doublecode.schemas.declared import Declared, load_toml
from doublecode.schemas.errors import InstrumentError
from doublecode.schemas.plain_table import PlainTable

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
ItemType = Literal["ordinal", "duration", "count", "nominal", "text"]
Condition = Literal["first_session", "no_homework_done"]


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
    label: str
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
        if self.type == "ordinal" and (self.minimum is None or self.maximum is None):
            raise ValueError(f"item {self.name!r} is ordinal and needs minimum and maximum")
        if self.minimum is not None and self.maximum is not None and self.minimum >= self.maximum:
            raise ValueError(f"item {self.name!r}: minimum must be below maximum")
        if (self.type == "nominal") != bool(self.categories):
            raise ValueError(f"item {self.name!r}: categories belong to nominal items, and those need them")
        if self.multiple and self.type != "nominal":
            raise ValueError(f"item {self.name!r}: only nominal items can be multiple")
        if self.reversed and self.type != "ordinal":
            raise ValueError(f"item {self.name!r}: only ordinal items can be reversed")
        wrong = [code for code in self.anchors if code not in map(str, self.codes)]
        if wrong:
            raise ValueError(f"item {self.name!r}: anchor {wrong[0]!r} is no code of the item")
        if self.multiple and any(re.search(r"[,;+/&\s]", code) for code in self.categories):
            raise ValueError(f"item {self.name!r}: a category code must not hold a separator: , ; + / & or a space")
        return self

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


class Band(Declared):
    """A named stretch of a scale's score, both ends included.

    Attributes
    ----------
    label : str
        What it is called, for example "moderate".
    low : float
        The lowest score that belongs to it.
    high : float
        The highest one.
    """

    label: str
    low: float
    high: float


class Scale(Declared):
    """How items become a score.

    Attributes
    ----------
    name : str
        The scale's name in study.toml: lower case, digits, underscores.
    label : str
        What tables and figures call it.
    items : tuple of str
        Members.
    score : {"mean", "sum"}
        How they are put together.
    minimum_valid : int or None
        Fewest items that must be present; None means all.
    prorate : bool
        A sum over fewer than all items is scaled up to the full length.
    lagged : tuple of str
        Members taken from the session before, by session number; the score of session 1
        is then missing by definition.
    bands : tuple of Band
        Named stretches of the score with their source in the citation.
    """

    name: Name
    label: str
    items: tuple[Name, ...] = Field(min_length=1)
    score: Literal["mean", "sum"]
    minimum_valid: int | None = Field(default=None, ge=1)
    prorate: bool = False
    lagged: tuple[Name, ...] = ()
    bands: tuple[Band, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.minimum_valid is not None and self.minimum_valid > len(self.items):
            raise ValueError(f"scale {self.name!r}: minimum_valid is above its {len(self.items)} items")
        stray = [name for name in self.lagged if name not in self.items]
        if stray:
            raise ValueError(f"scale {self.name!r}: lagged item {stray[0]!r} is not among its items")
        if self.prorate and self.score != "sum":
            raise ValueError(f"scale {self.name!r}: only a sum is prorated; a mean needs none")
        if self.score == "sum" and not self.prorate and self.required < len(self.items):
            raise ValueError(f"scale {self.name!r}: a sum of fewer items counts missing as zero; set prorate = true")
        return self

    @property
    def required(self) -> int:
        """How many items must be present."""
        return len(self.items) if self.minimum_valid is None else self.minimum_valid

    @property
    def scored(self) -> str:
        """How the score is made, in words."""
        least = "" if self.required == len(self.items) else f", at least {self.required} present"
        return f"{'prorated ' if self.prorate else ''}{self.score} of {len(self.items)}{least}"


class Segment(Declared):
    """The part of a recording to be heard, in minutes.

    Attributes
    ----------
    start_minute : int
        Where it starts.
    minutes : int
        How long it is.
    """

    start_minute: int = Field(ge=0)
    minutes: int = Field(ge=1)

    @property
    def end_minute(self) -> int:
        """Where it ends."""
        return self.start_minute + self.minutes


class Instrument(Declared):
    """A codebook: what is coded, how, and how it is scored; it prints as a card.

    Attributes
    ----------
    name : str
        A short name: lower case, digits, underscores.
    title : str
        The full name of the scale.
    version : str
        Which version of the codebook this is; it stands in the stamp of every workbook.
    citation : str
        Where the scale was published.
    rights : str
        To whom its wording belongs.
    missing_codes : dict of str to str
        Letters that may stand in place of a code → why there is none. NA is the code for *not applicable*.
    segment : Segment
        The part of a recording that is heard; without it, all of it.
    items : tuple of Item
        What is coded, in the order of the workbook's columns.
    scales : tuple of Scale
        How items become scores.
    notes : str
        What users of the codebook should know.

    Examples
    --------
    >>> print(load_instrument("homework_adherence").card.title)
    Homework adherence
    """

    name: Name
    title: str
    version: str
    citation: str
    rights: str
    missing_codes: dict[str, str] = Field(default_factory=dict)
    segment: Segment | None = None
    items: tuple[Item, ...] = Field(min_length=1)
    scales: tuple[Scale, ...] = ()
    notes: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [item.name for item in self.columns]
        again = [name for name in names if names.count(name) > 1]
        if again:
            raise ValueError(f"item {again[0]!r} stands twice")
        for item in self.items:
            stray = [code for code in item.missing or () if code not in self.missing_codes]
            if stray:
                allowed = ", ".join(self.missing_codes) or "none declared"
                raise ValueError(f"item {item.name!r}: missing code {stray[0]!r} is not declared; allowed: {allowed}")
            both = [code for code in item.categories if code.upper() in self.missing_codes]
            if both:
                raise ValueError(f"item {item.name!r}: category {both[0]!r} is also a missing code; rename one")
        numeric = {item.name for item in self.columns if item.is_numeric}
        for scale in self.scales:
            stray = [name for name in scale.items if name not in numeric]
            if stray:
                raise ValueError(
                    f"scale {scale.name!r}: {stray[0]!r} is no numeric item; allowed: {', '.join(sorted(numeric))}"
                )
        return self

    @cached_property
    def columns(self) -> tuple[Item, ...]:
        """All items as the rater meets them: repeated ones numbered ``type_1``, ``type_2``, …, slot by slot."""
        slots = max(item.repeat for item in self.items)
        single = tuple(item for item in self.items if item.repeat == 1)
        return single + tuple(
            item.model_copy(update={"name": f"{item.name}_{slot}", "label": f"{item.label} ({slot})", "repeat": 1})
            for slot in range(1, slots + 1)
            for item in self.items
            if item.repeat > 1 and slot <= item.repeat
        )

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of the whole codebook: two files with the same hash say the same."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def item(self, name: str) -> Item:
        """Return the item called `name`; unknown names raise ``InstrumentError``."""
        for item in self.columns:
            if item.name == name:
                return item
        allowed = ", ".join(item.name for item in self.columns)
        raise InstrumentError(f"{self.name}: there is no item {name!r}; allowed: {allowed}.")

    def scale(self, name: str) -> Scale:
        """Return the scale called `name`; unknown names raise ``InstrumentError``."""
        for scale in self.scales:
            if scale.name == name:
                return scale
        allowed = ", ".join(scale.name for scale in self.scales) or "none declared"
        raise InstrumentError(f"{self.name}: there is no scale {name!r}; allowed: {allowed}.")

    def missing_for(self, item: Item) -> tuple[str, ...]:
        """Missing codes that `item` allows, in the order of the codebook."""
        codes = tuple(self.missing_codes) if item.missing is None else item.missing
        return tuple(code for code in codes if code != "NA" or item.not_applicable_when)

    def allowed(self, item: Item) -> str:
        """Say in words what may stand in a cell of `item`.

        Examples
        --------
        >>> thabs = load_instrument("thabs")
        >>> thabs.allowed(thabs.item("rationale"))
        '0–4 or IN/NR'
        """
        if item.type == "ordinal":
            text = f"{item.minimum}–{item.maximum}"
        elif item.type == "nominal":
            text = "/".join(item.categories) + (" (several: separate by commas)" if item.multiple else "")
        elif item.type == "text":
            text = "text"
        else:
            unit = "seconds" if item.type == "duration" else "a whole number"
            top = "" if item.maximum is None else f" to {item.maximum}"
            text = f"{unit} from {item.minimum or 0}{top}"
        missing = "/".join(self.missing_for(item))
        return f"{text} or {missing}" if missing else text

    @property
    def card(self) -> Card:
        """What is printed: title, source, missing codes, items, scales."""
        missing = "; ".join(f"{code}: {meaning}" for code, meaning in self.missing_codes.items())
        heard = "" if self.segment is None else f"minutes {self.segment.start_minute} to {self.segment.end_minute}"
        facts = (
            ("Name", f"{self.name}, version {self.version}"), ("Citation", self.citation), ("Rights", self.rights),
            ("To be heard", heard), ("Missing", missing),
        )  # fmt: skip
        return Card(self.title, facts, (self._item_table(), self._scale_table()))

    def _item_table(self) -> PlainTable:
        rows = tuple((item.name, item.label, item.type, self.allowed(item), _remarks_on(item)) for item in self.items)
        return table_of("Items", ("Item", "Label", "Type", "Allowed", "Remarks"), rows)

    def _scale_table(self) -> PlainTable:
        rows = tuple(
            (scale.name, scale.label, scale.scored, ", ".join(scale.items), ", ".join(scale.lagged))
            for scale in self.scales
        )
        return table_of("Scales", ("Scale", "Label", "Score", "Items", "Of the session before"), rows)

    def __str__(self) -> str:
        return self.card.text()

    def _repr_html_(self) -> str:
        return self.card.html()

    def with_reversal(self, reversed_items: tuple[str, ...]) -> Instrument:
        """Return the codebook with exactly these items reversed, the study's explicit choice."""
        for name in reversed_items:
            self.item(name)
        items = tuple(item.model_copy(update={"reversed": item.name in reversed_items}) for item in self.items)
        return Instrument.model_validate_json(self.model_copy(update={"items": items}).model_dump_json())


def _remarks_on(item: Item) -> str:
    """What else is to be known of an item."""
    remarks = {
        "reversed": item.reversed, f"{item.repeat} times": item.repeat > 1, "given": item.given,
        "may stay empty": item.optional, f"flagged from {item.flag_from}": item.flag_from is not None,
    }  # fmt: skip
    return ", ".join(remark for remark, holds in remarks.items() if holds)


def shipped_instruments() -> tuple[str, ...]:
    """Names of the codebooks that come with doublecode."""
    folder = resources.files("doublecode.schemas.instruments")
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")))


def load_instrument(source: str | Path) -> Instrument:
    """Load a codebook by the name of a shipped one, or by the path of a TOML file.

    Raises
    ------
    InstrumentError
        No such instrument, or a wrong entry; the message names it and what is allowed.

    Examples
    --------
    >>> load_instrument("phq9").scale("total").score
    'sum'
    """
    text = str(source)
    if not text.endswith(".toml"):
        if text not in shipped_instruments():
            allowed = ", ".join(shipped_instruments())
            raise InstrumentError(
                f"there is no shipped instrument {text!r}; allowed: {allowed}, or the path of a .toml file."
            )
        with resources.as_file(resources.files("doublecode.schemas.instruments") / f"{text}.toml") as path:
            return load_toml(path, Instrument, InstrumentError)
    instrument = load_toml(Path(source), Instrument, InstrumentError)
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)*", instrument.version):
        raise InstrumentError(f"{text}: version: found {instrument.version!r}, allowed numbers and dots such as '1.0'.")
    return instrument
