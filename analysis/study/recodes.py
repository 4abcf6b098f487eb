"""Recodes of a study: what raters rated a second time, against their first codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from doublecode.analysis.study.labels import label_of, part_places, short_title

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.schemas.study import Study

_PART = ["instrument", "part"]
_SET = [*_PART, "rater"]
TOGETHER: Final = "all raters"


@dataclass(frozen=True, eq=False)
class RecodeTable:
    """Intra-rater reliability of a study.

    Attributes
    ----------
    frame : DataFrame
        One row per item or scale and rater who rated sessions again: ``instrument, title, part, label, rater,
        n_sessions, estimate, conf_low, conf_high`` (ICC(A,1), occasions in the place of raters; empty where it cannot
        be estimated), ``percent_equal`` (0 to 100) and ``mean_change`` of the later occasions against the first.
        Items and scales stand as in the codebooks. Where several raters rated again, a last row *all raters* adds
        their recodes up; it has no ICC, which would count differences between raters as differences of sessions.
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
    table = _as_in_codebooks(table, study)
    table["title"] = [short_title(books[name].title) for name in table["instrument"]]
    table["label"] = [
        label_of(books, book, part) for book, part in zip(table["instrument"], table["part"], strict=True)
    ]
    return RecodeTable(table)


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
    """Of each set, and of all raters of a part: sessions rated again, per cent equal to the first code, mean change."""
    import pandas as pd

    first = long[long["occasion"] == 1].set_index([*_SET, "session_id"])["value"].rename("first")
    later = long[long["occasion"] > 1].join(first, on=[*_SET, "session_id"], how="inner")
    change = later["value"] - later["first"]
    kept = later.assign(
        change=change, equal=100.0 * np.isclose(change, 0), tape=later["rater"] + "\n" + later["session_id"]
    )
    several = kept[kept.groupby(_PART)["rater"].transform("nunique") > 1]
    by = pd.concat([kept, several.assign(rater=TOGETHER)]).groupby(_SET, sort=True)
    return by.agg(n_sessions=("tape", "nunique"), percent_equal=("equal", "mean"), mean_change=("change", "mean"))


def _as_in_codebooks(table: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Items and scales as in the codebooks, raters as in study.toml, all of them together last."""
    places = part_places(study.codebooks)
    raters = [*(rater.id for rater in study.raters), TOGETHER]
    keys = [
        (places[book, part], raters.index(rater))
        for book, part, rater in table[_SET].itertuples(index=False, name=None)
    ]
    return table.iloc[sorted(range(len(keys)), key=keys.__getitem__)].reset_index(drop=True)
