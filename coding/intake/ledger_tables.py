"""The ledger's tables in a database: how they are made, brought up to date, and kept from changes."""

from __future__ import annotations

import contextlib
import errno
import re
import sqlite3
from functools import lru_cache
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from doublecode.coding.intake.ledger_values import FILE_COLUMNS, PLAIN_COLUMNS, SEVERAL, PlainColumns, is_constant
from doublecode.schemas.errors import UsageError
from doublecode.schemas.frames import OCCASION, RATINGS

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, MetaData, Table

SCHEMA: Final = 3
"""Version of the tables: 1 had no occasions, 2 no events, sites, reasons and salts."""
PATIENCE: Final = 30
"""Seconds until a writer gives up waiting for another."""
FAILURES: Final = "Check the ledger's address, and that no other program holds it."
_LOCK: Final = 1_190_413
_MOST_TRIES: Final = 5
_MOST_MARKS: Final = 999
"""Values that every SQLite takes in one statement."""
_OF_SYSTEM: Final = {
    errno.ENOSPC: sqlite3.SQLITE_FULL, errno.EFBIG: sqlite3.SQLITE_IOERR, errno.EROFS: sqlite3.SQLITE_READONLY,
    errno.EACCES: sqlite3.SQLITE_READONLY, errno.EPERM: sqlite3.SQLITE_READONLY,
}  # fmt: skip


class ReadOnlyLedger(UsageError):
    """The ledger can be read here, and not written."""


def make_tables() -> MetaData:
    """Describe the tables as they are now."""
    from sqlalchemy import Column, Float, ForeignKey, Index, Integer, MetaData, String, Table, Text, text

    kinds = {"text": Text, "integer": Integer, "number": Float}
    tables = MetaData()
    own = [Column(name, Integer if name == "n_rows" else String(200), nullable=False) for name in FILE_COLUMNS]
    files = Table(
        "files", tables, Column("id", Integer, primary_key=True), *own,
        Column("taken_in", String(40), nullable=False), Column("supersedes", Integer, ForeignKey("files.id")),
        Column("content", String(64), nullable=False), Column("chain", String(64), nullable=False, unique=True),
        Column(OCCASION, Integer, nullable=False, server_default=text("1")),
        *(Column(name, Text, nullable=False, server_default=text("''")) for name in ("salt", "site", "reason")),
        Column("origin", String(64)),
    )  # fmt: skip
    workbook = text(f"rater <> '{SEVERAL}'")  # the same bytes of a table may be read in another way
    Index("files_once", files.c.site, files.c.sha256, unique=True, sqlite_where=workbook, postgresql_where=workbook)
    columns = [
        Column(name, kinds[kind](), nullable=name in RATINGS.may_be_empty) for name, kind in RATINGS.columns.items()
    ]
    Table(
        "ratings", tables, Column("id", Integer, primary_key=True),
        Column("file_id", Integer, ForeignKey("files.id"), nullable=False, index=True), *columns,
        Column(OCCASION, Integer, nullable=False, server_default=text("1")),
    )  # fmt: skip
    Table(
        "events", tables, Column("id", Integer, primary_key=True), Column("kind", String(20), nullable=False),
        Column("file_id", Integer, ForeignKey("files.id")), Column("subject", Text, nullable=False),
        Column("reason", Text, nullable=False), Column("at", String(40), nullable=False),
        Column("n_rows", Integer, nullable=False), Column("content", String(64), nullable=False),
        Column("head", String(64), nullable=False), Column("chain", String(64), nullable=False, unique=True),
        Column("origin", String(64)),
    )  # fmt: skip
    Table("schema_version", tables, Column("version", Integer, primary_key=True))
    return tables


def version_in(engine: Engine) -> int:
    """The version of the tables in a database; see :func:`version_of`."""
    with engine.connect() as connection:
        return version_of(connection)


def version_of(connection: Connection) -> int:
    """The version of the tables; 0 where there are none.

    Raises
    ------
    UsageError
        They are of a later version of doublecode.
    """
    from sqlalchemy import inspect

    look = inspect(connection)
    names = set(look.get_table_names())
    if not {"files", "ratings"} <= names:
        return 0
    if "schema_version" not in names:
        return 2 if OCCASION in [column["name"] for column in look.get_columns("ratings")] else 1
    found = int(connection.exec_driver_sql("SELECT max(version) FROM schema_version").scalar() or 0)
    if found > SCHEMA:
        raise UsageError(
            f"ledger: its tables are of version {found}, this doublecode knows {SCHEMA}. Update doublecode."
        )
    return found


def bring_up_to_date(engine: Engine, tables: MetaData) -> None:
    """Make the tables, or give those of an earlier version what they lack, in one transaction; nothing else is touched.

    Where others do the same at this moment, one of them does it.
    """
    from sqlalchemy.exc import SQLAlchemyError

    for attempt in range(_MOST_TRIES):
        try:
            with engine.execution_options(writes=True).begin() as connection:
                version = version_of(connection)
                if version < SCHEMA:
                    _make_up_to_date(connection, tables, version)
                return
        except SQLAlchemyError:
            if engine.dialect.name == "sqlite" or attempt + 1 == _MOST_TRIES:
                raise


def _make_up_to_date(connection: Connection, tables: MetaData, version: int) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
    if 0 < version < SCHEMA:
        _extend(connection, tables.tables["files"], ("salt", "site", "reason", "origin"))
        for name in ("files", "ratings") if version == 1 else ():
            _extend(connection, tables.tables[name], (OCCASION,))
    tables.create_all(connection)
    for index in tables.tables["files"].indexes:
        index.create(connection, checkfirst=True)
    known = tables.tables["schema_version"]
    if connection.execute(known.select()).first() is None:
        connection.execute(known.insert().values(version=SCHEMA))
    forbid_changes(connection)


def _extend(connection: Connection, table: Table, columns: tuple[str, ...]) -> None:
    from sqlalchemy.schema import CreateColumn

    for name in columns:
        told = CreateColumn(table.c[name]).compile(dialect=connection.dialect)
        connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {told}")


def forbid_changes(connection: Connection) -> None:
    """SQLite refuses to change or remove what was written."""
    for table, verb, name in _triggers(connection):
        connection.exec_driver_sql(
            f"CREATE TRIGGER IF NOT EXISTS {name} BEFORE {verb} ON {table} "
            "BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END"
        )


def allow_changes(connection: Connection) -> None:
    """Let this transaction erase; :func:`forbid_changes` closes it again."""
    for _, _, name in _triggers(connection):
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")


def _triggers(connection: Connection) -> list[tuple[str, str, str]]:
    if connection.dialect.name != "sqlite":
        return []
    return [
        (table, verb, f"{table}_no_{verb.lower()}")
        for table in ("files", "ratings", "events") for verb in ("UPDATE", "DELETE")
    ]  # fmt: skip


def open_engine(address: str, path: Path | None) -> Engine:
    """Open a database: a file of SQLite by its path, any other by its URL."""
    from sqlalchemy import URL, create_engine, event

    # in a text ? and % would be read as parts of a URL; a folder may be called so
    place = address if path is None else URL.create("sqlite", database=path.absolute().as_posix())
    if path is None and not address.startswith("sqlite"):
        url = re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", address)
        return create_engine(url, isolation_level="SERIALIZABLE")
    engine = create_engine(place, connect_args={"timeout": PATIENCE})
    event.listen(engine, "connect", _careful)
    event.listen(engine, "begin", _begin)
    return engine


def copy_in_memory(engine: Engine) -> Engine:
    """The same database in memory, where it can be brought up to date without writing a file."""
    from sqlalchemy import create_engine, event
    from sqlalchemy.pool import StaticPool

    copy = sqlite3.connect(":memory:", check_same_thread=False)
    with engine.connect() as connection:
        source: Any = connection.connection.driver_connection
        source.backup(copy)
    made = create_engine("sqlite://", creator=lambda: copy, poolclass=StaticPool)
    event.listen(made, "connect", _careful)
    event.listen(made, "begin", _begin)
    return made


def keep_copy(engine: Engine, target: Path) -> None:
    """Put a copy of a database of SQLite beside it, whole or not at all; one that is there already stays.

    Raises
    ------
    UsageError
        It cannot be written there.
    """
    if target.exists():
        return
    part = target.with_name(f".{target.name}.part")
    try:
        part.unlink(missing_ok=True)
        copy = sqlite3.connect(part)
        try:
            with engine.connect() as connection:
                source: Any = connection.connection.driver_connection
                source.backup(copy)
        finally:
            copy.close()
        part.replace(target)
    except (OSError, sqlite3.Error) as wrong:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise failure(str(target), wrong, writes=True) from None


def insert_ratings(connection: Connection, table: Table, file_id: int, columns: PlainColumns) -> None:
    """Insert the ratings of a file. SQLite takes many at once, and once what is the same in all of them."""
    names, given = ("file_id", *PLAIN_COLUMNS), ([file_id] * len(columns[0]), *columns)
    if connection.dialect.name != "sqlite":
        rows = [dict(zip(names, row, strict=True)) for row in zip(*given, strict=True)]
        if rows:
            connection.execute(table.insert(), rows)
        return
    same = tuple(map(is_constant, given))
    fixed = tuple(column[0] for column, once in zip(given, same, strict=True) if once)
    varying = [column for column, once in zip(given, same, strict=True) if not once]
    values = tuple(chain.from_iterable(zip(*varying, strict=True)))
    n_rows, width = len(columns[0]), len(varying)
    at_once = (_MOST_MARKS - len(fixed)) // max(1, width)
    rest = n_rows % at_once
    for size, starts in ((at_once, range(0, n_rows - rest, at_once)), (rest, range(n_rows - rest, n_rows, at_once))):
        own = [fixed + values[at * width : (at + size) * width] for at in starts]
        if own:
            connection.exec_driver_sql(_insertion(table.name, names, same, size), own)


@lru_cache(maxsize=32)
def _insertion(table: str, names: tuple[str, ...], same: tuple[bool, ...], n_rows: int) -> str:
    """A statement whose first parameters are those that are the same in every row."""
    first, others = count(1), count(same.count(True) + 1)
    fixed = [f"?{next(first)}" if once else "" for once in same]
    rows = (", ".join(mark or f"?{next(others)}" for mark in fixed) for _ in range(n_rows))
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES {', '.join(f'({row})' for row in rows)}"


def shown_address(address: str) -> str:
    """The address without a password."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    if address.startswith("sqlite"):
        return address  # a path may hold signs that a URL has another meaning for
    try:
        return make_url(address).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):
        raise UsageError(
            "ledger: the address is no URL of a database; it looks like postgresql://user@host:5432/study."
        ) from None


def rewrite(engine: Engine, address: str) -> None:
    """Write a database anew, so that nothing that was removed is left between its pages."""
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM FULL ratings")
        return
    with engine.connect() as connection:
        connection.rollback()
        driver: Any = connection.connection.driver_connection
        try:
            driver.execute("VACUUM")
        except sqlite3.Error as wrong:
            raise failure(address, wrong) from None


def _careful(connection: Any, record: Any) -> None:
    """SQLite: transactions begin where SQLAlchemy says so, and reach the disk before they count."""
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")


def options_of(engine: Engine, *, writes: bool) -> dict[str, Any]:
    """How a transaction is to be begun; on a server one that reads sees one moment, and hinders nobody."""
    reads = engine.dialect.name == "postgresql" and not writes
    return {"writes": writes, **({"isolation_level": "REPEATABLE READ"} if reads else {})}


def _begin(connection: Connection) -> None:
    """Whoever writes waits for the others before the first word, not in the middle of its transaction."""
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def is_conflict(wrong: Exception) -> bool:
    """Whether a server turned a transaction down because of another one, so that it is to be tried again."""
    return getattr(getattr(wrong, "orig", None), "sqlstate", None) in ("40001", "40P01", "23505")


def failure(address: str, wrong: Exception, *, writes: bool = False) -> UsageError:
    """What a database said, as the error that a person reads."""
    cause = getattr(wrong, "orig", None) or wrong
    code = cause.sqlite_errorcode & 0xFF if isinstance(cause, sqlite3.OperationalError) else None
    if isinstance(cause, OSError):
        code = _OF_SYSTEM.get(cause.errno or 0)
    nothing = " Nothing was stored." if writes else ""
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        why = f"another program has been writing to it for {PATIENCE} seconds; wait until it has ended and try again"
    elif code == sqlite3.SQLITE_FULL:
        return UsageError(f"ledger {address}: the disk is full.{nothing} Make room on it and try again.")
    elif code == sqlite3.SQLITE_IOERR:
        return UsageError(
            f"ledger {address}: the disk does not take what is written.{nothing} Is a quota used up, or a network "
            "drive gone? Make room on it or connect it, and try again."
        )
    elif code == sqlite3.SQLITE_READONLY or (writes and code == sqlite3.SQLITE_CANTOPEN):
        return ReadOnlyLedger(
            f"ledger {address}: it can be read here, and not written.{nothing} Look at the rights of the file and of "
            "its folder; a study that can only be read is run with --out FOLDER."
        )
    else:
        why = str(wrong).splitlines()[0] if str(wrong) else type(wrong).__name__
    return UsageError(f"ledger {address}: {why}.{nothing} {FAILURES}")
