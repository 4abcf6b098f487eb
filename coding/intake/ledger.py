"""The append-only store of ratings.

Each file is one entry: its SHA-256, its rows with the cell each came from, when it
was taken in, and which entry it replaces. Entries are chained by hashes, so that a
later change shows. Taking in a folder is one transaction: a kill at any moment
leaves all of it or nothing.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from doublecode.coding.intake.ledger_values import (
    FILE_COLUMNS,
    ROW_COLUMNS,
    SEVERAL,
    canonical_text,
    chain_of,
    check_files,
    digest_of,
    is_content,
    plain_rows,
    ratings_of,
    scalar_of,
    with_occasion,
)
from doublecode.coding.intake.taken_in import TakenIn, ledger_card
from doublecode.schemas.errors import DuplicateError, UsageError
from doublecode.schemas.frames import OCCASION, RATINGS, check_frame
from doublecode.schemas.problems import place_in
from doublecode.schemas.whole_files import note_written

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Engine, MetaData, Table

_GENESIS = "0" * 64
_PATIENCE = 30
_FAILURES = "Check the ledger's address, and that no other program holds it."


class Ledger:
    """A store of ratings that only ever grows.

    Parameters
    ----------
    address : str or path
        A database URL (``sqlite:///…``, ``postgresql://…``) or the path of a SQLite file, which
        is made if it is not there.

    Notes
    -----
    Use it as a context manager, or call :meth:`close`.
    """

    def __init__(self, address: str | Path) -> None:
        from sqlalchemy import URL, create_engine, event, inspect
        from sqlalchemy.exc import SQLAlchemyError

        text = str(address)
        self.address = text if "://" in text else f"sqlite:///{Path(text).as_posix()}"
        try:
            is_sqlite = self.address.startswith("sqlite")
            # in a text ? and % would be read as parts of a URL; a folder may be called so
            place = text if "://" in text else URL.create("sqlite", database=Path(text).absolute().as_posix())
            self._engine: Engine = create_engine(place, connect_args={"timeout": _PATIENCE} if is_sqlite else {})
            if is_sqlite:
                event.listen(self._engine, "connect", _careful)
                event.listen(self._engine, "begin", _begin)
            self._tables = _tables()
            self._knows_occasions = True
            if not set(self._tables.tables) <= set(inspect(self._engine).get_table_names()):
                with self._engine.execution_options(writes=True).begin() as connection:
                    self._tables.create_all(connection)
                    _forbid_changes(connection)
            elif OCCASION not in [column["name"] for column in inspect(self._engine).get_columns("ratings")]:
                self._tables, self._knows_occasions = _tables(occasions=False), False  # of an earlier version
        except (SQLAlchemyError, ImportError) as wrong:
            raise UsageError(f"ledger {self.address}: cannot be opened ({_why(wrong)}). {_FAILURES}") from None

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections to the database."""
        self._engine.dispose()

    def __str__(self) -> str:
        return ledger_card(self.address, self.files()).text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return ledger_card(self.address, self.files()).html()

    def take_in(self, ratings: pd.DataFrame, files: pd.DataFrame, *, now: dt.datetime | None = None) -> TakenIn:
        """Store the ratings of files that the ledger does not hold yet.

        Parameters
        ----------
        ratings : DataFrame
            Contract ``RATINGS``; ``source_file`` says which file a row is from.
        files : DataFrame
            As ``read_incoming`` returns it: file, sha256, study, instrument, version, rater, batch, n_rows.
        now : datetime, optional
            Time of the entries; by default the clock.

        Returns
        -------
        TakenIn

        Raises
        ------
        DuplicateError
            Another file that is not replaced holds the same session, rater, instrument and item.
        ContractError
            A row's file is not among `files`, or its count of rows is wrong.
        UsageError
            The database refused; nothing was stored.

        Notes
        -----
        A file of the same study, instrument, rater, batch and occasion replaces the earlier one, whose rows
        stay readable in :meth:`history`. The same bytes a second time change nothing; a table of ratings counts as
        the same where its ratings are, too.
        """
        check_frame(ratings, RATINGS)
        check_files(ratings, files)
        moment = (now or dt.datetime.now(dt.UTC)).isoformat(timespec="seconds")
        rows_of: dict[str, list[dict[str, Any]]] = {}
        for values in plain_rows(ratings):
            rows_of.setdefault(values["source_file"], []).append(values)
        new: list[str] = []
        known: list[str] = []
        superseded: list[str] = []
        n_rows = 0
        with self._transaction(writes=True) as connection:
            self._add_occasions(connection)
            held = {row.sha256 for row in connection.execute(self._table("files").select())}
            readings = self._readings(connection)
            for record in with_occasion(files)[[*FILE_COLUMNS, OCCASION]].to_dict("records"):
                name = canonical_text(record["file"])
                rows = rows_of.get(name, [])
                last = readings.get((record["study"], record["instrument"], record["rater"], record["batch"]))
                reading = (record["sha256"], record["version"], digest_of(rows))
                if last == reading if record["rater"] == SEVERAL else record["sha256"] in held:
                    known.append(name)
                    continue
                superseded += self._append(connection, {str(k): v for k, v in record.items()}, rows, moment)
                held.add(record["sha256"])
                new.append(name)
                n_rows += len(rows)
            if new:
                self._check_unique(connection)
        if new:
            note_written(Path(self.address.removeprefix("sqlite:///")))
        return TakenIn(self.address, tuple(new), tuple(known), tuple(superseded), n_rows, ratings.index)

    def _readings(self, connection: Connection) -> dict[tuple[str, ...], tuple[str, ...]]:
        """The tables that hold: bytes, codebooks and ratings, since other options read the same bytes otherwise."""
        files = self._table("files")
        rows = connection.execute(files.select().where(files.c.rater == SEVERAL).order_by(files.c.id))
        return {
            (row.study, row.instrument, row.rater, row.batch): (row.sha256, row.version, row.content) for row in rows
        }

    def _append(
        self, connection: Connection, record: dict[str, Any], values: list[dict[str, Any]], moment: str
    ) -> list[str]:
        """Write one file and its rows; return the name of the file that it replaces, if any."""
        files = self._table("files")
        earlier = [
            row for row in connection.execute(files.select().order_by(files.c.id))
            if all(getattr(row, key) == record[key] for key in ("study", "instrument", "rater", "batch", OCCASION))
        ]  # fmt: skip
        replaced = earlier[-1] if earlier else None
        last = connection.execute(files.select().order_by(files.c.id.desc()).limit(1)).first()
        entry = {
            **{key: scalar_of(record[key]) for key in (*FILE_COLUMNS, OCCASION)},
            "taken_in": moment,
            "supersedes": None if replaced is None else replaced.id,
            "content": digest_of(values),
        }
        entry["chain"] = chain_of(_GENESIS if last is None else last.chain, entry)
        key = connection.execute(files.insert().values(**entry)).inserted_primary_key
        file_id = None if key is None else key[0]
        if values:
            connection.execute(self._table("ratings").insert(), [{**row, "file_id": file_id} for row in values])
        return [] if replaced is None else [str(replaced.file)]

    def _add_occasions(self, connection: Connection) -> None:
        """Give the tables of an earlier version the column occasion: what they hold is of occasion 1."""
        if self._knows_occasions:
            return
        for table in ("files", "ratings"):
            connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {OCCASION} INTEGER NOT NULL DEFAULT 1")
        self._tables, self._knows_occasions = _tables(), True

    def ratings(self) -> pd.DataFrame:
        """Return the ratings that hold now: those of files that no later one replaces (contract ``RATINGS``)."""
        with self._transaction() as connection:
            return self._current(connection)

    def history(self, **where: str) -> pd.DataFrame:
        """Every rating ever taken in, replaced ones included, oldest first.

        Parameters
        ----------
        **where : str
            Conditions on columns of ``RATINGS``: ``session_id="S-7KQ2", item="rationale"``.

        Returns
        -------
        DataFrame
            The columns of ``RATINGS`` and sha256, version, taken_in, replaced_by (name of the later file or empty).

        Raises
        ------
        UsageError
            A condition names no column.
        """
        from sqlalchemy import literal, select

        stray = [name for name in where if name not in (*ROW_COLUMNS, OCCASION)]
        if stray:
            raise UsageError(f"history: there is no column {stray[0]!r}; allowed: {', '.join(ROW_COLUMNS)}.")
        files, ratings = self._table("files"), self._table("ratings")
        query = select(ratings, files.c.sha256, files.c.version, files.c.taken_in).join(
            files, ratings.c.file_id == files.c.id
        )
        for name, value in where.items():
            query = query.where(ratings.c[name] == value if name in ratings.c else literal(str(value) == "1"))
        with self._transaction() as connection:
            rows = connection.execute(query.order_by(ratings.c.id)).mappings().all()
            later = {
                row.supersedes: row.file
                for row in connection.execute(files.select().order_by(files.c.id.desc()))
                if row.supersedes is not None
            }
        table = ratings_of([dict(row) for row in rows])
        for name in ("sha256", "version", "taken_in"):
            table[name] = pd.Series([row[name] for row in rows], dtype="str")
        table["replaced_by"] = pd.Series([later.get(row["file_id"]) for row in rows], dtype="str")
        return table

    def files(self) -> pd.DataFrame:
        """Every file that was taken in: name, hash, stamp, time, and whether it still holds."""
        table = self._table("files")
        with self._transaction() as connection:
            rows = connection.execute(table.select().order_by(table.c.id)).mappings().all()
        replaced = {row["supersedes"] for row in rows}
        columns = [*FILE_COLUMNS, "taken_in"]
        frame = pd.DataFrame([[row[name] for name in columns] for row in rows], columns=columns)
        frame["holds"] = [row["id"] not in replaced for row in rows]
        return frame

    def superseded(self) -> frozenset[str]:
        """SHA-256 of the files that later ones replaced: sent in again, they are older states."""
        files = self.files()
        return frozenset(files.loc[~files["holds"].astype(bool), "sha256"])

    def verify(self) -> tuple[str, ...]:
        """Recompute every hash; return what does not agree, in words. Empty means intact."""
        from sqlalchemy import select

        files, ratings = self._table("files"), self._table("ratings")
        wrong: list[str] = []
        previous = _GENESIS
        with self._transaction() as connection:
            for row in connection.execute(files.select().order_by(files.c.id)).mappings().all():
                own = select(ratings).where(ratings.c.file_id == row["id"]).order_by(ratings.c.id)
                found = [
                    {name: one.get(name, 1) for name in (*ROW_COLUMNS, OCCASION)}
                    for one in connection.execute(own).mappings()
                ]
                if len(found) != row["n_rows"] or not is_content(found, row["content"]):
                    wrong.append(f"{row['file']}: its {row['n_rows']} ratings are not what was taken in")
                if chain_of(previous, dict(row)) != row["chain"]:
                    wrong.append(f"{row['file']}: the entry, or one before it, was changed or removed")
                previous = row["chain"]
        return tuple(wrong)

    def _check_unique(self, connection: Connection) -> None:
        """Refuse the same rating from two files that both hold."""
        from sqlalchemy import func, select

        ratings = self._table("ratings")
        key = [ratings.c[name] for name in RATINGS.key]
        query = select(*key).where(self._holds()).group_by(*key).having(func.count() > 1).limit(1)
        twice = connection.execute(query).first()
        if twice is None:
            return
        same = [column == value for column, value in zip(key, twice, strict=True)]
        rows = connection.execute(select(ratings).where(self._holds(), *same).order_by(ratings.c.id)).all()
        places = [place_in(row.source_file, row.source_sheet or "", row.source_cell or "") for row in rows]
        what = ", ".join(map(str, twice))
        raise DuplicateError(f"ledger: {what} stands in {' and in '.join(places)}; keep one. Nothing was stored.")

    def _holds(self) -> ColumnElement[bool]:
        """The condition that no later file replaces a rating's file."""
        from sqlalchemy import select

        files = self._table("files")
        replaced = select(files.c.supersedes).where(files.c.supersedes.is_not(None))
        return self._table("ratings").c.file_id.not_in(replaced)

    def _table(self, name: str) -> Table:
        return self._tables.tables[name]

    @contextmanager
    def _transaction(self, *, writes: bool = False) -> Iterator[Connection]:
        """A transaction; those that only read hinder nobody."""
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with self._engine.execution_options(writes=writes).begin() as connection:
                yield connection
        except SQLAlchemyError as wrong:
            nothing = " Nothing was stored." if writes else ""
            raise UsageError(f"ledger {self.address}: {_why(wrong)}.{nothing} {_FAILURES}") from None

    def _current(self, connection: Connection) -> pd.DataFrame:
        from sqlalchemy import select

        ratings = self._table("ratings")
        query = select(ratings).where(self._holds()).order_by(ratings.c.id)
        return ratings_of([dict(row) for row in connection.execute(query).mappings()])


def _tables(*, occasions: bool = True) -> MetaData:
    from sqlalchemy import Column, Float, ForeignKey, Integer, MetaData, String, Table, Text, text

    kinds = {"text": Text, "integer": Integer, "number": Float}
    tables = MetaData()
    own = [Column(name, Integer if name == "n_rows" else String(200), nullable=False) for name in FILE_COLUMNS]
    Table(
        "files", tables, Column("id", Integer, primary_key=True), *own,
        Column("taken_in", String(40), nullable=False), Column("supersedes", Integer, ForeignKey("files.id")),
        Column("content", String(64), nullable=False), Column("chain", String(64), nullable=False, unique=True),
    )  # fmt: skip
    columns = [
        Column(name, kinds[kind](), nullable=name in RATINGS.may_be_empty) for name, kind in RATINGS.columns.items()
    ]
    Table(
        "ratings", tables, Column("id", Integer, primary_key=True),
        Column("file_id", Integer, ForeignKey("files.id"), nullable=False, index=True), *columns,
    )  # fmt: skip
    for table in tables.tables.values() if occasions else ():
        table.append_column(Column(OCCASION, Integer, nullable=False, server_default=text("1")))
    return tables


def _careful(connection: Any, record: Any) -> None:
    """SQLite: transactions begin where SQLAlchemy says so, and reach the disk before they count."""
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")


def _begin(connection: Connection) -> None:
    """Whoever writes waits for the others before the first word, not in the middle of its transaction."""
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _forbid_changes(connection: Connection) -> None:
    """SQLite refuses to change or remove what was written."""
    if connection.dialect.name != "sqlite":
        return
    for table in ("files", "ratings"):
        for verb in ("UPDATE", "DELETE"):
            connection.exec_driver_sql(
                f"CREATE TRIGGER IF NOT EXISTS {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                "BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END"
            )


def _why(wrong: Exception) -> str:
    """What the database said, in one line; a lock in our words."""
    cause = getattr(wrong, "orig", None)
    if isinstance(cause, sqlite3.OperationalError) and cause.sqlite_errorcode & 0xFF in (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
    ):
        return f"another program has been writing to it for {_PATIENCE} seconds; wait until it has ended and try again"
    return str(wrong).splitlines()[0] if str(wrong) else type(wrong).__name__
