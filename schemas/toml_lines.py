"""Where an entry stands in the text of a TOML file, and what its parser says, in words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

_SYNTAX: Final = (
    (r"Illegal character '\\n'", "a quotation mark is not closed"),
    ("Invalid value", "this is no value: a text stands in quotation marks; numbers, true and false stand without"),
    (
        r"Cannot overwrite a value|Duplicate inline table key|Cannot mutate immutable namespace .*?",
        "this key stands twice, or a name is both [one] and [[many]]",
    ),
    ("Cannot declare .* twice", "this table stands twice; only [[name]] may be repeated"),
    ("Expected ']]' .*?", "the two brackets after a name are not closed: [[name]]"),
    ("Expected ']' .*?", "the bracket after a name is not closed: [name]"),
    (
        "Expected '=' after a key.*?",
        "an equals sign is missing after a key: key = value; a key with a blank or a letter other than a-z stands in "
        "quotation marks",
    ),
    ("Unclosed array", "a list is not closed, or lacks a comma: [1, 2]"),
    ("Unclosed inline table", "a brace is not closed, or a comma is missing: { a = 1, b = 2 }"),
    ("Expected newline or end of document.*?", "something stands after the value; one line has one key"),
    ("Invalid statement", "this line is neither key = value, nor [name], nor a comment after #"),
    ("Invalid initial character for a key part", "a key is missing before the equals sign, or a bracket is not closed"),
)


class EntryError(ValueError):
    """A rule between entries that is broken; says which entry or text breaks it, so that its line is found."""

    def __init__(self, message: str, found: str = "", key: str = "", *, place: Sequence[int | str] = ()) -> None:
        super().__init__(message)
        self.place = tuple(place)
        self.text = re.compile(rf"{f'{key}{chr(92)}s*=.*' if key else ''}[\"']{re.escape(found)}[\"']")


_SLIPS: Final = (
    (re.compile(r"=\s*[„“”«»‚‘’]"), 'these quotation marks are of a text program; write straight ones: "text"'),
    (re.compile(r"=\s*(True|TRUE|Wahr|wahr|ja|yes|Yes)\b"), "write true, in small letters"),
    (re.compile(r"=\s*(False|FALSE|Falsch|falsch|nein|no|No)\b"), "write false, in small letters"),
    (re.compile(r"=\s*-?\d+,\d"), "a decimal number has a point: 7.5"),
    (re.compile(r"^[^\"'#=]*:\s"), "an equals sign stands between key and value, no colon"),
)
"""Lines as people write them who know another notation, and what to write instead."""


def slip_in(line: str) -> str:
    """What to write instead, in a line that the parser does not take; empty where no slip is known.

    Examples
    --------
    >>> slip_in("maximum = 7,5"), slip_in('name = "a')
    ('a decimal number has a point: 7.5', '')
    """
    return next((words for pattern, words in _SLIPS if pattern.search(line)), "")


_HEAD: Final = re.compile(r"\s*\[\[?\s*([^\]]+?)\s*\]")


def syntax_said(message: str) -> str:
    """What the parser of TOML complains of, in words; the place stays as it says it.

    Examples
    --------
    >>> syntax_said("Cannot overwrite a value (at line 9, column 9)")
    'this key stands twice, or a name is both [one] and [[many]] (at line 9, column 9)'
    """
    for pattern, words in _SYNTAX:
        found = re.match(rf"(?:{pattern})(?= \(at |$)", message)
        if found:
            return words + message[found.end() :]
    return message


def without_echoes(entries: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The wrong entries without those that are only wrong since one inside them is: a list left empty by it."""
    listed = list(entries)
    places = [entry["loc"] for entry in listed]
    return [
        entry
        for entry in listed
        if entry["type"] != "too_short"
        or not any(len(at) > len(entry["loc"]) and at[: len(entry["loc"])] == entry["loc"] for at in places)
    ]


def place_of(place: Sequence[int | str], text: str) -> str:
    r"""Name an entry and the line on which it stands: ``line 40, variables[2].name``.

    Examples
    --------
    >>> place_of(("raters", 1, "id"), 'name = "a"\n[[raters]]\nid = "x"\n[[raters]]\nid = "y"\n')
    'line 5, raters[2].id'
    """
    named = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")
    line = line_of(place, text.split("\n"))
    return named if line is None else f"line {line}, {named}"


def entry_of(error: Mapping[str, Any], text: str) -> str:
    """Name the entry of an error of pydantic, and its line; a rule between entries has a line only."""
    if error["loc"]:
        return place_of(error["loc"], text)
    broken = error.get("ctx", {}).get("error")
    if not isinstance(broken, EntryError):
        return "file"
    if broken.place:
        return place_of(broken.place, text)
    held = [at for at, line in enumerate(text.split("\n"), start=1) if broken.text.search(line.partition("#")[0])]
    return f"line {held[-1]}" if held else "file"


def line_of(place: Sequence[int | str], lines: Sequence[str]) -> int | None:
    """The line, from 1, on which an entry or the table around it stands; None if it is not found."""
    if not place:
        return None
    start, stop, rest = _table(place, lines)
    found = None if start is None else start + 1
    if start is None and len(rest) < len(place):
        return None
    first = 0 if start is None else start + 1
    while rest:
        key, *rest = rest
        if isinstance(key, int):
            continue
        at = _key(key, lines, first, stop)
        if at is None:
            break
        found, first = at + 1, at
    return found


def _table(place: Sequence[int | str], lines: Sequence[str]) -> tuple[int | None, int, list[int | str]]:
    """First line of the innermost [table] or [[table]] of a place, the line after it, and what is left of the place."""
    heads = [(at, found[1]) for at, line in enumerate(lines) if (found := _HEAD.match(line))]
    best: tuple[int | None, int, list[int | str]] = (None, heads[0][0] if heads else len(lines), list(place))
    names = [part for part in place if isinstance(part, str)]
    for depth in range(1, len(names) + 1):
        wanted = ".".join(names[:depth])
        own = [at for at, name in heads if name.replace(" ", "") == wanted]
        if not own:
            continue
        used = list(place).index(names[depth - 1]) + 1
        step = place[used] if used < len(place) else 0
        number, many = (step, used < len(place)) if isinstance(step, int) else (0, False)
        if number < len(own):
            at = own[number]
            stop = next((later for later, _ in heads if later > at), len(lines))
            best = (at, stop, list(place[used + many :]))
    return best


def _key(key: str, lines: Sequence[str], first: int, stop: int) -> int | None:
    pattern = re.compile(rf"(?:^\s*|[{{,]\s*)[\"']?{re.escape(key)}[\"']?\s*=")
    return next((at for at in range(first, stop) if pattern.search(lines[at])), None)
