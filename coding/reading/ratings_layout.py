"""How a table holds ratings: a row per rating, or a column per item, per rater, or per item and rater."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from doublecode.schemas.errors import ContractError
from doublecode.schemas.frames import said_missing
from doublecode.schemas.instrument import Instrument
from doublecode.schemas.near_names import nearest
from doublecode.schemas.study_tables import RATING_KEYS

PATTERNS: Final = tuple(
    f"{first}{mark}{second}"
    for mark in ("_", ".", "-", " ", ":", "__", "")
    for first, second in (("{item}", "{rater}"), ("{rater}", "{item}"))
)
"""How heads of item and rater are made, in the order in which they are tried."""
_MOST_SAID: Final = 12


@dataclass(frozen=True)
class Place:
    """A column of ratings: where it stands, and the item or rater that its head names."""

    column: int
    item: str | None = None
    rater: str | None = None


@dataclass(frozen=True)
class RatingsLayout:
    """The columns of a table of ratings.

    Attributes
    ----------
    keys : mapping of str to int
        Where ``session_id``, ``patient``, ``session``, ``occasion``, ``rater``, ``instrument``, ``item`` stand.
    places : tuple of Place
        Columns that hold ratings.
    said : str
        The layout in words.
    unread : tuple of str
        Heads of columns that are none of these.
    """

    keys: dict[str, int]
    places: tuple[Place, ...]
    said: str
    unread: tuple[str, ...]


def find_layout(
    heads: Sequence[str],
    name: str,
    *,
    layout: str | None = None,
    pattern: str | None = None,
    items: Collection[str] = (),
    raters: Collection[str] = (),
) -> RatingsLayout:
    """Find where the ratings of a table stand.

    Parameters
    ----------
    heads : sequence of str
        As they are called here.
    name : str
        The table, in messages.
    layout : {"long", "wide"}, optional
        What it is said to be; without it the heads tell.
    pattern : str, optional
        How heads of item and rater are made: ``{item}_{rater}``.
    items, raters : collection of str
        Those that are known; empty where none are.

    Raises
    ------
    ContractError
        The heads do not tell, or a column that is needed is not there.

    Examples
    --------
    >>> find_layout(["session_id", "J1_extent", "J2_extent"], "t.csv", items=["extent"]).said
    'wide, a column per item and rater: {rater}_{item}'
    """
    again = next((head for place, head in enumerate(heads) if head and head in heads[:place]), None)
    if again is not None:
        raise ContractError(f"{name}: the column {again!r} stands twice. Remove or rename one of the two.")
    keys = {key: heads.index(key) for key in RATING_KEYS if key in heads}
    is_long = layout == "long" or (layout is None and "value" in keys)
    gone = [key for key in ("rater", "item", "value") if key not in keys] if is_long else []
    if "session_id" not in keys and "session" not in keys:
        raise ContractError(
            f"{name}: no column says which session a row is of: session_id, or patient and session"
            f"{'; ' * bool(gone)}{said_missing(gone) if gone else ''}. "
            f"{_advice(heads, ('session' if 'patient' in keys else 'session_id', *gone))}"
        )
    if is_long:
        if gone:
            raise ContractError(f"{name}: a long table of ratings: {said_missing(gone)}. {_advice(heads, gone)}")
        places: tuple[Place, ...] = (Place(keys.pop("value")),)
        said = "long, a row per rating"
    elif "value" in keys:
        raise ContractError(f"{name}: the column 'value' is that of a long table; say layout = \"long\".")
    else:
        places, said = _wide(heads, name, keys, pattern, items, raters)
    read = {*keys.values(), *(place.column for place in places)}
    unread = tuple(head for place, head in enumerate(heads) if head and place not in read)
    return RatingsLayout(keys, places, said, unread)


def _advice(heads: Sequence[str], wanted: Sequence[str]) -> str:
    found = ", ".join([head for head in heads if head][:_MOST_SAID])
    meant = {one: next((head for head in heads if nearest(one, [head])), "Head") for one in wanted}
    pairs = ", ".join(f'"{head}" = "{one}"' for one, head in meant.items())
    options = " ".join(f'--map "{head}={one}"' for one, head in meant.items())
    what = "the head" if len(meant) == 1 else "the heads"
    return f"Found: {found}. Map {what} of the file: map = {{ {pairs} }} ({options})."


def _wide(
    heads: Sequence[str],
    name: str,
    keys: dict[str, int],
    pattern: str | None,
    items: Collection[str],
    raters: Collection[str],
) -> tuple[tuple[Place, ...], str]:
    others = [(place, head) for place, head in enumerate(heads) if head and place not in keys.values()]
    if "rater" in keys and "item" in keys:
        raise ContractError(f"{name}: the column of the rating is missing. {_advice(heads, ('value',))}")
    if "rater" in keys:
        found = [Place(place, item=head) for place, head in others if not items or head in items]
        what, allowed, said = "item", items, "wide, a column per item"
    elif "item" in keys:
        found = [Place(place, rater=head) for place, head in others if not raters or head in raters]
        what, allowed, said = "rater", raters, "wide, a column per rater"
    else:
        return _both(others, name, pattern, items, raters)
    if not found:
        listed = ", ".join(list(allowed)[:_MOST_SAID])
        raise ContractError(f"{name}: no column is called as {what}s are; found: {_listed(others)}; allowed: {listed}.")
    return tuple(found), said


def _listed(others: Sequence[tuple[int, str]]) -> str:
    return ", ".join([head for _, head in others][:_MOST_SAID]) or "none"


def _both(
    others: Sequence[tuple[int, str]],
    name: str,
    pattern: str | None,
    items: Collection[str],
    raters: Collection[str],
) -> tuple[tuple[Place, ...], str]:
    """Columns whose heads name item and rater: by the pattern that fits most of them."""
    if pattern is None and not (items or raters):
        raise ContractError(
            f"{name}: found the columns {_listed(others)}, and nothing says which part of a head is the item and which "
            'the rater. Say it: pattern = "{item}_{rater}" (--pattern).'
        )
    tried = [pattern] if pattern is not None else list(PATTERNS)
    fits = {one: tuple(_fitting(one, others, items, raters)) for one in tried}
    best = max(fits, key=lambda one: len(fits[one]))
    if not fits[best]:
        known = ", ".join([*list(items)[:_MOST_SAID], *list(raters)[:_MOST_SAID]])
        raise ContractError(
            f"{name}: no head names an item and a rater ({best}); found: {_listed(others)}; allowed are heads made of: "
            f"{known or 'any item and rater'}. Where a column holds the rater or the item, map its head."
        )
    rivals = [one for one in fits if one != best and len(fits[one]) == len(fits[best]) and fits[one] != fits[best]]
    if rivals:
        raise ContractError(
            f'{name}: the heads may be {best} or {rivals[0]}. Say which: pattern = "{best}" (--pattern "{best}").'
        )
    return fits[best], f"wide, a column per item and rater: {best}"


def _fitting(
    pattern: str, others: Sequence[tuple[int, str]], items: Collection[str], raters: Collection[str]
) -> Iterator[Place]:
    parts = re.split(r"(\{item\}|\{rater\})", pattern)
    names = {"{item}": ("item", items), "{rater}": ("rater", raters)}
    text = "".join(
        f"(?P<{names[part][0]}>{_one_of(names[part][1])})" if part in names else re.escape(part) for part in parts
    )
    form = re.compile(text)
    for place, head in others:
        found = form.fullmatch(head)
        if found is not None:
            yield Place(place, found["item"], found["rater"])


def _one_of(names: Collection[str]) -> str:
    return "|".join(map(re.escape, sorted(names, key=len, reverse=True))) or r"[^_.\-\s:]+"


def is_held(book: Instrument, named: Collection[str]) -> bool:
    """Whether every item that a codebook needs is named, by itself or beside something else."""
    needed = [item.name for item in book.columns if not (item.optional or item.given)]
    return bool(needed) and all(any(name.startswith(item) or name.endswith(item) for name in named) for item in needed)
