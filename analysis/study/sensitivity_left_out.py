"""The headline without one patient, one therapist, one rater: everything is computed once more without him or her."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from doublecode.analysis.study.sensitivity_estimate import ALPHA, NUMBERS, Estimate, estimate_of
from doublecode.analysis.study.sensitivity_frames import TOGETHER, Refitting
from doublecode.analysis.study.sensitivity_specifications import headline_model, headline_of
from doublecode.analysis.study.sensitivity_standing import Made, Standing, made_of, standing_of
from doublecode.schemas.sensitivity_checks import model_variables, rated_instruments

if TYPE_CHECKING:
    from doublecode.analysis.study.study_run import Intake
    from doublecode.schemas.sensitivity import Unit
    from doublecode.schemas.study import Study

COLUMNS: Final = (
    "unit", "level", "n_lost", *NUMBERS, "n_rows", "n_patients", "change", "change_in_se", "sign_changes",
    "significance_changes", "converged", "singular", "refusal",
)  # fmt: skip


@dataclass(frozen=True)
class Without:
    """What is left without one unit.

    Attributes
    ----------
    unit, level : str
        patient, therapist or rater, and which.
    estimate : Estimate
    n_lost : int
        Of a rater: sessions that nobody else rated.
    standing : Standing or None
        What the estimate stands on.
    """

    unit: Unit
    level: str
    estimate: Estimate
    n_lost: int = 0
    standing: Standing | None = None


def leave_out(
    made: Made, full: Estimate, units: Sequence[Unit], refit: Refitting | None = None
) -> tuple[pd.DataFrame, tuple[Standing | None, ...]]:
    """Estimate the headline without each patient, therapist or rater that stands behind it.

    Parameters
    ----------
    made : Made
        What is in the numbers, with the analysis frame of everything.
    full : Estimate
        The headline with all of them.
    units : sequence of {"patient", "rater", "therapist"}
        Without a patient or therapist the rows of the frame are left out, and an outlier rule finds its fences without
        them; without a rater his ratings are dropped before pooling and scoring.
    refit : Refitting, optional
        Who does it: workers, and where what is done is kept.

    Returns
    -------
    frame : DataFrame
        One row per unit and level: estimate with 95 % limits, rows and patients, ``change`` (without less with all),
        ``change_in_se`` (over the full standard error), whether sign or significance at .05 change, ``n_lost``,
        ``converged``, ``singular``, ``refusal``.
    standing : tuple of Standing or None
        What each of them stands on; None where there is no estimate.
    """
    refit = refit or Refitting()
    found: list[Without] = []
    for unit in units:
        found += _without_raters(made.intake, refit) if unit == "rater" else _without_rows(made, full, unit, refit)
    rows = [_row(one, full) for one in found]
    return pd.DataFrame(rows, columns=list(COLUMNS)), tuple(one.standing for one in found)


def _behind(frame: pd.DataFrame, full: Estimate, unit: Unit) -> list[str]:
    """Patients or therapists behind the headline."""
    behind = frame if full.rows is None else frame.loc[full.rows]
    return sorted(map(str, behind[unit].dropna().unique()))


def _without_rows(made: Made, full: Estimate, unit: Unit, refit: Refitting) -> Iterator[Without]:
    study, frame = made.intake.study, made.built.frame
    levels = _behind(frame, full, unit)
    parts = [tuple(levels[at : at + TOGETHER]) for at in range(0, len(levels), TOGETHER)]
    pieces = {_said(study, unit, part): (study, frame, unit, part) for part in parts}
    answers, _ = refit(_estimates_without, pieces, f"Without one {unit}")
    for level, plain in zip(levels, chain.from_iterable(answers), strict=True):
        found = Estimate.of(plain)
        behind = (
            None
            if found.rows is None or full.rows is None
            else standing_of(made, study, headline_of(study), full.rows, (unit, level))
        )
        yield Without(unit, level, replace(found, rows=None), standing=behind)


def _said(study: Study, unit: Unit, levels: Sequence[str]) -> str:
    return json.dumps([headline_of(study).model_dump(mode="json"), unit, *levels])


def _estimates_without(piece: tuple[Study, pd.DataFrame, Unit, tuple[str, ...]]) -> tuple[list[dict[str, Any]], None]:
    study, frame, unit, levels = piece
    head, of_rows = headline_of(study), frame[unit].astype(str)
    return [estimate_of(study, frame[of_rows != level], head, head.term).plain for level in levels], None


def _without_raters(intake: Intake, refit: Refitting) -> Iterator[Without]:
    study, rated = intake.study, _rated(intake)
    levels, cells = sorted(rated["rater"].dropna().unique()), {*_cells(rated)}
    kept = {level: rated[rated["rater"] != level] for level in levels}
    gone = {level: sorted({*rated["instrument"]} - {*rows["instrument"]}) for level, rows in kept.items()}
    pieces = {_said(study, "rater", [level]): (intake, level) for level in levels if not gone[level]}
    answers, beside = refit(_estimate_without_rater, pieces, "Without one rater")
    refits = {level: pair for (_, level), *pair in zip(pieces.values(), answers, beside, strict=True)}
    for level in levels:
        n_lost = len({session for session, _ in cells - {*_cells(kept[level])}})
        if level not in refits:
            refusal = f"nobody else rated {', '.join(gone[level])}"
            yield Without("rater", level, Estimate(refusal=refusal), n_lost)
            continue
        plain, parts = refits[level]
        found, fewer, behind = Estimate.of(plain), _without_rater(intake, level), None
        if found.rows is not None:
            made = made_of(fewer) if parts is None else Made(fewer, *parts)
            behind = standing_of(made, study, headline_of(study), found.rows)
        yield Without("rater", level, found, n_lost, behind)


def _without_rater(intake: Intake, level: str) -> Intake:
    return replace(intake, ratings=intake.ratings[intake.ratings["rater"] != level])


def _estimate_without_rater(piece: tuple[Intake, str]) -> tuple[dict[str, Any], Any]:
    """The estimate without a rater, and items, scores and frame."""
    intake, level = piece
    made, head = made_of(_without_rater(intake, level)), headline_of(intake.study)
    found = estimate_of(intake.study, made.built.frame, head, head.term)
    return found.plain, (made.items, made.scores, made.built)


def _rated(intake: Intake) -> pd.DataFrame:
    """Ratings of the main phase with the instruments that the headline's model stands on."""
    study = intake.study
    head = headline_of(study)
    named = set(model_variables(headline_model(study, head), head))
    uses = {name: (book, study.use(name)) for name, book in study.codebooks.items()}
    instruments = rated_instruments([one for one in study.variables if one.name in named], uses)
    rows = intake.ratings
    return rows[(rows["phase"] == "main") & rows["instrument"].isin(instruments)]


def _cells(rows: pd.DataFrame) -> Iterator[tuple[Any, Any]]:
    pairs = rows[["session_id", "instrument"]].drop_duplicates()
    return zip(pairs["session_id"], pairs["instrument"], strict=True)


def _row(one: Without, full: Estimate) -> dict[str, Any]:
    own = one.estimate
    change = own.estimate - full.estimate
    known = not own.refusal
    return {
        "unit": one.unit, "level": one.level, "n_lost": one.n_lost, **own.record, "change": change,
        "change_in_se": change / full.std_error,
        "sign_changes": bool(known and len(full.terms) < 2 and own.estimate * full.estimate < 0),
        "significance_changes": bool(known and (own.p_value < ALPHA) != (full.p_value < ALPHA)),
    }  # fmt: skip
