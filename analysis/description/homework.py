"""The homework log counted: types, completion, difficulties."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import pandas as pd

from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Column, Table, column
from doublecode.schemas.errors import UsageError
from doublecode.schemas.frames import RATINGS, check_frame
from doublecode.schemas.homework_log import HomeworkLog
from doublecode.schemas.instrument import Instrument
from doublecode.schemas.item import Item
from doublecode.schemas.results import Note

_COLUMNS = ["table", "code", "label", "n", "n_base", "percent", "base"]


@dataclass(frozen=True, eq=False, repr=False)
class LogResult(Answer):
    """Counts of the homework log.

    Attributes
    ----------
    spec : dict
        Instrument, role and the items that were counted.
    frame : DataFrame
        ``table`` ("type", "completed", "difficulties"), ``code``, ``label``, ``n``, ``n_base``,
        ``percent`` (100·n/n_base), ``base`` ("assignments", "assignments with an entry",
        "sessions with homework", "mentions").
        Difficulties stand twice: as a share of sessions (multi-response) and of all mentions;
        the code "any" counts the sessions with at least one. A code that says that there was none is a share of
        sessions only, and no difficulty.
    by_type : DataFrame
        Completion by type of homework: ``type``, ``label``, ``n`` (assignments with an entry of completion),
        ``n_completed`` (codes that count 1),
        ``percent``; where the codebook has degrees of completion also ``mean_degree``, from 0 to 1.
    per_session : DataFrame
        ``patient``, ``session``, ``n_assignments``, ``n_completed``; ``n_difficulties`` where these are logged,
        ``sum_degrees`` where there are degrees.
    assignments : DataFrame
        ``patient, session, slot`` of every assignment that was counted.
    design : dict
    notes : tuple of Note
    rows : Index
        Labels of the ratings that were counted.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    by_type: pd.DataFrame
    per_session: pd.DataFrame
    assignments: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("table", "base", "code")

    def tables(self) -> tuple[Table, ...]:
        """Types, completion and difficulties; completion by type."""
        of = [f"{table}, per cent of {base}" for table, base in self.frame[["table", "base"]].itertuples(index=False)]
        counts = (
            column("label", "Code", kind="text"), column("n"), column("n_base", "of", kind="integer"),
            column("percent"),
        )  # fmt: skip
        shown = self.frame.assign(heading=[text[:1].upper() + text[1:] for text in of])
        return (
            Table("homework", "Homework", shown, counts, group="heading"),
            Table("homework_by_type", "Completion by type of homework", self.by_type, self.type_columns),
        )

    @property
    def type_columns(self) -> tuple[Column, ...]:
        """Columns of the table of completion by type."""
        columns = (
            column("label", "Type", kind="text"), column("n", "With an entry"),
            column("n_completed", "Completed", kind="integer"), column("percent"),
        )  # fmt: skip
        degree = column("mean_degree", "Mean degree", kind="bounded")
        return (*columns, degree) if "mean_degree" in self.by_type.columns else columns

    def counted(self) -> str:
        """Assignments and sessions."""
        known = self.design
        return (
            f"{known['n_assignments']} homework assignments in {known['n_sessions_with_homework']} of "
            f"{known['n_sessions_logged']} logged sessions, {known['assignments_per_session']:.1f} per session."
        )


def log_counts(
    ratings: pd.DataFrame, codebook: Instrument, *, role: str = "primary", empty: pd.DataFrame | None = None
) -> LogResult:
    """Count homework assignments, their completion and the difficulties met.

    A session that two raters logged is counted once, by the rater with `role`; where none has it,
    by the first rater in alphabetical order, and a note says so.

    Parameters
    ----------
    ratings : DataFrame
        Contract ``RATINGS``; main phase and this instrument are selected. Codes stand in ``text``.
    codebook : Instrument
        The homework log: its ``[homework_log]`` says which items hold the type, whether it was done and the
        difficulties, and what the codes of completion count.
    role : str
        Whose log counts.
    empty : DataFrame, optional
        ``session_id, rater, role, instrument, patient, session`` of logs that came back with nothing in them: sessions
        without homework, which count among those that were logged.

    Raises
    ------
    UsageError
        The codebook does not say that it is a homework log.

    Examples
    --------
    >>> from doublecode.schemas.instrument import load_instrument
    >>> log = pd.DataFrame({"item": ["type_1", "completed_1", "difficulties_1", "type_2", "completed_2"],
    ...     "text": ["BE", "Y", "NE,LT", "PE", "N"]})
    >>> log = log.assign(study="toy", patient="P1", therapist="T1", session=1, session_id="S-1", rater="R1",
    ...     role="primary", instrument="homework_log", value=float("nan"), missing_code=None, phase="main",
    ...     source_file="a.xlsx", source_sheet="Rate", source_cell=["C5", "D5", "E5", "F5", "G5"])
    >>> counts = log_counts(log, load_instrument("homework_log")).frame
    >>> counts[counts["table"] == "completed"][["code", "n", "percent"]].to_dict("records")
    [{'code': 'Y', 'n': 1, 'percent': 50.0}, {'code': 'N', 'n': 1, 'percent': 50.0}]
    """
    check_frame(ratings, RATINGS)
    log = codebook.homework_log
    if log is None:
        raise UsageError(
            f"{codebook.name}: the codebook is no homework log. Add [homework_log] with type, completed and done, as "
            "the shipped homework_log has it."
        )
    items = _items_of(codebook, log)
    mine = ratings[(ratings["instrument"] == codebook.name) & (ratings["phase"] == "main")]
    chosen, without, notes = one_rater(mine, role, empty_of(codebook, empty))
    slots = _slots(chosen, items)
    used = slots[slots["type"].notna()].reset_index(drop=True)
    if unclear := int(slots["type"].isna().sum()):
        notes = (*notes, Note("slots_without_type", numbers={"n": unclear}))
    used = used.assign(degree=used["completed"].map(log.done))
    tables = [
        _count_codes(used["type"], items["type"], "type", "assignments", len(used)),
        _completion(used, items["completed"]),
    ]
    if "difficulties" in items:
        none = frozenset(log.no_difficulty or ())
        cells = [codes_in(cell, items["difficulties"]) for cell in used["difficulties"]]
        met, no = ([[c for c in codes if (c in none) == said] for codes in cells] for said in (False, True))
        denied = used.assign(met=pd.Series(no, index=used.index, dtype=object))
        used = used.assign(met=pd.Series(met, index=used.index, dtype=object))
        tables += _difficulties(used, denied, items["difficulties"], none)
        both = int(((used["met"].map(len) > 0) & (denied["met"].map(len) > 0)).sum())
        notes = (*notes, *([Note("none_beside_difficulty", numbers={"n": both})] if both else []))
    n_sessions = len(pd.concat([chosen, without])[["patient", "session"]].drop_duplicates())
    if len(without):
        notes = (*notes, Note("logs_without_homework", numbers={"n": len(without)}))
    per_session = _per_session(used, log)
    return LogResult(
        spec={"instrument": codebook.name, "role": role, **{key: item.name for key, item in items.items()}},
        frame=pd.concat(tables, ignore_index=True)[_COLUMNS],
        by_type=_by_type(used, items["type"], log),
        per_session=per_session,
        assignments=used[["patient", "session", "slot"]],
        design={
            "n_sessions_logged": n_sessions,
            "n_sessions_with_homework": len(per_session),
            "n_assignments": len(used),
            "assignments_per_session": len(used) / n_sessions if n_sessions else float("nan"),
        },
        notes=notes,
        rows=chosen.index,
    )


def _items_of(codebook: Instrument, log: HomeworkLog) -> dict[str, Item]:
    """The items that hold the type, whether it was done, and the difficulties."""
    names = {key: getattr(log, key) for key in ("type", "completed", "difficulties")}
    return {key: next(item for item in codebook.items if item.name == name) for key, name in names.items() if name}


def empty_of(codebook: Instrument, empty: pd.DataFrame | None) -> pd.DataFrame:
    """The empty logs of one codebook."""
    if empty is None:
        return pd.DataFrame(columns=["session_id", "rater", "role", "patient", "session"])
    return empty[empty["instrument"] == codebook.name]


def one_rater(
    rows: pd.DataFrame, role: str, empty: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, tuple[Note, ...]]:
    """Keep one rater's log of each session, be it empty: that of the rater with `role`, else the first by name."""
    who = ["session_id", "rater", "role"]
    raters = pd.concat([rows[who], empty[who]]).drop_duplicates()
    raters = raters.assign(other=raters["role"] != role).sort_values(["session_id", "other", "rater"], kind="stable")
    first = raters.drop_duplicates("session_id")
    keys = ["session_id", "rater"]
    chosen = pd.MultiIndex.from_frame(first[keys])
    kept, without = (part[pd.MultiIndex.from_frame(part[keys]).isin(chosen)] for part in (rows, empty))
    lacking = tuple(first.loc[first["other"], "session_id"])
    notes = [Note("log_of_one_rater", numbers={"role": role})]
    if lacking:
        notes.append(Note("log_of_first_rater", numbers={"role": role, "sessions": lacking}))
    return kept, without, tuple(notes)


def _slots(rows: pd.DataFrame, items: Mapping[str, Item]) -> pd.DataFrame:
    """One row per used slot: patient, session, slot, type, completed, difficulties."""
    places = {
        (item.name if item.repeat == 1 else f"{item.name}_{slot}"): (key, slot)
        for key, item in items.items()
        for slot in range(1, item.repeat + 1)
    }
    filled = rows[rows["item"].isin(places) & rows["text"].notna()]
    keys, slots = ([places[name][part] for name in filled["item"]] for part in (0, 1))
    long = filled.assign(key=keys, slot=slots)
    wide = long.pivot(index=["patient", "session", "slot"], columns="key", values="text")  # noqa: PD010 - refuses duplicates
    return wide.reindex(columns=list(items)).reset_index()


def codes_in(cell: object, item: Item) -> list[str]:
    """The codes in a cell of a nominal item, each once."""
    if not isinstance(cell, str):
        return []
    return list(dict.fromkeys(code for code in re.split(r"[,;\s]+", cell) if code)) if item.multiple else [cell]


def _rows(counts: dict[str, int], item: Item, table: str, base: str, n_base: int) -> pd.DataFrame:
    rows = [
        {"table": table, "code": code, "label": item.categories.get(code, code), "n": counts.get(code, 0)}
        for code in [*item.categories, *(code for code in counts if code not in item.categories)]
    ]
    frame = pd.DataFrame(rows).assign(n_base=n_base, base=base)
    return frame.assign(percent=100 * frame["n"] / n_base if n_base else float("nan"))


def _count_codes(values: pd.Series[Any], item: Item, table: str, base: str, n_base: int) -> pd.DataFrame:
    return _rows({str(code): int(n) for code, n in values.value_counts().items()}, item, table, base, n_base)


def _completion(used: pd.DataFrame, item: Item) -> pd.DataFrame:
    entries = used["completed"].dropna()
    base = "assignments" if len(entries) == len(used) else "assignments with an entry"
    return _count_codes(entries, item, "completed", base, len(entries))


def _difficulties(used: pd.DataFrame, denied: pd.DataFrame, item: Item, none: frozenset[str]) -> Iterator[pd.DataFrame]:
    """Shares of sessions, then of mentions; a code that says that there was none is no mention."""
    mentions, sessions = _mentioned(used)
    _, without = _mentioned(denied)
    n_sessions = len(used[["patient", "session"]].drop_duplicates())
    in_sessions = {code: len(where) for code, where in (sessions | without).items()}
    n_any = len(set().union(*sessions.values()))
    any_row = pd.DataFrame(
        [{"table": "difficulties", "code": "any", "label": "any difficulty", "n": n_any, "n_base": n_sessions}]
    )
    yield any_row.assign(
        base="sessions with homework", percent=100 * n_any / n_sessions if n_sessions else float("nan")
    )
    yield _rows(in_sessions, item, "difficulties", "sessions with homework", n_sessions)
    by_mention = _rows(mentions, item, "difficulties", "mentions", sum(mentions.values()))
    yield by_mention[~by_mention["code"].isin(none)]


def _mentioned(used: pd.DataFrame) -> tuple[dict[str, int], dict[str, set[tuple[Any, Any]]]]:
    """Of each code: how often it was said, and in which sessions."""
    mentions: dict[str, int] = {}
    sessions: dict[str, set[tuple[Any, Any]]] = {}
    for patient, session, codes in zip(used["patient"], used["session"], used["met"], strict=True):
        for code in codes:
            mentions[code] = mentions.get(code, 0) + 1
            sessions.setdefault(code, set()).add((patient, session))
    return mentions, sessions


def _by_type(used: pd.DataFrame, item: Item, log: HomeworkLog) -> pd.DataFrame:
    entered = used[used["completed"].notna()]
    rows = []
    for code, label in item.categories.items():
        mine = entered[entered["type"] == code]
        done = int((mine["degree"] == 1).sum())
        share = 100 * done / len(mine) if len(mine) else float("nan")
        row = {"type": code, "label": label, "n": len(mine), "n_completed": done, "percent": share}
        rows.append({**row, "mean_degree": float(mine["degree"].mean())} if log.has_degrees else row)
    return pd.DataFrame(rows)


def _per_session(used: pd.DataFrame, log: HomeworkLog) -> pd.DataFrame:
    counted = used.assign(n_completed=(used["degree"] == 1).astype(int))
    names = ["n_completed"]
    if "met" in used.columns:
        counted, names = counted.assign(n_difficulties=used["met"].map(len).astype(int)), [*names, "n_difficulties"]
    if log.has_degrees:
        counted, names = counted.assign(sum_degrees=used["degree"]), [*names, "sum_degrees"]
    by = counted.groupby(["patient", "session"], sort=True, observed=True)
    sums = by[names].sum()
    return sums.assign(n_assignments=by.size()).reset_index()[["patient", "session", "n_assignments", *names]]
