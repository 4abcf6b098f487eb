"""The homework log counted: types, completion, difficulties."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar

import pandas as pd

from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, column
from doublecode.schemas.errors import UsageError
from doublecode.schemas.frames import RATINGS, check_frame
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
        the code "any" counts the sessions with at least one.
    by_type : DataFrame
        Completion by type of homework: ``type``, ``label``, ``n``, ``n_completed``, ``percent``.
    per_session : DataFrame
        ``patient``, ``session``, ``n_assignments``, ``n_completed``, ``n_difficulties``.
    design : dict
    notes : tuple of Note
    rows : Index
        Labels of the ratings that were counted.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    by_type: pd.DataFrame
    per_session: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("table", "base", "code")

    def tables(self) -> tuple[Table, ...]:
        """Types, completion and difficulties; completion by type."""
        of = [f"{table}, per cent of {base}" for table, base in self.frame[["table", "base"]].itertuples(index=False)]
        counts = (
            column("label", "", kind="text"), column("n"), column("n_base", "of", kind="integer"), column("percent"),
        )  # fmt: skip
        by_type = (
            column("label", "Type", kind="text"), column("n", "Assigned"),
            column("n_completed", "Completed", kind="integer"), column("percent"),
        )  # fmt: skip
        shown = self.frame.assign(heading=[text[:1].upper() + text[1:] for text in of])
        return (
            Table("homework", "Homework", shown, counts, group="heading"),
            Table("homework_by_type", "Completion by type of homework", self.by_type, by_type),
        )

    def counted(self) -> str:
        """Assignments and sessions."""
        known = self.design
        return (
            f"{known['n_assignments']} homework assignments in {known['n_sessions_with_homework']} of "
            f"{known['n_sessions_logged']} logged sessions, {known['assignments_per_session']:.1f} per session."
        )


def log_counts(
    ratings: pd.DataFrame,
    codebook: Instrument,
    *,
    type_item: str = "type",
    completed_item: str = "completed",
    difficulties_item: str = "difficulties",
    role: str = "primary",
) -> LogResult:
    """Count homework assignments, their completion and the difficulties met.

    A session that two raters logged is counted once, by the rater with `role`; where none has it,
    by the first rater in alphabetical order, and a note says so.

    Parameters
    ----------
    ratings : DataFrame
        Contract ``RATINGS``; main phase and this instrument are selected. Codes stand in ``text``.
    codebook : Instrument
        The homework log, with the three items repeated in numbered slots.
    type_item, completed_item, difficulties_item : str
        Names of the nominal items; difficulties may hold several codes.
    role : str
        Whose log counts.

    Raises
    ------
    UsageError
        An item is not in the codebook, or is not nominal.

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
    names = {"type": type_item, "completed": completed_item, "difficulties": difficulties_item}
    items = {key: _nominal(codebook, name) for key, name in names.items()}
    mine = ratings[(ratings["instrument"] == codebook.name) & (ratings["phase"] == "main")]
    chosen, notes = _one_rater(mine, role)
    slots = _slots(chosen, names)
    used = slots[slots["type"].notna()].reset_index(drop=True)
    unclear = slots[slots["type"].isna()]
    if len(unclear):
        notes = (*notes, Note("slots_without_type", numbers={"n": len(unclear)}))
    tables = [
        _count_codes(used["type"], items["type"], "type", "assignments", len(used)),
        _completion(used, items["completed"]),
        _difficulties(used, items["difficulties"]),
    ]
    n_sessions = len(chosen[["patient", "session"]].drop_duplicates())
    per_session = _per_session(used)
    return LogResult(
        spec={"instrument": codebook.name, "role": role, **names},
        frame=pd.concat(tables, ignore_index=True)[_COLUMNS],
        by_type=_by_type(used, items["type"]),
        per_session=per_session,
        design={
            "n_sessions_logged": n_sessions,
            "n_sessions_with_homework": len(per_session),
            "n_assignments": len(used),
            "assignments_per_session": len(used) / n_sessions if n_sessions else float("nan"),
        },
        notes=notes,
        rows=chosen.index,
    )


def _nominal(codebook: Instrument, name: str) -> Item:
    found = [item for item in codebook.items if item.name == name]
    if not found or found[0].type != "nominal":
        allowed = ", ".join(item.name for item in codebook.items if item.type == "nominal") or "none"
        raise UsageError(f"{codebook.name}: there is no nominal item {name!r}; allowed: {allowed}.")
    return found[0]


def _one_rater(rows: pd.DataFrame, role: str) -> tuple[pd.DataFrame, tuple[Note, ...]]:
    """Keep one rater's log of each session."""
    raters = rows[["session_id", "rater", "role"]].drop_duplicates()
    raters = raters.assign(other=raters["role"] != role).sort_values(["session_id", "other", "rater"], kind="stable")
    first = raters.drop_duplicates("session_id")
    keys = ["session_id", "rater"]
    kept = rows[pd.MultiIndex.from_frame(rows[keys]).isin(pd.MultiIndex.from_frame(first[keys]))]
    lacking = tuple(first.loc[first["other"], "session_id"])
    notes = [Note("log_of_one_rater", numbers={"role": role})]
    if lacking:
        notes.append(Note("log_of_first_rater", numbers={"role": role, "sessions": lacking}))
    return kept, tuple(notes)


def _slots(rows: pd.DataFrame, names: dict[str, str]) -> pd.DataFrame:
    """One row per used slot: patient, session, slot, type, completed, difficulties."""
    wanted = {name: key for key, name in names.items()}
    parts = rows["item"].str.extract(r"^(?P<name>.+?)(?:_(?P<slot>\d+))?$")
    long = rows.assign(key=parts["name"].map(wanted), slot=parts["slot"].fillna("1").astype(int))
    long = long[long["key"].notna() & long["text"].notna()]
    wide = long.pivot(index=["patient", "session", "slot"], columns="key", values="text")  # noqa: PD010 - refuses duplicates
    return wide.reindex(columns=list(names)).reset_index()


def _codes(cell: object) -> list[str]:
    if not isinstance(cell, str):
        return []
    return list(dict.fromkeys(code for code in re.split(r"[,;\s]+", cell) if code))


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


def _difficulties(used: pd.DataFrame, item: Item) -> pd.DataFrame:
    mentions: dict[str, int] = {}
    sessions: dict[str, set[tuple[Any, Any]]] = {}
    for patient, session, cell in zip(used["patient"], used["session"], used["difficulties"], strict=True):
        for code in _codes(cell):
            mentions[code] = mentions.get(code, 0) + 1
            sessions.setdefault(code, set()).add((patient, session))
    n_sessions = len(used[["patient", "session"]].drop_duplicates())
    in_sessions = {code: len(where) for code, where in sessions.items()}
    n_any = len(set().union(*sessions.values()))
    any_row = pd.DataFrame(
        [{"table": "difficulties", "code": "any", "label": "any difficulty", "n": n_any, "n_base": n_sessions}]
    ).assign(base="sessions with homework", percent=100 * n_any / n_sessions if n_sessions else float("nan"))
    by_session = _rows(in_sessions, item, "difficulties", "sessions with homework", n_sessions)
    by_mention = _rows(mentions, item, "difficulties", "mentions", sum(mentions.values()))
    return pd.concat([any_row, by_session, by_mention], ignore_index=True)


def _by_type(used: pd.DataFrame, item: Item) -> pd.DataFrame:
    entered = used[used["completed"].notna()]
    rows = []
    for code, label in item.categories.items():
        mine = entered[entered["type"] == code]
        done = int((mine["completed"] == "Y").sum())
        share = 100 * done / len(mine) if len(mine) else float("nan")
        rows.append({"type": code, "label": label, "n": len(mine), "n_completed": done, "percent": share})
    return pd.DataFrame(rows)


def _per_session(used: pd.DataFrame) -> pd.DataFrame:
    counted = used.assign(
        n_completed=(used["completed"] == "Y").astype(int),
        n_difficulties=used["difficulties"].map(lambda c: len(_codes(c))),
    )
    by = counted.groupby(["patient", "session"], sort=True)
    sums = by[["n_completed", "n_difficulties"]].sum()
    return sums.assign(n_assignments=by.size()).reset_index()[
        ["patient", "session", "n_assignments", "n_completed", "n_difficulties"]
    ]
