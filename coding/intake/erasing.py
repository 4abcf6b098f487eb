"""What is to be destroyed by hand, after the ledger forgot a patient."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from doublecode.coding.allocation.blinding import blind_names
from doublecode.coding.intake.study_ledger import LEDGER
from doublecode.coding.reading.incoming import read_workbooks, workbook_paths
from doublecode.coding.reading.mended_copies import PLEASE_FIX
from doublecode.coding.reading.study_tables import read_study_table
from doublecode.schemas.study import Study

_MADE = ("report", "frame.csv", "frame.sav")
_FOLDERS = ("incoming", "please_fix", "second_entry", "consensus")


def left_to_destroy(study: Study, held: pd.DataFrame, patient: str) -> list[tuple[Path, str]]:
    """Files of a study folder that still hold what was erased from the ledger.

    Parameters
    ----------
    study : Study
    held : DataFrame
        As :meth:`doublecode.coding.intake.ledger.Ledger.erase` returns it.
    patient : str
        Whose ratings were erased.

    Returns
    -------
    list of (Path, str)
        Each with what it is. Copies elsewhere (mail, backups, the raters' own) nobody here can know.
    """
    hashes = dict(zip(held["sha256"], held["file"], strict=True))
    stems = set(map(stem_of, held["file"])) | _incoming(study, lambda who: who == patient)
    found, met = [], set()
    for inside in (study.folder, *(study.folder / name for name in _FOLDERS)):
        for path in sorted(inside.iterdir()) if inside.is_dir() else ():
            digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
            met.add(digest)
            if digest in hashes:
                found.append((path, "an original"))
            elif inside != study.folder and any(path.name.startswith(stem) for stem in stems):
                found.append((path, "a copy or another state of one"))
    gone = ((Path(name), digest) for digest, name in hashes.items() if digest not in met)
    found += [(path, f"not in the study folder any more; SHA-256 {digest[:12]}") for path, digest in gone]
    copies = sorted(study.folder.glob(f"{Path(LEDGER).stem}_version*{Path(LEDGER).suffix}"))
    found += [(path, "the ledger as an earlier version kept it") for path in copies]
    found += [(path, "made from the ratings") for name in _MADE if (path := study.folder / name).exists()]
    return found + [(path, "a copy of a recording") for path in _recordings(study, patient)]


def with_others(study: Study, history: pd.DataFrame, patient: str) -> frozenset[str]:
    """Stems of the files that hold ratings of other patients, too: all but the rows of `patient` are to be kept.

    `history` is what :meth:`doublecode.coding.intake.ledger.Ledger.history` returns.
    """
    taken_in = history.loc[history["patient"] != patient, "source_file"]
    return frozenset(map(stem_of, taken_in)) | _incoming(study, lambda who: who != patient)


def stem_of(name: str) -> str:
    """The name of a file without its ending and without the mark of a marked copy."""
    return Path(name).stem.removesuffix(PLEASE_FIX)


def _incoming(study: Study, of: Callable[[pd.Series[Any]], pd.Series[bool]]) -> set[str]:
    """Stems of the workbooks in ``incoming/`` that hold ratings of such patients, in the ledger or not."""
    ratings, _ = read_workbooks(workbook_paths(study.folder / "incoming"), study=study)
    return set(map(stem_of, ratings.loc[of(ratings["patient"]), "source_file"]))


def _recordings(study: Study, patient: str) -> list[Path]:
    """Copies of the patient's recordings under blind names."""
    sessions = read_study_table(study, "sessions")
    own = set(sessions.loc[sessions["patient"] == patient, "session_id"].astype(str))
    names = {name for session, name in blind_names(study.folder).items() if session in own}
    return sorted(path for path in (study.folder / "outgoing").rglob("*") if path.name in names)
