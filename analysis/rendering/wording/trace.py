"""Sentences of ``analysis/study/trace``: what became of a cell, what was done with it, and why it is in no number."""

from __future__ import annotations

from typing import Final

from doublecode.analysis.rendering.wording.phrases import Wording
from doublecode.schemas.results import DASH, Note

HOW: Final = {
    "pooled": "mean of several raters",
    "reversed": "reversed",
    "lagged": "of the session before",
    "prorated": "items are missing beside it",
    "start": "what the change is from",
    "winsorised": "drawn to a fence by the outlier rule",
    "fence": "a fence of the outlier rule stands on it",
    "missing": "no value: counted as missing",
    "counted": "counted",
    "base": "per cent are taken of it",
    "compared": "raters are compared by it",
    "first": "first rating",
    "again": "rated again",
    "lost": "left out",
    "key": "says which row it is",
}


def _because(note: Note) -> str:
    reason = note.numbers.get("reason")
    return f" ({reason})" if reason else ""


def shown_value(value: object) -> str:
    """A cell's value as one reads it.

    Examples
    --------
    >>> shown_value(3.0), shown_value(None), shown_value("NR")
    ('3', '–', 'NR')
    """
    return DASH if value is None else f"{value:g}" if isinstance(value, (int, float)) else str(value)


def _said(note: Note) -> str:
    return shown_value(note.numbers["value"])


def _replaces(note: Note) -> str:
    return f"corrects {note.numbers['file']}, which said {_said(note)}{_because(note)}"


def _replaced(note: Note) -> str:
    return f"replaced by {note.numbers['file']}, which says {_said(note)}{_because(note)}"


SENTENCES: Final[dict[str, Wording]] = {
    "cell_replaces": _replaces,
    "cell_replaced": _replaced,
    "cell_withdrawn": "its file is withdrawn: {reason}",
    "cell_not_held": "the ledger does not hold it",
    "trace_changed_file": "{file} is no longer what the report was made of: its numbers are those of then",
    "trace_name": "the codes of {item} are names without values: they are counted, in no score and in no ICC",
    "trace_text": "{item} is a text; no number is made of it",
    "trace_code": "{code} is a missing code: it is no value; it counts where missing values are counted",
    "trace_not_counted": "by the declared pooling the rating of {rater} does not count for scores, and nobody else "
    "rated {item} for an ICC",
    "trace_pilot": "a rating of the pilot: it is in no score, and nothing could be estimated of it",
    "trace_unused": "no table of the report stands on it: the item is in no scale, variable or table of the study",
    "trace_kept_out": "kept out of every number: {why}",
    "trace_again": "a later rating of the same session: scores and models stand on the first one",
    "trace_decided": "agreed on where raters disagreed; consensus = true is not declared, so no score stands on it",
    "trace_replaced": "replaced by {file}",
    "trace_withdrawn": "its file is withdrawn: {reason}",
    "trace_problem": "{problem}",
    "trace_no_rating": "no rating was read from this cell: it is empty, a heading, or outside of the rows to be rated",
    "trace_rating": "{value}: {item} of {instrument}, session {session}, rated by {rater}",
    "trace_table_cell": "{value}: a cell of a table of the study",
}
