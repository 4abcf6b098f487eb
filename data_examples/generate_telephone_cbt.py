"""Writes ``telephone_cbt/``: the synthetic study after Haller & Watzke (2021).

Run ``python -m doublecode.data_examples.generate_telephone_cbt`` (with LibreOffice
installed) to make the folder again from its seed. ``study.toml`` and ``README.md``
are written by hand and stay.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from doublecode.data_examples.folder import generator_arguments, write_folder
from doublecode.data_examples.telephone_study import SEED, TelephoneStudy, telephone_study

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
    study = telephone_study(seed)
    tables = {
        "patients": study.patients,
        "therapists": study.therapists,
        "sessions": study.sessions,
        "assignments": study.assignments,
        "given": study.given,
        "outcomes/phq9": study.outcomes,
        "keys/recordings": _recording_key(study.sessions),
    }
    write_folder(Path(folder), SHIPPED, tables, study.ratings, seed=seed, libreoffice=libreoffice)
    return study


def _recording_key(sessions: pd.DataFrame) -> pd.DataFrame:
    """Which recorder file a blind recording was: the coordinator keeps this key."""
    recorded = sessions[sessions["recording"].notna()]
    ending = np.where(recorded["phase"] == "pilot", "_p.mp3", ".mp3")
    return recorded[["session_id", "recording"]].assign(original=recorded["patient"] + "_" + recorded["date"] + ending)


def main() -> None:
    """Write the shipped folder again."""
    given = generator_arguments(__doc__, SHIPPED, SEED)
    write_telephone_cbt(given.folder, seed=given.seed, libreoffice=not given.without_libreoffice)


if __name__ == "__main__":
    main()
