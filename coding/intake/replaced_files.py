"""What became of files after they were taken in: replaced by a later state, or withdrawn; when, why, how many codes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pandas as pd

from doublecode.coding.intake.ledger import Ledger
from doublecode.coding.intake.ledger_state import WITHDRAWN
from doublecode.coding.intake.ledger_values import with_occasion
from doublecode.coding.intake.study_ledger import has_ledger, open_ledger
from doublecode.coding.reading.consensus_table import CONSENSUS
from doublecode.schemas.frames import OCCASION
from doublecode.schemas.study import Study

COLUMNS: Final = ("file", "instrument", "rater", "batch", "taken_in", "state", "on", "by", "reason", "n_changed")
_KEY: Final = ["session_id", "rater", "instrument", "item", OCCASION]
_CODE: Final = ["value", "text", "missing_code"]


def replaced_files(study: Study) -> pd.DataFrame:
    """List the files of this study that later ones replaced, and those that were withdrawn.

    Parameters
    ----------
    study : Study

    Returns
    -------
    DataFrame
        file, instrument, rater, batch, taken_in and on (days), state (*replaced*, *withdrawn*), by (name of the later
        file), reason, n_changed (ratings that the later file has otherwise, more or fewer; all of a withdrawn one).
        Empty without a ledger. What was agreed on in meetings grows as it goes, and is not listed.
    """
    if not has_ledger(study):
        return pd.DataFrame(columns=list(COLUMNS))
    with open_ledger(study) as ledger:
        files = ledger.files()
        own = files[(files["site"] == "") & (files["rater"] != CONSENSUS)]
        rows = [*_replaced(ledger, own), *_withdrawn(ledger, own)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _replaced(ledger: Ledger, files: pd.DataFrame) -> Iterator[tuple[object, ...]]:
    rows: list[dict[str, Any]] = [{str(key): value for key, value in row.items()} for row in files.to_dict("records")]
    by_entry = {row["entry"]: row for row in rows}
    for row in rows:
        first = by_entry.get(row["replaces"])
        if first is not None:
            changed = _n_different(ledger, first["entry"], row["entry"])
            yield (*_head(first), "replaced", row["taken_in"][:10], row["file"], row["reason"], changed)


def _withdrawn(ledger: Ledger, files: pd.DataFrame) -> Iterator[tuple[object, ...]]:
    events = ledger.events()
    last = events[events["kind"] == WITHDRAWN].drop_duplicates("file_id", keep="last")
    on = {int(entry): str(at)[:10] for entry, at in zip(last["file_id"], last["at"], strict=True)}
    for row in files[files["withdrawn"].notna()].to_dict("records"):
        yield (*_head(row), "withdrawn", on[int(row["entry"])], "", row["withdrawn"], row["n_rows"])


def _head(row: Mapping[Any, Any]) -> tuple[object, ...]:
    return row["file"], row["instrument"], row["rater"], row["batch"], row["taken_in"][:10]


def _n_different(ledger: Ledger, first: int, later: int) -> int:
    """Count the ratings that one entry has otherwise than the other, or alone."""
    parts = [with_occasion(ledger.ratings([entry])).set_index(_KEY)[_CODE] for entry in (first, later)]
    before, now = (part.astype(object).where(part.notna(), None) for part in parts)
    keys = before.index.union(now.index)
    before, now = before.reindex(keys), now.reindex(keys)
    same = (before == now) | (before.isna() & now.isna())
    return int((~same.all(axis=1)).sum())
