"""The answer of a certification: verdicts, criteria with their limits, what to hear again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

import pandas as pd

from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, column, level_heading
from doublecode.analysis.rendering.wording.phrases import plural
from doublecode.analysis.training.pass_marks import LEAST_TAPES
from doublecode.schemas.results import Note

if TYPE_CHECKING:
    from doublecode.analysis.rendering.tables import Column

HEADINGS: Final[Mapping[str, str]] = {"bias": "Bias", "within_one": "Within 1", "kappa": "κ", "icc": "ICC(A,1)"}
_AT_MANY: Final = f"Against the key, chance taken out: decides from {LEAST_TAPES} tapes on"


@dataclass(frozen=True, eq=False, repr=False)
class CertificationResult(Answer):
    """Each trainee against the key, held to the pass mark.

    Attributes
    ----------
    spec : dict
        Columns, pass marks, what is judged (``judge``: "estimate" or "limit"), ``conf_level``.
    frame : DataFrame
        One row per trainee, set and criterion: the columns of raters and `by`; ``n`` tapes that both rated,
        ``n_missing`` with a missing code from the trainee, ``n_absent`` that she has not rated yet; ``criterion``
        (``bias`` in points, trainee − key; ``within_one``, ``kappa``, ``icc`` between −1 and 1), ``estimate, conf_low,
        conf_high, mark, reached`` (a value of :class:`doublecode.analysis.training.pass_marks.Reached`).
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

    label_columns: ClassVar[tuple[str, ...]] = ("rater", "instrument", "scale", "item", "criterion")

    def tables(self) -> tuple[Table, ...]:
        """Verdicts, criteria with their limits, what to hear again."""
        own = (self._trainee(), *map(_text, self.spec["verdict_by"]))
        verdict = (
            *own, column("tapes", "Tapes", kind="integer"), column("verdict", "Verdict", kind="text"),
            column("missed", "Misses the mark", kind="text"), column("unclear", "Not judged", kind="text"),
        )  # fmt: skip
        found = [
            Table("certification", self._title(), self.verdicts, verdict),
            self._criteria_table("certification_points", "Against the key, in points", ("bias", "within_one")),
            self._criteria_table("certification_chance", _AT_MANY, ("kappa", "icc")),
        ]
        if len(self.departures):
            found.append(self._departures_table())
        return tuple(found)

    def _departures_table(self) -> Table:
        sets = [name for name in self.departures.columns if name in (*self.spec["by"], "item")]
        points = (("key", "Key"), ("rating", "Gave"), ("departure", "Apart"))
        columns = (
            self._trainee(), *map(_text, sets), column("target", "Session", kind="text"),
            *(column(name, heading, kind="number", digits=1) for name, heading in points),
        )  # fmt: skip
        title = "To hear again: furthest from the key"
        return Table("certification_hear_again", title, self.departures, columns)

    def _trainee(self) -> Column:
        return column(self.spec["raters"], "Trainee", kind="text")

    def _criteria_table(self, name: str, title: str, criteria: Sequence[str]) -> Table:
        """One row per trainee and set: some criteria with their limits."""
        keys = [self.spec["raters"], *self.spec["by"], "n"]
        parts = [
            self.frame[self.frame["criterion"] == one]
            .set_index(keys)[["estimate", "conf_low", "conf_high"]]
            .add_prefix(f"{one} ")
            for one in criteria
        ]
        level = level_heading(self.spec["conf_level"])
        columns: list[Column] = [self._trainee(), *map(_text, self.spec["by"]), column("n")]
        for one in criteria:
            kind = "number" if one == "bias" else "bounded"
            columns.append(column(f"{one} estimate", HEADINGS[one], kind=kind))
            columns.append(column(f"{one} conf_low", level, kind=kind, upper=f"{one} conf_high"))
        data = self.frame[self.frame["criterion"].isin(criteria)]
        return Table(name, title, pd.concat(parts, axis=1).reset_index(), tuple(columns), data=data)

    def _title(self) -> str:
        """The pass mark in a few words."""
        said = [f"{HEADINGS[name]} {'±' if name == 'bias' else '≥ '}{m:g}" for name, m in self.spec["marks"].items()]
        return f"Verdicts by the {self.spec['judge']}: {', '.join(said) or 'no mark declared'}"

    def counted(self) -> str:
        """Trainees, tapes and pairs."""
        design, noun = self.design, plural(self.spec["targets"])
        return (
            f"{design['n_trainees']} trainee(s), {design['n_targets']} {noun} with a key, {design['n_pairs']} ratings, "
            f"{design['n_beyond']} of them more than a point from it."
        )


def _text(name: str) -> Column:
    return column(name, name.replace("_", " ").capitalize(), kind="text")
