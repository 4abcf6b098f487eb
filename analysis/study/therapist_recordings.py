"""Sessions worth hearing again: the lowest and highest, those on which raters disagreed, flagged ones, remarked ones.

A page says of them only why; which recordings they are stands in a table of its own, for the laboratory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

if TYPE_CHECKING:
    from doublecode.analysis.study.therapist_values import Behaviour, TherapistData
    from doublecode.schemas.item import Item

COLUMNS: Final = (
    "therapist", "recording", "why", "instrument", "name", "label", "value", "session_id", "patient", "session", "file"
)  # fmt: skip
FAR: Final = 1.0
"""Standard deviations between two raters from which on their session is worth hearing again."""
LOWEST, HIGHEST, APART, FLAGGED, REMARK = "lowest", "highest", "raters apart", "flagged", "remark"
WHYS: Final = (LOWEST, HIGHEST, APART, FLAGGED, REMARK)


@dataclass(frozen=True)
class _Candidate:
    """A session, why it is worth hearing, how much, and in which behaviour."""

    why: str
    much: float
    value: float
    session_id: str
    behaviour: Behaviour | None


def hear_again(data: TherapistData, therapist: str, most: int, remarked: Iterable[str]) -> pd.DataFrame:
    """Choose sessions of a therapist to be heard again.

    Of each kind at most `most`, each session once. Lowest and highest: by how many standard deviations of all sessions
    the value lies from the therapist's own mean of that behaviour. Raters apart: the range of the ratings of a session
    in standard deviations, one or more, and more than neighbouring codes. Flagged: a rating at or above the
    item's ``flag_from``.

    Parameters
    ----------
    data : TherapistData
    therapist : str
    most : int
    remarked : iterable of str
        Sessions (``session_id``) beside whose codes a rater wrote something.

    Returns
    -------
    DataFrame
        ``therapist, recording`` (1, 2, …, in the order of the reasons, not of time), ``why, instrument, name, label,
        value``, and for the laboratory ``session_id, patient, session, file``.
    """
    held = data.values[data.values["therapist"] == therapist]
    here = set(held["session_id"])
    found: list[_Candidate] = []
    for one in data.behaviours:
        found += _of_behaviour(data, one, therapist)
    beside = [session_id for session_id in dict.fromkeys(remarked) if session_id in here]
    found += [_Candidate(REMARK, 0.0, float("nan"), session_id, None) for session_id in beside]
    place = {behaviour.key: at for at, behaviour in enumerate(data.behaviours)}
    kept: dict[str, _Candidate] = {}
    for why in WHYS:
        of_kind = sorted(
            (case for case in found if case.why == why), key=lambda case: (-case.much, _place(case, place))
        )
        left = most
        for case in of_kind:
            if left and case.session_id not in kept:
                kept[case.session_id] = case
                left -= 1
    return _table(data, therapist, kept.values())


def _place(one: _Candidate, place: dict[tuple[str, str, str], int]) -> int:
    return -1 if one.behaviour is None else place[one.behaviour.key]


def _of_behaviour(data: TherapistData, one: Behaviour, therapist: str) -> Iterator[_Candidate]:
    everybody = data.of(one)
    spread = float(everybody["value"].std())
    if not spread > 0:
        return
    own = everybody[everybody["therapist"] == therapist]
    far = (own["value"] - own["value"].mean()) / spread
    for away, value, session_id in zip(far, own["value"], own["session_id"], strict=True):
        if away:
            yield _Candidate(LOWEST if away < 0 else HIGHEST, abs(float(away)), float(value), session_id, one)
    rated = data.of(one, by_rater=True)
    rated = rated[rated["therapist"] == therapist]
    by_session = rated.groupby("session_id", sort=False)["value"].agg(["min", "max"])
    apart = by_session["max"] - by_session["min"]
    for session_id, points in apart[(apart / spread >= FAR) & (apart > _near(data, one))].items():
        yield _Candidate(APART, float(points) / spread, float(points), str(session_id), one)
    item = _item(data, one)
    if item is not None and item.flag_from is not None:
        for session_id, value in by_session.loc[by_session["max"] >= item.flag_from, "max"].items():
            yield _Candidate(FLAGGED, float(value) / spread, float(value), str(session_id), one)


def _item(data: TherapistData, one: Behaviour) -> Item | None:
    """The item that a behaviour is; None of a scale."""
    columns = data.intake.study.codebooks[one.instrument].columns
    return next((item for item in columns if one.level == "item" and item.name == one.name), None)


def _near(data: TherapistData, one: Behaviour) -> float:
    """Points that raters may be apart: neighbouring codes of an item with more than two."""
    item = _item(data, one)
    return 1.0 if item is not None and len(item.codes) > 2 else 0.0


def _table(data: TherapistData, therapist: str, kept: Iterable[_Candidate]) -> pd.DataFrame:
    sessions = data.intake.sessions.drop_duplicates("session_id").set_index("session_id")
    rows: list[dict[str, Any]] = []
    for recording, one in enumerate(kept, 1):
        held = sessions.loc[one.session_id]
        rows.append({
            "therapist": therapist, "recording": recording, "why": one.why,
            "instrument": "" if one.behaviour is None else one.behaviour.instrument,
            "name": "" if one.behaviour is None else one.behaviour.name,
            "label": "" if one.behaviour is None else one.behaviour.label, "value": one.value,
            "session_id": one.session_id, "patient": held["patient"], "session": held["session"],
            "file": held.get("recording", ""),
        })  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))
