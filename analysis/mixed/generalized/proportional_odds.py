"""Does one coefficient serve all thresholds? A likelihood-ratio test of proportional odds for each term.

Against the model as fitted stands one in which the columns of a term have effects of their own at every threshold
(partial proportional odds, Peterson & Harrell 1990), everything else, the random part too, as before: 2(ℓ₁ − ℓ₀) on
(K − 2)·q degrees of freedom for q columns. R's ``ordinal::nominal_test`` asks the same of models without random
effects, and Brant's test (1990) approximates it by separate binary regressions.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import special

from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.generalized.ordinal_fit import OrdinalFit, fit_rows
from doublecode.analysis.mixed.generalized.ordinal_outcome import OrdinalOutcome
from doublecode.schemas.errors import NotEstimable, UsageError


def proportional_odds_frame(design: Design, outcome: OrdinalOutcome, fit: OrdinalFit) -> pd.DataFrame:
    """Frame term, df, statistic, p_value, converged; NaN where the larger model has no finite maximum.

    Raises
    ------
    UsageError
        Two categories or no term: one threshold, or nothing whose effect could differ.
    """
    terms = {str(term): list(places) for term, places in design.fixed_spec.term_indices.items() if len(list(places))}
    if outcome.n_categories < 3 or not terms:
        why = "two categories have one threshold" if terms else "the model has no predictor"
        raise UsageError(f"proportional_odds: {why}, so that no effect can differ by threshold")
    rows = []
    for term, places in terms.items():
        df = (outcome.n_categories - 2) * len(places)
        larger = _larger(design, outcome, fit, places)
        if larger is None:
            rows.append((term, df, np.nan, np.nan, False))
            continue
        statistic = max(0.0, 2.0 * (larger.loglik - fit.loglik))
        rows.append((term, df, statistic, float(special.chdtrc(df, statistic)), larger.end.converged))
    return pd.DataFrame(rows, columns=["term", "df", "statistic", "p_value", "converged"])


def _larger(design: Design, outcome: OrdinalOutcome, fit: OrdinalFit, places: list[int]) -> OrdinalFit | None:
    nominal = design.X[:, places]
    centred = nominal - nominal.mean(axis=0)
    try:
        return fit_rows(design, fit.problem.part, outcome.rows(centred), fit.problem.n_nodes)
    except NotEstimable:
        return None
