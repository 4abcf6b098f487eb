"""What is asked of a ledger's tables: the ratings that hold, their history, the files, and ratings that stand twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from doublecode.coding.intake.ledger_state import RESTORED, WITHDRAWN, withdrawn_ids
from doublecode.coding.intake.ledger_values import FILE_COLUMNS, ROW_COLUMNS, ratings_of
from doublecode.schemas.errors import DuplicateError, UsageError
from doublecode.schemas.frames import OCCASION, RATINGS
from doublecode.schemas.problems import place_in

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, MetaData

_OF_FILES = ("sha256", "version", "taken_in", "reason", "site")


def rows_of(connection: Connection, query: Any) -> list[dict[str, Any]]:
    """The rows that a query finds."""
    return [dict(row) for row in connection.execute(query).mappings()]


def holds(tables: MetaData) -> ColumnElement[bool]:
    """The condition that a rating's file is neither replaced nor withdrawn."""
    from sqlalchemy import and_, func, select

    files, events, entry = tables.tables["files"], tables.tables["events"], tables.tables["ratings"].c.file_id
    replaced = select(files.c.supersedes).where(files.c.supersedes.is_not(None))
    turned = events.c.kind.in_([WITHDRAWN, RESTORED])
    last = select(func.max(events.c.id)).where(turned).group_by(events.c.file_id)
    gone = select(events.c.file_id).where(events.c.id.in_(last), events.c.kind == WITHDRAWN)
    return and_(entry.not_in(replaced), entry.not_in(gone))


def check_unique(connection: Connection, tables: MetaData, *, before: int = 0) -> None:
    """Refuse the same rating from two files that both hold; entries up to `before` were held against one another."""
    from sqlalchemy import and_, func, select

    ratings, counted = tables.tables["ratings"], holds(tables)
    if before:
        counted = and_(
            counted, ratings.c.session_id.in_(select(ratings.c.session_id).where(ratings.c.file_id > before))
        )
    key = [ratings.c[name] for name in RATINGS.key]
    query = select(*key).where(counted).group_by(*key).having(func.count() > 1).limit(1)
    twice = connection.execute(query).first()
    if twice is None:
        return
    same = [column == value for column, value in zip(key, twice, strict=True)]
    rows = connection.execute(select(ratings).where(counted, *same).order_by(ratings.c.id)).all()
    places = [place_in(row.source_file, row.source_sheet or "", row.source_cell or "") for row in rows]
    what = ", ".join(map(str, twice))
    raise DuplicateError(f"ledger: {what} stands in {' and in '.join(places)}; keep one. Nothing was stored.")


def history_of(connection: Connection, tables: MetaData, where: Mapping[str, str]) -> pd.DataFrame:
    """Every rating ever taken in that answers to `where`, and what became of its file."""
    from sqlalchemy import select

    stray = [name for name in where if name not in (*ROW_COLUMNS, OCCASION)]
    if stray:
        raise UsageError(f"history: there is no column {stray[0]!r}; allowed: {', '.join(ROW_COLUMNS)}.")
    files, ratings = tables.tables["files"], tables.tables["ratings"]
    query = select(ratings, *(files.c[name] for name in _OF_FILES)).join(files, ratings.c.file_id == files.c.id)
    whole = {OCCASION, *(name for name, kind in RATINGS.columns.items() if kind == "integer")}
    asked = {name: int(value) if name in whole else value for name, value in where.items()}
    query = query.where(*(ratings.c[name] == value for name, value in asked.items())).order_by(ratings.c.id)
    rows = rows_of(connection, query)
    listed = connection.execute(files.select().where(files.c.supersedes.is_not(None)).order_by(files.c.id.desc()))
    later = {row.supersedes: row.file for row in listed}
    gone = withdrawn_ids(connection, tables.tables["events"])
    table = ratings_of(rows)
    for name in _OF_FILES:
        table[name] = pd.Series([row[name] for row in rows], dtype="str")
    for name, found in (("replaced_by", later), ("withdrawn", gone)):
        table[name] = pd.Series([found.get(row["file_id"]) for row in rows], dtype="str")
    return table


def files_of(connection: Connection, tables: MetaData) -> pd.DataFrame:
    """Every file that was taken in, and whether it holds."""
    table = tables.tables["files"]
    rows = rows_of(connection, table.select().order_by(table.c.id))
    gone = withdrawn_ids(connection, tables.tables["events"])
    replaced = {row["supersedes"] for row in rows}
    columns = [*FILE_COLUMNS, OCCASION, "taken_in", "reason", "site"]
    frame = pd.DataFrame([[row[name] for name in columns] for row in rows], columns=columns)
    frame["withdrawn"] = pd.Series([gone.get(row["id"]) for row in rows], dtype="object")
    frame["entry"] = [row["id"] for row in rows]
    frame["replaces"] = pd.Series([row["supersedes"] for row in rows], dtype="object")
    frame["holds"] = [row["id"] not in replaced and row["id"] not in gone for row in rows]
    return frame
