"""All screens of the ratings of a study, and what they say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
import pandas as pd

from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, column
from doublecode.analysis.screening.code_tables import CodeTable, code_tables
from doublecode.analysis.screening.code_use import halo, unused_codes
from doublecode.analysis.screening.copied_rows import copied_rows
from doublecode.analysis.screening.findings import Finding, Screen, adjusted
from doublecode.analysis.screening.pace import FEWEST, fast_pace
from doublecode.analysis.screening.reversed_raters import reversed_raters
from doublecode.analysis.screening.shifted_columns import shifted_columns
from doublecode.analysis.screening.straight_lines import straight_lines
from doublecode.coding.long_ratings import books_of
from doublecode.schemas.errors import UsageError
from doublecode.schemas.frames import as_pandas
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from doublecode.coding.long_ratings import Instruments

LEVEL: Final = 0.01
_COLUMNS: Final = (
    "screen", "instrument", "rater", "other", "part", "place", "n", "n_found", "expected", "statistic", "p_value",
    "p_adjusted", "sessions",
)  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class ScreenResult(Answer):
    """What the screens say of the ratings of a study.

    Attributes
    ----------
    spec : dict
        ``level, seed, rated_at, minutes``.
    frame : DataFrame
        One row per alarm: ``screen`` (:class:`doublecode.analysis.screening.findings.Screen`), ``instrument, rater,
        other`` (the second rater of a pair), ``part`` (item, scale or code; empty where the whole instrument is
        meant), ``place`` (file, sheet and rows), ``n`` (rows or sessions that could show it), ``n_found`` (those that
        do; −1 of correlations), ``expected`` (as many by honest coding; of a shifted column the correlation at the
        right place), ``statistic``, ``p_value``, ``p_adjusted`` (for all tests of the study), ``sessions``.
    tests : DataFrame
        The same columns of every test that was made.
    design : dict
        ``n_tests`` by screen, ``n_raters, n_instruments``.
    notes : tuple of Note
        One per alarm.
    rows : Index
        Labels of the ratings that were looked at.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    tests: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("screen", "instrument", "rater", "part")

    def tables(self) -> tuple[Table, ...]:
        """The alarms, by rater; nothing where there is none."""
        if self.frame.empty:
            return ()
        columns = (
            column("screen", "Screen", kind="text"), column("other", "With", kind="text"),
            column("instrument", "Instrument", kind="text"), column("part", "Item, scale, code", kind="text"),
            column("n", "Looked at", kind="integer"), column("n_found", "Found", kind="integer"),
            column("expected", "Expected", kind="number", digits=1), column("p_adjusted", "*p* adjusted", kind="p"),
            column("place", "Where", kind="text"),
        )  # fmt: skip
        shown = self.frame.assign(
            screen=[one.replace("_", " ") for one in self.frame["screen"]],
            n_found=self.frame["n_found"].where(self.frame["n_found"] >= 0),
        ).sort_values(["rater", "screen"], kind="stable")
        filled = tuple(one for one in columns if shown[one.name].replace("", None).notna().any())
        return (Table("screens", "Screens of the ratings: alarms", shown, filled, group="rater", data=self.frame),)

    def counted(self) -> str:
        """Tests, alarms and the level."""
        n = sum(self.design["n_tests"].values())
        alarms = f"{len(self.frame)} alarm{'' if len(self.frame) == 1 else 's'}"
        return f"Screens of the ratings: {n} tests, {alarms}, at a level of {self.spec['level']:g} for all together."


def screen_ratings(
    ratings: pd.DataFrame,
    instruments: Instruments,
    *,
    level: float = LEVEL,
    rated_at: str | None = None,
    minutes: str | None = None,
    seed: int = 0,
) -> ScreenResult:
    """Look for what no single cell shows: copied rows, straight lines, slipped columns, reversed codes, and others.

    Parameters
    ----------
    ratings : DataFrame
        ``session_id, rater, item, value``, and ``instrument`` where there are several; contract ``RATINGS``. With
        ``source_file, source_sheet, source_cell`` rows are taken in the order of the sheets, else as they stand.
        Items of type ordinal and yes_no are looked at, first occasions only.
    instruments : Instrument, str, or several of them
        Codebooks that the ratings are of; others in the frame are left out.
    level : float
        Chance of any alarm in a study that was coded honestly, 0–1.
    rated_at, minutes : str, optional
        Columns with date and time of a rating, and with the minutes of its recording: both or none.
    seed : int
        Where the random numbers start.

    Returns
    -------
    ScreenResult
        An alarm is a reason to look and to ask, never one to exclude; no number stands on it.

    Raises
    ------
    ContractError, DuplicateError, UsageError
        The frame lacks a column, holds a rating twice, or the level is none.

    Notes
    -----
    Each screen is held to honest coding. Identical rows of two raters: to independent raters of the same sessions,
    drawn from a threshold model with the components of all other pairs. Strings and rows that come again: to the
    colleagues on the same items, honest raters differing by a logit standard deviation of 1. Slipped columns and
    reversed codes: to permuted rows. The level is divided among the screens (5 % identical rows, 25 % strings, 30 %
    columns, 30 % reversal, the rest for repeated rows, unused codes and halo) and, within each, 80 % among the tests of
    whole rows and 20 % among those of items, scales and codes (weighted Bonferroni). Power and false alarms stand in
    ``tests/simulations/screens.txt``.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> true = rng.normal(size=(40, 1)) + 0.5 * rng.normal(size=(40, 8))
    >>> codes = {r: np.clip(np.round(2 + true + 0.5 * rng.normal(size=true.shape)), 0, 4) for r in ("R1", "R2", "R3")}
    >>> codes["R2"][:14] = codes["R1"][:14]
    >>> from doublecode.schemas import load_instrument
    >>> book = load_instrument("sthar")
    >>> long = pd.DataFrame([
    ...     (f"S{s:02d}", rater, item.name, given[s, j])
    ...     for rater, given in codes.items() for s in range(40) for j, item in enumerate(book.items)
    ... ], columns=["session_id", "rater", "item", "value"])
    >>> found = screen_ratings(long, book).frame
    >>> found[["screen", "rater", "other", "n", "n_found"]].values.tolist()
    [['identical_rows', 'R1', 'R2', 40, 15]]
    """
    if isinstance(level, bool) or not 0.0 < level < 1.0:
        raise UsageError(f"screen_ratings: level is {level!r}; it lies between 0 and 1, usually 0.01.")
    if (rated_at is None) != (minutes is None):
        raise UsageError("screen_ratings: rated_at and minutes go together: give both columns, or none.")
    data = as_pandas(ratings)
    tables = list(code_tables(data, books_of(instruments)))
    findings = list(chain.from_iterable(_screened(table, seed) for table in tables))
    if rated_at is not None and minutes is not None:
        findings += fast_pace(data, rated_at, minutes)
    tests = _frame_of(findings)
    alarm = (tests["p_adjusted"] <= level) | ((tests["screen"] == Screen.FAST_PACE) & (tests["n_found"] >= FEWEST))
    labels = [table.labels for table in tables]
    rows = labels[0].append(labels[1:]) if labels else data.index[:0]
    design = {
        "n_tests": dict(Counter(str(one.screen) for one in findings)), "n_instruments": len(tables),
        "n_raters": len({rater for table in tables for rater in table.raters}),
    }  # fmt: skip
    kept = [one for one, raised in zip(findings, alarm, strict=True) if raised]
    spec = {"level": level, "rated_at": rated_at, "minutes": minutes, "seed": seed}
    return ScreenResult(spec, tests[alarm].reset_index(drop=True), tests, design, tuple(map(_note, kept)), rows)


def _screened(table: CodeTable, seed: int) -> Iterator[Finding]:
    yield from copied_rows(table, np.random.default_rng(seed))
    yield from straight_lines(table)
    yield from shifted_columns(table)
    yield from reversed_raters(table)
    yield from unused_codes(table)
    yield from halo(table)


def _frame_of(findings: Sequence[Finding]) -> pd.DataFrame:
    rows = [
        {**vars(one), "screen": str(one.screen), "p_adjusted": p, "sessions": ", ".join(one.sessions)}
        for one, p in zip(findings, adjusted(findings), strict=True)
    ]
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def _note(one: Finding) -> Note:
    """An alarm as a fact."""
    return Note(one.screen.value, _subject(one), asdict(one))


def _subject(one: Finding) -> str:
    """Rater, or both raters, and instrument with its part."""
    who = f"{one.rater} and {one.other}" if one.other else one.rater
    what = " ".join(filter(None, [one.instrument, one.part]))
    return ", ".join(filter(None, [who, what]))
