"""What became of the cells since they were taken in: corrected, withdrawn, erased, or as they were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from doublecode.schemas.frame_rows import rows_of
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.study.trace.source_cells import SourceCell
    from doublecode.schemas.study import Study

_KEY: Final = ("session_id", "rater", "instrument", "item")


def cell_states(study: Study, cells: Sequence[SourceCell], hashes: Mapping[str, str]) -> list[tuple[Note, ...]]:
    """What the ledger says of cells of workbooks and of imported tables.

    Parameters
    ----------
    study : Study
    cells : sequence of SourceCell
    hashes : mapping of file to SHA-256
        Of the files as they were read.

    Returns
    -------
    list of tuple of Note
        Per cell ``cell_replaces`` (an earlier value of another file), ``cell_replaced``, ``cell_withdrawn``,
        ``cell_not_held``; nothing where the cell holds, or a later file says the same, and no other value came before.
    """
    from doublecode.coding.intake.study_ledger import has_ledger, open_ledger

    if not has_ledger(study):
        return [()] * len(cells)
    with open_ledger(study) as ledger:
        history = ledger.history()
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in _rows(history):
        found.setdefault((*(row[name] for name in _KEY), row.get("occasion", 1)), []).append(row)
    by_cell: dict[tuple[str, str, str], tuple[Any, ...]] = {
        (row["sha256"], str(row["source_cell"]), row["item"]): key for key, rows in found.items() for row in rows
    }
    return [_state(cell, hashes, by_cell, found) for cell in cells]


def _rows(history: pd.DataFrame) -> list[dict[str, Any]]:
    names = [
        "source_file", "source_cell", "value", "text", "missing_code", "sha256", "reason", "replaced_by", "withdrawn",
        *_KEY, *(["occasion"] if "occasion" in history.columns else []),
    ]  # fmt: skip
    plain = history[names].astype(object)
    return rows_of(plain.where(plain.notna(), None))


def _state(
    cell: SourceCell,
    hashes: Mapping[str, str],
    by_cell: Mapping[tuple[str, str, str], tuple[Any, ...]],
    found: Mapping[tuple[Any, ...], Sequence[Mapping[str, Any]]],
) -> tuple[Note, ...]:
    digest = hashes.get(cell.file)
    if not cell.rater or digest is None:
        return ()
    key = by_cell.get((digest, cell.cell, cell.item))
    if key is None:
        return (Note("cell_not_held"),)
    rows = found[key]
    at = max(place for place, row in enumerate(rows) if row["sha256"] == digest)
    own, notes = rows[at], list[Note]()
    if own["withdrawn"] is not None:
        notes.append(Note("cell_withdrawn", numbers={"reason": own["withdrawn"]}))
    elif own["replaced_by"] is not None:
        later = next((row for row in rows[at + 1 :] if row["source_file"] == own["replaced_by"]), None)
        is_same = later is not None and held(later) == held(own)
        now = {"file": own["replaced_by"], "value": None if later is None else held(later)}
        reason = None if later is None else later["reason"]
        notes += [] if is_same else [Note("cell_replaced", numbers={**now, "reason": reason})]
    if at and rows[at - 1]["replaced_by"] is not None and held(rows[at - 1]) != held(own):
        before = {"file": rows[at - 1]["source_file"], "value": held(rows[at - 1]), "reason": own["reason"]}
        notes.append(Note("cell_replaces", numbers=before))
    return tuple(notes)


def held(row: Mapping[str, Any]) -> Any:
    """What a rating says: its number, its text or its missing code."""
    return next((row[name] for name in ("value", "text", "missing_code") if row[name] is not None), None)
