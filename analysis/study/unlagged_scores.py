"""Scores of sessions before any lag is taken: what is imputed, and how the declared variables are made of it again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import pandas as pd

from doublecode.analysis.linking.frame import AnalysisFrame, build_frame
from doublecode.coding.scoring import score

if TYPE_CHECKING:
    from doublecode.analysis.study.study_run import Intake
    from doublecode.schemas.instrument import Instrument
    from doublecode.schemas.scale import Scale
    from doublecode.schemas.study_parts import Variable

IMPUTABLE: Final = frozenset({"session_not_rated", "rating_not_read", "value_not_read", "column_empty"})
"""Why a cell is empty that could have had a value. A rater's missing code, or an instrument that is not used in a
session, says that there may be none: such cells stay empty."""


Half = Literal["", "before", "same"]


@dataclass(frozen=True)
class Part:
    """One session score that a variable is made of.

    Attributes
    ----------
    column : str
        In the frame of session scores.
    lag : int
        Of how many sessions before it is.
    weight : float
        Its share in the variable.
    half : {"", "before", "same"}
        Of a scale with lagged items: whether it is of these, or of the others.
    """

    column: str
    lag: int = 0
    weight: float = 1.0
    half: Half = ""


@dataclass(frozen=True, eq=False)
class SessionScores:
    """Session scores of the rows of the analysis frame.

    Attributes
    ----------
    frame : DataFrame
        ``patient``, ``session`` and one column per part.
    imputable : DataFrame
        Same rows, one column per part: whether an empty cell could have had a value.
    parts : dict of variable to tuple of Part
    unlagged : AnalysisFrame or None
        The frame that lags and halves were taken out in; None where nothing has a lag.
    books : dict of str to Instrument
        Codebooks that hold the halves as scales.
    """

    frame: pd.DataFrame
    imputable: pd.DataFrame
    parts: dict[str, tuple[Part, ...]]
    unlagged: AnalysisFrame | None = None
    books: Mapping[str, Instrument] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """The parts of all variables."""
        return list(dict.fromkeys(one.column for parts in self.parts.values() for one in parts))

    def made_again(self, completed: pd.DataFrame, declared: pd.DataFrame) -> pd.DataFrame:
        """Fill the empty cells of the declared variables from completed session scores, each by session number.

        A cell stays empty where one of its sessions was not held or could have had no score, as in a first session of
        what is lagged.
        """
        keys = pd.MultiIndex.from_arrays([declared["patient"], declared["session"]])
        usable = self.frame[self.columns].notna() | self.imputable[self.columns]
        known = completed[self.columns].where(usable).set_axis(keys)
        out = declared.copy()
        for name, parts in self.parts.items():
            made = np.zeros(len(declared))
            for one in parts:
                then = pd.MultiIndex.from_arrays([declared["patient"], declared["session"] - one.lag])
                made = made + one.weight * known[one.column].reindex(then).to_numpy(dtype=float)
            out[name] = declared[name].where(declared[name].notna(), made)
        return out


def session_scores(
    intake: Intake, built: AnalysisFrame, scored: tuple[pd.DataFrame, pd.DataFrame], names: Sequence[str]
) -> SessionScores:
    """Take the lags out of variables.

    Parameters
    ----------
    intake : Intake
    built : AnalysisFrame
        The frame of the declared variables; rows are sessions.
    scored : tuple of DataFrame
        Items and scores.
    names : sequence of str
        Variables that are to be imputed. What is neither a scale nor an item with a lag is taken as it stands.
    """
    items, scores = scored
    named = {one.name: one for one in intake.study.variables}
    parts: dict[str, tuple[Part, ...]] = {}
    unlagged: list[Variable] = []
    books: dict[str, Instrument] = {}
    for name in names:
        variable = named.get(name)
        parts[name] = (Part(name),)
        if variable is None or not variable.is_measured or variable.count is not None or variable.change is not None:
            continue
        scale = _scale(intake, variable)
        if scale is not None and scale.lagged:
            halves = list(_halves(scale))
            book = books.get(str(variable.instrument), intake.study.codebooks[str(variable.instrument)])
            there = {one.scale for one in unlagged if one.instrument == variable.instrument}  # for another lag
            fresh = tuple(one for one, _ in halves if one.name not in there)
            books[book.name] = book.model_copy(update={"scales": (*book.scales, *fresh)})
            lag = variable.lag or 0
            parts[name] = tuple(replace(part, lag=part.lag + lag) for _, part in halves)
            unlagged += [
                variable.model_copy(update={"name": one.name, "scale": one.name, "lag": None}) for one in fresh
            ]
        elif variable.lag is not None:
            parts[name] = (Part(f"{name}_unlagged", variable.lag),)
            unlagged.append(variable.model_copy(update={"name": f"{name}_unlagged", "lag": None}))
    found = _gathered(intake, built, parts, unlagged, (items, _also(scores, items, books)))
    return replace(found, books=books)


def _scale(intake: Intake, variable: Variable) -> Scale | None:
    return None if variable.scale is None else intake.study.codebooks[str(variable.instrument)].scale(variable.scale)


def _halves(scale: Scale) -> Iterator[tuple[Scale, Part]]:
    """The mean of the items of the session before, and of those of the session itself, with their weights."""
    now = tuple(name for name in scale.items if name not in scale.lagged)
    least = None if scale.required == len(scale.items) else 1
    n = len(scale.items) if scale.score == "mean" else 1
    both: tuple[tuple[Half, tuple[str, ...], int], ...] = (("before", scale.lagged, 1), ("same", now, 0))
    for half, names, lag in both:
        if names:
            called = f"{scale.name}_{half}"
            own = {"name": called, "items": names, "score": "mean", "minimum_valid": least, "prorate": False,
                    "lagged": (), "bands": ()}  # fmt: skip
            yield scale.model_copy(update=own), Part(called, lag, len(names) / n, half)


def _also(scores: pd.DataFrame, items: pd.DataFrame, books: dict[str, Instrument]) -> pd.DataFrame:
    """Scores with those of the halves."""
    if not books:
        return scores
    known = set(zip(scores["instrument"], scores["scale"], strict=True))
    more = score(items[items["instrument"].isin(list(books))], list(books.values()))
    fresh = [pair not in known for pair in zip(more["instrument"], more["scale"], strict=True)]
    return pd.concat([scores, more[fresh]], ignore_index=True)


def _gathered(
    intake: Intake,
    built: AnalysisFrame,
    parts: dict[str, tuple[Part, ...]],
    unlagged: Sequence[Variable],
    scored: tuple[pd.DataFrame, pd.DataFrame],
) -> SessionScores:
    frame = built.frame[["patient", "session"]].copy()
    as_they_are = [name for name, made in parts.items() if made == (Part(name),)]
    values, why = [built.frame[as_they_are]], [built.absences.reindex(columns=as_they_are)]
    other = None
    if unlagged:
        items, scores = scored
        uses = {name: intake.study.use(name) for name in intake.study.codebooks}
        other = build_frame(
            scores, intake.sessions, intake.patients, items, variables=unlagged,
            raters=[name for name, use in uses.items() if use.source == "raters"],
            used_in={name: use.sessions for name, use in uses.items() if use.sessions is not None},
            ratings=intake.agreed, therapists=intake.therapists,
        )  # fmt: skip
        own = [one.name for one in unlagged]
        values.append(other.frame[own].set_axis(frame.index))
        why.append(other.absences[own].set_axis(frame.index))
    reasons = pd.concat(why, axis=1)
    imputable = reasons.map(lambda note: getattr(note, "kind", "") in IMPUTABLE)
    return SessionScores(pd.concat([frame, *values], axis=1), imputable, parts, other)
