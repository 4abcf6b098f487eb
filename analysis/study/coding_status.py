"""How far the coding of a study is: done, late, pace, pairs, hours left, by rater, instrument, batch and workbook."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Column, Table, column
from doublecode.schemas.frames import OCCASION
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.screening.rating_screens import ScreenResult
    from doublecode.coding.intake.progress import Progress
    from doublecode.schemas.study import Study

WORKBOOK: Final = ["rater", "instrument", "batch", OCCASION]
COUNTED: Final = ("to_rate", "stored", "returned", "to_mend", "open", "late", "left_out")
LEAST_DAYS: Final = 7
"""Days from the first entry of the ledger before which no pace is given."""
_STATES: Final = (
    column("to_rate", "To rate", kind="integer"), column("share_done", "Done", kind="percent", digits=0),
    column("late", "Late", kind="integer"), column("open", "Open", kind="integer"),
    column("to_mend", "To mend", kind="integer"), column("returned", "Returned", kind="integer"),
    column("stored", "Stored", kind="integer"), column("left_out", "Left out", kind="integer"),
)  # fmt: skip
_RATER: Final = column("rater", "Rater", kind="text")
_BATCH: Final = (column("batch", "Batch", kind="text"), column("due", "Due", kind="integer"))


@dataclass(frozen=True, eq=False, repr=False)
class StudyStatus(Answer):
    """How far the coding is.

    Every assignment (a session, a rater, an instrument, an occasion) is in one state of
    :class:`doublecode.coding.intake.progress.State`; ``to_rate`` is all but ``left_out``, ``done`` is ``stored`` and
    ``returned``.

    Attributes
    ----------
    spec : dict
        ``study, today``.
    frame : DataFrame
        One row per workbook that is sent out: ``rater, instrument, batch, occasion, due``, counts ``to_rate, stored,
        returned, to_mend, open, late, left_out``, and ``share_done`` (0–1).
    instruments, batches : DataFrame
        The same counts by rater and instrument, and by batch.
    raters : DataFrame
        The same counts by rater; ``pace`` (assignments per week that came into the ledger after the first day on which
        any of hers did, to today), ``ready_by`` (the day on which the rest is done at this pace), ``hours_left``
        (hours of recordings in sessions that are still open, each heard once for all instruments).
    pairs : DataFrame
        Double codings, by instrument and phase: ``sessions`` that several raters rate, and in how many of them
        ``all_in``, ``some_in``, ``none_in`` of the ratings are done.
    assignments : DataFrame
        One row per assignment, as :class:`doublecode.coding.intake.progress.Progress` has them.
    design : dict
        ``n_to_rate, n_done, n_late, n_pairs, n_pairs_complete, hours_left`` (None where no minutes are known), and
        what is in none of the counts: ``n_left_out``, ``n_unplanned``, ``unread``, ``n_replaced``, ``n_withdrawn``.
    notes : tuple of Note
    rows : Index
        Labels of `assignments`.
    screens : ScreenResult or None
        What the screens say of the ratings that are in; None where there are none. It stands in no page for the team.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    instruments: pd.DataFrame
    batches: pd.DataFrame
    raters: pd.DataFrame
    pairs: pd.DataFrame
    assignments: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]
    screens: ScreenResult | None = None

    label_columns: ClassVar[tuple[str, ...]] = tuple(WORKBOOK)

    def tables(self) -> tuple[Table, ...]:
        """Raters, raters by instrument, batches, pace and hours left, double-coded sessions."""
        by_instrument = (_RATER, column("instrument", "Instrument", kind="text"), *_STATES)
        found = [
            Table("status_raters", "Raters", self.raters, (_RATER, *_STATES)),
            Table("status_instruments", "Raters by instrument", self.instruments, by_instrument),
            Table("status_batches", "Batches", self.batches, (*_BATCH, *_STATES)),
        ]
        if self.raters[["pace", "hours_left"]].notna().any(axis=None):
            found.append(Table("status_pace", "Pace and hours left", self.raters, (_RATER, *_forecast())))
        if len(self.pairs):
            found.append(Table("status_pairs", "Sessions that several raters rate", self.pairs, _pair_columns()))
        return (*found, *(() if self.screens is None else self.screens.tables()))

    def note_texts(self) -> tuple[str, ...]:
        """The notes in words, then what the screens say."""
        return (*super().note_texts(), *(() if self.screens is None else self.screens.note_texts()))

    def workbook_table(self) -> Table:
        """Every workbook that was sent out."""
        again = (column(OCCASION, "Occasion", kind="integer"),) if (self.frame[OCCASION] > 1).any() else ()
        columns = (_RATER, column("instrument", "Instrument", kind="text"), *_BATCH, *again, *_STATES)
        return Table("status_workbooks", "Workbooks", self.frame, columns, folded=True)

    def counted(self) -> str:
        """Assignments done, late, pairs, hours."""
        design = self.design
        hours = design["hours_left"]
        parts = [f"{design['n_done']} of {design['n_to_rate']} assignments done", f"{design['n_late']} late"]
        if design["n_pairs"]:
            parts.append(f"{design['n_pairs_complete']} of {design['n_pairs']} double codings complete")
        parts += [] if hours is None else [f"{hours:.1f} hours of recordings to be heard"]
        return f"{self.spec['today']}: {', '.join(parts)}."


def _forecast() -> tuple[Column, ...]:
    return (
        column("pace", "Per week", kind="number", digits=1), column("ready_by", "Ready by", kind="integer"),
        column("hours_left", "Hours left", kind="number", digits=1),
    )  # fmt: skip


def _pair_columns() -> tuple[Column, ...]:
    counts = (("sessions", "Sessions"), ("all_in", "All in"), ("some_in", "Some in"), ("none_in", "Not yet"))
    texts = (column("instrument", "Instrument", kind="text"), column("phase", "Phase", kind="text"))
    return (*texts, *(column(name, heading, kind="integer") for name, heading in counts))


def study_status(study: Study | str | Path, *, today: dt.date | None = None) -> StudyStatus:
    """Say what is done of what was assigned, what is late, how fast it goes and how much is left.

    Parameters
    ----------
    study : Study or path
        A study, or its folder.
    today : date, optional
        The day for which it is said; the calendar's by default.

    Returns
    -------
    StudyStatus
        ``pace`` is in assignments per week, ``hours_left`` in hours.

    Raises
    ------
    StudyError
        Nothing is assigned yet, or ``due`` in study.toml names a batch that there is not.

    Notes
    -----
    Nothing is written. Pace = n / (t − t₁) for n assignments whose first entry in the ledger came after the day t₁ of
    the rater's first entry, t today: what came on t₁ was rated before it, over a time that nobody knows, and is not
    counted. It is not given in the first week. ``ready_by`` = t + assignments left / pace. ``hours_left`` sums, over
    sessions and raters, the longest stretch to be heard for any instrument that is open, since a rater hears a
    recording once; the segment of the codebook, else ``minutes`` of ``sessions.csv``, else the mean of the minutes
    that are known. It is listening time: breaks and coding are not in it.

    Examples
    --------
    >>> from importlib.resources import as_file, files
    >>> with as_file(files("doublecode.data_examples") / "telephone_cbt") as folder:
    ...     found = study_status(folder, today=dt.date(2021, 5, 1))
    >>> found.design["n_done"], found.design["n_to_rate"], found.design["n_pairs_complete"]
    (768, 768, 162)
    """
    from doublecode.analysis.study.study_screens import screens_of
    from doublecode.coding.intake.progress import read_progress
    from doublecode.coding.reading.declared_heads import open_study

    declared = open_study(study) if isinstance(study, (str, Path)) else study
    day = dt.date.today() if today is None else today
    found = read_progress(declared, day)
    table = found.assignments
    hours, notes = _hours(table)
    raters = _counts(table, ["rater"]).merge(_paces(table, day), on="rater").merge(hours, on="rater", how="left")
    if not len(hours):
        raters["hours_left"] = float("nan")
    pairs = _pairs(table)
    workbooks = _counts(table, [*WORKBOOK, "due"])
    total = workbooks[list(COUNTED)].sum()
    design = {
        "n_to_rate": int(total["to_rate"]), "n_done": int(total["stored"] + total["returned"]),
        "n_late": int(total["late"]), "n_pairs": int(pairs["sessions"].sum()),
        "n_pairs_complete": int(pairs["all_in"].sum()),
        "hours_left": float(raters["hours_left"].sum()) if len(hours) else None,
        "n_left_out": int(total["left_out"]), "n_recodes": int((table[OCCASION] > 1).sum()),
        "n_unplanned": len(found.unplanned), "unread": list(found.unread), "n_replaced": found.n_replaced,
        "n_withdrawn": found.n_withdrawn,
    }  # fmt: skip
    return StudyStatus(
        {"study": declared.name, "today": day.isoformat()}, workbooks, _counts(table, ["rater", "instrument"]),
        _counts(table, ["batch", "due"]), raters, pairs, table, design, (*_notes(declared, found), *notes), table.index,
        screens_of(declared, found.ratings),
    )  # fmt: skip


def _counts(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """How many assignments of each group are in which state."""
    import pandas as pd

    from doublecode.coding.intake.progress import State

    states = pd.DataFrame({state.value: table["state"] == state for state in State})
    rows = table[by].assign(**states, late=table["late"], to_rate=~states[State.LEFT_OUT])
    if "due" in by:
        rows["due"] = [None if day is None else day.isoformat() for day in rows["due"]]
    counts = rows.groupby(by, sort=True, dropna=False)[list(COUNTED)].sum().astype(int).reset_index()
    done = counts["stored"] + counts["returned"]
    return counts.assign(share_done=done / counts["to_rate"].where(counts["to_rate"] > 0))


def _paces(table: pd.DataFrame, today: dt.date) -> pd.DataFrame:
    """Assignments per week of each rater, and the day on which the rest is done."""
    import pandas as pd

    rows = []
    for rater, own in table.groupby("rater", sort=True):
        days = own["done_on"].dropna()
        left = int(own["state"].isin(("open", "to_mend")).sum())
        since = 0 if days.empty else (today - days.min()).days
        pace = 7.0 * float((days > days.min()).sum()) / since if since >= LEAST_DAYS else float("nan")
        ready = today + dt.timedelta(days=-(-7.0 * left // pace)) if pace > 0 and left else None
        rows.append((rater, pace, None if ready is None else ready.isoformat()))
    return pd.DataFrame(rows, columns=["rater", "pace", "ready_by"])


def _hours(table: pd.DataFrame) -> tuple[pd.DataFrame, list[Note]]:
    """Hours of recordings that each rater has to hear yet; empty where no minutes are known."""
    import pandas as pd

    known = table.loc[table["state"] != "left_out"]
    mean = known["minutes"].mean()
    if pd.isna(mean):
        return pd.DataFrame({"rater": pd.Series(dtype=str), "hours_left": pd.Series(dtype=float)}), [
            Note("minutes_unknown")
        ]
    still = known[known["state"] == "open"]
    heard = still.assign(minutes=still["minutes"].fillna(mean))
    tapes = heard.groupby(["rater", "session_id", OCCASION])["minutes"].max().groupby("rater").sum() / 60.0
    raters = sorted(table["rater"].unique())
    hours = tapes.reindex(raters, fill_value=0.0).rename("hours_left").rename_axis("rater").reset_index()
    n_assumed = still.loc[still["minutes"].isna(), "session_id"].nunique()
    notes = [Note("minutes_assumed", numbers={"n": int(n_assumed), "mean": float(mean)})] if n_assumed else []
    return hours, [Note("hours_are_listening"), *notes] if len(still) else []


def _pairs(table: pd.DataFrame) -> pd.DataFrame:
    """Sessions that several raters rate with an instrument, and how many of their ratings are done."""
    import pandas as pd

    rows = table[(table[OCCASION] == 1) & (table["state"] != "left_out")]
    rows = rows.assign(
        phase=rows["role"].eq("pilot").map({True: "pilot", False: "main"}),
        done=rows["state"].isin(("stored", "returned")),
    )
    each = rows.groupby(["instrument", "phase", "session_id"])["done"].agg(["size", "sum"])
    several = each[each["size"] > 1]
    counts = pd.DataFrame(
        {
            "sessions": 1, "all_in": several["sum"] == several["size"],
            "some_in": (several["sum"] > 0) & (several["sum"] < several["size"]), "none_in": several["sum"] == 0,
        },
        index=several.index,
    )  # fmt: skip
    return counts.astype(int).groupby(["instrument", "phase"], sort=True).sum().reset_index()


def _notes(study: Study, found: Progress) -> list[Note]:
    """What is in none of the counts, or counted otherwise than one may think."""
    table = found.assignments
    free = [
        name for name in table["instrument"].unique()
        if all(item.given or item.optional for item in study.codebooks[name].columns)
    ]  # fmt: skip
    numbers = {
        "status_unread": len(found.unread), "status_waiting": len(found.waiting),
        "status_to_mend": int((table["state"] == "to_mend").sum()), "status_unplanned": len(found.unplanned),
        "status_left_out": int((table["state"] == "left_out").sum()),
        "status_recodes": int((table[OCCASION] > 1).sum()),
        "status_replaced": found.n_replaced, "status_withdrawn": found.n_withdrawn,
        "status_nothing_required": len(free), "status_no_due": int(not study.due),
    }  # fmt: skip
    names = {"status_unread": found.unread, "status_waiting": found.waiting, "status_nothing_required": tuple(free)}
    return [Note(kind, numbers={"n": n, "names": names.get(kind, ())}) for kind, n in numbers.items() if n]
