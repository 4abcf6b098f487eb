"""Which sessions are to be rated: not those without a recording, and not those of patients who are in no number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from doublecode.schemas.frames import IN_NO_NUMBER, PATIENTS, SESSIONS, check_frame
from doublecode.schemas.results import Note


@dataclass(frozen=True, eq=False)
class RatedSessions:
    """The sessions of a plan.

    Attributes
    ----------
    main : DataFrame
        Contract ``SESSIONS``: what is rated in the main phase.
    pilot : list of str
        Ids of the sessions that all raters rate, sorted.
    left_out : dict of str to str
        Ids of the sessions that nobody rates, each with the reason.
    notes : tuple of Note
        How many sessions of how many patients of which status are left out.
    """

    main: pd.DataFrame
    pilot: list[str]
    left_out: dict[str, str]
    notes: tuple[Note, ...]


def sessions_to_rate(sessions: pd.DataFrame, patients: pd.DataFrame | None = None) -> RatedSessions:
    """Sort sessions into those to be rated and those to be left out.

    Parameters
    ----------
    sessions : DataFrame
        Contract ``SESSIONS``.
    patients : DataFrame, optional
        Contract ``PATIENTS``; sessions of patients who are *excluded*, or whose consent is withdrawn, are left out.

    Examples
    --------
    >>> held = pd.DataFrame({"session_id": ["S-1", "S-2"], "patient": ["P1", "P2"], "therapist": "T1", "session": 1,
    ...     "date": None, "minutes": 50.0, "phase": "main", "status": "held", "reason": None, "recording": None})
    >>> listed = pd.DataFrame({"patient": ["P1", "P2"], "status": ["excluded", "completed"], "reason": ["age", None]})
    >>> sessions_to_rate(held, listed).left_out
    {'S-1': 'P1 excluded: age'}
    """
    check_frame(sessions, SESSIONS)
    out = {} if patients is None else _in_no_number(check_frame(patients, PATIENTS))
    status = sessions["patient"].astype(str).map({patient: words for patient, (words, _) in out.items()})
    unheard = sessions["status"] == "not_rated"
    why = status.where(status.notna(), sessions["reason"].astype(str).where(unheard))
    kept = sessions[why.isna() & ~unheard]
    is_pilot = kept["phase"] == "pilot"
    gone = why.notna() | unheard
    return RatedSessions(
        kept[~is_pilot],
        sorted(kept.loc[is_pilot, "session_id"].astype(str)),
        {str(session): str(reason) for session, reason in zip(sessions["session_id"][gone], why[gone], strict=True)},
        tuple(_said(sessions.loc[status.notna(), "patient"].astype(str), out)),
    )


def _in_no_number(patients: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Reason and status of each patient who is in no number."""
    rows = patients[patients["status"].isin(IN_NO_NUMBER)]
    columns = (rows["patient"], rows["status"], rows["reason"])
    return {
        str(patient): (f"{patient} {status}: {reason}" if isinstance(reason, str) else f"{patient} {status}", status)
        for patient, status, reason in zip(*columns, strict=True)
    }


def _said(of: pd.Series[str], out: dict[str, tuple[str, str]]) -> Iterator[Note]:
    counts = Counter(of)
    for status in IN_NO_NUMBER:
        own = [patient for patient in counts if out[patient][1] == status]
        if own:
            sessions = sum(counts[patient] for patient in own)
            named = ", ".join(sorted(own)[:12]) + (", …" if len(own) > 12 else "")
            numbers = {"n": sessions, "patients": len(own), "named": named, "status": status}
            yield Note("in_no_number", numbers=numbers)
