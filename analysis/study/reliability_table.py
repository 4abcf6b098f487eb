"""Reliability of a study: every instrument, item and scale, phase by phase, without a question asked."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

import pandas as pd

from doublecode.analysis.ratings.frames import require_columns
from doublecode.analysis.reliability.icc_result import ICCResult
from doublecode.analysis.reliability.interrater import icc
from doublecode.analysis.reliability.reported_form import used_form
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.notes import sentence
from doublecode.analysis.rendering.tables import Table, bounded_estimate, column
from doublecode.analysis.results.rules import Rule, judge, rule_named
from doublecode.analysis.study.joined_notes import joined_notes
from doublecode.schemas.errors import NotEstimable, UsageError
from doublecode.schemas.results import Note, distinct

if TYPE_CHECKING:
    from doublecode.analysis.rendering.figures import Axes

SESSION: Final = "session"
COLUMNS: Final = (
    "instrument", "level", "name", "phase", "design", "n_targets", "n_raters", "n_ratings", "n_multiply_coded",
    "form", "shrout_fleiss", "k", "estimate", "conf_low", "conf_high", "single", "judged", "method",
)  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class ReliabilityTable(Answer):
    """Reliability of the scores of a study as they are used later.

    Attributes
    ----------
    spec : dict
    frame : DataFrame
        Per instrument, level (item, scale), name and phase: the design found, its counts, the coefficient of
        the score as used (k_eff: single, average of two or mixed), its limits, ``single`` (the coefficient of
        one rating) and ``judged``, the adjective of the interval.
    results : tuple of (instrument, level, phase, ICCResult)
        All forms behind the table.
    design : dict
    notes : tuple of Note
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    results: tuple[tuple[str, str, str, ICCResult], ...]
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("instrument", "level", "name", "phase")

    def tables(self) -> tuple[Table, ...]:
        """The coefficient of the scores as they are used, one table per phase."""
        columns = (
            column("name", "Item or scale", kind="text"), column("form"),
            column("n_targets", "Sessions", kind="integer"),
            column("n_multiply_coded", "Double-coded", kind="integer"), column("k", kind="count"),
            *bounded_estimate("ICC", self.spec["conf_level"]), column("single", "One rater", kind="bounded"),
            column("judged", "By its interval", kind="text"),
        )  # fmt: skip
        return tuple(
            Table(f"reliability_{phase}", f"Inter-rater reliability, {phase} phase", rows, columns, group="instrument")
            for phase, rows in self.frame.sort_values("instrument", kind="stable").groupby("phase", sort=False)
        )

    def counted(self) -> str:
        """Ratings, items and scales."""
        return f"{self.design['n_ratings']} ratings with a number; {self.design['n_estimated']} items and scales."

    def sentence(self, rule: str | Rule | None = None) -> str:
        """Return the sentences to paste, one line per name and phase."""
        chosen = self.spec["rule"] if rule is None else rule
        places = {name: place for place, name in enumerate(self.frame["name"])}
        lines = []
        for instrument, level, phase, result in self.results:
            said = zip(result.sentence(chosen).splitlines(), result.design["sets"], strict=True)
            ordered = sorted(said, key=lambda pair: places[pair[1]["set"][level]])
            lines += [f"{instrument}, {phase}: {line}" for line, _ in ordered]
        return "\n".join(lines)

    def plot(self, rule: str | Rule | None = None, *, ax: Axes | None = None) -> Axes:
        """Draw the ICCs with their limits, by phase; the cut-offs of `rule` are thin lines."""
        from doublecode.analysis.rendering.reliability_figures import icc_forest

        rows = self.frame.assign(label=self.frame["instrument"] + " " + self.frame["name"].astype(str))
        return icc_forest(rows.sort_values("phase", kind="stable"), rule or self.spec["rule"], ax=ax)


def reliability_table(
    ratings: pd.DataFrame,
    *,
    scores: pd.DataFrame | None = None,
    one_way: Collection[str] = (),
    jackknife: Collection[str] = (),
    rule: str | Rule = "koo2016",
    conf_level: float = 0.95,
) -> ReliabilityTable:
    """ICC of each item and scale of a study, pilot and main phase apart, the design found from the data.

    Parameters
    ----------
    ratings : DataFrame
        Long: ``patient, session, rater, instrument, item, value, phase``; a session is the pair
        patient × session, or ``session_id`` where that column exists.
    scores : DataFrame, optional
        The same with ``scale`` instead of ``item``: scale and subscale scores of each rater, as scoring
        makes them.
    one_way : collection of str
        Instruments whose raters are not to be told apart.
    jackknife : collection of str
        Instruments whose limits come from leaving out each session once, instead of from normal theory.
    rule : str or Rule
        Cut-offs of the adjective.
    conf_level : float

    Returns
    -------
    ReliabilityTable
        An item or scale that cannot be estimated keeps its row, with the reason under ``method``.

    Raises
    ------
    ContractError
        A column is missing, or a rating is repeated.
    NotEstimable
        Nothing at all can be estimated.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(1)
    >>> rows = [
    ...     (p, s, r, "GHES", "effort", p % 3 + rng.normal(0, 0.5), "main")
    ...     for p in range(10) for s in range(3) for r in ("R1", "R2")
    ... ]
    >>> columns = ["patient", "session", "rater", "instrument", "item", "value", "phase"]
    >>> table = reliability_table(pd.DataFrame(rows, columns=columns)).frame
    >>> table[["name", "phase", "design", "form", "n_targets"]].values.tolist()
    [['effort', 'main', 'complete', 'ICC(A,k)', 30]]
    """
    chosen = rule_named(rule) if isinstance(rule, str) else rule
    found, rows, notes = [], [], []
    for instrument, level, phase, part in _parts(ratings, scores):
        names = part[level].unique().tolist()
        try:
            result = icc(
                part, targets=SESSION, raters=None if instrument in one_way else "rater", ratings="value", by=level,
                conf_level=conf_level, interval="jackknife" if instrument in jackknife else "model",
            )  # fmt: skip
        except NotEstimable as refusal:
            reason = str(refusal).removeprefix("icc: ")
            rows += [_empty(instrument, level, name, phase, part, reason) for name in names]
            refused = {"instrument": instrument, "phase": phase, "reason": reason}
            notes.append(Note("reliability_refused", f"{instrument}, {level}s, {phase}", refused))
            continue
        found.append((instrument, level, phase, result))
        rows += list(_rows(instrument, level, phase, result, chosen, names))
        notes += [_of(note, f"{instrument}, {level}s, {phase}") for note in joined_notes(result.notes)]
    if not found:
        why = "; ".join(map(sentence, notes)) or "there is no rating; take in the raters' workbooks or a table first."
        raise NotEstimable(f"reliability: nothing can be estimated: {why}")
    spec = {"one_way": sorted(one_way), "jackknife": sorted(jackknife), "rule": chosen.name, "conf_level": conf_level}
    design = {"n_ratings": int(ratings["value"].notna().sum()), "n_estimated": len(rows)}
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    used = ratings.index[ratings["value"].notna()]
    return ReliabilityTable(spec, frame, tuple(found), design, distinct(notes), used)


def _of(note: Note, head: str) -> Note:
    """Put a head before the subject of a note."""
    return replace(note, subject=": ".join(filter(None, [head, note.subject])))


def _parts(ratings: pd.DataFrame, scores: pd.DataFrame | None) -> Iterator[tuple[str, str, str, pd.DataFrame]]:
    """Yield instrument, level, phase and the rows of each, in the order of the data."""
    for level, frame in (("item", ratings), ("scale", scores)):
        if frame is None:
            continue
        session = ["session_id"] if "session_id" in frame.columns else ["patient", "session"]
        require_columns(frame, [*session, "rater", "instrument", level, "value", "phase"], "reliability")
        label = frame[session[0]].astype(str)
        if len(session) == 2:
            label = label + " / " + frame["session"].astype(str)
        rated = frame.assign(**{SESSION: label})[frame["value"].notna().to_numpy()]
        for (instrument, phase), part in rated.groupby(["instrument", "phase"], sort=False, observed=True):
            yield str(instrument), level, str(phase), part


def _rows(
    instrument: str, level: str, phase: str, result: ICCResult, rule: Rule, names: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """A row per set, in the order of `names`: that of the data, which is the codebook's."""
    order = {name: at for at, name in enumerate(names)}
    for entry in sorted(result.design["sets"], key=lambda one: order[one["set"][level]]):
        name = entry["set"][level]
        own = result.frame[result.frame[level] == name]
        row = used_form(own)
        single = own[own["form"].isin([f"{row['form'][:5]},1)"])]["estimate"]
        yield {
            "instrument": instrument, "level": level, "name": name, "phase": phase, "design": entry["kind"],
            "n_targets": entry["n_targets"], "n_raters": entry["n_raters"], "n_ratings": entry["n_ratings"],
            "n_multiply_coded": entry["n_multiply_coded"],
            **{column: row[column] for column in ("form", "shrout_fleiss", "k", "estimate", "conf_low", "conf_high")},
            "single": single.iloc[0] if len(single) else float("nan"),
            "judged": judge(row["conf_low"], row["conf_high"], rule), "method": row["method"],
        }  # fmt: skip


def _empty(instrument: str, level: str, name: str, phase: str, part: pd.DataFrame, reason: str) -> dict[str, Any]:
    own = part[part[level] == name]
    return {
        "instrument": instrument, "level": level, "name": name, "phase": phase, "form": "–", "shrout_fleiss": "–",
        "n_targets": own[SESSION].nunique(), "n_raters": own["rater"].nunique(), "n_ratings": len(own),
        "n_multiply_coded": int((own[SESSION].value_counts() > 1).sum()), "judged": "not judged", "method": reason,
    }  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class DropResult(Answer):
    """A declared rule applied, with its trace.

    Attributes
    ----------
    spec : dict
        The rule as written beforehand.
    frame : DataFrame
        Per item: ``item, form, estimate, conf_low, conf_high, threshold, decision, reason``.
    kept, dropped, undecided : tuple of str
    design : dict
    notes : tuple of Note
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    kept: tuple[str, ...]
    dropped: tuple[str, ...]
    undecided: tuple[str, ...]
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    label_columns: ClassVar[tuple[str, ...]] = ("item",)

    def tables(self) -> tuple[Table, ...]:
        """What is kept and what is dropped, with the number that was compared."""
        columns = (
            column("item", "Item", kind="text"), column("form"), *bounded_estimate("ICC", self.spec["conf_level"]),
            column("decision", "Decision", kind="text"), column("reason", "Why", kind="text"),
        )  # fmt: skip
        return (Table("items_dropped", "Items kept and dropped", self.frame, columns),)

    def counted(self) -> str:
        """Say how many items are kept."""
        return f"{len(self.kept)} of {self.design['n_items']} items kept."


def drop_unreliable(
    result: ICCResult,
    *,
    below: float | None = None,
    item: str = "item",
    form: str = "ICC(A,1)",
    on: str = "estimate",
    left_out: Collection[str] = (),
    declared: str = "",
) -> DropResult:
    """Drop the items whose reliability lies below a threshold that was written down beforehand.

    Parameters
    ----------
    result : ICCResult
        Of :func:`doublecode.analysis.reliability.interrater.icc` with ``by=item``.
    below : float, optional
        An item is dropped if its coefficient is smaller.
    item : str
        Grouping column of the items.
    form : str
        Coefficient that is compared.
    on : {"estimate", "conf_low", "conf_high"}
        Number that is compared: ``conf_high`` drops only what lies below for certain.
    left_out : collection of str
        Items that are dropped whatever their coefficient, because a decision of before says so.
    declared : str
        Where and when the rule was written (protocol, registration); printed in the trace.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> rows = [
    ...     (s, r, i, s * (i == "clear") + rng.normal()) for s in range(25) for r in "AB" for i in ("clear", "vague")
    ... ]
    >>> long = pd.DataFrame(rows, columns=["session", "rater", "item", "y"])
    >>> found = icc(long, targets="session", raters="rater", ratings="y", by="item")
    >>> drop_unreliable(found, below=0.4, declared="protocol, section 4").dropped
    ('vague',)
    """
    if item not in result.spec["by"]:
        raise UsageError(f"drop_unreliable: the result is not split by {item!r}; call icc(..., by={item!r}).")
    if on not in ("estimate", "conf_low", "conf_high"):
        raise UsageError(f"drop_unreliable: on is {on!r}; allowed are 'estimate', 'conf_low' and 'conf_high'.")
    if form not in set(result.frame["form"]):
        forms = ", ".join(dict.fromkeys(result.frame["form"]))
        raise UsageError(f"drop_unreliable: the result holds no form {form!r}; it holds {forms}.")
    rows = []
    for name in dict.fromkeys(result.frame[item]):
        own = result.frame[result.frame[item] == name]
        match = own[own["form"] == form]
        row = match.iloc[0] if len(match) else own.iloc[0]
        rows.append(_decide(str(name), row, below, on, form, str(name) in left_out))
    frame = pd.DataFrame(rows)
    decided = {word: tuple(frame.loc[frame["decision"] == word, "item"]) for word in ("kept", "dropped", "undecided")}
    notes = [Note("rule_declared", numbers={"declared": declared}) if declared else Note("rule_not_declared")]
    if decided["undecided"]:
        notes.append(Note("items_undecided", numbers={"items": decided["undecided"]}))
    spec = {
        "below": below, "form": form, "on": on, "left_out": list(left_out), "declared": declared,
        "conf_level": result.spec["conf_level"],
    }  # fmt: skip
    design = {"n_items": len(frame)}
    return DropResult(spec, frame, **decided, design=design, notes=tuple(notes), rows=result.rows)


def _decide(name: str, row: Any, below: float | None, on: str, form: str, left_out: bool) -> dict[str, Any]:
    value = row[on] if row["form"] == form else float("nan")
    if left_out:
        decision, reason = "dropped", "left out by declaration, whatever its coefficient"
    elif below is None:
        decision, reason = "kept", "not left out by declaration"
    elif pd.isna(value):
        decision, reason = "undecided", str(row["method"])
    elif value < below:
        decision, reason = "dropped", f"{on} {value:.3f} < {below:g}"
    else:
        decision, reason = "kept", f"{on} {value:.3f} ≥ {below:g}"
    numbers = {column: row[column] for column in ("estimate", "conf_low", "conf_high")}
    return {"item": name, "form": form, **numbers, "threshold": below, "decision": decision, "reason": reason}
