"""Outcomes at baseline, post and follow-up: scored event by event, as answers of sessions are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from doublecode.schemas.study import Study

_COLUMNS = ["patient", "event", "instrument", "kind", "name", "value", "reason"]


def scored_events(answers: pd.DataFrame | None, study: Study) -> pd.DataFrame | None:
    """Items and scale scores of each patient at each event.

    Parameters
    ----------
    answers : DataFrame or None
        ``patient, event, instrument, item, value, reason``; None where the study has no events.
    study : Study
        Its codebooks score; a scale of two sessions has no score at an event.

    Returns
    -------
    DataFrame or None
        ``patient, event, instrument, kind`` ("item" or "scale"), ``name, value, reason``.
    """
    from doublecode.coding.scoring import score

    if answers is None:
        return None
    items = answers.assign(kind="item", name=answers["item"])
    parts = [items[_COLUMNS]]
    for event, rows in answers.groupby("event", sort=False):
        plain = rows.assign(session=rows["patient"]).drop(columns=["patient", "event"])
        scores = score(plain, [study.codebooks[name] for name in rows["instrument"].unique()])
        known = scores.assign(patient=scores["session"], event=event, kind="scale", name=scores["scale"])
        parts.append(known[_COLUMNS])
    return pd.concat(parts, ignore_index=True)
