"""What meta-analyses of homework printed, as lines to hold a study's own correlation between patients against."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
import pandas as pd

from doublecode.analysis.meta_analysis.effect_conversion import convert_effect
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Column, Table, column
from doublecode.schemas.errors import UsageError
from doublecode.schemas.results import Note, check_conf_level

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from doublecode.analysis.rendering.tables import Kind

CALLER: Final = "beside_published"
_SHOWN: Final = ("pooled_estimate", "conf_low")
_COLUMNS: Final = (
    column("label", "", kind="text"),
    column("measure", "Measure", kind="text"),
    column("pooled_estimate", "Effect"),
    column("conf_low", "95% CI", kind="number", upper="conf_high"),
    column("k", "Studies", kind="integer"),
    column("n", "*N*", kind="integer"),
)


@dataclass(frozen=True, eq=False, repr=False)
class PublishedEffects(Answer):
    """Printed results of meta-analyses, never to be pooled with each other.

    Attributes
    ----------
    spec : dict
    frame : DataFrame
        One row per printed result: ``source, year, question`` (compliance, use, pre-post), ``effect`` (what with what),
        ``measure``, ``pooled_estimate``, ``conf_low``, ``conf_high`` (as printed; NaN where none is), ``k``, ``n``,
        ``k_also``, ``n_also`` (other numbers that are printed of the same), ``printed_in``, ``remark``, ``label``.
        :func:`beside_published` puts a row of one's own below them, whose ``question`` is ``own``.
    design : dict
        ``n_results``; ``own`` where there is one.
    notes : tuple of Note
        Where prints disagree, and what the comparison is of.
    rows : Index
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("label",)

    def tables(self) -> tuple[Table, ...]:
        """The results, and one's own below them."""
        columns: tuple[Column, ...] = _COLUMNS
        if (self.frame["measure"] == "r").all():
            columns = tuple(replace(one, kind="bounded") if one.name in _SHOWN else one for one in _COLUMNS)
        return (Table("published_effects", "Printed results of meta-analyses", self.frame, columns),)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the results of one measure as open circles, and one's own below them.

        Raises
        ------
        UsageError
            Results of several measures have no common axis; choose one by ``published_effects(measure="r")``.
        """
        from doublecode.analysis.rendering.meta_figures import forest_of_studies

        measures = self.frame["measure"].unique()
        if len(measures) > 1:
            raise UsageError(f"plot: results in {', '.join(measures)} have no common axis; choose one by measure=.")
        kinds = np.where(self.frame["question"] == "own", "own", "reference")
        rows = self.frame.assign(estimate=self.frame["pooled_estimate"], weight=np.nan, kind=kinds)
        kind: Kind = "bounded" if measures[0] == "r" else "number"
        return forest_of_studies(rows, x_label=str(measures[0]), kind=kind, ax=ax)


def published_effects(*, question: str | None = None, measure: str | None = None) -> PublishedEffects:
    """Printed pooled results of meta-analyses of homework in psychotherapy, with place and disagreements.

    Parameters
    ----------
    question : {"compliance", "use", "pre-post"}, optional
        Only these: compliance with outcome, therapy with homework against without, change from before to after.
    measure : {"r", "d", "g"}, optional
        Only these.

    Returns
    -------
    PublishedEffects
        Lines to hold a result against. They share studies, so :func:`pool` refuses their column ``pooled_estimate``.

    Examples
    --------
    >>> found = published_effects(question="compliance", measure="r").frame
    >>> found[["year", "pooled_estimate", "k", "n", "n_also"]].iloc[[0, 3]].values.tolist()
    [[2000.0, 0.22, 27.0, 1702.0, 1327.0], [2010.0, 0.26, 23.0, 2183.0, nan]]
    """
    frame = _printed()
    for name, wanted in (("question", question), ("measure", measure)):
        if wanted is not None and wanted not in set(frame[name]):
            known = ", ".join(map(repr, frame[name].unique()))
            raise UsageError(f"published_effects: {name} is {wanted!r}; allowed: {known}.")
        frame = frame if wanted is None else frame[frame[name] == wanted]
    held = frame.reset_index(drop=True)
    notes = (*_disagreements(held), Note("published_not_pooled"))
    return PublishedEffects(
        {"question": question, "measure": measure}, held, {"n_results": len(held)}, notes, held.index
    )


def beside_published(
    r: float, n: int, *, level: str, label: str = "This study", conf_level: float = 0.95
) -> PublishedEffects:
    """Put a study's own correlation of homework and outcome between patients beside the printed ones.

    Its limits are tanh(artanh r ± z/√(n − 3)). Patients are the units of the meta-analyses, so only a correlation
    between patients may stand there: of patient means with the outcome, as the row ``between`` of
    :func:`doublecode.analysis.correlate`.

    Parameters
    ----------
    r : float
        Correlation over patients, scored so that more homework with a better outcome is positive, as theirs are.
    n : int
        Patients, 4 or more.
    level : {"between"}
        What it is a correlation of; ``"between patients"`` as :func:`doublecode.analysis.correlate` has it too.
        ``"within"`` and ``"pooled"`` are refused with the reason.
    label : str
        What it is called.
    conf_level : float
        Between 0 and 1.

    Raises
    ------
    UsageError
        A correlation or slope within patients, or one over all sessions.

    Examples
    --------
    >>> found = beside_published(0.31, 22, level="between").frame.iloc[-1]
    >>> found["label"], round(float(found["conf_low"]), 2), round(float(found["conf_high"]), 2)
    ('This study', -0.13, 0.65)
    """
    check_conf_level(conf_level, CALLER)
    _check_level(level.removesuffix(" patients"))
    if isinstance(n, bool) or not isinstance(n, Integral) or n < 4:
        raise UsageError(f"{CALLER}: n is {n!r}; the number of patients, 4 or more.")
    own = convert_effect(r, "r", "r", n=int(n), conf_level=conf_level).frame.iloc[0]
    given = published_effects(question="compliance", measure="r")
    row = {"source": label, "question": "own", "effect": "homework and outcome between patients", "measure": "r",
           "pooled_estimate": r, "conf_low": own["conf_low"], "conf_high": own["conf_high"], "n": int(n),
           "label": label}  # fmt: skip
    frame = pd.DataFrame([*given.frame.to_dict("records"), row], columns=given.frame.columns)
    spec = {"r": r, "n": int(n), "level": level, "label": label, "conf_level": conf_level}
    notes = (*given.notes, Note("published_beside", numbers={"n": int(n)}))
    return PublishedEffects(spec, frame, {"n_results": len(frame) - 1, "own": label}, notes, frame.index)


def _check_level(level: str) -> None:
    if level == "between":
        return
    if level in ("within", "slope"):
        raise UsageError(
            f"{CALLER}: level is {level!r}. Meta-analyses correlate patients' homework with patients' outcome; what "
            "happens within patients is another quantity, of which no conversion makes that r, and it may have the "
            "other sign. Give the correlation of patient means, level='between'."
        )
    if level == "pooled":
        raise UsageError(
            f"{CALLER}: level is 'pooled'. A correlation over all sessions mixes what differs between patients with "
            "what changes within them; give the correlation of patient means, level='between'."
        )
    raise UsageError(f"{CALLER}: level is {level!r}; allowed: 'between'.")


def _printed() -> pd.DataFrame:
    from importlib import resources

    place = resources.files("doublecode.data_examples") / "published_effects" / "homework_meta_analyses.csv"
    with resources.as_file(place) as path:
        frame = pd.read_csv(path, keep_default_na=False, na_values=[""])
    return frame.assign(label=[f"{one.source} ({one.year}): {one.effect}" for one in frame.itertuples()])


def _disagreements(frame: pd.DataFrame) -> tuple[Note, ...]:
    """What is printed in two ways of one result, each said once."""
    odd = frame[frame[["k_also", "n_also"]].notna().any(axis=1)]
    said = dict.fromkeys(f"{one.source} ({one.year}), {one.effect}: {one.remark}" for one in odd.itertuples())
    return (Note("published_disagree", numbers={"said": tuple(said)}),) if said else ()
