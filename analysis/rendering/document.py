"""What a report says, before anybody decides how it looks.

A :class:`Document` is sections of paragraphs, callouts, tables and figures.
``page.py`` and ``docx_report.py`` render the same document, so the page and
the Word file cannot differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Final

from doublecode.analysis.rendering.tables import Table

NO_WORKBOOK: Final = (
    "No workbook was read: incoming/ holds none, so nothing that raters code is in any number below. Put what came "
    "back into incoming/ and run again."
)


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of running text.

    Parameters
    ----------
    text : str
    see : tuple of str
        Tables and figures that it speaks of, as :meth:`Document.numbers` names them (``"table models"``): the page
        links to them, the Word file names them.
    """

    text: str
    see: tuple[str, ...] = ()


@dataclass(frozen=True)
class Link:
    """A place to go to: its words, and its address, which paper leaves out."""

    text: str
    address: str


@dataclass(frozen=True)
class Links:
    """A paragraph with places to go to, other files of the report among them."""

    text: str
    links: tuple[Link, ...]


@dataclass(frozen=True)
class ChecklistRow:
    """An item of a reporting checklist, where it is answered, and what is left to write (empty: nothing)."""

    number: str
    topic: str
    links: tuple[Link, ...]
    to_write: str


@dataclass(frozen=True)
class Checklist:
    """A reporting checklist, as far as a report can fill it in."""

    name: str
    title: str
    rows: tuple[ChecklistRow, ...]


@dataclass(frozen=True)
class Callout:
    """A paragraph that must not be overlooked."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """A list of remarks; a long one is folded on the page, unless it is there `to_read`."""

    items: tuple[str, ...]
    title: str = "Notes"
    to_read: bool = False


@dataclass(frozen=True)
class Picture:
    """A drawn figure.

    Parameters
    ----------
    name : str
        Name of its SVG file, without suffix.
    title : str
    description : str
        What is to be seen, for those who cannot see it.
    svg : str
        The drawing, self-contained, without XML declaration.
    png : bytes
        The same for Word.
    notes : tuple of str
    half : bool
        Two of them fit side by side on a wide page.
    """

    name: str
    title: str
    description: str
    svg: str
    png: bytes
    notes: tuple[str, ...] = ()
    half: bool = False


Block = Paragraph | Callout | Bullets | Picture | Table | Links | Checklist


@dataclass(frozen=True)
class Section:
    """A section with its heading; `anchor` is its address in the page, `part` the heading above it and others."""

    anchor: str
    title: str
    blocks: tuple[Block, ...]
    part: str = ""


@dataclass(frozen=True)
class Part:
    """Neighbouring sections under one heading; without a title they stand by themselves."""

    anchor: str
    title: str
    sections: tuple[Section, ...]


@dataclass(frozen=True)
class Headline:
    """One of the numbers that are read first."""

    label: str
    value: str
    detail: str


@dataclass(frozen=True)
class Document:
    """A whole report, or a page of its own, beside which no files of tables and figures lie."""

    title: str
    subtitle: str
    callouts: tuple[Callout, ...]
    headlines: tuple[Headline, ...]
    sections: tuple[Section, ...]
    colophon: str
    has_files: bool = True
    links: tuple[tuple[str, str], ...] = ()
    """Pages beside it: address, and what is to be found there."""

    def parts(self) -> tuple[Part, ...]:
        """The sections under the headings of their parts."""
        runs = groupby(self.sections, lambda section: section.part)
        return tuple(Part(f"part-{at}" if title else "", title, tuple(of)) for at, (title, of) in enumerate(runs, 1))

    def tables(self) -> list[Table]:
        """All tables, in the order of their numbers."""
        return [block for section in self.sections for block in section.blocks if isinstance(block, Table)]

    def pictures(self) -> list[Picture]:
        """All figures, in the order of their numbers."""
        return [block for section in self.sections for block in section.blocks if isinstance(block, Picture)]

    def numbers(self) -> dict[str, int]:
        """The number of each table and figure by its name; tables and figures count apart."""
        tables = {f"table {block.name}": number for number, block in enumerate(self.tables(), 1)}
        return tables | {f"figure {block.name}": number for number, block in enumerate(self.pictures(), 1)}
