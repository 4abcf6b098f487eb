"""What two people coded differently, and what was agreed on afterwards: counts by instrument."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.study.study_run import Intake


def settled_table(intake: Intake) -> pd.DataFrame | None:
    """Count by instrument what raters coded differently and what was decided; None where nothing was decided.

    Returns
    -------
    DataFrame or None
        ``instrument, title, n_both`` (cells that two raters or more coded), ``n_different``, ``n_decided`` (of all
        cells), ``n_expert`` (of these, by an expert), ``in_scores`` (whether scores stand on them).
    """
    import pandas as pd

    from doublecode.coding.intake.disagreements import compared_items, disagreements
    from doublecode.coding.reading.consensus_table import EXPERT

    decided = intake.decided
    if decided is None or decided.empty:
        return None
    rows = []
    for name, book in intake.study.codebooks.items():
        own, settled = intake.ratings[intake.ratings["instrument"] == name], decided[decided["instrument"] == name]
        if own.empty:
            continue
        compared = own[own["item"].isin([item.name for item in compared_items(intake.study, name)])]
        coded = compared.groupby(["session_id", "item"]).size()
        rows.append((
            name, book.title, int((coded > 1).sum()), len(disagreements(own, intake.study, name)), len(settled),
            int((settled["rater"] == EXPERT).sum()), intake.study.use(name).consensus,
        ))  # fmt: skip
    names = ["instrument", "title", "n_both", "n_different", "n_decided", "n_expert", "in_scores"]
    return pd.DataFrame(rows, columns=names)
