"""Writes ``telephone_cbt/``: the synthetic study after Haller & Watzke (2021).

Run ``python -m doublecode.data_examples.generate_telephone_cbt`` (with LibreOffice
installed) to make the folder again from its seed. ``study.toml`` and ``README.md``
are written by hand and stay.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from doublecode.data_examples.folder import returns_of, write_returns, write_table
from doublecode.data_examples.telephone_study import SEED, TelephoneStudy, telephone_study
from doublecode.schemas.study import load_study

SHIPPED = Path(__file__).parent / "telephone_cbt"


def write_telephone_cbt(folder: str | Path = SHIPPED, *, seed: int = SEED, libreoffice: bool = True) -> TelephoneStudy:
    """Write the study folder and return the frames that are in it.

    Parameters
    ----------
    folder : path
        Where to; an older ``incoming/`` there is replaced.
    libreoffice : bool
        Pass a third of the workbooks through LibreOffice, as the shipped ones were.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("study.toml", "README.md"):
        if folder.resolve() != SHIPPED.resolve():
            shutil.copyfile(SHIPPED / name, folder / name)
    study = telephone_study(seed)
    tables = {
        "patients": study.patients, "therapists": study.therapists, "sessions": study.sessions,
        "assignments": study.assignments, "given": study.given, "outcomes/phq9": study.outcomes,
        "keys/recordings": _recording_key(study.sessions),
    }  # fmt: skip
    for name, table in tables.items():
        write_table(table, folder / f"{name}.csv")
    shutil.rmtree(folder / "incoming", ignore_errors=True)
    returns = returns_of(study.ratings, study.assignments, seed)
    write_returns(load_study(folder), returns, study.assignments, libreoffice=libreoffice)
    return study


def _recording_key(sessions: pd.DataFrame) -> pd.DataFrame:
    """Which recorder file a blind recording was: the coordinator keeps this key."""
    recorded = sessions[sessions["recording"].notna()]
    original = recorded["patient"] + "_" + recorded["date"] + np.where(recorded["phase"] == "pilot", "_p.mp3", ".mp3")
    return pd.DataFrame(
        {"session_id": recorded["session_id"], "recording": recorded["recording"], "original": original}
    )


def main() -> None:
    """Write the shipped folder again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", default=SHIPPED, type=Path)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--without-libreoffice", action="store_true")
    given = parser.parse_args()
    write_telephone_cbt(given.folder, seed=given.seed, libreoffice=not given.without_libreoffice)


if __name__ == "__main__":
    main()
