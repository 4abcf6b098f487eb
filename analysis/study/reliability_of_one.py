"""Reliability of one of many studies, as plain values: what a worker does, and what is kept of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from doublecode.schemas.errors import DoublecodeError
from doublecode.schemas.frame_rows import rows_of
from doublecode.schemas.results import plain

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.study.reliability_table import ReliabilityTable
    from doublecode.analysis.study.study_run import Intake
    from doublecode.schemas.results import Note

Record = dict[str, Any]
MOST_NAMED: Final = 5
"""Problems of one study that are named."""
ICC: Final = (
    "instrument", "level", "name", "phase", "design", "n_targets", "n_raters", "n_ratings", "n_multiply_coded", "form",
    "shrout_fleiss", "k", "estimate", "conf_low", "conf_high", "single", "judged", "method",
)  # fmt: skip
FORMS: Final = (
    "form", "shrout_fleiss", "k", "estimate", "conf_low", "conf_high", "statistic", "df1", "df2", "p_value", "method",
)  # fmt: skip


def reliability_of_one(folder: str) -> Record:
    """ICC and omega of a study, or why there is none.

    Returns
    -------
    dict
        ``rows`` (of the reliability table), ``forms`` (every ICC form), ``omegas`` (of scales of rated instruments),
        ``failures`` (``step, place, what, next_step, of``), ``notes`` (kind, subject, numbers).
    """
    from doublecode.analysis.study.run import read_study

    answer: Record = {"rows": [], "forms": [], "omegas": [], "failures": [], "notes": []}
    try:
        intake = read_study(folder)
    except (DoublecodeError, OSError) as reason:
        return answer | {"failures": [_failure("reading", reason)]}
    if intake.errors:
        shown = intake.errors[:MOST_NAMED]
        said = [_failed("reading", one.place, one.sentence, one.next_step, len(intake.errors)) for one in shown]
        return answer | {"failures": said}
    for step, estimate in (("ICC", _icc), ("omega", _omega)):
        try:
            found = estimate(intake)
        except (DoublecodeError, OSError) as reason:
            answer["failures"].append(_failure(step, reason))
        else:
            answer |= found | {"notes": [*answer["notes"], *found["notes"]]}
    return answer


def _icc(intake: Intake) -> Record:
    from doublecode.analysis.study.study_scales import reliability_of

    table = reliability_of(intake.study, intake.ratings)
    rows = rows_of(table.frame[list(ICC)])
    return {"rows": rows, "forms": list(_forms(table)), "notes": _facts(table.notes)}


def _forms(table: ReliabilityTable) -> Iterator[Record]:
    for instrument, level, phase, result in table.results:
        columns = [level, *(name for name in FORMS if name in result.frame.columns)]
        for row in rows_of(result.frame[columns]):
            yield {"instrument": instrument, "level": level, "name": row.pop(level), "phase": phase, **row}


def _omega(intake: Intake) -> Record:
    from doublecode.analysis.study.run import consistency_of, score_study

    rated = {name for name in intake.study.codebooks if intake.study.use(name).source == "raters"}
    items, _ = score_study(intake)
    table = consistency_of(intake.study, items)
    if table is None:
        return {"omegas": [], "notes": []}
    frame: pd.DataFrame = table.frame[table.frame["instrument"].isin(rated)]
    notes = [one for one in table.notes if one.numbers.get("instrument") in rated]
    return {"omegas": rows_of(frame), "notes": _facts(notes)}


def _facts(notes: Any) -> list[Record]:
    return [_fact(one) for one in notes]


def _fact(note: Note) -> Record:
    return {"kind": note.kind, "subject": note.subject, "numbers": plain(note.numbers)}


def _failure(step: str, reason: DoublecodeError | OSError) -> Record:
    if isinstance(reason, OSError) and reason.strerror:
        place = Path(str(reason.filename or "")).name
        return _failed(step, place, reason.strerror, "Look at the file and its rights.")
    return _failed(step, "", str(reason), "")


def _failed(step: str, place: str, what: str, next_step: str, of: int = 1) -> Record:
    return {"step": step, "place": place, "what": what, "next_step": next_step, "of": of}
