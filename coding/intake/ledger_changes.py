"""What may be said of entries after they were taken in: withdrawn, restored, erased. Each is an event with a reason."""

from __future__ import annotations

import datetime as dt
import secrets
from typing import TYPE_CHECKING, Any

from doublecode.coding.intake.ledger_state import ERASED, RESTORED, WITHDRAWN, withdrawn_ids
from doublecode.coding.intake.ledger_tables import allow_changes, forbid_changes
from doublecode.coding.intake.ledger_values import GENESIS, columns_of, digest_of, event_chain_of
from doublecode.schemas.errors import UsageError
from doublecode.schemas.near_names import allowed

if TYPE_CHECKING:
    from sqlalchemy import Connection, MetaData

_ENOUGH_TO_NAME = 6


def moment_of(now: dt.datetime | None) -> str:
    """The time of an entry: the one that was given, or the clock's."""
    return (now or dt.datetime.now(dt.UTC)).isoformat(timespec="seconds")


def append_event(
    connection: Connection,
    tables: MetaData,
    kind: str,
    moment: str,
    *,
    reason: str,
    subject: str,
    file_id: int | None = None,
    n_rows: int = 0,
    content: str = "",
    origin: str | None = None,
) -> None:
    """Write one event at the end of their chain."""
    events, files = tables.tables["events"], tables.tables["files"]
    before = connection.execute(events.select().order_by(events.c.id.desc()).limit(1)).first()
    last = connection.execute(files.select().order_by(files.c.id.desc()).limit(1)).first()
    event = {
        "kind": kind, "file_id": file_id, "subject": subject, "reason": reason, "at": moment, "n_rows": n_rows,
        "content": content, "head": GENESIS if last is None else last.chain, "origin": origin,
    }  # fmt: skip
    chain = event_chain_of(GENESIS if before is None else before.chain, event)
    connection.execute(events.insert().values(**event, chain=chain))


def turn(connection: Connection, tables: MetaData, kind: str, named: str, reason: str, moment: str) -> str:
    """Withdraw an entry, or restore one; return the name of its file.

    Raises
    ------
    UsageError
        There is no such entry, or several; it is withdrawn already, or not; a later file replaced it.
    """
    entry = _entry_of(connection, tables, named, kind)
    append_event(connection, tables, kind, moment, reason=reason, subject=entry.file, file_id=entry.id)
    return str(entry.file)


def _entry_of(connection: Connection, tables: MetaData, named: str, kind: str) -> Any:
    files = tables.tables["files"]
    rows = connection.execute(files.select().order_by(files.c.id)).all()
    replaced = {row.supersedes for row in rows}
    gone = withdrawn_ids(connection, tables.tables["events"])
    holding = [row for row in rows if row.id not in replaced]
    state = "withdrawn" if kind == RESTORED else "held"
    there = [row for row in holding if (row.id in gone) == (kind == RESTORED)]
    found = [row for row in there if named in (row.file, f"{row.site}:{row.file}")]
    found = found or [row for row in there if len(named) >= _ENOUGH_TO_NAME and row.sha256.startswith(named)]
    if not found:
        names = sorted({str(row.file) for row in there})
        raise UsageError(
            f"ledger: no file {named!r} is {state}; {allowed(named, names) if names else 'there is none at all'}. "
            "doublecode ledger history lists them."
        )
    if len(found) > 1:
        hashes = ", ".join(f"{row.sha256[:12]} ({row.batch})" for row in found)
        raise UsageError(f"ledger: {named!r} is the name of {len(found)} files; say which by its hash: {hashes}.")
    return found[0]


def erase(connection: Connection, tables: MetaData, patient: str, reason: str, moment: str) -> list[dict[str, Any]]:
    """Remove every rating of a patient, replaced ones included; return the files that held them.

    What is left is an event per file without codes, texts or a hash from which few codes could be found by trying.
    """
    files, ratings = tables.tables["files"], tables.tables["ratings"]
    own = ratings.select().where(ratings.c.patient == patient)
    counts: dict[int, int] = {}
    for row in connection.execute(own):
        counts[row.file_id] = counts.get(row.file_id, 0) + 1
    allow_changes(connection)
    held = []
    for file_id, count in sorted(counts.items()):
        entry = connection.execute(files.select().where(files.c.id == file_id)).one()
        mine = ratings.c.file_id == file_id
        connection.execute(ratings.delete().where(mine, ratings.c.patient == patient))
        left = connection.execute(ratings.select().where(mine).order_by(ratings.c.id)).mappings()
        columns = columns_of(left)
        salt = secrets.token_hex(16)
        connection.execute(files.update().where(files.c.id == file_id).values(salt=salt))
        append_event(
            connection, tables, ERASED, moment, reason=reason, subject=patient, file_id=file_id, n_rows=len(columns[0]),
            content=digest_of(columns, salt),
        )  # fmt: skip
        held.append({"file": entry.file, "sha256": entry.sha256, "site": entry.site, "n_rows": count})
    if not held:  # nothing of hers was ever taken in; that nothing will be is said all the same
        append_event(connection, tables, ERASED, moment, reason=reason, subject=patient)
    forbid_changes(connection)
    return held


__all__ = ["RESTORED", "WITHDRAWN", "append_event", "erase", "moment_of", "turn"]
