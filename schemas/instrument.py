"""The codebook of a scale as data: items, anchors, ranges, missing codes, scales.

An instrument is one TOML file. The shipped ones lie in ``instruments/``; a
user writes her own and loads it by its path.
"""

from __future__ import annotations

import json
import re
from functools import cached_property, partial
from importlib import resources
from pathlib import Path
from typing import Final, Self

from pydantic import Field, ValidationError, model_validator

from doublecode.schemas.cards import Card, table_of
from doublecode.schemas.codebook_hash import content_hash
from doublecode.schemas.crosswalk import check_crosswalk
from doublecode.schemas.declared import Declared, describe, load_toml
from doublecode.schemas.errors import InstrumentError
from doublecode.schemas.gathered import Gathered
from doublecode.schemas.homework_log import HomeworkLog
from doublecode.schemas.item import NOT_APPLICABLE, REVERSIBLE, TAKEN_NAMES, Item, check_codes, check_codes_used
from doublecode.schemas.names import Name, Title
from doublecode.schemas.near_names import allowed, ended
from doublecode.schemas.plain_table import PlainTable
from doublecode.schemas.scale import Scale
from doublecode.schemas.scale_tables import check_norms, score_range, score_tables
from doublecode.schemas.toml_lines import EntryError
from doublecode.schemas.workbook_texts import WorkbookTexts, shipped_texts, values_said


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
    homework_log : HomeworkLog
        Which items say what homework there was, whether it was done, what stood in the way; only in a homework log.
    notes : str
        What users of the codebook should know.

    Examples
    --------
    >>> print(load_instrument("homework_adherence").card.title)
    Homework adherence
    """

    name: Name
    title: Title
    version: str
    citation: str
    rights: str
    missing_codes: dict[str, str] = Field(default_factory=dict)
    segment: Segment | None = None
    items: tuple[Item, ...] = Field(min_length=1)
    scales: tuple[Scale, ...] = ()
    homework_log: HomeworkLog | None = None
    notes: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        wrong = Gathered()
        for check in (self._check_taken, self._check_twice, partial(check_codes, self.missing_codes), self._check_log):
            with wrong.one():
                check()
        for at, item in enumerate(self.items):
            with wrong.one():
                self._check_missing_codes(item, ("items", at))
        for at, scale in enumerate(self.scales):
            with wrong.one():
                self._check_scale(scale, ("scales", at))
        wrong.refuse()
        check_codes_used(self.missing_codes, {code for item in self.items for code in self.missing_for(item)})
        return self

    def _check_log(self) -> None:
        if self.homework_log is not None:
            shapes = {item.name: (item.categories, item.multiple, item.repeat) for item in self.items}
            try:
                self.homework_log.check(shapes)
            except ValueError as wrong:
                raise EntryError(str(wrong), place=("homework_log",)) from None

    def _check_taken(self) -> None:
        taken = [item.name for item in self.columns if item.name in TAKEN_NAMES]
        if taken:
            said = f"item {taken[0]!r}: this name is taken; no item may be called {', '.join(TAKEN_NAMES)}"
            raise EntryError(f"{ended(said)} Choose another", taken[0], "name")

    def _check_twice(self) -> None:
        """Refuse names of items, or of scales, that stand twice."""
        wrong = Gathered()
        for kind, names in (
            ("item", [name for name, _ in self.parts]),
            ("scale", [scale.name for scale in self.scales]),
        ):  # fmt: skip
            for name in dict.fromkeys(name for at, name in enumerate(names) if name in names[:at]):
                with wrong.one():
                    said = f"{kind} {name!r} stands twice; give each a name of its own, or remove one"
                    raise EntryError(said, name, "name")
        wrong.refuse()

    def _check_missing_codes(self, item: Item, at: tuple[str, int]) -> None:
        known = tuple(self.missing_codes)
        stray = [code for code in item.missing or () if code not in known]
        if stray:
            raise EntryError(
                f"item {item.name!r}: missing code {stray[0]!r} is not declared; {allowed(stray[0], known)}",
                place=(*at, "missing"),
            )
        if item.not_applicable_when and NOT_APPLICABLE not in (known if item.missing is None else item.missing):
            raise EntryError(
                f"item {item.name!r}: not_applicable_when has no effect, since NA is none of its missing codes; "
                "declare NA under [missing_codes], or leave not_applicable_when out",
                place=(*at, "not_applicable_when"),
            )
        folded = {code.casefold() for code in known}
        both = [code for code in item.categories if code.casefold() in folded]
        if both:
            raise EntryError(
                f"item {item.name!r}: category {both[0]!r} is also a missing code; rename one",
                place=(*at, "categories"),
            )
        inside = [code for code in self.missing_for(item) if item.holds(code)]
        if inside:
            raise EntryError(
                f"item {item.name!r}: missing code {inside[0]!r} is also a value of the item; choose one outside "
                f"its range ({values_said(item, shipped_texts('en'))}), or say which codes the item has of its own: "
                "missing = []",
                place=(*at, "missing"),
            )

    def _check_scale(self, scale: Scale, at: tuple[str, int]) -> None:
        numeric = {item.name: item for item in self.columns if item.is_numeric}
        stray = [name for name in scale.items if name not in numeric]
        wrong = Gathered()
        for name in stray:
            with wrong.one():
                said = f"scale {scale.name!r}: {name!r} is no numeric item; {allowed(name, sorted(numeric))}"
                raise EntryError(said, place=(*at, "items"))
        wrong.refuse()
        lowest, highest = score_range(scale, numeric)
        outside = [band for band in scale.bands if band.high < lowest or band.low > highest]
        if outside:
            raise EntryError(
                f"scale {scale.name!r}: no score reaches the band {outside[0].label!r}; "
                f"scores run from {lowest:g} to {highest:g}",
                place=(*at, "bands"),
            )
        check_norms(scale, lowest, highest, (*at, "norms"))

    @property
    def ordinal_items(self) -> tuple[Item, ...]:
        """Columns of 3 to 7 ordered codes, which a cumulative model takes."""
        return tuple(column for column in self.columns if 3 <= len(column.codes) <= 7)

    @cached_property
    def columns(self) -> tuple[Item, ...]:
        """All items as the rater meets them.

        Repeated ones are numbered ``type_1``, ``type_2``, …, slot by slot; those that are asked code by code are one
        column per code.
        """
        slots = max(item.repeat for item in self.items)
        single = tuple(column for item in self.items if item.repeat == 1 for column in item.per_code)
        return single + tuple(
            item.model_copy(update={"name": f"{item.name}_{slot}", "label": f"{item.label} ({slot})", "repeat": 1})
            for slot in range(1, slots + 1)
            for item in self.items
            if item.repeat > 1 and slot <= item.repeat
        )

    @cached_property
    def parts(self) -> tuple[tuple[str, str], ...]:
        """Names and labels of all items as tables print them; after one of several answers in a cell, its codes."""
        return tuple(
            part
            for item in self.columns
            for part in (
                (item.name, item.label),
                *(
                    (name, f"{item.label}: {text}")
                    for name, text in zip(item.code_columns, item.categories.values(), strict=True)
                    if item.multiple
                ),
            )
        )

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of the whole codebook: two files with the same hash say the same."""
        return content_hash(self)

    def item(self, name: str) -> Item:
        """Return the item called `name`; unknown names raise ``InstrumentError``."""
        for item in self.columns:
            if item.name == name:
                return item
        said = allowed(name, (item.name for item in self.columns))
        raise InstrumentError(f"{self.name}: there is no item {name!r}; {ended(said)}")

    def scale(self, name: str) -> Scale:
        """Return the scale called `name`; unknown names raise ``InstrumentError``."""
        for scale in self.scales:
            if scale.name == name:
                return scale
        said = allowed(name, (scale.name for scale in self.scales))
        raise InstrumentError(f"{self.name}: there is no scale {name!r}; {ended(said)}")

    def missing_for(self, item: Item) -> tuple[str, ...]:
        """Missing codes that `item` allows, in the order of the codebook."""
        codes = tuple(self.missing_codes) if item.missing is None else item.missing
        return tuple(code for code in codes if code != NOT_APPLICABLE or item.not_applicable_when)

    def allowed(self, item: Item, texts: WorkbookTexts | None = None) -> str:
        """Say in words what may stand in a cell of `item`, in English or in the language of `texts`.

        Examples
        --------
        >>> thabs = load_instrument("thabs")
        >>> thabs.allowed(thabs.item("rationale"))
        '0–4 or IN/NR'
        """
        said = texts or shipped_texts("en")
        missing = "/".join(self.missing_for(item))
        text = values_said(item, said)
        return said.values_or_missing.format(values=text, codes=missing) if missing else text

    @property
    def card(self) -> Card:
        """What is printed: title, source, missing codes, items, scales."""
        missing = "; ".join(f"{code}: {meaning}" for code, meaning in self.missing_codes.items())
        heard = "" if self.segment is None else f"minutes {self.segment.start_minute} to {self.segment.end_minute}"
        facts = (
            ("Name", f"{self.name}, version {self.version}"), ("Citation", self.citation), ("Rights", self.rights),
            ("To be heard", heard), ("Missing", missing), ("Notes", self.notes),
        )  # fmt: skip
        tables = (self._item_table(), self._meanings(), *self._long_texts(), *score_tables(self.scales))
        return Card(self.title, facts, tables)

    def _item_table(self) -> PlainTable:
        rows = tuple((item.name, item.label, item.type, self.allowed(item), _remarks_on(item)) for item in self.items)
        return table_of("Items", ("Item", "Label", "Type", "Allowed", "Remarks"), rows)

    def _meanings(self) -> PlainTable:
        """What codes mean, once for all items that share the words, and whose words they are."""
        shared: dict[tuple[str, str], list[str]] = {}
        for item in self.items:
            if item.meanings:
                counts = {code: f" (counts {number:g})" for code, number in item.values.items()}
                words = "; ".join(f"{code} = {text}{counts.get(code, '')}" for code, text in item.meanings.items())
                shared.setdefault((words, item.credit), []).append(item.name)
        rows = tuple((", ".join(names), words, credit) for (words, credit), names in shared.items())
        return table_of("Codes", ("Items", "Meaning", "Words by"), rows)

    def _long_texts(self) -> tuple[PlainTable, ...]:
        """Hints, definitions, and where other codebooks ask for the same; each only where there are any."""
        hints, definitions = (
            tuple((item.name, text) for item in self.items if (text := getattr(item, key)))
            for key in ("hint", "definition")
        )
        others = tuple((item.name, book, names) for item in self.items for book, names in item.crosswalk.items())
        return (
            table_of("Hints", ("Item", "Hint"), hints) if hints else _NOTHING,
            table_of("Definitions", ("Item", "Definition"), definitions) if definitions else _NOTHING,
            table_of("The same in other codebooks", ("Item", "Codebook", "Its items"), others) if others else _NOTHING,
        )

    def __str__(self) -> str:
        return self.card.text()

    def __repr__(self) -> str:
        counts = f"{counted(len(self.items), 'item')}, {counted(len(self.scales), 'scale')}"
        return f"<Instrument {self.name} {self.version}: {counts}>"

    def _repr_html_(self) -> str:
        return self.card.html()

    def with_reversal(self, reversed_items: tuple[str, ...]) -> Instrument:
        """Return the codebook with exactly these items reversed, the study's explicit choice.

        A repeated item is reversed in all of its slots, or in none: it is named as in the codebook, without a number.
        """
        whole = {item.name for item in self.items}
        for name in reversed_items:
            if name not in whole and any(name == item.name for item in self.columns):
                base = name.rpartition("_")[0]
                raise InstrumentError(
                    f"{self.name}: reverse names {name!r}, one slot of a repeated item; write {base!r}, which reverses "
                    "all of its slots."
                )
            if name not in whole:
                raise InstrumentError(
                    f"{self.name}: reverse names {name!r}, which is no item; {ended(allowed(name, whole))}"
                )
        fixed = next((one for one in self.items if one.name in reversed_items and one.type not in REVERSIBLE), None)
        if fixed is not None:
            raise InstrumentError(
                f"{self.name}: reverse names {fixed.name!r}, whose type is {fixed.type}; only ordinal items, "
                "decimal ones and those of yes or no can be reversed. Take it out of reverse in study.toml."
            )
        items = tuple(item.model_copy(update={"reversed": item.name in reversed_items}) for item in self.items)
        fields = self.model_dump(mode="json") | {"items": [item.model_dump(mode="json") for item in items]}
        try:
            return Instrument.model_validate_json(json.dumps(fields))
        except ValidationError as wrong:
            raise InstrumentError(describe(self.name, wrong, Instrument)) from None


_NOTHING: Final = table_of("", ("",), ())


_WHEN_NA: Final = {"first_session": "in session 1", "no_homework_done": "where no homework was done"}


def _remarks_on(item: Item) -> str:
    """What else is to be known of an item."""
    remarks = {
        "reversed": item.reversed, "one column per code": item.one_column_per_code,
        f"{item.repeat} times": item.repeat > 1, "given": item.given,
        "may stay empty": item.optional, f"flagged from {item.flag_from}": item.flag_from is not None,
        f"{NOT_APPLICABLE} only {' or '.join(_WHEN_NA[one] for one in item.not_applicable_when)}":
            bool(item.not_applicable_when),
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
            said = allowed(text, (*shipped_instruments(), "the path of a .toml file"))
            raise InstrumentError(f"there is no shipped instrument {text!r}; {ended(said)}")
        with resources.as_file(resources.files("doublecode.schemas.instruments") / f"{text}.toml") as path:
            return load_toml(path, Instrument, InstrumentError)
    path = Path(source)
    instrument = load_toml(path, Instrument, InstrumentError)
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)*", instrument.version):
        raise InstrumentError(f"{text}: version: found {instrument.version!r}, allowed numbers and dots such as '1.0'.")
    beside = [one.stem for one in path.parent.glob("*.toml") if one.stem != "study"]
    books = (*beside, *shipped_instruments())
    check_crosswalk(path.name, instrument.items, books, lambda name: _item_names(path, name))
    return instrument


def _item_names(path: Path, name: str) -> list[str]:
    """Names of the items of a codebook beside `path` or shipped; its own crosswalk may lead back, and is left alone."""
    own = path.with_name(f"{name}.toml")
    book = load_toml(own, Instrument, InstrumentError) if own.is_file() else load_instrument(name)
    return [item.name for item in (*book.items, *book.columns)]


def counted(number: int, noun: str) -> str:
    """A number of things: ``1 item``, ``2 items``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
