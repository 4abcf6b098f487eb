"""What a study demands of its plan of who rates what: strata, shares, limits of raters, who may not rate whom."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from doublecode.schemas.declared import Declared
from doublecode.schemas.gathered import Gathered
from doublecode.schemas.names import Label, Reference
from doublecode.schemas.study_parts import SessionNumber, refuse_twice

STAGE: Final = "stage"
"""Stratum that is made of the session numbers by ``stages``."""
Share = Annotated[float, Field(ge=0, le=1, strict=False)]


class StratumShare(Declared):
    """A share of double coding of its own for some sessions; of several entries that fit, the last counts.

    Attributes
    ----------
    column : str
        A column of ``sessions.csv``, ``patients.csv`` or ``therapists.csv``, or ``stage``.
    value : str
        What the column says of these sessions.
    share : float
        Share of these sessions that is coded twice, 0 to 1.
    """

    column: str
    value: str
    share: Share


class Limit(Declared):
    """The most that a rater can do: in all, in a batch, or of the sessions of some dates.

    An absence is a limit of 0 sessions. Main-phase ratings count, recodes and anchors too, the pilot does not; a limit
    with dates counts first codings of sessions held then.

    Attributes
    ----------
    rater : str
        An id of ``[[raters]]``.
    sessions : int or None
        The most sessions.
    hours : float or None
        The same as hours of work; needs ``minutes_per_rating``.
    batch : int or None
        Only in this batch; without it, and without dates, in all.
    since : date or None
        First date of the sessions that are meant.
    until : date or None
        Their last date.
    left : bool
        The rater has gone: she gets nothing more, and keeps what she has done.
    """

    rater: Reference
    sessions: Annotated[int, Field(ge=0)] | None = None
    hours: Annotated[float, Field(ge=0, strict=False)] | None = None
    batch: Annotated[int, Field(ge=1)] | None = None
    since: dt.date | None = None
    until: dt.date | None = None
    left: bool = False

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        given = [key for key in ("sessions", "hours") if getattr(self, key) is not None] + ["left"] * self.left
        if len(given) != 1:
            found = ", ".join(given) or "none"
            raise ValueError(
                f"limit of {self.rater}: exactly one of sessions, hours, left = true is needed; found {found}"
            )
        if self.batch is not None and self.is_dated:
            raise ValueError(f"limit of {self.rater}: batch and dates are two kinds of periods; keep one of them")
        if self.left and (self.batch is not None or self.is_dated):
            raise ValueError(f"limit of {self.rater}: who has left is absent for good; leave batch and dates out")
        if self.since is not None and self.until is not None and self.since > self.until:
            raise ValueError(
                f"limit of {self.rater}: since {self.since} lies after until {self.until}; exchange the two"
            )
        return self

    @property
    def is_dated(self) -> bool:
        """Whether it is of the sessions of some dates."""
        return self.since is not None or self.until is not None

    def most(self, minutes: float | None) -> int:
        """The most sessions, of `minutes` each where hours are declared."""
        if self.hours is not None and minutes is not None:
            return int(self.hours * 60 / minutes + 1e-9)
        return self.sessions or 0

    def covers(self, date: object) -> bool:
        """Whether a session of this date (YYYY-MM-DD) is meant; one without a date is not."""
        text = date if isinstance(date, str) else ""
        late = self.since is None or text >= self.since.isoformat()
        return bool(text) and late and (self.until is None or text <= self.until.isoformat())

    def __str__(self) -> str:
        dates = (f" since {self.since}" if self.since else "") + (f" until {self.until}" if self.until else "")
        return f"{self.rater}" + (f" in batch {self.batch}" if self.batch else "") + dates


class Restriction(Declared):
    """Whom a rater may not rate, such as patients of a therapist whom she knows, or the only ones she may.

    Attributes
    ----------
    rater : str
        An id of ``[[raters]]``.
    column : str
        A column of ``sessions.csv``, ``patients.csv`` or ``therapists.csv``: therapist, patient, site.
    never : tuple of str
        Sessions of which the column says one of these are not hers.
    only : tuple of str
        Sessions of which it says anything else are not hers.
    """

    rater: Reference
    column: str
    never: tuple[str, ...] = ()
    only: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if bool(self.never) == bool(self.only):
            raise ValueError(f"restriction of {self.rater}: exactly one of never and only is needed")
        refuse_twice(f"restriction of {self.rater}", self.never or self.only)
        return self

    def forbids(self, value: str) -> bool:
        """Whether sessions with this value are not the rater's."""
        return value in self.never or (bool(self.only) and value not in self.only)

    def without(self, value: str) -> Restriction | None:
        """What is left when sessions with `value` are allowed."""
        if self.only:
            return self.model_copy(update={"only": (*self.only, value)})
        rest = tuple(one for one in self.never if one != value)
        return self.model_copy(update={"never": rest}) if rest else None


class Separation(Declared):
    """Instruments that no one may rate of the same patient, or of the same therapist.

    Attributes
    ----------
    instruments : tuple of str
        Their short names: of one patient (or therapist) a rater rates one of them at most.
    within : {"patient", "therapist"}
        Whether the raters differ for each patient, or for each therapist.
    """

    instruments: tuple[Label, ...] = Field(min_length=2)
    within: Literal["patient", "therapist"] = "patient"

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        refuse_twice("separation: instruments", self.instruments)
        return self


class Demands(Declared):
    """What ``doublecode allocate`` keeps to; ``[allocation]`` of ``study.toml``.

    Attributes
    ----------
    share : float
        Share of the main sessions that is coded twice, 0 to 1.
    shares : tuple of StratumShare
        Sessions with a share of their own.
    strata : tuple of str
        Columns of ``sessions.csv``, ``patients.csv`` or ``therapists.csv``, or ``stage``. In each cell of their
        crossing the sessions coded twice are the share of its size, rounded down or up; sums over cells are held as
        near.
    stages : tuple of int
        Last session numbers of the stages of treatment: ``[4]`` makes sessions 1–4 and 5 on.
    batches : int
        Into how many workbooks a rater's main sessions are split.
    limits : tuple of Limit
        The most that raters can do, and when they are absent.
    restrictions : tuple of Restriction
        Who may not rate whom.
    separations : tuple of Separation
        Instruments of one patient or therapist that go to different raters; each instrument in one entry at most.
    recodes : int
        Sessions that each rater codes a second time (``occasion`` 2), in her last batch.
    anchors : int or tuple of str
        Sessions, or how many to draw, that all raters rate and that are issued again.
    anchor_times : int
        How often anchors are issued again: ``occasion`` 2, 3 and so on, spread over the batches.
    training : tuple of str
        Ids of sessions that are kept out of the plan, because raters were trained with them.
    connected : bool
        Whether all raters must hang together along sessions that they share.
    minutes_per_rating : float or None
        Minutes of work that one session costs; turns the hours of limits into sessions.
    """

    share: Share = 0.4
    shares: tuple[StratumShare, ...] = ()
    strata: tuple[str, ...] = Field(default=("therapist", "patient", STAGE), max_length=5)
    stages: tuple[SessionNumber, ...] = (4,)
    batches: Annotated[int, Field(ge=1)] = 1
    limits: tuple[Limit, ...] = ()
    restrictions: tuple[Restriction, ...] = ()
    separations: tuple[Separation, ...] = ()
    recodes: Annotated[int, Field(ge=0)] = 0
    anchors: Annotated[int, Field(ge=0)] | tuple[str, ...] = 0
    anchor_times: Annotated[int, Field(ge=1)] = 1
    training: tuple[str, ...] = ()
    connected: bool = True
    minutes_per_rating: Annotated[float, Field(gt=0, strict=False)] | None = None

    @model_validator(mode="after")
    def _acts(self) -> Self:
        wrong = Gathered()
        lists = {
            "strata": self.strata, "training": self.training, "anchors": self.named_anchors,
            "separations": [name for one in self.separations for name in one.instruments],
            "anchors and training": (*dict.fromkeys(self.training), *dict.fromkeys(self.named_anchors)),
        }  # fmt: skip
        for where, names in lists.items():
            with wrong.one():
                refuse_twice(f"allocation: {where}", names)
        for limit in self.limits:
            with wrong.one():
                self._check_batch(limit)
        with wrong.one():
            self._check_effects()
        wrong.refuse()
        return self

    def _check_batch(self, limit: Limit) -> None:
        if limit.batch is not None and limit.batch > self.batches:
            raise ValueError(
                f"allocation: limit of {limit}: batches is {self.batches}; raise it, or name another batch"
            )

    def _check_effects(self) -> None:
        """Refuse what would change nothing, and hours that nothing turns into sessions."""
        if self.anchor_times != 1 and not self.anchors:
            raise ValueError("allocation: anchor_times has no effect without anchors; leave it out")
        if self.stages != (4,) and STAGE not in self._named():
            raise ValueError("allocation: stages has no effect where nothing names 'stage'; leave it out")
        if self.minutes_per_rating is None and any(limit.hours is not None for limit in self.limits):
            raise ValueError("allocation: limits in hours need minutes_per_rating, the work that one session costs")
        if self.minutes_per_rating is not None and all(limit.hours is None for limit in self.limits):
            raise ValueError("allocation: minutes_per_rating has no effect without a limit in hours; leave it out")

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the study's tables that it asks for."""
        return tuple(dict.fromkeys(name for name in self._named() if name != STAGE))

    @property
    def named_anchors(self) -> tuple[str, ...]:
        """Anchors that are named; none where they are drawn."""
        return self.anchors if isinstance(self.anchors, tuple) else ()

    def _named(self) -> tuple[str, ...]:
        return (*self.strata, *(one.column for one in self.shares), *(one.column for one in self.restrictions))

    @property
    def raters(self) -> tuple[str, ...]:
        """Raters whom it names."""
        return tuple(dict.fromkeys([one.rater for one in self.limits] + [one.rater for one in self.restrictions]))
