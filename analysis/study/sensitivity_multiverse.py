"""Every specification of a multiverse, run as a declaration through the same functions as the declared run.

Steegen, Tuerlinckx, Gelman & Vanpaemel (2016), Perspectives on Psychological Science, 11, 702–712; the curve after
Simonsohn, Simmons & Nelson (2020), Nature Human Behaviour, 4, 1208–1214.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from doublecode.analysis.study.sensitivity_estimate import ALPHA, NUMBERS, Estimate, estimate_of
from doublecode.analysis.study.sensitivity_frames import TOGETHER, Frames, Refitting, frame_key
from doublecode.analysis.study.sensitivity_specifications import Specification, headline_of
from doublecode.analysis.study.sensitivity_standing import Standing, standing_of
from doublecode.schemas.errors import NotEstimable, UsageError

if TYPE_CHECKING:
    from doublecode.analysis.linking.frame import AnalysisFrame
    from doublecode.analysis.study.study_run import Intake
    from doublecode.schemas.sensitivity import SensitivityHeadline
    from doublecode.schemas.study import Study

OUTCOME: Final = (*NUMBERS, "n_rows", "n_patients", "converged", "singular", "refusal")
MOVES: Final = (
    "choice", "declared", "instead", "n_pairs", "mean_change", "min_change", "max_change", "significant_declared",
    "significant_instead", "share",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Together:
    """Specifications that share a frame."""

    frames: Frames
    head: SensitivityHeadline
    cases: tuple[Specification, ...]

    @property
    def said(self) -> str:
        """All that their estimates depend on, beside the data."""
        head = self.head.model_dump(mode="json")
        return json.dumps([head, *([one.number, one.term, one.declaration] for one in self.cases)])


def run_specifications(
    intake: Intake,
    specifications: Sequence[Specification],
    refit: Refitting | None = None,
    frames: Frames | None = None,
) -> tuple[pd.DataFrame, tuple[Standing | None, ...]]:
    """Estimate the headline under every specification.

    Parameters
    ----------
    intake : Intake
    specifications : sequence of Specification
    refit : Refitting, optional
        Who does it: workers, and where what is done is kept.
    frames : Frames, optional
        Of this intake; those that are made already are not made again.

    Returns
    -------
    frame : DataFrame
        One row per specification: ``specification`` (its number; 1 is the declared one), a column per choice,
        estimate with 95 % limits, ``n_rows``, ``n_patients``, ``converged``, ``singular``, ``refusal``.
    standing : tuple of Standing or None
        What each of them stands on; None where there is no estimate.
    """
    frames, head = Frames(intake) if frames is None else frames, headline_of(intake.study)
    together = [_Together(frames, head, cases) for cases in _sharing(specifications)]
    answers, made = (refit or Refitting())(_estimates, {one.said: one for one in together}, "Specifications")
    found = {one.number: Estimate(refusal=one.refusal) for one in specifications if one.study is None}
    for group, answer, parts in zip(together, answers, made, strict=True):
        first = group.cases[0]
        if parts is not None and first.study is not None:
            frames.take(first.study, first.declaration, parts)
        found |= {one.number: Estimate.of(plain) for one, plain in zip(group.cases, answer, strict=True)}
    rows = [{"specification": one.number, **one.choices, **found[one.number].record} for one in specifications]
    behind = tuple(_standing(one, found[one.number], head, frames) for one in specifications)
    names = list(specifications[0].choices) if specifications else []
    return pd.DataFrame(rows, columns=["specification", *names, *OUTCOME]), behind


def _sharing(specifications: Sequence[Specification]) -> Iterator[tuple[Specification, ...]]:
    """Those that are declarations, by frame, a few at a time."""
    by_frame: dict[str, list[Specification]] = {}
    for one in specifications:
        if one.study is not None:
            by_frame.setdefault(frame_key(one.declaration), []).append(one)
    for cases in by_frame.values():
        for at in range(0, len(cases), TOGETHER):
            yield tuple(cases[at : at + TOGETHER])


def _estimates(group: _Together) -> tuple[list[dict[str, Any]], Any]:
    """The estimate of each, and the frame that they share."""
    found = [_estimated(one, group.head, group.frames).plain for one in group.cases]
    return found, group.frames.parts(group.cases[0].declaration)


def _estimated(one: Specification, head: SensitivityHeadline, frames: Frames) -> Estimate:
    if one.study is None:
        return Estimate(refusal=one.refusal)
    try:
        made = frames.of(one.study, one.declaration)
    except (UsageError, NotEstimable) as reason:
        return Estimate(refusal=str(reason))
    found = estimate_of(one.study, made.built.frame, head, one.term)
    if found.refusal:
        too_far = _lags_too_far(one.study, made.built)
        found = replace(found, refusal="; ".join([*too_far, found.refusal]))
    return found


def _standing(one: Specification, found: Estimate, head: SensitivityHeadline, frames: Frames) -> Standing | None:
    if one.study is None or found.rows is None:
        return None
    return standing_of(frames.of(one.study, one.declaration), one.study, head, found.rows)


def _lags_too_far(study: Study, built: AnalysisFrame) -> Iterator[str]:
    """Lags that leave a variable without any value, since no patient has so many sessions."""
    for variable in study.variables:
        if variable.lag is None or built.frame[variable.name].notna().any():
            continue
        if all(getattr(note, "kind", "") == "no_session_before" for note in built.absences[variable.name]):
            last = int(built.frame["session"].max())
            yield (
                f"lag of {variable.name}: found {variable.lag}, allowed 0 to {last - 1}, since the last session of any "
                f"patient is session {last}"
            )


def what_moves(frame: pd.DataFrame, choices: Sequence[str]) -> pd.DataFrame:
    """How much the estimate changes with each choice, all others equal.

    Parameters
    ----------
    frame : DataFrame
        As :func:`run_specifications` gives it; the declared one first.
    choices : sequence of str
        Columns of the choices.

    Returns
    -------
    DataFrame
        One row per choice and value that is not the declared one: ``choice``, ``declared``, ``instead``, ``n_pairs``
        (pairs of specifications that differ in nothing else and are both estimated), ``mean_change``, ``min_change``,
        ``max_change`` of the estimate (instead less declared), the share with p < .05 on both sides of the pairs, and
        ``share``: that of the choice in the variance of all estimates, by its means alone (η² of its main effect).

    Examples
    --------
    >>> frame = pd.DataFrame({"pooling": ["mean", "mean", "primary", "primary"], "lag": ["0", "1", "0", "1"],
    ...                       "estimate": [1.0, 2.0, 1.5, 2.1], "p_value": [.01, .2, .01, .04], "converged": True})
    >>> what_moves(frame, ["pooling", "lag"])[["choice", "instead", "n_pairs", "mean_change"]].round(3).values.tolist()
    [['pooling', 'primary', 2, 0.3], ['lag', '1', 2, 0.8]]
    """
    usable = frame[frame["converged"].astype(bool) & frame["estimate"].notna()]
    rows = []
    for choice in choices:
        others = [name for name in choices if name != choice]
        own = frame[choice].iloc[0]
        declared = usable[usable[choice] == own]
        rows += [
            {"choice": choice, "declared": own, "instead": value, "share": _explained(usable, choice)}
            | _changes(declared, usable[usable[choice] == value], others)
            for value in dict.fromkeys(frame[choice])
            if value != own
        ]
    return pd.DataFrame(rows, columns=list(MOVES))


def _explained(usable: pd.DataFrame, choice: str) -> float:
    """Squares between the values of a choice over all squares around the mean; NaN where nothing varies."""
    values = usable["estimate"]
    total = float(((values - values.mean()) ** 2).sum())
    means = usable.groupby(choice, observed=True)["estimate"].transform("mean")
    return float(((means - values.mean()) ** 2).sum()) / total if total > 0 else float("nan")


def _changes(declared: pd.DataFrame, instead: pd.DataFrame, others: Sequence[str]) -> dict[str, Any]:
    """The pairs that differ in one choice alone; without any every number but their count is NaN."""
    numbers = ["estimate", "p_value"]
    left, right = (side[[*others, *numbers]].assign(of_any=True) for side in (declared, instead))
    pairs = left.merge(right, on=[*others, "of_any"])
    change = pairs["estimate_y"] - pairs["estimate_x"]
    return {
        "n_pairs": len(pairs), "mean_change": float(change.mean()), "min_change": float(change.min()),
        "max_change": float(change.max()), "significant_declared": float((pairs["p_value_x"] < ALPHA).mean()),
        "significant_instead": float((pairs["p_value_y"] < ALPHA).mean()),
    }  # fmt: skip


def among(frame: pd.DataFrame) -> dict[str, Any]:
    """The declared estimate's place among all that converged, their median and range, and shares.

    ``n``, ``n_estimated`` (converged), ``n_refused``, ``n_not_converged``, ``n_singular``, ``n_repeated`` (with exactly
    the numbers of one before), ``median``, ``low``, ``high``, ``rank`` of the declared one from the smallest,
    ``same_sign`` and ``significant`` (shares: the sign of the declared one, and p < .05).
    """
    ok = frame["converged"].astype(bool) & frame["estimate"].notna()
    found, own = frame[ok], frame.iloc[0]
    refused = frame["refusal"] != ""
    counts = {
        "n": len(frame), "n_estimated": len(found), "n_refused": int(refused.sum()),
        "n_not_converged": int((~refused & ~ok).sum()), "n_singular": int((ok & frame["singular"].astype(bool)).sum()),
        "n_repeated": int(found.duplicated(["estimate", "p_value"]).sum()),
    }  # fmt: skip
    if found.empty:
        return counts
    values = found["estimate"]
    return {
        **counts, "median": float(values.median()), "low": float(values.min()), "high": float(values.max()),
        "rank": int((values < own["estimate"]).sum()) + 1,
        "same_sign": float((values * own["estimate"] > 0).mean()),
        "significant": float((found["p_value"] < ALPHA).mean()),
    }  # fmt: skip
