"""The entries of a study's declaration: instruments, raters, variables, rules and models, each checked by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from doublecode.schemas.declared import Declared
from doublecode.schemas.names import Identifier, Label, Name, Reference, Title, VariableName
from doublecode.schemas.toml_lines import EntryError

SessionNumber = Annotated[int, Field(ge=1)]
KEYS: Final = ("session_id", "patient", "therapist", "session")
"""Columns that every frame has: no variable may have their names."""
OF_INSTRUMENT: Final = ("scale", "item", "count")
SOURCES: Final = (*OF_INSTRUMENT, "column", "time", "phase_from")
"""What a variable may be taken from; each has exactly one."""
OF_SESSIONS: Final = ("minutes", "status", "reason", "recording")
"""Columns that every sessions.csv has, beside keys, date and phase: a variable of one of these is of a session."""


def refuse_twice(where: str, names: Sequence[object], *, place: Sequence[int | str] = ()) -> None:
    """Raise ``EntryError`` for what a list names twice; `place` is that of the list."""
    seen: set[object] = set()
    for name in names:
        if name in seen:
            raise EntryError(f"{where} name {name!r} twice; name it once", str(name), place=place)
        seen.add(name)


class InstrumentUse(Declared):
    """How a study uses one instrument.

    Attributes
    ----------
    name : str
        A shipped instrument, or the path of a TOML file relative to the study folder.
    source : {"raters", "outcomes"}
        Filled in by raters (workbooks in ``incoming/``), or an outcome measure
        (``outcomes/<name>.csv``: patient, session, one column per item).
    raters : tuple of str
        Who rates it; ids of ``[[raters]]``. Without the line all do.
    sessions : tuple of int or None
        Session numbers it is used in; None means all. What was rated or answered in another session of the main
        phase is in no number, and the report says how much that is.
    reverse : tuple of str or None
        Exactly these items are reversed, whatever the codebook says; the choice is printed in the report. A
        repeated item is named without a number: all of its slots are reversed, or none.
    minimum_valid : dict of str to int
        By scale: how many of its items must be present, whatever the codebook says, ``{he = 5}``. A sum of fewer items
        than all is scaled up to the full length.
    reliability : {"two-way", "one-way"}
        One-way where it does not matter, or is not known, which rater is which.
    reliability_interval : {"model", "jackknife"}
        Limits of the ICC: exact F or profile likelihood, which take scores as normal, or the jackknife over
        sessions, for scores that pile up on a floor or have a few sessions far from the rest.
    severity : {"points", "latent"}
        Severity of the raters in points of the scale; with ``"latent"`` also on the latent scale of every item of 3 to
        7 ordered codes, by a cumulative model.
    pooling : {"mean", "primary"}
        How the ratings of a double-coded session become one: the mean of the raters, item by
        item, or the rating of the primary rater of the assignment; a session without one has no score, and the
        reason says whose ratings are there.
    consensus : bool
        Whether scores stand on what was agreed on where raters disagreed (workbooks of ``consensus/``, written by
        ``doublecode reconcile``); cells without such a value are pooled as ever. Reliability never does.
    next_session_within : int or None
        Days, of an outcome that is filled in between sessions: a row with a ``date`` and no session number is of the
        patient's next session, the one of the same day included, if it is at most so many days later. Of several rows
        of a session the last one counts. Each row that is linked so, and each that is not, is named.
    """

    name: Label
    source: Literal["raters", "outcomes"] = "raters"
    raters: tuple[Reference, ...] = Field(default=(), min_length=1)
    sessions: tuple[SessionNumber, ...] | None = Field(default=None, min_length=1)
    reverse: tuple[Reference, ...] | None = None
    minimum_valid: dict[Reference, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    reliability: Literal["two-way", "one-way"] = "two-way"
    reliability_interval: Literal["model", "jackknife"] = "model"
    severity: Literal["points", "latent"] = "points"
    pooling: Literal["mean", "primary"] = "mean"
    consensus: bool = False
    next_session_within: int | None = Field(default=None, ge=0, le=366)

    @model_validator(mode="after")
    def _acts(self) -> Self:
        of_raters = ("raters", "reliability", "reliability_interval", "severity", "pooling", "consensus")
        idle = [key for key in of_raters if getattr(self, key) != type(self).model_fields[key].default]
        if self.source == "outcomes" and idle:
            raise ValueError(
                f"instrument {self.name!r}: {idle[0]} has no effect on an outcome, which nobody rates; leave it out"
            )
        if self.source == "raters" and self.next_session_within is not None:
            raise ValueError(
                f"instrument {self.name!r}: next_session_within has no effect on what raters fill in; leave it out"
            )
        if self.severity == "latent" and (self.reliability == "one-way" or 0 < len(self.raters) < 3):
            why = "raters who are told apart" if self.reliability == "one-way" else "three raters or more"
            raise ValueError(f'instrument {self.name!r}: severity = "latent" needs {why}; leave it out')
        for key, values in (
            ("sessions", self.sessions or ()),
            ("raters", self.raters),
            ("reverse", self.reverse or ()),
        ):
            refuse_twice(f"instrument {self.name!r}: {key}", values)
        return self

    @property
    def is_dated(self) -> bool:
        """Whether rows of the outcome may have a date in the place of a session number."""
        return self.next_session_within is not None


class Rater(Declared):
    """One person who codes.

    Attributes
    ----------
    id : str
        What the person is called in tables and file names: letters, digits, dots, dashes; no real name.
    description : str
        Training or task, printed in the report's sample section.
    """

    id: Identifier
    description: str = ""


class Event(Declared):
    """An occasion beyond the sessions at which outcomes are measured: before, after, at follow-up.

    Attributes
    ----------
    name : str
        What the column ``event`` of an outcome's table says, and `event` of a variable.
    label : str
        What the codebook of the frame calls it.
    month : float or None
        Months since the end of treatment; in the codebook of the frame.
    """

    name: Name
    label: str = ""
    month: float | None = Field(default=None, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, given: object) -> object:
        """A bare name is an event."""
        return {"name": given} if isinstance(given, str) else given

    def __str__(self) -> str:
        month = "" if self.month is None else f" ({self.month:g} months after the end)"
        return f"{self.label or self.name}{month}"


def name_or_table(schema: dict[str, Any]) -> None:
    """In the JSON Schema of a list of tables: a name alone may stand for a table."""
    schema["items"] = {"anyOf": [{"type": "string"}, schema["items"]]}


class Variable(Declared):
    """One column of the analysis frame and where it comes from.

    Exactly one source: a `scale`, an `item` or a `count` of an `instrument`, a `column` of the table
    of patients, therapists or sessions, a `time`, or a phase (`phase_from`). In a frame with one row per session the
    value is that of the session, unless `session` or `event` names another; in a frame with one row per patient one of
    the two says which it is, but for columns of patients and therapists.

    Attributes
    ----------
    name : str
        The column's name in formulas: lower case, digits, underscores.
    label : str
        What tables and figures call it.
    instrument : str
        The instrument that a scale, an item or a count belongs to.
    scale : str
        A scale of the instrument.
    item : str
        An item of the instrument.
    count : {"assigned", "completed", "difficulties", "degrees"}
        Of a homework log: how many assignments of the session, how many of them completed, how many difficulties were
        met, the sum of the degrees of completion. A session whose log has an unclear slot has no count.
    of_type : str
        Only homework of this code of the log is counted.
    column : str
        A column of the table of patients, therapists or sessions, whatever its file.
    table : {"patients", "therapists", "sessions"}
        Where the column stands; needed where several tables have one of its name, and where a column of your own in
        the table of sessions has `session`, `lag` or `change`, or is split.
    equals : str
        Makes 0 and 1 of a column: 1 where it says this.
    time : {"days", "weeks"}
        Time from the patient's first session in ``sessions.csv`` to this one, by their dates.
    phase_from : int
        A phase of treatment: 1 from this session on, 0 before.
    session : int
        The number of the session whose value is taken.
    event : str
        The event of ``events`` whose value is taken: an outcome at baseline, post, or follow-up.
    lag : int
        How many sessions before: 1 takes the value of the session whose number is one less, whether or not it was
        held; it is missing where that session has none.
    change : str
        The value less that of another: ``"previous"`` (the session whose number is one less), ``"first"`` (the
        patient's first session in ``sessions.csv``), or an event of an outcome such as ``"baseline"``.
    refers_to : {"since last session", "this session"}
        Which interval its value of a session speaks of; a pair of variables in ``cross_lagged`` is ordered by it.
    """

    name: VariableName
    label: str = ""
    instrument: Label | None = None
    scale: Reference | None = None
    item: Reference | None = None
    count: Literal["assigned", "completed", "difficulties", "degrees"] | None = None
    of_type: str | None = Field(default=None, min_length=1)
    column: str | None = None
    table: Literal["patients", "therapists", "sessions"] | None = None
    equals: str | None = Field(default=None, min_length=1)
    time: Literal["days", "weeks"] | None = None
    phase_from: int | None = Field(default=None, ge=2)
    session: SessionNumber | None = None
    event: Reference | None = None
    lag: int | None = Field(default=None, ge=1)
    change: Reference | None = None
    refers_to: Literal["since last session", "this session"] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        sources = [key for key in SOURCES if getattr(self, key) is not None]
        if len(sources) != 1:
            found = ", ".join(sources) or "none"
            raise ValueError(f"variable {self.name!r} needs exactly one of {', '.join(SOURCES)}; found {found}")
        if (sources[0] in OF_INSTRUMENT) != (self.instrument is not None):
            raise ValueError(
                f"variable {self.name!r}: scale, item and count belong to an instrument, column to a table; "
                + (f"{sources[0]} needs instrument" if self.instrument is None else "leave instrument out")
            )
        return self

    @model_validator(mode="after")
    def _acts(self) -> Self:
        belongs = {"of_type": ("count",), "table": ("column",), "equals": ("column",), "event": ("scale", "item")}
        for key, sources in belongs.items():
            if getattr(self, key) is not None and all(getattr(self, source) is None for source in sources):
                raise ValueError(f"variable {self.name!r}: {key} belongs to {' and '.join(sources)}; leave it out")
        given = [key for key in ("session", "event", "lag") if getattr(self, key) is not None]
        if len(given) > 1:
            raise ValueError(f"variable {self.name!r}: {' and '.join(given)} name different sessions; keep one of them")
        for key in ("session", "lag", "change"):
            if getattr(self, key) is not None and self.phase_from is not None:
                raise ValueError(f"variable {self.name!r}: a phase has no {key}; leave {key} out")
            if getattr(self, key) is not None and self.column is not None and not self.is_of_session:
                raise ValueError(
                    f"variable {self.name!r}: a column of {self.table or 'patients'}.csv has no {key}; leave {key} out"
                    + ("" if self.table else ", or write table = 'sessions' if it is one of sessions.csv")
                )
        if self.change is not None and self.equals is not None:
            raise ValueError(f"variable {self.name!r}: equals makes 0 and 1, which have no change; leave change out")
        if self.event is not None and self.change in ("previous", "first", self.event):
            raise ValueError(
                f"variable {self.name!r}: the change of the event {self.event!r} is from another event; name it in "
                "change"
            )
        return self

    @property
    def is_measured(self) -> bool:
        """Whether it comes from an instrument."""
        return self.instrument is not None

    @property
    def is_of_session(self) -> bool:
        """Whether it is a column of which each session has its own value."""
        named = self.table is None and self.column in OF_SESSIONS
        return self.column is not None and (named or self.table == "sessions")

    @property
    def origin(self) -> str:
        """Where it comes from, in words: every choice of its declaration."""
        own: dict[str, str] = {
            "scale": f"{self.instrument}: scale {self.scale}", "item": f"{self.instrument}: item {self.item}",
            "count": f"{self.instrument}: count {self.count}",
            "column": f"{self.table or 'patients'}.csv: {self.column}",
            "time": f"sessions.csv: {self.time} since the first session",
            "phase_from": f"1 from session {self.phase_from} on, 0 before",
        }  # fmt: skip
        parts = [next(text for key, text in own.items() if getattr(self, key) is not None)]
        told = {"of_type": " of type {}", "equals": " equals {}", "session": " of session {}", "event": " at {}"}
        parts += [text.format(getattr(self, key)) for key, text in told.items() if getattr(self, key) is not None]
        if self.change is not None:
            parts.append(f", change from {self.change}")
        if self.lag is not None:
            parts.append(f", {self.lag} session{'s' if self.lag > 1 else ''} before")
        return "".join(parts)


class OutlierRule(Declared):
    """Values beyond the quartiles are winsorised to the fence, and every change is listed.

    The fences are Q1 − `multiplier`·IQR and Q3 + `multiplier`·IQR with the quantile
    definition `quantiles` (Hyndman & Fan 1996: "linear" is their type 7,
    "weibull" type 6, "hazen" type 5).

    Attributes
    ----------
    variables : tuple of str
        Which variables are held to the fences, in correlations, moderations and group comparisons; series take values
        as observed, so that a variable that stands only there is refused.
    multiplier : float
        How far the fences stand from the quartiles, in interquartile ranges.
    quantiles : {"linear", "weibull", "hazen"}
        How a quartile between two values is found.
    """

    variables: tuple[Reference, ...]
    multiplier: float = Field(default=1.5, gt=0)
    quantiles: Literal["linear", "weibull", "hazen"] = "linear"

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        refuse_twice("outliers: variables", self.variables)
        return self


class ModerationModel(Declared):
    """One moderated regression: outcome on predictor × moderator and covariates.

    Without `moderator` it is a plain multiple regression.

    Attributes
    ----------
    name : str
        The model's name in tables and file names.
    title : str
        Its heading in the report.
    outcome : str
        The variable to be explained.
    predictor : str
        The variable whose slope is asked for.
    moderator : str
        The variable on which that slope may depend.
    covariates : tuple of str
        Variables that are held constant.
    subset : str
        Which rows are used, as a condition in pandas' query language ("hw2 > 0"); printed with the result.
    """

    name: Name
    title: Title
    outcome: Reference
    predictor: Reference
    moderator: Reference | None = None
    covariates: tuple[Reference, ...] = ()
    subset: str | None = None

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names = [self.outcome, self.predictor, *filter(None, [self.moderator]), *self.covariates]
        twice = [name for place, name in enumerate(names) if name in names[:place]]
        if twice:
            raise ValueError(
                f"moderation {self.name!r}: variable {twice[0]!r} stands twice among outcome, predictor, moderator and "
                "covariates; name each once"
            )
        return self

    @property
    def formula(self) -> str:
        """The regression as a formula."""
        product = f"{self.predictor} * {self.moderator}" if self.moderator else self.predictor
        return f"{self.outcome} ~ {' + '.join([product, *self.covariates])}"


class GroupComparison(Declared):
    """One-way analysis of variance of `outcome` over a column of the frame (therapists).

    Attributes
    ----------
    outcome : str
        The variable that is compared.
    group : str
        The column that says who belongs together.
    """

    outcome: Reference
    group: Reference


class Correlations(Declared):
    """Variables whose correlations are tabulated.

    Attributes
    ----------
    variables : tuple of str
        At least two.
    method : {"pearson", "spearman"}
        Of values or of ranks.
    """

    variables: tuple[Reference, ...] = Field(min_length=2)
    method: Literal["pearson", "spearman"] = "pearson"

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        refuse_twice("correlations: variables", self.variables)
        return self
