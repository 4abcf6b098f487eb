"""What a study declares of the pages for its therapists: behaviours, thresholds, smallest cells, remarks."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from doublecode.schemas.declared import Declared
from doublecode.schemas.names import Label, Reference
from doublecode.schemas.study_parts import refuse_twice


class Threshold(Declared):
    """A value that one behaviour is held against, such as a cut-off of competence.

    Attributes
    ----------
    instrument : str
        One of the page's instruments.
    scale, item : str
        Which of its scales or items; exactly one of the two.
    value : float
        The threshold, in points of the scale or item.
    source : str
        Who set it, and where; it is printed beside it.
    """

    instrument: Reference
    scale: Reference | None = None
    item: Reference | None = None
    value: float = Field(allow_inf_nan=False)
    source: Label

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.scale is None) == (self.item is None):
            raise ValueError("a threshold is of one scale or of one item; give one of the two")
        return self

    @property
    def name(self) -> str:
        """The scale or item."""
        return str(self.scale or self.item)


class TherapistPage(Declared):
    """The page of each therapist; ``doublecode therapists`` makes it, apart from the run.

    Attributes
    ----------
    instruments : tuple of str
        Codebooks that code the therapist: all their scales and items that are numbers stand on the page.
    thresholds : tuple of Threshold
        What behaviours are held against.
    fewest_patients : int
        A value that rests on fewer patients is not shown.
    fewest_colleagues : int
        The team is shown only where at least so many other therapists each rest on `fewest_patients` patients.
    hear_again : int
        How many sessions of each kind are named to be heard again; 0 names none.
    comments : bool
        What raters wrote beside the codes stands on the page. Somebody must read it first.
    """

    instruments: tuple[Reference, ...] = Field(min_length=1)
    thresholds: tuple[Threshold, ...] = ()
    fewest_patients: int = Field(default=3, ge=2)
    fewest_colleagues: int = Field(default=3, ge=2)
    hear_again: int = Field(default=2, ge=0, le=10)
    comments: bool = False

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        refuse_twice("therapist_page: instruments", self.instruments)
        refuse_twice("therapist_page: thresholds", [f"{one.instrument}, {one.name}" for one in self.thresholds])
        return self
