"""What is to be destroyed by hand, after the ledger forgot a patient."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd

from doublecode.coding.intake.study_ledger import LEDGER
from doublecode.coding.reading.mended_copies import PLEASE_FIX
from doublecode.schemas.study import Study

_MADE = ("report", "frame.csv", "frame.sav")
_FOLDERS = ("incoming", "please_fix")


def left_to_destroy(study: Study, held: pd.DataFrame) -> list[tuple[Path, str]]:
    """Files of a study folder that still hold what was erased from the ledger.

    Parameters
    ----------
    study : Study
    held : DataFrame
        As :meth:`doublecode.coding.intake.ledger.Ledger.erase` returns it.

    Returns
    -------
    list of (Path, str)
        Each with what it is. Copies elsewhere (mail, backups, the raters' own) nobody here can know.
    """
    hashes = dict(zip(held["sha256"], held["file"], strict=True))
    stems = {Path(name).stem.removesuffix(PLEASE_FIX) for name in held["file"]}
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
    return found
