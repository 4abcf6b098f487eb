"""Every rating that a study has, stored or not, with the version of the codebook that it was made by."""

from __future__ import annotations

import pandas as pd

from doublecode.coding.intake.ledger import Ledger
from doublecode.coding.intake.ledger_values import SEVERAL, with_occasion
from doublecode.coding.intake.rating_tables import LEDGER, read_rating_tables
from doublecode.coding.reading.incoming import read_incoming
from doublecode.schemas.frames import RATINGS
from doublecode.schemas.problems import Problem
from doublecode.schemas.study import Study
from doublecode.schemas.study_tables import RATINGS_TABLE

_KEY = ["session_id", "rater", "instrument", "item", "occasion"]


def ratings_at_hand(study: Study) -> tuple[pd.DataFrame, list[Problem]]:
    """Read the ledger, ``incoming/`` and the declared table of ratings; nothing is written.

    Returns
    -------
    ratings : DataFrame
        Contract ``RATINGS`` with ``occasion``, and ``version`` of the codebook. What ``incoming/`` or the table holds
        counts in the place of the same rating in the ledger, which it will replace.
    problems : list of Problem
        Of the files in ``incoming/`` that the ledger does not hold, and of the table; a cell with an error yields no
        rating.
    """
    parts: list[pd.DataFrame] = []
    stored, hashes, replaced, names = _stored(study)
    problems: list[Problem] = []
    if (study.folder / "incoming").is_dir():
        ratings, found, files = read_incoming(study, superseded=replaced)
        problems += [one for one in found if one.file not in names]
        new = files[~files["sha256"].isin(hashes)].set_index("file")["version"]
        parts.append(ratings.assign(version=ratings["source_file"].map(new)).dropna(subset=["version"]))
    if RATINGS_TABLE in study.tables:
        nothing = stored.iloc[:0][list(RATINGS.columns)]
        ratings, found, _ = read_rating_tables(study, nothing)
        problems += found
        parts.append(_of_now(study, ratings))
    together = pd.concat([with_occasion(one) for one in (*parts, stored) if len(one)] or [with_occasion(stored)])
    return together.drop_duplicates(_KEY).reset_index(drop=True), problems


def _stored(study: Study) -> tuple[pd.DataFrame, frozenset[str], frozenset[str], frozenset[str]]:
    """What the ledger holds with its versions, the hashes it knows, those replaced, and names of files that hold."""
    if not (study.folder / LEDGER).is_file():
        nothing = pd.DataFrame({name: pd.Series(dtype="object") for name in (*RATINGS.columns, "version")})
        return nothing, frozenset(), frozenset(), frozenset()
    with Ledger(study.folder / LEDGER) as ledger:
        files, ratings, replaced = ledger.files(), ledger.ratings(), ledger.superseded()
    hold = files[files["holds"].astype(bool)]
    versions = hold[hold["rater"] != SEVERAL].drop_duplicates("file", keep="last").set_index("file")["version"]
    own = ratings.assign(version=ratings["source_file"].map(versions))
    tables = own["version"].isna()
    own.loc[tables, "version"] = _of_now(study, own[tables])["version"]
    return own, frozenset(files["sha256"]), replaced, frozenset(hold["file"])


def _of_now(study: Study, ratings: pd.DataFrame) -> pd.DataFrame:
    """Ratings of a table, which are held to the codebooks that the study has now."""
    return ratings.assign(
        version=ratings["instrument"].map({name: one.version for name, one in study.codebooks.items()})
    )
