"""Heads of labs' tables in English and German: the words that say what a column is, and the heads of ratings."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from doublecode.schemas.letters import written_out

_OF_A_PERSON: Final = "id nr no num number nummer code kennung kuerzel chiffre"
PATIENT: Final = (
    "patient patientin pat client klient klientin proband probandin participant subject case fall vp vpn pt "
    "paar couple dyade dyad",
    _OF_A_PERSON,
)
SESSION: Final = ("session sitzung sitz stunde therapiestunde therapiesitzung sess", "nr no num number nummer n")
SESSION_ID: Final = ("sessionid sitzungsid", "")
THERAPIST: Final = (
    "therapist therapeut therapeutin behandler behandlerin clinician counsellor counselor th ther",
    _OF_A_PERSON,
)
_RATER: Final = (
    "rater raterin beurteiler beurteilerin kodierer kodiererin coder judge observer beobachter beobachterin",
    f"{_OF_A_PERSON} name",
)
_ITEM: Final = ("item merkmal itemname itemcode", "name nr no code id")
_VALUE: Final = ("value wert rating score einschaetzung urteil auspraegung", "")
_INSTRUMENT: Final = ("instrument verfahren", "name")
_LONG_KEYS: Final = {"item": _ITEM, "value": _VALUE}


def squeezed(head: str) -> str:
    """A head without blanks, dots and capitals, umlauts written out.

    Examples
    --------
    >>> squeezed("Pat.-Nr."), squeezed("Länge (min)")
    ('patnr', 'laengemin')
    """
    return re.sub(r"[\W_]+", "", written_out(head))


def may_be(head: str, words: tuple[str, str]) -> bool:
    """Whether a head is one of some words, by itself or with one of their endings.

    Examples
    --------
    >>> may_be("Pat.-Nr.", PATIENT), may_be("Paar-Nr.", PATIENT), may_be("Dyad ID", PATIENT), may_be("Alter", PATIENT)
    (True, True, True, False)
    """
    names, ends = words
    text = squeezed(head)
    return any(
        text == word or any(text in (word + end, f"{word}en{end}", f"{word}s{end}") for end in ends.split())
        for word in names.split()
    )


def guess_rating_heads(heads: Sequence[str], told: Mapping[str, str], own: Collection[str]) -> dict[str, str]:
    """Which heads of a table of ratings are its keys, where only one head can be each.

    Parameters
    ----------
    heads : sequence of str
        Of the file.
    told : mapping of str to str
        Head → column, as somebody said; never guessed otherwise.
    own : collection of str
        Names of items and raters: heads that are what they say.

    Returns
    -------
    dict of str to str
        Head → column, of guessed ones alone.

    Examples
    --------
    >>> guess_rating_heads(["Pat.-Nr.", "Sitzung", "Beurteiler", "Item", "Wert"], {}, ())
    {'Pat.-Nr.': 'patient', 'Sitzung': 'session', 'Beurteiler': 'rater', 'Item': 'item', 'Wert': 'value'}
    """
    there = {told.get(head, head) for head in heads}
    free = [head for head in heads if head and head not in told and head not in own]
    found: dict[str, str] = {}

    def look_for(keys: Mapping[str, tuple[str, str]]) -> None:
        for key, words in keys.items():
            fits = [head for head in free if may_be(head, words) and head not in found and head != key]
            if key not in there and len(fits) == 1:
                found[fits[0]] = key

    if "session_id" not in there:
        look_for({"session_id": SESSION_ID})
    if not {"session_id"} & {*there, *found.values()}:
        look_for({"patient": PATIENT, "session": SESSION})
    look_for({"rater": _RATER, "instrument": _INSTRUMENT})
    before = dict(found)
    look_for(_LONG_KEYS)
    if not {"item", "value"} <= {*there, *found.values()}:
        return before  # of a wide table
    return found
