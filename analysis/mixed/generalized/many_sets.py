"""The generalised side of :func:`doublecode.analysis.fit_many`: what is asked, and the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from doublecode.analysis.mixed.columns import ColumnOrArray
from doublecode.analysis.mixed.formula import ModelFormula
from doublecode.analysis.mixed.generalized.fit import (
    Nodes,
    check_prior,
    choose_nodes,
    notes_of_given,
    source_of,
    with_trials,
)
from doublecode.analysis.mixed.generalized.many_fit import Question, SetFits, factors_of, fit_sets
from doublecode.analysis.mixed.generalized.many_ordinal import SetThresholds, check_outcomes, fit_ordinal_sets
from doublecode.analysis.mixed.generalized.many_outcomes import read_outcomes
from doublecode.analysis.mixed.generalized.ordinal_model import check_thresholds, refuse_idle
from doublecode.analysis.mixed.generalized.random_part import make_random_part
from doublecode.analysis.mixed.generalized.response import check_family, zero_one_notes
from doublecode.analysis.mixed.generalized.thresholds import ThresholdKind
from doublecode.analysis.mixed.hypotheses import two_sided
from doublecode.analysis.mixed.many_designs import Sets, sets_of
from doublecode.analysis.mixed.many_result import ManyGeneralizedResult, ManyOrdinalResult
from doublecode.schemas.errors import UsageError
from doublecode.schemas.results import Note


def many_generalized(
    formula: str | ModelFormula, data: pd.DataFrame, responses: npt.ArrayLike, predictors: Mapping[str, npt.ArrayLike],
    *, family: str, link: str | None, nagq: Nodes, trials: ColumnOrArray, weights: ColumnOrArray,
    offset: ColumnOrArray, prior_sd: float | None, ddf: str | None, thresholds: ThresholdKind,
) -> ManyGeneralizedResult:  # fmt: skip
    """Check what was asked, fit, and put the answer together.

    Raises
    ------
    UsageError
        Degrees of freedom, an argument of another family or of the wrong kind.
    """
    chosen, chosen_link = check_family(family, link, "fit_many")
    check_thresholds(chosen, thresholds, "fit_many")
    if ddf not in (None, "z"):
        raise UsageError(f"fit_many: ddf={ddf!r} with family={family!r}; allowed: 'z', the test of generalised models")
    check_prior(prior_sd, "fit_many")
    if chosen == "ordinal":
        refuse_idle({"trials": trials, "prior_sd": prior_sd}, "fit_many")
    data, counted, also = with_trials(data, trials)
    sets = sets_of(formula, data, responses, predictors, weights=weights, offset=offset, also=also, row_levels=True)
    design = sets.design
    n_nodes, remarks = choose_nodes(nagq, make_random_part(design.terms), "fit_many")
    spec = {
        "formula": design.formula.text, "reml": False, "ddf": "z", "n_sets": sets.Y.shape[1], "family": chosen,
        "link": chosen_link, "nagq": n_nodes, "trials": source_of(trials), "weights": source_of(weights),
        "offset": source_of(offset), "prior_sd": prior_sd,
    }  # fmt: skip
    if chosen == "ordinal":
        check_outcomes(sets.Y)
        bare, fits, cuts = fit_ordinal_sets(sets, chosen_link, thresholds, n_nodes)
        return _with_thresholds(_result(bare, fits, spec | {"thresholds": thresholds}, remarks), cuts)
    held = None if counted is None else counted[design.rows]
    outcomes = read_outcomes(sets.Y, chosen, chosen_link, held, design.weights)
    fits = fit_sets(sets, Question(outcomes, n_nodes, prior_sd))
    asked = zero_one_notes(sets.Y, held, design.formula.response.strip("`"))
    remarks = (*remarks, *asked, *notes_of_given(design, chosen_link, source_of(offset), prior_sd))
    return _result(sets, fits, spec, remarks)


def _result(sets: Sets, fits: SetFits, spec: dict[str, Any], remarks: tuple[Note, ...]) -> ManyGeneralizedResult:
    design, N = sets.design, sets.Y.shape[1]
    fitted = np.isfinite(fits.loglik)
    counts = {
        "n_rows": len(design.rows) + len(design.lost), "n_used": design.nobs, "n_sets": N,
        "n_fitted": int(fitted.sum()), "n_converged": int(fits.converged.sum()),
        "n_singular": int(fits.singular.sum()), "n_separated": int(fits.separated.sum()), "n_groups": design.n_groups,
    }  # fmt: skip
    kept = {name: counts[name] for name in ("n_converged", "n_sets", "n_singular")}
    notes = [*design.notes, *remarks, Note("sets_converged", numbers=kept)]
    if fits.separated.any():
        notes.append(Note("sets_separated", numbers={"n_separated": counts["n_separated"]}))
    if len(design.lost):
        notes.append(Note("sets_rows_dropped", numbers={"n_dropped": len(design.lost)}))
    error = np.sqrt(np.diagonal(fits.vcov, axis1=1, axis2=2)).T
    statistic = fits.estimate / error
    df = np.where(np.isnan(statistic), np.nan, np.inf)
    diagonals = [np.diagonal(V, axis1=1, axis2=2).T for V in fits.covariances]
    return ManyGeneralizedResult(
        spec=spec, terms=design.x_names, components=tuple((t.group, c) for t in design.terms for c in t.columns),
        estimate=fits.estimate, std_error=error, df=df, statistic=statistic, p_value=two_sided(statistic, df),
        vcov=fits.vcov, variances=np.vstack(diagonals), covariances=fits.covariances,
        theta=factors_of(fits.covariances), loglik=fits.loglik, nobs=(~np.isnan(sets.Y)).sum(axis=0),
        converged=fits.converged, singular=fits.singular, fitted=fitted, problem=tuple(fits.problem), design=counts,
        notes=tuple(notes), rows=design.index, separated=fits.separated, dispersion=fits.dispersion,
        single=fits.single,
    )  # fmt: skip


def _with_thresholds(many: ManyGeneralizedResult, cuts: SetThresholds) -> ManyOrdinalResult:
    """The answer of ordered categories: thresholds in, and a note where sets lack categories of others."""
    given = {field.name: getattr(many, field.name) for field in fields(many)}
    fewer = int((many.fitted & (cuts.n_categories < len(cuts.labels))).sum())
    notes = [*many.notes, Note("ordinal_direction")]
    if fewer:
        notes.append(Note("sets_fewer_categories", numbers={"n_fewer": fewer, "n_sets": many.n_sets}))
    return ManyOrdinalResult(
        **given | {"notes": tuple(notes)}, categories=cuts.labels, threshold_names=cuts.names, thresholds=cuts.estimate,
        threshold_std_error=cuts.std_error, n_categories=cuts.n_categories,
    )  # fmt: skip
