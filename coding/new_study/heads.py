"""What the columns of a lab's table are, by their heads in English and German; what is not clear is asked."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import Final

from doublecode.coding.reading.head_words import PATIENT, SESSION, SESSION_ID, THERAPIST, may_be, squeezed
from doublecode.schemas.errors import UsageError
from doublecode.schemas.letters import written_out
from doublecode.schemas.near_names import allowed, ended


class Meaning(StrEnum):
    """What a column of a lab's table is to the study; the values are the words of ``--map``."""

    PATIENT = "patient"
    SESSION = "session"
    DATE = "date"
    THERAPIST = "therapist"
    MINUTES = "minutes"
    RECORDING = "recording"
    SESSION_ID = "session_id"
    PHASE = "phase"
    STATUS = "status"
    REASON = "reason"
    EVENT = "event"
    """When an outcome was measured beyond the sessions: before, after, at follow-up; of outcomes only."""
    KEEP = "keep"
    """A further column, taken over under a name of its own."""
    LEAVE_OUT = "leave_out"


_SURE: Final[Mapping[Meaning, tuple[str, str]]] = {
    Meaning.PATIENT: PATIENT,
    Meaning.SESSION: SESSION,
    Meaning.DATE: ("date datum sitzungsdatum sessiondate dateofsession sessionon datumdersitzung", ""),
    Meaning.THERAPIST: THERAPIST,
    Meaning.MINUTES: (
        "minutes minuten min mins dauer duration length laenge sitzungsdauer sessionlength sessionminutes",
        "min minutes minuten inmin inminutes inminuten",
    ),
    Meaning.RECORDING: (
        "recording aufnahme aufzeichnung tape band audio video tonband mp3 audiodatei videodatei aufnahmedatei "
        "recordingfile audiofile videofile dateiname filename datei file",
        "",
    ),
    Meaning.SESSION_ID: SESSION_ID,
    Meaning.PHASE: ("phase", ""),
    Meaning.STATUS: ("status", ""),
    Meaning.REASON: ("reason grund", ""),
    Meaning.EVENT: (
        "event zeitpunkt messzeitpunkt erhebungszeitpunkt mzp timepoint measurementpoint assessment erhebung messung "
        "wave welle redcapeventname",
        "name nr no",
    ),
}
OF_SESSIONS: Final = tuple(meaning for meaning in Meaning if meaning is not Meaning.EVENT)
"""What a column of a list of sessions may be."""
_LIKELY: Final[Mapping[Meaning, str]] = {
    Meaning.PATIENT: "code id chiffre kennung kuerzel pid",
    Meaning.SESSION: "nr no number nummer num n termin visit kontakt",
    Meaning.DATE: "tag day am",
}
_NAMES_A_PERSON: Final = re.compile(
    "(vor|nach|familien|first|last|sur|full)?name|geb(urts)?(datum|tag)|birth(date|day)|dateofbirth|dob|adresse|anschrift"
    "|address|strasse|street|telefon|(tele)?phone|mobil|handy|e?mail|krankenkasse|versichertennummer|insurance"
)


def plain_name(head: str, taken: Collection[str] = ()) -> str:
    """A head as the name of a column: small letters, digits, underscores; never one of `taken`.

    Examples
    --------
    >>> plain_name("Alter (Jahre)"), plain_name("2. Diagnose"), plain_name("Status", {"status"})
    ('alter_jahre', 'c_2_diagnose', 'status_2')
    """
    plain = written_out(head)
    name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_") or "column"
    name = name[:40] if name[0].isalpha() else f"c_{name[:38]}"
    number, made = 2, name
    while made in taken:
        number, made = number + 1, f"{name}_{number}"
    return made


def names_a_person(head: str) -> bool:
    """Whether a column would say who a patient is: name, date of birth, address."""
    return _NAMES_A_PERSON.fullmatch(squeezed(head)) is not None


def guess_meanings(
    heads: Sequence[str], told: Mapping[str, str], file: str, looked_for: Collection[Meaning] = OF_SESSIONS
) -> dict[str, Meaning]:
    """Say what each column is.

    Parameters
    ----------
    heads : sequence of str
        The heads of a table.
    told : mapping of str to str
        Head → meaning, as somebody said with ``--map``; before every guess.
    file : str
        The table, in a message.
    looked_for : collection of Meaning
        What a column may be taken for; all others are kept as they are.

    Raises
    ------
    UsageError
        Two columns may be the same thing, or what was told is no meaning.

    Examples
    --------
    >>> guess_meanings(["Pat.-Nr.", "Sitzung", "Alter"], {}, "list.csv")["Pat.-Nr."]
    <Meaning.PATIENT: 'patient'>
    """
    found = {head: _told(head, told[head]) for head in heads if head in told}
    _refuse_twice(found)
    found |= {head: Meaning.LEAVE_OUT for head in heads if head not in found and names_a_person(head)}
    for sure in (True, False):
        for meaning in looked_for:
            if meaning in found.values() or meaning not in _SURE:
                continue
            free = [head for head in heads if head not in found]
            likely = _LIKELY.get(meaning, "").split()
            fits = [head for head in free if (may_be(head, _SURE[meaning]) if sure else squeezed(head) in likely)]
            if len(fits) > 1:
                raise UsageError(_unclear(meaning, fits, file))
            found |= dict.fromkeys(fits, meaning)
    return {head: found.get(head, Meaning.KEEP) for head in heads}


def _refuse_twice(told: Mapping[str, Meaning]) -> None:
    for meaning in set(told.values()) - {Meaning.KEEP, Meaning.LEAVE_OUT}:
        heads = [head for head, one in told.items() if one is meaning]
        if len(heads) > 1:
            raise UsageError(f"--map: {heads[0]!r} and {heads[1]!r} are both said to be the {meaning}; say so of one.")


def _told(head: str, word: str) -> Meaning:
    if word not in list(Meaning):
        raise UsageError(f'--map "{head}={word}": found {word!r}, {ended(allowed(word, map(str, Meaning)))}')
    return Meaning(word)


def _unclear(meaning: Meaning, fits: Sequence[str], file: str) -> str:
    listed = " and ".join(map(repr, fits))
    return (
        f"{file}: the columns {listed} may both be the {meaning}. Say which one it is, and what becomes of the other: "
        f'--map "{fits[0]}={meaning}" --map "{fits[1]}=keep" (or leave_out).'
    )


def check_told(told: Mapping[str, str], heads: Sequence[str]) -> None:
    """Refuse a mapped head that no table has.

    Raises
    ------
    UsageError
    """
    for head in told:
        if head not in heads:
            raise UsageError(f"--map: no table has the head {head!r}; {allowed(head, dict.fromkeys(heads))}")
