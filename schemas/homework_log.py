"""What makes a codebook a homework log: which of its items say the type, whether it was done, what stood in the way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import Field, model_validator

from doublecode.schemas.declared import Declared
from doublecode.schemas.names import Reference
from doublecode.schemas.near_names import allowed

Shape = tuple[Mapping[str, str], bool, int]
"""Of an item: its categories, whether a cell may hold several, how often it is repeated."""


class HomeworkLog(Declared):
    """The items of a homework log, by what they say.

    Attributes
    ----------
    type, completed : str
        Nominal items: what the homework was, and whether it was done.
    done : dict of str to float
        Every code of `completed` and how far it means done, from 0 to 1: ``{ Y = 1, N = 0 }``, or degrees such as
        ``{ not = 0, partly = 0.5, modified = 0.5, fully = 1 }``. Completed is what counts 1.
    difficulties : str or None
        Nominal item of what stood in the way; a cell may hold several codes.
    no_difficulty : tuple of str or None
        Codes of `difficulties` that say that there was none; required with it, and empty where no code says so.

    Examples
    --------
    >>> HomeworkLog(type="kind", completed="made", done={"J": 1, "N": 0}).done["J"]
    1.0
    """

    type: Reference
    completed: Reference
    done: dict[str, float] = Field(min_length=1)
    difficulties: Reference | None = None
    no_difficulty: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.names)) < len(self.names):
            raise ValueError("homework_log: type, completed and difficulties must be items of their own")
        wrong = [code for code, degree in self.done.items() if not 0 <= degree <= 1]
        if wrong:
            raise ValueError(f"homework_log: done: {wrong[0]!r} counts {self.done[wrong[0]]:g}; allowed: from 0 to 1")
        if 1 not in self.done.values():
            raise ValueError("homework_log: done: no code counts 1; say which code means done")
        if (self.difficulties is None) != (self.no_difficulty is None):
            raise ValueError(
                "homework_log: difficulties and no_difficulty belong together; write no_difficulty = [] where no code "
                "says that there was none"
            )
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The items: type, completed, and difficulties where they are logged."""
        return tuple(filter(None, (self.type, self.completed, self.difficulties)))

    @property
    def has_degrees(self) -> bool:
        """Whether homework may be done in part."""
        return any(0 < degree < 1 for degree in self.done.values())

    def check(self, shapes: Mapping[str, Shape]) -> None:
        """Hold the log to the items of its codebook; raise ``ValueError`` for what does not fit."""
        nominal = [name for name, (categories, _, _) in shapes.items() if categories]
        for name in self.names:
            if name not in nominal:
                raise ValueError(f"homework_log: {name!r} is no nominal item; {allowed(name, nominal)}")
        repeats = {name: shapes[name][2] for name in self.names}
        if len(set(repeats.values())) > 1:
            found = ", ".join(f"{name} {n}" for name, n in repeats.items())
            raise ValueError(f"homework_log: its items must have the same repeat; found {found}")
        several = [name for name in (self.type, self.completed) if shapes[name][1]]
        if several:
            raise ValueError(f"homework_log: {several[0]!r} must hold one code in a cell; take multiple out")
        _same("done", tuple(self.done), tuple(shapes[self.completed][0]))
        if self.difficulties is not None:
            codes = tuple(shapes[self.difficulties][0])
            stray = [code for code in self.no_difficulty or () if code not in codes]
            if stray:
                raise ValueError(f"homework_log: no_difficulty names {stray[0]!r}; {allowed(stray[0], codes)}")


def _same(key: str, given: tuple[str, ...], codes: tuple[str, ...]) -> None:
    stray = [code for code in given if code not in codes]
    if stray:
        raise ValueError(f"homework_log: {key} names {stray[0]!r}, no code of the item; {allowed(stray[0], codes)}")
    lacking = [code for code in codes if code not in given]
    if lacking:
        raise ValueError(f"homework_log: {key} does not say how far {lacking[0]!r} means done; give it from 0 to 1")
