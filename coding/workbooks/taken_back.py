"""What a new plan takes back: whose assignments, and the workbooks that are of no use any more."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd

from doublecode.coding.workbooks.layout import workbook_name
from doublecode.schemas.frames import OCCASION


def taken_back(before: pd.DataFrame, after: pd.DataFrame, folder: Path) -> list[str]:
    """Say whose assignments are taken back, and which workbooks of `folder` hold nothing but these."""
    gone = [tuple(key) for key in _told(before) if key not in set(_told(after))]
    if not gone:
        return []
    raters = Counter(key[1] for key in gone)
    lines = [f"Taken back: {', '.join(f'{n} of {rater}' for rater, n in sorted(raters.items()))}."]
    plans = [{key[1:] for key in _told(frame)} for frame in (before, after)]
    void = sorted(workbook_name(book, rater, batch, int(time)) for rater, book, batch, time in plans[0] - plans[1])
    void = [name for name in void if (folder / name).is_file()]
    if void:
        lines.append(
            f"Of no use any more, and still in {folder.name}/: {', '.join(void)}. Take them out, and tell whom they "
            "were sent to."
        )
    return lines


def _told(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    """Session, rater, instrument, batch and occasion of each assignment."""
    times = frame[OCCASION] if OCCASION in frame.columns else pd.Series(1, frame.index)
    columns = [frame[name].astype(str) for name in ("session_id", "rater", "instrument", "batch")]
    return list(zip(*columns, pd.to_numeric(times).fillna(1).astype(int).astype(str), strict=True))
