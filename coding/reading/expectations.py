"""What a study expects of a workbook: its sessions, who was to rate them, and its codebooks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from doublecode.coding.reading.given_texts import Given, load_given
from doublecode.coding.reading.left_out import sessions_left_out
from doublecode.coding.workbooks.layout import STAMP, Stamp, own_order
from doublecode.schemas.codebook_hash import coding_hash
from doublecode.schemas.errors import StudyError
from doublecode.schemas.frames import OCCASION
from doublecode.schemas.instrument import Instrument, load_instrument, shipped_instruments
from doublecode.schemas.near_names import allowed, ended
from doublecode.schemas.phrases import Phrase
from doublecode.schemas.problems import Problem

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.schemas.study import Study

_ENOUGH_TO_TELL = 4


@dataclass(frozen=True, slots=True)
class Held:
    """One session as ``sessions.csv`` has it; empty where no study is known."""

    patient: str | None = None
    therapist: str | None = None
    session: int | None = None
    phase: str | None = None
    recording: str | None = None
    original: str | None = None


@dataclass(frozen=True)
class Expected:
    """Everything that a workbook is held against.

    Attributes
    ----------
    study : str or None
        Its name; None where a workbook is read by itself.
    books : mapping of name to codebook
    sessions : mapping of session_id to Held, or None
        None where there is no study: unknown sessions cannot be found then.
    assigned : mapping of (rater, instrument, occasion) to {session_id: (role, batch)}, or None
        None where the study has no ``assignments.csv``.
    given : mapping of (session_id, item) to text, or None
        What was entered beforehand; None where the study has no ``given.csv``.
    seed : int or None
        Of the raters' orders.
    raters : mapping of name to tuple of str
        Who rates with a codebook, where study.toml says so.
    out : mapping of session_id to status
        Sessions of patients who are in no number: their rows may be empty, unfinished or gone.
    training : set of str
        Sessions that raters were trained with: their workbooks may be of another version of the codebook.
    reads_training : bool
        Whether such workbooks are read, by the codebook of now, or only named.
    """

    study: str | None
    books: Mapping[str, Instrument]
    sessions: Mapping[str, Held] | None = None
    assigned: Mapping[tuple[str, str, int], Mapping[str, tuple[str, str]]] | None = None
    given: Given | None = None
    seed: int | None = None
    raters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    out: Mapping[str, str] = field(default_factory=dict)
    training: frozenset[str] = frozenset()
    reads_training: bool = False
    hashes: dict[str, str] = field(default_factory=dict)

    def hash_of(self, book: Instrument) -> str:
        """The codebook's hash, computed once."""
        if book.name not in self.hashes:
            self.hashes[book.name] = coding_hash(book)
        return self.hashes[book.name]

    def order(self, stamp: Stamp, taken_out: Iterable[str] = ()) -> list[str]:
        """The sessions of the workbook's batch in the order in which they were sent; empty where it is not known.

        Sessions that were `taken_out` of the assignments later had their place when the order was drawn.
        """
        own = [session for session, (_, batch) in self.roles(stamp).items() if batch == stamp.batch]
        own += [session for session in taken_out if session not in own]
        return [] if self.seed is None else own_order(own, self.seed, stamp.rater, stamp.batch, stamp.occasion)

    def counted(self, sessions: Iterable[str]) -> list[str]:
        """Those of some sessions that are not left out."""
        return [session for session in sessions if session not in self.out]

    def roles(self, stamp: Stamp) -> Mapping[str, tuple[str, str]]:
        """The sessions that the workbook's rater was assigned with its instrument on its occasion."""
        return (self.assigned or {}).get((stamp.rater, stamp.instrument, stamp.occasion), {})


def load_expected(study: Study | None) -> Expected:
    """Gather the expectations of a study from its folder; without one, the shipped codebooks are all there is.

    Raises
    ------
    ContractError
        ``sessions.csv``, ``assignments.csv`` or ``given.csv`` breaks its contract.
    StudyError
        An assignment names what the study does not know.
    """
    from doublecode.coding.allocation.blinding import alias, blind_names
    from doublecode.coding.reading.study_tables import read_study_table

    if study is None:
        return Expected(None, {name: load_instrument(name) for name in shipped_instruments()})
    books = {book.name: book for book in study.codebooks.values() if study.use(book.name).source == "raters"}
    table, blind = read_study_table(study, "sessions"), blind_names(study.folder)
    columns = (table[name] for name in ("session_id", "patient", "therapist", "session", "phase", "recording"))
    sessions = {
        str(session_id): Held(
            str(patient),
            _filled(therapist),
            int(number),
            str(phase),
            blind.get(str(session_id)) or alias(str(session_id), _filled(tape) or "") or None,
            _filled(tape),
        )
        for session_id, patient, therapist, number, phase, tape in zip(*columns, strict=True)
    }
    raters = {name: own for name in books if (own := study.use(name).raters)}
    assigned, given = _assigned(study, sessions), load_given(study, sessions)
    out = sessions_left_out(study, table)
    training = frozenset(training_sessions(study, table))
    return Expected(study.name, books, sessions, assigned, given, study.seed, raters, out, training)


def training_sessions(study: Study, sessions: pd.DataFrame) -> set[str]:
    """Sessions that raters were trained with: those of the pilot, and those that the plan keeps for it."""
    pilot = sessions.loc[sessions["phase"] == "pilot", "session_id"].astype(str)
    return {*pilot, *study.allocation.training}


def _filled(cell: object) -> str | None:
    """The text of a cell, None where it is empty."""
    return None if cell is None or cell != cell else str(cell)


def check_assigned(study: Study, assignments: pd.DataFrame, sessions: Collection[str]) -> None:
    """Refuse an assignment whose session, rater or instrument the study does not know.

    Parameters
    ----------
    study : Study
    assignments : DataFrame
        Contract ``ASSIGNMENTS``.
    sessions : collection of str
        The ids that ``sessions.csv`` knows.

    Raises
    ------
    StudyError
        The message names the first stranger and what is allowed.
    """
    raters = dict.fromkeys(rater.id for rater in study.raters)
    known: dict[str, tuple[Collection[str], str]] = {
        "session_id": (sessions, "session {!r} is not in sessions.csv. Add it there or drop the row."),
        "instrument": (study.codebooks, f"the study does not use {{!r}}; allowed: {', '.join(study.codebooks)}."),
        "rater": (raters, f"rater {{!r}} is not declared in study.toml; allowed: {', '.join(raters) or 'none'}."),
    }
    for column, (names, message) in known.items():
        stray = next((name for name in assignments[column].astype(str).unique().tolist() if name not in names), None)
        if stray is not None:
            raise StudyError(f"assignments: {message.format(stray)}")
    pairs = zip(assignments["rater"].tolist(), assignments["instrument"].tolist(), strict=True)
    for rater, instrument in dict.fromkeys(pairs):
        own = study.use(instrument).raters
        if own and rater not in own:
            raise StudyError(
                f"assignments: rater {rater!r} is not among the raters that study.toml declares for {instrument}; "
                f"{ended(allowed(rater, own))} Correct the row, or the raters of the instrument."
            )


def _assigned(study: Study, sessions: Collection[str]) -> dict[tuple[str, str, int], dict[str, tuple[str, str]]] | None:
    from doublecode.coding.reading.study_tables import has_table, read_study_table

    if not has_table(study, "assignments"):
        return None
    table = read_study_table(study, "assignments")
    check_assigned(study, table, sessions)
    assigned: dict[tuple[str, str, int], dict[str, tuple[str, str]]] = {}
    columns = (table[name].tolist() for name in ("session_id", "rater", "instrument", "role", "batch"))
    times = table[OCCASION].tolist() if OCCASION in table.columns else [1] * len(table)
    for session, rater, instrument, role, batch, time in zip(*columns, times, strict=True):
        assigned.setdefault((rater, instrument, int(time)), {})[session] = (role, batch)
    return assigned


def checks_not_done(study: Study | None) -> tuple[str, ...]:
    """Say which checks a workbook cannot be put through with what is known.

    Examples
    --------
    >>> checks_not_done(None)[0]
    'whether the sessions exist and were assigned to this rater (no study)'
    """
    from doublecode.coding.reading.study_tables import has_table

    if study is None:
        return (
            "whether the sessions exist and were assigned to this rater (no study)",
            "whether NA is permitted by the session's number (no study)",
            "whether the workbook belongs to the study and its version (no study)",
            "whether recordings and what was entered beforehand are as they were sent (no study)",
        )
    undone = []
    if not has_table(study, "assignments"):
        undone.append("whether the sessions were assigned to this rater (no assignments.csv)")
    if _has_given_items(study) and not has_table(study, "given"):
        undone.append("whether what was entered beforehand is still there (no given.csv)")
    return tuple(undone)


def _has_given_items(study: Study) -> bool:
    return any(item.given for book in study.codebooks.values() for item in book.columns)


def check_stamp(stamp: Stamp, expected: Expected, file: str) -> list[Problem]:
    """Whether the workbook was made for this study, with this version of the codebook."""
    if expected.study is not None and stamp.study != expected.study:
        found = Phrase("of_study", stamp.study)
        return [Problem("wrong_instrument", file, found=found, allowed=Phrase("of_study", expected.study))]
    book = expected.books.get(stamp.instrument)
    if book is None:
        allowed = ", ".join(expected.books) or "no rated instrument"
        return [Problem("wrong_instrument", file, found=stamp.instrument, allowed=allowed)]
    if stamp.version != book.version:
        return [Problem("wrong_version", file, subject=book.name, found=stamp.version, allowed=book.version)]
    if stamp.hash != expected.hash_of(book):
        found = Phrase("other_items", stamp.version)
        return [Problem("wrong_version", file, subject=book.name, found=found, allowed=book.version)]
    return check_rater(stamp, expected, file)


def is_of_another_version(stamp: Stamp, expected: Expected) -> bool:
    """Whether a workbook of the study was made with an earlier or later version of its codebook."""
    book = expected.books.get(stamp.instrument)
    return stamp.study == expected.study and book is not None and stamp.version != book.version


def check_rater(stamp: Stamp, expected: Expected, file: str) -> list[Problem]:
    """Whether the workbook was made for somebody whom the study gave it, and bears the name of its stamp."""
    own = f"{stamp.rater}, {stamp.instrument}, {stamp.batch}"
    if stamp.rater not in expected.raters.get(stamp.instrument, (stamp.rater,)):
        return [Problem("not_assigned", file, STAMP, found=Phrase("workbook_of", own))]
    if expected.assigned is None:
        return []
    if not any(batch == stamp.batch for _, batch in expected.roles(stamp).values()):
        return [Problem("not_assigned", file, STAMP, found=Phrase("workbook_of", own))]
    name = file.casefold()
    if name.startswith(f"{stamp.rater}_{stamp.instrument}_{stamp.batch}".casefold()):
        return []
    others = (
        (rater, book, batch) for (rater, book, _), held in expected.assigned.items() for _, batch in held.values()
    )
    other = next((one for one in others if name.startswith("_".join(one).casefold())), None)
    return [] if other is None else [Problem("stamp_differs", file, STAMP, found=own, allowed=", ".join(other))]


def order_of_another(stamp: Stamp, rows: Sequence[str], expected: Expected) -> str | None:
    """The other rater to whom the rows were sent in just this order, if there are enough of them to tell."""
    if expected.seed is None or len(rows) < _ENOUGH_TO_TELL:
        return None
    raters = dict.fromkeys(rater for rater, book, _ in expected.assigned or {} if book == stamp.instrument)
    return next(
        (
            rater for rater in raters
            if rater != stamp.rater and expected.counted(expected.order(replace(stamp, rater=rater))) == list(rows)
        ), None,
    )  # fmt: skip
