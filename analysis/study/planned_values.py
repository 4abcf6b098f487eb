"""Parts of a planned study that its folder declares: who is followed, who rates what, and on which scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from doublecode.schemas.frames import IN_NO_NUMBER
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.schemas.instrument import Instrument
    from doublecode.schemas.study import Study
    from doublecode.schemas.study_parts import Variable

Origin = Literal["declared", "data", "default", "stated"]
ORIGINS: Final[tuple[Origin, ...]] = ("declared", "data", "default", "stated")
ASSUMED_ICC: Final = 0.5
"""ICC(A,1) of one rating where there is neither data nor a statement, as of :func:`doublecode.analysis.precision`."""
MOST_POINTS: Final = 50
"""A scale of more points is as good as continuous."""


@dataclass(frozen=True)
class DesignValue:
    """One part of a planned study, and where it is from.

    Attributes
    ----------
    part : str
        Name as of :class:`doublecode.analysis.PlannedStudy`.
    value : float
    origin : {"declared", "data", "default", "stated"}
        By study.toml and the tables of patients, sessions and assignments; by ratings and outcomes; by nobody; by the
        one who asks.
    source : str
        Which file or entry, or kind of what was computed.
    """

    part: str
    value: float
    origin: Origin
    source: str


def design_values(frame: pd.DataFrame) -> list[DesignValue]:
    """The parts of a planned study, of the frame that shows them."""
    columns = (frame[name].tolist() for name in ("part", "value", "origin", "source"))
    return [DesignValue(*row) for row in zip(*columns, strict=True)]


@dataclass(frozen=True)
class Followed:
    """Sessions of the study's patients, by ``sessions.csv``.

    Attributes
    ----------
    patients, sessions, therapists : int
        Patients with a session; sessions of each, which half of them reach or pass; therapists.
    held : float
        Sessions until then, all patients together.
    lag : int
        First sessions that cannot be analysed, since the predictor looks back.
    dropout, unrecorded : float
        Share of patients who leave, so that as many sessions are held as the table lists; share of these sessions
        that were not rated.
    last_number : int
        Number of the last session of most.
    """

    patients: int
    sessions: int
    therapists: int
    held: float
    lag: int
    dropout: float
    unrecorded: float
    last_number: int

    @property
    def analysable(self) -> float:
        """Sessions that could be analysed, if none was lost."""
        return self.held - self.lag * self.patients


def followed(sessions: pd.DataFrame, patients: pd.DataFrame, used: frozenset[int] | None, lag: int) -> Followed | None:
    """Count whom the study follows; None where no patient has a session.

    Parameters
    ----------
    sessions, patients : DataFrame
        Contracts SESSIONS and PATIENTS.
    used : frozenset of int, optional
        Session numbers in which predictor and outcome are measured; all by default.
    lag : int
    """
    out = patients.loc[patients["status"].isin(IN_NO_NUMBER), "patient"]
    own = sessions[(sessions["phase"] == "main") & ~sessions["patient"].isin(out)]
    if used is not None:
        own = own[own["session"].isin(used)]
    if own.empty:
        return None
    place = own["session"].astype(float)
    if used is not None:
        place = place.map({number: at for at, number in enumerate(sorted(used), start=1)}).astype(float)
    last = place.groupby(own["patient"]).max()
    usual = int(np.median(last))
    reached = float(last.clip(upper=usual).sum())
    gone = 2 * (1 - reached / (usual * len(last)))
    return Followed(
        len(last), usual, int(own["therapist"].nunique()), reached, lag, float(np.clip(gone, 0, 0.95)),
        float((own["status"] == "not_rated").mean()), usual if used is None else sorted(used)[usual - 1],
    )  # fmt: skip


def mean_reliability(single: float, double: float) -> float:
    """Reliability of scores of which a share is the mean of two ratings: that of half the error."""
    return 1 / (1 + (1 / single - 1) * (1 - double / 2))


def sessions_used(study: Study, variables: list[Variable]) -> frozenset[int] | None:
    """Session numbers in which all of these are measured; None for every one."""
    sets = [study.use(str(one.instrument)).sessions for one in variables if one.instrument is not None]
    given = [frozenset(one) for one in sets if one is not None]
    return frozenset.intersection(*given) if given else None


def lag_of(study: Study, variables: list[Variable]) -> int:
    """How many first sessions are lost, since a value is that of a session before."""
    return max([_lag(study, one) for one in variables], default=0)


def _lag(study: Study, variable: Variable) -> int:
    own = (variable.lag or 0) + (variable.change == "previous")
    if variable.instrument is None or variable.scale is None:
        return own
    book = study.codebooks[variable.instrument]
    return own + any(one.name == variable.scale and one.lagged for one in book.scales)


def raters_of(study: Study, variable: Variable) -> list[DesignValue]:
    """Raters, double coding, minutes and points of the scale; no raters of what no rater fills in."""
    book = None if variable.instrument is None else study.codebooks[variable.instrument]
    if book is None or study.use(book.name).source != "raters":
        return [DesignValue("raters", 0, "declared", "not_rated")]
    use = study.use(book.name)
    n = len(use.raters or study.raters)
    found = [DesignValue("raters", n, "declared", "raters"), *_points(study, book, variable)]
    minutes = study.allocation.minutes_per_rating
    if minutes is not None:
        found.append(DesignValue("minutes", minutes, "declared", "minutes"))
    return [*found, _double(study, book.name, n)]


def _double(study: Study, instrument: str, raters: int) -> DesignValue:
    """Share of sessions that two raters code: by the plan of who rates what, else by what is demanded of it."""
    if raters < 2:
        return DesignValue("double", 0, "declared", "raters")
    planned = _planned_share(study, instrument)
    if planned is not None:
        return DesignValue("double", planned, "declared", "assignments")
    declared = "share" in study.allocation.model_fields_set
    return DesignValue("double", study.allocation.share, "declared" if declared else "default", "allocation")


def _planned_share(study: Study, instrument: str) -> float | None:
    from doublecode.coding.reading.study_tables import has_table, read_study_table

    if not has_table(study, "assignments"):
        return None
    table = read_study_table(study, "assignments")
    own = table[(table["instrument"] == instrument) & (table["role"] != "pilot")]
    raters = own.groupby("session_id")["rater"].nunique()
    return float((raters > 1).mean()) if len(raters) else None


def _points(study: Study, book: Instrument, variable: Variable) -> list[DesignValue]:
    """Points of the score: of J items with m points each, J(m − 1) + 1; none where they are not whole numbers."""
    items = items_of(study, book, variable)
    sizes = {_codes(book, name) for name in items}
    size = next(iter(sizes)) if len(sizes) == 1 else 0
    points = len(items) * (size - 1) + 1 if size else 0
    if not 3 <= points <= MOST_POINTS:
        return [DesignValue("points", 0, "declared", "continuous")]
    return [DesignValue("points", points, "declared", f"items {len(items)} {size}")]


def items_of(study: Study, book: Instrument, variable: Variable) -> tuple[str, ...]:
    """Items behind a variable, without those that a rule of the study leaves out; none of a count."""
    if variable.item is not None:
        return (variable.item,)
    dropped = {name for rule in study.drop_rules if rule.instrument == book.name for name in rule.dropped}
    scale = next((one for one in book.scales if one.name == variable.scale), None)
    return () if scale is None else tuple(name for name in scale.items if name not in dropped)


def _codes(book: Instrument, name: str) -> int:
    item = next((one for one in book.columns if one.name == name), None)
    if item is None:
        return 0
    if item.type == "yes_no":
        return 2
    whole = item.type == "ordinal" and item.minimum is not None and item.maximum is not None
    return int(item.maximum - item.minimum) + 1 if whole else 0  # type: ignore[operator]


def left_out_of(study: Study, outcome: Variable | None) -> list[Note]:
    """What the study declares of its ratings, and the simulated studies have not."""
    demands = study.allocation
    is_rated = outcome is not None and outcome.instrument is not None
    rated = is_rated and study.use(str(outcome.instrument)).source == "raters"  # type: ignore[union-attr]
    told: dict[str, tuple[dict[str, Any], bool]] = {
        "design_outcome_rated": ({"outcome": "" if outcome is None else outcome.name}, bool(rated)),
        "design_strata": ({}, bool(demands.shares)),
        "design_more_ratings": ({}, bool(demands.recodes or demands.anchors)),
    }
    return [Note(kind, numbers=numbers) for kind, (numbers, holds) in told.items() if holds]
