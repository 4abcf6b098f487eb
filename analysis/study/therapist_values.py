"""What therapists' pages stand on: the behaviours of the declared codebooks, their values by session and by rating."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from doublecode.analysis.study.labels import label_of, short_title
from doublecode.schemas.errors import UsageError
from doublecode.schemas.near_names import allowed, ended
from doublecode.schemas.therapist_checks import behaviour_labels

if TYPE_CHECKING:
    from doublecode.analysis.study.study_run import Intake
    from doublecode.schemas.study import Study
    from doublecode.schemas.therapist_page import TherapistPage

KEYS = ("therapist", "patient", "session", "session_id")


@dataclass(frozen=True)
class Behaviour:
    """A scale or an item of a codebook.

    Attributes
    ----------
    instrument, level, name : str
        The codebook, "scale" or "item", and its name there.
    label, title : str
        The printed label, and the codebook's short title.
    """

    instrument: str
    level: str
    name: str
    label: str
    title: str

    @property
    def key(self) -> tuple[str, str, str]:
        """Instrument, level and name."""
        return self.instrument, self.level, self.name


@dataclass(frozen=True)
class TherapistData:
    """Values of every behaviour, of sessions whose therapist is known.

    Attributes
    ----------
    intake : Intake
    behaviours : tuple of Behaviour
        Codebook by codebook, scales before items.
    values : DataFrame
        ``therapist, patient, session, session_id, instrument, level, name, value``: one row per session, raters pooled.
    ratings : DataFrame
        The same with ``rater``: one row per rating.
    """

    intake: Intake
    behaviours: tuple[Behaviour, ...]
    values: pd.DataFrame
    ratings: pd.DataFrame

    def of(self, one: Behaviour, *, by_rater: bool = False) -> pd.DataFrame:
        """The rows of a behaviour."""
        groups = self._rated if by_rater else self._pooled
        rows = self.ratings if by_rater else self.values
        return rows.loc[groups.get(one.key, rows.index[:0])]

    @cached_property
    def _pooled(self) -> dict[tuple[str, str, str], pd.Index[int]]:
        return _by_behaviour(self.values)

    @cached_property
    def _rated(self) -> dict[tuple[str, str, str], pd.Index[int]]:
        return _by_behaviour(self.ratings)

    @cached_property
    def therapists(self) -> tuple[str, ...]:
        """Ids of the therapists who held a coded session, sorted."""
        return tuple(sorted(self.values["therapist"].unique()))


def page_of(study: Study) -> TherapistPage:
    """What the study declares of the pages.

    Raises
    ------
    UsageError
        Nothing is declared.
    """
    if study.therapist_page is not None:
        return study.therapist_page
    coded = [
        name for name, book in study.codebooks.items() if study.use(name).source == "raters" and behaviour_labels(book)
    ]
    listed = ", ".join(f'"{name}"' for name in coded) or "none"
    raise UsageError(
        "study.toml does not say which codebooks code the therapist. Add [therapist_page] with instruments = [...]; "
        f"coded by raters are {listed}, and those that code the patient do not belong on a therapist's page."
    )


def therapist_data(intake: Intake, asked: TherapistPage) -> TherapistData:
    """Score the sessions and the single ratings of the declared codebooks.

    Raises
    ------
    UsageError
        No session says who its therapist was, or none of theirs was coded.
    """
    from doublecode.analysis.study.run import score_study

    if intake.sessions["therapist"].isna().all():
        raise UsageError(
            "sessions: no row says who the therapist was. Fill in the column therapist (any id; no name is needed), "
            "and run again."
        )
    study = intake.study
    behaviours = tuple(
        Behaviour(name, level, part, label_of(study.codebooks, name, part), short_title(study.codebooks[name].title))
        for name in asked.instruments for level, part in behaviour_labels(study.codebooks[name])
    )  # fmt: skip
    items, scores = score_study(intake)
    values = _stacked(items, scores, asked.instruments)
    if values.empty:
        raise UsageError(
            f"no session of a known therapist was coded with {' or '.join(asked.instruments)}. Put the raters' "
            "workbooks into incoming/, or correct instruments under [therapist_page]."
        )
    return TherapistData(intake, behaviours, values, _rated_values(intake, asked.instruments))


def chosen(data: TherapistData, therapist: str | None) -> tuple[str, ...]:
    """The therapists whose pages are asked for: one, or all who held a coded session.

    Raises
    ------
    UsageError
        No coded session is of this therapist.
    """
    if therapist is None:
        return data.therapists
    if therapist not in data.therapists:
        raise UsageError(
            f"--therapist: no coded session is of {therapist!r}; {ended(allowed(therapist, data.therapists))}"
        )
    return (therapist,)


def _stacked(items: pd.DataFrame, scores: pd.DataFrame, instruments: tuple[str, ...]) -> pd.DataFrame:
    """Items and scores under one another, as numbers that are there."""
    columns = [*KEYS, *(["rater"] if "rater" in items.columns else []), "instrument", "level", "name", "value"]
    parts = [
        rows[rows["instrument"].isin(instruments)].rename(columns={name: "name"}).assign(level=name)
        for rows, name in ((items, "item"), (scores, "scale"))
    ]
    both = pd.concat([part[columns] for part in parts if len(part)] or [pd.DataFrame(columns=columns)])
    known = both[both["value"].notna() & both["therapist"].notna()].reset_index(drop=True)
    return known.assign(therapist=known["therapist"].astype(str), value=known["value"].astype(float))


def _rated_values(intake: Intake, instruments: tuple[str, ...]) -> pd.DataFrame:
    """Each rater's items and scales; a scale that joins two tapes is nobody's."""
    from doublecode.coding.pooling import numeric_items
    from doublecode.coding.scoring import score_raters

    books = [intake.study.codebooks[name] for name in instruments]
    main = intake.ratings[intake.ratings["phase"] == "main"]
    numeric = [(book.name, item) for book in books for item in numeric_items(book)]
    rows = main[pd.MultiIndex.from_frame(main[["instrument", "item"]]).isin(numeric)]
    scored = [book for book in books if any(not one.lagged for one in book.scales)]
    own = rows[rows["instrument"].isin([book.name for book in scored])]
    scores = score_raters(own, scored) if len(own) else rows.rename(columns={"item": "scale"}).iloc[:0]
    return _stacked(rows, scores, instruments)


def _by_behaviour(rows: pd.DataFrame) -> dict[tuple[str, str, str], pd.Index[int]]:
    names = rows[["instrument", "level", "name"]].itertuples(index=False, name=None)
    found: dict[tuple[str, str, str], list[int]] = {}
    for at, key in enumerate(names):
        found.setdefault(key, []).append(at)
    return {key: pd.Index(np.asarray(places)) for key, places in found.items()}
