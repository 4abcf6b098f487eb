"""What raters wrote beside the codes of a therapist's sessions, with every id that the study knows masked.

Ids are found in any case, also where a letter follows a digit ("P07s"), a blank or dash splits them ("P 07"), an ending
is added ("Annas"), or a long text was cut within them; dates, addresses of mail and long numbers are masked too. A
patient's *name* is in no table of a study, so no program can find it: somebody must read the remarks before a page is
handed on.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

if TYPE_CHECKING:
    from doublecode.analysis.study.study_run import Intake

MASK: Final = "[…]"
CUT: Final = "…"
"""At the end of a remark that was too long to be kept whole."""
CODES: Final = ("note_found", "comment_found")
COLUMNS: Final = ("therapist", "session_id", "text")
_IDS: Final = ("session_id", "patient", "therapist", "recording")
_RUNS: Final = re.compile(r"[^\W\d_]+|\d+")
_PATTERNS: Final = (
    re.compile(r"\S+@\S+"),
    re.compile(r"\d{1,4}\s?[./-]\s?\d{1,2}(?:\s?[./-]\s?(?:\d{1,4})?)"),
    re.compile(
        r"\b\d{1,2}(?:\.|st|nd|rd|th)?\s+(?:of\s+)?(?:jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)\w*"
        r"(?:\s+\d{2,4})?",
        re.IGNORECASE,
    ),
    re.compile(r"\d{4,}"),
)


def masked(text: str, ids: Iterable[str]) -> str:
    """Take ids, dates, addresses and long numbers out of a text.

    Parameters
    ----------
    text : str
    ids : iterable of str
        Whatever stands for a person, a session or a recording.

    Examples
    --------
    >>> masked("p07 cried (12.3.2021), as in S-7KQ; call 017612345", ["P07", "S-7KQ"])
    '[…] cried ([…]), as in […]; call […]'
    """
    text = unicodedata.normalize("NFC", text)
    known = {unicodedata.normalize("NFC", one.strip()) for one in ids} - {""}
    if text.endswith(CUT):
        text = _without_cut_id(text, known)
    if known:
        words = "|".join(map(_pattern, sorted(known, key=len, reverse=True)))
        text = re.sub(words, MASK, text, flags=re.IGNORECASE)
    for pattern in _PATTERNS:
        text = pattern.sub(MASK, text)
    return text


def _pattern(one: str) -> str:
    """An id as it may be written: 12 is in "12a" and not in "120", P07 in "P 07_b" and not in "P070"."""
    parts = _RUNS.findall(one)
    if not parts:
        return re.escape(one)
    first, last = (r"[^\W\d_]" if part.isalpha() else r"\d" for part in (parts[0], parts[-1]))
    ending = "s?" if parts[-1].isalpha() else ""
    return rf"(?<!{first})" + r"[\W_]{0,3}".join(parts) + rf"{ending}(?!{last})"


def _without_cut_id(text: str, known: Iterable[str]) -> str:
    """A text that was cut, without what may be the beginning of an id at its end."""
    folded = text.removesuffix(CUT).casefold()
    n_cut = max((n for one in known for n in range(2, len(one)) if folded.endswith(one[:n].casefold())), default=0)
    start = len(text) - len(CUT) - n_cut
    if not n_cut or (text[start - 1 : start].isalnum() and text[start].isalpha()):
        return text
    return text[:start] + MASK


def remarks(intake: Intake) -> pd.DataFrame:
    """Collect notes and cell comments of the workbooks that were read, masked.

    Returns
    -------
    DataFrame
        ``therapist, session_id, text``, sorted by text, so that the order says nothing of time; remarks of the pilot
        and of sessions whose therapist is not known are left out. Of a text beyond 200 letters the beginning.
    """
    held = intake.sessions.drop_duplicates("session_id").set_index("session_id")["therapist"]
    places = _sessions_of_rows(intake.ratings)
    ids = list(_known_ids(intake))
    rows: list[dict[str, Any]] = []
    for problem in intake.problems:
        if problem.code not in CODES:
            continue
        session_id = problem.subject or places.get((problem.file, problem.sheet, _row(problem.cell)), "")
        therapist = held.get(session_id)
        if therapist is None or pd.isna(therapist):
            continue
        text = masked(problem.found.strip('"'), ids)
        rows.append({"therapist": str(therapist), "session_id": session_id, "text": text})
    found = pd.DataFrame(rows, columns=list(COLUMNS)).drop_duplicates()
    return found.sort_values(["therapist", "text"], kind="stable", ignore_index=True)


def _sessions_of_rows(ratings: pd.DataFrame) -> dict[tuple[str, str, str], str]:
    """Which session a row of a sheet is about; only the main phase is of therapists."""
    main = ratings[ratings["phase"] == "main"]
    where = zip(main["source_file"], main["source_sheet"], main["source_cell"], main["session_id"], strict=True)
    return {(str(file), str(sheet), _row(str(cell))): str(session_id) for file, sheet, cell, session_id in where}


def _row(cell: str) -> str:
    return cell.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ$")


def _known_ids(intake: Intake) -> Iterable[str]:
    """Every id of a patient, session, recording, therapist and rater, and the names of files without their ending."""
    for table in (intake.sessions, intake.patients, intake.therapists):
        for name in (column for column in _IDS if column in table.columns):
            for value in table[name].dropna().unique():
                yield str(value)
                yield str(value).rpartition(".")[0]
    for rater in intake.study.raters:
        yield from (rater.id, rater.description)
    yield from map(str, intake.ratings["rater"].unique())
