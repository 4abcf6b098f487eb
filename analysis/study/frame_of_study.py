"""The analysis frame of a study folder in one step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from doublecode.analysis.study.run import StudyProblems, frame_of, in_the_numbers, read_study, score_study

if TYPE_CHECKING:
    from doublecode.analysis.linking.frame import AnalysisFrame
    from doublecode.analysis.study.study_run import Intake


def study_frame(study: str | Path | Intake) -> AnalysisFrame:
    """Read a study folder, score it, and build the frame of the variables that it declares.

    Parameters
    ----------
    study : path or Intake
        The study folder, or what :func:`doublecode.analysis.read_study` made of it.

    Returns
    -------
    AnalysisFrame
        ``.frame`` has one row per session (or patient), ``.row_ledger`` what became of every session. Nothing is
        written.

    Raises
    ------
    StudyProblems
        The data hold error-level problems.
    StudyError, InstrumentError, ContractError
        The folder itself is wrong.

    Examples
    --------
    >>> from importlib.resources import as_file, files
    >>> with as_file(files("doublecode.data_examples") / "adolescent_cbt") as folder:
    ...     built = study_frame(folder)
    >>> built.frame["hw2"].notna().sum().item()
    44
    """
    intake = read_study(study) if isinstance(study, str | Path) else study
    if intake.errors:
        raise StudyProblems(intake.problems)
    intake = in_the_numbers(intake)
    items, scores = score_study(intake)
    return frame_of(intake, scores, items)
