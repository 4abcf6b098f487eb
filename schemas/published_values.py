"""Numbers that a paper prints, each with its quote and with the cell of our tables that answers it.

One file, ``published_values.json``, beside ``study.toml``: a laboratory declares those of its own paper likewise.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import Field, ValidationError, model_validator

from doublecode.schemas.declared import Declared, describe
from doublecode.schemas.errors import UsageError

FILE: Final = "published_values.json"
TAKES: Final = (
    "value", "count", "distinct", "sum", "mean", "median", "min", "max", "sd", "weakest", "strongest",
)  # fmt: skip
Take = Literal["value", "count", "distinct", "sum", "mean", "median", "min", "max", "sd", "weakest", "strongest"]
_NUMBER: Final = re.compile(r"[-−]?\s?(\d+(?:\.\d+)?|\.\d+)")


class Condition(Declared):
    """What a column of a row must hold, where it is not simply one value or one of several.

    Parameters
    ----------
    unlike : str or number, optional
        Any other value than this.
    least, most : number, optional
        At least, at most.
    has : str, optional
        One of several values in a cell, separated by semicolons.
    entries : int, optional
        At least so many values in a cell, separated by semicolons.
    begins : str, optional
        What a text begins with.
    """

    unlike: str | float | None = Field(default=None, alias="not")
    least: float | None = Field(default=None, alias="from")
    most: float | None = Field(default=None, alias="to")
    has: str | None = None
    entries: int | None = None
    begins: str | None = None

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("found nothing; give one of not, from, to, has, entries, begins")
        return self


Wanted = str | float | bool | tuple[str | float, ...] | Condition


class Cell(Declared):
    """Where our number stands: a table, some of its rows, a column, and what is taken of these cells.

    Parameters
    ----------
    table : str
        A table of the report (``report/tables/NAME.csv``), one of ``patients, therapists, sessions, ratings``, or one
        that is handed over by name; ``name.attribute`` is a frame of a result that was handed over.
    rows : mapping
        By column: the value that a row must have, a list of values of which it has one, or a :class:`Condition`.
    column : str
        Empty where rows are counted.
    take : str
        ``value`` needs exactly one row; ``count`` counts rows, ``distinct`` values; ``weakest`` and ``strongest`` are
        the numbers nearest to and farthest from nought; the others are named as usual.
    size : bool
        Numbers without their sign.
    per : str
        Count the distinct values of `column` for each value of this column first; `take` is of these counts.
    of : Cell
        The whole of which this is a part; the number is then their ratio.
    unit : {"percent", "share"}
        How a ratio is given.
    """

    table: str
    rows: dict[str, Wanted] = Field(default_factory=dict)
    column: str = ""
    take: Take = "value"
    size: bool = False
    per: str = ""
    of: Cell | None = None
    unit: Literal["percent", "share"] = "percent"

    @model_validator(mode="after")
    def _has_a_column(self) -> Self:
        if not self.column and (self.take != "count" or self.per):
            raise ValueError("found no column; only take = count goes without one")
        return self


class PrintedValue(Declared):
    """One printed value.

    Parameters
    ----------
    name, part : str
        What it is; `part` where several values were printed of one thing (``M``, ``SD``).
    printed : str
        As the paper prints it; stands in the quote.
    value : number, optional
        The number that it says; None for words that are no number.
    bound : {"<", ">"}, optional
        Printed as a limit: ours is to lie below or above `value`.
    words : str
        What our cell would say, where the value is no number.
    quote, place : str
        The sentence, and the part of the paper in which it stands.
    shown_with : str
        The table or figure of the paper that the value belongs to.
    ours : Cell, optional
        Where our number stands. Exactly one of `ours`, `declared` and `not_derivable` is given.
    declared : str
        Where the value is declared: it is read, not computed.
    not_derivable : str
        Why nothing can be computed.
    quantity : str
        Its row in ``printed_values.csv`` of a synthetic study: expected value and spread over seeds.
    complement : bool
        The value is what the quantity leaves of 1.
    origin : {"calibrated", "by design", "emerged"}, optional
        How our number came about, where the study is synthetic and `quantity` does not say so: the generator, or the
        rule by which the shipped seed was chosen, was tuned to it; it is the same in every study; nobody tuned it.
    remark : str
        What is to be known of it.
    """

    name: str
    part: str = ""
    printed: str
    value: float | None = None
    bound: Literal["<", ">"] | None = None
    words: str = ""
    quote: str
    place: str
    shown_with: str
    ours: Cell | None = None
    declared: str = ""
    not_derivable: str = ""
    quantity: str = ""
    complement: bool = False
    origin: Literal["calibrated", "by design", "emerged"] | None = None
    remark: str = ""

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        if sum([self.ours is not None, bool(self.declared), bool(self.not_derivable)]) != 1:
            raise ValueError("give exactly one of ours, declared, not_derivable")
        if self.ours is not None and self.value is None and not self.words:
            raise ValueError("found neither value nor words; one of them is compared with ours")
        if self.printed and _bare(self.printed) not in _bare(self.quote):
            raise ValueError(f"printed {self.printed!r} does not stand in the quote {self.quote!r}")
        said = number_in(self.printed)
        if said is not None and self.value is not None and self.value not in (said, self._share):
            raise ValueError(f"printed {self.printed!r} says {said:g}, value is {self.value:g}")
        return self

    @property
    def label(self) -> str:
        """Name and part."""
        return f"{self.name}: {self.part}" if self.part else self.name

    @property
    def decimals(self) -> int:
        """Decimals of the printed number; of a share that is printed in per cent, those of the share."""
        given = len(re.sub(r"\D+$", "", self.printed).partition(".")[2])
        return given + 2 if self.value is not None and self.value == self._share else given

    @property
    def _share(self) -> float | None:
        """The share that is printed in per cent."""
        said = number_in(self.printed)
        return None if said is None or "%" not in self.printed or said == 0 else round(said / 100, 12)


class PublishedValues(Declared):
    """The values of one paper.

    Parameters
    ----------
    citation, note : str
        The paper; what is to be known of the values.
    values : tuple of PrintedValue
    """

    citation: str
    note: str = ""
    values: tuple[PrintedValue, ...]

    @model_validator(mode="after")
    def _names_are_distinct(self) -> Self:
        labels = [one.label for one in self.values]
        twice = next((label for label in labels if labels.count(label) > 1), None)
        if twice is not None:
            raise ValueError(f"two values are called {twice!r}; give each its own name or part")
        return self


def number_in(printed: str) -> float | None:
    """The number that a printed value says in figures; None where it is words, or holds more than one number.

    Examples
    --------
    >>> number_in("−.31"), number_in("77%"), number_in("< .05"), number_in("two")
    (-0.31, 77.0, 0.05, None)
    """
    found = list(_NUMBER.finditer(printed))
    if len(found) != 1:
        return None
    text = found[0].group()
    return float(found[0].group(1)) * (-1 if text[0] in "-−" else 1)


def load_published(path: str | Path) -> PublishedValues:
    """Read the published values of a study folder, or of a file.

    Parameters
    ----------
    path : path
        A study folder that holds ``published_values.json``, or such a file.

    Raises
    ------
    UsageError
        No such file, no JSON, or an entry that is wrong; the message names it.

    Examples
    --------
    >>> from importlib.resources import as_file, files
    >>> with as_file(files("doublecode.data_examples") / "telephone_cbt") as folder:
    ...     published = load_published(folder)
    >>> len(published.values), published.values[0].label, published.values[0].printed
    (151, 'patients analysed', '22')
    """
    file = Path(path)
    file = file / FILE if file.is_dir() else file
    if not file.is_file():
        raise UsageError(f"{file}: there is no such file. Published values stand in {FILE} beside study.toml.")
    try:
        return PublishedValues.model_validate_json(file.read_bytes())
    except ValidationError as wrong:
        raise UsageError(describe(file.name, wrong, PublishedValues)) from None


def _bare(text: str) -> str:
    """A text whose blanks and signs do not matter."""
    return re.sub(r"\s+", "", text).replace("−", "-").replace("–", "-").lower()
