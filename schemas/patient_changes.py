"""Change of patients as a study declares it: ``[[patient_changes]]``, from a first to a last value, and in between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from doublecode.schemas.declared import Declared
from doublecode.schemas.errors import StudyError
from doublecode.schemas.gathered import Gathered
from doublecode.schemas.names import Name, Reference, Title
from doublecode.schemas.near_names import allowed, ended
from doublecode.schemas.norms import NO_NORMS, Norms, Spread
from doublecode.schemas.scale_tables import norms_outside, score_range
from doublecode.schemas.study_parts import Event, Variable, refuse_twice
from doublecode.schemas.variable_checks import Uses

ENDS: Final = ("first", "last")


class PatientChange(Declared):
    """Reliable and clinically significant change of patients, sudden gains, and how homework goes with both.

    Attributes
    ----------
    name : str
        Its name in tables and file names.
    title : str
        Its heading in the report.
    outcome : str
        A variable of the sessions that is a scale: its first and last values, and its course.
    pre, post : str
        Before and after: ``"first"`` or ``"last"``, the patient's first or last session with a value of `outcome`; or
        a variable with one value per patient, of an event or a session.
    norms : Norms
        Reliability, norm and cut-off in place of those of the codebook: ``[patient_changes.norms]``.
    from_sample : tuple of {"sd", "reliability"}
        What is taken from these patients in place of a norm: the standard deviation before, Cronbach's alpha before.
        It is labelled so wherever it is printed.
    sudden_gains : bool
        Whether sudden gains and losses from session to session are looked for.
    smallest_gain : Spread
        The first criterion of a sudden gain in points, ``{ value = 7, source = "Tang & DeRubeis (1999), BDI" }``;
        without it the smallest reliable change.
    gain_share : float
        The second one: the gain as a share of the value before.
    homework : tuple of str
        Variables of the sessions, such as homework engagement, that are compared before a sudden gain with other
        sessions of the patient, and between patients who improved reliably and others.
    """

    name: Name
    title: Title
    outcome: Reference | None = None
    pre: Reference = "first"
    post: Reference = "last"
    norms: Norms | None = None
    from_sample: tuple[Literal["sd", "reliability"], ...] = ()
    sudden_gains: bool = False
    smallest_gain: Spread | None = None
    gain_share: float = Field(default=0.25, ge=0, lt=1)
    homework: tuple[Reference, ...] = ()

    @model_validator(mode="after")
    def _acts(self) -> Self:
        where = f"patient change {self.name!r}"
        refuse_twice(f"{where}: homework", self.homework)
        refuse_twice(f"{where}: from_sample", self.from_sample)
        if self.pre == self.post or (self.pre == "last" and self.post == "first"):
            raise ValueError(f"{where}: pre is {self.pre!r} and post {self.post!r}; name an earlier and a later value")
        if self.outcome is None and (self.sudden_gains or {self.pre, self.post} & {*ENDS}):
            why = "sudden_gains" if self.sudden_gains else "first and last"
            raise ValueError(f"{where}: {why} need outcome, the variable whose sessions are looked at")
        idle = {"smallest_gain", "gain_share"} & self.model_fields_set
        if idle and not self.sudden_gains:
            raise ValueError(
                f"{where}: {min(idle)} has no effect without sudden_gains; write sudden_gains = true, or leave it out"
            )
        both = [name for name in self.from_sample if self.norms and getattr(self.norms, name) is not None]
        if both:
            raise ValueError(f"{where}: {both[0]} stands under norms and in from_sample; keep one of them")
        return self

    @property
    def variables(self) -> tuple[str, ...]:
        """All variables that it names."""
        named = (self.outcome, *(name for name in (self.pre, self.post) if name not in ENDS), *self.homework)
        return tuple(name for name in named if name is not None)

    @property
    def measured(self) -> str:
        """The variable that says which scale is measured: the outcome, else that before."""
        return self.outcome or self.pre


def norms_of(asked: PatientChange, variable: Variable, uses: Uses) -> Norms:
    """The norms of a change: those of the codebook, with what the study gives in their place."""
    scales = uses[str(variable.instrument)][0].scales
    own = next((one.norms for one in scales if one.name == variable.scale), None)
    return (own or NO_NORMS).instead(asked.norms)


def check_patient_changes(
    changes: Sequence[PatientChange],
    variables: Mapping[str, Variable],
    uses: Uses,
    unit: Literal["session", "patient"],
    events: Sequence[Event] = (),
) -> None:
    """Hold changes of patients to variables that are there, of one scale, with norms.

    Raises
    ------
    StudyError
        A variable is no score of a scale, before and after are of different scales, not of one value per patient or
        in the wrong order, a norm is missing or none of the scale's scores, or sessions are asked for where a row is
        a patient.
    """
    wrong = Gathered()
    for one in changes:
        if not all(_is_known(variables.get(name), uses) for name in one.variables):
            continue  # refused as a variable
        with wrong.one():
            _check_sessions(one, variables, uses, unit)
        with wrong.one():
            _check_order(one, variables, events)
        with wrong.one():
            _check_scale(one, variables)
        with wrong.one():
            _check_norms(one, variables, uses)
    wrong.refuse()


def _is_known(variable: Variable | None, uses: Uses) -> bool:
    """Whether a variable is declared, and its scale is in the codebook."""
    if variable is None or variable.instrument is None:
        return variable is not None
    if variable.instrument not in uses:
        return False
    scales = [one.name for one in uses[variable.instrument][0].scales]
    return variable.scale is None or variable.scale in scales


def _check_sessions(one: PatientChange, variables: Mapping[str, Variable], uses: Uses, unit: str) -> None:
    where = f"patient change {one.name!r}"
    ends = [name for name in (one.pre, one.post) if name in ENDS]
    if unit == "patient" and (one.sudden_gains or ends):
        raise StudyError(
            f"{where}: {'sudden_gains' if one.sudden_gains else repr(ends[0])} needs sessions, and a row is a patient "
            "here. Name variables of a session or an event in pre and post, and take the rest out."
        )
    if unit == "patient":
        return
    for key, name in (("pre", one.pre), ("post", one.post)):
        if name not in ENDS and not _is_of_patient(variables[name], uses):
            fixed = [*ENDS, *(other for other, of in variables.items() if of.scale and _is_of_patient(of, uses))]
            raise StudyError(
                f"{where}: {key}: {name!r} differs from session to session; {ended(allowed(name, fixed))} A variable "
                "of one session (session = …) or of an event (event = …) has one value per patient."
            )
    for key, names in (("outcome", filter(None, [one.outcome])), ("homework", one.homework)):
        for name in names:
            if _is_of_patient(variables[name], uses):
                raise StudyError(
                    f"{where}: {key}: {name!r} is the same in all sessions of a patient; name a variable of the "
                    "sessions."
                )


def _check_order(one: PatientChange, variables: Mapping[str, Variable], events: Sequence[Event]) -> None:
    """Before is before after, as far as a declaration can tell."""
    where = f"patient change {one.name!r}"
    ends = [variables.get(name) for name in (one.pre, one.post)]
    pre, post = ends
    numbers = [end.session for end in ends if end is not None and end.session is not None]
    if numbers and None in ends:
        named = next(end.name for end in ends if end is not None)
        raise StudyError(
            f"{where}: {named!r} is of session {numbers[0]}, which may be before or after the first or "
            "last session with a value; name a variable of one session, or of an event, in both pre and post."
        )
    if len(numbers) == 2 and numbers[0] >= numbers[1]:
        raise StudyError(f"{where}: pre is of session {numbers[0]} and post of session {numbers[1]}; exchange the two.")
    place = {event.name: (at, event.month) for at, event in enumerate(events)}
    before, after = (place.get(str(end.event)) if end is not None else None for end in ends)
    if before is None or pre is None:
        return
    if before[1] is not None and after is None:
        raise StudyError(
            f"{where}: pre is of {pre.event!r}, {before[1]:g} months after the end of treatment, and post of a session."
            " Exchange the two."
        )
    if after is not None and post is not None and not _is_earlier(before, after):
        raise StudyError(
            f"{where}: pre is of {pre.event!r} and post of {post.event!r}, which is not later by events. Exchange the "
            "two, or write events in the order of time."
        )


def _is_earlier(one: tuple[int, float | None], other: tuple[int, float | None]) -> bool:
    """Whether an event is before another: by months after the end where both have them, else by the order in events."""
    if one[1] is not None and other[1] is not None and one[1] != other[1]:
        return one[1] < other[1]
    return one[0] < other[0]


def _is_of_patient(variable: Variable, uses: Uses) -> bool:
    """Whether each patient has one value."""
    if variable.session is not None or variable.event is not None:
        return True
    if variable.instrument is not None:
        sessions = uses[variable.instrument][1].sessions
        return sessions is not None and len(sessions) == 1
    return variable.column is not None and not variable.is_of_session


def _check_scale(one: PatientChange, variables: Mapping[str, Variable]) -> None:
    where = f"patient change {one.name!r}"
    keys = {"outcome": one.outcome, "pre": one.pre, "post": one.post}
    named = {key: name for key, name in keys.items() if name is not None and name not in ENDS}
    for key, name in named.items():
        found = variables[name]
        if found.scale is None or found.change is not None or found.lag is not None:
            scores = [other for other, of in variables.items() if of.scale and not (of.change or of.lag)]
            raise StudyError(f"{where}: {key}: {name!r} is no score of a scale; {ended(allowed(name, scores))}")
    scales = {f"{variables[name].instrument}: scale {variables[name].scale}" for name in named.values()}
    if len(scales) > 1:
        raise StudyError(f"{where}: {', '.join(named)} are of different scales ({', '.join(sorted(scales))}).")


def _check_norms(one: PatientChange, variables: Mapping[str, Variable], uses: Uses) -> None:
    variable = variables[one.measured]
    if variable.scale is None:
        return  # refused as no score of a scale
    norms = norms_of(one, variable, uses)
    where = f"patient change {one.name!r}"
    for name in norms.lacking:
        if name not in one.from_sample:
            example = "0.89" if name == "reliability" else "6.1"
            raise StudyError(
                f"{where}: norms: there is no {name} of {variable.instrument}, scale {variable.scale}. Write "
                f'{name} = {{ value = {example}, source = "…" }} with the published value under '
                f"[patient_changes.norms], or under [scales.norms] of the codebook; or, labelled wherever it is "
                f'printed, from_sample = ["{name}"].'
            )
    book = uses[str(variable.instrument)][0]
    said = norms_outside(norms, *score_range(book.scale(variable.scale), {item.name: item for item in book.columns}))
    if said:
        raise StudyError(f"{where}: norms: {said}.")
    if "reliability" in one.from_sample and len(book.scale(variable.scale).items) < 2:
        raise StudyError(f"{where}: from_sample: a scale of one item has no Cronbach's alpha. Give its reliability.")
