"""Two people, one judgement: what was agreed on where raters disagreed.

The workbooks of ``consensus/`` lay disagreements side by side. What is decided in them is kept in the ledger beside the
raters' own codes, never in their place: reliability stands on the originals, scores on what was agreed only where the
study declares it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from doublecode.coding.intake.disagreements import Key, code_of, disagreements
from doublecode.coding.intake.held_ratings import HeldFiles, held_by
from doublecode.coding.intake.ledger_values import FILE_COLUMNS, ratings_of
from doublecode.coding.reading.consensus_table import CONSENSUS, DECIDERS, SHEET, Decision, read_decisions
from doublecode.coding.reading.expectations import Held, load_expected
from doublecode.coding.reading.incoming import workbook_paths
from doublecode.coding.workbooks.consensus_book import Entered, consensus_bytes, consensus_name
from doublecode.schemas.errors import UsageError
from doublecode.schemas.frames import RATINGS, of_occasion
from doublecode.schemas.problems import Problem
from doublecode.schemas.study import Study
from doublecode.schemas.whole_files import replace_files

FOLDER = "consensus"
_CELL = ["session_id", "instrument", "item"]
Codes = Mapping[tuple[str, str, str], frozenset[tuple[str, str]]]
Sources = tuple[pd.DataFrame, list[Problem], pd.DataFrame]


def consensus_paths(study: Study) -> list[Path]:
    """The workbooks of ``consensus/``."""
    return workbook_paths(study.folder / FOLDER)


@dataclass(frozen=True, eq=False)
class Decided:
    """What the workbooks of ``consensus/`` say.

    Attributes
    ----------
    sources : tuple
        As :func:`doublecode.coding.intake.rating_tables.read_declared_table` returns it: ratings with ``(consensus)``
        or ``(expert)`` in the place of the rater, problems, files.
    decisions : tuple of (str, str, tuple of Decision)
        File, instrument, and what was decided on which codes.
    """

    sources: Sources
    decisions: tuple[tuple[str, str, tuple[Decision, ...]], ...]

    def outdated(self, ratings: pd.DataFrame, erased: Collection[str] = ()) -> list[Problem]:
        """Name the decisions on codes that are others now; not those of patients whose ratings were erased."""
        if not self.decisions:
            return []
        codes = _codes(ratings)
        found = []
        own = self.sources[0]
        gone = set(own.loc[own["patient"].isin(erased), "session_id"])
        for file, book, decisions in self.decisions:
            for one in (one for one in decisions if one.session_id not in gone):
                now = codes.get((one.session_id, book, one.item), frozenset())
                if now != one.codes:
                    subject, said = f"{one.session_id}, {one.item}", (_said(one.codes), _said(now))
                    found.append(Problem("decision_outdated", file, SHEET, one.cell, subject, *said))
        return found


def read_consensus(study: Study, held: HeldFiles, set_aside: Collection[str] = ()) -> Decided:
    """Read what was decided; cells that nobody decided yet are left out.

    Parameters
    ----------
    study : Study
    held : HeldFiles
        What the ledger holds: files that were replaced or withdrawn are left out.
    set_aside : collection of str
        Names of files that are left out.
    """
    expected = load_expected(study)
    rows: list[dict[str, Any]] = []
    problems: list[Problem] = []
    files: list[tuple[Any, ...]] = []
    decisions = []
    for path in consensus_paths(study):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        out = _left_out(path.name, digest, held)
        problems += out
        if out or path.name in set_aside:
            continue
        read = read_decisions(path, expected)
        problems += read.problems
        if read.book is None:
            continue
        book, sessions = read.book, expected.sessions or {}
        own = [_row(study, book.name, one, path.name, sessions[one.session_id]) for one in read.decisions]
        rows += own
        decisions.append((path.name, book.name, read.decisions))
        files.append((path.name, digest, study.name, book.name, book.version, CONSENSUS, CONSENSUS, len(own)))
    decided = ratings_of(rows)
    listed = pd.DataFrame(files, columns=list(FILE_COLUMNS))
    return Decided((decided, [*problems, *_decided_twice(decided)], listed), tuple(decisions))


def _left_out(file: str, digest: str, held: HeldFiles) -> list[Problem]:
    if digest in held.withdrawn:
        return [Problem("withdrawn_file", file, found=held.withdrawn[digest])]
    return [Problem("older_file", file, found=digest[:12])] if digest in held.superseded else []


def _codes(ratings: pd.DataFrame) -> Codes:
    """What raters coded, by session, instrument and item."""
    first = of_occasion(ratings, first=True)
    found: dict[tuple[str, str, str], set[tuple[str, str]]] = {}
    keys = zip(first["session_id"], first["instrument"], first["item"], strict=True)
    for key, rater, code in zip(keys, first["rater"], code_of(first), strict=True):
        found.setdefault(key, set()).add((str(rater), code))
    return {key: frozenset(pairs) for key, pairs in found.items()}


def _row(study: Study, instrument: str, one: Decision, file: str, held: Held) -> dict[str, Any]:
    """A decision as a rating, with the one who decided in the place of the rater."""
    reading = one.reading
    values = (
        study.name, held.patient, held.therapist, held.session, one.session_id, one.by, None, instrument, one.item,
        reading.value, reading.text, reading.missing, held.phase, file, SHEET, one.cell,
    )  # fmt: skip
    return dict(zip(RATINGS.columns, values, strict=True))


def _said(codes: Collection[tuple[str, str]]) -> str:
    return ", ".join(f"{rater} {code}" for rater, code in sorted(codes)) or "none"


def _decided_twice(decided: pd.DataFrame) -> Iterator[Problem]:
    """Cells that were decided in two rows."""
    for row in decided[decided.duplicated(_CELL)].to_dict("records"):
        place = (str(row["source_file"]), str(row["source_sheet"]), str(row["source_cell"]))
        yield Problem("decided_twice", *place, f"{row['session_id']}, {row['item']}")


def is_decided(ratings: pd.DataFrame) -> pd.Series[bool]:
    """Which ratings are decisions, not a rater's own."""
    return ratings["rater"].isin(list(DECIDERS.values()))


def on_use(study: Study, decided: pd.DataFrame) -> Iterator[Problem]:
    """Say where what was agreed on is in no score, and where scores were to stand on it and nothing was agreed on."""
    for name in study.codebooks:
        n_cells, declared = int((decided["instrument"] == name).sum()), study.use(name).consensus
        if n_cells and not declared:
            yield Problem("decisions_not_used", consensus_name(name), subject=name, found=str(n_cells))
        elif declared and not n_cells:
            yield Problem("no_decision", "study.toml", subject=name)


def write_consensus(study: Study, ratings: pd.DataFrame, *, at_least: float = 0.0) -> dict[Path, tuple[int, int]]:
    """Lay disagreements side by side, one workbook per instrument; what was decided before stands in them again.

    Parameters
    ----------
    study : Study
    ratings : DataFrame
        What the raters coded, contract ``RATINGS``.
    at_least : float
        As :func:`doublecode.coding.intake.disagreements.disagreements` takes it.

    Returns
    -------
    mapping of Path to (int, int)
        Per workbook: disagreements that it lists, and those that were decided before.

    Raises
    ------
    UsageError
        A workbook that is there cannot be read without an error: what was entered in it would be lost.
    """
    erased = held_by(study).erased
    gone = {session for session, one in (load_expected(study).sessions or {}).items() if one.patient in erased}
    contents: dict[Path, bytes] = {}
    counts: dict[Path, tuple[int, int]] = {}
    for name, book in study.codebooks.items():
        path = study.folder / FOLDER / consensus_name(name)
        entered = {key: texts for key, texts in _entered(study, path).items() if key[0] not in gone}
        kept: set[Key] = set(entered)
        rows = disagreements(ratings, study, name, at_least=at_least, kept=kept)
        if rows:
            contents[path] = consensus_bytes(study, book, rows, entered)
            counts[path] = (len(rows), sum(agreed is not None for agreed, _, _ in entered.values()))
    replace_files(contents)
    return counts


def _entered(study: Study, path: Path) -> Entered:
    """What stands in a workbook that was written before."""
    if not path.is_file():
        return {}
    read = read_decisions(path, load_expected(study))
    wrong = next((one for one in read.problems if one.severity == "error"), None)
    if wrong is not None:
        raise UsageError(f"{path}: it was not written anew, since not all of it can be read. {wrong}")
    agreed = {(one.session_id, one.item): _typed(one) for one in read.decisions}
    return {key: (agreed.get(key), *texts) for key, texts in (read.notes or {}).items() if key in agreed or any(texts)}


def _typed(one: Decision) -> float | str:
    reading = one.reading
    if reading.missing is not None:
        return reading.missing
    return reading.text if reading.text is not None else reading.value
