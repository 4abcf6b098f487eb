"""Several sites' ledgers in one: ids kept apart by site, entries with their history, what was said of them later."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from doublecode.coding.intake.ledger_changes import append_event, erase, moment_of
from doublecode.coding.intake.ledger_rows import check_unique, rows_of
from doublecode.coding.intake.ledger_state import ERASED, Held
from doublecode.coding.intake.ledger_values import SEVERAL, columns_of
from doublecode.coding.reading.study_tables import has_table, read_study_table
from doublecode.schemas.errors import UsageError

if TYPE_CHECKING:
    import datetime as dt

    from sqlalchemy import Connection, MetaData

    from doublecode.coding.intake.ledger import Ledger
    from doublecode.schemas.study import Study

_IDS: Final = ("patient", "therapist", "session_id", "rater")
_SITE: Final = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True)
class Merged:
    """What a merge brought: numbers of files, of ratings, of events, and of files that were there already."""

    n_files: int = 0
    n_ratings: int = 0
    n_events: int = 0
    n_known: int = 0


def merge_ledgers(target: Ledger, source: Ledger, site: str, *, now: dt.datetime | None = None) -> Merged:
    """Take every entry of another site's ledger into this one.

    Parameters
    ----------
    target, source : Ledger
        The source is only read.
    site : str
        Short name of the site: lower case, digits, ``_`` and ``-``. It stands before each id of a patient, therapist,
        session and rater: ``berlin:P1``.
    now : datetime, optional
        Time of the entries; by default the clock.

    Returns
    -------
    Merged

    Raises
    ------
    UsageError
        The site's name is none, the source was changed by hand, or it holds other sites itself.

    Notes
    -----
    An entry is known by its place in its own chain, so that the same ledger, or a later state of it, may be merged
    again: what is new is added, what was withdrawn or erased there is so here.
    """
    if not _SITE.fullmatch(site):
        raise UsageError(f"--site: found {site!r}, allowed lower-case letters, digits, _ and -, such as berlin")
    wrong = source.verify()
    if wrong:
        raise UsageError(f"{source.address}: it was changed by hand ({wrong[0]}). Merge the ledger as the site has it.")
    files, events, rows = source.dump()
    if any(one["site"] for one in files):
        raise UsageError(f"{source.address}: it holds other sites. Merge each site's own ledger.")
    moment = moment_of(now)
    return target.change(lambda one: _merge(one, target, (files, events, rows), site, moment))


def ids_not_in_tables(study: Study, ledger: Ledger, site: str) -> dict[str, list[str]]:
    """Ids of a site's ratings, as the ledger has them, that the tables of the study do not hold yet, by table.

    Parameters
    ----------
    study : Study
    ledger : Ledger
        Of the study, after the site was merged.
    site : str

    Returns
    -------
    dict of str to list of str
        Name of the table → ids; without the tables that lack none, and without ``patients`` and ``therapists`` where
        the study has no such table.
    """
    files = ledger.files()
    ratings = ledger.ratings(files.loc[files["holds"].astype(bool) & (files["site"] == site), "entry"].tolist())
    lacking = {}
    for table, column in (("sessions", "session_id"), ("patients", "patient"), ("therapists", "therapist")):
        if has_table(study, table):
            known = read_study_table(study, table)[column]
            ids = ratings[column].dropna()
            lacking[f"{table}.csv"] = sorted(ids[~ids.isin(known)].unique())
    return {table: ids for table, ids in lacking.items() if ids}


def _merge(
    connection: Connection, target: Ledger, source: tuple[list[dict[str, Any]], ...], site: str, moment: str
) -> Merged:
    files, events, rows = source
    table = target.tables.tables["files"]
    held = Held.of(connection, table, target.tables.tables["events"])
    known = {one.origin: one.id for one in connection.execute(table.select().where(table.c.site == site))}
    own: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        own.setdefault(row["file_id"], []).append(_of_site(row, site))
    n_known, n_ratings, places = len(known.keys() & {one["chain"] for one in files}), 0, {}
    for entry in files:
        if entry["chain"] not in known:
            mine = own.get(entry["id"], [])
            rater = entry["rater"] if entry["rater"] == SEVERAL else f"{site}:{entry['rater']}"
            record = {**entry, "rater": rater, "file": f"{site}/{entry['file']}", "n_rows": len(mine), "site": site}
            target.append(connection, held, {**record, "origin": entry["chain"]}, columns_of(mine), moment)
            n_ratings += len(mine)
            latest = held.latest(record)
            known[entry["chain"]] = 0 if latest is None else latest[0]
        places[entry["id"]] = known[entry["chain"]]
    n_events = _merge_events(connection, target.tables, events, places, site, moment)
    check_unique(connection, target.tables)
    return Merged(len(files) - n_known, n_ratings, n_events, n_known)


def _of_site(row: Mapping[str, Any], site: str) -> dict[str, Any]:
    ids = {name: f"{site}:{row[name]}" for name in _IDS if row[name] is not None}
    return {**row, **ids, "source_file": f"{site}/{row['source_file']}"}


def _merge_events(
    connection: Connection,
    tables: MetaData,
    events: list[dict[str, Any]],
    places: Mapping[int, int],
    site: str,
    moment: str,
) -> int:
    table = tables.tables["events"]
    there = rows_of(connection, table.select())
    known = {one["origin"] for one in there}
    gone = {one["subject"] for one in there if one["kind"] == ERASED}
    n_new = 0
    for event in events:
        if event["kind"] == ERASED:
            patient = f"{site}:{event['subject']}"
            held = tables.tables["ratings"].select().where(tables.tables["ratings"].c.patient == patient).limit(1)
            if patient not in gone or connection.execute(held).first() is not None:
                erase(connection, tables, patient, event["reason"], moment)
                gone.add(patient)
                n_new += 1
        elif event["chain"] not in known:
            append_event(
                connection, tables, event["kind"], moment, reason=event["reason"],
                subject=f"{site}/{event['subject']}", file_id=places[event["file_id"]], origin=event["chain"],
            )  # fmt: skip
            n_new += 1
    return n_new
