"""When the maximal random part is too much for the data: go down step by step and write down why.

Barr et al. (2013) ask for the maximal random part, Matuschek et al. (2017) for one that the data
support. The ladder starts at the model as written; while a fit is singular or did not converge
it leaves out first the correlations of the term at fault, then its effects without variance. Nothing is
dropped in silence: every step is a row, and a grouping factor's last term stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from doublecode.analysis.mixed.comparison import compare
from doublecode.analysis.mixed.fit import Ddf, fit_mixed
from doublecode.analysis.mixed.formula import ModelFormula, RandomTerm, parse_mixed
from doublecode.analysis.mixed.formula_names import quoted
from doublecode.analysis.mixed.result import MixedResult
from doublecode.analysis.rendering.answers import Answer

MAX_STEPS = 12


@dataclass(frozen=True, eq=False, repr=False)
class LadderResult(Answer):
    """The models tried and the one that is kept.

    Attributes
    ----------
    spec
        The formula asked for, and `reml`.
    frame
        One row per step: step, formula, n_parameters, loglik, aic, bic, converged, singular, statistic, df,
        p_value (likelihood ratio against the step before), verdict (kept, or what went and why).
    fits
        The fitted models, in the order of the rows.
    kept
        The first model that converged and is not singular, else the last one.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    fits: tuple[MixedResult, ...]
    kept: MixedResult
    design: dict[str, Any]
    notes: tuple[str, ...]


def fit_ladder(
    formula: str | ModelFormula, data: pd.DataFrame, *, reml: bool = True, ddf: Ddf = "auto"
) -> LadderResult:
    """Fit a mixed model; while its random part is singular, simplify it and say how.

    Parameters
    ----------
    formula, data, reml, ddf
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
    went: list[str] = []
    for _ in range(MAX_STEPS):
        fit = fit_mixed(parsed.with_parts(parsed.fixed, parsed.terms), data, reml=reml, ddf=ddf)
        fits.append(fit)
        terms, reason = _simpler(fit, parsed.terms)
        if not reason:
            break
        went.append(reason)
        parsed = parsed.with_parts(parsed.fixed, terms)
    good = [fit for fit in fits if fit.converged and not fit.singular]
    kept = good[0] if good else fits[-1]
    return LadderResult(
        spec={"formula": fits[0].spec["formula"], "reml": reml},
        frame=_frame(fits, went, kept),
        fits=tuple(fits),
        kept=kept,
        design=kept.design,
        notes=_notes(fits, went, kept),
    )


def _simpler(fit: MixedResult, terms: tuple[RandomTerm, ...]) -> tuple[tuple[RandomTerm, ...], str]:
    """The random part one step simpler, and what went and why; no reason if the fit is to be kept."""
    if fit.converged and not fit.singular:
        return terms, ""
    at_fault = {item.label: item.sentence for item in fit.singularities}
    candidates = [term for term in terms if term.label in at_fault] or [t for t in terms if t.expression != "1"]
    for term in candidates:
        reason = at_fault.get(term.label, "the fit did not converge")
        apart = _apart(term)
        if len(apart) > 1:
            at = terms.index(term)
            return (*terms[:at], *apart, *terms[at + 1 :]), f"correlations of {term.label} left out ({reason})"
    for term in reversed(candidates):
        alone = sum(other.factors == term.factors for other in terms) == 1
        if not alone and term.expression != "1":
            rest = tuple(other for other in terms if other is not term)
            return rest, f"{term.label} left out ({at_fault.get(term.label, 'the fit did not converge')})"
    return terms, ""


def _apart(term: RandomTerm) -> tuple[RandomTerm, ...]:
    """The term with its effects independent, as ``||`` writes it."""
    group = ":".join(map(quoted, term.factors))
    return parse_mixed(f"y ~ 1 + ({term.expression} || {group})").terms


def _frame(fits: list[MixedResult], went: list[str], kept: MixedResult) -> pd.DataFrame:
    rows = []
    for i, fit in enumerate(fits):
        verdict = "kept" if fit is kept else went[i] if i < len(went) else "not kept"
        if fit is kept and fit.singular:
            verdict = "kept although singular: nothing simpler keeps every grouping factor"
        row = {
            "step": i + 1, "formula": fit.spec["formula"], "n_parameters": fit.n_parameters, "loglik": fit.loglik,
            "aic": fit.aic, "bic": fit.bic, "converged": fit.converged, "singular": fit.singular,
        }  # fmt: skip
        rows.append(row | _ratio(fits, i) | {"verdict": verdict})
    return pd.DataFrame(rows)


def _ratio(fits: list[MixedResult], i: int) -> dict[str, float]:
    """Likelihood ratio of a step against the one before it, which has more parameters."""
    if i == 0 or fits[i].n_parameters == fits[i - 1].n_parameters:
        return {"statistic": np.nan, "df": np.nan, "p_value": np.nan}
    row = compare(fits[i], fits[i - 1]).frame.iloc[1]
    return {name: float(row[name]) for name in ("statistic", "df", "p_value")}


def _notes(fits: list[MixedResult], went: list[str], kept: MixedResult) -> tuple[str, ...]:
    notes = [f"step {i + 1}: {reason}" for i, reason in enumerate(went)]
    if kept is fits[0] and not kept.singular and kept.converged:
        notes.append("the model as written converged and is not singular")
    elif kept.singular:
        notes.append("the last step is singular too; its random part is kept for the design's sake")
    if not kept.converged:
        notes.append("no step converged; see .log of each fit")
    return (*notes, *kept.notes)
