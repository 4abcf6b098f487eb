"""Variances, reliability and losses that a study's own data show, as design values of the next one; never an effect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

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
    """The data of a study folder; where nothing can be taken from them None, and why."""
    from doublecode.analysis.study.run import read_study

    try:
        intake = read_study(folder)
    except DoublecodeError as wrong:
        return None, (Note("design_no_data", numbers={"reason": str(wrong).partition("\n")[0]}),)
    if intake.errors:
        return None, (Note("design_problems", numbers={"n": len(intake.errors)}),)
    return intake, ()


def rating_values(intake: Intake, variable: Variable) -> list[DesignValue]:
    """ICC(A,1) of one rating in the main phase, and the share of raters' severity in its error; empty without pairs."""
    from doublecode.analysis.reliability.interrater import icc

    part = _ratings(intake, variable)
    if len(part) < FEWEST:
        return []
    one_way = intake.study.use(str(variable.instrument)).reliability == "one-way"
    try:
        found = icc(part, targets="session_id", raters=None if one_way else "rater", ratings="value", k=1)
    except DoublecodeError:
        return []
    own = found.frame.set_index("form")["estimate"]
    single = next((float(own[name]) for name in ("ICC(A,1)", "ICC(1,1)") if name in own.index), float("nan"))
    if not 0 < single <= 1:
        return []
    values = [DesignValue("icc_rating", single, "data", "icc")]
    parts = found.variances.set_index("component")["variance"].clip(lower=0.0)
    if "rater" in parts.index and parts["rater"] + parts["residual"] > 0:
        share = float(parts["rater"] / (parts["rater"] + parts["residual"]))
        values.append(DesignValue("severity", share, "data", "severity"))
    return values


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
) -> list[DesignValue]:
    """Shares of variance between patients and therapists, and the share of the sessions that are lost.

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
    has_outcome = planned.outcome in frame.columns
    if has_outcome and planned.family is not None:
        mean = float(frame[planned.outcome].mean())
        values += [DesignValue("base", mean, "data", "base")] if mean > 0 else []
    elif has_outcome:
        values += _outcome_values(frame, planned.outcome, therapists)
    shares = _shares(frame, planned.predictor, "patient")
    if shares is not None and sum(shares) > 0:
        true = min(shares[0] / (reliability * sum(shares)), MOST_SHARE)
        values.append(DesignValue("icc_predictor", true, "data", "icc_predictor"))
    names = [planned.predictor, *([planned.outcome] if has_outcome else [])]
    until = frame[frame["session"] <= who.last_number]
    there = int(until[names].notna().all(axis=1).sum())
    if there >= FEWEST and who.analysable > 0:
        lost = float(np.clip(1 - there / who.analysable, 0.0, MOST_SHARE))
        values.append(DesignValue("lost", lost, "data", "rows"))
    return values


def _outcome_values(frame: pd.DataFrame, outcome: str, therapists: int) -> list[DesignValue]:
    shares = _shares(frame, outcome, "patient", *(["therapist"] if therapists else []), course=True)
    if shares is None or not sum(shares) > 0:
        return []
    total = sum(shares)
    values = [DesignValue("icc_outcome", min(shares[0] / total, MOST_SHARE), "data", "icc_outcome")]
    if therapists:
        values.append(DesignValue("icc_therapist", shares[1] / total, "data", "icc_therapist"))
    return values


def _shares(frame: pd.DataFrame, name: str, *groups: str, course: bool = False) -> tuple[float, ...] | None:
    """Variances between the groups and the rest, what time explains apart where there is a `course`."""
    from doublecode.analysis.mixed.fit import fit_mixed

    rows = frame[[name, "session", *groups]].dropna()
    if len(rows) < FEWEST or rows["patient"].nunique() == len(rows) or not rows[name].std() > 0:
        return None
    random = " + ".join(f"(1 | {group})" for group in groups)
    try:
        found = fit_mixed(f"{name} ~ {'session' if course else '1'} + {random}", rows, ddf="z").variances
    except DoublecodeError:
        return None
    own = found.groupby("group", sort=False)["variance"].first()
    shares = (*(float(own[group]) for group in groups), float(own["Residual"]))
    return tuple(one if one > NOTHING * sum(shares) else 0.0 for one in shares)
