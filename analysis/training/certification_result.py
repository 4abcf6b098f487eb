"""The answer of a certification: verdicts, criteria with their limits, what to hear again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, column, level_heading
from doublecode.analysis.rendering.wording.phrases import plural
from doublecode.analysis.training.key_statistics import CRITERIA
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from doublecode.analysis.rendering.tables import Column

HEADINGS: Mapping[str, str] = {"bias": "Bias", "within_one": "Within 1", "kappa": "κ", "icc": "ICC(A,1)"}


@dataclass(frozen=True, eq=False, repr=False)
class CertificationResult(Answer):
    """Each trainee against the key, held to the pass mark.

    Attributes
    ----------
    spec : dict
        Columns, pass marks, what is judged (``judge``: "estimate" or "limit"), ``conf_level``.
    frame : DataFrame
        One row per trainee, set and criterion: the columns of raters and `by`, ``n`` (tapes that both rated),
        ``n_missing`` (the trainee gave a missing code), ``n_absent`` (she has no rating yet), ``criterion`` (``bias`` in
        points, trainee − key; ``within_one``, ``kappa``, ``icc`` between −1 and 1), ``estimate, conf_low, conf_high,
        mark, reached`` (a value of :class:`doublecode.analysis.training.pass_marks.Reached`).
    verdicts : DataFrame
        One row per trainee (and value of `verdict_by`): ``tapes`` (the fewest of her sets), ``verdict`` (pass, fail,
        undecided), ``missed`` (sets and criteria that miss the mark), ``unclear`` (those that cannot be judged).
    departures : DataFrame
        What to hear again: the ratings furthest from the key, more than a point from it, at most `top` per trainee (and
        value of `verdict_by`): columns of raters and `by`, ``target, key, rating, departure`` (rating − key).
    design : dict
        ``n_trainees, n_targets, n_pairs, n_beyond`` (ratings more than a point from the key), ``n_unkeyed`` (ratings of
        what the key does not hold; left out).
    notes : tuple of Note
    rows : Index
        Rows of the trainees' ratings in use.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    verdicts: pd.DataFrame
    departures: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("rater", "criterion")

    def tables(self) -> tuple[Table, ...]:
        """Verdicts, criteria with their limits, what to hear again."""
        raters, by = self.spec["raters"], self.spec["by"]
        own = (column(raters, "Trainee", kind="text"), *(_text(name) for name in self.spec["verdict_by"]))
        verdict = (*own, column("tapes", "Tapes", kind="integer"), column("verdict", "Verdict", kind="text"),
                   column("missed", "Misses the mark", kind="text"), column("unclear", "Not judged", kind="text"))  # fmt: skip
        found = [Table("certification", f"Verdicts at the pass mark: {self._marks()}", self.verdicts, verdict)]
        found.append(self._criteria_table(raters, by))
        if len(self.departures):
            columns = (column(raters, "Trainee", kind="text"), *(_text(name) for name in by),
                       column("target", "Session", kind="text"), column("key", "Key", kind="number", digits=1),
                       column("rating", "Gave", kind="number", digits=1),
                       column("departure", "Apart", kind="number", digits=1))  # fmt: skip
            found.append(Table("certification_hear_again", "To hear again: furthest from the key",
                               self.departures, columns))  # fmt: skip
        return tuple(found)

    def _criteria_table(self, raters: str, by: Sequence[str]) -> Table:
        """One row per trainee and set: every criterion with its limits."""
        keys = [raters, *by, "n"]
        parts = [
            self.frame[self.frame["criterion"] == name]
            .set_index(keys)[["estimate", "conf_low", "conf_high"]]
            .add_prefix(f"{name} ")
            for name in CRITERIA
        ]
        wide = pd.concat(parts, axis=1).reset_index()
        level = level_heading(self.spec["conf_level"])
        columns: list[Column] = [column(raters, "Trainee", kind="text"), *(_text(name) for name in by), column("n")]
        for name in CRITERIA:
            kind = "number" if name == "bias" else "bounded"
            columns.append(column(f"{name} estimate", HEADINGS[name], kind=kind))
            columns.append(column(f"{name} conf_low", level, kind=kind, upper=f"{name} conf_high"))
        return Table("certification_criteria", "Against the key", wide, tuple(columns), data=self.frame)

    def _marks(self) -> str:
        """The pass mark in a few words."""
        marks, what = self.spec["marks"], "limit" if self.spec["judge"] == "limit" else "estimate"
        said = [f"{HEADINGS[name]} {'within ±' if name == 'bias' else '≥ '}{mark:g}" for name, mark in marks.items()]
        return f"{', '.join(said) or 'none declared'}; the {what} decides"

    def counted(self) -> str:
        """Trainees, tapes and pairs."""
        design, noun = self.design, plural(self.spec["targets"])
        return (
            f"{design['n_trainees']} trainee(s), {design['n_targets']} {noun} with a key, {design['n_pairs']} ratings."
        )


def _text(name: str) -> Column:
    return column(name, name.replace("_", " ").capitalize(), kind="text")
