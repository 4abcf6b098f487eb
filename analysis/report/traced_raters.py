"""Which cells the tables beside the ICCs stand on: agreement, analysed scores, codes of raters, pairs, severity."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from doublecode.analysis.study.achieved_coding import coded_rows
from doublecode.analysis.study.trace.origins import Origins, gathered
from doublecode.analysis.study.trace.source_cells import PLAIN, Basis

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.study.study_run import StudyRun

Row = Mapping[str, Any]
OfRow = Callable[[Row, str], Basis]


class TracedRaters:
    """The cells behind the tables of raters.

    Parameters
    ----------
    run : StudyRun
    origins : Origins
    icc : callable
        The cells behind a row of the table of reliability.
    """

    def __init__(self, run: StudyRun, origins: Origins, icc: OfRow) -> None:
        self.run, self.origins, self.icc = run, origins, icc
        self._known: dict[tuple[str, ...], Basis] = {}

    @cached_property
    def tables(self) -> dict[str, OfRow]:
        """Per name of a table what its numbers stand on."""
        return {
            "agreement": self.icc, "analysed": self._analysed, "raters": self._rater, "pairs": self._pair,
            "severity": self._severity, "latent_severity": self._severity, "latent_icc": self._severity,
        }  # fmt: skip

    @cached_property
    def _main(self) -> dict[str, pd.DataFrame]:
        """Per instrument its codes that are numbers; of one without any (a log of types), what was coded."""
        ratings = self.run.intake.ratings
        found: dict[str, pd.DataFrame] = {}
        for name, rows in ratings[ratings["phase"] == "main"].groupby("instrument", sort=False, observed=True):
            numbers = rows[rows["value"].notna()]
            found[str(name)] = numbers if len(numbers) else coded_rows(self.run.study, rows)
        return found

    def _cells(self, key: tuple[str, ...], rows: Callable[[pd.DataFrame], pd.DataFrame]) -> Basis:
        """The cells of some ratings of an instrument, made once; `key` begins with the instrument."""
        if key not in self._known:
            labels = rows(self._main[key[0]]).index
            self._known[key] = gathered((self.origins.ratings[label], PLAIN) for label in labels)
        return self._known[key]

    def _analysed(self, row: Row, column: str) -> Basis:
        if row["variable"] not in set(self.run.quality.composites["variable"]):
            return self.icc(row, column)
        book = self.run.study.codebooks[row["instrument"]]
        return self._of_items(book.name, book.scale(row["name"]).items)

    def _rater(self, row: Row, column: str) -> Basis:
        rater = str(row["rater"])
        return self._cells((row["instrument"], "rater", rater), lambda rows: rows[rows["rater"] == rater])

    def _pair(self, row: Row, column: str) -> Basis:
        if "rater_1" in row:
            return self._shared(row["instrument"], row["rater_1"], row["rater_2"])
        return self._shared(row["instrument"], row["rater"], column.removeprefix("with "))

    def _shared(self, instrument: str, one: str, other: str) -> Basis:
        """The ratings of two raters in the sessions that both coded."""

        def shared(rows: pd.DataFrame) -> pd.DataFrame:
            sessions = [set(rows.loc[rows["rater"] == rater, "session_id"]) for rater in (one, other)]
            return rows[rows["rater"].isin([one, other]) & rows["session_id"].isin(sessions[0] & sessions[1])]

        return self._cells((instrument, "pair", *sorted((one, other))), shared)

    def _severity(self, row: Row, column: str) -> Basis:
        """Everybody's codes of the scale: a rater is severe against the others."""
        book = self.run.study.codebooks[row["instrument"]]
        scale = next((one for one in book.scales if one.name == row["scale"]), None)
        return self._of_items(book.name, (row["scale"],) if scale is None else scale.items)

    def _of_items(self, instrument: str, items: Sequence[str]) -> Basis:
        wanted = tuple(items)
        return self._cells((instrument, "items", *wanted), lambda rows: rows[rows["item"].isin(wanted)])
