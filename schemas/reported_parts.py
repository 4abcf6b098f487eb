"""What a study declares of what papers print beside the models: items left out, rows of the sample, the flow."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from doublecode.schemas.declared import Declared
from doublecode.schemas.names import Bound, Codes, Identifier, Label, Reference, Title
from doublecode.schemas.study_parts import SessionNumber, refuse_twice


def _several(given: object) -> object:
    """A bare name is one of one."""
    return (given,) if isinstance(given, str) else tuple(given) if isinstance(given, list) else given


class DropRule(Declared):
    """Which items of an instrument are left out for their reliability, as it was written down beforehand.

    Attributes
    ----------
    instrument : str
        Name of the instrument whose items are judged.
    below : float
        Items whose coefficient of one rater lies below it are dropped.
    on : {"estimate", "conf_low", "conf_high"}
        Which number is compared; ``"conf_high"`` drops only what lies below for certain.
    dropped : tuple of str
        Items that are left out whatever the data say, because a decision of before says so.
    declared : str
        Where and when the rule was written: protocol, registration, paper.
    """

    instrument: Reference
    below: float | None = Field(default=None, gt=0, lt=1)
    on: Literal["estimate", "conf_low", "conf_high"] = "estimate"
    dropped: tuple[Reference, ...] = ()
    declared: str = ""

    @model_validator(mode="after")
    def _acts(self) -> Self:
        where = f"drop rule of {self.instrument!r}"
        if self.below is None and not self.dropped:
            raise ValueError(f"{where}: give below, such as below = 0.4, or name items in dropped")
        if self.below is None and self.on != "estimate":
            raise ValueError(f"{where}: on has no effect without below; leave it out")
        refuse_twice(f"{where}: dropped", self.dropped)
        return self


class SampleRow(Declared):
    """A row of the sample table that is counted from columns of one table.

    Exactly one condition: `any_of`, `other_than`, `answers`, or `at_least` and `at_most`. Who has no answer in any of
    the columns counts as missing.

    Attributes
    ----------
    label : str
        What the row is called: "Three or more disorders".
    columns : tuple of str
        One column, or several of the same table; a cell may hold several answers with ``;`` between them.
    any_of : tuple of str
        Counted is who has one of these answers.
    other_than : tuple of str
        Counted is who has an answer that is none of these: ``other_than = ["White"]``.
    answers : int
        Counted is who has so many answers or more, over all the columns.
    not_counted : tuple of str
        Of `answers`: what is no answer, such as ``["none", "0"]``.
    at_least, at_most : float
        Of a column of numbers: counted is who lies within.
    """

    label: Title
    columns: Annotated[tuple[Identifier, ...], BeforeValidator(_several)] = Field(min_length=1)
    any_of: Codes = ()
    other_than: Codes = ()
    answers: int | None = Field(default=None, ge=1)
    not_counted: Codes = ()
    at_least: Bound | None = None
    at_most: Bound | None = None

    @model_validator(mode="after")
    def _one_condition(self) -> Self:
        where = f"sample row {self.label!r}"
        ranged = self.at_least is not None or self.at_most is not None
        asked = [bool(self.any_of), bool(self.other_than), self.answers is not None, ranged]
        if sum(asked) != 1:
            raise ValueError(f"{where}: give exactly one of any_of, other_than, answers, or at_least and at_most")
        if self.not_counted and self.answers is None:
            raise ValueError(f"{where}: not_counted has no effect without answers; leave it out")
        if ranged and len(self.columns) > 1:
            raise ValueError(f"{where}: at_least and at_most are of one column; found {len(self.columns)}")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(f"{where}: at_least {self.at_least:g} lies above at_most {self.at_most:g}")
        refuse_twice(f"{where}: columns", self.columns)
        return self


class FlowLoss(Declared):
    """Patients who left before the table of patients begins.

    Attributes
    ----------
    reason : str
        Why, as the figure prints it.
    n : int
        How many.
    """

    reason: Label
    n: int = Field(ge=1)


class FlowStep(Declared):
    """One box of the flow of patients.

    Without `n`, `session` or `without` the box holds whom the steps before have left.

    Attributes
    ----------
    label : str
        What the box says: "Randomised".
    n : int
        How many there were, where that was before the table of patients begins.
    lost : tuple of FlowLoss
        Of `n`: who left after this box, ``[{reason = "not eligible", n = 98}]``.
    without : tuple of str
        Reasons in the table of patients: who has one of them left before this box.
    session : int
        Who had a session of this number (or a later one) in the table of sessions.
    """

    label: Label
    n: int | None = Field(default=None, ge=1)
    lost: tuple[FlowLoss, ...] = ()
    without: tuple[Label, ...] = ()
    session: SessionNumber | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        where = f"flow {self.label!r}"
        if (self.n is not None) + bool(self.without) + (self.session is not None) > 1:
            raise ValueError(f"{where}: give at most one of n, without and session")
        if self.lost and self.n is None:
            raise ValueError(f"{where}: lost belongs to n; who left later is counted from the table of patients")
        if self.n is not None and sum(one.n for one in self.lost) > self.n:
            raise ValueError(f"{where}: lost adds up to more than n = {self.n}")
        refuse_twice(f"{where}: without", self.without)
        return self


class Reported(Declared):
    """What papers print beside the models.

    Attributes
    ----------
    drop_rules : tuple of DropRule
        Items that are left out for their reliability.
    sample_columns : tuple of str
        Columns of the tables of patients and therapists that the table of the sample shows; of the table of sessions
        where neither has it, such as ``minutes``.
    sample_rows : tuple of SampleRow
        Rows of the sample table that are counted from columns.
    flow : tuple of FlowStep
        The boxes of the flow of patients; without it the statuses of the table of patients make them.
    """

    drop_rules: tuple[DropRule, ...] = ()
    sample_columns: tuple[str, ...] = ()
    sample_rows: tuple[SampleRow, ...] = ()
    flow: tuple[FlowStep, ...] = ()

    @model_validator(mode="after")
    def _said_once(self) -> Self:
        refuse_twice("drop_rules: instrument", [one.instrument for one in self.drop_rules])
        refuse_twice("sample_rows: label", [one.label for one in self.sample_rows])
        refuse_twice("flow: label", [one.label for one in self.flow])
        counted = [at for at, one in enumerate(self.flow) if one.n is not None]
        if counted and counted != list(range(len(counted))):
            late = self.flow[counted[-1]].label
            raise ValueError(f"flow {late!r}: n is of what was before the table of patients; put such boxes first")
        return self

    @property
    def sample_sources(self) -> tuple[str, ...]:
        """Columns that the table of the sample shows, or counts its rows from."""
        counted = (name for one in self.sample_rows for name in one.columns)
        return tuple(dict.fromkeys((*self.sample_columns, *counted)))
