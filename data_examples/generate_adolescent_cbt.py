"""Writes ``adolescent_cbt/``: the synthetic study after Jungbluth & Shirk (2013).

Run ``python -m doublecode.data_examples.generate_adolescent_cbt`` (with LibreOffice
installed) to make the folder again from its seed. ``study.toml`` and ``README.md``
are written by hand and stay.
"""

from __future__ import annotations

from pathlib import Path

from doublecode.data_examples.adolescent_study import SEED, AdolescentStudy, adolescent_study
from doublecode.data_examples.folder import generator_arguments, write_folder

SHIPPED = Path(__file__).parent / "adolescent_cbt"


def write_adolescent_cbt(
    folder: str | Path = SHIPPED, *, seed: int = SEED, libreoffice: bool = True
) -> AdolescentStudy:
    """Write the study folder and return the frames that are in it.

    Parameters
    ----------
    folder : path
        Where to; an older ``incoming/`` there is replaced.
    libreoffice : bool
        Pass a third of the workbooks through LibreOffice, as the shipped ones were.
    """
    study = adolescent_study(seed)
    tables = {
        "patients": study.patients,
        "therapists": study.therapists,
        "sessions": study.sessions,
        "assignments": study.assignments,
    }
    write_folder(Path(folder), SHIPPED, tables, study.ratings, seed=seed, libreoffice=libreoffice)
    return study


def main() -> None:
    """Write the shipped folder again."""
    given = generator_arguments(__doc__, SHIPPED, SEED)
    write_adolescent_cbt(given.folder, seed=given.seed, libreoffice=not given.without_libreoffice)


if __name__ == "__main__":
    main()
