"""Every rating that a study has, stored or not, with the version of the codebook that it was made by."""

from __future__ import annotations

import pandas as pd

from doublecode.coding.intake.consensus import is_decided
from doublecode.coding.intake.held_ratings import held_by, ratings_of_entries
from doublecode.coding.intake.ledger_values import SEVERAL, with_occasion
from doublecode.coding.intake.rating_tables import read_declared_table
from doublecode.coding.reading.incoming import read_incoming
from doublecode.schemas.problems import Problem
from doublecode.schemas.study import Study

_KEY = ["session_id", "rater", "instrument", "item", "occasion"]


def ratings_at_hand(study: Study) -> tuple[pd.DataFrame, list[Problem]]:
    """Read the ledger, ``incoming/`` and the declared table of ratings; nothing is written.

    Returns
    -------
    ratings : DataFrame
        Contract ``RATINGS`` with ``occasion``, and ``version`` of the codebook. What ``incoming/`` or the table holds
        counts in the place of the same rating in the ledger, which it will replace; what was made by another version
        of the codebook is there as it was taken in.
    problems : list of Problem
        Of the files in ``incoming/`` that the ledger does not hold, and of the table; a cell with an error yields no
        rating.
    """
    held = held_by(study)
    entries = pd.concat([one for one in (held.workbooks, held.others) if len(one)] or [held.workbooks])
    stored = with_occasion(ratings_of_entries(study, entries))
    parts: list[pd.DataFrame] = []
    problems: list[Problem] = []
    if (study.folder / "incoming").is_dir():
        ratings, found, files = read_incoming(
            study, superseded=held.superseded, withdrawn=held.withdrawn, training=True
        )
        problems += [one for one in found if one.file not in set(entries["file"])]
        new = files[~files["sha256"].isin(entries["sha256"])]
        parts.append(_versioned(study, ratings[ratings["source_file"].isin(new["file"])], new))
    table = read_declared_table(study)
    if table is not None:
        problems += table[1]
        parts.append(_versioned(study, table[0], table[2]))
    parts.append(_versioned(study, stored, entries))
    together = pd.concat([with_occasion(one) for one in parts if len(one)] or parts[-1:])
    together = together[~(together["patient"].isin(held.erased) | is_decided(together))]
    return together.drop_duplicates(_KEY).reset_index(drop=True), problems


def _versioned(study: Study, ratings: pd.DataFrame, files: pd.DataFrame) -> pd.DataFrame:
    """Ratings with the version that their workbook says; those of tables were held to the codebooks of now."""
    own = files[files["rater"] != SEVERAL].drop_duplicates("file", keep="last").set_index("file")["version"]
    now = {name: book.version for name, book in study.codebooks.items()}
    return ratings.assign(version=ratings["source_file"].map(own).fillna(ratings["instrument"].map(now)))
