"""How items become a score: the rules of a scale, and the named stretches of its score."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, Self

from pydantic import Field, model_validator

from doublecode.schemas.declared import Declared
from doublecode.schemas.gathered import Gathered
from doublecode.schemas.names import Label, Name, Reference
from doublecode.schemas.near_names import allowed
from doublecode.schemas.norms import Norms


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

    label: Label
    low: float = Field(allow_inf_nan=False)
    high: float = Field(allow_inf_nan=False)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"band {self.label!r}: low is {self.low:g} and high {self.high:g}; exchange the two")
        return self


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
        A sum over fewer than all items (`minimum_valid` says how few) is scaled up to the full length.
    lagged : tuple of str
        Members taken from the session before, by session number; the score of session 1
        is then missing by definition. Beside `minimum_valid` items in all, each of the two
        sessions must have at least one of its own.
    bands : tuple of Band
        Named stretches of the score with their source in the citation; the report counts the scores in each.
        They do not overlap.
    norms : Norms
        Reliability, norm and cut-off of the score, each with its source; what reliable change stands on.
    """

    name: Name
    label: Label
    items: tuple[Reference, ...] = Field(min_length=1)
    score: Literal["mean", "sum"]
    minimum_valid: int | None = Field(default=None, ge=1)
    prorate: bool = False
    lagged: tuple[Reference, ...] = ()
    bands: tuple[Band, ...] = ()
    norms: Norms | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        wrong = Gathered()
        for check in (self._check_named_once, self._check_lagged, self._check_missing_rule, self._check_bands):
            with wrong.one():
                check()
        wrong.refuse()
        return self

    def _check_named_once(self) -> None:
        for key, names in (("items", self.items), ("lagged", self.lagged)):
            twice = [name for place, name in enumerate(names) if name in names[:place]]
            if twice:
                raise ValueError(f"scale {self.name!r}: {key} name {twice[0]!r} twice; name it once")

    def _check_lagged(self) -> None:
        stray = [name for name in self.lagged if name not in self.items]
        if stray:
            raise ValueError(
                f"scale {self.name!r}: lagged item {stray[0]!r} is not among its items; {allowed(stray[0], self.items)}"
            )

    def _check_missing_rule(self) -> None:
        if self.minimum_valid is not None and self.minimum_valid > len(self.items):
            raise ValueError(
                f"scale {self.name!r}: minimum_valid is above its number of items (found "
                f"{self.minimum_valid}); allowed: 1 to {len(self.items)}"
            )
        if self.prorate and self.score != "sum":
            raise ValueError(f"scale {self.name!r}: only a sum is prorated; a mean needs none")
        if self.prorate and self.required == len(self.items):
            raise ValueError(
                f"scale {self.name!r}: prorate has no effect while all {len(self.items)} items are required; set "
                "minimum_valid below that, or leave prorate out"
            )
        if self.score == "sum" and not self.prorate and self.required < len(self.items):
            raise ValueError(f"scale {self.name!r}: a sum of fewer items counts missing as zero; set prorate = true")

    def _check_bands(self) -> None:
        labels = [band.label for band in self.bands]
        twice = [label for place, label in enumerate(labels) if label in labels[:place]]
        if twice:
            raise ValueError(f"scale {self.name!r}: two bands are called {twice[0]!r}; give each a label of its own")
        for before, after in pairwise(sorted(self.bands, key=lambda band: band.low)):
            if after.low <= before.high:
                end = min(before.high, after.high)
                where = f"at {end:g}" if end == after.low else f"from {after.low:g} to {end:g}"
                raise ValueError(
                    f"scale {self.name!r}: bands {before.label!r} and {after.label!r} overlap {where}; let "
                    f"{before.label!r} end below {after.low:g}, or {after.label!r} begin above {before.high:g}"
                )

    @property
    def required(self) -> int:
        """How many items must be present."""
        return len(self.items) if self.minimum_valid is None else self.minimum_valid

    @property
    def halves(self) -> tuple[tuple[str, ...], ...]:
        """Items of the session before, and of the session itself; a half without items is left out."""
        now = tuple(name for name in self.items if name not in self.lagged)
        return tuple(half for half in (self.lagged, now) if half)

    @property
    def scored(self) -> str:
        """How the score is made, in words."""
        least = "" if self.required == len(self.items) else f", at least {self.required} present"
        return f"{'prorated ' if self.prorate else ''}{self.score} of {len(self.items)}{least}"
