"""Recodes of a study: what raters rated a second time, against their first codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from doublecode.analysis.study.labels import label_of, short_title

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.schemas.item import Item
    from doublecode.schemas.scale import Scale
    from doublecode.schemas.study import Study

_SET = ["instrument", "part", "rater"]


@dataclass(frozen=True, eq=False)
class RecodeTable:
    """Intra-rater reliability of a study.

    Attributes
    ----------
    frame : DataFrame
        One row per item or scale and rater who rated sessions again: ``instrument, title, part, label, rater,
        n_sessions, estimate, conf_low, conf_high`` (ICC(A,1), occasions in the place of raters; empty where it cannot
        be estimated), ``percent_equal`` and ``mean_change`` of the later occasions against the first.
    """

    frame: pd.DataFrame


def recode_table(study: Study, ratings: pd.DataFrame, recodes: pd.DataFrame | None) -> RecodeTable | None:
    """Hold each rater's recodes against her first codes; None where nobody rated a session again.

    Parameters
    ----------
    study : Study
    ratings : DataFrame
        Contract RATINGS, of occasion 1.
    recodes : DataFrame or None
        Those of later occasions, with the column ``occasion``.

    See Also
    --------
    doublecode.analysis.intra_rater : the estimate.
    """
    from doublecode.analysis.reliability.interrater import intra_rater

    if recodes is None or recodes.empty:
        return None
    long = _values(study, ratings, recodes)
    occasions = long.groupby([*_SET, "session_id"])["occasion"]
    # no first code: the session is in no number, or she never rated it; then nothing is there to compare with
    long = long[(occasions.transform("min") == 1) & (occasions.transform("size") > 1)]
    if long.empty:
        return None
    found = intra_rater(
        long, targets="session_id", raters="rater", occasions="occasion", ratings="value", by=["instrument", "part"]
    ).frame
    single = found[found["form"] == "ICC(A,1)"].set_index(_SET)[["estimate", "conf_low", "conf_high"]]
    books = study.codebooks
    table = _agreement(long).join(single, how="left").reset_index()
    order = {key: at for at, key in enumerate(_parts_of(study))}
    places = [order[key] for key in zip(table["instrument"], table["part"], strict=True)]
    table = table.iloc[np.argsort(places, kind="stable")].reset_index(drop=True)
    table["title"] = [short_title(books[name].title) for name in table["instrument"]]
    table["label"] = [
        label_of(books, book, part) for book, part in zip(table["instrument"], table["part"], strict=True)
    ]
    return RecodeTable(table)


def _parts_of(study: Study) -> list[tuple[str, str]]:
    """Items and scales in the order of their codebooks."""
    parts = {name: [*map(_name, book.columns), *map(_name, book.scales)] for name, book in study.codebooks.items()}
    return [(name, part) for name, own in parts.items() for part in own]


def _name(part: Item | Scale) -> str:
    return part.name


def _values(study: Study, ratings: pd.DataFrame, recodes: pd.DataFrame) -> pd.DataFrame:
    """Items and scales of every rater and occasion: instrument, part, rater, session_id, occasion, value."""
    import pandas as pd

    from doublecode.coding.scoring import score_raters

    numeric = [(name, item.name) for name, book in study.codebooks.items() for item in book.columns if item.is_numeric]
    parts = []
    occasions = [(1, ratings), *((int(str(time)), rows) for time, rows in recodes.groupby("occasion"))]
    for occasion, rows in occasions:
        keys = pd.MultiIndex.from_frame(rows[["instrument", "item"]])
        rated = rows[keys.isin(numeric)].drop(columns="occasion", errors="ignore")
        books = [study.codebooks[name] for name in rated["instrument"].unique()]
        scores = score_raters(rated, books) if books else rated.iloc[:0].assign(scale=[])
        for table, part in ((rated, "item"), (scores, "scale")):
            named = table.rename(columns={part: "part"}).assign(occasion=occasion)
            parts.append(named[[*_SET, "session_id", "occasion", "value"]])
    long = pd.concat(parts, ignore_index=True)
    return long[long["value"].notna()]


def _agreement(long: pd.DataFrame) -> pd.DataFrame:
    """Of each set: sessions rated again, per cent equal to the first code, mean change."""
    first = long[long["occasion"] == 1].set_index([*_SET, "session_id"])["value"].rename("first")
    later = long[long["occasion"] > 1].join(first, on=[*_SET, "session_id"], how="inner")
    change = later["value"] - later["first"]
    kept = later.assign(change=change, equal=100.0 * np.isclose(change, 0))
    by = kept.groupby(_SET, sort=True)
    return by.agg(n_sessions=("session_id", "nunique"), percent_equal=("equal", "mean"), mean_change=("change", "mean"))
