"""What the entries of a ledger amount to: which hold, which were replaced, withdrawn or erased."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from doublecode.coding.intake.ledger_values import (
    EVENT_COLUMNS,
    GENESIS,
    SEVERAL,
    PlainColumns,
    chain_of,
    columns_of,
    digest_of,
    event_chain_of,
    is_content,
    scalar_of,
)
from doublecode.schemas.errors import UsageError
from doublecode.schemas.frames import OCCASION
from doublecode.schemas.letters import as_typed

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

WITHDRAWN, RESTORED, ERASED = "withdrawn", "restored", "erased"
_KEY = ("study", "instrument", "rater", "batch")
_PLACE = (*_KEY, OCCASION, "site")


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
    head : str
        The end of the chain.
    last : mapping
        The latest entry and its file, by study, instrument, rater, batch, occasion and site.
    """

    hashes: set[str] = field(default_factory=set)
    readings: dict[tuple[str, ...], tuple[str, str, str, str]] = field(default_factory=dict)
    gone: Mapping[str, str] = field(default_factory=dict)
    head: str = GENESIS
    last: dict[tuple[Any, ...], tuple[int, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, connection: Connection, files: Table, events: Table) -> Held:
        """Read it."""
        rows = connection.execute(files.select().order_by(files.c.id)).mappings().all()
        reasons = withdrawn_ids(connection, events)
        held = cls(gone={row["sha256"]: reasons[row["id"]] for row in rows if row["id"] in reasons and not row["site"]})
        for row in rows:
            held.add(row["id"], dict(row))
        return held

    def knows(self, record: Mapping[str, Any], columns: PlainColumns) -> bool:
        """Whether a file is held already, as it is read now.

        Raises
        ------
        UsageError
            It was withdrawn.
        """
        if record["sha256"] in self.gone:
            raise UsageError(
                f"{record['file']}: this file was withdrawn ({self.gone[record['sha256']]}). To count it again: "
                f"doublecode ledger restore {as_typed(record['file'])} --reason …"
            )
        if record["rater"] != SEVERAL:
            return record["sha256"] in self.hashes
        last = self.readings.get(tuple(record[name] for name in _KEY))
        return last is not None and last[:3] == (record["sha256"], record["version"], digest_of(columns, last[3]))

    def latest(self, record: Mapping[str, Any]) -> tuple[int, str] | None:
        """The entry that a file replaces, and the name of its file."""
        return self.last.get(tuple(scalar_of(record[name]) for name in _PLACE))

    def add(self, entry: int, record: Mapping[str, Any]) -> None:
        """Remember an entry."""
        self.head = record["chain"]
        self.last[tuple(record[name] for name in _PLACE)] = (entry, record["file"])
        if record["site"]:
            return
        self.hashes.add(record["sha256"])
        if record["rater"] == SEVERAL:
            reading = (record["sha256"], record["version"], record["content"], record["salt"])
            self.readings[tuple(record[name] for name in _KEY)] = reading


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
        found = columns_of(connection.execute(own).mappings())
        count, content = erased.get(row["id"], (row["n_rows"], row["content"]))
        if len(found[0]) != count or not is_content(found, content, row["salt"]):
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
