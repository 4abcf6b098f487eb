"""The items of other codebooks that ask for the same: there must be such a codebook, and it must have them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from doublecode.schemas.errors import InstrumentError
from doublecode.schemas.item import Item
from doublecode.schemas.near_names import allowed, ended


def check_crosswalk(
    file: str, items: Sequence[Item], books: Collection[str], items_of: Callable[[str], Iterable[str]]
) -> None:
    """Refuse a crosswalk to a codebook that is none of `books`, or to an item that it lacks.

    Parameters
    ----------
    file : str
        The codebook's file, in messages.
    items : sequence of Item
    books : collection of str
        Names of the codebooks that can be looked up.
    items_of : callable
        The names of a codebook's items.

    Raises
    ------
    InstrumentError
        Names the item, what was found, what is allowed, and what may have been meant.
    """
    for item in items:
        where = f"{file}: item {item.name!r}, crosswalk"
        for name, written in item.crosswalk.items():
            if name not in books:
                raise InstrumentError(f"{where}: there is no codebook {name!r}; {ended(allowed(name, books))}")
            known = list(dict.fromkeys(items_of(name)))
            for one in map(str.strip, written.split(",")):
                if one not in known:
                    raise InstrumentError(f"{where}: {name} has no item {one!r}; {ended(allowed(one, known))}")
