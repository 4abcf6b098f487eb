"""What the entries of a ledger amount to: which hold, which were replaced, withdrawn or erased."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from doublecode.coding.intake.ledger_values import (
    EVENT_COLUMNS,
    GENESIS,
    ROW_COLUMNS,
    SEVERAL,
    chain_of,
    digest_of,
    event_chain_of,
    is_content,
)
from doublecode.schemas.errors import UsageError
from doublecode.schemas.frames import OCCASION

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

WITHDRAWN, RESTORED, ERASED = "withdrawn", "restored", "erased"
_KEY = ("study", "instrument", "rater", "batch")


@dataclass
class Held:
    """What a ledger holds at the beginning of a transaction.

    Attributes
    ----------
    hashes : set of str
        SHA-256 of every file of this study that was ever taken in.
    readings : mapping
        Of the tables that hold: bytes, codebooks, ratings and salt, since other options read the same bytes otherwise.
    gone : mapping of str to str
        SHA-256 of the files that were withdrawn, and why.
    """

    hashes: set[str]
    readings: dict[tuple[str, ...], tuple[str, str, str, str]]
    gone: Mapping[str, str]

    @classmethod
    def of(cls, connection: Connection, files: Table, events: Table) -> Held:
        """Read it."""
        rows = connection.execute(files.select().order_by(files.c.id)).all()
        reasons = withdrawn_ids(connection, events)
        return cls(
            {row.sha256 for row in rows if not row.site},
            {
                (row.study, row.instrument, row.rater, row.batch): (row.sha256, row.version, row.content, row.salt)
                for row in rows if row.rater == SEVERAL and not row.site
            },
            {row.sha256: reasons[row.id] for row in rows if row.id in reasons and not row.site},
        )  # fmt: skip

    def knows(self, record: Mapping[str, Any], rows: list[dict[str, Any]]) -> bool:
        """Whether a file is held already, as it is read now.

        Raises
        ------
        UsageError
            It was withdrawn.
        """
        if record["sha256"] in self.gone:
            raise UsageError(
                f"{record['file']}: this file was withdrawn ({self.gone[record['sha256']]}). To count it again: "
                f"doublecode ledger restore {record['file']} --reason …"
            )
        if record["rater"] != SEVERAL:
            return record["sha256"] in self.hashes
        last = self.readings.get(tuple(record[name] for name in _KEY))
        return last is not None and last[:3] == (record["sha256"], record["version"], digest_of(rows, last[3]))

    def add(self, record: Mapping[str, Any]) -> None:
        """Remember a file that is stored now."""
        self.hashes.add(record["sha256"])


def withdrawn_ids(connection: Connection, events: Table) -> dict[int, str]:
    """Entries that were withdrawn and not restored since, with the reason."""
    found: dict[int, str] = {}
    kinds = events.select().where(events.c.kind.in_([WITHDRAWN, RESTORED])).order_by(events.c.id)
    for row in connection.execute(kinds):
        found.pop(row.file_id, None)
        if row.kind == WITHDRAWN:
            found[row.file_id] = row.reason
    return found


def wrong_entries(connection: Connection, files: Table, ratings: Table, events: Table) -> Iterator[str]:
    """Recompute every hash; say what does not agree."""
    erased = {
        row.file_id: (row.n_rows, row.content)
        for row in connection.execute(events.select().where(events.c.kind == ERASED).order_by(events.c.id))
    }
    previous, heads = GENESIS, {GENESIS}
    for row in connection.execute(files.select().order_by(files.c.id)).mappings().all():
        own = ratings.select().where(ratings.c.file_id == row["id"]).order_by(ratings.c.id)
        found = [{name: one[name] for name in (*ROW_COLUMNS, OCCASION)} for one in connection.execute(own).mappings()]
        count, content = erased.get(row["id"], (row["n_rows"], row["content"]))
        if len(found) != count or not is_content(found, content, row["salt"]):
            yield f"{row['file']}: its {count} ratings are not what was taken in"
        if chain_of(previous, dict(row)) != row["chain"]:
            yield f"{row['file']}: the entry, or one before it, was changed or removed"
        previous = row["chain"]
        heads.add(previous)
    yield from _wrong_events(connection, events, heads)


def _wrong_events(connection: Connection, events: Table, heads: set[str]) -> Iterator[str]:
    previous = GENESIS
    for row in connection.execute(events.select().order_by(events.c.id)).mappings().all():
        if event_chain_of(previous, {name: row[name] for name in EVENT_COLUMNS}) != row["chain"]:
            yield f"{row['kind']} {row['subject']}: this event, or one before it, was changed or removed"
        elif row["head"] not in heads:
            yield f"{row['kind']} {row['subject']}: files that were there at this event are gone"
        previous = row["chain"]
