"""Change of patients as a study declares it: reliable change, sudden gains and losses, homework beside both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
import pandas as pd

from doublecode.analysis.linking.homework_and_change import (
    HomeworkBeforeGains,
    HomeworkByChange,
    homework_before_gains,
    homework_by_change,
)
from doublecode.analysis.linking.patient_change import Moments, ReliableChange, reliable_change
from doublecode.analysis.linking.sudden_gain_criteria import SuddenGains, sudden_gains
from doublecode.schemas.errors import NotEstimable, UsageError
from doublecode.schemas.patient_changes import ENDS, norms_of
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from doublecode.schemas.instrument import Instrument
    from doublecode.schemas.norms import GroupNorm, Norms
    from doublecode.schemas.patient_changes import PatientChange
    from doublecode.schemas.study import Study
    from doublecode.schemas.study_parts import Variable

Answer = TypeVar("Answer")
OWN = {
    "sd": "these patients before, not a norm",
    "reliability": "Cronbach's alpha of these patients before, not a published one",
}
"""Source of what is taken from the sample itself."""


@dataclass(frozen=True, eq=False)
class DeclaredChange:
    """What was computed of one declared change.

    Attributes
    ----------
    asked : PatientChange
    variable : str
        The variable that says which scale is measured.
    people : DataFrame
        One row per patient: ``patient``, ``before``, ``after``, ``session_before``, ``session_after`` (of first and
        last values, else missing), ``row_before``, ``row_after`` (places in the analysis frame; -1 where there is no
        value).
    measure : DataFrame
        What a reliable change stands on: ``part``, ``value``, ``source``.
    change : ReliableChange
    gains, losses : SuddenGains or None
    before_gains : HomeworkBeforeGains or None
    by_change : HomeworkByChange or None
    notes : tuple of Note
        Of the sample's own reliability.
    """

    asked: PatientChange
    variable: str
    people: pd.DataFrame
    measure: pd.DataFrame
    change: ReliableChange
    gains: SuddenGains | None = None
    losses: SuddenGains | None = None
    before_gains: HomeworkBeforeGains | None = None
    by_change: HomeworkByChange | None = None
    notes: tuple[Note, ...] = ()


def declared_changes(
    study: Study, frame: pd.DataFrame, at_events: pd.DataFrame | None, items: pd.DataFrame
) -> tuple[tuple[DeclaredChange, ...], tuple[Note, ...]]:
    """Compute the declared changes of patients; what cannot be computed is named with its reason.

    Parameters
    ----------
    study : Study
    frame : DataFrame
        The analysis frame, values as observed.
    at_events : DataFrame or None
        Items at baseline, post, follow-up.
    items : DataFrame
        Items of sessions, pooled.
    """
    refused: list[Note] = []
    found = []
    for asked in study.patient_changes:
        one = _tried(asked.title, partial(_change, study, asked, frame, at_events, items), refused)
        if one is not None:
            found.append(_with_course(one, frame, refused))
    return tuple(found), tuple(refused)


def _tried(title: str, compute: Callable[[], Answer], refused: list[Note]) -> Answer | None:
    try:
        return compute()
    except (NotEstimable, UsageError) as reason:
        refused.append(Note("not_estimated", title, {"reason": str(reason)}))
        return None


def _change(
    study: Study, asked: PatientChange, frame: pd.DataFrame, at_events: pd.DataFrame | None, items: pd.DataFrame
) -> DeclaredChange:
    variables = {one.name: one for one in study.variables}
    variable = variables[asked.measured]
    uses = {name: (book, study.use(name)) for name, book in study.codebooks.items()}
    norms = norms_of(asked, variable, uses)
    people = patients_ends(asked, frame)
    notes = []
    if "reliability" in asked.from_sample:
        book = study.codebooks[str(variable.instrument)]
        reliability, n = _alpha_before(asked, people, book, variable, variables, at_events, items)
        notes.append(Note("change_sample_reliability", numbers={"n": n}))
    else:
        reliability = norms.reliability.value if norms.reliability else np.nan
    sd: float | Literal["sample"] = norms.sd.value if norms.sd else np.nan
    if "sd" in asked.from_sample:
        sd = "sample"
    found = reliable_change(
        people, "before", "after", reliability=reliability, sd=sd, source=_sources(asked, norms),
        cutoff=None if norms.cutoff is None else norms.cutoff.value, clinical=_moments(norms.patients),
        norm=_moments(norms.others), better=norms.better,
    )  # fmt: skip
    return DeclaredChange(asked, asked.measured, people, _measure(asked, norms, found), found, notes=tuple(notes))


def _moments(group: GroupNorm | None) -> Moments | None:
    return None if group is None else (group.mean, group.sd)


def _sources(asked: PatientChange, norms: Norms) -> str:
    given = [OWN[name] for name in asked.from_sample]
    given += [source for name, _, source in norms.rows if name not in asked.from_sample]
    return "; ".join(dict.fromkeys(given))


def patients_ends(asked: PatientChange, frame: pd.DataFrame) -> pd.DataFrame:
    """Values before and after of each patient of the frame, and where they stand in it.

    A patient with one value of the outcome has a first one and no last one.
    """
    columns = {name: frame[name].to_numpy() for name in ("patient", "session") if name in frame.columns}
    values = {end: frame[end if end not in ENDS else asked.outcome].to_numpy(float) for end in (asked.pre, asked.post)}
    order = np.lexsort((columns["session"],)) if "session" in columns else np.arange(len(frame))
    places = pd.Series(order).groupby(columns["patient"][order]).indices
    rows = []
    for name in dict.fromkeys(columns["patient"]):
        mine = order[places[name]]
        row: dict[str, Any] = {"patient": name}
        for key, end in (("before", asked.pre), ("after", asked.post)):
            held = [int(at) for at in mine if not np.isnan(values[end][at])]
            if end == "last" and asked.pre == "first":
                held = held[1:]
            place = -1 if not held else held[-1] if end == "last" else held[0]
            row[key] = float(values[end][place]) if held else np.nan
            row[f"session_{key}"] = float(columns["session"][place]) if held and end in ENDS else np.nan
            row[f"row_{key}"] = place
        rows.append(row)
    return pd.DataFrame(rows)


def _alpha_before(
    asked: PatientChange,
    people: pd.DataFrame,
    book: Instrument,
    variable: Variable,
    variables: Mapping[str, Variable],
    at_events: pd.DataFrame | None,
    items: pd.DataFrame,
) -> tuple[float, int]:
    """Cronbach's alpha of the items that the values before are made of, and of how many patients it is."""
    from doublecode.analysis.consistency.alpha_omega import alpha

    source = variables.get(asked.pre)
    if source is not None and source.event is not None:
        rows = items.iloc[:0] if at_events is None else at_events[at_events["event"] == source.event]
    else:
        session = source.session if source is not None and source.session is not None else None
        wanted = people["session_before"] if session is None else pd.Series(float(session), index=people.index)
        if wanted.isna().all():  # of an instrument that is used in one session
            rows = items
        else:
            pairs = set(zip(people["patient"], wanted, strict=True))
            keys = zip(items["patient"], items["session"].astype(float), strict=True)
            rows = items[np.array([key in pairs for key in keys], dtype=bool)]
    scale = book.scale(str(variable.scale))
    rows = rows[(rows["instrument"] == book.name) & rows["item"].isin(scale.items)]
    wide = rows.pivot_table(index="patient", columns="item", values="value", observed=True)
    if len(wide) < 3 or len(wide.columns) < 2:
        raise NotEstimable(f"{book.title}: items of too few patients for Cronbach's alpha; give a published one.")
    found = alpha(wide.reset_index(drop=True), items=list(wide.columns), instrument=book)
    return float(found.frame["estimate"].iloc[0]), len(wide)


def _measure(asked: PatientChange, norms: Norms, found: ReliableChange) -> pd.DataFrame:
    """Where the smallest reliable change and the cut-off come from."""
    sources = {name: source for name, _, source in norms.rows} | {name: OWN[name] for name in asked.from_sample}
    computed = "computed from these"
    level = f"{100 * found.spec['conf_level']:g}%"
    rows = [
        ("Reliability", found.spec["reliability"], sources["reliability"]),
        ("Standard deviation", found.spec["sd"], sources["sd"]),
        ("Standard error of measurement", found.design["sem"], computed),
        (f"Smallest reliable change ({level})", found.design["smallest"], computed),
    ]
    if found.spec["cutoff"] is not None:
        of = [name for name in ("cutoff", "patients", "others") if name in sources]
        made = "" if of == ["cutoff"] else f"cut-off {'c' if len(of) == 2 else 'a' if of == ['patients'] else 'b'}: "
        rows.append(("Cut-off", found.spec["cutoff"], made + "; ".join(dict.fromkeys(sources[name] for name in of))))
    return pd.DataFrame(rows, columns=["part", "value", "source"])


def _with_course(one: DeclaredChange, frame: pd.DataFrame, refused: list[Note]) -> DeclaredChange:
    """The change with what goes from session to session, and with homework."""
    asked = one.asked
    better = one.change.spec["better"]
    if asked.sudden_gains and asked.outcome is not None:
        given = asked.smallest_gain
        cutoff = one.change.design["smallest"] if given is None else given.value
        find = partial(sudden_gains, frame, asked.outcome, cutoff=cutoff, share=asked.gain_share)
        other = "higher" if better == "lower" else "lower"
        one = replace(
            one,
            gains=_tried(f"{asked.title}: sudden gains", partial(find, better=better), refused),
            losses=_tried(f"{asked.title}: sudden losses", partial(find, better=other), refused),
        )
    if not asked.homework:
        return one
    title, names = f"{asked.title}: homework", list(asked.homework)
    within = None
    if one.gains is not None and one.gains.design["n_gains"]:
        within = _tried(title, partial(homework_before_gains, one.gains, frame, names), refused)
    between = _tried(title, partial(homework_by_change, one.change, frame, names), refused)
    return replace(one, before_gains=within, by_change=between)
