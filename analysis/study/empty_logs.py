"""Homework logs that came back with nothing in them: sessions without homework."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.study.study_run import Intake

COLUMNS = ("session_id", "rater", "role", "instrument", "patient", "session")


def empty_logs(intake: Intake) -> pd.DataFrame:
    """The rows of homework logs that were sent back and hold nothing: no slot, no code, no reason.

    Unused slots stay empty, and so does a session without homework: such a row says 0, which no rating can say. A row
    is taken for returned where the workbook of its rater and batch counts.

    Parameters
    ----------
    intake : Intake

    Returns
    -------
    DataFrame
        ``session_id, rater, role, instrument, patient, session``; sessions of the main phase that are in the numbers.
    """
    import pandas as pd

    from doublecode.coding.reading.study_tables import has_table, read_study_table
    from doublecode.schemas.frames import IN_NO_NUMBER, OCCASION, of_occasion

    study = intake.study
    books = [name for name, book in study.codebooks.items() if book.homework_log is not None]
    if not books or not has_table(study, "assignments"):
        return pd.DataFrame(columns=list(COLUMNS))
    plan = read_study_table(study, "assignments")
    plan = plan[plan["instrument"].isin(books)]
    workbook = ["instrument", "rater", "batch"]
    files = of_occasion(intake.files, first=True) if OCCASION in intake.files.columns else intake.files
    back = pd.MultiIndex.from_frame(files[workbook].astype(str))
    plan = of_occasion(plan, first=True)
    plan = plan[pd.MultiIndex.from_frame(plan[workbook].astype(str)).isin(back)]
    gone = intake.patients.loc[intake.patients["status"].isin(IN_NO_NUMBER), "patient"]
    held = intake.sessions[(intake.sessions["phase"] == "main") & (intake.sessions["status"] == "held")]
    held = held[~held["patient"].isin(gone)]
    rows = plan.merge(held[["session_id", "patient", "session"]], on="session_id", validate="many_to_one")
    key = ["session_id", "rater", "instrument"]
    said = pd.MultiIndex.from_frame(pd.concat([intake.ratings[key], intake.kept_out[key]]))
    rows = rows[~pd.MultiIndex.from_frame(rows[key]).isin(said)]
    used = {name: study.use(name).sessions for name in books}
    pairs = zip(rows["instrument"], rows["session"], strict=True)
    inside = [(numbers := used[name]) is None or number in numbers for name, number in pairs]
    return rows.loc[inside, list(COLUMNS)].reset_index(drop=True)
