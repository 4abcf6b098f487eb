"""The append-only store of ratings.

Each file is one entry: its SHA-256, its rows with the cell each came from, when it
was taken in, and which entry it replaces. Entries are chained by hashes, so that a
later change shows. Taking in a folder is one transaction: a kill at any moment
leaves all of it or nothing.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import pandas as pd

from doublecode.coding.intake.ledger_changes import RESTORED, WITHDRAWN, erase, moment_of, turn
from doublecode.coding.intake.ledger_rows import check_unique, files_of, history_of, holds, rows_of
from doublecode.coding.intake.ledger_state import ERASED, Held, wrong_entries
from doublecode.coding.intake.ledger_tables import (
    FAILURES,
    SCHEMA,
    ReadOnlyLedger,
    bring_up_to_date,
    copy_in_memory,
    failure,
    insert_ratings,
    is_conflict,
    keep_copy,
    make_tables,
    open_engine,
    options_of,
    rewrite,
    shown_address,
    version_in,
)
from doublecode.coding.intake.ledger_values import (
    FILE_COLUMNS,
    NO_RATINGS,
    PlainColumns,
    canonical_text,
    chain_of,
    check_files,
    columns_by_file,
    digest_of,
    ratings_of,
    scalar_of,
    with_occasion,
)
from doublecode.coding.intake.taken_in import TakenIn, ledger_card
from doublecode.schemas.errors import UsageError
from doublecode.schemas.frames import OCCASION, RATINGS, check_frame
from doublecode.schemas.whole_files import note_written

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Table

_MOST_TRIES = 8
Answer = TypeVar("Answer")


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
        from sqlalchemy.exc import SQLAlchemyError

        text = str(address)
        self.address = shown_address(text) if "://" in text else f"sqlite:///{Path(text).as_posix()}"
        self._path = None if "://" in text else Path(text)
        self.tables = make_tables()
        self._old: Engine | None = None
        try:
            self._engine: Engine = open_engine(text, self._path)
            version = version_in(self._engine)
            if version not in (0, SCHEMA) and self._path is not None:
                # reading writes nothing: a copy is brought up to date, the file when something is written
                self._old, self._engine = self._engine, copy_in_memory(self._engine)
            if version != SCHEMA:
                bring_up_to_date(self._engine, self.tables)
        except (SQLAlchemyError, ImportError) as wrong:
            told = failure(self.address, wrong, writes=self._path is not None and self._path.parent.is_dir())
            if isinstance(told, ReadOnlyLedger):
                raise told from None
            why = str(wrong).splitlines()[0] if str(wrong) else type(wrong).__name__
            raise UsageError(f"ledger {self.address}: cannot be opened ({why}). {FAILURES}") from None

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
        if self._old is not None:
            self._old.dispose()

    def __str__(self) -> str:
        return ledger_card(self.address, self.files()).text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return ledger_card(self.address, self.files()).html()

    def take_in(
        self, ratings: pd.DataFrame, files: pd.DataFrame, *, now: dt.datetime | None = None, reason: str = ""
    ) -> TakenIn:
        """Store the ratings of files that the ledger does not hold yet.

        Parameters
        ----------
        ratings : DataFrame
            Contract ``RATINGS``; ``source_file`` says which file a row is from.
        files : DataFrame
            As ``read_incoming`` returns it: file, sha256, study, instrument, version, rater, batch, n_rows.
        now : datetime, optional
            Time of the entries; by default the clock.
        reason : str
            Why these files correct earlier ones, where somebody says so.

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
            The database refused, or a file was withdrawn before; nothing was stored.

        Notes
        -----
        A file of the same study, instrument, rater, batch and occasion replaces the earlier one, whose rows
        stay readable in :meth:`history`. The same bytes a second time change nothing; a table of ratings counts as
        the same where its ratings are, too.
        """
        check_frame(ratings, RATINGS)
        check_files(ratings, files)
        moment = moment_of(now)
        sent = columns_by_file(ratings)
        records = with_occasion(files)[[*FILE_COLUMNS, OCCASION]].to_dict("records")

        def store(connection: Connection) -> TakenIn:
            held = Held.of(connection, self._table("files"), self._table("events"))
            before = max((entry for entry, _ in held.last.values()), default=0)
            taken = TakenIn(self.address, (), (), (), 0, ratings.index)
            for record in ({str(key): value for key, value in one.items()} for one in records):
                name = canonical_text(record["file"])
                columns = sent.get(name, NO_RATINGS)
                if held.knows(record, columns):
                    taken = replace(taken, known=(*taken.known, name))
                    continue
                gone = self.append(connection, held, {**record, "site": "", "reason": reason}, columns, moment)
                taken = replace(
                    taken, new=(*taken.new, name), superseded=(*taken.superseded, *gone),
                    n_rows=taken.n_rows + len(columns[0]),
                )  # fmt: skip
            if taken.new and before:  # the contract has held those of now against one another
                check_unique(connection, self.tables, before=before)
            return taken

        done = self.change(store)
        if done.new and self._path is not None:
            note_written(self._path)
        return done

    def change(self, work: Callable[[Connection], Answer]) -> Answer:
        """Do a piece of work in one transaction that writes: all of it is stored, or nothing.

        A server that turned it down because of another writer is asked again.
        """
        for attempt in range(_MOST_TRIES):
            try:
                with self._transaction(writes=True) as connection:
                    return work(connection)
            except _TurnedDown as again:
                if attempt + 1 == _MOST_TRIES:
                    raise failure(self.address, again.why, writes=True) from None
        raise UsageError(f"ledger {self.address}: it was never written. {FAILURES}")

    def append(
        self, connection: Connection, held: Held, record: dict[str, Any], columns: PlainColumns, moment: str
    ) -> list[str]:
        """Write one file and its rows within a transaction; return the name of the file that it replaces, if any."""
        replaced = held.latest(record)
        salt = secrets.token_hex(16)
        entry = {
            **{key: scalar_of(record[key]) for key in (*FILE_COLUMNS, OCCASION, "site", "reason")},
            "taken_in": moment,
            "supersedes": None if replaced is None else replaced[0],
            "content": digest_of(columns, salt),
            "salt": salt,
            "origin": record.get("origin"),
        }
        entry["chain"] = chain_of(held.head, entry)
        made = connection.execute(self._table("files").insert().values(**entry)).inserted_primary_key
        file_id = 0 if made is None else int(made[0])
        insert_ratings(connection, self._table("ratings"), file_id, columns)
        held.add(file_id, entry)
        return [] if replaced is None else [replaced[1]]

    def ratings(self, entries: Collection[int] | None = None) -> pd.DataFrame:
        """Return the ratings that hold now (contract ``RATINGS``).

        Parameters
        ----------
        entries : collection of int, optional
            Those of these entries (column ``entry`` of :meth:`files`) alone; by default of every file that is neither
            replaced nor withdrawn.
        """
        table = self._table("ratings")
        query = table.select().order_by(table.c.id)
        with self._transaction() as connection:
            if entries is None:
                return ratings_of(rows_of(connection, query.where(holds(self.tables))))
            own = [row for one in sorted(entries) for row in rows_of(connection, query.where(table.c.file_id == one))]
        return ratings_of(sorted(own, key=lambda row: int(row["id"])))

    def history(self, **where: str) -> pd.DataFrame:
        """Every rating ever taken in, replaced and withdrawn ones included, oldest first.

        Parameters
        ----------
        **where : str
            Conditions on columns of ``RATINGS``: ``session_id="S-7KQ2", item="rationale"``.

        Returns
        -------
        DataFrame
            The columns of ``RATINGS`` and sha256, version, taken_in, reason (of a correction), replaced_by (name of the
            later file or empty), withdrawn (why, or empty), site.

        Raises
        ------
        UsageError
            A condition names no column.
        """
        with self._transaction() as connection:
            return history_of(connection, self.tables, where)

    def files(self) -> pd.DataFrame:
        """Every file that was taken in, in this order.

        Returns
        -------
        DataFrame
            file, sha256, study, instrument, version, rater, batch, n_rows, occasion, taken_in, reason (of a
            correction), site (empty: this study's own), withdrawn (why, or empty), entry (its number), replaces
            (number of the entry that it took the place of, or empty), holds (neither replaced nor withdrawn).
        """
        with self._transaction() as connection:
            return files_of(connection, self.tables)

    def events(self) -> pd.DataFrame:
        """What was said of files afterwards: kind (withdrawn, restored, erased), subject, reason, at, n_rows left."""
        table = self._table("events")
        with self._transaction() as connection:
            rows = rows_of(connection, table.select().order_by(table.c.id))
        columns = ["kind", "subject", "reason", "at", "n_rows", "file_id"]
        return pd.DataFrame([[row[name] for name in columns] for row in rows], columns=columns)

    def dump(self) -> tuple[list[dict[str, Any]], ...]:
        """Return every row of files, events and ratings as it stands."""
        with self._transaction() as connection:
            tables = (self.tables.tables[name] for name in ("files", "events", "ratings"))
            return tuple(rows_of(connection, table.select().order_by(table.c.id)) for table in tables)

    def superseded(self) -> frozenset[str]:
        """SHA-256 of the files that later ones replaced: sent in again, they are older states."""
        files = self.files()
        return frozenset(files.loc[~files["holds"].astype(bool) & files["withdrawn"].isna(), "sha256"])

    def erased(self) -> frozenset[str]:
        """Patients whose ratings were erased: none of theirs is taken in again."""
        events = self.events()
        return frozenset(events.loc[events["kind"] == ERASED, "subject"])

    def withdraw(self, file: str, reason: str, *, now: dt.datetime | None = None) -> str:
        """Take a file out of the numbers; its ratings stay in the history.

        Parameters
        ----------
        file : str
            Its name, or the beginning of its SHA-256.
        reason : str
            Why; it stands in the history.
        now : datetime, optional
            Time of the event; by default the clock.

        Returns
        -------
        str
            The name of the file.

        Raises
        ------
        UsageError
            No file of this name holds, or several do, or there is no reason.
        """
        _check_reason(reason)
        return self.change(lambda one: turn(one, self.tables, WITHDRAWN, file, reason, moment_of(now)))

    def restore(self, file: str, reason: str, *, now: dt.datetime | None = None) -> str:
        """Count a file again that was withdrawn; as :meth:`withdraw`."""
        _check_reason(reason)

        def count_again(connection: Connection) -> str:
            name = turn(connection, self.tables, RESTORED, file, reason, moment_of(now))
            check_unique(connection, self.tables)
            return name

        return self.change(count_again)

    def erase(self, patient: str, reason: str, *, now: dt.datetime | None = None) -> pd.DataFrame:
        """Remove the codes and texts of a patient from every entry, for good.

        Parameters
        ----------
        patient : str
        reason : str
            Why; it stays beside the patient's id, and nothing else of the patient does.
        now : datetime, optional
            Time of the event; by default the clock.

        Returns
        -------
        DataFrame
            file, sha256, site, n_rows: the files that held ratings of the patient, which are to be destroyed.
        """
        _check_reason(reason)
        held = self.change(lambda one: erase(one, self.tables, patient, reason, moment_of(now)))
        rewrite(self._engine, self.address)
        return pd.DataFrame(held, columns=["file", "sha256", "site", "n_rows"])

    def verify(self) -> tuple[str, ...]:
        """Recompute every hash; return what does not agree, in words. Empty means intact.

        Where ratings were erased the rest is held against the hash that was written then.
        """
        with self._transaction() as connection:
            return tuple(wrong_entries(connection, *map(self._table, ("files", "ratings", "events"))))

    def _table(self, name: str) -> Table:
        return self.tables.tables[name]

    @contextmanager
    def _transaction(self, *, writes: bool = False) -> Iterator[Connection]:
        """A transaction; those that only read hinder nobody."""
        from sqlalchemy.exc import SQLAlchemyError

        try:
            if writes and self._old is not None:
                self._bring_up_to_date()
            with self._engine.execution_options(**options_of(self._engine, writes=writes)).begin() as connection:
                yield connection
        except SQLAlchemyError as wrong:
            if writes and is_conflict(wrong):
                raise _TurnedDown(wrong) from None
            raise failure(self.address, wrong, writes=writes) from None

    def _bring_up_to_date(self) -> None:
        """Bring the file of an earlier version up to date, in one step; a copy of it as it was lies beside it."""
        if self._old is None or self._path is None:
            return
        version = version_in(self._old)
        if version < SCHEMA:
            keep_copy(self._old, self._path.with_name(f"{self._path.stem}_version{version}{self._path.suffix}"))
        bring_up_to_date(self._old, self.tables)
        self._engine.dispose()
        self._engine, self._old = self._old, None


class _TurnedDown(UsageError):
    """Another writer came first; the same work may be tried again."""

    def __init__(self, why: Exception) -> None:
        super().__init__("the database turned a transaction down")
        self.why = why


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise UsageError("ledger: a reason is needed; it stays in the history. Say why: --reason …")
