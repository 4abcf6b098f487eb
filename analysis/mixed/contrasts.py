"""Type III hypotheses of a formulaic model matrix.

The hypothesis of a term is that its coefficients vanish when every categorical factor that it
does not contain is sum-coded, so that it averages over the levels of the factors it interacts
with (Yates' weighted squares of means; SAS type III for designs without empty cells). Its own
factors keep the coding of the fit, which leaves F alone and settles the directions over which
Satterthwaite's degrees of freedom of several rows are pooled, as in lmerTest.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from doublecode.analysis.mixed.design import Design, Floats
from doublecode.analysis.mixed.formula_columns import formula_columns


class Hypothesis(StrEnum):
    """What the F test of a term says of its coefficients."""

    TYPE_THREE = "type III"
    AS_CODED = "columns as coded"


def type3_contrasts(design: Design) -> dict[str, tuple[Floats, Hypothesis]]:
    """Per term, the intercept left out, its (q, p) contrast matrix and the kind of hypothesis.

    The kind is ``"type III"``, or ``"columns as coded"`` where sum coding does not span the fitted
    columns (no intercept, an unusual coding), so that the term's own columns are tested.
    """
    spec = design.fixed_spec
    identity: Floats = np.eye(len(design.x_names))
    categorical = set(spec.categories)
    terms = [term for term, index in spec.term_indices.items() if str(term) != "1" and len(list(index))]
    if len(terms) == 1:
        rows = np.asarray(list(spec.term_indices[terms[0]]), dtype=np.intp)
        return {str(terms[0]): (_orthogonalised(design.X)[rows], Hypothesis.TYPE_THREE)}
    out: dict[str, tuple[Floats, Hypothesis]] = {}
    for term, index in spec.term_indices.items():
        rows = np.asarray(list(index), dtype=np.intp)
        if str(term) == "1" or not len(rows):
            continue
        own = set(spec.factors[term])
        if categorical <= own:
            out[str(term)] = (identity[rows], Hypothesis.TYPE_THREE)
            continue
        averaged = _averaged(design, term, categorical - own)
        out[str(term)] = (
            (identity[rows], Hypothesis.AS_CODED) if averaged is None else (averaged, Hypothesis.TYPE_THREE)
        )
    return out


def _orthogonalised(X: Floats) -> Floats:
    """(p, p) unit upper triangular R of X = QR: the coefficients of each column freed of those before it.

    Of a term that stands alone it leaves the hypothesis and F as they are, and gives the directions
    over which lmerTest pools Satterthwaite's degrees of freedom there (its sequential contrasts).
    """
    R: Floats = np.asarray(np.linalg.qr(X, mode="r"), dtype=float)
    return R / np.diag(R)[:, None]


def _averaged(design: Design, tested: str, others: set[str]) -> Floats | None:
    """Rows of the inverse map to the coding in which `others` are sum-coded; None if spaces differ."""
    factors, categories = design.fixed_spec.factors, design.fixed_spec.categories
    rewritten = {
        term: [f"C({categories[f].coded}, contr.sum)" if f in others else f for f in parts]
        for term, parts in factors.items()
    }
    text = " + ".join(":".join(parts) for parts in rewritten.values())
    X, recipe = formula_columns(text if "1" in factors else f"0 + {text}", design.frame)
    found = {frozenset(recipe.factors[term]): places for term, places in recipe.term_indices.items()}
    wanted = frozenset(rewritten[tested])
    if X.shape[1] != design.X.shape[1] or wanted not in found:
        return None
    back: Floats = np.asarray(np.linalg.lstsq(X, design.X, rcond=None)[0], dtype=float)
    if np.abs(X @ back - design.X).max() > 1e-8 * np.abs(design.X).max():
        return None
    rows = back[found[wanted]]
    return np.where(np.abs(rows) < 1e-12 * np.abs(rows).max(), 0.0, rows)
