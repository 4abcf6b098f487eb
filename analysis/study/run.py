"""A whole study in one go: take in what raters sent back, check it, analyse what was declared.

Two steps, because data problems stop the second: :func:`read_study` reads and
collects problems, :func:`analyse` computes. What comes out is a
:class:`doublecode.analysis.study.study_run.StudyRun`; the room ``report`` writes it down.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from doublecode.analysis.results.spread_work import Progress as Progress
from doublecode.analysis.study.facts_of_run import with_facts
from doublecode.analysis.study.study_run import Intake, StudyRun
from doublecode.schemas.errors import ContractError, DoublecodeError, NotEstimable, StudyError, UsageError
from doublecode.schemas.near_names import allowed
from doublecode.schemas.problems import Problem
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.description.homework import LogResult
    from doublecode.analysis.linking.frame import AnalysisFrame
    from doublecode.analysis.results.spread_work import Workers
    from doublecode.analysis.study.declared_findings import Fits
    from doublecode.analysis.study.scale_consistency import ConsistencyTable
    from doublecode.schemas.study import Study

Answer = TypeVar("Answer")


class StudyProblems(DoublecodeError):
    """The data hold error-level problems, so nothing was analysed.

    Attributes
    ----------
    problems : tuple of Problem
    """

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        errors = [problem for problem in problems if problem.severity == "error"]
        first = "\n".join(str(problem) for problem in errors[:3])
        super().__init__(
            f"{len(errors)} problem(s) in the data, no report was written:\n{first}\nMend the files, or set a file "
            "aside by name (set_aside=, --set-aside FILE)."
        )


def no_progress(step: str, done: int, of: int) -> None:
    """Show nothing."""


def read_study(folder: str | Path, *, set_aside: Collection[str] = (), progress: Progress | None = None) -> Intake:
    """Read a study folder: declaration, tables, workbooks, ledger, outcomes; collect every problem.

    A workbook that the ledger holds and ``incoming/`` does not counts as it was taken in (``file_absent``).

    Parameters
    ----------
    folder : path
        The study folder.
    set_aside : collection of str
        Names of files in ``incoming/`` to leave out; printed on page 1 of the report.
    progress : callable, optional
        Called with what is done, how many workbooks are read, and how many there are.

    Returns
    -------
    Intake
        ``study``, ``ratings``, ``outcomes``, ``sessions``, ``patients``, ``therapists``, ``files``, ``problems``
        (all of them) and ``errors`` (those that stop an analysis). Nothing is written.

    Raises
    ------
    StudyError, InstrumentError, ContractError
        The folder itself is wrong: the declaration, one of its tables, or the two do not fit.
    UsageError
        A file to be set aside is not in ``incoming/``.

    Examples
    --------
    >>> from importlib.resources import as_file, files
    >>> with as_file(files("doublecode.data_examples") / "adolescent_cbt") as folder:
    ...     intake = read_study(folder)
    >>> len(intake.patients), len(intake.sessions), len(intake.errors)
    (50, 141, 0)
    """
    from doublecode.analysis.study.declared_columns import check_declared_columns
    from doublecode.analysis.study.empty_logs import empty_logs
    from doublecode.analysis.study.frozen_plan import plan_state
    from doublecode.coding.intake.study_ratings import read_study_ratings
    from doublecode.coding.reading.declared_heads import open_study
    from doublecode.coding.reading.outcome_events import read_outcome_events
    from doublecode.coding.reading.outcomes import linked_answers, read_outcomes
    from doublecode.coding.reading.study_remarks import remarks_on_tables
    from doublecode.coding.reading.study_tables import read_study_table
    from doublecode.schemas.frames import PATIENTS, SESSIONS, of_occasion
    from doublecode.schemas.row_order import by_key

    study = open_study(folder)
    read = {one.name: by_key(read_study_table(study, one.name), one) for one in (SESSIONS, PATIENTS)}
    read["therapists"] = _therapists(study, read["sessions"])
    try:
        check_declared_columns(study, read["patients"], read["therapists"], read["sessions"])
    except StudyError as wrong:
        raise StudyError(f"study.toml: {wrong}") from None
    rated = read_study_ratings(study, set_aside=set_aside, progress=progress)
    ratings = of_occasion(rated.ratings, first=True)
    outcomes, outcome_problems = read_outcomes(study)
    at_events, event_problems = read_outcome_events(study, read["patients"])
    everything = Intake(
        study=study,
        ratings=ratings,
        outcomes=outcomes,
        kept_out=ratings.iloc[:0],
        problems=(*rated.problems, *outcome_problems, *event_problems, *remarks_on_tables(study)),
        files=rated.files,
        set_aside=rated.set_aside,
        absent=rated.absent,
        held=rated.held,
        at_events=at_events,
        recodes=of_occasion(rated.ratings, first=False),
        decided=rated.decided,
        typed_twice=rated.typed_twice,
        plan=plan_state(study),
        linked=linked_answers(study),
        **read,
    )
    counted = in_the_numbers(everything)
    return replace(counted, empty_logs=empty_logs(counted))


def _therapists(study: Study, sessions: pd.DataFrame) -> pd.DataFrame:
    """The table of therapists; a study that has none of them, or says no more than their ids, needs no file."""
    from doublecode.coding.reading.study_tables import has_table, read_study_table
    from doublecode.schemas.frames import THERAPISTS
    from doublecode.schemas.row_order import by_key

    if has_table(study, "therapists") or "therapists" in study.tables:
        table = by_key(read_study_table(study, "therapists"), THERAPISTS)
        _check_listed(sessions["therapist"].dropna(), table["therapist"].astype(str).tolist())
        return table
    named = sessions["therapist"].dropna().drop_duplicates().sort_values(ignore_index=True)
    return named.to_frame()


def _check_listed(named: pd.Series[str], listed: Sequence[str]) -> None:
    """Refuse a therapist of sessions.csv of whom the table of therapists knows nothing."""
    stray = named[~named.isin(listed)]
    if len(stray):
        said = allowed(stray.iloc[0], listed)
        raise ContractError(
            f"sessions: therapist {stray.iloc[0]!r} is not in the table of therapists ({said}). "
            "Correct the id, or add a row for this therapist."
        )


def in_the_numbers(intake: Intake) -> Intake:
    """Keep out what is in no number: excluded patients, and sessions that an instrument is not used in."""
    from doublecode.analysis.study.counted_rows import counted_rows
    from doublecode.coding.intake.ledger_values import in_one_frame
    from doublecode.schemas.frames import of_occasion

    again = intake.recodes if intake.recodes is not None else intake.ratings.iloc[:0]
    everything = in_one_frame([intake.ratings, again]).sort_index()
    rated = counted_rows(everything, intake.study, intake.patients, "ratings")
    answered = counted_rows(intake.outcomes, intake.study, intake.patients, "answers")
    if not (rated.remarks or answered.remarks):
        return intake
    return replace(
        intake,
        ratings=of_occasion(rated.counted, first=True),
        recodes=None if intake.recodes is None else of_occasion(rated.counted, first=False),
        outcomes=answered.counted,
        kept_out=in_one_frame([intake.kept_out, rated.kept_out]),
        problems=(*intake.problems, *rated.remarks, *answered.remarks),
    )


def store(intake: Intake, *, may_only_read: bool = False) -> str:
    """Write what was read from files to the study's ledger; what it already holds is not written again.

    Parameters
    ----------
    intake : Intake
    may_only_read : bool
        Go on where the ledger cannot be written, as on a read-only share.

    Returns
    -------
    str
        Why nothing was stored; empty where it was.

    Raises
    ------
    DuplicateError, UsageError
        Two files hold the same rating, or the ledger cannot be written: then nothing was stored.
    """
    from doublecode.coding.intake.ledger_tables import ReadOnlyLedger
    from doublecode.coding.intake.ledger_values import in_one_frame
    from doublecode.coding.intake.study_ledger import open_ledger

    again = intake.recodes if intake.recodes is not None else intake.ratings.iloc[:0]
    everything = in_one_frame([intake.ratings, intake.kept_out, again]).sort_index()
    if intake.decided is not None:
        everything = in_one_frame([everything, intake.decided])
    read = everything[~everything["source_file"].isin(intake.held)]
    try:
        with open_ledger(intake.study) as ledger:
            ledger.take_in(read, intake.files[~intake.files["file"].isin(intake.held)])
    except ReadOnlyLedger as wrong:
        if not may_only_read:
            raise
        return str(wrong)
    return ""


def analyse(intake: Intake, progress: Progress = no_progress, workers: Workers | None = None) -> StudyRun:
    """Compute everything that the study declares; `workers` do the refits of declared bootstrap limits.

    Raises
    ------
    StudyProblems
        The data hold error-level problems.
    """
    from doublecode.analysis.description import descriptives
    from doublecode.analysis.study.code_counts import code_counts
    from doublecode.analysis.study.declared_generalized import by_family, fit_declared
    from doublecode.analysis.study.declared_process import process_answers
    from doublecode.analysis.study.recodes import recode_table
    from doublecode.analysis.study.sample_of_study import study_sample
    from doublecode.analysis.study.study_scales import reliability_of
    from doublecode.analysis.study.study_screens import screens_of
    from doublecode.analysis.study.warnings import run_warnings
    from doublecode.coding.intake.replaced_files import replaced_files

    if intake.errors:
        raise StudyProblems(intake.problems)
    study = (intake := in_the_numbers(intake)).study
    steps = _Steps(progress, 6 + len(study.series))
    steps("Scoring")
    items, scores = score_study(intake)
    frame = frame_of(intake, scores, items)
    steps("Describing")
    refused: list[Note] = []
    described: dict[str, Any] = {
        "sample": study_sample(intake),
        "described_items": descriptives.describe_items(items, study.codebooks),
        "described_scores": descriptives.describe_scores(scores, study.codebooks),
        "logs": _logs(intake),
        "codes": code_counts(study, intake.ratings),
        "recodes": recode_table(study, intake.ratings, intake.recodes, intake.files),
        "screens": screens_of(study, intake.ratings),
        "replaced": replaced_files(study),
    }
    steps("Inter-rater reliability")
    reliability = attempt("Inter-rater reliability", partial(reliability_of, study, intake.ratings), refused)
    steps("Internal consistency")
    consistency = attempt("Internal consistency", partial(consistency_of, study, items), refused)
    steps("Correlations and regressions")
    models = regressions_of(study, frame.frame, refused)
    series = []
    for declared in study.series:
        steps(f"Multilevel models: {declared.title}")
        fitting = partial(fit_declared, declared, frame.frame, study, workers, progress)
        series.append(attempt(declared.title, fitting, refused))
    fits = (*filter(None, series), *models["moderations"])
    asked = _findings(study, fits, frame.frame, refused)
    refused += (process := process_answers(study, intake.ratings, frame.frame)).refused
    run = StudyRun(
        intake=intake, items=items, scores=scores, frame=frame, reliability=reliability, consistency=consistency,
        process=process, **by_family(series), **asked,
        not_estimated=tuple(refused), **described, **models,
    )  # fmt: skip
    return with_facts(replace(run, warnings=run_warnings(run)))


def consistency_of(study: Study, items: pd.DataFrame) -> ConsistencyTable | None:
    """Omega of every scale of the study; None where no scale has two items."""
    from doublecode.analysis.study.scale_consistency import consistency_table

    books = [book for book in study.codebooks.values() if any(len(scale.items) > 1 for scale in book.scales)]
    return consistency_table(items, books, seed=study.seed) if books else None


def frame_of(intake: Intake, scores: pd.DataFrame, items: pd.DataFrame) -> AnalysisFrame:
    """The frame of the declared variables, from everything that was taken in."""
    from doublecode.analysis.study.declared_models import declared_frame
    from doublecode.analysis.study.events import scored_events

    return declared_frame(
        intake.study, scores, items, intake.sessions, intake.patients, intake.agreed,
        therapists=intake.therapists, at_events=scored_events(intake.at_events, intake.study),
        empty_logs=intake.empty_logs,
    )  # fmt: skip


def score_study(intake: Intake) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Items (raters' pooled, and outcomes) and the scores of every scale."""
    import pandas as pd

    from doublecode.coding.scoring import pool_ratings, score

    pooled = pool_ratings(intake.agreed, intake.study)
    parts = [part for part in (pooled, intake.outcomes) if len(part)]
    items = pd.concat(parts, ignore_index=True) if parts else pooled
    return items, score(items, intake.study.codebooks)


def regressions_of(study: Study, frame: pd.DataFrame, refused: list[Note]) -> dict[str, Any]:
    """Outlier rule, correlations, moderated regressions, group comparisons: what stands on one frame."""
    from doublecode.analysis.description.correlations import correlate
    from doublecode.analysis.description.outliers import winsorise
    from doublecode.analysis.regression.group_differences import group_anova
    from doublecode.analysis.study.declared_models import declared_patient_outcome
    from doublecode.analysis.study.declared_moderation import fit_moderation

    rule = study.outliers
    outliers = None if rule is None else attempt("Outlier rule", partial(winsorise, frame, rule), refused)
    data = frame if outliers is None else outliers.data
    asked = study.correlations
    patient, session = ("patient", "session") if study.unit == "session" else (None, None)
    correlated = None if asked is None else partial(
        correlate, data, asked.variables, method=asked.method, patient=patient, session=session
    )  # fmt: skip
    fit_one = partial(
        fit_moderation, errors="least-squares" if study.regression_errors == "least-squares" else "robust"
    )
    fits = [attempt(model.title, partial(fit_one, model, data, observed=frame), refused) for model in study.moderations]
    untouched = [
        attempt(f"{model.title}, before the outlier rule", partial(fit_one, model, frame), refused)
        for model in (study.moderations if outliers is not None else ())
    ]
    patients = [
        attempt(model.title, partial(declared_patient_outcome, model, frame), refused)
        for model in study.patient_outcomes
    ]
    groups = [
        attempt(f"{one.outcome} by {one.group}", partial(group_anova, data, one.outcome, one.group), refused)
        for one in study.group_comparisons
    ]
    return {
        "outliers": outliers,
        "correlations": None if correlated is None else attempt("Correlations", correlated, refused),
        "patient_outcomes": tuple(filter(None, patients)),
        "moderations": tuple(filter(None, fits)),
        "moderations_untouched": tuple(filter(None, untouched)),
        "comparisons": tuple(filter(None, groups)),
    }


def _findings(study: Study, fits: Fits, frame: pd.DataFrame, refused: list[Note]) -> dict[str, Any]:
    """What is asked beyond the models: marginal means, families of tests, who is missing, which covariates go along."""
    from doublecode.analysis.description.covariate_screen import screen_covariates
    from doublecode.analysis.description.missing_comparison import compare_missing
    from doublecode.analysis.study.declared_findings import declared_family, declared_fidelity, declared_marginal

    screen, missing = study.covariate_screen, study.missing_comparison
    patient = "patient" if study.unit == "session" else None
    means = [attempt(one.title, partial(declared_marginal, one, fits, frame), refused) for one in study.marginal_means]
    found = tuple(filter(None, means))
    families = [attempt(one.title, partial(declared_family, one, fits, found), refused) for one in study.families]
    return {
        "marginals": found,
        "families": tuple(filter(None, families)),
        "covariate_screen": None if screen is None else attempt(
            "Covariates", partial(
                screen_covariates, frame, screen.outcomes, screen.covariates, alpha=screen.alpha, patient=patient
            ),
            refused,
        ),
        "missing_comparison": None if missing is None else attempt(
            "Missing data", partial(compare_missing, frame, missing.complete, missing.compare, patient=patient), refused
        ),
        "fidelity": None if study.fidelity is None else attempt(
            "Fidelity to the manual", partial(declared_fidelity, study.fidelity, frame), refused
        ),
    }  # fmt: skip


def attempt(title: str, compute: Callable[[], Answer], refused: list[Note]) -> Answer | None:
    """Compute, or keep the reason: a part that these data do not carry must not hide the others."""
    try:
        return compute()
    except (NotEstimable, UsageError) as reason:
        refused.append(Note("not_estimated", title, {"reason": str(reason)}))
        return None


def _logs(intake: Intake) -> tuple[LogResult, ...]:
    """Counts of the homework logs, one result per instrument that says it is one."""
    from doublecode.analysis.description.homework import log_counts

    books = [book for book in intake.study.codebooks.values() if book.homework_log is not None]
    return tuple(log_counts(intake.agreed, book, empty=intake.empty_logs) for book in books)


class _Steps:
    """Counts the steps of a run for its progress display."""

    def __init__(self, progress: Progress, of: int) -> None:
        self.progress, self.of, self.done = progress, of, 0

    def __call__(self, step: str) -> None:
        self.progress(step, self.done, self.of)
        self.done += 1
