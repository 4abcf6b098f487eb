"""Recodes of a study: what raters rated a second time, against their first codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from doublecode.analysis.reliability.recodes import interval_notes, pooled_recodes
from doublecode.analysis.study.labels import label_of, part_places, short_title

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.schemas.results import Note
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
        be estimated), ``percent_equal`` (0 to 100) and ``mean_change`` of the later occasions against the first,
        ``days_median, days_min, days_max`` between the days on which both batches were due (empty where `due` does
        not name both). Items and scales stand as in the codebooks. Where several raters rated again, a last row *all
        raters* adds their recodes up; its ICC pools mean squares within raters
        (:func:`doublecode.analysis.reliability.recodes.pooled_recodes`), since differences between raters are no
        differences of sessions.
    notes : tuple of Note
        Days between codes, with a warning where they are few.
    """

    frame: pd.DataFrame
    notes: tuple[Note, ...] = ()


def recode_table(
    study: Study, ratings: pd.DataFrame, recodes: pd.DataFrame | None, files: pd.DataFrame | None = None
) -> RecodeTable | None:
    """Hold each rater's recodes against her first codes; None where nobody rated a session again.

    Parameters
    ----------
    study : Study
    ratings : DataFrame
        Contract RATINGS, of occasion 1.
    recodes : DataFrame or None
        Those of later occasions, with the column ``occasion``.
    files : DataFrame, optional
        ``file, batch`` of the workbooks: with `due` of the study the days between first codes and recodes.

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
    first_and_later = _changes(long)
    days = _days(study, ratings, recodes, files)
    if len(days):
        first_and_later = first_and_later.join(days, on=["instrument", "rater", "session_id"])
    table = _agreement(first_and_later).join(single, how="left").reset_index()
    table = _with_pooled(table, first_and_later)
    table = _as_in_codebooks(table, study)
    table["title"] = [short_title(books[name].title) for name in table["instrument"]]
    table["label"] = [
        label_of(books, book, part) for book, part in zip(table["instrument"], table["part"], strict=True)
    ]
    return RecodeTable(table, interval_notes(days))


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


def _changes(long: pd.DataFrame) -> pd.DataFrame:
    """A row per set, session and later occasion: the first code, the change from it, and the days between, unknown."""
    first = long[long["occasion"] == 1].set_index([*_SET, "session_id"])["value"].rename("first")
    later = long[long["occasion"] > 1].join(first, on=[*_SET, "session_id"], how="inner")
    change = later["value"] - later["first"]
    return later.assign(
        change=change, equal=100.0 * np.isclose(change, 0), tape=later["rater"] + "\n" + later["session_id"]
    )


def _agreement(kept: pd.DataFrame) -> pd.DataFrame:
    """Of each set, and of all raters of a part: sessions rated again, per cent equal to the first code, mean change."""
    import pandas as pd

    kept = kept if "days" in kept.columns else kept.assign(days=np.nan)
    several = kept[kept.groupby(_PART)["rater"].transform("nunique") > 1]
    by = pd.concat([kept, several.assign(rater=TOGETHER)]).groupby(_SET, sort=True)
    return by.agg(
        n_sessions=("tape", "nunique"), percent_equal=("equal", "mean"), mean_change=("change", "mean"),
        days_median=("days", "median"), days_min=("days", "min"), days_max=("days", "max"),
    )  # fmt: skip


def _with_pooled(table: pd.DataFrame, kept: pd.DataFrame) -> pd.DataFrame:
    """The table with the ICC of all raters together, pooled within raters, from the first recode of each session."""
    second = kept[kept["occasion"] == kept.groupby([*_SET, "session_id"])["occasion"].transform("min")]
    parts = dict(list(second.groupby(_PART)))
    numbers = ["estimate", "conf_low", "conf_high"]
    found = table[numbers].to_numpy(dtype=float, copy=True)
    for at, (instrument, part, rater) in enumerate(table[_SET].itertuples(index=False, name=None)):
        if rater == TOGETHER:
            rows = parts[instrument, part]
            who = np.unique(rows["rater"], return_inverse=True)[1]
            pooled = pooled_recodes(rows["first"].to_numpy(dtype=float), rows["value"].to_numpy(dtype=float), who)
            found[at] = pooled.estimate, pooled.conf_low, pooled.conf_high
    return table.assign(**{name: found[:, place] for place, name in enumerate(numbers)})


def _days(study: Study, ratings: pd.DataFrame, recodes: pd.DataFrame, files: pd.DataFrame | None) -> pd.Series[Any]:
    """Days between the days on which the batch of the first code and that of the recode were due."""
    import pandas as pd

    nothing: pd.Series[Any] = pd.Series([], dtype="float64", name="days")
    if files is None or not study.due:
        return nothing
    due = {file: study.due.get(batch) for file, batch in zip(files["file"], files["batch"], strict=True)}
    keys = ["instrument", "rater", "session_id"]
    first, later = (
        rows.assign(day=pd.to_datetime(rows["source_file"].map(due), errors="coerce")).groupby(keys)["day"].min()
        for rows in (ratings, recodes)
    )
    days: pd.Series[Any] = (later - first).dropna().dt.days.astype("float64")
    return nothing if days.empty else days.rename("days")


def _as_in_codebooks(table: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Items and scales as in the codebooks, raters as in study.toml, all of them together last."""
    places = part_places(study.codebooks)
    raters = [*(rater.id for rater in study.raters), TOGETHER]
    keys = [
        (places[book, part], raters.index(rater))
        for book, part, rater in table[_SET].itertuples(index=False, name=None)
    ]
    return table.iloc[sorted(range(len(keys)), key=keys.__getitem__)].reset_index(drop=True)
