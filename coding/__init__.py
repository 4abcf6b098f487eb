"""The coordinator's room: who rates what, workbooks out, workbooks back, ratings kept, scores.

Plan
    allocate         who rates which session: balanced, stratified, a share coded twice

Workbooks
    write_workbooks  one workbook per rater, instrument and batch, locked where nothing is to be written
    read_workbook    ratings and problems of a workbook that came back
    read_ratings     the same of a table that a lab has: long or wide, csv, xlsx, ods, sav, REDCap

Keep and score
    Ledger           the store of what raters sent; nothing is overwritten
    pool_ratings     double-coded sessions as one, by the study's rule
    score            scale scores of pooled items: reversal, missing rule, lag rule
    score_raters     the same for each rater, for reliability
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from doublecode.schemas.doors import doors

if TYPE_CHECKING:
    from doublecode.coding.allocation.plan import allocate as allocate
    from doublecode.coding.intake.ledger import Ledger as Ledger
    from doublecode.coding.reading.incoming import read_workbook as read_workbook
    from doublecode.coding.reading.ratings_table import read_ratings as read_ratings
    from doublecode.coding.scoring import pool_ratings as pool_ratings
    from doublecode.coding.scoring import score as score
    from doublecode.coding.scoring import score_raters as score_raters
    from doublecode.coding.workbooks.write import write_workbooks as write_workbooks

_HOME = {
    "allocate": "allocation.plan",
    "Ledger": "intake.ledger",
    "read_workbook": "reading.incoming",
    "read_ratings": "reading.ratings_table",
    "pool_ratings": "scoring",
    "score": "scoring",
    "score_raters": "scoring",
    "write_workbooks": "workbooks.write",
}
__all__ = sorted(_HOME)
__getattr__ = doors(__name__, _HOME)
