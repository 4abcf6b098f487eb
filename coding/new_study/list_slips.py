"""Wrong cells of a list, gathered while it is read, so that all of them are named at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from doublecode.coding.new_study.given_table import GivenTable
from doublecode.schemas.errors import ContractError

MOST_OF_A_COLUMN: Final = 8
"""More wrong cells of one column than these are counted."""


class Slips:
    """What is wrong with a list, by the column it stands in.

    Parameters
    ----------
    table : GivenTable
    """

    def __init__(self, table: GivenTable) -> None:
        self.table = table
        self._by_head: dict[str, list[str]] = {}

    def cell(self, row: int, head: str, said: str) -> None:
        """Note one wrong cell; it is named by its own place."""
        self._by_head.setdefault(head, []).append(f"{self.table.place(row, head)}: {head}: {said}")

    def rows(self, said: str) -> None:
        """Note what is wrong with rows and not with one cell of them."""
        self._by_head.setdefault("", []).append(said)

    def refuse(self) -> None:
        """Refuse the list where anything is wrong with it.

        Raises
        ------
        ContractError
            Every wrong cell, with what was found and what is allowed.
        """
        found = [*self._shown()]
        if len(found) == 1:
            between = ": " if "" in self._by_head else ", "
            raise ContractError(f"{self.table.name}{between}{found[0]}")
        if found:
            n_wrong = sum(map(len, self._by_head.values()))
            raise ContractError("\n  ".join([f"{self.table.name}: {n_wrong} things to be mended.", *found]))

    def _shown(self) -> Iterator[str]:
        for head, said in self._by_head.items():
            yield from said[:MOST_OF_A_COLUMN]
            if len(said) > MOST_OF_A_COLUMN:
                where = f"in the column {head!r}" if head else "such rows"
                yield f"… and {len(said) - MOST_OF_A_COLUMN} more {where}."
