"""XML as a stream: no entities, no tree in memory, every size bounded while it is read.

A part of a workbook is read with expat, piece by piece. A declaration of a document type
ends it at once, so that nothing can be expanded; a tag longer than :data:`MAX_TAG` letters,
elements deeper than :data:`MAX_DEPTH` or more of them than :data:`MAX_ELEMENTS` end it too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import chain
from typing import Protocol
from xml.parsers import expat

MAX_TAG, MAX_DEPTH, MAX_ELEMENTS = 2_000_000, 256, 2_500_000


class TooLarge(Exception):
    """Something in a file stretches so far that unpacking it could fill the memory or take minutes."""


class Damaged(Exception):
    """A file does not hold what its kind says; the text says where."""


class Handler(Protocol):
    """What happens at the beginning and at the end of an element, and where its text is gathered."""

    buffer: list[str]

    def start(self, name: str, attributes: dict[str, str], /) -> None:
        """Begin an element; names are ``"namespace name"``."""

    def end(self, name: str, /) -> None:
        """End an element."""


def parse(pieces: Iterable[bytes], handler: Handler, *, resolve: bool = True) -> None:
    """Read one XML document.

    Parameters
    ----------
    pieces : iterable of bytes
    handler : Handler
    resolve : bool
        Whether names come with their namespaces; without, as they are written, which is quicker.

    Raises
    ------
    Damaged
        It is not well formed, or declares a document type.
    TooLarge
        A tag is longer than any program writes one.
    """
    parser = expat.ParserCreate(namespace_separator=" " if resolve else None)
    parser.buffer_text = True
    parser.StartElementHandler = handler.start
    parser.EndElementHandler = handler.end
    parser.CharacterDataHandler = handler.buffer.append
    parser.StartDoctypeDeclHandler = _refuse_doctype
    fed = 0
    try:
        for piece in pieces:
            parser.Parse(piece, False)
            fed += len(piece)
            if fed - parser.CurrentByteIndex > MAX_TAG:
                raise TooLarge(f"a tag of more than {MAX_TAG:,} letters")
        parser.Parse(b"", True)
    except (expat.ExpatError, LookupError, ValueError) as wrong:
        raise Damaged(str(wrong)) from None


def _refuse_doctype(*_: object) -> None:
    raise Damaged("a part declares XML entities")


def local(name: str) -> str:
    """An element's name without its namespace."""
    return name[name.rfind(" ") + 1 :]


@dataclass
class Element:
    """One element that was asked for: its local name, its attributes by local name, all text inside it."""

    name: str
    attributes: dict[str, str]
    text: str = ""


@dataclass
class Collector:
    """Gathers elements by their local names, in the order in which they end.

    Attributes
    ----------
    wanted : collection of str
        Local names of the elements.
    said : frozenset of str, or None
        Local names of the elements whose text counts; None for all.
    """

    wanted: Collection[str]
    said: frozenset[str] | None = None
    buffer: list[str] = field(default_factory=list)
    found: list[Element] = field(default_factory=list)
    path: list[str] = field(default_factory=list)
    inside: list[Element] = field(default_factory=list)
    elements: int = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Begin an element."""
        self.flush()
        self.path.append(local(name))
        check_depth(len(self.path))
        self.elements += 1
        check_elements(self.elements)
        if self.path[-1] in self.wanted:
            own = {local(key): value for key, value in attributes.items()}
            self.inside.append(Element(self.path[-1], own))

    def end(self, name: str) -> None:
        """End an element."""
        self.flush()
        if self.path.pop() in self.wanted:
            self.found.append(self.inside.pop())

    def flush(self) -> None:
        """Give the text so far to the innermost element that was asked for."""
        if self.buffer:
            if self.inside and (self.said is None or not self.said.isdisjoint(self.path)):
                self.inside[-1].text += "".join(self.buffer)
            self.buffer.clear()


def elements(pieces: Iterable[bytes], wanted: Collection[str], said: frozenset[str] | None = None) -> list[Element]:
    """Read one XML document and gather some of its elements; no document has none."""
    collector = Collector(wanted, said)
    first = next(iterator := iter(pieces), b"")
    if first:
        parse(chain((first,), iterator), collector)
    return collector.found


def check_depth(depth: int) -> None:
    """Refuse elements that lie deeper in one another than in any workbook."""
    if depth > MAX_DEPTH:
        raise Damaged(f"elements lie more than {MAX_DEPTH} deep")


def check_elements(number: int) -> None:
    """Refuse a part with more elements than can be read in a few seconds."""
    if number > MAX_ELEMENTS:
        raise TooLarge(f"a part of more than {MAX_ELEMENTS:,} elements")
