"""The flow of a study: from whom was screened to who is analysed, from sessions held to sessions rated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from doublecode.analysis.study.achieved_coding import coded_rows
from doublecode.analysis.study.labels import short_title
from doublecode.schemas.errors import NotEstimable
from doublecode.schemas.frames import IN_NO_NUMBER, WITHDRAWN
from doublecode.schemas.near_names import allowed, ended
from doublecode.schemas.results import is_missing

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.schemas.reported_parts import FlowStep
    from doublecode.schemas.study import Study

KEPT: Final = "kept"
LOST: Final = "lost"
COLUMNS: Final = ("lane", "step", "kind", "label", "n")
_WITHDRAWN: Final = "consent withdrawn"
_UNSAID: Final = "no reason given"


@dataclass(frozen=True)
class FlowBox:
    """One box of a flow, and who left after it.

    Parameters
    ----------
    label : str
    n : int
    members : tuple
        Ids of the patients, or of the sessions, in it; None where the number is declared.
    lost : tuple of (reason, n, members)
        Who left between this box and the next, the commonest reason first.
    """

    label: str
    n: int
    members: tuple[Any, ...] | None = None
    lost: tuple[tuple[str, int, tuple[Any, ...]], ...] = ()


@dataclass(frozen=True, eq=False)
class StudyFlow:
    """The flow of patients and of sessions.

    Parameters
    ----------
    patients : tuple of FlowBox
    sessions : tuple of (str, tuple of FlowBox)
        Per lane its title (instruments of one flow share a lane) and its boxes.
    """

    patients: tuple[FlowBox, ...]
    sessions: tuple[tuple[str, tuple[FlowBox, ...]], ...]

    def frame(self, unit: str) -> pd.DataFrame:
        """The boxes of ``"patients"`` or ``"sessions"`` as rows: ``lane, step, kind, label, n``."""
        import pandas as pd

        lanes = (("", self.patients),) if unit == "patients" else self.sessions
        rows = [
            row
            for title, boxes in lanes
            for step, box in enumerate(boxes, 1)
            for row in (
                (title, step, KEPT, box.label, box.n), *((title, step, LOST, why, n) for why, n, _ in box.lost),
            )
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def members(self, unit: str, lane: str, step: int, kind: str, label: str) -> tuple[Any, ...]:
        """Who is counted in one row of :meth:`frame`."""
        lanes = {"": self.patients} if unit == "patients" else dict(self.sessions)
        box = lanes[lane][step - 1]
        return box.members or () if kind == KEPT else next(who for why, _, who in box.lost if why == label)


def study_flow(study: Study, patients: pd.DataFrame, sessions: pd.DataFrame, ratings: pd.DataFrame) -> StudyFlow:
    """Count patients and sessions from the first declared number, or row of a table, to those that are analysed.

    Parameters
    ----------
    study : Study
    patients, sessions : DataFrame
        The tables of the folder.
    ratings : DataFrame
        Contract RATINGS: those on which scores stand.

    Raises
    ------
    NotEstimable
        A declared number is smaller than what comes after it, or a step goes by a session that was never held or a
        reason that no patient has.
    """
    main = sessions[sessions["phase"] == "main"]
    return StudyFlow(tuple(_patients(study, patients, main)), tuple(_sessions(study, patients, main, ratings)))


def _patients(study: Study, table: pd.DataFrame, main: pd.DataFrame) -> Iterator[FlowBox]:
    came = set(main["patient"])
    inside = {p for p, s in zip(table["patient"], table["status"], strict=True) if s not in IN_NO_NUMBER and p in came}
    left, why = table["patient"].tolist(), _reasons(table)
    asked = study.flow or _usual()
    boxes: list[FlowBox] = [FlowBox(one.label, one.n) for one in asked if one.n is not None]
    said = [list(one.lost) for one in asked if one.n is not None]
    for step in (one for one in asked if one.n is None):
        left = _who(step, left, table, main)
        boxes.append(FlowBox(step.label, len(left), tuple(left)))
    if boxes[-1].members is None or set(left) - inside:
        kept = [one for one in left if one in inside]
        boxes.append(FlowBox("In the analysis", len(kept), tuple(kept)))
    for at, box in enumerate(boxes):
        after = boxes[at + 1] if at + 1 < len(boxes) else None
        if after is None:
            yield box
        elif box.members is None:
            declared = [(one.reason, one.n, ()) for one in said[at]]
            yield FlowBox(box.label, box.n, None, (*declared, *_rest(box, after, sum(n for _, n, _ in declared))))
        else:
            yield FlowBox(box.label, box.n, box.members, _grouped(box.members, after.members or (), why))


def _usual() -> tuple[FlowStep, ...]:
    """Every row of the table of patients; who is in the analysis is counted after it."""
    from doublecode.schemas.reported_parts import FlowStep

    return (FlowStep(label="Patients"),)


def _who(step: FlowStep, left: Sequence[str], patients: pd.DataFrame, main: pd.DataFrame) -> list[str]:
    """Whom a box holds of those whom the boxes before have left."""
    if step.session is not None:
        if step.session > (last := main["session"].max()):
            raise NotEstimable(f"flow {step.label!r}: found session {step.session}, allowed 1 to {last:g}, the last.")
        came = set(main.loc[main["session"] >= step.session, "patient"])
        return [one for one in left if one in came]
    why = dict(zip(patients["patient"], patients["reason"], strict=True))
    for word in step.without:
        if word not in why.values():
            known = sorted({*_reasons(patients).values()} - {_UNSAID, _WITHDRAWN})
            raise NotEstimable(
                f"flow {step.label!r}: no patient has the reason {word!r}; {ended(allowed(word, known))}"
            )
    return [one for one in left if why[one] not in step.without]


def _rest(box: FlowBox, after: FlowBox, said: int) -> Iterator[tuple[str, int, tuple[Any, ...]]]:
    """Who left a declared box without a declared reason."""
    n = box.n - said - after.n
    if n < 0:
        raise NotEstimable(
            f"flow: {box.label!r} holds {box.n}, of whom {said} are declared as lost, and {after.label!r} holds "
            f"{after.n}. Correct n or lost of the flow in study.toml."
        )
    if n:
        yield (_UNSAID, n, ())


def _reasons(patients: pd.DataFrame) -> dict[str, str]:
    """Why each patient left, in the words of the table; of who withdrew consent no more than that."""
    return {
        patient: _WITHDRAWN if status == WITHDRAWN else str(status).replace("_", " ") if is_missing(why) else str(why)
        for patient, status, why in zip(patients["patient"], patients["status"], patients["reason"], strict=True)
    }


def _grouped(
    before: Iterable[Any], after: Iterable[Any], why: dict[Any, str]
) -> tuple[tuple[str, int, tuple[Any, ...]], ...]:
    """Who left, by reason, the commonest first and among these the first found."""
    stay = set(after)
    gone = [one for one in before if one not in stay]
    counts = Counter(why[one] for one in gone)
    return tuple((text, n, tuple(one for one in gone if why[one] == text)) for text, n in counts.most_common())


def _sessions(
    study: Study, patients: pd.DataFrame, main: pd.DataFrame, ratings: pd.DataFrame
) -> Iterator[tuple[str, tuple[FlowBox, ...]]]:
    """The sessions of each instrument that raters fill in; instruments with the same numbers share a lane."""
    away = patients.loc[patients["status"].isin(IN_NO_NUMBER), "patient"]
    counted = main[~main["patient"].isin(away)]
    lanes: dict[tuple[FlowBox, ...], list[str]] = {}
    for name, book in study.codebooks.items():
        if study.use(name).source == "raters":
            mine = ratings[ratings["instrument"] == name]
            lanes.setdefault(_lane(study, name, counted, mine), []).append(short_title(book.title))
    yield from (("; ".join(titles), boxes) for boxes, titles in lanes.items())


def _lane(study: Study, name: str, main: pd.DataFrame, mine: pd.DataFrame) -> tuple[FlowBox, ...]:
    use = study.use(name)
    held = main if use.sessions is None else main[main["session"].isin(use.sessions)]
    given = set(coded_rows(study, mine)["session_id"])
    coded = mine[mine["missing_code"].notna()].groupby("session_id")["missing_code"].agg(lambda x: x.mode().iloc[0])
    said = study.codebooks[name].missing_codes
    why = {}
    for key, status, reason in zip(held["session_id"], held["status"], held["reason"], strict=True):
        code = coded.get(key)
        if status == "not_rated":
            why[key] = _UNSAID if is_missing(reason) else str(reason)
        else:
            why[key] = "not rated with this instrument" if code is None else said.get(code, str(code))
    every = tuple(held["session_id"])
    kept = tuple(one for one in every if one in given)
    label = "Sessions held" if use.sessions is None else f"Sessions held ({_numbers(use.sessions)})"
    first = FlowBox(label, len(every), every, _grouped(every, kept, why))
    return (first, FlowBox("Sessions rated", len(kept), kept))


def _numbers(sessions: Sequence[int]) -> str:
    """Name some sessions: "session 1", "sessions 1 to 3", "sessions 2 and 5"."""
    held = sorted(sessions)
    if len(held) == 1:
        return f"session\u00a0{held[0]}"
    if len(held) > 2 and held == list(range(held[0], held[-1] + 1)):
        return f"sessions {held[0]} to {held[-1]}"
    return f"sessions {', '.join(map(str, held[:-1]))} and {held[-1]}"
