"""When the maximal random part is too much for the data: go down step by step and write down why.

Barr et al. (2013) ask for the maximal random part, Matuschek et al. (2017) for one that the data
support. The ladder starts at the model as written; while a fit is singular or did not converge
it leaves out first the correlations of the term at fault, then its effects without variance. Nothing is
dropped in silence: every step is a row, and a grouping factor's last term stays.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from doublecode.analysis.mixed.comparison import compare
from doublecode.analysis.mixed.fit import Ddf, fit_mixed
from doublecode.analysis.mixed.formula import ModelFormula, RandomTerm, parse_mixed
from doublecode.analysis.mixed.formula_names import quoted
from doublecode.analysis.mixed.result import MixedResult
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, column
from doublecode.analysis.results.states import FitState
from doublecode.schemas.results import Note

MAX_STEPS = 12


class Verdict(StrEnum):
    """What became of a step of the ladder."""

    KEPT = "kept"
    KEPT_SINGULAR = "kept, singular"
    NOT_KEPT = "not kept"
    CORRELATIONS_OUT = "correlations left out"
    TERM_OUT = "term left out"


_KINDS = {
    Verdict.KEPT: "ladder_kept",
    Verdict.KEPT_SINGULAR: "ladder_kept_singular",
    Verdict.NOT_KEPT: "ladder_not_kept",
    Verdict.CORRELATIONS_OUT: "ladder_correlations_out",
    Verdict.TERM_OUT: "ladder_term_out",
}


@dataclass(frozen=True)
class Step:
    """What was decided on one model.

    Parameters
    ----------
    verdict
        Whether it is kept, or what went.
    term
        The random term that was simplified, ``"(x | g)"``; empty where none was.
    cause
        The singularity that asked for it; None where the fit did not converge.
    """

    verdict: Verdict
    term: str = ""
    cause: Note | None = None

    @property
    def note(self) -> Note:
        """The decision as a fact for the catalogue of sentences."""
        return Note(_KINDS[self.verdict], numbers={"term": self.term, "cause": self.cause} if self.term else {})


@dataclass(frozen=True, eq=False, repr=False)
class LadderResult(Answer):
    """The models tried and the one that is kept.

    Attributes
    ----------
    spec
        The formula asked for, and `reml`.
    frame
        One row per step: step, formula, n_parameters, loglik, aic, bic, converged, singular, statistic, df,
        p_value (likelihood ratio against the step before), verdict (a :class:`Verdict`), term (that went).
    steps
        One per row: what was decided, and why.
    fits
        The fitted models, in the order of the rows.
    kept
        The first model that converged and is not singular, else the last one.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    steps: tuple[Step, ...]
    fits: tuple[MixedResult, ...]
    kept: MixedResult
    design: dict[str, Any]
    notes: tuple[Note, ...]

    label_columns: ClassVar[tuple[str, ...]] = ("step",)

    @property
    def rows(self) -> pd.Index[Any]:
        """Labels of the rows in use, the same in all steps."""
        return self.kept.rows

    def tables(self) -> tuple[Table, ...]:
        """The way down, step by step, and the fixed effects and variances of the model that is kept."""
        shown = self.frame.assign(decision=[": ".join(filter(None, (one.verdict, one.term))) for one in self.steps])
        columns = (
            column("step", "Step", kind="integer"), column("formula", "Model", kind="text"),
            column("n_parameters", "Parameters", kind="integer"), column("aic"), column("statistic", "χ²"),
            column("df"), column("p_value"), column("decision", "Decision", kind="text"),
        )  # fmt: skip
        return (Table("ladder", "From the maximal random part down", shown, columns), *self.kept.tables())

    def counted(self) -> str:
        """Say the criterion, the fit and the rows of the model that is kept."""
        return self.kept.counted()


def fit_ladder(
    formula: str | ModelFormula,
    data: pd.DataFrame,
    *,
    reml: bool = True,
    ddf: Ddf = "auto",
    correlation: str | None = None,
    variance_by: str | None = None,
) -> LadderResult:
    """Fit a mixed model; while its random part is singular, simplify it and say how.

    Parameters
    ----------
    formula, data, reml, ddf, correlation, variance_by
        As for :func:`doublecode.analysis.mixed.fit_mixed`.

    Returns
    -------
    LadderResult
        `.kept` is the model to report, `.frame` the way to it. The rows are the same in all steps.

    References
    ----------
    Barr, Levy, Scheepers & Tily (2013), Journal of Memory and Language 68; Matuschek, Kliegl,
    Vasishth, Baayen & Bates (2017), Journal of Memory and Language 94.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(5)
    >>> patient = np.repeat(np.arange(15), 6)
    >>> data = pd.DataFrame({"patient": patient, "session": np.tile(np.arange(6.0), 15)})
    >>> data["phq9"] = 12 + rng.normal(0, 2, 15)[patient] + rng.normal(0, 1, 90)
    >>> ladder = fit_ladder("phq9 ~ session + (session | patient)", data)
    >>> ladder.kept.singular
    False
    """
    parsed = parse_mixed(formula)
    fits: list[MixedResult] = []
    went: list[Step] = []
    for _ in range(MAX_STEPS):
        fit = fit_mixed(
            parsed.with_parts(parsed.fixed, parsed.terms), data, reml=reml, ddf=ddf, correlation=correlation,
            variance_by=variance_by,
        )  # fmt: skip
        fits.append(fit)
        terms, step = _simpler(fit, parsed.terms)
        if step is None:
            break
        went.append(step)
        parsed = parsed.with_parts(parsed.fixed, terms)
    good = [fit for fit in fits if fit.converged and not fit.singular]
    kept = good[0] if good else fits[-1]
    steps = _steps(fits, went, kept)
    return LadderResult(
        spec={"formula": fits[0].spec["formula"], "reml": reml},
        frame=_frame(fits, steps),
        steps=steps,
        fits=tuple(fits),
        kept=kept,
        design=kept.design,
        notes=_notes(fits, went, kept),
    )


def _simpler(fit: MixedResult, terms: tuple[RandomTerm, ...]) -> tuple[tuple[RandomTerm, ...], Step | None]:
    """The random part one step simpler, and what went and why; no step if the fit is to be kept."""
    if fit.state is FitState.CONVERGED:
        return terms, None
    at_fault = {item.label: item.note for item in fit.singularities}
    candidates = [term for term in terms if term.label in at_fault] or [t for t in terms if t.expression != "1"]
    for term in candidates:
        apart = _apart(term)
        if len(apart) > 1:
            at = terms.index(term)
            step = Step(Verdict.CORRELATIONS_OUT, term.label, at_fault.get(term.label))
            return (*terms[:at], *apart, *terms[at + 1 :]), step
    for term in reversed(candidates):
        alone = sum(other.factors == term.factors for other in terms) == 1
        if not alone and term.expression != "1":
            rest = tuple(other for other in terms if other is not term)
            return rest, Step(Verdict.TERM_OUT, term.label, at_fault.get(term.label))
    return terms, None


def _apart(term: RandomTerm) -> tuple[RandomTerm, ...]:
    """The term with its effects independent, as ``||`` writes it."""
    group = ":".join(map(quoted, term.factors))
    return parse_mixed(f"y ~ 1 + ({term.expression} || {group})").terms


def _steps(fits: list[MixedResult], went: list[Step], kept: MixedResult) -> tuple[Step, ...]:
    """What became of each model."""
    last = Step(Verdict.KEPT_SINGULAR if kept.singular else Verdict.KEPT)
    return tuple(
        last if fit is kept else went[i] if i < len(went) else Step(Verdict.NOT_KEPT) for i, fit in enumerate(fits)
    )


def _frame(fits: list[MixedResult], steps: tuple[Step, ...]) -> pd.DataFrame:
    rows = []
    for i, (fit, step) in enumerate(zip(fits, steps, strict=True)):
        row = {
            "step": i + 1, "formula": fit.spec["formula"], "n_parameters": fit.n_parameters, "loglik": fit.loglik,
            "aic": fit.aic, "bic": fit.bic, "converged": fit.converged, "singular": fit.singular,
        }  # fmt: skip
        rows.append(row | _ratio(fits, i) | {"verdict": step.verdict, "term": step.term})
    return pd.DataFrame(rows)


def _ratio(fits: list[MixedResult], i: int) -> dict[str, float]:
    """Likelihood ratio of a step against the one before it, which has more parameters."""
    if i == 0 or fits[i].n_parameters == fits[i - 1].n_parameters:
        return {"statistic": np.nan, "df": np.nan, "p_value": np.nan}
    row = compare(fits[i], fits[i - 1]).frame.iloc[1]
    return {name: float(row[name]) for name in ("statistic", "df", "p_value")}


def _notes(fits: list[MixedResult], went: list[Step], kept: MixedResult) -> tuple[Note, ...]:
    notes = [replace(step.note, subject=f"step {i + 1}") for i, step in enumerate(went)]
    if kept is fits[0] and kept.state is FitState.CONVERGED:
        notes.append(Note("ladder_as_written"))
    elif kept.singular:
        notes.append(Note("ladder_last_singular"))
    if not kept.converged:
        notes.append(Note("ladder_none_converged"))
    return (*notes, *kept.notes)
