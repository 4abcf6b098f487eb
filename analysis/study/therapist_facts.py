"""What the page of each therapist says, as facts: means, team, thresholds, trends, recordings, remarks.

What rests on too few patients is taken out here, before anything is drawn or written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
import pandas as pd

from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, column
from doublecode.analysis.study.run import StudyProblems, in_the_numbers, no_progress, read_study
from doublecode.analysis.study.therapist_estimates import LIMITS, Verdict, therapist_contrasts, trend, verdict
from doublecode.analysis.study.therapist_recordings import COLUMNS as OF_RECORDINGS
from doublecode.analysis.study.therapist_recordings import hear_again
from doublecode.analysis.study.therapist_remarks import remarks
from doublecode.analysis.study.therapist_values import Behaviour, TherapistData, chosen, page_of, therapist_data
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from doublecode.analysis.study.study_run import Intake
    from doublecode.schemas.therapist_page import TherapistPage

Progress = Callable[[str, int, int], None]
ESTIMATED, TOO_FEW, NO_LIMITS = "estimated", "too few", "no limits"
_LIMITED: Final = ("mean", "team", "difference", "equal_mean", "equal_difference", "slope")
FRAME: Final = (
    "therapist", "instrument", "level", "name", "title", "label", "state", "n_sessions", "n_patients",
    *(f"{name}{end}" for name in _LIMITED for end in ("", "_low", "_high", "_df")),
    "n_colleagues", "team_verdict", "threshold", "threshold_source", "threshold_verdict", "n_trend",
)  # fmt: skip
COURSE: Final = ("therapist", "instrument", "level", "name", "session", "mean", "n_patients")


@dataclass(frozen=True, eq=False, repr=False)
class TherapistResult(Answer):
    """What the pages of therapists say.

    Attributes
    ----------
    spec : dict
        study, therapists, instruments, fewest_patients, fewest_colleagues, hear_again, comments, conf_level.
    frame : DataFrame
        One row per therapist and behaviour: ``therapist, instrument, level, name, title, label``; ``state``
        ("estimated", "too few" patients, "no limits"); ``n_sessions, n_patients``; ``mean``, ``team`` and their
        ``difference``, the same mean and difference with raters held equal (``equal_mean, equal_difference``), the
        ``slope`` per session, each with ``_low, _high, _df``; ``n_colleagues``; ``threshold`` with its source;
        ``team_verdict`` and ``threshold_verdict`` ("above", "below", "not decided", empty). NaN where too few patients,
        or colleagues, stand behind.
    courses : DataFrame
        Mean of each session number that rests on enough patients; what is left out rests on enough patients, too.
    recordings : DataFrame
        Sessions to hear again, with the ids by which the laboratory finds them.
    remarks : DataFrame
        ``therapist, session_id, text``: what raters wrote, ids masked; empty unless it was asked for.
    design : dict
        ``therapists``: counts by therapist who is shown; ``n_therapists`` in the study, ``n_behaviors``.
    notes : tuple of Note
    rows : Index
        Session ids behind the values.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    courses: pd.DataFrame
    recordings: pd.DataFrame
    remarks: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("therapist", "name")

    def tables(self) -> tuple[Table, ...]:
        """One table: therapists and behaviours, with what could be decided."""
        columns = (
            column("label", "Behavior", kind="text"), column("n_sessions", "Sessions", kind="integer"),
            column("n_patients", "Patients", kind="integer"), column("mean", "*M*"),
            column("mean_low", "95% CI", upper="mean_high"), column("team", "Team"),
            column("team_verdict", "Than team", kind="text"), column("threshold", "Threshold"),
            column("threshold_verdict", "Than threshold", kind="text"),
        )  # fmt: skip
        return (Table("therapists", "Therapists and their behaviors", self.frame, columns, group="therapist"),)

    def counted(self) -> str:
        """Say how many pages there are, and the rules of small cells."""
        n = len(self.spec["therapists"])
        return (
            f"{n} therapist{'s' if n != 1 else ''}; no number that rests on fewer than {self.spec['fewest_patients']} "
            f"patients, no team of fewer than {self.spec['fewest_colleagues']} others"
        )


def therapist_pages(
    study: str | Path | Intake,
    *,
    therapist: str | None = None,
    comments: bool = False,
    progress: Progress = no_progress,
) -> TherapistResult:
    """Compute what the page of each therapist says.

    Parameters
    ----------
    study : path or Intake
        The study folder, or what :func:`doublecode.analysis.read_study` made of it; it declares ``[therapist_page]``.
    therapist : str, optional
        One therapist; without it all who held a coded session.
    comments : bool
        With what raters wrote, whether or not the study declares it.
    progress : callable
        Called with step, done, of.

    Returns
    -------
    TherapistResult
        ``.frame`` has one row per therapist and behaviour. Nothing is written.

    Raises
    ------
    UsageError
        The study declares no page, no session has a therapist, or no coded session is of this one.
    StudyProblems
        The data hold error-level problems.

    Notes
    -----
    Formulas stand in :mod:`doublecode.analysis.study.therapist_estimates`. A verdict is given only where the whole
    interval lies on one side, with the raters as they were *and* held equal.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from importlib.resources import as_file, files
    >>> from doublecode.analysis import read_study
    >>> from doublecode.schemas.therapist_page import TherapistPage
    >>> with as_file(files("doublecode.data_examples") / "adolescent_cbt") as folder:
    ...     intake = read_study(folder)
    >>> study = intake.study.model_copy(update={"therapist_page": TherapistPage(instruments=("thabs",))})
    >>> found = therapist_pages(replace(intake, study=study), therapist="T1")
    >>> found.frame[["label", "n_sessions", "n_patients"]].to_dict("records")[0]
    {'label': 'Task was specified', 'n_sessions': 13, 'n_patients': 7}
    """
    intake = read_study(study) if isinstance(study, str | Path) else study
    asked = page_of(intake.study)
    if intake.errors:
        raise StudyProblems(intake.problems)
    data = therapist_data(in_the_numbers(intake), asked)
    pages = chosen(data, therapist)
    rows: list[dict[str, Any]] = []
    for done, one in enumerate(data.behaviours):
        progress(one.label, done, len(data.behaviours))
        rows += _of_behaviour(data, one, asked, pages)
    order = {page: at for at, page in enumerate(pages)}
    frame = pd.DataFrame(rows, columns=list(FRAME)).sort_values(
        "therapist", key=lambda names: names.map(order), kind="stable", ignore_index=True
    )
    written = remarks(data.intake)
    again = [hear_again(data, page, asked.hear_again, written["session_id"]) for page in pages]
    shown = written[written["therapist"].isin(pages)] if comments or asked.comments else written.iloc[:0]
    return TherapistResult(
        spec={
            "study": intake.study.name, "therapists": list(pages), "instruments": list(asked.instruments),
            "fewest_patients": asked.fewest_patients, "fewest_colleagues": asked.fewest_colleagues,
            "hear_again": asked.hear_again, "comments": comments or asked.comments, "conf_level": 0.95,
        },
        frame=frame, courses=_courses(data, asked, pages),
        recordings=pd.concat([one for one in again if len(one)] or [pd.DataFrame(columns=list(OF_RECORDINGS))],
                             ignore_index=True),
        remarks=shown.reset_index(drop=True), design=_counts(data, asked, pages), notes=_notes(data, frame),
        rows=pd.Index(data.values["session_id"].unique()),
    )  # fmt: skip


def _of_behaviour(
    data: TherapistData, one: Behaviour, asked: TherapistPage, pages: tuple[str, ...]
) -> list[dict[str, Any]]:
    """One row per therapist."""
    rows = data.of(one)
    n_patients = rows.groupby("therapist")["patient"].nunique()
    enough = [name for name in data.therapists if n_patients.get(name, 0) >= asked.fewest_patients]
    wanted: dict[str, dict[str, float]] = {}
    for page in (page for page in pages if page in enough):
        wanted |= _weights(page, [name for name in enough if name != page], asked.fewest_colleagues)
    plain = therapist_contrasts(rows, wanted)
    by_rater = data.of(one, by_rater=True)
    rated = len(by_rater["rater"].unique()) > 1 and set(enough) <= set(by_rater["therapist"])
    equal = therapist_contrasts(by_rater, wanted if rated else {})
    limit = next((t for t in asked.thresholds if (t.instrument, t.name) == (one.instrument, one.name)
                  and (t.scale is None) == (one.level == "item")), None)  # fmt: skip
    found = []
    for page in pages:
        own = rows[rows["therapist"] == page]
        row = {
            "therapist": page, "instrument": one.instrument, "level": one.level, "name": one.name,
            "title": one.title, "label": one.label, "threshold": np.nan if limit is None else limit.value,
            "threshold_source": "" if limit is None else limit.source, "state": TOO_FEW,
            "team_verdict": str(Verdict.NONE), "threshold_verdict": str(Verdict.NONE),
            "n_colleagues": float(sum(name != page for name in enough)) if f"team {page}" in wanted else np.nan,
        }  # fmt: skip
        found.append(row | _own(own, page, plain, equal, row, asked) if page in enough else row)
    return found


def _weights(page: str, others: list[str], fewest: int) -> dict[str, dict[str, float]]:
    """What is estimated for a page: its mean and, of enough colleagues, theirs and the difference."""
    found = {f"mean {page}": {page: 1.0}}
    if len(others) >= fewest:
        team = {name: 1 / len(others) for name in others}
        away = {name: -weight for name, weight in team.items()}
        found |= {f"team {page}": team, f"difference {page}": {page: 1.0, **away}}
    return found


def _own(
    own: pd.DataFrame, page: str, plain: pd.DataFrame, equal: pd.DataFrame, row: dict[str, Any], asked: TherapistPage
) -> dict[str, Any]:
    """Numbers of a therapist who has enough patients."""
    found: dict[str, Any] = {
        "n_sessions": len(own), "n_patients": own["patient"].nunique(), "state": ESTIMATED,
    }  # fmt: skip
    of = {name: _limits(plain, f"{name} {page}") for name in ("mean", "team", "difference")}
    of |= {f"equal_{name}": _limits(equal, f"{name} {page}") for name in ("mean", "difference")}
    if not np.isfinite(of["mean"]["estimate"]):
        found["state"] = NO_LIMITS
        of["mean"]["estimate"] = float(own["value"].mean())
    found["team_verdict"] = str(verdict([of["difference"], of["equal_difference"]], 0.0))
    found["threshold_verdict"] = str(verdict([of["mean"], of["equal_mean"]], float(row["threshold"])))
    course = trend(own)
    found["n_trend"] = course.pop("n_patients")
    of["slope"] = course if found["n_trend"] >= asked.fewest_patients else dict.fromkeys(LIMITS, np.nan)
    for name, limits in of.items():
        found |= {name: limits["estimate"], f"{name}_low": limits["conf_low"], f"{name}_high": limits["conf_high"],
                  f"{name}_df": limits["df"]}  # fmt: skip
    return found


def _limits(table: pd.DataFrame, name: str) -> dict[str, float]:
    if name not in table.index:
        return dict.fromkeys(LIMITS, float("nan"))
    return {key: float(table.loc[name, key]) for key in LIMITS}  # type: ignore[arg-type]


def _courses(data: TherapistData, asked: TherapistPage, pages: tuple[str, ...]) -> pd.DataFrame:
    """The courses of every behaviour, under one another."""
    rows = data.values[data.values["therapist"].isin(pages)]
    keys = list(COURSE[:4])
    found = [
        course_of(own, asked.fewest_patients).assign(**dict(zip(keys, map(str, key), strict=True)))
        for key, own in rows.groupby(keys, sort=True)
    ]
    shown = pd.concat([one for one in found if len(one)] or [pd.DataFrame(columns=list(COURSE))], ignore_index=True)
    return shown[list(COURSE)]


def course_of(own: pd.DataFrame, fewest: int) -> pd.DataFrame:
    """Means by session number of one behaviour of a therapist, without the numbers that too few patients have.

    The mean over all sessions less the points that are shown is a mean of those left out. So these together rest on
    `fewest` patients, or there are none: where they do not, the points of the fewest patients are left out, too.

    Parameters
    ----------
    own : DataFrame
        ``session, patient, value``.
    fewest : int

    Returns
    -------
    DataFrame
        ``session, mean, n_patients``.
    """
    found = own.groupby("session").agg(mean=("value", "mean"), n_patients=("patient", "nunique")).reset_index()
    found = found.sort_values(["n_patients", "session"], ignore_index=True)
    n_out = int((found["n_patients"] < fewest).sum())

    def n_behind() -> int:
        return int(own.loc[own["session"].isin(found["session"][:n_out]), "patient"].nunique())

    while 0 < n_out < len(found) and n_behind() < fewest:
        n_out += 1
    return found[n_out:].sort_values("session", ignore_index=True)


def _counts(data: TherapistData, asked: TherapistPage, pages: tuple[str, ...]) -> dict[str, Any]:
    """By therapist sessions and patients; of too few patients neither."""
    found = {}
    for page in pages:
        rows = data.values[data.values["therapist"] == page]
        n_patients = int(rows["patient"].nunique())
        is_enough = n_patients >= asked.fewest_patients
        n_sessions = int(rows["session_id"].nunique())
        found[page] = {"n_sessions": n_sessions if is_enough else None, "n_patients": n_patients if is_enough else None}
    return {"therapists": found, "n_therapists": len(data.therapists), "n_behaviors": len(data.behaviours)}


def _notes(data: TherapistData, frame: pd.DataFrame) -> tuple[Note, ...]:
    found = []
    unknown = int(data.intake.sessions["therapist"].isna().sum())
    if unknown:
        found.append(Note("therapist_unknown", numbers={"n": unknown}))
    n_few = int((frame["state"] == TOO_FEW).sum())
    if n_few:
        found.append(Note("therapist_cells_too_small", numbers={"n": n_few, "of": len(frame)}))
    shown = frame[frame["mean"].notna()]
    n_unequal = int(shown["equal_mean"].isna().sum())
    if n_unequal:
        found.append(Note("therapist_raters_not_equal", numbers={"n": n_unequal, "of": len(shown)}))
    return tuple(found)
