"""Variances, reliability and losses that a study's own data show, as design values of the next one; never an effect."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from doublecode.analysis.study.planned_outcomes import model_values
from doublecode.analysis.study.planned_values import DesignValue, Followed
from doublecode.schemas.errors import DoublecodeError
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from doublecode.analysis.study.planned_model import PlannedModel
    from doublecode.analysis.study.study_run import Intake
    from doublecode.schemas.study_parts import Variable

FEWEST: Final = 10
"""Rows below which nothing is taken from them."""
NOTHING: Final = 1e-6
MOST_SHARE: Final = 0.95


def readable(folder: Path) -> tuple[Intake | None, tuple[Note, ...]]:
    """What counts of the data of a study folder; where nothing can be taken from them None, and why."""
    from doublecode.analysis.study.run import in_the_numbers, read_study

    try:
        intake = read_study(folder)
    except DoublecodeError as wrong:
        return None, (_why("design_no_data", wrong),)
    if intake.errors:
        return None, (Note("design_problems", numbers={"n": len(intake.errors)}),)
    return in_the_numbers(intake), ()


def scored_rows(intake: Intake, subset: str | None = None, where: str = "") -> tuple[pd.DataFrame | None, list[Note]]:
    """The analysis frame, or its `subset`; None where there are no data yet, or where it cannot be made, and why."""
    from doublecode.analysis.regression.regression_design import choose_subset
    from doublecode.analysis.study.frame_of_study import study_frame

    if not (len(intake.ratings) or len(intake.outcomes)):
        return None, []
    try:
        return choose_subset(subset, study_frame(intake).frame, where=where)[0], []
    except DoublecodeError as wrong:
        return None, [_why("design_not_scored", wrong)]


def _why(kind: str, wrong: DoublecodeError, **numbers: str) -> Note:
    return Note(kind, numbers={"reason": str(wrong).partition("\n")[0], **numbers})


def rating_values(intake: Intake, variable: Variable) -> tuple[list[DesignValue], list[Note]]:
    """ICC(A,1) of one rating in the main phase, and the share of raters' severity in its error; else why there is none.

    Of fewer than ten ratings nothing is said: there are no data yet.
    """
    from doublecode.analysis.reliability.interrater import icc

    part = _ratings(intake, variable)
    if len(part) < FEWEST:
        return [], []
    one_way = intake.study.use(str(variable.instrument)).reliability == "one-way"
    try:
        found = icc(part, targets="session_id", raters=None if one_way else "rater", ratings="value", k=1)
    except DoublecodeError as wrong:
        return [], [_why("design_no_icc", wrong, variable=variable.name)]
    own = found.frame.set_index("form")["estimate"]
    single = next((float(own[name]) for name in ("ICC(A,1)", "ICC(1,1)") if name in own.index), float("nan"))
    if not 0 < single <= 1:
        return [], [Note("design_icc_outside", numbers={"variable": variable.name, "icc": single})]
    values = [DesignValue("icc_rating", single, "data", "icc")]
    parts = found.variances.set_index("component")["variance"].clip(lower=0.0)
    if "rater" in parts.index and parts["rater"] + parts["residual"] > 0:
        share = float(parts["rater"] / (parts["rater"] + parts["residual"]))
        values.append(DesignValue("severity", share, "data", "severity"))
    return values, []


def _ratings(intake: Intake, variable: Variable) -> pd.DataFrame:
    """Every rater's scores of a variable; of a scale that joins two tapes those of one."""
    from doublecode.analysis.study.planned_values import items_of
    from doublecode.coding.scoring import score_raters

    study, name = intake.study, str(variable.instrument)
    ratings = intake.ratings[(intake.ratings["instrument"] == name) & (intake.ratings["phase"] == "main")]
    if variable.item is not None:
        return ratings[(ratings["item"] == variable.item) & ratings["value"].notna()]
    book = study.codebooks[name]
    scale = next((one for one in book.scales if one.name == variable.scale), None)
    if scale is None or ratings.empty:
        return ratings.iloc[:0]
    same_tape = scale.model_copy(update={"lagged": (), "items": items_of(study, book, variable)})
    scores = score_raters(ratings, [book.model_copy(update={"scales": (same_tape,)})])
    return scores[scores["value"].notna()] if len(scores) else ratings.iloc[:0]


def frame_values(
    frame: pd.DataFrame, planned: PlannedModel, who: Followed, therapists: int, reliability: float
) -> tuple[list[DesignValue], list[Note]]:
    """Shares of variance between patients and therapists, and the share of sessions lost; of what fails the reason.

    Parameters
    ----------
    frame : DataFrame
        One row per session.
    planned : PlannedModel
    who : Followed
    therapists : int
        0 where the model has none.
    reliability : float
        Of the predictor as it is analysed: observed variance that is true.
    """
    values: list[DesignValue] = []
    notes: list[Note] = []
    has_outcome = planned.outcome in frame.columns
    makers = {planned.predictor: partial(_predictor_values, frame, planned.predictor, reliability)}
    if has_outcome:
        makers[planned.outcome] = (
            partial(_outcome_values, frame, planned.outcome, therapists, planned.family)
            if planned.trials is None
            else partial(_share_of_trials, frame, planned.outcome, planned.trials)
        )
    for name, made in makers.items():
        try:
            values += made()
        except DoublecodeError as wrong:
            notes.append(_why("design_no_shares", wrong, variable=name))
    names = [planned.predictor, *([planned.outcome] if has_outcome else [])]
    until = frame[frame["session"] <= who.last_number]
    there = int(until[names].notna().all(axis=1).sum())
    if there >= FEWEST and who.analysable > 0:
        lost = float(np.clip(1 - there / who.analysable, 0.0, MOST_SHARE))
        values.append(DesignValue("lost", lost, "data", "rows"))
    return values, notes


def _predictor_values(frame: pd.DataFrame, predictor: str, reliability: float) -> list[DesignValue]:
    shares = _shares(frame, predictor, "patient")
    if not sum(shares) > 0:
        return []
    true = min(shares[0] / (reliability * sum(shares)), MOST_SHARE)
    return [DesignValue("icc_predictor", true, "data", "icc_predictor")]


def _share_of_trials(frame: pd.DataFrame, outcome: str, trials: str) -> list[DesignValue]:
    """The share of all trials that were successes; a mean of successes is no probability."""
    rows = frame[[outcome, trials]].dropna()
    share = float(rows[outcome].sum() / rows[trials].sum()) if rows[trials].sum() > 0 else 0.0
    return [DesignValue("base", share, "data", "trials")] if 0 < share < 1 else []


def _outcome_values(frame: pd.DataFrame, outcome: str, therapists: int, family: str | None) -> list[DesignValue]:
    if family is not None:
        return model_values(frame, outcome, therapists, family)
    shares = _shares(frame, outcome, "patient", *(["therapist"] if therapists else []), course=True)
    total = sum(shares)
    if not total > 0:
        return []
    values = [DesignValue("icc_outcome", min(shares[0] / total, MOST_SHARE), "data", "icc_outcome")]
    if therapists:
        values.append(DesignValue("icc_therapist", shares[1] / total, "data", "icc_therapist"))
    return values


def _shares(frame: pd.DataFrame, name: str, *groups: str, course: bool = False) -> tuple[float, ...]:
    """Variances between the groups and the rest, what time explains apart where there is a `course`; none of few rows.

    Raises
    ------
    DoublecodeError
        The model cannot be fitted.
    """
    from doublecode.analysis.mixed.fit import fit_mixed

    rows = frame[[name, "session", *groups]].dropna()
    if len(rows) < FEWEST or rows["patient"].nunique() == len(rows) or not rows[name].std() > 0:
        return ()
    random = " + ".join(f"(1 | {group})" for group in groups)
    found = fit_mixed(f"{name} ~ {'session' if course else '1'} + {random}", rows, ddf="z").variances
    own = found.groupby("group", sort=False)["variance"].first()
    shares = (*(float(own[group]) for group in groups), float(own["Residual"]))
    return tuple(one if one > NOTHING * sum(shares) else 0.0 for one in shares)
