"""Frames of changed declarations, and refits that workers share."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from doublecode.analysis.results.spread_work import Piece, Progress, Workers, spread_work
from doublecode.analysis.study.run import frame_of, score_study
from doublecode.analysis.study.sensitivity_standing import Made

if TYPE_CHECKING:
    from doublecode.analysis.linking.frame import AnalysisFrame
    from doublecode.analysis.study.study_run import Intake
    from doublecode.schemas.study import Study

    Scored = tuple[pd.DataFrame, pd.DataFrame]
    Parts = tuple[pd.DataFrame, pd.DataFrame, AnalysisFrame]

TOGETHER: Final = 8
"""Refits of one piece at most: few enough that all workers have some, many enough to be worth a frame."""


class Frames:
    """Analysis frames of changed declarations; scores and frames that several share are made once.

    Another process gets it without the frames that are made, and hands back those that it makes.

    Parameters
    ----------
    intake : Intake
        What is in the numbers.
    """

    def __init__(self, intake: Intake) -> None:
        self.intake = intake
        self._scores: dict[str, Scored] = {}
        self._frames: dict[str, Made] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {"intake": self.intake, "_scores": {}, "_frames": {}}

    def of(self, study: Study, declaration: Mapping[str, Any]) -> Made:
        """Scores and frame of a declaration, by its instruments and variables."""
        of_scores, of_frame = _scores_key(declaration), frame_key(declaration)
        if of_frame not in self._frames:
            changed = replace(self.intake, study=study)
            if of_scores not in self._scores:
                self._scores[of_scores] = score_study(changed)
            items, scores = self._scores[of_scores]
            self._frames[of_frame] = Made(changed, items, scores, frame_of(changed, scores, items))
        return self._frames[of_frame]

    def parts(self, declaration: Mapping[str, Any]) -> Parts | None:
        """Items, scores and frame of a declaration, where they were made."""
        made = self._frames.get(frame_key(declaration))
        return None if made is None else (made.items, made.scores, made.built)

    def take(self, study: Study, declaration: Mapping[str, Any], parts: Parts) -> None:
        """Keep what another process made; scores that are here already are not held twice."""
        items, scores = self._scores.setdefault(_scores_key(declaration), parts[:2])
        made = Made(replace(self.intake, study=study), items, scores, parts[2])
        self._frames.setdefault(frame_key(declaration), made)


def _scores_key(declaration: Mapping[str, Any]) -> str:
    return json.dumps(declaration["instruments"])


def frame_key(declaration: Mapping[str, Any]) -> str:
    """All that decides what a frame is."""
    return _scores_key(declaration) + json.dumps(declaration.get("variables"))


@dataclass(frozen=True)
class Refitting:
    """Who does the refits of a sensitivity analysis.

    Attributes
    ----------
    workers : Workers
    progress : callable or None
    said : str
        All that the data are, where answers are kept; else empty.
    """

    workers: Workers = field(default_factory=Workers)
    progress: Progress | None = None
    said: str = ""

    def __call__(
        self, function: Callable[[Piece], Any], pieces: Mapping[str, Piece], what: str
    ) -> tuple[list[Any], list[Any]]:
        """The answers in the order of the pieces, and what came beside them; None where an answer was kept."""
        beside: dict[str, Any] = {}
        keyed = {key if not self.said else _short(self.said + key): piece for key, piece in pieces.items()}
        answers = spread_work(function, keyed, self.workers, self.progress, what, beside)
        return list(answers.values()), [beside.get(key) for key in keyed]


def refitting(intake: Intake, workers: Workers | None, progress: Progress | None) -> Refitting:
    """Say who refits what was read of a study."""
    workers = workers or Workers()
    return Refitting(workers, progress, "" if workers.keep is None else _said_of(intake))


def _said_of(intake: Intake) -> str:
    """A text that is another one as soon as anything is that a refit stands on."""
    books = [book.model_dump_json() for book in intake.study.codebooks.values()]
    parts = [intake.study.model_dump_json(exclude={"sensitivity"}), *books]
    for name in (one.name for one in fields(intake)):
        value = getattr(intake, name)
        parts += [f"{name}\n{value.to_csv()}"] if isinstance(value, pd.DataFrame) else []
    return _short("\n".join(parts))


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
